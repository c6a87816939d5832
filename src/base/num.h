/* Numbers from text and to text, without the locale, correctly rounded.
 *
 * Reading: the whole of the slice has to be the number (no white space).
 * Decimal to double follows Lemire, "Number Parsing at a Gigabyte per Second"
 * (SPE 2021), falling back to strtod for the rare undecided case. Printing
 * follows Giulietti's Schubfach ("The Schubfach way to render doubles", 2020):
 * the shortest digits that read back as the same double, the closest of these.
 * Both use one table of powers of ten that the build generates. */
#ifndef SLC_BASE_NUM_H
#define SLC_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* [+-]digits within the range. */
bool slc_parse_int64(const char *text, size_t len, int64_t *ret_value);
/* [+]digits within the range. */
bool slc_parse_uint64(const char *text, size_t len, uint64_t *ret_value);
/* [+-](digits[.digits] | .digits)[(e|E)[+-]digits]. Too large gives an
 * infinity, too small zero, as IEEE 754 has it. No hexadecimal, no "inf". */
bool slc_parse_double(const char *text, size_t len, double *ret_value);
/* digits * 10^exponent, correctly rounded. False when that is not certain, or no normal
 * number: leave those to slc_parse_double(). */
bool slc_decimal_to_double(bool negative, uint64_t digits, int64_t exponent, double *ret_value);

/* Room for any of the functions below. */
enum { SLC_NUM_TEXT_BYTES = 40 };

/* Write the number at `to` (no NUL) and return the end of it. */
char *slc_write_int64(char *to, int64_t value);
char *slc_write_uint64(char *to, uint64_t value);

/* The shortest text that reads back as the same double, laid out as ECMA-262
 * Number::toString does (6.1.6.1.20): 3, 0.1, 1e+21, 1.5e-7; minus zero is
 * "-0" so that it, too, reads back. The value has to be finite. */
char *slc_write_double(char *to, double value);

#endif
