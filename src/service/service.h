/* The service: everything put together and run in one process.
 *
 * What runs: the HTTP server's threads, the API's desk, the queue's loader, the
 * watch loop when `watch` is set, and the private redis-server when redis.url is
 * empty. The calling thread takes the signals:
 *
 *     TERM       stop gracefully: what is in flight may end within graceful_timeout
 *     INT, QUIT  stop at once, also while a graceful stop is under way
 *     HUP        read the configuration again: log.* is taken over, for the rest the
 *                log says that a restart is needed
 *     USR1       reopen the log file (after a rotation)
 *
 * It logs, blocks signals and writes to standard output (a key that it made), so
 * call it from main() alone, before any other thread is started. */
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
};

/* Run until a signal says stop. True after an orderly stop. On failure
 * `*ret_status` is the exit status: 2 for configuration, places and a port that
 * is taken, 3 for Redis. */
bool slc_service_run(const struct slc_service_options *options, int *ret_status,
                     struct slc_error *error);

#endif
