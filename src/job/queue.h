/* Loads as jobs: a queue in this process with threads that take from it.
 *
 * Loads come in batches (all tickets of one request). Each load is tried in the
 * order of its batch, batches in the order of coming; one whose file still
 * grows steps aside meanwhile, and two loads of one replica never run at a
 * time. A finished batch is kept for a while, so that it can be asked for.
 *
 * How a load is done is behind a small ops struct, so that the queue can be
 * tested by itself, and another queue (shared by machines) can take its place. */
#ifndef SLC_JOB_QUEUE_H
#define SLC_JOB_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "job/ticket_load.h"

enum { SLC_BATCH_ID_BYTES = 33 };

enum slc_job_state {
    SLC_JOB_QUEUED,
    SLC_JOB_RUNNING,
    SLC_JOB_DONE,
    SLC_JOB_FAILED,
    SLC_JOB_SKIPPED
};

/* "queued", "running", "done", "failed", "skipped". */
const char *slc_job_state_name(enum slc_job_state state);

/* One load. Seen only as const and only where it says so below. */
struct slc_job {
    char *ticket_name;
    char *file_name; /* "" when unknown */
    char *replica;   /* "" when unknown */
    enum slc_job_state state;
    bool force;
    struct slc_load_progress progress;
    int64_t started_usec; /* wall clock; 0: not yet */
    int64_t ended_usec;
    /* Once it is over: */
    enum slc_ticket_status status; /* of its ticket */
    char load_dttm[32];
    char load_id[SLC_LOAD_ID_BYTES];
    int64_t rows_read, rows_written, rows_rejected, duplicate_keys;
    char *drift;                    /* JSON array of sentences; NULL: the table is much as it was */
    struct slc_error *error;        /* NULL unless FAILED */
    struct slc_error *ticket_error; /* of the report; NULL: the ticket was brought up to date */

    /* The queue's own. */
    struct slc_batch *batch;
    struct slc_error *fault;
    struct slc_ticket_try attempt;
    int64_t rest_until_usec;
    struct slc_job *next;
};

struct slc_batch {
    char id[SLC_BATCH_ID_BYTES];
    bool force;
    int64_t submitted_usec; /* wall clock */
    int64_t ended_usec;     /* 0: not over */
    size_t count;
    size_t left; /* not over yet */
    struct slc_job *jobs;

    /* The queue's own. */
    void (*on_done)(void *state, const struct slc_batch *batch);
    void *done_state;
    struct slc_batch *older, *newer, *next_done;
};

/* One load to be done; the texts are copied. */
struct slc_queue_request {
    const char *ticket_name;
    const char *file_name;         /* NULL when unknown */
    const char *replica;           /* NULL when unknown */
    const struct slc_error *fault; /* the ticket is faulty: only mark it; NULL: it is not */
};

/* How a load is done. Each queue thread has a worker of its own. */
struct slc_queue_ops {
    void *(*open)(void *context, struct slc_error *error); /* NULL on failure */
    void (*begin)(void *worker); /* on the thread, before its first load; may be NULL */
    void (*run)(void *worker, struct slc_ticket_try *attempt, struct slc_ticket_report *report);
    void (*close)(void *worker);
};

struct slc_queue_options {
    const struct slc_queue_ops *ops;
    void *context;
    size_t workers;      /* 0 means 1 */
    size_t waiting_max;  /* loads that wait or run; 0 means 200000 */
    size_t history_max;  /* finished batches kept; 0 means 256 */
    size_t finished_max; /* loads in them; 0 means 200000 */
    /* After each load that was begun, on its thread, without any lock; may be
     * NULL. Of the job only its names are to be looked at. */
    void (*on_finished)(void *state, const struct slc_job *job,
                        const struct slc_ticket_report *report);
    void *finished_state;
    /* Asked every 100 ms during a graceful stop, without any lock: true ends the
     * grace. May be NULL. */
    bool (*must_hurry)(void *state);
    void *hurry_state;
};

struct slc_queue;

/* Start the threads. NULL on failure. Errors: MEMORY, INTERNAL. */
struct slc_queue *slc_queue_start(const struct slc_queue_options *options, struct slc_error *error);

/* Submit a batch; an empty one is over at once. `on_done` (may be NULL) is
 * called once, from a queue thread or, when the batch is over before this
 * returns, from here; the batch is whole then and stays until the call returns.
 * Errors: LIMIT (the queue is full), CANCELLED (it is stopping), MEMORY; no
 * `on_done` comes then. */
bool slc_queue_submit(struct slc_queue *queue, const struct slc_queue_request *requests,
                      size_t count, bool force,
                      void (*on_done)(void *state, const struct slc_batch *batch), void *done_state,
                      char ret_id[SLC_BATCH_ID_BYTES], struct slc_error *error);

/* A load of that ticket waits or runs. */
bool slc_queue_has(struct slc_queue *queue, const char *ticket_name);

/* Call `see` for the batch of that id, or, with NULL, for all, newest first,
 * under the queue's lock: no calls back, and be quick. False when there is none
 * of that id. */
bool slc_queue_see(struct slc_queue *queue, const char *id,
                   void (*see)(void *state, const struct slc_batch *batch), void *state);

struct slc_queue_counts {
    size_t waiting, running;
    int64_t done, failed, skipped; /* since the start */
    int64_t rows_read, rows_written, rows_rejected, duplicate_keys;
    int64_t load_usec; /* spent in loads */
};
void slc_queue_counts(struct slc_queue *queue, struct slc_queue_counts *ret_counts);

/* Stop what runs, drop what waits (both end FAILED with CANCELLED, their tickets
 * stay as they were), and start nothing until as many resumes. Returns when
 * nothing runs. Not from `on_done`, `on_finished` or a worker. */
void slc_queue_hold(struct slc_queue *queue);
void slc_queue_resume(struct slc_queue *queue);

/* Stop for good and free: what waits is dropped, what runs may end within
 * `graceful_usec` (or until must_hurry), then it is stopped. True when nothing had to be stopped.
 * NULL is fine. */
bool slc_queue_stop(struct slc_queue *queue, int64_t graceful_usec);

#endif
