/* sluice ls: the replicas in Redis. */
#include "base/json.h"
#include "cli/cli.h"
#include "cli/redis_access.h"
#include "cli/replica.h"
#include "cli/table.h"
#include "cli/text.h"
#include "report/show.h"

static const struct slc_flag flags[] = {
    {.name = "names", .help = "the names alone, one a line"},
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG,
    {0},
};

static const char *const wanted[] = {"LAYOUT", "LOAD_DTTM", "DF_SHAPE", "FILESIZE", "INDEX_COLUMN"};

/* One replica; without metadata it is registered and was never loaded. */
struct line {
    struct slc_str name;
    bool is_loaded;
    struct slc_meta meta;
    struct slc_replica_facts facts;
};

static void release(struct line *line)
{
    slc_meta_release(&line->meta);
}

static bool read_line(struct slc_redis *redis, const char *name, struct line *ret_line,
                      struct slc_error *error)
{
    struct line line = {.name = slc_str_from(name), .is_loaded = true};
    struct slc_error inner = {0};

    if (!slc_store_meta(redis, line.name, wanted, sizeof(wanted) / sizeof(wanted[0]), &line.meta,
                        &inner)) {
        if (inner.code != SLC_ERR_NOT_FOUND) {
            *error = inner;
            return false;
        }
        line.is_loaded = false;
        line.meta = (struct slc_meta){0};
    }
    if (!slc_replica_facts(redis, line.name, &line.meta, &line.facts, error)) {
        release(&line);
        return false;
    }
    *ret_line = line;
    return true;
}

static void add_count(struct slc_table *table, int64_t count,
                      void (*print)(struct slc_buf *, int64_t))
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    if (count >= 0)
        print(&text, count);
    else
        slc_buf_append_byte(&text, '-');
    slc_table_cell(table, slc_buf_view(&text));
}

static void add_line(struct slc_table *table, const struct line *line)
{
    SLC_AUTO_BUF struct slc_buf stamp = {0};

    slc_table_cell(table, line->name);
    if (!line->is_loaded) {
        slc_table_span(table, SLC_STR("registered, not loaded"), 5);
        return;
    }
    add_count(table, line->facts.rows, slc_show_count);
    add_count(table, slc_meta_columns(&line->meta), slc_show_count);
    slc_text_stamp(&stamp, slc_meta_get(&line->meta, "LOAD_DTTM"));
    slc_table_cell(table, slc_buf_view(&stamp));
    slc_table_cell(table, slc_meta_get(&line->meta, "FILESIZE"));
    add_count(table, line->facts.memory_bytes, slc_show_bytes);
}

static void append_int(struct slc_buf *out, const char *key, int64_t value)
{
    slc_json_key(out, key);
    if (value >= 0)
        slc_json_int64(out, value);
    else
        slc_buf_append_text(out, "null");
}

static void append_text(struct slc_buf *out, const char *key, struct slc_str value)
{
    slc_json_key(out, key);
    if (value.data)
        slc_text_json(out, value);
    else
        slc_buf_append_text(out, "null");
}

static void append_json(struct slc_buf *out, const struct line *line)
{
    slc_json_comma(out);
    slc_buf_append_text(out, "{\"name\":");
    slc_text_json(out, line->name);
    slc_json_member_bool(out, "loaded", line->is_loaded);
    append_int(out, "rows", line->facts.rows);
    append_int(out, "columns", line->is_loaded ? slc_meta_columns(&line->meta) : -1);
    append_text(out, "index_column", slc_meta_get(&line->meta, "INDEX_COLUMN"));
    append_text(out, "load_dttm", slc_meta_get(&line->meta, "LOAD_DTTM"));
    append_text(out, "file_size", slc_meta_get(&line->meta, "FILESIZE"));
    append_int(out, "memory_bytes", line->facts.memory_bytes);
    slc_buf_append_byte(out, '}');
}

static bool list(struct slc_redis *redis, const struct slc_names *names, struct slc_table *table,
                 struct slc_buf *json, struct slc_error *error)
{
    for (int64_t i = 0; i < names->n_names; i++) {
        SLC_CLEANUP(release) struct line line = {0};

        if (!read_line(redis, names->names[i], &line, error))
            return false;
        add_line(table, &line);
        append_json(json, &line);
    }
    return true;
}

static void add_titles(struct slc_table *table)
{
    static const struct slc_table_column columns[] = {
        {.title = {"name", 4}, .min_width = 10, .max_width = 200},
        {.title = {"rows", 4}, .right = true},
        {.title = {"columns", 7}, .right = true},
        {.title = {"loaded", 6}},
        {.title = {"file", 4}, .right = true},
        {.title = {"in Redis", 8}, .right = true},
    };

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        slc_table_column(table, columns[i]);
}

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_REDIS_ACCESS struct slc_redis_access access = {0};
    SLC_AUTO_NAMES struct slc_names names = {0};
    SLC_AUTO_TABLE struct slc_table table = {.gap = 2};
    SLC_AUTO_BUF struct slc_buf json = {0}, out = {0};
    struct slc_error error = {0};
    struct slc_str registry;

    if (!slc_cli_config(args, &config, &error) ||
        !slc_redis_access_open_reader(config, &access, &error))
        return slc_cli_fail(&error);
    registry = slc_str_from(slc_config_text(config, "store.registry_key"));
    if (!slc_store_list(access.redis, registry, &names, &error))
        return slc_cli_fail(&error);
    if (slc_args_has(args, "names")) {
        for (int64_t i = 0; i < names.n_names; i++) {
            slc_text_safe(&out, slc_str_from(names.names[i]));
            slc_buf_append_byte(&out, '\n');
        }
        return slc_cli_print(&out);
    }
    add_titles(&table);
    slc_buf_append_byte(&json, '[');
    if (!list(access.redis, &names, &table, &json, &error))
        return slc_cli_fail(&error);
    slc_buf_append_text(&json, "]\n");
    if (slc_args_has(args, "json"))
        return slc_cli_print(&json);
    if (names.n_names == 0)
        slc_buf_append_text(&out, "No replicas. \"sluice load FILE\" makes one.\n");
    else
        slc_table_print(
            &table, slc_cli_stdout_is_terminal() ? slc_cli_columns() : SLC_TABLE_ANY_WIDTH, &out);
    return slc_cli_print(&out);
}

const struct slc_command slc_cmd_ls = {
    .name = "ls",
    .args = "[OPTION...]",
    .summary = "List the replicas, the newest first",
    .help = "Rows are those in Redis now; \"file\" is the size of the file they came from,\n"
            "\"in Redis\" the memory that the rows take there, as Redis estimates it.",
    .example = "sluice ls\n"
               "sluice ls --redis redis://127.0.0.1:6379/0 --json",
    .flags = flags,
    .run = run,
};
