/* The service: a master process that supervises, http.workers processes that
 * answer requests over one listening socket, load.workers processes that load
 * files and watch the stream directory, and, when redis.url is empty, a process
 * that keeps the private redis-server. docs/service.md tells of the signals:
 *
 *     TERM        stop gracefully: what is in flight may end within graceful_timeout
 *     INT, QUIT   stop at once, also while a graceful stop is under way
 *     HUP         read the configuration again, and replace the workers
 *     TTIN, TTOU  one HTTP worker more, or less
 *     USR1        reopen the log files (after a rotation)
 *     USR2        start the binary anew beside this one, on the same socket
 *
 * It forks, logs, blocks signals, reads the environment and writes to standard
 * output (a key that it made), so call it from main() alone, before any thread
 * is started. */
#ifndef SLC_SERVICE_SERVICE_H
#define SLC_SERVICE_SERVICE_H

#include <stdbool.h>

#include "base/error.h"
#include "config/config.h"

struct slc_service_options {
    const struct slc_config *config; /* borrowed, complete and checked */
    char *const *environment;        /* as environ; for the place of the state directory */
    /* For HUP: read the configuration again from where it came; may be NULL. */
    bool (*reload)(void *state, struct slc_config **ret_config, struct slc_error *error);
    void *reload_state;
    /* The command line, for USR2: argv[0] is looked up as a shell does; NULL: USR2 is refused. */
    char *const *argv;
};

/* What can be told of a configuration without starting anything, beyond what
 * slc_config_check() tells. Errors: CONFIG, NOT_FOUND, IO, MEMORY. */
bool slc_service_check(const struct slc_config *config, struct slc_error *error);

/* Run until a signal says stop. True after an orderly stop. On failure
 * `*ret_status` is the exit status: 2 for configuration, places and a port that
 * is taken, 3 for Redis. */
bool slc_service_run(const struct slc_service_options *options, int *ret_status,
                     struct slc_error *error);

#endif
