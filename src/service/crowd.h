/* Inside service: how many connections are open, in all and of one address, in
 * all HTTP workers together.
 *
 * Each worker counts in a row of shared memory of its own, so that the master can
 * forget what one counted that was killed. Addresses are counted by hash, twice:
 * the smaller one counts, so that two addresses are taken for one about never.
 * An address is what one client may be assumed to hold (of IPv6 a /64). */
#ifndef SLC_SERVICE_CROWD_H
#define SLC_SERVICE_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "http/client.h"

struct slc_crowd;

/* For so many processes at a time; shared by what is forked from now on. NULL on
 * failure. Errors: MEMORY, INTERNAL. */
struct slc_crowd *slc_crowd_new(size_t rows, struct slc_error *error);
void slc_crowd_free(struct slc_crowd *crowd); /* NULL is fine */

/* What one worker may let in; `proxies` (borrowed) have no bound for an address. */
struct slc_crowd_door {
    struct slc_crowd *crowd;
    size_t row;
    int64_t max, max_per_address; /* 0: no bound */
    const struct slc_trusted_proxies *proxies;
};

/* For slc_http_server_options; `door` is a slc_crowd_door. */
bool slc_crowd_admit(void *door, const struct sockaddr *peer);
void slc_crowd_enter(void *door, const struct sockaddr *peer);
void slc_crowd_leave(void *door, const struct sockaddr *peer);

/* The process of that row has ended. */
void slc_crowd_clear(struct slc_crowd *crowd, size_t row);

#endif
