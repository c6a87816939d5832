/* A preprocessing step: how it learns its part of a column's plan and how it
 * carries it out on a chunk's column.
 *
 * The steps stand in one array in plan.c, in the order in which they run. To
 * add one, write a file with its two functions, declare them here and put a
 * line into that array. */
#ifndef SLC_PREP_STEP_H
#define SLC_PREP_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "prep/plan.h"

/* What a step may look at while it fits one column. */
struct slc_fit {
    const struct slc_schema *schema;
    const struct slc_prep_options *options;
    struct slc_profile *profile;       /* for quantiles beyond the summary's; may be NULL in tests
                                          that ask for none */
    struct slc_arena *arena;           /* the plan's: what the column's plan points to */
    int64_t at;                        /* the column's index */
    const struct slc_summary *summary; /* of the column */
    const struct slc_prep_wish *wish;  /* for the column */
    int64_t *kept_of; /* by column: the first column kept that has its values, -1 none yet */
};

struct slc_step {
    const char *name;

    /* Fill in the step's fields of the column's plan from what the steps before
     * it left there. Never called for the index column, nor for a column that
     * an earlier step dropped. */
    bool (*fit)(const struct slc_fit *fit, struct slc_column_plan *column, struct slc_error *error);

    /* Change the chunk's column as the plan says and add to the outcome. NULL: the step has
     * nothing to do. Not called for dropped columns, the index, and columns without a buffer
     * because nobody asked for them. */
    bool (*apply)(const struct slc_column_plan *plan, struct slc_chunk *chunk,
                  struct slc_column *column, struct slc_outcome *outcome, struct slc_error *error);
};

bool slc_drop_fit(const struct slc_fit *fit, struct slc_column_plan *column,
                  struct slc_error *error);

bool slc_json_fit(const struct slc_fit *fit, struct slc_column_plan *column,
                  struct slc_error *error);
bool slc_json_apply(const struct slc_column_plan *plan, struct slc_chunk *chunk,
                    struct slc_column *column, struct slc_outcome *outcome,
                    struct slc_error *error);

bool slc_impute_fit(const struct slc_fit *fit, struct slc_column_plan *column,
                    struct slc_error *error);
bool slc_impute_apply(const struct slc_column_plan *plan, struct slc_chunk *chunk,
                      struct slc_column *column, struct slc_outcome *outcome,
                      struct slc_error *error);

bool slc_scale_fit(const struct slc_fit *fit, struct slc_column_plan *column,
                   struct slc_error *error);
bool slc_scale_apply(const struct slc_column_plan *plan, struct slc_chunk *chunk,
                     struct slc_column *column, struct slc_outcome *outcome,
                     struct slc_error *error);

bool slc_downcast_fit(const struct slc_fit *fit, struct slc_column_plan *column,
                      struct slc_error *error);
bool slc_downcast_apply(const struct slc_column_plan *plan, struct slc_chunk *chunk,
                        struct slc_column *column, struct slc_outcome *outcome,
                        struct slc_error *error);

/* ---- What several steps need ---------------------------------------------- */

/* A number as a double; 0 for what is none. */
double slc_value_as_double(const struct slc_value *value);

/* `x` as the column's scaler has it. */
double slc_scale_one(const struct slc_column_plan *column, double x);

/* Text of few values (summary exact, at most SLC_CATEGORY_VALUES of them, each
 * twice on average), the fill counted as one more where it was used. */
bool slc_text_is_category(const struct slc_column_plan *column, const struct slc_summary *summary,
                          const struct slc_outcome *outcome);

enum { SLC_CATEGORY_VALUES = 65536 };

/* The first row from `row` on that has no value; n_rows when there is none. */
static inline int64_t slc_next_missing(const uint64_t *valid, int64_t row, int64_t n_rows)
{
    int64_t word = row >> 6, n_words = (n_rows + 63) >> 6;
    uint64_t gaps;

    if (row >= n_rows)
        return n_rows;
    gaps = ~valid[word] & (UINT64_MAX << (row & 63));
    while (!gaps && ++word < n_words)
        gaps = ~valid[word];
    if (!gaps)
        return n_rows;
    row = (word << 6) + __builtin_ctzll(gaps);
    return row < n_rows ? row : n_rows;
}

#endif
