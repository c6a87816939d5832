/* A replica as text again: CSV or JSON lines, row by row, the same bytes
 * whatever the layout. Pure.
 *
 * CSV (RFC 4180): a header, then a line a row, LF at the end, the index column
 * first where there is one (row keys that are ordinals are left out). A field is
 * quoted where it holds a comma, a quote or a line break. Numbers as they stand in
 * Redis, true and false, dates and times as ISO 8601 has them; what is missing,
 * and empty text, is an empty field ("" where it is the line's only one).
 *
 * JSON lines: an object a row with the same names in the same order; the row key
 * is a text, missing values are null. */
#ifndef SLC_STORE_EXPORT_H
#define SLC_STORE_EXPORT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "store/rows.h"

enum slc_export_format { SLC_EXPORT_CSV, SLC_EXPORT_JSONL };

struct slc_export;

/* `columns` is META's COLUMNS, `index_column` its INDEX_COLUMN (empty: none);
 * neither is kept. NULL on failure. Errors: DATA (not what a load writes),
 * MEMORY. */
struct slc_export *slc_export_new(enum slc_export_format format, struct slc_str columns,
                                  struct slc_str index_column, struct slc_error *error);
void slc_export_free(struct slc_export *text);

/* Append what stands before the first row. Memory that runs out is left to the
 * buffer to tell, here and below. */
void slc_export_begin(const struct slc_export *text, struct slc_buf *out);

/* Append a row. Errors: DATA (not the values of the columns), MEMORY. */
bool slc_export_row(struct slc_export *text, struct slc_row row, struct slc_buf *out,
                    struct slc_error *error);

#endif
