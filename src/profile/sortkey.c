#include "profile/sortkey.h"

#include <stdbool.h>

enum { DIGIT_VALUES = 256, DIGITS = 8, QUICK_BITS = 24, FEW = 64 };

/* From counts to where each digit's run starts. */
static void starts_from_counts(uint32_t counts[DIGIT_VALUES])
{
    uint32_t at = 0;

    for (int i = 0; i < DIGIT_VALUES; i++) {
        uint32_t count = counts[i];

        counts[i] = at;
        at += count;
    }
}

/* Sort by the bits from `shift` on, eight a pass. */
static void sort_passes(uint64_t *keys, uint64_t *spare, size_t n, int shift, int n_passes)
{
    uint32_t starts[DIGITS][DIGIT_VALUES] = {{0}};
    uint64_t *from = keys, *to = spare;

    for (size_t i = 0; i < n; i++)
        for (int pass = 0; pass < n_passes; pass++)
            starts[pass][keys[i] >> (shift + 8 * pass) & 0xff]++;
    for (int pass = 0; pass < n_passes; pass++) {
        uint64_t *swap = from;

        starts_from_counts(starts[pass]);
        for (size_t i = 0; i < n; i++)
            to[starts[pass][from[i] >> (shift + 8 * pass) & 0xff]++] = from[i];
        from = to;
        to = swap;
    }
    if (from != keys)
        memcpy(keys, from, n * sizeof(*keys));
}

/* Put nearly sorted keys in order. False, and some order, when that takes more
 * than `patience` steps. */
static bool insertion_sort(uint64_t *keys, size_t n, size_t patience)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t key = keys[i];
        size_t at = i;

        for (; at > 0 && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
        if (i - at > patience)
            return false;
        patience -= i - at;
    }
    return true;
}

/* Mostly, the first 24 bits in which the keys differ tell nearly all of them
 * apart, and three passes do instead of eight. */
void slc_sort_keys(uint64_t *keys, uint64_t *spare, size_t n)
{
    uint64_t differs = 0, is_unsorted = 0;
    int n_bits;

    for (size_t i = 1; i < n; i++) {
        differs |= keys[i] ^ keys[0];
        is_unsorted |= keys[i] < keys[i - 1];
    }
    if (!is_unsorted)
        return;
    if (n <= FEW) { /* quicker than counting digits */
        (void)insertion_sort(keys, n, SIZE_MAX);
        return;
    }
    n_bits = 64 - __builtin_clzll(differs);
    if (n_bits <= QUICK_BITS) {
        sort_passes(keys, spare, n, 0, (n_bits + 7) / 8);
        return;
    }
    sort_passes(keys, spare, n, n_bits - QUICK_BITS, QUICK_BITS / 8);
    if (!insertion_sort(keys, n, 2 * n))
        sort_passes(keys, spare, n, 0, (n_bits + 7) / 8);
}

void slc_sort_weighted(struct slc_weighted *entries, struct slc_weighted *spare, size_t n)
{
    struct slc_weighted *from = entries, *to = spare;
    uint64_t differs = 0;

    for (size_t i = 1; i < n; i++)
        differs |= entries[i].key ^ entries[0].key;
    for (int digit = 0; digit < DIGITS; digit++) {
        uint32_t starts[DIGIT_VALUES] = {0};
        int shift = digit * 8;
        struct slc_weighted *swap = from;

        if ((differs >> shift & 0xff) == 0)
            continue;
        for (size_t i = 0; i < n; i++)
            starts[from[i].key >> shift & 0xff]++;
        starts_from_counts(starts);
        for (size_t i = 0; i < n; i++)
            to[starts[from[i].key >> shift & 0xff]++] = from[i];
        from = to;
        to = swap;
    }
    if (from != entries && n)
        memcpy(entries, from, n * sizeof(*entries));
}
