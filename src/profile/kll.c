#include "profile/kll.h"

#include <stdlib.h>

#include "base/hash.h"

/* No level with what comes into it is ever larger than 2 k, see flush(). */
enum { MOST_ROOM = 2 * SLC_KLL_MAX_K, MORE_LEVELS = 4 };

bool slc_kll_init(struct slc_kll *kll, int k)
{
    memset(kll, 0, sizeof(*kll));
    kll->k = (uint32_t)k;
    kll->random = UINT64_C(0x9e3779b97f4a7c15);
    kll->base = malloc(kll->k * sizeof(*kll->base));
    return kll->base != NULL;
}

void slc_kll_release(struct slc_kll *kll)
{
    if (!kll)
        return;
    free(kll->base);
    for (int i = 0; i < kll->n_levels; i++)
        free(kll->levels[i].keys);
    free(kll->levels);
    memset(kll, 0, sizeof(*kll));
}

static uint64_t next_random(struct slc_kll *kll)
{
    kll->random += UINT64_C(0x9e3779b97f4a7c15); /* SplitMix64 */
    return slc_hash_u64(kll->random);
}

/* Bring the level into being, with those below it. */
static bool reach(struct slc_kll *kll, int level)
{
    if (level >= kll->level_capacity) {
        int capacity = level + MORE_LEVELS;
        struct slc_kll_level *levels = realloc(kll->levels, (size_t)capacity * sizeof(*levels));

        if (!levels)
            return false;
        kll->levels = levels;
        kll->level_capacity = capacity;
    }
    while (kll->n_levels <= level)
        kll->levels[kll->n_levels++] = (struct slc_kll_level){0};
    return true;
}

static size_t least_capacity(const struct slc_kll *kll)
{
    return kll->k / 16;
}

/* Levels shrink by two thirds from the topmost down. */
static size_t level_capacity(const struct slc_kll *kll, int level)
{
    size_t capacity = kll->k, least = least_capacity(kll);

    for (int i = level; i < kll->n_levels - 1 && capacity > least; i++)
        capacity = capacity * 2 / 3;
    return capacity < least ? least : capacity;
}

static size_t merge(const uint64_t *a, size_t n_a, const uint64_t *b, size_t n_b, uint64_t *to)
{
    size_t i = 0, j = 0, n = 0;

    while (i < n_a && j < n_b) {
        bool take_b = b[j] < a[i];

        to[n++] = take_b ? b[j] : a[i];
        j += take_b;
        i += !take_b;
    }
    for (; i < n_a; i++)
        to[n++] = a[i];
    for (; j < n_b; j++)
        to[n++] = b[j];
    return n;
}

static bool keep(struct slc_kll_level *level, const uint64_t *keys, size_t n, size_t capacity)
{
    size_t wanted = n > capacity ? n : capacity;

    if (n > level->capacity || !level->keys || level->capacity > 2 * wanted) {
        uint64_t *room = realloc(level->keys, wanted * sizeof(*room));

        if (!room)
            return false;
        level->keys = room;
        level->capacity = (uint32_t)wanted;
    }
    if (n)
        memcpy(level->keys, keys, n * sizeof(*keys));
    level->n = (uint32_t)n;
    return true;
}

/* Every other one of the sorted keys, into `to`. The last of an odd number stays
 * in the level. Returns how many were taken. */
static size_t compact(struct slc_kll *kll, struct slc_kll_level *level, const uint64_t *keys,
                      size_t n, uint64_t *to)
{
    size_t taken = 0;

    level->odd = level->flip ? !level->odd : (next_random(kll) & 1) != 0;
    level->flip = !level->flip;
    for (size_t i = level->odd; i < (n & ~(size_t)1); i += 2)
        to[taken++] = keys[i];
    return taken;
}

/* Bring sorted keys into a level, and on into those above it where one is over
 * its capacity. `keys` and `scratch` have room for all that may meet. */
static bool carry(struct slc_kll *kll, int at, uint64_t *keys, size_t n, uint64_t *scratch)
{
    while (n > 0) {
        struct slc_kll_level *level;
        size_t total, capacity;

        if (!reach(kll, at))
            return false;
        level = &kll->levels[at];
        capacity = level_capacity(kll, at);
        total = merge(level->keys, level->n, keys, n, scratch);
        if (total <= capacity || at == SLC_KLL_LEVELS - 1)
            return keep(level, scratch, total, capacity);
        n = compact(kll, level, scratch, total, keys);
        if (!keep(level, scratch + (total & ~(size_t)1), total & 1, capacity))
            return false;
        at++;
    }
    return true;
}

/* At most k keys meet at most k in a level; half of the 2 k go on. */
static bool flush(struct slc_kll *kll)
{
    uint64_t scratch[MOST_ROOM];
    size_t n = kll->n_base;

    slc_sort_keys(kll->base, scratch, n);
    kll->n_base = 0;
    if (n < kll->k)
        return carry(kll, kll->shift, kll->base, n, scratch);
    if (!reach(kll, kll->shift))
        return false;
    /* A full base is its level's compaction; what an earlier one left there
     * stays there. */
    n = compact(kll, &kll->levels[kll->shift], kll->base, n, scratch);
    memcpy(kll->base, scratch, n * sizeof(*scratch));
    return carry(kll, kll->shift + 1, kll->base, n, scratch);
}

/* The variance that drawing one of 2^s adds to a rank is at most n (2^s - 1) / 4;
 * s grows when that stays below (0.0004 n)^2. */
static int shift_for(uint64_t n)
{
    int shift = 0;

    while (shift < 32 && n / 1562500 >= (UINT64_C(2) << shift) - 1)
        shift++;
    return shift;
}

static bool start_run(struct slc_kll *kll)
{
    int shift = shift_for(kll->n);

    kll->run = 0;
    if (shift > kll->shift) {
        if (!flush(kll))
            return false;
        kll->shift = shift;
    }
    kll->drawn = kll->shift ? next_random(kll) & ((UINT64_C(1) << kll->shift) - 1) : 0;
    return true;
}

static bool add_drawn(struct slc_kll *kll, const double *values, int64_t n)
{
    const uint64_t length = UINT64_C(1) << kll->shift;

    for (int64_t i = 0; i < n;) {
        uint64_t step = length - kll->run, left = (uint64_t)(n - i);

        if (step > left)
            step = left;
        if (kll->drawn >= kll->run && kll->drawn < kll->run + step)
            kll->pending = slc_sortkey(values[i + (int64_t)(kll->drawn - kll->run)]);
        kll->run += step;
        kll->n += step;
        i += (int64_t)step;
        if (kll->run < length)
            return true;
        kll->base[kll->n_base++] = kll->pending;
        if (kll->n_base == kll->k && !flush(kll))
            return false;
        if (!start_run(kll))
            return false;
        if (UINT64_C(1) << kll->shift != length)
            return slc_kll_add(kll, values + i, n - i);
    }
    return true;
}

bool slc_kll_add(struct slc_kll *kll, const double *values, int64_t n)
{
    while (n > 0 && kll->shift == 0) {
        int64_t step = kll->k - kll->n_base < n ? kll->k - kll->n_base : n;

        for (int64_t i = 0; i < step; i++)
            kll->base[kll->n_base + i] = slc_sortkey(values[i]);
        kll->n_base += (uint32_t)step;
        kll->n += (uint64_t)step;
        values += step;
        n -= step;
        if (kll->n_base == kll->k && (!flush(kll) || !start_run(kll)))
            return false;
    }
    return n == 0 || add_drawn(kll, values, n);
}

bool slc_kll_add_weighted(struct slc_kll *kll, const struct slc_weighted *entries, int64_t n)
{
    size_t room = (size_t)n * 2 + 2 * (size_t)kll->k;
    uint64_t *keys = malloc(room * sizeof(*keys)), *scratch = malloc(room * sizeof(*keys));
    uint64_t *mine = malloc(((size_t)n + 1) * sizeof(*keys)), all = 0;
    size_t n_keys = 0;
    bool good = keys && scratch && mine;

    for (int64_t i = 0; good && i < n; i++) {
        kll->n += entries[i].weight;
        all |= entries[i].weight;
    }
    /* A weight is a sum of powers of two: on level h goes what has bit h set,
     * with what the level below passed on. */
    for (int level = 0; good && level < SLC_KLL_LEVELS && (n_keys > 0 || all >> level); level++) {
        struct slc_kll_level *at;
        size_t n_mine = 0, total;

        good = reach(kll, level);
        if (!good)
            break;
        at = &kll->levels[level];
        for (int64_t i = 0; i < n; i++)
            if (entries[i].weight >> level & 1)
                mine[n_mine++] = entries[i].key;
        total = merge(keys, n_keys, mine, n_mine, scratch);
        n_keys = 0;
        if (total <= least_capacity(kll)) {
            good = keep(at, scratch, total, total + 1);
            continue;
        }
        if (total <= kll->k && !(all >> level >> 1)) {
            good = keep(at, scratch, total, kll->k); /* the topmost one */
            break;
        }
        n_keys = compact(kll, at, scratch, total, keys);
        good = keep(at, scratch + (total & ~(size_t)1), total & 1, 1);
    }
    free(keys);
    free(scratch);
    free(mine);
    return good && start_run(kll);
}

int64_t slc_kll_n_entries(const struct slc_kll *kll)
{
    int64_t n = kll->n_base + 1;

    for (int i = 0; i < kll->n_levels; i++)
        n += kll->levels[i].n;
    return n;
}

int64_t slc_kll_entries(const struct slc_kll *kll, struct slc_weighted *entries)
{
    int64_t n = 0;

    for (int level = 0; level < kll->n_levels; level++)
        for (uint32_t i = 0; i < kll->levels[level].n; i++)
            entries[n++] = (struct slc_weighted){kll->levels[level].keys[i], UINT64_C(1) << level};
    for (uint32_t i = 0; i < kll->n_base; i++)
        entries[n++] = (struct slc_weighted){kll->base[i], UINT64_C(1) << kll->shift};
    if (kll->run > kll->drawn) /* a run that is cut off stands for what there was of it */
        entries[n++] = (struct slc_weighted){kll->pending, kll->run};
    else if (kll->run > 0 && n > 0)
        entries[n - 1].weight += kll->run;
    return n;
}
