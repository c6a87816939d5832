/* A running 128-bit hash, to tell equal columns. */
#ifndef SLC_PROFILE_DIGEST128_H
#define SLC_PROFILE_DIGEST128_H

#include "base/hash.h"

struct slc_digest128 {
    uint64_t low, high;
};

static inline void slc_digest128_add(struct slc_digest128 *digest, const void *bytes, size_t len)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, len, digest->low);

    digest->low = hash.low64;
    digest->high = slc_hash_u64(digest->high ^ hash.high64) + UINT64_C(0x9e3779b97f4a7c15);
}

#endif
