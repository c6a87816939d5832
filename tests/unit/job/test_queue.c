/* The queue by itself: what a load does is told by the test. */
#include "job/queue.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Loads of tickets named "block..." wait for `open`, or their cancelling;
 * "grow..." steps aside twice; "fail..." fails. */
struct bench {
    struct slc_queue *queue;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char log[1024]; /* the names of begun loads, in order */
    int begun, over, finished;
    int growing;
    bool open;
    bool batch_over;
    atomic_bool hurry;
    int done_calls;
    size_t failed; /* of the batch that was told last */
};

static void *open_worker(void *context, struct slc_error *error)
{
    (void)error;
    return context;
}

static void close_worker(void *worker)
{
    (void)worker;
}

static void wait_open(struct bench *bench, const struct slc_ticket_try *attempt,
                      struct slc_ticket_report *report)
{
    while (!bench->open && !*attempt->cancel) {
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 5000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&bench->changed, &bench->lock, &until);
    }
    if (*attempt->cancel) {
        report->outcome = SLC_TICKET_OUTCOME_FAILED;
        slc_fail(&report->error, SLC_ERR_CANCELLED, "stopped");
    }
}

static void run_worker(void *worker, struct slc_ticket_try *attempt,
                       struct slc_ticket_report *report)
{
    struct bench *bench = worker;

    memset(report, 0, sizeof(*report));
    report->outcome = SLC_TICKET_OUTCOME_LOADED;
    report->status = SLC_TICKET_PROCESSED;
    report->result.rows_written = 3;
    pthread_mutex_lock(&bench->lock);
    bench->begun++;
    snprintf(bench->log + strlen(bench->log), sizeof(bench->log) - strlen(bench->log), "%s ",
             attempt->ticket_name);
    pthread_cond_broadcast(&bench->changed);
    if (strncmp(attempt->ticket_name, "block", 5) == 0)
        wait_open(bench, attempt, report);
    if (strncmp(attempt->ticket_name, "grow", 4) == 0 && bench->growing++ < 2) {
        report->outcome = SLC_TICKET_OUTCOME_WAIT;
        report->wait_ms = 1;
    }
    if (strncmp(attempt->ticket_name, "fail", 4) == 0) {
        report->outcome = SLC_TICKET_OUTCOME_FAILED;
        slc_fail(&report->error, SLC_ERR_DATA, "wrong");
    }
    bench->over++;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static const struct slc_queue_ops ops = {
    .open = open_worker, .run = run_worker, .close = close_worker};

static void on_finished(void *state, const struct slc_job *job,
                        const struct slc_ticket_report *report)
{
    struct bench *bench = state;

    (void)job;
    (void)report;
    pthread_mutex_lock(&bench->lock);
    bench->finished++;
    pthread_mutex_unlock(&bench->lock);
}

static bool must_hurry(void *state)
{
    struct bench *bench = state;

    return bench->hurry;
}

static void on_done(void *state, const struct slc_batch *batch)
{
    struct bench *bench = state;

    pthread_mutex_lock(&bench->lock);
    bench->batch_over = true;
    bench->done_calls++;
    bench->failed = 0;
    for (size_t i = 0; i < batch->count; i++)
        bench->failed += batch->jobs[i].state == SLC_JOB_FAILED;
    assert_int_equal(batch->left, 0);
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static void bench_open(struct bench *bench, size_t workers, size_t waiting_max, size_t history_max)
{
    struct slc_queue_options options = {.ops = &ops,
                                        .context = bench,
                                        .workers = workers,
                                        .waiting_max = waiting_max,
                                        .history_max = history_max,
                                        .on_finished = on_finished,
                                        .finished_state = bench,
                                        .must_hurry = must_hurry,
                                        .hurry_state = bench};
    struct slc_error error = {0};

    memset(bench, 0, sizeof(*bench));
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->changed, NULL);
    bench->queue = slc_queue_start(&options, &error);
    assert_non_null(bench->queue);
}

/* `names` ends with NULL; the replica of a ticket is what is behind its '-'. */
static bool submit(struct bench *bench, const char *const *names, char *id, struct slc_error *error)
{
    struct slc_queue_request requests[32];
    size_t count = 0;

    for (; names[count]; count++) {
        const char *dash = strchr(names[count], '-');

        requests[count] = (struct slc_queue_request){.ticket_name = names[count],
                                                     .replica = dash ? dash + 1 : names[count]};
    }
    return slc_queue_submit(bench->queue, requests, count, false, on_done, bench, id, error);
}

#define SUBMIT(bench, id, ...)                                                                     \
    assert_true(submit((bench), (const char *const[]){__VA_ARGS__, NULL}, (id), NULL))

static void wait_for(struct bench *bench, const int *number, int least)
{
    pthread_mutex_lock(&bench->lock);
    while (*number < least)
        pthread_cond_wait(&bench->changed, &bench->lock);
    pthread_mutex_unlock(&bench->lock);
}

static void let_go(struct bench *bench)
{
    pthread_mutex_lock(&bench->lock);
    bench->open = true;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static void test_order_and_counts(void **state)
{
    struct slc_queue_counts counts;
    struct bench bench;

    (void)state;
    bench_open(&bench, 1, 0, 0);
    SUBMIT(&bench, NULL, "a", "fail", "b");
    SUBMIT(&bench, NULL, "c");
    wait_for(&bench, &bench.done_calls, 2);
    assert_string_equal(bench.log, "a fail b c ");
    slc_queue_counts(bench.queue, &counts);
    assert_int_equal(counts.done, 3);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(counts.rows_written, 9);
    assert_int_equal(counts.waiting + counts.running, 0);
    assert_int_equal(bench.finished, 4);
    assert_true(slc_queue_stop(bench.queue, 0));
}

static void test_an_empty_batch_is_over_at_once(void **state)
{
    char id[SLC_BATCH_ID_BYTES];
    struct bench bench;

    (void)state;
    bench_open(&bench, 1, 0, 0);
    assert_true(submit(&bench, (const char *const[]){NULL}, id, NULL));
    assert_int_equal(bench.done_calls, 1);
    assert_true(slc_queue_stop(bench.queue, 0));
}

static void test_a_growing_file_steps_aside(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, 1, 0, 0);
    SUBMIT(&bench, NULL, "grow", "a");
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, 0);
    assert_string_equal(bench.log, "grow a grow grow ");
    assert_true(slc_queue_stop(bench.queue, 0));
}

static void test_one_load_of_a_replica_at_a_time(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, 2, 0, 0);
    SUBMIT(&bench, NULL, "block1-x", "2-x", "3-y");
    wait_for(&bench, &bench.over, 1); /* 3-y, which passed 2-x by */
    assert_string_equal(bench.log, "block1-x 3-y ");
    assert_true(slc_queue_has(bench.queue, "2-x"));
    assert_false(slc_queue_has(bench.queue, "3"));
    let_go(&bench);
    wait_for(&bench, &bench.done_calls, 1);
    assert_string_equal(bench.log, "block1-x 3-y 2-x ");
    assert_false(slc_queue_has(bench.queue, "2-x"));
    assert_true(slc_queue_stop(bench.queue, 0));
}

static void test_a_full_queue(void **state)
{
    struct slc_error error = {0};
    struct bench bench;

    (void)state;
    bench_open(&bench, 1, 2, 0);
    SUBMIT(&bench, NULL, "block", "a");
    assert_false(submit(&bench, (const char *const[]){"b", NULL}, NULL, &error));
    assert_int_equal(error.code, SLC_ERR_LIMIT);
    assert_false(slc_queue_has(bench.queue, "b"));
    let_go(&bench);
    wait_for(&bench, &bench.done_calls, 1);
    SUBMIT(&bench, NULL, "b");
    wait_for(&bench, &bench.done_calls, 2);
    assert_true(slc_queue_stop(bench.queue, 0));
}

static void count_batch(void *state, const struct slc_batch *batch)
{
    assert_true(batch->count > 0);
    ++*(int *)state;
}

static void test_history_is_bounded(void **state)
{
    char first[SLC_BATCH_ID_BYTES], last[SLC_BATCH_ID_BYTES];
    struct bench bench;
    int seen = 0;

    (void)state;
    bench_open(&bench, 1, 0, 3);
    SUBMIT(&bench, first, "a");
    for (int i = 0; i < 9; i++)
        SUBMIT(&bench, last, "b");
    wait_for(&bench, &bench.done_calls, 10);
    /* Its end is told before it is counted; one more batch settles that. */
    slc_queue_hold(bench.queue);
    slc_queue_resume(bench.queue);
    assert_true(slc_queue_see(bench.queue, last, count_batch, &seen));
    assert_false(slc_queue_see(bench.queue, first, count_batch, &seen));
    assert_int_equal(seen, 1);
    slc_queue_see(bench.queue, NULL, count_batch, &seen);
    assert_in_range(seen, 4, 5);
    assert_true(slc_queue_stop(bench.queue, 0));
}

static void test_hold(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, 1, 0, 0);
    SUBMIT(&bench, NULL, "block", "a", "b");
    wait_for(&bench, &bench.begun, 1);
    slc_queue_hold(bench.queue);
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, 3);
    assert_string_equal(bench.log, "block ");
    SUBMIT(&bench, NULL, "c");
    assert_int_equal(bench.begun, 1);
    slc_queue_resume(bench.queue);
    wait_for(&bench, &bench.done_calls, 2);
    assert_string_equal(bench.log, "block c ");
    assert_true(slc_queue_stop(bench.queue, 0));
}

static void test_a_quick_stop(void **state)
{
    struct bench bench;

    (void)state;
    bench_open(&bench, 1, 0, 0);
    SUBMIT(&bench, NULL, "block", "a");
    wait_for(&bench, &bench.begun, 1);
    assert_false(slc_queue_stop(bench.queue, 0));
    assert_int_equal(bench.done_calls, 1);
    assert_int_equal(bench.failed, 2);
}

static void *stop_gracefully(void *argument)
{
    struct bench *bench = argument;

    return slc_queue_stop(bench->queue, 60 * SLC_USEC_PER_SEC) ? bench : NULL;
}

static void test_a_graceful_stop(void **state)
{
    struct bench bench;
    pthread_t stopper;
    void *graceful = NULL;

    (void)state;
    bench_open(&bench, 1, 0, 0);
    SUBMIT(&bench, NULL, "block");
    wait_for(&bench, &bench.begun, 1);
    assert_int_equal(pthread_create(&stopper, NULL, stop_gracefully, &bench), 0);
    let_go(&bench);
    assert_int_equal(pthread_join(stopper, &graceful), 0);
    assert_non_null(graceful);
    assert_int_equal(bench.failed, 0);
}

static void test_a_graceful_stop_in_a_hurry(void **state)
{
    struct bench bench;
    pthread_t stopper;
    void *graceful = &bench;

    (void)state;
    bench_open(&bench, 1, 0, 0);
    SUBMIT(&bench, NULL, "block");
    wait_for(&bench, &bench.begun, 1);
    assert_int_equal(pthread_create(&stopper, NULL, stop_gracefully, &bench), 0);
    bench.hurry = true;
    assert_int_equal(pthread_join(stopper, &graceful), 0);
    assert_null(graceful);
    assert_int_equal(bench.failed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_counts),
        cmocka_unit_test(test_an_empty_batch_is_over_at_once),
        cmocka_unit_test(test_a_growing_file_steps_aside),
        cmocka_unit_test(test_one_load_of_a_replica_at_a_time),
        cmocka_unit_test(test_a_full_queue),
        cmocka_unit_test(test_history_is_bounded),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_a_quick_stop),
        cmocka_unit_test(test_a_graceful_stop),
        cmocka_unit_test(test_a_graceful_stop_in_a_hurry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
