#include "service/role.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api/metrics.h"
#include "base/log.h"
#include "base/time.h"
#include "redis/settings.h"
#include "service/events.h"

enum { ARENAS = 2, STATUS_FAILED = 1 };

const char *slc_role_name(enum slc_role role)
{
    static const char *const names[SLC_ROLES] = {"http", "load"};

    return names[role];
}

/* ---- Signals ---------------------------------------------------------------- */

/* The signal that ends the process, or 0. */
static int handle_signal(const struct slc_role_process *process)
{
    struct signalfd_siginfo info;

    if (read(process->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    if (info.ssi_signo != SIGUSR1)
        return (int)info.ssi_signo;
    slc_service_reopen_log();
    return 0;
}

static void say_hurry(const struct slc_role_process *process, int signal_number)
{
    slc_log(SLC_LOG_INFO, "a worker stops at once",
            SLC_LOG_TEXT_FIELD("role", slc_role_name(process->role)),
            SLC_LOG_INT_FIELD("signal", signal_number));
}

bool slc_role_must_hurry(void *state)
{
    struct slc_role_process *process = state;
    int signal_number;

    while (!process->hurry && (signal_number = handle_signal(process)) > 0) {
        process->hurry = signal_number == SIGINT || signal_number == SIGQUIT;
        if (process->hurry)
            say_hurry(process, signal_number);
    }
    return process->hurry;
}

int64_t slc_role_wait(struct slc_role_process *process)
{
    struct pollfd fd = {.fd = process->signal_fd, .events = POLLIN};
    static const char ready = SLC_ROLE_SAYS_READY;
    int signal_number = 0;

    (void)!write(process->context->status_fd, &ready, 1);
    while (signal_number == 0) {
        if (poll(&fd, 1, -1) < 0 && errno != EINTR)
            return 0;
        signal_number = handle_signal(process);
    }
    process->hurry = signal_number != SIGTERM && signal_number != SIGUSR2;
    process->succeeded = signal_number == SIGUSR2;
    if (process->hurry)
        say_hurry(process, signal_number);
    return process->hurry
               ? 0
               : (int64_t)(slc_config_seconds(process->context->config, "graceful_timeout") * 1e6);
}

static bool take_signals(struct slc_role_process *process, struct slc_error *error)
{
    static const int taken[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2};
    sigset_t set;

    /* All the master's are blocked here, too; what is not taken (a terminal's HUP)
     * is the master's alone. */
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&set, taken[i]);
    process->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return process->signal_fd >= 0 || slc_fail_errno(error, errno, "cannot wait for signals");
}

/* ---- The process ------------------------------------------------------------- */

struct slc_inbox *slc_role_inbox(const struct slc_role_context *context, struct slc_error *error)
{
    struct slc_inbox_hook hook = {.on_event = slc_service_log_inbox};

    return slc_inbox_new(slc_config_text(context->config, "source.stream_dir"),
                         slc_config_text(context->config, "store.registry_key"), &hook, error);
}

static void tell_failure(int status_fd, const struct slc_error *error)
{
    char text[SLC_ERROR_TEXT_BYTES + 1] = {SLC_ROLE_SAYS_FAILED};

    slc_error_format(error, text + 1, sizeof(text) - 1);
    (void)!write(status_fd, text, strlen(text));
}

int slc_role_run(enum slc_role role, const struct slc_role_context *context)
{
    struct slc_role_process process = {.context = context, .role = role};
    struct slc_error error = {0};
    char name[16];
    bool good;

    (void)snprintf(name, sizeof(name), "sluice-%s", slc_role_name(role));
    (void)prctl(PR_SET_NAME, name);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != context->master) /* it ended before that was asked for */
        return STATUS_FAILED;
    /* Many threads, little to allocate: an arena for each would cost more. */
    (void)mallopt(M_ARENA_MAX, ARENAS);
    slc_counters_use_row(context->shared->counters, context->row);
    context->redis_url->settings->reconnects =
        slc_counters_cell(context->shared->counters, SLC_METRIC_REDIS_RECONNECTS);
    good =
        take_signals(&process, &error) &&
        (role == SLC_ROLE_HTTP ? slc_role_http(&process, &error) : slc_role_load(&process, &error));
    if (process.signal_fd > 0)
        close(process.signal_fd);
    if (good)
        return 0;
    tell_failure(context->status_fd, &error);
    return STATUS_FAILED;
}
