/* Making JSON of what is nearly JSON: Python's repr() of dicts and lists above
 * all, and the damage that such text takes on its way.
 *
 * The text is tried in turn as
 *   1. JSON (RFC 8259): the result is its compact form, numbers and escapes as
 *      they were written;
 *   2. a Python literal, read as ast.literal_eval (CPython 3.12) reads it: both
 *      quotes and triple quotes, prefixes u, r and b, all escapes,
 *      adjacent literals, None/True/False, 1_000, +1, .5, 5., 0x10, tuples (as
 *      arrays), trailing commas, comments; keys that are no texts become what
 *      json.dumps makes of them, infinities null, bytes the text that they are
 *      in UTF-8. Sets, complex numbers and calls have no place in JSON and are
 *      not repaired, nor are \N{...} and a sign in front of round brackets;
 *   3. the same with the damage mended: a quote that cannot close its text,
 *      because nothing that may follow a text follows it, belongs to the text
 *      ('Coeur d'Alene', "say "hi" now"); NaN, nan, inf, Infinity, null, true,
 *      false, undefined in any case of letters; raw line breaks in a text;
 *      JSON's \/.
 *
 * Each is one pass over the text, so the time is linear in its length; brackets
 * may nest SLC_JSON_REPAIR_MAX_DEPTH deep. A lone surrogate stays an escape
 * (\ud800), as json.dumps writes it. */
#ifndef SLC_PREP_JSON_REPAIR_H
#define SLC_PREP_JSON_REPAIR_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

enum { SLC_JSON_REPAIR_MAX_DEPTH = 128 };

/* Append the text as valid compact JSON in UTF-8. False when it cannot be
 * repaired (or memory ran out: `out->failed`); `out` then has what it had, and
 * the caller keeps the text as it is. Nothing is allocated but room in `out`,
 * so a buffer that is cleared and used again costs nothing. */
bool slc_json_repair(struct slc_str text, struct slc_buf *out);

/* An object or array begins here, white space passed over. */
bool slc_json_looks_like(struct slc_str first_value);

#endif
