#include "service/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "service/pidfile.h"

enum { FIELDS = 6, HANDOVER_TEXT_BYTES = 128, EXEC_FAILED = 127 };

static const struct slc_handover nothing = {
    .listen_fd = -1, .lock_fd = -1, .lifeline_fd = -1, .alive_fd = -1};

/* "1:master:listen:lock:lifeline:alive:keeper" */
static bool parse(const char *text, struct slc_handover *handover)
{
    int64_t fields[FIELDS];

    if (strncmp(text, "1:", 2) != 0 || strlen(text) >= HANDOVER_TEXT_BYTES)
        return false;
    text += 2;
    for (size_t i = 0; i < FIELDS; i++) {
        size_t len = strcspn(text, ":");

        if (!slc_parse_int64(text, len, &fields[i]) || fields[i] < -1 || fields[i] > INT_MAX ||
            (text[len] == ':') != (i + 1 < FIELDS))
            return false;
        text += len + 1;
    }
    *handover = (struct slc_handover){.master = (pid_t)fields[0],
                                      .listen_fd = (int)fields[1],
                                      .lock_fd = (int)fields[2],
                                      .lifeline_fd = (int)fields[3],
                                      .alive_fd = (int)fields[4],
                                      .keeper = (pid_t)fields[5]};
    return true;
}

static bool is_listening(int fd)
{
    int listens = 0, type = 0;
    socklen_t len = sizeof(listens);

    if (fd <= STDERR_FILENO || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0)
        return false;
    len = sizeof(type);
    return listens && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

static bool is_kind(int fd, mode_t kind)
{
    struct stat status;

    return fd > STDERR_FILENO && fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == kind;
}

static bool keep(int fd)
{
    return fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* A master that was told to end at once may have done so before this is asked. */
static bool is_from(pid_t master)
{
    return master == getppid() || slc_process_has_ended(master);
}

void slc_handover_take(struct slc_handover *ret_handover)
{
    const char *text = getenv(SLC_HANDOVER_VARIABLE);
    struct slc_handover taken = nothing;
    bool good =
        text && parse(text, &taken) && taken.master > 1 && is_from(taken.master) &&
        is_listening(taken.listen_fd) && is_kind(taken.lock_fd, S_IFREG) &&
        (taken.keeper > 1 ? is_kind(taken.lifeline_fd, S_IFIFO) && is_kind(taken.alive_fd, S_IFIFO)
                          : taken.lifeline_fd < 0 && taken.alive_fd < 0) &&
        keep(taken.listen_fd) && keep(taken.lock_fd) && keep(taken.lifeline_fd) &&
        keep(taken.alive_fd);

    *ret_handover = good ? taken : nothing;
    (void)unsetenv(SLC_HANDOVER_VARIABLE);
}

void slc_handover_close_rest(struct slc_handover *handover)
{
    int *fds[] = {&handover->listen_fd, &handover->lock_fd, &handover->lifeline_fd,
                  &handover->alive_fd};

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

static bool pass(int fd)
{
    return fd < 0 || fcntl(fd, F_SETFD, 0) == 0;
}

/* In the child; it has no threads, as its parent has none. */
static void become(char *const *argv, const struct slc_handover *handover, const sigset_t *signals,
                   int failure_fd)
{
    char text[HANDOVER_TEXT_BYTES];
    int reason;

    (void)snprintf(text, sizeof(text), "1:%ld:%d:%d:%d:%d:%ld", (long)handover->master,
                   handover->listen_fd, handover->lock_fd, handover->lifeline_fd,
                   handover->alive_fd, (long)handover->keeper);
    if (pass(handover->listen_fd) && pass(handover->lock_fd) && pass(handover->lifeline_fd) &&
        pass(handover->alive_fd) && setenv(SLC_HANDOVER_VARIABLE, text, 1) == 0 &&
        sigprocmask(SIG_SETMASK, signals, NULL) == 0)
        execvp(argv[0], argv);
    reason = errno;
    (void)!write(failure_fd, &reason, sizeof(reason));
    _exit(EXEC_FAILED);
}

pid_t slc_handover_start(char *const *argv, const struct slc_handover *handover,
                         const void *signals, struct slc_error *error)
{
    int fds[2], reason;
    ssize_t got;
    pid_t pid;

    /* Closed by a successful exec, so that reading it tells of one. */
    if (pipe2(fds, O_CLOEXEC) != 0)
        return slc_fail_errno(error, errno, "cannot make a pipe"), 0;
    pid = fork();
    if (pid == 0)
        become(argv, handover, signals, fds[1]);
    close(fds[1]);
    SLC_AUTO_CLOSE int failure_fd = fds[0];
    if (pid < 0)
        return slc_fail_errno(error, errno, "cannot start a process"), 0;
    do
        got = read(failure_fd, &reason, sizeof(reason));
    while (got < 0 && errno == EINTR);
    if (got == (ssize_t)sizeof(reason)) /* the child has ended; the master reaps it */
        return slc_fail_errno(error, reason, "cannot run %.300s", argv[0]), 0;
    return pid;
}
