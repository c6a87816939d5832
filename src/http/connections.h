/* Inside http: the connections of a server, and the times they have.
 *
 * libmicrohttpd ends a connection on which nothing moves. What it lets pass is a
 * client that sends a byte now and then; so each connection has a deadline for
 * what it is at, and one that misses it is cut by a thread that looks when one
 * may be due. */
#ifndef SLC_HTTP_CONNECTIONS_H
#define SLC_HTTP_CONNECTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "http/client.h"

struct slc_connection {
    struct slc_connection *previous, *next;
    int fd;
    struct sockaddr_storage peer;
    struct slc_client client;      /* the peer, */
    bool proxied;                  /* which may speak for others */
    _Atomic int64_t deadline_usec; /* monotonic; INT64_MAX: none */
    bool cut;                      /* with the lock of the list: once is enough */
};

struct slc_connections;

/* `slow` (may be NULL) counts those that were cut. Starts a thread. NULL on
 * failure. Errors: MEMORY, INTERNAL. */
struct slc_connections *slc_connections_new(_Atomic int64_t *slow, struct slc_error *error);
/* None may be left. NULL is fine. */
void slc_connections_free(struct slc_connections *connections);

/* One more that has so long for its first request. NULL when memory ran out. */
struct slc_connection *slc_connections_add(struct slc_connections *connections, int fd,
                                           const struct sockaddr *peer, int64_t timeout_usec);
/* It is over; before its descriptor is closed. Frees. */
void slc_connections_remove(struct slc_connections *connections, struct slc_connection *connection);

size_t slc_connections_count(struct slc_connections *connections);

/* What it is at has so long from now (monotonic) on; INT64_MAX: as long as it takes. NULL
 * is fine. */
void slc_connection_give(struct slc_connection *connection, int64_t now_usec, int64_t timeout_usec);

#endif
