/* The configuration itself: making it, and setting values. */
#include "config/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"

/* ---- Making ----------------------------------------------------------- */

static void setting_release(struct slc_setting *setting)
{
    slc_value_release(&setting->value);
    free(setting->where);
    free(setting->written);
    *setting = (struct slc_setting){0};
}

static bool setting_copy(const struct slc_setting *from, struct slc_setting *to)
{
    struct slc_setting copy = {
        .origin = from->origin, .load = from->load, .is_pending = from->is_pending};

    if (!slc_value_copy(&from->value, &copy.value))
        return false;
    if ((from->where && !(copy.where = strdup(from->where))) ||
        (from->written && !(copy.written = strdup(from->written)))) {
        setting_release(&copy);
        return false;
    }
    *to = copy;
    return true;
}

static void column_free(struct slc_config_column *column)
{
    if (!column)
        return;
    for (int i = 0; i < SLC_COLUMN_STEPS; i++)
        setting_release(&column->steps[i]);
    free(column->name);
    free(column);
}

void slc_config_free(struct slc_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; config->settings && i < slc_option_count(); i++)
        setting_release(&config->settings[i]);
    for (size_t i = 0; i < config->column_count; i++)
        column_free(config->columns[i]);
    free(config->settings);
    free(config->columns);
    free(config);
}

void slc_config_freep(struct slc_config **config)
{
    slc_config_free(*config);
}

static struct slc_config *config_alloc(void)
{
    struct slc_config *config = calloc(1, sizeof(*config));

    if (!config)
        return NULL;
    config->settings = calloc(slc_option_count(), sizeof(*config->settings));
    if (!config->settings) {
        free(config);
        return NULL;
    }
    return config;
}

struct slc_config *slc_config_new(void)
{
    struct slc_config *config = config_alloc();

    for (size_t i = 0; config && i < slc_option_count(); i++) {
        const struct slc_option *option = slc_option_at(i);
        struct slc_error error = {0};

        if (option->flags & SLC_OPTION_PER_COLUMN)
            continue;
        if (!slc_value_parse(option, slc_str_from(option->key), slc_str_from(option->default_text),
                             &config->settings[i].value, &error)) {
            assert(error.code == SLC_ERR_MEMORY); /* else the table is wrong */
            slc_config_free(config);
            return NULL;
        }
    }
    return config;
}

static struct slc_config_column *column_clone(const struct slc_config_column *from)
{
    struct slc_config_column *to = calloc(1, sizeof(*to));

    if (!to)
        return NULL;
    to->name = strdup(from->name);
    if (!to->name)
        goto failed;
    for (int i = 0; i < SLC_COLUMN_STEPS; i++)
        if (!setting_copy(&from->steps[i], &to->steps[i]))
            goto failed;
    return to;
failed:
    column_free(to);
    return NULL;
}

struct slc_config *slc_config_clone(const struct slc_config *from)
{
    struct slc_config *to = config_alloc();

    if (!to)
        return NULL;
    to->loads = from->loads;
    for (size_t i = 0; i < slc_option_count(); i++)
        if (!setting_copy(&from->settings[i], &to->settings[i]))
            goto failed;
    to->columns = calloc(from->column_count + 1, sizeof(struct slc_config_column *));
    if (!to->columns)
        goto failed;
    to->column_capacity = from->column_count + 1;
    for (size_t i = 0; i < from->column_count; i++) {
        to->columns[i] = column_clone(from->columns[i]);
        if (!to->columns[i])
            goto failed;
        to->column_count++;
    }
    return to;
failed:
    slc_config_free(to);
    return NULL;
}

int slc_config_next_load(struct slc_config *config)
{
    return ++config->loads;
}

/* ---- Setting ---------------------------------------------------------- */

bool slc_config_blame(struct slc_error *error, const struct slc_source *source, const char *format,
                      ...)
{
    enum slc_error_code code =
        source->origin == SLC_ORIGIN_TICKET ? SLC_ERR_TICKET : SLC_ERR_CONFIG;
    char message[2 * SLC_ERROR_MESSAGE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    switch (source->origin) {
    case SLC_ORIGIN_FILE:
        slc_fail(error, code, "line %" PRId64 ": %s", source->line, message);
        slc_error_locate(error, source->name, 0, (struct slc_str){0});
        break;
    case SLC_ORIGIN_ENVIRONMENT:
        slc_fail(error, code, "%s (from the environment variable %s)", message, source->name);
        break;
    case SLC_ORIGIN_SET:
        slc_fail(error, code, "%s (from %s)", message, source->name);
        break;
    case SLC_ORIGIN_TICKET:
        slc_fail(error, code, "%s (from the ticket's options)", message);
        break;
    case SLC_ORIGIN_DEFAULT:
        slc_fail(error, code, "%s", message);
        break;
    }
    return false;
}

static bool no_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "out of memory for the configuration");
}

static char *describe_source(const struct slc_source *source)
{
    SLC_AUTO_BUF struct slc_buf buf = {0};

    switch (source->origin) {
    case SLC_ORIGIN_FILE:
        slc_buf_printf(&buf, "%s, line %" PRId64, source->name, source->line);
        break;
    case SLC_ORIGIN_ENVIRONMENT:
        slc_buf_printf(&buf, "environment variable %s", source->name);
        break;
    case SLC_ORIGIN_TICKET:
        slc_buf_append_text(&buf, "ticket");
        break;
    case SLC_ORIGIN_DEFAULT:
    case SLC_ORIGIN_SET:
        slc_buf_append_text(&buf, source->name);
        break;
    }
    return slc_buf_steal(&buf, NULL);
}

static bool parse_input(const struct slc_option *option, struct slc_str key, struct slc_input input,
                        bool is_pending, struct slc_value *ret_value,
                        const struct slc_source *source, struct slc_error *error)
{
    struct slc_error inner = {0};
    bool good;

    if (is_pending)
        good = slc_value_keep(option, key, &input, ret_value, &inner);
    else
        good = input.is_list
                   ? slc_value_parse_items(option, key, input.items, input.count, ret_value, &inner)
                   : slc_value_parse(option, key, input.text, ret_value, &inner);
    if (good)
        return true;
    if (inner.code == SLC_ERR_MEMORY)
        return no_memory(error);
    return slc_config_blame(error, source, "%s", inner.message);
}

static bool setting_put(struct slc_setting *setting, const struct slc_option *option,
                        struct slc_str key, struct slc_input input, const struct slc_source *source,
                        struct slc_error *error)
{
    /* A ticket comes from outside: what it says is nothing but text. */
    bool is_pending = source->origin != SLC_ORIGIN_TICKET && slc_input_has_reference(&input);
    struct slc_value value;
    char *where;

    if (source->origin == SLC_ORIGIN_FILE && setting->load == source->load && setting->where)
        return slc_config_blame(error, source, "%.*s is set twice, first at %s", SLC_STR_ARG(key),
                                setting->where);
    if (!parse_input(option, key, input, is_pending, &value, source, error))
        return false;
    if (setting->origin > source->origin) {
        slc_value_release(&value);
        return true;
    }
    where = describe_source(source);
    if (!where) {
        slc_value_release(&value);
        return no_memory(error);
    }
    setting_release(setting);
    *setting = (struct slc_setting){.value = value,
                                    .origin = source->origin,
                                    .where = where,
                                    .load = source->load,
                                    .is_pending = is_pending};
    return true;
}

static struct slc_config_column *insert_column(struct slc_config *config, struct slc_str name,
                                               size_t place)
{
    struct slc_config_column *column;

    if (config->column_count == config->column_capacity) {
        size_t capacity = 2 * config->column_capacity + 8;
        struct slc_config_column **columns =
            realloc(config->columns, capacity * sizeof(struct slc_config_column *));

        if (!columns)
            return NULL;
        config->columns = columns;
        config->column_capacity = capacity;
    }
    column = calloc(1, sizeof(*column));
    if (!column)
        return NULL;
    column->name = slc_str_dup(name);
    if (!column->name) {
        free(column);
        return NULL;
    }
    memmove(config->columns + place + 1, config->columns + place,
            (config->column_count - place) * sizeof(struct slc_config_column *));
    config->columns[place] = column;
    config->column_count++;
    return column;
}

/* The last dot at or behind `from`, or NULL. */
static const char *last_dot(struct slc_str key, size_t from)
{
    for (size_t i = key.len; i > from; i--)
        if (key.data[i - 1] == '.')
            return key.data + i - 1;
    return NULL;
}

static bool put_column(struct slc_config *config, struct slc_str key, struct slc_input input,
                       const struct slc_source *source, struct slc_error *error)
{
    const size_t prefix = sizeof(SLC_COLUMN_PREFIX) - 1;
    const char *dot = last_dot(key, prefix);
    struct slc_str name, step_name;
    enum slc_column_step step;
    struct slc_config_column *column;
    size_t place;

    if (!dot || dot == key.data + prefix)
        return slc_config_blame(error, source, "%.*s: a column's option is prep.columns.NAME.STEP",
                                SLC_STR_ARG(key));
    name = (struct slc_str){.data = key.data + prefix, .len = (size_t)(dot - key.data) - prefix};
    step_name = (struct slc_str){.data = dot + 1, .len = key.len - (size_t)(dot + 1 - key.data)};
    step = slc_column_step_find(step_name);
    if (step == SLC_COLUMN_STEPS)
        return slc_config_blame(error, source,
                                "%.*s: unknown step \"%.*s\"; the steps of a column are impute, "
                                "impute_value, scale, scale_min, scale_max, scale_clip, "
                                "json_repair, downcast and drop",
                                SLC_STR_ARG(key), SLC_STR_ARG(step_name));
    if (slc_config_find_column(config, name, &place)) {
        column = config->columns[place];
    } else {
        if (config->column_count >= SLC_CONFIG_COLUMNS)
            return slc_config_blame(error, source, "%.*s: at most %d columns may have options",
                                    SLC_STR_ARG(key), (int)SLC_CONFIG_COLUMNS);
        column = insert_column(config, name, place);
        if (!column)
            return no_memory(error);
    }
    return setting_put(&column->steps[step], slc_column_step_option(step), key, input, source,
                       error);
}

bool slc_config_blame_unknown(struct slc_str key, const struct slc_source *source,
                              struct slc_error *error)
{
    struct slc_str clipped = slc_utf8_clip(key, 80);

    if (slc_option_is_section(key))
        return slc_config_blame(error, source, "%.*s is a section of options, not an option",
                                SLC_STR_ARG(clipped));
    return slc_config_blame(error, source, "unknown option \"%.*s\"; the nearest known one is %s",
                            SLC_STR_ARG(clipped), slc_option_nearest(key));
}

static bool is_column_key(struct slc_str key)
{
    const size_t prefix = sizeof(SLC_COLUMN_PREFIX) - 1;

    return key.len > prefix && memcmp(key.data, SLC_COLUMN_PREFIX, prefix) == 0;
}

bool slc_config_put(struct slc_config *config, struct slc_str key, struct slc_input input,
                    const struct slc_source *source, struct slc_error *error)
{
    const struct slc_option *option;

    if (key.len > SLC_CONFIG_KEY_BYTES || !slc_utf8_is_valid(key) ||
        memchr(key.data, '\0', key.len))
        return slc_config_blame(error, source,
                                "a key is longer than %d bytes, no UTF-8 or contains a NUL",
                                (int)SLC_CONFIG_KEY_BYTES);
    if (is_column_key(key))
        return put_column(config, key, input, source, error);
    option = slc_option_find(key);
    if (!option)
        return slc_config_blame_unknown(key, source, error);
    if (source->origin == SLC_ORIGIN_TICKET && !(option->flags & SLC_OPTION_PER_FILE))
        return slc_config_blame(error, source, "%s cannot be set for one file", option->key);
    for (size_t i = 0; i < slc_option_count(); i++)
        if (slc_option_at(i) == option)
            return setting_put(&config->settings[i], option, key, input, source, error);
    return false;
}

bool slc_config_set_value(struct slc_config *config, const char *key, struct slc_str value,
                          const char *source, struct slc_error *error)
{
    return slc_config_put(config, slc_str_from(key), (struct slc_input){.text = value},
                          &(struct slc_source){.origin = SLC_ORIGIN_SET, .name = source}, error);
}

/* A column's name may hold a '=', too: then the one behind a STEP counts. */
static const char *find_equals(const char *assignment)
{
    const char *first = strchr(assignment, '=');

    for (const char *equals = first; equals; equals = strchr(equals + 1, '=')) {
        struct slc_str key = {.data = assignment, .len = (size_t)(equals - assignment)};
        const char *dot;

        if (!is_column_key(key))
            break;
        dot = last_dot(key, 0);
        if (dot && slc_column_step_find((struct slc_str){
                       .data = dot + 1, .len = (size_t)(equals - dot) - 1}) != SLC_COLUMN_STEPS)
            return equals;
    }
    return first;
}

bool slc_config_set(struct slc_config *config, const char *assignment, struct slc_error *error)
{
    const struct slc_source source = {.origin = SLC_ORIGIN_SET, .name = "--set"};
    const char *equals = find_equals(assignment);
    struct slc_str key;

    /* What has no '=' may be a secret: it is not repeated. */
    if (!equals || equals == assignment)
        return slc_fail(error, SLC_ERR_USAGE,
                        "--set wants KEY=VALUE, for instance --set http.port=8080");
    key = slc_str_trim((struct slc_str){.data = assignment, .len = (size_t)(equals - assignment)});
    return slc_config_put(config, key, (struct slc_input){.text = slc_str_from(equals + 1)},
                          &source, error);
}

/* What numbers are scaled to, for all columns and for those with a bound of
 * their own. */
static bool check_scale_range(const struct slc_config *config, struct slc_error *error)
{
    double least = slc_config_number(config, "prep.scale_min");
    double most = slc_config_number(config, "prep.scale_max");

    if (!(least < most))
        return slc_fail(
            error, SLC_ERR_CONFIG, "prep.scale_max (%s) has to be above prep.scale_min (%s)",
            slc_config_where(config, "prep.scale_max"), slc_config_where(config, "prep.scale_min"));
    for (size_t i = 0; i < config->column_count; i++) {
        struct slc_str name = slc_utf8_clip(slc_str_from(config->columns[i]->name), 80);

        if (!(slc_config_column_number(config, i, SLC_COLUMN_SCALE_MIN, least) <
              slc_config_column_number(config, i, SLC_COLUMN_SCALE_MAX, most)))
            return slc_fail(error, SLC_ERR_CONFIG,
                            "prep.columns.%.*s: scale_max has to be above scale_min; where a "
                            "column has none of its own, prep's counts",
                            SLC_STR_ARG(name));
    }
    return true;
}

static bool check_dialect(const struct slc_config *config, struct slc_error *error)
{
    static const char *const keys[] = {"reader.delimiter", "reader.quote", "reader.escape",
                                       "reader.comment"};
    enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

    for (size_t i = 0; i < KEYS; i++) {
        char c = slc_config_character(config, keys[i]);

        for (size_t j = i + 1; c && j < KEYS; j++)
            if (c == slc_config_character(config, keys[j]))
                return slc_fail(error, SLC_ERR_CONFIG, "%s (%s) and %s (%s) are the same character",
                                keys[i], slc_config_where(config, keys[i]), keys[j],
                                slc_config_where(config, keys[j]));
    }
    return true;
}

static bool has_pending(const struct slc_config *config)
{
    for (size_t i = 0; i < slc_option_count(); i++)
        if (config->settings[i].is_pending)
            return true;
    for (size_t i = 0; i < config->column_count; i++)
        for (int step = 0; step < SLC_COLUMN_STEPS; step++)
            if (config->columns[i]->steps[step].is_pending)
                return true;
    return false;
}

bool slc_config_check(const struct slc_config *config, struct slc_error *error)
{
    if (has_pending(config))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the configuration's references to the wallet are "
                        "not resolved here");
    if (!check_dialect(config, error))
        return false;
    if (slc_config_bytes(config, "load.chunk_bytes") * 4 > slc_config_bytes(config, "load.memory"))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "load.memory (%s) has to be at least four times load.chunk_bytes (%s)",
                        slc_config_where(config, "load.memory"),
                        slc_config_where(config, "load.chunk_bytes"));
    return check_scale_range(config, error);
}

/* ---- Secrets ---------------------------------------------------------- */

static bool resolve(struct slc_setting *setting, const struct slc_option *option,
                    struct slc_str key, const struct slc_config_secrets *secrets,
                    struct slc_error *error)
{
    struct slc_value value;
    struct slc_error why = {0};
    bool secret;

    if (!setting->is_pending)
        return true;
    if (!slc_value_put_secrets(option, key, &setting->value, secrets, &value, &secret, &why))
        return slc_fail(error, why.code, "%s (from %s)", why.message, setting->where);
    if (secret) {
        setting->written = setting->value.text;
        setting->value.text = NULL;
    }
    slc_value_release(&setting->value);
    setting->value = value;
    setting->is_pending = false;
    return true;
}

bool slc_config_put_secrets(struct slc_config *config, const struct slc_config_secrets *secrets,
                            struct slc_error *error)
{
    for (size_t i = 0; i < slc_option_count(); i++)
        if (!resolve(&config->settings[i], slc_option_at(i), slc_str_from(slc_option_at(i)->key),
                     secrets, error))
            return false;
    for (size_t i = 0; i < config->column_count; i++)
        for (int step = 0; step < SLC_COLUMN_STEPS; step++) {
            const struct slc_option *option = slc_column_step_option((enum slc_column_step)step);

            if (!resolve(&config->columns[i]->steps[step], option, slc_str_from(option->key),
                         secrets, error))
                return false;
        }
    return true;
}
