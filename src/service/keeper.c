#include "service/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "redis/connection.h"
#include "redis/private_server.h"
#include "service/events.h"

enum {
    /* How long a server that does not start is left alone before the next try,
     * and how often one of another process is looked after. */
    RETRY_MS = 5000,
    LOOK_MS = 1000,
    /* More than the server's own patience at its end. */
    LEAVE_MS = 25000,
};

/* ---- In the keeper's process ---------------------------------------------- */

struct keeping {
    const char *directory;
    int lifeline_fd, alive_fd, signal_fd;
    struct slc_private_server *server;
    int64_t retry_usec; /* monotonic */
};

static bool start_server(struct keeping *keeping, struct slc_error *error)
{
    /* A service that stops does not wait for a server that reads its data. */
    struct slc_private_server_options options = {.cancel_fd = keeping->lifeline_fd};

    keeping->server = slc_private_server_start(keeping->directory, &options, error);
    if (!keeping->server)
        return false;
    slc_log(SLC_LOG_INFO, "the private redis-server runs",
            SLC_LOG_TEXT_FIELD("directory", keeping->directory),
            SLC_LOG_INT_FIELD("redis_pid", slc_private_server_pid(keeping->server)));
    return true;
}

static bool is_there(const struct slc_private_server *server)
{
    SLC_AUTO_REDIS struct slc_redis *redis = NULL;

    if (!slc_private_server_is_running(server))
        return false;
    if (!slc_private_server_is_attached(server))
        return true;
    redis = slc_redis_open(slc_private_server_url(server), LOOK_MS, NULL);
    return redis != NULL;
}

/* It ended by itself, or its owner took it away: start it (on the same socket)
 * again. */
static void look_after(struct keeping *keeping)
{
    struct slc_error error = {0};

    if (keeping->server) {
        if (is_there(keeping->server))
            return;
        slc_log(SLC_LOG_ERROR, "the private redis-server has ended; it is started again",
                SLC_LOG_TEXT_FIELD("directory", keeping->directory));
        (void)slc_private_server_stop(keeping->server, NULL);
        keeping->server = NULL;
    } else if (slc_monotonic_usec() < keeping->retry_usec) {
        return;
    }
    if (start_server(keeping, &error) || error.code == SLC_ERR_CANCELLED)
        return;
    slc_log(SLC_LOG_ERROR, "the private redis-server does not start",
            SLC_LOG_TEXT_FIELD("reason", error.message));
    keeping->retry_usec = slc_monotonic_usec() + (int64_t)RETRY_MS * 1000;
}

static void take_signal(const struct keeping *keeping)
{
    struct signalfd_siginfo info;

    if (read(keeping->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        slc_service_reopen_log();
}

/* Until no master holds the lifeline. */
static void keep(struct keeping *keeping)
{
    for (;;) {
        bool own = keeping->server && !slc_private_server_is_attached(keeping->server);
        struct pollfd fds[] = {
            {.fd = keeping->lifeline_fd, .events = POLLIN},
            {.fd = keeping->signal_fd, .events = POLLIN},
            {.fd = own ? slc_private_server_exit_fd(keeping->server) : -1, .events = POLLIN},
        };

        if (poll(fds, 3, own ? -1 : LOOK_MS) < 0 && errno != EINTR)
            return;
        if (fds[0].revents)
            return;
        if (fds[1].revents)
            take_signal(keeping);
        look_after(keeping);
    }
}

static int run_keeper(const char *directory, int lifeline_fd, int alive_fd)
{
    struct keeping keeping = {
        .directory = directory, .lifeline_fd = lifeline_fd, .alive_fd = alive_fd};
    struct slc_error error = {0};
    sigset_t set;

    (void)prctl(PR_SET_NAME, "sluice-redis");
    /* A terminal's Ctrl-C and a manager's TERM reach the whole group: all but
     * the log's signal stays blocked, and the lifeline alone decides. */
    sigfillset(&set);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    keeping.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (!start_server(&keeping, &error)) {
        (void)!write(alive_fd, error.message, strlen(error.message));
        return 1;
    }
    (void)!write(alive_fd, "", 1);
    keep(&keeping);
    if (keeping.server && !slc_private_server_stop(keeping.server, &error))
        slc_log(SLC_LOG_ERROR, "the private redis-server had to be killed",
                SLC_LOG_TEXT_FIELD("reason", error.message));
    return 0;
}

/* ---- In the master's -------------------------------------------------------- */

bool slc_keeper_start(struct slc_keeper *keeper, const char *directory,
                      void (*close_others)(void *state), void *state, struct slc_error *error)
{
    int lifeline[2], alive[2];
    pid_t pid;

    if (pipe2(lifeline, O_CLOEXEC) != 0)
        return slc_fail_errno(error, errno, "cannot make a pipe");
    if (pipe2(alive, O_CLOEXEC) != 0) {
        slc_fail_errno(error, errno, "cannot make a pipe");
        close(lifeline[0]);
        close(lifeline[1]);
        return false;
    }
    pid = fork();
    if (pid == 0) {
        close(lifeline[1]);
        close(alive[0]);
        close_others(state);
        _exit(run_keeper(directory, lifeline[0], alive[1]));
    }
    if (pid < 0)
        slc_fail_errno(error, errno, "cannot start a process");
    close(lifeline[0]);
    close(alive[1]);
    *keeper = (struct slc_keeper){.pid = pid, .lifeline_fd = lifeline[1], .alive_fd = alive[0]};
    if (pid < 0)
        slc_keeper_close(keeper);
    return pid > 0;
}

void slc_keeper_close(struct slc_keeper *keeper)
{
    if (keeper->lifeline_fd >= 0)
        close(keeper->lifeline_fd);
    if (keeper->alive_fd >= 0)
        close(keeper->alive_fd);
    keeper->lifeline_fd = keeper->alive_fd = -1;
    keeper->pid = 0;
}

enum slc_keeper_news slc_keeper_listen(struct slc_keeper *keeper, int timeout_ms)
{
    struct pollfd fd = {.fd = keeper->alive_fd, .events = POLLIN};
    char words[sizeof(keeper->reason)];
    ssize_t got;

    if (keeper->alive_fd < 0 || poll(&fd, 1, timeout_ms) <= 0)
        return SLC_KEEPER_NOTHING;
    got = read(keeper->alive_fd, words, sizeof(words) - 1);
    if (got < 0)
        return SLC_KEEPER_NOTHING;
    if (got == 1 && words[0] == '\0') {
        keeper->ready = true;
        return SLC_KEEPER_READY;
    }
    if (got > 0) { /* last words; the end follows */
        words[got] = '\0';
        memcpy(keeper->reason, words, (size_t)got + 1);
        return SLC_KEEPER_NOTHING;
    }
    (void)waitpid(keeper->pid, NULL, 0);
    slc_keeper_close(keeper);
    return SLC_KEEPER_ENDED;
}

bool slc_keeper_leave(struct slc_keeper *keeper, bool alone)
{
    int64_t end_usec = slc_monotonic_usec() + (int64_t)LEAVE_MS * 1000, left_usec;
    bool in_order = true;

    if (keeper->pid > 0 && alone) {
        close(keeper->lifeline_fd);
        keeper->lifeline_fd = -1;
        while (keeper->pid > 0 && (left_usec = end_usec - slc_monotonic_usec()) > 0)
            (void)slc_keeper_listen(keeper, (int)(left_usec / 1000) + 1);
        if (keeper->pid > 0) {
            in_order = false;
            (void)kill(keeper->pid, SIGKILL); /* the server gets TERM with it */
            (void)waitpid(keeper->pid, NULL, 0);
        }
    }
    slc_keeper_close(keeper);
    return in_order;
}
