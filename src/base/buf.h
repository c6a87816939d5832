/* A growable byte buffer.
 *
 * Zero-initialised (`struct slc_buf b = {0}`) is empty and valid. Appending
 * may fail only when memory runs out; the buffer then remembers it (`failed`),
 * later appends do nothing, and the caller checks once at the end. */
#ifndef SLC_BASE_BUF_H
#define SLC_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

struct slc_buf {
    char *data; /* owned; NULL when nothing was ever reserved */
    size_t len;
    size_t capacity;
    bool failed; /* memory ran out at some append */
};

#define SLC_AUTO_BUF SLC_CLEANUP(slc_buf_release)

/* Free the memory; the buffer is empty and usable afterwards. */
void slc_buf_release(struct slc_buf *buf);

/* Keep the memory, forget the contents. */
static inline void slc_buf_clear(struct slc_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

/* Room for `extra` more bytes, NULL when memory ran out. Write at the returned
 * address (the end of the contents), then add to `len`. */
char *slc_buf_reserve_slow(struct slc_buf *buf, size_t extra);

static inline char *slc_buf_reserve(struct slc_buf *buf, size_t extra)
{
    if (!buf->failed && buf->capacity - buf->len >= extra && buf->data)
        return buf->data + buf->len;
    return slc_buf_reserve_slow(buf, extra);
}

static inline void slc_buf_append(struct slc_buf *buf, const void *bytes, size_t len)
{
    char *end = slc_buf_reserve(buf, len);

    if (end && len) {
        memcpy(end, bytes, len);
        buf->len += len;
    }
}

static inline void slc_buf_append_byte(struct slc_buf *buf, char byte)
{
    char *end = slc_buf_reserve(buf, 1);

    if (end) {
        *end = byte;
        buf->len++;
    }
}

static inline void slc_buf_append_str(struct slc_buf *buf, struct slc_str s)
{
    slc_buf_append(buf, s.data, s.len);
}

static inline void slc_buf_append_text(struct slc_buf *buf, const char *text)
{
    slc_buf_append(buf, text, strlen(text));
}

void slc_buf_printf(struct slc_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* `s` for a part of a URL: percent-encoded but for the unreserved characters of
 * RFC 3986, 2.3, which need no escape anywhere in one. */
void slc_buf_append_percent(struct slc_buf *buf, struct slc_str s);

/* `s` as a quoted field of CSV (RFC 4180): between double quotes, its own doubled. */
void slc_buf_append_quoted(struct slc_buf *buf, struct slc_str s);

/* The contents as a view that lives until the next append. */
static inline struct slc_str slc_buf_view(const struct slc_buf *buf)
{
    return (struct slc_str){.data = buf->data ? buf->data : "", .len = buf->len};
}

/* The contents with a NUL behind them (not counted), NULL when an append
 * failed. Lives until the next append. */
const char *slc_buf_text(struct slc_buf *buf);

/* Hand the contents over, NUL-terminated, to be freed with free(); the buffer
 * is empty afterwards. NULL when an append failed. */
char *slc_buf_steal(struct slc_buf *buf, size_t *ret_len);

#endif
