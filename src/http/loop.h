/* Inside http: one thread of the server, with what it alone touches: a daemon of
 * libmicrohttpd's and the connections it took, the requests on them that wait
 * for an answer, and the companion (server.h).
 *
 * The thread is ours and not libmicrohttpd's, so that it can wait for more than
 * connections, and so that a request whose answer comes within a moment costs
 * nothing but the moment: it is parked, which is to say that libmicrohttpd is
 * told nothing and asks again with each round. Suspending a connection and waking
 * it takes four system calls; that is done with requests that wait for longer. */
#ifndef SLC_HTTP_LOOP_H
#define SLC_HTTP_LOOP_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "http/server.h"

/* How long a request is parked before its connection is suspended. */
enum { SLC_LOOP_PATIENCE_USEC = 2000 };

struct slc_exchange;

struct slc_http_loop {
    struct slc_http_server *server;
    struct MHD_Daemon *daemon;
    pthread_t thread; /* of who started it; on its own one: */
    _Atomic pthread_t self;
    int listen_fd; /* owned; -1 behind the last accept */
    int epoll_fd;  /* libmicrohttpd's */
    int wake_fd;   /* owned, an eventfd */
    bool started;

    /* Of its thread alone. */
    void *companion;
    struct slc_exchange *suspended; /* a list: all that wait for their answer */
    size_t parked;                  /* of these, those that libmicrohttpd asks for again */
    struct slc_exchange *spares;    /* a list: for requests to come */
    size_t spare_count;
    int64_t now_usec; /* monotonic, of this round */
    bool again;       /* an answer can be sent: no waiting before the next round */
    bool waited;      /* before this round */
    bool quiesced;
    bool abandoned;
};

/* Start it: it takes connections from a duplicate of `listen_fd`, at most
 * `connections_max`. Errors: CONFIG (TLS), IO, INTERNAL. */
bool slc_loop_start(struct slc_http_loop *loop, struct slc_http_server *server, int listen_fd,
                    unsigned connections_max, struct slc_error *error);

/* The server's `stopping` is set: wait for the end of the thread, and release.
 * One that never started is fine. */
void slc_loop_join(struct slc_http_loop *loop);

/* An answer is there, or orders of the server's. Any thread; nothing is written on
 * its own one. */
void slc_loop_wake(struct slc_http_loop *loop);

#endif
