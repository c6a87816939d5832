/* Tickets and loads. */
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/json.h"
#include "base/time.h"
#include "source/names.h"
#include "store/store.h"

/* ---- JSON ---------------------------------------------------------------- */

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

static void write_rows(struct slc_buf *json, struct rows rows)
{
    slc_json_member_int64(json, "rows_read", rows.read);
    slc_json_member_int64(json, "rows_written", rows.written);
    slc_json_member_int64(json, "rows_rejected", rows.rejected);
    slc_json_member_int64(json, "duplicate_keys", rows.duplicate);
}

static void write_text_or_null(struct slc_buf *json, const char *key, const char *text)
{
    slc_json_key(json, key);
    if (text && *text)
        slc_api_json_text(json, slc_str_from(text));
    else
        slc_buf_append_text(json, "null");
}

/* A figure with one decimal; null while it is not known. */
static void write_known(struct slc_buf *json, bool known, double number)
{
    if (known)
        slc_json_double(json, (double)(int64_t)(number * 10 + 0.5) / 10);
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
    slc_json_member_text(json, "state", slc_job_state_name(job->state));
    write_text_or_null(json, "stage", running ? slc_load_stage_name(job->stage) : NULL);
    slc_json_member_double(json, "percent", per_cent(job->share));
    write_rows(json, (struct rows){.read = job->rows_read,
                                   .written = job->rows_written,
                                   .rejected = job->rows_rejected,
                                   .duplicate = job->duplicate_keys});
    slc_json_member_double(json, "seconds", seconds_of(job->started_usec, job->ended_usec));
    slc_json_key(json, "rows_per_second");
    write_known(json, running && job->rows_per_second > 0, job->rows_per_second);
    slc_json_key(json, "seconds_left");
    write_known(json, running && job->seconds_left >= 0, job->seconds_left);
    slc_json_member_int64(json, "attempts", job->attempts);
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

static const char *batch_state(const struct slc_batch *batch)
{
    if (batch->ended_usec)
        return batch->failed > 0 ? "failed" : "done";
    return batch->started_usec ? "running" : "queued";
}

static void write_batch(struct slc_buf *json, const struct slc_batch *batch)
{
    int64_t over = batch->done + batch->failed + batch->skipped;

    slc_json_comma(json);
    slc_buf_append_byte(json, '{');
    slc_json_member_text(json, "id", batch->id);
    slc_json_member_text(json, "state", batch_state(batch));
    slc_json_member_bool(json, "force", batch->force);
    slc_json_key(json, "submitted");
    slc_api_json_time(json, batch->submitted_usec);
    slc_json_key(json, "ended");
    slc_api_json_time(json, batch->ended_usec);
    slc_json_member_int64(json, "count", batch->count);
    slc_json_member_int64(json, "left", batch->count - over);
    slc_json_member_double(json, "percent", per_cent(batch->share));
    write_rows(json, (struct rows){.read = batch->rows_read,
                                   .written = batch->rows_written,
                                   .rejected = batch->rows_rejected,
                                   .duplicate = batch->duplicate_keys});
    slc_json_member_double(json, "seconds", seconds_of(batch->started_usec, batch->ended_usec));
    slc_json_key(json, "error");
    slc_api_json_error(json, batch->error);
    if (batch->jobs) {
        slc_json_key(json, "tickets");
        slc_buf_append_byte(json, '[');
        for (int64_t i = 0; i < batch->count; i++)
            write_job(json, &batch->jobs[i]);
        slc_buf_append_byte(json, ']');
    }
    slc_buf_append_byte(json, '}');
}

void slc_api_about_load(struct slc_http_response *response, const char *id)
{
    snprintf(response->load, sizeof(response->load), "%s", id);
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
    slc_json_member_text(json, "status", status);
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
    slc_json_member_text(json, "status", slc_ticket_status_name(SLC_TICKET_FAILED));
    slc_json_key(json, "error");
    slc_api_json_error(json, error);
    slc_buf_append_byte(json, '}');
}

static bool may_pass(const struct slc_job *job)
{
    return job->error && slc_api_status_of(job->error) == 503 && job->status != SLC_TICKET_FAILED;
}

/* The batch is over, or nobody here will know of it (NULL). */
static void answer_batch(struct slc_http_pending *pending, const struct slc_batch *batch)
{
    static const struct slc_error unknown = {
        .code = SLC_ERR_CANCELLED,
        .class = SLC_CLASS_RETRY,
        .message = "the service stops, or Redis has lost the loads; see /v1/loads"};
    struct slc_http_response response = {0};
    const struct slc_job *last = NULL, *failed = NULL, *away = NULL;

    if (!batch) {
        slc_api_fail(&response, &unknown);
        slc_http_complete(pending, &response);
        return;
    }
    for (int64_t i = 0; i < batch->count; i++) {
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
    slc_api_about_load(&response, batch->id);
    slc_http_complete(pending, &response);
}

/* What is left to do when a batch is over; the API may be gone by then. */
struct sequel {
    struct slc_http_pending *pending; /* who waits for it; NULL: nobody */
    struct slc_api_mail mail;
    char *recipients; /* owned; NULL: nobody asked for a report */
};

static void free_sequel(struct sequel *sequel)
{
    if (sequel)
        free(sequel->recipients);
    free(sequel);
}

/* On a queue thread: the batch is over. The caller need not wait for the mail. */
static void on_batch_over(void *state, const struct slc_batch *batch)
{
    struct sequel *sequel = state;

    if (sequel->pending)
        answer_batch(sequel->pending, batch);
    if (sequel->mail.batch_over)
        sequel->mail.batch_over(sequel->mail.state, batch, sequel->recipients);
    free_sequel(sequel);
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
    if (name.len == 0)
        return NULL;
    return memchr(name.data, '\0', name.len) ? slc_name_quote(name, quoted) : name.data;
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
            .ticket = ticket->on_disk,
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
    write_batch(state, batch);
}

/* 202 with the batch as it stands. */
static void answer_accepted(struct slc_api *api, const char *id, struct slc_http_response *response)
{
    char location[sizeof("/v1/loads/") + SLC_BATCH_ID_BYTES];
    struct slc_buf *json = slc_http_json(response, 202);

    snprintf(location, sizeof(location), "/v1/loads/%s", id);
    (void)slc_http_set_header(response, "location", slc_str_from(location));
    slc_api_about_load(response, id);
    if (slc_queue_see(api->options.queue, id, see_batch, json, NULL))
        return;
    /* Over and forgotten already: many others came in between. */
    slc_buf_printf(json, "{\"id\":\"%s\"}", id);
}

static void submit(struct slc_api *api, struct slc_api_task *task, const struct wanted *wanted,
                   struct slc_http_response *response)
{
    struct sequel *sequel = calloc(1, sizeof(*sequel));
    struct slc_queue_submission submission = {.requests = wanted->requests,
                                              .count = wanted->count,
                                              .force = task->force,
                                              .on_done = on_batch_over,
                                              .done_state = sequel};
    struct slc_queue_receipt receipt;
    /* The sequel may be over and gone before the submission returns. */
    char *recipients = task->recipients ? strdup(task->recipients) : NULL;
    struct slc_error error = {0};

    if (!sequel || (task->recipients && !recipients)) {
        free(sequel);
        free(recipients);
        slc_http_detail(response, 500, "Out of memory");
        return;
    }
    *sequel = (struct sequel){.pending = task->wait ? task->pending : NULL,
                              .mail = api->options.mail,
                              .recipients = task->recipients};
    task->recipients = NULL;
    if (!slc_queue_submit(api->options.queue, &submission, &receipt, &error)) {
        free_sequel(sequel);
        free(recipients);
        slc_api_fail(response, &error);
        return;
    }
    if (api->options.mail.batch_asked)
        api->options.mail.batch_asked(api->options.mail.state, receipt.id, recipients);
    free(recipients);
    if (task->wait)
        task->pending = NULL; /* on_batch_over() has it */
    else
        answer_accepted(api, receipt.id, response);
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

void slc_api_v1_loads(struct slc_http_request *request, struct slc_http_response *response,
                      void *context)
{
    struct slc_api *api = context;
    struct slc_buf *json = slc_http_json(response, 200);
    struct slc_error error = {0};

    (void)request;
    slc_buf_append_text(json, "{\"loads\":[");
    if (!slc_queue_list(api->options.queue, NULL, 0, see_batch, json, &error)) {
        slc_api_fail(response, &error);
        return;
    }
    slc_buf_append_text(json, "]}");
}

struct seen {
    struct slc_buf *json;
    bool over;
};

static void see_whole(void *state, const struct slc_batch *batch)
{
    struct seen *seen = state;

    write_batch(seen->json, batch);
    seen->over = batch->ended_usec != 0;
}

enum slc_api_load_state slc_api_load_write(struct slc_api *api, const char *id,
                                           struct slc_buf *json)
{
    struct seen seen = {.json = json};
    struct slc_error error = {0};

    if (!slc_queue_see(api->options.queue, id, see_whole, &seen, &error))
        return error.code == SLC_ERR_NOT_FOUND ? SLC_API_LOAD_NONE : SLC_API_LOAD_NOT_KNOWN;
    return seen.over ? SLC_API_LOAD_OVER : SLC_API_LOAD_GOES_ON;
}

/* What became of its report by mail, as one more member of the load. */
static void append_mail(struct slc_api *api, struct slc_str id, struct slc_buf *json)
{
    if (!api->options.mail.write_state || json->failed)
        return;
    json->len--; /* the closing brace */
    slc_json_key(json, "mail");
    api->options.mail.write_state(api->options.mail.state, id.data, json);
    slc_buf_append_byte(json, '}');
}

void slc_api_v1_load(struct slc_http_request *request, struct slc_http_response *response,
                     void *context)
{
    struct slc_api *api = context;
    struct slc_str id = slc_http_request_part(request, "id");
    struct slc_buf *json = slc_http_json(response, 200);
    struct slc_error error = {0};

    if (slc_queue_see(api->options.queue, id.data ? id.data : "", see_batch, json, &error)) {
        append_mail(api, id, json);
        slc_api_about_load(response, id.data);
    } else if (error.code == SLC_ERR_NOT_FOUND) {
        slc_http_detail(response, 404, "There is no load of that id (any more)");
    } else {
        slc_api_fail(response, &error);
    }
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
