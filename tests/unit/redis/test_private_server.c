#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "redis/spawn.h"

static struct slc_private_server *start(const char *directory)
{
    struct slc_error error;
    struct slc_private_server *server = slc_private_server_start(directory, NULL, &error);

    if (!server)
        fail_msg("%s", error.message);
    return server;
}

static void set(const struct slc_private_server *server, const char *value)
{
    struct slc_error error;
    SLC_AUTO_REDIS struct slc_redis *redis =
        slc_redis_open(slc_private_server_url(server), 5000, &error);

    assert_non_null(redis);
    assert_ok(
        slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("k"), slc_str_from(value)),
        error);
}

static void assert_value(const struct slc_private_server *server, const char *value)
{
    struct slc_error error;
    SLC_AUTO_REDIS struct slc_redis *redis =
        slc_redis_open(slc_private_server_url(server), 5000, &error);
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    assert_non_null(redis);
    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("GET"), SLC_STR("k")), error);
    assert_true(slc_reply_is(reply, value));
}

/* Wait for a process that is not our child to be gone. */
static void wait_gone(pid_t pid)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd entry = {.fd = fd, .events = POLLIN};

    if (fd < 0) {
        assert_int_equal(errno, ESRCH);
        return;
    }
    assert_int_equal(poll(&entry, 1, 20000), 1);
    close(fd);
}

static void keeps_its_data(void **state)
{
    char *directory = test_dir_new();
    struct slc_error error;
    char inner[512];
    struct stat status;

    (void)state;
    snprintf(inner, sizeof(inner), "%s/state dir \"with' odd $chars/redis", directory);
    struct slc_private_server *server = start(inner);
    assert_false(slc_private_server_is_attached(server));
    assert_true(slc_private_server_pid(server) > 0);
    assert_true(slc_private_server_is_running(server));
    assert_int_equal(stat(inner, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    set(server, "kept");
    pid_t pid = slc_private_server_pid(server);
    assert_int_equal(getpgid(pid), pid); /* out of the terminal's reach */
    assert_ok(slc_private_server_stop(server, &error), error);
    assert_int_equal(kill(pid, 0), -1);
    server = start(inner);
    assert_value(server, "kept");
    assert_ok(slc_private_server_stop(server, &error), error);
    assert_true(slc_private_server_stop(NULL, NULL));
    test_dir_remove(directory);
}

/* In a child process: start, report the server's pid, then wait to be killed. */
static _Noreturn void own_and_wait(const char *directory, int report_fd)
{
    struct slc_private_server *server = slc_private_server_start(directory, NULL, NULL);
    pid_t pid = server ? slc_private_server_pid(server) : 0;

    if (server) {
        struct slc_redis *redis = slc_redis_open(slc_private_server_url(server), 5000, NULL);

        if (!redis ||
            !slc_redis_call(redis, NULL, NULL, SLC_STR("SET"), SLC_STR("k"), SLC_STR("old")))
            pid = 0;
    }
    if (write(report_fd, &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
        _exit(1);
    for (;;)
        pause();
}

static pid_t fork_owner(const char *directory, pid_t *ret_server)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t owner = fork();
    assert_true(owner >= 0);
    if (owner == 0)
        own_and_wait(directory, fds[1]);
    close(fds[1]);
    assert_int_equal(read(fds[0], ret_server, sizeof(*ret_server)), sizeof(*ret_server));
    assert_true(*ret_server > 0);
    close(fds[0]);
    return owner;
}

static void end_owner(pid_t owner)
{
    kill(owner, SIGKILL);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
}

static void attaches_to_another_owners(void **state)
{
    char *directory = test_dir_new();
    struct slc_error error;
    pid_t redis_pid;
    pid_t owner = fork_owner(directory, &redis_pid);

    (void)state;
    struct slc_private_server *server = start(directory);
    assert_true(slc_private_server_is_attached(server));
    assert_int_equal(slc_private_server_pid(server), 0);
    assert_int_equal(slc_private_server_exit_fd(server), -1);
    assert_value(server, "old");
    assert_ok(slc_private_server_stop(server, &error), error);
    assert_int_equal(kill(redis_pid, 0), 0); /* not ours to stop */
    end_owner(owner);
    wait_gone(redis_pid); /* SIGTERM by PR_SET_PDEATHSIG */
    test_dir_remove(directory);
}

/* The owner is killed and its server with it dies at once or a little later;
 * a new one takes over with the data. */
static void follows_a_killed_owner(void **state)
{
    char *directory = test_dir_new();
    struct slc_error error;

    (void)state;
    for (int i = 0; i < 5; i++) {
        pid_t redis_pid;
        pid_t owner = fork_owner(directory, &redis_pid);

        end_owner(owner); /* and no wait for the server */
        struct slc_private_server *server = start(directory);
        assert_false(slc_private_server_is_attached(server));
        assert_true(slc_private_server_pid(server) != redis_pid);
        assert_value(server, "old");
        set(server, "new");
        assert_ok(slc_private_server_stop(server, &error), error);
        wait_gone(redis_pid);
    }
    test_dir_remove(directory);
}

/* A server on the socket whose owner is gone and that did not get the signal. */
static struct slc_child *start_stray(const char *directory, const char *socket_name)
{
    const char *const argv[] = {
        "redis-server", "--port", "0", "--unixsocket", socket_name, "--appendonly",
        "yes",          "--save", "",  "--pidfile",    "redis.pid", NULL};
    struct slc_error error;
    int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct slc_child *child = slc_child_start(argv, dir_fd, "stray.log", &error);
    struct slc_redis *redis = NULL;
    char path[512];

    if (!child)
        fail_msg("%s", error.message);
    close(dir_fd);
    snprintf(path, sizeof(path), "unix://%s%s", socket_name[0] == '/' ? "" : directory,
             socket_name[0] == '/' ? socket_name : "/redis.sock");
    while (!redis && !slc_child_has_ended(child, NULL)) {
        redis = slc_redis_open_text(path, 1000, &error);
        if (!redis) {
            struct pollfd entry = {.fd = slc_child_exit_fd(child), .events = POLLIN};

            poll(&entry, 1, 5);
        }
    }
    assert_non_null(redis);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("k"), SLC_STR("stray")),
              error);
    slc_redis_close(redis);
    return child;
}

static void stops_a_stale_server(void **state)
{
    char *directory = test_dir_new();
    struct slc_error error;
    struct slc_child *stray = start_stray(directory, "redis.sock");

    (void)state;
    struct slc_private_server *server = start(directory);
    assert_true(slc_child_has_ended(stray, NULL));
    assert_false(slc_private_server_is_attached(server));
    assert_value(server, "stray");
    assert_ok(slc_private_server_stop(server, &error), error);
    slc_child_free(stray);
    test_dir_remove(directory);
}

/* The same, hung: it answers nothing and has to be killed. */
static void kills_a_stale_server_that_hangs(void **state)
{
    const struct slc_private_server_options options = {.stop_timeout_ms = 400};
    char *directory = test_dir_new();
    struct slc_error error;
    struct slc_child *stray = start_stray(directory, "redis.sock");

    (void)state;
    slc_child_signal(stray, SIGSTOP);
    struct slc_private_server *server = slc_private_server_start(directory, &options, &error);
    if (!server)
        fail_msg("%s", error.message);
    assert_true(slc_child_has_ended(stray, NULL));
    assert_value(server, "stray");
    assert_ok(slc_private_server_stop(server, &error), error);
    slc_child_free(stray);
    test_dir_remove(directory);
}

static void leaves_a_strangers_server_alone(void **state)
{
    char *directory = test_dir_new(), *elsewhere = test_dir_new();
    struct slc_error error;
    char path[512];

    (void)state;
    snprintf(path, sizeof(path), "%s/redis.sock", directory);
    struct slc_child *stranger = start_stray(elsewhere, path);
    assert_null(slc_private_server_start(directory, NULL, &error));
    assert_int_equal(error.code, SLC_ERR_CONFLICT);
    assert_false(slc_child_has_ended(stranger, NULL));
    slc_child_free(stranger);
    /* A pid file that names some process of another kind harms nobody. */
    struct slc_child *sleeper =
        slc_child_start((const char *const[]){"sleep", "1000", NULL},
                        open(elsewhere, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "out", &error);
    assert_non_null(sleeper);
    snprintf(path, sizeof(path), "%s/redis.pid", directory);
    FILE *file = fopen(path, "w");
    fprintf(file, "%ld\n", (long)slc_child_pid(sleeper));
    fclose(file);
    struct slc_private_server *server = start(directory);
    assert_false(slc_child_has_ended(sleeper, NULL));
    assert_ok(slc_private_server_stop(server, &error), error);
    slc_child_free(sleeper);
    test_dir_remove(directory);
    test_dir_remove(elsewhere);
}

static void says_why_it_does_not_start(void **state)
{
    char *directory = test_dir_new();
    struct slc_private_server_options options = {.program = "no-such-redis-server"};
    struct slc_error error;
    char path[512];

    (void)state;
    assert_null(slc_private_server_start(directory, &options, &error));
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "apt install redis-server"));
    options.program = "false";
    assert_null(slc_private_server_start(directory, &options, &error));
    assert_int_equal(error.code, SLC_ERR_SERVER);
    /* Data that is none. */
    snprintf(path, sizeof(path), "%s/appendonlydir", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/appendonlydir/appendonly.aof.manifest", directory);
    FILE *file = fopen(path, "w");
    fputs("this is no manifest\n", file);
    fclose(file);
    assert_null(slc_private_server_start(directory, NULL, &error));
    assert_int_equal(error.code, SLC_ERR_SERVER);
    assert_non_null(strstr(error.message, "AOF"));
    assert_null(slc_private_server_start("/dev/null/here", NULL, &error));
    assert_int_equal(error.code, SLC_ERR_IO);
    test_dir_remove(directory);
}

static void gives_a_start_up(void **state)
{
    char *directory = test_dir_new(), program[512];
    struct slc_private_server_options options = {.program = program};
    struct slc_error error;
    int fds[2];

    (void)state;
    snprintf(program, sizeof(program), "%s/never-ready", directory);
    FILE *file = fopen(program, "w");
    fputs("#!/bin/sh\nexec sleep 600\n", file);
    fclose(file);
    assert_int_equal(chmod(program, 0700), 0);
    assert_int_equal(pipe(fds), 0);
    close(fds[1]);
    options.cancel_fd = fds[0];
    assert_null(slc_private_server_start(directory, &options, &error));
    assert_int_equal(error.code, SLC_ERR_CANCELLED);
    close(fds[0]);
    test_dir_remove(directory);
}

static void notices_the_end(void **state)
{
    char *directory = test_dir_new();
    struct slc_private_server *server = start(directory);
    struct pollfd entry = {.fd = slc_private_server_exit_fd(server), .events = POLLIN};
    struct slc_error error;

    (void)state;
    kill(slc_private_server_pid(server), SIGKILL);
    assert_int_equal(poll(&entry, 1, 20000), 1);
    assert_false(slc_private_server_is_running(server));
    assert_ok(slc_private_server_stop(server, &error), error);
    test_dir_remove(directory);
}

static void stops_one_that_hangs(void **state)
{
    const struct slc_private_server_options options = {.stop_timeout_ms = 200};
    char *directory = test_dir_new();
    struct slc_error error;
    struct slc_private_server *server = slc_private_server_start(directory, &options, &error);

    (void)state;
    assert_non_null(server);
    kill(slc_private_server_pid(server), SIGSTOP);
    assert_fails(slc_private_server_stop(server, &error), error, SLC_ERR_TIMEOUT);
    test_dir_remove(directory);
}

static void *start_in_thread(void *directory)
{
    return start(directory);
}

/* The thread that started it ends; the server does not. */
static void outlives_the_starting_thread(void **state)
{
    char *directory = test_dir_new();
    struct slc_error error;
    pthread_t thread;
    void *server;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, start_in_thread, directory), 0);
    pthread_join(thread, &server);
    set(server, "v");
    assert_true(slc_private_server_is_running(server));
    assert_ok(slc_private_server_stop(server, &error), error);
    test_dir_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_its_data),
        cmocka_unit_test(attaches_to_another_owners),
        cmocka_unit_test(follows_a_killed_owner),
        cmocka_unit_test(stops_a_stale_server),
        cmocka_unit_test(kills_a_stale_server_that_hangs),
        cmocka_unit_test(leaves_a_strangers_server_alone),
        cmocka_unit_test(says_why_it_does_not_start),
        cmocka_unit_test(gives_a_start_up),
        cmocka_unit_test(notices_the_end),
        cmocka_unit_test(stops_one_that_hangs),
        cmocka_unit_test(outlives_the_starting_thread),
    };

    return cmocka_run_group_tests_name("redis/private_server", tests, NULL, NULL);
}
