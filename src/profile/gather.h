/* Leaving the missing values of a stretch of rows out. */
#ifndef SLC_PROFILE_GATHER_H
#define SLC_PROFILE_GATHER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Rows that are taken at a time: their values fit the first-level cache. A
 * multiple of 64, so that a stretch starts with a word of the bitmap. */
enum { SLC_GATHER_ROWS = 1024 };

/* The bitmap's word for the stretch's rows from `at` on, rows past its end 0. */
static inline uint64_t slc_gather_word(const uint64_t *valid, int64_t row, int64_t at,
                                       int64_t n_rows)
{
    uint64_t word = valid[(row + at) >> 6];

    return n_rows - at < 64 ? word & ((UINT64_C(1) << (n_rows - at)) - 1) : word;
}

/* No value of the rows [row, row + n_rows) is missing; row is a multiple of 64. */
static inline bool slc_gather_is_dense(const uint64_t *valid, int64_t row, int64_t n_rows)
{
    if (!valid)
        return true;
    for (int64_t at = 0; at < n_rows; at += 64) {
        uint64_t all = n_rows - at < 64 ? (UINT64_C(1) << (n_rows - at)) - 1 : UINT64_MAX;

        if (slc_gather_word(valid, row, at, n_rows) != all)
            return false;
    }
    return true;
}

/* Copy the values that are there and return their number. `values` are those of
 * the stretch alone; `to` may be the same array. */
/* NOLINTBEGIN(bugprone-macro-parentheses): the argument is a type */
#define SLC_DEFINE_GATHER(name, value_type)                                                        \
    static inline int64_t name(const value_type *values, const uint64_t *valid, int64_t row,       \
                               int64_t n_rows, value_type *to)                                     \
    {                                                                                              \
        int64_t n = 0;                                                                             \
                                                                                                   \
        for (int64_t at = 0; at < n_rows; at += 64) {                                              \
            uint64_t word = slc_gather_word(valid, row, at, n_rows);                               \
                                                                                                   \
            if (word == UINT64_MAX) {                                                              \
                memmove(to + n, values + at, 64 * sizeof(*to));                                    \
                n += 64;                                                                           \
                continue;                                                                          \
            }                                                                                      \
            for (; word; word &= word - 1)                                                         \
                to[n++] = values[at + __builtin_ctzll(word)];                                      \
        }                                                                                          \
        return n;                                                                                  \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

#endif
