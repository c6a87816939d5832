/* How much of everything a column may have: what follows from its share of the
 * profile's memory. */
#ifndef SLC_PROFILE_SIZES_H
#define SLC_PROFILE_SIZES_H

#include <stddef.h>

enum {
    SLC_LEAST_SHARE_BYTES = 4096,     /* of a column; with less there is no profile */
    SLC_FULL_SHARE_BYTES = 128 << 10, /* from here on the sketches are of full size */
};

struct slc_sizes {
    size_t number_table_bytes, text_table_bytes;
    /* Of the sketches, which are made when the table is given up. */
    int hll_bits;             /* 9 to 14: 2^bits registers of a byte */
    int kll_k;                /* 64 to 2048 */
    int n_leaders;            /* 16 to 64 */
    size_t leader_text_bytes; /* of all leaders together */
};

/* For `share_bytes` >= SLC_LEAST_SHARE_BYTES. */
struct slc_sizes slc_sizes_of_share(size_t share_bytes);

/* The standard error of an estimated distinct count, as a part of it, and the
 * error in ranks that a quantile keeps to in 99 of 100 cases, as a part of the
 * values; to four decimals. */
double slc_hll_error(int bits);
double slc_kll_error(int k);

#endif
