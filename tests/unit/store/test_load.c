#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdatomic.h>

#include "proxy.h"
#include "redis/pipe.h"

#define STAGING SLC_STR("REPLICA_REGISTRY:staging")

static const char load_id[] = "0123456789abcdef0123456789abcdef";

static int64_t hlen(struct slc_redis *redis, const char *name)
{
    return test_integer(redis, SLC_STR("HLEN"), slc_str_from(name));
}

/* Nothing in the database but what a finished replica has. */
static void assert_only(struct slc_redis *redis, int64_t keys)
{
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), keys);
    assert_int_equal(test_integer(redis, SLC_STR("HLEN"), STAGING), 0);
}

static void ordinals(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    const struct test_load how = {.name = "t", .ordinal_keys = true, .pairs_per_command = 7};
    struct slc_store_counts counts;
    struct slc_chunk chunk = {0};

    test_chunk(&chunk, 0, 1000, NULL, 5000, 9);
    test_load_all(redis, &how, &chunk, &counts);
    assert_int_equal(counts.rows_sent, 1000);
    assert_int_equal(counts.rows_written, 1000);
    assert_int_equal(counts.duplicate_keys, 0);
    assert_int_equal(hlen(redis, "t"), 1000);
    assert_only(redis, 3);
    test_expect_top(redis, "t", 2, "{\"0\":[\"5000\",9],\"1\":[\"5001\",9]}");
    test_expect_top(redis, "t", 0, "{}");
    test_expect_top(redis, "t", -1, "{}");
    slc_chunk_release(&chunk);
}

static const char *const with_duplicates[] = {"b", "a", "7", "8", "a", "9", "7", "a"};

static void duplicates(void **state)
{
    static const int64_t pairs[] = {1, 3, 512};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_store_counts counts;
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;

    test_chunk(&chunk, 0, 8, with_duplicates, 0, 0);
    for (int i = 0; i < 8; i++)
        chunk.columns[1].int64s[i] = i;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct test_load how = {.name = "t", .pairs_per_command = pairs[i]};

        test_load_all(redis, &how, &chunk, &counts);
        assert_int_equal(counts.rows_sent, 8);
        assert_int_equal(counts.rows_written, 5);
        assert_int_equal(counts.duplicate_keys, 3);
        test_expect_top(
            redis, "t", 10,
            "{\"b\":[\"b\",0],\"a\":[\"a\",7],\"7\":[\"7\",6],\"8\":[\"8\",3],\"9\":[\"9\",5]}");
        how.on_duplicate = SLC_DUPLICATE_FIRST;
        test_load_all(redis, &how, &chunk, &counts);
        assert_int_equal(counts.rows_written, 5);
        test_expect_top(
            redis, "t", 10,
            "{\"b\":[\"b\",0],\"a\":[\"a\",1],\"7\":[\"7\",2],\"8\":[\"8\",3],\"9\":[\"9\",5]}");
        how.on_duplicate = SLC_DUPLICATE_FAIL;
        chunk.first_record = 100;
        assert_ok(test_begin(redis, &how, &load, &error), error);
        bool good =
            test_write(load, &how, &chunk, 0, &error) && slc_store_load_finish(load, NULL, &error);
        assert_false(good);
        assert_int_equal(error.code, SLC_ERR_DATA);
        assert_int_equal(error.row, 105);
        assert_int_equal(error.class, SLC_CLASS_REJECT);
        slc_store_load_free(load);
        assert_int_equal(hlen(redis, "t"), 5); /* the old one */
        assert_only(redis, 3);
        chunk.first_record = 0;
    }
    slc_chunk_release(&chunk);
}

/* A duplicate in a later chunk, after many that were answered. */
static void late_duplicate_is_located(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    const struct test_load how = {.name = "t", .on_duplicate = SLC_DUPLICATE_FAIL};
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;
    bool good = true;

    assert_ok(test_begin(redis, &how, &load, &error), error);
    for (int64_t seq = 0; good && seq < 50; seq++) {
        test_chunk(&chunk, seq, 200, NULL, seq == 40 ? 199 : seq * 200, 0);
        chunk.first_record = seq * 1000;
        good = test_write(load, &how, &chunk, seq * 200, &error);
    }
    good = good && slc_store_load_finish(load, NULL, &error);
    assert_false(good);
    assert_int_equal(error.code, SLC_ERR_DATA);
    assert_int_equal(error.row, 40001);
    slc_store_load_free(load);
    slc_chunk_release(&chunk);
}

static void reload_replaces_everything(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    const struct test_load how = {.name = "t"}, other = {.name = "u"};
    struct slc_names names = {0};
    struct slc_meta meta = {0};
    struct slc_chunk chunk = {0};
    struct slc_error error;

    test_chunk(&chunk, 0, 100, NULL, 0, 1);
    test_load_all(redis, &how, &chunk, NULL);
    test_load_all(redis, &other, &chunk, NULL);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"), SLC_STR("t.META"),
                             SLC_STR("STALE"), SLC_STR("1")),
              error);
    test_chunk(&chunk, 0, 10, NULL, 50, 2);
    test_load_all(redis, &how, &chunk, NULL);
    assert_int_equal(hlen(redis, "t"), 10);
    assert_ok(slc_store_list(redis, REGISTRY, &names, &error), error);
    assert_int_equal(names.n_names, 2);
    assert_string_equal(names.names[0], "t"); /* newest first, once */
    assert_string_equal(names.names[1], "u");
    slc_store_names_release(&names);
    assert_ok(slc_store_meta(redis, SLC_STR("t"), NULL, 0, &meta, &error), error);
    assert_null(slc_meta_get(&meta, "STALE").data);
    assert_true(slc_str_is(slc_meta_get(&meta, "GENERATION"), "1"));
    assert_true(slc_str_is(slc_meta_get(&meta, "KEY_ORDER"), "[[50,59]]"));
    assert_int_equal(slc_meta_get(&meta, "LOAD_ID").len, 32);
    slc_meta_release(&meta);
    /* No rows at all. */
    test_chunk(&chunk, 0, 0, NULL, 0, 0);
    test_load_all(redis, &how, &chunk, NULL);
    assert_int_equal(hlen(redis, "t"), 0);
    test_expect_top(redis, "t", 5, "{}");
    assert_only(redis, 4);
    slc_chunk_release(&chunk);
}

static void aborted_loads_leave_nothing(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    const struct test_load how = {.name = "t"};
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;

    test_chunk(&chunk, 0, 20000, NULL, 0, 1);
    /* With answers outstanding, after finishing, and twice. */
    for (int i = 0; i < 20; i++) {
        assert_ok(test_begin(redis, &how, &load, &error), error);
        assert_int_equal(test_integer(redis, SLC_STR("HLEN"), STAGING), 1);
        assert_ok(test_write(load, &how, &chunk, 0, &error), error);
        if (i % 2)
            assert_ok(slc_store_load_finish(load, NULL, &error), error);
        slc_store_load_abort(load);
        slc_store_load_abort(load);
        assert_fails(test_write(load, &how, &chunk, 0, &error), error, SLC_ERR_INTERNAL);
        assert_fails(slc_store_load_commit(load, NULL, 0, &error), error, SLC_ERR_INTERNAL);
        slc_store_load_free(load);
        assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 0);
    }
    slc_chunk_release(&chunk);
}

static void errors_of_the_server(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *admin = test_open(state);
    const struct test_load how = {.name = "t"};
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;
    bool good = true;

    test_chunk(&chunk, 0, 1000, NULL, 0, 1);
    test_load_all(redis, &(struct test_load){.name = "old"}, &chunk, NULL);
    assert_ok(test_begin(redis, &how, &load, &error), error);
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("maxmemory"), SLC_STR("1")),
              error);
    for (int i = 0; good && i < 100; i++)
        good = test_write(load, &how, &chunk, 0, &error);
    good = good && slc_store_load_finish(load, NULL, &error);
    assert_false(good);
    assert_int_equal(error.code, SLC_ERR_SERVER);
    assert_int_equal(error.class, SLC_CLASS_RETRY);
    slc_store_load_free(load); /* a full server can still be cleaned up */
    assert_int_equal(test_integer(admin, SLC_STR("DBSIZE")), 3);
    /* And read from, and emptied. */
    assert_int_equal(hlen(admin, "old"), 1000);
    test_expect_top(admin, "old", 1, "{\"0\":[\"0\",1]}");
    assert_ok(slc_store_drop(admin, REGISTRY, SLC_STR("old"), SLC_DROP_ALL, &error), error);
    assert_int_equal(test_integer(admin, SLC_STR("DBSIZE")), 0);
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("maxmemory"), SLC_STR("0")),
              error);
    slc_chunk_release(&chunk);
}

static void keys_of_others_are_safe(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    const struct test_load how = {.name = "t"};
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;

    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("t"), SLC_STR("mine")),
              error);
    assert_fails(test_begin(redis, &how, &load, &error), error, SLC_ERR_CONFLICT);
    assert_only(redis, 1);
    /* It turns up while the load is under way. */
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("DEL"), SLC_STR("t")), error);
    test_chunk(&chunk, 0, 10, NULL, 0, 1);
    assert_ok(test_begin(redis, &how, &load, &error), error);
    assert_ok(test_write(load, &how, &chunk, 0, &error), error);
    assert_ok(slc_store_load_finish(load, NULL, &error), error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("t"), SLC_STR("mine")),
              error);
    assert_fails(test_commit(load, "1", &error), error, SLC_ERR_CONFLICT);
    slc_store_load_free(load);
    assert_only(redis, 1);
    assert_int_equal(test_integer(redis, SLC_STR("STRLEN"), SLC_STR("t")), 4);
    slc_chunk_release(&chunk);
}

static void tampering_is_noticed(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);
    const struct test_load how = {.name = "t"};
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;

    test_chunk(&chunk, 0, 10, NULL, 0, 1);
    for (int late = 0; late < 2; late++) {
        assert_ok(test_begin(redis, &how, &load, &error), error);
        if (!late) /* a key that is there makes one row less new */
            assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("HSET"), slc_store_load_key(load),
                                     SLC_STR("3"), SLC_STR("x")),
                      error);
        assert_ok(test_write(load, &how, &chunk, 0, &error), error);
        if (!late) {
            assert_fails(slc_store_load_finish(load, NULL, &error), error, SLC_ERR_VERIFY);
        } else {
            assert_ok(slc_store_load_finish(load, NULL, &error), error);
            assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("HDEL"), slc_store_load_key(load),
                                     SLC_STR("3")),
                      error);
            assert_fails(test_commit(load, "1", &error), error, SLC_ERR_VERIFY);
        }
        slc_store_load_free(load);
        assert_int_equal(test_integer(other, SLC_STR("DBSIZE")), 0);
    }
    slc_chunk_release(&chunk);
}

/* ---- Sweeping ---- */

struct judge {
    int calls;
    bool dead;
};

static bool judge(struct slc_str owner, int64_t started_usec, void *context)
{
    struct judge *judge = context;

    judge->calls++;
    assert_true(slc_str_is(owner, "test \"owner\""));
    assert_true(started_usec > INT64_C(1600000000000000));
    return judge->dead;
}

static void dead_loads_are_swept(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);
    const struct test_load how = {.name = "t", .load_id = load_id};
    struct judge verdict = {0};
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;
    int64_t swept = -1;

    test_chunk(&chunk, 0, 100, NULL, 0, 1);
    test_load_all(redis, &(struct test_load){.name = "t"}, &chunk, NULL);
    assert_ok(test_begin(redis, &how, &load, &error), error);
    assert_true(slc_str_is(slc_store_load_key(load),
                           "REPLICA_REGISTRY:staging:0123456789abcdef0123456789abcdef:t"));
    assert_ok(test_write(load, &how, &chunk, 0, &error), error);
    assert_ok(slc_store_load_finish(load, NULL, &error), error);
    assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("HSET"), STAGING, SLC_STR("odd"),
                             SLC_STR("{}")),
              error);
    assert_ok(slc_store_sweep(other, REGISTRY, judge, &verdict, &swept, &error), error);
    assert_int_equal(verdict.calls, 1);
    assert_int_equal(swept, 0);
    verdict.dead = true;
    assert_ok(slc_store_sweep(other, REGISTRY, judge, &verdict, &swept, &error), error);
    assert_int_equal(swept, 1);
    assert_int_equal(test_integer(other, SLC_STR("EXISTS"), slc_store_load_key(load)), 0);
    /* Not dead at all: its connection was closed, so it says so, and when it
     * comes back it is too late. */
    assert_fails(test_commit(load, "2", &error), error, SLC_ERR_CONNECTION);
    assert_ok(slc_redis_reopen(redis, &error), error);
    assert_fails(test_commit(load, "2", &error), error, SLC_ERR_CONFLICT);
    slc_store_load_free(load);
    assert_int_equal(hlen(redis, "t"), 100);
    slc_chunk_release(&chunk);
}

/* A process that is killed leaves commands in the sockets; they must not bring
 * the staging key back after the sweep. */
static void swept_while_it_writes(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);
    const struct test_load how = {.name = "t"};
    struct judge verdict = {.dead = true};
    struct slc_chunk chunk = {0};
    struct slc_error error;

    test_chunk(&chunk, 0, 20000, NULL, 0, 1);
    for (int i = 0; i < 10; i++) {
        SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(*state, 5000, &error);
        struct slc_store_load *load = NULL;

        assert_ok(test_begin(redis, &how, &load, &error), error);
        assert_ok(test_write(load, &how, &chunk, 0, &error), error);
        assert_ok(slc_store_sweep(other, REGISTRY, judge, &verdict, NULL, &error), error);
        assert_fails(slc_store_load_finish(load, NULL, &error), error, SLC_ERR_CONNECTION);
        slc_store_load_free(load);
        assert_int_equal(test_integer(other, SLC_STR("DBSIZE")), 0);
    }
    slc_chunk_release(&chunk);
}

/* ---- The swap's answer is lost ---- */

static void lost_answers(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *admin = test_open(state);
    struct test_proxy *proxy = test_proxy_new(((struct slc_redis_url *)*state)->path);
    const struct test_load how = {.name = "t"};
    struct slc_chunk chunk = {0};
    struct slc_error error;
    struct slc_redis *redis = slc_redis_open(test_proxy_url(proxy), 5000, &error);

    assert_non_null(redis);
    for (int cut = TEST_CUT_NOTHING; cut <= TEST_CUT_AFTER_EXEC; cut++) {
        struct slc_store_load *load = NULL;

        test_chunk(&chunk, 0, 10 + cut, NULL, 0, cut);
        assert_ok(test_begin(redis, &how, &load, &error), error);
        assert_ok(test_write(load, &how, &chunk, 0, &error), error);
        assert_ok(slc_store_load_finish(load, NULL, &error), error);
        test_proxy_cut(proxy, (enum test_cut)cut);
        assert_ok(test_commit(load, "1", &error), error);
        slc_store_load_free(load);
        assert_int_equal(hlen(admin, "t"), 10 + cut);
        assert_only(admin, 3);
    }
    slc_redis_close(redis);
    test_proxy_free(proxy);
    slc_chunk_release(&chunk);
}

/* The server takes the transaction and lets it wait: a time-out, and a doubt
 * that lasts until somebody can be asked. */
static void slow_swap(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *admin = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    const struct test_load how = {.name = "t"};
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;
    bool done = false;

    test_chunk(&chunk, 0, 10, NULL, 0, 1);
    assert_ok(test_begin(redis, &how, &load, &error), error);
    assert_ok(test_write(load, &how, &chunk, 0, &error), error);
    assert_ok(slc_store_load_finish(load, NULL, &error), error);
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CLIENT"), SLC_STR("PAUSE"),
                             SLC_STR("300"), SLC_STR("WRITE")),
              error);
    slc_redis_set_timeout(redis, 50);
    for (int i = 0; i < 100 && !done; i++) {
        done = test_commit(load, "1", &error);
        assert_true(done || error.class == SLC_CLASS_RETRY);
    }
    assert_true(done);
    slc_store_load_free(load);
    assert_int_equal(hlen(admin, "t"), 10);
    assert_only(admin, 3);
    slc_chunk_release(&chunk);
}

/* ---- Readers during reloads ---- */

struct reloads {
    const struct slc_redis_url *url;
    atomic_bool over;
};

static void *reload(void *argument)
{
    struct reloads *reloads = argument;
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(reloads->url, 5000, NULL);
    struct slc_chunk chunk = {0};

    for (int generation = 0; generation < 30; generation++) {
        const struct test_load how = {.name = "t"};

        /* Another number of rows, other keys, other values each time. */
        test_chunk(&chunk, 0, 3000 + 100 * (generation % 3), NULL, generation % 2 * 1000,
                   generation);
        test_load_all(redis, &how, &chunk, NULL);
    }
    slc_chunk_release(&chunk);
    atomic_store(&reloads->over, true);
    return NULL;
}

/* Every row ends in ",<generation>]". */
static void assert_one_generation(const char *json)
{
    const char *first = strchr(json, ']'), *generation;

    assert_non_null(first);
    generation = first;
    while (generation[-1] != ',')
        generation--;
    size_t len = (size_t)(first - generation) + 1;
    for (const char *at = first; at; at = strchr(at + 1, ']'))
        assert_memory_equal(at - len + 1, generation, len);
}

static void readers_see_one_load(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    const struct test_load how = {.name = "t"};
    struct reloads reloads = {.url = *state};
    struct slc_chunk chunk = {0};
    pthread_t thread;
    int64_t reads = 0;

    test_chunk(&chunk, 0, 3000, NULL, 0, 99);
    test_load_all(redis, &how, &chunk, NULL);
    assert_int_equal(pthread_create(&thread, NULL, reload, &reloads), 0);
    while (!atomic_load(&reloads.over)) {
        SLC_AUTO_BUF struct slc_buf json = {0};
        struct slc_error error;
        int64_t rows = 0;

        /* On a busy machine a reader may be overtaken time and again, and is told. */
        if (!slc_store_top(redis, SLC_STR("t"), 5000, &json, &rows, &error)) {
            assert_int_equal(error.code, SLC_ERR_SERVER);
            continue;
        }
        assert_true(rows == 3000 || rows == 3100 || rows == 3200);
        assert_one_generation(slc_buf_text(&json));
        assert_true(hlen(redis, "t") >= 3000);
        reads++;
    }
    pthread_join(thread, NULL);
    if (reads == 0)
        assert_int_equal(hlen(redis, "t"), 3200);
    assert_only(redis, 3);
    slc_chunk_release(&chunk);
}

/* Many loads of different names at once: the swaps get in each other's way and
 * all are done. */
static void *load_one(void *argument)
{
    static _Atomic int counter;
    struct reloads *reloads = argument;
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(reloads->url, 20000, NULL);
    struct slc_chunk chunk = {0};
    char name[16];

    snprintf(name, sizeof(name), "t%d", atomic_fetch_add(&counter, 1));
    for (int i = 0; i < 20; i++) {
        const struct test_load how = {.name = name};

        test_chunk(&chunk, 0, 50, NULL, 0, i);
        test_load_all(redis, &how, &chunk, NULL);
    }
    slc_chunk_release(&chunk);
    return NULL;
}

static void loads_at_once(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct reloads reloads = {.url = *state};
    pthread_t threads[6];

    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_one, &reloads), 0);
    for (int i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    assert_only(redis, 13);
    assert_int_equal(test_integer(redis, SLC_STR("LLEN"), REGISTRY), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinals),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(late_duplicate_is_located),
        cmocka_unit_test(reload_replaces_everything),
        cmocka_unit_test(aborted_loads_leave_nothing),
        cmocka_unit_test(errors_of_the_server),
        cmocka_unit_test(keys_of_others_are_safe),
        cmocka_unit_test(tampering_is_noticed),
        cmocka_unit_test(dead_loads_are_swept),
        cmocka_unit_test(swept_while_it_writes),
        cmocka_unit_test(lost_answers),
        cmocka_unit_test(slow_swap),
        cmocka_unit_test(readers_see_one_load),
        cmocka_unit_test(loads_at_once),
    };

    return cmocka_run_group_tests_name("store/load", tests, test_server_setup,
                                       test_server_teardown);
}
