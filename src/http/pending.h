/* Inside http: a request that waits for its answer, from another thread or from
 * its own. It is shared by the exchange, which may end first, and by whoever
 * answers. */
#ifndef SLC_HTTP_PENDING_H
#define SLC_HTTP_PENDING_H

#include <microhttpd.h>
#include <stdbool.h>

#include "http/response.h"

struct slc_http_loop;
struct slc_http_pending;

/* One reference, the exchange's. `fd` is the connection's. NULL when memory ran
 * out. */
struct slc_http_pending *slc_pending_new(struct slc_http_loop *loop,
                                         struct MHD_Connection *connection, int fd);

/* The exchange is over: give its reference up. NULL is fine. */
void slc_pending_end(struct slc_http_pending *pending);

/* Wait from now on, the connection still awake; adds a reference, that of whoever
 * answers. */
void slc_pending_park(struct slc_http_pending *pending);

/* It takes longer: suspend the connection, unless the answer has just come. True
 * when it was suspended. On the connection's thread. */
bool slc_pending_sleep(struct slc_http_pending *pending);

/* Wait, the connection suspended, while a handler runs on another thread: whatever
 * becomes of it meanwhile, the connection wakes only when that has returned. Adds a
 * reference, the other thread's. On the connection's thread. */
void slc_pending_hold(struct slc_http_pending *pending);

/* The handler that was waited for calls for later: one more reference. */
void slc_pending_ref(struct slc_http_pending *pending);

/* And has returned, with an answer (moved), or NULL: somebody else has it. Gives the
 * reference up. */
void slc_pending_let_go(struct slc_http_pending *pending, struct slc_http_response *response);

/* Never wait: the answer will be dropped. Adds a reference just the same. */
void slc_pending_refuse(struct slc_http_pending *pending);

/* Wake one that waits without an answer, which is dropped when it comes. */
void slc_pending_abandon(struct slc_http_pending *pending);

enum slc_pending_state {
    SLC_PENDING_IDLE,      /* waits for nothing */
    SLC_PENDING_WAITING,   /* for the answer: the connection is valid */
    SLC_PENDING_ANSWERED,  /* the answer is there */
    SLC_PENDING_ABANDONED, /* nobody will look at an answer */
};

/* How it stands; an answer is moved to `response` (else untouched). */
enum slc_pending_state slc_pending_try(struct slc_http_pending *pending,
                                       struct slc_http_response *response);

#endif
