/* The layout `packed`: its encodings, and that it holds the same rows as `rows`. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "store/announce.h"
#include "store/bucket.h"
#include "store/crc64.h"
#include "store/layout.h"
#include "store/listpack.h"
#include "store/packed.h"
#include "store/size.h"

/* ---- CRC-64 ---- */

static void checksum(void **state)
{
    struct slc_crc64 crc;
    char bytes[300];

    (void)state;
    slc_crc64_init(&crc);
    assert_true(slc_crc64(&crc, "123456789", 9) == UINT64_C(0xe9c6d914c4b8d9ca));
    assert_true(slc_crc64_by_tables(&crc, "123456789", 9) == UINT64_C(0xe9c6d914c4b8d9ca));
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 37 + (i >> 3));
    for (size_t len = 0; len <= 280; len++)
        for (size_t at = 0; at < 9; at++)
            assert_true(slc_crc64(&crc, bytes + at, len) ==
                        slc_crc64_by_tables(&crc, bytes + at, len));
}

/* ---- Listpack ---- */

static void expect_entry(const char *text, size_t len, bool integer)
{
    char *buffer = malloc(len + 64), *end;
    struct slc_listpack_entry entry;
    struct slc_str entries;

    assert_non_null(buffer);
    end = slc_listpack_write(buffer, text, len);
    assert_true((size_t)(end - buffer) <= len + SLC_LISTPACK_ENTRY_BYTES);
    entries = (struct slc_str){buffer, (size_t)(end - buffer)};
    entry = slc_listpack_take(&entries);
    assert_int_equal(entries.len, 0);
    assert_int_equal(entry.is_integer, integer);
    if (integer) {
        char number[SLC_NUM_TEXT_BYTES];
        size_t digits = (size_t)(slc_write_int64(number, entry.integer) - number);

        assert_int_equal(digits, len);
        assert_memory_equal(number, text, len);
        /* The same entry without its text. */
        digits = (size_t)(slc_listpack_write_integer(number, entry.integer) - number);
        assert_int_equal(digits, end - buffer);
        assert_memory_equal(number, buffer, digits);
    } else {
        assert_true(slc_str_eq(entry.text, (struct slc_str){text, len}));
    }
    free(buffer);
}

static void entries(void **state)
{
    static const char *const integers[] = {"0",
                                           "1",
                                           "127",
                                           "128",
                                           "-1",
                                           "4095",
                                           "4096",
                                           "-4096",
                                           "-4097",
                                           "32767",
                                           "32768",
                                           "-32768",
                                           "-32769",
                                           "8388607",
                                           "8388608",
                                           "-8388608",
                                           "-8388609",
                                           "2147483647",
                                           "2147483648",
                                           "-2147483648",
                                           "-2147483649",
                                           "9223372036854775807",
                                           "-9223372036854775808"};
    static const char *const texts[] = {
        "", "-", "00", "-0", "+1", "1.0", "9223372036854775808", "1 ", "abc", "\xc3\xa9"};
    static const size_t lengths[] = {62, 63, 64, 65, 4094, 4095, 4096, 4097, 16379, 16384, 2097152};
    char *text = malloc(3 << 20);

    (void)state;
    for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++)
        expect_entry(integers[i], strlen(integers[i]), true);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect_entry(texts[i], strlen(texts[i]), false);
    assert_non_null(text);
    memset(text, 'x', 3 << 20);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        expect_entry(text, lengths[i], false);
    free(text);
}

/* The server takes what we make in each way, and finds each key in it. */
static void restored_in_each_way(void **state)
{
    static const char *const keys[] = {"",      "0",       "12",         "127", "300", "-5",
                                       "70000", "9000000", "5000000000", "x",   "ab",  "00"};
    static const enum slc_bucket_way ways[] = {SLC_BUCKET_LISTPACK, SLC_BUCKET_ZIPLIST,
                                               SLC_BUCKET_HSET};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_bucket_writer writer = {.most_bytes = 1 << 20, .prefix = SLC_STR("b:")};
    struct slc_error error;
    char value[20000];

    memset(value, 'v', sizeof(value));
    slc_crc64_init(&writer.crc);
    assert_ok(slc_bucket_probe(&writer, redis, SLC_STR("probe"), &error), error);
    assert_int_equal(writer.way, SLC_BUCKET_LISTPACK); /* Redis 7 */
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 0);
    for (size_t w = 0; w < 3; w++) {
        struct slc_encoded out = {0};
        struct slc_bucket bucket;
        char *to = slc_bucket_begin(&writer, &out, 7, 100000, &bucket);
        struct slc_pipe *pipe;

        writer.way = ways[w];
        writer.type = ways[w] == SLC_BUCKET_ZIPLIST ? 13 : 16;
        assert_non_null(to);
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
            to = slc_listpack_write(to, keys[i], strlen(keys[i]));
            to = slc_listpack_write(to, value, i * 1500 + i);
        }
        assert_ok(
            slc_bucket_end(&writer, &out, &bucket, to, sizeof(keys) / sizeof(keys[0]), &error),
            error);
        pipe = slc_pipe_open(redis, NULL, &error);
        struct slc_pipe_segment segment = {slc_buf_view(&out.bytes), out.n_commands, 0};
        assert_ok(slc_pipe_send(pipe, &segment, 1, &error) && slc_pipe_finish(pipe, &error), error);
        slc_pipe_close(pipe);
        assert_int_equal(test_integer(redis, SLC_STR("HLEN"), SLC_STR("b:7")), 12);
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            assert_int_equal(
                test_integer(redis, SLC_STR("HSTRLEN"), SLC_STR("b:7"), slc_str_from(keys[i])),
                i * 1500 + i);
        slc_encoded_release(&out);
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("DEL"), SLC_STR("b:7")), error);
    }
}

/* ---- Partitions ---- */

struct expected {
    uint64_t next, count;
    unsigned char held[8];
    size_t n_held;
    int64_t partition;
};

static bool take_numbers(void *context, const char *bytes, size_t len)
{
    struct expected *expected = context;

    for (size_t i = 0; i < len; i++) {
        uint64_t number;

        expected->held[expected->n_held++] = (unsigned char)bytes[i];
        if (expected->n_held < 8)
            continue;
        memcpy(&number, expected->held, 8);
        assert_true(number == expected->next);
        expected->next += 3;
        expected->count++;
        expected->n_held = 0;
    }
    return true;
}

static void partitions(void **state)
{
    static const char *const folders[] = {"/nowhere", "/tmp", NULL};
    static const char *const none[] = {"/nowhere", NULL};
    struct slc_error error;

    (void)state;
    for (int big = 0; big < 2; big++) {
        struct slc_partitions *p =
            slc_partitions_new(3, big ? 64 << 20 : 6 * SLC_PARTITION_BLOCK_BYTES, folders, &error);
        uint64_t total = 0;

        assert_non_null(p);
        assert_int_equal(slc_partitions_count(p), 3);
        for (uint64_t i = 0; i < 300000; i++)
            assert_ok(slc_partitions_append(p, (int64_t)(i % 3), &i, sizeof(i), &error), error);
        assert_int_equal(slc_partitions_spilled_bytes(p) > 0, !big);
        for (int64_t i = 0; i < 3; i++) {
            struct expected expected = {.next = (uint64_t)i};

            assert_ok(slc_partitions_read(p, i, take_numbers, &expected, &error), error);
            total += expected.count;
        }
        assert_int_equal(total, 300000);
        slc_partitions_free(p);
    }
    struct slc_partitions *p = slc_partitions_new(1, 0, none, &error);
    bool good = true;
    for (uint64_t i = 0; good && i < 100000; i++)
        good = slc_partitions_append(p, 0, &i, sizeof(i), &error);
    assert_false(good);
    assert_int_equal(error.code, SLC_ERR_IO);
    slc_partitions_free(p);
}

/* ---- The same rows as `rows` ---- */

/* Rows of 0, 1, 127, ... with keys that are unicode, empty, whole numbers, and
 * some of them equal; values from nothing to longer than a command may be. */
static void make_chunk(struct slc_chunk *chunk, int64_t seq, int64_t n_rows, int64_t first,
                       int64_t total, int64_t modulus)
{
    static char huge[300000];

    memset(huge, 'h', sizeof(huge));
    assert_true(slc_chunk_begin(chunk, 2));
    chunk->seq = seq;
    chunk->n_rows = chunk->n_records = n_rows;
    chunk->first_record = first;
    for (int c = 0; c < 2; c++) {
        chunk->columns[c] = (struct slc_column){.type = SLC_TYPE_TEXT, .requested = true};
        chunk->columns[c].data = slc_chunk_values(chunk, SLC_TYPE_TEXT);
    }
    for (int64_t i = 0; i < n_rows; i++) {
        int64_t id = (first + i) % modulus;
        char key[64], value[64];
        int len = id % 97 == 5
                      ? snprintf(key, sizeof(key), "\xc3\xbc\xe2\x98\x82%lld", (long long)id)
                  : id % 89 == 7 ? snprintf(key, sizeof(key), "0%lld", (long long)id)
                                 : snprintf(key, sizeof(key), "%lld", (long long)id - 100);

        if (id == 3)
            len = 0;
        chunk->columns[0].texts[i] =
            slc_arena_copy(&chunk->arena, (struct slc_str){key, (size_t)len});
        len = snprintf(value, sizeof(value), "v%lld of %lld", (long long)(first + i),
                       (long long)total);
        chunk->columns[1].texts[i] =
            id == 11   ? (struct slc_str){huge, sizeof(huge)}
            : id == 12 ? (struct slc_str){huge, 5000}
            : id == 13 ? (struct slc_str){huge, 0}
                       : slc_arena_copy(&chunk->arena, (struct slc_str){value, (size_t)len});
    }
}

static void load_table(struct slc_redis *redis, struct test_load how, int64_t total,
                       int64_t at_once, int64_t modulus, struct slc_store_counts *counts)
{
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;

    how.n_rows = total;
    assert_ok(test_begin(redis, &how, &load, &error), error);
    for (int64_t at = 0, seq = 0; at < total || seq == 0; at += at_once, seq++) {
        make_chunk(&chunk, seq, total - at < at_once ? total - at : at_once, at, total, modulus);
        assert_ok(test_write(load, &how, &chunk, at, &error), error);
    }
    assert_ok(slc_store_load_finish(load, counts, &error), error);
    assert_ok(test_commit(load, "1", &error), error);
    slc_store_load_free(load);
    slc_chunk_release(&chunk);
    assert_int_equal(counts->rows_sent, total);
    assert_int_equal(counts->rows_written + counts->duplicate_keys, total);
}

static void open_place(struct slc_redis *redis, const char *name, struct slc_meta *meta,
                       struct slc_layout_place *place)
{
    static const char *const wanted[] = {"LAYOUT"};
    struct slc_error error;

    assert_ok(slc_store_meta(redis, slc_str_from(name), wanted, 1, meta, &error), error);
    assert_ok(slc_layout_read(slc_str_from(name), slc_meta_get(meta, "LAYOUT"), place, &error),
              error);
}

struct comparison {
    struct slc_redis *redis;
    struct slc_layout_place *other;
    int64_t rows;
    struct slc_str row; /* of the other side */
};

static bool compare_row(void *context, struct slc_str key, struct slc_str row)
{
    struct comparison *comparison = context;

    (void)key;
    assert_non_null(row.data);
    assert_true(slc_str_eq(row, comparison->row));
    return true;
}

static bool compare_with_other(void *context, struct slc_str key, struct slc_str row)
{
    struct comparison *comparison = context;
    struct slc_error error;

    comparison->row = row;
    comparison->rows++;
    assert_ok(comparison->other->layout->fetch(comparison->redis, comparison->other, &key, 1,
                                               compare_row, comparison, &error),
              error);
    return true;
}

/* Every row of the one replica is in the other, and there are as many. */
static void expect_same(struct slc_redis *redis, struct slc_redis *second, const char *a,
                        const char *b)
{
    struct slc_meta meta_a = {0}, meta_b = {0};
    SLC_AUTO_PLACE struct slc_layout_place place_a = {0}, place_b = {0};
    struct comparison comparison = {.redis = second, .other = &place_b};
    int64_t rows_a, rows_b;
    uint64_t cursor = 0;
    struct slc_error error;

    open_place(redis, a, &meta_a, &place_a);
    open_place(redis, b, &meta_b, &place_b);
    assert_ok(place_a.layout->count(redis, &place_a, &rows_a, &error), error);
    assert_ok(place_b.layout->count(redis, &place_b, &rows_b, &error), error);
    assert_int_equal(rows_a, rows_b);
    do {
        assert_ok(place_a.layout->scan(redis, &place_a, &cursor, 100, compare_with_other,
                                       &comparison, &error),
                  error);
    } while (cursor != 0);
    assert_int_equal(comparison.rows, rows_a);
    slc_meta_release(&meta_a);
    slc_meta_release(&meta_b);
}

static void same_rows(void **state)
{
    static const int64_t totals[] = {0, 1, 2, 127, 128, 129, 255, 256, 257, 1000, 20000};
    static const int64_t at_once[] = {1, 5, 128, 130, 7000};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *second = test_open(state);

    for (size_t t = 0; t < sizeof(totals) / sizeof(totals[0]); t++)
        for (size_t c = 0; c < sizeof(at_once) / sizeof(at_once[0]); c++)
            for (int ordinal = 0; ordinal < 2; ordinal++) {
                struct test_load how = {.name = "r", .ordinal_keys = ordinal};
                struct slc_store_counts counts, packed;

                if (at_once[c] < 128 && totals[t] > 1000)
                    continue;
                load_table(redis, how, totals[t], at_once[c], 1 << 30, &counts);
                how.name = "p";
                how.layout = "packed";
                load_table(redis, how, totals[t], at_once[c], 1 << 30, &packed);
                assert_int_equal(counts.rows_written, packed.rows_written);
                expect_same(redis, second, "p", "r");
                if (totals[t] <= 1000)
                    expect_same(redis, second, "r", "p");
            }
}

/* ---- Keys that rise ---- */

enum shape { DENSE, ODD, HOLE, SPARSE, SHAPES };

/* The key of a row, counted from the first one. */
static int64_t place_in(enum shape shape, int64_t row, int64_t total)
{
    switch (shape) {
    case ODD:
        return row + row / 3 + row / 7;
    case HOLE:
        return row < total / 2 ? row : row + total - total / 4;
    case SPARSE:
        return 3 * row;
    default:
        return row;
    }
}

static void make_rising(struct slc_chunk *chunk, enum shape shape, int64_t first_key,
                        int64_t n_rows, int64_t first, int64_t total)
{
    assert_true(slc_chunk_begin(chunk, 2));
    chunk->n_rows = chunk->n_records = n_rows;
    for (int c = 0; c < 2; c++) {
        chunk->columns[c] = (struct slc_column){.type = SLC_TYPE_TEXT, .requested = true};
        chunk->columns[c].data = slc_chunk_values(chunk, SLC_TYPE_TEXT);
        for (int64_t i = 0; i < n_rows; i++) {
            char text[64];
            int64_t place = place_in(shape, first + i, total);
            int len = c == 0 ? snprintf(text, sizeof(text), "%lld", (long long)(first_key + place))
                             : snprintf(text, sizeof(text), "v%lld", (long long)(first + i));

            chunk->columns[c].texts[i] =
                slc_arena_copy(&chunk->arena, (struct slc_str){text, (size_t)len});
        }
    }
}

static void load_rising(struct slc_redis *redis, const char *name, const char *layout,
                        enum shape shape, int64_t first_key, int64_t total, int64_t at_once)
{
    struct test_load how = {.name = name,
                            .layout = layout,
                            .n_rows = total,
                            .keys_rise = true,
                            .first_key = first_key,
                            .last_key = first_key + place_in(shape, total - 1, total)};
    struct slc_store_load *load = NULL;
    struct slc_store_counts counts;
    struct slc_chunk chunk = {0};
    struct slc_error error;

    assert_ok(test_begin(redis, &how, &load, &error), error);
    for (int64_t at = 0; at < total; at += at_once) {
        make_rising(&chunk, shape, first_key, total - at < at_once ? total - at : at_once, at,
                    total);
        assert_ok(test_write(load, &how, &chunk, at, &error), error);
    }
    assert_ok(slc_store_load_finish(load, &counts, &error), error);
    assert_ok(test_commit(load, "1", &error), error);
    slc_store_load_free(load);
    slc_chunk_release(&chunk);
    assert_int_equal(counts.rows_written, total);
    assert_int_equal(counts.duplicate_keys, 0);
}

static bool expect_no_row(void *context, struct slc_str key, struct slc_str row)
{
    (void)context;
    (void)key;
    assert_null(row.data);
    return true;
}

/* What LAYOUT says of the buckets, and that keys beside them are none. */
static void expect_rule(struct slc_redis *redis, const char *rule)
{
    static const struct slc_str strangers[] = {SLC_STR("-9223372036854775808x"),
                                               SLC_STR("9223372036854775808"),
                                               SLC_STR(""),
                                               SLC_STR("key"),
                                               SLC_STR("3000000000000000000"),
                                               SLC_STR("-3000000000000000000")};
    struct slc_meta meta = {0};
    SLC_AUTO_PLACE struct slc_layout_place place = {0};
    struct slc_error error;

    open_place(redis, "p", &meta, &place);
    assert_true(slc_str_is(slc_layout_text(&place, "bucket"), rule));
    assert_ok(place.layout->fetch(redis, &place, strangers,
                                  sizeof(strangers) / sizeof(strangers[0]), expect_no_row, NULL,
                                  &error),
              error);
    slc_meta_release(&meta);
}

static void rising_keys(void **state)
{
    static const int64_t totals[] = {1, 2, 127, 128, 129, 1000, 5000};
    static const int64_t at_once[] = {1, 100, 128, 130, 4000};
    static const int64_t firsts[] = {1, 0, -5, -100000, INT64_MIN, INT64_MAX - 30000};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *second = test_open(state);

    for (size_t t = 0; t < sizeof(totals) / sizeof(totals[0]); t++)
        for (size_t c = 0; c < sizeof(at_once) / sizeof(at_once[0]); c++)
            for (int shape = DENSE; shape < SHAPES; shape++) {
                int64_t first = firsts[(t + c + (size_t)shape) % 6];
                bool in_order = shape != SPARSE || totals[t] <= 2;

                if (at_once[c] == 1 && totals[t] > 129)
                    continue;
                load_rising(redis, "r", NULL, (enum shape)shape, first, totals[t], at_once[c]);
                load_rising(redis, "p", "packed", (enum shape)shape, first, totals[t], at_once[c]);
                expect_same(redis, second, "p", "r");
                expect_same(redis, second, "r", "p");
                expect_rule(redis, in_order ? "integer" : "crc32");
            }
}

/* No longer the keys that were announced: the file is another by now. */
static void rising_keys_that_changed(void **state)
{
    static const int64_t firsts[] = {4, 6}, columns[] = {0, 1};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct test_load how = {.name = "t",
                            .layout = "packed",
                            .n_rows = 1000,
                            .keys_rise = true,
                            .first_key = 5,
                            .last_key = 1004};

    for (size_t i = 0; i < 3; i++) {
        struct slc_row_layout rows = {.columns = columns, .n_columns = 2};
        struct slc_store_load *load = NULL;
        struct slc_encoded encoded = {0};
        struct slc_chunk chunk = {0};
        struct slc_error error;

        make_rising(&chunk, DENSE, i < 2 ? firsts[i] : 5, 1000, 0, 1000);
        if (i == 2)
            chunk.columns[0].texts[500] = chunk.columns[0].texts[499];
        assert_ok(test_begin(redis, &how, &load, &error), error);
        rows.load = load;
        assert_fails(slc_store_encode(&chunk, &rows, 0, &encoded, &error), error, SLC_ERR_CHANGED);
        slc_encoded_release(&encoded);
        slc_store_load_free(load);
        slc_chunk_release(&chunk);
        assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 0);
    }
}

/* A little memory, so that rows go through the file; keys that come again. */
static void duplicates(void **state)
{
    static const int64_t memory[] = {0, 1};
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *second = test_open(state);
    struct slc_store_counts counts, packed;

    for (int on_duplicate = SLC_DUPLICATE_LAST; on_duplicate <= SLC_DUPLICATE_FIRST; on_duplicate++)
        for (size_t m = 0; m < 2; m++) {
            struct test_load how = {.name = "r",
                                    .on_duplicate = (enum slc_on_duplicate)on_duplicate,
                                    .memory_bytes = memory[m]};

            load_table(redis, how, 30000, 999, 1777, &counts);
            how.name = "p";
            how.layout = "packed";
            load_table(redis, how, 30000, 999, 1777, &packed);
            assert_int_equal(counts.duplicate_keys, packed.duplicate_keys);
            expect_same(redis, second, "p", "r");
        }
}

static void duplicates_refused(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct test_load how = {
        .name = "t", .on_duplicate = SLC_DUPLICATE_FAIL, .layout = "packed", .n_rows = 5000};
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;

    /* Row 4001 is the first whose key was there. */
    make_chunk(&chunk, 0, 5000, 0, 5000, 4000);
    assert_ok(test_begin(redis, &how, &load, &error), error);
    assert_ok(test_write(load, &how, &chunk, 0, &error), error);
    assert_fails(slc_store_load_finish(load, NULL, &error), error, SLC_ERR_DATA);
    assert_int_equal(error.row, 4001);
    slc_store_load_free(load);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 0);
    slc_chunk_release(&chunk);
}

/* ---- A server that does not take finished hashes ---- */

static void without_restore(void **state)
{
    static const char *const refused[] = {"-restore", "-dump", "-hset"};
    SLC_AUTO_REDIS struct slc_redis *admin = test_open(state);
    struct slc_error error;

    for (int i = 0; i < 3; i++) {
        SLC_AUTO_REDIS struct slc_redis *redis = test_open_again(state);
        struct test_load how = {.name = "p", .layout = "packed"};
        struct slc_store_counts counts;

        assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("ACL"), SLC_STR("SETUSER"),
                                 SLC_STR("limited"), SLC_STR("reset"), SLC_STR("on"),
                                 SLC_STR(">secret"), SLC_STR("~*"), SLC_STR("&*"), SLC_STR("+@all"),
                                 slc_str_from(refused[i])),
                  error);
        if (i == 2)
            break; /* nothing can be done without HSET */
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("AUTH"), SLC_STR("limited"),
                                 SLC_STR("secret")),
                  error);
        load_table(redis, how, 1000, 300, 1 << 30, &counts);
        assert_int_equal(counts.rows_written, 1000);
        load_table(admin, (struct test_load){.name = "r"}, 1000, 300, 1 << 30, &counts);
        expect_same(admin, redis, "p", "r");
        assert_ok(slc_store_drop(admin, REGISTRY, SLC_STR("p"), SLC_DROP_ALL, &error), error);
        assert_ok(slc_store_drop(admin, REGISTRY, SLC_STR("r"), SLC_DROP_ALL, &error), error);
        assert_int_equal(test_integer(admin, SLC_STR("DBSIZE")), 0);
    }
}

/* ---- No key is left ---- */

static void garbage_is_collected(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    const struct test_load rows = {.name = "t"}, packed = {.name = "t", .layout = "packed"};
    struct slc_store_counts counts;
    struct slc_error error;

    load_table(redis, packed, 1000, 300, 1 << 30, &counts); /* 10 buckets */
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 12);
    load_table(redis, packed, 500, 300, 1 << 30, &counts);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 7);
    load_table(redis, rows, 500, 300, 1 << 30, &counts);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 3);
    load_table(redis, packed, 200, 300, 1 << 30, &counts);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 4);
    assert_int_equal(test_integer(redis, SLC_STR("EXISTS"), SLC_STR("t")), 0);
    assert_ok(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ROWS, &error), error);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 2);
    test_expect_top(redis, "t", 5, "{}");
    load_table(redis, packed, 200, 300, 1 << 30, &counts);
    assert_ok(slc_store_drop(redis, REGISTRY, SLC_STR("t"), SLC_DROP_ALL, &error), error);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 0);
}

static bool all_dead(struct slc_str owner, int64_t started_usec, void *context)
{
    (void)owner;
    (void)started_usec;
    (void)context;
    return true;
}

/* Stopped at any point, what is left is found by its announcement or its note. */
static void killed_loads_are_swept(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);
    struct slc_chunk chunk = {0};
    struct slc_error error;

    make_chunk(&chunk, 0, 1000, 0, 1000, 1 << 30);
    for (int ordinal = 0; ordinal < 2; ordinal++)
        for (int point = 0; point < 3; point++) {
            SLC_AUTO_REDIS struct slc_redis *redis = test_open_again(state);
            struct test_load how = {
                .name = "t", .layout = "packed", .n_rows = 1000, .ordinal_keys = ordinal};
            struct slc_store_load *load = NULL;

            assert_ok(test_begin(redis, &how, &load, &error), error);
            if (point > 0)
                assert_ok(test_write(load, &how, &chunk, 0, &error), error);
            if (point > 1)
                assert_ok(slc_store_load_finish(load, NULL, &error), error);
            assert_ok(slc_store_sweep(other, REGISTRY, all_dead, NULL, NULL, &error), error);
            assert_int_equal(test_integer(other, SLC_STR("DBSIZE")), 0);
            slc_store_load_free(load);
        }
    /* The note of what was replaced is still there when the loader dies behind its swap. */
    assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("HSET"),
                             SLC_STR("REPLICA_REGISTRY:garbage"),
                             SLC_STR("0123456789abcdef0123456789abcdef"),
                             SLC_STR("{\"name\":\"t\",\"started_usec\":0,\"owner\":\"\",\"layout\":"
                                     "\"{\\\"version\\\":1,\\\"layout\\\":\\\"packed\\\","
                                     "\\\"prefix\\\":\\\"t:0123456789abcdef0123456789abcdef:\\\","
                                     "\\\"bucket\\\":\\\"crc32\\\","
                                     "\\\"buckets\\\":600,\\\"rows_per_bucket\\\":100}\"}")),
              error);
    for (int i = 0; i < 600; i++) {
        char key[64];
        int len = snprintf(key, sizeof(key), "t:0123456789abcdef0123456789abcdef:%d", i);

        assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("HSET"),
                                 ((struct slc_str){key, (size_t)len}), SLC_STR("a"), SLC_STR("b")),
                  error);
    }
    assert_ok(slc_store_sweep(other, REGISTRY, all_dead, NULL, NULL, &error), error);
    assert_int_equal(test_integer(other, SLC_STR("DBSIZE")), 0);
    slc_chunk_release(&chunk);
}

/* Rows of a version that knows more layouts are left to it. */
static void unknown_garbage_is_kept(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"),
                             SLC_STR("REPLICA_REGISTRY:garbage"),
                             SLC_STR("0123456789abcdef0123456789abcdef"),
                             SLC_STR("{\"name\":\"t\",\"started_usec\":0,\"owner\":\"\",\"layout\":"
                                     "\"{\\\"version\\\":7,\\\"layout\\\":\\\"folded\\\"}\"}")),
              error);
    assert_ok(slc_store_sweep(redis, REGISTRY, all_dead, NULL, NULL, &error), error);
    assert_int_equal(test_integer(redis, SLC_STR("HLEN"), SLC_STR("REPLICA_REGISTRY:garbage")), 1);
}

/* Whether rows are garbage is for their metadata to say: when the server does not
 * tell, they stay. */
static void rows_stay_when_the_server_does_not_tell(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REPLY struct slc_reply *meta = NULL;
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_announcement note = {.name = SLC_STR("t"), .owner = SLC_STR("")};
    struct slc_store_counts counts;
    struct slc_error error;

    load_table(redis, (struct test_load){.name = "t", .layout = "packed"}, 200, 300, 1 << 30,
               &counts); /* 2 buckets */
    assert_ok(slc_redis_call(redis, &meta, &error, SLC_STR("HMGET"), SLC_STR("t.META"),
                             SLC_STR("LOAD_ID"), SLC_STR("LAYOUT")),
              error);
    note.document = meta->items[1].text;
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"),
                             SLC_STR("REPLICA_REGISTRY:garbage"), meta->items[0].text,
                             slc_announcement_text(&arena, &note)),
              error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("ACL"), SLC_STR("SETUSER"),
                             SLC_STR("default"), SLC_STR("-hmget")),
              error);
    assert_fails(slc_store_sweep(redis, REGISTRY, all_dead, NULL, NULL, &error), error,
                 SLC_ERR_AUTH);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("ACL"), SLC_STR("SETUSER"),
                             SLC_STR("default"), SLC_STR("+hmget")),
              error);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 5);
    /* Told that they are current, it forgets the note alone. */
    assert_ok(slc_store_sweep(redis, REGISTRY, all_dead, NULL, NULL, &error), error);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 4);
}

/* The lists of the layout keys are all that knows the rows' names: they go last. */
static void lists_of_rows_go_last(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("HSET"),
                             SLC_STR("REPLICA_REGISTRY:garbage"),
                             SLC_STR("0123456789abcdef0123456789abcdef"),
                             SLC_STR("{\"name\":\"t\",\"started_usec\":0,\"owner\":\"\",\"layout\":"
                                     "\"{\\\"version\\\":1,\\\"layout\\\":\\\"keys\\\","
                                     "\\\"prefix\\\":\\\"t:0123456789abcdef0123456789abcdef:\\\","
                                     "\\\"keys\\\":\\\"lists\\\",\\\"rows\\\":1}\"}")),
              error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("RPUSH"),
                             SLC_STR("t:0123456789abcdef0123456789abcdef#0"), SLC_STR("a")),
              error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"),
                             SLC_STR("t:0123456789abcdef0123456789abcdef:a"), SLC_STR("{}")),
              error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("ACL"), SLC_STR("SETUSER"),
                             SLC_STR("default"), SLC_STR("-lrange")),
              error);
    assert_fails(slc_store_sweep(redis, REGISTRY, all_dead, NULL, NULL, &error), error,
                 SLC_ERR_AUTH);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("ACL"), SLC_STR("SETUSER"),
                             SLC_STR("default"), SLC_STR("+lrange")),
              error);
    assert_ok(slc_store_sweep(redis, REGISTRY, all_dead, NULL, NULL, &error), error);
    assert_int_equal(test_integer(redis, SLC_STR("DBSIZE")), 0);
}

/* More buckets than a number of bytes can be told for, on the document's word. */
static void sizes_beyond_numbers(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_store_size size;
    struct slc_error error;

    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"),
                             SLC_STR("t:0123456789abcdef0123456789abcdef:0"), SLC_STR("{}")),
              error);
    assert_ok(slc_store_size(redis, SLC_STR("t"),
                             SLC_STR("{\"version\":1,\"layout\":\"packed\",\"prefix\":"
                                     "\"t:0123456789abcdef0123456789abcdef:\",\"bucket\":"
                                     "\"crc32\",\"buckets\":400000000000000000,"
                                     "\"rows_per_bucket\":100,\"rows\":1}"),
                             &size, &error),
              error);
    assert_int_equal(size.memory_bytes, -1);
}

/* A server that is full, and one that keeps small hashes smaller than a bucket. */
static void full_and_strict_servers(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *admin = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *redis = test_open_again(state);
    struct test_load how = {.name = "t", .layout = "packed", .n_rows = 1000};
    struct slc_store_load *load = NULL;
    struct slc_store_counts counts;
    struct slc_chunk chunk = {0};
    struct slc_error error;

    make_chunk(&chunk, 0, 1000, 0, 1000, 1 << 30);
    for (int ordinal = 0; ordinal < 2; ordinal++) {
        how.ordinal_keys = ordinal;
        assert_ok(test_begin(redis, &how, &load, &error), error);
        assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                                 SLC_STR("maxmemory"), SLC_STR("1")),
                  error);
        bool good =
            test_write(load, &how, &chunk, 0, &error) && slc_store_load_finish(load, NULL, &error);
        assert_false(good);
        assert_int_equal(error.class, SLC_CLASS_RETRY);
        slc_store_load_free(load);
        assert_int_equal(test_integer(admin, SLC_STR("DBSIZE")), 0);
        assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                                 SLC_STR("maxmemory"), SLC_STR("0")),
                  error);
        assert_ok(slc_redis_reopen(redis, &error), error);
    }
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("hash-max-listpack-entries"), SLC_STR("10")),
              error);
    load_table(admin, how, 1000, 300, 1 << 30, &counts);
    load_table(admin, (struct test_load){.name = "r", .ordinal_keys = true}, 1000, 300, 1 << 30,
               &counts);
    expect_same(admin, redis, "t", "r");
    /* A full one can be emptied. */
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("maxmemory"), SLC_STR("1")),
              error);
    assert_ok(slc_store_drop(admin, REGISTRY, SLC_STR("t"), SLC_DROP_ALL, &error), error);
    assert_int_equal(test_integer(admin, SLC_STR("DBSIZE")), 3);
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("maxmemory"), SLC_STR("0")),
              error);
    slc_chunk_release(&chunk);
}

/* What is no row any more is noticed. */
static void tampering_is_noticed(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);
    static const char id[] = "0123456789abcdef0123456789abcdef";
    struct test_load how = {
        .name = "t", .layout = "packed", .n_rows = 1000, .ordinal_keys = true, .load_id = id};
    struct slc_store_load *load = NULL;
    struct slc_chunk chunk = {0};
    struct slc_error error;
    char key[64];
    int len = snprintf(key, sizeof(key), "t:%s:3", id);

    make_chunk(&chunk, 0, 1000, 0, 1000, 1 << 30);
    assert_ok(test_begin(redis, &how, &load, &error), error);
    assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("HSET"),
                             ((struct slc_str){key, (size_t)len}), SLC_STR("a"), SLC_STR("b")),
              error);
    bool good =
        test_write(load, &how, &chunk, 0, &error) && slc_store_load_finish(load, NULL, &error);
    assert_false(good); /* BUSYKEY */
    slc_store_load_free(load);
    assert_ok(slc_redis_reopen(redis, &error), error);
    assert_ok(test_begin(redis, &how, &load, &error), error);
    assert_ok(test_write(load, &how, &chunk, 0, &error), error);
    assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("HSET"), SLC_STR("x"), SLC_STR("a"),
                             SLC_STR("b")),
              error);
    assert_int_equal(test_integer(other, SLC_STR("DEL"), ((struct slc_str){key, (size_t)len})), 1);
    assert_fails(slc_store_load_finish(load, NULL, &error), error, SLC_ERR_VERIFY);
    slc_store_load_free(load);
    assert_int_equal(test_integer(other, SLC_STR("DBSIZE")), 1);
    slc_chunk_release(&chunk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum),
        cmocka_unit_test(entries),
        cmocka_unit_test(restored_in_each_way),
        cmocka_unit_test(partitions),
        cmocka_unit_test(same_rows),
        cmocka_unit_test(rising_keys),
        cmocka_unit_test(rising_keys_that_changed),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(duplicates_refused),
        cmocka_unit_test(without_restore),
        cmocka_unit_test(garbage_is_collected),
        cmocka_unit_test(killed_loads_are_swept),
        cmocka_unit_test(unknown_garbage_is_kept),
        cmocka_unit_test(rows_stay_when_the_server_does_not_tell),
        cmocka_unit_test(lists_of_rows_go_last),
        cmocka_unit_test(sizes_beyond_numbers),
        cmocka_unit_test(full_and_strict_servers),
        cmocka_unit_test(tampering_is_noticed),
    };

    return cmocka_run_group_tests_name("store/packed", tests, test_server_setup,
                                       test_server_teardown);
}
