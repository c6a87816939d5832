/* The most frequent values. */
#ifndef SLC_PROFILE_TOP_H
#define SLC_PROFILE_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile/profile.h"

/* Order of two values of the same type; texts bytewise. <0, 0, >0. */
int slc_value_cmp(const struct slc_value *a, const struct slc_value *b);

/* Offer a value to the list of the `max` best: falling counts, equal counts by
 * rising value. */
void slc_top_offer(struct slc_value_count *best, int *n, int max, const struct slc_value *value,
                   int64_t count);

enum { SLC_MAX_LEADERS = 64, SLC_LEADER_TEXT_BYTES = 4096 };

/* The values that led when the table was given up, counted on. Zeroed has none;
 * initialise with slc_leaders_init() before looking for one. */
struct slc_leaders {
    int n;
    int shift;                      /* slot of a hash: hash >> shift */
    uint32_t mask;                  /* slots - 1 */
    struct slc_value_count *values; /* owned, with all of the following in one piece */
    uint64_t *hashes;
    uint8_t *slots; /* by the hash's top bits: index + 1, 0 empty; linear probing */
    char *texts;    /* owned; the texts' bytes */
};

/* Take over the first `n` <= `max` values with their hashes, `max` a power of
 * two up to SLC_MAX_LEADERS. Texts are copied; those are left out that are too
 * long for what is left of `text_bytes`. False when memory ran out. */
bool slc_leaders_init(struct slc_leaders *leaders, const struct slc_value_count *values,
                      const uint64_t *hashes, int n, int max, size_t text_bytes);
void slc_leaders_release(struct slc_leaders *leaders);

/* The leader with that hash, or NULL; of texts `text` is compared, too. */
static inline struct slc_value_count *slc_leaders_find(struct slc_leaders *leaders, uint64_t hash,
                                                       const struct slc_str *text)
{
    size_t at = hash >> leaders->shift;

    for (; leaders->slots[at]; at = (at + 1) & leaders->mask) {
        int i = leaders->slots[at] - 1;

        if (leaders->hashes[i] == hash &&
            (!text || slc_str_eq(leaders->values[i].value.text, *text)))
            return &leaders->values[i];
    }
    return NULL;
}

#endif
