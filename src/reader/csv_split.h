/* Cutting whole rows of delimited text into cells; for csv.c. */
#ifndef SLC_READER_CSV_SPLIT_H
#define SLC_READER_CSV_SPLIT_H

#include "reader/csv_scan.h"
#include "reader/format.h"

/* From raw->bytes and raw->structural, as slc_csv_scan_dialect() left them, the grid of cells
 * with the quotes taken off, n_rows, n_records and the rejects. Any thread. Errors: FORMAT (a NUL),
 * LIMIT (a row longer than the options allow), MEMORY. */
bool slc_csv_split(const struct slc_reader *reader, const struct slc_csv_dialect *dialect,
                   struct slc_raw *raw, struct slc_error *error);

/* Words for what is no table, and for a row without an end. `offset` is in the input. */
bool slc_csv_fail_nul(int64_t offset, struct slc_error *error);
bool slc_csv_fail_long_row(const struct slc_reader *reader, int64_t offset,
                           struct slc_error *error);

#endif
