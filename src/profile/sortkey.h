/* Doubles as unsigned keys of the same order, and sorting by them. */
#ifndef SLC_PROFILE_SORTKEY_H
#define SLC_PROFILE_SORTKEY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A value, as its sort key, and how often it is meant. */
struct slc_weighted {
    uint64_t key;
    uint64_t weight;
};

static inline uint64_t slc_sortkey(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits ^ ((uint64_t)((int64_t)bits >> 63) | UINT64_C(0x8000000000000000));
}

static inline double slc_sortkey_value(uint64_t key)
{
    uint64_t bits = key ^ ((uint64_t)((int64_t)~key >> 63) | UINT64_C(0x8000000000000000));
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Sort in rising order, by radix: no input is slow. `spare` has room for `n`
 * entries; the result is in `keys` (`entries`). n < 2^32. */
void slc_sort_keys(uint64_t *keys, uint64_t *spare, size_t n);
void slc_sort_weighted(struct slc_weighted *entries, struct slc_weighted *spare, size_t n);

#endif
