/* The table of routes and the search in it. */
#ifndef SLC_HTTP_ROUTER_H
#define SLC_HTTP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "http/response.h"

struct slc_http_request;
struct slc_route_about; /* what the documentation says of a route: its table's own */

enum slc_http_method {
    SLC_HTTP_GET,
    SLC_HTTP_POST,
    SLC_HTTP_PUT,
    SLC_HTTP_PATCH,
    SLC_HTTP_DELETE,
    SLC_HTTP_METHODS, /* how many there are */
};

enum slc_access {
    SLC_ACCESS_OPEN,    /* for everybody */
    SLC_ACCESS_SESSION, /* needs an approved session or the key */
};

enum { SLC_ROUTE_SEGMENTS_MAX = 16, SLC_ROUTE_PARTS_MAX = 4 };

/* Makes the answer. It may wait for a moment; what takes long suspends the request
 * (http/request.h) and answers later.
 * `context` is the one given to the server. `response` comes empty (200). */
#define SLC_HTTP_HANDLER(name)                                                                     \
    void name(struct slc_http_request *request, struct slc_http_response *response, void *context)

/* A row of the table; static const, walked by the server, the docs and tests. */
struct slc_route {
    enum slc_http_method method; /* a GET route answers HEAD, too */
    /* "/v1/replicas/{name}/rows": a {part} stands for one whole segment that
     * is not empty. Of two routes that fit, the first in the table is taken. */
    const char *pattern;
    enum slc_access access;
    bool limited; /* counts against the rate limit */
    SLC_HTTP_HANDLER((*handler));
    /* The JSON body of 401 and 429 for this route; NULL is {"detail":"..."}. */
    const char *blocked_body;
    const char *summary;                 /* one line for people, may be NULL */
    const struct slc_route_about *about; /* the server does not look at it; may be NULL */
    /* Its handler never waits, and is run by the thread that has the connection. */
    bool prompt;
};

struct slc_router;

/* A {part} of the path of a request, percent-decoded: valid UTF-8, no NUL, but
 * possibly '/', ".." or control characters: check before use as a name. */
struct slc_path_part {
    struct slc_str name;  /* without braces */
    struct slc_str value; /* NUL-terminated */
};

enum slc_route_result {
    SLC_ROUTE_FOUND,
    SLC_ROUTE_NOT_FOUND,    /* 404 */
    SLC_ROUTE_WRONG_METHOD, /* 405, with `allow` */
    SLC_ROUTE_BAD_PATH,     /* 400: a bad escape, NUL or no UTF-8 */
};

struct slc_route_match {
    const struct slc_route *route; /* NULL unless found */
    struct slc_path_part parts[SLC_ROUTE_PARTS_MAX];
    size_t part_count;
    char allow[48]; /* "GET, HEAD, POST"; "" unless the method was wrong */
};

/* An empty router, NULL when memory ran out. */
struct slc_router *slc_router_new(void);
void slc_router_free(struct slc_router *router);

/* Add a table; the routes have to live as long as the router. Errors: INTERNAL
 * for a pattern that is none, a missing handler or a method and pattern that
 * stand twice; MEMORY. */
bool slc_router_add(struct slc_router *router, const struct slc_route *routes, size_t count,
                    struct slc_error *error);

/* Walk all routes in the order of adding; NULL behind the last. */
const struct slc_route *slc_router_at(const struct slc_router *router, size_t index);

/* Look up a method name ("GET") and a raw path (still percent-encoded, without
 * query). The parts live in the arena. */
enum slc_route_result slc_router_match(const struct slc_router *router, struct slc_arena *arena,
                                       struct slc_str method, struct slc_str path,
                                       struct slc_route_match *ret_match);

/* "GET", ... */
const char *slc_http_method_name(enum slc_http_method method);

#endif
