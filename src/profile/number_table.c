#include "profile/number_table.h"

#include <stdlib.h>

#include "profile/zeroed.h"

enum {
    FIRST_SLOTS = 64,
    PREFETCH_FROM_BYTES = 1 << 18, /* smaller tables live in the second-level cache */
    ROOMY_SLOTS = 2048,            /* up to here only 1/8 is used, so that probes seldom miss */
    BATCH = 64,
    FARTHEST = 512, /* slots from its hash's own; only keys made to collide get there */
};

void slc_number_table_release(struct slc_number_table *table)
{
    free(table->slots);
    *table = (struct slc_number_table){0};
}

static inline struct slc_number_slot *find(const struct slc_number_table *table, uint64_t key,
                                           uint64_t hash)
{
    size_t at = hash >> table->shift, mask = table->n_slots - 1;

    while (table->slots[at].count && table->slots[at].key != key)
        at = (at + 1) & mask;
    return &table->slots[at];
}

static inline size_t distance(const struct slc_number_table *table,
                              const struct slc_number_slot *slot, uint64_t hash)
{
    return ((size_t)(slot - table->slots) - (hash >> table->shift)) & (table->n_slots - 1);
}

static bool grow(struct slc_number_table *table, size_t limit_bytes)
{
    struct slc_number_table wider = {.n_slots = table->n_slots ? table->n_slots * 4 : FIRST_SLOTS};

    if (wider.n_slots * sizeof(*wider.slots) > limit_bytes)
        wider.n_slots = table->n_slots * 2;
    if (wider.n_slots == 0 || wider.n_slots * sizeof(*wider.slots) > limit_bytes)
        return false;
    wider.slots = slc_zeroed(wider.n_slots, sizeof(*wider.slots));
    if (!wider.slots)
        return false;
    wider.n = table->n;
    wider.shift = 64 - __builtin_ctzll(wider.n_slots);
    for (size_t i = 0; i < table->n_slots; i++) {
        const struct slc_number_slot *slot = &table->slots[i];

        if (slot->count)
            *find(&wider, slot->key, slc_number_hash(slot->key)) = *slot;
    }
    free(table->slots);
    *table = wider;
    return true;
}

/* Room for one more key. */
static bool make_room(struct slc_number_table *table, size_t limit_bytes)
{
    if (table->n * 8 >= table->n_slots * 5)
        return grow(table, limit_bytes);
    if (table->n * 8 >= table->n_slots && table->n_slots < ROOMY_SLOTS)
        (void)grow(table, limit_bytes); /* as it is will do, too */
    return true;
}

int64_t slc_number_table_add(struct slc_number_table *table, const uint64_t *keys,
                             const uint64_t *hashes, int64_t n, size_t limit_bytes)
{
    if (n > 0 && table->n_slots == 0 && !grow(table, limit_bytes))
        return 0;
    for (int64_t start = 0; start < n; start += BATCH) {
        int64_t end = start + BATCH < n ? start + BATCH : n;

        if (table->n_slots * sizeof(*table->slots) > PREFETCH_FROM_BYTES)
            for (int64_t i = start; i < end; i++)
                __builtin_prefetch(&table->slots[hashes[i] >> table->shift], 1);
        for (int64_t i = start; i < end; i++) {
            struct slc_number_slot *slot = &table->slots[hashes[i] >> table->shift];

            if (slot->key != keys[i] || !slot->count) {
                slot = find(table, keys[i], hashes[i]);
                if (!slot->count) {
                    if (!make_room(table, limit_bytes))
                        return i;
                    slot = find(table, keys[i], hashes[i]);
                    if (distance(table, slot, hashes[i]) > FARTHEST)
                        return i;
                    slot->key = keys[i];
                    table->n++;
                }
            }
            slot->count++;
        }
    }
    return n;
}

bool slc_number_table_add_times(struct slc_number_table *table, uint64_t key, int64_t times,
                                size_t limit_bytes)
{
    uint64_t hash = slc_number_hash(key);

    if (slc_number_table_add(table, &key, &hash, 1, limit_bytes) == 0)
        return false;
    find(table, key, hash)->count += times - 1;
    return true;
}
