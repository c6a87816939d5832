#include "http/params.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/utf8.h"
#include "base/json_check.h"
#include "http/params_error.h"
#include "http/percent.h"

static bool add_param(struct slc_params *params, struct slc_param param)
{
    if (params->count == params->capacity)
        return false;
    params->items[params->count++] = param;
    return true;
}

static void too_many(struct slc_params *params, bool in_body)
{
    slc_param_fault_add(params, &(struct slc_param_fault){.in_body = in_body,
                                                          .type = "too_long",
                                                          .message = "Too many parameters"});
}

/* a=1&b=2. False when memory ran out. */
static bool read_form(struct slc_params *params, struct slc_str form, bool in_body)
{
    size_t at = 0, taken = 0;

    while (at < form.len) {
        const char *amp = memchr(form.data + at, '&', form.len - at);
        size_t end = amp ? (size_t)(amp - form.data) : form.len;
        struct slc_str name = {.data = form.data + at, .len = end - at}, value = SLC_STR("");
        const char *equals = name.len ? memchr(name.data, '=', name.len) : NULL;
        struct slc_param param = {.in_body = in_body};

        at = end + 1;
        if (name.len == 0)
            continue;
        if (equals) {
            value.data = equals + 1;
            value.len = name.len - (size_t)(equals + 1 - name.data);
            name.len = (size_t)(equals - name.data);
        }
        if (++taken > SLC_PARAMS_MAX) {
            too_many(params, in_body);
            return true;
        }
        param.name = slc_percent_decode_form(&params->arena, name);
        param.text = slc_percent_decode_form(&params->arena, value);
        if (!param.name.data || !param.text.data)
            return false;
        if (!add_param(params, param))
            too_many(params, in_body);
    }
    return true;
}

static void note_bad_json(struct slc_params *params, size_t position)
{
    struct slc_buf *out = &params->errors;

    /* FastAPI's loc of a decode error names the position, not a field. */
    if (out->len)
        slc_buf_append_byte(out, ',');
    slc_buf_printf(out,
                   "{\"loc\":[\"body\",%zu],\"msg\":\"JSON decode error\","
                   "\"type\":\"json_invalid\",\"input\":{},"
                   "\"ctx\":{\"error\":\"Not a JSON object of at most %d levels\"}}",
                   position, SLC_PARAMS_JSON_DEPTH);
    params->body_unreadable = true;
}

static bool read_json(struct slc_params *params, struct slc_str body)
{
    struct json_tokener *tokener;
    struct json_object *root;
    size_t position = 0, taken = 0;
    bool bad;

    if (body.len > INT32_MAX || !slc_json_check(body, SLC_PARAMS_JSON_DEPTH, &position)) {
        note_bad_json(params, position);
        return true;
    }
    tokener = json_tokener_new_ex(SLC_PARAMS_JSON_DEPTH + 1); /* counts the scalars' level, too */
    if (!tokener)
        return false;
    json_tokener_set_flags(tokener, JSON_TOKENER_VALIDATE_UTF8);
    root = json_tokener_parse_ex(tokener, body.data, (int)body.len);
    bad = json_tokener_get_error(tokener) != json_tokener_success ||
          !json_object_is_type(root, json_type_object);
    position = json_tokener_get_parse_end(tokener);
    json_tokener_free(tokener);
    if (bad) {
        json_object_put(root);
        note_bad_json(params, position);
        return true;
    }
    params->root = root;
    json_object_object_foreach(root, name, value)
    {
        if (!value) /* null: not given */
            continue;
        if (++taken > SLC_PARAMS_MAX) {
            too_many(params, true);
            break;
        }
        if (!add_param(params, (struct slc_param){
                                   .name = slc_str_from(name), .json = value, .in_body = true}))
            too_many(params, true);
    }
    return true;
}

/* A form of which even the separators are escaped, as curl's --data-urlencode
 * makes it: %3Freplica%3DNAME%26topn%3D3. */
static bool is_wholly_escaped(struct slc_str body)
{
    return body.data[0] == '%' && !memchr(body.data, '=', body.len) &&
           !memchr(body.data, '&', body.len);
}

static bool read_body(struct slc_params *params, struct slc_str body)
{
    body = slc_str_trim(body);
    params->body_len = body.len;
    if (body.len == 0)
        return true;
    if (is_wholly_escaped(body)) {
        body = slc_percent_decode_form(&params->arena, body);
        if (!body.data)
            return false;
    }
    if (body.data[0] == '{')
        return read_json(params, body);
    if (body.data[0] == '[') {
        slc_param_fault_add(params, &(struct slc_param_fault){
                                        .in_body = true,
                                        .type = "model_attributes_type",
                                        .message = "Input should be a valid dictionary or object "
                                                   "to extract fields from"});
        params->body_unreadable = true;
        return true;
    }
    if (body.data[0] == '?') {
        body.data++;
        body.len--;
    }
    return read_form(params, body, true);
}

struct slc_params *slc_params_new(struct slc_str query, struct slc_str body, bool body_expected)
{
    struct slc_params *params = calloc(1, sizeof(*params));

    if (!params)
        return NULL;
    params->body_expected = body_expected;
    params->capacity = 2 * (size_t)SLC_PARAMS_MAX;
    params->items = slc_arena_calloc(&params->arena, params->capacity, sizeof(*params->items));
    if (!params->items || !read_form(params, query, false) || !read_body(params, body)) {
        slc_params_free(params);
        return NULL;
    }
    return params;
}

void slc_params_free(struct slc_params *params)
{
    if (!params)
        return;
    json_object_put(params->root);
    slc_buf_release(&params->errors);
    slc_arena_release(&params->arena);
    free(params);
}

/* The last of that name: those of the body stand behind those of the query. */
static const struct slc_param *find(const struct slc_params *params, const char *name)
{
    for (size_t i = params->count; i > 0; i--) {
        if (slc_str_is(params->items[i - 1].name, name))
            return &params->items[i - 1];
    }
    return NULL;
}

bool slc_params_has(const struct slc_params *params, const char *name)
{
    return find(params, name) != NULL;
}

static void fault(struct slc_params *params, const char *name, const struct slc_param *param,
                  const char *type, const char *message, const char *context)
{
    slc_param_fault_add(
        params, &(struct slc_param_fault){.name = name,
                                          .param = param,
                                          .in_body = param ? param->in_body : params->body_expected,
                                          .type = type,
                                          .message = message,
                                          .context = context});
}

void slc_params_note(struct slc_params *params, const char *name, const char *type,
                     const char *message)
{
    fault(params, name, find(params, name), type, message, NULL);
}

/* Finds the parameter, noting a required one that is missing. */
static const struct slc_param *want(struct slc_params *params, const char *name,
                                    enum slc_param_need need)
{
    const struct slc_param *param = find(params, name);

    if (!param && need == SLC_PARAM_REQUIRED && !params->body_unreadable)
        fault(params, name, NULL, "missing", "Field required", NULL);
    return param;
}

/* A fault whose message ends in a number that stands in ctx, too. */
static void bound_fault(struct slc_params *params, const char *name, const struct slc_param *param,
                        const char *type, const char *message, const char *context_key,
                        int64_t bound)
{
    char context[64];

    (void)snprintf(context, sizeof(context), "{\"%s\":%lld}", context_key, (long long)bound);
    fault(params, name, param, type, message, context);
}

static void length_fault(struct slc_params *params, const char *name, const struct slc_param *param,
                         bool too_short, int64_t bound)
{
    char message[96];

    (void)snprintf(message, sizeof(message), "String should have at %s %lld character%s",
                   too_short ? "least" : "most", (long long)bound, bound == 1 ? "" : "s");
    bound_fault(params, name, param, too_short ? "string_too_short" : "string_too_long", message,
                too_short ? "min_length" : "max_length", bound);
}

bool slc_params_text(struct slc_params *params, const char *name, enum slc_param_need need,
                     int64_t min_chars, int64_t max_chars, struct slc_str *ret_value)
{
    const struct slc_param *param = want(params, name, need);
    struct slc_str text;
    int64_t chars;

    if (!param)
        return false;
    text = param->text;
    if (param->json) {
        if (!json_object_is_type(param->json, json_type_string)) {
            fault(params, name, param, "string_type", "Input should be a valid string", NULL);
            return false;
        }
        text = (struct slc_str){.data = json_object_get_string(param->json),
                                .len = (size_t)json_object_get_string_len(param->json)};
    }
    if (!slc_utf8_is_valid(text) || (text.len && memchr(text.data, '\0', text.len))) {
        fault(params, name, param, "string_unicode",
              "Input should be a valid string, unable to parse raw data as a unicode string", NULL);
        return false;
    }
    chars = (int64_t)slc_utf8_length(text);
    if (chars < min_chars || chars > max_chars) {
        length_fault(params, name, param, chars < min_chars,
                     chars < min_chars ? min_chars : max_chars);
        return false;
    }
    *ret_value = text;
    return true;
}

enum int_result { INT_OK, INT_BAD, INT_TOO_LONG, INT_ABOVE, INT_BELOW };

/* A whole number as pydantic reads one from text: white space around it, a
 * sign, single underscores between digits, ".0" behind. */
static enum int_result int_from_text(struct slc_str text, int64_t *ret_value)
{
    char digits[SLC_NUM_TEXT_BYTES];
    size_t at = 0, len = 0;
    bool negative = false, digit_before = false;

    text = slc_str_trim(text);
    if (text.len > 4300)
        return INT_TOO_LONG;
    if (text.len && (text.data[0] == '+' || text.data[0] == '-'))
        negative = text.data[at++] == '-';
    digits[len++] = negative ? '-' : '+';
    for (; at < text.len && text.data[at] != '.'; at++) {
        char c = text.data[at];

        if (c == '_' && digit_before && at + 1 < text.len && text.data[at + 1] != '.') {
            digit_before = false;
            continue;
        }
        if (c < '0' || c > '9')
            return INT_BAD;
        digit_before = true;
        if (len == 1 && c == '0')
            continue; /* zeros in front */
        if (len < sizeof(digits))
            digits[len++] = c;
    }
    if (!digit_before)
        return INT_BAD;
    if (at < text.len && at + 1 == text.len)
        return INT_BAD;
    for (at++; at < text.len; at++) {
        if (text.data[at] != '0')
            return INT_BAD;
    }
    if (len == 1)
        digits[len++] = '0';
    if (len < sizeof(digits) && slc_parse_int64(digits, len, ret_value))
        return INT_OK;
    return negative ? INT_BELOW : INT_ABOVE;
}

/* The error type and message of a JSON value that is no whole number, or NULL. */
static const char *int_from_json(struct json_object *json, int64_t *ret_value,
                                 enum int_result *ret_result, const char **ret_message)
{
    double number;

    switch (json_object_get_type(json)) {
    case json_type_boolean:
        *ret_value = json_object_get_boolean(json) ? 1 : 0;
        return NULL;
    case json_type_int:
        *ret_value = json_object_get_int64(json);
        return NULL;
    case json_type_double:
        number = json_object_get_double(json);
        if (!isfinite(number)) {
            *ret_message = "Input should be a finite number";
            return "finite_number";
        }
        if (number != floor(number)) {
            *ret_message = "Input should be a valid integer, got a number with a fractional part";
            return "int_from_float";
        }
        if (number >= 0x1p63 || number < -0x1p63)
            *ret_result = number > 0 ? INT_ABOVE : INT_BELOW;
        else
            *ret_value = (int64_t)number;
        return NULL;
    case json_type_string:
        *ret_result =
            int_from_text((struct slc_str){.data = json_object_get_string(json),
                                           .len = (size_t)json_object_get_string_len(json)},
                          ret_value);
        return NULL;
    default:
        *ret_message = "Input should be a valid integer";
        return "int_type";
    }
}

bool slc_params_int(struct slc_params *params, const char *name, enum slc_param_need need,
                    int64_t min, int64_t max, int64_t *ret_value)
{
    const struct slc_param *param = want(params, name, need);
    const char *type = NULL, *message_text = NULL;
    enum int_result result = INT_OK;
    int64_t value = 0;
    char message[96];

    if (!param)
        return false;
    if (param->json)
        type = int_from_json(param->json, &value, &result, &message_text);
    else
        result = int_from_text(param->text, &value);
    if (!type && result == INT_BAD) {
        type = "int_parsing";
        message_text = "Input should be a valid integer, unable to parse string as an integer";
    } else if (!type && (result == INT_TOO_LONG || (result == INT_ABOVE && max == INT64_MAX) ||
                         (result == INT_BELOW && min == INT64_MIN))) {
        type = "int_parsing_size";
        message_text = "Unable to parse input string as an integer, exceeded maximum size";
    }
    if (type) {
        fault(params, name, param, type, message_text, NULL);
        return false;
    }
    if (result == INT_ABOVE || (result == INT_OK && value > max)) {
        (void)snprintf(message, sizeof(message), "Input should be less than or equal to %lld",
                       (long long)max);
        bound_fault(params, name, param, "less_than_equal", message, "le", max);
        return false;
    }
    if (result == INT_BELOW || value < min) {
        (void)snprintf(message, sizeof(message), "Input should be greater than or equal to %lld",
                       (long long)min);
        bound_fault(params, name, param, "greater_than_equal", message, "ge", min);
        return false;
    }
    *ret_value = value;
    return true;
}

static bool bool_from_text(struct slc_str text, bool *ret_value)
{
    static const char *const truths[] = {"1", "true", "t", "yes", "y", "on"};
    static const char *const lies[] = {"0", "false", "f", "no", "n", "off"};

    for (size_t i = 0; i < sizeof(truths) / sizeof(*truths); i++) {
        if (slc_str_eq_nocase(text, slc_str_from(truths[i])) ||
            slc_str_eq_nocase(text, slc_str_from(lies[i]))) {
            *ret_value = slc_str_eq_nocase(text, slc_str_from(truths[i]));
            return true;
        }
    }
    return false;
}

bool slc_params_bool(struct slc_params *params, const char *name, enum slc_param_need need,
                     bool *ret_value)
{
    const struct slc_param *param = want(params, name, need);
    struct slc_str text;
    double number;

    if (!param)
        return false;
    text = param->text;
    if (param->json) {
        switch (json_object_get_type(param->json)) {
        case json_type_boolean:
            *ret_value = json_object_get_boolean(param->json);
            return true;
        case json_type_int:
        case json_type_double:
            number = json_object_get_double(param->json);
            text = number == 0 ? SLC_STR("0") : number == 1 ? SLC_STR("1") : SLC_STR("");
            break;
        case json_type_string:
            text = (struct slc_str){.data = json_object_get_string(param->json),
                                    .len = (size_t)json_object_get_string_len(param->json)};
            break;
        default:
            fault(params, name, param, "bool_type", "Input should be a valid boolean", NULL);
            return false;
        }
    }
    if (bool_from_text(text, ret_value))
        return true;
    fault(params, name, param, "bool_parsing",
          "Input should be a valid boolean, unable to interpret input", NULL);
    return false;
}
