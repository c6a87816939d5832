#include "load/drift_facts.h"

#include <math.h>

#include "base/json_tree.h"
#include "base/time.h"

enum { PROFILE_VERSION = 1, PROFILE_DEPTH = 8, PROFILE_MAX_BYTES = 256 << 20 };

static bool is_time(enum slc_type type)
{
    return type == SLC_TYPE_DATE || type == SLC_TYPE_DATETIME;
}

static void set_shares(struct slc_drift_facts *facts, int64_t n_true)
{
    double n = (double)(facts->n_rows - facts->n_missing), share = (double)n_true / n;

    if (!(n > 0) || share < 0 || share > 1)
        return;
    facts->mean = share;
    facts->std = sqrt(share * (1.0 - share));
}

struct slc_drift_facts slc_drift_facts_of(const struct slc_summary *summary)
{
    struct slc_drift_facts facts = {
        .is_known = true,
        .type = summary->type,
        .n_rows = summary->n_rows,
        .n_missing = summary->n_missing,
        .n_distinct = summary->n_distinct,
        .mean = NAN,
        .std = NAN,
        .min = NAN,
        .max = NAN,
    };
    double unit = summary->type == SLC_TYPE_DATE       ? 86400.0
                  : summary->type == SLC_TYPE_DATETIME ? 1.0 / (double)SLC_USEC_PER_SEC
                                                       : 1.0;

    if (summary->type == SLC_TYPE_BOOL) {
        set_shares(&facts, summary->n_rows - summary->n_missing - summary->n_zero);
    } else if (slc_type_is_number(summary->type) || is_time(summary->type)) {
        facts.mean = summary->mean * unit;
        facts.std = summary->std * unit;
        facts.min = summary->finite_min * unit;
        facts.max = summary->finite_max * unit;
    }
    return facts;
}

/* ---- The old document -------------------------------------------------------- */

static bool get_int(const struct json_object *object, const char *key, int64_t *ret_value)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
        return false;
    *ret_value = json_object_get_int64(value);
    return true;
}

static struct slc_str text_of(struct json_object *value)
{
    return (struct slc_str){.data = json_object_get_string(value),
                            .len = (size_t)json_object_get_string_len(value)};
}

/* A number; NaN for anything else. */
static double get_number(const struct json_object *object, const char *key)
{
    struct json_object *value;
    double number;

    if (!json_object_object_get_ex(object, key, &value) ||
        (!json_object_is_type(value, json_type_int) &&
         !json_object_is_type(value, json_type_double)))
        return NAN;
    number = json_object_get_double(value);
    return isfinite(number) ? number : NAN;
}

/* A date or time, in seconds; NaN for anything else. */
static double get_time(const struct json_object *object, const char *key)
{
    struct json_object *value;
    struct slc_str text;
    int32_t days;
    int64_t usec;

    if (!json_object_object_get_ex(object, key, &value) ||
        !json_object_is_type(value, json_type_string))
        return NAN;
    text = text_of(value);
    if (slc_parse_date(text.data, text.len, &days))
        return days * 86400.0;
    if (slc_parse_datetime(text.data, text.len, &usec))
        return (double)usec / (double)SLC_USEC_PER_SEC;
    return NAN;
}

/* How often true stands in a column of booleans: both values are in `top`. */
static int64_t count_true(const struct json_object *column)
{
    struct json_object *top, *value;
    int64_t count = 0;

    if (!json_object_object_get_ex(column, "top", &top) ||
        !json_object_is_type(top, json_type_array))
        return -1;
    for (size_t i = 0; i < json_object_array_length(top); i++) {
        struct json_object *item = json_object_array_get_idx(top, i);

        if (json_object_is_type(item, json_type_object) &&
            json_object_object_get_ex(item, "value", &value) &&
            json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value))
            return get_int(item, "count", &count) ? count : -1;
    }
    return 0;
}

static void read_levels(const struct json_object *column, struct slc_drift_facts *facts)
{
    if (facts->type == SLC_TYPE_BOOL) {
        set_shares(facts, count_true(column));
    } else if (slc_type_is_number(facts->type)) {
        facts->mean = get_number(column, "mean");
        facts->std = get_number(column, "std");
        facts->min = get_number(column, "finite_min");
        facts->max = get_number(column, "finite_max");
    } else if (is_time(facts->type)) {
        facts->mean = get_time(column, "mean");
        facts->std = get_number(column, "std_seconds");
        facts->min = get_time(column, "min");
        facts->max = get_time(column, "max");
    }
}

struct slc_drift_facts slc_drift_facts_read(const struct json_object *column)
{
    struct slc_drift_facts facts = {.mean = NAN, .std = NAN, .min = NAN, .max = NAN};
    struct json_object *type;
    int64_t count;

    if (!json_object_is_type(column, json_type_object) ||
        !json_object_object_get_ex(column, "type", &type) ||
        !json_object_is_type(type, json_type_string) ||
        !slc_type_from_name(text_of(type), &facts.type) || !get_int(column, "count", &count) ||
        !get_int(column, "missing", &facts.n_missing) ||
        !get_int(column, "distinct", &facts.n_distinct) || count > INT64_MAX - facts.n_missing)
        return facts;
    facts.is_known = true;
    facts.n_rows = count + facts.n_missing;
    read_levels(column, &facts);
    return facts;
}

struct json_object *slc_drift_profile_read(struct slc_str text, int64_t *ret_n_rows)
{
    struct json_object *root =
        text.len <= PROFILE_MAX_BYTES ? slc_json_tree_object(text, PROFILE_DEPTH) : NULL;
    struct json_object *columns;
    int64_t version = 0;

    if (root && get_int(root, "version", &version) && version == PROFILE_VERSION &&
        get_int(root, "rows", ret_n_rows) && json_object_object_get_ex(root, "columns", &columns) &&
        json_object_is_type(columns, json_type_object))
        return root;
    json_object_put(root);
    return NULL;
}
