/* Keeping what was taken: a thread renews the leases and says how far the loads
 * are, whatever the loads' own threads are doing. */
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "job/script.h"
#include "job/worker_internal.h"

enum { TICK_MS = 250 };

enum slc_standing slc_standing_of(const struct slc_reply *reply)
{
    return slc_reply_is(reply, "mine")   ? SLC_STANDING_MINE
           : slc_reply_is(reply, "held") ? SLC_STANDING_HELD
           : slc_reply_is(reply, "lost") ? SLC_STANDING_LOST
                                         : SLC_STANDING_GONE;
}

static bool renew(struct slc_worker *worker, struct slc_redis *redis, const struct slc_taken *taken,
                  struct slc_str progress, enum slc_standing *ret_standing, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    char home[SLC_INBOX_HOME_BYTES];

    pthread_mutex_lock(&worker->lock);
    memcpy(home, worker->home, sizeof(home));
    pthread_mutex_unlock(&worker->lock);
    if (!slc_script_call(redis, worker->base, &reply, error, SLC_STR("renew"), taken->job,
                         slc_str_from(taken->token), taken->stream, taken->entry,
                         slc_str_from(worker->name), progress, slc_str_from(home)))
        return false;
    *ret_standing = slc_standing_of(reply);
    return true;
}

/* ---- The thread ----------------------------------------------------------- */

/* What one renewal needs, copied so that the load may end meanwhile. */
struct renewal {
    char job[64], token[SLC_NUM_TEXT_BYTES], entry[64];
    struct slc_buf stream;
    struct slc_buf progress;
};

/* With the lock held; false when there is nothing to tell. */
static bool prepare(struct slc_worker *worker, struct slc_worker_thread *thread,
                    struct renewal *renewal)
{
    const struct slc_taken *taken = thread->taken;
    int64_t now = slc_monotonic_usec();
    int stage = thread->progress.stage;
    bool moved;

    if (!taken || thread->lost)
        return false;
    if (thread->renewed_usec < taken->taken_usec) { /* the first time for this load */
        thread->sample = (struct slc_record_sample){0};
        thread->renewed_usec = taken->taken_usec;
    }
    moved = thread->sample.at_usec == 0 || stage != thread->sample.stage ||
            slc_load_progress_share(&thread->progress) > thread->sample.share;
    if (!moved && now - thread->renewed_usec < worker->options.lease_ms * INT64_C(1000) / 4)
        return false;
    slc_buf_clear(&renewal->stream);
    slc_buf_clear(&renewal->progress);
    slc_buf_append_str(&renewal->stream, taken->stream);
    slc_record_progress(&renewal->progress, &thread->progress, taken->taken_usec, &thread->sample);
    if (taken->job.len >= sizeof(renewal->job) || taken->entry.len >= sizeof(renewal->entry) ||
        renewal->stream.failed || renewal->progress.failed)
        return false;
    memcpy(renewal->job, taken->job.data, taken->job.len + 1);
    memcpy(renewal->entry, taken->entry.data, taken->entry.len + 1);
    memcpy(renewal->token, taken->token, sizeof(renewal->token));
    return true;
}

/* With the lock held: what Redis said of the load with that token. */
static bool take_in(struct slc_worker_thread *thread, const struct renewal *renewal,
                    enum slc_standing standing)
{
    if (!thread->taken || strcmp(thread->taken->token, renewal->token) != 0)
        return false;
    thread->renewed_usec = slc_monotonic_usec();
    if (standing == SLC_STANDING_HELD)
        thread->held = true;
    if (standing == SLC_STANDING_LOST)
        thread->lost = true;
    if (thread->held || thread->lost)
        atomic_store(&thread->cancel, true);
    return true;
}

static bool renew_one(struct slc_worker *worker, struct slc_worker_thread *thread,
                      struct slc_redis **redis, struct renewal *renewal, struct slc_error *error)
{
    const struct slc_taken *taken;
    struct slc_taken copy = {0};
    enum slc_standing standing;
    bool wanted;

    pthread_mutex_lock(&worker->lock);
    wanted = prepare(worker, thread, renewal);
    pthread_mutex_unlock(&worker->lock);
    if (!wanted)
        return true;
    copy.job = slc_str_from(renewal->job);
    copy.entry = slc_str_from(renewal->entry);
    copy.stream = slc_buf_view(&renewal->stream);
    memcpy(copy.token, renewal->token, sizeof(copy.token));
    taken = &copy;
    if (!slc_worker_connect(worker, redis, error) ||
        !renew(worker, *redis, taken, slc_buf_view(&renewal->progress), &standing, error))
        return false;
    pthread_mutex_lock(&worker->lock);
    (void)take_in(thread, renewal, standing);
    pthread_mutex_unlock(&worker->lock);
    return true;
}

/* With the lock held: until the next tick, or for ever when nothing runs. */
static void wait_tick(struct slc_worker *worker)
{
    int64_t end_usec = slc_monotonic_usec() + TICK_MS * 1000;
    struct timespec until = {.tv_sec = end_usec / SLC_USEC_PER_SEC,
                             .tv_nsec = end_usec % SLC_USEC_PER_SEC * 1000};

    if (worker->running == 0)
        pthread_cond_wait(&worker->changed, &worker->lock);
    else
        while (!worker->ending && slc_monotonic_usec() < end_usec)
            pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
}

void *slc_worker_renew(void *argument)
{
    struct slc_worker *worker = argument;
    struct slc_redis *redis = NULL;
    struct renewal renewal = {0};

    pthread_mutex_lock(&worker->lock);
    while (!worker->ending) {
        bool good = true;

        wait_tick(worker);
        pthread_mutex_unlock(&worker->lock);
        /* A Redis that is away is told by the threads that take; the lease has
         * some tries before it runs out. */
        for (size_t i = 0; good && i < worker->thread_count; i++)
            good = renew_one(worker, &worker->threads[i], &redis, &renewal, NULL);
        pthread_mutex_lock(&worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
    slc_buf_release(&renewal.stream);
    slc_buf_release(&renewal.progress);
    slc_redis_close(redis);
    return NULL;
}

/* ---- Before the ticket is marked ---------------------------------------------- */

bool slc_worker_may_end(void *state)
{
    struct slc_worker_thread *thread = state;
    struct slc_worker *worker = thread->worker;
    int64_t pause_ms = 0;
    int64_t deadline_usec = slc_monotonic_usec() + worker->options.patience_ms * INT64_C(1000);

    for (;;) {
        enum slc_standing standing;
        struct slc_error why = {0};

        if (slc_worker_connect(worker, &thread->redis, &why) &&
            renew(worker, thread->redis, thread->taken, (struct slc_str){"", 0}, &standing, &why)) {
            pthread_mutex_lock(&worker->lock);
            thread->lost |= standing == SLC_STANDING_LOST;
            pthread_mutex_unlock(&worker->lock);
            return standing != SLC_STANDING_LOST;
        }
        if (why.class != SLC_CLASS_RETRY || !slc_worker_pause(thread, &pause_ms, deadline_usec))
            return false;
    }
}
