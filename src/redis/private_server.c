#include "redis/private_server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "base/time.h"
#include "redis/connection.h"
#include "redis/spawn.h"

#define LOCK_NAME "redis.lock"
#define SOCKET_NAME "redis.sock"
#define PID_NAME "redis.pid"
#define LOG_NAME "redis.log"

enum { PROBE_MS = 2000, KILL_MS = 5000, LOG_TAIL_BYTES = 4096 };

struct slc_private_server {
    char *directory; /* absolute */
    int dir_fd;
    int lock_fd;
    struct slc_redis_url url;
    struct slc_child *child; /* NULL when attached */
    int64_t stop_timeout_ms;
    int cancel_fd; /* borrowed, while it starts; -1: none */
};

static int64_t deadline_in(int64_t ms)
{
    return slc_monotonic_usec() + ms * 1000;
}

/* Growing pauses between looks at something that gives no notice. False when the start
 * is not wanted any more. */
static bool pause_until(const struct slc_private_server *server, int *pause_ms,
                        int64_t deadline_usec, int wake_fd, struct slc_error *error)
{
    struct pollfd fds[] = {{.fd = server->cancel_fd, .events = POLLIN},
                           {.fd = wake_fd, .events = POLLIN}};
    int left_ms = slc_deadline_left_ms(deadline_usec);

    if (poll(fds, 2, *pause_ms < left_ms ? *pause_ms : left_ms) > 0 && fds[0].revents)
        return slc_fail(error, SLC_ERR_CANCELLED, "the private Redis is not wanted any more");
    *pause_ms = *pause_ms < 50 ? *pause_ms * 2 : 50;
    return true;
}

/* ---- Is anybody there? ---- */

enum presence { PRESENCE_NONE, PRESENCE_LOADING, PRESENCE_READY, PRESENCE_FAULT };

/* Ask once. `error` is filled in for FAULT: it answers, but not as it should. */
static enum presence probe(const struct slc_redis_url *url, struct slc_error *error)
{
    struct slc_error reason;
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(url, PROBE_MS, &reason);
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (redis && slc_redis_append_call(redis, &reason, SLC_STR("PING")) &&
        slc_redis_read(redis, &reply, &reason)) {
        if (reply->type != SLC_REPLY_ERROR)
            return PRESENCE_READY;
        if (strncmp(reply->text.data, "LOADING", 7) == 0)
            return PRESENCE_LOADING;
        slc_reply_fail(reply->text, slc_redis_where(redis), &reason);
    }
    if (reason.code == SLC_ERR_CONNECTION || reason.code == SLC_ERR_TIMEOUT)
        return PRESENCE_NONE;
    if (error)
        *error = reason;
    return PRESENCE_FAULT;
}

/* ---- The directory and its lock ---- */

static bool open_directory(struct slc_private_server *server, const char *directory,
                           struct slc_error *error)
{
    SLC_AUTO_FREE char *socket_path = NULL;
    struct stat status;

    if (!slc_dir_make(directory, 0700, error))
        return false;
    server->directory = realpath(directory, NULL);
    if (!server->directory)
        return slc_fail_errno(error, errno, "the directory %.300s cannot be used for Redis",
                              directory);
    server->dir_fd = open(server->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (server->dir_fd < 0 || fstat(server->dir_fd, &status) < 0)
        return slc_fail_errno(error, errno, "the directory %.300s cannot be opened", directory);
    /* Whoever can reach the socket or the data is master of them. */
    if ((status.st_mode & 077) && fchmod(server->dir_fd, 0700) < 0)
        return slc_fail_errno(error, errno,
                              "the directory %.300s is open to other users and this cannot be "
                              "changed",
                              directory);
    if (asprintf(&socket_path, "%s/%s", server->directory, SOCKET_NAME) < 0) {
        socket_path = NULL;
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while Redis was started");
    }
    return slc_redis_url_from_socket(socket_path, 0, &server->url, error);
}

/* 1 locked, 0 somebody else has it, -1 failed. */
static int try_lock(struct slc_private_server *server, struct slc_error *error)
{
    if (server->lock_fd < 0)
        server->lock_fd =
            openat(server->dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (server->lock_fd < 0) {
        slc_fail_errno(error, errno, "%.300s/%s cannot be opened", server->directory, LOCK_NAME);
        return -1;
    }
    while (flock(server->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return 0;
        if (errno != EINTR) {
            slc_fail_errno(error, errno, "%.300s/%s cannot be locked", server->directory,
                           LOCK_NAME);
            return -1;
        }
    }
    return 1;
}

/* Become the owner, or find the owner's server answering: 1, 0; -1 failed. */
static int own_or_attach(struct slc_private_server *server, int64_t deadline_usec,
                         struct slc_error *error)
{
    for (int pause_ms = 1;;) {
        int locked = try_lock(server, error);

        if (locked != 0)
            return locked;
        switch (probe(&server->url, error)) {
        case PRESENCE_READY:
            return 0;
        case PRESENCE_FAULT:
            return -1;
        default:
            break;
        }
        if (slc_deadline_left_ms(deadline_usec) == 0) {
            slc_fail(error, SLC_ERR_TIMEOUT,
                     "another process owns the private Redis in %.300s, but it does not answer; "
                     "look at " LOG_NAME " there",
                     server->directory);
            return -1;
        }
        if (!pause_until(server, &pause_ms, deadline_usec, -1, error))
            return -1;
    }
}

/* ---- What a killed owner left behind ---- */

/* The process runs in our directory, as only our own servers do. */
static bool runs_here(const struct slc_private_server *server, pid_t pid)
{
    char path[64];
    struct stat here, there;

    (void)snprintf(path, sizeof(path), "/proc/%ld/cwd", (long)pid);
    return fstat(server->dir_fd, &here) == 0 && stat(path, &there) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

static pid_t parse_pid(struct slc_str text)
{
    int64_t pid = 0;

    text = slc_str_trim(text);
    return slc_parse_int64(text.data, text.len, &pid) && pid > 1 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* The process behind an answering socket by INFO, 0 when it says none. */
static pid_t pid_by_info(struct slc_redis *redis)
{
    static const char field[] = "process_id:";
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (!slc_redis_call(redis, &reply, NULL, SLC_STR("INFO"), SLC_STR("server")) ||
        reply->type != SLC_REPLY_STRING)
        return 0;
    const char *at = strstr(reply->text.data, field);
    if (!at)
        return 0;
    at += strlen(field);
    return parse_pid((struct slc_str){.data = at, .len = strcspn(at, "\r\n")});
}

static pid_t pid_by_file(const struct slc_private_server *server)
{
    char text[32];
    SLC_AUTO_CLOSE int fd = openat(server->dir_fd, PID_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));

    return len > 0 ? parse_pid((struct slc_str){.data = text, .len = (size_t)len}) : 0;
}

/* SHUTDOWN writes the append-only file out. The server answers by closing, or
 * with an error when it cannot. */
static void ask_to_shut_down(struct slc_redis *redis, int64_t timeout_ms)
{
    slc_redis_set_timeout(redis, timeout_ms);
    (void)slc_redis_call(redis, NULL, NULL, SLC_STR("SHUTDOWN"));
}

static bool process_ends(int pidfd, int64_t ms)
{
    struct slc_stream stream = {.fd = pidfd};

    return slc_stream_wait(&stream, POLLIN, deadline_in(ms), NULL) > 0;
}

/* `redis` is a connection to it, NULL when it does not answer (it may be on its
 * way out already). */
static bool end_stale(struct slc_private_server *server, pid_t pid, struct slc_redis *redis,
                      struct slc_error *error)
{
    SLC_AUTO_CLOSE int pidfd = pidfd_open(pid, 0);

    if (pidfd < 0 && errno == ESRCH)
        return true;
    if (pidfd < 0)
        return slc_fail_errno(error, errno, "the old private Redis (process %ld) cannot be watched",
                              (long)pid);
    if (!runs_here(server, pid)) /* ended meanwhile; the id may be a stranger's now */
        return true;
    if (redis)
        ask_to_shut_down(redis, server->stop_timeout_ms / 2);
    if (process_ends(pidfd, redis ? server->stop_timeout_ms / 4 : server->stop_timeout_ms / 2))
        return true;
    if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
        return slc_fail_errno(error, errno, "the old private Redis (process %ld) cannot be stopped",
                              (long)pid);
    if (process_ends(pidfd, server->stop_timeout_ms / 4))
        return true;
    (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    if (process_ends(pidfd, KILL_MS))
        return true;
    return slc_fail(error, SLC_ERR_TIMEOUT,
                    "the old private Redis (process %ld) in %.300s cannot be ended", (long)pid,
                    server->directory);
}

/* With the lock held nobody owns a server in here. */
static bool clear_stale(struct slc_private_server *server, struct slc_error *error)
{
    struct slc_error reason;
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(&server->url, PROBE_MS, &reason);
    pid_t pid = redis ? pid_by_info(redis) : 0;

    if (redis && pid == 0 && !slc_redis_is_open(redis)) {
        slc_redis_close(redis); /* it went away while we asked */
        redis = NULL;
    } else if ((redis && !runs_here(server, pid)) ||
               (!redis && reason.code != SLC_ERR_CONNECTION && reason.code != SLC_ERR_TIMEOUT)) {
        return slc_fail(error, SLC_ERR_CONFLICT,
                        "a Redis server that is not ours answers on %.300s/%s; stop it or choose "
                        "another state_dir",
                        server->directory, SOCKET_NAME);
    }
    if (!redis)
        pid = pid_by_file(server);
    return pid == 0 || !runs_here(server, pid) || end_stale(server, pid, redis, error);
}

/* ---- Starting ---- */

static off_t log_size(const struct slc_private_server *server)
{
    struct stat status;

    return fstatat(server->dir_fd, LOG_NAME, &status, 0) == 0 ? status.st_size : 0;
}

/* The last line that the server logged behind `from`, "" when there is none. */
static void last_words(const struct slc_private_server *server, off_t from, char *text,
                       size_t size_bytes)
{
    char tail[LOG_TAIL_BYTES];
    SLC_AUTO_CLOSE int fd = openat(server->dir_fd, LOG_NAME, O_RDONLY | O_CLOEXEC);
    off_t size = log_size(server);
    ssize_t len = 0;

    if (size - from > (off_t)sizeof(tail))
        from = size - (off_t)sizeof(tail);
    if (fd >= 0)
        len = pread(fd, tail, sizeof(tail), from);
    struct slc_str line =
        slc_str_trim((struct slc_str){.data = tail, .len = len > 0 ? (size_t)len : 0});
    const char *end = line.len ? memrchr(line.data, '\n', line.len) : NULL;
    if (end) {
        line.len -= (size_t)(end + 1 - line.data);
        line.data = end + 1;
    }
    (void)snprintf(text, size_bytes, "%.*s", SLC_STR_ARG(line));
}

static bool ended_early(struct slc_private_server *server, int wait_status, off_t log_from,
                        struct slc_error *error)
{
    char words[300];

    last_words(server, log_from, words, sizeof(words));
    return slc_fail(error, SLC_ERR_SERVER,
                    "the private redis-server ended at its start (%s %d): %s; see %.250s/%s",
                    WIFSIGNALED(wait_status) ? "signal" : "exit status",
                    WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status),
                    words[0] ? words : "it said nothing", server->directory, LOG_NAME);
}

static bool wait_until_ready(struct slc_private_server *server, off_t log_from,
                             int64_t deadline_usec, struct slc_error *error)
{
    for (int pause_ms = 1;;) {
        int wait_status = 0;

        if (slc_child_has_ended(server->child, &wait_status))
            return ended_early(server, wait_status, log_from, error);
        switch (probe(&server->url, error)) {
        case PRESENCE_READY:
            return true;
        case PRESENCE_FAULT:
            return false;
        default:
            break;
        }
        if (slc_deadline_left_ms(deadline_usec) == 0)
            return slc_fail(error, SLC_ERR_TIMEOUT,
                            "the private redis-server in %.300s did not get ready in time; is its "
                            "data very large, or the machine overloaded?",
                            server->directory);
        if (!pause_until(server, &pause_ms, deadline_usec, slc_child_exit_fd(server->child), error))
            return false;
    }
}

static bool start_own(struct slc_private_server *server, const char *program, int64_t deadline_usec,
                      struct slc_error *error)
{
    /* Names are relative to the directory, which is the server's working
     * directory: no path can be too long for a socket or need quoting. */
    /* clang-format off */
    const char *const argv[] = {
        program,
        "--port", "0",
        "--unixsocket", SOCKET_NAME,
        "--unixsocketperm", "700",
        "--protected-mode", "yes",
        "--daemonize", "no",
        "--dir", ".",
        "--pidfile", PID_NAME,
        "--logfile", LOG_NAME,
        "--appendonly", "yes",
        "--appendfsync", "everysec",
        "--save", "",
        "--always-show-logo", "no",
        NULL};
    /* clang-format on */
    off_t log_from = log_size(server);
    struct slc_error reason;

    server->child = slc_child_start(argv, server->dir_fd, LOG_NAME, &reason);
    if (server->child)
        return wait_until_ready(server, log_from, deadline_usec, error);
    if (reason.code == SLC_ERR_NOT_FOUND)
        return slc_fail(error, SLC_ERR_NOT_FOUND,
                        "%.200s is not installed: apt install redis-server, or set redis.url to a "
                        "Redis server that runs",
                        program);
    if (error)
        *error = reason;
    return false;
}

static void destroy(struct slc_private_server *server)
{
    slc_child_free(server->child);
    if (server->lock_fd >= 0)
        close(server->lock_fd);
    if (server->dir_fd >= 0)
        close(server->dir_fd);
    free(server->directory);
    free(server);
}

struct slc_private_server *
slc_private_server_start(const char *directory, const struct slc_private_server_options *options,
                         struct slc_error *error)
{
    static const struct slc_private_server_options defaults;
    struct slc_private_server *server = calloc(1, sizeof(*server));
    int owned;

    if (!server) {
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out while Redis was started");
        return NULL;
    }
    if (!options)
        options = &defaults;
    server->dir_fd = server->lock_fd = -1;
    server->cancel_fd = options->cancel_fd > 0 ? options->cancel_fd : -1;
    server->stop_timeout_ms =
        options->stop_timeout_ms > 0 ? options->stop_timeout_ms : SLC_PRIVATE_SERVER_STOP_MS;
    int64_t deadline_usec = deadline_in(
        options->start_timeout_ms > 0 ? options->start_timeout_ms : SLC_PRIVATE_SERVER_START_MS);
    if (!open_directory(server, directory, error))
        goto fail;
    owned = own_or_attach(server, deadline_usec, error);
    if (owned < 0)
        goto fail;
    if (owned == 0) {
        close(server->lock_fd);
        server->lock_fd = -1;
        return server;
    }
    if (!clear_stale(server, error))
        goto fail;
    if (!start_own(server, options->program ? options->program : "redis-server", deadline_usec,
                   error)) {
        /* One that is still loading is ended in order, too. */
        if (server->child) {
            slc_child_signal(server->child, SIGTERM);
            (void)slc_child_wait(server->child, deadline_in(server->stop_timeout_ms));
        }
        goto fail;
    }
    return server;
fail:
    destroy(server);
    return NULL;
}

/* ---- Running and stopping ---- */

const struct slc_redis_url *slc_private_server_url(const struct slc_private_server *server)
{
    return &server->url;
}

bool slc_private_server_is_attached(const struct slc_private_server *server)
{
    return server->child == NULL;
}

pid_t slc_private_server_pid(const struct slc_private_server *server)
{
    return server->child ? slc_child_pid(server->child) : 0;
}

bool slc_private_server_is_running(const struct slc_private_server *server)
{
    return !server->child || !slc_child_has_ended(server->child, NULL);
}

int slc_private_server_exit_fd(const struct slc_private_server *server)
{
    return server->child ? slc_child_exit_fd(server->child) : -1;
}

static bool stop_own(struct slc_private_server *server)
{
    int64_t deadline_usec = deadline_in(server->stop_timeout_ms);
    int64_t half_usec = deadline_usec - server->stop_timeout_ms * 500;
    struct slc_redis *redis;

    if (slc_child_has_ended(server->child, NULL))
        return true;
    redis = slc_redis_open(&server->url, server->stop_timeout_ms / 4, NULL);
    if (redis) {
        ask_to_shut_down(redis, server->stop_timeout_ms / 4);
        bool refused = slc_redis_is_open(redis);
        slc_redis_close(redis);
        if (!refused && slc_child_wait(server->child, half_usec))
            return true;
    }
    slc_child_signal(server->child, SIGTERM);
    return slc_child_wait(server->child, deadline_usec);
}

bool slc_private_server_stop(struct slc_private_server *server, struct slc_error *error)
{
    bool in_order;

    if (!server)
        return true;
    in_order = !server->child || stop_own(server);
    if (!in_order)
        slc_fail(error, SLC_ERR_TIMEOUT,
                 "the private redis-server in %.300s did not stop in time and was killed; its "
                 "append-only file keeps all but the last second",
                 server->directory);
    destroy(server);
    return in_order;
}
