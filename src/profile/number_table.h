/* Distinct values of 64 bits and how often each one came. Open addressing with
 * linear probing, at most 5/8 full, 16 bytes a slot. */
#ifndef SLC_PROFILE_NUMBER_TABLE_H
#define SLC_PROFILE_NUMBER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct slc_number_slot {
    uint64_t key;
    int64_t count; /* 0: an empty slot */
};

/* Zeroed is empty. */
struct slc_number_table {
    struct slc_number_slot *slots; /* owned */
    size_t n_slots;                /* a power of two, or 0 */
    size_t n;                      /* in use */
    int shift;                     /* slot of a hash: hash >> shift */
};

static inline uint64_t slc_number_hash(uint64_t key)
{
    return slc_hash_u64(key + UINT64_C(0x9e3779b97f4a7c15));
}

void slc_number_table_release(struct slc_number_table *table);

/* Count `n` keys with their hashes, in order. Returns how many were counted:
 * fewer than `n` when the next one would need more than `limit_bytes`, or more
 * memory than there is, or when keys collide so often that they must have been
 * made to. */
int64_t slc_number_table_add(struct slc_number_table *table, const uint64_t *keys,
                             const uint64_t *hashes, int64_t n, size_t limit_bytes);

/* Count one key `times` times. False as above. */
bool slc_number_table_add_times(struct slc_number_table *table, uint64_t key, int64_t times,
                                size_t limit_bytes);

#endif
