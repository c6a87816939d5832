/* Guessing the dialect of delimited text from its first rows. */
#ifndef SLC_READER_SNIFF_H
#define SLC_READER_SNIFF_H

#include <stdbool.h>

#include "base/str.h"
#include "reader/cells.h"

/* The delimiter among , ; tab | that cuts the rows of `sample` most evenly; ','
 * when none does. `sample` holds whole rows. */
char slc_sniff_delimiter(struct slc_str sample, char quote);

/* Whether the first row names the columns. As pandas' read_csv assumes, it
 * does, unless a cell of it is a number, date or boolean of the very type that
 * its column has in the rows below, and the row's numbers do not just count on
 * by one (years or ordinals as column names do). */
bool slc_sniff_header(struct slc_str sample, char delimiter, char quote,
                      const struct slc_na_set *na);

/* The same where numbers are written in another style. */
bool slc_sniff_styled_header(struct slc_str sample, char delimiter, char quote,
                             const struct slc_na_set *na, const struct slc_number_style *style);

/* What the first `n` lines take, as far as they are there. */
size_t slc_skip_lines(struct slc_str text, int64_t n);

/* Cut one row of whole-row text into cells, quotes taken off (`text` is changed
 * where a quote was doubled). Returns the length of the row with its line end;
 * cells past `max_cells` are counted only. */
size_t slc_split_row(char *text, size_t len, char delimiter, char quote, struct slc_str *cells,
                     int64_t max_cells, int64_t *ret_n_cells);

/* Take the quotes off a field in place, as described in csv_scan.h. */
struct slc_str slc_unquote(char *text, size_t len, char quote);

/* The same where `escape` makes the byte behind it text. */
struct slc_str slc_unescape(char *text, size_t len, char quote, char escape);

#endif
