#include "support.h"

#include <math.h>
#include <stdio.h>

#include "base/time.h"
#include "store/arrow.h"

enum { N_FIELDS = 9, MOST_ROWS = 200 };

static const enum slc_type types[N_FIELDS] = {SLC_TYPE_TEXT,     SLC_TYPE_BOOL,    SLC_TYPE_INT64,
                                              SLC_TYPE_UINT64,   SLC_TYPE_FLOAT64, SLC_TYPE_DATE,
                                              SLC_TYPE_DATETIME, SLC_TYPE_JSON,    SLC_TYPE_NULL};

static uint64_t next_random(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *random >> 20;
}

/* Every type; each column but the first has gaps when `gaps`. */
static void make_chunk(struct slc_chunk *chunk, int64_t n_rows, bool gaps, uint64_t *random)
{
    static char texts[MOST_ROWS][24];

    assert_true(slc_chunk_begin(chunk, N_FIELDS));
    chunk->n_rows = n_rows;
    for (int64_t i = 0; i < N_FIELDS; i++) {
        struct slc_column *column = &chunk->columns[i];

        column->type = types[i];
        if (types[i] == SLC_TYPE_NULL)
            continue;
        column->data = slc_chunk_values(chunk, types[i]);
        memset(column->data, 0, (size_t)n_rows * slc_type_width_bytes(types[i]));
        column->valid = gaps && i > 0 ? slc_chunk_bitmap(chunk) : NULL;
        for (int64_t row = 0; row < n_rows; row++) {
            uint64_t value = next_random(random);

            if (column->valid && value % 3 == 0) {
                column->valid[row >> 6] &= ~(UINT64_C(1) << (row & 63));
                column->n_missing++;
                continue;
            }
            if (types[i] == SLC_TYPE_BOOL)
                column->bools[row] = value & 1;
            else if (types[i] == SLC_TYPE_INT64)
                column->int64s[row] = -(int64_t)value;
            else if (types[i] == SLC_TYPE_UINT64)
                column->uint64s[row] = UINT64_MAX - value;
            else if (types[i] == SLC_TYPE_FLOAT64)
                column->float64s[row] = value % 7 == 0 ? (double)INFINITY : (double)value / 3;
            else if (types[i] == SLC_TYPE_DATE)
                column->dates[row] = (int32_t)(value % 40000) - 10000;
            else if (types[i] == SLC_TYPE_DATETIME)
                column->datetimes[row] = (int64_t)(value % (UINT64_C(1) << 50));
            else {
                int len = snprintf(texts[row], sizeof(texts[row]), "\xc3\xa9%llu",
                                   (unsigned long long)value);
                column->texts[row] =
                    slc_arena_copy(&chunk->arena, (struct slc_str){texts[row], (size_t)len});
            }
        }
    }
}

/* What the columns of a narrowed chunk can do with. */
static const struct slc_narrow narrows[N_FIELDS] = {
    [2] = {.bits = 8}, [3] = {.bits = 16}, [4] = {.bits = 32}, [7] = {.index_bits = 8}};

/* Values that need no more than that, the extreme ones among them. */
static void make_narrow(struct slc_chunk *chunk)
{
    for (int64_t row = 0; row < chunk->n_rows; row++) {
        chunk->columns[2].int64s[row] = row % 3 ? chunk->columns[2].int64s[row] % 100 : INT8_MIN;
        chunk->columns[3].uint64s[row] =
            row % 3 ? chunk->columns[3].uint64s[row] % 999 : UINT16_MAX;
        chunk->columns[4].float64s[row] = (double)(float)chunk->columns[4].float64s[row];
        if (row >= 7 && slc_column_has(&chunk->columns[7], row) &&
            slc_column_has(&chunk->columns[7], row % 7))
            chunk->columns[7].texts[row] = chunk->columns[7].texts[row % 7];
        else if (slc_column_has(&chunk->columns[7], row))
            chunk->columns[7].texts[row] = row % 2 ? SLC_STR("") : SLC_STR("odd");
    }
}

static bool write_chunk(const struct slc_chunk *chunk, const struct slc_narrow narrow[N_FIELDS],
                        struct slc_buf *out, size_t *ret_first_end)
{
    static const char *const names[N_FIELDS] = {"id", "b", "i", "u",       "f",
                                                "d",  "t", "j", "\xc3\xa9"};
    struct slc_arrow_field fields[N_FIELDS];

    for (int i = 0; i < N_FIELDS; i++)
        fields[i] = (struct slc_arrow_field){.name = slc_str_from(names[i]),
                                             .type = types[i],
                                             .column = &chunk->columns[i],
                                             .narrow = narrow ? narrow[i] : (struct slc_narrow){0}};
    return slc_arrow_write(out, fields, N_FIELDS, chunk->n_rows, ret_first_end, NULL);
}

static void compare(const struct slc_chunk *a, const struct slc_chunk *b, int64_t n_fields)
{
    assert_int_equal(a->n_rows, b->n_rows);
    assert_int_equal(b->n_columns, n_fields);
    for (int64_t i = 0; i < n_fields; i++) {
        const struct slc_column *left = &a->columns[i], *right = &b->columns[i];

        assert_int_equal(right->type, left->type == SLC_TYPE_JSON ? SLC_TYPE_TEXT : left->type);
        for (int64_t row = 0; row < a->n_rows; row++) {
            assert_int_equal(slc_column_has(left, row), slc_column_has(right, row));
            if (!slc_column_has(left, row))
                continue;
            if (slc_type_is_text(left->type))
                assert_true(slc_str_eq(left->texts[row], right->texts[row]));
            else
                assert_memory_equal(
                    (char *)left->data + (size_t)row * slc_type_width_bytes(left->type),
                    (char *)right->data + (size_t)row * slc_type_width_bytes(left->type),
                    slc_type_width_bytes(left->type));
        }
    }
}

static void there_and_back(void **state)
{
    static const int64_t sizes[] = {0, 1, 7, 8, 9, 63, 64, 65, MOST_ROWS};
    struct slc_chunk chunk = {0}, back = {0};
    uint64_t random = 1;

    (void)state;
    for (size_t i = 0; i < 4 * sizeof(sizes) / sizeof(*sizes); i++) {
        bool narrow = i % 4 > 1;
        SLC_AUTO_BUF struct slc_buf stream = {0};
        struct slc_error error;
        size_t first_end;

        make_chunk(&chunk, sizes[i / 4], i % 2, &random);
        if (narrow)
            make_narrow(&chunk);
        assert_true(write_chunk(&chunk, narrow ? narrows : NULL, &stream, &first_end));
        assert_int_equal(stream.len % 8, 0);
        assert_ok(slc_arrow_read(slc_buf_view(&stream), INT64_MAX, &back, &error), error);
        compare(&chunk, &back, N_FIELDS);
        /* The first column alone, without the bytes behind it. */
        assert_true(first_end < stream.len);
        assert_ok(slc_arrow_read((struct slc_str){stream.data, first_end}, 1, &back, &error),
                  error);
        compare(&chunk, &back, 1);
    }
    slc_chunk_release(&chunk);
    slc_chunk_release(&back);
}

/* What a chunk may have in a column of another type. */
static void other_types(void **state)
{
    struct slc_chunk chunk = {0}, back = {0};
    SLC_AUTO_BUF struct slc_buf stream = {0};
    struct slc_column none = {.type = SLC_TYPE_NULL};
    struct slc_arrow_field fields[5];
    uint64_t random = 3;
    size_t end;
    struct slc_error error;

    (void)state;
    make_chunk(&chunk, 10, true, &random);
    fields[0] = (struct slc_arrow_field){
        .name = SLC_STR("a"), .type = SLC_TYPE_FLOAT64, .column = &chunk.columns[2]};
    fields[1] =
        (struct slc_arrow_field){.name = SLC_STR("b"), .type = SLC_TYPE_TEXT, .column = &none};
    fields[2] =
        (struct slc_arrow_field){.name = SLC_STR("c"), .type = SLC_TYPE_BOOL, .column = &none};
    fields[3] = (struct slc_arrow_field){
        .name = SLC_STR("d"), .type = SLC_TYPE_NULL, .column = &chunk.columns[2]};
    fields[4] =
        (struct slc_arrow_field){.name = SLC_STR("e"), .type = SLC_TYPE_DATE, .column = &none};
    assert_true(slc_arrow_write(&stream, fields, 5, 10, &end, &error));
    assert_ok(slc_arrow_read(slc_buf_view(&stream), 5, &back, &error), error);
    for (int64_t row = 0; row < 10; row++) {
        assert_int_equal(slc_column_has(&back.columns[0], row),
                         slc_column_has(&chunk.columns[2], row));
        if (slc_column_has(&back.columns[0], row))
            assert_true(back.columns[0].float64s[row] == (double)chunk.columns[2].int64s[row]);
        for (int i = 1; i < 5; i++)
            assert_false(slc_column_has(&back.columns[i], row));
    }
    fields[0].column = &chunk.columns[0];
    assert_fails(slc_arrow_write(&stream, fields, 1, 10, &end, &error), error, SLC_ERR_INTERNAL);
    slc_chunk_release(&chunk);
    slc_chunk_release(&back);
}

/* Cut off anywhere, and with any byte another one: an error, or what can be read. */
static void damage(bool narrow)
{
    static const unsigned char others[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    struct slc_chunk chunk = {0}, back = {0};
    SLC_AUTO_BUF struct slc_buf stream = {0};
    uint64_t random = 5;
    size_t first_end;

    make_chunk(&chunk, 20, true, &random);
    if (narrow)
        make_narrow(&chunk);
    assert_true(write_chunk(&chunk, narrow ? narrows : NULL, &stream, &first_end));
    for (size_t len = 0; len < stream.len - 72; len++) {
        char *copy = malloc(len + 1); /* its end is where the sanitizer looks */
        struct slc_error error;

        memcpy(copy, stream.data, len);
        if (!slc_arrow_read((struct slc_str){copy, len}, INT64_MAX, &back, &error))
            assert_int_equal(error.code, SLC_ERR_DATA);
        else
            fail_msg("%zu of %zu bytes are read as all", len, stream.len);
        free(copy);
    }
    for (size_t at = 0; at < stream.len; at++)
        for (size_t i = 0; i < sizeof(others); i++) {
            char was = stream.data[at];
            struct slc_error error;

            stream.data[at] = (char)others[i];
            if (!slc_arrow_read(slc_buf_view(&stream), INT64_MAX, &back, &error)) {
                assert_int_equal(error.code, SLC_ERR_DATA);
            } else { /* then all of it can be looked at */
                size_t bytes = 0;

                for (int64_t c = 0; c < back.n_columns; c++)
                    for (int64_t row = 0; row < back.n_rows && row < 100; row++)
                        if (slc_type_is_text(back.columns[c].type) &&
                            slc_column_has(&back.columns[c], row))
                            bytes += back.columns[c].texts[row].len;
                assert_true(bytes < 20 * stream.len);
            }
            stream.data[at] = was;
        }
    slc_chunk_release(&chunk);
    slc_chunk_release(&back);
}

static void damaged(void **state)
{
    (void)state;
    damage(false);
    damage(true);
}

/* A value that its column's type does not hold is no value that is stored. */
static void too_wide(void **state)
{
    struct slc_chunk chunk = {0};
    uint64_t random = 11;
    size_t first_end;

    (void)state;
    for (int i = 0; i < 8; i++) {
        SLC_AUTO_BUF struct slc_buf stream = {0};

        make_chunk(&chunk, 150, false, &random);
        make_narrow(&chunk);
        if (i == 0)
            chunk.columns[2].int64s[77] = INT8_MAX + 1;
        else if (i == 1)
            chunk.columns[2].int64s[77] = INT8_MIN - 1;
        else if (i == 2)
            chunk.columns[3].uint64s[77] = UINT16_MAX + 1;
        else if (i == 3)
            chunk.columns[4].float64s[77] = 0.1;
        else if (i == 4)
            for (int row = 0; row < 150; row++) /* texts that differ */
                chunk.columns[7].texts[row] = chunk.columns[0].texts[row];
        else if (i == 5)
            chunk.columns[2].type = SLC_TYPE_TEXT;
        assert_int_equal(write_chunk(&chunk, narrows, &stream, &first_end), i > 5);
        if (i == 5)
            chunk.columns[2].type = SLC_TYPE_INT64;
    }
    slc_chunk_release(&chunk);
}

static void what_cannot_be(void **state)
{
    struct slc_chunk chunk = {0}, back = {0};
    uint64_t random = 7;
    size_t first_end;
    struct slc_error error;

    (void)state;
    for (int i = 0; i < 3; i++) {
        SLC_AUTO_BUF struct slc_buf stream = {0};

        make_chunk(&chunk, 3, false, &random);
        if (i == 0)
            chunk.columns[5].dates[1] = INT32_MAX;
        else if (i == 1)
            chunk.columns[6].datetimes[2] = INT64_MIN;
        else
            chunk.columns[0].texts[0] = SLC_STR("\xff");
        assert_true(write_chunk(&chunk, NULL, &stream, &first_end));
        assert_fails(slc_arrow_read(slc_buf_view(&stream), INT64_MAX, &back, &error), error,
                     SLC_ERR_DATA);
    }
    slc_chunk_release(&chunk);
    slc_chunk_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back), cmocka_unit_test(other_types),
        cmocka_unit_test(damaged),        cmocka_unit_test(too_wide),
        cmocka_unit_test(what_cannot_be),
    };

    return cmocka_run_group_tests_name("store/arrow", tests, NULL, NULL);
}
