#include "job/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/time.h"
#include "job/queue_internal.h"
#include "job/script.h"
#include "job/worker_internal.h"

enum {
    THREADS_MAX = 64,
    ATTEMPTS_DEFAULT = 3,
    FIRST_PAUSE_MS = 20,
    LAST_PAUSE_MS = 2000,
    HURRY_LOOK_USEC = 100000,
};

/* ---- Redis, there and away --------------------------------------------------- */

void slc_worker_tell(struct slc_worker *worker, enum slc_worker_event event,
                     const char *ticket_name, const struct slc_error *error)
{
    const struct slc_worker_hook *hook = &worker->options.hook;

    if (hook->on_event)
        hook->on_event(hook->state, event, ticket_name, error);
}

bool slc_worker_connect(struct slc_worker *worker, struct slc_redis **redis,
                        struct slc_error *error)
{
    if (*redis)
        return slc_redis_is_idle(*redis) || slc_redis_reopen(*redis, error);
    *redis = slc_redis_open(&worker->url, worker->options.timeout_ms, error);
    return *redis != NULL;
}

void slc_worker_note(struct slc_worker *worker, const struct slc_error *error)
{
    bool away = error != NULL, changed;

    pthread_mutex_lock(&worker->lock);
    changed = worker->away != away;
    worker->away = away;
    pthread_mutex_unlock(&worker->lock);
    if (changed)
        slc_worker_tell(worker, away ? SLC_WORKER_AWAY : SLC_WORKER_BACK, NULL, error);
}

/* Wait, with the lock held, until `end_usec` or `*stop`. */
static void wait_until(struct slc_worker *worker, int64_t end_usec, const bool *stop)
{
    struct timespec until = {.tv_sec = end_usec / SLC_USEC_PER_SEC,
                             .tv_nsec = end_usec % SLC_USEC_PER_SEC * 1000};

    while (!*stop && slc_monotonic_usec() < end_usec)
        pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
}

bool slc_worker_pause(struct slc_worker_thread *thread, int64_t *pause_ms, int64_t deadline_usec)
{
    struct slc_worker *worker = thread->worker;
    int64_t now = slc_monotonic_usec(), end_usec;
    bool go;

    *pause_ms = *pause_ms == 0 ? FIRST_PAUSE_MS : *pause_ms * 2;
    if (*pause_ms > LAST_PAUSE_MS)
        *pause_ms = LAST_PAUSE_MS;
    end_usec = now + *pause_ms * 1000;
    if (now >= deadline_usec)
        return false;
    pthread_mutex_lock(&worker->lock);
    wait_until(worker, end_usec < deadline_usec ? end_usec : deadline_usec, &worker->ending);
    go = !worker->ending;
    pthread_mutex_unlock(&worker->lock);
    return go;
}

/* ---- The end of a load --------------------------------------------------------- */

/* Call rest or finish until Redis has taken it in. False when it was not: the
 * lease runs out, and the load is another worker's. */
static bool conclude(struct slc_worker_thread *thread, size_t argc, const struct slc_str argv[])
{
    struct slc_worker *worker = thread->worker;
    int64_t deadline_usec = slc_monotonic_usec() + worker->options.patience_ms * INT64_C(1000);
    int64_t pause_ms = 0;

    for (;;) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;
        struct slc_error why = {0};

        if (slc_worker_connect(worker, &thread->redis, &why) &&
            slc_script_command(thread->redis, worker->base, argc, argv, &reply, &why))
            return slc_standing_of(reply) == SLC_STANDING_MINE;
        slc_worker_note(worker, &why);
        if (why.class != SLC_CLASS_RETRY || !slc_worker_pause(thread, &pause_ms, deadline_usec))
            return false;
    }
}

void slc_worker_rest(struct slc_worker_thread *thread, const struct slc_taken *taken,
                     int64_t wait_ms, struct slc_str home, const struct slc_ticket_try *attempt)
{
    SLC_AUTO_BUF struct slc_buf settle = {0};
    char number[SLC_NUM_TEXT_BYTES];

    if (attempt && attempt->settle.seen)
        slc_taken_settle_text(taken, attempt, &settle);
    {
        const struct slc_str argv[] = {SLC_STR("rest"),
                                       taken->job,
                                       slc_str_from(taken->token),
                                       taken->stream,
                                       taken->entry,
                                       slc_script_number(number, wait_ms),
                                       home,
                                       slc_buf_view(&settle)};

        (void)conclude(thread, sizeof(argv) / sizeof(argv[0]), argv);
    }
}

static struct slc_str verdict_of(const struct slc_ticket_report *report)
{
    switch (report->outcome) {
    case SLC_TICKET_OUTCOME_LOADED:
        return SLC_STR("done");
    case SLC_TICKET_OUTCOME_SKIPPED:
        return SLC_STR("skipped");
    default:
        return report->status != SLC_TICKET_FAILED && report->error.code != SLC_ERR_CANCELLED
                   ? SLC_STR("pause")
                   : SLC_STR("failed");
    }
}

static void finish(struct slc_worker_thread *thread, const struct slc_taken *taken,
                   const struct slc_ticket_report *report)
{
    const struct slc_load_result *result = &report->result;
    SLC_AUTO_BUF struct slc_buf json = {0};
    SLC_AUTO_BUF struct slc_buf failure = {0};
    char numbers[4][SLC_NUM_TEXT_BYTES];

    slc_record_end(&json, report);
    if (report->outcome == SLC_TICKET_OUTCOME_FAILED)
        slc_record_error(&failure, &report->error);
    if (json.failed || failure.failed)
        return; /* the lease runs out */
    {
        const struct slc_str argv[] = {SLC_STR("finish"),
                                       taken->job,
                                       slc_str_from(taken->token),
                                       taken->stream,
                                       taken->entry,
                                       verdict_of(report),
                                       slc_buf_view(&json),
                                       slc_buf_view(&failure),
                                       slc_script_number(numbers[0], result->rows_read),
                                       slc_script_number(numbers[1], result->rows_written),
                                       slc_script_number(numbers[2], result->rows_rejected),
                                       slc_script_number(numbers[3], result->duplicate_keys)};

        (void)conclude(thread, sizeof(argv) / sizeof(argv[0]), argv);
    }
}

/* ---- One load ------------------------------------------------------------------- */

static void begin(struct slc_worker_thread *thread, struct slc_taken *taken)
{
    struct slc_worker *worker = thread->worker;
    struct slc_load_progress *progress = &thread->progress;

    progress->stage = SLC_STAGE_OPEN;
    progress->size_bytes = progress->position_bytes = 0;
    progress->rows_read = progress->rows_written = progress->rows_rejected = 0;
    pthread_mutex_lock(&worker->lock);
    atomic_store(&thread->cancel, worker->ending);
    thread->held = thread->lost = false;
    thread->taken = taken;
    worker->running++;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static void end(struct slc_worker_thread *thread)
{
    struct slc_worker *worker = thread->worker;

    pthread_mutex_lock(&worker->lock);
    thread->taken = NULL;
    worker->running--;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static void fill_attempt(struct slc_worker_thread *thread, const struct slc_taken *taken,
                         const struct slc_error *exhausted, struct slc_ticket_try *attempt)
{
    const struct slc_worker *worker = thread->worker;
    char home[SLC_INBOX_HOME_BYTES];
    bool lagging;

    slc_inbox_home(worker->options.inbox, home, &lagging);
    *attempt = (struct slc_ticket_try){
        .ticket_name = taken->record.ticket_name,
        .force = taken->force,
        .fault = exhausted ? exhausted : taken->record.fault,
        .accept_ready = taken->ready,
        .version = taken->record.version,
        .elsewhere = taken->home.len > 0 && !slc_str_is(taken->home, home),
        .load_id = taken->load_id,
        .earlier = taken->earlier.data,
        .may_end = slc_worker_may_end,
        .end_state = thread,
        .cancel = &thread->cancel,
        .progress = &thread->progress,
    };
    slc_taken_settle(taken, attempt);
}

/* It was begun often enough. */
static bool is_exhausted(const struct slc_worker *worker, const struct slc_taken *taken,
                         struct slc_error *error)
{
    if (taken->attempts <= worker->options.attempts)
        return false;
    slc_fail(error, SLC_ERR_LIMIT,
             "the load was begun %d times, and each time its worker ended or was cut off before "
             "it was done (load.attempts); see the service's log, then make the ticket READY",
             taken->attempts - 1);
    return true;
}

/* What comes of a load that was run: told to Redis. */
static void settle_account(struct slc_worker_thread *thread, const struct slc_taken *taken,
                           const struct slc_ticket_try *attempt, struct slc_ticket_report *report)
{
    struct slc_worker *worker = thread->worker;
    const struct slc_worker_hook *hook = &worker->options.hook;
    bool cancelled = atomic_load(&thread->cancel), held, lost;

    pthread_mutex_lock(&worker->lock);
    held = thread->held;
    lost = thread->lost;
    pthread_mutex_unlock(&worker->lock);
    if (lost) {
        slc_worker_tell(worker, SLC_WORKER_LOST, attempt->ticket_name, NULL);
        return;
    }
    if (report->outcome == SLC_TICKET_OUTCOME_PASS) {
        slc_worker_rest(thread, taken, 0, SLC_STR("-"), NULL);
        return;
    }
    if (report->outcome == SLC_TICKET_OUTCOME_WAIT && !cancelled) {
        char home[SLC_INBOX_HOME_BYTES];
        bool lagging;

        slc_inbox_home(worker->options.inbox, home, &lagging);
        slc_worker_rest(thread, taken, report->wait_ms > 0 ? report->wait_ms : 1,
                        slc_str_from(home), attempt);
        return;
    }
    if (report->outcome == SLC_TICKET_OUTCOME_WAIT) {
        report->outcome = SLC_TICKET_OUTCOME_FAILED;
        slc_fail(&report->error, SLC_ERR_CANCELLED, "the load was stopped");
    }
    if (cancelled && !held && report->outcome == SLC_TICKET_OUTCOME_FAILED &&
        report->error.code == SLC_ERR_CANCELLED) {
        slc_worker_rest(thread, taken, 0, (struct slc_str){"", 0}, NULL);
        return;
    }
    if (hook->on_finished)
        hook->on_finished(hook->state, attempt->ticket_name, taken->record.replica, report);
    finish(thread, taken, report);
}

/* What it is about cannot be read here; another version of sluice may be able to, and
 * takes it over when the lease runs out. After the last attempt it has failed. */
static void give_up(struct slc_worker_thread *thread, const struct slc_taken *taken)
{
    struct slc_worker *worker = thread->worker;
    struct slc_ticket_report report = {.outcome = SLC_TICKET_OUTCOME_FAILED,
                                       .status = SLC_TICKET_FAILED,
                                       .error = taken->unreadable};

    slc_worker_tell(worker, SLC_WORKER_UNREADABLE, taken->job.data, &taken->unreadable);
    if (taken->attempts >= worker->options.attempts)
        finish(thread, taken, &report);
}

static void run_load(struct slc_worker_thread *thread, struct slc_taken *taken)
{
    struct slc_worker *worker = thread->worker;
    struct slc_ticket_report report;
    struct slc_ticket_try attempt;
    struct slc_error exhausted = {0};

    if (taken->unreadable.code != SLC_ERR_NONE) {
        give_up(thread, taken);
        return;
    }
    if (taken->retaken)
        slc_worker_tell(worker, SLC_WORKER_RETAKEN, taken->record.ticket_name, NULL);
    fill_attempt(thread, taken, is_exhausted(worker, taken, &exhausted) ? &exhausted : NULL,
                 &attempt);
    begin(thread, taken);
    worker->options.ops->run(thread->state, &attempt, &report);
    if (report.outcome == SLC_TICKET_OUTCOME_FAILED && report.error.class == SLC_CLASS_RETRY)
        thread->fresh = false;
    settle_account(thread, taken, &attempt, &report);
    end(thread);
}

/* ---- The threads -------------------------------------------------------------------- */

static bool is_stopping(struct slc_worker *worker)
{
    bool stopping;

    pthread_mutex_lock(&worker->lock);
    stopping = worker->stopping;
    pthread_mutex_unlock(&worker->lock);
    return stopping;
}

/* Leases ran while Redis could not be told: those who were cut off, too, get the
 * time to renew theirs. */
static bool connect_again(struct slc_worker_thread *thread, struct slc_error *error)
{
    struct slc_worker *worker = thread->worker;

    if (thread->redis && slc_redis_is_idle(thread->redis))
        return true;
    if (!slc_worker_connect(worker, &thread->redis, error))
        return false;
    thread->claim_usec = slc_monotonic_usec() + worker->options.lease_ms * INT64_C(1000);
    thread->fresh = false;
    return true;
}

/* Behind a connect, and a load that a peer failed. */
static bool refresh(struct slc_worker_thread *thread)
{
    const struct slc_worker_ops *ops = thread->worker->options.ops;

    if (!thread->fresh && ops->begin)
        ops->begin(thread->state);
    thread->fresh = true;
    return true;
}

static void *work(void *argument)
{
    struct slc_worker_thread *thread = argument;
    struct slc_worker *worker = thread->worker;
    int64_t pause_ms = 0;

    while (!is_stopping(worker)) {
        struct slc_taken taken = {0};
        struct slc_error why = {0};

        if (!connect_again(thread, &why) || !refresh(thread) ||
            !slc_worker_take(thread, &taken, &why)) {
            slc_taken_release(&taken);
            if (is_stopping(worker)) { /* nor is a Redis that hangs waited for once more */
                thread->hangs = why.code == SLC_ERR_TIMEOUT;
                break;
            }
            slc_worker_note(worker, &why);
            (void)slc_worker_pause(thread, &pause_ms, INT64_MAX);
            continue;
        }
        pause_ms = 0;
        slc_worker_note(worker, NULL);
        if (taken.reply)
            run_load(thread, &taken);
        slc_taken_release(&taken);
    }
    return NULL;
}

/* ---- The worker -------------------------------------------------------------------- */

static void leave(struct slc_worker *worker)
{
    struct slc_worker_thread *thread = &worker->threads[0];
    char home[SLC_INBOX_HOME_BYTES];
    bool lagging;

    slc_inbox_home(worker->options.inbox, home, &lagging);
    if (!worker->away && !thread->hangs && thread->redis &&
        slc_worker_connect(worker, &thread->redis, NULL))
        (void)slc_script_call(thread->redis, worker->base, NULL, NULL, SLC_STR("leave"),
                              slc_str_from(worker->name), slc_str_from(home));
}

static void free_worker(struct slc_worker *worker)
{
    for (size_t i = 0; worker->threads && i < worker->thread_count; i++) {
        if (worker->threads[i].state)
            worker->options.ops->close(worker->threads[i].state);
        slc_redis_close(worker->threads[i].redis);
    }
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    slc_redis_url_wipe(&worker->url);
    free(worker->threads);
    free(worker->base);
    free(worker);
}

static bool start_threads(struct slc_worker *worker, struct slc_error *error)
{
    if (pthread_create(&worker->renewer, NULL, slc_worker_renew, worker) != 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread for loads");
    worker->renewer_started = true;
    for (size_t i = 0; i < worker->thread_count; i++) {
        struct slc_worker_thread *thread = &worker->threads[i];

        thread->worker = worker;
        thread->blocked_fd = -1;
        thread->state = worker->options.ops->open(worker->options.context, error);
        if (!thread->state)
            return false;
        if (pthread_create(&thread->thread, NULL, work, thread) != 0)
            return slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread for loads");
        thread->started = true;
    }
    return true;
}

static bool init_locks(struct slc_worker *worker)
{
    pthread_condattr_t attributes;
    bool good;

    if (pthread_mutex_init(&worker->lock, NULL) != 0)
        return false;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    good = pthread_cond_init(&worker->changed, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (!good)
        pthread_mutex_destroy(&worker->lock);
    return good;
}

struct slc_worker *slc_worker_start(const struct slc_worker_options *options,
                                    struct slc_error *error)
{
    struct slc_worker *worker = calloc(1, sizeof(*worker));

    if (!worker || !init_locks(worker)) {
        free(worker);
        slc_fail(error, SLC_ERR_MEMORY, "no memory for loads");
        return NULL;
    }
    worker->options = *options;
    worker->url = *options->redis_url;
    worker->options.redis_url = &worker->url;
    if (!options->attempts)
        worker->options.attempts = ATTEMPTS_DEFAULT;
    if (!options->lease_ms)
        worker->options.lease_ms = SLC_LEASE_DEFAULT_MS;
    if (worker->options.patience_ms < worker->options.lease_ms)
        worker->options.patience_ms = worker->options.lease_ms; /* as long it is ours */
    slc_owner_name(worker->name);
    worker->thread_count = options->threads < 1             ? 1
                           : options->threads > THREADS_MAX ? THREADS_MAX
                                                            : options->threads;
    worker->threads = calloc(worker->thread_count, sizeof(*worker->threads));
    worker->base = slc_script_base(slc_inbox_registry_key(options->inbox).data);
    if (!worker->threads || !worker->base) {
        free_worker(worker);
        slc_fail(error, SLC_ERR_MEMORY, "no memory for loads");
        return NULL;
    }
    if (!start_threads(worker, error)) {
        slc_worker_stop(worker, 0);
        return NULL;
    }
    return worker;
}

/* Wait, with the lock held, until nothing runs, the time is over or somebody is
 * in a hurry. */
static void wait_idle(struct slc_worker *worker, int64_t graceful_usec)
{
    int64_t end_usec = slc_monotonic_usec() + graceful_usec, now;
    const struct slc_worker_hook *hook = &worker->options.hook;

    while (worker->running > 0 && (now = slc_monotonic_usec()) < end_usec) {
        int64_t look_usec = end_usec - now > HURRY_LOOK_USEC ? now + HURRY_LOOK_USEC : end_usec;
        struct timespec until = {.tv_sec = look_usec / SLC_USEC_PER_SEC,
                                 .tv_nsec = look_usec % SLC_USEC_PER_SEC * 1000};
        bool hurry;

        pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
        if (worker->running == 0 || !hook->must_hurry)
            continue;
        pthread_mutex_unlock(&worker->lock);
        hurry = hook->must_hurry(hook->state);
        pthread_mutex_lock(&worker->lock);
        if (hurry)
            return;
    }
}

bool slc_worker_stop(struct slc_worker *worker, int64_t graceful_usec)
{
    bool idle;

    if (!worker)
        return true;
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    for (size_t i = 0; i < worker->thread_count; i++)
        if (worker->threads[i].started && worker->threads[i].blocked_fd >= 0)
            (void)shutdown(worker->threads[i].blocked_fd, SHUT_RDWR);
    pthread_cond_broadcast(&worker->changed);
    wait_idle(worker, graceful_usec);
    idle = worker->running == 0;
    worker->ending = true;
    for (size_t i = 0; i < worker->thread_count; i++)
        atomic_store(&worker->threads[i].cancel, true);
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    if (!idle)
        slc_worker_tell(worker, SLC_WORKER_CUT, NULL, NULL);
    for (size_t i = 0; i < worker->thread_count; i++)
        if (worker->threads[i].started)
            pthread_join(worker->threads[i].thread, NULL);
    if (worker->renewer_started)
        pthread_join(worker->renewer, NULL);
    leave(worker);
    free_worker(worker);
    return idle;
}
