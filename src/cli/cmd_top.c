/* sluice top: a replica's first rows. */
#include "base/json.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/redis_access.h"
#include "cli/replica.h"
#include "cli/table.h"
#include "cli/text.h"
#include "report/show.h"

enum {
    USUAL_ROWS = 10,
    MOST_ROWS = 1000000,
    LEAST_CELL_COLUMNS = 10,
    MOST_CELL_COLUMNS = 40,
    MOST_HIDDEN_NAMES = 20,
};

static const struct slc_flag flags[] = {
    {.name = "rows", .letter = 'n', .value = "N", .help = "how many rows (default 10)"},
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG,
    {0},
};

/* A value of a row, short enough to be read. */
static void add_value(struct slc_table *table, struct json_object *value)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    switch (json_object_get_type(value)) {
    case json_type_string:
        slc_table_cell(table, slc_json_text_of(value));
        return;
    case json_type_double:
        slc_buf_printf(&text, "%.6g", json_object_get_double(value));
        break;
    default: /* whole numbers, booleans, null */
        slc_buf_append_text(&text, json_object_to_json_string(value));
    }
    slc_table_cell(table, slc_buf_view(&text));
}

static bool is_number(struct json_object *dtypes, struct slc_str column)
{
    SLC_AUTO_FREE char *name = slc_str_dup(column);
    struct json_object *dtype = NULL;
    struct slc_str text;

    if (!name || !json_object_object_get_ex(dtypes, name, &dtype))
        return false;
    text = slc_json_text_of(dtype);
    return (text.len > 3 && memcmp(text.data, "int", 3) == 0) ||
           (text.len > 4 && memcmp(text.data, "uint", 4) == 0) ||
           (text.len > 5 && memcmp(text.data, "float", 5) == 0);
}

static void add_titles(struct slc_table *table, const struct slc_meta *meta,
                       struct json_object *columns)
{
    SLC_AUTO_JSON struct json_object *dtypes = slc_meta_json(meta, "DTYPES");
    struct slc_str index = slc_meta_get(meta, "INDEX_COLUMN");
    struct slc_table_column first = {
        .title = index.len > 0 ? index : SLC_STR("row"),
        .right = index.len == 0,
        .min_width = LEAST_CELL_COLUMNS,
        .max_width = MOST_CELL_COLUMNS,
    };

    slc_table_column(table, first);
    for (size_t i = 0; i < json_object_array_length(columns); i++) {
        struct slc_str title = slc_json_text_of(json_object_array_get_idx(columns, i));
        struct slc_table_column column = {
            .title = title,
            .right = is_number(dtypes, title),
            .min_width = LEAST_CELL_COLUMNS,
            .max_width = MOST_CELL_COLUMNS,
        };

        slc_table_column(table, column);
    }
}

/* "and 9 more columns: ..." */
static void append_hidden(struct json_object *columns, int shown, struct slc_buf *out)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    size_t count = json_object_array_length(columns), first = shown > 0 ? (size_t)shown - 1 : 0;

    if (first >= count)
        return;
    slc_buf_append_text(&text, "and ");
    slc_show_plural(&text, (int64_t)(count - first), "more column", "more columns");
    for (size_t i = first; i < count && i < first + MOST_HIDDEN_NAMES; i++) {
        slc_buf_append_text(&text, i == first ? ": " : ", ");
        slc_text_clip(&text, slc_json_text_of(json_object_array_get_idx(columns, i)),
                      MOST_CELL_COLUMNS);
    }
    if (count - first > MOST_HIDDEN_NAMES)
        slc_buf_append_text(&text, ", ...");
    slc_buf_append_byte(out, '\n');
    slc_text_wrap(out, slc_buf_view(&text), 0, 0, slc_cli_columns());
    slc_buf_append_byte(out, '\n');
    out->failed |= text.failed;
}

/* META and rows were read one after the other: a load may have changed the
 * columns in between, so a row's length is not taken for granted. */
static void add_row(struct slc_table *table, const char *key, struct json_object *row,
                    size_t n_columns)
{
    slc_table_cell(table, slc_str_from(key));
    for (size_t i = 0; i < n_columns; i++) {
        if (json_object_is_type(row, json_type_array) && i < json_object_array_length(row))
            add_value(table, json_object_array_get_idx(row, i));
        else
            slc_table_cell(table, SLC_STR(""));
    }
}

static bool print_table(const struct slc_meta *meta, struct slc_str json, struct slc_buf *out,
                        struct slc_error *error)
{
    SLC_AUTO_JSON struct json_object *columns = slc_meta_json(meta, "COLUMNS");
    SLC_AUTO_JSON struct json_object *rows = slc_json_tree(json, SLC_META_DEPTH);
    SLC_AUTO_TABLE struct slc_table table = {.gap = 2};
    int width = slc_cli_stdout_is_terminal() ? slc_cli_columns() : SLC_TABLE_ANY_WIDTH;

    if (!json_object_is_type(columns, json_type_array) ||
        !json_object_is_type(rows, json_type_object))
        return slc_fail(error, SLC_ERR_DATA,
                        "its rows or its column names are no JSON; load the file again");
    add_titles(&table, meta, columns);
    json_object_object_foreach(rows, key, row)
    {
        add_row(&table, key, row, json_object_array_length(columns));
    }
    append_hidden(columns, slc_table_print(&table, width, out), out);
    return true;
}

static bool top(const struct slc_args *args, struct slc_redis *redis, int64_t n,
                struct slc_buf *out, struct slc_error *error)
{
    static const char *const wanted[] = {"COLUMNS", "DTYPES", "INDEX_COLUMN"};
    struct slc_str name = slc_str_from(args->operands[0]);
    SLC_AUTO_META struct slc_meta meta = {0};
    SLC_AUTO_BUF struct slc_buf json = {0};
    int64_t n_rows;

    if (!slc_store_top(redis, name, n, &json, &n_rows, error))
        return false;
    if (slc_args_has(args, "json")) {
        slc_buf_append_str(out, slc_buf_view(&json));
        slc_buf_append_byte(out, '\n');
        out->failed |= json.failed;
        return true;
    }
    if (n_rows == 0) {
        slc_text_safe(out, name);
        slc_buf_append_text(out, n > 0 ? " has no rows.\n" : ": no row was asked for.\n");
        return true;
    }
    return slc_store_meta(redis, name, wanted, sizeof(wanted) / sizeof(wanted[0]), &meta, error) &&
           print_table(&meta, slc_buf_view(&json), out, error);
}

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_REDIS_ACCESS struct slc_redis_access access = {0};
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_error error = {0};
    int64_t n;

    if (!slc_args_int(args, "rows", 0, MOST_ROWS, USUAL_ROWS, &n, &error) ||
        !slc_cli_config(args, &config, &error) ||
        !slc_redis_access_open_reader(config, &access, &error) ||
        !top(args, access.redis, n, &out, &error))
        return slc_cli_fail(&error);
    return slc_cli_print(&out);
}

const struct slc_command slc_cmd_top = {
    .name = "top",
    .args = "NAME [-n N] [OPTION...]",
    .summary = "Show a replica's first rows, in the order of the file",
    .help = "As a table for people, numbers cut to six digits; on a terminal columns that\n"
            "do not fit are named below. --json gives every value as it is in Redis:\n"
            "{\"row key\": [values...], ...}, the values in the order of COLUMNS.",
    .example = "sluice top sample_us_users\n"
               "sluice top sample_us_users -n 3 --json",
    .flags = flags,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
