#include "job/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

const char *slc_job_state_name(enum slc_job_state state)
{
    static const char *const names[] = {"queued", "running", "done", "failed", "skipped"};

    return names[state];
}

void slc_batch_free(struct slc_batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; batch->jobs && i < batch->count; i++) {
        struct slc_job *job = &batch->jobs[i];

        free(job->ticket_name);
        free(job->file_name);
        free(job->replica);
        free(job->fault);
        free(job->drift);
        free(job->error);
        free(job->ticket_error);
    }
    free(batch->jobs);
    free(batch);
}

static bool fill_job(struct slc_job *job, const struct slc_queue_request *request)
{
    job->ticket_name = strdup(request->ticket_name);
    job->file_name = strdup(request->file_name ? request->file_name : "");
    job->replica = strdup(request->replica ? request->replica : "");
    if (request->fault) {
        job->fault = malloc(sizeof(*job->fault));
        if (!job->fault)
            return false;
        *job->fault = *request->fault;
    }
    return job->ticket_name && job->file_name && job->replica;
}

struct slc_batch *slc_batch_make(const struct slc_queue_request *requests, size_t count, bool force,
                                 struct slc_error *error)
{
    struct slc_batch *batch = calloc(1, sizeof(*batch));
    unsigned char random[(SLC_BATCH_ID_BYTES - 1) / 2];

    if (!batch)
        goto no_memory;
    batch->jobs = calloc(count + 1, sizeof(*batch->jobs));
    if (!batch->jobs)
        goto no_memory;
    batch->count = batch->left = count;
    batch->force = force;
    batch->submitted_usec = slc_now_usec();
    for (size_t i = 0; i < count; i++) {
        batch->jobs[i].batch = batch;
        batch->jobs[i].force = force;
        if (!fill_job(&batch->jobs[i], &requests[i]))
            goto no_memory;
    }
    if (!slc_random_bytes(random, sizeof(random), error)) {
        slc_batch_free(batch);
        return NULL;
    }
    slc_hex_encode(random, sizeof(random), batch->id);
    return batch;
no_memory:
    slc_batch_free(batch);
    slc_fail(error, SLC_ERR_MEMORY, "no memory for %zu loads", count);
    return NULL;
}
