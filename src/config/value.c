/* Values: from text to a checked value, and back to text that may be shown. */
#include "config/internal.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "base/json_check.h"
#include "base/json.h"
#include "base/num.h"
#include "base/utf8.h"

enum { SHOWN_BYTES = 80, ITEM_DEPTH = 4 };

/* Any value may have come from the wallet. */
static void erase(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void slc_value_release(struct slc_value *value)
{
    erase(value->text);
    for (size_t i = 0; i < value->item_count; i++)
        erase(value->items[i]);
    free(value->items);
    *value = (struct slc_value){0};
}

bool slc_value_copy(const struct slc_value *from, struct slc_value *ret_to)
{
    struct slc_value to = {
        .integer = from->integer, .seconds = from->seconds, .number = from->number};

    if (from->text && !(to.text = strdup(from->text)))
        return false;
    if (from->item_count && !(to.items = calloc(from->item_count, sizeof(*to.items))))
        goto failed;
    for (size_t i = 0; i < from->item_count; i++) {
        to.items[i] = strdup(from->items[i]);
        if (!to.items[i])
            goto failed;
        to.item_count++;
    }
    *ret_to = to;
    return true;
failed:
    slc_value_release(&to);
    return false;
}

static bool no_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "out of memory for the configuration");
}

/* ---- Showing ---------------------------------------------------------- */

void slc_value_show_number(double number, struct slc_buf *buf)
{
    char text[SLC_NUM_TEXT_BYTES];

    slc_buf_append(buf, text, (size_t)(slc_write_double(text, number) - text));
}

void slc_value_show_bytes(int64_t bytes, struct slc_buf *buf)
{
    static const struct {
        int64_t size;
        const char *unit;
    } units[] = {{INT64_C(1) << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (bytes >= units[i].size && bytes % units[i].size == 0) {
            slc_buf_printf(buf, "%" PRId64 "%s", bytes / units[i].size, units[i].unit);
            return;
        }
    slc_buf_printf(buf, "%" PRId64, bytes);
}

/* "redis://user:secret@host" -> "redis://user:***@host". The password ends at
 * the last '@' before the path, so that a stray '@' in it shows nothing. */
static void show_url(struct slc_str url, struct slc_buf *buf)
{
    const char *end = url.data + url.len;
    const char *scheme = memmem(url.data, url.len, "://", 3);
    const char *from = scheme ? scheme + 3 : url.data;
    const char *at = memrchr(from, '@', (size_t)(end - from));
    const char *colon = at ? memchr(from, ':', (size_t)(at - from)) : NULL;

    if (!colon) {
        slc_buf_append_str(buf, url);
        return;
    }
    slc_buf_append(buf, url.data, (size_t)(colon + 1 - url.data));
    slc_buf_append_text(buf, "***");
    slc_buf_append(buf, at, (size_t)(end - at));
}

void slc_value_show(const struct slc_option *option, struct slc_str text, struct slc_buf *buf)
{
    SLC_AUTO_BUF struct slc_buf shown = {0};
    struct slc_str clipped;

    if (option->flags & SLC_OPTION_SECRET) {
        slc_buf_append_text(buf, text.len ? "(hidden)" : "");
        return;
    }
    if (option->flags & SLC_OPTION_URL)
        show_url(text, &shown);
    else
        slc_buf_append_str(&shown, text);
    clipped = slc_utf8_clip(slc_buf_view(&shown), SHOWN_BYTES);
    slc_buf_append_str(buf, clipped);
    if (clipped.len < shown.len)
        slc_buf_append_text(buf, "...");
}

/* `key: "value" what`, where `what` may hold "%s" for the allowed range. */
static bool complain(const struct slc_option *option, struct slc_str key, struct slc_str text,
                     const char *what, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf shown = {0};

    if (!slc_utf8_is_valid(text))
        slc_buf_append_text(&shown, "(not UTF-8)");
    else
        slc_value_show(option, text, &shown);
    if (option->flags & SLC_OPTION_SECRET)
        return slc_fail(error, SLC_ERR_CONFIG, "%.*s: the value %s", SLC_STR_ARG(key), what);
    return slc_fail(error, SLC_ERR_CONFIG, "%.*s: \"%.*s\" %s", SLC_STR_ARG(key),
                    SLC_STR_ARG(slc_buf_view(&shown)), what);
}

/* The same with what is allowed: "is not a whole number (1 to 65535)". */
static bool complain_range(const struct slc_option *option, struct slc_str key, struct slc_str text,
                           const char *what, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf all = {0};
    const char *line;

    slc_buf_append_text(&all, what);
    slc_option_range(option, &all);
    line = slc_buf_text(&all);
    return line ? complain(option, key, text, line, error) : no_memory(error);
}

/* ---- Numbers with units ----------------------------------------------- */

struct unit {
    const char *name;
    double factor;
};

static bool is_numeric(char c)
{
    return (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
}

/* NUMBER [UNIT], white space between them allowed, the unit without regard to
 * case; a bare number counts in the first unit. */
static bool parse_with_unit(struct slc_str text, const struct unit *units, size_t count,
                            double *ret_number)
{
    size_t digits = 0;
    struct slc_str name;
    double number;

    while (digits < text.len && is_numeric(text.data[digits]))
        digits++;
    if (!slc_parse_double(text.data, digits, &number))
        return false;
    name = slc_str_trim((struct slc_str){.data = text.data + digits, .len = text.len - digits});
    if (name.len == 0)
        name = slc_str_from(units[0].name);
    for (size_t i = 0; i < count; i++)
        if (slc_str_eq_nocase(name, slc_str_from(units[i].name))) {
            *ret_number = number * units[i].factor;
            return isfinite(*ret_number);
        }
    return false;
}

static bool parse_bytes(struct slc_str text, double *ret_bytes)
{
    static const struct unit units[] = {
        {"B", 1},
        {"K", 1024.0},
        {"M", 1024.0 * 1024},
        {"G", 1024.0 * 1024 * 1024},
        {"T", 1024.0 * 1024 * 1024 * 1024},
        {"KiB", 1024.0},
        {"MiB", 1024.0 * 1024},
        {"GiB", 1024.0 * 1024 * 1024},
        {"TiB", 1024.0 * 1024 * 1024 * 1024},
        {"kB", 1e3},
        {"MB", 1e6},
        {"GB", 1e9},
        {"TB", 1e12},
    };

    return parse_with_unit(text, units, sizeof(units) / sizeof(units[0]), ret_bytes);
}

static bool parse_seconds(struct slc_str text, double *ret_seconds)
{
    static const struct unit units[] = {
        {"s", 1},       {"ms", 1e-3},    {"sec", 1},     {"second", 1},   {"seconds", 1},
        {"m", 60},      {"min", 60},     {"minute", 60}, {"minutes", 60}, {"h", 3600},
        {"hour", 3600}, {"hours", 3600}, {"d", 86400},   {"day", 86400},  {"days", 86400},
    };

    return parse_with_unit(text, units, sizeof(units) / sizeof(units[0]), ret_seconds);
}

/* N/UNIT or, as slowapi has it, N per UNIT; a bare 0 is no limit. */
static bool parse_rate(struct slc_str text, struct slc_config_rate *ret_rate)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86400},
                 {"s", 1},      {"m", 60},      {"h", 3600},    {"d", 86400}};
    size_t digits = 0;
    struct slc_str rest;
    int64_t count;

    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    if (!slc_parse_int64(text.data, digits, &count))
        return false;
    rest = slc_str_trim((struct slc_str){.data = text.data + digits, .len = text.len - digits});
    if (rest.len == 0 && count == 0) {
        *ret_rate = (struct slc_config_rate){.count = 0, .period_seconds = 1};
        return true;
    }
    if (rest.len > 1 && rest.data[0] == '/')
        rest = (struct slc_str){.data = rest.data + 1, .len = rest.len - 1};
    else if (rest.len > 4 && memcmp(rest.data, "per ", 4) == 0)
        rest = (struct slc_str){.data = rest.data + 4, .len = rest.len - 4};
    else
        return false;
    rest = slc_str_trim(rest);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (slc_str_eq_nocase(rest, slc_str_from(units[i].name))) {
            *ret_rate =
                (struct slc_config_rate){.count = count, .period_seconds = units[i].seconds};
            return true;
        }
    return false;
}

static void show_rate(struct slc_config_rate rate, struct slc_buf *buf)
{
    if (rate.count == 0)
        slc_buf_append_byte(buf, '0');
    else
        slc_buf_printf(buf, "%" PRId64 "/%s", rate.count,
                       rate.period_seconds == 1      ? "second"
                       : rate.period_seconds == 60   ? "minute"
                       : rate.period_seconds == 3600 ? "hour"
                                                     : "day");
}

/* ---- One kind after the other ----------------------------------------- */

/* 1 for a word that means true, 0 for false, -1 for neither. */
static int truth(struct slc_str text)
{
    static const char *const words[2][4] = {{"false", "no", "off", "0"},
                                            {"true", "yes", "on", "1"}};

    for (int value = 0; value < 2; value++)
        for (size_t i = 0; i < 4; i++)
            if (slc_str_eq_nocase(text, slc_str_from(words[value][i])))
                return value;
    return -1;
}

static int find_choice(const struct slc_option *option, struct slc_str text)
{
    for (int i = 0; option->choices && option->choices[i]; i++)
        if (slc_str_eq_nocase(text, slc_str_from(option->choices[i])))
            return i;
    return -1;
}

/* YAML and JSON have true and false where an option says on or yes. */
static int find_choice_or_truth(const struct slc_option *option, struct slc_str text)
{
    static const char *const words[2][3] = {{"off", "no", "none"}, {"on", "yes", NULL}};
    int choice = find_choice(option, text);
    int value = choice < 0 ? truth(text) : -1;

    for (size_t i = 0; value >= 0 && choice < 0 && i < 3 && words[value][i]; i++)
        choice = find_choice(option, slc_str_from(words[value][i]));
    return choice;
}

static bool parse_number(const struct slc_option *option, struct slc_str key, struct slc_str text,
                         struct slc_value *value, struct slc_buf *canonical,
                         struct slc_error *error)
{
    struct slc_str trimmed = slc_str_trim(text);
    double number;

    if (option->kind == SLC_OPTION_INT) {
        if (!slc_parse_int64(trimmed.data, trimmed.len, &value->integer))
            return complain_range(option, key, text, "is no whole number; allowed: ", error);
        number = (double)value->integer;
    } else if (option->kind == SLC_OPTION_SIZE) {
        if (!parse_bytes(trimmed, &number) || number != floor(number))
            return complain_range(
                option, key, text,
                "is no number of bytes such as 65536, 64KiB or 10MB; allowed: ", error);
    } else if (!parse_seconds(trimmed, &number)) {
        return complain_range(option, key, text,
                              "is no duration such as 30, 500ms, 2m or 1h; allowed: ", error);
    }
    if (number < option->min || number > option->max)
        return complain_range(option, key, text, "is out of range; allowed: ", error);
    if (option->kind == SLC_OPTION_INT) {
        slc_buf_printf(canonical, "%" PRId64, value->integer);
    } else if (option->kind == SLC_OPTION_SIZE) {
        value->integer = (int64_t)number;
        slc_value_show_bytes(value->integer, canonical);
    } else {
        value->seconds = number + 0.0; /* no minus zero */
        slc_value_show_number(value->seconds, canonical);
    }
    return true;
}

/* A number of any sign and fraction; the table's range is finite. */
static bool parse_real(const struct slc_option *option, struct slc_str key, struct slc_str text,
                       struct slc_value *value, struct slc_buf *canonical, struct slc_error *error)
{
    struct slc_str trimmed = slc_str_trim(text);
    double number;

    if (!slc_parse_double(trimmed.data, trimmed.len, &number))
        return complain_range(option, key, text, "is no number; allowed: ", error);
    if (number < option->min || number > option->max)
        return complain_range(option, key, text, "is out of range; allowed: ", error);
    value->number = number + 0.0; /* no minus zero */
    slc_value_show_number(value->number, canonical);
    return true;
}

static bool parse_character(const struct slc_option *option, struct slc_str key,
                            struct slc_str text, struct slc_value *value, struct slc_buf *canonical,
                            struct slc_error *error)
{
    int choice = find_choice(option, text);
    const char *wrong;

    if (choice >= 0) {
        value->integer = 0;
        slc_buf_append_text(canonical, option->choices[choice]);
        return true;
    }
    if (slc_str_eq_nocase(text, SLC_STR("tab")) || slc_str_is(text, "\\t"))
        text = SLC_STR("\t");
    if (text.len != 1 || (unsigned char)text.data[0] > 0x7e ||
        ((unsigned char)text.data[0] < 0x20 && text.data[0] != '\t'))
        return complain_range(option, key, text, "is not allowed; allowed: ", error);
    wrong = option->check ? option->check(text) : NULL;
    if (wrong)
        return complain(option, key, text, wrong, error);
    value->integer = (unsigned char)text.data[0];
    slc_buf_append_text(canonical, text.data[0] == '\t' ? "tab" : "");
    if (text.data[0] != '\t')
        slc_buf_append_byte(canonical, text.data[0]);
    return true;
}

static bool parse_text(const struct slc_option *option, struct slc_str key, struct slc_str text,
                       struct slc_buf *canonical, struct slc_error *error)
{
    const char *wrong = option->check ? option->check(text) : NULL;

    if ((double)text.len < option->min)
        return complain(option, key, text, "must not be empty", error);
    if (option->max > 0 && (double)text.len > option->max) {
        char what[80];

        (void)snprintf(what, sizeof(what), "is too long; at most %lld bytes are allowed",
                       (long long)option->max);
        return complain(option, key, text, what, error);
    }
    if (wrong)
        return complain(option, key, text, wrong, error);
    slc_buf_append_str(canonical, text);
    return true;
}

static bool parse_kind(const struct slc_option *option, struct slc_str key, struct slc_str text,
                       struct slc_value *value, struct slc_buf *canonical, struct slc_error *error)
{
    struct slc_str trimmed = slc_str_trim(text);
    struct slc_config_rate rate;
    int choice;

    switch (option->kind) {
    case SLC_OPTION_INT:
    case SLC_OPTION_SIZE:
    case SLC_OPTION_DURATION:
        return parse_number(option, key, text, value, canonical, error);
    case SLC_OPTION_NUMBER:
        return parse_real(option, key, text, value, canonical, error);
    case SLC_OPTION_BOOL:
        choice = truth(trimmed);
        if (choice < 0)
            return complain(option, key, text, "is neither true nor false", error);
        value->integer = choice;
        slc_buf_append_text(canonical, choice ? "true" : "false");
        return true;
    case SLC_OPTION_ENUM:
        choice = find_choice_or_truth(option, trimmed);
        if (choice < 0)
            return complain_range(option, key, text, "is not one of ", error);
        value->integer = choice;
        slc_buf_append_text(canonical, option->choices[choice]);
        return true;
    case SLC_OPTION_CHARACTER:
        return parse_character(option, key, text, value, canonical, error);
    case SLC_OPTION_RATE:
        if (!parse_rate(trimmed, &rate))
            return complain_range(option, key, text, "is no rate; allowed: ", error);
        if ((double)rate.count > option->max)
            return complain(option, key, text, "is more than 1000000 in its period", error);
        value->integer = rate.count;
        value->seconds = (double)rate.period_seconds;
        show_rate(rate, canonical);
        return true;
    case SLC_OPTION_TEXT:
    case SLC_OPTION_LIST:
        break;
    }
    return parse_text(option, key, text, canonical, error);
}

/* What no value of any kind may be. */
static bool acceptable(const struct slc_option *option, struct slc_str key, struct slc_str text,
                       struct slc_error *error)
{
    if (text.len > SLC_CONFIG_VALUE_BYTES)
        return complain(option, key, text, "is too long; at most 65536 bytes are allowed", error);
    if (!slc_utf8_is_valid(text))
        return complain(option, key, text, "is not valid UTF-8", error);
    if (memchr(text.data, '\0', text.len))
        return complain(option, key, text, "contains a NUL", error);
    return true;
}

/* ---- Lists ------------------------------------------------------------ */

bool slc_value_parse_items(const struct slc_option *option, struct slc_str key,
                           const struct slc_str *items, size_t count, struct slc_value *ret_value,
                           struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf canonical = {0};
    struct slc_value value = {0};

    if (option->kind != SLC_OPTION_LIST)
        return slc_fail(error, SLC_ERR_CONFIG, "%.*s takes one value, not a list",
                        SLC_STR_ARG(key));
    if ((double)count > option->max)
        return complain_range(option, key, SLC_STR("..."), "has too many items; allowed: ", error);
    value.items = calloc(count + 1, sizeof(*value.items));
    if (!value.items)
        return no_memory(error);
    slc_buf_append_byte(&canonical, '[');
    for (size_t i = 0; i < count; i++) {
        const char *wrong;

        if (!acceptable(option, key, items[i], error))
            goto failed;
        wrong = option->check ? option->check(items[i]) : NULL;
        if (wrong) {
            complain(option, key, items[i], wrong, error);
            goto failed;
        }
        value.items[i] = slc_str_dup(items[i]);
        if (!value.items[i]) {
            no_memory(error);
            goto failed;
        }
        value.item_count++;
        slc_buf_append_text(&canonical, i ? "," : "");
        slc_json_string(&canonical, items[i]);
    }
    slc_buf_append_byte(&canonical, ']');
    value.text = slc_buf_steal(&canonical, NULL);
    if (!value.text) {
        no_memory(error);
        goto failed;
    }
    *ret_value = value;
    return true;
failed:
    slc_value_release(&value);
    return false;
}

/* A JSON array of texts, so that an item may hold a comma or be empty. */
static bool parse_json_list(const struct slc_option *option, struct slc_str key,
                            struct slc_str text, struct slc_value *ret_value,
                            struct slc_error *error)
{
    struct json_tokener *tokener;
    struct json_object *array = NULL;
    struct slc_str *items = NULL;
    bool done = false;
    size_t count, position;

    if (!slc_json_check(text, ITEM_DEPTH, &position)) {
        complain(option, key, text, "is no JSON array of texts", error);
        return false;
    }
    tokener = json_tokener_new_ex(ITEM_DEPTH);
    if (!tokener)
        return no_memory(error);
    json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
    array = json_tokener_parse_ex(tokener, text.data, (int)text.len);
    if (!array || json_tokener_get_parse_end(tokener) != text.len ||
        !json_object_is_type(array, json_type_array)) {
        complain(option, key, text, "is no JSON array of texts", error);
        goto out;
    }
    count = json_object_array_length(array);
    items = calloc(count + 1, sizeof(*items));
    if (!items) {
        no_memory(error);
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(array, i);

        if (json_object_is_type(item, json_type_object) ||
            json_object_is_type(item, json_type_array) || !item) {
            complain(option, key, text, "is no JSON array of texts", error);
            goto out;
        }
        items[i].data = json_object_get_string(item);
        items[i].len = json_object_is_type(item, json_type_string)
                           ? (size_t)json_object_get_string_len(item)
                           : strlen(items[i].data);
    }
    done = slc_value_parse_items(option, key, items, count, ret_value, error);
out:
    free(items);
    json_object_put(array);
    json_tokener_free(tokener);
    return done;
}

/* The parts of "a, b,c" into `items`, which has room for one more than there
 * are commas; false when one is empty. */
static bool split(struct slc_str text, struct slc_str *items, size_t *ret_count)
{
    size_t count = 0;

    for (size_t at = 0; text.len > 0 && at <= text.len; count++) {
        const char *from = text.data + at;
        const char *comma = memchr(from, ',', text.len - at);
        size_t len = comma ? (size_t)(comma - from) : text.len - at;

        items[count] = slc_str_trim((struct slc_str){.data = from, .len = len});
        if (items[count].len == 0)
            return false;
        at += len + 1;
    }
    *ret_count = count;
    return true;
}

static bool parse_list(const struct slc_option *option, struct slc_str key, struct slc_str text,
                       struct slc_value *ret_value, struct slc_error *error)
{
    struct slc_str trimmed = slc_str_trim(text);
    size_t count = 0, commas = 0;
    struct slc_str *items;
    bool done;

    if (trimmed.len > 0 && trimmed.data[0] == '[')
        return parse_json_list(option, key, trimmed, ret_value, error);
    for (size_t i = 0; i < trimmed.len; i++)
        commas += trimmed.data[i] == ',';
    items = calloc(commas + 1, sizeof(*items));
    if (!items)
        return no_memory(error);
    if (split(trimmed, items, &count))
        done = slc_value_parse_items(option, key, items, count, ret_value, error);
    else
        done = complain(option, key, text,
                        "has an empty item; write a JSON array ([\"a\", \"\"]) if that is meant",
                        error);
    free(items);
    return done;
}

bool slc_value_parse(const struct slc_option *option, struct slc_str key, struct slc_str text,
                     struct slc_value *ret_value, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf canonical = {0};
    struct slc_value value = {0};

    if (!text.data)
        text = SLC_STR("");
    if (!acceptable(option, key, text, error))
        return false;
    if (option->kind == SLC_OPTION_LIST)
        return parse_list(option, key, text, ret_value, error);
    if (!parse_kind(option, key, text, &value, &canonical, error))
        return false;
    value.text = slc_buf_steal(&canonical, NULL);
    if (!value.text)
        return no_memory(error);
    *ret_value = value;
    return true;
}
