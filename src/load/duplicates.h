/* Rows whose key other rows have, too, found before the rows are written: for
 * layouts in which a row cannot be overwritten.
 *
 * Often the survey has proved that no key comes twice; else the key column is
 * read once more. What is kept of a key is a 128-bit digest with a secret seed,
 * in memory within bounds and in a nameless file beyond them. */
#ifndef SLC_LOAD_DUPLICATES_H
#define SLC_LOAD_DUPLICATES_H

#include <stdatomic.h>

#include "base/error.h"
#include "load/survey.h"
#include "reader/reader.h"
#include "store/store.h"

struct slc_duplicates_options {
    const struct slc_survey *survey;
    int64_t key_column;
    enum slc_on_duplicate on_duplicate;
    int64_t memory_bytes;
    const char *const *folders; /* for the file, tried in this order; ends with NULL */
    const atomic_bool *cancel;  /* may be NULL */
};

/* A bitmap of the rows taken, by their ordinals (slc_chunk_place.first_row):
 * those set give way to another of the same key. */
struct slc_duplicates {
    uint64_t *gives_way; /* owned; NULL: no row does */
    int64_t n_rows;      /* that give way */
};

/* The reader is rewound here when it is read. Errors: DATA (with FAIL; names the
 * first row whose key was there), CHANGED, CANCELLED, IO, MEMORY, those of the
 * reader. */
bool slc_duplicates_find(struct slc_reader *reader, const struct slc_duplicates_options *options,
                         struct slc_duplicates *ret, struct slc_error *error);
void slc_duplicates_release(struct slc_duplicates *duplicates);

static inline bool slc_duplicates_has(const struct slc_duplicates *duplicates, int64_t row)
{
    return duplicates->gives_way && (duplicates->gives_way[row >> 6] >> (row & 63) & 1);
}

#endif
