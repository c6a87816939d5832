#include <math.h>

#include "base/utf8.h"
#include "profile/internal.h"

enum { BINS = SLC_HISTOGRAM_BINS };

static void begin(struct slc_summary *summary, const struct slc_accumulator *column)
{
    *summary = (struct slc_summary){
        .type = column->type,
        .n_rows = column->n_rows,
        .n_missing = column->n_missing,
        .distinct_is_exact = true,
        .sum = NAN,
        .mean = NAN,
        .std = NAN,
        .variance = NAN,
        .skewness = NAN,
        .quantiles = {NAN, NAN, NAN},
        .finite_min = NAN,
        .finite_max = NAN,
        .max_abs = NAN,
        .text_mean_len = NAN,
        .distinct_text_bytes = -1,
        .top_is_exact = true,
        .duplicate_of = -1,
        .first = column->first,
    };
}

/* Between 1 and the number of values. */
static int64_t estimate_distinct(const struct slc_hll *hll, int64_t n_values)
{
    double estimate = round(slc_hll_estimate(hll));

    if (!(estimate < (double)n_values))
        return n_values;
    return estimate < 1.0 ? 1 : (int64_t)estimate;
}

static void copy_leaders(struct slc_summary *summary, const struct slc_leaders *leaders)
{
    summary->top_is_exact = false;
    for (int i = 0; i < leaders->n; i++)
        slc_top_offer(summary->top, &summary->n_top, SLC_TOP_VALUES, &leaders->values[i].value,
                      leaders->values[i].count);
}

/* numpy.histogram(): the bin by arithmetic, put right by the edges, which are
 * those of numpy.linspace(). */
static int bin_of(double x, const double edges[BINS + 1], double factor)
{
    double place = (x - edges[0]) * factor;
    int bin = place >= BINS ? BINS - 1 : (int)place;

    if (x < edges[bin])
        bin--;
    if (bin != BINS - 1 && x >= edges[bin + 1])
        bin++;
    return bin < 0 ? 0 : bin;
}

static void fill_histogram(struct slc_summary *summary, const struct slc_ranks *ranks)
{
    double low = summary->finite_min, high = summary->finite_max, edges[BINS + 1], step;
    int64_t before = 0;

    if (low == high) {
        low -= 0.5;
        high += 0.5;
    }
    step = (high - low) / BINS;
    /* Not with a range past all doubles, nor with one that has no 20 parts. */
    if (!isfinite(step) || step <= 0.0 || !isfinite(BINS / (high - low)))
        return;
    for (int i = 0; i < BINS; i++)
        edges[i] = i * step + low;
    edges[BINS] = high;
    for (int64_t i = 0; i < ranks->n; i++) {
        summary->histogram[bin_of(ranks->values[i], edges, BINS / (high - low))] +=
            ranks->up_to[i] - before;
        before = ranks->up_to[i];
    }
    summary->n_bins = BINS;
}

static void count_number_values(struct slc_summary *summary, const struct slc_numbers *numbers)
{
    if (numbers->sketch) {
        summary->distinct_is_exact = false;
        summary->distinct_error = slc_hll_error(numbers->sketch->hll.bits);
        summary->n_distinct = estimate_distinct(&numbers->sketch->hll, numbers->n);
        copy_leaders(summary, &numbers->sketch->leaders);
        return;
    }
    summary->n_distinct = (int64_t)numbers->table.n;
    for (size_t i = 0; i < numbers->table.n_slots; i++) {
        const struct slc_number_slot *slot = &numbers->table.slots[i];
        struct slc_value value = slc_numbers_value(numbers->type, slot->key);

        if (slot->count)
            slc_top_offer(summary->top, &summary->n_top, SLC_TOP_VALUES, &value, slot->count);
    }
}

/* The column's values in order. They are kept, since quantiles may be asked for;
 * when there is too much of them, those of other columns go. */
static const struct slc_ranks *ranks_of(struct slc_profile *profile, int64_t column)
{
    struct slc_numbers *numbers = profile->columns[column].numbers;
    size_t bytes;

    if (!numbers || numbers->ranks || numbers->moments.n == 0)
        return numbers ? numbers->ranks : NULL;
    bytes = slc_numbers_ranks_bytes(numbers);
    if (profile->ranks_bytes > 0 && profile->ranks_bytes + bytes > profile->ranks_limit_bytes) {
        for (int64_t i = profile->ranked_from; i <= profile->ranked_to; i++)
            if (profile->columns[i].numbers)
                slc_numbers_drop_ranks(profile->columns[i].numbers);
        profile->ranks_bytes = 0;
    }
    if (profile->ranks_bytes == 0)
        profile->ranked_from = profile->ranked_to = column;
    profile->ranks_bytes += bytes;
    if (column < profile->ranked_from)
        profile->ranked_from = column;
    if (column > profile->ranked_to)
        profile->ranked_to = column;
    return slc_numbers_ranks(numbers);
}

static void summarize_numbers(struct slc_profile *profile, int64_t column,
                              struct slc_summary *summary)
{
    struct slc_numbers *numbers = profile->columns[column].numbers;
    const struct slc_moments *moments = &numbers->moments;
    const struct slc_ranks *ranks;

    summary->min = numbers->min;
    summary->max = numbers->max;
    summary->n_finite = moments->n;
    summary->sum = slc_dd_value(moments->sum);
    summary->mean = slc_moments_mean(moments);
    summary->variance = slc_moments_variance(moments, 0);
    summary->std = sqrt(slc_moments_variance(moments, 1));
    summary->skewness = slc_moments_skewness(moments);
    summary->n_zero = numbers->n_zero;
    summary->n_negative = numbers->n_negative;
    summary->n_infinite = numbers->n_infinite;
    summary->fits_float32 = !numbers->has_no_float32;
    count_number_values(summary, numbers);
    if (moments->n == 0)
        return;
    summary->finite_min = moments->min;
    summary->finite_max = moments->max;
    summary->max_abs = fmax(fabs(moments->min), fabs(moments->max));
    ranks = ranks_of(profile, column);
    if (!ranks)
        return;
    summary->quantiles_are_exact = !numbers->sketch;
    if (numbers->sketch)
        summary->quantile_error = slc_kll_error((int)numbers->sketch->kll.k);
    for (int i = 0; i < 3; i++)
        summary->quantiles[i] = slc_ranks_quantile(ranks, 0.25 * (i + 1), 0.0, 0);
    fill_histogram(summary, ranks);
}

static struct slc_value extreme_value(const struct slc_texts *texts,
                                      const struct slc_text_extreme *extreme)
{
    struct slc_str kept = {.data = extreme->bytes, .len = extreme->len};

    return (struct slc_value){.type = texts->type,
                              .text = slc_utf8_clip(kept, SLC_TEXT_SHOWN_BYTES)};
}

static void summarize_texts(struct slc_summary *summary, const struct slc_texts *texts)
{
    int64_t chars, bytes;

    slc_texts_sizes(texts, &chars, &bytes);
    summary->text_bytes = bytes;
    if (texts->n == 0)
        return;
    summary->min = extreme_value(texts, &texts->min);
    summary->max = extreme_value(texts, &texts->max);
    summary->text_min_len = texts->min_chars;
    summary->text_max_len = texts->max_chars;
    summary->text_mean_len = (double)chars / (double)texts->n;
    if (texts->sketch) {
        summary->distinct_is_exact = false;
        summary->distinct_error =
            texts->sketch->is_one ? 0.0 : slc_hll_error(texts->sketch->hll.bits);
        summary->n_distinct =
            texts->sketch->is_one ? 1 : estimate_distinct(&texts->sketch->hll, texts->n);
        copy_leaders(summary, &texts->sketch->leaders);
        return;
    }
    summary->n_distinct = (int64_t)texts->table.n;
    summary->distinct_text_bytes = texts->table.text_bytes;
    for (size_t i = 0; i < texts->table.n_slots; i++) {
        const struct slc_text_slot *slot = &texts->table.slots[i];
        struct slc_value value = {.type = texts->type, .text = slc_text_slot_text(slot)};

        if (slot->count)
            slc_top_offer(summary->top, &summary->n_top, SLC_TOP_VALUES, &value, slot->count);
    }
}

static void summarize_bools(struct slc_summary *summary, const struct slc_accumulator *column)
{
    const int64_t counts[2] = {column->n_false, column->n_true};

    for (int i = 0; i < 2; i++) {
        struct slc_value value = {.type = SLC_TYPE_BOOL, .boolean = i};

        if (!counts[i])
            continue;
        summary->n_distinct++;
        if (summary->min.type == SLC_TYPE_NULL)
            summary->min = value;
        summary->max = value;
        slc_top_offer(summary->top, &summary->n_top, SLC_TOP_VALUES, &value, counts[i]);
    }
    summary->n_zero = column->n_false;
}

static bool is_constant(const struct slc_summary *summary, const struct slc_accumulator *column)
{
    if (summary->n_rows == 0 || summary->n_missing == summary->n_rows)
        return summary->n_rows > 0;
    if (summary->n_missing > 0)
        return false;
    /* A text column of one value too long for the table counts, too. */
    if (column->texts && column->texts->sketch)
        return column->texts->sketch->is_one;
    return summary->distinct_is_exact && summary->n_distinct == 1;
}

static bool are_equal(const struct slc_profile *profile, int64_t a, int64_t b)
{
    const struct slc_digest128 *x = &profile->digests[a], *y = &profile->digests[b];
    const struct slc_accumulator *p, *q;

    if (x->low != y->low || x->high != y->high)
        return false;
    p = &profile->columns[a];
    q = &profile->columns[b];
    return p->n_rows == q->n_rows && p->n_missing == q->n_missing &&
           (p->type == q->type || p->n_missing == p->n_rows);
}

void slc_profile_summarize(struct slc_profile *profile, int64_t column, struct slc_summary *ret)
{
    struct slc_accumulator *mine = &profile->columns[column];

    begin(ret, mine);
    if (mine->numbers)
        summarize_numbers(profile, column, ret);
    else if (mine->texts)
        summarize_texts(ret, mine->texts);
    else if (mine->type == SLC_TYPE_BOOL)
        summarize_bools(ret, mine);
    ret->is_constant = is_constant(ret, mine);
    for (int64_t other = 0; mine->n_rows > 0 && other < column; other++)
        if (are_equal(profile, other, column)) {
            ret->duplicate_of = other;
            break;
        }
}

double slc_profile_quantile(struct slc_profile *profile, int64_t column, double q,
                            double extra_value, int64_t extra_count)
{
    return slc_ranks_quantile(ranks_of(profile, column), q, extra_value, extra_count);
}
