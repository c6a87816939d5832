#include "service/master.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/metrics.h"
#include "base/log.h"
#include "base/time.h"
#include "service/events.h"
#include "service/pidfile.h"
#include "service/start.h"

enum {
    POLLED_MAX = 3 + 2 * SLC_SHARED_ROWS,
    HTTP_WORKERS_MAX = 256,
    /* A worker that ends before it has run for so long is one of a row. */
    SHORT_LIFE_USEC = 1000000,
    FIRST_PAUSE_USEC = 100000,
    LAST_PAUSE_USEC = 10000000,
    RELOAD_USEC = 60000000,
    KEEPER_PAUSE_USEC = 5000000,
    /* Connections that are made already are taken up within so long. */
    BACKLOG_USEC = 2000000,
};

static void count(const struct slc_master *master, enum slc_metric metric)
{
    slc_counters_add(master->shared.counters, metric, 1);
}

/* Nobody else serves on the same socket. */
static bool is_alone(const struct slc_master *master)
{
    return master->new_master == 0 && master->old.master == 0;
}

static int64_t grace_usec(const struct slc_generation *generation)
{
    return (int64_t)(slc_config_seconds(generation->config, "graceful_timeout") * 1e6);
}

/* ---- Keeping up their number ------------------------------------------------ */

/* Start what is missing; when the next start is due (monotonic), INT64_MAX when
 * nothing is missing. */
static int64_t maintain(struct slc_master *master, struct slc_generation *generation)
{
    int64_t earliest = INT64_MAX;

    for (int role = 0; role < SLC_ROLES && generation->number; role++) {
        size_t there = slc_processes_count(master, (enum slc_role)role, generation->number, false);
        int64_t now = slc_monotonic_usec();

        for (; there < generation->wanted[role]; there++) {
            if (generation->next_start_usec[role] <= now &&
                slc_processes_start(master, generation, (enum slc_role)role))
                continue;
            if (generation->next_start_usec[role] <= now) { /* no memory, or too many processes */
                slc_log(SLC_LOG_ERROR, "cannot start a worker",
                        SLC_LOG_TEXT_FIELD("reason", strerror(errno)));
                generation->next_start_usec[role] = now + SLC_USEC_PER_SEC;
            }
            if (generation->next_start_usec[role] < earliest)
                earliest = generation->next_start_usec[role];
            break;
        }
    }
    return earliest;
}

static bool is_ready(const struct slc_master *master, const struct slc_generation *generation)
{
    for (int role = 0; role < SLC_ROLES; role++)
        if (slc_processes_count(master, (enum slc_role)role, generation->number, true) <
            generation->wanted[role])
            return false;
    return generation->number != 0;
}

/* ---- Reloading ----------------------------------------------------------------- */

static void say_ready(const struct slc_master *master)
{
    (void)slc_notify_send(&master->notify,
                          "READY=1\nMAINPID=%ld\nSTATUS=%zu HTTP workers, %zu load workers",
                          (long)getpid(), master->current.wanted[SLC_ROLE_HTTP],
                          master->current.wanted[SLC_ROLE_LOAD]);
}

static void release_generation(struct slc_generation *generation)
{
    slc_config_free(generation->owned);
    slc_service_tls_release(&generation->tls);
    slc_redis_settings_unref(generation->redis_settings);
    *generation = (struct slc_generation){0};
}

static void begin_reload(struct slc_master *master);

/* One that was asked for while another was under way. */
static void reload_again(struct slc_master *master)
{
    bool again = master->reload_again && !master->stopping;

    master->reload_again = false;
    if (again)
        begin_reload(master);
}

static void refuse_reload(struct slc_master *master, const char *reason)
{
    slc_log(SLC_LOG_ERROR, "the new configuration is refused; the old one stays",
            SLC_LOG_TEXT_FIELD("reason", reason));
    count(master, SLC_METRIC_RELOADS_REFUSED);
    if (master->next.number)
        slc_processes_signal(master, SLC_ROLES, master->next.number, SIGQUIT, 0);
    release_generation(&master->next);
    (void)slc_service_open_log(master->current.config, NULL);
    say_ready(master);
    reload_again(master);
}

static void begin_reload(struct slc_master *master)
{
    struct slc_generation next = {0};
    struct slc_error error = {0};
    char text[SLC_ERROR_TEXT_BYTES];

    if (master->next.number) {
        master->reload_again = true;
        return;
    }
    if (!master->options->reload)
        return;
    (void)slc_notify_send(&master->notify, "RELOADING=1\nMONOTONIC_USEC=%lld",
                          (long long)slc_monotonic_usec());
    if (!master->options->reload(master->options->reload_state, &next.owned, &error) ||
        !slc_service_pin_options(master->current.config, next.owned, &error) ||
        !slc_service_generation(master, next.owned, &next, &error) ||
        !slc_service_open_log(next.owned, &error)) {
        refuse_reload(master, slc_error_format(&error, text, sizeof(text)));
        release_generation(&next);
        return;
    }
    next.number = ++master->generations;
    master->next = next;
    master->reload_end_usec = slc_monotonic_usec() + RELOAD_USEC;
    slc_error_clear(&master->error);
}

/* All workers of the new configuration run: those of the old one end. */
static void finish_reload(struct slc_master *master)
{
    struct slc_generation old = master->current;

    master->current = master->next;
    master->next = (struct slc_generation){0};
    slc_processes_signal(master, SLC_ROLES, old.number, SIGUSR2, grace_usec(&old));
    release_generation(&old);
    count(master, SLC_METRIC_RELOADS);
    slc_log(SLC_LOG_INFO, "the configuration was read again");
    say_ready(master);
    reload_again(master);
}

/* ---- Upgrading ------------------------------------------------------------------- */

static void upgrade(struct slc_master *master)
{
    struct slc_handover handover = {.master = getpid(),
                                    .listen_fd = master->listen_fd,
                                    .lock_fd = master->lock_fd,
                                    .lifeline_fd = master->keeper.lifeline_fd,
                                    .alive_fd = master->keeper.alive_fd,
                                    .keeper = master->keeper.pid};
    struct slc_error error = {0};

    if (!is_alone(master)) {
        slc_log(SLC_LOG_WARNING, master->new_master
                                     ? "an upgrade is under way already"
                                     : "the old master is still there: end it first");
        return;
    }
    if (!master->options->argv) {
        slc_log(SLC_LOG_WARNING, "this service does not know how it was started");
        return;
    }
    master->new_master =
        slc_handover_start(master->options->argv, &handover, &master->signals_before, &error);
    if (!master->new_master) {
        slc_log(SLC_LOG_ERROR, "the new binary does not start",
                SLC_LOG_TEXT_FIELD("reason", error.message));
        return;
    }
    slc_log(SLC_LOG_INFO, "the new binary was started beside this one",
            SLC_LOG_INT_FIELD("new_master", master->new_master));
}

/* The old master has ended: this is the one now. */
static void promote(struct slc_master *master)
{
    struct slc_error error = {0};

    slc_log(SLC_LOG_INFO, "the old master has ended",
            SLC_LOG_INT_FIELD("old_master", master->old.master));
    master->old.master = 0;
    close(master->old_pidfd);
    master->old_pidfd = -1;
    if (!slc_service_pidfile(master, &error))
        slc_log(SLC_LOG_ERROR, "the pid file cannot be written",
                SLC_LOG_TEXT_FIELD("reason", error.message));
}

/* ---- What happens ------------------------------------------------------------------- */

static void add_worker(struct slc_master *master, int more)
{
    size_t *wanted = &master->current.wanted[SLC_ROLE_HTTP];

    if (more > 0 ? *wanted >= HTTP_WORKERS_MAX : *wanted <= 1) {
        slc_log(SLC_LOG_WARNING, more > 0 ? "there are as many HTTP workers as there may be"
                                          : "the last HTTP worker stays");
        return;
    }
    *wanted = more > 0 ? *wanted + 1 : *wanted - 1;
    slc_log(SLC_LOG_INFO, more > 0 ? "one HTTP worker more" : "one HTTP worker less",
            SLC_LOG_INT_FIELD("workers", (int64_t)*wanted));
    say_ready(master);
    if (more > 0)
        return;
    for (struct slc_process *p = master->processes; p; p = p->next) {
        if (p->role != SLC_ROLE_HTTP || p->generation != master->current.number || p->kill_usec)
            continue;
        slc_processes_end(p, SIGUSR2, grace_usec(&master->current));
        return;
    }
}

/* The signal that ends the service, or 0. */
static int handle_signal(struct slc_master *master)
{
    struct signalfd_siginfo info;

    if (read(master->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    switch ((int)info.ssi_signo) {
    case SIGTERM:
    case SIGINT:
    case SIGQUIT: /* our workers may have got it, too, and end */
        master->stopping = true;
        return (int)info.ssi_signo;
    case SIGHUP:
        if (!master->stopping)
            begin_reload(master);
        return 0;
    case SIGUSR1:
        slc_service_reopen_log();
        slc_processes_signal(master, SLC_ROLES, 0, SIGUSR1, 0);
        if (master->keeper.pid > 0)
            (void)kill(master->keeper.pid, SIGUSR1);
        return 0;
    case SIGUSR2: /* of a master that ends a new one would get no socket */
        if (!master->stopping)
            upgrade(master);
        return 0;
    case SIGTTIN:
    case SIGTTOU:
        if (!master->stopping)
            add_worker(master, info.ssi_signo == SIGTTIN ? 1 : -1);
        return 0;
    default: /* CHLD: children are looked after in any case */
        return 0;
    }
}

static void describe_end(int status, char text[64])
{
    (void)snprintf(text, 64, "%s %d", WIFSIGNALED(status) ? "signal" : "exit status",
                   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* One that was to run has ended. */
static void on_unexpected_end(struct slc_master *master, const struct slc_process *process,
                              int status)
{
    struct slc_generation *current = &master->current;
    int64_t now = slc_monotonic_usec(), pause_usec = 0;
    char text[64];

    describe_end(status, text);
    if (master->error.code == SLC_ERR_NONE)
        slc_fail(&master->error, SLC_ERR_INTERNAL, "a worker ended at its start (%s)", text);
    if (master->next.number && process->generation == master->next.number) {
        refuse_reload(master, master->error.message);
        return;
    }
    if (!master->announced) {
        master->failed = true;
        return;
    }
    slc_error_clear(&master->error);
    if (process->ready && now - process->started_usec >= SHORT_LIFE_USEC) {
        current->ends_in_a_row[process->role] = 0;
    } else {
        pause_usec = FIRST_PAUSE_USEC;
        for (unsigned i = 0;
             i < current->ends_in_a_row[process->role] && pause_usec < LAST_PAUSE_USEC; i++)
            pause_usec *= 2;
        current->ends_in_a_row[process->role]++;
    }
    current->next_start_usec[process->role] = now + pause_usec;
    count(master, SLC_METRIC_WORKER_RESTARTS);
    slc_log(SLC_LOG_ERROR, "a worker has ended and is replaced",
            SLC_LOG_TEXT_FIELD("role", slc_role_name(process->role)),
            SLC_LOG_INT_FIELD("worker", process->pid), SLC_LOG_TEXT_FIELD("end", text));
}

static void reap(struct slc_master *master)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct slc_process *process = NULL;

        for (struct slc_process *p = master->processes; p; p = p->next)
            if (p->pid == pid)
                (void)slc_processes_hear(master, p); /* its last words */
        process = slc_processes_take(master, pid);
        /* Who sent the signal to the whole group (a terminal, timeout(1)) ended our workers,
         * too; ours may still be unread. */
        if (process && process->kill_usec == 0 &&
            !(status == 0 && (master->stopping || slc_service_is_to_stop())))
            on_unexpected_end(master, process, status);
        if (process && process->status_fd >= 0)
            close(process->status_fd);
        free(process);
        if (pid == master->new_master) {
            master->new_master = 0;
            slc_log(SLC_LOG_ERROR, "the new binary has ended; this one goes on");
            say_ready(master);
        }
    }
}

static void hear_keeper(struct slc_master *master)
{
    if (slc_keeper_listen(&master->keeper, 0) != SLC_KEEPER_ENDED)
        return;
    slc_log(SLC_LOG_ERROR, "the keeper of the private redis-server has ended",
            SLC_LOG_TEXT_FIELD("reason", master->keeper.reason));
    master->keeper_retry_usec =
        slc_monotonic_usec() + (master->keeper.ready ? 0 : KEEPER_PAUSE_USEC);
}

static void look_after_keeper(struct slc_master *master)
{
    struct slc_error error = {0};

    if (!master->redis_dir[0] || master->keeper.pid > 0 ||
        slc_monotonic_usec() < master->keeper_retry_usec)
        return;
    master->keeper_retry_usec = slc_monotonic_usec() + KEEPER_PAUSE_USEC;
    if (!slc_keeper_start(&master->keeper, master->redis_dir, slc_master_close_in_keeper, master,
                          &error))
        slc_log(SLC_LOG_ERROR, "the private redis-server does not start",
                SLC_LOG_TEXT_FIELD("reason", error.message));
}

/* ---- Waiting ---------------------------------------------------------------------- */

static int ms_until(int64_t when_usec)
{
    int64_t left_ms;

    if (when_usec == INT64_MAX)
        return -1;
    left_ms = (when_usec - slc_monotonic_usec() + 999) / 1000;
    return left_ms < 0 ? 0 : left_ms > 3600000 ? 3600000 : (int)left_ms;
}

static void earlier(int64_t *when_usec, int64_t other_usec)
{
    if (other_usec < *when_usec)
        *when_usec = other_usec;
}

/* Wait until something happens, at most until then, and take it in; the signal
 * that ends the service, or 0. */
static int wait_and_see(struct slc_master *master, int64_t until_usec)
{
    struct pollfd fds[POLLED_MAX] = {
        {.fd = master->signal_fd, .events = POLLIN},
        {.fd = master->keeper.alive_fd, .events = POLLIN},
        {.fd = master->old_pidfd, .events = POLLIN},
    };
    nfds_t polled = 3;
    int signal_number = 0;

    if (master->notify.watchdog_usec) {
        (void)slc_notify_send(&master->notify, "WATCHDOG=1");
        earlier(&until_usec, slc_monotonic_usec() + master->notify.watchdog_usec);
    }
    earlier(&until_usec, slc_processes_kill_late(master));
    if (master->redis_dir[0] && master->keeper.pid == 0)
        earlier(&until_usec, master->keeper_retry_usec);
    for (struct slc_process *p = master->processes; p && polled < POLLED_MAX; p = p->next)
        if (p->status_fd >= 0)
            fds[polled++] = (struct pollfd){.fd = p->status_fd, .events = POLLIN};
    if (poll(fds, polled, ms_until(until_usec)) < 0 && errno != EINTR)
        return SIGQUIT;
    for (struct slc_process *p = master->processes; p; p = p->next)
        (void)slc_processes_hear(master, p);
    if (fds[1].revents)
        hear_keeper(master);
    if (fds[2].revents)
        promote(master);
    /* The signal first: who ends behind the reaping sends another one. */
    if (fds[0].revents)
        signal_number = handle_signal(master);
    reap(master);
    return signal_number;
}

/* ---- Stopping ----------------------------------------------------------------------- */

/* A connection that the kernel made and no worker took up would be reset when
 * the socket is closed. So no new ones are let in (a filter drops them: their
 * client tries again, and is refused then), and what is there is taken up. */
static void take_up_backlog(struct slc_master *master)
{
    struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &drop};
    int64_t end_usec = slc_monotonic_usec() + BACKLOG_USEC;
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (slc_processes_count(master, SLC_ROLE_HTTP, 0, true) == 0 ||
        setsockopt(master->listen_fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
        return;
    while (getsockopt(master->listen_fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           info.tcpi_unacked > 0 && slc_monotonic_usec() < end_usec)
        (void)poll(NULL, 0, 1);
}

/* Until those of a role are gone. A quick stop that is asked for meanwhile hurries
 * all of them. */
static void wait_for_role(struct slc_master *master, enum slc_role role, bool *quick)
{
    for (;;) {
        bool any = false;
        int signal_number;

        for (const struct slc_process *p = master->processes; p; p = p->next)
            any |= p->role == role;
        if (!any)
            return;
        signal_number = wait_and_see(master, INT64_MAX);
        if (*quick || (signal_number != SIGINT && signal_number != SIGQUIT))
            continue;
        *quick = true;
        slc_log(SLC_LOG_INFO, "stopping at once", SLC_LOG_INT_FIELD("signal", signal_number));
        slc_processes_signal(master, SLC_ROLES, 0, SIGQUIT, 0);
    }
}

/* HTTP first: its clients may wait for loads. */
static void stop_workers(struct slc_master *master, int signal_number)
{
    bool quick = signal_number != SIGTERM;
    int64_t grace = quick ? 0 : grace_usec(&master->current);
    int64_t end_usec = slc_monotonic_usec() + grace, left_usec;

    master->stopping = true;
    for (int role = 0; role < SLC_ROLES; role++) /* none is replaced any more */
        master->current.wanted[role] = master->next.wanted[role] = 0;
    if (is_alone(master) && !quick)
        take_up_backlog(master);
    close(master->listen_fd);
    master->listen_fd = -1;
    slc_processes_signal(master, quick ? SLC_ROLES : SLC_ROLE_HTTP, 0,
                         quick              ? SIGQUIT
                         : is_alone(master) ? SIGTERM
                                            : SIGUSR2,
                         grace);
    wait_for_role(master, SLC_ROLE_HTTP, &quick);
    left_usec = end_usec - slc_monotonic_usec();
    if (!quick)
        slc_processes_signal(master, SLC_ROLE_LOAD, 0, SIGTERM, left_usec > 0 ? left_usec : 0);
    wait_for_role(master, SLC_ROLE_LOAD, &quick);
    release_generation(&master->current);
    release_generation(&master->next);
}

/* ---- Running -------------------------------------------------------------------------- */

bool slc_master_run(struct slc_master *master)
{
    int signal_number = wait_and_see(master, 0); /* it may be over before it begins */

    while (signal_number == 0 && !master->failed) {
        int64_t until_usec = maintain(master, &master->current);

        earlier(&until_usec, maintain(master, &master->next));
        look_after_keeper(master);
        if (master->next.number && is_ready(master, &master->next))
            finish_reload(master);
        else if (master->next.number && slc_monotonic_usec() > master->reload_end_usec)
            refuse_reload(master, "its workers do not get ready");
        if (master->next.number)
            earlier(&until_usec, master->reload_end_usec);
        if (!master->announced && is_ready(master, &master->current)) {
            master->announced = true;
            slc_service_announce(master);
            say_ready(master);
        }
        signal_number = wait_and_see(master, until_usec);
    }
    (void)slc_notify_send(&master->notify, "STOPPING=1");
    if (!master->failed)
        slc_log(SLC_LOG_INFO, "stopping", SLC_LOG_INT_FIELD("signal", signal_number),
                SLC_LOG_USEC_FIELD("graceful_timeout",
                                   signal_number == SIGTERM ? grace_usec(&master->current) : 0));
    stop_workers(master, master->failed ? SIGQUIT : signal_number);
    return !master->failed;
}
