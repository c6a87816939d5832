/* A small table, profiled and fitted, for the tests of src/prep/. */
#ifndef SLC_TESTS_PREP_TEST_H
#define SLC_TESTS_PREP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "prep/plan.h"

enum { MAX_TEST_COLUMNS = 16 };

struct table {
    struct slc_schema schema;
    struct slc_chunk chunk;
    struct slc_profile *profile;
    struct slc_summary summaries[MAX_TEST_COLUMNS];
    struct slc_prep_wish wishes[MAX_TEST_COLUMNS];
    struct slc_prep_options options;
    struct slc_plan plan;
    struct slc_outcome outcomes[MAX_TEST_COLUMNS];
    struct slc_error error;
};

/* A table of columns "a", "b", ... without types; every wish is mean, minmax
 * to 0 and 1, downcast on, JSON repair on. */
void table_begin(struct table *table, int64_t n_columns, int64_t n_rows);

/* A column's buffer, zeroed, to be filled by the test. */
void *table_column(struct table *table, int64_t column, enum slc_type type);

/* Take a value away: its place holds zero. */
void table_clear(struct table *table, int64_t column, int64_t row);

/* Numbers of the type from doubles, NAN being a gap. */
void table_numbers(struct table *table, int64_t column, enum slc_type type, const double *values);

/* Texts, NULL being a gap. */
void table_texts(struct table *table, int64_t column, const char *const *texts);

/* Profile the chunk and summarize every column. */
void table_profile(struct table *table);

/* Fit, which has to succeed; after table_profile(). */
void table_fit(struct table *table);

/* Apply to the table's own chunk, which has to succeed. */
void table_apply(struct table *table);

/* All three. */
void table_run(struct table *table);

void table_end(struct table *table);

/* Equal to 1e-12 of the larger of 1 and the expectation; NANs are equal. */
void assert_close(double got, double expected);

#endif
