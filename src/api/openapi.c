/* The OpenAPI 3.1 document (JSON Schema 2020-12), from the table of routes. */
#include <stdio.h>
#include <string.h>

#include "api/describe.h"
#include "base/json.h"
#include "schemas.h" /* made from schemas.json */

static void raw_member(struct slc_buf *json, const char *key, const char *value)
{
    slc_json_key(json, key);
    slc_buf_append_text(json, value);
}

static void open_object(struct slc_buf *json, const char *key)
{
    slc_json_key(json, key);
    slc_buf_append_byte(json, '{');
}

static void close_object(struct slc_buf *json)
{
    slc_buf_append_byte(json, '}');
}

static void write_ref(struct slc_buf *json, const char *key, const char *schema)
{
    slc_json_key(json, key);
    slc_buf_printf(json, "{\"$ref\":\"#/components/schemas/%s\"}", schema);
}

/* ---- Parameters ---------------------------------------------------------- */

static void write_bounds(struct slc_buf *json, const struct slc_route_param *param)
{
    bool text = param->kind == SLC_KIND_TEXT;

    if (param->min == 0 && param->max == 0)
        return;
    slc_json_member_int64(json, text ? "minLength" : "minimum", param->min);
    slc_json_member_int64(json, text ? "maxLength" : "maximum", param->max);
}

static void write_param_schema(struct slc_buf *json, const struct slc_route_param *param)
{
    static const char *const types[] = {"string", "integer", "boolean"};

    slc_buf_append_byte(json, '{');
    slc_json_member_text(json, "type", types[param->kind]);
    write_bounds(json, param);
    if (param->format)
        slc_json_member_text(json, "format", param->format);
    if (param->default_value)
        raw_member(json, "default", param->default_value);
    if (param->example)
        slc_buf_printf(json, ",\"examples\":[%s]", param->example);
    if (param->place == SLC_IN_BODY)
        slc_json_member_text(json, "description", param->about);
    close_object(json);
}

static void write_param(struct slc_buf *json, const struct slc_route_param *param)
{
    static const char *const places[] = {"path", "query", "header"};

    slc_json_comma(json);
    slc_buf_append_byte(json, '{');
    slc_json_member_text(json, "name", param->name);
    slc_json_member_text(json, "in", places[param->place]);
    raw_member(json, "required", param->required || param->place == SLC_IN_PATH ? "true" : "false");
    slc_json_member_text(json, "description", param->about);
    slc_json_key(json, "schema");
    write_param_schema(json, param);
    close_object(json);
}

static void write_params(struct slc_buf *json, const struct slc_route_about *about)
{
    static const struct slc_route_param if_none_match = {
        .name = "If-None-Match",
        .place = SLC_IN_HEADER,
        .about = "The `ETag` of an earlier answer: 304 while it is still true"};

    slc_json_key(json, "parameters");
    slc_buf_append_byte(json, '[');
    for (const struct slc_route_param *param = about->params; param && param->name; param++)
        if (param->place != SLC_IN_BODY)
            write_param(json, param);
    if (about->tagged)
        write_param(json, &if_none_match);
    slc_buf_append_byte(json, ']');
}

static bool has_params_in(const struct slc_route_about *about, enum slc_route_param_place place)
{
    for (const struct slc_route_param *param = about->params; param && param->name; param++)
        if (param->place == place)
            return true;
    return false;
}

static bool is_body_required(const struct slc_route_about *about)
{
    for (const struct slc_route_param *param = about->params; param && param->name; param++)
        if (param->place == SLC_IN_BODY && param->required)
            return true;
    return false;
}

static void write_body_schema(struct slc_buf *json, const struct slc_route_about *about)
{
    const struct slc_route_param *param;

    slc_buf_append_text(json, "{\"schema\":{\"type\":\"object\"");
    open_object(json, "properties");
    for (param = about->params; param->name; param++) {
        if (param->place != SLC_IN_BODY)
            continue;
        slc_json_key(json, param->name);
        write_param_schema(json, param);
    }
    close_object(json);
    if (is_body_required(about)) {
        slc_json_key(json, "required");
        slc_buf_append_byte(json, '[');
        for (param = about->params; param->name; param++) {
            if (param->place != SLC_IN_BODY || !param->required)
                continue;
            slc_json_comma(json);
            slc_json_text(json, param->name);
        }
        slc_buf_append_byte(json, ']');
    }
    slc_buf_append_text(json, "}}");
}

static void write_body(struct slc_buf *json, const struct slc_route_about *about)
{
    static const char *const types[] = {"application/json", "application/x-www-form-urlencoded"};

    if (!has_params_in(about, SLC_IN_BODY))
        return;
    open_object(json, "requestBody");
    raw_member(json, "required", is_body_required(about) ? "true" : "false");
    open_object(json, "content");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        slc_json_key(json, types[i]);
        write_body_schema(json, about);
    }
    close_object(json);
    close_object(json);
}

/* ---- Answers ------------------------------------------------------------- */

static void write_headers(struct slc_buf *json, const struct slc_route *route,
                          const struct slc_route_answer *answer)
{
    bool retry = answer->status == 429 || answer->status == 503;

    open_object(json, "headers");
    raw_member(json, "X-Request-ID", "{\"$ref\":\"#/components/headers/RequestId\"}");
    if (route->about->tagged && (answer->status == 200 || answer->status == 304))
        raw_member(json, "ETag", "{\"$ref\":\"#/components/headers/ETag\"}");
    if (route->limited && answer->status != 400) {
        raw_member(json, "X-RateLimit-Limit", "{\"$ref\":\"#/components/headers/RateLimit\"}");
        raw_member(json, "X-RateLimit-Remaining", "{\"$ref\":\"#/components/headers/RateLimit\"}");
        raw_member(json, "X-RateLimit-Reset", "{\"$ref\":\"#/components/headers/RateLimit\"}");
    }
    if (retry)
        raw_member(json, "Retry-After", "{\"$ref\":\"#/components/headers/RetryAfter\"}");
    close_object(json);
}

static void write_answer(struct slc_buf *json, const struct slc_route *route,
                         const struct slc_route_answer *answer)
{
    char status[16];

    (void)snprintf(status, sizeof(status), "%u", answer->status);
    open_object(json, status);
    slc_json_member_text(json, "description",
                         answer->about ? answer->about : slc_http_reason(answer->status));
    write_headers(json, route, answer);
    if (answer->schema || answer->content_type) {
        open_object(json, "content");
        open_object(json, answer->content_type ? answer->content_type : "application/json");
        if (answer->schema)
            write_ref(json, "schema", answer->schema);
        else
            raw_member(json, "schema", "{\"type\":\"string\"}");
        close_object(json);
        close_object(json);
    }
    close_object(json);
}

static bool answers_itself(const struct slc_route_about *about, unsigned status)
{
    for (const struct slc_route_answer *answer = about->answers; answer && answer->status; answer++)
        if (answer->status == status)
            return true;
    return false;
}

static void write_common(struct slc_buf *json, const struct slc_route *route, bool when,
                         const struct slc_route_answer *answer)
{
    if (when && !answers_itself(route->about, answer->status))
        write_answer(json, route, answer);
}

static void write_answers(struct slc_buf *json, const struct slc_route *route)
{
    const struct slc_route_about *about = route->about;
    const char *blocked = route->blocked_body ? "Blocked" : "Error";
    bool has_params = has_params_in(about, SLC_IN_QUERY) || has_params_in(about, SLC_IN_BODY);
    bool has_session = route->access == SLC_ACCESS_SESSION;

    open_object(json, "responses");
    for (const struct slc_route_answer *answer = about->answers; answer->status; answer++)
        write_answer(json, route, answer);
    write_common(
        json, route, about->tagged,
        &(struct slc_route_answer){.status = 304,
                                   .about = "What the client has (`If-None-Match`) is still true"});
    write_common(json, route, true,
                 &(struct slc_route_answer){.status = 400,
                                            .schema = "Error",
                                            .about = "No request that can be understood"});
    write_common(
        json, route, has_session,
        &(struct slc_route_answer){.status = 401, .schema = blocked, .about = "Not approved"});
    write_common(json, route, true, &(struct slc_route_answer){.status = 413, .schema = "Error"});
    write_common(json, route, has_params,
                 &(struct slc_route_answer){.status = 422,
                                            .schema = "ValidationError",
                                            .about = "A parameter is missing or wrong"});
    write_common(
        json, route, route->limited || has_session,
        &(struct slc_route_answer){.status = 429,
                                   .schema = blocked,
                                   .about = "Over the rate limit, or too many wrong keys"});
    write_common(json, route, true, &(struct slc_route_answer){.status = 431, .schema = "Error"});
    write_common(json, route, true,
                 &(struct slc_route_answer){.status = 500, .schema = "Error", .about = "A fault"});
    write_common(json, route, about->needs_peer || has_session,
                 &(struct slc_route_answer){.status = 503,
                                            .schema = "Error",
                                            .about = "Redis or the stream directory is away, or "
                                                     "there is too much to do: try again"});
    close_object(json);
}

/* ---- Operations ---------------------------------------------------------- */

static void write_lower(struct slc_buf *json, const char *name)
{
    slc_json_comma(json);
    slc_buf_append_byte(json, '"');
    for (; *name; name++)
        slc_buf_append_byte(json, slc_ascii_lower(*name));
    slc_buf_append_text(json, "\":");
}

static void write_operation(struct slc_buf *json, const struct slc_route *route)
{
    const struct slc_route_about *about = route->about;

    write_lower(json, slc_http_method_name(route->method));
    slc_buf_append_byte(json, '{');
    slc_json_member_text(json, "operationId", about->id);
    slc_json_key(json, "tags");
    slc_buf_append_byte(json, '[');
    slc_json_text(json, about->tag);
    slc_buf_append_byte(json, ']');
    slc_json_member_text(json, "summary", route->summary);
    if (about->text)
        slc_json_member_text(json, "description", about->text);
    raw_member(json, "security",
               route->access == SLC_ACCESS_SESSION ? "[{\"key\":[]},{\"session\":[]}]" : "[]");
    write_params(json, about);
    write_body(json, about);
    write_answers(json, route);
    close_object(json);
}

/* Every {part} of a path is a parameter. */
static bool check_parts(const struct slc_route *route, struct slc_error *error)
{
    for (const char *at = strchr(route->pattern, '{'); at; at = strchr(at + 1, '{')) {
        const struct slc_route_param *param = route->about->params;
        size_t len = strcspn(at + 1, "}");
        struct slc_str name = {.data = at + 1, .len = len};

        while (param && param->name &&
               !(param->place == SLC_IN_PATH && slc_str_is(name, param->name)))
            param++;
        if (!param || !param->name)
            return slc_fail(error, SLC_ERR_INTERNAL, "route %s does not describe {%.*s}",
                            route->pattern, SLC_STR_ARG(name));
    }
    return true;
}

static bool check(const struct slc_route *routes, size_t count, struct slc_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct slc_route_about *about = routes[i].about;

        if (!about || !about->id || !about->tag || !about->answers || !routes[i].summary)
            return slc_fail(error, SLC_ERR_INTERNAL, "route %s says nothing of itself",
                            routes[i].pattern);
        if (!check_parts(&routes[i], error))
            return false;
    }
    return true;
}

/* One object a path, whatever the order of the table. */
static void write_paths(struct slc_buf *json, const struct slc_route *routes, size_t count)
{
    open_object(json, "paths");
    for (size_t i = 0; i < count; i++) {
        bool first = true;

        for (size_t j = 0; j < i && first; j++)
            first = strcmp(routes[i].pattern, routes[j].pattern) != 0;
        if (!first)
            continue;
        open_object(json, routes[i].pattern);
        for (size_t j = i; j < count; j++)
            if (strcmp(routes[i].pattern, routes[j].pattern) == 0)
                write_operation(json, &routes[j]);
        close_object(json);
    }
    close_object(json);
}

bool slc_api_openapi_write(const struct slc_route *routes, size_t count, struct slc_buf *json,
                           struct slc_error *error)
{
    if (!check(routes, count, error))
        return false;
    slc_buf_append_text(
        json, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"sluice\",\"version\":\"" SLC_VERSION
              "\",\"summary\":\"Files to tables in Redis\",\"license\":{\"name\":\"Apache-2.0\","
              "\"identifier\":\"Apache-2.0\"}}");
    write_paths(json, routes, count);
    slc_buf_append_byte(json, ',');
    slc_buf_append_text(json, schemas_json + 1); /* "components":{...}} */
    return !json->failed || slc_fail(error, SLC_ERR_MEMORY, "no memory for the API's description");
}
