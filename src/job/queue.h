/* Loads as jobs, shared by every process and machine that names the same Redis
 * and registry key. This is the side of those who ask for loads and look at
 * them (HTTP processes, the watch loop, commands); job/worker.h is the side of
 * those who do them.
 *
 * Loads come in batches (all tickets of one request). The queue lives in Redis
 * (docs/redis-keys.md, "Loads"): a batch outlives who submitted it, and a load
 * whose worker died is taken up by another one.
 *
 * Any thread may call everything here. A process makes its queue after its last
 * fork. Calls wait for Redis at most its timeout; when it is away they fail with
 * class RETRY. */
#ifndef SLC_JOB_QUEUE_H
#define SLC_JOB_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "job/inbox.h"
#include "load/load.h"
#include "redis/url.h"
#include "source/ticket.h"

enum { SLC_BATCH_ID_BYTES = 33, SLC_JOB_WORKER_BYTES = 192 };

enum slc_job_state {
    SLC_JOB_QUEUED,
    SLC_JOB_RUNNING,
    SLC_JOB_DONE,
    SLC_JOB_FAILED,
    SLC_JOB_SKIPPED
};

/* "queued", "running", "done", "failed", "skipped". */
const char *slc_job_state_name(enum slc_job_state state);

/* One load, as it was in Redis when it was looked at. */
struct slc_job {
    char *ticket_name;
    char *file_name; /* "" when unknown */
    char *replica;   /* "" when unknown */
    enum slc_job_state state;
    int attempts;                      /* how often it was begun */
    int64_t started_usec;              /* wall clock, of the first attempt; 0: not yet */
    int64_t ended_usec;                /* 0: not over */
    char worker[SLC_JOB_WORKER_BYTES]; /* RUNNING: who does it, else "" */

    /* How far it is, while RUNNING; at most a quarter of a second old. */
    enum slc_load_stage stage;
    double share; /* 0 to 1; 1 when it is over */
    int64_t size_bytes;
    double rows_per_second;                                         /* of late; 0: not known yet */
    double seconds_left;                                            /* -1: not known yet */
    int64_t rows_read, rows_written, rows_rejected, duplicate_keys; /* so far, or in all */

    /* Once it is over: */
    enum slc_ticket_status status; /* of its ticket */
    char load_dttm[32];
    char load_id[SLC_LOAD_ID_BYTES];
    char *drift;                    /* JSON array of sentences; NULL: the table is much as it was */
    struct slc_error *error;        /* NULL unless FAILED */
    struct slc_error *ticket_error; /* of the report; NULL: the ticket was brought up to date */
};

struct slc_batch {
    char id[SLC_BATCH_ID_BYTES];
    bool force;
    int64_t submitted_usec; /* wall clock */
    int64_t started_usec;   /* of the first load that began; 0: none has */
    int64_t ended_usec;     /* 0: not over */
    int64_t count;
    int64_t running, done, failed, skipped; /* of them; the rest waits */
    /* Of those that are over, and with `jobs` of those that run, too. */
    int64_t rows_read, rows_written, rows_rejected, duplicate_keys;
    double share;            /* 0 to 1 */
    struct slc_error *error; /* of the first load that failed; NULL: none */
    struct slc_job *jobs;    /* `count` of them; NULL: not asked for */
};

struct slc_queue;

struct slc_queue_options {
    const struct slc_redis_url *redis_url; /* copied */
    int64_t timeout_ms;                    /* of Redis' answers */
    const char *registry_key;              /* copied */
    /* The stream directory that submitted tickets are in; borrowed. NULL: this
     * queue only looks. */
    struct slc_inbox *inbox;
    int64_t lease_ms;        /* of the workers; 0 means 15000 */
    int64_t waiting_max;     /* loads that wait or run; 0 means 200000 */
    int64_t history_max;     /* finished batches kept; 0 means 256 */
    int64_t history_ttl_sec; /* and for how long; 0 means a week */
    size_t connections;      /* at most, for calls at the same time; 0 means 4 */
};

/* Connects to nothing yet. NULL on failure. Errors: MEMORY. */
struct slc_queue *slc_queue_open(const struct slc_queue_options *options, struct slc_error *error);

/* Batches that were submitted here and are not over go on without this process;
 * their on_done is called with NULL. Nothing of the queue may be called
 * meanwhile. NULL is fine. */
void slc_queue_close(struct slc_queue *queue);

/* ---- Asking for loads ------------------------------------------------------ */

/* One load to be done; all of it is copied. */
struct slc_queue_request {
    const char *ticket_name;
    const char *file_name;           /* NULL when unknown */
    const char *replica;             /* NULL when unknown */
    const struct slc_ticket *ticket; /* as it was read; NULL: it could not be */
    const struct slc_error *fault;   /* the ticket is faulty: only mark it; NULL: it is not */
};

enum { SLC_QUEUE_ONCE_MAX = 250 };

struct slc_queue_submission {
    const struct slc_queue_request *requests;
    size_t count; /* an empty batch is over at once */
    bool force;   /* whatever the tickets' states are */
    /* Leave out the tickets for which a load waits or runs already, whoever asked
     * for it, and those whose last load failed without a verdict a short while
     * ago (the pauses grow with each failure in a row): for who looks at the
     * directory again and again. At most SLC_QUEUE_ONCE_MAX, which are one step for Redis. */
    bool once;
    /* Called once, from a thread of the queue, when all is over: with the batch,
     * which is whole and stays until the call returns, or with NULL when the queue
     * is closed before or Redis has lost the batch. May be NULL. It may call the queue, except
     * slc_queue_close(). */
    void (*on_done)(void *state, const struct slc_batch *batch);
    void *done_state;
};

struct slc_queue_receipt {
    char id[SLC_BATCH_ID_BYTES]; /* "" when `once` left nothing */
    size_t taken;                /* of the requests */
    int64_t wait_ms; /* until the first pause ends of those left out; -1: there is none */
};

/* Submit a batch: all of it, or nothing. Returns at once; `receipt` may be NULL.
 * Errors: LIMIT (the queue is full), CANCELLED (it is held, see slc_queue_hold()), MEMORY, those of
 * redis/; no `on_done` comes then. */
bool slc_queue_submit(struct slc_queue *queue, const struct slc_queue_submission *submission,
                      struct slc_queue_receipt *receipt, struct slc_error *error);

/* ---- Looking ---------------------------------------------------------------- */

/* Call `see` for the batch of that id with its jobs. Errors: NOT_FOUND (there is
 * none of that id, any more), MEMORY, those of redis/. */
bool slc_queue_see(struct slc_queue *queue, const char *id,
                   void (*see)(void *state, const struct slc_batch *batch), void *state,
                   struct slc_error *error);

/* Call `see` for at most `limit` batches (0: all that are kept), newest first,
 * without their jobs, beginning behind the one of id `after` (NULL: with the
 * newest). An `after` that is gone is NOT_FOUND. */
bool slc_queue_list(struct slc_queue *queue, const char *after, size_t limit,
                    void (*see)(void *state, const struct slc_batch *batch), void *state,
                    struct slc_error *error);

/* Call `on_change` whenever a load of that batch has come further (at most four
 * times a second for each load that runs) or is over, and once soon after the
 * call; `over` says that the batch is (or is gone), and no call comes behind that one. From
 * a thread of the queue: be quick, see the batch with slc_queue_see(). NULL on failure. */
struct slc_queue_follower;
struct slc_queue_follower *slc_queue_follow(struct slc_queue *queue, const char *id,
                                            void (*on_change)(void *state, bool over), void *state,
                                            struct slc_error *error);
/* When it returns no call is under way and none will come. Not from `on_change`.
 * Every follower has to be given back before slc_queue_close(). NULL is fine. */
void slc_queue_unfollow(struct slc_queue *queue, struct slc_queue_follower *follower);

struct slc_queue_counts {
    int64_t waiting, running;
    int64_t done, failed, skipped; /* since the registry's first load */
    int64_t retaken;               /* loads taken over from a worker that was gone */
    int64_t rows_read, rows_written, rows_rejected, duplicate_keys;
    int64_t load_usec; /* spent in loads */
};
bool slc_queue_counts(struct slc_queue *queue, struct slc_queue_counts *ret_counts,
                      struct slc_error *error);

/* ---- Holding ------------------------------------------------------------------ */

/* Stop what runs, drop what waits (both end FAILED with CANCELLED, their tickets
 * stay as they were), and let nothing start, on any machine, until
 * slc_queue_resume() was called as often, or this process is gone. Returns when
 * nothing runs. On failure nothing is held. Not from a callback. */
bool slc_queue_hold(struct slc_queue *queue, struct slc_error *error);

/* The process stops: who waits in slc_queue_hold(), now or later, gives up (CANCELLED).
 * Any thread. */
void slc_queue_interrupt(struct slc_queue *queue);
void slc_queue_resume(struct slc_queue *queue);

#endif
