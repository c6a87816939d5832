/* Host names to addresses, with a deadline that getaddrinfo(3) does not have. */
#ifndef SLC_REDIS_RESOLVE_H
#define SLC_REDIS_RESOLVE_H

#include <netdb.h>
#include <stdint.h>

#include "base/error.h"

/* Stream addresses of host and port, to be freed with freeaddrinfo(3); NULL on
 * failure. A name that is no address is looked up in a thread, which is left
 * to itself when the deadline (slc_monotonic_usec() time) passes.
 * Errors: CONNECTION, TIMEOUT, MEMORY. */
struct addrinfo *slc_resolve(const char *host, uint16_t port, int64_t deadline_usec,
                             struct slc_error *error);

#endif
