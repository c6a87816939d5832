/* The smallest type that holds what the steps made of a column. Values are
 * never changed by it, unless `lossy` was wished: then doubles are rounded to
 * float where that is finite. The type itself is known only when every value has been seen, so
 * apply gathers what decides on it and slc_plan_final_type() decides. */
#include "prep/step.h"

#include <float.h>
#include <math.h>

/* ---- fit --------------------------------------------------------------------- */

/* The largest magnitude that scaling can bring forth from the values seen. */
static double largest_result(const struct slc_summary *summary,
                             const struct slc_column_plan *column)
{
    double largest = 0.0;

    if (summary->n_finite > 0)
        largest = fmax(fabs(slc_scale_one(column, summary->finite_min)),
                       fabs(slc_scale_one(column, summary->finite_max)));
    if (column->impute != SLC_IMPUTE_NONE)
        largest = fmax(largest, fabs(slc_scale_one(column, slc_value_as_double(&column->fill))));
    return largest;
}

bool slc_downcast_fit(const struct slc_fit *fit, struct slc_column_plan *column,
                      struct slc_error *error)
{
    (void)error;
    column->downcast = fit->wish->downcast;
    /* Rounding may cost digits; it must not make infinities. A column that would
     * have some is left alone as a whole; values that are seen only when the plan
     * is applied, one by one. */
    if (column->downcast == SLC_DOWNCAST_LOSSY &&
        (column->out_type != SLC_TYPE_FLOAT64 || largest_result(fit->summary, column) > FLT_MAX))
        column->downcast = SLC_DOWNCAST_ON;
    return true;
}

/* ---- apply ------------------------------------------------------------------- */

enum { BLOCK_VALUES = 512 };

static bool is_whole(double x)
{
    /* From 2^53 on every double is whole; the bounds are int64's lowest and
     * uint64's end. */
    if (!(x >= -0x1p63 && x < 0x1p64))
        return false;
    return fabs(x) >= 0x1p53 || (double)(int64_t)x == x;
}

static void add_double(double x, struct slc_outcome *outcome)
{
    outcome->fits_float32 = outcome->fits_float32 && (double)(float)x == x;
    outcome->is_integral = outcome->is_integral && is_whole(x);
    if (!isfinite(x))
        return;
    outcome->min = x < outcome->min ? x : outcome->min;
    outcome->max = x > outcome->max ? x : outcome->max;
}

/* Four strands, so that no comparison waits for the one before it. */
static void block_range(const double *values, int64_t n, double *ret_min, double *ret_max)
{
    double low[4], high[4];
    int64_t i;

    for (int k = 0; k < 4; k++)
        low[k] = high[k] = values[0];
    for (i = 0; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++) {
            double x = values[i + k];

            low[k] = x < low[k] ? x : low[k];
            high[k] = x > high[k] ? x : high[k];
        }
    for (; i < n; i++) {
        low[0] = values[i] < low[0] ? values[i] : low[0];
        high[0] = values[i] > high[0] ? values[i] : high[0];
    }
    for (int k = 1; k < 4; k++) {
        low[0] = low[k] < low[0] ? low[k] : low[0];
        high[0] = high[k] > high[0] ? high[k] : high[0];
    }
    *ret_min = low[0];
    *ret_max = high[0];
}

static bool block_fits_float32(const double *values, int64_t n)
{
    int64_t n_bad = 0;

    for (int64_t i = 0; i < n; i++)
        n_bad += (double)(float)values[i] != values[i];
    return n_bad == 0;
}

/* For values below 2^53 in magnitude. */
static bool block_is_whole(const double *values, int64_t n)
{
    int64_t n_bad = 0;

    for (int64_t i = 0; i < n; i++)
        n_bad += (double)(int64_t)values[i] != values[i];
    return n_bad == 0;
}

static void add_block(const double *values, int64_t n, struct slc_outcome *outcome)
{
    double low, high;

    block_range(values, n, &low, &high);
    if (low <= -0x1p53 || high >= 0x1p53) { /* seldom, so with all the care */
        for (int64_t i = 0; i < n; i++)
            add_double(values[i], outcome);
        return;
    }
    outcome->min = low < outcome->min ? low : outcome->min;
    outcome->max = high > outcome->max ? high : outcome->max;
    /* Most columns lose both in their first block; the rest costs nothing. */
    outcome->fits_float32 = outcome->fits_float32 && block_fits_float32(values, n);
    outcome->is_integral = outcome->is_integral && block_is_whole(values, n);
}

/* What float does not reach stays as it is. */
static void round_to_float(double *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double rounded = (double)(float)values[i];

        values[i] = isinf(rounded) ? values[i] : rounded;
    }
}

static void add_doubles(const struct slc_column *column, int64_t n_rows,
                        struct slc_outcome *outcome)
{
    if (column->n_missing > 0) {
        for (int64_t row = 0; row < n_rows; row++)
            if (slc_column_has(column, row))
                add_double(column->float64s[row], outcome);
        return;
    }
    for (int64_t row = 0; row < n_rows; row += BLOCK_VALUES) {
        int64_t left = n_rows - row;

        add_block(column->float64s + row, left < BLOCK_VALUES ? left : BLOCK_VALUES, outcome);
    }
}

/* A whole number survives float when it has at most 24 significant bits. */
static bool magnitude_fits_float32(uint64_t magnitude)
{
    return magnitude == 0 || magnitude >> __builtin_ctzll(magnitude) < UINT64_C(1) << 24;
}

static void add_int64s(const struct slc_column *column, int64_t n_rows, struct slc_outcome *outcome)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    bool fits = outcome->fits_float32;

    for (int64_t row = 0; row < n_rows; row++) {
        int64_t x = column->int64s[row];

        if (column->n_missing > 0 && !slc_column_has(column, row))
            continue;
        low = x < low ? x : low;
        high = x > high ? x : high;
        fits = fits && magnitude_fits_float32(x < 0 ? 0 - (uint64_t)x : (uint64_t)x);
    }
    outcome->fits_float32 = fits;
    if (low <= high) {
        outcome->min = fmin(outcome->min, (double)low);
        outcome->max = fmax(outcome->max, (double)high);
    }
}

static void add_uint64s(const struct slc_column *column, int64_t n_rows,
                        struct slc_outcome *outcome)
{
    uint64_t low = UINT64_MAX, high = 0;
    bool fits = outcome->fits_float32;

    for (int64_t row = 0; row < n_rows; row++) {
        uint64_t x = column->uint64s[row];

        if (column->n_missing > 0 && !slc_column_has(column, row))
            continue;
        low = x < low ? x : low;
        high = x > high ? x : high;
        fits = fits && magnitude_fits_float32(x);
    }
    outcome->fits_float32 = fits;
    if (low <= high) {
        outcome->min = fmin(outcome->min, (double)low);
        outcome->max = fmax(outcome->max, (double)high);
    }
}

bool slc_downcast_apply(const struct slc_column_plan *plan, struct slc_chunk *chunk,
                        struct slc_column *column, struct slc_outcome *outcome,
                        struct slc_error *error)
{
    int64_t n_rows = chunk->n_rows;
    int64_t n_missing = column->type == SLC_TYPE_NULL ? n_rows : column->n_missing;

    (void)error;
    outcome->n_values += n_rows - n_missing;
    outcome->has_missing = outcome->has_missing || n_missing > 0;
    if (column->type == SLC_TYPE_FLOAT64) {
        if (plan->downcast == SLC_DOWNCAST_LOSSY)
            round_to_float(column->float64s, n_rows);
        add_doubles(column, n_rows, outcome);
    } else if (column->type == SLC_TYPE_INT64) {
        add_int64s(column, n_rows, outcome);
    } else if (column->type == SLC_TYPE_UINT64) {
        add_uint64s(column, n_rows, outcome);
    }
    return true;
}

/* ---- The type in the end -------------------------------------------------------- */

static const char *whole_type(double min, double max)
{
    if (min >= INT8_MIN && max <= INT8_MAX)
        return "int8";
    if (min >= INT16_MIN && max <= INT16_MAX)
        return "int16";
    if (min >= INT32_MIN && max <= INT32_MAX)
        return "int32";
    return max < 0x1p63 ? "int64" : "uint64";
}

bool slc_text_is_category(const struct slc_column_plan *column, const struct slc_summary *summary,
                          const struct slc_outcome *outcome)
{
    int64_t n_distinct = summary->n_distinct + (outcome->n_imputed > 0);

    return column->out_type == SLC_TYPE_TEXT && column->downcast != SLC_DOWNCAST_OFF &&
           summary->distinct_is_exact && summary->distinct_text_bytes >= 0 &&
           outcome->n_values > 0 && n_distinct <= SLC_CATEGORY_VALUES &&
           n_distinct <= outcome->n_values / 2;
}

const char *slc_plan_final_type(const struct slc_column_plan *column,
                                const struct slc_summary *summary,
                                const struct slc_outcome *outcome)
{
    if (column->out_type == SLC_TYPE_NULL)
        return "float64"; /* nothing but gaps, which is what pandas says of it */
    if (column->is_index || column->dropped != SLC_KEPT)
        return slc_type_name(column->in_type);
    if (slc_text_is_category(column, summary, outcome))
        return "category";
    if (!slc_type_is_number(column->out_type) || column->downcast == SLC_DOWNCAST_OFF ||
        outcome->n_values == 0)
        return slc_type_name(column->out_type);
    /* As a double the largest int64 looks like one of uint64. */
    if (column->out_type == SLC_TYPE_INT64 && outcome->is_integral && outcome->max > INT32_MAX)
        return "int64";
    if (outcome->is_integral && !(outcome->min < 0 && outcome->max >= 0x1p63))
        return whole_type(outcome->min, outcome->max);
    /* Of what was rounded everything fits, but for what float does not reach. */
    return outcome->fits_float32 ? "float32" : "float64";
}
