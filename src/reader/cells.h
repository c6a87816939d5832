/* Typing a grid of text cells: shared by all formats. */
#ifndef SLC_READER_CELLS_H
#define SLC_READER_CELLS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "frame/chunk.h"

/* A cell: where its text is in the raw part's bytes. */
struct slc_cell {
    uint32_t start;
    uint32_t len;
};

/* A stretch of rows as it came: the bytes and the grid over them. */
struct slc_raw {
    char *bytes;     /* owned; SLC_NUMBER_SLACK_BYTES before it are readable, too */
    int64_t n_bytes; /* whole rows; the rest up to `capacity` is slack */
    int64_t capacity;
    int64_t offset_bytes;   /* of bytes[0] in the input */
    uint64_t *structural;   /* CSV: a bit a byte, set at separators outside quotes; owned */
    struct slc_cell *cells; /* n_rows x n_columns, row by row; owned */
    int64_t cells_capacity;
    int64_t n_rows;    /* rows taken */
    int64_t n_records; /* and rejected ones, too */
    int64_t n_columns;
    struct slc_reject *rejects; /* in `arena`; a chunk borrows them */
    int64_t n_rejects, rejects_capacity;
    int32_t *record_of_row; /* likewise */
    /* By column, in `arena`: some value of it is text whatever it looks like.
     * NULL: none is. */
    const uint8_t *column_has_text;
    struct slc_arena arena;
    bool is_split;
    struct slc_raw *next; /* in the list of recycled ones */
};

/* The texts that mean "missing". */
struct slc_na_set {
    uint32_t lengths_by_first[256]; /* bit n: some text of n bytes starts so (31: longer) */
    struct slc_str *texts;          /* owned array, in no order */
    int64_t n_texts;
    bool typed; /* some text would parse as a number, a date or a boolean */
};

/* pandas' default texts (2.x, pandas/_libs/parsers.pyx STR_NA_VALUES) when
 * `with_defaults`, and `more`; the empty text is always one of them. */
bool slc_na_set_init(struct slc_na_set *set, bool with_defaults, const struct slc_str *more,
                     int64_t n_more);
void slc_na_set_release(struct slc_na_set *set);

bool slc_na_set_find(const struct slc_na_set *set, const char *text, size_t len);

static inline bool slc_is_na(const struct slc_na_set *set, const char *text, size_t len)
{
    if (len == 0)
        return true;
    if (!(set->lengths_by_first[(unsigned char)text[0]] >> (len < 31 ? len : 31) & 1))
        return false;
    return slc_na_set_find(set, text, len);
}

/* How values are written, and what is taken for one, where it is not 1234.5. */
struct slc_number_style {
    char decimal;       /* instead of the point */
    char thousands;     /* may stand between digits before the decimal; '\0': nothing */
    bool leading_zeros; /* 007 is a number */
    bool rounds;        /* a double may be the nearest one of a longer whole number */
    bool pandas;        /* of an int64, too; -1e400 is infinite; no blanks around a boolean */
    bool no_dates;      /* dates and times are text */
};

/* How the texts of one column are read. */
struct slc_typing {
    const struct slc_na_set *na;
    const struct slc_number_style *style; /* NULL: the plain one */
    bool forced; /* the type was given, and every text was found to fit it */
};

/* The narrowest type of one text that is not missing. `style` NULL: the plain
 * one. */
enum slc_type slc_cell_type(const char *text, size_t len, const struct slc_number_style *style);

/* A text that is not missing can be had as a value of `type`. */
bool slc_cell_fits(const char *text, size_t len, enum slc_type type,
                   const struct slc_number_style *style);

/* Type column `from` of the grid into chunk->columns[column], starting from
 * `type`. Errors: MEMORY. */
bool slc_cells_type_column(const struct slc_raw *raw, int64_t from, const struct slc_typing *typing,
                           struct slc_chunk *chunk, int64_t column, enum slc_type type,
                           struct slc_error *error);

#endif
