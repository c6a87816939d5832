/* Taking loads: looking for those of the dead, waiting for new ones, and what Redis
 * hands out. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/num.h"
#include "base/time.h"
#include "job/reap.h"
#include "job/script.h"
#include "job/worker_internal.h"

enum {
    TAKEN_ITEMS = 13,
    BLOCK_MS = 1000, /* and so often loads of the dead are looked for */
    /* A stop ends a wait by shutting its connection down, which of a cluster's is not to be had. */
    CLUSTER_BLOCK_MS = 500,
};

/* ---- What was handed out ----------------------------------------------------- */

void slc_taken_release(struct slc_taken *taken)
{
    slc_reply_free(taken->reply);
    slc_record_release(&taken->record);
    *taken = (struct slc_taken){0};
}

bool slc_taken_parse(struct slc_reply *reply, const char *load_id, struct slc_taken *ret_taken,
                     struct slc_error *error)
{
    const struct slc_reply *items = reply->items;
    struct slc_taken taken = {.reply = reply, .taken_usec = slc_monotonic_usec()};
    int64_t attempts;

    if (reply->type != SLC_REPLY_ARRAY || reply->count != TAKEN_ITEMS) {
        slc_reply_free(reply);
        return slc_fail(error, SLC_ERR_SERVER, "Redis answered a script with something else");
    }
    attempts = items[4].integer;
    taken.job = items[0].text;
    taken.stream = items[1].text;
    taken.entry = items[2].text;
    *slc_write_int64(taken.token, items[3].integer) = '\0';
    taken.attempts = attempts < 1 || attempts > 1000000 ? 1000000 : (int)attempts;
    taken.retaken = items[5].integer == 1;
    taken.earlier = items[7].text;
    taken.settle = items[8].text;
    taken.force = slc_str_is(items[9].text, "1");
    taken.home = items[10].text;
    taken.ready = slc_str_is(items[11].text, "1");
    (void)slc_parse_int64(items[12].text.data, items[12].text.len, &taken.redis_usec);
    snprintf(taken.load_id, sizeof(taken.load_id), "%s", load_id);
    (void)slc_record_parse(items[6].text, &taken.record, &taken.unreadable);
    *ret_taken = taken;
    return true;
}

/* "size mtime inode since first", the times by Redis' clock. */
enum { SETTLE_NUMBERS = 5 };

void slc_taken_settle(const struct slc_taken *taken, struct slc_ticket_try *attempt)
{
    int64_t numbers[SETTLE_NUMBERS] = {0}, offset = taken->taken_usec - taken->redis_usec;
    struct slc_str rest = taken->settle;

    for (size_t i = 0; i < SETTLE_NUMBERS; i++) {
        const char *space = rest.len ? memchr(rest.data, ' ', rest.len) : NULL;
        size_t len = space ? (size_t)(space - rest.data) : rest.len;

        if (!slc_parse_int64(rest.data ? rest.data : "", len, &numbers[i]))
            return;
        rest.data += space ? len + 1 : len;
        rest.len -= space ? len + 1 : len;
    }
    attempt->settle = (struct slc_settle){.seen = true,
                                          .size_bytes = numbers[0],
                                          .mtime_nsec = numbers[1],
                                          .inode = (uint64_t)numbers[2],
                                          .since_usec = numbers[3] + offset};
    attempt->first_usec = numbers[4] + offset;
}

void slc_taken_settle_text(const struct slc_taken *taken, const struct slc_ticket_try *attempt,
                           struct slc_buf *text)
{
    const struct slc_settle *settle = &attempt->settle;
    int64_t offset = taken->taken_usec - taken->redis_usec;

    slc_buf_printf(text, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
                   settle->size_bytes, settle->mtime_nsec, (int64_t)settle->inode,
                   settle->since_usec - offset, attempt->first_usec - offset);
}

/* ---- Taking ----------------------------------------------------------------------- */

/* An answer of take(): a load, or something else. False when it could not be
 * read; `taken->reply` NULL: no load. Takes the reply over. */
static bool read_taken(struct slc_reply *reply, const char *load_id, struct slc_taken *taken,
                       struct slc_error *error)
{
    if (reply->type == SLC_REPLY_ARRAY)
        return slc_taken_parse(reply, load_id, taken, error);
    slc_reply_free(reply);
    return true;
}

/* Loads of workers that are gone, every second or so. */
static bool look(struct slc_worker_thread *thread, const char *home, const char *load_id,
                 struct slc_taken *taken, struct slc_error *error)
{
    struct slc_worker *worker = thread->worker;
    SLC_CLEANUP(slc_pending_release) struct slc_pending_list list = {0};
    int64_t now = slc_monotonic_usec(), lease_ms = worker->options.lease_ms;

    if (thread->look_usec && now - thread->look_usec < BLOCK_MS * INT64_C(1000))
        return true;
    thread->look_usec = now;
    if (!slc_pending_look(thread->redis, worker->base, home, lease_ms, &list, error))
        return false;
    for (size_t i = 0; i < list.count && !taken->reply; i++) {
        struct slc_reply *reply = NULL;

        if (!slc_pending_is_dead(&list.items[i], now < thread->claim_usec ? INT64_MAX : lease_ms))
            continue;
        if (!slc_pending_claim(thread->redis, worker->base, &list.items[i], worker->name, load_id,
                               &reply, error) ||
            !read_taken(reply, load_id, taken, error))
            return false;
    }
    return true;
}

static bool next(struct slc_worker_thread *thread, const char *home, const char *load_id,
                 struct slc_taken *taken, int64_t *ret_due_ms, struct slc_error *error)
{
    struct slc_worker *worker = thread->worker;
    struct slc_reply *reply = NULL;

    if (!slc_script_call(thread->redis, worker->base, &reply, error, SLC_STR("next"),
                         slc_str_from(worker->name), slc_str_from(home), slc_str_from(load_id)))
        return false;
    *ret_due_ms = reply->type == SLC_REPLY_INTEGER ? reply->integer : -1;
    return read_taken(reply, load_id, taken, error);
}

/* False when the worker stops. */
static bool enter_wait(struct slc_worker_thread *thread)
{
    struct slc_worker *worker = thread->worker;
    int fd = slc_redis_dup(thread->redis);
    bool go;

    pthread_mutex_lock(&worker->lock);
    go = !worker->stopping;
    thread->blocked_fd = fd;
    pthread_mutex_unlock(&worker->lock);
    return go;
}

static void leave_wait(struct slc_worker_thread *thread)
{
    int fd;

    pthread_mutex_lock(&thread->worker->lock);
    fd = thread->blocked_fd;
    thread->blocked_fd = -1;
    pthread_mutex_unlock(&thread->worker->lock);
    if (fd >= 0)
        close(fd);
}

/* The first of what was read becomes ours, others go back. */
static bool take_read(struct slc_worker_thread *thread, const struct slc_reply *read,
                      const char *load_id, struct slc_taken *taken, struct slc_error *error)
{
    struct slc_worker *worker = thread->worker;
    const struct slc_reply *entries;
    struct slc_str stream;

    for (size_t i = 0; slc_script_entries(read, i, &stream, &entries); i++) {
        struct slc_taken another = {0};
        struct slc_reply *reply = NULL;

        if (entries->count < 1 || entries->items[0].count < 1)
            continue;
        if (!slc_script_call(thread->redis, worker->base, &reply, error, SLC_STR("take"), stream,
                             entries->items[0].items[0].text, slc_str_from(worker->name),
                             slc_str_from(load_id)) ||
            !read_taken(reply, load_id, &another, error))
            return false;
        if (!taken->reply) {
            *taken = another;
        } else if (another.reply) {
            slc_worker_rest(thread, &another, 0, (struct slc_str){"", 0}, NULL);
            slc_taken_release(&another);
        }
    }
    return true;
}

/* The stream, or its group, has gone while it was waited in. */
static bool lost_stream(const struct slc_reply *reply)
{
    struct slc_str text = reply->text;

    return reply->type == SLC_REPLY_ERROR &&
           ((text.len >= 7 && memcmp(text.data, "NOGROUP", 7) == 0) ||
            (text.len >= 9 && memcmp(text.data, "UNBLOCKED", 9) == 0));
}

/* Wait in Redis for a load, at most until one that rests is due. */
static bool wait_for_load(struct slc_worker_thread *thread, const char *home, const char *load_id,
                          int64_t due_ms, struct slc_taken *taken, struct slc_error *error)
{
    struct slc_worker *worker = thread->worker;
    int64_t most_ms = slc_redis_is_cluster(thread->redis) ? CLUSTER_BLOCK_MS : BLOCK_MS;
    int64_t block_ms = due_ms >= 0 && due_ms < most_ms ? due_ms + 1 : most_ms;
    SLC_AUTO_REPLY struct slc_reply *read = NULL;
    SLC_AUTO_BUF struct slc_buf own = {0};
    char number[SLC_NUM_TEXT_BYTES];
    struct slc_str argv[13] = {SLC_STR("XREADGROUP"), SLC_STR("GROUP"),
                               SLC_STR("load"),       slc_str_from(worker->name),
                               SLC_STR("COUNT"),      SLC_STR("1"),
                               SLC_STR("BLOCK"),      slc_script_number(number, block_ms),
                               SLC_STR("STREAMS")};
    size_t argc = 9;
    bool good;

    slc_buf_printf(&own, "%s:home:%s", worker->base, home);
    if (own.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to wait for loads");
    if (home[0])
        argv[argc++] = slc_buf_view(&own);
    argv[argc++] = slc_str_from(worker->base);
    if (home[0])
        argv[argc++] = SLC_STR(">");
    argv[argc++] = SLC_STR(">");
    if (!enter_wait(thread)) {
        leave_wait(thread);
        return true;
    }
    slc_redis_set_timeout(thread->redis, worker->options.timeout_ms + block_ms);
    good = slc_redis_append(thread->redis, argc, argv, error) &&
           slc_redis_read(thread->redis, &read, error);
    leave_wait(thread);
    slc_redis_set_timeout(thread->redis, worker->options.timeout_ms);
    if (good && lost_stream(read)) {
        thread->look_usec = 0; /* which makes it again */
        return true;
    }
    return good && slc_reply_check(read, slc_redis_where(thread->redis), error) &&
           take_read(thread, read, load_id, taken, error);
}

/* The next load, or none after a while. False when Redis failed. */
bool slc_worker_take(struct slc_worker_thread *thread, struct slc_taken *taken,
                     struct slc_error *error)
{
    char home[SLC_INBOX_HOME_BYTES], load_id[SLC_LOAD_ID_BYTES];
    unsigned char random[(SLC_LOAD_ID_BYTES - 1) / 2];
    int64_t due_ms = -1;
    bool lagging;

    if (!slc_random_bytes(random, sizeof(random), error))
        return false;
    slc_hex_encode(random, sizeof(random), load_id);
    slc_inbox_home(thread->worker->options.inbox, home, &lagging);
    pthread_mutex_lock(&thread->worker->lock);
    memcpy(thread->worker->home, home, sizeof(home));
    pthread_mutex_unlock(&thread->worker->lock);
    if (!look(thread, home, load_id, taken, error))
        return false;
    if (taken->reply)
        return true;
    return next(thread, home, load_id, taken, &due_ms, error) &&
           (taken->reply || wait_for_load(thread, home, load_id, due_ms, taken, error));
}
