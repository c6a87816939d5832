/* An answer that is written while it is sent: for server-sent events.
 *
 *     struct slc_http_stream *stream = slc_http_stream_open(request, response);
 *     give_it_to_whoever_writes(stream);          (set headers, and return)
 *
 * and whoever writes, from any thread, until it is told that nobody reads:
 *
 *     while (slc_http_stream_write(stream, text)) ...
 *     slc_http_stream_close(stream);              (once, in any case)
 *
 * No server thread waits while there is nothing to send. When the server stops,
 * its streams end at once: a client comes back to somebody else. */
#ifndef SLC_HTTP_STREAM_H
#define SLC_HTTP_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "http/request.h"

struct slc_http_stream;

/* What may wait unread; a client that is slower is given up. */
enum { SLC_HTTP_STREAM_BYTES_MAX = 256 << 10 };

/* Make `response` one whose body is the stream (status and headers are the
 * caller's). Only within a handler. NULL when memory ran out: `response` is 500
 * then. */
struct slc_http_stream *slc_http_stream_open(struct slc_http_request *request,
                                             struct slc_http_response *response);

/* Append to what is sent. False when nobody reads any more: the client or the
 * server is gone, or too much waits; a client's going shows when it is written to. */
bool slc_http_stream_write(struct slc_http_stream *stream, struct slc_str bytes);

/* What was written is sent, then the answer ends. Gives `stream` up. NULL is fine. */
void slc_http_stream_close(struct slc_http_stream *stream);

#endif
