/* The queue and its workers over a real Redis: what a load does is told by the test. */
#include "job/queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job/record.h"
#include "job/script.h"
#include "job/worker.h"
#include "job_test.h"
#include "load/owner.h"

/* Loads of tickets named "block..." wait for `open`, or their cancelling;
 * "grow..." steps aside twice; "fail..." fails. */
struct bench {
    struct job_test test;
    struct slc_queue *queue;
    struct slc_worker *worker;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    char log[1024]; /* the names of begun loads, in order */
    int begun, over, finished;
    int growing;
    bool open;
    int retaken, lost, unreadable;
    char earlier[256]; /* of the attempt that was begun last */
    char fault[sizeof(((struct slc_error *)0)->message)];
    bool may_end; /* what the last load was told when it asked */
    atomic_bool hurry;
    int done_calls, gone_calls;
    int64_t failed; /* of the batch that was told last */
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
    snprintf(bench->earlier, sizeof(bench->earlier), "%s", attempt->earlier);
    snprintf(bench->fault, sizeof(bench->fault), "%s",
             attempt->fault ? attempt->fault->message : "");
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
        report->status = SLC_TICKET_FAILED;
        slc_fail(&report->error, SLC_ERR_DATA, "wrong");
    }
    if (strncmp(attempt->ticket_name, "away", 4) == 0) {
        report->outcome = SLC_TICKET_OUTCOME_FAILED;
        report->status = SLC_TICKET_REGISTERED;
        slc_fail(&report->error, SLC_ERR_CONNECTION, "gone");
    }
    bench->may_end = attempt->may_end(attempt->end_state);
    bench->over++;
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static const struct slc_worker_ops ops = {
    .open = open_worker, .run = run_worker, .close = close_worker};

static void on_finished(void *state, const char *ticket_name, const char *replica,
                        const struct slc_ticket_report *report)
{
    struct bench *bench = state;

    (void)ticket_name;
    (void)replica;
    (void)report;
    pthread_mutex_lock(&bench->lock);
    bench->finished++;
    pthread_mutex_unlock(&bench->lock);
}

static void on_event(void *state, enum slc_worker_event event, const char *ticket_name,
                     const struct slc_error *error)
{
    struct bench *bench = state;

    (void)ticket_name;
    if (error)
        print_message("%s\n", error->message);
    pthread_mutex_lock(&bench->lock);
    bench->retaken += event == SLC_WORKER_RETAKEN;
    bench->lost += event == SLC_WORKER_LOST;
    bench->unreadable += event == SLC_WORKER_UNREADABLE;
    pthread_cond_broadcast(&bench->changed);
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
    bench->gone_calls += !batch;
    bench->done_calls++;
    bench->failed = batch ? batch->failed : 0;
    if (batch)
        assert_int_equal(batch->done + batch->failed + batch->skipped, batch->count);
    pthread_cond_broadcast(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
}

static void start_worker(struct bench *bench, size_t threads, int64_t lease_ms, int attempts)
{
    struct slc_worker_options options = {.redis_url = bench->test.url,
                                         .timeout_ms = 5000,
                                         .inbox = bench->test.inbox,
                                         .ops = &ops,
                                         .context = bench,
                                         .threads = threads,
                                         .lease_ms = lease_ms,
                                         .attempts = attempts,
                                         .hook = {.on_event = on_event,
                                                  .on_finished = on_finished,
                                                  .must_hurry = must_hurry,
                                                  .state = bench}};
    struct slc_error error = {0};

    bench->worker = slc_worker_start(&options, &error);
    assert_non_null(bench->worker);
}

/* `threads` 0: no worker yet. */
static void bench_open(struct bench *bench, void **state, size_t threads, int64_t waiting_max,
                       int64_t history_max)
{
    struct slc_queue_options options = {.registry_key = "REPLICA_REGISTRY",
                                        .timeout_ms = 5000,
                                        .lease_ms = 300,
                                        .waiting_max = waiting_max,
                                        .history_max = history_max};
    struct slc_error error = {0};

    memset(bench, 0, sizeof(*bench));
    job_test_open(&bench->test, state);
    pthread_mutex_init(&bench->lock, NULL);
    pthread_cond_init(&bench->changed, NULL);
    options.redis_url = bench->test.url;
    options.inbox = bench->test.inbox;
    bench->queue = slc_queue_open(&options, &error);
    assert_non_null(bench->queue);
    if (threads)
        start_worker(bench, threads, 0, 0);
}

static void bench_close(struct bench *bench)
{
    slc_worker_stop(bench->worker, 0);
    slc_queue_close(bench->queue);
    job_test_close(&bench->test);
}

/* `names` ends with NULL; the replica of a ticket is what is behind its '-'. */
static bool submit(struct bench *bench, const char *const *names, bool once,
                   struct slc_queue_receipt *receipt, struct slc_error *error)
{
    struct slc_queue_request requests[32];
    struct slc_queue_submission submission = {
        .requests = requests, .once = once, .on_done = once ? NULL : on_done, .done_state = bench};

    for (; names[submission.count]; submission.count++) {
        const char *name = names[submission.count], *dash = strchr(name, '-');

        requests[submission.count] =
            (struct slc_queue_request){.ticket_name = name, .replica = dash ? dash + 1 : name};
    }
    return slc_queue_submit(bench->queue, &submission, receipt, error);
}

#define SUBMIT(bench, receipt, ...)                                                                \
    do {                                                                                           \
        struct slc_error submit_error = {0};                                                       \
        assert_ok(submit((bench), (const char *const[]){__VA_ARGS__, NULL}, false, (receipt),      \
                         &submit_error),                                                           \
                  submit_error);                                                                   \
    } while (0)

#define SUBMIT_ONCE(bench, receipt, ...)                                                           \
    do {                                                                                           \
        struct slc_error submit_error = {0};                                                       \
        assert_ok(submit((bench), (const char *const[]){__VA_ARGS__, NULL}, true, (receipt),       \
                         &submit_error),                                                           \
                  submit_error);                                                                   \
    } while (0)

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

static struct slc_queue_counts counts_of(struct bench *bench)
{
    struct slc_queue_counts counts;
    struct slc_error error = {0};

    assert_ok(slc_queue_counts(bench->queue, &counts, &error), error);
    return counts;
}

/* Nothing is left of loads but what is kept for those who ask about them. */
static void expect_clean(struct bench *bench)
{
    static const char *const gone[] = {"busy", "claims", "running", "rest", "behind", "unfed"};
    SLC_AUTO_REPLY struct slc_reply *length = NULL;

    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;
        char key[64];

        snprintf(key, sizeof(key), "{REPLICA_REGISTRY}:jobs:%s", gone[i]);
        assert_true(
            slc_redis_call(bench->test.redis, &reply, NULL, SLC_STR("EXISTS"), slc_str_from(key)));
        if (reply->integer)
            fail_msg("%s is left", key);
    }
    assert_true(slc_redis_call(bench->test.redis, &length, NULL, SLC_STR("XLEN"),
                               SLC_STR("{REPLICA_REGISTRY}:jobs")));
    assert_int_equal(length->integer, 0);
}

static void test_order_and_counts(void **state)
{
    struct slc_queue_counts counts;
    struct bench bench;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, NULL, "a", "fail", "b");
    SUBMIT(&bench, NULL, "c");
    wait_for(&bench, &bench.done_calls, 2);
    assert_string_equal(bench.log, "a fail b c ");
    assert_true(bench.may_end);
    counts = counts_of(&bench);
    assert_int_equal(counts.done, 3);
    assert_int_equal(counts.failed, 1);
    assert_int_equal(counts.rows_written, 9);
    assert_int_equal(counts.waiting, 0);
    assert_int_equal(counts.running, 0);
    assert_int_equal(bench.finished, 4);
    expect_clean(&bench);
    bench_close(&bench);
}

static void test_an_empty_batch_is_over_at_once(void **state)
{
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    assert_true(submit(&bench, (const char *const[]){NULL}, false, NULL, NULL));
    wait_for(&bench, &bench.done_calls, 1);
    bench_close(&bench);
}

/* What this thread is answered is lost, once this bench has been told of so many ends. */
static _Thread_local struct bench *deaf;
static _Thread_local int deaf_until;

ssize_t __real_recv(int fd, void *bytes, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags);

ssize_t __wrap_recv(int fd, void *bytes, size_t size, int flags)
{
    if (!deaf)
        return __real_recv(fd, bytes, size, flags);
    wait_for(deaf, &deaf->done_calls, deaf_until);
    errno = ECONNRESET;
    return -1;
}

/* The end of a batch is told once and to the one who waits for it: who was told is
 * not told that nothing was submitted. */
static void test_an_end_before_the_answer(void **state)
{
    struct slc_queue_receipt receipt = {0};
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    assert_true(submit(&bench, (const char *const[]){NULL}, false, NULL, NULL));
    wait_for(&bench, &bench.done_calls, 1);
    deaf = &bench;
    deaf_until = 2;
    assert_ok(submit(&bench, (const char *const[]){NULL}, false, &receipt, &error), error);
    deaf = NULL;
    assert_int_equal(strlen(receipt.id), sizeof(receipt.id) - 1);
    assert_int_equal(bench.done_calls, 2);
    bench_close(&bench);
}

static void test_a_growing_file_steps_aside(void **state)
{
    struct bench bench;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, NULL, "grow", "a");
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, 0);
    assert_int_equal(bench.begun, 4);
    assert_memory_equal(bench.log, "grow ", 5);
    expect_clean(&bench);
    /* An attempt that only looked is none to be looked after; they may be thousands. */
    bench.growing = 0;
    SUBMIT(&bench, NULL, "grow");
    wait_for(&bench, &bench.done_calls, 2);
    assert_int_equal(bench.begun, 7);
    assert_string_equal(bench.earlier, "");
    bench_close(&bench);
}

static void test_one_load_of_a_replica_at_a_time(void **state)
{
    struct bench bench;

    bench_open(&bench, state, 2, 0, 0);
    SUBMIT(&bench, NULL, "block1-x");
    wait_for(&bench, &bench.begun, 1);
    SUBMIT(&bench, NULL, "2-x", "3-y", "4-x");
    wait_for(&bench, &bench.over, 1); /* 3-y, which passed 2-x by */
    assert_string_equal(bench.log, "block1-x 3-y ");
    let_go(&bench);
    wait_for(&bench, &bench.done_calls, 2);
    assert_string_equal(bench.log, "block1-x 3-y 2-x 4-x ");
    expect_clean(&bench);
    bench_close(&bench);
}

static void test_a_full_queue(void **state)
{
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 1, 2, 0);
    SUBMIT(&bench, NULL, "block", "a");
    assert_fails(submit(&bench, (const char *const[]){"b", NULL}, false, NULL, &error), error,
                 SLC_ERR_LIMIT);
    let_go(&bench);
    wait_for(&bench, &bench.done_calls, 1);
    SUBMIT(&bench, NULL, "b");
    wait_for(&bench, &bench.done_calls, 2);
    assert_int_equal(bench.gone_calls, 0);
    bench_close(&bench);
}

/* Two that see the same ticket: it is loaded once, and again when it is done. */
static void test_once(void **state)
{
    struct slc_queue_receipt receipt;
    struct bench bench;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT_ONCE(&bench, &receipt, "block", "a");
    assert_int_equal(receipt.taken, 2);
    SUBMIT_ONCE(&bench, &receipt, "block", "a", "b");
    assert_int_equal(receipt.taken, 1);
    assert_int_equal(receipt.wait_ms, -1);
    SUBMIT_ONCE(&bench, &receipt, "block", "a");
    assert_int_equal(receipt.taken, 0);
    assert_string_equal(receipt.id, "");
    let_go(&bench);
    SUBMIT(&bench, NULL, "z"); /* behind all of them */
    wait_for(&bench, &bench.done_calls, 1);
    assert_string_equal(bench.log, "block a b z ");
    SUBMIT_ONCE(&bench, &receipt, "a");
    assert_int_equal(receipt.taken, 1);
    bench_close(&bench);
}

/* A load that failed without a verdict is left alone for a while. */
static void test_pauses(void **state)
{
    struct slc_queue_receipt receipt;
    struct bench bench;
    int64_t first_ms;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, NULL, "away");
    wait_for(&bench, &bench.done_calls, 1);
    SUBMIT_ONCE(&bench, &receipt, "away");
    assert_int_equal(receipt.taken, 0);
    assert_in_range(receipt.wait_ms, 1, 500);
    first_ms = receipt.wait_ms;
    for (int i = 0; i < 5; i++)
        SUBMIT(&bench, NULL, "away"); /* asked for by somebody, it is tried */
    wait_for(&bench, &bench.done_calls, 6);
    SUBMIT_ONCE(&bench, &receipt, "away");
    assert_in_range(receipt.wait_ms, 8000, 16000);
    assert_true(first_ms < receipt.wait_ms);
    bench_close(&bench);
}

static void count_batch(void *state, const struct slc_batch *batch)
{
    assert_true(batch->count > 0);
    ++*(int *)state;
}

enum { MANY = 1100 };

/* MANY loads of as many replicas. */
static void submit_many(struct bench *bench, struct slc_queue_receipt *receipt)
{
    static struct slc_queue_request requests[MANY];
    static char names[MANY][16];
    struct slc_queue_submission submission = {
        .requests = requests, .count = MANY, .on_done = on_done, .done_state = bench};
    struct slc_error error = {0};

    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "t%d", i);
        requests[i] = (struct slc_queue_request){.ticket_name = names[i], .replica = names[i]};
    }
    assert_ok(slc_queue_submit(bench->queue, &submission, receipt, &error), error);
}

static int64_t length_of(struct bench *bench, const char *command, const char *key)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    assert_true(
        slc_redis_call(bench->test.redis, &reply, NULL, slc_str_from(command), slc_str_from(key)));
    return reply->integer;
}

/* What one call of the script puts into the stream is bounded; all of it is there
 * when the submission is. */
static void test_a_large_batch_is_put_in_by_slices(void **state)
{
    struct slc_queue_receipt receipt;
    struct slc_queue_counts counts;
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    submit_many(&bench, &receipt);
    assert_int_equal(receipt.taken, MANY);
    assert_int_equal(length_of(&bench, "XLEN", "{REPLICA_REGISTRY}:jobs"), MANY);
    assert_int_equal(length_of(&bench, "EXISTS", "{REPLICA_REGISTRY}:jobs:unfed"), 0);
    assert_int_equal(length_of(&bench, "HLEN", "{REPLICA_REGISTRY}:jobs:claims"), MANY);
    counts = counts_of(&bench);
    assert_int_equal(counts.waiting, MANY);
    /* One who drops them needs several calls, too. */
    assert_ok(slc_queue_hold(bench.queue, &error), error);
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, MANY);
    slc_queue_resume(bench.queue);
    expect_clean(&bench);
    bench_close(&bench);
}

/* As if the submitter had died behind its first call. */
static void stay_with_the_first_slice(struct bench *bench, const char *id)
{
    static const char script[] =
        "local jobs = KEYS[1]\n"
        "local kept = redis.call('XRANGE', jobs, '-', '+', 'COUNT', 250)\n"
        "for _, found in ipairs(redis.call('XRANGE', jobs, '(' .. kept[250][1], '+')) do\n"
        "  redis.call('XDEL', jobs, found[1])\n"
        "  local n = found[2][2]:match(':(%d+)$')\n"
        "  redis.call('HDEL', jobs .. ':claims',\n"
        "             cjson.decode(redis.call('HGET', jobs .. ':batch:' .. ARGV[1], 'r' .. "
        "n)).claim)\n"
        "end\n"
        "redis.call('HSET', jobs .. ':batch:' .. ARGV[1], 'fed', 250)\n"
        "redis.call('ZADD', jobs .. ':unfed', 1, ARGV[1])";
    struct slc_error error = {0};

    assert_ok(slc_redis_call(bench->test.redis, NULL, &error, SLC_STR("EVAL"), SLC_STR(script),
                             SLC_STR("1"), SLC_STR("{REPLICA_REGISTRY}:jobs"), slc_str_from(id)),
              error);
}

static void test_workers_go_on_with_what_a_submitter_left(void **state)
{
    struct slc_queue_receipt receipt;
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    submit_many(&bench, &receipt);
    stay_with_the_first_slice(&bench, receipt.id);
    start_worker(&bench, 2, 0, 0);
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, 0);
    assert_int_equal(bench.begun, MANY);
    expect_clean(&bench);
    bench_close(&bench);
}

static void test_what_a_submitter_left_is_dropped(void **state)
{
    struct slc_queue_receipt receipt;
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    submit_many(&bench, &receipt);
    stay_with_the_first_slice(&bench, receipt.id);
    assert_ok(slc_queue_hold(bench.queue, &error), error);
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, MANY);
    slc_queue_resume(bench.queue);
    expect_clean(&bench);
    bench_close(&bench);
}

static void test_a_step_is_bounded(void **state)
{
    struct slc_queue_submission submission = {.once = true, .count = SLC_QUEUE_ONCE_MAX + 1};
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    assert_false(slc_queue_submit(bench.queue, &submission, NULL, &error));
    assert_int_equal(error.code, SLC_ERR_INTERNAL);
    bench_close(&bench);
}

static void spoil(struct bench *bench, const char *id, const char *field, const char *text)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct slc_error error = {0};

    slc_buf_printf(&key, "{REPLICA_REGISTRY}:jobs:batch:%s", id);
    assert_ok(slc_redis_call(bench->test.redis, NULL, &error, SLC_STR("HSET"), slc_buf_view(&key),
                             slc_str_from(field), slc_str_from(text)),
              error);
}

static void see_unreadable(void *state, const struct slc_batch *batch)
{
    int *seen = state;

    assert_int_equal(batch->count, 3);
    for (int64_t i = 0; i < 3; i++) {
        const struct slc_job *job = &batch->jobs[i];

        if (strcmp(job->ticket_name, "(unreadable)") != 0)
            continue;
        assert_int_equal(job->state, SLC_JOB_FAILED);
        assert_non_null(strstr(job->error->message, i == 0 ? "cannot be read" : "should be"));
        (*seen)++;
    }
}

/* One that Redis' own script cannot read fails at once, one that only the program
 * cannot read after the last attempt; nothing of it is taken for ever, and others are not held up.
 */
static void test_unreadable_records(void **state)
{
    struct slc_queue_receipt receipt;
    struct slc_error error = {0};
    struct bench bench;
    char deep[200];
    int seen = 0;

    memset(deep, '[', 99);
    memset(deep + 99, ']', 99);
    deep[198] = '\0';
    bench_open(&bench, state, 0, 0, 0);
    SUBMIT(&bench, &receipt, "a", "b", "c");
    spoil(&bench, receipt.id, "r0", "{\"ticket\":");
    spoil(&bench, receipt.id, "r1", deep);
    start_worker(&bench, 1, 200, 2);
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, 2);
    assert_int_equal(bench.begun, 1);
    assert_int_equal(bench.unreadable, 2);
    assert_ok(slc_queue_see(bench.queue, receipt.id, see_unreadable, &seen, &error), error);
    assert_int_equal(seen, 2);
    bench_close(&bench);
}

/* A worker that ended without a word leaves its name in the group. */
static void test_consumers_of_the_dead_are_forgotten(void **state)
{
    SLC_AUTO_REPLY struct slc_reply *left = NULL;
    struct slc_error error = {0};
    struct bench bench;
    const char *base = "{REPLICA_REGISTRY}:jobs";

    bench_open(&bench, state, 0, 0, 0);
    SUBMIT(&bench, NULL, "a");
    for (int i = 0; i < 2; i++) /* the first of them has the load */
        assert_ok(slc_script_call(bench.test.redis, base, NULL, &error, SLC_STR("next"),
                                  i == 0 ? SLC_STR("holds one") : SLC_STR("holds none"),
                                  SLC_STR(""), SLC_STR("0123456789abcdef0123456789abcdef")),
                  error);
    for (;;) { /* until they have been idle for more than a millisecond */
        SLC_AUTO_REPLY struct slc_reply *info = NULL;

        assert_ok(slc_redis_call(bench.test.redis, NULL, &error, SLC_STR("HDEL"),
                                 SLC_STR("{REPLICA_REGISTRY}:jobs:counts"), SLC_STR("swept")),
                  error);
        assert_ok(slc_script_call(bench.test.redis, base, NULL, &error, SLC_STR("look"),
                                  SLC_STR(""), SLC_STR("1")),
                  error);
        assert_ok(slc_redis_call(bench.test.redis, &info, &error, SLC_STR("XINFO"),
                                 SLC_STR("CONSUMERS"), slc_str_from(base), SLC_STR("load")),
                  error);
        if (info->count == 1)
            break;
        assert_int_equal(info->count, 2);
    }
    assert_ok(slc_redis_call(bench.test.redis, &left, &error, SLC_STR("XPENDING"),
                             slc_str_from(base), SLC_STR("load"), SLC_STR("-"), SLC_STR("+"),
                             SLC_STR("9"), SLC_STR("holds one")),
              error);
    assert_int_equal(left->count, 1);
    bench_close(&bench);
}

static void test_history_is_bounded(void **state)
{
    struct slc_queue_receipt first, last;
    struct slc_error error = {0};
    struct bench bench;
    int seen = 0;

    bench_open(&bench, state, 1, 0, 3);
    SUBMIT(&bench, &first, "a");
    for (int i = 0; i < 9; i++)
        SUBMIT(&bench, &last, "b");
    wait_for(&bench, &bench.done_calls, 10);
    assert_ok(slc_queue_see(bench.queue, last.id, count_batch, &seen, &error), error);
    assert_fails(slc_queue_see(bench.queue, first.id, count_batch, &seen, &error), error,
                 SLC_ERR_NOT_FOUND);
    assert_fails(slc_queue_see(bench.queue, "../x", count_batch, &seen, &error), error,
                 SLC_ERR_NOT_FOUND);
    assert_int_equal(seen, 1);
    assert_ok(slc_queue_list(bench.queue, NULL, 0, count_batch, &seen, &error), error);
    assert_int_equal(seen, 4);
    assert_ok(slc_queue_list(bench.queue, last.id, 1, count_batch, &seen, &error), error);
    assert_int_equal(seen, 5);
    bench_close(&bench);
}

/* A batch of no loads is forgotten like any other, and whoever ends the batch that
 * pushes it out is told so. */
static void test_empty_batches_are_forgotten(void **state)
{
    struct slc_queue_receipt empty, last;
    struct slc_error error = {0};
    struct bench bench;
    int seen = 0;

    bench_open(&bench, state, 1, 0, 1);
    assert_true(submit(&bench, (const char *const[]){NULL}, false, &empty, NULL));
    wait_for(&bench, &bench.done_calls, 1);
    SUBMIT(&bench, &last, "a");
    wait_for(&bench, &bench.done_calls, 2);
    assert_ok(slc_queue_see(bench.queue, last.id, count_batch, &seen, &error), error);
    assert_fails(slc_queue_see(bench.queue, empty.id, count_batch, &seen, &error), error,
                 SLC_ERR_NOT_FOUND);
    expect_clean(&bench);
    bench_close(&bench);
}

static void see_block(void *state, const struct slc_batch *batch)
{
    assert_int_equal(batch->count, 2);
    assert_int_equal(batch->running, 1);
    assert_int_equal(batch->failed, 0);
    assert_int_equal(batch->ended_usec, 0);
    assert_true(batch->started_usec >= batch->submitted_usec);
    if (!batch->jobs)
        return;
    assert_int_equal(batch->jobs[0].state, SLC_JOB_RUNNING);
    assert_string_equal(batch->jobs[0].ticket_name, "block");
    assert_int_equal(batch->jobs[0].attempts, 1);
    assert_true(batch->jobs[0].worker[0] != '\0');
    assert_int_equal(batch->jobs[1].state, SLC_JOB_QUEUED);
    ++*(int *)state;
}

static void see_end(void *state, const struct slc_batch *batch)
{
    assert_int_equal(batch->done, 1);
    assert_int_equal(batch->failed, 1);
    assert_true(batch->ended_usec > 0);
    assert_int_equal(batch->rows_written, 6);
    assert_string_equal(batch->error->message, "wrong");
    assert_int_equal(batch->error->code, SLC_ERR_DATA);
    if (!batch->jobs)
        return;
    assert_int_equal(batch->jobs[0].state, SLC_JOB_DONE);
    assert_int_equal(batch->jobs[0].status, SLC_TICKET_PROCESSED);
    assert_int_equal(batch->jobs[0].rows_written, 3);
    assert_int_equal(batch->jobs[1].state, SLC_JOB_FAILED);
    assert_string_equal(batch->jobs[1].error->message, "wrong");
    ++*(int *)state;
}

static void test_looking(void **state)
{
    struct slc_queue_receipt receipt;
    struct slc_error error = {0};
    struct bench bench;
    int seen = 0;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, &receipt, "block", "fail");
    wait_for(&bench, &bench.begun, 1);
    assert_ok(slc_queue_see(bench.queue, receipt.id, see_block, &seen, &error), error);
    assert_ok(slc_queue_list(bench.queue, NULL, 0, see_block, &seen, &error), error);
    let_go(&bench);
    wait_for(&bench, &bench.done_calls, 1);
    assert_ok(slc_queue_see(bench.queue, receipt.id, see_end, &seen, &error), error);
    assert_ok(slc_queue_list(bench.queue, NULL, 0, see_end, &seen, &error), error);
    assert_int_equal(seen, 2);
    bench_close(&bench);
}

struct follow {
    struct bench *bench;
    int changes, over;
};

static void on_change(void *state, bool over)
{
    struct follow *follow = state;

    pthread_mutex_lock(&follow->bench->lock);
    follow->changes++;
    follow->over += over;
    pthread_cond_broadcast(&follow->bench->changed);
    pthread_mutex_unlock(&follow->bench->lock);
}

static void test_following(void **state)
{
    struct slc_queue_receipt receipt;
    struct slc_queue_follower *early, *late;
    struct slc_error error = {0};
    struct bench bench;
    struct follow first = {.bench = &bench}, second = {.bench = &bench};

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, &receipt, "block");
    wait_for(&bench, &bench.begun, 1);
    early = slc_queue_follow(bench.queue, receipt.id, on_change, &first, &error);
    assert_non_null(early);
    wait_for(&bench, &first.changes, 1);
    assert_int_equal(first.over, 0);
    let_go(&bench);
    wait_for(&bench, &first.over, 1);
    slc_queue_unfollow(bench.queue, early);
    late = slc_queue_follow(bench.queue, receipt.id, on_change, &second, &error);
    assert_non_null(late);
    wait_for(&bench, &second.over, 1);
    slc_queue_unfollow(bench.queue, late);
    assert_int_equal(first.over, 1);
    assert_null(slc_queue_follow(bench.queue, "0123456789abcdef0123456789abcdef", on_change,
                                 &second, &error));
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
    bench_close(&bench);
}

static void test_hold(void **state)
{
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, NULL, "block-x", "a-x", "b", "grow");
    wait_for(&bench, &bench.begun, 1);
    assert_ok(slc_queue_hold(bench.queue, &error), error);
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, 4);
    assert_string_equal(bench.log, "block-x ");
    assert_fails(submit(&bench, (const char *const[]){"c", NULL}, false, NULL, &error), error,
                 SLC_ERR_CANCELLED);
    expect_clean(&bench);
    slc_queue_resume(bench.queue);
    SUBMIT(&bench, NULL, "c");
    wait_for(&bench, &bench.done_calls, 2);
    assert_string_equal(bench.log, "block-x c ");
    bench_close(&bench);
}

/* Once armed, the number of the next descriptor that is closed because its peer has done so is
 * taken at once, as another thread's open() might, and the closing thread goes on when something
 * was shut down. */
static int heir = -1, heir_as = -1;
static atomic_int
    heir_state; /* 0: not armed; 1: armed; 2: in its place; 3: something was shut down */

int __real_close(int fd);
int __wrap_close(int fd);
int __real_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how);

int __wrap_close(int fd)
{
    int armed = 1, done;
    char byte;
    bool taken = heir_state == 1 && __real_recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0 &&
                 atomic_compare_exchange_strong(&heir_state, &armed, 2);

    done = __real_close(fd);
    if (taken)
        heir_as = dup2(heir, fd);
    for (int i = 0; taken && heir_state == 2 && i < 1000; i++)
        (void)poll(NULL, 0, 1);
    return done;
}

int __wrap_shutdown(int fd, int how)
{
    int done = __real_shutdown(fd, how), there = 2;

    atomic_compare_exchange_strong(&heir_state, &there, 3);
    return done;
}

/* A connection that is lost while the worker stops: what has its descriptor's number by
 * then is left alone. */
static void test_a_stop_beside_a_lost_connection(void **state)
{
    struct bench bench;
    int pair[2];

    bench_open(&bench, state, 1, 0, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    heir = pair[0];
    for (bool waits = false; !waits;) {
        SLC_AUTO_REPLY struct slc_reply *clients = NULL;

        assert_true(
            slc_redis_call(bench.test.redis, &clients, NULL, SLC_STR("CLIENT"), SLC_STR("LIST")));
        waits = strstr(clients->text.data, "cmd=xreadgroup") != NULL;
    }
    heir_state = 1;
    assert_true(slc_redis_call(bench.test.redis, NULL, NULL, SLC_STR("CLIENT"), SLC_STR("KILL"),
                               SLC_STR("TYPE"), SLC_STR("normal"), SLC_STR("SKIPME"),
                               SLC_STR("yes")));
    while (heir_state == 1)
        (void)poll(NULL, 0, 1);
    slc_worker_stop(bench.worker, 0);
    bench.worker = NULL;
    heir_state = 0;
    assert_int_equal(send(pair[1], "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(send(heir_as, "x", 1, MSG_NOSIGNAL), 1);
    close(heir_as);
    close(pair[0]);
    close(pair[1]);
    bench_close(&bench);
}

/* What a quick stop cuts off is begun again by the next worker, as if it had not been. */
static void test_a_quick_stop_gives_back(void **state)
{
    struct bench bench;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, NULL, "block", "a");
    wait_for(&bench, &bench.begun, 1);
    assert_false(slc_worker_stop(bench.worker, 0));
    assert_int_equal(bench.done_calls, 0);
    assert_int_equal(counts_of(&bench).waiting, 2);
    assert_int_equal(counts_of(&bench).running, 0);
    bench.open = true;
    start_worker(&bench, 1, 0, 1);
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, 0);
    assert_string_equal(bench.fault, "");
    expect_clean(&bench);
    bench_close(&bench);
}

static void *stop_gracefully(void *argument)
{
    struct bench *bench = argument;
    struct slc_worker *worker = bench->worker;

    bench->worker = NULL;
    return slc_worker_stop(worker, 60 * SLC_USEC_PER_SEC) ? bench : NULL;
}

static void test_a_graceful_stop(void **state)
{
    struct bench bench;
    pthread_t stopper;
    void *graceful = NULL;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, NULL, "block");
    wait_for(&bench, &bench.begun, 1);
    assert_int_equal(pthread_create(&stopper, NULL, stop_gracefully, &bench), 0);
    let_go(&bench);
    assert_int_equal(pthread_join(stopper, &graceful), 0);
    assert_non_null(graceful);
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, 0);
    bench_close(&bench);
}

static void test_a_graceful_stop_in_a_hurry(void **state)
{
    struct bench bench;
    pthread_t stopper;
    void *graceful = &bench;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, NULL, "block");
    wait_for(&bench, &bench.begun, 1);
    assert_int_equal(pthread_create(&stopper, NULL, stop_gracefully, &bench), 0);
    bench.hurry = true;
    assert_int_equal(pthread_join(stopper, &graceful), 0);
    assert_null(graceful);
    assert_int_equal(counts_of(&bench).waiting, 1);
    bench_close(&bench);
}

/* ---- Workers that are gone --------------------------------------------------- */

/* A worker of another process takes the next load and is never heard of again;
 * returns what it was handed, to be freed. */
static struct slc_reply *ghost_takes(struct bench *bench, const char *name)
{
    struct slc_reply *reply = NULL;
    struct slc_error error = {0};

    assert_ok(slc_script_call(bench->test.redis, "{REPLICA_REGISTRY}:jobs", &reply, &error,
                              SLC_STR("next"), slc_str_from(name), SLC_STR(""),
                              SLC_STR("0123456789abcdef0123456789abcdef")),
              error);
    assert_int_equal(reply->type, SLC_REPLY_ARRAY);
    return reply;
}

/* What it tries to do with it later is of no effect. */
static void ghost_is_fenced(struct bench *bench, const struct slc_reply *taken)
{
    static const char *const deeds[] = {"renew", "rest", "finish"};
    char token[SLC_NUM_TEXT_BYTES];

    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;
        struct slc_error error = {0};
        bool finish = strcmp(deeds[i], "finish") == 0;

        assert_ok(
            slc_script_call(bench->test.redis, "{REPLICA_REGISTRY}:jobs", &reply, &error,
                            slc_str_from(deeds[i]), taken->items[0].text,
                            slc_script_number(token, taken->items[3].integer), taken->items[1].text,
                            taken->items[2].text, finish ? SLC_STR("done") : SLC_STR("0"),
                            finish ? SLC_STR("{\"state\":\"done\"}") : SLC_STR(""), SLC_STR(""),
                            SLC_STR("7"), SLC_STR("7"), SLC_STR("0"), SLC_STR("0")),
            error);
        assert_true(slc_reply_is(reply, "lost"));
    }
}

static void *hold(void *argument)
{
    static struct slc_error error;

    return slc_queue_hold(argument, &error) ? NULL : &error;
}

/* Nobody waits for a load of another machine while the process stops. */
static void test_a_hold_that_is_interrupted(void **state)
{
    SLC_AUTO_REPLY struct slc_reply *taken = NULL;
    struct slc_queue_options options = {
        .registry_key = "REPLICA_REGISTRY", .timeout_ms = 5000, .lease_ms = 3600000};
    struct slc_queue *queue;
    struct bench bench;
    pthread_t thread;
    void *failure;

    bench_open(&bench, state, 0, 0, 0);
    options.redis_url = bench.test.url;
    options.inbox = bench.test.inbox;
    queue = slc_queue_open(&options, NULL);
    assert_non_null(queue);
    SUBMIT(&bench, NULL, "a");
    taken = ghost_takes(&bench, "another machine/boot/1/1/1");
    assert_int_equal(pthread_create(&thread, NULL, hold, queue), 0);
    slc_queue_interrupt(queue);
    assert_int_equal(pthread_join(thread, &failure), 0);
    assert_non_null(failure);
    assert_int_equal(((struct slc_error *)failure)->code, SLC_ERR_CANCELLED);
    slc_queue_close(queue);
    bench_close(&bench);
}

static void test_a_lease_runs_out(void **state)
{
    SLC_AUTO_REPLY struct slc_reply *taken = NULL;
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    SUBMIT(&bench, NULL, "block-x", "b-x");
    taken = ghost_takes(&bench, "another machine/boot/1/1/1");
    start_worker(&bench, 1, 1000, 0);
    wait_for(&bench, &bench.begun, 1);
    assert_string_equal(bench.log, "block-x ");
    assert_string_equal(bench.earlier, "0123456789abcdef0123456789abcdef");
    assert_int_equal(bench.retaken, 1);
    ghost_is_fenced(&bench, taken);
    assert_int_equal(counts_of(&bench).running, 1);
    let_go(&bench);
    wait_for(&bench, &bench.done_calls, 1);
    ghost_is_fenced(&bench, taken);
    assert_int_equal(bench.failed, 0);
    assert_int_equal(counts_of(&bench).rows_written, 6);
    assert_int_equal(counts_of(&bench).retaken, 1);
    expect_clean(&bench);
    bench_close(&bench);
}

static void on_change_wait(void *state, bool over)
{
    struct bench *bench = state;

    (void)over;
    pthread_mutex_lock(&bench->lock);
    bench->over++;
    pthread_cond_broadcast(&bench->changed);
    while (!bench->open)
        pthread_cond_wait(&bench->changed, &bench->lock);
    pthread_mutex_unlock(&bench->lock);
}

/* Who is busy for so long that the events he waits for are cut off is told all the same. */
static void test_a_listener_far_behind(void **state)
{
    enum { EVENTS = 6000 };
    SLC_AUTO_REPLY struct slc_reply *taken = NULL;
    struct slc_queue_follower *follower;
    struct slc_queue_receipt receipt;
    struct slc_error error = {0};
    char token[SLC_NUM_TEXT_BYTES];
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    SUBMIT(&bench, NULL, "a");
    SUBMIT_ONCE(&bench, &receipt, "b");
    taken = ghost_takes(&bench, "another machine/boot/1/1/1");
    follower = slc_queue_follow(bench.queue, receipt.id, on_change_wait, &bench, &error);
    assert_non_null(follower);
    wait_for(&bench, &bench.over, 1);
    assert_ok(slc_script_call(bench.test.redis, "{REPLICA_REGISTRY}:jobs", NULL, &error,
                              SLC_STR("finish"), taken->items[0].text,
                              slc_script_number(token, taken->items[3].integer),
                              taken->items[1].text, taken->items[2].text, SLC_STR("done"),
                              SLC_STR("{\"state\":\"done\"}"), SLC_STR(""), SLC_STR("0"),
                              SLC_STR("0"), SLC_STR("0"), SLC_STR("0")),
              error);
    for (int i = 0; i < EVENTS; i++)
        assert_ok(slc_redis_call(bench.test.redis, NULL, &error, SLC_STR("XADD"),
                                 SLC_STR("{REPLICA_REGISTRY}:jobs:events"), SLC_STR("MAXLEN"),
                                 SLC_STR("4096"), SLC_STR("*"), SLC_STR("batch"), SLC_STR("x")),
                  error);
    let_go(&bench);
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.gone_calls, 0);
    slc_queue_unfollow(bench.queue, follower);
    bench_close(&bench);
}

/* The name of a process of this machine that has ended. */
static void name_dead_process(char name[SLC_OWNER_BYTES])
{
    int ends[2], status;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        slc_owner_name(name);
        _exit(write(ends[1], name, SLC_OWNER_BYTES) != SLC_OWNER_BYTES);
    }
    assert_int_equal(read(ends[0], name, SLC_OWNER_BYTES), SLC_OWNER_BYTES);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(ends[0]);
    close(ends[1]);
}

/* Long before its lease has run out. */
static void test_a_process_that_ended_is_noticed(void **state)
{
    SLC_AUTO_REPLY struct slc_reply *taken = NULL;
    char name[SLC_OWNER_BYTES];
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    SUBMIT(&bench, NULL, "a");
    name_dead_process(name);
    taken = ghost_takes(&bench, name);
    start_worker(&bench, 1, 3600000, 0);
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.failed, 0);
    assert_int_equal(bench.retaken, 1);
    ghost_is_fenced(&bench, taken);
    bench_close(&bench);
}

static void test_attempts_are_counted(void **state)
{
    char name[SLC_OWNER_BYTES], other[SLC_OWNER_BYTES];
    SLC_AUTO_REPLY struct slc_reply *first = NULL;
    SLC_AUTO_REPLY struct slc_reply *second = NULL;
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    SUBMIT(&bench, NULL, "a");
    name_dead_process(name);
    name_dead_process(other);
    first = ghost_takes(&bench, name);
    assert_ok(slc_script_call(bench.test.redis, "{REPLICA_REGISTRY}:jobs", &second, &error,
                              SLC_STR("claim"), first->items[1].text, first->items[2].text,
                              slc_str_from(name), SLC_STR("0"), slc_str_from(other),
                              SLC_STR("fedcba9876543210fedcba9876543210")),
              error);
    assert_int_equal(second->items[4].integer, 2);
    start_worker(&bench, 1, 3600000, 2);
    wait_for(&bench, &bench.done_calls, 1);
    assert_non_null(strstr(bench.fault, "begun 2 times"));
    assert_string_equal(bench.earlier,
                        "0123456789abcdef0123456789abcdef fedcba9876543210fedcba9876543210");
    bench_close(&bench);
}

/* A replica of Redis became master without the last that its master had heard. */
static void test_a_token_is_given_once(void **state)
{
    SLC_AUTO_REPLY struct slc_reply *first = NULL;
    SLC_AUTO_REPLY struct slc_reply *second = NULL;
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    SUBMIT(&bench, NULL, "a");
    first = ghost_takes(&bench, "another machine/boot/1/1/1");
    assert_ok(slc_redis_call(bench.test.redis, NULL, &error, SLC_STR("HDEL"),
                             SLC_STR("{REPLICA_REGISTRY}:jobs:counts"), SLC_STR("fence")),
              error);
    assert_ok(slc_script_call(bench.test.redis, "{REPLICA_REGISTRY}:jobs", &second, &error,
                              SLC_STR("claim"), first->items[1].text, first->items[2].text,
                              SLC_STR("another machine/boot/1/1/1"), SLC_STR("0"),
                              SLC_STR("a third machine/boot/1/1/1"),
                              SLC_STR("fedcba9876543210fedcba9876543210")),
              error);
    assert_int_equal(second->type, SLC_REPLY_ARRAY);
    ghost_is_fenced(&bench, first);
    bench_close(&bench);
}

/* Nobody could say what he sees while Redis was away: the first one back does not
 * end the loads of the others. */
static void test_homes_have_time_to_come_back(void **state)
{
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    for (int away = 1; away >= 0; away--) {
        SLC_AUTO_REPLY struct slc_reply *homes = NULL;

        assert_ok(slc_redis_call(bench.test.redis, NULL, &error, SLC_STR("ZADD"),
                                 SLC_STR("{REPLICA_REGISTRY}:jobs:homes"), SLC_STR("1"),
                                 SLC_STR("elsewhere")),
                  error);
        if (away)
            assert_ok(slc_redis_call(bench.test.redis, NULL, &error, SLC_STR("HSET"),
                                     SLC_STR("{REPLICA_REGISTRY}:jobs:counts"), SLC_STR("looked"),
                                     SLC_STR("1")),
                      error);
        assert_ok(slc_script_call(bench.test.redis, "{REPLICA_REGISTRY}:jobs", NULL, &error,
                                  SLC_STR("look"), SLC_STR(""), SLC_STR("60000")),
                  error);
        assert_ok(slc_redis_call(bench.test.redis, &homes, &error, SLC_STR("EXISTS"),
                                 SLC_STR("{REPLICA_REGISTRY}:jobs:homes")),
                  error);
        assert_int_equal(homes->integer, away);
    }
    bench_close(&bench);
}

/* A worker that is busy for long sees its directory all the while. */
static void test_a_busy_worker_sees_its_directory(void **state)
{
    SLC_AUTO_REPLY struct slc_reply *homes = NULL;
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, NULL, "block");
    wait_for(&bench, &bench.begun, 1);
    assert_ok(slc_redis_call(bench.test.redis, NULL, &error, SLC_STR("DEL"),
                             SLC_STR("{REPLICA_REGISTRY}:jobs:homes")),
              error);
    let_go(&bench); /* which renews once more, before the ticket is marked */
    wait_for(&bench, &bench.over, 1);
    assert_ok(slc_redis_call(bench.test.redis, &homes, &error, SLC_STR("EXISTS"),
                             SLC_STR("{REPLICA_REGISTRY}:jobs:homes")),
              error);
    assert_int_equal(homes->integer, 1);
    bench_close(&bench);
}

/* A load that is left to those who see a directory, when nobody does any more, ends. */
static void test_no_load_waits_where_nobody_looks(void **state)
{
    SLC_AUTO_REPLY struct slc_reply *taken = NULL;
    SLC_AUTO_REPLY struct slc_reply *rested = NULL;
    struct slc_error error = {0};
    char token[SLC_NUM_TEXT_BYTES];
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    SUBMIT(&bench, NULL, "a");
    taken = ghost_takes(&bench, "another machine/boot/1/1/1");
    assert_ok(slc_script_call(bench.test.redis, "{REPLICA_REGISTRY}:jobs", &rested, &error,
                              SLC_STR("rest"), taken->items[0].text,
                              slc_script_number(token, taken->items[3].integer),
                              taken->items[1].text, taken->items[2].text, SLC_STR("0"),
                              SLC_STR("elsewhere"), SLC_STR("")),
              error);
    assert_true(slc_reply_is(rested, "mine"));
    assert_ok(slc_redis_call(bench.test.redis, NULL, &error, SLC_STR("HSET"),
                             SLC_STR("{REPLICA_REGISTRY}:jobs:counts"), SLC_STR("looked"),
                             SLC_STR("9999999999999")),
              error);
    assert_ok(slc_redis_call(bench.test.redis, NULL, &error, SLC_STR("ZADD"),
                             SLC_STR("{REPLICA_REGISTRY}:jobs:homes"), SLC_STR("XX"), SLC_STR("1"),
                             SLC_STR("elsewhere")),
              error);
    assert_ok(slc_script_call(bench.test.redis, "{REPLICA_REGISTRY}:jobs", NULL, &error,
                              SLC_STR("look"), SLC_STR(""), SLC_STR("60000")),
              error);
    assert_int_equal(counts_of(&bench).failed, 1);
    wait_for(&bench, &bench.done_calls, 1);
    expect_clean(&bench);
    bench_close(&bench);
}

/* While the worker does it, somebody else has been given the load. */
static void test_a_worker_that_lost_its_load_stops(void **state)
{
    SLC_AUTO_REPLY struct slc_reply *pending = NULL;
    SLC_AUTO_REPLY struct slc_reply *taken = NULL;
    struct slc_error error = {0};
    struct bench bench;

    bench_open(&bench, state, 1, 0, 0);
    SUBMIT(&bench, NULL, "block");
    wait_for(&bench, &bench.begun, 1);
    assert_ok(slc_redis_call(bench.test.redis, &pending, &error, SLC_STR("XPENDING"),
                             SLC_STR("{REPLICA_REGISTRY}:jobs"), SLC_STR("load"), SLC_STR("-"),
                             SLC_STR("+"), SLC_STR("1")),
              error);
    assert_ok(slc_script_call(bench.test.redis, "{REPLICA_REGISTRY}:jobs", &taken, &error,
                              SLC_STR("claim"), SLC_STR("{REPLICA_REGISTRY}:jobs"),
                              pending->items[0].items[0].text, pending->items[0].items[1].text,
                              SLC_STR("0"), SLC_STR("another machine/boot/1/1/1"),
                              SLC_STR("fedcba9876543210fedcba9876543210")),
              error);
    assert_int_equal(taken->type, SLC_REPLY_ARRAY);
    wait_for(&bench, &bench.lost, 1);
    assert_false(bench.may_end);
    assert_int_equal(bench.finished, 0);
    assert_int_equal(counts_of(&bench).running, 1);
    bench_close(&bench);
}

static void test_a_batch_that_redis_lost(void **state)
{
    struct bench bench;

    bench_open(&bench, state, 0, 0, 0);
    SUBMIT(&bench, NULL, "a");
    assert_true(slc_redis_call(bench.test.redis, NULL, NULL, SLC_STR("FLUSHALL")));
    assert_true(slc_redis_call(bench.test.redis, NULL, NULL, SLC_STR("CLIENT"), SLC_STR("KILL"),
                               SLC_STR("TYPE"), SLC_STR("normal"), SLC_STR("SKIPME"),
                               SLC_STR("yes")));
    wait_for(&bench, &bench.done_calls, 1);
    assert_int_equal(bench.gone_calls, 1);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_counts),
        cmocka_unit_test(test_an_empty_batch_is_over_at_once),
        cmocka_unit_test(test_an_end_before_the_answer),
        cmocka_unit_test(test_a_growing_file_steps_aside),
        cmocka_unit_test(test_one_load_of_a_replica_at_a_time),
        cmocka_unit_test(test_a_full_queue),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_a_large_batch_is_put_in_by_slices),
        cmocka_unit_test(test_workers_go_on_with_what_a_submitter_left),
        cmocka_unit_test(test_what_a_submitter_left_is_dropped),
        cmocka_unit_test(test_a_step_is_bounded),
        cmocka_unit_test(test_unreadable_records),
        cmocka_unit_test(test_consumers_of_the_dead_are_forgotten),
        cmocka_unit_test(test_history_is_bounded),
        cmocka_unit_test(test_empty_batches_are_forgotten),
        cmocka_unit_test(test_looking),
        cmocka_unit_test(test_following),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_a_stop_beside_a_lost_connection),
        cmocka_unit_test(test_a_quick_stop_gives_back),
        cmocka_unit_test(test_a_graceful_stop),
        cmocka_unit_test(test_a_graceful_stop_in_a_hurry),
        cmocka_unit_test(test_a_listener_far_behind),
        cmocka_unit_test(test_a_hold_that_is_interrupted),
        cmocka_unit_test(test_a_lease_runs_out),
        cmocka_unit_test(test_a_process_that_ended_is_noticed),
        cmocka_unit_test(test_attempts_are_counted),
        cmocka_unit_test(test_a_token_is_given_once),
        cmocka_unit_test(test_homes_have_time_to_come_back),
        cmocka_unit_test(test_a_busy_worker_sees_its_directory),
        cmocka_unit_test(test_no_load_waits_where_nobody_looks),
        cmocka_unit_test(test_a_worker_that_lost_its_load_stops),
        cmocka_unit_test(test_a_batch_that_redis_lost),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
