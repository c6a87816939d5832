/* Inside http: is it JSON to the letter? json-c, strict as it can be told to
 * be, still takes 'single quotes', comments and NaN. */
#ifndef SLC_HTTP_JSON_CHECK_H
#define SLC_HTTP_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* True when the whole of `text` is one JSON value (RFC 8259) in valid UTF-8,
 * nested at most `max_depth` deep; else `ret_position` gets where it goes wrong. */
bool slc_json_check(struct slc_str text, unsigned max_depth, size_t *ret_position);

#endif
