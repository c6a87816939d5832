/* A plan made a document. The order of the members is fixed, so that two plans
 * that do the same are the same text but for where they come from. */
#include "prep/plan_document.h"

#include "base/json.h"
#include "base/time.h"
#include "prep/plan_names.h"

static void member_text(struct slc_buf *buf, const char *key, const char *text)
{
    slc_json_key(buf, key);
    slc_json_text(buf, text);
}

static void member_str(struct slc_buf *buf, const char *key, struct slc_str text)
{
    slc_json_key(buf, key);
    slc_json_string(buf, text);
}

static void member_bool(struct slc_buf *buf, const char *key, bool value)
{
    slc_json_key(buf, key);
    slc_buf_append_text(buf, value ? "true" : "false");
}

static void member_double(struct slc_buf *buf, const char *key, double value)
{
    slc_json_key(buf, key);
    slc_json_double(buf, value);
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

static void write_time(struct slc_buf *buf, int64_t usec)
{
    char text[SLC_DATETIME_TEXT_BYTES + 8], *end;

    usec -= usec % SLC_USEC_PER_SEC;
    end = slc_write_datetime(text, usec);
    *end++ = 'Z';
    slc_json_key(buf, "fitted_at");
    slc_json_string(buf, (struct slc_str){.data = text, .len = (size_t)(end - text)});
}

static void write_impute(const struct slc_column_plan *column, struct slc_buf *buf)
{
    slc_json_key(buf, "impute");
    slc_buf_append_byte(buf, '{');
    member_text(buf, "strategy", slc_impute_names[column->impute]);
    if (column->impute != SLC_IMPUTE_NONE) {
        member_text(buf, "type", slc_type_name(column->fill.type));
        slc_json_key(buf, "value");
        slc_value_json(buf, &column->fill);
    }
    slc_buf_append_byte(buf, '}');
}

static void write_scale(const struct slc_column_plan *column, struct slc_buf *buf)
{
    slc_json_key(buf, "scale");
    slc_buf_append_byte(buf, '{');
    member_text(buf, "strategy", slc_scale_names[column->scale]);
    if (column->scale == SLC_SCALE_MINMAX) {
        member_double(buf, "data_min", column->data_min);
        member_double(buf, "data_max", column->data_max);
        member_double(buf, "scale", column->multiplier);
        member_double(buf, "min", column->offset);
        member_range(buf, "feature_range", column->range_min, column->range_max);
        member_bool(buf, "clip", column->clip);
    } else if (column->scale != SLC_SCALE_NONE) {
        member_double(buf, "center", column->center);
        member_double(buf, "scale", column->divisor);
    }
    if (column->scale == SLC_SCALE_STANDARD)
        member_double(buf, "var", column->variance); /* null: beyond a double */
    slc_buf_append_byte(buf, '}');
}

static void write_column(const struct slc_column_plan *column, struct slc_buf *buf)
{
    slc_buf_append_text(buf, "\n{");
    member_str(buf, "name", column->name);
    member_text(buf, "in_type", slc_type_name(column->in_type));
    member_text(buf, "out_type", slc_type_name(column->out_type));
    member_bool(buf, "index", column->is_index);
    slc_json_key(buf, "dropped");
    if (column->dropped == SLC_KEPT)
        slc_buf_append_text(buf, "null");
    else
        slc_json_text(buf, slc_dropped_names[column->dropped]);
    member_bool(buf, "json_repair", column->repair);
    write_impute(column, buf);
    write_scale(column, buf);
    member_text(buf, "downcast", slc_downcast_names[column->downcast]);
    member_bool(buf, "exact", column->fit_is_exact);
    slc_buf_append_byte(buf, '}');
}

void slc_plan_document_write(const struct slc_plan *plan,
                             const struct slc_plan_provenance *provenance, struct slc_buf *buf)
{
    slc_buf_append_byte(buf, '{');
    slc_json_key(buf, "sluice_plan");
    slc_json_int64(buf, SLC_PLAN_DOCUMENT_VERSION);
    member_str(buf, "sluice_version", provenance->version);
    write_time(buf, provenance->fitted_usec);
    slc_json_key(buf, "source");
    slc_buf_append_byte(buf, '{');
    member_str(buf, "name", provenance->source);
    member_str(buf, "sha256", provenance->sha256);
    slc_json_key(buf, "rows");
    slc_json_int64(buf, provenance->n_rows);
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
