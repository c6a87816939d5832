#include "redis/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "redis/transport.h"

struct slc_child {
    /* What to run; read by the thread alone. */
    const char *const *argv;
    int dir_fd;
    const char *output_name;

    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t started_cond;
    bool started; /* the attempt is over, `start_errno` says how */
    int start_errno;
    pid_t pid;
    bool ended; /* and reaped */
    int status;
    int exit_fd;
};

/* ---- In the child: only what is safe after fork in a threaded process ---- */

static void redirect(int from, int to)
{
    if (from != to) {
        dup2(from, to);
        close(from);
    }
}

static void reset_signals(void)
{
    struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &by_default, NULL); /* refused for SIGKILL and SIGSTOP */
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* `report_fd` is closed by a successful exec; else it carries errno. */
static _Noreturn void run(const struct slc_child *child, pid_t parent, int report_fd)
{
    enum { SAFE_FD = 3 };
    int input, output, errno_value;

    reset_signals();
    (void)setpgid(0, 0);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
        goto fail;
    if (getppid() != parent) /* it died before the line above */
        _exit(127);
    if (fchdir(child->dir_fd) < 0)
        goto fail;
    /* Out of the way of 0, 1 and 2, which may be closed in the parent. */
    report_fd = fcntl(report_fd, F_DUPFD_CLOEXEC, SAFE_FD);
    input = open("/dev/null", O_RDONLY);
    output = open(child->output_name, O_WRONLY | O_CREAT | O_APPEND | O_NOCTTY, 0600);
    if (report_fd < 0 || input < 0 || output < 0)
        goto fail;
    input = fcntl(input, F_DUPFD, SAFE_FD);
    output = fcntl(output, F_DUPFD, SAFE_FD);
    if (input < 0 || output < 0)
        goto fail;
    (void)dup2(output, STDERR_FILENO);
    redirect(output, STDOUT_FILENO);
    redirect(input, STDIN_FILENO);
    if (report_fd != SAFE_FD) {
        if (dup3(report_fd, SAFE_FD, O_CLOEXEC) < 0)
            goto fail;
        report_fd = SAFE_FD;
    }
    (void)close_range(SAFE_FD + 1, ~0U, 0);
    execvp(child->argv[0], (char *const *)child->argv); /* which changes nothing in it */
fail:
    errno_value = errno;
    (void)!write(report_fd, &errno_value, sizeof(errno_value));
    _exit(127);
}

/* ---- The thread ---- */

/* Fork and learn whether exec worked: 0 or an errno. */
static int fork_and_exec(struct slc_child *child)
{
    int report[2], errno_value = 0;
    pid_t parent = getpid();
    ssize_t got;

    if (pipe2(report, O_CLOEXEC) < 0)
        return errno;
    child->pid = fork();
    if (child->pid == 0)
        run(child, parent, report[1]);
    if (child->pid < 0)
        errno_value = errno;
    close(report[1]);
    if (child->pid > 0) {
        do {
            got = read(report[0], &errno_value, sizeof(errno_value));
        } while (got < 0 && errno == EINTR);
        if (got != (ssize_t)sizeof(errno_value))
            errno_value = 0;
    }
    close(report[0]);
    if (errno_value && child->pid > 0)
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    return errno_value;
}

/* Wait without reaping, so that the id stays ours until it is marked as gone. */
static void watch(struct slc_child *child)
{
    const uint64_t one = 1;
    siginfo_t info;
    int status = 0, result;

    do {
        result = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT);
    } while (result < 0 && errno == EINTR);
    pthread_mutex_lock(&child->mutex);
    /* A waitpid(-1) elsewhere in the process may have been faster. */
    if (waitpid(child->pid, &status, WNOHANG) == child->pid)
        child->status = status;
    child->ended = true;
    pthread_mutex_unlock(&child->mutex);
    (void)!write(child->exit_fd, &one, sizeof(one));
}

static void *spawn_and_watch(void *argument)
{
    struct slc_child *child = argument;
    int errno_value = fork_and_exec(child);

    pthread_mutex_lock(&child->mutex);
    child->started = true;
    child->start_errno = errno_value;
    child->ended = errno_value != 0;
    pthread_cond_signal(&child->started_cond);
    pthread_mutex_unlock(&child->mutex);
    if (errno_value == 0)
        watch(child);
    return NULL;
}

/* Signals are the business of other threads. */
static int start_thread(struct slc_child *child)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&child->thread, NULL, spawn_and_watch, child);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

static void destroy(struct slc_child *child)
{
    close(child->exit_fd);
    pthread_cond_destroy(&child->started_cond);
    pthread_mutex_destroy(&child->mutex);
    free(child);
}

struct slc_child *slc_child_start(const char *const argv[], int dir_fd, const char *output_name,
                                  struct slc_error *error)
{
    struct slc_child *child = calloc(1, sizeof(*child));
    int errno_value;

    if (!child) {
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out while %s was started", argv[0]);
        return NULL;
    }
    child->argv = argv;
    child->dir_fd = dir_fd;
    child->output_name = output_name;
    pthread_mutex_init(&child->mutex, NULL);
    pthread_cond_init(&child->started_cond, NULL);
    child->exit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    errno_value = child->exit_fd < 0 ? errno : start_thread(child);
    if (errno_value) {
        slc_fail_errno(error, errno_value, "%s cannot be started", argv[0]);
        destroy(child);
        return NULL;
    }
    pthread_mutex_lock(&child->mutex);
    while (!child->started)
        pthread_cond_wait(&child->started_cond, &child->mutex);
    errno_value = child->start_errno;
    pthread_mutex_unlock(&child->mutex);
    if (errno_value == 0)
        return child;
    pthread_join(child->thread, NULL);
    destroy(child);
    if (errno_value == ENOENT)
        slc_fail(error, SLC_ERR_NOT_FOUND, "the program %.300s is not installed", argv[0]);
    else
        slc_fail_errno(error, errno_value, "%.300s cannot be started", argv[0]);
    return NULL;
}

pid_t slc_child_pid(const struct slc_child *child)
{
    return child->pid;
}

int slc_child_exit_fd(const struct slc_child *child)
{
    return child->exit_fd;
}

bool slc_child_has_ended(struct slc_child *child, int *ret_status)
{
    pthread_mutex_lock(&child->mutex);
    bool ended = child->ended;
    if (ended && ret_status)
        *ret_status = child->status;
    pthread_mutex_unlock(&child->mutex);
    return ended;
}

bool slc_child_wait(struct slc_child *child, int64_t deadline_usec)
{
    struct slc_stream exit_stream = {.fd = child->exit_fd};

    return slc_stream_wait(&exit_stream, POLLIN, deadline_usec, NULL) > 0;
}

void slc_child_signal(struct slc_child *child, int signal_number)
{
    pthread_mutex_lock(&child->mutex);
    if (!child->ended)
        (void)kill(child->pid, signal_number);
    pthread_mutex_unlock(&child->mutex);
}

void slc_child_free(struct slc_child *child)
{
    if (!child)
        return;
    slc_child_signal(child, SIGKILL);
    pthread_join(child->thread, NULL);
    destroy(child);
}
