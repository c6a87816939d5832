/* A whole table as text, read the way a load reads it: rounds of surveying
 * until the types stand, then one round that delivers. For the tests, the tool
 * that the comparison with pandas drives, and the fuzz targets. */
#ifndef TEST_READ_ALL_H
#define TEST_READ_ALL_H

#include "base/buf.h"
#include "base/error.h"
#include "reader/reader.h"

/* Read `fd` (closed) on `n_threads` threads and append JSON lines to `out`:
 *   {"format":..,"dialect":..,"columns":[..],"types":[..],"sha256":..}
 *   [record, [cell, ...]]                  a row; a missing cell is null, an
 *                                          infinite one 1e999
 *   {"reject":record,"offset":..,"reason":..,"text":..}
 *   {"rows":..,"records":..}
 * On failure `out` holds what came before the error. */
bool read_all(int fd, const char *name, const struct slc_reader_options *options, int n_threads,
              struct slc_buf *out, struct slc_error *error);

/* An open file without a name that holds `bytes`, at its start; -1 on failure. */
int file_of(struct slc_str bytes);

#endif
