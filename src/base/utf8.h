/* UTF-8 by RFC 3629: no surrogates, no overlong forms, at most U+10FFFF. */
#ifndef SLC_BASE_UTF8_H
#define SLC_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* The offset of the first byte that is not part of valid UTF-8; len when all
 * of it is valid. */
size_t slc_utf8_valid_prefix(const char *bytes, size_t len);

static inline bool slc_utf8_is_valid(struct slc_str s)
{
    return slc_utf8_valid_prefix(s.data, s.len) == s.len;
}

/* The number of code points in valid UTF-8. */
size_t slc_utf8_length(struct slc_str s);

/* Append one code point; an invalid one is written as U+FFFD. */
void slc_utf8_append(struct slc_buf *buf, uint32_t code_point);

/* At most `max_bytes` of valid UTF-8, cut at a character's border. */
struct slc_str slc_utf8_clip(struct slc_str s, size_t max_bytes);

#endif
