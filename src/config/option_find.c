/* How to find one's way in the option table, and what to say of a row of it. */
#include <assert.h>
#include <string.h>

#include "config/internal.h"

/* In the order of enum slc_column_step. */
static const char *const step_names[SLC_COLUMN_STEPS] = {
    [SLC_COLUMN_IMPUTE] = "impute",
    [SLC_COLUMN_IMPUTE_VALUE] = "impute_value",
    [SLC_COLUMN_SCALE] = "scale",
    [SLC_COLUMN_SCALE_MIN] = "scale_min",
    [SLC_COLUMN_SCALE_MAX] = "scale_max",
    [SLC_COLUMN_SCALE_CLIP] = "scale_clip",
    [SLC_COLUMN_JSON_REPAIR] = "json_repair",
    [SLC_COLUMN_DOWNCAST] = "downcast",
    [SLC_COLUMN_DROP] = "drop",
};

const struct slc_option *slc_option_find(struct slc_str key)
{
    for (size_t i = 0; i < slc_option_count(); i++)
        if (slc_str_is(key, slc_option_at(i)->key))
            return slc_option_at(i);
    return NULL;
}

static bool starts_with_part(struct slc_str key, struct slc_str section)
{
    return key.len > section.len && key.data[section.len] == '.' &&
           memcmp(key.data, section.data, section.len) == 0;
}

bool slc_option_is_section(struct slc_str key)
{
    if (starts_with_part(key, SLC_STR("prep.columns")))
        return true; /* any column's name */
    for (size_t i = 0; i < slc_option_count(); i++)
        if (starts_with_part(slc_str_from(slc_option_at(i)->key), key))
            return true;
    return false;
}

/* "port" is as near to "http.port" as "http.prot" is: a forgotten section
 * costs one, whatever its length. */
const char *slc_option_nearest(struct slc_str key)
{
    const char *nearest = slc_option_at(0)->key;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < slc_option_count(); i++) {
        const char *dot = strrchr(slc_option_at(i)->key, '.');
        size_t distance = slc_str_distance(key, slc_str_from(slc_option_at(i)->key));

        if (slc_option_at(i)->flags & SLC_OPTION_PER_COLUMN)
            continue;
        if (dot) {
            size_t bare = slc_str_distance(key, slc_str_from(dot + 1)) + 1;

            distance = bare < distance ? bare : distance;
        }
        if (distance < least) {
            least = distance;
            nearest = slc_option_at(i)->key;
        }
    }
    return nearest;
}

const char *slc_column_step_name(enum slc_column_step step)
{
    assert(step < SLC_COLUMN_STEPS);
    return step_names[step];
}

enum slc_column_step slc_column_step_find(struct slc_str step)
{
    for (int i = 0; i < SLC_COLUMN_STEPS; i++)
        if (slc_str_is(step, step_names[i]))
            return (enum slc_column_step)i;
    return SLC_COLUMN_STEPS;
}

const struct slc_option *slc_column_step_option(enum slc_column_step step)
{
    static const char prefix[] = SLC_COLUMN_PREFIX "NAME.";

    for (size_t i = 0; i < slc_option_count(); i++)
        if ((slc_option_at(i)->flags & SLC_OPTION_PER_COLUMN) &&
            strcmp(slc_option_at(i)->key + sizeof(prefix) - 1, step_names[step]) == 0)
            return slc_option_at(i);
    abort(); /* every step has a row in the table */
}

const char *slc_option_kind_name(enum slc_option_kind kind)
{
    static const char *const names[] = {
        [SLC_OPTION_TEXT] = "text",     [SLC_OPTION_INT] = "integer",
        [SLC_OPTION_NUMBER] = "number", [SLC_OPTION_BOOL] = "boolean",
        [SLC_OPTION_ENUM] = "choice",   [SLC_OPTION_CHARACTER] = "character",
        [SLC_OPTION_SIZE] = "size",     [SLC_OPTION_DURATION] = "duration",
        [SLC_OPTION_RATE] = "rate",     [SLC_OPTION_LIST] = "list",
    };

    return names[kind];
}

static void list_choices(const struct slc_option *option, const char *before, struct slc_buf *buf)
{
    if (*before)
        slc_buf_append_text(buf, before);
    for (size_t i = 0; option->choices && option->choices[i]; i++) {
        if (i > 0 || *before)
            slc_buf_append_text(buf, option->choices[i + 1] ? ", " : " or ");
        slc_buf_append_text(buf, option->choices[i]);
    }
}

void slc_option_range(const struct slc_option *option, struct slc_buf *buf)
{
    switch (option->kind) {
    case SLC_OPTION_TEXT:
        if (option->min > 0)
            slc_buf_append_text(buf, "not empty");
        break;
    case SLC_OPTION_BOOL:
        slc_buf_append_text(buf, "true or false");
        break;
    case SLC_OPTION_ENUM:
        list_choices(option, "", buf);
        break;
    case SLC_OPTION_CHARACTER:
        list_choices(option, option->choices ? "one ASCII character, tab" : "one ASCII character",
                     buf);
        break;
    case SLC_OPTION_INT:
    case SLC_OPTION_NUMBER:
        slc_value_show_number(option->min, buf);
        slc_buf_append_text(buf, " to ");
        slc_value_show_number(option->max, buf);
        break;
    case SLC_OPTION_SIZE:
        slc_value_show_bytes((int64_t)option->min, buf);
        slc_buf_append_text(buf, " to ");
        slc_value_show_bytes((int64_t)option->max, buf);
        break;
    case SLC_OPTION_DURATION:
        slc_value_show_number(option->min, buf);
        slc_buf_append_text(buf, " to ");
        slc_value_show_number(option->max, buf);
        slc_buf_append_text(buf, " seconds");
        break;
    case SLC_OPTION_RATE:
        slc_buf_append_text(buf, "N/second, N/minute, N/hour or N/day; 0 is no limit");
        break;
    case SLC_OPTION_LIST:
        slc_buf_append_text(buf, "at most ");
        slc_value_show_number(option->max, buf);
        slc_buf_append_text(buf, " items");
        break;
    }
}

void slc_option_variable(const struct slc_option *option, struct slc_buf *buf)
{
    slc_buf_append_text(buf, "SLUICE_");
    for (const char *c = option->key; *c; c++)
        slc_buf_append_byte(buf, *c == '.'                ? '_'
                                 : *c >= 'a' && *c <= 'z' ? (char)(*c - ('a' - 'A'))
                                                          : *c);
}
