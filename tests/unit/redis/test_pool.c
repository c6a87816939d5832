#include "support.h"

#include <pthread.h>
#include <stdio.h>

#include "redis/pool.h"

static void reuses_and_bounds(void **state)
{
    struct slc_error error;
    struct slc_redis_pool *pool = slc_redis_pool_new(*state, 2, 50, &error);
    struct slc_redis *a = slc_redis_pool_take(pool, &error);
    struct slc_redis *b = slc_redis_pool_take(pool, &error);

    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    assert_null(slc_redis_pool_take(pool, &error));
    assert_int_equal(error.code, SLC_ERR_TIMEOUT);
    slc_redis_pool_give(pool, a);
    assert_ptr_equal(slc_redis_pool_take(pool, &error), a);
    slc_redis_pool_give(pool, a);
    slc_redis_pool_give(pool, b);
    slc_redis_pool_give(pool, NULL);
    slc_redis_pool_free(pool);
    assert_null(slc_redis_pool_new(*state, 0, 50, &error));
}

static void drops_broken_ones(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *admin = test_open(state);
    struct slc_error error;
    struct slc_redis_pool *pool = slc_redis_pool_new(*state, 1, 2000, &error);
    struct slc_redis *redis = slc_redis_pool_take(pool, &error);

    /* One in the middle of a pipeline does not come back. */
    assert_ok(slc_redis_append_call(redis, &error, SLC_STR("PING")), error);
    slc_redis_pool_give(pool, redis);
    redis = slc_redis_pool_take(pool, &error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error);
    slc_redis_pool_give(pool, redis);
    /* One that the server closed while it was idle is replaced. */
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CLIENT"), SLC_STR("KILL"),
                             SLC_STR("TYPE"), SLC_STR("normal"), SLC_STR("SKIPME"), SLC_STR("yes")),
              error);
    redis = slc_redis_pool_take(pool, &error);
    assert_non_null(redis);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error);
    slc_redis_pool_give(pool, redis);
    slc_redis_pool_free(pool);
}

static void failing_to_connect_frees_the_place(void **state)
{
    struct slc_redis_url url;
    struct slc_error error;

    (void)state;
    assert_ok(slc_redis_url_from_socket("/nonexistent/sock", 0, &url, &error), error);
    struct slc_redis_pool *pool = slc_redis_pool_new(&url, 1, 1000, &error);
    for (int i = 0; i < 3; i++) {
        assert_null(slc_redis_pool_take(pool, &error));
        assert_int_equal(error.code, SLC_ERR_CONNECTION);
    }
    slc_redis_pool_free(pool);
}

static void *many_increments(void *argument)
{
    for (int i = 0; i < 300; i++) {
        struct slc_redis *redis = slc_redis_pool_take(argument, NULL);

        if (!redis || !slc_redis_call(redis, NULL, NULL, SLC_STR("INCR"), SLC_STR("n")))
            return argument;
        slc_redis_pool_give(argument, redis);
    }
    return NULL;
}

static void many_threads(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *admin = test_open(state);
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error;
    struct slc_redis_pool *pool = slc_redis_pool_new(*state, 3, 20000, &error);
    pthread_t threads[8];

    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many_increments, pool), 0);
    for (int i = 0; i < 8; i++) {
        void *result;

        pthread_join(threads[i], &result);
        assert_null(result);
    }
    assert_ok(slc_redis_call(admin, &reply, &error, SLC_STR("GET"), SLC_STR("n")), error);
    assert_true(slc_reply_is(reply, "2400"));
    slc_redis_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reuses_and_bounds),
        cmocka_unit_test(drops_broken_ones),
        cmocka_unit_test(failing_to_connect_frees_the_place),
        cmocka_unit_test(many_threads),
    };

    return cmocka_run_group_tests_name("redis/pool", tests, test_server_setup,
                                       test_server_teardown);
}
