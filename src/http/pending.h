/* Inside http: a request that waits for its answer from another thread. It is
 * shared by the exchange, which may end first, and by whoever answers. */
#ifndef SLC_HTTP_PENDING_H
#define SLC_HTTP_PENDING_H

#include <microhttpd.h>
#include <stdbool.h>

#include "http/response.h"

struct slc_http_pending;

/* One reference, the exchange's. NULL when memory ran out. */
struct slc_http_pending *slc_pending_new(struct MHD_Connection *connection);

/* The exchange is over: give its reference up. NULL is fine. */
void slc_pending_end(struct slc_http_pending *pending);

/* Suspend the connection; adds a reference, that of whoever answers. */
void slc_pending_suspend(struct slc_http_pending *pending);

/* Never suspend: the answer will be dropped. Adds a reference just the same. */
void slc_pending_refuse(struct slc_http_pending *pending);

/* Wake a suspended connection without an answer, which is dropped when it comes. */
void slc_pending_abandon(struct slc_http_pending *pending);

/* Move the answer out; false (and `response` untouched) when it was abandoned. */
bool slc_pending_take(struct slc_http_pending *pending, struct slc_http_response *response);

#endif
