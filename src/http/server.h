/* The HTTP server over libmicrohttpd (0.9.75 or later): threads with an event
 * loop each, and threads that handle what may take a moment; keep-alive, HTTP/1.1.
 *
 * What happens to a request, in this order: it gets its id (a sane X-Request-ID
 * or a new one; answered as x-request-id), its client's address, is judged by the name
 * that it was called under, gets its route, is
 * counted against the rate limit, has to have access, and is handled. A request
 * that is turned away is so before its body is kept.
 *
 * The server never forks, logs or reads the environment; all of its state is in
 * the handle, so that a master may hand one listening socket to several
 * processes that each start a server on it. */
#ifndef SLC_HTTP_SERVER_H
#define SLC_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "http/client.h"
#include "http/host.h"
#include "http/limit.h"
#include "http/request.h"
#include "http/response.h"
#include "http/router.h"
#include "http/session.h"

/* What the hook is told of a request that is over. */
struct slc_http_record {
    struct slc_str method;         /* as sent */
    struct slc_str path;           /* as sent, without query; for logs, clipped to 1024 bytes */
    const struct slc_route *route; /* NULL when none was found */
    unsigned status;
    bool complete;          /* the answer was sent whole; false: the client went away */
    int64_t duration_usec;  /* from the request's headers to the end of the answer */
    int64_t request_bytes;  /* of the body */
    int64_t response_bytes; /* of the body */
    const struct slc_client *client;
    const char *request_id;
    const char *load; /* the load that the answer is about, "" for none */
};

/* Cells to count in, shared with other processes or not (base/counters.h); NULL
 * ones are not counted. */
struct slc_http_cells {
    _Atomic int64_t *connections; /* level: that are open */
    _Atomic int64_t *in_flight;   /* level: requests whose answer is not sent yet */
    _Atomic int64_t *refused;     /* connections closed at once: there were too many */
    _Atomic int64_t *slow;        /* connections cut: a request did not arrive in its time */
};

struct slc_http_loop;

/* Something of its user's that lives on each of the server's threads, beside the
 * connections, and needs no thread of its own: what handlers ask of it (as
 * slc_http_request_companion()) is sent off before the thread waits, and answered
 * after. All is called on that thread; nothing may block. */
struct slc_http_companion {
    /* NULL: this thread has none. `loop` is for slc_http_loop_wake(). */
    void *(*start)(void *context, struct slc_http_loop *loop);
    /* About to wait: for what, beside connections? Leave `fd` at -1 for nothing
     * (`events` as for poll(2)), `deadline_usec` (monotonic) for no time. */
    void (*before_wait)(void *companion, int *fd, short *events, int64_t *deadline_usec);
    /* The descriptor is ready (`events`), the deadline is over, or somebody has
     * woken the thread. */
    void (*after_wait)(void *companion, short events);
    /* The thread ends; its requests are over. */
    void (*stop)(void *companion);
    void *context;
};

/* Have a thread of the server call after_wait(). Any thread, until the companion
 * has been stopped. */
void slc_http_loop_wake(struct slc_http_loop *loop);

struct slc_http_server_options {
    /* Either a socket that listens already (kept open by its owner; the server
     * uses a duplicate of its own) ... */
    int listen_fd; /* -1: bind instead */
    /* ... or where to listen: an IPv4 or IPv6 address ("127.0.0.1", "::1",
     * "0.0.0.0", "::"), and a port, 0 for any free one. */
    const char *bind_address;
    uint16_t port;

    unsigned threads; /* 0 means 4 */
    /* So many of the threads have the connections; the others run the handlers that
     * may wait. 0, or as many as there are threads: all have connections, and run the
     * handlers of these. */
    unsigned loops;
    unsigned connections_max;    /* in all; 0 means 1000 */
    unsigned idle_timeout_sec;   /* of a quiet connection; 0 means 60 */
    int64_t header_timeout_usec; /* for a request's headers to arrive; 0 means 30 s */
    int64_t body_timeout_usec;   /* and for its body; 0 means 60 s */
    size_t body_max_bytes;       /* 0 means 1 MiB; more is answered 413 */
    size_t headers_max_bytes;    /* 0 means 16 KiB; more is answered 431 */
    size_t url_max_bytes;        /* of the target; 0 means 8 KiB; more is answered 414 */

    /* TLS: certificates and key as PEM text, borrowed; NULL: plain HTTP. Errors of the
     * start: CONFIG. */
    const char *tls_cert, *tls_key;

    /* Who counts the connections of several processes; may be NULL, else all
     * three. Asked before one is taken (false closes it at once), told when it is,
     * and when it is over. On a server thread. */
    bool (*admit)(void *admit_state, const struct sockaddr *peer);
    void (*enter)(void *admit_state, const struct sockaddr *peer);
    void (*leave)(void *admit_state, const struct sockaddr *peer);
    void *admit_state;

    const struct slc_router *router; /* borrowed; complete before the start */
    struct slc_sessions *sessions;   /* borrowed; needed when a route needs a session */
    struct slc_limits *limits;       /* borrowed; NULL: no rate limits */
    const struct slc_trusted_proxies *trusted_proxies; /* borrowed; NULL: none */
    const struct slc_hosts *hosts;                     /* borrowed; NULL: any name is good */
    void *context;                                     /* for the handlers */

    /* Called once for each request that was understood as one, when it is
     * over, on a server thread; may be NULL. */
    void (*on_done)(void *done_state, const struct slc_http_record *record);
    void *done_state;

    struct slc_http_cells cells;
    struct slc_http_companion companion; /* all NULL: none */

    /* Asked every 100 ms during a graceful stop, without any lock, on the stopping
     * thread: true ends the grace. May be NULL. */
    bool (*must_hurry)(void *hurry_state);
    void *hurry_state;
};

struct slc_http_server;

/* The values that every 0 above stands for, listen_fd -1, 127.0.0.1 port 8003. */
void slc_http_server_options_init(struct slc_http_server_options *options);

/* Start to serve; the options are copied, what they point to is borrowed until
 * the stop. NULL on failure. Errors: CONFIG (an address that is none, a route that needs a session
 * without sessions), CONFLICT (the port is taken), IO, MEMORY, INTERNAL. */
struct slc_http_server *slc_http_server_start(const struct slc_http_server_options *options,
                                              struct slc_error *error);

/* The port it listens on; 0 on a unix socket. */
uint16_t slc_http_server_port(const struct slc_http_server *server);

/* Requests whose headers came and whose answer is not yet sent. Any thread. */
size_t slc_http_server_in_flight(struct slc_http_server *server);

/* A socket that listens, for slc_http_server_options.listen_fd: non-blocking,
 * close-on-exec, SO_REUSEADDR. The caller closes it. -1 on failure. Errors as above. */
int slc_http_listen(const char *bind_address, uint16_t port, struct slc_error *error);

/* True when the socket `fd` is bound to that very address and port. */
bool slc_http_is_bound_to(int fd, const char *bind_address, uint16_t port);

/* Stop: take no new connections, let what is in flight end for up to
 * `graceful_usec` (0: at once) or until must_hurry, answer suspended requests 503, cut the rest
 * off, and free the server. Answers close their connections from now on. A
 * connection without a request is kept for `idle_usec` (at most the grace): a
 * client may be about to use it, and would see a reset. NULL is fine. Not
 * from a server thread. True when nothing had to be cut off. */
bool slc_http_server_stop(struct slc_http_server *server, int64_t graceful_usec, int64_t idle_usec);

#endif
