#include <math.h>
#include <stdlib.h>

#include "profile/internal.h"

/* What the table or the sketch knows, unsorted, with the column's ends. */
static int64_t collect(const struct slc_numbers *numbers, struct slc_weighted *entries)
{
    int64_t n = 0;

    if (numbers->sketch)
        return slc_kll_entries(&numbers->sketch->kll, entries);
    for (size_t i = 0; i < numbers->table.n_slots; i++) {
        const struct slc_number_slot *slot = &numbers->table.slots[i];
        struct slc_value value = slc_numbers_value(numbers->type, slot->key);
        double x = slc_numbers_double(&value);

        if (slot->count && isfinite(x))
            entries[n++] = (struct slc_weighted){slc_sortkey(x), (uint64_t)slot->count};
    }
    return n;
}

static void add_entry(struct slc_ranks *ranks, double value, uint64_t weight)
{
    int64_t before = ranks->n ? ranks->up_to[ranks->n - 1] : 0;

    if (weight == 0)
        return;
    if (ranks->n && ranks->values[ranks->n - 1] == value) {
        ranks->up_to[ranks->n - 1] += (int64_t)weight;
        return;
    }
    ranks->values[ranks->n] = value;
    ranks->up_to[ranks->n++] = before + (int64_t)weight;
}

/* The sketch may have lost the smallest and the largest value; they are known,
 * and one of the values that the outermost entry stands for. */
static void fill(struct slc_ranks *ranks, const struct slc_numbers *numbers,
                 const struct slc_weighted *entries, int64_t n)
{
    const struct slc_moments *moments = &numbers->moments;

    for (int64_t i = 0; i < n; i++) {
        uint64_t weight = entries[i].weight, at_min = 0, at_max = 0;

        if (numbers->sketch) {
            at_min = i == 0;
            at_max = i == n - 1 && weight > at_min;
        }
        add_entry(ranks, moments->min, at_min);
        add_entry(ranks, slc_sortkey_value(entries[i].key), weight - at_min - at_max);
        add_entry(ranks, moments->max, at_max);
    }
}

static int64_t n_entries(const struct slc_numbers *numbers)
{
    return numbers->sketch ? slc_kll_n_entries(&numbers->sketch->kll) : (int64_t)numbers->table.n;
}

size_t slc_numbers_ranks_bytes(const struct slc_numbers *numbers)
{
    const struct slc_ranks *ranks = numbers->ranks;

    return sizeof(*ranks) +
           (size_t)(n_entries(numbers) + 2) * (sizeof(*ranks->values) + sizeof(*ranks->up_to));
}

const struct slc_ranks *slc_numbers_ranks(struct slc_numbers *numbers)
{
    int64_t room = n_entries(numbers);
    struct slc_weighted *entries, *spare;
    struct slc_ranks *ranks;
    int64_t n;

    if (numbers->ranks || numbers->moments.n == 0)
        return numbers->ranks;
    entries = malloc((size_t)(room + 1) * sizeof(*entries));
    spare = malloc((size_t)(room + 1) * sizeof(*spare));
    ranks = calloc(1, sizeof(*ranks));
    if (ranks) {
        ranks->values = malloc((size_t)(room + 2) * sizeof(*ranks->values));
        ranks->up_to = malloc((size_t)(room + 2) * sizeof(*ranks->up_to));
    }
    if (entries && spare && ranks && ranks->values && ranks->up_to) {
        n = collect(numbers, entries);
        slc_sort_weighted(entries, spare, (size_t)n);
        fill(ranks, numbers, entries, n);
        numbers->ranks = ranks;
    } else if (ranks) {
        free(ranks->values);
        free(ranks->up_to);
        free(ranks);
    }
    free(entries);
    free(spare);
    return numbers->ranks;
}

/* The value at place `at` (from 0) of the column's values in order. */
static double value_at(const struct slc_ranks *ranks, int64_t at)
{
    int64_t low = 0, high = ranks->n - 1;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (ranks->up_to[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    return ranks->values[low];
}

static int64_t count_below(const struct slc_ranks *ranks, double value)
{
    int64_t low = 0, high = ranks ? ranks->n : 0;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (ranks->values[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? ranks->up_to[low - 1] : 0;
}

double slc_ranks_quantile(const struct slc_ranks *ranks, double q, double extra_value,
                          int64_t extra_count)
{
    int64_t n = (ranks && ranks->n ? ranks->up_to[ranks->n - 1] : 0) + extra_count;
    int64_t n_below = extra_count ? count_below(ranks, extra_value) : 0, place;
    double at = (double)(n - 1) * q, ends[2], part;

    if (n == 0 || !(q >= 0.0 && q <= 1.0))
        return NAN;
    place = (int64_t)floor(at);
    part = at - (double)place;
    for (int i = 0; i < 2; i++) {
        int64_t k = place + i < n ? place + i : n - 1;

        if (extra_count == 0 || k < n_below)
            ends[i] = value_at(ranks, k);
        else
            ends[i] = k - n_below < extra_count ? extra_value : value_at(ranks, k - extra_count);
    }
    /* From the nearer end, as numpy does, so that the last bit agrees. */
    if (part >= 0.5)
        return ends[1] - (ends[1] - ends[0]) * (1.0 - part);
    return ends[0] + (ends[1] - ends[0]) * part;
}
