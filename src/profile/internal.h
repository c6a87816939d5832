/* What the files behind profile.h share. */
#ifndef SLC_PROFILE_INTERNAL_H
#define SLC_PROFILE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "profile/accumulator.h"

struct slc_profile {
    int64_t n_columns;
    struct slc_sizes sizes; /* of one column */
    struct slc_accumulator *columns;
    struct slc_digest128 *digests; /* one a column; side by side, to be compared quickly */
    _Atomic int64_t *turns;        /* the chunk that each column wants next */
    atomic_bool is_cancelled;
    atomic_int n_waiting;
    pthread_mutex_t mutex;
    pthread_cond_t turned;
    /* The columns of the summaries asked for have their values in order at hand,
     * as long as that does not become too much. */
    size_t ranks_bytes, ranks_limit_bytes;
    int64_t ranked_from, ranked_to; /* where those columns are */
};

/* The column's distinct finite values in order, made on the first call; NULL
 * when there are none or memory ran out. From the sketch when the table was
 * given up. */
const struct slc_ranks *slc_numbers_ranks(struct slc_numbers *numbers);

/* How many bytes it takes, at most. */
size_t slc_numbers_ranks_bytes(const struct slc_numbers *numbers);

/* Linear interpolation (Hyndman and Fan's type 7, numpy's "linear") among the
 * column's values and `extra_count` times `extra_value`. NaN without any. */
double slc_ranks_quantile(const struct slc_ranks *ranks, double q, double extra_value,
                          int64_t extra_count);

#endif
