/* Two loads of one replica: one wins, the other waits or is told. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/time.h"
#include "store/exchange.h"
#include "store/lease.h"

#define LEASE SLC_STR("REPLICA_REGISTRY:lease:t")

static const char first_id[] = "0123456789abcdef0123456789abcdef";
static const char second_id[] = "fedcba9876543210fedcba9876543210";

static struct slc_store_load *begin(struct slc_redis *redis, const struct test_load *how)
{
    struct slc_store_load *load = NULL;
    struct slc_error error;

    assert_ok(test_begin(redis, how, &load, &error), error);
    return load;
}

static void fill(struct slc_store_load *load, const struct test_load *how, int64_t generation)
{
    struct slc_chunk chunk = {0};
    struct slc_error error;

    test_chunk(&chunk, 0, 10, NULL, 0, generation);
    assert_ok(test_write(load, how, &chunk, 0, &error), error);
    assert_ok(slc_store_load_finish(load, NULL, &error), error);
    slc_chunk_release(&chunk);
}

static void expect_generation(struct slc_redis *redis, const char *row)
{
    test_expect_top(redis, "t", 1, row);
}

static void one_at_a_time(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);
    const struct test_load how = {.name = "t", .load_id = first_id};
    const struct test_load late = {.name = "t", .load_id = second_id};
    struct slc_store_load *load = begin(redis, &how), *refused = NULL;
    struct slc_error error;

    assert_fails(test_begin(other, &late, &refused, &error), error, SLC_ERR_CONFLICT);
    assert_non_null(strstr(error.message, first_id));
    assert_null(refused);
    /* A load of another replica is not in the way. */
    slc_store_load_free(begin(other, &(struct test_load){.name = "u"}));
    fill(load, &how, 1);
    assert_ok(test_commit(load, "1", &error), error);
    slc_store_load_free(load);
    assert_int_equal(test_integer(other, SLC_STR("EXISTS"), LEASE), 0);
    load = begin(other, &late);
    slc_store_load_abort(load);
    assert_int_equal(test_integer(other, SLC_STR("EXISTS"), LEASE), 0);
    slc_store_load_free(load);
    expect_generation(redis, "{\"0\":[\"0\",1]}");
}

struct waiter {
    const struct slc_redis_url *url;
    const atomic_bool *cancel;
    _Atomic bool begun;
    struct slc_error error;
    bool good;
};

static void *wait_for_lease(void *argument)
{
    struct waiter *waiter = argument;
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(waiter->url, 5000, NULL);
    struct test_load how = {
        .name = "t", .load_id = second_id, .lease_wait_msec = 60000, .cancel = waiter->cancel};
    struct slc_store_load *load = NULL;

    waiter->good = test_begin(redis, &how, &load, &waiter->error);
    waiter->begun = true;
    slc_store_load_free(load);
    return NULL;
}

static void the_other_waits(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    const struct test_load how = {.name = "t", .load_id = first_id};

    for (int cancelled = 0; cancelled < 2; cancelled++) {
        struct slc_store_load *load = begin(redis, &how);
        atomic_bool cancel = false;
        struct waiter waiter = {.url = *state, .cancel = &cancel};
        struct slc_error error;
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, wait_for_lease, &waiter), 0);
        fill(load, &how, 2);
        assert_false(waiter.begun);
        if (cancelled)
            cancel = true;
        else
            assert_ok(test_commit(load, "1", &error), error);
        pthread_join(thread, NULL);
        assert_int_equal(waiter.good, !cancelled);
        if (cancelled)
            assert_int_equal(waiter.error.code, SLC_ERR_CANCELLED);
        slc_store_load_free(load);
        expect_generation(redis, "{\"0\":[\"0\",2]}");
    }
}

/* It stands still for longer than its lease; another load is done, or is under
 * way, when it wakes up. */
static void late_one_is_refused(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);

    for (int under_way = 0; under_way < 2; under_way++) {
        struct slc_store_base base = {0};
        struct test_load how = {.name = "t", .load_id = first_id, .lease_msec = 20, .base = &base};
        const struct test_load late = {.name = "t", .load_id = second_id, .lease_wait_msec = 60000};
        struct slc_store_load *load = begin(redis, &how), *second;
        struct slc_error error;

        fill(load, &how, 3);
        second = begin(other, &late); /* waits until the lease is over */
        fill(second, &late, 4);
        if (under_way)
            assert_fails(test_commit(load, "3", &error), error, SLC_ERR_CONFLICT);
        assert_ok(test_commit(second, "4", &error), error);
        if (!under_way)
            assert_fails(test_commit(load, "3", &error), error, SLC_ERR_CONFLICT);
        slc_store_load_free(load);
        slc_store_load_free(second);
        expect_generation(redis, "{\"0\":[\"0\",4]}");
        /* Nor does it come back with a new lease and the same old file. */
        how.again = true;
        assert_fails(test_begin(redis, &how, &load, &error), error, SLC_ERR_CONFLICT);
        assert_int_equal(test_integer(redis, SLC_STR("EXISTS"), LEASE), 0);
        assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 3);
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("FLUSHALL")), error);
    }
}

/* A loader that stood still finds that nobody took its lease, or that somebody did. */
static void a_lease_that_ran_out(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);
    const struct test_load how = {.name = "t", .load_id = first_id};
    struct slc_chunk chunk = {0};

    test_chunk(&chunk, 0, 10, NULL, 0, 5);
    for (int taken = 0; taken < 2; taken++) {
        struct slc_store_load *load = begin(redis, &how);
        struct slc_error error;

        assert_ok(test_write(load, &how, &chunk, 0, &error), error);
        assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("DEL"), LEASE), error);
        if (taken) {
            assert_ok(
                slc_redis_call(other, NULL, &error, SLC_STR("SET"), LEASE, slc_str_from(second_id)),
                error);
            assert_fails(slc_store_load_finish(load, NULL, &error), error, SLC_ERR_CONFLICT);
        } else {
            assert_ok(slc_store_load_finish(load, NULL, &error), error);
            assert_ok(test_commit(load, "1", &error), error);
        }
        slc_store_load_free(load);
        expect_generation(redis, "{\"0\":[\"0\",5]}");
    }
    assert_int_equal(test_integer(other, SLC_STR("DEL"), LEASE), 1); /* still the other's */
    assert_int_equal(test_integer(other, SLC_STR("DBSIZE")), 3);
    slc_chunk_release(&chunk);
}

/* While it writes, or gathers rows without writing, it keeps its lease, however
 * short that is. */
static void renewed_while_it_writes(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);

    for (int packed = 0; packed < 2; packed++) {
        const struct test_load how = {.name = "t",
                                      .load_id = first_id,
                                      .lease_msec = 500,
                                      .layout = packed ? "packed" : "rows",
                                      .n_rows = 1000000};
        struct slc_store_load *load = begin(redis, &how);
        struct slc_store_counts counts;
        struct slc_chunk chunk = {0};
        struct slc_error error;
        int64_t seq = 0, start = slc_monotonic_usec(), last = start, now = start, longest = 0;

        for (; now - start < 1200000; last = now, seq++) {
            int64_t there;

            test_chunk(&chunk, seq, 1, NULL, seq, 1);
            assert_ok(test_write(load, &how, &chunk, seq, &error), error);
            there = test_integer(other, SLC_STR("EXISTS"), LEASE);
            now = slc_monotonic_usec();
            longest = now - last > longest ? now - last : longest;
            /* Unless the machine let us stand still. */
            if (longest < 300000)
                assert_int_equal(there, 1);
        }
        assert_ok(slc_store_load_finish(load, &counts, &error), error);
        assert_int_equal(counts.rows_written, seq); /* renewals do not count as rows */
        assert_int_equal(counts.duplicate_keys, 0);
        assert_ok(test_commit(load, "1", &error), error);
        slc_store_load_free(load);
        slc_chunk_release(&chunk);
    }
}

/* A loader that stood still renews what is another's by now: that keeps its own time. */
static void anothers_lease_is_not_renewed(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);
    const struct test_load how = {.name = "t", .load_id = first_id, .lease_msec = 1000};
    struct slc_store_load *load = begin(redis, &how);
    struct slc_chunk chunk = {0};
    struct slc_error error;
    int64_t start = slc_monotonic_usec(), seq = 0;

    assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("SET"), LEASE, SLC_STR(second_id),
                             SLC_STR("PX"), SLC_STR("600000")),
              error);
    for (; slc_monotonic_usec() - start < 400000; seq++) {
        test_chunk(&chunk, seq, 1, NULL, seq, 1);
        assert_ok(test_write(load, &how, &chunk, seq, &error), error);
    }
    assert_fails(slc_store_load_finish(load, NULL, &error), error, SLC_ERR_CONFLICT);
    slc_store_load_free(load);
    assert_true(test_integer(other, SLC_STR("PTTL"), LEASE) > 500000);
    test_integer(other, SLC_STR("DEL"), LEASE);
    slc_chunk_release(&chunk);
}

/* A later transaction on the connection has nothing to do with the keys of one that failed. */
static void a_failure_leaves_nothing_watched(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str meta = SLC_STR("t.META");
    struct slc_error error;
    bool done = false;

    for (int i = 0; i < 2; i++) {
        struct slc_str key = i == 0 ? meta : LEASE;

        slc_reply_free(reply);
        reply = NULL;
        assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("RPUSH"), key, SLC_STR("x")), error);
        assert_false(i == 0 ? slc_store_note(redis, SLC_STR("t"), SLC_STR(first_id), SLC_STR("F"),
                                             SLC_STR("v"), &error)
                            : slc_lease_drop(redis, LEASE, SLC_STR(first_id), &error));
        assert_int_equal(error.code, SLC_ERR_CONFLICT);
        assert_int_equal(test_integer(other, SLC_STR("DEL"), key), 1);
        assert_ok(slc_store_exec(redis,
                                 slc_redis_append_call(redis, &error, SLC_STR("MULTI")) &&
                                     slc_redis_append_call(redis, &error, SLC_STR("PING")),
                                 &done, &reply, &error),
                  error);
        assert_true(done);
    }
}

struct dropper {
    const struct slc_redis_url *url;
    bool may_script;
    bool good;
};

/* Takes its own lease and gives it up, over and over. */
static void *drop_all_the_time(void *argument)
{
    struct dropper *dropper = argument;
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(dropper->url, 5000, NULL);
    struct slc_error error;

    dropper->good =
        redis && (dropper->may_script || slc_redis_call(redis, NULL, &error, SLC_STR("AUTH"),
                                                        SLC_STR("plain"), SLC_STR("secret")));
    for (int i = 0; dropper->good && i < 3000; i++)
        dropper->good = slc_redis_call(redis, NULL, &error, SLC_STR("SET"), LEASE,
                                       SLC_STR(first_id), SLC_STR("NX")) &&
                        slc_lease_drop(redis, LEASE, SLC_STR(first_id), &error);
    return NULL;
}

/* Between a look at whose it is and the removal it may run out and be another's. */
static void anothers_lease_is_not_dropped(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("ACL"), SLC_STR("SETUSER"),
                             SLC_STR("plain"), SLC_STR("on"), SLC_STR(">secret"), SLC_STR("~*"),
                             SLC_STR("+@all"), SLC_STR("-eval")),
              error);
    for (int may_script = 0; may_script < 2; may_script++) {
        struct dropper dropper = {.url = *state, .may_script = may_script};
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, drop_all_the_time, &dropper), 0);
        for (int i = 0; i < 3000; i++) {
            SLC_AUTO_REPLY struct slc_reply *reply = NULL;

            assert_ok(
                slc_redis_call(redis, NULL, &error, SLC_STR("SET"), LEASE, SLC_STR(second_id)),
                error);
            for (int looks = 0; looks < 3; looks++) {
                slc_reply_free(reply);
                reply = NULL;
                assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("GET"), LEASE), error);
                assert_true(slc_reply_is(reply, second_id));
            }
            test_integer(redis, SLC_STR("DEL"), LEASE);
        }
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(dropper.good);
        test_integer(redis, SLC_STR("DEL"), LEASE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(the_other_waits),
        cmocka_unit_test(late_one_is_refused),
        cmocka_unit_test(a_lease_that_ran_out),
        cmocka_unit_test(renewed_while_it_writes),
        cmocka_unit_test(anothers_lease_is_not_renewed),
        cmocka_unit_test(anothers_lease_is_not_dropped),
        cmocka_unit_test(a_failure_leaves_nothing_watched),
    };

    return cmocka_run_group_tests_name("store/lease", tests, test_server_setup,
                                       test_server_teardown);
}
