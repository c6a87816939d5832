#include "http/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/percent.h"

enum { ROUTES_MAX = 512 };

/* A pattern cut at its slashes; views into the pattern. */
struct compiled {
    const struct slc_route *route;
    struct slc_str segments[SLC_ROUTE_SEGMENTS_MAX];
    bool is_part[SLC_ROUTE_SEGMENTS_MAX]; /* segments[i] is then the name without braces */
    size_t segment_count;
};

struct slc_router {
    struct compiled *routes; /* owned */
    size_t count, capacity;
};

static const char *const method_names[SLC_HTTP_METHODS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

const char *slc_http_method_name(enum slc_http_method method)
{
    return method_names[method];
}

struct slc_router *slc_router_new(void)
{
    return calloc(1, sizeof(struct slc_router));
}

void slc_router_free(struct slc_router *router)
{
    if (!router)
        return;
    free(router->routes);
    free(router);
}

/* Cut "/a/b" into "a", "b"; "/" is one empty segment. False when it does not
 * begin with a slash or has too many segments. */
static bool split(struct slc_str path, struct slc_str *segments, size_t *ret_count)
{
    size_t count = 0, at = 1;

    if (path.len == 0 || path.data[0] != '/')
        return false;
    for (;;) {
        const char *slash = at < path.len ? memchr(path.data + at, '/', path.len - at) : NULL;
        size_t end = slash ? (size_t)(slash - path.data) : path.len;

        if (count == SLC_ROUTE_SEGMENTS_MAX)
            return false;
        segments[count++] = (struct slc_str){.data = path.data + at, .len = end - at};
        if (!slash)
            break;
        at = end + 1;
    }
    *ret_count = count;
    return true;
}

static bool compile(const struct slc_route *route, struct compiled *compiled)
{
    size_t parts = 0;

    *compiled = (struct compiled){.route = route};
    if (!route->pattern || !route->handler || route->method < 0 ||
        route->method >= SLC_HTTP_METHODS ||
        !split(slc_str_from(route->pattern), compiled->segments, &compiled->segment_count))
        return false;
    for (size_t i = 0; i < compiled->segment_count; i++) {
        struct slc_str *segment = &compiled->segments[i];
        bool opens = segment->len > 0 && segment->data[0] == '{';
        bool closes = segment->len > 0 && segment->data[segment->len - 1] == '}';

        if (opens != closes || (opens && (segment->len < 3 || ++parts > SLC_ROUTE_PARTS_MAX)))
            return false;
        if (opens) {
            compiled->is_part[i] = true;
            segment->data++;
            segment->len -= 2;
        }
        if (segment->len &&
            (memchr(segment->data, '{', segment->len) || memchr(segment->data, '}', segment->len)))
            return false;
    }
    return true;
}

bool slc_router_add(struct slc_router *router, const struct slc_route *routes, size_t count,
                    struct slc_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (router->count == router->capacity) {
            size_t capacity = router->capacity ? router->capacity * 2 : 32;
            struct compiled *grown;

            if (capacity > ROUTES_MAX)
                return slc_fail(error, SLC_ERR_INTERNAL, "more than %d routes", ROUTES_MAX);
            grown = reallocarray(router->routes, capacity, sizeof(*grown));
            if (!grown)
                return slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
            router->routes = grown;
            router->capacity = capacity;
        }
        if (!compile(&routes[i], &router->routes[router->count]))
            return slc_fail(error, SLC_ERR_INTERNAL, "route %zu (%s) is none", i,
                            routes[i].pattern ? routes[i].pattern : "without a pattern");
        for (size_t j = 0; j < router->count; j++) {
            const struct slc_route *other = router->routes[j].route;

            if (other->method == routes[i].method && strcmp(other->pattern, routes[i].pattern) == 0)
                return slc_fail(error, SLC_ERR_INTERNAL, "route %s %s stands twice",
                                method_names[other->method], other->pattern);
        }
        router->count++;
    }
    return true;
}

const struct slc_route *slc_router_at(const struct slc_router *router, size_t index)
{
    return index < router->count ? router->routes[index].route : NULL;
}

static bool fits(const struct compiled *compiled, const struct slc_str *segments, size_t count)
{
    if (compiled->segment_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (compiled->is_part[i] ? segments[i].len == 0
                                 : !slc_str_eq(compiled->segments[i], segments[i]))
            return false;
    }
    return true;
}

static void fill_match(const struct compiled *compiled, const struct slc_str *segments,
                       struct slc_route_match *match)
{
    match->route = compiled->route;
    for (size_t i = 0; i < compiled->segment_count; i++) {
        if (compiled->is_part[i])
            match->parts[match->part_count++] =
                (struct slc_path_part){.name = compiled->segments[i], .value = segments[i]};
    }
}

static void write_allow(const bool methods[SLC_HTTP_METHODS], char *allow, size_t size_bytes)
{
    size_t len = 0;

    for (size_t i = 0; i < SLC_HTTP_METHODS; i++) {
        int written;

        if (!methods[i])
            continue;
        written = snprintf(allow + len, size_bytes - len, "%s%s%s", len ? ", " : "",
                           method_names[i], i == SLC_HTTP_GET ? ", HEAD" : "");
        if (written < 0 || (size_t)written >= size_bytes - len)
            break;
        len += (size_t)written;
    }
}

enum slc_route_result slc_router_match(const struct slc_router *router, struct slc_arena *arena,
                                       struct slc_str method, struct slc_str path,
                                       struct slc_route_match *ret_match)
{
    struct slc_str segments[SLC_ROUTE_SEGMENTS_MAX];
    bool methods[SLC_HTTP_METHODS] = {false};
    bool any = false;
    size_t count;

    *ret_match = (struct slc_route_match){0};
    if (slc_str_is(method, "HEAD"))
        method = SLC_STR("GET");
    if (!split(path, segments, &count))
        return SLC_ROUTE_NOT_FOUND;
    for (size_t i = 0; i < count; i++) {
        if (!slc_percent_decode_path(arena, segments[i], &segments[i]))
            return SLC_ROUTE_BAD_PATH;
    }
    for (size_t i = 0; i < router->count; i++) {
        const struct compiled *compiled = &router->routes[i];

        if (!fits(compiled, segments, count))
            continue;
        if (slc_str_is(method, method_names[compiled->route->method])) {
            fill_match(compiled, segments, ret_match);
            return SLC_ROUTE_FOUND;
        }
        methods[compiled->route->method] = true;
        any = true;
    }
    if (!any)
        return SLC_ROUTE_NOT_FOUND;
    write_allow(methods, ret_match->allow, sizeof(ret_match->allow));
    return SLC_ROUTE_WRONG_METHOD;
}
