/* What a profile keeps of one column, whatever its type. */
#ifndef SLC_PROFILE_ACCUMULATOR_H
#define SLC_PROFILE_ACCUMULATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "frame/chunk.h"
#include "profile/digest128.h"
#include "profile/numbers.h"
#include "profile/texts.h"

/* Zeroed is empty. */
struct slc_accumulator {
    enum slc_type type; /* NULL while no value was seen */
    int64_t n_rows, n_missing;
    int64_t n_true, n_false;     /* booleans */
    struct slc_numbers *numbers; /* owned; numbers and dates */
    struct slc_texts *texts;     /* owned */
    struct slc_value first;      /* a text is in first_text */
    char *first_text;            /* owned */
};

void slc_accumulator_release(struct slc_accumulator *accumulator);

/* Fold the chunk's column; `digest` takes it in, too. Errors: MEMORY, INTERNAL
 * (the column is of another type than before). */
bool slc_accumulator_fold(struct slc_accumulator *accumulator, const struct slc_column *column,
                          int64_t n_rows, const struct slc_sizes *sizes,
                          struct slc_digest128 *digest, struct slc_error *error);

#endif
