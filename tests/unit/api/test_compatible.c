/* The endpoints of the old service: exact bodies. */
#include "api_test.h"

#include <errno.h>
#include <stdio.h>

#include "read_hook.h"

static void test_the_whole_round(void **state)
{
    static struct api_test test;
    char expected[256], *stamp;

    api_test_open(&test, state, NULL);
    job_test_put_table(&test.job, "old", "2021-01-01:00:00:00", ",\"prim_index\":\"id\"");
    job_test_put_table(&test.job, "new", "2022-01-01:00:00:00", "");
    EXPECT(&test, "GET", "/getRegisteredReplics", NULL, 200,
           "{\"LIST_OF_REGISTERED_REPLICS\":\"EMPTY\"}");
    EXPECT(&test, "GET", "/register_replicas", NULL, 200, "{\"registry\":\"success\"}");
    EXPECT(&test, "GET", "/getRegisteredReplics", NULL, 200,
           "{\"LIST_OF_REGISTERED_REPLICS\":\"new, old\"}");
    EXPECT(&test, "POST", "/getTopNFromReplica", "?replica=old", 200, "{}");

    assert_int_equal(api_test_call(&test, "POST", "/loadDf2redis", "?email=a@b.c&force_reload=0"),
                     200);
    stamp = job_test_ask(&test.job, "HGET", "new.META", "LOAD_DTTM");
    snprintf(expected, sizeof(expected),
             "{\"file_name\":\"new.csv\",\"status\":\"PROCESSED\",\"load_dttm\":\"%s\"}", stamp);
    assert_string_equal(test.answer.body, expected);
    free(stamp);
    assert_string_equal(raw_header(&test.answer, "content-type"), "application/json");
    /* Nothing is left to load: the same answer. */
    EXPECT(&test, "POST", "/loadDf2redis", "", 200, expected);

    EXPECT(&test, "POST", "/getTopNFromReplica", "?replica=old&topn=1", 200, "{\"1\":[0]}");
    EXPECT(&test, "POST", "/clearRedisCache", "?replica=old&remove=0", 200,
           "{\"clear_cache\":\"skipped\"}");
    EXPECT(&test, "POST", "/getTopNFromReplica", "?replica=old&topn=9", 200,
           "{\"1\":[0],\"2\":[1]}");
    EXPECT(&test, "POST", "/clearRedisCache", "?replica=old&remove=1", 200,
           "{\"clear_cache\":\"success\"}");
    EXPECT(&test, "POST", "/getTopNFromReplica", "?replica=old&topn=9", 200, "{}");
    EXPECT(&test, "GET", "/unregister_replicas", NULL, 200, "{\"unregistry\":\"success\"}");
    job_test_expect(&test.job, "old.ticket", "\"READY\"");
    EXPECT(&test, "GET", "/getRegisteredReplics", NULL, 200,
           "{\"LIST_OF_REGISTERED_REPLICS\":\"EMPTY\"}");
    assert_int_equal(api_test_call(&test, "POST", "/getTopNFromReplica", "?replica=old"), 404);
    api_test_close(&test);
}

static void test_sessions(void **state)
{
    static struct api_test test;

    api_test_open(&test, state, NULL);
    assert_int_equal(api_test_call_as_stranger(&test, "GET", "/register_replicas", NULL), 401);
    assert_string_equal(test.answer.body, "{\"registry\":\"blocked\"}");
    assert_int_equal(
        api_test_call_as_stranger(&test, "POST", "/check_fingerprint", "{\"md5_key\":\"wrong\"}"),
        401);
    assert_string_equal(test.answer.body,
                        "{\"auth_status\":\"denied\",\"isApprovedSession\":false}");
    assert_int_equal(api_test_call_as_stranger(&test, "POST", "/check_fingerprint",
                                               "{\"md5_key\":\"" API_TEST_KEY "\"}"),
                     200);
    assert_string_equal(test.answer.body,
                        "{\"auth_status\":\"approved\",\"isApprovedSession\":true}");
    assert_non_null(strstr(raw_header(&test.answer, "set-cookie"), "HttpOnly; SameSite=Strict"));
    assert_int_equal(api_test_call_as_stranger(&test, "GET", "/register_replicas", NULL), 200);
    assert_int_equal(api_test_call_as_stranger(&test, "GET", "/stop_calling_registry", NULL), 200);
    assert_string_equal(test.answer.body, "null");
    assert_int_equal(api_test_call_as_stranger(&test, "GET", "/register_replicas", NULL), 401);
    assert_int_equal(api_test_call_as_stranger(&test, "POST", "/check_fingerprint", "{}"), 422);
    assert_int_equal(
        api_test_call_as_stranger(&test, "POST", "/check_fingerprint", "{\"md5_key\":7}"), 401);
    for (int i = 0; i < 8 && test.answer.status != 429; i++)
        api_test_call_as_stranger(&test, "POST", "/check_fingerprint", "{\"md5_key\":\"guess\"}");
    assert_int_equal(test.answer.status, 429);
    assert_string_not_equal(raw_header(&test.answer, "retry-after"), "");
    api_test_close(&test);
}

static void test_failures(void **state)
{
    static struct api_test test;

    api_test_open(&test, state, NULL);
    assert_int_equal(api_test_call(&test, "POST", "/loadDf2redis", ""), 404);
    job_test_put_table(&test.job, "good", "2021-01-01:00:00:00", "");
    job_test_put_table(&test.job, "bad", "2022-01-01:00:00:00", ",\"size\":3");
    job_test_put(&test.job, "junk.ticket", "no ticket");
    assert_int_equal(api_test_call(&test, "GET", "/register_replicas", NULL), 200);
    assert_int_equal(api_test_call(&test, "POST", "/loadDf2redis", "?force_reload=0"), 500);
    /* The first one by age: the ticket that cannot be read is of no time. */
    EXPECT_PART(&test, "{\"file_name\":\"junk.ticket\",\"status\":\"FAILED\",\"error\":{\"code\":"
                       "\"ticket\",\"message\":\"");
    job_test_expect(&test.job, "bad.ticket", "\"FAILED\"");
    job_test_expect(&test.job, "good.ticket", "\"PROCESSED\"");
    api_test_close(&test);
}

static int fail_to_read(const char *path)
{
    (void)path;
    return EIO;
}

/* The stream directory may be a mount that comes back. */
static void test_a_file_that_cannot_be_read_for_now(void **state)
{
    static struct api_test test;

    api_test_open(&test, state, NULL);
    job_test_put_table(&test.job, "a", "2021-01-01:00:00:00", "");
    assert_int_equal(api_test_call(&test, "GET", "/register_replicas", NULL), 200);
    read_hook = fail_to_read;
    assert_int_equal(api_test_call(&test, "POST", "/loadDf2redis", ""), 503);
    assert_string_not_equal(raw_header(&test.answer, "retry-after"), "");
    read_hook = NULL;
    job_test_expect(&test.job, "a.ticket", "\"REGISTERED\"");
    assert_int_equal(api_test_call(&test, "POST", "/loadDf2redis", ""), 200);
    job_test_expect(&test.job, "a.ticket", "\"PROCESSED\"");
    api_test_close(&test);
}

static void test_parameters(void **state)
{
    static const struct {
        const char *path, *body;
        int status;
        const char *part;
    } cases[] = {
        {"/getTopNFromReplica", "?topn=3", 422, "\"loc\":[\"body\",\"replica\"]"},
        {"/getTopNFromReplica", "?replica=x&topn=many", 422, "\"loc\":[\"body\",\"topn\"]"},
        {"/getTopNFromReplica", "?replica=x&topn=0", 422, "\"loc\":[\"body\",\"topn\"]"},
        {"/getTopNFromReplica", "?replica=nobody", 404, "{\"detail\":\""},
        {"/getTopNFromReplica", "?replica=a.META", 404, "{\"detail\":\""},
        {"/getTopNFromReplica", "?replica=REPLICA_REGISTRY", 404, "{\"detail\":\""},
        {"/clearRedisCache", "?replica=x", 422, "\"loc\":[\"body\",\"remove\"]"},
        {"/clearRedisCache", "?replica=x&remove=perhaps", 422, "\"loc\":[\"body\",\"remove\"]"},
        {"/clearRedisCache", "?replica=nobody&remove=1", 404, "{\"detail\":\""},
        {"/loadDf2redis", "?force_reload=maybe", 422, "\"loc\":[\"body\",\"force_reload\"]"},
        {"/loadDf2redis", "?email=nobody", 422, "\"loc\":[\"body\",\"email\"]"},
        {"/loadDf2redis", "?email=a@b@c", 422, "\"loc\":[\"body\",\"email\"]"},
        {"/loadDf2redis", "?email=a%0d%0ab@c.d", 422, "\"loc\":[\"body\",\"email\"]"},
        {"/v1/loads", "{\"replica\":7}", 422, "\"loc\":[\"body\",\"replica\"]"},
        {"/v1/loads", "{\"replica\":\"nobody\"}", 404, "{\"detail\":\""},
        {"/v1/loads", "{", 422, "{\"detail\":["},
    };
    static struct api_test test;

    api_test_open(&test, state, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status = api_test_call(&test, "POST", cases[i].path, cases[i].body);

        if (status != cases[i].status)
            fail_msg("%s %s answers %d: %s", cases[i].path, cases[i].body, status,
                     test.answer.body);
        EXPECT_PART(&test, cases[i].part);
    }
    api_test_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole_round),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_a_file_that_cannot_be_read_for_now),
        cmocka_unit_test(test_parameters),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
