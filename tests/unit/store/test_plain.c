/* Rows under plain names: small tables in one step, larger ones by a switch that
 * may be cut off anywhere and taken up by anyone, and keys that are somebody else's. */
#include "support.h"

#include "proxy.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "store/announce.h"
#include "store/exchange.h"
#include "store/plain.h"

enum { MANY = 9000 }; /* three lists of row keys, and more than one transaction */

/* `text`, `between`, and the number. */
static struct slc_str name(char *to, size_t size, const char *text, const char *between,
                           int64_t number)
{
    int len = snprintf(to, size, "%s%s%lld", text, between, (long long)number);

    assert_true(len > 0 && (size_t)len < size);
    return (struct slc_str){.data = to, .len = (size_t)len};
}

/* A whole load of the rows `first` to `first` + n - 1, all of one generation. */
static void load_rows(struct slc_redis *redis, const struct test_load *how, int64_t first,
                      int64_t n, int64_t generation)
{
    struct test_load complete = *how;
    struct slc_store_counts counts;
    struct slc_chunk chunk = {0};

    complete.name = how->name ? how->name : "t";
    complete.layout = how->layout ? how->layout : "keys";
    complete.n_rows = n;
    test_chunk(&chunk, 0, n, NULL, first, generation);
    test_load_all(redis, &complete, &chunk, &counts);
    assert_int_equal(counts.rows_sent, n);
    assert_int_equal(counts.rows_written, n);
    slc_chunk_release(&chunk);
}

static int64_t generation_of(struct slc_redis *redis, const char *prefix, int64_t row)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error;
    char key[128];

    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("HGET"),
                             name(key, sizeof(key), prefix, "", row), SLC_STR("generation")),
              error);
    return reply->type == SLC_REPLY_STRING ? strtoll(reply->text.data, NULL, 10) : -1;
}

static void expect_rows(struct slc_redis *redis, int64_t first, int64_t n, int64_t generation)
{
    SLC_AUTO_BUF struct slc_buf json = {0};
    struct slc_error error;
    char last[64];
    int64_t rows;

    for (int64_t row = 0; row < first + n + 50; row++)
        assert_int_equal(generation_of(redis, "t:", row),
                         row >= first && row < first + n ? generation : -1);
    /* Rows, lists, metadata, the registry: nothing else. */
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), n + (n + 4095) / 4096 + 2);
    assert_int_equal(
        test_integer(redis, SLC_STR("HEXISTS"), SLC_STR("t.META"), SLC_STR(SLC_PLAIN_SWITCH)), 0);
    assert_ok(slc_store_top(redis, SLC_STR("t"), 2 * MANY, &json, &rows, &error), error);
    assert_int_equal(rows, n);
    snprintf(last, sizeof(last), ",%lld]}", (long long)generation);
    assert_string_equal(slc_buf_text(&json) + json.len - strlen(last), last);
}

static const struct test_load plain = {.plain_names = true};

static void in_one_step(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REPLY struct slc_reply *layout = NULL;
    struct slc_error error;

    load_rows(redis, &plain, 0, 300, 1);
    expect_rows(redis, 0, 300, 1);
    load_rows(redis, &plain, 100, 250, 2); /* some go, some stay, some come */
    expect_rows(redis, 100, 250, 2);
    assert_ok(slc_redis_call(redis, &layout, &error, SLC_STR("HGET"), SLC_STR("t.META"),
                             SLC_STR("LAYOUT")),
              error);
    assert_non_null(
        strstr(layout->text.data, "{\"version\":2,\"layout\":\"keys\",\"prefix\":\"t:\""));
}

/* What a switch is made of: rows with the names that they have in its middle. */
static void larger_ones_gradually(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct test_load how = plain;

    how.max_block_usec = 50;
    load_rows(redis, &how, 0, MANY, 1);
    expect_rows(redis, 0, MANY, 1);
    load_rows(redis, &how, 3000, MANY - 1500, 2);
    expect_rows(redis, 3000, MANY - 1500, 2);
    load_rows(redis, &how, 2990, 20, 3);
    expect_rows(redis, 2990, 20, 3);
}

static void ordinals_and_objects(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct test_load how = {.plain_names = true, .ordinal_keys = true, .layout = "json"};
    struct slc_error error;

    load_rows(redis, &how, 0, MANY, 1);
    load_rows(redis, &how, 0, MANY - 4000, 2);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), MANY - 4000 + 2);
    assert_int_equal(test_integer(redis, SLC_STR("STRLEN"), SLC_STR("t:4999")),
                     strlen("{\"id\":\"4999\",\"generation\":2}"));
    /* An object's place is taken by a hash. */
    how.layout = "keys";
    load_rows(redis, &how, 0, 10, 3);
    assert_int_equal(generation_of(redis, "t:", 9), 3);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 10 + 2);
    assert_ok(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ALL, &error), error);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 0);
}

static void other_layouts_before_and_behind(void **state)
{
    static const char *const layouts[] = {"rows", "packed", "columns", "keys"};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct test_load how = plain;

    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
        load_rows(redis, &(struct test_load){.layout = layouts[i]}, 0, 2000, 1);
        load_rows(redis, &how, 10, 2000, 2);
        expect_rows(redis, 10, 2000, 2);
        load_rows(redis, &(struct test_load){.layout = layouts[i]}, 0, 2000, 3);
        assert_int_equal(test_integer(redis, SLC_STR("EXISTS"), SLC_STR("t:10")), 0);
        assert_true(test_integer(redis, SLC_STR("DBSIZE")) < 2010);
        load_rows(redis, &how, 0, 100, 4);
        expect_rows(redis, 0, 100, 4);
    }
}

static void rows_expire(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct test_load how = {.plain_names = true, .ttl_seconds = 1000};

    for (int64_t n = 100; n <= 2500; n += 2400) {
        load_rows(redis, &how, 0, n, 1);
        assert_in_range(test_integer(redis, SLC_STR("TTL"), SLC_STR("t:99")), 900, 1000);
        load_rows(redis, &plain, 0, n, 1);
        assert_int_equal(test_integer(redis, SLC_STR("TTL"), SLC_STR("t:99")), -1);
    }
}

/* ---- Cut off ---- */

/* Undo a part of the switch from the rows [0, old) of generation 1 to the rows
 * [new_first, new_first + n) of generation 2, which is done: the replica as it
 * would be if its loader had been killed in the middle. */
static void rewind_switch(struct slc_redis *redis, bool removing, int64_t old, int64_t new_first,
                          int64_t n)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_error error;
    SLC_AUTO_REPLY struct slc_reply *id = NULL;
    char staged[128], from[256], to[64];
    static const char before[] = "t.META:00000000000000000000000000000001";

    assert_ok(
        slc_redis_call(redis, &id, &error, SLC_STR("HGET"), SLC_STR("t.META"), SLC_STR("LOAD_ID")),
        error);
    snprintf(staged, sizeof(staged), "t.META:%s:", id->text.data);
    /* While old rows are removed, none has its name yet; then, one of two has. */
    for (int64_t row = new_first; row < new_first + n; row += removing ? 1 : 2)
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("RENAME"),
                                 name(from, sizeof(from), "t:", "", row),
                                 name(to, sizeof(to), staged, "", row)),
                  error);
    for (int64_t row = 0; row < old; row++)
        if (removing || (row >= new_first && (row - new_first) % 2 == 0))
            assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"),
                                     name(from, sizeof(from), "t:", "", row), SLC_STR("generation"),
                                     SLC_STR("1")),
                      error);
    slc_buf_printf(&text, "{\"phase\":\"%s\",\"at_once\":41", removing ? "removing" : "moving");
    if (removing)
        slc_buf_printf(
            &text,
            ",\"before\":\"{\\\"version\\\":2,\\\"layout\\\":\\\"keys\\\",\\\"prefix\\\":"
            "\\\"t:\\\",\\\"staged\\\":\\\"%s:\\\",\\\"keys\\\":\\\"lists\\\","
            "\\\"rows\\\":%lld,\\\"columns\\\":[],\\\"types\\\":[]}\"",
            before, (long long)old);
    slc_buf_append_byte(&text, '}');
    /* The first of the old lists is gone already, with its vanished rows. */
    for (int64_t row = 4096; removing && row < old; row++)
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("RPUSH"),
                                 name(from, sizeof(from), before, "#", row / 4096),
                                 name(to, sizeof(to), "", "", row)),
                  error);
    for (int64_t row = 0; removing && row < new_first && row < 4096; row++)
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("UNLINK"),
                                 name(from, sizeof(from), "t:", "", row)),
                  error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"), SLC_STR("t.META"),
                             SLC_STR(SLC_PLAIN_SWITCH), slc_buf_view(&text)),
              error);
}

static bool is_dead(struct slc_str owner, int64_t started_usec, void *context)
{
    (void)owner;
    (void)started_usec;
    (void)context;
    return true;
}

static void announce_again(struct slc_redis *redis)
{
    struct slc_error error;
    SLC_AUTO_REPLY struct slc_reply *id = NULL;

    assert_ok(
        slc_redis_call(redis, &id, &error, SLC_STR("HGET"), SLC_STR("t.META"), SLC_STR("LOAD_ID")),
        error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"),
                             SLC_STR("REPLICA_REGISTRY:staging"), id->text,
                             SLC_STR("{\"name\":\"t\",\"started_usec\":1,\"owner\":\"dead\","
                                     "\"layout\":\"rows\"}")),
              error);
}

/* Whoever comes next: a sweep, the next load, a drop, who asks to settle it. */
static void taken_up(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    for (int removing = 0; removing < 2; removing++) {
        for (int who = 0; who < 4; who++) {
            SLC_AUTO_BUF struct slc_buf json = {0};
            int64_t n_rows;

            load_rows(redis, &plain, 0, 6000, 1);
            load_rows(redis, &plain, 1000, 8000, 2);
            rewind_switch(redis, removing, 6000, 1000, 8000);
            /* Sluice's own readers see one load, whole. */
            assert_ok(slc_store_top(redis, SLC_STR("t"), MANY, &json, &n_rows, &error), error);
            assert_int_equal(n_rows, 8000);
            assert_null(strstr(slc_buf_text(&json), ",1]"));
            if (who == 0) {
                announce_again(redis);
                assert_ok(slc_store_sweep(redis, REGISTRY, is_dead, NULL, NULL, &error), error);
                assert_int_equal(
                    test_integer(redis, SLC_STR("HLEN"), SLC_STR("REPLICA_REGISTRY:staging")), 0);
            } else if (who == 1) {
                load_rows(redis, &plain, 2000, 100, 3);
                expect_rows(redis, 2000, 100, 3);
            } else if (who == 2) {
                assert_ok(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ALL, &error),
                          error);
                assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 0);
            } else {
                load_rows(redis, &(struct test_load){.layout = "rows"}, 0, 5, 3);
                assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 3);
            }
            if (who == 0)
                expect_rows(redis, 1000, 8000, 2);
        }
    }
}

/* What this version cannot read is nothing that it does. */
static void strange_switches(void **state)
{
    static const char *const texts[] = {"",
                                        "{}",
                                        "[]",
                                        "{\"phase\":\"moving\"}",
                                        "{\"phase\":\"moving\",\"at_once\":0}",
                                        "{\"phase\":\"moving\",\"at_once\":5000}",
                                        "{\"phase\":\"removing\",\"at_once\":9}",
                                        "{\"phase\":\"flying\",\"at_once\":9}",
                                        "{\"phase\":\"moving\",\"at_once\":\"9\"}",
                                        "{\"phase\":\"removing\",\"at_once\":9,\"before\":\"{}\"}"};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        load_rows(redis, &plain, 0, 100, 1);
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"), SLC_STR("t.META"),
                                 SLC_STR(SLC_PLAIN_SWITCH), slc_str_from(texts[i])),
                  error);
        assert_ok(slc_plain_finish(redis, SLC_STR("t"), SLC_STR("t.META"), &error), error);
        assert_int_equal(slc_plain_is_switching(slc_str_from(texts[i])),
                         i + 1 == sizeof(texts) / sizeof(texts[0]));
        assert_int_equal(
            test_integer(redis, SLC_STR("HEXISTS"), SLC_STR("t.META"), SLC_STR(SLC_PLAIN_SWITCH)),
            i + 1 < sizeof(texts) / sizeof(texts[0]));
        test_expect_top(redis, "t", 1, "{\"0\":[\"0\",1]}");
    }
}

/* ---- Several at once ---- */

struct finisher {
    const struct slc_redis_url *url;
    atomic_int *wait;
    bool good;
    struct slc_error error;
};

static void *finish(void *context)
{
    struct finisher *finisher = context;
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(finisher->url, 5000, &finisher->error);

    atomic_fetch_sub(finisher->wait, 1);
    while (atomic_load(finisher->wait) > 0)
        continue;
    finisher->good =
        redis && slc_plain_finish(redis, SLC_STR("t"), SLC_STR("t.META"), &finisher->error);
    return NULL;
}

static void several_finish_it(void **state)
{
    enum { FINISHERS = 4 };
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);

    for (int removing = 0; removing < 2; removing++) {
        struct finisher finishers[FINISHERS] = {0};
        pthread_t threads[FINISHERS];
        atomic_int wait = FINISHERS;

        load_rows(redis, &plain, 0, 6000, 1);
        load_rows(redis, &plain, 1000, 8000, 2);
        rewind_switch(redis, removing, 6000, 1000, 8000);
        for (int i = 0; i < FINISHERS; i++) {
            finishers[i] = (struct finisher){.url = *state, .wait = &wait};
            assert_int_equal(pthread_create(&threads[i], NULL, finish, &finishers[i]), 0);
        }
        for (int i = 0; i < FINISHERS; i++) {
            pthread_join(threads[i], NULL);
            assert_ok(finishers[i].good, finishers[i].error);
        }
        expect_rows(redis, 1000, 8000, 2);
    }
}

/* Who stood still at the end of a switch does not end that of a later load, which
 * reads the same. */
static void a_stalled_one(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct test_proxy *proxy = test_proxy_new(((struct slc_redis_url *)*state)->path);
    atomic_int wait = 1;
    struct finisher finisher = {.url = test_proxy_url(proxy), .wait = &wait};
    struct slc_error error;
    pthread_t thread;

    load_rows(redis, &plain, 0, 2000, 1);
    load_rows(redis, &plain, 0, 2000, 2);
    rewind_switch(redis, false, 2000, 0, 2000);
    test_proxy_hold(proxy, "WATCH", "EXISTS"); /* all is moved: before it says so */
    assert_int_equal(pthread_create(&thread, NULL, finish, &finisher), 0);
    test_proxy_wait_held(proxy);
    assert_ok(slc_plain_finish(redis, SLC_STR("t"), SLC_STR("t.META"), &error), error);
    expect_rows(redis, 0, 2000, 2);
    load_rows(redis, &plain, 0, 2000, 3);
    rewind_switch(redis, false, 2000, 0, 2000);
    test_proxy_let_go(proxy);
    pthread_join(thread, NULL);
    assert_ok(finisher.good, finisher.error);
    assert_ok(slc_plain_finish(redis, SLC_STR("t"), SLC_STR("t.META"), &error), error);
    expect_rows(redis, 0, 2000, 3);
    test_proxy_free(proxy);
}

static enum slc_error_code try_load(struct slc_redis *redis, const struct test_load *how)
{
    struct test_load complete = *how;
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error = {0};
    bool good;

    complete.n_rows = 100;
    if (!complete.layout)
        complete.layout = "keys";
    test_chunk(&chunk, 0, 100, NULL, 0, 9);
    good = test_begin(redis, &complete, &load, &error) &&
           test_write(load, &complete, &chunk, 0, &error) &&
           slc_store_load_finish(load, NULL, &error) && test_commit(load, "9", &error);
    slc_store_load_free(load);
    slc_chunk_release(&chunk);
    return good ? SLC_ERR_NONE : error.code;
}

/* As a drop that was killed leaves it: the rows are not removed yet. */
static void drop_and_die(struct slc_redis *redis, const char *replica)
{
    SLC_AUTO_REPLY struct slc_reply *meta = NULL;
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_error error;
    struct slc_str note, meta_key = slc_store_join(&arena, slc_str_from(replica), SLC_STR(".META"),
                                                   SLC_STR(""), SLC_STR(""));

    assert_ok(slc_redis_call(redis, &meta, &error, SLC_STR("HMGET"), meta_key, SLC_STR("LOAD_ID"),
                             SLC_STR("LAYOUT")),
              error);
    note =
        slc_announcement_text(&arena, &(struct slc_announcement){.name = slc_str_from(replica),
                                                                 .owner = SLC_STR(""),
                                                                 .document = meta->items[1].text});
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("DEL"), meta_key), error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("LREM"), REGISTRY, SLC_STR("0"),
                             slc_str_from(replica)),
              error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"),
                             SLC_STR("REPLICA_REGISTRY:garbage"), meta->items[0].text, note),
              error);
}

static struct slc_store_load *finished_load(struct slc_redis *redis, const struct test_load *how,
                                            int64_t first)
{
    struct test_load complete = *how;
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;

    complete.name = "t";
    complete.layout = "keys";
    complete.n_rows = 100;
    test_chunk(&chunk, 0, 100, NULL, first, 9);
    assert_ok(test_begin(redis, &complete, &load, &error), error);
    assert_ok(test_write(load, &complete, &chunk, 0, &error), error);
    assert_ok(slc_store_load_finish(load, NULL, &error), error);
    slc_chunk_release(&chunk);
    return load;
}

/* Between a load's look at its names and its commit. */
static void dropped_meanwhile(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open_again(state);
    struct slc_store_load *load;
    struct slc_error error;

    load_rows(redis, &plain, 0, 3000, 1);
    load = finished_load(redis, &plain, 1000);
    drop_and_die(other, "t");
    assert_ok(test_commit(load, "9", &error), error);
    slc_store_load_free(load);
    assert_ok(slc_store_sweep(redis, REGISTRY, is_dead, NULL, NULL, &error), error);
    expect_rows(redis, 1000, 100, 9);
}

/* A name that is the key of a row that is still to be removed. */
static void named_like_garbage(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    load_rows(redis, &plain, 0, 3000, 1);
    drop_and_die(redis, "t");
    load_rows(redis, &(struct test_load){.name = "t:7", .layout = "rows"}, 0, 10, 2);
    assert_ok(slc_store_sweep(redis, REGISTRY, is_dead, NULL, NULL, &error), error);
    assert_int_equal(test_integer(redis, SLC_STR("HLEN"), SLC_STR("t:7")), 10);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 3);
}

/* Old rows of many columns take longer to be written over. */
static void wide_rows_before(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf before = {0};
    struct slc_plain_swap swap;
    struct slc_store_load *load;
    struct slc_error error;
    bool taken_over;

    load_rows(redis, &plain, 0, 100, 1);
    for (int n_columns = 2; n_columns <= 402; n_columns += 400) {
        slc_buf_clear(&before);
        slc_buf_append_text(&before,
                            "{\"version\":2,\"layout\":\"keys\",\"prefix\":\"t:\",\"staged\":"
                            "\"t.META:00000000000000000000000000000001:\",\"keys\":\"ordinals\","
                            "\"rows\":100,\"columns\":[\"a\"");
        for (int i = 1; i < n_columns; i++)
            slc_buf_append_text(&before, ",\"a\"");
        slc_buf_append_text(&before, "]}");
        load = finished_load(redis, &plain, 0);
        assert_ok(slc_plain_plan(load, slc_buf_view(&before), &swap, &taken_over, &error), error);
        assert_true(taken_over);
        assert_int_equal(swap.switching.data == NULL, n_columns == 2);
        slc_store_load_free(load);
    }
}

/* A server that is out of memory refuses the switch its transactions (Redis 7; 8 takes
 * those that need no more), but none refuses a drop. */
static void out_of_memory(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    for (int removing = 0; removing < 2; removing++) {
        load_rows(redis, &plain, 0, 6000, 1);
        load_rows(redis, &plain, 1000, 8000, 2);
        rewind_switch(redis, removing, 6000, 1000, 8000);
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                                 SLC_STR("maxmemory"), SLC_STR("1")),
                  error);
        if (!slc_plain_finish(redis, SLC_STR("t"), SLC_STR("t.META"), &error))
            assert_int_equal(error.code, SLC_ERR_SERVER);
        assert_ok(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ALL, &error), error);
        assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 0);
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                                 SLC_STR("maxmemory"), SLC_STR("0")),
                  error);
    }
}

/* What the switch is not allowed is found before the commit. */
static void without_rights(void **state)
{
    static const char *const missing[] = {"-rename", "-expire", "-unlink"};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open_again(state);
    const struct test_load how = {.name = "t", .plain_names = true, .ttl_seconds = 1000};
    struct slc_error error;

    load_rows(redis, &plain, 0, 3000, 1);
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("ACL"), SLC_STR("SETUSER"),
                                 SLC_STR("default"), slc_str_from(missing[i])),
                  error);
        assert_int_not_equal(try_load(redis, &how), SLC_ERR_NONE);
        assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("ACL"), SLC_STR("SETUSER"),
                                 SLC_STR("default"), SLC_STR("+@all")),
                  error);
        assert_ok(slc_store_sweep(redis, REGISTRY, is_dead, NULL, NULL, &error), error);
        expect_rows(redis, 0, 3000, 1);
    }
}

/* Rows that were dropped are not removed under a load that has them again. */
static void garbage_of_the_load_before(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REPLY struct slc_reply *id = NULL, *layout = NULL;
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_error error;
    struct slc_str note;

    load_rows(redis, &plain, 0, 3000, 1);
    assert_ok(
        slc_redis_call(redis, &id, &error, SLC_STR("HGET"), SLC_STR("t.META"), SLC_STR("LOAD_ID")),
        error);
    assert_ok(slc_redis_call(redis, &layout, &error, SLC_STR("HGET"), SLC_STR("t.META"),
                             SLC_STR("LAYOUT")),
              error);
    note = slc_announcement_text(&arena, &(struct slc_announcement){.name = SLC_STR("t"),
                                                                    .owner = SLC_STR(""),
                                                                    .document = layout->text});
    /* Dropped, but not removed yet: as a drop that was killed leaves it. */
    assert_ok(
        slc_redis_call(redis, NULL, &error, SLC_STR("HDEL"), SLC_STR("t.META"), SLC_STR("LAYOUT")),
        error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"),
                             SLC_STR("REPLICA_REGISTRY:garbage"), id->text, note),
              error);
    load_rows(redis, &plain, 1000, 3000, 2); /* removes it first, or it would be in the way */
    expect_rows(redis, 1000, 3000, 2);
    /* And one who is late with it. */
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"),
                             SLC_STR("REPLICA_REGISTRY:garbage"), id->text, note),
              error);
    assert_ok(slc_store_sweep(redis, REGISTRY, is_dead, NULL, NULL, &error), error);
    expect_rows(redis, 1000, 3000, 2);
}

/* ---- Keys of others ---- */

static void keys_of_others(void **state)
{
    const struct test_load ours = {.name = "t", .plain_names = true};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    for (int64_t old = 0; old <= 3000; old += 50 + (old > 0) * 2900) {
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("FLUSHALL")), error);
        if (old > 0)
            load_rows(redis, &plain, 50, old, 1);
        assert_ok(
            slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("t:7"), SLC_STR("mine")),
            error);
        assert_int_equal(try_load(redis, &ours), SLC_ERR_CONFLICT);
        assert_int_equal(test_integer(redis, SLC_STR("STRLEN"), SLC_STR("t:7")), 4);
        assert_int_equal(test_integer(redis, SLC_STR("HLEN"), SLC_STR("REPLICA_REGISTRY:staging")),
                         0);
        if (old > 0)
            assert_int_equal(generation_of(redis, "t:", 50), 1);
        /* Not under a name that a row gets: it stays. */
        assert_ok(
            slc_redis_call(redis, NULL, &error, SLC_STR("RENAME"), SLC_STR("t:7"), SLC_STR("t:x")),
            error);
        assert_int_equal(try_load(redis, &ours), SLC_ERR_NONE);
        assert_int_equal(test_integer(redis, SLC_STR("STRLEN"), SLC_STR("t:x")), 4);
    }
}

/* {x:y}:jobs, of a registry x:y */
static void load_queue(struct slc_redis *redis)
{
    const struct slc_store_load_options options = {.name = SLC_STR("{x"),
                                                   .registry_key = SLC_STR("x:y"),
                                                   .load_id =
                                                       SLC_STR("0123456789abcdef0123456789abcdef"),
                                                   .owner = SLC_STR("test"),
                                                   .layout = SLC_STR("keys"),
                                                   .plain_names = true,
                                                   .ordinal_keys = true,
                                                   .n_rows = 1};
    struct slc_store_load *load = NULL;
    struct slc_error error = {0};

    assert_false(slc_store_load_begin(redis, &options, &load, &error));
    assert_int_equal(error.code, SLC_ERR_NAME);
}

static void names_of_others(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    load_rows(redis, &(struct test_load){.name = "a:b", .layout = "rows"}, 0, 10, 1);
    assert_int_equal(try_load(redis, &(struct test_load){.name = "a", .plain_names = true}),
                     SLC_ERR_CONFLICT);
    assert_int_equal(try_load(redis, &(struct test_load){.name = "a"}), SLC_ERR_NONE);
    load_rows(redis, &(struct test_load){.name = "c", .plain_names = true}, 0, 10, 1);
    assert_int_equal(try_load(redis, &(struct test_load){.name = "c:0", .layout = "rows"}),
                     SLC_ERR_CONFLICT);
    assert_int_equal(try_load(redis, &(struct test_load){.name = "cc:0", .layout = "rows"}),
                     SLC_ERR_NONE);
    /* One that is being loaded. */
    for (int plain_first = 0; plain_first < 2; plain_first++) {
        SLC_AUTO_REDIS struct slc_redis *other = test_open_again(state);
        const struct test_load pair[] = {
            {.name = "d:1", .layout = "rows", .n_rows = 1},
            {.name = "d", .layout = "keys", .plain_names = true, .n_rows = 1}};
        struct slc_store_load *load = NULL;

        assert_ok(test_begin(other, &pair[plain_first], &load, &error), error);
        assert_int_equal(try_load(redis, &pair[!plain_first]), SLC_ERR_CONFLICT);
        slc_store_load_free(load);
    }
    assert_int_equal(
        try_load(redis, &(struct test_load){.name = "{REPLICA_REGISTRY}", .plain_names = true}),
        SLC_ERR_NAME);
    load_queue(redis);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_one_step),
        cmocka_unit_test(larger_ones_gradually),
        cmocka_unit_test(ordinals_and_objects),
        cmocka_unit_test(other_layouts_before_and_behind),
        cmocka_unit_test(rows_expire),
        cmocka_unit_test(taken_up),
        cmocka_unit_test(strange_switches),
        cmocka_unit_test(several_finish_it),
        cmocka_unit_test(a_stalled_one),
        cmocka_unit_test(dropped_meanwhile),
        cmocka_unit_test(named_like_garbage),
        cmocka_unit_test(wide_rows_before),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(without_rights),
        cmocka_unit_test(garbage_of_the_load_before),
        cmocka_unit_test(keys_of_others),
        cmocka_unit_test(names_of_others),
    };

    return cmocka_run_group_tests_name("store/plain", tests, test_server_setup,
                                       test_server_teardown);
}
