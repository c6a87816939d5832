/* Inside http: one request and its answer, between libmicrohttpd's callbacks. */
#ifndef SLC_HTTP_EXCHANGE_H
#define SLC_HTTP_EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "http/connections.h"
#include "http/pending.h"
#include "http/server.h"

struct slc_exchange {
    struct slc_http_server *server;
    struct MHD_Connection *connection; /* libmicrohttpd's */
    struct slc_connection *client;     /* the connection's deadlines; NULL: memory ran out */
    char *target;                      /* owned: the request line's, raw */
    struct slc_http_request request;
    struct slc_http_response response;
    struct slc_buf body;              /* what came of the request's body */
    struct slc_limit_state limit;     /* for the headers of every answer */
    struct slc_http_pending *pending; /* owned reference, from the handler's call on */
    int64_t start_usec;               /* monotonic */
    int64_t body_bytes;               /* that came, kept or not */
    int64_t response_bytes;
    unsigned status; /* of the answer that was queued, 0 before */
    bool proxied;    /* the peer is a trusted proxy */
    bool begun;      /* its headers have been looked at; counted as in flight */
    bool decided;    /* `response` is the answer; what comes of a body is dropped */
    bool close;      /* the connection cannot go on after the answer */
    bool handled;    /* the handler has run */
    bool suspended;  /* and has put the request aside */
    struct slc_exchange *previous, *next; /* among the suspended ones */
};

struct slc_http_server {
    struct slc_http_server_options options;
    struct slc_trusted_proxies no_proxies;
    struct MHD_Daemon *daemon;
    int listen_fd; /* owned */
    uint16_t port;
    uint64_t id_seed[2];  /* random; of the requests' ids */
    _Atomic uint64_t ids; /* given so far */
    struct slc_connections *connections;
    _Atomic size_t in_flight;
    atomic_bool draining;            /* answers close their connections */
    pthread_mutex_t lock;            /* of what follows */
    pthread_cond_t changed;          /* suspended went down or, while draining, in_flight */
    struct slc_exchange *suspended;  /* a list */
    struct slc_http_stream *streams; /* a list */
    bool refusing;                   /* no more suspending */
};

static inline void slc_cell_add(_Atomic int64_t *cell, int64_t n)
{
    if (cell)
        atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

/* libmicrohttpd's callbacks; `cls` is the server. */
void *slc_exchange_on_target(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result slc_exchange_on_request(void *cls, struct MHD_Connection *connection,
                                        const char *url, const char *method, const char *version,
                                        const char *upload_data, size_t *upload_data_size,
                                        void **exchange);
void slc_exchange_on_end(void *cls, struct MHD_Connection *connection, void **exchange,
                         enum MHD_RequestTerminationCode how);

/* exchange_begin.c: look at the headers: id, route, client, rate limit, access,
 * size of the body. May decide. */
void slc_exchange_begin(struct slc_exchange *exchange, const char *method);

#endif
