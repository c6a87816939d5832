/* Inside service: what a worker process does from its fork to its end.
 *
 * A worker's first thread waits for signals of the master (or whoever): TERM
 * stops it gracefully, USR2 does so while others go on in its place (it has time
 * for clients that keep a connection without using it), INT and QUIT stop it at
 * once, USR1 reopens the log. It is killed
 * when the master ends, however that ends. It says over `status_fd` that it is
 * ready, or why it cannot be. */
#ifndef SLC_SERVICE_ROLE_H
#define SLC_SERVICE_ROLE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "config/config.h"
#include "job/inbox.h"
#include "redis/pool.h"
#include "service/key.h"
#include "service/shared.h"
#include "service/tls.h"

enum slc_role { SLC_ROLE_HTTP, SLC_ROLE_LOAD, SLC_ROLES };

/* "http", "load". */
const char *slc_role_name(enum slc_role role);

/* What the master gives a worker; borrowed, in the worker's own copy. */
struct slc_role_context {
    const struct slc_config *config;
    const struct slc_service_keys *keys;
    const struct slc_service_tls *tls;
    const struct slc_redis_url *redis_url;
    const struct slc_shared *shared;
    pid_t master;
    size_t row;    /* of the counters */
    int listen_fd; /* HTTP */
    int status_fd;
    bool first; /* of its role: it also does what one process has to do for all */
};

/* First byte of what comes over `status_fd`. */
enum { SLC_ROLE_SAYS_READY = 'R', SLC_ROLE_SAYS_FAILED = 'E' };

/* A worker process' own; the roles add to it. */
struct slc_role_process {
    const struct slc_role_context *context;
    enum slc_role role;
    int signal_fd;
    bool hurry;     /* a quick stop was asked for, maybe during a graceful one */
    bool succeeded; /* others go on in its place */
};

/* Run as that until the end; the exit status. In a child of the master, without
 * other threads, signals blocked. */
int slc_role_run(enum slc_role role, const struct slc_role_context *context);

/* ---- For the roles --------------------------------------------------------- */

/* Say that it runs, wait for the signal that ends it, and return the time that
 * what is in flight has left (0 for a quick stop). */
int64_t slc_role_wait(struct slc_role_process *process);

/* Asked during a graceful stop (`state` is the slc_role_process): has a quick one
 * been asked for meanwhile? */
bool slc_role_must_hurry(void *state);

/* The inbox by the configuration. */
struct slc_inbox *slc_role_inbox(const struct slc_role_context *context, struct slc_error *error);

/* role_http.c, role_load.c: false when it could not start. */
bool slc_role_http(struct slc_role_process *process, struct slc_error *error);
bool slc_role_load(struct slc_role_process *process, struct slc_error *error);

#endif
