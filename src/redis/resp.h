/* Writing commands in RESP2, the Redis serialization protocol
 * (https://redis.io/docs/reference/protocol-spec): an array of bulk strings. */
#ifndef SLC_REDIS_RESP_H
#define SLC_REDIS_RESP_H

#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/str.h"

/* Room for one "*N\r\n" or "$N\r\n". */
enum { SLC_RESP_HEADER_BYTES = 24 };

/* The bytes of one bulk string of `len` bytes at the most. */
#define SLC_RESP_BULK_BOUND(len) ((len) + SLC_RESP_HEADER_BYTES + 2)

/* "*argc\r\n" (kind '*') or "$len\r\n" (kind '$') at `to`, which has room for
 * SLC_RESP_HEADER_BYTES; returns the end. */
static inline char *slc_resp_write_header(char *to, char kind, size_t number)
{
    *to++ = kind;
    to = slc_write_uint64(to, number);
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

/* A whole bulk string at `to`, which has room for SLC_RESP_BULK_BOUND(len). */
static inline char *slc_resp_write_bulk(char *to, const char *bytes, size_t len)
{
    to = slc_resp_write_header(to, '$', len);
    if (len)
        memcpy(to, bytes, len);
    to += len;
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

/* The same, appended; buf->failed says when memory ran out. A command is
 * slc_resp_array(buf, argc) followed by argc times slc_resp_bulk(). */
void slc_resp_array(struct slc_buf *buf, size_t argc);
void slc_resp_bulk(struct slc_buf *buf, struct slc_str value);

/* A whole command. */
void slc_resp_command(struct slc_buf *buf, size_t argc, const struct slc_str argv[]);

#endif
