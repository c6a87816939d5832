/* HyperLogLog: how many distinct hashes there were, in 16 KiB.
 *
 * Flajolet, Fusy, Gandouet, Meunier (2007); the estimator is that of O. Ertl,
 * "New cardinality estimation algorithms for HyperLogLog sketches" (2017),
 * algorithm 6, which needs no correction for small or large counts. */
#ifndef SLC_PROFILE_HLL_H
#define SLC_PROFILE_HLL_H

#include <stdint.h>

enum { SLC_HLL_BITS = 14, SLC_HLL_REGISTERS = 1 << SLC_HLL_BITS };

/* Zeroed is empty. */
struct slc_hll {
    uint8_t registers[SLC_HLL_REGISTERS];
};

static inline void slc_hll_add(struct slc_hll *hll, uint64_t hash)
{
    uint64_t place = hash >> (64 - SLC_HLL_BITS);
    /* The bit set behind the hash ends the run of zeros in any case. */
    uint64_t rest = hash << SLC_HLL_BITS | UINT64_C(1) << (SLC_HLL_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);

    if (rank > hll->registers[place])
        hll->registers[place] = rank;
}

double slc_hll_estimate(const struct slc_hll *hll);

#endif
