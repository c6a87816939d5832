/* The v1 API. */
#include "api_test.h"

#include <stdio.h>

/* Load what is registered and wait for it. */
static void load_all(struct api_test *test)
{
    assert_int_equal(api_test_call(test, "GET", "/register_replicas", NULL), 200);
    if (api_test_call(test, "POST", "/loadDf2redis", "?force_reload=1") != 200)
        fail_msg("%s", test->answer.body);
}

static void test_replicas(void **state)
{
    static struct api_test test;

    api_test_open(&test, state, NULL);
    EXPECT(&test, "GET", "/v1/replicas", NULL, 200, "{\"replicas\":[]}");
    job_test_put_table(&test.job, "a", "2021-01-01:00:00:00", ",\"prim_index\":\"id\"");
    assert_int_equal(api_test_call(&test, "GET", "/register_replicas", NULL), 200);
    EXPECT(&test, "GET", "/v1/replicas", NULL, 200,
           "{\"replicas\":[{\"name\":\"a\",\"loaded\":false,\"load_dttm\":null,\"load_id\":null,"
           "\"shape\":null}]}");
    load_all(&test);
    assert_int_equal(api_test_call(&test, "GET", "/v1/replicas", NULL), 200);
    EXPECT_PART(&test, "\"name\":\"a\",\"loaded\":true,\"load_dttm\":\"");
    assert_int_equal(api_test_call(&test, "GET", "/v1/replicas/a", NULL), 200);
    EXPECT_PART(&test, "\"COLUMNS\":[\"v\"]");
    EXPECT_PART(&test, "\"ROWS_WRITTEN\":2");
    EXPECT_PART(&test, "\"INDEX_COLUMN\":\"id\"");
    EXPECT_PART(&test, "\"DB_NAME\":\"");
    assert_null(strstr(test.answer.body, "\"PROFILE\""));
    assert_int_equal(api_test_call(&test, "GET", "/v1/replicas/a/profile", NULL), 200);
    EXPECT_PART(&test, "\"columns\":{");
    EXPECT(&test, "GET", "/v1/replicas/a/rows/2", NULL, 200, "{\"key\":\"2\",\"values\":[1]}");
    assert_int_equal(api_test_call(&test, "GET", "/v1/replicas/a/rows/9", NULL), 404);
    assert_int_equal(api_test_call(&test, "GET", "/v1/replicas/b/rows/2", NULL), 404);
    assert_int_equal(api_test_call(&test, "GET", "/v1/replicas/b", NULL), 404);
    assert_int_equal(api_test_call(&test, "GET", "/v1/replicas/b/profile", NULL), 404);
    assert_int_equal(api_test_call(&test, "DELETE", "/v1/replicas/b", NULL), 404);
    assert_int_equal(api_test_call(&test, "DELETE", "/v1/replicas/a.META", NULL), 404);
    EXPECT(&test, "DELETE", "/v1/replicas/a", NULL, 204, "");
    assert_int_equal(api_test_call(&test, "GET", "/v1/replicas/a", NULL), 404);
    job_test_expect(&test.job, "a.ticket", "\"PROCESSED\""); /* the ticket is left alone */
    api_test_close(&test);
}

static void test_tickets(void **state)
{
    static struct api_test test;

    api_test_open(&test, state, NULL);
    job_test_put_table(&test.job, "a", "2021-01-01:00:00:00", ",\"prim_index\":\"id\"");
    EXPECT(&test, "GET", "/v1/tickets", NULL, 200,
           "{\"tickets\":[{\"ticket\":\"a.ticket\",\"file_name\":\"a.csv\",\"replica\":\"a\","
           "\"status\":\"READY\",\"load_dttm\":\"2021-01-01:00:00:00\",\"prim_index\":\"id\","
           "\"error\":null}]}");
    job_test_put(&test.job, "b.ticket", "no ticket");
    assert_int_equal(api_test_call(&test, "GET", "/v1/tickets", NULL), 200);
    EXPECT_PART(&test, "{\"ticket\":\"b.ticket\",\"file_name\":null,\"replica\":null,"
                       "\"status\":null,\"load_dttm\":null,\"prim_index\":null,\"error\":{\"code\":"
                       "\"ticket\",");
    api_test_close(&test);
}

static void test_loads(void **state)
{
    static struct api_test test;
    char path[128], id[64];
    const char *at;

    api_test_open(&test, state, NULL);
    EXPECT(&test, "GET", "/v1/loads", NULL, 200, "{\"loads\":[]}");
    job_test_put_table(&test.job, "a", "2021-01-01:00:00:00", "");
    job_test_put_table(&test.job, "b", "2021-01-01:00:00:00", "");
    assert_int_equal(
        api_test_call(&test, "POST", "/v1/loads", "{\"replica\":\"a\",\"force\":true}"), 202);
    at = strstr(test.answer.body, "\"id\":\"");
    assert_non_null(at);
    snprintf(id, sizeof(id), "%.32s", at + 6);
    snprintf(path, sizeof(path), "/v1/loads/%s", id);
    assert_string_equal(raw_header(&test.answer, "location"), path);
    EXPECT_PART(&test, "\"count\":1");
    /* A later batch is over after this one. */
    load_all(&test);
    assert_int_equal(api_test_call(&test, "GET", path, NULL), 200);
    EXPECT_PART(&test, "\"state\":\"done\"");
    EXPECT_PART(&test, "\"percent\":100,\"rows_read\":2,\"rows_written\":2,\"rows_rejected\":0");
    EXPECT_PART(&test, "\"ticket\":\"a.ticket\"");
    assert_null(strstr(test.answer.body, "b.ticket"));
    assert_int_equal(api_test_call(&test, "GET", "/v1/loads", NULL), 200);
    EXPECT_PART(&test, id);
    assert_int_equal(api_test_call(&test, "GET", "/v1/loads/nosuch", NULL), 404);
    /* Nothing is REGISTERED. */
    assert_int_equal(api_test_call(&test, "POST", "/v1/loads", NULL), 202);
    EXPECT_PART(&test, "\"state\":\"done\"");
    EXPECT_PART(&test, "\"count\":0");
    api_test_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replicas),
        cmocka_unit_test(test_tickets),
        cmocka_unit_test(test_loads),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
