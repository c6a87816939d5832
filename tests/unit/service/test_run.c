/* The service as a process: what it says, what signals do, how it ends. Its
 * standard output and error are a pipe, so that the tests wait for its words. */
#include "service/service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "job_test.h"
#include "raw_client.h"
#include "read_hook.h"

enum { PATIENCE_MS = 60000 };

struct process {
    pid_t pid;
    int fd; /* its words */
    char said[262144];
    size_t len;
};

struct place {
    struct job_test job;
    char *state_dir;
    uint16_t port;
};

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void place_open(struct place *place, void **state)
{
    job_test_open(&place->job, state);
    place->state_dir = test_dir_new();
    place->port = free_port();
}

static void place_close(struct place *place)
{
    test_dir_remove(place->state_dir);
    job_test_close(&place->job);
}

static void set(struct slc_config *config, const char *key, const char *value)
{
    struct slc_error error = {0};

    if (!slc_config_set_value(config, key, slc_str_from(value), "test", &error)) {
        fprintf(stderr, "%s\n", error.message);
        _exit(99);
    }
}

static struct slc_config *configure(const struct place *place, const char *const *more)
{
    struct slc_config *config = slc_config_new();
    char text[SLC_REDIS_PATH_BYTES + 16];

    set(config, "source.stream_dir", place->job.dir);
    set(config, "source.settle_ms", "0");
    set(config, "source.poll_ms", "20");
    set(config, "state_dir", place->state_dir);
    set(config, "log.format", "text");
    set(config, "limits.rate", "0");
    set(config, "load.workers", "1");
    snprintf(text, sizeof(text), "unix://%s", place->job.url->path);
    set(config, "redis.url", text);
    snprintf(text, sizeof(text), "%u", (unsigned)place->port);
    set(config, "http.port", text);
    for (size_t i = 0; more && more[i]; i += 2)
        set(config, more[i], more[i + 1]);
    return config;
}

/* What a worker does instead of beginning; set before the service is started. */
static void (*in_worker)(void);
/* The first reading of the configuration brings another order to read it, and its
 * workers end at once. */
static bool reload_twice, doomed;

static bool reload(void *state, struct slc_config **ret_config, struct slc_error *error)
{
    struct slc_config *config = slc_config_clone(state);

    (void)error;
    doomed = reload_twice;
    reload_twice = false;
    if (doomed)
        assert_int_equal(kill(getpid(), SIGHUP), 0);
    set(config, "http.threads", "7");
    set(config, "http.port", "1");
    set(config, "log.level", "debug");
    *ret_config = config;
    return true;
}

/* In the child. */
static void serve(const struct place *place, const char *const *more)
{
    struct slc_config *config = configure(place, more);
    struct slc_service_options options = {
        .config = config, .environment = environ, .reload = reload, .reload_state = config};
    struct slc_error error = {0};
    int status = 0;

    if (in_worker)
        assert_int_equal(pthread_atfork(NULL, NULL, in_worker), 0);
    if (!slc_service_run(&options, &status, &error))
        dprintf(STDERR_FILENO, "refused: %s\n", error.message);
    slc_config_free(config);
    exit(status); /* not _exit: a leak checker wants to look */
}

static void start(struct process *process, const struct place *place, const char *const *more)
{
    int fds[2];

    memset(process, 0, sizeof(*process));
    assert_int_equal(pipe(fds), 0);
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        close(fds[0]);
        close(fds[1]);
        serve(place, more);
    }
    close(fds[1]);
    process->fd = fds[0];
}

/* Read on; false at the end. */
static bool hear(struct process *process)
{
    struct pollfd ready = {.fd = process->fd, .events = POLLIN};
    ssize_t got;

    if (poll(&ready, 1, PATIENCE_MS) <= 0)
        fail_msg("it says nothing more: %s", process->said);
    got = read(process->fd, process->said + process->len, sizeof(process->said) - 1 - process->len);
    if (got > 0)
        process->len += (size_t)got;
    process->said[process->len] = '\0';
    return got > 0;
}

/* Wait until it says something for the `times`th time. */
static const char *wait_for(struct process *process, const char *words, int times)
{
    for (;;) {
        const char *at = process->said;
        int found = 0;

        while ((at = strstr(at, words)) && ++found < times)
            at++;
        if (at && strchr(at, '\n'))
            return at;
        if (!hear(process))
            fail_msg("it never said \"%s\": %s", words, process->said);
    }
}

/* Has it said so, or does it within a moment? */
static bool says(struct process *process, const char *words)
{
    struct pollfd ready = {.fd = process->fd, .events = POLLIN};

    while (!strstr(process->said, words) && poll(&ready, 1, 100) > 0)
        if (!hear(process))
            break;
    return strstr(process->said, words) != NULL;
}

/* Its exit status. */
static int finish(struct process *process, int signal_number)
{
    int status = 0;

    if (signal_number)
        assert_int_equal(kill(process->pid, signal_number), 0);
    while (hear(process))
        continue;
    close(process->fd);
    assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
    if (!WIFEXITED(status))
        fail_msg("it was killed: %s", process->said);
    return WEXITSTATUS(status);
}

static int get(const struct place *place, const char *path, const char *key,
               struct raw_answer *answer)
{
    char request[512];

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n",
             path, key);
    raw_call(place->port, request, answer);
    return answer->status;
}

static struct process process, other;
static atomic_int *turns; /* shared by all processes */
static struct raw_answer answer;

static void test_start_signals_stop(void **state)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGQUIT};
    static const char *const more[] = {"auth.key", "kwx", NULL};
    struct place place;

    place_open(&place, state);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        start(&process, &place, more);
        wait_for(&process, "listening", 1);
        assert_int_equal(get(&place, "/v1/replicas", "kwx", &answer), 200);
        assert_int_equal(get(&place, "/v1/replicas", "xyz", &answer), 401);
        wait_for(&process, "route=/v1/replicas status=401", 1);
        assert_int_equal(finish(&process, ends[i]), 0);
        assert_non_null(strstr(process.said, "stopped"));
        assert_null(strstr(process.said, "kwx"));
        assert_null(strstr(process.said, "xyz"));
    }
    place_close(&place);
}

static void test_reloading(void **state)
{
    static const char *const more[] = {"auth.key", "kwx", NULL};
    struct place place;

    place_open(&place, state);
    start(&process, &place, more);
    wait_for(&process, "listening", 1);
    assert_int_equal(get(&place, "/healthz", "", &answer), 200);
    assert_int_equal(kill(process.pid, SIGHUP), 0);
    wait_for(&process, "the configuration was read again", 1);
    wait_for(&process, "needs a restart option=http.port", 1);
    assert_null(strstr(process.said, "option=auth.key"));
    assert_null(strstr(process.said, "route=/readyz"));
    /* At debug level, which is new; the old worker may answer for a moment yet. */
    do
        assert_int_equal(get(&place, "/readyz", "", &answer), 200);
    while (!says(&process, "route=/readyz"));
    assert_int_equal(kill(process.pid, SIGUSR1), 0);
    wait_for(&process, "the log was opened anew", 1);
    assert_int_equal(kill(process.pid, SIGTTIN), 0);
    wait_for(&process, "one HTTP worker more workers=5", 1);
    assert_int_equal(kill(process.pid, SIGTTOU), 0);
    wait_for(&process, "one HTTP worker less workers=4", 1);
    assert_int_equal(finish(&process, SIGTERM), 0);
    place_close(&place);
}

static void end_if_doomed(void)
{
    if (doomed)
        _exit(7);
}

static void test_reloading_after_a_refused_one(void **state)
{
    struct place place;

    place_open(&place, state);
    in_worker = end_if_doomed;
    reload_twice = true;
    start(&process, &place, NULL);
    in_worker = NULL;
    reload_twice = false;
    wait_for(&process, "listening", 1);
    assert_int_equal(kill(process.pid, SIGHUP), 0);
    wait_for(&process, "the new configuration is refused", 1);
    wait_for(&process, "the configuration was read again", 1);
    assert_int_equal(finish(&process, SIGTERM), 0);
    place_close(&place);
}

/* A worker that a terminal's Ctrl-C has ended: the master sees both at once. */
static void end_with_the_master(void)
{
    static bool done;
    pid_t self = getpid(), master = getppid();

    if (done || (done = true, atomic_fetch_add(turns, 1) > 0))
        return;
    (void)kill(master, SIGSTOP);
    if (fork() == 0) {
        while (getppid() == self)
            (void)poll(NULL, 0, 1);
        (void)kill(master, SIGCONT);
        _exit(0);
    }
    (void)kill(master, SIGINT);
    _exit(0);
}

static void test_a_stop_at_the_start(void **state)
{
    struct place place;

    place_open(&place, state);
    turns = mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(turns, MAP_FAILED);
    in_worker = end_with_the_master;
    start(&process, &place, NULL);
    in_worker = NULL;
    if (finish(&process, 0) != 0)
        fail_msg("%s", process.said);
    assert_non_null(strstr(process.said, "stopping signal=2"));
    munmap(turns, sizeof(*turns));
    place_close(&place);
}

static void test_a_key_is_made_once(void **state)
{
    struct place place;
    const char *at;
    char key[44];

    place_open(&place, state);
    start(&process, &place, NULL);
    wait_for(&process, "listening", 1);
    at = strstr(process.said, "\n    ");
    assert_non_null(at);
    snprintf(key, sizeof(key), "%.43s", at + 5);
    assert_int_equal(get(&place, "/v1/replicas", key, &answer), 200);
    assert_int_equal(finish(&process, SIGTERM), 0);
    start(&process, &place, NULL);
    wait_for(&process, "listening", 1);
    assert_int_equal(get(&place, "/v1/replicas", key, &answer), 200);
    assert_int_equal(finish(&process, SIGTERM), 0);
    assert_null(strstr(process.said, key));
    place_close(&place);
}

static void test_places_that_are_taken(void **state)
{
    struct place place;

    place_open(&place, state);
    start(&process, &place, NULL);
    wait_for(&process, "listening", 1);
    start(&other, &place, NULL);
    assert_int_equal(finish(&other, 0), 2);
    assert_non_null(strstr(other.said, "is taken"));
    place.port = free_port();
    start(&other, &place, NULL);
    assert_int_equal(finish(&other, 0), 2);
    assert_non_null(strstr(other.said, "another sluice serve uses the state directory"));
    assert_int_equal(finish(&process, SIGTERM), 0);
    place_close(&place);
}

static void test_watching(void **state)
{
    static const char *const more[] = {"watch", "true", NULL};
    struct place place;
    char *row;

    place_open(&place, state);
    job_test_put_table(&place.job, "before", "2022-01-01:00:00:00", ",\"prim_index\":\"id\"");
    start(&process, &place, more);
    wait_for(&process, "loaded ticket=before.ticket", 1);
    job_test_put(&place.job, "junk.ticket", "no ticket");
    wait_for(&process, "a ticket cannot be worked with ticket=junk.ticket", 1);
    job_test_put_table(&place.job, "after", "2022-01-01:00:00:00", ",\"prim_index\":\"id\"");
    wait_for(&process, "loaded ticket=after.ticket", 1);
    assert_int_equal(finish(&process, SIGTERM), 0);
    job_test_expect(&place.job, "after.ticket", "\"PROCESSED\"");
    row = job_test_ask(&place.job, "HGET", "after", "2");
    assert_string_equal(row, "[1]");
    free(row);
    /* One line however often it was looked at. */
    assert_null(strstr(strstr(process.said, "ticket=junk.ticket") + 1, "ticket=junk.ticket"));
    place_close(&place);
}

static void test_the_private_server(void **state)
{
    static const char *const more[] = {"redis.url", "", "auth.key", "kwx", NULL};
    struct place place;
    const char *at;
    long pid;

    place_open(&place, state);
    start(&process, &place, more);
    wait_for(&process, "listening", 1);
    assert_int_equal(get(&place, "/v1/replicas", "kwx", &answer), 200);
    at = strstr(process.said, "redis_pid=");
    assert_non_null(at);
    pid = strtol(at + 10, NULL, 10);
    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    wait_for(&process, "the private redis-server runs", 2);
    assert_int_equal(get(&place, "/v1/replicas", "kwx", &answer), 200);
    assert_int_equal(finish(&process, SIGTERM), 0);
    place_close(&place);
}

static void test_redis_away_at_the_start(void **state)
{
    static const char *const more[] = {"redis.url", "unix:///nonexistent/redis.sock", "auth.key",
                                       "kwx", NULL};
    struct place place;

    place_open(&place, state);
    start(&process, &place, more);
    wait_for(&process, "listening", 1);
    assert_int_equal(get(&place, "/healthz", "kwx", &answer), 200);
    assert_int_equal(get(&place, "/v1/replicas", "kwx", &answer), 503);
    assert_int_equal(finish(&process, SIGTERM), 0);
    place_close(&place);
}

/* In the service's process: data files cannot be read while "broken" is beside
 * them, and reading waits while "slow" is. */
static int read_as_told(const char *path)
{
    const char *end = strrchr(path, '/');
    char told[4096];

    snprintf(told, sizeof(told), "%.*s/broken", (int)(end - path), path);
    if (access(told, F_OK) == 0)
        return EIO;
    snprintf(told, sizeof(told), "%.*s/slow", (int)(end - path), path);
    while (access(told, F_OK) == 0) {
        dprintf(STDERR_FILENO, "it reads\n");
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    return 0;
}

static void take_away(const struct place *place, const char *name)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", place->job.dir, name);
    assert_int_equal(unlink(path), 0);
}

static void test_watching_a_file_that_cannot_be_read(void **state)
{
    static const char *const more[] = {"watch", "true", NULL};
    struct place place;

    place_open(&place, state);
    job_test_put(&place.job, "broken", "");
    job_test_put_table(&place.job, "a", "2022-01-01:00:00:00", "");
    read_hook = read_as_told;
    start(&process, &place, more);
    read_hook = NULL;
    wait_for(&process, "a load failed ticket=a.ticket", 2); /* it is tried again */
    job_test_expect(&place.job, "a.ticket", "\"READY\"");
    take_away(&place, "broken");
    wait_for(&process, "loaded ticket=a.ticket", 1);
    assert_int_equal(finish(&process, SIGTERM), 0);
    job_test_expect(&place.job, "a.ticket", "\"PROCESSED\"");
    place_close(&place);
}

/* The workers read the signal that ends them one after the other; the master, which
 * has read it first, reads that one of them has ended when all have. */

static void read_signals_in_turn(void)
{
    static int turn = -1;
    struct timespec nap = {.tv_nsec = 500000000};

    if (turn != 0) {
        turn = atomic_fetch_add(turns, 1);
        nap.tv_nsec = turn * 50000000L;
    }
    nanosleep(&nap, NULL);
}

/* One signal may tell of several children. */
static void test_workers_that_end_together(void **state)
{
    static const char *const more[] = {"graceful_timeout", "3600", NULL};
    struct place place;

    place_open(&place, state);
    turns = mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(turns, MAP_FAILED);
    signal_read_hook = read_signals_in_turn;
    start(&process, &place, more);
    signal_read_hook = NULL;
    wait_for(&process, "listening", 1);
    assert_int_equal(finish(&process, SIGTERM), 0);
    munmap(turns, sizeof(*turns));
    place_close(&place);
}

/* A redis-server that does not get ready, as one does that reads large data. */
static void test_a_stop_while_the_private_server_starts(void **state)
{
    static const char *const more[] = {"redis.url", "", NULL};
    static const char script[] = "#!/bin/sh\n: >begun\nexec sleep 600\n";
    struct place place;
    char *path, *program, *begun, *before = strdup(getenv("PATH"));
    int64_t since_usec;

    place_open(&place, state);
    assert_true(asprintf(&path, "%s:%s", place.job.dir, before) > 0);
    assert_true(asprintf(&begun, "%s/redis/begun", place.state_dir) > 0);
    job_test_put(&place.job, "redis-server", script);
    assert_true(asprintf(&program, "%s/redis-server", place.job.dir) > 0);
    assert_int_equal(chmod(program, 0700), 0);
    setenv("PATH", path, 1);
    start(&process, &place, more);
    setenv("PATH", before, 1);
    while (access(begun, F_OK) != 0)
        (void)poll(NULL, 0, 5);
    since_usec = slc_monotonic_usec();
    assert_int_equal(finish(&process, SIGTERM), 0);
    assert_true(slc_monotonic_usec() - since_usec < 15 * SLC_USEC_PER_SEC);
    assert_null(strstr(process.said, "listening"));
    assert_null(strstr(process.said, "killed"));
    free(path);
    free(program);
    free(begun);
    free(before);
    place_close(&place);
}

/* A load that does not end holds a graceful stop up; a quick one need not wait. */
static void test_a_quick_stop_during_a_graceful_one(void **state)
{
    static const char *const more[] = {"watch", "true", "graceful_timeout", "3600", NULL};
    struct place place;

    place_open(&place, state);
    job_test_put(&place.job, "slow", "");
    job_test_put_table(&place.job, "a", "2022-01-01:00:00:00", "");
    read_hook = read_as_told;
    start(&process, &place, more);
    read_hook = NULL;
    wait_for(&process, "it reads", 1);
    assert_int_equal(kill(process.pid, SIGTERM), 0);
    wait_for(&process, "stopping signal=15", 1);
    assert_int_equal(kill(process.pid, SIGINT), 0);
    wait_for(&process, "stopping at once signal=2", 1);
    wait_for(&process, "the load that still runs is stopped", 1);
    take_away(&place, "slow");
    assert_int_equal(finish(&process, 0), 0);
    assert_non_null(strstr(process.said, "a load was stopped"));
    job_test_expect(&place.job, "a.ticket", "\"READY\"");
    place_close(&place);
}

/* The same with a client that waits for the load. */
static void test_a_quick_stop_while_a_client_waits(void **state)
{
    static const char *const more[] = {"auth.key", "kwx", "graceful_timeout", "3600", NULL};
    static struct raw_client client;
    struct place place;
    char *ticket;

    place_open(&place, state);
    job_test_put(&place.job, "slow", "");
    job_test_put_table(&place.job, "a", "2022-01-01:00:00:00", "");
    read_hook = read_as_told;
    start(&process, &place, more);
    read_hook = NULL;
    wait_for(&process, "listening", 1);
    raw_open(&client, place.port);
    assert_true(raw_send_text(&client, "POST /loadDf2redis?force_reload=1 HTTP/1.1\r\nHost: x\r\n"
                                       "Authorization: Bearer kwx\r\nContent-Length: 0\r\n\r\n"));
    wait_for(&process, "it reads", 1);
    assert_int_equal(kill(process.pid, SIGTERM), 0);
    wait_for(&process, "stopping signal=15", 1);
    assert_int_equal(kill(process.pid, SIGQUIT), 0);
    wait_for(&process, "stopping at once signal=3", 1);
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 503);
    raw_close(&client);
    take_away(&place, "slow");
    assert_int_equal(finish(&process, 0), 0);
    assert_non_null(strstr(process.said, "requests were cut off: a quick stop was asked for"));
    /* The load was cut off, or had just enough time: it did not fail. */
    ticket = job_test_get(&place.job, "a.ticket");
    assert_null(strstr(ticket, "FAILED"));
    free(ticket);
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_signals_stop),
        cmocka_unit_test(test_reloading),
        cmocka_unit_test(test_reloading_after_a_refused_one),
        cmocka_unit_test(test_a_stop_at_the_start),
        cmocka_unit_test(test_a_key_is_made_once),
        cmocka_unit_test(test_places_that_are_taken),
        cmocka_unit_test(test_watching),
        cmocka_unit_test(test_watching_a_file_that_cannot_be_read),
        cmocka_unit_test(test_workers_that_end_together),
        cmocka_unit_test(test_a_quick_stop_during_a_graceful_one),
        cmocka_unit_test(test_a_quick_stop_while_a_client_waits),
        cmocka_unit_test(test_the_private_server),
        cmocka_unit_test(test_a_stop_while_the_private_server_starts),
        cmocka_unit_test(test_redis_away_at_the_start),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
