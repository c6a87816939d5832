/* The most frequent values. */
#ifndef SLC_PROFILE_TOP_H
#define SLC_PROFILE_TOP_H

#include <stdint.h>

#include "base/arena.h"
#include "profile/profile.h"

/* Order of two values of the same type; texts bytewise. <0, 0, >0. */
int slc_value_cmp(const struct slc_value *a, const struct slc_value *b);

/* Offer a value to the list of the `max` best: falling counts, equal counts by
 * rising value. */
void slc_top_offer(struct slc_value_count *best, int *n, int max, const struct slc_value *value,
                   int64_t count);

enum { SLC_LEADERS = 64, SLC_LEADER_SLOTS = 2048, SLC_LEADER_TEXT_BYTES = 4096 };

/* The values that led when the table was given up, counted on. */
struct slc_leaders {
    int n;
    uint64_t hashes[SLC_LEADERS];
    struct slc_value_count values[SLC_LEADERS];
    uint8_t
        slots[SLC_LEADER_SLOTS]; /* by the hash's top bits: index + 1, 0 empty; linear probing */
    struct slc_arena arena;      /* of the texts */
};

/* Take over `n` values with their hashes; texts are copied. False when memory
 * ran out. */
bool slc_leaders_init(struct slc_leaders *leaders, const struct slc_value_count *values,
                      const uint64_t *hashes, int n);
void slc_leaders_release(struct slc_leaders *leaders);

/* The leader with that hash, or NULL; of texts `text` is compared, too. */
static inline struct slc_value_count *slc_leaders_find(struct slc_leaders *leaders, uint64_t hash,
                                                       const struct slc_str *text)
{
    size_t at = hash >> 53;

    for (; leaders->slots[at]; at = (at + 1) & (SLC_LEADER_SLOTS - 1)) {
        int i = leaders->slots[at] - 1;

        if (leaders->hashes[i] == hash &&
            (!text || slc_str_eq(leaders->values[i].value.text, *text)))
            return &leaders->values[i];
    }
    return NULL;
}

#endif
