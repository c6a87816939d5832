#include "job/listener.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "job/queue_internal.h"
#include "job/script.h"

enum {
    BLOCK_MS = 5000,
    /* A stop ends a wait by shutting its connection down, which of a cluster's is not to be had. */
    CLUSTER_BLOCK_MS = 500,
    FIRST_PAUSE_MS = 50,
    LAST_PAUSE_MS = 2000,
    MARK_BYTES = 64,
    EVENTS_AT_ONCE = 1024
};

/* Who waits for the end of a batch (on_done), or follows one (on_change). */
struct slc_queue_follower {
    char id[SLC_BATCH_ID_BYTES];
    void (*on_done)(void *state, const struct slc_batch *batch);
    void (*on_change)(void *state, bool over);
    void *state;
    bool submitted;      /* a waiter's batch is in Redis */
    bool missed;         /* events may have been missed before it was */
    bool changed, ended; /* heard, and not yet told */
    bool told_over;
    bool calling; /* the thread is about to tell it, without the lock */
    struct slc_queue_follower *next;
};

struct slc_listener {
    struct slc_listener_options options;
    char *events; /* owned; the stream's key */
    pthread_t thread;
    struct slc_redis *redis; /* the thread's own; NULL: not connected */
    char mark[MARK_BYTES];   /* the last event that was read */
    pthread_mutex_t lock;    /* of what follows */
    pthread_cond_t changed;  /* a call is over, or the end has come */
    struct slc_queue_follower *first;
    int blocked_fd; /* the connection's, by slc_redis_dup(), while the thread waits in it; else -1
                     */
    bool stopping;
};

/* ---- Who waits and follows ------------------------------------------------ */

static struct slc_queue_follower *make(const char *id)
{
    struct slc_queue_follower *follower = calloc(1, sizeof(*follower));

    if (!follower)
        return NULL;
    snprintf(follower->id, sizeof(follower->id), "%s", id);
    return follower;
}

static void list(struct slc_listener *listener, struct slc_queue_follower *follower)
{
    pthread_mutex_lock(&listener->lock);
    follower->next = listener->first;
    listener->first = follower;
    pthread_mutex_unlock(&listener->lock);
}

/* With the lock held. */
static void unlist(struct slc_listener *listener, struct slc_queue_follower *follower)
{
    struct slc_queue_follower **at = &listener->first;

    while (*at && *at != follower)
        at = &(*at)->next;
    if (*at)
        *at = follower->next;
}

bool slc_listener_wait(struct slc_listener *listener, const char *id,
                       void (*on_done)(void *state, const struct slc_batch *batch), void *state)
{
    struct slc_queue_follower *waiter = make(id);

    if (!waiter)
        return false;
    waiter->on_done = on_done;
    waiter->state = state;
    list(listener, waiter);
    return true;
}

/* With the lock held. */
static struct slc_queue_follower *find_waiter(struct slc_listener *listener, const char *id)
{
    struct slc_queue_follower *at = listener->first;

    while (at && !(at->on_done && strcmp(at->id, id) == 0))
        at = at->next;
    return at;
}

void slc_listener_submitted(struct slc_listener *listener, const char *id)
{
    struct slc_queue_follower *waiter;

    pthread_mutex_lock(&listener->lock);
    waiter = find_waiter(listener, id);
    if (waiter) {
        waiter->submitted = true;
        waiter->ended |= waiter->missed;
    }
    pthread_mutex_unlock(&listener->lock);
}

bool slc_listener_forget(struct slc_listener *listener, const char *id)
{
    struct slc_queue_follower *waiter;
    bool waited;

    pthread_mutex_lock(&listener->lock);
    while ((waiter = find_waiter(listener, id)) && waiter->calling)
        pthread_cond_wait(&listener->changed, &listener->lock);
    waited = waiter != NULL;
    if (waited)
        unlist(listener, waiter);
    pthread_mutex_unlock(&listener->lock);
    free(waiter);
    return waited;
}

struct slc_queue_follower *slc_listener_follow(struct slc_listener *listener, const char *id,
                                               void (*on_change)(void *state, bool over),
                                               void *state)
{
    struct slc_queue_follower *follower = make(id);

    if (!follower)
        return NULL;
    follower->on_change = on_change;
    follower->state = state;
    list(listener, follower);
    return follower;
}

void slc_listener_unfollow(struct slc_listener *listener, struct slc_queue_follower *follower)
{
    pthread_mutex_lock(&listener->lock);
    while (follower->calling)
        pthread_cond_wait(&listener->changed, &listener->lock);
    unlist(listener, follower);
    pthread_mutex_unlock(&listener->lock);
    free(follower);
}

/* ---- Telling, on the thread ------------------------------------------------ */

/* With the lock held. */
static struct slc_queue_follower *next_changed(struct slc_listener *listener)
{
    struct slc_queue_follower *at = listener->first;

    while (at && !((at->changed || at->ended) && !at->told_over))
        at = at->next;
    return at;
}

/* The batch of a waiter may be over: without the lock. False when Redis failed. */
static bool tell_waiter(struct slc_listener *listener, struct slc_queue_follower *waiter)
{
    struct slc_error error = {0};
    struct slc_batch *batch =
        slc_batch_read(listener->redis, listener->options.base, waiter->id, true, &error);
    bool over = batch ? batch->ended_usec != 0 : error.code == SLC_ERR_NOT_FOUND;
    bool good = batch || error.code == SLC_ERR_NOT_FOUND;

    pthread_mutex_lock(&listener->lock);
    waiter->calling = false;
    if (over)
        unlist(listener, waiter);
    pthread_cond_broadcast(&listener->changed);
    pthread_mutex_unlock(&listener->lock);
    if (over) {
        waiter->on_done(waiter->state, batch);
        free(waiter);
    }
    slc_batch_free(batch);
    return good;
}

static bool tell_follower(struct slc_listener *listener, struct slc_queue_follower *follower,
                          bool maybe_over)
{
    struct slc_error error = {0};
    bool over = false, good = true;

    if (maybe_over) {
        struct slc_batch *batch =
            slc_batch_read(listener->redis, listener->options.base, follower->id, false, &error);

        over = batch ? batch->ended_usec != 0 : error.code == SLC_ERR_NOT_FOUND;
        good = batch || over;
        slc_batch_free(batch);
    }
    if (good)
        follower->on_change(follower->state, over);
    pthread_mutex_lock(&listener->lock);
    follower->told_over = good && over;
    follower->ended |= !good;
    follower->calling = false;
    pthread_cond_broadcast(&listener->changed);
    pthread_mutex_unlock(&listener->lock);
    return good;
}

/* Tell all what was heard. False when Redis failed; the rest stays to be told. */
static bool tell_all(struct slc_listener *listener)
{
    struct slc_queue_follower *at;
    bool good = true;

    pthread_mutex_lock(&listener->lock);
    while (good && !listener->stopping && (at = next_changed(listener))) {
        bool ended = at->ended, waits = at->on_done != NULL;

        at->changed = at->ended = false;
        if (waits && !ended)
            continue;
        at->calling = true;
        pthread_mutex_unlock(&listener->lock);
        good = waits ? tell_waiter(listener, at) : tell_follower(listener, at, ended);
        pthread_mutex_lock(&listener->lock);
    }
    pthread_mutex_unlock(&listener->lock);
    return good;
}

static void hear(struct slc_listener *listener, struct slc_str kind, struct slc_str id)
{
    pthread_mutex_lock(&listener->lock);
    for (struct slc_queue_follower *at = listener->first; at; at = at->next) {
        if (!slc_str_is(id, at->id))
            continue;
        at->changed = true;
        at->ended |= slc_str_is(kind, "over");
    }
    pthread_mutex_unlock(&listener->lock);
}

/* ---- Reading events -------------------------------------------------------- */

static void keep_mark(struct slc_listener *listener, struct slc_str id)
{
    if (id.len > 0 && id.len < MARK_BYTES)
        snprintf(listener->mark, sizeof(listener->mark), "%.*s", SLC_STR_ARG(id));
}

/* [[id, [kind, batch]], ...] */
static void hear_all(struct slc_listener *listener, const struct slc_reply *events)
{
    for (size_t i = 0; i < events->count; i++) {
        const struct slc_reply *event = &events->items[i];

        if (event->type != SLC_REPLY_ARRAY || event->count != 2)
            continue;
        keep_mark(listener, event->items[0].text);
        if (event->items[1].type == SLC_REPLY_ARRAY && event->items[1].count >= 2)
            hear(listener, event->items[1].items[0].text, event->items[1].items[1].text);
    }
}

/* Events may have been missed: all that somebody waits for is asked for once. */
static void ask_about_all(struct slc_listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    for (struct slc_queue_follower *at = listener->first; at; at = at->next) {
        at->missed = true;
        at->ended |= !at->on_done || at->submitted;
    }
    pthread_mutex_unlock(&listener->lock);
}

/* Where the stream ends now; and everything is asked for once. */
static bool start_anew(struct slc_listener *listener)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    snprintf(listener->mark, sizeof(listener->mark), "0-0");
    if (!slc_redis_call(listener->redis, &reply, NULL, SLC_STR("XREVRANGE"),
                        slc_str_from(listener->events), SLC_STR("+"), SLC_STR("-"),
                        SLC_STR("COUNT"), SLC_STR("1")))
        return false;
    if (reply->type == SLC_REPLY_ARRAY && reply->count == 1 && reply->items[0].count == 2)
        keep_mark(listener, reply->items[0].items[0].text);
    ask_about_all(listener);
    return true;
}

static bool enter_wait(struct slc_listener *listener)
{
    int fd = slc_redis_dup(listener->redis);
    bool go;

    pthread_mutex_lock(&listener->lock);
    go = !listener->stopping;
    listener->blocked_fd = fd;
    pthread_mutex_unlock(&listener->lock);
    return go;
}

static void leave_wait(struct slc_listener *listener)
{
    int fd;

    pthread_mutex_lock(&listener->lock);
    fd = listener->blocked_fd;
    listener->blocked_fd = -1;
    pthread_mutex_unlock(&listener->lock);
    if (fd >= 0)
        close(fd);
}

static bool read_events(struct slc_listener *listener)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    const struct slc_reply *events;
    char block[SLC_NUM_TEXT_BYTES], count[SLC_NUM_TEXT_BYTES];
    int64_t block_ms = slc_redis_is_cluster(listener->redis) ? CLUSTER_BLOCK_MS : BLOCK_MS;
    struct slc_str stream;
    bool good = enter_wait(listener);

    slc_redis_set_timeout(listener->redis, listener->options.timeout_ms + block_ms);
    good = good && slc_redis_call(listener->redis, &reply, NULL, SLC_STR("XREAD"), SLC_STR("COUNT"),
                                  slc_script_number(count, EVENTS_AT_ONCE), SLC_STR("BLOCK"),
                                  slc_script_number(block, block_ms), SLC_STR("STREAMS"),
                                  slc_str_from(listener->events), slc_str_from(listener->mark));
    leave_wait(listener);
    if (!good)
        return false;
    slc_redis_set_timeout(listener->redis, listener->options.timeout_ms);
    if (!slc_script_entries(reply, 0, &stream, &events))
        return true;
    hear_all(listener, events);
    /* So far behind that the stream's oldest events may have been cut off. */
    if (events->count >= EVENTS_AT_ONCE)
        ask_about_all(listener);
    return true;
}

/* False when the listener is to end. */
static bool pause_ms(struct slc_listener *listener, int64_t milliseconds)
{
    int64_t end_usec = slc_monotonic_usec() + milliseconds * 1000;
    struct timespec until = {.tv_sec = end_usec / SLC_USEC_PER_SEC,
                             .tv_nsec = end_usec % SLC_USEC_PER_SEC * 1000};
    bool go;

    pthread_mutex_lock(&listener->lock);
    while (!listener->stopping && slc_monotonic_usec() < end_usec)
        pthread_cond_timedwait(&listener->changed, &listener->lock, &until);
    go = !listener->stopping;
    pthread_mutex_unlock(&listener->lock);
    return go;
}

static bool connect_redis(struct slc_listener *listener)
{
    if (listener->redis)
        return slc_redis_reopen(listener->redis, NULL);
    listener->redis = slc_redis_open(listener->options.url, listener->options.timeout_ms, NULL);
    return listener->redis != NULL;
}

static void *listen_on(void *argument)
{
    struct slc_listener *listener = argument;
    int64_t wait_ms = FIRST_PAUSE_MS, tick_usec = 0;

    do {
        if (!connect_redis(listener) || !start_anew(listener)) {
            wait_ms = wait_ms * 2 > LAST_PAUSE_MS ? LAST_PAUSE_MS : wait_ms * 2;
            continue;
        }
        wait_ms = FIRST_PAUSE_MS;
        while (tell_all(listener) && read_events(listener)) {
            if (listener->options.on_tick &&
                slc_monotonic_usec() - tick_usec > BLOCK_MS * INT64_C(900)) {
                tick_usec = slc_monotonic_usec();
                listener->options.on_tick(listener->options.state, listener->redis);
            }
        }
    } while (pause_ms(listener, wait_ms));
    return NULL;
}

/* ---- The listener ----------------------------------------------------------- */

static void free_listener(struct slc_listener *listener)
{
    slc_redis_close(listener->redis);
    pthread_cond_destroy(&listener->changed);
    pthread_mutex_destroy(&listener->lock);
    free(listener->events);
    free(listener);
}

struct slc_listener *slc_listener_start(const struct slc_listener_options *options,
                                        struct slc_error *error)
{
    struct slc_listener *listener = calloc(1, sizeof(*listener));
    size_t size_bytes = strlen(options->base) + sizeof(":events");
    pthread_condattr_t attributes;

    if (!listener || !(listener->events = malloc(size_bytes))) {
        free(listener);
        slc_fail(error, SLC_ERR_MEMORY, "no memory to listen for the ends of loads");
        return NULL;
    }
    snprintf(listener->events, size_bytes, "%s:events", options->base);
    listener->options = *options;
    listener->blocked_fd = -1;
    pthread_mutex_init(&listener->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&listener->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&listener->thread, NULL, listen_on, listener) != 0) {
        free_listener(listener);
        slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread to listen for the ends of loads");
        return NULL;
    }
    return listener;
}

void slc_listener_stop(struct slc_listener *listener)
{
    if (!listener)
        return;
    pthread_mutex_lock(&listener->lock);
    listener->stopping = true;
    if (listener->blocked_fd >= 0)
        (void)shutdown(listener->blocked_fd, SHUT_RDWR);
    pthread_cond_broadcast(&listener->changed);
    pthread_mutex_unlock(&listener->lock);
    pthread_join(listener->thread, NULL);
    while (listener->first) {
        struct slc_queue_follower *waiter = listener->first;

        listener->first = waiter->next;
        if (waiter->on_done)
            waiter->on_done(waiter->state, NULL);
        free(waiter);
    }
    free_listener(listener);
}
