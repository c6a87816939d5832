/* Text for a terminal: measured in columns, and safe to print whatever is in
 * the data. The locale is not asked; a terminal is taken to show UTF-8.
 *
 * What is shown is one line of printable characters: control characters and
 * line separators become spaces, bytes that are no UTF-8 U+FFFD, and the
 * characters that turn the direction of writing are left out, as is what is
 * piled upon one letter beyond a few marks. */
#ifndef SLC_CLI_TEXT_H
#define SLC_CLI_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Columns that the text takes as it is shown: 2 for wide East Asian characters
 * and emoji, 0 for combining ones (Unicode Standard Annex 11). */
int slc_text_width(struct slc_str s);

/* The text in exactly `width` columns: cut with "…" or padded with spaces, on
 * the left when `right` is set. */
void slc_text_cell(struct slc_buf *buf, struct slc_str s, int width, bool right);

/* The same without padding, cut to at most `width` columns. */
void slc_text_clip(struct slc_buf *buf, struct slc_str s, int width);

/* The whole text, made fit to print. */
void slc_text_safe(struct slc_buf *buf, struct slc_str s);

/* A JSON string of anything: bytes that are no UTF-8 become U+FFFD, all else
 * stays as it is (nothing is left out here). */
void slc_text_json(struct slc_buf *buf, struct slc_str s);

/* The text in lines of at most `width` columns, cut at spaces (a longer word has
 * a line of its own). `column` is where the cursor stands; further lines begin
 * with `indent` spaces. No line end is put behind the last line. */
void slc_text_wrap(struct slc_buf *buf, struct slc_str s, int column, int indent, int width);

/* Numbers for the narrow columns of a table; report/show.h has those for
 * sentences, and sizes. */

/* 1,234,567 up to `most`, and 12.3M, 4.57G, ... beyond. */
void slc_text_count_short(struct slc_buf *buf, int64_t count, int64_t most);

/* A number in at most nine characters: 0.0123, 57,709, 12.3M, 1.2e+30, -4.7e-12;
 * "-" for NaN. */
void slc_text_number(struct slc_buf *buf, double value);

/* A share as 12.3%, <0.1%, >99.9%, 100%; "0%" only for none at all. */
void slc_text_percent(struct slc_buf *buf, int64_t part, int64_t whole);

#endif
