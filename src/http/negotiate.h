/* What an answer looks like to this client: whether it has it already (entity
 * tags, RFC 9110, 8.8.3 and 13.1.2) and whether it may come compressed
 * (Accept-Encoding, RFC 9110, 12.5.3; gzip, RFC 1952).
 *
 * A handler says with slc_http_set_etag() which version it answers with. The
 * server does the rest for GET and HEAD: 304 when the client has it, gzip where
 * that pays and is asked for, vary, and a tag of its own for the compressed
 * form, because a strong tag stands for exact bytes. */
#ifndef SLC_HTTP_NEGOTIATE_H
#define SLC_HTTP_NEGOTIATE_H

#include <stdbool.h>

#include "base/str.h"
#include "http/request.h"
#include "http/response.h"

enum {
    SLC_HTTP_ETAG_BYTES = 96,          /* of a tag without its quotes, with a NUL */
    SLC_HTTP_GZIP_MIN_BYTES = 1024,    /* shorter bodies go as they are: they fit a packet */
    SLC_HTTP_GZIP_MAX_BYTES = 64 << 20 /* and longer ones: a thread would be busy for too long */
};

/* The strong entity tag of the answer: printable ASCII without '"' and shorter
 * than SLC_HTTP_ETAG_BYTES; false for anything else. Sets cache-control to
 * "private, no-cache", too: it may be kept by the client alone, and asked for
 * again each time. */
bool slc_http_set_etag(struct slc_http_response *response, struct slc_str tag);

/* True when the request says that the client has the version `tag` (compressed
 * or not): `response` is the 304 then. For handlers that can tell before they do
 * the work. Only for GET and HEAD. */
bool slc_http_not_modified(const struct slc_http_request *request,
                           struct slc_http_response *response, struct slc_str tag);

/* Make the answer ready to be sent; the server calls it for each one. */
void slc_http_negotiate(const struct slc_http_request *request, struct slc_http_response *response);

/* Does an Accept-Encoding (all lines joined with commas; .data NULL when none was
 * sent) ask for gzip? By q-values: not when it is refused (q=0), or when
 * "identity" is preferred. */
bool slc_http_accepts_gzip(struct slc_str accept_encoding);

/* Is `tag` (without quotes) among those of an If-None-Match, or is that "*"?
 * Compared weakly, with or without the suffix of the compressed form. */
bool slc_http_etag_matches(struct slc_str if_none_match, struct slc_str tag);

#endif
