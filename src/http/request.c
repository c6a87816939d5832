#include "http/request.h"

#include <string.h>

void slc_http_request_release(struct slc_http_request *request)
{
    if (!request)
        return;
    slc_params_free(request->params);
    slc_arena_release(&request->arena);
    *request = (struct slc_http_request){0};
}

struct slc_str slc_http_request_header(const struct slc_http_request *request, const char *name)
{
    struct slc_str wanted = slc_str_from(name);

    for (size_t i = 0; i < request->header_count; i++) {
        if (slc_str_eq_nocase(request->headers[i].name, wanted))
            return request->headers[i].value;
    }
    return (struct slc_str){0};
}

/* One "name=value" of a Cookie header (RFC 6265, 5.4). */
static bool cookie_is(struct slc_str pair, struct slc_str name, struct slc_str *ret_value)
{
    pair = slc_str_trim(pair);
    if (pair.len <= name.len || pair.data[name.len] != '=' ||
        memcmp(pair.data, name.data, name.len) != 0)
        return false;
    *ret_value = (struct slc_str){.data = pair.data + name.len + 1, .len = pair.len - name.len - 1};
    return true;
}

struct slc_str slc_http_request_cookie(const struct slc_http_request *request, const char *name)
{
    struct slc_str wanted = slc_str_from(name), value;

    for (size_t i = 0; i < request->header_count; i++) {
        struct slc_str left = request->headers[i].value;

        if (!slc_str_eq_nocase(request->headers[i].name, SLC_STR("cookie")))
            continue;
        while (left.len) {
            const char *end = memchr(left.data, ';', left.len);
            size_t len = end ? (size_t)(end - left.data) : left.len;

            if (cookie_is((struct slc_str){.data = left.data, .len = len}, wanted, &value))
                return value;
            left.data += len + (end ? 1 : 0);
            left.len -= len + (end ? 1 : 0);
        }
    }
    return (struct slc_str){0};
}

struct slc_str slc_http_request_part(const struct slc_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->part_count; i++) {
        if (slc_str_is(request->parts[i].name, name))
            return request->parts[i].value;
    }
    return (struct slc_str){.data = "", .len = 0};
}

struct slc_params *slc_http_request_params(struct slc_http_request *request)
{
    if (!request->params) {
        bool body_expected = !slc_str_is(request->method, "GET") &&
                             !slc_str_is(request->method, "HEAD") &&
                             !slc_str_is(request->method, "DELETE");

        request->params = slc_params_new(request->query, request->body, body_expected);
    }
    return request->params;
}
