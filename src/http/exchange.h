/* Inside http: one request and its answer, between libmicrohttpd's callbacks. */
#ifndef SLC_HTTP_EXCHANGE_H
#define SLC_HTTP_EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "http/connections.h"
#include "http/crew.h"
#include "http/loop.h"
#include "http/pending.h"
#include "http/server.h"

struct slc_exchange {
    struct slc_http_server *server;
    struct slc_http_loop *loop;
    struct MHD_Connection *connection; /* libmicrohttpd's */
    struct slc_connection *client;     /* the connection's deadlines; NULL: memory ran out */
    const char *target;                /* the request line's, raw; in the request's arena */
    struct slc_http_request request;
    struct slc_http_response response;
    struct slc_buf body;              /* what came of the request's body */
    struct slc_limit_state limit;     /* for the headers of every answer */
    struct slc_http_pending *pending; /* owned reference, from the handler's call on */
    int64_t start_usec;               /* monotonic */
    int64_t body_bytes;               /* that came, kept or not */
    int64_t response_bytes;
    unsigned status;        /* of the answer that was queued, 0 before */
    bool proxied;           /* the peer is a trusted proxy */
    bool begun;             /* its headers have been looked at; counted as in flight */
    bool decided;           /* `response` is the answer; what comes of a body is dropped */
    bool close;             /* the connection cannot go on after the answer */
    bool handled;           /* the handler has run */
    bool suspended;         /* and has put the request aside, */
    bool parked;            /* its connection still awake; */
    bool in_crew;           /* or it is handled by another thread, */
    bool deferred;          /* which will answer later */
    bool call_later;        /* its handler wants to be called where it may wait */
    bool negotiated;        /* slc_http_negotiate() has been called */
    int64_t suspended_usec; /* since then; monotonic */
    struct slc_exchange *previous, *next; /* among the suspended ones, or the spares, of its loop */
    struct slc_exchange *next_task;       /* of the crew's */
};

struct slc_http_server {
    struct slc_http_server_options options;
    struct slc_trusted_proxies no_proxies;
    int listen_fd; /* owned */
    uint16_t port;
    uint64_t id_seed[2];  /* random; of the requests' ids */
    _Atomic uint64_t ids; /* given so far */
    struct slc_connections *connections;
    _Atomic size_t in_flight;
    _Atomic size_t suspended; /* of these, that wait for their answer */
    _Atomic size_t quiesced;  /* loops that take no more connections */
    /* The orders of a stop, in this order. */
    atomic_bool draining;            /* no more connections, and answers close theirs */
    atomic_bool refusing;            /* no more waiting for answers */
    atomic_bool stopping;            /* the loops end */
    pthread_mutex_t lock;            /* of what follows */
    pthread_cond_t changed;          /* while draining: one of the counts */
    struct slc_http_stream *streams; /* a list */
    struct slc_crew *crew;           /* NULL: handlers run where the connections are */
    size_t loop_count;
    struct slc_http_loop loops[]; /* options.loops of them */
};

/* Tell whoever waits in slc_http_server_stop(). */
void slc_server_changed(struct slc_http_server *server);

static inline void slc_cell_add(_Atomic int64_t *cell, int64_t n)
{
    if (cell)
        atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

/* libmicrohttpd's callbacks; `cls` is the loop. */
void *slc_exchange_on_target(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result slc_exchange_on_request(void *cls, struct MHD_Connection *connection,
                                        const char *url, const char *method, const char *version,
                                        const char *upload_data, size_t *upload_data_size,
                                        void **exchange);
void slc_exchange_on_end(void *cls, struct MHD_Connection *connection, void **exchange,
                         enum MHD_RequestTerminationCode how);

/* What on_end() has kept for requests to come. */
void slc_exchange_free_spares(struct slc_http_loop *loop);

/* Run the handler of a request that was given to the crew. */
void slc_exchange_handle(struct slc_exchange *exchange);

/* exchange_begin.c: look at the headers: id, route, client, rate limit, access,
 * size of the body. May decide. */
void slc_exchange_begin(struct slc_exchange *exchange, const char *method);

#endif
