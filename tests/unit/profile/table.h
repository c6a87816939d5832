/* Columns in memory, cut into chunks and folded: what the profile's tests share. */
#ifndef SLC_TEST_PROFILE_TABLE_H
#define SLC_TEST_PROFILE_TABLE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "profile/profile.h"

enum { BIG_MEMORY = 64 << 20 };

/* A column of a table that a test wrote down. */
struct test_column {
    enum slc_type type;
    const void *values;
    const bool *missing; /* NULL: none is */
};

/* Rows [from, from + n) as a chunk. */
static inline struct slc_chunk table_chunk(const struct test_column *columns, int64_t n_columns,
                                           int64_t from, int64_t n, int64_t seq)
{
    struct slc_chunk chunk = {0};

    assert_true(slc_chunk_begin(&chunk, n_columns));
    chunk.seq = seq;
    chunk.n_rows = n;
    for (int64_t i = 0; i < n_columns; i++) {
        struct slc_column *column = &chunk.columns[i];
        size_t width = slc_type_width_bytes(columns[i].type);

        column->type = columns[i].type;
        column->requested = true;
        if (column->type == SLC_TYPE_NULL) {
            column->n_missing = n;
            continue;
        }
        column->data = slc_chunk_values(&chunk, column->type);
        assert_non_null(column->data);
        if (n)
            memcpy(column->data, (const char *)columns[i].values + (size_t)from * width,
                   (size_t)n * width);
        if (!columns[i].missing)
            continue;
        column->valid = slc_chunk_bitmap(&chunk);
        assert_non_null(column->valid);
        for (int64_t row = 0; row < n; row++)
            if (columns[i].missing[from + row]) {
                column->valid[row >> 6] &= ~(UINT64_C(1) << (row & 63));
                memset((char *)column->data + (size_t)row * width, 0, width);
                column->n_missing++;
            }
    }
    return chunk;
}

static inline void table_fold(struct slc_profile *profile, const struct test_column *columns,
                              int64_t n_columns, int64_t n_rows, int64_t chunk_rows)
{
    int64_t seq = 0;

    for (int64_t from = 0; from < n_rows; from += chunk_rows) {
        int64_t n = n_rows - from < chunk_rows ? n_rows - from : chunk_rows;
        struct slc_chunk chunk = table_chunk(columns, n_columns, from, n, seq++);
        struct slc_error error = {0};

        assert_true(slc_profile_fold(profile, &chunk, &error));
        slc_chunk_release(&chunk);
    }
}

static inline struct slc_profile *table_profile(const struct test_column *columns,
                                                int64_t n_columns, int64_t n_rows,
                                                int64_t chunk_rows, int64_t memory_bytes)
{
    struct slc_profile *profile = NULL;
    struct slc_error error = {0};

    assert_true(slc_profile_new(n_columns, memory_bytes, &profile, &error));
    table_fold(profile, columns, n_columns, n_rows, chunk_rows);
    return profile;
}

/* One column's summary; free the profile with slc_profile_free(). */
static inline struct slc_profile *table_summary(enum slc_type type, const void *values,
                                                const bool *missing, int64_t n_rows,
                                                int64_t chunk_rows, struct slc_summary *ret)
{
    struct test_column column = {.type = type, .values = values, .missing = missing};
    struct slc_profile *profile = table_profile(&column, 1, n_rows, chunk_rows, BIG_MEMORY);

    slc_profile_summarize(profile, 0, ret);
    return profile;
}

/* The generator that the expectations were computed with in Python. */
static inline int64_t table_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)(*state >> 33);
}

#define assert_close(actual, expected, relative)                                                   \
    do {                                                                                           \
        double actual_ = (actual), expected_ = (expected);                                         \
                                                                                                   \
        if (!(fabs(actual_ - expected_) <= (relative)*fabs(expected_)))                            \
            fail_msg("%s is %.17g, not %.17g", #actual, actual_, expected_);                       \
    } while (0)

#endif
