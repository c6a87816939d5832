/* The side of the queue that does the loads (job/queue.h is the other one).
 *
 * A worker takes one load at a time, holds it by a lease that a thread of its
 * own renews, says how far it is, and ends it. What keeps two from doing one
 * load:
 *   - a load is taken from a Redis stream by one consumer, atomically with a
 *     token that is larger than all before (the fence);
 *   - two loads of one replica never run at a time;
 *   - a load whose worker is gone (its process has ended, seen at once on its
 *     own machine, or its lease has run out) is taken over with a new token; the old
 *     worker, should it still live, learns of it at the next renewal and stops,
 *     and with its old token it can neither mark the ticket nor end the load;
 *   - a load that was begun `attempts` times and never came to an end marks its
 *     ticket FAILED;
 *   - what a worker takes that it does not see (the directory of another
 *     machine, a mount that lags behind) goes back to those who do.
 *
 * While Redis is away workers wait and try again. */
#ifndef SLC_JOB_WORKER_H
#define SLC_JOB_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "job/inbox.h"
#include "job/ticket_load.h"
#include "redis/url.h"

/* How a load is done. Each thread has a state of its own. */
struct slc_worker_ops {
    void *(*open)(void *context, struct slc_error *error); /* NULL on failure */
    /* On the thread, before its first load, and again when Redis was away or a load
     * failed for a reason that may pass: to clear up. May be NULL. */
    void (*begin)(void *state);
    void (*run)(void *state, struct slc_ticket_try *attempt, struct slc_ticket_report *report);
    void (*close)(void *state);
};

/* What its owner may want to log; from any thread of the worker. */
enum slc_worker_event {
    SLC_WORKER_AWAY,    /* Redis cannot be reached; `error` says why. Told once, until BACK */
    SLC_WORKER_BACK,    /* it can be again */
    SLC_WORKER_RETAKEN, /* a load of a worker that is gone was taken over */
    SLC_WORKER_LOST,    /* a load was taken over by another worker and is stopped here */
    /* What Redis has of a load says nothing one can read; `ticket_name` is the load's own
     * name. It waits for a worker that can, and fails after the last attempt. */
    SLC_WORKER_UNREADABLE,
    SLC_WORKER_CUT, /* the grace of a stop is over: what still runs has been told to end */
};

struct slc_worker_hook {
    /* `ticket_name` is NULL where no load is meant, `error` where nothing went wrong. */
    void (*on_event)(void *state, enum slc_worker_event event, const char *ticket_name,
                     const struct slc_error *error); /* may be NULL */
    /* After each load that was begun and is over, on its thread. May be NULL. */
    void (*on_finished)(void *state, const char *ticket_name, const char *replica,
                        const struct slc_ticket_report *report);
    /* Asked every 100 ms during a graceful stop: true ends the grace. May be NULL. */
    bool (*must_hurry)(void *state);
    void *state;
};

struct slc_worker_options {
    const struct slc_redis_url *redis_url; /* copied */
    int64_t timeout_ms;                    /* of Redis' answers */
    struct slc_inbox *inbox;               /* borrowed: the registry key, and what it sees */
    const struct slc_worker_ops *ops;
    void *context;
    size_t threads;   /* 0 means 1 */
    int attempts;     /* 0 means 3 */
    int64_t lease_ms; /* 0 means 15000 */
    /* How long the end of a load is tried to be told to a Redis that is away; behind
     * that the load is another worker's. */
    int64_t patience_ms;
    struct slc_worker_hook hook;
};

struct slc_worker;

/* Start the threads; a Redis that is away is no failure. A process starts its
 * workers after its last fork. NULL on failure. Errors: MEMORY, INTERNAL. */
struct slc_worker *slc_worker_start(const struct slc_worker_options *options,
                                    struct slc_error *error);

/* Take nothing more; what runs may end within `graceful_usec` (or until
 * must_hurry), then it is stopped and goes back to the queue for another worker. Frees. True when
 * nothing had to be stopped. NULL is fine. */
bool slc_worker_stop(struct slc_worker *worker, int64_t graceful_usec);

#endif
