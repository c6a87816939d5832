/* The plan as META's IMPUTE and SCALE documents; docs/plan.md describes them
 * field by field. */
#include "prep/plan.h"

#include "base/json.h"
#include "prep/plan_names.h"

enum { DOCUMENT_VERSION = 1 };

static void document_begin(struct slc_buf *buf)
{
    slc_buf_append_byte(buf, '{');
    slc_json_member_int64(buf, "version", DOCUMENT_VERSION);
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
    slc_json_member_text(buf, "strategy", slc_impute_names[column->impute]);
    if (column->impute != SLC_IMPUTE_NONE) {
        slc_json_key(buf, "value");
        slc_value_json(buf, &column->fill);
        slc_json_member_text(buf, "type", slc_type_name(column->fill.type));
        if (outcome)
            slc_json_member_int64(buf, "count", outcome->n_imputed);
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

static void scale_column(const struct slc_column_plan *column, struct slc_buf *buf)
{
    slc_buf_append_byte(buf, '{');
    slc_plan_write_scale(column, buf);
    if (column->downcast == SLC_DOWNCAST_LOSSY)
        slc_json_member_bool(buf, "float32", true);
    if (!column->fit_is_exact)
        slc_json_member_bool(buf, "approximate", true);
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
