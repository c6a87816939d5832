#include "profile/sortkey.h"

enum { DIGIT_VALUES = 256, DIGITS = 8 };

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

void slc_sort_keys(uint64_t *keys, uint64_t *spare, size_t n)
{
    uint64_t *from = keys, *to = spare, differs = 0;

    for (size_t i = 1; i < n; i++)
        differs |= keys[i] ^ keys[0];
    for (int digit = 0; digit < DIGITS; digit++) {
        uint32_t starts[DIGIT_VALUES] = {0};
        int shift = digit * 8;
        uint64_t *swap = from;

        if ((differs >> shift & 0xff) == 0)
            continue;
        for (size_t i = 0; i < n; i++)
            starts[from[i] >> shift & 0xff]++;
        starts_from_counts(starts);
        for (size_t i = 0; i < n; i++)
            to[starts[from[i] >> shift & 0xff]++] = from[i];
        from = to;
        to = swap;
    }
    if (from != keys && n)
        memcpy(keys, from, n * sizeof(*keys));
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
