#include <math.h>

#include "base/json.h"
#include "base/time.h"
#include "base/utf8.h"
#include "profile/profile.h"
#include "profile/texts.h"

enum { VERSION = 1 };

static void json_date(struct slc_buf *buf, int64_t days)
{
    char text[SLC_DATETIME_TEXT_BYTES + 8];
    char *end = slc_write_date(text, (int32_t)days);

    slc_json_string(buf, (struct slc_str){.data = text, .len = (size_t)(end - text)});
}

static void json_datetime(struct slc_buf *buf, int64_t usec)
{
    char text[SLC_DATETIME_TEXT_BYTES + 8];
    char *end = slc_write_datetime(text, usec);

    slc_json_string(buf, (struct slc_str){.data = text, .len = (size_t)(end - text)});
}

void slc_value_json(struct slc_buf *buf, const struct slc_value *value)
{
    switch (value->type) {
    case SLC_TYPE_NULL:
        slc_buf_append_text(buf, "null");
        return;
    case SLC_TYPE_BOOL:
        slc_buf_append_text(buf, value->boolean ? "true" : "false");
        return;
    case SLC_TYPE_INT64:
        slc_json_int64(buf, value->int64);
        return;
    case SLC_TYPE_UINT64:
        slc_json_uint64(buf, value->uint64);
        return;
    case SLC_TYPE_FLOAT64:
        slc_json_double(buf, value->float64); /* null for an infinity */
        return;
    case SLC_TYPE_DATE:
        json_date(buf, value->int64);
        return;
    case SLC_TYPE_DATETIME:
        json_datetime(buf, value->int64);
        return;
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        slc_json_string(buf, value->text);
        return;
    }
}

/* A mean or quantile: of dates the day, or the time of it where it falls
 * between two. */
static void json_level(struct slc_buf *buf, enum slc_type type, double level)
{
    if (isnan(level) || (type != SLC_TYPE_DATE && type != SLC_TYPE_DATETIME))
        slc_json_double(buf, level);
    else if (type == SLC_TYPE_DATETIME)
        json_datetime(buf, llround(level));
    else if (level == floor(level))
        json_date(buf, llround(level));
    else
        json_datetime(buf, llround(level * (double)SLC_USEC_PER_DAY));
}

static void key_value(struct slc_buf *buf, const char *key, struct slc_value value)
{
    if (slc_type_is_text(value.type))
        value.text = slc_utf8_clip(value.text, SLC_TEXT_SHOWN_BYTES);
    slc_json_key(buf, key);
    slc_value_json(buf, &value);
}

static void key_level(struct slc_buf *buf, const char *key, enum slc_type type, double level)
{
    slc_json_key(buf, key);
    json_level(buf, type, level);
}

static void json_histogram(struct slc_buf *buf, const struct slc_summary *summary)
{
    double low = summary->finite_min, high = summary->finite_max;

    slc_json_key(buf, "histogram");
    if (summary->n_bins == 0) {
        slc_buf_append_text(buf, "null");
        return;
    }
    if (low == high && slc_type_is_number(summary->type)) {
        low -= 0.5;
        high += 0.5;
    }
    slc_buf_append_byte(buf, '{');
    key_level(buf, "from", summary->type, low);
    key_level(buf, "to", summary->type, high);
    slc_json_key(buf, "counts");
    slc_buf_append_byte(buf, '[');
    for (int i = 0; i < summary->n_bins; i++) {
        slc_json_comma(buf);
        slc_json_int64(buf, summary->histogram[i]);
    }
    slc_buf_append_text(buf, "]}");
}

static void json_numbers(struct slc_buf *buf, const struct slc_summary *summary)
{
    static const char *const names[] = {"q25", "median", "q75"};
    enum slc_type type = summary->type;

    key_level(buf, "mean", type, summary->mean);
    if (slc_type_is_number(type)) {
        slc_json_member_double(buf, "sum", summary->sum);
        slc_json_member_double(buf, "std", summary->std);
        slc_json_member_double(buf, "variance", summary->variance);
        slc_json_member_double(buf, "skewness", summary->skewness);
    } else {
        slc_json_member_double(buf, "std_seconds",
                               type == SLC_TYPE_DATE ? summary->std * 86400.0
                                                     : summary->std / (double)SLC_USEC_PER_SEC);
    }
    for (int i = 0; i < 3; i++)
        key_level(buf, names[i], type, summary->quantiles[i]);
    slc_json_member_bool(buf, "quantiles_are_exact", summary->quantiles_are_exact);
    slc_json_member_double(buf, "quantile_error", summary->quantile_error);
    if (slc_type_is_number(type)) {
        slc_json_member_int64(buf, "zeros", summary->n_zero);
        slc_json_member_int64(buf, "negative", summary->n_negative);
        slc_json_member_int64(buf, "infinite", summary->n_infinite);
        slc_json_member_double(buf, "finite_min", summary->finite_min);
        slc_json_member_double(buf, "finite_max", summary->finite_max);
        slc_json_member_bool(buf, "fits_float32", summary->fits_float32);
    }
    json_histogram(buf, summary);
}

static void json_texts(struct slc_buf *buf, const struct slc_summary *summary)
{
    slc_json_member_int64(buf, "min_length", summary->text_min_len);
    slc_json_member_int64(buf, "max_length", summary->text_max_len);
    slc_json_member_double(buf, "mean_length", summary->text_mean_len);
    slc_json_member_int64(buf, "bytes", summary->text_bytes);
}

static void json_top(struct slc_buf *buf, const struct slc_summary *summary)
{
    slc_json_key(buf, "top");
    slc_buf_append_byte(buf, '[');
    for (int i = 0; i < summary->n_top; i++) {
        slc_json_comma(buf);
        slc_buf_append_byte(buf, '{');
        key_value(buf, "value", summary->top[i].value);
        slc_json_member_int64(buf, "count", summary->top[i].count);
        slc_buf_append_byte(buf, '}');
    }
    slc_buf_append_byte(buf, ']');
    slc_json_member_bool(buf, "top_is_exact", summary->top_is_exact);
}

static void json_column(struct slc_buf *buf, const struct slc_schema *schema,
                        const struct slc_summary *summary)
{
    slc_buf_append_byte(buf, '{');
    slc_json_member_text(buf, "type", slc_type_name(summary->type));
    slc_json_member_int64(buf, "count", summary->n_rows - summary->n_missing);
    slc_json_member_int64(buf, "missing", summary->n_missing);
    slc_json_member_int64(buf, "distinct", summary->n_distinct);
    slc_json_member_bool(buf, "distinct_is_exact", summary->distinct_is_exact);
    slc_json_member_double(buf, "distinct_error", summary->distinct_error);
    slc_json_member_bool(buf, "constant", summary->is_constant);
    slc_json_key(buf, "duplicate_of");
    if (summary->duplicate_of >= 0)
        slc_json_string(buf, schema->fields[summary->duplicate_of].name);
    else
        slc_buf_append_text(buf, "null");
    key_value(buf, "first", summary->first);
    key_value(buf, "min", summary->min);
    key_value(buf, "max", summary->max);
    if (slc_type_is_text(summary->type))
        json_texts(buf, summary);
    else if (summary->type != SLC_TYPE_NULL && summary->type != SLC_TYPE_BOOL)
        json_numbers(buf, summary);
    json_top(buf, summary);
    slc_buf_append_byte(buf, '}');
}

void slc_profile_json(struct slc_buf *buf, const struct slc_schema *schema,
                      const struct slc_summary *summaries)
{
    slc_buf_append_byte(buf, '{');
    slc_json_member_int64(buf, "version", VERSION);
    slc_json_member_int64(buf, "rows", schema->n_fields > 0 ? summaries[0].n_rows : 0);
    slc_json_key(buf, "columns");
    slc_buf_append_byte(buf, '{');
    for (int64_t i = 0; i < schema->n_fields; i++) {
        slc_json_key_str(buf, schema->fields[i].name);
        json_column(buf, schema, &summaries[i]);
    }
    slc_buf_append_text(buf, "}}");
}
