#include "store/keyset.h"

#include <stdlib.h>

#include "base/hash.h"

enum { FIRST_CAPACITY = 64 };

/* The slot that holds the key, or the free one where it belongs. */
static struct slc_keyset_slot *find(const struct slc_keyset *set, struct slc_str key, uint64_t hash)
{
    size_t mask = set->capacity - 1;

    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct slc_keyset_slot *slot = &set->slots[i];

        if (slot->len_plus_1 == 0)
            return slot;
        if (slot->hash == hash &&
            slc_str_eq((struct slc_str){.data = set->bytes.data + slot->offset,
                                        .len = slot->len_plus_1 - 1},
                       key))
            return slot;
    }
}

static bool grow(struct slc_keyset *set)
{
    size_t capacity = set->capacity ? 2 * set->capacity : FIRST_CAPACITY;
    struct slc_keyset_slot *slots = calloc(capacity, sizeof(*slots));

    if (!slots)
        return false;
    for (size_t i = 0; i < set->capacity; i++) {
        size_t at = (size_t)set->slots[i].hash & (capacity - 1);

        if (set->slots[i].len_plus_1 == 0)
            continue;
        while (slots[at].len_plus_1)
            at = (at + 1) & (capacity - 1);
        slots[at] = set->slots[i];
    }
    free(set->slots);
    set->slots = slots;
    set->capacity = capacity;
    return true;
}

bool slc_keyset_has(const struct slc_keyset *set, struct slc_str key)
{
    return set->count > 0 && find(set, key, slc_hash_bytes(key.data, key.len))->len_plus_1 > 0;
}

bool slc_keyset_add(struct slc_keyset *set, struct slc_str key, bool *ret_added)
{
    uint64_t hash = slc_hash_bytes(key.data, key.len);
    struct slc_keyset_slot *slot;

    if (set->count >= set->capacity / 4 * 3 && !grow(set))
        return false;
    slot = find(set, key, hash);
    *ret_added = slot->len_plus_1 == 0;
    if (!*ret_added)
        return true;
    *slot =
        (struct slc_keyset_slot){.hash = hash, .offset = set->bytes.len, .len_plus_1 = key.len + 1};
    slc_buf_append_str(&set->bytes, key);
    set->count++;
    return !set->bytes.failed;
}

void slc_keyset_release(struct slc_keyset *set)
{
    free(set->slots);
    slc_buf_release(&set->bytes);
    *set = (struct slc_keyset){0};
}
