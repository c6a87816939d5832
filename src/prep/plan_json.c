/* The plan as META's IMPUTE and SCALE documents; docs/plan.md describes them
 * field by field. */
#include "prep/plan.h"

#include "base/json.h"

enum { DOCUMENT_VERSION = 1 };

static const char *impute_name(enum slc_impute impute)
{
    switch (impute) {
    case SLC_IMPUTE_MEAN:
        return "mean";
    case SLC_IMPUTE_MEDIAN:
        return "median";
    case SLC_IMPUTE_MOST_FREQUENT:
        return "most_frequent";
    case SLC_IMPUTE_CONSTANT:
        return "constant";
    case SLC_IMPUTE_AUTO:
        return "auto";
    case SLC_IMPUTE_NONE:
        break;
    }
    return "none";
}

static void member_double(struct slc_buf *buf, const char *key, double value)
{
    slc_json_key(buf, key);
    slc_json_double(buf, value);
}

static void member_text(struct slc_buf *buf, const char *key, const char *text)
{
    slc_json_key(buf, key);
    slc_json_text(buf, text);
}

static void member_bool(struct slc_buf *buf, const char *key, bool value)
{
    slc_json_key(buf, key);
    slc_buf_append_text(buf, value ? "true" : "false");
}

static void member_range(struct slc_buf *buf, const char *key, double low, double high)
{
    slc_json_key(buf, key);
    slc_buf_append_byte(buf, '[');
    slc_json_double(buf, low);
    slc_buf_append_byte(buf, ',');
    slc_json_double(buf, high);
    slc_buf_append_byte(buf, ']');
}

static void document_begin(struct slc_buf *buf)
{
    slc_buf_append_byte(buf, '{');
    slc_json_key(buf, "version");
    slc_json_int64(buf, DOCUMENT_VERSION);
    slc_json_key(buf, "columns");
    slc_buf_append_byte(buf, '{');
}

static void document_end(struct slc_buf *buf)
{
    slc_buf_append_text(buf, "}}");
}

/* The columns that stand in the rows. */
static bool is_in_rows(const struct slc_column_plan *column)
{
    return column->dropped == SLC_KEPT && !column->is_index;
}

static void impute_column(const struct slc_column_plan *column, const struct slc_outcome *outcome,
                          struct slc_buf *buf)
{
    slc_buf_append_byte(buf, '{');
    member_text(buf, "strategy", impute_name(column->impute));
    if (column->impute != SLC_IMPUTE_NONE) {
        slc_json_key(buf, "value");
        slc_value_json(buf, &column->fill);
        slc_json_key(buf, "type");
        slc_json_text(buf, slc_type_name(column->fill.type));
        if (outcome) {
            slc_json_key(buf, "count");
            slc_json_int64(buf, outcome->n_imputed);
        }
    }
    slc_buf_append_byte(buf, '}');
}

void slc_plan_impute_json(const struct slc_plan *plan, const struct slc_outcome *outcomes,
                          struct slc_buf *buf)
{
    document_begin(buf);
    for (int64_t i = 0; i < plan->n_columns; i++) {
        if (!is_in_rows(&plan->columns[i]))
            continue;
        slc_json_key_str(buf, plan->columns[i].name);
        impute_column(&plan->columns[i], outcomes ? &outcomes[i] : NULL, buf);
    }
    document_end(buf);
}

static void scale_parameters(const struct slc_column_plan *column, struct slc_buf *buf)
{
    switch (column->scale) {
    case SLC_SCALE_MINMAX:
        member_text(buf, "strategy", "minmax");
        member_double(buf, "data_min", column->data_min);
        member_double(buf, "data_max", column->data_max);
        member_double(buf, "scale", column->multiplier);
        member_double(buf, "min", column->offset);
        member_range(buf, "feature_range", column->range_min, column->range_max);
        member_bool(buf, "clip", column->clip);
        break;
    case SLC_SCALE_STANDARD:
        member_text(buf, "strategy", "standard");
        member_double(buf, "center", column->center);
        member_double(buf, "scale", column->divisor);
        member_double(buf, "var", column->variance);
        break;
    case SLC_SCALE_MAXABS:
        member_text(buf, "strategy", "maxabs");
        member_double(buf, "center", column->center);
        member_double(buf, "scale", column->divisor);
        break;
    case SLC_SCALE_ROBUST:
        member_text(buf, "strategy", "robust");
        member_double(buf, "center", column->center);
        member_double(buf, "scale", column->divisor);
        break;
    case SLC_SCALE_NONE:
        member_text(buf, "strategy", "none");
        break;
    }
}

static void scale_column(const struct slc_column_plan *column, struct slc_buf *buf)
{
    slc_buf_append_byte(buf, '{');
    scale_parameters(column, buf);
    if (column->downcast == SLC_DOWNCAST_LOSSY)
        member_bool(buf, "float32", true);
    if (!column->fit_is_exact)
        member_bool(buf, "approximate", true);
    slc_buf_append_byte(buf, '}');
}

void slc_plan_scale_json(const struct slc_plan *plan, struct slc_buf *buf)
{
    document_begin(buf);
    for (int64_t i = 0; i < plan->n_columns; i++) {
        if (!is_in_rows(&plan->columns[i]))
            continue;
        slc_json_key_str(buf, plan->columns[i].name);
        scale_column(&plan->columns[i], buf);
    }
    document_end(buf);
}
