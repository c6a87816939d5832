/* The answer to a request: a status, headers and a body in memory. */
#ifndef SLC_HTTP_RESPONSE_H
#define SLC_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"

enum { SLC_HTTP_RESPONSE_HEADERS_MAX = 16 };

struct slc_http_header {
    struct slc_str name;
    struct slc_str value;
};

struct slc_http_stream;

/* Zero-initialised is valid: 200, JSON, an empty body. */
struct slc_http_response {
    unsigned status;                              /* 0 means 200 */
    const char *content_type;                     /* a literal; NULL means "application/json" */
    struct slc_buf body;                          /* owned; slc_buf_* at will */
    char *headers[SLC_HTTP_RESPONSE_HEADERS_MAX]; /* owned, "name\0value"; use slc_http_set_header()
                                                   */
    size_t header_count;
    char load[40];                  /* the load that it is about, for the log; "" for none */
    struct slc_http_stream *stream; /* owned: the body instead (http/stream.h) */
};

#define SLC_AUTO_HTTP_RESPONSE SLC_CLEANUP(slc_http_response_release)

/* Free what it owns; it is empty and usable afterwards. */
void slc_http_response_release(struct slc_http_response *response);

/* Move `from` to `to`; what `to` had is freed, `from` is empty afterwards. */
void slc_http_response_move(struct slc_http_response *to, struct slc_http_response *from);

/* Forget the body, set the status and the content type application/json;
 * returns the body's buffer, to be filled with slc_json_*(). */
struct slc_buf *slc_http_json(struct slc_http_response *response, unsigned status);

/* The whole answer: the status and a body of JSON text as it stands. */
void slc_http_json_text(struct slc_http_response *response, unsigned status, const char *json);

/* FastAPI's {"detail":"..."}; bytes of the text that are no UTF-8 become '?'. */
void slc_http_detail(struct slc_http_response *response, unsigned status, const char *detail);

/* Set a header, replacing one of that name. Names are tokens (RFC 9110, 5.6.2)
 * and best in lower case; a value with a control character (CR, LF, NUL) in it,
 * a name that is no token, or a 17th header is refused with false, so that
 * nothing from outside can add a header. Never for content-length,
 * content-type, date or connection, which the server makes. set-cookie is
 * added, not replaced. */
bool slc_http_set_header(struct slc_http_response *response, const char *name,
                         struct slc_str value);

/* The value set, or .data NULL. Lives until it is set again. */
struct slc_str slc_http_response_header(const struct slc_http_response *response, const char *name);

/* retry-after in whole seconds, at least 1. */
void slc_http_set_retry_after(struct slc_http_response *response, int64_t seconds);

/* The reason phrase of a status ("Not Found"), "Unknown" when there is none. */
const char *slc_http_reason(unsigned status);

#endif
