#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void slc_buf_release(struct slc_buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    *buf = (struct slc_buf){0};
}

char *slc_buf_reserve_slow(struct slc_buf *buf, size_t extra)
{
    size_t needed, capacity;
    char *data;

    if (buf->failed)
        return NULL;
    if (__builtin_add_overflow(buf->len, extra, &needed) || needed > SIZE_MAX / 4) {
        buf->failed = true;
        return NULL;
    }
    capacity = buf->capacity ? buf->capacity : 64;
    while (capacity < needed)
        capacity += capacity / 2 + 64;
    if (buf->data && capacity == buf->capacity)
        return buf->data + buf->len;
    data = realloc(buf->data, capacity);
    if (!data) {
        buf->failed = true;
        return NULL;
    }
    buf->data = data;
    buf->capacity = capacity;
    return data + buf->len;
}

void slc_buf_printf(struct slc_buf *buf, const char *format, ...)
{
    char *end = slc_buf_reserve(buf, 128);
    va_list args, again;
    int len;

    if (!end)
        return;
    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(end, buf->capacity - buf->len, format, args);
    va_end(args);
    if (len >= 0 && (size_t)len >= buf->capacity - buf->len) {
        end = slc_buf_reserve(buf, (size_t)len + 1);
        if (end)
            len = vsnprintf(end, buf->capacity - buf->len, format, again);
    }
    va_end(again);
    if (len < 0 || !end)
        buf->failed = true;
    else
        buf->len += (size_t)len;
}

void slc_buf_append_percent(struct slc_buf *buf, struct slc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        char lower = slc_ascii_lower((char)c);

        if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
            c == '_' || c == '~') {
            slc_buf_append_byte(buf, (char)c);
        } else {
            slc_buf_append_byte(buf, '%');
            slc_buf_append_byte(buf, "0123456789ABCDEF"[c >> 4]);
            slc_buf_append_byte(buf, "0123456789ABCDEF"[c & 15]);
        }
    }
}

void slc_buf_append_quoted(struct slc_buf *buf, struct slc_str s)
{
    slc_buf_append_byte(buf, '"');
    while (s.len > 0) {
        const char *quote = memchr(s.data, '"', s.len);
        size_t len = quote ? (size_t)(quote - s.data) + 1 : s.len;

        slc_buf_append(buf, s.data, len);
        if (quote)
            slc_buf_append_byte(buf, '"');
        s.data += len;
        s.len -= len;
    }
    slc_buf_append_byte(buf, '"');
}

const char *slc_buf_text(struct slc_buf *buf)
{
    char *end = slc_buf_reserve(buf, 1);

    if (!end)
        return NULL;
    *end = '\0';
    return buf->data;
}

char *slc_buf_steal(struct slc_buf *buf, size_t *ret_len)
{
    char *data;

    if (!slc_buf_text(buf))
        return NULL;
    data = buf->data;
    if (ret_len)
        *ret_len = buf->len;
    *buf = (struct slc_buf){0};
    return data;
}
