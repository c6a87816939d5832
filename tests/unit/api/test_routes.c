/* What holds for every route of the table, so that a new one cannot forget it. */
#include "api_test.h"

#include <json.h>
#include <stdio.h>

#include "api/describe.h"

/* The contract: everybody may call these. */
static bool is_open(const struct slc_route *route)
{
    static const char *const open[] = {"/check_fingerprint", "/healthz", "/readyz", "/openapi.json",
                                       "/docs"};

    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        if (strcmp(route->pattern, open[i]) == 0)
            return true;
    return false;
}

/* The pattern with something in the place of its {parts}. */
static void fill_in(const char *pattern, char path[256])
{
    size_t len = 0;
    bool inside = false;

    for (; *pattern && len < 250; pattern++) {
        if (*pattern == '{') {
            inside = true;
            path[len++] = 'x';
        } else if (*pattern == '}') {
            inside = false;
        } else if (!inside) {
            path[len++] = *pattern;
        }
    }
    path[len] = '\0';
}

static void test_nothing_but_the_open_ones_is_open(void **state)
{
    static struct api_test test;
    const struct slc_route *routes;
    size_t count;
    char path[256];

    api_test_open(&test, state, NULL);
    routes = slc_api_routes(&count);
    assert_true(count >= 20);
    for (size_t i = 0; i < count; i++) {
        int status;

        fill_in(routes[i].pattern, path);
        status = api_test_call_as_stranger(&test, slc_http_method_name(routes[i].method), path, "");
        if ((status != 401) != is_open(&routes[i]) && routes[i].handler)
            fail_msg("%s %s answers %d to a stranger", slc_http_method_name(routes[i].method), path,
                     status);
        assert_int_equal(routes[i].access == SLC_ACCESS_OPEN, is_open(&routes[i]));
        assert_non_null(routes[i].summary);
        /* What machines ask all the time is not limited, all else is. */
        assert_int_equal(routes[i].limited, strcmp(routes[i].pattern, "/healthz") != 0 &&
                                                strcmp(routes[i].pattern, "/readyz") != 0 &&
                                                strcmp(routes[i].pattern, "/metrics") != 0);
    }
    api_test_close(&test);
}

static void test_redis_away(void **state)
{
    static struct api_test test;
    static struct slc_redis_url nowhere;
    struct slc_error error = {0};
    const struct slc_route *routes;
    size_t count;
    char path[256];

    assert_ok(slc_redis_url_from_socket("/nonexistent/redis.sock", 0, &nowhere, &error), error);
    api_test_open(&test, state, &nowhere);
    routes = slc_api_routes(&count);
    for (size_t i = 0; i < count; i++) {
        const char *method = slc_http_method_name(routes[i].method);
        int status;

        /* These need no Redis. */
        if (is_open(&routes[i]) || strcmp(routes[i].pattern, "/metrics") == 0 ||
            strcmp(routes[i].pattern, "/stop_calling_registry") == 0 ||
            (strncmp(routes[i].pattern, "/v1/loads", 9) == 0 && routes[i].method == SLC_HTTP_GET))
            continue;
        fill_in(routes[i].pattern, path);
        status = api_test_call(&test, method, path,
                               routes[i].method == SLC_HTTP_POST ? "?replica=x&remove=1" : NULL);
        if (status != 503)
            fail_msg("%s %s answers %d without Redis", method, path, status);
        assert_string_not_equal(raw_header(&test.answer, "retry-after"), "");
        EXPECT_PART(&test, "{\"detail\":\"");
    }
    EXPECT(&test, "GET", "/healthz", NULL, 200, "{\"status\":\"ok\"}");
    EXPECT(&test, "GET", "/readyz", NULL, 503,
           "{\"status\":\"not ready\",\"redis\":\"unavailable\",\"stream_dir\":\"ok\"}");
    assert_int_equal(api_test_call(&test, "GET", "/metrics", NULL), 200);
    EXPECT_PART(&test, "\nsluice_redis_errors_total ");
    assert_null(
        strstr(test.answer.body, "\nsluice_redis_errors_total 0\n")); /* they were counted */
    api_test_close(&test);
}

static void test_health_and_metrics(void **state)
{
    static struct api_test test;

    api_test_open(&test, state, NULL);
    EXPECT(&test, "GET", "/healthz", NULL, 200, "{\"status\":\"ok\"}");
    EXPECT(&test, "GET", "/readyz", NULL, 200,
           "{\"status\":\"ready\",\"redis\":\"ok\",\"stream_dir\":\"ok\"}");
    assert_int_equal(api_test_call(&test, "GET", "/nowhere", NULL), 404);
    /* A request is counted when its answer has left, so maybe a moment later. */
    do
        assert_int_equal(api_test_call(&test, "GET", "/metrics", NULL), 200);
    while (!strstr(test.answer.body, "status=\"404\"") ||
           !strstr(test.answer.body, "route=\"/readyz\""));
    assert_string_equal(raw_header(&test.answer, "content-type"),
                        "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_PART(&test,
                "sluice_http_requests_total{method=\"GET\",route=\"/readyz\",status=\"200\"} 1\n");
    EXPECT_PART(&test, "sluice_http_requests_total{method=\"\",route=\"\",status=\"404\"} 1\n");
    EXPECT_PART(&test, "\nsluice_http_requests_in_flight ");
    EXPECT_PART(&test, "\nsluice_loads_running 0\n");
    EXPECT_PART(&test, "\nsluice_rows_rejected_total 0\n");
    api_test_close(&test);
}

/* No route without an operation, and no operation without a route. */
static void test_every_route_is_described(void **state)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_error error = {0};
    size_t count, operations = 0;
    const struct slc_route *routes = slc_api_routes(&count);
    struct json_object *document, *paths;

    (void)state;
    assert_ok(slc_api_openapi_write(routes, count, &text, &error), error);
    document = json_tokener_parse(slc_buf_text(&text));
    assert_non_null(document);
    paths = json_object_object_get(document, "paths");
    json_object_object_foreach(paths, path, methods)
    {
        (void)path;
        operations += (size_t)json_object_object_length(methods);
    }
    assert_int_equal(operations, count);
    for (size_t i = 0; i < count; i++) {
        struct json_object *entry = json_object_object_get(paths, routes[i].pattern), *operation;
        char method[8] = "";

        for (size_t c = 0; slc_http_method_name(routes[i].method)[c]; c++)
            method[c] = slc_ascii_lower(slc_http_method_name(routes[i].method)[c]);
        operation = json_object_object_get(entry, method);
        assert_non_null(operation);
        assert_string_equal(
            json_object_get_string(json_object_object_get(operation, "operationId")),
            routes[i].about->id);
    }
    json_object_put(document);
}

static void no_handler(struct slc_http_request *request, struct slc_http_response *response,
                       void *context)
{
    (void)request;
    (void)response;
    (void)context;
}

static void test_a_route_that_says_nothing_is_refused(void **state)
{
    static const struct slc_route_answer answers[] = {{.status = 204}, {.status = 0}};
    static const struct slc_route_about about = {.id = "x", .tag = "X", .answers = answers};
    const struct slc_route silent = {.pattern = "/x", .handler = no_handler, .summary = "x"};
    const struct slc_route part = {
        .pattern = "/x/{part}", .handler = no_handler, .summary = "x", .about = &about};
    struct slc_buf text = {0};
    struct slc_error error = {0};

    (void)state;
    assert_false(slc_api_openapi_write(&silent, 1, &text, &error));
    assert_int_equal(error.code, SLC_ERR_INTERNAL);
    assert_false(slc_api_openapi_write(&part, 1, &text, &error));
    assert_non_null(strstr(error.message, "{part}"));
    slc_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_but_the_open_ones_is_open),
        cmocka_unit_test(test_every_route_is_described),
        cmocka_unit_test(test_a_route_that_says_nothing_is_refused),
        cmocka_unit_test(test_redis_away),
        cmocka_unit_test(test_health_and_metrics),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
