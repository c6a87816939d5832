/* Finding the separators of delimited text, 64 bytes at a step.
 *
 * Quotes are read as pandas' C parser reads them: a quote opens a quoted field
 * only at the field's start, a doubled quote inside is one quote, and what
 * follows a closing quote up to the separator belongs to the field. When all
 * quotes of a stretch stand where RFC 4180 puts them, which a few bit operations
 * prove, the quoted parts are found with a carry-less multiply (Langdale and
 * Lemire, "Parsing Gigabytes of JSON per Second", VLDB J. 2019); otherwise the
 * stretch goes through a state machine. Both give the same bits. */
#ifndef SLC_READER_CSV_SCAN_H
#define SLC_READER_CSV_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Readable bytes that have to follow the input of slc_csv_scan(). */
enum { SLC_SCAN_SLACK_BYTES = 64 };

/* Words of 64 bits for a scan over n bytes. */
#define SLC_SCAN_WORDS(n) (((n) + 63) / 64)

/* Set bit i of `structural` where bytes[i] is the delimiter, CR or LF outside
 * quotes, clear all others. bytes[0] starts a row. `quote` '\0' means that
 * there are no quotes. Returns true when the end is inside a quoted field. */
bool slc_csv_scan(const char *bytes, size_t n, char delimiter, char quote, uint64_t *structural);

/* What gives delimited text its form. */
struct slc_csv_dialect {
    char delimiter;
    char quote;   /* '\0': there are no quotes */
    char escape;  /* the byte behind it is text, in quotes, too; '\0': none */
    char comment; /* a row that starts with it ends at the next line end, whatever is in it, and
                     has no separators; '\0': none */
};

/* The same for any dialect: as fast without escapes and comments, else the state
 * machine. Returns true as well when the end is right behind an escape. */
bool slc_csv_scan_dialect(const char *bytes, size_t n, const struct slc_csv_dialect *dialect,
                          uint64_t *structural);

/* The same by the portable code and by the state machine alone, for tests. */
bool slc_csv_scan_portable(const char *bytes, size_t n, char delimiter, char quote,
                           uint64_t *structural);
bool slc_csv_scan_exact(const char *bytes, size_t n, char delimiter, char quote,
                        uint64_t *structural);

#endif
