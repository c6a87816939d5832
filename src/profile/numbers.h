/* What is kept of a column of numbers, dates or date-times. */
#ifndef SLC_PROFILE_NUMBERS_H
#define SLC_PROFILE_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "frame/chunk.h"
#include "profile/digest128.h"
#include "profile/hll.h"
#include "profile/kll.h"
#include "profile/moments.h"
#include "profile/number_table.h"
#include "profile/profile.h"
#include "profile/sizes.h"
#include "profile/top.h"

/* What takes the table's place. */
struct slc_number_sketch {
    struct slc_hll hll;
    struct slc_kll kll; /* of the finite values */
    struct slc_leaders leaders;
};

/* The distinct finite values in rising order. */
struct slc_ranks {
    double *values; /* owned */
    int64_t *up_to; /* owned; how many values of the column are at most values[i] */
    int64_t n;
};

struct slc_numbers {
    enum slc_type type;
    int64_t n;                 /* values */
    struct slc_value min, max; /* of all values, infinite ones, too; NULL type when n is 0 */
    int64_t n_zero, n_negative, n_infinite;
    bool has_no_float32;              /* some value does not survive float */
    struct slc_moments moments;       /* of the finite values */
    struct slc_number_table table;    /* keys: the value's bits, -0.0 as 0.0 */
    struct slc_number_sketch *sketch; /* owned; not NULL: the table was given up */
    struct slc_ranks *ranks;          /* owned; made by slc_numbers_ranks() */
};

/* NULL when memory ran out. */
struct slc_numbers *slc_numbers_new(enum slc_type type);
void slc_numbers_free(struct slc_numbers *numbers);
void slc_numbers_drop_ranks(struct slc_numbers *numbers);

/* Fold the column's `n_rows` values; the digest takes in those that are not
 * missing. False when memory ran out. */
bool slc_numbers_fold(struct slc_numbers *numbers, const struct slc_column *column, int64_t n_rows,
                      const struct slc_sizes *sizes, struct slc_digest128 *digest);

/* A key of the table as a value. */
struct slc_value slc_numbers_value(enum slc_type type, uint64_t key);
/* Any value as a double. */
double slc_numbers_double(const struct slc_value *value);

#endif
