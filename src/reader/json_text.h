/* Walking over JSON text (RFC 8259) in place, for the JSON lines reader.
 *
 * Strict (half a surrogate pair is no text), but for what Python's json writes:
 * NaN, Infinity and -Infinity. No allocation; nesting is bounded. The skip
 * functions return the end of what they passed, and NULL when it is no JSON. */
#ifndef SLC_READER_JSON_TEXT_H
#define SLC_READER_JSON_TEXT_H

#include <stdbool.h>

#include "base/str.h"

enum { SLC_JSON_MAX_DEPTH = 256 };

enum slc_json_kind {
    SLC_JSON_NULL, /* NaN, too */
    SLC_JSON_TRUE,
    SLC_JSON_FALSE,
    SLC_JSON_NUMBER,
    SLC_JSON_STRING,
    SLC_JSON_OBJECT,
    SLC_JSON_ARRAY,
};

const char *slc_json_skip_space(const char *p, const char *end);

/* Pass one value. */
const char *slc_json_skip_value(const char *p, const char *end, enum slc_json_kind *ret_kind);

/* Pass one member of an object: `p` is behind '{' or ','. The key keeps its
 * quotes. */
const char *slc_json_skip_member(const char *p, const char *end, struct slc_str *ret_key,
                                 struct slc_str *ret_value, enum slc_json_kind *ret_kind);

/* The text of a string that was passed, without quotes and escapes, as UTF-8;
 * written over it. */
struct slc_str slc_json_unescape(char *text, size_t len);

/* Take the white space out of a value that was passed, in place; its new length. */
size_t slc_json_compact(char *text, size_t len);

#endif
