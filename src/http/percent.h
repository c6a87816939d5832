/* Percent-encoding (RFC 3986, 2.1). */
#ifndef SLC_HTTP_PERCENT_H
#define SLC_HTTP_PERCENT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Decode a part of a path. False when an escape is not two hexadecimal digits,
 * when the result has a NUL in it or is not valid UTF-8, or when memory ran
 * out. The result lives in the arena, NUL-terminated. */
bool slc_percent_decode_path(struct slc_arena *arena, struct slc_str text,
                             struct slc_str *ret_text);

/* Decode one name or value of a form (HTML, application/x-www-form-urlencoded):
 * '+' is a space, and an escape that is none stays as it is, as Python's
 * parse_qsl has it. .data is NULL when memory ran out. The result may be any
 * bytes. */
struct slc_str slc_percent_decode_form(struct slc_arena *arena, struct slc_str text);

#endif
