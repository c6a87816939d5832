#include "support.h"

#include <stdio.h>

static void nothing_there(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf json = {0};
    struct slc_names names = {0};
    struct slc_meta meta = {0};
    struct slc_error error;
    int64_t rows = 7;

    assert_ok(slc_store_list(redis, REGISTRY, &names, &error), error);
    assert_int_equal(names.n_names, 0);
    slc_store_names_release(&names);
    assert_fails(slc_store_top(redis, SLC_STR("t"), 3, &json, &rows, &error), error,
                 SLC_ERR_NOT_FOUND);
    assert_int_equal(json.len, 0);
    assert_int_equal(rows, 7);
    assert_fails(slc_store_row(redis, SLC_STR("t"), SLC_STR("1"), &json, &error), error,
                 SLC_ERR_NOT_FOUND);
    assert_fails(slc_store_meta(redis, SLC_STR("t"), NULL, 0, &meta, &error), error,
                 SLC_ERR_NOT_FOUND);
    assert_fails(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ALL, &error), error,
                 SLC_ERR_NOT_FOUND);
    assert_fails(slc_store_drop(redis, REGISTRY, REGISTRY, SLC_DROP_ALL, &error), error,
                 SLC_ERR_NAME);
    /* Somebody else's hash is no replica. */
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"), SLC_STR("t"), SLC_STR("k"),
                             SLC_STR("v")),
              error);
    assert_fails(slc_store_top(redis, SLC_STR("t"), 3, &json, &rows, &error), error,
                 SLC_ERR_NOT_FOUND);
    assert_fails(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ROWS, &error), error,
                 SLC_ERR_NOT_FOUND);
    assert_int_equal(test_integer(redis, SLC_STR("HLEN"), SLC_STR("t")), 1);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error);
}

static void rows_meta_and_drop(void **state)
{
    static const char *const keys[] = {"x", "y \"q\"", "\xc3\xa9"};
    static const char *const wanted[] = {"KEY_ORDER", "NONE", "GENERATION"};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf json = {0};
    struct slc_meta meta = {0};
    struct slc_names names = {0};
    struct slc_chunk chunk = {0};
    struct slc_error error;

    test_chunk(&chunk, 0, 3, keys, 0, 4);
    test_load_all(redis, &(struct test_load){.name = "t"}, &chunk, NULL);
    assert_ok(slc_store_row(redis, SLC_STR("t"), slc_str_from(keys[1]), &json, &error), error);
    assert_string_equal(slc_buf_text(&json), "[\"y \\\"q\\\"\",4]");
    assert_fails(slc_store_row(redis, SLC_STR("t"), SLC_STR("z"), &json, &error), error,
                 SLC_ERR_NOT_FOUND);
    assert_non_null(strstr(error.message, "\"z\""));
    assert_ok(slc_store_meta(redis, SLC_STR("t"), wanted, 3, &meta, &error), error);
    assert_int_equal(meta.n_fields, 3);
    assert_true(
        slc_str_is(slc_meta_get(&meta, "KEY_ORDER"), "[\"x\",\"y \\\"q\\\"\",\"\xc3\xa9\"]"));
    assert_null(slc_meta_get(&meta, "NONE").data);
    slc_meta_release(&meta);
    test_expect_top(redis, "t", 2, "{\"x\":[\"x\",4],\"y \\\"q\\\"\":[\"y \\\"q\\\"\",4]}");

    assert_ok(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ROWS, &error), error);
    assert_int_equal(test_integer(redis, SLC_STR("EXISTS"), SLC_STR("t")), 0);
    test_expect_top(redis, "t", 2, "{}");
    assert_ok(slc_store_list(redis, REGISTRY, &names, &error), error);
    assert_int_equal(names.n_names, 1);
    slc_store_names_release(&names);
    assert_ok(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ROWS, &error), error);
    assert_ok(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ALL, &error), error);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 0);
    assert_fails(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ALL, &error), error,
                 SLC_ERR_NOT_FOUND);
    slc_chunk_release(&chunk);
}

static void registering(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_names names = {0};
    struct slc_error error;

    assert_ok(slc_store_register(redis, REGISTRY, SLC_STR("a"), &error), error);
    assert_ok(slc_store_register(redis, REGISTRY, SLC_STR("b"), &error), error);
    assert_ok(slc_store_register(redis, REGISTRY, SLC_STR("a"), &error), error);
    assert_fails(slc_store_register(redis, REGISTRY, SLC_STR("a/b"), &error), error, SLC_ERR_NAME);
    assert_ok(slc_store_list(redis, REGISTRY, &names, &error), error);
    assert_int_equal(names.n_names, 2);
    assert_string_equal(names.names[0], "a");
    assert_string_equal(names.names[1], "b");
    slc_store_names_release(&names);
    assert_ok(slc_store_drop(redis, REGISTRY, SLC_STR("a"), SLC_DROP_ALL, &error), error);
    assert_ok(slc_store_list(redis, REGISTRY, &names, &error), error);
    assert_int_equal(names.n_names, 1);
    slc_store_names_release(&names);
}

/* More rows than one HMGET asks for, and more than the order has room for. */
static void many_rows(void **state)
{
    enum { ROWS = 12000 };
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_chunk chunk = {0};
    struct slc_error error;

    test_chunk(&chunk, 0, ROWS, NULL, 0, 4);
    for (int unordered = 0; unordered < 2; unordered++) {
        for (int64_t i = 0; unordered && i < ROWS; i++) { /* texts fill the order at some 5,000 */
            char text[32];
            int len = snprintf(text, sizeof(text), "key %lld", (long long)(ROWS - i));

            chunk.columns[0].texts[i] =
                slc_arena_copy(&chunk.arena, (struct slc_str){text, (size_t)len});
        }
        test_load_all(redis, &(struct test_load){.name = "t"}, &chunk, NULL);
        for (int64_t n = 1; n <= 4 * ROWS; n *= 3) {
            SLC_AUTO_BUF struct slc_buf json = {0};
            int64_t rows, found = 0;

            assert_ok(slc_store_top(redis, SLC_STR("t"), n, &json, &rows, &error), error);
            assert_int_equal(rows, n < ROWS ? n : ROWS);
            for (const char *at = slc_buf_text(&json); (at = strchr(at, ']')); at++)
                found++;
            assert_int_equal(found, rows);
            assert_true(strncmp(json.data, unordered ? "{\"key 12000\":" : "{\"0\":", 4) == 0);
        }
    }
    slc_chunk_release(&chunk);
}

/* What the old service, or anybody, may have written. */
static void strange_replicas(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"), SLC_STR("t.META"),
                             SLC_STR("DB_NAME"), SLC_STR("t")),
              error);
    test_expect_top(redis, "t", 5, "{}");
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"), SLC_STR("t"), SLC_STR("0"),
                             SLC_STR("[1, NaN]"), SLC_STR("\xff"), SLC_STR("no array")),
              error);
    test_expect_top(redis, "t", 5, "{\"0\":[1, NaN],\"\xef\xbf\xbd\":\"no array\"}");
    /* An order that is not true. */
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"), SLC_STR("t.META"),
                             SLC_STR("KEY_ORDER"), SLC_STR("[[5,9223372036854775807],\"0\"]")),
              error);
    test_expect_top(redis, "t", 1, "{\"0\":[1, NaN]}");
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("DEL"), SLC_STR("t")), error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("t"), SLC_STR("x")),
              error);
    SLC_AUTO_BUF struct slc_buf json = {0};
    assert_fails(slc_store_top(redis, SLC_STR("t"), 5, &json, NULL, &error), error,
                 SLC_ERR_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_there),    cmocka_unit_test(rows_meta_and_drop),
        cmocka_unit_test(registering),      cmocka_unit_test(many_rows),
        cmocka_unit_test(strange_replicas),
    };

    return cmocka_run_group_tests_name("store/read", tests, test_server_setup,
                                       test_server_teardown);
}
