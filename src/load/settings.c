#include "load/settings.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

/* The items of a list option as views that live in `arena`. */
static bool take_texts(const struct slc_config *config, const char *key, struct slc_arena *arena,
                       const struct slc_str **ret_texts, int64_t *ret_n, struct slc_error *error)
{
    const char *const *items;
    size_t n = slc_config_list(config, key, &items);
    struct slc_str *texts = slc_arena_calloc(arena, n + 1, sizeof(*texts));

    for (size_t i = 0; texts && i < n; i++) {
        texts[i] = slc_arena_copy(arena, slc_str_from(items[i]));
        if (!texts[i].data)
            texts = NULL;
    }
    *ret_texts = texts;
    *ret_n = (int64_t)n;
    return texts || slc_fail(error, SLC_ERR_MEMORY, "no memory for the options");
}

/* NAME:TYPE; a name may hold colons, a type does not. */
static bool take_dtypes(const struct slc_config *config, struct slc_arena *arena,
                        struct slc_reader_options *options, struct slc_error *error)
{
    const struct slc_str *texts;
    struct slc_column_dtype *dtypes;

    if (!take_texts(config, "reader.dtypes", arena, &texts, &options->n_dtypes, error))
        return false;
    dtypes = slc_arena_calloc(arena, (size_t)options->n_dtypes + 1, sizeof(*dtypes));
    if (!dtypes)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the options");
    for (int64_t i = 0; i < options->n_dtypes; i++) {
        size_t name = texts[i].len;

        while (name > 0 && texts[i].data[name - 1] != ':')
            name--;
        dtypes[i].name = (struct slc_str){texts[i].data, name > 0 ? name - 1 : 0};
        if (!slc_type_from_name((struct slc_str){texts[i].data + name, texts[i].len - name},
                                &dtypes[i].type))
            return slc_fail(error, SLC_ERR_CONFIG, "reader.dtypes: \"%.*s\" names no type",
                            SLC_STR_ARG(texts[i]));
    }
    options->dtypes = dtypes;
    return true;
}

bool slc_reader_options_from(const struct slc_config *config, struct slc_arena *arena,
                             struct slc_reader_options *ret_options, struct slc_error *error)
{
    struct slc_reader_options options = slc_reader_default_options();

    if (!take_texts(config, "reader.na_values", arena, &options.na_values, &options.n_na_values,
                    error) ||
        !take_texts(config, "reader.columns", arena, &options.columns, &options.n_columns, error) ||
        !take_dtypes(config, arena, &options, error))
        return false;
    options.keep_default_na = slc_config_bool(config, "reader.keep_default_na");
    options.delimiter = slc_config_character(config, "reader.delimiter");
    options.quote = slc_config_character(config, "reader.quote");
    options.escape = slc_config_character(config, "reader.escape");
    options.comment = slc_config_character(config, "reader.comment");
    options.types = (enum slc_types)slc_config_choice(config, "reader.types");
    options.leading_zeros = slc_config_is(config, "reader.leading_zeros", "number");
    options.invalid_text = (enum slc_invalid_text)slc_config_choice(config, "reader.invalid_utf8");
    options.header = (enum slc_header)slc_config_choice(config, "reader.header");
    options.encoding = (enum slc_encoding)slc_config_choice(config, "reader.encoding");
    options.skip_rows = slc_config_int(config, "reader.skip_rows");
    options.decimal = slc_config_character(config, "reader.decimal");
    options.thousands = slc_config_character(config, "reader.thousands");
    options.sheet = slc_str_from(slc_config_text(config, "reader.sheet"));
    options.chunk_bytes = slc_config_bytes(config, "load.chunk_bytes");
    *ret_options = options;
    return true;
}

/* The choices of these options stand in the order of the enums. */
static struct slc_prep_wish general_wish(const struct slc_config *config)
{
    const char *value = slc_config_text(config, "prep.impute_value");
    struct slc_prep_wish wish = {
        .impute = (enum slc_impute)slc_config_choice(config, "prep.impute"),
        .scale = (enum slc_scale)slc_config_choice(config, "prep.scale"),
        .scale_min = slc_config_number(config, "prep.scale_min"),
        .scale_max = slc_config_number(config, "prep.scale_max"),
        .scale_clip = slc_config_bool(config, "prep.scale_clip"),
        .downcast = (enum slc_downcast)slc_config_choice(config, "prep.downcast"),
        .json_repair = slc_config_bool(config, "prep.json_repair"),
    };

    if (value && *value)
        wish.impute_value = slc_str_from(value);
    return wish;
}

static void wish_for_column(const struct slc_config *config, size_t i, struct slc_prep_wish *wish)
{
    const char *value = slc_config_column_value(config, i, SLC_COLUMN_IMPUTE_VALUE);
    int choice;

    if (value)
        wish->impute_value = slc_str_from(value);
    if ((choice = slc_config_column_choice(config, i, SLC_COLUMN_IMPUTE)) >= 0)
        wish->impute = (enum slc_impute)choice;
    if ((choice = slc_config_column_choice(config, i, SLC_COLUMN_SCALE)) >= 0)
        wish->scale = (enum slc_scale)choice;
    wish->scale_min = slc_config_column_number(config, i, SLC_COLUMN_SCALE_MIN, wish->scale_min);
    wish->scale_max = slc_config_column_number(config, i, SLC_COLUMN_SCALE_MAX, wish->scale_max);
    if ((choice = slc_config_column_choice(config, i, SLC_COLUMN_SCALE_CLIP)) >= 0)
        wish->scale_clip = choice == 1;
    if ((choice = slc_config_column_choice(config, i, SLC_COLUMN_DOWNCAST)) >= 0)
        wish->downcast = (enum slc_downcast)choice;
    if ((choice = slc_config_column_choice(config, i, SLC_COLUMN_JSON_REPAIR)) >= 0)
        wish->json_repair = choice == 1;
    if ((choice = slc_config_column_choice(config, i, SLC_COLUMN_DROP)) >= 0)
        wish->drop = choice == 1;
}

bool slc_prep_options_from(const struct slc_config *config, const struct slc_schema *schema,
                           int64_t index_column, struct slc_arena *arena,
                           struct slc_prep_options *ret_options, struct slc_error *error)
{
    struct slc_prep_wish *wishes =
        slc_arena_calloc(arena, (size_t)schema->n_fields + 1, sizeof(*wishes));
    struct slc_prep_wish general = general_wish(config);

    if (!wishes)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the options");
    for (int64_t i = 0; i < schema->n_fields; i++)
        wishes[i] = general;
    for (size_t i = 0; i < slc_config_column_count(config); i++) {
        struct slc_str name = slc_str_from(slc_config_column_name(config, i));
        int64_t field = slc_schema_find(schema, name);

        if (field < 0)
            return slc_fail(error, SLC_ERR_CONFIG,
                            "prep.columns.%.*s is set, but the file has no such column; the "
                            "nearest is %.*s",
                            SLC_STR_ARG(name), SLC_STR_ARG(slc_schema_nearest(schema, name)));
        wish_for_column(config, i, &wishes[field]);
    }
    *ret_options = (struct slc_prep_options){
        .wishes = wishes,
        .drop_constant = slc_config_bool(config, "prep.drop_constant"),
        .drop_duplicated = slc_config_bool(config, "prep.drop_duplicated"),
        .index_column = index_column,
    };
    return true;
}

int slc_load_threads(const struct slc_config *config)
{
    /* A thread holds a chunk as text, cells, values and encoded rows. */
    int64_t room = slc_config_bytes(config, "load.memory") /
                   (8 * slc_config_bytes(config, "load.chunk_bytes"));
    int64_t n = slc_config_int(config, "load.threads");
    cpu_set_t cpus;

    if (n == 0)
        n = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    if (n > room)
        n = room;
    return n < 1 ? 1 : n > 64 ? 64 : (int)n;
}

void slc_load_stand_back(int nice)
{
    /* On Linux a nice value is a thread's own; a system that refuses is fine. */
    if (nice > 0)
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), nice);
}

/* Another column of that name but for case; -1 when there is none. */
static int64_t find_other(const struct slc_schema *schema, struct slc_str wanted, int64_t found)
{
    for (int64_t i = found + 1; i < schema->n_fields; i++)
        if (slc_str_eq_nocase(schema->fields[i].name, wanted))
            return i;
    return -1;
}

bool slc_find_index(const struct slc_schema *schema, struct slc_str wanted, int64_t *ret_column,
                    struct slc_error *error)
{
    int64_t column = -1, other;

    if (wanted.len > 0) {
        column = slc_schema_find_nocase(schema, wanted);
        if (column < 0)
            return slc_fail(error, SLC_ERR_DATA,
                            "the index column \"%.*s\" is not in the file; the nearest column is "
                            "\"%.*s\"",
                            SLC_STR_ARG(wanted), SLC_STR_ARG(slc_schema_nearest(schema, wanted)));
        other = find_other(schema, wanted, column);
        if (other >= 0 && !slc_str_eq(schema->fields[column].name, wanted))
            return slc_fail(
                error, SLC_ERR_DATA,
                "the index column \"%.*s\" may be \"%.*s\" or \"%.*s\"; write it as the "
                "file does",
                SLC_STR_ARG(wanted), SLC_STR_ARG(schema->fields[column].name),
                SLC_STR_ARG(schema->fields[other].name));
    }
    *ret_column = column;
    return true;
}
