/* The master's table of workers. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/metrics.h"
#include "base/log.h"
#include "base/time.h"
#include "service/master.h"

/* A worker that is told to end has its own bound. Behind it the master says it
 * again, and that it is to be quick, and then kills. */
static const int64_t hurry_margin_usec = 1 * SLC_USEC_PER_SEC;
static const int64_t kill_margin_usec = 5 * SLC_USEC_PER_SEC;

static const enum slc_metric levels[SLC_ROLES] = {SLC_METRIC_WORKERS_HTTP, SLC_METRIC_WORKERS_LOAD};

/* A row of the counters that no living worker has; the last is shared when there
 * are too many. Row 0 is the master's. */
static size_t free_row(const struct slc_master *master)
{
    bool taken[SLC_SHARED_ROWS] = {true};
    size_t row = 0;

    for (const struct slc_process *p = master->processes; p; p = p->next)
        taken[p->row] = true;
    while (row < SLC_SHARED_ROWS - 1 && taken[row])
        row++;
    return row;
}

static bool is_of(const struct slc_process *process, enum slc_role role, unsigned generation)
{
    return (role == SLC_ROLES || process->role == role) &&
           (generation == 0 || process->generation == generation);
}

size_t slc_processes_count(const struct slc_master *master, enum slc_role role, unsigned generation,
                           bool ready)
{
    size_t count = 0;

    for (const struct slc_process *p = master->processes; p; p = p->next)
        count += is_of(p, role, generation) && p->kill_usec == 0 && (p->ready || !ready);
    return count;
}

static bool has_first(const struct slc_master *master, enum slc_role role, unsigned generation)
{
    for (const struct slc_process *p = master->processes; p; p = p->next)
        if (is_of(p, role, generation) && p->kill_usec == 0 && p->first)
            return true;
    return false;
}

void slc_master_close_in_child(void *state)
{
    struct slc_master *master = state;

    for (struct slc_process *p = master->processes; p; p = p->next)
        if (p->status_fd >= 0)
            close(p->status_fd);
    slc_keeper_close(&master->keeper);
    close(master->signal_fd);
    if (master->lock_fd >= 0)
        close(master->lock_fd);
    if (master->old_pidfd >= 0)
        close(master->old_pidfd);
}

void slc_master_close_in_keeper(void *state)
{
    struct slc_master *master = state;

    slc_master_close_in_child(master);
    if (master->listen_fd >= 0)
        close(master->listen_fd);
    slc_handover_close_rest(&master->old);
}

static void become(struct slc_master *master, const struct slc_generation *generation,
                   const struct slc_process *process, pid_t self, int status_fd)
{
    struct slc_role_context context = {.config = generation->config,
                                       .keys = &generation->keys,
                                       .tls = &generation->tls,
                                       .redis_url = &master->redis_url,
                                       .shared = &master->shared,
                                       .master = self,
                                       .row = process->row,
                                       .listen_fd = master->listen_fd,
                                       .status_fd = status_fd,
                                       .first = process->first};

    master->redis_url.settings = generation->redis_settings;
    slc_master_close_in_child(master);
    if (process->role != SLC_ROLE_HTTP)
        close(master->listen_fd);
    _exit(slc_role_run(process->role, &context));
}

bool slc_processes_start(struct slc_master *master, const struct slc_generation *generation,
                         enum slc_role role)
{
    struct slc_process *process = calloc(1, sizeof(*process)), **link = &master->processes;
    int fds[2] = {-1, -1};
    pid_t self = getpid();

    if (!process || pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(process);
        return false;
    }
    *process = (struct slc_process){.role = role,
                                    .generation = generation->number,
                                    .row = free_row(master),
                                    .status_fd = fds[0],
                                    .first = !has_first(master, role, generation->number),
                                    .started_usec = slc_monotonic_usec()};
    process->pid = fork();
    if (process->pid == 0) {
        close(fds[0]);
        become(master, generation, process, self, fds[1]);
    }
    close(fds[1]);
    if (process->pid < 0) {
        close(fds[0]);
        free(process);
        return false;
    }
    while (*link)
        link = &(*link)->next;
    *link = process;
    slc_counters_add(master->shared.counters, levels[role], 1);
    return true;
}

bool slc_processes_hear(struct slc_master *master, struct slc_process *process)
{
    char text[SLC_ERROR_TEXT_BYTES];
    ssize_t got = process->status_fd >= 0 ? read(process->status_fd, text, sizeof(text) - 1) : -1;

    if (got < 0)
        return false;
    if (got > 0) {
        text[got] = '\0';
        process->ready = text[0] == SLC_ROLE_SAYS_READY;
        if (!process->ready)
            slc_fail(&master->error, SLC_ERR_CONFIG, "%s", text + 1);
    }
    close(process->status_fd);
    process->status_fd = -1;
    return got > 0;
}

void slc_processes_end(struct slc_process *process, int signal_number, int64_t grace_usec)
{
    bool quick = signal_number == SIGQUIT || signal_number == SIGINT;
    int64_t end_usec =
        slc_monotonic_usec() + grace_usec + (quick ? kill_margin_usec : hurry_margin_usec);

    (void)kill(process->pid, signal_number);
    if (process->kill_usec == 0 || end_usec < process->kill_usec || (quick && !process->hurried))
        process->kill_usec = end_usec;
    process->hurried |= quick;
}

void slc_processes_signal(struct slc_master *master, enum slc_role role, unsigned generation,
                          int signal_number, int64_t grace_usec)
{
    for (struct slc_process *p = master->processes; p; p = p->next) {
        if (!is_of(p, role, generation))
            continue;
        if (signal_number == SIGUSR1)
            (void)kill(p->pid, signal_number);
        else
            slc_processes_end(p, signal_number, grace_usec);
    }
}

int64_t slc_processes_kill_late(struct slc_master *master)
{
    int64_t now = slc_monotonic_usec(), earliest = INT64_MAX;

    for (struct slc_process *p = master->processes; p; p = p->next) {
        if (p->kill_usec == 0)
            continue;
        if (p->kill_usec <= now && !p->hurried) {
            slc_processes_end(p, SIGQUIT, 0);
        } else if (p->kill_usec <= now) {
            slc_log(SLC_LOG_ERROR, "a worker did not end in time and is killed",
                    SLC_LOG_TEXT_FIELD("role", slc_role_name(p->role)),
                    SLC_LOG_INT_FIELD("worker", p->pid));
            (void)kill(p->pid, SIGKILL);
            p->kill_usec = now + kill_margin_usec;
        }
        if (p->kill_usec < earliest)
            earliest = p->kill_usec;
    }
    return earliest;
}

struct slc_process *slc_processes_take(struct slc_master *master, pid_t pid)
{
    struct slc_process **link = &master->processes, *process;

    while (*link && (*link)->pid != pid)
        link = &(*link)->next;
    process = *link;
    if (!process)
        return NULL;
    *link = process->next;
    slc_counters_add(master->shared.counters, levels[process->role], -1);
    slc_api_metrics_clear_levels(master->shared.counters, process->row);
    slc_crowd_clear(master->shared.crowd, process->row);
    return process;
}
