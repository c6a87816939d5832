#include "job/queue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "job/batch.h"
#include "job/names_in_use.h"

enum {
    WAITING_DEFAULT = 200000,
    HISTORY_DEFAULT = 256,
    FINISHED_DEFAULT = 200000,
    WORKERS_MAX = 64,
    HURRY_LOOK_USEC = 100000,
};

struct job_list {
    struct slc_job *first, *last;
    size_t count;
};

struct worker {
    struct slc_queue *queue;
    pthread_t thread;
    bool started;
    void *state; /* of the ops */
    atomic_bool cancel;
    struct slc_job *job; /* NULL: idle */
};

struct slc_queue {
    struct slc_queue_options options;
    pthread_mutex_t lock;
    pthread_cond_t work;    /* something to do, or to stop */
    pthread_cond_t changed; /* a load is over */
    struct worker *workers;
    size_t worker_count;
    struct job_list waiting; /* in their order */
    struct job_list resting; /* their files still grow */
    struct slc_names_in_use names;
    struct slc_batch *newest, *oldest;
    size_t batch_count, finished_batches, finished_jobs;
    size_t running;
    size_t held;
    bool stopping;
    struct slc_queue_counts counts;
};

/* ---- Lists, with the lock held ------------------------------------------- */

static void append(struct job_list *list, struct slc_job *job)
{
    job->next = NULL;
    if (list->last)
        list->last->next = job;
    else
        list->first = job;
    list->last = job;
    list->count++;
}

/* Take out the job behind `previous` (NULL: the first). */
static struct slc_job *take_behind(struct job_list *list, struct slc_job *previous)
{
    struct slc_job *job = previous ? previous->next : list->first;

    if (previous)
        previous->next = job->next;
    else
        list->first = job->next;
    if (list->last == job)
        list->last = previous;
    job->next = NULL;
    list->count--;
    return job;
}

/* ---- Batches ------------------------------------------------------------- */

static void list_batch(struct slc_queue *queue, struct slc_batch *batch)
{
    batch->older = queue->newest;
    if (queue->newest)
        queue->newest->newer = batch;
    else
        queue->oldest = batch;
    queue->newest = batch;
    queue->batch_count++;
}

static void unlist_batch(struct slc_queue *queue, struct slc_batch *batch)
{
    if (batch->newer)
        batch->newer->older = batch->older;
    else
        queue->newest = batch->older;
    if (batch->older)
        batch->older->newer = batch->newer;
    else
        queue->oldest = batch->newer;
    queue->batch_count--;
}

/* Forget finished batches, the oldest first, until few enough are left. Those
 * whose on_done is still to come or running have next_done pointing to
 * themselves or another one, and stay. */
static void trim_history(struct slc_queue *queue)
{
    struct slc_batch *batch = queue->oldest;

    while (batch && (queue->finished_batches > queue->options.history_max ||
                     queue->finished_jobs > queue->options.finished_max)) {
        struct slc_batch *newer = batch->newer;

        if (batch->ended_usec && !batch->next_done) {
            queue->finished_batches--;
            queue->finished_jobs -= batch->count;
            unlist_batch(queue, batch);
            slc_batch_free(batch);
        }
        batch = newer;
    }
}

/* The last of its loads is over. A list of these ends with one that points to
 * itself, so that next_done also says "not yet told". */
static void end_batch(struct slc_batch *batch, struct slc_batch **done)
{
    batch->ended_usec = slc_now_usec();
    batch->next_done = *done ? *done : batch;
    *done = batch;
}

/* Without the lock: tell the owners of the batches, then let go of them. */
static void tell_done(struct slc_queue *queue, struct slc_batch *done)
{
    while (done) {
        struct slc_batch *next = done->next_done == done ? NULL : done->next_done;

        if (done->on_done)
            done->on_done(done->done_state, done);
        pthread_mutex_lock(&queue->lock);
        done->next_done = NULL;
        queue->finished_batches++;
        queue->finished_jobs += done->count;
        trim_history(queue);
        pthread_mutex_unlock(&queue->lock);
        done = next;
    }
}

/* ---- One load ------------------------------------------------------------ */

static enum slc_job_state state_of(enum slc_ticket_outcome outcome)
{
    return outcome == SLC_TICKET_OUTCOME_LOADED    ? SLC_JOB_DONE
           : outcome == SLC_TICKET_OUTCOME_SKIPPED ? SLC_JOB_SKIPPED
                                                   : SLC_JOB_FAILED;
}

static void count_job(struct slc_queue_counts *counts, const struct slc_job *job)
{
    counts->done += job->state == SLC_JOB_DONE;
    counts->failed += job->state == SLC_JOB_FAILED;
    counts->skipped += job->state == SLC_JOB_SKIPPED;
    if (job->state == SLC_JOB_DONE) {
        counts->rows_read += job->rows_read;
        counts->rows_written += job->rows_written;
        counts->rows_rejected += job->rows_rejected;
        counts->duplicate_keys += job->duplicate_keys;
    }
    if (job->started_usec)
        counts->load_usec += job->ended_usec - job->started_usec;
}

/* What changed against the load before, as JSON; NULL when nothing did. */
static char *drift_json(const struct slc_drift *drift)
{
    struct slc_buf json = {0};
    char *text;

    if (drift->n_sentences == 0)
        return NULL;
    slc_buf_append_byte(&json, '[');
    for (int i = 0; i < drift->n_sentences; i++) {
        slc_json_comma(&json);
        slc_json_text(&json, drift->sentences[i]);
    }
    slc_buf_append_byte(&json, ']');
    text = slc_buf_steal(&json, NULL);
    slc_buf_release(&json);
    return text;
}

/* NULL without memory. */
static struct slc_error *copy_error(const struct slc_error *error)
{
    struct slc_error *copy = malloc(sizeof(*copy));

    if (copy)
        *copy = *error;
    return copy;
}

/* A load is over, with the lock held; its batch is added to `done` when it was
 * the last one. */
static void end_job(struct slc_queue *queue, struct slc_job *job,
                    const struct slc_ticket_report *report, struct slc_batch **done)
{
    job->state = state_of(report->outcome);
    job->ended_usec = slc_now_usec();
    job->status = report->status;
    snprintf(job->load_dttm, sizeof(job->load_dttm), "%.31s", report->load_dttm);
    snprintf(job->load_id, sizeof(job->load_id), "%s", report->result.load_id);
    job->rows_read = report->result.rows_read;
    job->rows_written = report->result.rows_written;
    job->rows_rejected = report->result.rows_rejected;
    job->duplicate_keys = report->result.duplicate_keys;
    job->drift = drift_json(&report->result.drift);
    if (job->state == SLC_JOB_FAILED)
        job->error = copy_error(&report->error);
    if (report->ticket_error.code != SLC_ERR_NONE)
        job->ticket_error = copy_error(&report->ticket_error);
    count_job(&queue->counts, job);
    slc_names_in_use_remove(&queue->names, job->ticket_name);
    if (--job->batch->left == 0)
        end_batch(job->batch, done);
    pthread_cond_broadcast(&queue->changed);
}

static void drop_list(struct slc_queue *queue, struct job_list *list, struct slc_batch **done)
{
    struct slc_ticket_report report = {.outcome = SLC_TICKET_OUTCOME_FAILED};

    slc_fail(&report.error, SLC_ERR_CANCELLED, "the load was dropped before it began");
    while (list->first)
        end_job(queue, take_behind(list, NULL), &report, done);
}

static bool replica_is_busy(const struct slc_queue *queue, const struct slc_job *job)
{
    for (size_t i = 0; i < queue->worker_count; i++)
        if (queue->workers[i].job && job->replica[0] &&
            strcmp(queue->workers[i].job->replica, job->replica) == 0)
            return true;
    return false;
}

/* Those whose rest is over wait again; returns when the next one's is, or
 * INT64_MAX. */
static int64_t wake_rested(struct slc_queue *queue)
{
    int64_t now = slc_monotonic_usec(), earliest = INT64_MAX;
    struct slc_job *previous = NULL;

    for (struct slc_job *job = queue->resting.first, *next; job; job = next) {
        next = job->next;
        if (job->rest_until_usec <= now) {
            append(&queue->waiting, take_behind(&queue->resting, previous));
            continue;
        }
        if (job->rest_until_usec < earliest)
            earliest = job->rest_until_usec;
        previous = job;
    }
    return earliest;
}

static struct slc_job *pick(struct slc_queue *queue)
{
    struct slc_job *previous = NULL;

    for (struct slc_job *job = queue->waiting.first; job; previous = job, job = job->next)
        if (!replica_is_busy(queue, job))
            return take_behind(&queue->waiting, previous);
    return NULL;
}

/* Wait, with the lock held, until there is a load; NULL when the queue stops. */
static struct slc_job *next_job(struct slc_queue *queue)
{
    while (!queue->stopping) {
        int64_t earliest = wake_rested(queue);
        struct slc_job *job = queue->held ? NULL : pick(queue);
        struct timespec until = {.tv_sec = (time_t)(earliest / SLC_USEC_PER_SEC),
                                 .tv_nsec = (long)(earliest % SLC_USEC_PER_SEC * 1000)};

        if (job)
            return job;
        if (earliest == INT64_MAX)
            pthread_cond_wait(&queue->work, &queue->lock);
        else
            pthread_cond_timedwait(&queue->work, &queue->lock, &until);
    }
    return NULL;
}

/* With the lock held, which is given up for the time of the load. */
static void run_job(struct worker *worker, struct slc_job *job)
{
    struct slc_queue *queue = worker->queue;
    struct slc_ticket_report report;
    struct slc_batch *done = NULL;

    worker->job = job;
    queue->running++;
    atomic_store(&worker->cancel, false);
    job->state = SLC_JOB_RUNNING;
    if (!job->started_usec)
        job->started_usec = slc_now_usec();
    job->attempt.ticket_name = job->ticket_name;
    job->attempt.force = job->force;
    job->attempt.fault = job->fault;
    job->attempt.cancel = &worker->cancel;
    job->attempt.progress = &job->progress;
    pthread_mutex_unlock(&queue->lock);

    queue->options.ops->run(worker->state, &job->attempt, &report);
    if (report.outcome != SLC_TICKET_OUTCOME_WAIT && queue->options.on_finished)
        queue->options.on_finished(queue->options.finished_state, job, &report);

    pthread_mutex_lock(&queue->lock);
    worker->job = NULL;
    queue->running--;
    if (report.outcome == SLC_TICKET_OUTCOME_WAIT && !atomic_load(&worker->cancel)) {
        job->state = SLC_JOB_QUEUED;
        job->rest_until_usec =
            slc_monotonic_usec() + (report.wait_ms > 0 ? report.wait_ms : 1) * 1000;
        append(&queue->resting, job);
        pthread_cond_broadcast(&queue->changed);
        return;
    }
    if (report.outcome == SLC_TICKET_OUTCOME_WAIT) {
        report.outcome = SLC_TICKET_OUTCOME_FAILED;
        slc_fail(&report.error, SLC_ERR_CANCELLED, "the load was stopped");
    }
    end_job(queue, job, &report, &done);
    /* Loads of the same replica may have waited for this one. */
    pthread_cond_broadcast(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    tell_done(queue, done);
    pthread_mutex_lock(&queue->lock);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct slc_queue *queue = worker->queue;
    struct slc_job *job;

    if (queue->options.ops->begin)
        queue->options.ops->begin(worker->state);
    pthread_mutex_lock(&queue->lock);
    while ((job = next_job(queue)))
        run_job(worker, job);
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* ---- The queue ----------------------------------------------------------- */

static void free_queue(struct slc_queue *queue)
{
    for (size_t i = 0; queue->workers && i < queue->worker_count; i++)
        if (queue->workers[i].state)
            queue->options.ops->close(queue->workers[i].state);
    while (queue->oldest) {
        struct slc_batch *batch = queue->oldest;

        unlist_batch(queue, batch);
        slc_batch_free(batch);
    }
    pthread_cond_destroy(&queue->work);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue->workers);
    free(queue);
}

static bool init_locks(struct slc_queue *queue)
{
    pthread_condattr_t attributes;
    bool lock, work_cond, changed;

    if (pthread_condattr_init(&attributes) != 0)
        return false;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    lock = pthread_mutex_init(&queue->lock, NULL) == 0;
    work_cond = lock && pthread_cond_init(&queue->work, &attributes) == 0;
    changed = work_cond && pthread_cond_init(&queue->changed, &attributes) == 0;
    if (work_cond && !changed)
        pthread_cond_destroy(&queue->work);
    if (lock && !changed)
        pthread_mutex_destroy(&queue->lock);
    pthread_condattr_destroy(&attributes);
    return changed;
}

static bool start_workers(struct slc_queue *queue, struct slc_error *error)
{
    for (size_t i = 0; i < queue->worker_count; i++) {
        struct worker *worker = &queue->workers[i];

        worker->queue = queue;
        worker->state = queue->options.ops->open(queue->options.context, error);
        if (!worker->state)
            return false;
        if (pthread_create(&worker->thread, NULL, work, worker) != 0)
            return slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread for loads");
        worker->started = true;
    }
    return true;
}

struct slc_queue *slc_queue_start(const struct slc_queue_options *options, struct slc_error *error)
{
    struct slc_queue *queue = calloc(1, sizeof(*queue));

    if (!queue || !init_locks(queue)) {
        free(queue);
        slc_fail(error, SLC_ERR_MEMORY, "no memory for the queue of loads");
        return NULL;
    }
    queue->options = *options;
    if (!options->waiting_max)
        queue->options.waiting_max = WAITING_DEFAULT;
    if (!options->history_max)
        queue->options.history_max = HISTORY_DEFAULT;
    if (!options->finished_max)
        queue->options.finished_max = FINISHED_DEFAULT;
    queue->worker_count = options->workers < 1             ? 1
                          : options->workers > WORKERS_MAX ? WORKERS_MAX
                                                           : options->workers;
    queue->workers = calloc(queue->worker_count, sizeof(*queue->workers));
    if (!queue->workers) {
        free_queue(queue);
        slc_fail(error, SLC_ERR_MEMORY, "no memory for the queue of loads");
        return NULL;
    }
    if (!start_workers(queue, error)) {
        slc_queue_stop(queue, 0);
        return NULL;
    }
    return queue;
}

static bool admit(const struct slc_queue *queue, size_t count, struct slc_error *error)
{
    size_t there = queue->waiting.count + queue->resting.count + queue->running;

    if (queue->stopping)
        return slc_fail(error, SLC_ERR_CANCELLED, "the service is stopping");
    if (there + count > queue->options.waiting_max)
        return slc_fail(error, SLC_ERR_LIMIT, "%zu loads are waiting already; try again later",
                        there);
    return true;
}

/* All or nothing: false when memory ran out. */
static bool add_names(struct slc_queue *queue, const struct slc_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (slc_names_in_use_add(&queue->names, batch->jobs[i].ticket_name))
            continue;
        while (i > 0)
            slc_names_in_use_remove(&queue->names, batch->jobs[--i].ticket_name);
        return false;
    }
    return true;
}

bool slc_queue_submit(struct slc_queue *queue, const struct slc_queue_request *requests,
                      size_t count, bool force,
                      void (*on_done)(void *state, const struct slc_batch *batch), void *done_state,
                      char ret_id[SLC_BATCH_ID_BYTES], struct slc_error *error)
{
    struct slc_batch *batch = slc_batch_make(requests, count, force, error), *done = NULL;
    bool good;

    if (!batch)
        return false;
    batch->on_done = on_done;
    batch->done_state = done_state;
    if (ret_id)
        memcpy(ret_id, batch->id, sizeof(batch->id));
    pthread_mutex_lock(&queue->lock);
    good = admit(queue, count, error) &&
           (add_names(queue, batch) ||
            slc_fail(error, SLC_ERR_MEMORY, "no memory for %zu loads", count));
    if (good) {
        list_batch(queue, batch);
        for (size_t i = 0; i < count; i++)
            append(&queue->waiting, &batch->jobs[i]);
        if (count == 0)
            end_batch(batch, &done);
        pthread_cond_broadcast(&queue->work);
    }
    pthread_mutex_unlock(&queue->lock);
    if (!good)
        slc_batch_free(batch);
    tell_done(queue, done);
    return good;
}

bool slc_queue_has(struct slc_queue *queue, const char *ticket_name)
{
    bool has;

    pthread_mutex_lock(&queue->lock);
    has = slc_names_in_use_has(&queue->names, ticket_name);
    pthread_mutex_unlock(&queue->lock);
    return has;
}

bool slc_queue_see(struct slc_queue *queue, const char *id,
                   void (*see)(void *state, const struct slc_batch *batch), void *state)
{
    bool found = id == NULL;

    pthread_mutex_lock(&queue->lock);
    for (const struct slc_batch *batch = queue->newest; batch; batch = batch->older) {
        if (id && strcmp(id, batch->id) != 0)
            continue;
        see(state, batch);
        found = true;
        if (id)
            break;
    }
    pthread_mutex_unlock(&queue->lock);
    return found;
}

void slc_queue_counts(struct slc_queue *queue, struct slc_queue_counts *ret_counts)
{
    pthread_mutex_lock(&queue->lock);
    *ret_counts = queue->counts;
    ret_counts->waiting = queue->waiting.count + queue->resting.count;
    ret_counts->running = queue->running;
    pthread_mutex_unlock(&queue->lock);
}

static void cancel_running(struct slc_queue *queue)
{
    for (size_t i = 0; i < queue->worker_count; i++)
        if (queue->workers[i].job)
            atomic_store(&queue->workers[i].cancel, true);
}

void slc_queue_hold(struct slc_queue *queue)
{
    struct slc_batch *done = NULL;

    pthread_mutex_lock(&queue->lock);
    queue->held++;
    drop_list(queue, &queue->waiting, &done);
    cancel_running(queue);
    while (queue->running > 0)
        pthread_cond_wait(&queue->changed, &queue->lock);
    /* One that ran may have stepped aside, and back again. */
    drop_list(queue, &queue->waiting, &done);
    drop_list(queue, &queue->resting, &done);
    pthread_mutex_unlock(&queue->lock);
    tell_done(queue, done);
}

void slc_queue_resume(struct slc_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->held--;
    pthread_cond_broadcast(&queue->work);
    pthread_mutex_unlock(&queue->lock);
}

/* Wait, with the lock held, until nothing runs, the time is over or somebody is
 * in a hurry. */
static void wait_idle(struct slc_queue *queue, int64_t graceful_usec)
{
    int64_t end_usec = slc_monotonic_usec() + graceful_usec, now;

    while (queue->running > 0 && (now = slc_monotonic_usec()) < end_usec) {
        int64_t look_usec = end_usec - now > HURRY_LOOK_USEC ? now + HURRY_LOOK_USEC : end_usec;
        struct timespec look = {.tv_sec = (time_t)(look_usec / SLC_USEC_PER_SEC),
                                .tv_nsec = (long)(look_usec % SLC_USEC_PER_SEC * 1000)};
        bool hurry;

        pthread_cond_timedwait(&queue->changed, &queue->lock, &look);
        if (queue->running == 0 || !queue->options.must_hurry)
            continue;
        pthread_mutex_unlock(&queue->lock);
        hurry = queue->options.must_hurry(queue->options.hurry_state);
        pthread_mutex_lock(&queue->lock);
        if (hurry)
            return;
    }
}

bool slc_queue_stop(struct slc_queue *queue, int64_t graceful_usec)
{
    struct slc_batch *done = NULL;
    bool idle;

    if (!queue)
        return true;
    pthread_mutex_lock(&queue->lock);
    queue->stopping = true;
    drop_list(queue, &queue->waiting, &done);
    drop_list(queue, &queue->resting, &done);
    pthread_cond_broadcast(&queue->work);
    wait_idle(queue, graceful_usec);
    idle = queue->running == 0;
    cancel_running(queue);
    pthread_mutex_unlock(&queue->lock);
    tell_done(queue, done);
    for (size_t i = 0; i < queue->worker_count; i++)
        if (queue->workers[i].started)
            pthread_join(queue->workers[i].thread, NULL);
    /* What stepped aside in the last moment. */
    done = NULL;
    pthread_mutex_lock(&queue->lock);
    drop_list(queue, &queue->resting, &done);
    pthread_mutex_unlock(&queue->lock);
    tell_done(queue, done);
    free_queue(queue);
    return idle;
}
