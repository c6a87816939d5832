/* Inside api: what the table of routes says of a call beyond what the server
 * needs: parameters, answers, words. /openapi.json is written from it, so that
 * the documentation cannot forget a route (openapi.c). */
#ifndef SLC_API_DESCRIBE_H
#define SLC_API_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "http/router.h"

enum slc_route_param_place { SLC_IN_PATH, SLC_IN_QUERY, SLC_IN_HEADER, SLC_IN_BODY };
enum slc_route_param_kind { SLC_KIND_TEXT, SLC_KIND_INT, SLC_KIND_BOOL };

struct slc_route_param {
    const char *name; /* NULL ends a list */
    enum slc_route_param_place place;
    enum slc_route_param_kind kind;
    bool required;
    int64_t min, max;          /* TEXT: lengths in characters; both 0: no bounds */
    const char *format;        /* JSON Schema's ("email"), may be NULL */
    const char *default_value; /* JSON text, may be NULL */
    const char *example;       /* JSON text, may be NULL */
    const char *about;
};

struct slc_route_answer {
    unsigned status;          /* 0 ends a list */
    const char *schema;       /* a name in schemas.json; NULL: no body, or no JSON */
    const char *content_type; /* NULL: application/json, or none without a schema */
    const char *about;        /* NULL: the reason phrase */
};

/* The answers that every call may give (a wrong path, no approval, over the
 * limit, wrong parameters, a fault) are added by the writer. */
struct slc_route_about {
    const char *id;   /* operationId */
    const char *tag;  /* the group it is shown in */
    const char *text; /* Markdown, may be NULL: `summary` says it all */
    const struct slc_route_param *params;
    const struct slc_route_answer *answers;
    bool tagged;     /* its 200 has an ETag: If-None-Match and 304 */
    bool needs_peer; /* Redis or the stream directory may be away: 503 */
};

/* The OpenAPI 3.1 document of a table. Errors: INTERNAL (a route that says
 * nothing of itself, or a {part} of its path that is no parameter), MEMORY. */
bool slc_api_openapi_write(const struct slc_route *routes, size_t count, struct slc_buf *json,
                           struct slc_error *error);

#endif
