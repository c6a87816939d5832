/* The route table, decoding of paths, responses' headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/request.h"
#include "http/router.h"

static SLC_HTTP_HANDLER(handler)
{
    (void)request;
    (void)response;
    (void)context;
}

static const struct slc_route routes[] = {
    {.method = SLC_HTTP_GET, .pattern = "/", .handler = handler},
    {.method = SLC_HTTP_GET, .pattern = "/v1/replicas", .handler = handler},
    {.method = SLC_HTTP_GET, .pattern = "/v1/replicas/{name}", .handler = handler},
    {.method = SLC_HTTP_DELETE, .pattern = "/v1/replicas/{name}", .handler = handler},
    {.method = SLC_HTTP_GET, .pattern = "/v1/replicas/{name}/rows/{key}", .handler = handler},
    {.method = SLC_HTTP_POST, .pattern = "/loadDf2redis", .handler = handler},
};

enum { ROUTES = sizeof(routes) / sizeof(*routes) };

static struct slc_router *make(void)
{
    struct slc_router *router = slc_router_new();

    assert_non_null(router);
    assert_true(slc_router_add(router, routes, ROUTES, NULL));
    return router;
}

static void expect(struct slc_router *router, const char *method, const char *path,
                   enum slc_route_result result, const struct slc_route *route, const char *first,
                   const char *second)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_route_match match;
    enum slc_route_result got =
        slc_router_match(router, &arena, slc_str_from(method), slc_str_from(path), &match);

    if (got != result)
        fail_msg("%s %s gives %d, not %d", method, path, (int)got, (int)result);
    assert_ptr_equal(match.route, route);
    assert_int_equal(match.part_count, (first ? 1 : 0) + (second ? 1 : 0));
    if (first)
        assert_string_equal(match.parts[0].value.data, first);
    if (second)
        assert_string_equal(match.parts[1].value.data, second);
}

static void test_match(void **state)
{
    struct slc_router *router = make();

    (void)state;
    expect(router, "GET", "/", SLC_ROUTE_FOUND, &routes[0], NULL, NULL);
    expect(router, "GET", "/v1/replicas", SLC_ROUTE_FOUND, &routes[1], NULL, NULL);
    expect(router, "HEAD", "/v1/replicas", SLC_ROUTE_FOUND, &routes[1], NULL, NULL);
    expect(router, "GET", "/v1/replicas/a%20b", SLC_ROUTE_FOUND, &routes[2], "a b", NULL);
    expect(router, "DELETE", "/v1/replicas/x", SLC_ROUTE_FOUND, &routes[3], "x", NULL);
    expect(router, "GET", "/v1/replicas/x/rows/a%2Fb", SLC_ROUTE_FOUND, &routes[4], "x", "a/b");
    expect(router, "GET", "/v1/replicas/x/rows/%c3%a4+1", SLC_ROUTE_FOUND, &routes[4], "x",
           "\xc3\xa4+1");
    expect(router, "GET", "/%76%31/replicas", SLC_ROUTE_FOUND, &routes[1], NULL, NULL);
    expect(router, "POST", "/loadDf2redis", SLC_ROUTE_FOUND, &routes[5], NULL, NULL);
    expect(router, "GET", "/v1/replicas/", SLC_ROUTE_NOT_FOUND, NULL, NULL, NULL);
    expect(router, "GET", "/v1//replicas", SLC_ROUTE_NOT_FOUND, NULL, NULL, NULL);
    expect(router, "GET", "/v1/Replicas", SLC_ROUTE_NOT_FOUND, NULL, NULL, NULL);
    expect(router, "GET", "", SLC_ROUTE_NOT_FOUND, NULL, NULL, NULL);
    expect(router, "GET", "*", SLC_ROUTE_NOT_FOUND, NULL, NULL, NULL);
    expect(router, "GET", "v1/replicas", SLC_ROUTE_NOT_FOUND, NULL, NULL, NULL);
    expect(router, "GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", SLC_ROUTE_NOT_FOUND, NULL,
           NULL, NULL);
    slc_router_free(router);
}

static void test_bad_paths(void **state)
{
    static const char *const bad[] = {
        "/v1/replicas/%",   "/v1/replicas/%4",        "/v1/replicas/%zz",
        "/v1/replicas/%00", "/v1/replicas/a%00b",     "/v1/replicas/%ff",
        "/v1/replicas/%c3", "/v1/replicas/%ed%a0%80", "/%2"};
    struct slc_router *router = make();

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        expect(router, "GET", bad[i], SLC_ROUTE_BAD_PATH, NULL, NULL, NULL);
    slc_router_free(router);
}

static void test_wrong_method(void **state)
{
    struct slc_router *router = make();
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_route_match match;

    (void)state;
    assert_int_equal(
        slc_router_match(router, &arena, SLC_STR("POST"), SLC_STR("/v1/replicas/x"), &match),
        SLC_ROUTE_WRONG_METHOD);
    assert_string_equal(match.allow, "GET, HEAD, DELETE");
    assert_int_equal(
        slc_router_match(router, &arena, SLC_STR("HEAD"), SLC_STR("/loadDf2redis"), &match),
        SLC_ROUTE_WRONG_METHOD);
    assert_string_equal(match.allow, "POST");
    assert_int_equal(slc_router_match(router, &arena, SLC_STR("get"), SLC_STR("/"), &match),
                     SLC_ROUTE_WRONG_METHOD);
    slc_router_free(router);
}

static void test_walk(void **state)
{
    struct slc_router *router = make();

    (void)state;
    for (size_t i = 0; i < ROUTES; i++)
        assert_ptr_equal(slc_router_at(router, i), &routes[i]);
    assert_null(slc_router_at(router, ROUTES));
    slc_router_free(router);
}

static void test_bad_tables(void **state)
{
    static const char *const patterns[] = {
        "x", "", "/{}", "/{a", "/a}", "/{a}{b}", "/x{a}y", "/{a}/{b}/{c}/{d}/{e}", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        struct slc_route route = {.pattern = patterns[i], .handler = handler};
        struct slc_router *router = slc_router_new();
        struct slc_error error = {0};

        if (slc_router_add(router, &route, 1, &error))
            fail_msg("%s was taken", patterns[i]);
        assert_int_equal(error.code, SLC_ERR_INTERNAL);
        slc_router_free(router);
    }
}

static void test_doubles(void **state)
{
    struct slc_router *router = make();
    struct slc_error error = {0};

    (void)state;
    assert_false(slc_router_add(router, &routes[1], 1, &error));
    assert_int_equal(error.code, SLC_ERR_INTERNAL);
    slc_router_free(router);
}

static void test_response_headers(void **state)
{
    struct slc_http_response response = {0};
    char long_value[5000];

    (void)state;
    assert_true(slc_http_set_header(&response, "x-a", SLC_STR("1")));
    assert_true(slc_http_set_header(&response, "X-A", SLC_STR("2")));
    assert_int_equal(response.header_count, 1);
    assert_true(slc_str_is(slc_http_response_header(&response, "x-a"), "2"));
    assert_false(slc_http_set_header(&response, "x-b", SLC_STR("1\r\nset-cookie: x=1")));
    assert_false(slc_http_set_header(&response, "x-b", SLC_STR("1\n")));
    assert_false(slc_http_set_header(&response, "x-b", SLC_STR("1\0002")));
    assert_false(slc_http_set_header(&response, "x b", SLC_STR("1")));
    assert_false(slc_http_set_header(&response, "x:b", SLC_STR("1")));
    assert_false(slc_http_set_header(&response, "", SLC_STR("1")));
    memset(long_value, 'v', sizeof(long_value));
    assert_false(
        slc_http_set_header(&response, "x-b", (struct slc_str){long_value, sizeof(long_value)}));
    assert_true(slc_http_set_header(&response, "set-cookie", SLC_STR("a=1")));
    assert_true(slc_http_set_header(&response, "set-cookie", SLC_STR("b=1")));
    assert_int_equal(response.header_count, 3);
    for (int i = 0; i < SLC_HTTP_RESPONSE_HEADERS_MAX - 3; i++)
        assert_true(slc_http_set_header(&response, "set-cookie", SLC_STR("c=1")));
    assert_false(slc_http_set_header(&response, "x-c", SLC_STR("1")));
    assert_true(slc_http_set_header(&response, "x-a", SLC_STR("3")));
    slc_http_detail(&response, 400, "bad \"x\" \xff\n");
    assert_string_equal(slc_buf_text(&response.body), "{\"detail\":\"bad \\\"x\\\" ?\\n\"}");
    slc_http_response_release(&response);
}

static void test_cookies(void **state)
{
    static const struct slc_http_header headers[] = {
        {SLC_STR("Host"), SLC_STR("x")},
        {SLC_STR("COOKIE"), SLC_STR("xa=0; a=1;b=2=3;; =;a")},
        {SLC_STR("Cookie"), SLC_STR("c=4")},
    };
    struct slc_http_request request = {.headers = headers, .header_count = 3};

    (void)state;
    assert_true(slc_str_is(slc_http_request_cookie(&request, "a"), "1"));
    assert_true(slc_str_is(slc_http_request_cookie(&request, "b"), "2=3"));
    assert_true(slc_str_is(slc_http_request_cookie(&request, "c"), "4"));
    assert_null(slc_http_request_cookie(&request, "d").data);
    assert_true(slc_str_is(slc_http_request_header(&request, "host"), "x"));
    assert_null(slc_http_request_header(&request, "hos").data);
    slc_http_request_release(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_bad_paths),
        cmocka_unit_test(test_wrong_method),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_bad_tables),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_response_headers),
        cmocka_unit_test(test_cookies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
