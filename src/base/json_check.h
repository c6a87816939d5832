/* Is it JSON to the letter? json-c takes 'single quotes', comments and NaN, and
 * told to be strict its releases differ: 0.16 still takes some of that, 0.18
 * refuses every letter beyond ASCII. So text from outside is checked here first
 * and json-c left to be lenient. */
#ifndef SLC_BASE_JSON_CHECK_H
#define SLC_BASE_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* True when the whole of `text` is one JSON value (RFC 8259) in valid UTF-8,
 * nested at most `max_depth` deep; else `ret_position` gets where it goes wrong. */
bool slc_json_check(struct slc_str text, unsigned max_depth, size_t *ret_position);

#endif
