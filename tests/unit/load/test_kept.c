/* What is kept of a chunk comes back as the reader gave it, and the last chunks are
 * those that are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "load/kept.h"

enum { ROWS = 20000, COLUMNS = 11, REJECTED = 777 };

/* The types of the whole table, `late` has no value in its first half. */
static const enum slc_type types[COLUMNS] = {
    SLC_TYPE_INT64,   SLC_TYPE_INT64, SLC_TYPE_INT64, SLC_TYPE_UINT64,
    SLC_TYPE_FLOAT64, SLC_TYPE_DATE,  SLC_TYPE_DATE,  SLC_TYPE_DATETIME,
    SLC_TYPE_BOOL,    SLC_TYPE_TEXT,  SLC_TYPE_INT64,
};

static void write_row(FILE *file, int row)
{
    static const int lengths[] = {0, 1, 3, 4, 7, 8, 15, 16, 31, 32, 33, 300};
    char text[301];
    int len = lengths[row % 12];

    memset(text, 'a' + row % 26, sizeof(text));
    fprintf(file, "%d,", row % 100 - 50);                  /* tiny */
    fprintf(file, row % 7 ? "%d," : ",", row * 3 - 30000); /* small, with gaps */
    fprintf(file, "%lld,", (long long)row * (row % 2 ? -4294967296 : 4294967296)); /* large */
    fprintf(file, "%llu,", (1ULL << 63) + (unsigned)row);
    fprintf(file, "%d.5e-3,", row);
    fprintf(file, "20%02d-03-%02d,", row % 100, row % 28 + 1);
    fprintf(file, "%04d-12-31,", row % 2 ? 1 : 9999);
    fprintf(file, "2022-01-01T00:%02d:%02d.%06d,", row / 60 % 60, row % 60, row);
    fprintf(file, row % 5 ? "%s," : ",", row % 2 ? "true" : "false");
    fprintf(file, "%.*s\xc3\xa9,", len, text);
    fprintf(file, row < ROWS / 2 ? "\n" : "%d\n", row);
    if (row == REJECTED)
        fputs("too,few\n", file);
}

static struct slc_reader *open_table(struct slc_error *error)
{
    struct slc_reader_options options = slc_reader_default_options();
    char path[] = "/tmp/slc-kept-XXXXXX";
    int fd = mkstemp(path);
    struct slc_reader *reader;
    FILE *file;

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    file = fdopen(dup(fd), "w");
    assert_non_null(file);
    fputs("tiny,small,large,big,real,day,far,moment,flag,text,late\n", file);
    for (int row = 0; row < ROWS; row++)
        write_row(file, row);
    assert_int_equal(fclose(file), 0);
    assert_true(lseek(fd, 0, SEEK_SET) == 0);
    options.chunk_bytes = 64 << 10;
    assert_true(slc_reader_open(fd, "t.csv", &options, &reader, error));
    return reader;
}

/* The requests of the second pass, and of the first, which knows no types. */
static void request(struct slc_column_request requests[COLUMNS], bool typed)
{
    for (int i = 0; i < COLUMNS; i++)
        requests[i] =
            (struct slc_column_request){SLC_COLUMN_READ, typed ? types[i] : SLC_TYPE_NULL};
}

static void expect_same_column(const struct slc_column *got, const struct slc_column *expected,
                               int64_t n_rows)
{
    size_t width = slc_type_width_bytes(expected->type);

    assert_int_equal(got->type, expected->type);
    assert_true(got->requested);
    assert_int_equal(got->n_missing, expected->n_missing);
    for (int64_t row = 0; row < n_rows; row++) {
        assert_int_equal(slc_column_has(got, row), slc_column_has(expected, row));
        if (slc_type_is_text(got->type))
            assert_true(slc_str_eq(got->texts[row], expected->texts[row]));
        else
            assert_memory_equal((char *)got->data + (size_t)row * width,
                                (char *)expected->data + (size_t)row * width, width);
    }
}

static void chunks_come_back(void **state)
{
    struct slc_kept kept = {.limit_bytes = 64 << 20};
    struct slc_column_request untyped[COLUMNS], typed[COLUMNS];
    struct slc_chunk chunk = {0}, again = {0};
    struct slc_error error = {0};
    struct slc_reader *reader = open_table(&error);
    int64_t n_chunks = 0, first, text_bytes = 0;

    (void)state;
    request(untyped, false);
    request(typed, true);
    while (slc_reader_next(reader, &chunk, &error) == 1) {
        struct slc_kept_chunk *packed;

        assert_true(slc_reader_parse(reader, &chunk, untyped, &error));
        packed = slc_kept_pack(&chunk);
        assert_int_equal(packed == NULL, chunk.n_rejects > 0);
        slc_kept_add(&kept, chunk.seq, packed);
        for (int64_t row = 0; row < chunk.n_rows; row++)
            text_bytes += (int64_t)chunk.columns[9].texts[row].len;
        slc_reader_recycle(reader, &chunk);
        n_chunks++;
    }
    /* Not much larger than the values have to be: 1, 2, 8, 8, 8, 2, 4, 8, 1, 4. */
    assert_in_range(kept.bytes, text_bytes, text_bytes + (int64_t)ROWS * 56);
    /* The chunk with a rejected row is not kept, and those before it are none of the last ones. */
    first = slc_kept_first(&kept, n_chunks, typed);
    assert_in_range(first, 1, n_chunks / 2);
    assert_null(kept.chunks[first - 1]);
    assert_true(slc_reader_rewind(reader, &error));
    while (slc_reader_next(reader, &chunk, &error) == 1) {
        assert_true(slc_reader_parse(reader, &chunk, typed, &error));
        if (chunk.seq >= first) {
            assert_true(slc_kept_unpack(&kept, chunk.seq, typed, &again, &error));
            assert_int_equal(again.seq, chunk.seq);
            assert_int_equal(again.n_rows, chunk.n_rows);
            assert_int_equal(again.n_records, chunk.n_records);
            assert_int_equal(again.n_rejects, 0);
            for (int i = 0; i < COLUMNS; i++)
                expect_same_column(&again.columns[i], &chunk.columns[i], chunk.n_rows);
        }
        slc_reader_recycle(reader, &chunk);
    }
    /* What nobody asks for is left out. */
    typed[3].what = SLC_COLUMN_SKIP;
    assert_true(slc_kept_unpack(&kept, first, typed, &again, &error));
    assert_false(again.columns[3].requested);
    assert_true(again.columns[4].requested);
    /* As another type nobody can have them. */
    typed[0].type = SLC_TYPE_TEXT;
    assert_int_equal(slc_kept_first(&kept, n_chunks, typed), n_chunks);
    typed[0].what = SLC_COLUMN_SKIP;
    assert_int_equal(slc_kept_first(&kept, n_chunks, typed), first);
    assert_int_equal(slc_kept_first(&kept, n_chunks + 1, typed), n_chunks + 1);
    slc_chunk_release(&chunk);
    slc_chunk_release(&again);
    slc_kept_release(&kept);
    slc_reader_close(reader);
}

/* A chunk of one column of so many whole numbers. */
static struct slc_kept_chunk *pack_numbers(int64_t n)
{
    struct slc_chunk chunk = {0};
    struct slc_kept_chunk *packed;

    assert_true(slc_chunk_begin(&chunk, 1));
    chunk.n_rows = n;
    chunk.columns[0] = (struct slc_column){.type = SLC_TYPE_INT64, .requested = true};
    chunk.columns[0].data = slc_chunk_values(&chunk, SLC_TYPE_INT64);
    assert_non_null(chunk.columns[0].data);
    for (int64_t i = 0; i < n; i++)
        chunk.columns[0].int64s[i] = INT64_MIN + i;
    packed = slc_kept_pack(&chunk);
    assert_non_null(packed);
    slc_chunk_release(&chunk);
    return packed;
}

static void the_last_are_kept(void **state)
{
    static const int64_t order[] = {1, 0, 2, 4, 3, 7, 6, 5, 9, 8};
    struct slc_column_request whole = {SLC_COLUMN_READ, SLC_TYPE_INT64};
    struct slc_kept kept = {.limit_bytes = 4 * 8500};
    struct slc_chunk chunk = {0};

    (void)state;
    for (int i = 0; i < 10; i++) {
        slc_kept_add(&kept, order[i], pack_numbers(1000));
        assert_in_range(kept.bytes, 8000, kept.limit_bytes);
    }
    assert_int_equal(slc_kept_first(&kept, 10, &whole), 6);
    assert_true(slc_kept_unpack(&kept, 6, &whole, &chunk, NULL));
    assert_true(chunk.columns[0].int64s[999] == INT64_MIN + 999);
    /* One of which nothing was kept. */
    slc_kept_add(&kept, 10, NULL);
    assert_int_equal(slc_kept_first(&kept, 11, &whole), 11);
    slc_kept_add(&kept, 11, pack_numbers(10));
    assert_int_equal(slc_kept_first(&kept, 12, &whole), 11);
    /* One that is too large for all. */
    slc_kept_add(&kept, 12, pack_numbers(10000));
    assert_int_equal(kept.bytes, 0);
    assert_int_equal(slc_kept_first(&kept, 13, &whole), 13);
    slc_kept_add(&kept, 13, pack_numbers(0));
    assert_int_equal(slc_kept_first(&kept, 14, &whole), 13);
    assert_true(slc_kept_unpack(&kept, 13, &whole, &chunk, NULL));
    assert_int_equal(chunk.n_rows, 0);
    slc_chunk_release(&chunk);
    slc_kept_release(&kept);
    assert_int_equal(kept.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_come_back),
        cmocka_unit_test(the_last_are_kept),
    };

    return cmocka_run_group_tests_name("load/kept", tests, NULL, NULL);
}
