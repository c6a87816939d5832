/* A ticket's options: a JSON object over the configuration, for one file. */
#include "config/internal.h"

#include <json-c/json.h>
#include <string.h>

static const struct slc_source source = {.origin = SLC_ORIGIN_TICKET, .name = "ticket"};

static bool no_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "out of memory for the ticket's options");
}

/* A scalar as text that lives as long as `value`; false for null,
 * objects and arrays. A number is shown as it stands in the ticket. */
static bool scalar_text(struct json_object *value, struct slc_str *ret_text)
{
    switch (json_object_get_type(value)) {
    case json_type_string:
        ret_text->data = json_object_get_string(value);
        ret_text->len = (size_t)json_object_get_string_len(value);
        return true;
    case json_type_boolean:
    case json_type_int:
    case json_type_double:
        ret_text->data = json_object_get_string(value);
        ret_text->len = ret_text->data ? strlen(ret_text->data) : 0;
        return ret_text->data != NULL;
    default:
        return false;
    }
}

static bool put_items(struct slc_config *config, struct slc_str key, struct json_object *array,
                      struct slc_str *items, struct slc_error *error)
{
    size_t count = json_object_array_length(array);

    for (size_t i = 0; i < count; i++)
        if (!scalar_text(json_object_array_get_idx(array, i), &items[i]))
            return slc_config_blame(error, &source, "%.*s: a list holds texts only",
                                    SLC_STR_ARG(key));
    return slc_config_put(config, key,
                          (struct slc_input){.items = items, .count = count, .is_list = true},
                          &source, error);
}

static bool put_list(struct slc_config *config, struct slc_str key, struct json_object *array,
                     struct slc_error *error)
{
    struct slc_str *items = calloc(json_object_array_length(array) + 1, sizeof(*items));
    bool done = items ? put_items(config, key, array, items, error) : no_memory(error);

    free(items);
    return done;
}

static bool apply_object(struct slc_config *config, struct slc_buf *key, struct json_object *object,
                         int depth, struct slc_error *error);

static bool apply_value(struct slc_config *config, struct slc_buf *key, struct json_object *value,
                        int depth, struct slc_error *error)
{
    struct slc_str name = slc_buf_view(key);
    struct slc_str text;

    if (key->failed)
        return no_memory(error);
    if (!value) {
        if (slc_option_find(name) || slc_option_is_section(name))
            return true;
        return slc_config_blame_unknown(name, &source, error);
    }
    if (json_object_is_type(value, json_type_object))
        return apply_object(config, key, value, depth, error);
    if (json_object_is_type(value, json_type_array))
        return put_list(config, name, value, error);
    if (!scalar_text(value, &text))
        return no_memory(error);
    return slc_config_put(config, name, (struct slc_input){.text = text}, &source, error);
}

static bool last_part_is(const char *key, struct slc_str part)
{
    const char *dot = strrchr(key, '.');

    return slc_str_is(part, dot ? dot + 1 : key);
}

/* "columns" and "columns.NAME.STEP" stand for what is under "prep.columns"; but
 * a list of columns is "reader.columns". */
static bool is_prep_columns(struct slc_str name, struct json_object *value)
{
    static const char columns[] = "columns";
    const size_t len = sizeof(columns) - 1;

    if (name.len < len || memcmp(name.data, columns, len) != 0)
        return false;
    return name.len > len ? name.data[len] == '.'
                          : !value || json_object_is_type(value, json_type_object);
}

/* "impute" stands for "prep.impute", unless two options could be meant. */
static void append_full_key(struct slc_buf *key, struct slc_str name, struct json_object *value)
{
    const struct slc_option *found = NULL;
    size_t matches = 0;

    if (is_prep_columns(name, value)) {
        slc_buf_append_text(key, "prep.");
    } else if (!slc_option_find(name) && !slc_option_is_section(name)) {
        for (size_t i = 0; i < slc_option_count(); i++) {
            const struct slc_option *option = slc_option_at(i);

            if ((option->flags & SLC_OPTION_PER_FILE) && !(option->flags & SLC_OPTION_PER_COLUMN) &&
                last_part_is(option->key, name)) {
                found = option;
                matches++;
            }
        }
    }
    if (matches == 1)
        slc_buf_append_text(key, found->key);
    else
        slc_buf_append_str(key, name);
}

static bool apply_object(struct slc_config *config, struct slc_buf *key, struct json_object *object,
                         int depth, struct slc_error *error)
{
    size_t outer = key->len;

    if (depth >= SLC_CONFIG_DEPTH)
        return slc_config_blame(error, &source, "nested too deeply");
    if (slc_option_find(slc_buf_view(key)))
        return slc_config_blame(error, &source, "%.*s takes a value, not an object",
                                SLC_STR_ARG(slc_buf_view(key)));
    if (json_object_object_length(object) == 0 && outer > 0)
        return apply_value(config, key, NULL, depth, error);
    json_object_object_foreach(object, name, value)
    {
        struct slc_str part = slc_str_from(name);

        if (part.len + outer > SLC_CONFIG_KEY_BYTES)
            return slc_config_blame(error, &source, "a key is longer than %d bytes",
                                    (int)SLC_CONFIG_KEY_BYTES);
        if (outer == 0) {
            append_full_key(key, part, value);
        } else {
            slc_buf_append_byte(key, '.');
            slc_buf_append_str(key, part);
        }
        if (!apply_value(config, key, value, depth + 1, error))
            return false;
        key->len = outer;
    }
    return true;
}

bool slc_config_apply_ticket(struct slc_config *config, struct json_object *options,
                             struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct slc_error inner = {0};

    if (!options)
        return true;
    if (!json_object_is_type(options, json_type_object))
        return slc_fail(error, SLC_ERR_TICKET, "the ticket's options are no object");
    if (!apply_object(config, &key, options, 0, error))
        return false;
    if (!slc_config_check(config, &inner))
        return slc_config_blame(error, &source, "%s", inner.message);
    return true;
}
