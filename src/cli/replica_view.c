#include "cli/replica_view.h"

#include "base/json.h"
#include "cli/table.h"
#include "cli/text.h"
#include "report/show.h"

enum { LABEL_COLUMNS = 10, INDENT = 2 + LABEL_COLUMNS, VALUE_COLUMNS = 24, NAME_COLUMNS = 40 };

/* ---- Facts ---------------------------------------------------------------- */

/* "  label     text", wrapped. Clears the text; nothing for an empty one. */
static void put_fact(struct slc_buf *out, const char *label, struct slc_buf *text, int columns)
{
    if (text->len == 0)
        return;
    slc_buf_append_text(out, "  ");
    slc_text_cell(out, slc_str_from(label), LABEL_COLUMNS, false);
    slc_text_wrap(out, slc_buf_view(text), INDENT, INDENT, columns);
    slc_buf_append_byte(out, '\n');
    out->failed |= text->failed;
    slc_buf_clear(text);
}

static void put_field(struct slc_buf *out, const char *label, const struct slc_meta *meta,
                      const char *field, int columns)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    slc_text_safe(&text, slc_meta_get(meta, field));
    put_fact(out, label, &text, columns);
}

static void append_some(struct slc_buf *text, int64_t count, const char *what)
{
    if (count <= 0)
        return;
    slc_buf_append_text(text, ", ");
    slc_show_count(text, count);
    slc_buf_append_byte(text, ' ');
    slc_buf_append_text(text, what);
}

static void append_rows(struct slc_buf *text, const struct slc_meta *meta,
                        const struct slc_replica_facts *facts)
{
    int64_t read = slc_meta_int(meta, "ROWS_READ"), written = slc_meta_int(meta, "ROWS_WRITTEN");

    if (facts->rows >= 0) {
        slc_show_count(text, facts->rows);
        slc_buf_append_text(text, " in Redis");
    }
    if (written >= 0 && written != facts->rows)
        append_some(text, written, "written by the load");
    append_some(text, read, "in the file");
    append_some(text, slc_meta_int(meta, "ROWS_REJECTED"), "rejected");
    append_some(text, slc_meta_int(meta, "DUPLICATE_KEYS"), "with the key of another row");
}

static void append_columns(struct slc_buf *text, const struct slc_meta *meta)
{
    struct slc_str index = slc_meta_get(meta, "INDEX_COLUMN");
    int64_t count = slc_meta_columns(meta);

    if (count < 0)
        return;
    slc_show_count(text, count);
    if (index.len > 0) {
        slc_buf_append_text(text, "; the row keys are those of ");
        slc_text_safe(text, index);
    } else {
        slc_buf_append_text(text, "; the row keys count from 0");
    }
}

static void append_source(struct slc_buf *text, const struct slc_meta *meta)
{
    struct slc_str stamp = slc_meta_get(meta, "LOAD_DTTM"), path = slc_meta_get(meta, "FROMFPATH");
    struct slc_str size = slc_meta_get(meta, "FILESIZE"), took = slc_meta_get(meta, "LOAD_SECONDS");

    slc_text_stamp(text, stamp);
    if (took.len > 0) {
        slc_buf_append_text(text, " in ");
        slc_text_safe(text, took);
        slc_buf_append_text(text, " s");
    }
    if (path.len > 0) {
        slc_buf_append_text(text, " from ");
        slc_text_safe(text, path);
    }
    if (size.len > 0) {
        slc_buf_append_text(text, " (");
        slc_text_safe(text, size);
        slc_buf_append_byte(text, ')');
    }
}

static void append_memory(struct slc_buf *text, const struct slc_meta *meta,
                          const struct slc_replica_facts *facts)
{
    int64_t before = slc_meta_int(meta, "MEMORY_BEFORE"),
            after = slc_meta_int(meta, "MEMORY_AFTER");

    if (facts->memory_bytes >= 0) {
        slc_show_bytes(text, facts->memory_bytes);
        slc_buf_append_text(text, " in Redis");
    }
    if (before >= 0 && after >= 0) {
        slc_buf_append_text(text, text->len ? "; as columns " : "as columns ");
        slc_show_bytes(text, after);
        slc_buf_append_text(text, ", as read ");
        slc_show_bytes(text, before);
    }
}

static void put_facts(struct slc_str name, const struct slc_meta *meta,
                      const struct slc_replica_facts *facts, int columns, struct slc_buf *out)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    slc_text_safe(out, name);
    slc_buf_append_byte(out, '\n');
    append_rows(&text, meta, facts);
    put_fact(out, "rows", &text, columns);
    append_columns(&text, meta);
    put_fact(out, "columns", &text, columns);
    append_source(&text, meta);
    put_fact(out, "loaded", &text, columns);
    append_memory(&text, meta, facts);
    put_fact(out, "memory", &text, columns);
    put_field(out, "load id", meta, "LOAD_ID", columns);
    put_field(out, "sha256", meta, "SOURCE_SHA256", columns);
}

/* ---- Columns -------------------------------------------------------------- */

/* The documents that say something of each column; any may be NULL. */
struct documents {
    struct json_object *columns, *dtypes, *impute, *scale, *missing, *repair;
};

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(object, name, &value);
    return value;
}

/* {"version":1,"columns":{...}} -> its columns, taken out. */
static struct json_object *columns_of(const struct slc_meta *meta, const char *field)
{
    SLC_AUTO_JSON struct json_object *document = slc_meta_json(meta, field);

    return json_object_get(member(document, "columns"));
}

static size_t array_length(struct json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

/* {name: count of missing values}, as two arrays in META; NULL: no memory. */
static struct json_object *missing_counts(const struct slc_meta *meta)
{
    SLC_AUTO_JSON struct json_object *names = slc_meta_json(meta, "MISSING_DATA_COL_NAMES");
    SLC_AUTO_JSON struct json_object *counts = slc_meta_json(meta, "MISSING_DATA_COUNT");
    struct json_object *missing = json_object_new_object();

    for (size_t i = 0; missing && i < array_length(names) && i < array_length(counts); i++) {
        struct json_object *count = json_object_get(json_object_array_get_idx(counts, i));
        const char *name = slc_json_text_of(json_object_array_get_idx(names, i)).data;

        if (json_object_object_add(missing, name, count) != 0)
            json_object_put(count);
    }
    return missing;
}

static void read_documents(const struct slc_meta *meta, struct documents *documents)
{
    *documents = (struct documents){
        .columns = slc_meta_json(meta, "COLUMNS"),
        .dtypes = slc_meta_json(meta, "DTYPES"),
        .impute = columns_of(meta, "IMPUTE"),
        .scale = columns_of(meta, "SCALE"),
        .missing = missing_counts(meta),
        .repair = slc_meta_json(meta, "JSON_REPAIR"),
    };
}

static void release_documents(struct documents *documents)
{
    json_object_put(documents->columns);
    json_object_put(documents->dtypes);
    json_object_put(documents->impute);
    json_object_put(documents->scale);
    json_object_put(documents->missing);
    json_object_put(documents->repair);
}

/* A value of a document, short. */
static void append_value(struct slc_buf *text, struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_string:
        if (json_object_get_string_len(value) == 0)
            slc_buf_append_text(text, "\"\"");
        slc_text_clip(text, slc_json_text_of(value), VALUE_COLUMNS);
        return;
    case json_type_double:
    case json_type_int:
        slc_text_number(text, json_object_get_double(value));
        return;
    case json_type_null:
        slc_buf_append_text(text, "nothing");
        return;
    default:
        slc_text_clip(text, slc_str_from(json_object_to_json_string(value)), VALUE_COLUMNS);
    }
}

/* mean 53.7 */
static void append_impute(struct slc_buf *text, struct json_object *impute)
{
    struct slc_str strategy = slc_json_text_of(member(impute, "strategy"));

    if (strategy.len == 0 || slc_str_is(strategy, "none"))
        return;
    slc_text_safe(text, strategy);
    slc_buf_append_byte(text, ' ');
    append_value(text, member(impute, "value"));
}

/* minmax 18..90; standard 53.7, 21.1 */
static void append_scale(struct slc_buf *text, struct json_object *scale)
{
    struct slc_str strategy = slc_json_text_of(member(scale, "strategy"));
    bool is_minmax = slc_str_is(strategy, "minmax");

    if (strategy.len == 0 || slc_str_is(strategy, "none"))
        return;
    slc_text_safe(text, strategy);
    slc_buf_append_byte(text, ' ');
    if (!slc_str_is(strategy, "maxabs")) {
        append_value(text, member(scale, is_minmax ? "data_min" : "center"));
        slc_buf_append_text(text, is_minmax ? ".." : ", ");
    }
    append_value(text, member(scale, is_minmax ? "data_max" : "scale"));
    if (json_object_get_boolean(member(scale, "approximate")))
        slc_buf_append_text(text, " ~");
}

static void add_cell(struct slc_table *table, struct slc_buf *text)
{
    slc_table_cell(table, slc_buf_view(text));
    slc_buf_clear(text);
}

static void add_column(struct slc_table *table, const struct documents *documents, const char *name)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    int64_t missing = json_object_get_int64(member(documents->missing, name));

    slc_table_cell(table, slc_str_from(name));
    slc_table_cell(table, slc_json_text_of(member(documents->dtypes, name)));
    if (missing > 0)
        slc_show_count(&text, missing);
    add_cell(table, &text);
    append_impute(&text, member(documents->impute, name));
    add_cell(table, &text);
    append_scale(&text, member(documents->scale, name));
    add_cell(table, &text);
}

static void put_columns(const struct documents *documents, int columns, struct slc_buf *out)
{
    static const struct slc_table_column titles[] = {
        {.title = {"column", 6}, .min_width = 10},
        {.title = {"type", 4}},
        {.title = {"missing", 7}, .right = true},
        {.title = {"filled with", 11}, .min_width = 11},
        {.title = {"scaled by", 9}, .min_width = 9},
    };
    SLC_AUTO_TABLE struct slc_table table = {.gap = 2};

    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
        slc_table_column(&table, titles[i]);
    for (size_t i = 0; i < array_length(documents->columns); i++)
        add_column(&table, documents,
                   slc_json_text_of(json_object_array_get_idx(documents->columns, i)).data);
    slc_buf_append_byte(out, '\n');
    slc_table_print(&table, columns, out);
}

/* ---- What was found ------------------------------------------------------- */

static void put_point(struct slc_buf *out, struct slc_buf *text, int columns)
{
    if (text->len == 0)
        return;
    slc_buf_append_text(out, "- ");
    slc_text_wrap(out, slc_buf_view(text), 2, 2, columns);
    slc_buf_append_byte(out, '\n');
    out->failed |= text->failed;
    slc_buf_clear(text);
}

static void append_constants(struct slc_buf *text, const struct slc_meta *meta)
{
    SLC_AUTO_JSON struct json_object *names = slc_meta_json(meta, "ZERO_STD_COLS");
    SLC_AUTO_JSON struct json_object *values = slc_meta_json(meta, "ZERO_STD_COLS_VALUES");

    for (size_t i = 0; i < array_length(names); i++) {
        slc_buf_append_text(text, i == 0 ? "Constant: " : ", ");
        slc_text_clip(text, slc_json_text_of(json_object_array_get_idx(names, i)), NAME_COLUMNS);
        if (i >= array_length(values))
            continue;
        slc_buf_append_text(text, " (");
        append_value(text, json_object_array_get_idx(values, i));
        slc_buf_append_byte(text, ')');
    }
}

static void append_duplicates(struct slc_buf *text, const struct slc_meta *meta)
{
    SLC_AUTO_JSON struct json_object *duplicates = slc_meta_json(meta, "DUPLICATED_COLS");

    if (!json_object_is_type(duplicates, json_type_object))
        return;
    json_object_object_foreach(duplicates, kept, same)
    {
        for (size_t i = 0; i < array_length(same); i++) {
            slc_buf_append_text(text, text->len == 0 ? "Duplicated: " : ", ");
            slc_text_clip(text, slc_json_text_of(json_object_array_get_idx(same, i)), NAME_COLUMNS);
            slc_buf_append_text(text, " (the same as ");
            slc_text_clip(text, slc_str_from(kept), NAME_COLUMNS);
            slc_buf_append_byte(text, ')');
        }
    }
}

static void append_repairs(struct slc_buf *text, struct json_object *repair)
{
    if (!json_object_is_type(repair, json_type_object))
        return;
    json_object_object_foreach(repair, name, counts)
    {
        int64_t unrepaired = json_object_get_int64(member(counts, "unrepaired"));

        slc_buf_append_text(text, text->len == 0 ? "JSON: " : ", ");
        slc_text_clip(text, slc_str_from(name), NAME_COLUMNS);
        slc_buf_append_text(text, " (");
        slc_show_count(text, json_object_get_int64(member(counts, "repaired")));
        slc_buf_append_text(text, " repaired");
        if (unrepaired > 0) {
            append_some(text, unrepaired, "are no JSON and stayed as they were, the first in row ");
            slc_show_count(text, json_object_get_int64(member(counts, "first_unrepaired_row")));
        }
        slc_buf_append_byte(text, ')');
    }
}

void slc_replica_view(struct slc_str name, const struct slc_meta *meta,
                      const struct slc_replica_facts *facts, int columns, struct slc_buf *out)
{
    SLC_CLEANUP(release_documents) struct documents documents;
    SLC_AUTO_BUF struct slc_buf points = {0}, text = {0};

    put_facts(name, meta, facts, columns, out);
    read_documents(meta, &documents);
    put_columns(&documents, columns, out);
    append_constants(&text, meta);
    put_point(&points, &text, columns);
    append_duplicates(&text, meta);
    put_point(&points, &text, columns);
    append_repairs(&text, documents.repair);
    put_point(&points, &text, columns);
    if (points.len > 0)
        slc_buf_append_byte(out, '\n');
    slc_buf_append_str(out, slc_buf_view(&points));
    out->failed |= points.failed;
}

/* ---- JSON ----------------------------------------------------------------- */

static void append_field(struct slc_buf *out, const struct slc_meta_field *field)
{
    if (strcmp(field->name, "KEY_ORDER") == 0) /* the store's own, and long */
        return;
    slc_json_comma(out);
    slc_text_json(out, slc_str_from(field->name));
    slc_buf_append_byte(out, ':');
    if (slc_meta_is_json(field->name, field->value))
        slc_buf_append_str(out, field->value);
    else
        slc_text_json(out, field->value);
}

static void append_int(struct slc_buf *out, const char *key, int64_t value)
{
    slc_json_key(out, key);
    if (value >= 0)
        slc_json_int64(out, value);
    else
        slc_buf_append_text(out, "null");
}

void slc_replica_view_json(const struct slc_meta *meta, const struct slc_replica_facts *facts,
                           struct slc_buf *out)
{
    slc_buf_append_byte(out, '{');
    append_int(out, "rows", facts->rows);
    append_int(out, "memory_bytes", facts->memory_bytes);
    for (int64_t i = 0; i < meta->n_fields; i++)
        append_field(out, &meta->fields[i]);
    slc_buf_append_text(out, "}\n");
}
