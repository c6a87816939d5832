/* Non-cryptographic hashing: XXH3 of libxxhash, compiled inline so that short
 * keys cost a few cycles. */
#ifndef SLC_BASE_HASH_H
#define SLC_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wundef"
#define XXH_INLINE_ALL
#include <xxhash.h>
#pragma GCC diagnostic pop

static inline uint64_t slc_hash_bytes(const void *bytes, size_t len)
{
    return XXH3_64bits(bytes, len);
}

/* A strong mix of one 64-bit value (the finalizer of SplitMix64). */
static inline uint64_t slc_hash_u64(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

#endif
