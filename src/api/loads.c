/* Tickets and loads. */
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/json.h"
#include "source/names.h"
#include "store/store.h"

/* ---- JSON ---------------------------------------------------------------- */

static double share_of(const struct slc_job *job)
{
    switch (job->state) {
    case SLC_JOB_QUEUED:
        return 0;
    case SLC_JOB_RUNNING:
        return slc_load_progress_share(&job->progress);
    default:
        return 1;
    }
}

/* One decimal: a person looks at it. */
static double per_cent(double share)
{
    return (double)(int64_t)(share * 1000 + 0.5) / 10;
}

static double seconds_of(int64_t start_usec, int64_t end_usec)
{
    int64_t end = end_usec ? end_usec : slc_now_usec();

    return start_usec == 0 || end < start_usec ? 0 : (double)((end - start_usec) / 1000) / 1000;
}

struct rows {
    int64_t read, written, rejected, duplicate;
};

static struct rows rows_of(const struct slc_job *job)
{
    if (job->state == SLC_JOB_RUNNING)
        return (struct rows){.read = job->progress.rows_read,
                             .written = job->progress.rows_written,
                             .rejected = job->progress.rows_rejected};
    return (struct rows){.read = job->rows_read,
                         .written = job->rows_written,
                         .rejected = job->rows_rejected,
                         .duplicate = job->duplicate_keys};
}

static void write_rows(struct slc_buf *json, struct rows rows)
{
    slc_json_key(json, "rows_read");
    slc_json_int64(json, rows.read);
    slc_json_key(json, "rows_written");
    slc_json_int64(json, rows.written);
    slc_json_key(json, "rows_rejected");
    slc_json_int64(json, rows.rejected);
    slc_json_key(json, "duplicate_keys");
    slc_json_int64(json, rows.duplicate);
}

static void write_text_or_null(struct slc_buf *json, const char *key, const char *text)
{
    slc_json_key(json, key);
    if (text && *text)
        slc_api_json_text(json, slc_str_from(text));
    else
        slc_buf_append_text(json, "null");
}

static void write_job(struct slc_buf *json, const struct slc_job *job)
{
    bool running = job->state == SLC_JOB_RUNNING;

    slc_json_comma(json);
    slc_buf_append_byte(json, '{');
    slc_json_key(json, "ticket");
    slc_api_json_text(json, slc_str_from(job->ticket_name));
    write_text_or_null(json, "file_name", job->file_name);
    write_text_or_null(json, "replica", job->replica);
    slc_json_key(json, "state");
    slc_json_text(json, slc_job_state_name(job->state));
    write_text_or_null(json, "stage",
                       running ? slc_load_stage_name((enum slc_load_stage)job->progress.stage)
                               : NULL);
    slc_json_key(json, "percent");
    slc_json_double(json, per_cent(share_of(job)));
    write_rows(json, rows_of(job));
    slc_json_key(json, "seconds");
    slc_json_double(json, seconds_of(job->started_usec, job->ended_usec));
    write_text_or_null(json, "load_dttm", job->load_dttm);
    write_text_or_null(json, "load_id", job->load_id);
    slc_json_key(json, "drift");
    slc_buf_append_text(json, job->drift ? job->drift : "[]");
    slc_json_key(json, "error");
    slc_api_json_error(json, job->error);
    slc_json_key(json, "ticket_error");
    slc_api_json_error(json, job->ticket_error);
    slc_buf_append_byte(json, '}');
}

static const char *batch_state(const struct slc_batch *batch, const struct slc_job *failed)
{
    if (batch->ended_usec)
        return failed ? "failed" : "done";
    for (size_t i = 0; i < batch->count; i++)
        if (batch->jobs[i].state != SLC_JOB_QUEUED)
            return "running";
    return "queued";
}

static void write_batch(struct slc_buf *json, const struct slc_batch *batch, bool with_tickets)
{
    const struct slc_job *failed = NULL;
    struct rows sum = {0};
    double share = 0;
    int64_t started = 0;

    for (size_t i = 0; i < batch->count; i++) {
        const struct slc_job *job = &batch->jobs[i];
        struct rows rows = rows_of(job);

        sum.read += rows.read;
        sum.written += rows.written;
        sum.rejected += rows.rejected;
        sum.duplicate += rows.duplicate;
        share += share_of(job);
        if (!failed && job->state == SLC_JOB_FAILED)
            failed = job;
        if (job->started_usec && (!started || job->started_usec < started))
            started = job->started_usec;
    }
    slc_json_comma(json);
    slc_buf_append_byte(json, '{');
    slc_json_key(json, "id");
    slc_json_text(json, batch->id);
    slc_json_key(json, "state");
    slc_json_text(json, batch_state(batch, failed));
    slc_json_key(json, "force");
    slc_buf_append_text(json, batch->force ? "true" : "false");
    slc_json_key(json, "submitted");
    slc_api_json_time(json, batch->submitted_usec);
    slc_json_key(json, "ended");
    slc_api_json_time(json, batch->ended_usec);
    slc_json_key(json, "count");
    slc_json_uint64(json, batch->count);
    slc_json_key(json, "left");
    slc_json_uint64(json, batch->left);
    slc_json_key(json, "percent");
    slc_json_double(json, per_cent(batch->count ? share / (double)batch->count : 1));
    write_rows(json, sum);
    slc_json_key(json, "seconds");
    slc_json_double(json, seconds_of(started, batch->ended_usec));
    slc_json_key(json, "error");
    slc_api_json_error(json, failed ? failed->error : NULL);
    if (with_tickets) {
        slc_json_key(json, "tickets");
        slc_buf_append_byte(json, '[');
        for (size_t i = 0; i < batch->count; i++)
            write_job(json, &batch->jobs[i]);
        slc_buf_append_byte(json, ']');
    }
    slc_buf_append_byte(json, '}');
}

/* ---- The answer of loadDf2redis ------------------------------------------ */

/* Exactly these three keys: old clients compare them. */
static void answer_ticket(struct slc_http_response *response, struct slc_str file_name,
                          const char *status, struct slc_str load_dttm)
{
    struct slc_buf *json = slc_http_json(response, 200);

    slc_buf_append_byte(json, '{');
    slc_json_key(json, "file_name");
    slc_api_json_text(json, file_name);
    slc_json_key(json, "status");
    slc_json_text(json, status);
    slc_json_key(json, "load_dttm");
    slc_api_json_text(json, load_dttm);
    slc_buf_append_byte(json, '}');
}

static void answer_failed(struct slc_http_response *response, struct slc_str file_name,
                          const struct slc_error *error)
{
    struct slc_buf *json = slc_http_json(response, 500);

    slc_buf_append_byte(json, '{');
    slc_json_key(json, "file_name");
    slc_api_json_text(json, file_name);
    slc_json_key(json, "status");
    slc_json_text(json, slc_ticket_status_name(SLC_TICKET_FAILED));
    slc_json_key(json, "error");
    slc_api_json_error(json, error);
    slc_buf_append_byte(json, '}');
}

static bool may_pass(const struct slc_job *job)
{
    return job->error && slc_api_status_of(job->error) == 503 && job->status != SLC_TICKET_FAILED;
}

/* On a queue thread: the batch is over. */
static void answer_batch(void *state, const struct slc_batch *batch)
{
    struct slc_http_pending *pending = state;
    struct slc_http_response response = {0};
    const struct slc_job *last = NULL, *failed = NULL, *away = NULL;

    for (size_t i = 0; i < batch->count; i++) {
        const struct slc_job *job = &batch->jobs[i];

        if (job->state == SLC_JOB_FAILED && may_pass(job))
            away = away ? away : job;
        else if (job->state == SLC_JOB_FAILED)
            failed = failed ? failed : job;
        else if (job->state == SLC_JOB_DONE || !last || last->state != SLC_JOB_DONE)
            last = job;
    }
    if (failed)
        answer_failed(&response,
                      slc_str_from(failed->file_name[0] ? failed->file_name : failed->ticket_name),
                      failed->error);
    else if (away)
        slc_api_fail(&response, away->error);
    else if (last)
        answer_ticket(&response, slc_str_from(last->file_name),
                      slc_ticket_status_name(last->status), slc_str_from(last->load_dttm));
    else
        slc_http_detail(&response, 404, "There is nothing to load");
    slc_http_complete(pending, &response);
}

/* The ticket of the replica at the registry's head, which was loaded last: the
 * tickets' stamps know no more than seconds. */
static const struct slc_inbox_ticket *loaded_last(const struct slc_inbox_listing *listing,
                                                  const struct slc_names *names)
{
    for (int64_t n = 0; n < names->n_names; n++)
        for (size_t i = 0; i < listing->count; i++) {
            const struct slc_inbox_ticket *ticket = &listing->tickets[i];

            if (!ticket->error && strcmp(ticket->replica, names->names[n]) == 0 &&
                slc_ticket_status(ticket->ticket) == SLC_TICKET_PROCESSED)
                return ticket;
        }
    return NULL;
}

/* Nothing was to be loaded: the ticket that was loaded last, else the newest one
 * as it stands. */
static void answer_standing(const struct slc_inbox_listing *listing, const struct slc_names *names,
                            struct slc_http_response *response)
{
    const struct slc_inbox_ticket *found = loaded_last(listing, names);

    for (size_t i = listing->count; i > 0 && !found; i--)
        if (!listing->tickets[i - 1].error)
            found = &listing->tickets[i - 1];
    if (!found)
        slc_http_detail(response, 404, "There is no ticket to load");
    else
        answer_ticket(response, slc_ticket_file_name(found->ticket),
                      slc_ticket_status_name(slc_ticket_status(found->ticket)),
                      slc_ticket_load_dttm(found->ticket));
}

/* ---- Submitting ---------------------------------------------------------- */

/* A faulty ticket takes part so that it is marked and reported: always with
 * force, else until it is marked. */
static bool is_wanted(const struct slc_inbox_ticket *ticket, const struct slc_api_task *task)
{
    enum slc_ticket_status next;

    if (task->replica && (!ticket->replica || strcmp(task->replica, ticket->replica) != 0))
        return false;
    if (ticket->error)
        return task->force || !ticket->ticket ||
               slc_ticket_status(ticket->ticket) != SLC_TICKET_FAILED;
    return slc_ticket_next_status(slc_ticket_status(ticket->ticket), SLC_TICKET_LOAD, task->force,
                                  &next);
}

/* A file name as a C string: one with a NUL inside is faulty, and shown quoted. */
static const char *file_name_of(const struct slc_inbox_ticket *ticket,
                                char quoted[SLC_NAME_QUOTE_BYTES])
{
    struct slc_str name;

    if (!ticket->on_disk)
        return NULL;
    name = slc_ticket_file_name(ticket->on_disk);
    return name.len > 0 && memchr(name.data, '\0', name.len) ? slc_name_quote(name, quoted)
                                                             : name.data;
}

struct wanted {
    struct slc_queue_request *requests;   /* owned */
    char (*quoted)[SLC_NAME_QUOTE_BYTES]; /* owned */
    size_t count;
};

static void wanted_release(struct wanted *wanted)
{
    free(wanted->requests);
    free(wanted->quoted);
}

static bool choose(const struct slc_inbox_listing *listing, const struct slc_api_task *task,
                   struct wanted *wanted, struct slc_error *error)
{
    wanted->requests = calloc(listing->count + 1, sizeof(*wanted->requests));
    wanted->quoted = calloc(listing->count + 1, sizeof(*wanted->quoted));
    if (!wanted->requests || !wanted->quoted)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the loads");
    for (size_t i = 0; i < listing->count; i++) {
        const struct slc_inbox_ticket *ticket = &listing->tickets[i];

        if (!is_wanted(ticket, task))
            continue;
        wanted->requests[wanted->count] = (struct slc_queue_request){
            .ticket_name = ticket->ticket_name,
            .file_name = file_name_of(ticket, wanted->quoted[wanted->count]),
            .replica = ticket->replica,
            .fault = ticket->error};
        wanted->count++;
    }
    return true;
}

static bool has_replica(const struct slc_inbox_listing *listing, const char *replica)
{
    for (size_t i = 0; i < listing->count; i++)
        if (listing->tickets[i].replica && strcmp(listing->tickets[i].replica, replica) == 0)
            return true;
    return false;
}

static void see_batch(void *state, const struct slc_batch *batch)
{
    write_batch(state, batch, true);
}

/* 202 with the batch as it stands. */
static void answer_accepted(struct slc_api *api, const char *id, struct slc_http_response *response)
{
    char location[sizeof("/v1/loads/") + SLC_BATCH_ID_BYTES];
    struct slc_buf *json = slc_http_json(response, 202);

    snprintf(location, sizeof(location), "/v1/loads/%s", id);
    (void)slc_http_set_header(response, "location", slc_str_from(location));
    if (slc_queue_see(api->options.queue, id, see_batch, json))
        return;
    /* Over and forgotten already: many others came in between. */
    slc_buf_printf(json, "{\"id\":\"%s\"}", id);
}

static void submit(struct slc_api *api, struct slc_api_task *task, const struct wanted *wanted,
                   struct slc_http_response *response)
{
    struct slc_http_pending *pending = task->pending;
    char id[SLC_BATCH_ID_BYTES];
    struct slc_error error = {0};

    if (!slc_queue_submit(api->options.queue, wanted->requests, wanted->count, task->force,
                          task->wait ? answer_batch : NULL, pending, id, &error)) {
        slc_api_fail(response, &error);
        return;
    }
    if (task->wait)
        task->pending = NULL; /* answer_batch() has it */
    else
        answer_accepted(api, id, response);
}

void slc_api_run_load(struct slc_api *api, struct slc_api_task *task,
                      struct slc_http_response *response)
{
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    SLC_CLEANUP(wanted_release) struct wanted wanted = {0};
    SLC_CLEANUP(slc_store_names_release) struct slc_names names = {0};
    struct slc_redis *redis = slc_api_redis(api, response);
    struct slc_error error = {0};
    bool good;

    if (!redis)
        return;
    good = slc_inbox_scan(api->options.inbox, redis, &listing, &error) &&
           choose(&listing, task, &wanted, &error) &&
           (wanted.count > 0 ||
            slc_store_list(redis, slc_inbox_registry_key(api->options.inbox), &names, &error));
    slc_redis_pool_give(api->options.pool, redis);
    if (!good)
        slc_api_fail(response, &error);
    else if (task->replica && !has_replica(&listing, task->replica))
        slc_http_detail(response, 404, "There is no ticket for a replica of that name");
    else if (task->wait && wanted.count == 0)
        answer_standing(&listing, &names, response);
    else
        submit(api, task, &wanted, response);
}

/* ---- v1 ------------------------------------------------------------------ */

void slc_api_v1_loads_post(struct slc_http_request *request, struct slc_http_response *response,
                           void *context)
{
    struct slc_params *params = slc_api_params(request, response);
    struct slc_api_task task = {.run = slc_api_run_load};
    struct slc_str replica = {0};
    bool one;

    if (!params)
        return;
    one =
        slc_params_text(params, "replica", SLC_PARAM_OPTIONAL, 1, SLC_API_NAME_MAX_CHARS, &replica);
    slc_params_bool(params, "force", SLC_PARAM_OPTIONAL, &task.force);
    if (slc_params_refused(params, response))
        return;
    if (one && !(task.replica = slc_str_dup(replica))) {
        slc_http_detail(response, 500, "Out of memory");
        return;
    }
    slc_api_desk(context, request, response, &task);
}

static void see_summary(void *state, const struct slc_batch *batch)
{
    write_batch(state, batch, false);
}

void slc_api_v1_loads(struct slc_http_request *request, struct slc_http_response *response,
                      void *context)
{
    struct slc_api *api = context;
    struct slc_buf *json = slc_http_json(response, 200);

    (void)request;
    slc_buf_append_text(json, "{\"loads\":[");
    (void)slc_queue_see(api->options.queue, NULL, see_summary, json);
    slc_buf_append_text(json, "]}");
}

struct seen {
    struct slc_buf *json;
    bool over;
};

static void see_whole(void *state, const struct slc_batch *batch)
{
    struct seen *seen = state;

    write_batch(seen->json, batch, true);
    seen->over = batch->ended_usec != 0;
}

enum slc_api_load_state slc_api_load_write(struct slc_api *api, const char *id,
                                           struct slc_buf *json)
{
    struct seen seen = {.json = json};

    if (!slc_queue_see(api->options.queue, id, see_whole, &seen))
        return SLC_API_LOAD_NONE;
    return seen.over ? SLC_API_LOAD_OVER : SLC_API_LOAD_GOES_ON;
}

void slc_api_v1_load(struct slc_http_request *request, struct slc_http_response *response,
                     void *context)
{
    struct slc_api *api = context;
    struct slc_str id = slc_http_request_part(request, "id");

    if (!slc_queue_see(api->options.queue, id.data ? id.data : "", see_batch,
                       slc_http_json(response, 200)))
        slc_http_detail(response, 404, "There is no load of that id (any more)");
}

static void write_ticket(struct slc_buf *json, const struct slc_inbox_ticket *entry)
{
    const struct slc_ticket *ticket = entry->ticket;
    char quoted[SLC_NAME_QUOTE_BYTES];

    slc_json_comma(json);
    slc_buf_append_byte(json, '{');
    slc_json_key(json, "ticket");
    slc_api_json_text(json, slc_str_from(entry->ticket_name));
    write_text_or_null(json, "file_name", file_name_of(entry, quoted));
    write_text_or_null(json, "replica", entry->replica);
    write_text_or_null(json, "status",
                       ticket ? slc_ticket_status_name(slc_ticket_status(ticket)) : NULL);
    write_text_or_null(json, "load_dttm", ticket ? slc_ticket_load_dttm(ticket).data : NULL);
    write_text_or_null(json, "prim_index", ticket ? slc_ticket_prim_index(ticket).data : NULL);
    slc_json_key(json, "error");
    if (entry->error)
        slc_api_json_error(json, entry->error);
    else if (ticket && slc_ticket_error(ticket))
        slc_buf_append_text(json, json_object_to_json_string_ext(
                                      slc_ticket_error(ticket),
                                      JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    else
        slc_buf_append_text(json, "null");
    slc_buf_append_byte(json, '}');
}

static void run_tickets(struct slc_api *api, struct slc_api_task *task,
                        struct slc_http_response *response)
{
    SLC_AUTO_INBOX_LISTING struct slc_inbox_listing listing = {0};
    struct slc_redis *redis = slc_api_redis(api, response);
    struct slc_error error = {0};
    struct slc_buf *json;
    bool good;

    (void)task;
    if (!redis)
        return;
    good = slc_inbox_scan(api->options.inbox, redis, &listing, &error);
    slc_redis_pool_give(api->options.pool, redis);
    if (!good) {
        slc_api_fail(response, &error);
        return;
    }
    json = slc_http_json(response, 200);
    slc_buf_append_text(json, "{\"tickets\":[");
    for (size_t i = listing.count; i > 0; i--)
        write_ticket(json, &listing.tickets[i - 1]);
    slc_buf_append_text(json, "]}");
}

void slc_api_v1_tickets(struct slc_http_request *request, struct slc_http_response *response,
                        void *context)
{
    slc_api_desk(context, request, response, &(struct slc_api_task){.run = run_tickets});
}
