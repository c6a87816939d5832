/* A set of byte strings. */
#ifndef SLC_STORE_KEYSET_H
#define SLC_STORE_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct slc_keyset_slot {
    uint64_t hash;
    size_t offset;     /* in `bytes` */
    size_t len_plus_1; /* 0: the slot is free */
};

/* Zero-initialised is empty and valid. */
struct slc_keyset {
    struct slc_keyset_slot *slots;
    size_t capacity; /* a power of two, 0 at first */
    size_t count;
    struct slc_buf bytes;
};

bool slc_keyset_has(const struct slc_keyset *set, struct slc_str key);

/* Add a copy of `key`; `*ret_added` false when it was there already. False when
 * memory ran out. */
bool slc_keyset_add(struct slc_keyset *set, struct slc_str key, bool *ret_added);

void slc_keyset_release(struct slc_keyset *set);

#endif
