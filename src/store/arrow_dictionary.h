/* The different texts of a column of a chunk, in the order in which they come, and
 * which of them each row has: what Arrow calls a dictionary. */
#ifndef SLC_STORE_ARROW_DICTIONARY_H
#define SLC_STORE_ARROW_DICTIONARY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "frame/chunk.h"

struct slc_arrow_dictionary {
    struct slc_str *values; /* slices of the column's */
    int64_t n_values;
    int32_t *codes; /* one a row; 0 where the text is missing */
};

/* All of it in the arena. False when memory ran out. The column is one of texts, or
 * of nothing but missing values. */
bool slc_arrow_dictionary_build(struct slc_arrow_dictionary *dictionary, struct slc_arena *arena,
                                const struct slc_column *column, int64_t n_rows);

#endif
