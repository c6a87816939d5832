#include "support.h"

#include <math.h>
#include <stdio.h>

static const int64_t all_columns[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

static void add(struct slc_chunk *chunk, int64_t i, enum slc_type type)
{
    chunk->columns[i] = (struct slc_column){.type = type, .requested = true};
    if (type != SLC_TYPE_NULL)
        chunk->columns[i].data = slc_chunk_values(chunk, type);
}

/* Two rows of every type, missing in the second one for each but the last. */
static void every_type(struct slc_chunk *chunk)
{
    static const enum slc_type types[] = {SLC_TYPE_BOOL,    SLC_TYPE_INT64, SLC_TYPE_UINT64,
                                          SLC_TYPE_FLOAT64, SLC_TYPE_DATE,  SLC_TYPE_DATETIME,
                                          SLC_TYPE_TEXT,    SLC_TYPE_JSON,  SLC_TYPE_NULL};

    assert_true(slc_chunk_begin(chunk, 9));
    chunk->n_rows = 2;
    for (int i = 0; i < 9; i++) {
        add(chunk, i, types[i]);
        if (types[i] != SLC_TYPE_NULL) {
            chunk->columns[i].valid = slc_chunk_bitmap(chunk);
            chunk->columns[i].valid[0] = 1;
        }
    }
    chunk->columns[0].bools[0] = 1;
    chunk->columns[1].int64s[0] = INT64_MIN;
    chunk->columns[2].uint64s[0] = UINT64_MAX;
    chunk->columns[3].float64s[0] = 0.1;
    chunk->columns[4].dates[0] = 19044;
    chunk->columns[5].datetimes[0] = INT64_C(1645000000123456);
    chunk->columns[6].texts[0] = SLC_STR("a \"q\" \\ \n \xc3\xa9");
    chunk->columns[7].texts[0] = SLC_STR("{\"a\": 1}");
}

static void values(void **state)
{
    static const char *const expected[] = {"true",
                                           "-9223372036854775808",
                                           "18446744073709551615",
                                           "0.1",
                                           "\"2022-02-21\"",
                                           "\"2022-02-16T08:26:40.123456\"",
                                           "\"a \\\"q\\\" \\\\ \\n \xc3\xa9\"",
                                           "\"{\\\"a\\\": 1}\"",
                                           "null"};
    struct slc_chunk chunk = {0};
    SLC_AUTO_BUF struct slc_buf buf = {0};

    (void)state;
    every_type(&chunk);
    for (int i = 0; i < 9; i++) {
        slc_buf_clear(&buf);
        slc_store_encode_value(&buf, &chunk.columns[i], 0);
        assert_string_equal(slc_buf_text(&buf), expected[i]);
        slc_buf_clear(&buf);
        slc_store_encode_value(&buf, &chunk.columns[i], 1);
        assert_string_equal(slc_buf_text(&buf), "null");
    }
    chunk.columns[3].float64s[0] = INFINITY;
    slc_buf_clear(&buf);
    slc_store_encode_value(&buf, &chunk.columns[3], 0);
    assert_string_equal(slc_buf_text(&buf), "null");
    chunk.columns[3].float64s[0] = 3.0;
    slc_buf_clear(&buf);
    slc_store_encode_value(&buf, &chunk.columns[3], 0);
    assert_string_equal(slc_buf_text(&buf), "3");
    slc_chunk_release(&chunk);
}

static void a_row_of_every_type(void **state)
{
    static const char expected[] =
        "*6\r\n$4\r\nHSET\r\n$1\r\ns\r\n$2\r\n10\r\n"
        "$131\r\n[true,-9223372036854775808,18446744073709551615,0.1,\"2022-02-21\","
        "\"2022-02-16T08:26:40.123456\",\"a \\\"q\\\" \\\\ \\n \xc3\xa9\",\"{\\\"a\\\": 1}\",null]"
        "\r\n$2\r\n11\r\n$46\r\n[null,null,null,null,null,null,null,null,null]\r\n";
    struct slc_row_layout layout = {.columns = all_columns,
                                    .n_columns = 9,
                                    .key_column = -1,
                                    .staging_key = SLC_STR("s"),
                                    .pairs_per_command = 512};
    struct slc_encoded encoded = {0};
    struct slc_chunk chunk = {0};
    struct slc_error error;

    (void)state;
    every_type(&chunk);
    for (int again = 0; again < 2; again++) { /* the memory is used again */
        assert_ok(slc_store_encode(&chunk, &layout, 10, &encoded, &error), error);
        assert_string_equal(slc_buf_text(&encoded.bytes), expected);
        assert_int_equal(encoded.n_rows, 2);
        assert_int_equal(encoded.n_commands, 1);
        assert_int_equal(encoded.keys.len, 0);
    }
    slc_encoded_release(&encoded);
    slc_chunk_release(&chunk);
}

/* Commands of the bytes, checked to be RESP; the number of rows in them. */
static int64_t count_rows(const struct slc_encoded *encoded, const char *command, int64_t most)
{
    struct slc_reply_reader *reader = slc_reply_reader_new(1 << 30);
    struct slc_error error;
    int64_t rows = 0;

    assert_ok(slc_reply_reader_feed(reader, encoded->bytes.data, encoded->bytes.len, &error),
              error);
    for (int64_t i = 0; i < encoded->n_commands; i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        assert_ok(slc_reply_reader_next(reader, &reply, &error), error);
        assert_non_null(reply);
        assert_true(slc_reply_is(&reply->items[0], command));
        assert_int_equal(reply->count % 2, 0);
        assert_true((int64_t)reply->count <= 2 + 2 * most);
        rows += (int64_t)reply->count / 2 - 1;
    }
    assert_int_equal(slc_reply_reader_pending_bytes(reader), 0);
    slc_reply_reader_free(reader);
    return rows;
}

static void commands_by_pairs(void **state)
{
    static const int64_t pairs[] = {1, 2, 7, 100, 512};
    struct slc_chunk chunk = {0};
    struct slc_error error;

    (void)state;
    test_chunk(&chunk, 3, 1000, NULL, 0, 5);
    chunk.first_record = 500;
    for (int duplicate = SLC_DUPLICATE_LAST; duplicate <= SLC_DUPLICATE_FAIL; duplicate++)
        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
            bool last = duplicate == SLC_DUPLICATE_LAST;
            int64_t per_command = last ? pairs[i] : 1;
            struct slc_encoded encoded = {0};
            struct slc_row_layout layout = {.columns = all_columns,
                                            .n_columns = 2,
                                            .key_column = 0,
                                            .staging_key = SLC_STR("staging"),
                                            .pairs_per_command = pairs[i],
                                            .on_duplicate = (enum slc_on_duplicate)duplicate};

            assert_ok(slc_store_encode(&chunk, &layout, 0, &encoded, &error), error);
            assert_int_equal(encoded.seq, 3);
            assert_int_equal(encoded.n_commands, (1000 + per_command - 1) / per_command);
            assert_int_equal(count_rows(&encoded, last ? "HSET" : "HSETNX", per_command), 1000);
            assert_int_equal(encoded.key_ends.len, 1000 * sizeof(uint32_t));
            assert_int_equal(encoded.record_numbers.len, (size_t)encoded.n_commands * 8);
            int64_t record;
            memcpy(&record, encoded.record_numbers.data + 8 * (encoded.n_commands - 1), 8);
            assert_int_equal(record, 501 + (encoded.n_commands - 1) * per_command);
            slc_encoded_release(&encoded);
        }
    slc_chunk_release(&chunk);
}

/* Lengths with one to seven digits after each other: the header's room is
 * guessed wrong in both directions. Wide rows end a command early. */
static void lengths_of_all_widths(void **state)
{
    static const size_t lengths[] = {0, 2000000, 1,    90, 8,       95, 994,
                                     3, 100000,  9993, 12, 1000000, 5};
    enum { COUNT = sizeof(lengths) / sizeof(lengths[0]) };
    struct slc_row_layout layout = {.columns = all_columns,
                                    .n_columns = 1,
                                    .key_column = -1,
                                    .staging_key = SLC_STR("s"),
                                    .pairs_per_command = 512};
    struct slc_encoded encoded = {0};
    struct slc_chunk chunk = {0};
    struct slc_error error;
    char *text = malloc(2000000);

    (void)state;
    memset(text, 'x', 2000000);
    assert_true(slc_chunk_begin(&chunk, 1));
    chunk.n_rows = COUNT;
    add(&chunk, 0, SLC_TYPE_TEXT);
    for (int i = 0; i < COUNT; i++)
        chunk.columns[0].texts[i] = (struct slc_str){text, lengths[i]};
    assert_ok(slc_store_encode(&chunk, &layout, 0, &encoded, &error), error);
    assert_true(encoded.n_commands > 1);
    assert_int_equal(count_rows(&encoded, "HSET", 512), COUNT);
    slc_encoded_release(&encoded);
    slc_chunk_release(&chunk);
    free(text);
}

/* Three columns of 500 rows: few values, none twice, and one that is of whole numbers in
 * every second chunk. */
static void numbers_of_a_chunk(struct slc_chunk *chunk, int turn)
{
    static const double few[] = {0.1,  -0.1, 0.0,      -0.0,     1.0 / 3, -1.2345678901234567e-300,
                                 5e21, 7,    1e-7 / 3, INFINITY, 2.5};

    assert_true(slc_chunk_begin(chunk, 3));
    chunk->n_rows = 500;
    add(chunk, 0, SLC_TYPE_FLOAT64);
    add(chunk, 1, SLC_TYPE_FLOAT64);
    add(chunk, 2, turn % 2 ? SLC_TYPE_INT64 : SLC_TYPE_FLOAT64);
    chunk->columns[0].valid = slc_chunk_bitmap(chunk);
    chunk->columns[0].valid[turn] = 5;
    for (int row = 0; row < 500; row++) {
        chunk->columns[0].float64s[row] = few[(row + turn) % 11];
        chunk->columns[1].float64s[row] = (row + 500 * turn) * (1 / 2999.0);
        if (turn % 2)
            chunk->columns[2].int64s[row] = row % 5;
        else
            chunk->columns[2].float64s[row] = row % 5 * 0.3;
    }
}

/* However often a number comes, and whatever came before it, it looks the same. */
static void numbers_that_come_again(void **state)
{
    struct slc_row_layout layout = {.columns = all_columns,
                                    .n_columns = 3,
                                    .key_column = -1,
                                    .staging_key = SLC_STR("s"),
                                    .pairs_per_command = 500};
    struct slc_encoded encoded = {0};
    struct slc_chunk chunk = {0};
    struct slc_error error;

    (void)state;
    for (int turn = 0; turn < 6; turn++) {
        SLC_AUTO_BUF struct slc_buf row_text = {0};
        const char *at;

        numbers_of_a_chunk(&chunk, turn);
        assert_ok(slc_store_encode(&chunk, &layout, 0, &encoded, &error), error);
        at = slc_buf_text(&encoded.bytes);
        for (int row = 0; row < 500; row++) {
            slc_buf_clear(&row_text);
            slc_buf_append_text(&row_text, "\r\n");
            for (int i = 0; i < 3; i++) {
                slc_buf_append_byte(&row_text, i == 0 ? '[' : ',');
                slc_store_encode_value(&row_text, &chunk.columns[i], row);
            }
            slc_buf_append_text(&row_text, "]\r\n");
            at = strstr(at, slc_buf_text(&row_text));
            assert_non_null(at);
        }
    }
    slc_encoded_release(&encoded);
    slc_chunk_release(&chunk);
}

static void empty_chunk_and_missing_key(void **state)
{
    struct slc_row_layout layout = {.columns = all_columns,
                                    .n_columns = 2,
                                    .key_column = 0,
                                    .staging_key = SLC_STR("s"),
                                    .pairs_per_command = 512};
    struct slc_encoded encoded = {0};
    struct slc_chunk chunk = {0};
    struct slc_error error;

    (void)state;
    test_chunk(&chunk, 0, 0, NULL, 0, 0);
    assert_ok(slc_store_encode(&chunk, &layout, 0, &encoded, &error), error);
    assert_int_equal(encoded.n_commands, 0);
    assert_int_equal(encoded.bytes.len, 0);
    test_chunk(&chunk, 0, 3, NULL, 0, 0);
    chunk.columns[0].valid = slc_chunk_bitmap(&chunk);
    chunk.columns[0].valid[0] &= ~UINT64_C(2);
    assert_fails(slc_store_encode(&chunk, &layout, 0, &encoded, &error), error, SLC_ERR_INTERNAL);
    slc_encoded_release(&encoded);
    slc_chunk_release(&chunk);
}

static void names(void **state)
{
    static const char *const good[] = {
        "sample_us_users",   "AVATAR_SAMPLE", "a b", "\xc3\xa9t\xc3\xa9",
        "REPLICA_REGISTRY2", "x.META2",       "%s",  "*"};
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "a/b",
                                      "a\nb",
                                      "\x7f",
                                      "\xff",
                                      "\xc2\x80",
                                      "REPLICA_REGISTRY",
                                      "REPLICA_REGISTRY:staging",
                                      "x.META"};
    struct slc_error error;
    char longest[201];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_ok(slc_store_check_name(slc_str_from(good[i]), REGISTRY, &error), error);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_fails(slc_store_check_name(slc_str_from(bad[i]), REGISTRY, &error), error,
                     SLC_ERR_NAME);
    assert_false(slc_store_check_name(SLC_STR("a\0b"), REGISTRY, &error));
    assert_false(slc_store_check_name(SLC_STR("R"), SLC_STR("R.META"), &error));
    memset(longest, 'n', sizeof(longest));
    assert_true(slc_store_check_name((struct slc_str){longest, 200}, REGISTRY, &error));
    assert_false(slc_store_check_name((struct slc_str){longest, 201}, REGISTRY, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(a_row_of_every_type),
        cmocka_unit_test(commands_by_pairs),
        cmocka_unit_test(lengths_of_all_widths),
        cmocka_unit_test(numbers_that_come_again),
        cmocka_unit_test(empty_chunk_and_missing_key),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests_name("store/encode", tests, NULL, NULL);
}
