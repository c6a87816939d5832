/* The small parts of the master: the pid file, what an old master hands over,
 * the manager's socket, and the count of connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http/server.h"
#include "service/crowd.h"
#include "service/handover.h"
#include "service/master.h"
#include "service/notify.h"
#include "service/pidfile.h"

static char dir[] = "/tmp/slc-parts-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static const char *at(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

/* ---- The pid file ---------------------------------------------------------- */

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A child that has ended and is still to be waited for. */
static pid_t end_one(void)
{
    pid_t pid = fork();
    siginfo_t info;

    if (pid == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    return pid;
}

static void test_pidfile(void **state)
{
    static const char *const stale[] = {
        "", "abc\n", "-7\n", "1\n", "999999999999999999999\n", "4194305\n"};
    struct slc_error error = {0};
    char text[32], want[32];
    pid_t ended;
    FILE *file;

    (void)state;
    snprintf(want, sizeof(want), "%ld\n", (long)getpid());
    for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
        write_text(at("pid"), stale[i]);
        slc_pidfile_remove(at("pid")); /* another one's stays */
        assert_int_equal(access(at("pid"), F_OK), 0);
        assert_true(slc_pidfile_write(at("pid"), &error));
        file = fopen(at("pid"), "re");
        assert_non_null(fgets(text, sizeof(text), file));
        fclose(file);
        assert_string_equal(text, want);
    }
    assert_true(slc_pidfile_write(at("pid"), &error)); /* its own */
    ended = end_one();
    snprintf(text, sizeof(text), "%ld", (long)ended);
    write_text(at("pid"), text);
    assert_true(slc_pidfile_write(at("pid"), &error));
    assert_int_equal(waitpid(ended, NULL, 0), ended);
    slc_pidfile_remove(at("pid"));
    assert_int_equal(access(at("pid"), F_OK), -1);
    snprintf(text, sizeof(text), "%ld", (long)getppid());
    write_text(at("pid"), text);
    assert_false(slc_pidfile_write(at("pid"), &error));
    assert_int_equal(error.code, SLC_ERR_CONFLICT);
    assert_int_equal(unlink(at("pid")), 0);
    assert_false(slc_pidfile_write(at("no/pid"), &error));
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
}

/* Who was told to be quick does not get a long time by being told to end in order. */
static void test_a_hurried_worker_stays_so(void **state)
{
    int64_t soon_usec = slc_monotonic_usec() + 5 * SLC_USEC_PER_SEC;
    struct slc_process process = {.pid = end_one(), .kill_usec = soon_usec, .hurried = true};

    (void)state;
    slc_processes_end(&process, SIGTERM, 3600 * SLC_USEC_PER_SEC);
    assert_int_equal(process.kill_usec, soon_usec);
    process.hurried = false;
    process.kill_usec = 1;
    slc_processes_end(&process, SIGQUIT, 0);
    assert_true(process.hurried && process.kill_usec > soon_usec - SLC_USEC_PER_SEC);
    assert_int_equal(waitpid(process.pid, NULL, 0), process.pid);
}

/* ---- The handover ------------------------------------------------------------- */

static bool takes(const char *text)
{
    struct slc_handover handover;
    bool taken;

    if (text)
        assert_int_equal(setenv(SLC_HANDOVER_VARIABLE, text, 1), 0);
    slc_handover_take(&handover);
    assert_null(getenv(SLC_HANDOVER_VARIABLE)); /* whatever it was */
    taken = handover.master != 0;
    if (!taken) {
        assert_int_equal(handover.listen_fd, -1);
        assert_int_equal(handover.lock_fd, -1);
        assert_int_equal(handover.lifeline_fd, -1);
        assert_int_equal(handover.alive_fd, -1);
        assert_int_equal(handover.keeper, 0);
    } else {
        assert_true(fcntl(handover.listen_fd, F_GETFD) & FD_CLOEXEC);
        assert_true(fcntl(handover.lock_fd, F_GETFD) & FD_CLOEXEC);
    }
    return taken;
}

static void test_handover(void **state)
{
    static const char *const bad[] = {"",
                                      "1",
                                      "1:",
                                      "2:5:3:4:-1:-1:0",
                                      "1:5:3:4:5",
                                      "1:x:y:z",
                                      "1::::::",
                                      "1:-1:-1:-1:-1:-1:-1",
                                      "1:0:0:0:0:0:0"};
    long parent = (long)getppid();
    pid_t ended;
    int listening, lock, plain, pipes[2];
    char text[256];

    (void)state;
    assert_false(takes(NULL));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(takes(bad[i]));
    listening = slc_http_listen("127.0.0.1", 0, NULL);
    lock = open(at("lock"), O_RDWR | O_CREAT, 0600);
    plain = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(pipe(pipes), 0);
    assert_true(listening >= 0 && lock >= 0 && plain >= 0);
#define GIVEN(...) (snprintf(text, sizeof(text), "1:%ld:%d:%d:%d:%d:%ld", __VA_ARGS__), text)
    assert_true(takes(GIVEN(parent, listening, lock, -1, -1, 0L)));
    assert_true(takes(GIVEN(parent, listening, lock, pipes[1], pipes[0], 4242L)));
    assert_false(takes(GIVEN((long)getpid(), listening, lock, -1, -1, 0L)));
    /* A master that has ended already; whoever is its parent need not have looked. */
    ended = end_one();
    assert_true(takes(GIVEN((long)ended, listening, lock, -1, -1, 0L)));
    assert_int_equal(waitpid(ended, NULL, 0), ended);
    assert_true(takes(GIVEN((long)ended, listening, lock, -1, -1, 0L)));
    assert_false(takes(GIVEN(parent, plain, lock, -1, -1, 0L)));
    assert_false(takes(GIVEN(parent, lock, lock, -1, -1, 0L)));
    assert_false(takes(GIVEN(parent, listening, listening, -1, -1, 0L)));
    assert_false(takes(GIVEN(parent, listening, lock, pipes[1], pipes[0], 0L)));
    assert_false(takes(GIVEN(parent, listening, lock, lock, lock, 4242L)));
    assert_false(takes(GIVEN(parent, listening, 1, -1, -1, 0L)));
    assert_false(takes(GIVEN(parent, 999999, lock, -1, -1, 0L)));
#undef GIVEN
    for (size_t i = 0; i < 5; i++)
        close((int[]){listening, lock, plain, pipes[0], pipes[1]}[i]);
    assert_int_equal(unlink(at("lock")), 0);
}

static void test_handing_over(void **state)
{
    char sh[] = "sh", c[] = "-c", script[] = "test -n \"$SLC_SERVE_HANDOVER\"";
    char missing[] = "/nonexistent/program";
    char *const right[] = {sh, c, script, NULL}, *const wrong[] = {missing, NULL};
    struct slc_handover handover = {
        .master = getpid(), .listen_fd = -1, .lock_fd = -1, .lifeline_fd = -1, .alive_fd = -1};
    struct slc_error error = {0};
    sigset_t none;
    int status;
    pid_t pid;

    (void)state;
    sigemptyset(&none);
    pid = slc_handover_start(right, &handover, &none, &error);
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(slc_handover_start(wrong, &handover, &none, &error), 0);
    assert_int_equal(error.code, SLC_ERR_NOT_FOUND);
    assert_true(wait(NULL) > 0);
}

/* ---- The manager ----------------------------------------------------------------- */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    return fd;
}

static void test_notifying(void **state)
{
    char path[256], abstract[256], socket_variable[288], pid_variable[64],
        usec[] = "WATCHDOG_USEC=3000000";
    struct slc_notify notify;
    char got[64];

    (void)state;
    snprintf(path, sizeof(path), "%s", at("notify"));
    snprintf(abstract, sizeof(abstract), "@slc-parts-%ld", (long)getpid());
    for (size_t i = 0; i < 2; i++) {
        const char *where = i == 0 ? path : abstract;
        char *environment[] = {socket_variable, usec, pid_variable, NULL};
        int fd = listen_at(where);
        ssize_t len;

        snprintf(socket_variable, sizeof(socket_variable), "NOTIFY_SOCKET=%s", where);
        snprintf(pid_variable, sizeof(pid_variable), "WATCHDOG_PID=%ld", (long)getpid());
        slc_notify_init(&notify, environment, 0);
        assert_int_equal(notify.watchdog_usec, 1500000);
        assert_true(slc_notify_send(&notify, "READY=%d", 1));
        len = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);
        assert_int_equal(len, 7);
        assert_memory_equal(got, "READY=1", 7);
        snprintf(pid_variable, sizeof(pid_variable), "WATCHDOG_PID=%ld", (long)getppid());
        slc_notify_init(&notify, environment, 0);
        assert_int_equal(notify.watchdog_usec, 0);
        slc_notify_init(&notify, environment, getppid());
        assert_int_equal(notify.watchdog_usec, 1500000);
        close(fd);
        if (i == 0)
            assert_int_equal(unlink(path), 0);
        assert_false(slc_notify_send(&notify, "READY=1"));
    }
}

static void test_nobody_to_notify(void **state)
{
    static const char *const sockets[] = {"NOTIFY_SOCKET=", "NOTIFY_SOCKET=relative",
                                          "NOTIFY_SOCKET=/", "NOTIFY_SOCKET=@"};
    char long_one[256] = "NOTIFY_SOCKET=/", *environment[] = {NULL, NULL};
    struct slc_notify notify;

    (void)state;
    memset(long_one + strlen(long_one), 'x', 200);
    for (size_t i = 0; i <= sizeof(sockets) / sizeof(sockets[0]); i++) {
        environment[0] = i == 0 ? long_one : (char *)(uintptr_t)sockets[i - 1];
        slc_notify_init(&notify, environment, 0);
        assert_int_equal(notify.address_len, 0);
        assert_true(slc_notify_send(&notify, "READY=1"));
    }
}

/* ---- The crowd --------------------------------------------------------------------- */

static const struct sockaddr *address_of(const char *text)
{
    static struct sockaddr_storage address;
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    memset(&address, 0, sizeof(address));
    if (inet_pton(AF_INET, text, &in4.sin_addr) == 1) {
        memcpy(&address, &in4, sizeof(in4));
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        memcpy(&address, &in6, sizeof(in6));
    }
    return (const struct sockaddr *)&address;
}

static void test_crowd(void **state)
{
    struct slc_trusted_proxies proxies = {0};
    struct slc_crowd *crowd = slc_crowd_new(8, NULL);
    struct slc_crowd_door first = {.crowd = crowd, .row = 1, .max = 6, .max_per_address = 3},
                          second = first;

    (void)state;
    assert_non_null(crowd);
    assert_true(slc_trusted_proxies_parse(SLC_STR("10.0.0.9"), &proxies, NULL));
    first.proxies = second.proxies = &proxies;
    second.row = 4;
    slc_crowd_enter(&first, address_of("192.0.2.1"));
    slc_crowd_enter(&first, address_of("192.0.2.1"));
    assert_true(slc_crowd_admit(&second, address_of("192.0.2.1")));
    slc_crowd_enter(&second, address_of("192.0.2.1"));
    assert_false(slc_crowd_admit(&first, address_of("192.0.2.1")));
    assert_false(slc_crowd_admit(&second, address_of("::ffff:192.0.2.1")));
    assert_true(slc_crowd_admit(&second, address_of("192.0.2.2")));
    slc_crowd_leave(&first, address_of("192.0.2.1"));
    assert_true(slc_crowd_admit(&second, address_of("192.0.2.1")));
    /* A network of IPv6 is one address. */
    for (int i = 0; i < 3; i++)
        slc_crowd_enter(&second, address_of("2001:db8::1"));
    assert_false(slc_crowd_admit(&first, address_of("2001:db8::ffff:2")));
    assert_true(slc_crowd_admit(&first, address_of("2001:db8:1::1")));
    /* Five are there; a proxy has no bound of its own, but for that of all. */
    assert_true(slc_crowd_admit(&first, address_of("10.0.0.9")));
    slc_crowd_enter(&first, address_of("10.0.0.9"));
    assert_false(slc_crowd_admit(&first, address_of("10.0.0.9")));
    slc_crowd_clear(crowd, 4); /* that one was killed */
    for (int i = 0; i < 3; i++) {
        assert_true(slc_crowd_admit(&first, address_of("10.0.0.9")));
        slc_crowd_enter(&first, address_of("10.0.0.9"));
    }
    assert_true(slc_crowd_admit(&first, address_of("2001:db8::1")));
    slc_crowd_clear(crowd, 7); /* of nobody */
    slc_trusted_proxies_release(&proxies);
    slc_crowd_free(crowd);
    slc_crowd_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pidfile),   cmocka_unit_test(test_a_hurried_worker_stays_so),
        cmocka_unit_test(test_handover),  cmocka_unit_test(test_handing_over),
        cmocka_unit_test(test_notifying), cmocka_unit_test(test_nobody_to_notify),
        cmocka_unit_test(test_crowd),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
