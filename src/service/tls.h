/* Inside service: the certificate and the key of http.tls_*. */
#ifndef SLC_SERVICE_TLS_H
#define SLC_SERVICE_TLS_H

#include <stdbool.h>

#include "base/error.h"
#include "config/config.h"

/* PEM texts, owned; NULL: plain HTTP. */
struct slc_service_tls {
    char *cert, *key;
};

/* Read both files, and check that the one's key is the other's. Errors: CONFIG
 * (one of the two is missing, no PEM, encrypted, or they do not belong together),
 * NOT_FOUND, IO, MEMORY. */
bool slc_service_tls_read(const struct slc_config *config, struct slc_service_tls *ret_tls,
                          struct slc_error *error);
/* Overwrites the key. */
void slc_service_tls_release(struct slc_service_tls *tls);

#endif
