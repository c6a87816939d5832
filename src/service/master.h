/* Inside service: the master, which only supervises. It has no threads: it
 * forks the workers, waits for signals, ends and words of its children, and
 * acts.
 *
 * Workers come in generations: those of one configuration. A reload makes the
 * next one beside the current one, on the same listening socket; when all of it
 * are ready it becomes the current one, and the workers of the old one drain.
 * When one of it does not start, all of it goes and the old one stays. */
#ifndef SLC_SERVICE_MASTER_H
#define SLC_SERVICE_MASTER_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "redis/settings.h"
#include "service/handover.h"
#include "service/keeper.h"
#include "service/key.h"
#include "service/notify.h"
#include "service/role.h"
#include "service/service.h"
#include "service/shared.h"
#include "service/tls.h"

/* The workers of one configuration. */
struct slc_generation {
    unsigned number; /* 0: there is none */
    const struct slc_config *config;
    struct slc_config *owned; /* the same, when it came of a reload */
    struct slc_service_keys keys;
    struct slc_service_tls tls;                /* owned */
    struct slc_redis_settings *redis_settings; /* a reference */
    size_t wanted[SLC_ROLES];
    int64_t next_start_usec[SLC_ROLES]; /* monotonic: not before, after ends in a row */
    unsigned ends_in_a_row[SLC_ROLES];
};

struct slc_process {
    pid_t pid;
    enum slc_role role;
    unsigned generation;
    size_t row;    /* of the counters */
    int status_fd; /* -1: it has said what it had to */
    bool first, ready;
    int64_t started_usec; /* monotonic */
    int64_t kill_usec;    /* monotonic: when it is hurried, or killed; 0: it is to run */
    bool hurried;         /* it was told to be quick */
    struct slc_process *next;
};

struct slc_master {
    const struct slc_service_options *options;
    char *state_dir; /* owned */
    int lock_fd, listen_fd, signal_fd;
    sigset_t signals_before;
    struct slc_handover old; /* the master that started this one; .master 0: none, any more */
    int old_pidfd;
    pid_t new_master; /* that this one started; 0: none */
    char pid_path[PATH_MAX];
    char redis_dir[PATH_MAX]; /* "": no private server */
    struct slc_keeper keeper;
    int64_t keeper_retry_usec; /* monotonic: when to start another one; 0: it runs */
    struct slc_redis_url redis_url;
    struct slc_shared shared;
    struct slc_notify notify;
    struct slc_generation current, next;
    unsigned generations; /* so far */
    bool reload_again;    /* asked for during a reload */
    int64_t reload_end_usec;
    struct slc_process *processes; /* owned, the oldest first */
    bool announced;
    bool failed;   /* at its start */
    bool stopping; /* nothing is begun any more */
    struct slc_error error;
};

/* Run until a signal says stop, and stop the workers. False when the first
 * workers did not start (`master->error`). Everything but the workers is there. */
bool slc_master_run(struct slc_master *master);

/* ---- processes.c: the workers ---------------------------------------------- */

/* Fork one; false when that failed. */
bool slc_processes_start(struct slc_master *master, const struct slc_generation *generation,
                         enum slc_role role);

/* What one has to say; true when it said that it is ready, or why it is not. */
bool slc_processes_hear(struct slc_master *master, struct slc_process *process);

/* Those of a role and generation that are to run; `ready` counts only those that
 * are. */
size_t slc_processes_count(const struct slc_master *master, enum slc_role role, unsigned generation,
                           bool ready);

/* Send a signal to all of a role (SLC_ROLES: of any) and generation (0: of any);
 * TERM, QUIT and INT set the time by which they have to be gone. */
void slc_processes_signal(struct slc_master *master, enum slc_role role, unsigned generation,
                          int signal_number, int64_t grace_usec);

/* The same for one. */
void slc_processes_end(struct slc_process *process, int signal_number, int64_t grace_usec);

/* Kill what is over its time; the time (monotonic) of the next one, INT64_MAX
 * when there is none. */
int64_t slc_processes_kill_late(struct slc_master *master);

/* Take out the one that has ended; NULL when `pid` is none of them. The caller
 * frees. */
struct slc_process *slc_processes_take(struct slc_master *master, pid_t pid);

/* In a child of the master: close what is the master's alone. */
void slc_master_close_in_child(void *state);

/* In the keeper, which answers nobody: what it must not hold, either. A socket that
 * it kept listening would take connections that no worker sees. */
void slc_master_close_in_keeper(void *state);

#endif
