/* A chunk: some thousand rows of a table, one typed buffer a column.
 *
 * Chunks are what passes between a reader, the profile, the preprocessing and
 * the writer. They are numbered from 0 in the order of the file, whatever the
 * number of threads, and every chunk of a file is the same in each pass over
 * it. A chunk is used by one thread at a time. */
#ifndef SLC_FRAME_CHUNK_H
#define SLC_FRAME_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "frame/type.h"

/* One column of a chunk: `n_rows` of the chunk values. A missing value's place
 * in the buffer holds zero (an empty slice). */
struct slc_column {
    enum slc_type type;
    bool requested; /* false: the reader was told to leave it out; no buffers */
    int64_t n_missing;
    uint64_t *valid; /* bitmap, bit i % 64 of word i / 64 set = row i has a value;
                        NULL when no value is missing (or, with NULL type, all are) */
    union {
        void *data; /* room for at least n_rows values; NULL for SLC_TYPE_NULL */
        uint8_t *bools;
        int64_t *int64s;
        uint64_t *uint64s;
        double *float64s;
        int32_t *dates;
        int64_t *datetimes;
        struct slc_str *texts;
    };
};

static inline bool slc_column_has(const struct slc_column *column, int64_t row)
{
    if (column->type == SLC_TYPE_NULL)
        return false;
    return !column->valid || (column->valid[row >> 6] >> (row & 63) & 1);
}

/* A row that was not taken. */
struct slc_reject {
    int64_t row;          /* record of the chunk, 1 is its first; add first_record */
    int64_t offset_bytes; /* where its text starts in the (decoded) input; -1 unknown */
    const char *reason;   /* one line, no row values; lives as long as `raw` */
    struct slc_str text;  /* its raw text, maybe clipped; lives as long as `raw` */
};

struct slc_chunk {
    int64_t seq;    /* 0, 1, 2, ... */
    int64_t n_rows; /* rows taken */
    int64_t n_columns;
    int64_t n_records;    /* and rows rejected, too */
    int64_t first_record; /* records of the file before this chunk; set by whoever counts them */
    struct slc_column *columns;
    struct slc_reject *rejects; /* in file order; live as long as `raw` */
    int64_t n_rejects;
    /* The record number of each taken row less first_record, counted from 0;
     * NULL when it is the row's own index (no row was rejected). */
    int32_t *record_of_row;
    struct slc_arena arena; /* what the above and the columns' buffers live in */
    void *raw;              /* the reader's own part; see reader/reader.h */
};

/* Zeroed room for `n_columns`; the arena is kept. False when memory ran out. */
bool slc_chunk_begin(struct slc_chunk *chunk, int64_t n_columns);

/* A data buffer of the type for the chunk's rows, not zeroed. */
void *slc_chunk_values(struct slc_chunk *chunk, enum slc_type type);

/* A bitmap for the chunk's rows with every bit set; NULL when memory ran out. */
uint64_t *slc_chunk_bitmap(struct slc_chunk *chunk);

/* Take out the rows whose bit in `keep` is clear; n_rows, the columns and
 * record_of_row are adjusted. False when memory ran out. */
bool slc_chunk_keep_rows(struct slc_chunk *chunk, const uint64_t *keep);

/* The 1-based data row in the file of taken row `row`, for messages. */
static inline int64_t slc_chunk_record(const struct slc_chunk *chunk, int64_t row)
{
    return chunk->first_record + 1 + (chunk->record_of_row ? chunk->record_of_row[row] : row);
}

/* Frees the arena; `raw` must have been given back to the reader before. */
void slc_chunk_release(struct slc_chunk *chunk);

#endif
