/* Inside job: one thread of a process that hears what becomes of batches.
 *
 * It reads the stream of events, so that a connection that was lost goes on
 * where it ended; what may have been missed for good (Redis was restarted, the stream
 * was cut) is asked for after each connect. */
#ifndef SLC_JOB_LISTENER_H
#define SLC_JOB_LISTENER_H

#include <stdbool.h>

#include "base/error.h"
#include "job/queue.h"
#include "redis/url.h"

struct slc_listener;

struct slc_listener_options {
    const struct slc_redis_url *url; /* borrowed, as is what follows */
    const char *base;
    int64_t timeout_ms;
    /* Every few seconds, on the thread, with its connection; may be NULL. */
    void (*on_tick)(void *state, struct slc_redis *redis);
    void *state;
};

/* NULL on failure. Errors: MEMORY, INTERNAL. */
struct slc_listener *slc_listener_start(const struct slc_listener_options *options,
                                        struct slc_error *error);
/* Whoever still waits is told NULL. NULL is fine. */
void slc_listener_stop(struct slc_listener *listener);

/* Wait for the end of a batch. Call it before the batch is submitted, and then
 * one of the other two. False: no memory. Forgetting says whether it came in time: false when
 * on_done was called, or is about to be. */
bool slc_listener_wait(struct slc_listener *listener, const char *id,
                       void (*on_done)(void *state, const struct slc_batch *batch), void *state);
void slc_listener_submitted(struct slc_listener *listener, const char *id);
bool slc_listener_forget(struct slc_listener *listener, const char *id);

/* As slc_queue_follow(); the first call has to be caused by an event. NULL: no memory. */
struct slc_queue_follower *slc_listener_follow(struct slc_listener *listener, const char *id,
                                               void (*on_change)(void *state, bool over),
                                               void *state);
void slc_listener_unfollow(struct slc_listener *listener, struct slc_queue_follower *follower);

#endif
