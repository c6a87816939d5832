/* Numbers brought to one scale, as scikit-learn 1.2's MinMaxScaler,
 * StandardScaler, MaxAbsScaler and RobustScaler do it, operation by operation
 * (sklearn/preprocessing/_data.py). A pipeline would scale what the imputer
 * made, so each fit is on the column with its gaps filled: the summary's values
 * and n_missing times the fill. Infinite values take no part in the fit and
 * stay infinite. */
#include "prep/step.h"

#include <float.h>
#include <math.h>

/* The imputed column, as far as a scaler asks. */
struct filled {
    double n; /* finite values, with the fills */
    double mean;
    double variance; /* population */
    double min, max;
    double fill;
    int64_t n_fills;
};

static struct filled filled_column(const struct slc_summary *summary,
                                   const struct slc_column_plan *column)
{
    struct filled f = {.min = summary->finite_min, .max = summary->finite_max};
    double n = (double)summary->n_finite, mean = summary->mean, variance = summary->variance;

    if (column->impute != SLC_IMPUTE_NONE) {
        f.n_fills = summary->n_missing;
        f.fill = slc_value_as_double(&column->fill);
    }
    if (summary->n_finite == 0) {
        /* Nothing but fills, or nothing at all: a constant. */
        n = mean = variance = 0.0;
        f.min = f.max = f.fill;
    }
    f.n = n + (double)f.n_fills;
    f.mean = mean;
    f.variance = variance;
    if (f.n_fills > 0) {
        /* Long doubles, because fills far from the values cancel. */
        long double k = (long double)f.n_fills;
        long double middle = ((long double)mean * n + k * f.fill) / f.n;
        long double to_mean = mean - middle, to_fill = f.fill - middle;

        f.mean = (double)middle;
        f.variance = (double)((n * (variance + to_mean * to_mean) + k * to_fill * to_fill) / f.n);
        f.min = fmin(f.min, f.fill);
        f.max = fmax(f.max, f.fill);
    }
    return f;
}

/* sklearn's _handle_zeros_in_scale(): what is next to nothing is no divisor. */
static double nonzero(double scale)
{
    return scale < 10 * DBL_EPSILON ? 1.0 : scale;
}

static void fit_minmax(const struct slc_prep_wish *wish, const struct filled *f,
                       struct slc_column_plan *column)
{
    column->data_min = f->min;
    column->data_max = f->max;
    column->range_min = wish->scale_min;
    column->range_max = wish->scale_max;
    column->clip = wish->scale_clip;
    column->multiplier = (wish->scale_max - wish->scale_min) / nonzero(f->max - f->min);
    column->offset = wish->scale_min - f->min * column->multiplier;
}

/* _is_constant_feature(): a variance within the error of its computation. */
static bool is_constant(const struct filled *f)
{
    double error = f->n * f->mean * DBL_EPSILON;

    return f->variance <= f->n * DBL_EPSILON * f->variance + error * error;
}

static void fit_standard(const struct filled *f, struct slc_column_plan *column)
{
    column->center = f->mean;
    column->variance = f->variance;
    column->divisor = is_constant(f) ? 1.0 : sqrt(f->variance);
}

static void fit_maxabs(const struct filled *f, struct slc_column_plan *column)
{
    column->center = 0.0;
    column->divisor = nonzero(fmax(fabs(f->min), fabs(f->max)));
}

static void fit_robust(const struct slc_fit *fit, const struct filled *f,
                       struct slc_column_plan *column)
{
    const struct slc_summary *summary = fit->summary;
    double q[3] = {f->fill, f->fill, f->fill};

    for (int i = 0; i < 3 && summary->n_finite > 0; i++)
        q[i] = f->n_fills > 0 ? slc_profile_quantile(fit->profile, fit->at, 0.25 * (i + 1), f->fill,
                                                     f->n_fills)
                              : summary->quantiles[i];
    column->center = q[1];
    column->divisor = nonzero(q[2] - q[0]);
    column->fit_is_exact =
        column->fit_is_exact && (summary->n_finite == 0 || summary->quantiles_are_exact);
}

static bool refuse_range(const struct slc_column_plan *column, struct slc_error *error)
{
    slc_fail(error, SLC_ERR_CONFIG, "the column's scale_max has to be above its scale_min");
    slc_error_locate(error, NULL, 0, column->name);
    return false;
}

bool slc_scale_fit(const struct slc_fit *fit, struct slc_column_plan *column,
                   struct slc_error *error)
{
    struct filled f;

    column->scale = SLC_SCALE_NONE;
    if (fit->wish->scale == SLC_SCALE_MINMAX && !(fit->wish->scale_min < fit->wish->scale_max))
        return refuse_range(column, error);
    if (!slc_type_is_number(column->out_type) || fit->wish->scale == SLC_SCALE_NONE)
        return true;
    f = filled_column(fit->summary, column);
    switch (fit->wish->scale) {
    case SLC_SCALE_MINMAX:
        fit_minmax(fit->wish, &f, column);
        break;
    case SLC_SCALE_STANDARD:
        fit_standard(&f, column);
        break;
    case SLC_SCALE_MAXABS:
        fit_maxabs(&f, column);
        break;
    case SLC_SCALE_ROBUST:
        fit_robust(fit, &f, column);
        break;
    case SLC_SCALE_NONE:
        break;
    }
    /* Beyond double there is nothing to scale by; the values stay as they are. */
    if (!isfinite(column->multiplier) || !isfinite(column->offset) || !isfinite(column->center) ||
        !isfinite(column->divisor))
        return true;
    column->scale = fit->wish->scale;
    column->out_type = SLC_TYPE_FLOAT64;
    return true;
}

/* ---- apply ------------------------------------------------------------------- */

/* numpy.clip(): what is within the bounds stays to the bit. */
static inline double clipped(double x, double low, double high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

double slc_scale_one(const struct slc_column_plan *column, double x)
{
    switch (column->scale) {
    case SLC_SCALE_NONE:
        return x;
    case SLC_SCALE_MINMAX:
        x = x * column->multiplier + column->offset;
        return column->clip ? clipped(x, column->range_min, column->range_max) : x;
    default:
        return (x - column->center) / column->divisor;
    }
}

/* One loop a source type, so that the conversion and the arithmetic are one
 * pass and the compiler can make vectors of it. */
#define SCALE_LOOPS(name, type)                                                                    \
    static void minmax_##name(double *restrict to, const type *restrict from, int64_t n,           \
                              double multiplier, double offset)                                    \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            to[i] = (double)from[i] * multiplier + offset;                                         \
    }                                                                                              \
    static void center_##name(double *restrict to, const type *restrict from, int64_t n,           \
                              double center, double divisor)                                       \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            to[i] = ((double)from[i] - center) / divisor;                                          \
    }

SCALE_LOOPS(int64s, int64_t)
SCALE_LOOPS(uint64s, uint64_t)

static void minmax_in_place(double *values, int64_t n, double multiplier, double offset)
{
    if (multiplier == 0.0) {
        /* A range beyond double: sklearn's scale_ is 0 then. 0 * inf is no number. */
        for (int64_t i = 0; i < n; i++)
            if (!isinf(values[i]))
                values[i] = values[i] * multiplier + offset;
        return;
    }
    for (int64_t i = 0; i < n; i++)
        values[i] = values[i] * multiplier + offset;
}

static void clip_in_place(double *values, int64_t n, double low, double high)
{
    for (int64_t i = 0; i < n; i++)
        values[i] = clipped(values[i], low, high);
}

static void center_in_place(double *values, int64_t n, double center, double divisor)
{
    for (int64_t i = 0; i < n; i++)
        values[i] = (values[i] - center) / divisor;
}

static void scale_doubles(const struct slc_column_plan *plan, double *values, int64_t n)
{
    if (plan->scale == SLC_SCALE_MINMAX)
        minmax_in_place(values, n, plan->multiplier, plan->offset);
    else
        center_in_place(values, n, plan->center, plan->divisor);
}

static void scale_whole(const struct slc_column_plan *plan, const struct slc_column *column,
                        double *to, int64_t n)
{
    bool is_minmax = plan->scale == SLC_SCALE_MINMAX;

    if (column->type == SLC_TYPE_INT64 && is_minmax)
        minmax_int64s(to, column->int64s, n, plan->multiplier, plan->offset);
    else if (column->type == SLC_TYPE_INT64)
        center_int64s(to, column->int64s, n, plan->center, plan->divisor);
    else if (is_minmax)
        minmax_uint64s(to, column->uint64s, n, plan->multiplier, plan->offset);
    else
        center_uint64s(to, column->uint64s, n, plan->center, plan->divisor);
}

bool slc_scale_apply(const struct slc_column_plan *plan, struct slc_chunk *chunk,
                     struct slc_column *column, struct slc_outcome *outcome,
                     struct slc_error *error)
{
    int64_t n = chunk->n_rows;

    (void)outcome;
    if (plan->scale == SLC_SCALE_NONE || !slc_type_is_number(column->type))
        return true;
    if (column->type == SLC_TYPE_FLOAT64) {
        scale_doubles(plan, column->float64s, n);
    } else {
        double *to = slc_chunk_values(chunk, SLC_TYPE_FLOAT64);

        if (!to)
            return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while numbers were scaled");
        scale_whole(plan, column, to, n);
        column->float64s = to;
        column->type = SLC_TYPE_FLOAT64;
    }
    if (plan->clip)
        clip_in_place(column->float64s, n, plan->range_min, plan->range_max);
    /* A gap that stays a gap holds zero again. */
    for (int64_t row = column->valid ? slc_next_missing(column->valid, 0, n) : n; row < n;
         row = slc_next_missing(column->valid, row + 1, n))
        column->float64s[row] = 0.0;
    return true;
}
