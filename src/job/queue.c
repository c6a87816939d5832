#include "job/queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "base/time.h"
#include "job/queue_internal.h"
#include "job/reap.h"
#include "job/record.h"
#include "job/script.h"

enum {
    WAITING_DEFAULT = 200000,
    HISTORY_DEFAULT = 256,
    HISTORY_TTL_DEFAULT_SEC = 7 * 86400,
    CONNECTIONS_DEFAULT = 4,
    REQUESTS_A_COMMAND = 256,
    /* A batch whose submitter died before it was whole goes away by itself. */
    UNSUBMITTED_MS = 60000,
    HOLD_LOOK_MS = 20,
    HOLD_REAP_MS = 500,
    HOLD_PATIENCE_MS = 300000,
};

/* ---- The queue ------------------------------------------------------------- */

static void fill_in(struct slc_queue_options *options)
{
    if (!options->lease_ms)
        options->lease_ms = SLC_LEASE_DEFAULT_MS;
    if (!options->waiting_max)
        options->waiting_max = WAITING_DEFAULT;
    if (!options->history_max)
        options->history_max = HISTORY_DEFAULT;
    if (!options->history_ttl_sec)
        options->history_ttl_sec = HISTORY_TTL_DEFAULT_SEC;
    if (!options->connections)
        options->connections = CONNECTIONS_DEFAULT;
}

static bool name_holder(struct slc_queue *queue, struct slc_error *error)
{
    char owner[SLC_OWNER_BYTES], text[17];
    unsigned char random[8];

    if (!slc_random_bytes(random, sizeof(random), error))
        return false;
    slc_hex_encode(random, sizeof(random), text);
    slc_owner_name(owner);
    snprintf(queue->holder, sizeof(queue->holder), "%s/hold/%s", owner, text);
    return true;
}

struct slc_queue *slc_queue_open(const struct slc_queue_options *options, struct slc_error *error)
{
    struct slc_queue *queue = calloc(1, sizeof(*queue));

    if (!queue || pthread_mutex_init(&queue->lock, NULL) != 0) {
        free(queue);
        slc_fail(error, SLC_ERR_MEMORY, "no memory for the queue of loads");
        return NULL;
    }
    queue->options = *options;
    queue->url = *options->redis_url;
    fill_in(&queue->options);
    queue->options.redis_url = &queue->url;
    queue->options.registry_key = NULL;
    queue->base = slc_script_base(options->registry_key);
    queue->pool = slc_redis_pool_new(&queue->url, queue->options.connections,
                                     queue->options.timeout_ms, error);
    if (!queue->base)
        slc_fail(error, SLC_ERR_MEMORY, "no memory for the queue of loads");
    if (queue->base && queue->pool && name_holder(queue, error))
        return queue;
    slc_queue_close(queue);
    return NULL;
}

void slc_queue_close(struct slc_queue *queue)
{
    if (!queue)
        return;
    slc_listener_stop(queue->listener);
    slc_redis_pool_free(queue->pool);
    slc_redis_url_wipe(&queue->url);
    pthread_mutex_destroy(&queue->lock);
    free(queue->base);
    free(queue);
}

/* While the queue is held here: say so again, before it runs out. */
static void renew_hold(void *state, struct slc_redis *redis)
{
    struct slc_queue *queue = state;
    char text[SLC_NUM_TEXT_BYTES];
    bool held;

    pthread_mutex_lock(&queue->lock);
    held = queue->held > 0;
    pthread_mutex_unlock(&queue->lock);
    if (held)
        (void)slc_script_call(redis, queue->base, NULL, NULL, SLC_STR("hold"),
                              slc_str_from(queue->holder), slc_script_number(text, SLC_HOLD_MS));
}

/* The listener, started when it is needed first; NULL on failure. */
static struct slc_listener *listener_of(struct slc_queue *queue, struct slc_error *error)
{
    struct slc_listener_options options = {.url = &queue->url,
                                           .base = queue->base,
                                           .timeout_ms = queue->options.timeout_ms,
                                           .on_tick = renew_hold,
                                           .state = queue};
    struct slc_listener *listener;

    pthread_mutex_lock(&queue->lock);
    if (!queue->listener)
        queue->listener = slc_listener_start(&options, error);
    listener = queue->listener;
    pthread_mutex_unlock(&queue->lock);
    return listener;
}

/* ---- Submitting -------------------------------------------------------------- */

/* One HSET of some requests, from the one of index `first`. */
static bool append_requests(struct slc_redis *redis, struct slc_str key,
                            const struct slc_queue_submission *submission, size_t first,
                            size_t count, struct slc_error *error)
{
    struct slc_str argv[2 + 2 * REQUESTS_A_COMMAND] = {SLC_STR("HSET"), key};
    size_t ends[2 * REQUESTS_A_COMMAND], at = 0;
    SLC_AUTO_BUF struct slc_buf text = {0};

    for (size_t i = 0; i < count; i++) {
        slc_buf_printf(&text, "r%zu", first + i);
        ends[2 * i] = text.len;
        slc_record_request(&text, &submission->requests[first + i]);
        ends[2 * i + 1] = text.len;
    }
    if (text.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for %zu loads", submission->count);
    for (size_t i = 0; i < 2 * count; i++) {
        argv[2 + i] = (struct slc_str){.data = text.data + at, .len = ends[i] - at};
        at = ends[i];
    }
    return slc_redis_append(redis, 2 + 2 * count, argv, error);
}

/* The requests, then the call that makes a batch of them, in one go. */
static bool send_batch(struct slc_queue *queue, struct slc_redis *redis, struct slc_str key,
                       const struct slc_queue_submission *submission, size_t argc,
                       const struct slc_str argv[], struct slc_reply **ret, struct slc_error *error)
{
    char ttl[SLC_NUM_TEXT_BYTES];

    for (size_t first = 0; first < submission->count; first += REQUESTS_A_COMMAND) {
        size_t left = submission->count - first;

        if (!append_requests(redis, key, submission, first,
                             left < REQUESTS_A_COMMAND ? left : REQUESTS_A_COMMAND, error))
            return false;
        /* Right behind the first: cut off here, the rest would never be over. */
        if (first == 0 && !slc_redis_append_call(redis, error, SLC_STR("PEXPIRE"), key,
                                                 slc_script_number(ttl, UNSUBMITTED_MS)))
            return false;
    }
    if (!slc_script_append(redis, queue->base, argc, argv, error))
        return false;
    while (slc_redis_outstanding(redis) > 1) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        if (!slc_redis_read(redis, &reply, error) ||
            !slc_reply_check(reply, slc_redis_where(redis), error))
            return false;
    }
    return slc_script_read(redis, queue->base, argc, argv, ret, error);
}

/* The rest of a large batch, slice by slice, so that Redis has others' turn in between.
 * Workers do it where this process cannot (any more). */
static void feed(struct slc_queue *queue, struct slc_redis *redis, const char *id, int64_t left)
{
    while (left > 0) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        if (!slc_script_call(redis, queue->base, &reply, NULL, SLC_STR("feed"), slc_str_from(id)))
            return;
        left = reply->type == SLC_REPLY_INTEGER ? reply->integer : 0;
    }
}

static bool read_receipt(const struct slc_reply *reply, const char *id,
                         struct slc_queue_receipt *receipt, struct slc_error *error)
{
    int64_t taken;

    if (reply->type != SLC_REPLY_ARRAY || reply->count < 1)
        return slc_fail(error, SLC_ERR_SERVER, "Redis answered a submission with something else");
    taken = reply->items[0].integer;
    if (taken == -1)
        return slc_fail(error, SLC_ERR_CANCELLED,
                        "replicas are being unregistered; try again later");
    if (taken < 0 || reply->count < 2)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "%" PRId64 " loads are waiting already; try again later",
                        reply->count < 2 ? 0 : reply->items[1].integer);
    *receipt =
        (struct slc_queue_receipt){.taken = (size_t)taken, .wait_ms = reply->items[1].integer};
    snprintf(receipt->id, sizeof(receipt->id), "%s", id);
    return true;
}

static bool submit(struct slc_queue *queue, const char *id,
                   const struct slc_queue_submission *submission, struct slc_queue_receipt *receipt,
                   struct slc_error *error)
{
    struct slc_redis *redis;
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    SLC_AUTO_BUF struct slc_buf key = {0};
    char home[SLC_INBOX_HOME_BYTES], numbers[4][SLC_NUM_TEXT_BYTES];
    bool lagging = false, good;

    slc_buf_printf(&key, "%s:batch:%s", queue->base, id);
    if (key.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for %zu loads", submission->count);
    slc_inbox_home(queue->options.inbox, home, &lagging);
    redis = slc_redis_pool_take(queue->pool, error);
    if (!redis)
        return false;
    {
        const struct slc_str argv[] = {
            SLC_STR("submit"),
            slc_str_from(id),
            slc_script_number(numbers[0], (int64_t)submission->count),
            submission->force ? SLC_STR("1") : SLC_STR("0"),
            submission->once ? SLC_STR("1") : SLC_STR("0"),
            lagging ? SLC_STR("1") : SLC_STR("0"),
            slc_str_from(home),
            slc_script_number(numbers[1], queue->options.waiting_max),
            slc_script_number(numbers[2], queue->options.history_max),
            slc_script_number(numbers[3], queue->options.history_ttl_sec)};

        good = send_batch(queue, redis, slc_buf_view(&key), submission,
                          sizeof(argv) / sizeof(argv[0]), argv, &reply, error);
    }
    good = good && read_receipt(reply, id, receipt, error);
    if (good && reply->count > 2)
        feed(queue, redis, id, reply->items[2].integer);
    slc_redis_pool_give(queue->pool, redis);
    return good;
}

bool slc_queue_submit(struct slc_queue *queue, const struct slc_queue_submission *submission,
                      struct slc_queue_receipt *receipt, struct slc_error *error)
{
    struct slc_queue_receipt got = {.wait_ms = -1};
    unsigned char random[(SLC_BATCH_ID_BYTES - 1) / 2];
    struct slc_listener *listener = NULL;
    char id[SLC_BATCH_ID_BYTES];
    struct slc_error why = {0};

    if (submission->once && submission->count > SLC_QUEUE_ONCE_MAX)
        return slc_fail(error, SLC_ERR_INTERNAL, "more than %d loads are asked for at once",
                        SLC_QUEUE_ONCE_MAX);
    if (submission->once && submission->count == 0) {
        if (receipt)
            *receipt = got;
        return true;
    }
    if (!slc_random_bytes(random, sizeof(random), error))
        return false;
    slc_hex_encode(random, sizeof(random), id);
    if (submission->on_done) {
        listener = listener_of(queue, error);
        if (!listener)
            return false;
        if (!slc_listener_wait(listener, id, submission->on_done, submission->done_state))
            return slc_fail(error, SLC_ERR_MEMORY, "no memory for %zu loads", submission->count);
    }
    if (submit(queue, id, submission, &got, &why)) {
        if (listener)
            slc_listener_submitted(listener, id);
    } else if (!listener || slc_listener_forget(listener, id)) {
        if (error)
            *error = why;
        return false;
    } else { /* it is over already: Redis had taken it, and only the answer was lost */
        got.taken = submission->count;
        memcpy(got.id, id, sizeof(id));
    }
    if (got.taken == 0 && submission->once)
        got.id[0] = '\0';
    if (receipt)
        *receipt = got;
    return true;
}

/* ---- Following ------------------------------------------------------------------ */

/* Redis has the batch; and something happens to it, so that its followers are
 * told how it stands. */
static bool nudge(struct slc_queue *queue, const char *id, struct slc_error *error)
{
    struct slc_redis *redis = slc_redis_pool_take(queue->pool, error);
    struct slc_batch *batch;
    SLC_AUTO_BUF struct slc_buf key = {0};
    bool good;

    if (!redis)
        return false;
    batch = slc_batch_read(redis, queue->base, id, false, error);
    slc_buf_printf(&key, "%s:events", queue->base);
    good = batch && !key.failed &&
           slc_redis_call(redis, NULL, error, SLC_STR("XADD"), slc_buf_view(&key),
                          SLC_STR("MAXLEN"), SLC_STR("~"), SLC_STR("4096"), SLC_STR("*"),
                          batch->ended_usec ? SLC_STR("over") : SLC_STR("batch"), slc_str_from(id));
    slc_batch_free(batch);
    slc_redis_pool_give(queue->pool, redis);
    return good;
}

struct slc_queue_follower *slc_queue_follow(struct slc_queue *queue, const char *id,
                                            void (*on_change)(void *state, bool over), void *state,
                                            struct slc_error *error)
{
    struct slc_listener *listener = listener_of(queue, error);
    struct slc_queue_follower *follower;

    if (!listener)
        return NULL;
    follower = slc_listener_follow(listener, id, on_change, state);
    if (!follower) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory to follow a load");
        return NULL;
    }
    if (nudge(queue, id, error))
        return follower;
    slc_listener_unfollow(listener, follower);
    return NULL;
}

void slc_queue_unfollow(struct slc_queue *queue, struct slc_queue_follower *follower)
{
    if (follower)
        slc_listener_unfollow(queue->listener, follower);
}

/* ---- Counting -------------------------------------------------------------------- */

bool slc_queue_counts(struct slc_queue *queue, struct slc_queue_counts *ret_counts,
                      struct slc_error *error)
{
    struct slc_redis *redis = slc_redis_pool_take(queue->pool, error);
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct slc_queue_counts counts = {0};
    const struct {
        const char *field;
        int64_t *number;
    } numbers[] = {{"waiting", &counts.waiting},
                   {"running", &counts.running},
                   {"done", &counts.done},
                   {"failed", &counts.failed},
                   {"skipped", &counts.skipped},
                   {"retaken", &counts.retaken},
                   {"rows_read", &counts.rows_read},
                   {"rows_written", &counts.rows_written},
                   {"rows_rejected", &counts.rows_rejected},
                   {"duplicate_keys", &counts.duplicate_keys},
                   {"load_usec", &counts.load_usec}};
    bool good;

    if (!redis)
        return false;
    slc_buf_printf(&key, "%s:counts", queue->base);
    good = slc_redis_call(redis, &reply, error, SLC_STR("HGETALL"), slc_buf_view(&key));
    slc_redis_pool_give(queue->pool, redis);
    if (!good)
        return false;
    for (size_t i = 0; i + 1 < reply->count; i += 2)
        for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++)
            if (slc_str_is(reply->items[i].text, numbers[n].field))
                (void)slc_parse_int64(reply->items[i + 1].text.data, reply->items[i + 1].text.len,
                                      numbers[n].number);
    *ret_counts = counts;
    return true;
}

/* ---- Holding ---------------------------------------------------------------------- */

/* Loads of workers that are gone would never stop by themselves: taken over while
 * the queue is held, they end. */
static bool reap(struct slc_queue *queue, struct slc_redis *redis, struct slc_error *error)
{
    SLC_CLEANUP(slc_pending_release) struct slc_pending_list list = {0};
    bool good = slc_pending_look(redis, queue->base, "*", queue->options.lease_ms, &list, error);

    for (size_t i = 0; good && i < list.count; i++)
        if (slc_pending_is_dead(&list.items[i], queue->options.lease_ms))
            good = slc_pending_claim(redis, queue->base, &list.items[i], queue->holder, "", NULL,
                                     error);
    return good;
}

/* Drop what waits, and wait for what runs. */
static bool empty(struct slc_queue *queue, struct slc_redis *redis, struct slc_error *error)
{
    int64_t start_usec = slc_monotonic_usec(), reaped_usec = start_usec;
    int64_t end_usec = start_usec + HOLD_PATIENCE_MS * INT64_C(1000);

    for (;;) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;
        struct timespec nap = {.tv_nsec = HOLD_LOOK_MS * 1000000};
        int64_t now;

        if (!slc_script_call(redis, queue->base, &reply, error, SLC_STR("drop"),
                             slc_str_from(queue->holder)))
            return false;
        if (reply->type != SLC_REPLY_ARRAY || reply->count != 2)
            return slc_fail(error, SLC_ERR_SERVER, "Redis answered a script with something else");
        if (reply->items[0].integer > 0)
            continue;
        if (reply->items[1].integer <= 0)
            return true;
        if (atomic_load(&queue->interrupted))
            return slc_fail(error, SLC_ERR_CANCELLED, "the service is stopping");
        now = slc_monotonic_usec();
        if (now > end_usec)
            return slc_fail(error, SLC_ERR_TIMEOUT, "a load that runs does not stop");
        if (now - reaped_usec > HOLD_REAP_MS * INT64_C(1000)) {
            reaped_usec = now;
            if (!reap(queue, redis, error))
                return false;
        }
        nanosleep(&nap, NULL);
    }
}

bool slc_queue_hold(struct slc_queue *queue, struct slc_error *error)
{
    char text[SLC_NUM_TEXT_BYTES];
    struct slc_redis *redis;
    bool good;

    if (!listener_of(queue, error) || !(redis = slc_redis_pool_take(queue->pool, error)))
        return false;
    pthread_mutex_lock(&queue->lock);
    queue->held++;
    pthread_mutex_unlock(&queue->lock);
    good = slc_script_call(redis, queue->base, NULL, error, SLC_STR("hold"),
                           slc_str_from(queue->holder), slc_script_number(text, SLC_HOLD_MS)) &&
           empty(queue, redis, error);
    slc_redis_pool_give(queue->pool, redis);
    if (!good)
        slc_queue_resume(queue);
    return good;
}

void slc_queue_interrupt(struct slc_queue *queue)
{
    atomic_store(&queue->interrupted, true);
}

void slc_queue_resume(struct slc_queue *queue)
{
    struct slc_redis *redis;
    bool last;

    pthread_mutex_lock(&queue->lock);
    last = --queue->held == 0;
    pthread_mutex_unlock(&queue->lock);
    redis = last ? slc_redis_pool_take(queue->pool, NULL) : NULL;
    if (!redis)
        return; /* it runs out by itself */
    (void)slc_script_call(redis, queue->base, NULL, NULL, SLC_STR("resume"),
                          slc_str_from(queue->holder));
    slc_redis_pool_give(queue->pool, redis);
}
