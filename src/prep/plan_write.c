/* A plan made a document. The order of the members is fixed, so that two plans
 * that do the same are the same text but for where they come from. */
#include "prep/plan_document.h"

#include "base/json.h"
#include "base/time.h"
#include "prep/plan_names.h"

static void member_range(struct slc_buf *buf, const char *key, double low, double high)
{
    slc_json_key(buf, key);
    slc_buf_append_byte(buf, '[');
    slc_json_double(buf, low);
    slc_buf_append_byte(buf, ',');
    slc_json_double(buf, high);
    slc_buf_append_byte(buf, ']');
}

static void write_time(struct slc_buf *buf, int64_t usec)
{
    char text[SLC_DATETIME_TEXT_BYTES + 8], *end;

    usec -= usec % SLC_USEC_PER_SEC;
    end = slc_write_datetime(text, usec);
    *end++ = 'Z';
    slc_json_member_string(buf, "fitted_at",
                           (struct slc_str){.data = text, .len = (size_t)(end - text)});
}

static void write_impute(const struct slc_column_plan *column, struct slc_buf *buf)
{
    slc_json_key(buf, "impute");
    slc_buf_append_byte(buf, '{');
    slc_json_member_text(buf, "strategy", slc_impute_names[column->impute]);
    if (column->impute != SLC_IMPUTE_NONE) {
        slc_json_member_text(buf, "type", slc_type_name(column->fill.type));
        slc_json_key(buf, "value");
        slc_value_json(buf, &column->fill);
    }
    slc_buf_append_byte(buf, '}');
}

void slc_plan_write_scale(const struct slc_column_plan *column, struct slc_buf *buf)
{
    slc_json_member_text(buf, "strategy", slc_scale_names[column->scale]);
    if (column->scale == SLC_SCALE_MINMAX) {
        slc_json_member_double(buf, "data_min", column->data_min);
        slc_json_member_double(buf, "data_max", column->data_max);
        slc_json_member_double(buf, "scale", column->multiplier);
        slc_json_member_double(buf, "min", column->offset);
        member_range(buf, "feature_range", column->range_min, column->range_max);
        slc_json_member_bool(buf, "clip", column->clip);
    } else if (column->scale != SLC_SCALE_NONE) {
        slc_json_member_double(buf, "center", column->center);
        slc_json_member_double(buf, "scale", column->divisor);
    }
    if (column->scale == SLC_SCALE_STANDARD)
        slc_json_member_double(buf, "var", column->variance); /* null: beyond a double */
}

static void write_column(const struct slc_column_plan *column, struct slc_buf *buf)
{
    slc_buf_append_text(buf, "\n{");
    slc_json_member_string(buf, "name", column->name);
    slc_json_member_text(buf, "in_type", slc_type_name(column->in_type));
    slc_json_member_text(buf, "out_type", slc_type_name(column->out_type));
    slc_json_member_bool(buf, "index", column->is_index);
    slc_json_key(buf, "dropped");
    if (column->dropped == SLC_KEPT)
        slc_buf_append_text(buf, "null");
    else
        slc_json_text(buf, slc_dropped_names[column->dropped]);
    slc_json_member_bool(buf, "json_repair", column->repair);
    write_impute(column, buf);
    slc_json_key(buf, "scale");
    slc_buf_append_byte(buf, '{');
    slc_plan_write_scale(column, buf);
    slc_buf_append_byte(buf, '}');
    slc_json_member_text(buf, "downcast", slc_downcast_names[column->downcast]);
    slc_json_member_bool(buf, "exact", column->fit_is_exact);
    slc_buf_append_byte(buf, '}');
}

void slc_plan_document_write(const struct slc_plan *plan,
                             const struct slc_plan_provenance *provenance, struct slc_buf *buf)
{
    slc_buf_append_byte(buf, '{');
    slc_json_member_int64(buf, "sluice_plan", SLC_PLAN_DOCUMENT_VERSION);
    slc_json_member_string(buf, "sluice_version", provenance->version);
    write_time(buf, provenance->fitted_usec);
    slc_json_key(buf, "source");
    slc_buf_append_byte(buf, '{');
    slc_json_member_string(buf, "name", provenance->source);
    slc_json_member_string(buf, "sha256", provenance->sha256);
    slc_json_member_int64(buf, "rows", provenance->n_rows);
    slc_buf_append_byte(buf, '}');
    slc_json_key(buf, "columns");
    slc_buf_append_byte(buf, '[');
    for (int64_t i = 0; i < plan->n_columns; i++) {
        if (i > 0)
            slc_buf_append_byte(buf, ',');
        write_column(&plan->columns[i], buf);
    }
    slc_buf_append_text(buf, "\n]}");
}
