/* Inside http: the server's end of a stream. */
#ifndef SLC_HTTP_STREAM_READER_H
#define SLC_HTTP_STREAM_READER_H

#include <microhttpd.h>

#include "http/stream.h"

/* The response whose body is read from the stream; takes the reader's reference
 * over, and gives it up when NULL is returned. */
struct MHD_Response *slc_stream_response(struct slc_http_stream *stream);

/* A response that was not sent: nobody will read. NULL is fine. */
void slc_stream_drop_reader(struct slc_http_stream *stream);

/* The server stops: the stream ends behind what was written. With the server's
 * lock held. */
void slc_stream_end(struct slc_http_stream *stream);
struct slc_http_stream *slc_stream_next(struct slc_http_stream *stream);

#endif
