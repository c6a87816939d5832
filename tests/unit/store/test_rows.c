#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_read.h"
#include "store/rows.h"

enum { MOST_ROWS = 30000 };

/* What came, by the number at the end of each key. */
struct seen {
    int64_t n;
    unsigned char there[MOST_ROWS];
};

static void see(struct seen *seen, struct slc_str key)
{
    size_t at = key.len;
    long number = 0;

    while (at > 0 && key.data[at - 1] >= '0' && key.data[at - 1] <= '9')
        at--;
    for (; at < key.len; at++)
        number = number * 10 + (key.data[at] - '0');
    assert_true(number >= 0 && number < MOST_ROWS);
    if (seen->there[number])
        fail_msg("the row %.*s came twice", (int)key.len, key.data);
    seen->there[number] = 1;
    seen->n++;
}

/* Take a page apart. */
static int64_t see_page(struct seen *seen, const struct slc_buf *json)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_json_reader r = {.text = slc_buf_view(json)};
    struct slc_str key, text;
    int64_t n = 0;

    assert_true(slc_json_read_enter(&r, '['));
    while (slc_json_read_next(&r, ']', &n) == 1) {
        int64_t members = 0, values = 0;

        assert_true(slc_json_read_enter(&r, '{') && slc_json_read_next(&r, '}', &members) == 1);
        assert_true(slc_json_read_key(&r, &arena, &key) && slc_str_is(key, "key"));
        assert_true(slc_json_read_string(&r, &arena, &text));
        see(seen, text);
        assert_int_equal(slc_json_read_next(&r, '}', &members), 1);
        assert_true(slc_json_read_key(&r, &arena, &key) && slc_str_is(key, "values"));
        assert_true(slc_json_read_enter(&r, '['));
        assert_int_equal(slc_json_read_next(&r, ']', &values), 1);
        assert_true(slc_json_read_string(&r, &arena, &key) && slc_str_eq(key, text));
        assert_int_equal(slc_json_read_next(&r, ']', &values), 1);
        assert_true(slc_json_read_number(&r, &text));
        assert_int_equal(slc_json_read_next(&r, ']', &values), 0);
        assert_int_equal(slc_json_read_next(&r, '}', &members), 0);
    }
    assert_true(slc_json_read_end(&r));
    return n;
}

/* All pages of `limit`; every row once. `between` NULL or called between pages. */
static void read_all(struct slc_redis *redis, int64_t limit, int64_t n_rows,
                     void (*between)(struct slc_redis *redis, int64_t page))
{
    static struct seen seen;
    char cursor[SLC_ROWS_CURSOR_BYTES] = "";
    struct slc_error error;
    int64_t pages = 0;

    seen = (struct seen){0};
    do {
        SLC_AUTO_BUF struct slc_buf json = {0};
        int64_t rows = -1;

        assert_ok(slc_store_rows(redis, SLC_STR("t"), slc_str_from(cursor), limit, &json, &rows,
                                 cursor, &error),
                  error);
        assert_int_equal(see_page(&seen, &json), rows);
        assert_true(rows <= limit);
        assert_true(strspn(cursor, "0123456789abcdefghijklmnopqrstuvwxyz.-_") == strlen(cursor));
        if (between)
            between(redis, pages);
        pages++;
        assert_true(pages <= n_rows + 2);
    } while (*cursor);
    assert_int_equal(seen.n, n_rows);
}

static void load_texts(struct slc_redis *redis, int64_t n_rows)
{
    struct slc_chunk chunk = {0};

    test_chunk(&chunk, 0, n_rows, NULL, 0, 4);
    for (int64_t i = 0; i < n_rows; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "a key \"%lld", (long long)((i * 7919) % n_rows));

        chunk.columns[0].texts[i] =
            slc_arena_copy(&chunk.arena, (struct slc_str){text, (size_t)len});
    }
    test_load_all(redis, &(struct test_load){.name = "t"}, &chunk, NULL);
    slc_chunk_release(&chunk);
}

static void every_row_once(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    static const int64_t sizes[] = {1, 5, 300, 6007};
    struct slc_chunk chunk = {0};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        for (int64_t limit = 1 + sizes[i] / 500; limit < 3 * sizes[i]; limit = limit * 5 + 1) {
            load_texts(redis, sizes[i]);
            read_all(redis, limit, sizes[i], NULL);
        }
        test_chunk(&chunk, 0, sizes[i], NULL, 0, 4);
        test_load_all(redis, &(struct test_load){.name = "t"}, &chunk, NULL);
        read_all(redis, 1 + sizes[i] / 3, sizes[i], NULL);
    }
    slc_chunk_release(&chunk);
}

/* Looking rows up moves a growing hash's rows from one table to the other. */
static void look_rows_up(struct slc_redis *redis, int64_t page)
{
    for (int64_t i = 0; i < 5; i++) {
        char key[32];
        int len = snprintf(key, sizeof(key), "%lld", (long long)(page * 5 + i));

        assert_true(slc_redis_call(redis, NULL, NULL, SLC_STR("HGET"), SLC_STR("t"),
                                   (struct slc_str){key, (size_t)len}));
    }
}

/* 2,060 rows: the tables have just begun to grow from 2,048 places. */
static void while_tables_grow(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);

    for (int64_t limit = 1; limit < 30; limit += limit < 4 ? 1 : 9) {
        load_texts(redis, 2060);
        /* The rows that no order knows are what is scanned. */
        assert_true(slc_redis_call(redis, NULL, NULL, SLC_STR("HDEL"), SLC_STR("t.META"),
                                   SLC_STR("KEY_ORDER")));
        read_all(redis, limit, 2060, look_rows_up);
    }
}

static void one_piece_hashes(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);

    assert_true(slc_redis_call(redis, NULL, NULL, SLC_STR("CONFIG"), SLC_STR("SET"),
                               SLC_STR("hash-max-listpack-entries"), SLC_STR("1000")));
    load_texts(redis, 900);
    assert_true(slc_redis_call(redis, NULL, NULL, SLC_STR("HDEL"), SLC_STR("t.META"),
                               SLC_STR("KEY_ORDER")));
    for (int64_t limit = 1; limit < 2000; limit = limit * 4 + 3)
        read_all(redis, limit, 900, NULL);
    assert_true(slc_redis_call(redis, NULL, NULL, SLC_STR("CONFIG"), SLC_STR("SET"),
                               SLC_STR("hash-max-listpack-entries"), SLC_STR("128")));
}

static void loaded_anew(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf json = {0};
    char cursor[SLC_ROWS_CURSOR_BYTES] = "untouched";
    struct slc_error error;
    int64_t rows = 7;

    assert_fails(slc_store_rows(redis, SLC_STR("t"), SLC_STR(""), 10, &json, &rows, cursor, &error),
                 error, SLC_ERR_NOT_FOUND);
    assert_string_equal(cursor, "untouched");
    load_texts(redis, 100);
    assert_fails(slc_store_rows(redis, SLC_STR("t"), SLC_STR(""), 0, &json, &rows, cursor, &error),
                 error, SLC_ERR_USAGE);
    assert_ok(slc_store_rows(redis, SLC_STR("t"), SLC_STR(""), 10, &json, &rows, cursor, &error),
              error);
    assert_int_equal(rows, 10);
    size_t len = json.len;
    load_texts(redis, 100);
    assert_fails(
        slc_store_rows(redis, SLC_STR("t"), slc_str_from(cursor), 10, &json, &rows, cursor, &error),
        error, SLC_ERR_CONFLICT);
    assert_int_equal(json.len, len);
    assert_int_equal(rows, 10);
    /* Cleared. */
    assert_ok(slc_store_rows(redis, SLC_STR("t"), SLC_STR(""), 10, &json, &rows, cursor, &error),
              error);
    assert_ok(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ROWS, &error), error);
    assert_fails(
        slc_store_rows(redis, SLC_STR("t"), slc_str_from(cursor), 10, &json, &rows, cursor, &error),
        error, SLC_ERR_CONFLICT);
    slc_buf_clear(&json);
    assert_ok(slc_store_rows(redis, SLC_STR("t"), SLC_STR(""), 10, &json, &rows, cursor, &error),
              error);
    assert_string_equal(slc_buf_text(&json), "[]");
    assert_string_equal(cursor, "");
}

/* In the middle of a reader's work, at every place. */
static void swapped_while_read(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    for (int batches = 0; batches < 5; batches++) {
        struct slc_rows_batch batch = {0};
        struct slc_rows_reader *reader;

        load_texts(redis, 6000);
        reader = slc_rows_open(redis, SLC_STR("t"), SLC_STR(""), &error);
        assert_non_null(reader);
        assert_int_equal(slc_rows_count(reader), 6000);
        for (int i = 0; i < batches; i++)
            assert_ok(slc_rows_next(reader, 1000, 1 << 20, &batch, &error), error);
        load_texts(redis, 6000);
        assert_false(slc_rows_changed(reader));
        assert_fails(slc_rows_next(reader, 1000, 1 << 20, &batch, &error), error, SLC_ERR_CONFLICT);
        assert_true(slc_rows_changed(reader));
        slc_rows_close(reader);
        slc_rows_batch_release(&batch);
    }
}

static void batches_are_bounded(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_rows_batch batch = {0};
    struct slc_error error;
    struct slc_rows_reader *reader;
    int64_t rows = 0;

    load_texts(redis, 6000);
    reader = slc_rows_open(redis, SLC_STR("t"), SLC_STR(""), &error);
    assert_non_null(reader);
    do {
        assert_ok(slc_rows_next(reader, 1000000, 1 << 14, &batch, &error), error);
        assert_true(batch.bytes.len < 3 << 14);
        rows += batch.n_rows;
    } while (batch.n_rows > 0);
    assert_int_equal(rows, 6000);
    slc_rows_close(reader);
    slc_rows_batch_release(&batch);
}

static void cursors_from_anyone(void **state)
{
    static const char *const bad[] = {
        "x",
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef.",
        "0123456789abcdef0123456789abcdef.5",
        "0123456789abcdef0123456789abcdef.5.",
        "0123456789abcdef0123456789abcdef.5.o",
        "0123456789abcdef0123456789abcdef.5.x1",
        "0123456789abcdef0123456789abcdef.5.oG",
        "0123456789abcdef0123456789abcdef.5.o1.",
        "0123456789abcdef0123456789abcdef.5.o1..1",
        "0123456789abcdef0123456789abcdef.5.o1 ",
        "0123456789abcdef0123456789abcdef.ffffffffffffffff.o1",
        "0123456789abcdef0123456789abcdef.5.o11111111111111111",
        "0123456789ABCDEF0123456789abcdef.5.o1",
        "../../../../../../../../../../../../../../",
    };
    static const char *const forged[] = {
        "o0",
        "o5",
        "o63",
        "o64",
        "offffffffffffffff",
        "u0",
        "u1",
        "uffffffffffffffff",
        "s0",
        "s63",
        "sffffffffffffffff",
        "u0.0.1",
        "u3.5.1.2.3",
        "uffffffffffffffff.1.ffffffffffffffff",
    };
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf json = {0};
    char next[SLC_ROWS_CURSOR_BYTES], cursor[SLC_ROWS_CURSOR_BYTES], longest[4096];
    struct slc_error error;
    int64_t rows;

    load_texts(redis, 100);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_fails(slc_store_rows(redis, SLC_STR("t"), slc_str_from(bad[i]), 10, &json, &rows,
                                    next, &error),
                     error, SLC_ERR_USAGE);
    memset(longest, 'a', sizeof(longest));
    assert_fails(slc_store_rows(redis, SLC_STR("t"), (struct slc_str){longest, sizeof(longest)}, 10,
                                &json, &rows, next, &error),
                 error, SLC_ERR_USAGE);
    /* Of the right load, but of places that there are none: rows or an error. */
    assert_ok(slc_store_rows(redis, SLC_STR("t"), SLC_STR(""), 10, &json, &rows, next, &error),
              error);
    for (size_t i = 0; i < sizeof(forged) / sizeof(*forged); i++) {
        snprintf(cursor, sizeof(cursor), "%.32s.64.%s", next, forged[i]);
        slc_error_clear(&error);
        if (!slc_store_rows(redis, SLC_STR("t"), slc_str_from(cursor), 10, &json, &rows, longest,
                            &error))
            assert_true(error.code == SLC_ERR_DATA);
        else
            assert_true(rows <= 10);
    }
}

static int64_t scans(struct slc_redis *redis)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    const char *found;

    assert_true(slc_redis_call(redis, &reply, NULL, SLC_STR("INFO"), SLC_STR("commandstats")));
    found = strstr(reply->text.data, "cmdstat_hscan:calls=");
    return found ? strtoll(found + strlen("cmdstat_hscan:calls="), NULL, 10) : 0;
}

/* Rows that a cursor says were left, and that are nowhere, are not looked for everywhere. */
static void a_forged_cursor_costs_little(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf json = {0};
    char next[SLC_ROWS_CURSOR_BYTES], cursor[SLC_ROWS_CURSOR_BYTES];
    struct slc_error error;
    int64_t rows, before;

    load_texts(redis, MOST_ROWS);
    assert_ok(slc_store_rows(redis, SLC_STR("t"), SLC_STR(""), 10, &json, &rows, next, &error),
              error);
    snprintf(cursor, sizeof(cursor), "%.32s.%x.u0.1.123456789abcdef", next, MOST_ROWS);
    before = scans(redis);
    assert_fails(
        slc_store_rows(redis, SLC_STR("t"), slc_str_from(cursor), 10, &json, &rows, next, &error),
        error, SLC_ERR_DATA);
    assert_true(scans(redis) - before <= 64);
}

/* A page of many rows is some steps, and what is left of the last is found in a few more. */
static void pages_cost_few_scans(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    int64_t before;

    load_texts(redis, MOST_ROWS);
    before = scans(redis);
    read_all(redis, 500, MOST_ROWS, NULL);
    assert_in_range(scans(redis) - before, 1, 12 * MOST_ROWS / 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_once),       cmocka_unit_test(while_tables_grow),
        cmocka_unit_test(one_piece_hashes),     cmocka_unit_test(loaded_anew),
        cmocka_unit_test(swapped_while_read),   cmocka_unit_test(batches_are_bounded),
        cmocka_unit_test(cursors_from_anyone),  cmocka_unit_test(a_forged_cursor_costs_little),
        cmocka_unit_test(pages_cost_few_scans),
    };

    return cmocka_run_group_tests_name("store/rows", tests, test_server_setup,
                                       test_server_teardown);
}
