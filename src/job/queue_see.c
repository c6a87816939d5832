/* Looking at batches: from what Redis has of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "job/queue_internal.h"
#include "job/record.h"
#include "job/script.h"

const char *slc_job_state_name(enum slc_job_state state)
{
    static const char *const names[] = {"queued", "running", "done", "failed", "skipped"};

    return names[state];
}

void slc_batch_free(struct slc_batch *batch)
{
    if (!batch)
        return;
    for (int64_t i = 0; batch->jobs && i < batch->count; i++) {
        struct slc_job *job = &batch->jobs[i];

        free(job->ticket_name);
        free(job->file_name);
        free(job->replica);
        free(job->drift);
        free(job->error);
        free(job->ticket_error);
    }
    free(batch->jobs);
    free(batch->error);
    free(batch);
}

static bool no_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "no memory to look at loads");
}

static bool not_found(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_NOT_FOUND, "there is no load of that id (any more)");
}

/* ---- The batch itself ------------------------------------------------------ */

/* The named fields, in the order in which fill_batch() takes them. */
static const char *const batch_fields[] = {
    "force",  "submitted", "started",   "ended",        "count",         "running",       "done",
    "failed", "skipped",   "rows_read", "rows_written", "rows_rejected", "duplicate_keys"};
enum { BATCH_NUMBERS = sizeof(batch_fields) / sizeof(batch_fields[0]) };

static void fill_batch(struct slc_batch *batch, size_t field, struct slc_str value)
{
    int64_t number = 0;

    (void)slc_parse_int64(value.data ? value.data : "", value.len, &number);
    switch (field) {
    case 0:
        batch->force = number != 0;
        break;
    default: {
        int64_t *const numbers[BATCH_NUMBERS] = {NULL,
                                                 &batch->submitted_usec,
                                                 &batch->started_usec,
                                                 &batch->ended_usec,
                                                 &batch->count,
                                                 &batch->running,
                                                 &batch->done,
                                                 &batch->failed,
                                                 &batch->skipped,
                                                 &batch->rows_read,
                                                 &batch->rows_written,
                                                 &batch->rows_rejected,
                                                 &batch->duplicate_keys};

        *numbers[field] = number < 0 ? 0 : number;
    }
    }
}

static double share_of_ended(const struct slc_batch *batch)
{
    int64_t ended = batch->done + batch->failed + batch->skipped;

    return batch->count > 0 ? (double)ended / (double)batch->count : 1;
}

/* ---- Its jobs --------------------------------------------------------------- */

/* "r12": the kind and the job that it is of. */
static bool split_field(struct slc_str field, int64_t count, char *ret_kind, int64_t *ret_n)
{
    if (field.len < 2 || !strchr("reszal", field.data[0]) ||
        !slc_parse_int64(field.data + 1, field.len - 1, ret_n) || *ret_n < 0 || *ret_n >= count)
        return false;
    *ret_kind = field.data[0];
    return true;
}

static bool fill_job(struct slc_job *job, char kind, struct slc_str value, struct slc_error *error)
{
    struct slc_record record = {0};
    int64_t number = 0;

    switch (kind) {
    case 'r':
        if (!slc_record_parse(value, &record, NULL)) { /* the others can be seen all the same */
            record = (struct slc_record){.ticket_name = strdup("(unreadable)"),
                                         .file_name = strdup(""),
                                         .replica = strdup("")};
            if (!record.ticket_name || !record.file_name || !record.replica) {
                slc_record_release(&record);
                return no_memory(error);
            }
        }
        free(job->ticket_name);
        free(job->file_name);
        free(job->replica);
        job->ticket_name = record.ticket_name;
        job->file_name = record.file_name;
        job->replica = record.replica;
        free(record.fault);
        return true;
    case 'e':
        return slc_record_parse_end(value, job) ||
               slc_fail(error, SLC_ERR_INTERNAL,
                        "Redis has something else where a load's end "
                        "should be");
    case 'l': {
        const char *space = value.len ? memchr(value.data, ' ', value.len) : NULL;

        job->state = SLC_JOB_RUNNING;
        snprintf(job->worker, sizeof(job->worker), "%s", space ? space + 1 : "");
        return true;
    }
    default:
        (void)slc_parse_int64(value.data, value.len, &number);
        if (kind == 's')
            job->started_usec = number;
        else if (kind == 'z')
            job->ended_usec = number;
        else
            job->attempts = (int)(number < 0 || number > 1000000 ? 0 : number);
        return true;
    }
}

static bool fill_jobs(struct slc_batch *batch, const struct slc_reply *reply,
                      struct slc_error *error)
{
    if (batch->count > (int64_t)(reply->count / 2))
        return slc_fail(error, SLC_ERR_INTERNAL, "Redis has only a part of that batch of loads");
    batch->jobs = calloc((size_t)batch->count + 1, sizeof(*batch->jobs));
    if (!batch->jobs)
        return no_memory(error);
    for (int64_t i = 0; i < batch->count; i++)
        batch->jobs[i].seconds_left = -1;
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        char kind;
        int64_t n;

        if (split_field(reply->items[i].text, batch->count, &kind, &n) &&
            !fill_job(&batch->jobs[n], kind, reply->items[i + 1].text, error))
            return false;
    }
    for (int64_t i = 0; i < batch->count; i++)
        if (!batch->jobs[i].ticket_name)
            return slc_fail(error, SLC_ERR_INTERNAL,
                            "Redis has only a part of that batch of loads");
    return true;
}

/* ---- What runs --------------------------------------------------------------- */

static bool append_running(struct slc_redis *redis, const char *base, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};

    slc_buf_printf(&key, "%s:running", base);
    return !key.failed &&
           slc_redis_append_call(redis, error, SLC_STR("HGETALL"), slc_buf_view(&key));
}

/* Add what is known of loads that run, of this batch: a field is "BATCH:N". */
static void add_running(struct slc_batch *batch, const struct slc_reply *running)
{
    size_t id_len = strlen(batch->id);
    double share = 0;

    for (size_t i = 0; running->type == SLC_REPLY_ARRAY && i + 1 < running->count; i += 2) {
        struct slc_str name = running->items[i].text;
        struct slc_job job = {0};
        int64_t n;

        if (name.len <= id_len + 1 || memcmp(name.data, batch->id, id_len) != 0 ||
            !slc_parse_int64(name.data + id_len + 1, name.len - id_len - 1, &n) || n < 0 ||
            n >= batch->count || (batch->jobs && batch->jobs[n].state != SLC_JOB_RUNNING) ||
            !slc_record_parse_progress(running->items[i + 1].text, &job))
            continue;
        share += job.share;
        batch->rows_read += job.rows_read;
        batch->rows_written += job.rows_written;
        batch->rows_rejected += job.rows_rejected;
        if (batch->jobs) {
            struct slc_job *seen = &batch->jobs[n];

            seen->stage = job.stage;
            seen->share = job.share;
            seen->size_bytes = job.size_bytes;
            seen->rows_read = job.rows_read;
            seen->rows_written = job.rows_written;
            seen->rows_rejected = job.rows_rejected;
            seen->rows_per_second = job.rows_per_second;
            seen->seconds_left = job.seconds_left;
        }
    }
    batch->share = share_of_ended(batch);
    if (batch->count > 0 && !batch->ended_usec) {
        batch->share += share / (double)batch->count;
        if (batch->share > 1)
            batch->share = 1;
    }
}

/* ---- One batch ----------------------------------------------------------------- */

static bool is_id(const char *id)
{
    return strlen(id) == SLC_BATCH_ID_BYTES - 1 && strspn(id, "0123456789abcdef") == strlen(id);
}

/* From HGETALL. */
static struct slc_batch *parse_batch(const struct slc_reply *reply, const char *id, bool with_jobs,
                                     struct slc_error *error)
{
    struct slc_batch *batch = calloc(1, sizeof(*batch));
    bool submitted = false;

    if (!batch) {
        no_memory(error);
        return NULL;
    }
    snprintf(batch->id, sizeof(batch->id), "%s", id);
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        for (size_t field = 0; field < BATCH_NUMBERS; field++)
            if (slc_str_is(reply->items[i].text, batch_fields[field]))
                fill_batch(batch, field, reply->items[i + 1].text);
        submitted |= slc_str_is(reply->items[i].text, "submitted");
        if (slc_str_is(reply->items[i].text, "error"))
            batch->error = slc_record_parse_error(reply->items[i + 1].text);
    }
    if (submitted ? !with_jobs || fill_jobs(batch, reply, error) : not_found(error))
        return batch;
    slc_batch_free(batch);
    return NULL;
}

struct slc_batch *slc_batch_read(struct slc_redis *redis, const char *base, const char *id,
                                 bool with_jobs, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *whole = NULL;
    SLC_AUTO_REPLY struct slc_reply *running = NULL;
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct slc_batch *batch;

    if (!is_id(id)) {
        not_found(error);
        return NULL;
    }
    slc_buf_printf(&key, "%s:batch:%s", base, id);
    if (key.failed) {
        no_memory(error);
        return NULL;
    }
    if (!slc_redis_append_call(redis, error, SLC_STR("HGETALL"), slc_buf_view(&key)) ||
        !append_running(redis, base, error) || !slc_redis_read(redis, &whole, error) ||
        !slc_redis_read(redis, &running, error) ||
        !slc_reply_check(whole, slc_redis_where(redis), error) ||
        !slc_reply_check(running, slc_redis_where(redis), error))
        return NULL;
    batch = parse_batch(whole, id, with_jobs, error);
    if (batch)
        add_running(batch, running);
    return batch;
}

bool slc_queue_see(struct slc_queue *queue, const char *id,
                   void (*see)(void *state, const struct slc_batch *batch), void *state,
                   struct slc_error *error)
{
    struct slc_redis *redis = slc_redis_pool_take(queue->pool, error);
    struct slc_batch *batch;

    if (!redis)
        return false;
    batch = slc_batch_read(redis, queue->base, id, true, error);
    slc_redis_pool_give(queue->pool, redis);
    if (!batch)
        return false;
    see(state, batch);
    slc_batch_free(batch);
    return true;
}

/* ---- All batches ---------------------------------------------------------------- */

/* Their ids, newest first. */
static bool read_ids(struct slc_redis *redis, const char *base, const char *after, size_t limit,
                     struct slc_reply **ret, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *score = NULL;
    SLC_AUTO_BUF struct slc_buf key = {0};
    SLC_AUTO_BUF struct slc_buf from = {0};
    char count[SLC_NUM_TEXT_BYTES];

    slc_buf_printf(&key, "%s:batches", base);
    if (after) {
        if (!is_id(after))
            return not_found(error);
        if (!slc_redis_call(redis, &score, error, SLC_STR("ZSCORE"), slc_buf_view(&key),
                            slc_str_from(after)))
            return false;
        if (score->type != SLC_REPLY_STRING)
            return not_found(error);
        slc_buf_append_byte(&from, '(');
        slc_buf_append_str(&from, score->text);
    } else {
        slc_buf_append_text(&from, "+inf");
    }
    if (key.failed || from.failed)
        return no_memory(error);
    return slc_redis_call(redis, ret, error, SLC_STR("ZREVRANGEBYSCORE"), slc_buf_view(&key),
                          slc_buf_view(&from), SLC_STR("-inf"), SLC_STR("LIMIT"), SLC_STR("0"),
                          slc_script_number(count, limit ? (int64_t)limit : -1));
}

static bool append_summary(struct slc_redis *redis, const char *base, struct slc_str id,
                           struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct slc_str argv[BATCH_NUMBERS + 3] = {SLC_STR("HMGET")};

    slc_buf_printf(&key, "%s:batch:%.*s", base, SLC_STR_ARG(id));
    if (key.failed)
        return no_memory(error);
    argv[1] = slc_buf_view(&key);
    for (size_t i = 0; i < BATCH_NUMBERS; i++)
        argv[i + 2] = slc_str_from(batch_fields[i]);
    argv[BATCH_NUMBERS + 2] = SLC_STR("error");
    return slc_redis_append(redis, BATCH_NUMBERS + 3, argv, error);
}

/* From HMGET; one that has expired meanwhile is passed over. */
static bool see_summary(const struct slc_reply *reply, struct slc_str id,
                        const struct slc_reply *running,
                        void (*see)(void *state, const struct slc_batch *batch), void *state,
                        struct slc_error *error)
{
    struct slc_batch batch = {0};

    if (reply->type != SLC_REPLY_ARRAY || reply->count != BATCH_NUMBERS + 1)
        return slc_fail(error, SLC_ERR_SERVER, "Redis answered HMGET with something else");
    if (reply->items[1].type != SLC_REPLY_STRING || id.len >= sizeof(batch.id))
        return true;
    snprintf(batch.id, sizeof(batch.id), "%.*s", SLC_STR_ARG(id));
    for (size_t i = 0; i < BATCH_NUMBERS; i++)
        fill_batch(&batch, i, reply->items[i].text);
    if (reply->items[BATCH_NUMBERS].type == SLC_REPLY_STRING)
        batch.error = slc_record_parse_error(reply->items[BATCH_NUMBERS].text);
    add_running(&batch, running);
    see(state, &batch);
    free(batch.error);
    return true;
}

static bool list(struct slc_redis *redis, const char *base, const struct slc_reply *ids,
                 void (*see)(void *state, const struct slc_batch *batch), void *state,
                 struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *running = NULL;

    if (!append_running(redis, base, error))
        return false;
    for (size_t i = 0; i < ids->count; i++)
        if (!append_summary(redis, base, ids->items[i].text, error))
            return false;
    if (!slc_redis_read(redis, &running, error) ||
        !slc_reply_check(running, slc_redis_where(redis), error))
        return false;
    for (size_t i = 0; i < ids->count; i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        if (!slc_redis_read(redis, &reply, error) ||
            !slc_reply_check(reply, slc_redis_where(redis), error) ||
            !see_summary(reply, ids->items[i].text, running, see, state, error))
            return false;
    }
    return true;
}

bool slc_queue_list(struct slc_queue *queue, const char *after, size_t limit,
                    void (*see)(void *state, const struct slc_batch *batch), void *state,
                    struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *ids = NULL;
    struct slc_redis *redis = slc_redis_pool_take(queue->pool, error);
    bool good;

    if (!redis)
        return false;
    good = read_ids(redis, queue->base, after, limit, &ids, error) &&
           list(redis, queue->base, ids, see, state, error);
    slc_redis_pool_give(queue->pool, redis);
    return good;
}
