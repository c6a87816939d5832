/* Inside service: what has to be there before the workers are (service.c). */
#ifndef SLC_SERVICE_START_H
#define SLC_SERVICE_START_H

#include "http/client.h"
#include "service/master.h"

/* Fill in a generation for `config` (borrowed), as far as its keys and the
 * numbers of workers go, and check what a worker would fail at. A key that was
 * made is shown. Errors: CONFIG, IO, NOT_FOUND, MEMORY, INTERNAL. */
bool slc_service_generation(struct slc_master *master, const struct slc_config *config,
                            struct slc_generation *ret_generation, struct slc_error *error);

/* The proxies of http.trusted_proxies. Errors: CONFIG, MEMORY. */
bool slc_service_parse_proxies(const struct slc_config *config,
                               struct slc_trusted_proxies *ret_proxies, struct slc_error *error);

/* A signal that ends the service has come and was not read yet. */
bool slc_service_is_to_stop(void);

/* Write the pid file: NAME, or NAME.2 while an old master has NAME. */
bool slc_service_pidfile(struct slc_master *master, struct slc_error *error);

/* The service runs: say so in the log. */
void slc_service_announce(const struct slc_master *master);

#endif
