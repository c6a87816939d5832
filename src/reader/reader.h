/* Reading a table file as chunks.
 *
 * A reader is opened on a file, finds out its dialect and column names, and
 * then gives the file chunk by chunk, as often as it is rewound:
 *
 *     slc_reader_next()   cuts the next stretch of whole rows off the input and
 *                         finds its cells' borders. Calls are serialised by the
 *                         reader's own lock; cheap next to parsing.
 *     slc_reader_parse()  turns the cells into typed columns. Any number of
 *                         threads may parse different chunks at a time.
 *
 * Chunk borders depend on the input and on `chunk_bytes` alone, so every pass
 * sees the same chunks. A format is one `struct slc_reader_ops` (format.h).
 *
 * Source for CSV: RFC 4180, read as leniently as pandas' read_csv (2.x, C
 * engine) does, but for rows of the wrong width, which are rejected. */
#ifndef SLC_READER_READER_H
#define SLC_READER_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "frame/chunk.h"
#include "frame/schema.h"

enum slc_header { SLC_HEADER_AUTO, SLC_HEADER_YES, SLC_HEADER_NO };

enum slc_encoding {
    SLC_ENCODING_AUTO, /* by the byte order mark; UTF-8 without one */
    SLC_ENCODING_UTF8,
    SLC_ENCODING_UTF16LE,
    SLC_ENCODING_UTF16BE,
    SLC_ENCODING_LATIN1, /* ISO 8859-1 */
};

enum slc_invalid_text { SLC_INVALID_REJECT, SLC_INVALID_REPLACE };

/* Whose choice a column's type is (docs/reading.md, "Types"). */
enum slc_types { SLC_TYPES_SLUICE, SLC_TYPES_PANDAS };

/* A column's type, given instead of found out. */
struct slc_column_dtype {
    struct slc_str name; /* as in the file */
    enum slc_type type;  /* BOOL to TEXT */
};

struct slc_reader_options {
    char delimiter;     /* '\0': detected among , ; tab | */
    char quote;         /* '\0': quotes mean nothing */
    char decimal;       /* delimited text: instead of the point; '\0': the point */
    char thousands;     /* likewise, between digits; '\0': nothing */
    char escape;        /* delimited text: the next character is text; '\0': nothing */
    char comment;       /* delimited text: a line that starts so is none; '\0': nothing */
    bool leading_zeros; /* 007 is a number, not text */
    enum slc_types types;
    int64_t skip_rows; /* lines to leave out at the start; of a workbook, the sheet's rows */
    enum slc_header header;
    enum slc_encoding encoding;
    enum slc_invalid_text invalid_text; /* text formats: reject the row, or take U+FFFD instead */
    const struct slc_str *columns;      /* the columns to read, as if the file had no others; in the
                                           order of the file; borrowed until open returns */
    int64_t n_columns;                  /* 0: all */
    const struct slc_column_dtype *dtypes; /* columns whose type is given: a row with a text that
                                              the type cannot hold is rejected; likewise */
    int64_t n_dtypes;
    struct slc_str sheet;            /* workbooks: a name or a position from 1; empty: the first one
                                        that is not hidden; borrowed until open returns */
    bool keep_default_na;            /* pandas' default texts mean missing */
    const struct slc_str *na_values; /* more texts that mean missing; borrowed until close */
    int64_t n_na_values;
    int64_t chunk_bytes;   /* input a chunk, about; any number from 1 on, best 64 KiB to 64 MiB */
    int64_t max_row_bytes; /* a longer row is an error */
    bool digest;           /* take the file's SHA-256 in the first round */
};

/* Sensible defaults: everything detected, 512 KiB chunks, rows up to 16 MiB, digest taken. */
struct slc_reader_options slc_reader_default_options(void);

/* What to do with a column. */
struct slc_column_request {
    enum { SLC_COLUMN_SKIP, SLC_COLUMN_READ } what;
    /* The type to start from; but for TEXT, a type that was given in the options
     * goes before it and never changes. A value that it cannot hold widens the column of
     * that chunk (see frame/type.h); NULL starts from nothing. TEXT gives the
     * values as they stand in the file. */
    enum slc_type type;
};

struct slc_reader;

/* Open the file behind `fd` (taken over, closed by slc_reader_close() and on
 * failure); `name` is for messages. Errors: CONFIG (a column that is not there), FORMAT (no table,
 * binary, another format), IO, LIMIT. */
bool slc_reader_open(int fd, const char *name, const struct slc_reader_options *options,
                     struct slc_reader **ret_reader, struct slc_error *error);
void slc_reader_close(struct slc_reader *reader);

/* Names of the columns that are read; types are NULL. Lives as long as the reader. */
const struct slc_schema *slc_reader_schema(const struct slc_reader *reader);

/* "csv", and one line on what was detected: "delimiter ';', header". */
const char *slc_reader_format_name(const struct slc_reader *reader);
const char *slc_reader_dialect(const struct slc_reader *reader);

/* Bytes of the file, and how many of them were read in this round. For progress;
 * any thread. */
int64_t slc_reader_size_bytes(const struct slc_reader *reader);
int64_t slc_reader_position_bytes(const struct slc_reader *reader);

/* SHA-256 of the file as 64 hex digits, once a round has reached the end; NULL
 * before, and when it is not taken. */
const char *slc_reader_sha256(const struct slc_reader *reader);

/* The next chunk's raw part: sets seq and raw (owned by the reader, give it
 * back with slc_reader_recycle()). 1: there is one, 0: end of the input, -1:
 * error (FORMAT, IO, LIMIT, CHANGED), and the same error again for every later
 * call up to a rewind. Any thread. */
int slc_reader_next(struct slc_reader *reader, struct slc_chunk *chunk, struct slc_error *error);

/* Turn the chunk's raw part into columns and rejects; one request a column of
 * the schema. Texts are slices of the raw part and live until it is recycled.
 * May be called again on the same raw part. first_record is left as it is. */
bool slc_reader_parse(struct slc_reader *reader, struct slc_chunk *chunk,
                      const struct slc_column_request *requests, struct slc_error *error);

/* Read one column of a parsed chunk again from another type. */
bool slc_reader_parse_column(struct slc_reader *reader, struct slc_chunk *chunk, int64_t column,
                             enum slc_type type, struct slc_error *error);

/* Memory that the chunk's raw part holds, in bytes. */
int64_t slc_reader_raw_bytes(const struct slc_chunk *chunk);

/* Give the raw part back; the chunk's texts are gone with it. */
void slc_reader_recycle(struct slc_reader *reader, struct slc_chunk *chunk);

/* Start from the first row again. No chunk may be in somebody's hands but
 * those kept. Errors: IO, CHANGED (the file is no longer what it was). */
bool slc_reader_rewind(struct slc_reader *reader, struct slc_error *error);

/* What a column's values are beside their type; joined by |. */
enum slc_facts {
    SLC_FACT_NEGATIVE = 1, /* some INT64 value is below zero */
    SLC_FACT_GAPS = 2,     /* some value is missing, where that makes whole numbers FLOAT64 */
};

unsigned slc_reader_facts(const struct slc_reader *reader, const struct slc_chunk *chunk,
                          int64_t column);

/* The joint type of what a column was in different chunks. `facts` is what was
 * seen in any of these: INT64 and UINT64 make FLOAT64 instead of UINT64 where a value is
 * negative, and so does either alone where there are gaps. The order of the chunks
 * does not matter. A chunk that was parsed as a narrower type may hold values that the
 * joint type cannot, as whole numbers that a double would round: parse it again
 * from the joint type and join once more, until nothing changes. */
enum slc_type slc_reader_join(enum slc_type a, enum slc_type b, unsigned facts);

#endif
