/* Writing JSON text (RFC 8259) into a buffer. It is read with json-c, or with
 * base/json_read.h. */
#ifndef SLC_BASE_JSON_H
#define SLC_BASE_JSON_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* A string with its quotes. Only what RFC 8259 demands is escaped; UTF-8 passes
 * as it is. The input has to be valid UTF-8. */
void slc_json_string(struct slc_buf *buf, struct slc_str s);

static inline void slc_json_text(struct slc_buf *buf, const char *text)
{
    slc_json_string(buf, slc_str_from(text));
}

/* The shortest text that reads back as the same double; NaN and infinities,
 * which JSON does not have, become null. */
void slc_json_double(struct slc_buf *buf, double value);
void slc_json_int64(struct slc_buf *buf, int64_t value);
void slc_json_uint64(struct slc_buf *buf, uint64_t value);

/* `"key":` with a comma before it unless the object was just opened. */
void slc_json_key(struct slc_buf *buf, const char *key);
void slc_json_key_str(struct slc_buf *buf, struct slc_str key);

/* `"key":value`, with the comma before it where one is needed. */
static inline void slc_json_member_text(struct slc_buf *buf, const char *key, const char *text)
{
    slc_json_key(buf, key);
    slc_json_text(buf, text);
}

static inline void slc_json_member_string(struct slc_buf *buf, const char *key, struct slc_str s)
{
    slc_json_key(buf, key);
    slc_json_string(buf, s);
}

static inline void slc_json_member_int64(struct slc_buf *buf, const char *key, int64_t value)
{
    slc_json_key(buf, key);
    slc_json_int64(buf, value);
}

static inline void slc_json_member_double(struct slc_buf *buf, const char *key, double value)
{
    slc_json_key(buf, key);
    slc_json_double(buf, value);
}

static inline void slc_json_member_bool(struct slc_buf *buf, const char *key, bool value)
{
    slc_json_key(buf, key);
    slc_buf_append_text(buf, value ? "true" : "false");
}

/* A comma unless the array or object was just opened or nothing was written. */
void slc_json_comma(struct slc_buf *buf);

/* The most bytes that slc_json_write_string() touches for `len` bytes: every
 * one escaped as \u00XX, two quotes, and one vector stored ahead. */
#define SLC_JSON_STRING_BOUND(len) (6 * (len) + 2 + 16)

/* The same as slc_json_string() into memory that has room for
 * SLC_JSON_STRING_BOUND(len) bytes; returns the end of what was written. */
char *slc_json_write_string(char *to, const char *bytes, size_t len);

#endif
