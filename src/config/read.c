/* The configuration, read: one getter a kind. */
#include "config/internal.h"

#include <assert.h>
#include <string.h>

bool slc_config_find_column(const struct slc_config *config, struct slc_str name, size_t *ret_place)
{
    size_t low = 0, high = config->column_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slc_str_cmp(slc_str_from(config->columns[middle]->name), name);

        if (order == 0) {
            *ret_place = middle;
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_place = low;
    return false;
}

static const struct slc_setting *setting_of(const struct slc_config *config, const char *key)
{
    for (size_t i = 0; i < slc_option_count(); i++)
        if (strcmp(slc_option_at(i)->key, key) == 0 &&
            !(slc_option_at(i)->flags & SLC_OPTION_PER_COLUMN))
            return &config->settings[i];
    abort(); /* a key that is not in the table is a fault in the program */
}

static const struct slc_value *value_of(const struct slc_config *config, const char *key,
                                        unsigned kinds)
{
    const struct slc_setting *setting = setting_of(config, key);
    const struct slc_option *option = slc_option_at((size_t)(setting - config->settings));

    assert((1u << option->kind) & kinds);
    (void)option;
    (void)kinds;
    return &setting->value;
}

const char *slc_config_text(const struct slc_config *config, const char *key)
{
    return value_of(config, key, 1u << SLC_OPTION_TEXT | 1u << SLC_OPTION_ENUM)->text;
}

int64_t slc_config_int(const struct slc_config *config, const char *key)
{
    return value_of(config, key, 1u << SLC_OPTION_INT)->integer;
}

double slc_config_number(const struct slc_config *config, const char *key)
{
    return value_of(config, key, 1u << SLC_OPTION_NUMBER)->number;
}

bool slc_config_bool(const struct slc_config *config, const char *key)
{
    return value_of(config, key, 1u << SLC_OPTION_BOOL)->integer != 0;
}

int slc_config_choice(const struct slc_config *config, const char *key)
{
    return (int)value_of(config, key, 1u << SLC_OPTION_ENUM)->integer;
}

bool slc_config_is(const struct slc_config *config, const char *key, const char *choice)
{
    const struct slc_value *value =
        value_of(config, key, 1u << SLC_OPTION_ENUM | 1u << SLC_OPTION_CHARACTER);
    const struct slc_option *option = slc_option_find(slc_str_from(key));
    bool known = false;

    for (size_t i = 0; option->choices && option->choices[i]; i++)
        known = known || strcmp(option->choices[i], choice) == 0;
    assert(known);
    (void)known;
    return strcmp(value->text, choice) == 0;
}

char slc_config_character(const struct slc_config *config, const char *key)
{
    return (char)value_of(config, key, 1u << SLC_OPTION_CHARACTER)->integer;
}

int64_t slc_config_bytes(const struct slc_config *config, const char *key)
{
    return value_of(config, key, 1u << SLC_OPTION_SIZE)->integer;
}

double slc_config_seconds(const struct slc_config *config, const char *key)
{
    return value_of(config, key, 1u << SLC_OPTION_DURATION)->seconds;
}

struct slc_config_rate slc_config_rate(const struct slc_config *config, const char *key)
{
    const struct slc_value *value = value_of(config, key, 1u << SLC_OPTION_RATE);

    return (struct slc_config_rate){.count = value->integer,
                                    .period_seconds = (int64_t)value->seconds};
}

size_t slc_config_list(const struct slc_config *config, const char *key,
                       const char *const **ret_items)
{
    const struct slc_value *value = value_of(config, key, 1u << SLC_OPTION_LIST);

    *ret_items = (const char *const *)value->items;
    return value->item_count;
}

enum slc_origin slc_config_origin(const struct slc_config *config, const char *key)
{
    return setting_of(config, key)->origin;
}

const char *slc_config_where(const struct slc_config *config, const char *key)
{
    const struct slc_setting *setting = setting_of(config, key);

    return setting->where ? setting->where : "default";
}

void slc_config_show(const struct slc_config *config, const struct slc_option *option,
                     struct slc_buf *buf)
{
    const struct slc_setting *setting = setting_of(config, option->key);

    slc_value_show(option, slc_str_from(setting->written ? setting->written : setting->value.text),
                   buf);
}

const char *slc_config_column(const struct slc_config *config, struct slc_str name,
                              const char *step)
{
    enum slc_column_step known = slc_column_step_find(slc_str_from(step));
    size_t place;

    assert(known != SLC_COLUMN_STEPS);
    if (!slc_config_find_column(config, name, &place))
        return NULL;
    return config->columns[place]->steps[known].value.text;
}

const char *slc_config_column_shown(const struct slc_config *config, size_t i,
                                    enum slc_column_step step)
{
    const struct slc_setting *setting = &config->columns[i]->steps[step];

    assert(i < config->column_count && step < SLC_COLUMN_STEPS);
    return setting->written ? setting->written : setting->value.text;
}

size_t slc_config_column_count(const struct slc_config *config)
{
    return config->column_count;
}

const char *slc_config_column_name(const struct slc_config *config, size_t i)
{
    assert(i < config->column_count);
    return config->columns[i]->name;
}

const char *slc_config_column_value(const struct slc_config *config, size_t i,
                                    enum slc_column_step step)
{
    assert(i < config->column_count && step < SLC_COLUMN_STEPS);
    return config->columns[i]->steps[step].value.text;
}

int slc_config_column_choice(const struct slc_config *config, size_t i, enum slc_column_step step)
{
    assert(i < config->column_count && step < SLC_COLUMN_STEPS && step != SLC_COLUMN_IMPUTE_VALUE &&
           slc_column_step_option(step)->kind != SLC_OPTION_NUMBER);
    if (!config->columns[i]->steps[step].value.text)
        return -1;
    return (int)config->columns[i]->steps[step].value.integer;
}

double slc_config_column_number(const struct slc_config *config, size_t i,
                                enum slc_column_step step, double general)
{
    const struct slc_value *value;

    assert(i < config->column_count && step < SLC_COLUMN_STEPS &&
           slc_column_step_option(step)->kind == SLC_OPTION_NUMBER);
    value = &config->columns[i]->steps[step].value;
    return value->text ? value->number : general;
}
