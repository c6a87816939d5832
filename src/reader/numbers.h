/* Numbers as nearly all files have them, parsed a column at a time and without
 * a look at each byte: [-]digits, and for doubles [-]digits.digits and exponents.
 *
 * Both functions parse the cells from row `from` on into the same places of
 * `out` and return the first row whose text they leave to the caller, `n_rows`
 * when there is none. They never take a text for another number than the
 * careful way does (cells.c), but which ones they leave depends on the
 * processor. Cell i of the column is cells[i * stride]. SLC_NUMBER_SLACK_BYTES
 * are readable before and behind the bytes of every cell.
 *
 * With AVX2 up to 32 characters are one vector: the byte before each of those in
 * front of the point takes its place, and three multiply-and-add steps make one number
 * of the digits (W. Mula, "SIMD-ized faster parse of IPv4"/"Parsing decimal numbers", 2014 on). */
#ifndef SLC_READER_NUMBERS_H
#define SLC_READER_NUMBERS_H

#include "reader/cells.h"

enum { SLC_NUMBER_SLACK_BYTES = 64 };

int64_t slc_numbers_int64(const char *bytes, const struct slc_cell *cells, int64_t stride,
                          int64_t from, int64_t n_rows, int64_t *out);
int64_t slc_numbers_float64(const char *bytes, const struct slc_cell *cells, int64_t stride,
                            int64_t from, int64_t n_rows, double *out);

/* The same by the portable code, for tests. */
int64_t slc_numbers_int64_portable(const char *bytes, const struct slc_cell *cells, int64_t stride,
                                   int64_t from, int64_t n_rows, int64_t *out);
int64_t slc_numbers_float64_portable(const char *bytes, const struct slc_cell *cells,
                                     int64_t stride, int64_t from, int64_t n_rows, double *out);

#endif
