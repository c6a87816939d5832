/* HyperLogLog: how many distinct hashes there were, in 2^bits bytes.
 *
 * Flajolet, Fusy, Gandouet, Meunier (2007); the estimator is that of O. Ertl,
 * "New cardinality estimation algorithms for HyperLogLog sketches" (2017),
 * algorithm 6, which needs no correction for small or large counts. The standard
 * error is 1.04 / sqrt(2^bits). */
#ifndef SLC_PROFILE_HLL_H
#define SLC_PROFILE_HLL_H

#include <stdbool.h>
#include <stdint.h>

enum { SLC_HLL_MIN_BITS = 8, SLC_HLL_MAX_BITS = 14 };

/* Zeroed holds nothing; initialise with slc_hll_init(). */
struct slc_hll {
    int bits;
    uint8_t *registers; /* owned; 2^bits */
};

/* False when memory ran out. */
bool slc_hll_init(struct slc_hll *hll, int bits);
void slc_hll_release(struct slc_hll *hll);

static inline void slc_hll_add(struct slc_hll *hll, uint64_t hash)
{
    uint64_t place = hash >> (64 - hll->bits);
    /* The bit set behind the hash ends the run of zeros in any case. */
    uint64_t rest = hash << hll->bits | UINT64_C(1) << (hll->bits - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);

    if (rank > hll->registers[place])
        hll->registers[place] = rank;
}

double slc_hll_estimate(const struct slc_hll *hll);

#endif
