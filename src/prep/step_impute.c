/* Missing values, filled in as scikit-learn 1.2's SimpleImputer does. */
#include "prep/step.h"

#include <math.h>

#include "base/num.h"
#include "base/time.h"
#include "prep/json_repair.h"

double slc_value_as_double(const struct slc_value *value)
{
    switch (value->type) {
    case SLC_TYPE_INT64:
        return (double)value->int64;
    case SLC_TYPE_UINT64:
        return (double)value->uint64;
    case SLC_TYPE_FLOAT64:
        return value->float64;
    default:
        return 0.0;
    }
}

/* ---- fit --------------------------------------------------------------------- */

static struct slc_value float_value(double x)
{
    return (struct slc_value){.type = SLC_TYPE_FLOAT64, .float64 = x};
}

/* What stands in for a value in a column that has none. */
static struct slc_value empty_fill(const struct slc_fit *fit, enum slc_type type)
{
    int64_t today = fit->options->today;

    switch (type) {
    case SLC_TYPE_DATE:
        return (struct slc_value){.type = type, .int64 = today};
    case SLC_TYPE_DATETIME:
        return (struct slc_value){.type = type, .int64 = today * SLC_USEC_PER_DAY};
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        return (struct slc_value){.type = type, .text = SLC_STR("")};
    case SLC_TYPE_BOOL:
        return (struct slc_value){.type = type, .boolean = false};
    case SLC_TYPE_NULL:
        return float_value(0.0);
    default:
        return (struct slc_value){.type = type}; /* zero */
    }
}

/* The most frequent value, the smallest of equals; infinities are no values to
 * spread. False when there is none. */
static bool most_frequent(const struct slc_summary *summary, struct slc_value *ret_value)
{
    for (int i = 0; i < summary->n_top; i++) {
        const struct slc_value *value = &summary->top[i].value;

        if (value->type == SLC_TYPE_FLOAT64 && !isfinite(value->float64))
            continue;
        *ret_value = *value;
        return true;
    }
    return false;
}

static bool parse_number(struct slc_str text, enum slc_type type, struct slc_value *ret_value)
{
    struct slc_value value = {.type = type};

    if (type == SLC_TYPE_INT64 && slc_parse_int64(text.data, text.len, &value.int64)) {
        *ret_value = value;
        return true;
    }
    if (type == SLC_TYPE_UINT64 && slc_parse_uint64(text.data, text.len, &value.uint64)) {
        *ret_value = value;
        return true;
    }
    /* A fraction is a good constant for whole numbers, too: the column then
     * holds doubles, as it would with their mean. */
    value.type = SLC_TYPE_FLOAT64;
    if (!slc_parse_double(text.data, text.len, &value.float64) || !isfinite(value.float64))
        return false;
    *ret_value = value;
    return true;
}

static bool parse_bool(struct slc_str text, struct slc_value *ret_value)
{
    bool yes = slc_str_eq_nocase(text, SLC_STR("true")) || slc_str_is(text, "1");

    if (!yes && !slc_str_eq_nocase(text, SLC_STR("false")) && !slc_str_is(text, "0"))
        return false;
    *ret_value = (struct slc_value){.type = SLC_TYPE_BOOL, .boolean = yes};
    return true;
}

static bool parse_time(struct slc_str text, enum slc_type type, struct slc_value *ret_value)
{
    struct slc_value value = {.type = type};
    int32_t days = 0;

    if (slc_parse_date(text.data, text.len, &days))
        value.int64 = type == SLC_TYPE_DATE ? days : (int64_t)days * SLC_USEC_PER_DAY;
    else if (type == SLC_TYPE_DATE || !slc_parse_datetime(text.data, text.len, &value.int64))
        return false;
    *ret_value = value;
    return true;
}

/* The wished constant as a value of the type. No text at all means 0 or "". */
static bool parse_constant(const struct slc_fit *fit, enum slc_type type,
                           struct slc_value *ret_value)
{
    struct slc_str text = fit->wish->impute_value;

    if (slc_type_is_text(type)) {
        *ret_value = (struct slc_value){.type = type, .text = text.data ? text : SLC_STR("")};
        return true;
    }
    if (!text.data || text.len == 0) {
        *ret_value = empty_fill(fit, type);
        return true;
    }
    switch (type) {
    case SLC_TYPE_BOOL:
        return parse_bool(text, ret_value);
    case SLC_TYPE_DATE:
    case SLC_TYPE_DATETIME:
        return parse_time(text, type, ret_value);
    case SLC_TYPE_NULL: /* a column with nothing in it becomes what the constant is */
        if (!parse_number(text, SLC_TYPE_FLOAT64, ret_value))
            *ret_value = (struct slc_value){.type = SLC_TYPE_TEXT, .text = text};
        return true;
    default:
        return parse_number(text, type, ret_value);
    }
}

/* What a constant of the column's type looks like, for the error. */
static const char *constant_hint(enum slc_type type)
{
    switch (type) {
    case SLC_TYPE_BOOL:
        return "true or false";
    case SLC_TYPE_DATE:
        return "a date YYYY-MM-DD";
    case SLC_TYPE_DATETIME:
        return "a time YYYY-MM-DDTHH:MM:SS";
    default:
        return "a number";
    }
}

static bool fit_constant(const struct slc_fit *fit, struct slc_column_plan *column,
                         struct slc_error *error)
{
    struct slc_str text = fit->wish->impute_value;

    if (parse_constant(fit, column->out_type, &column->fill)) {
        column->impute = SLC_IMPUTE_CONSTANT;
        return true;
    }
    /* One constant for a whole table does not suit every column; that is no
     * fault where there is nothing to fill. */
    if (fit->summary->n_missing == 0)
        return true;
    slc_fail(error, SLC_ERR_CONFIG,
             "prep.impute_value \"%.*s\" does not suit a column of type %s, which takes %s; set "
             "prep.columns.%.*s.impute_value or another prep.columns.%.*s.impute",
             (int)(text.len < 80 ? text.len : 80), text.data, slc_type_name(column->in_type),
             constant_hint(column->out_type), (int)(column->name.len < 80 ? column->name.len : 80),
             column->name.data, (int)(column->name.len < 80 ? column->name.len : 80),
             column->name.data);
    slc_error_locate(error, NULL, 0, column->name);
    return false;
}

static void fit_most_frequent(const struct slc_fit *fit, struct slc_column_plan *column)
{
    if (!most_frequent(fit->summary, &column->fill)) {
        column->impute = SLC_IMPUTE_CONSTANT;
        column->fill = empty_fill(fit, column->out_type);
        return;
    }
    column->impute = SLC_IMPUTE_MOST_FREQUENT;
    column->fit_is_exact = column->fit_is_exact && fit->summary->top_is_exact;
}

/* Mean and median of numbers. */
static void fit_middle(const struct slc_fit *fit, struct slc_column_plan *column,
                       enum slc_impute strategy)
{
    const struct slc_summary *summary = fit->summary;

    if (strategy == SLC_IMPUTE_AUTO)
        strategy = fabs(summary->skewness) > 1.0 ? SLC_IMPUTE_MEDIAN : SLC_IMPUTE_MEAN;
    if (strategy == SLC_IMPUTE_MEAN && !isfinite(summary->mean))
        strategy = SLC_IMPUTE_MEDIAN; /* the sum is beyond double */
    if (summary->n_finite == 0) {
        column->impute = SLC_IMPUTE_CONSTANT;
        column->fill = float_value(0.0);
    } else if (strategy == SLC_IMPUTE_MEAN) {
        column->impute = strategy;
        column->fill = float_value(summary->mean);
    } else {
        column->impute = strategy;
        column->fill = float_value(summary->quantiles[1]);
        column->fit_is_exact = column->fit_is_exact && summary->quantiles_are_exact;
    }
}

/* Texts live in the plan; those of a repaired column are mended as the values
 * are that they were taken from. */
static bool keep_text(const struct slc_fit *fit, struct slc_column_plan *column)
{
    SLC_AUTO_BUF struct slc_buf mended = {0};
    struct slc_str text = column->fill.text;

    if (!slc_type_is_text(column->fill.type))
        return true;
    if (column->repair && column->impute == SLC_IMPUTE_MOST_FREQUENT &&
        slc_json_repair(text, &mended))
        text = slc_buf_view(&mended);
    column->fill.text = slc_arena_copy(fit->arena, text);
    if (column->repair)
        column->fill.type = SLC_TYPE_JSON;
    return column->fill.text.data != NULL && !mended.failed;
}

bool slc_impute_fit(const struct slc_fit *fit, struct slc_column_plan *column,
                    struct slc_error *error)
{
    enum slc_impute strategy = fit->wish->impute;
    enum slc_type type = column->out_type;

    column->impute = SLC_IMPUTE_NONE;
    if (strategy == SLC_IMPUTE_NONE)
        return true;
    if (strategy == SLC_IMPUTE_CONSTANT) {
        if (!fit_constant(fit, column, error))
            return false;
    } else if (strategy == SLC_IMPUTE_MOST_FREQUENT) {
        fit_most_frequent(fit, column);
    } else if (slc_type_is_number(type)) {
        fit_middle(fit, column, strategy);
    } else if (type == SLC_TYPE_NULL || slc_type_is_text(type)) {
        column->impute = SLC_IMPUTE_CONSTANT;
        column->fill = empty_fill(fit, type);
    } else { /* booleans and dates have no mean that would be one of them */
        fit_most_frequent(fit, column);
    }
    if (!keep_text(fit, column))
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a plan was fitted");
    /* Whole numbers stay whole where nothing has to be filled in. */
    if (column->impute != SLC_IMPUTE_NONE && (fit->summary->n_missing > 0 || type == SLC_TYPE_NULL))
        column->out_type = column->fill.type;
    return true;
}

/* ---- apply ------------------------------------------------------------------- */

/* The chunk's whole numbers as doubles in a new buffer. */
static bool make_doubles(struct slc_chunk *chunk, struct slc_column *column)
{
    double *to = slc_chunk_values(chunk, SLC_TYPE_FLOAT64);

    if (!to)
        return false;
    if (column->type == SLC_TYPE_INT64)
        for (int64_t row = 0; row < chunk->n_rows; row++)
            to[row] = (double)column->int64s[row];
    else
        for (int64_t row = 0; row < chunk->n_rows; row++)
            to[row] = (double)column->uint64s[row];
    column->float64s = to;
    column->type = SLC_TYPE_FLOAT64;
    return true;
}

/* A buffer for a column that came with none; every row is missing. */
static bool make_empty(struct slc_chunk *chunk, struct slc_column *column, enum slc_type type)
{
    size_t n_words = (size_t)chunk->n_rows / 64 + 1;

    column->data = slc_chunk_values(chunk, type);
    column->valid = slc_arena_calloc(&chunk->arena, n_words, sizeof(*column->valid));
    if (!column->data || !column->valid)
        return false;
    column->type = type;
    column->n_missing = chunk->n_rows;
    return true;
}

#define FILL_GAPS(array, value)                                                                    \
    for (int64_t row = slc_next_missing(valid, 0, n_rows); row < n_rows;                           \
         row = slc_next_missing(valid, row + 1, n_rows))                                           \
    (array)[row] = (value)

/* Set the rows without a value to `fill`, which is of the column's type. */
static void fill_gaps(struct slc_column *column, const struct slc_value *fill, int64_t n_rows)
{
    const uint64_t *valid = column->valid;

    switch (column->type) {
    case SLC_TYPE_BOOL:
        FILL_GAPS(column->bools, fill->boolean);
        break;
    case SLC_TYPE_INT64:
    case SLC_TYPE_DATETIME:
        FILL_GAPS(column->int64s, fill->int64);
        break;
    case SLC_TYPE_UINT64:
        FILL_GAPS(column->uint64s, fill->uint64);
        break;
    case SLC_TYPE_FLOAT64:
        FILL_GAPS(column->float64s, fill->float64);
        break;
    case SLC_TYPE_DATE:
        FILL_GAPS(column->dates, (int32_t)fill->int64);
        break;
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        FILL_GAPS(column->texts, fill->text);
        break;
    case SLC_TYPE_NULL:
        break;
    }
}

bool slc_impute_apply(const struct slc_column_plan *plan, struct slc_chunk *chunk,
                      struct slc_column *column, struct slc_outcome *outcome,
                      struct slc_error *error)
{
    bool is_whole = column->type == SLC_TYPE_INT64 || column->type == SLC_TYPE_UINT64;
    bool fills =
        plan->impute != SLC_IMPUTE_NONE && (column->type == SLC_TYPE_NULL || column->n_missing > 0);
    bool good = true;

    /* A scaler makes its own doubles of whole numbers without gaps. */
    if (is_whole && ((fills && plan->fill.type == SLC_TYPE_FLOAT64) ||
                     (plan->out_type == SLC_TYPE_FLOAT64 && plan->scale == SLC_SCALE_NONE)))
        good = make_doubles(chunk, column);
    else if (fills && column->type == SLC_TYPE_NULL)
        good = make_empty(chunk, column, plan->fill.type);
    if (!good)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while gaps were filled");
    if (!fills)
        return true;
    if (column->type != plan->fill.type)
        return slc_fail(error, SLC_ERR_INTERNAL, "a gap in a column of %s cannot take a %s",
                        slc_type_name(column->type), slc_type_name(plan->fill.type));
    fill_gaps(column, &plan->fill, chunk->n_rows);
    outcome->n_imputed += column->n_missing;
    column->n_missing = 0;
    column->valid = NULL;
    return true;
}
