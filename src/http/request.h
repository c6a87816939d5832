/* What a handler is given, and how it answers later.
 *
 * A handler that cannot answer at once suspends the request:
 *
 *     struct slc_http_pending *pending = slc_http_suspend(request);
 *     queue_the_work(work, pending);         (and return)
 *
 * and whoever does the work calls, once, from any thread:
 *
 *     slc_http_complete(pending, &response);
 *
 * No server thread waits meanwhile. From the return of the handler on only
 * `pending` may be used: copy from the request what is needed. The client may
 * go away and the server may stop in the meantime; the answer is dropped then. */
#ifndef SLC_HTTP_REQUEST_H
#define SLC_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "http/client.h"
#include "http/params.h"
#include "http/response.h"
#include "http/router.h"

enum { SLC_REQUEST_ID_BYTES = 65 };

/* All views live as long as the request. Tests of handlers may fill one in by
 * hand (zero-initialised is valid) and call slc_http_request_release(). */
struct slc_http_request {
    struct slc_str method; /* as sent: "HEAD" for a HEAD */
    struct slc_str path;   /* as sent, percent-encoded, without query */
    struct slc_str query;  /* as sent, without '?' */
    struct slc_str body;   /* whole, at most the server's maximum */
    const struct slc_route *route;
    struct slc_path_part parts[SLC_ROUTE_PARTS_MAX];
    size_t part_count;
    const struct slc_http_header *headers; /* as sent; values without control characters */
    size_t header_count;
    struct slc_client client;
    char id[SLC_REQUEST_ID_BYTES]; /* the request id, [A-Za-z0-9._-]+ */
    /* Came from a page of another site in a browser (Sec-Fetch-Site, Origin), from a
     * browser that does not say, or under a name that a foreign page may have
     * (http/host.h): an approval by address does not count. */
    bool cross_site;
    bool host_is_doubtful;     /* the last of these */
    bool secure;               /* over TLS, or so says a trusted proxy (X-Forwarded-Proto) */
    struct slc_arena arena;    /* for what lives as long as the request */
    struct slc_params *params; /* use slc_http_request_params() */
    void *exchange;            /* the server's; NULL in a request made by hand */
};

/* Free what it owns (arena, params). */
void slc_http_request_release(struct slc_http_request *request);

/* The value of a header, its name in any case; .data is NULL when it was not
 * sent. Of several the first. */
struct slc_str slc_http_request_header(const struct slc_http_request *request, const char *name);

/* The value of a cookie by its exact name, .data NULL when it was not sent. */
struct slc_str slc_http_request_cookie(const struct slc_http_request *request, const char *name);

/* The value of a {part} of the path; empty when the route has no such part. */
struct slc_str slc_http_request_part(const struct slc_http_request *request, const char *name);

/* The parameters, read at the first call; owned by the request. NULL when
 * memory ran out. */
struct slc_params *slc_http_request_params(struct slc_http_request *request);

/* For the handler of a prompt route (http/router.h) that finds that it has to wait.
 * True: it is on a thread with connections, and returns at once; it is called again
 * on one that may wait. False: it is on such a one. */
bool slc_http_call_later(struct slc_http_request *request);

/* The companion of the thread that the handler runs on (server.h); NULL: none,
 * as on a thread without connections. */
void *slc_http_request_companion(const struct slc_http_request *request);

struct slc_http_pending;

/* Put the request aside; only within its handler, at most once, and only for a
 * request that came from the server. Never fails: when the server is stopping
 * the client gets a 503 and the later answer is dropped. */
struct slc_http_pending *slc_http_suspend(struct slc_http_request *request);

/* Answer a suspended request from any thread and give `pending` up. The
 * response is moved (empty afterwards); NULL answers 500. May be called before
 * the handler has returned. NULL for `pending` only releases the response. */
void slc_http_complete(struct slc_http_pending *pending, struct slc_http_response *response);

/* True when nobody waits for the answer any more: the client has closed its side
 * of the connection or the server is stopping. One system call; for work that
 * may be given up. */
bool slc_http_pending_is_abandoned(struct slc_http_pending *pending);

#endif
