/* The environment: SLUICE_SECTION_NAME, the old service's names, and what the
 * XDG Base Directory specification says about the place for state. */
#include "config/internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/num.h"

static const char prefix[] = "SLUICE_";
static const char columns_prefix[] = "SLUICE_PREP_COLUMNS_";

const char *slc_environment_get(char *const *environment, const char *name)
{
    size_t len = strlen(name);

    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
            return (*environment)[len + 1] ? *environment + len + 1 : NULL;
    return NULL;
}

static bool no_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "out of memory for the configuration");
}

static bool put(struct slc_config *config, const char *key, const char *variable, const char *value,
                struct slc_error *error)
{
    return slc_config_put(
        config, slc_str_from(key), (struct slc_input){.text = slc_str_from(value)},
        &(struct slc_source){.origin = SLC_ORIGIN_ENVIRONMENT, .name = variable}, error);
}

/* ---- Every option by its own name and its old one --------------------- */

static bool apply_options(struct slc_config *config, char *const *environment,
                          struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf variable = {0};

    for (size_t i = 0; i < slc_option_count(); i++) {
        const struct slc_option *option = slc_option_at(i);
        const char *name, *value;

        if (option->flags & SLC_OPTION_PER_COLUMN)
            continue;
        slc_buf_clear(&variable);
        slc_option_variable(option, &variable);
        name = slc_buf_text(&variable);
        if (!name)
            return no_memory(error);
        value = slc_environment_get(environment, name);
        if (!value && option->old_variable) {
            name = option->old_variable;
            value = slc_environment_get(environment, name);
        }
        if (value && !put(config, option->key, name, value, error))
            return false;
    }
    return true;
}

/* "${wallet:NAME}" and nothing else: that is looked up and encoded later. */
static bool is_reference(const char *text)
{
    static const char start[] = "${wallet:";
    const char *end = strchr(text, '}');

    return strncmp(text, start, sizeof(start) - 1) == 0 && end && !end[1];
}

/* The old service had Redis on its own machine: RED_PORT, and PASS where Redis
 * wanted a password. PASS alone says nothing about where Redis is. */
static bool apply_old_redis(struct slc_config *config, char *const *environment,
                            struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf url = {0};
    const char *port_text = slc_environment_get(environment, "RED_PORT");
    const char *password = slc_environment_get(environment, "PASS");
    const char *text;
    int64_t port;

    if (!port_text || slc_config_origin(config, "redis.url") != SLC_ORIGIN_DEFAULT)
        return true;
    if (!slc_parse_int64(port_text, strlen(port_text), &port) || port < 1 || port > 65535)
        return slc_config_blame(
            error, &(struct slc_source){.origin = SLC_ORIGIN_ENVIRONMENT, .name = "RED_PORT"},
            "redis.url: \"%.80s\" is no port; allowed: 1 to 65535", port_text);
    slc_buf_append_text(&url, "redis://");
    if (password) {
        slc_buf_append_byte(&url, ':');
        if (is_reference(password))
            slc_buf_append_text(&url, password);
        else
            slc_buf_append_percent(&url, slc_str_from(password));
        slc_buf_append_byte(&url, '@');
    }
    slc_buf_printf(&url, "127.0.0.1:%" PRId64 "/0", port);
    text = slc_buf_text(&url);
    if (!text)
        return no_memory(error);
    return put(config, "redis.url", "RED_PORT", text, error);
}

/* ---- What else is named SLUICE_ --------------------------------------- */

/* SLUICE_PREP_COLUMNS_<name>_<STEP>: the name as it stands, the longest STEP
 * that fits. An unknown step comes out as such. */
static bool apply_column(struct slc_config *config, const char *variable, struct slc_str rest,
                         const char *value, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct slc_str step = {0};
    const char *text;

    for (size_t i = 1; i + 1 < rest.len && step.len == 0; i++) {
        SLC_AUTO_BUF struct slc_buf lower = {0};

        if (rest.data[i] != '_')
            continue;
        for (size_t j = i + 1; j < rest.len; j++)
            slc_buf_append_byte(&lower, slc_ascii_lower(rest.data[j]));
        if (lower.failed)
            return no_memory(error);
        if (slc_column_step_find(slc_buf_view(&lower)) != SLC_COLUMN_STEPS)
            step = (struct slc_str){.data = rest.data + i + 1, .len = rest.len - i - 1};
    }
    if (step.len == 0)
        return slc_config_blame(
            error, &(struct slc_source){.origin = SLC_ORIGIN_ENVIRONMENT, .name = variable},
            "a column's option is %sNAME_STEP, STEP one of IMPUTE, IMPUTE_VALUE, SCALE, SCALE_MIN, "
            "SCALE_MAX, SCALE_CLIP, JSON_REPAIR, DOWNCAST and DROP",
            columns_prefix);
    slc_buf_append_text(&key, SLC_COLUMN_PREFIX);
    slc_buf_append(&key, rest.data, rest.len - step.len - 1);
    slc_buf_append_byte(&key, '.');
    for (size_t i = 0; i < step.len; i++)
        slc_buf_append_byte(&key, slc_ascii_lower(step.data[i]));
    text = slc_buf_text(&key);
    return text ? put(config, text, variable, value, error) : no_memory(error);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Kubernetes sets SLUICE_PORT, SLUICE_PORT_8003_TCP, SLUICE_SERVICE_HOST, ...
 * in every container beside a service named "sluice"; a crontab has those of
 * scripts/run_registry.sh for all of its lines. */
static bool is_of_others(const char *variable)
{
    static const char *const others[] = {"SLUICE_CONFIG",   "SLUICE_PORT", "SLUICE_URL",
                                         "SLUICE_KEY_FILE", "SLUICE_KEY",  "SLUICE_EMAIL",
                                         "SLUICE_CA_FILE",  "SLUICE_TIMEOUT"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(variable, others[i]) == 0)
            return true;
    return starts_with(variable, "SLUICE_PORT_") || starts_with(variable, "SLUICE_SERVICE_") ||
           starts_with(variable, "SLUICE_TEST_");
}

/* The nearest variable's name, by the nearest key. */
static bool blame_variable(const char *variable, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf nearest = {0};
    size_t least = SIZE_MAX, best = 0;
    const char *text;

    for (size_t i = 0; i < slc_option_count(); i++) {
        size_t distance;

        slc_buf_clear(&nearest);
        slc_option_variable(slc_option_at(i), &nearest);
        distance = slc_str_distance(slc_str_from(variable), slc_buf_view(&nearest));
        if (distance < least && !(slc_option_at(i)->flags & SLC_OPTION_PER_COLUMN)) {
            least = distance;
            best = i;
        }
    }
    slc_buf_clear(&nearest);
    slc_option_variable(slc_option_at(best), &nearest);
    text = slc_buf_text(&nearest);
    if (!text)
        return no_memory(error);
    return slc_fail(error, SLC_ERR_CONFIG,
                    "unknown environment variable %.80s; the nearest known one is %s", variable,
                    text);
}

static bool is_variable_of_option(const char *name, bool *ret_failed)
{
    SLC_AUTO_BUF struct slc_buf variable = {0};

    for (size_t i = 0; i < slc_option_count(); i++) {
        slc_buf_clear(&variable);
        slc_option_variable(slc_option_at(i), &variable);
        if (!(slc_option_at(i)->flags & SLC_OPTION_PER_COLUMN) &&
            slc_str_is(slc_buf_view(&variable), name))
            return true;
    }
    *ret_failed = variable.failed;
    return false;
}

static bool apply_entry(struct slc_config *config, const char *entry, struct slc_error *error)
{
    const char *equals = strchr(entry, '=');
    SLC_AUTO_FREE char *name = NULL;
    bool failed = false;

    if (!equals || strncmp(entry, prefix, sizeof(prefix) - 1) != 0)
        return true;
    name = slc_str_dup((struct slc_str){.data = entry, .len = (size_t)(equals - entry)});
    if (!name)
        return no_memory(error);
    if (is_of_others(name) || is_variable_of_option(name, &failed))
        return true;
    if (failed)
        return no_memory(error);
    if (!starts_with(name, columns_prefix))
        return blame_variable(name, error);
    if (!equals[1])
        return true;
    return apply_column(config, name, slc_str_from(name + sizeof(columns_prefix) - 1), equals + 1,
                        error);
}

bool slc_config_apply_environment(struct slc_config *config, char *const *environment,
                                  struct slc_error *error)
{
    for (char *const *entry = environment; entry && *entry; entry++)
        if (!apply_entry(config, *entry, error))
            return false;
    return apply_options(config, environment, error) && apply_old_redis(config, environment, error);
}

/* ---- The state directory ---------------------------------------------- */

char *slc_config_state_dir(const struct slc_config *config, char *const *environment)
{
    SLC_AUTO_BUF struct slc_buf path = {0};
    const char *set = slc_config_text(config, "state_dir");
    const char *state = slc_environment_get(environment, "XDG_STATE_HOME");
    const char *home = slc_environment_get(environment, "HOME");

    if (*set)
        slc_buf_append_text(&path, set);
    else if (state && *state == '/')
        slc_buf_printf(&path, "%s/sluice", state);
    else if (home && *home == '/')
        slc_buf_printf(&path, "%s/.local/state/sluice", home);
    else
        slc_buf_append_text(&path, "/var/lib/sluice");
    return slc_buf_steal(&path, NULL);
}
