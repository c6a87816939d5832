/* Text for a terminal: measured in columns, and safe to print whatever is in
 * the data. The locale is not asked; a terminal is taken to show UTF-8. */
#ifndef SLC_CLI_TEXT_H
#define SLC_CLI_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* Columns that the text takes: 2 for wide East Asian characters and emoji, 0
 * for combining ones (Unicode Standard Annex 11; the main blocks). */
int slc_text_width(struct slc_str s);

/* The text in exactly `width` columns: cut with "…" or padded, left or right
 * aligned. Control characters are shown as spaces, bytes that are no UTF-8 as
 * U+FFFD. */
void slc_text_cell(struct slc_buf *buf, struct slc_str s, int width, bool right);

/* The same without padding, cut to at most `width` columns. */
void slc_text_clip(struct slc_buf *buf, struct slc_str s, int width);

/* 1,234,567 */
void slc_text_count(struct slc_buf *buf, int64_t count);

/* 12.3 MB, in powers of 1,000. */
void slc_text_bytes(struct slc_buf *buf, int64_t bytes);

/* A number in at most seven characters or so: 0.0123, 57,709, 1.2e+09. */
void slc_text_number(struct slc_buf *buf, double value);

#endif
