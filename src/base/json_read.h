/* Reading JSON text (RFC 8259, to the letter) piece by piece, for documents
 * whose shape is known and whose numbers have to be kept as they stand: a
 * number comes as its own text, to be read with base/num.h. For anything else
 * json-c is simpler.
 *
 *     int64_t n = 0;
 *     good = slc_json_read_enter(&r, '{');
 *     while (good && (more = slc_json_read_next(&r, '}', &n)) == 1)
 *         good = slc_json_read_key(&r, &arena, &key) && ... its value;
 *
 * A function that fails leaves the reason in `why` (a literal) and the place in
 * `at`; the reader is of no use afterwards. The caller decides what may nest in
 * what, so there is no recursion here. */
#ifndef SLC_BASE_JSON_READ_H
#define SLC_BASE_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct slc_json_reader {
    struct slc_str text; /* valid UTF-8, borrowed; the caller checks it */
    size_t at;           /* offset of the next byte */
    const char *why;     /* set by a failure */
};

/* The first byte of the next value, white space passed over: one of {["-tfn or
 * a digit in good JSON; '\0' at the end. */
char slc_json_read_peek(struct slc_json_reader *r);

/* Take '{' or '['. */
bool slc_json_read_enter(struct slc_json_reader *r, char bracket);

/* 1: another member or item follows (the comma before it is taken), 0: the
 * closing bracket was taken, -1: neither. `*n` counts those begun; 0 at first. */
int slc_json_read_next(struct slc_json_reader *r, char closer, int64_t *n);

/* A member's key and the colon. */
bool slc_json_read_key(struct slc_json_reader *r, struct slc_arena *arena, struct slc_str *ret_key);

/* A string, its escapes resolved, with a NUL behind it (and any \u0000 in it),
 * in the arena. A lone surrogate is refused. */
bool slc_json_read_string(struct slc_json_reader *r, struct slc_arena *arena,
                          struct slc_str *ret_text);

/* A number as a slice of the text. */
bool slc_json_read_number(struct slc_json_reader *r, struct slc_str *ret_number);

bool slc_json_read_bool(struct slc_json_reader *r, bool *ret_value);
bool slc_json_read_null(struct slc_json_reader *r);

/* Nothing but white space is left. */
bool slc_json_read_end(struct slc_json_reader *r);

#endif
