#include "reader_test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/file.h"

static struct slc_reader_options defaults(void)
{
    return slc_reader_default_options();
}

static const char *const handmade[] = {
    "a,b\n1,2\n3,4\n",
    "a,b\r\n1,2\r\n3,4\r\n",
    "a,b\r1,2\r3,4\r",
    "a,b\n1,2\r\n3,4\r5,6\n\r7,8\r\r9,0",
    "\xef\xbb\xbf"
    "a,b\n1,2\n",
    "\n\n \r\n\t\na,b\n1,2\n",
    "a,b\n\n1,2\n  \n\t\n3,4\n \t \n",
    "a\n1\n\n2\n  \n3\n\"\"\n4\n",
    "a,b\n1,\"x\ny\"\n2,\"x\r\ny,\"\"z\"\"\"\n3,\"\"\n",
    "a,b\n1\n1,2,3\n4,5\n,\n6\n\n7,8,\n9,0\n",
    "a,b\n1,\xff\n2,\xc3\xa9\n\xed\xa0\x80,3\n4,\xf5\n5,ok\n",
    "a,b\n1,\"open\n2,3\n4,5\n",
    "a,b\n1,2\n3,\"open",
    "a,b\n\"open\n1,2\n",
    "\"open,b\n1,2\n",
    "a,b\n1,x\"y\n2,\"x\"y\"z\n3, \"x\n4,\"x\" \n",
    "a,b\n",
    "a,b",
    "a",
    "a,b\n1,2",
    "a,a,,a.1,a,,Unnamed: 2\n1,2,3,4,5,6,7\n",
    ",\n1,2\n",
    "a,b\n-1,x\n9223372036854775808,y\n1.5,z\n",
    "a\n-1\n1.5\n9223372036854775808\n",
    "a\n9223372036854775808\n5\n-3\n",
    "a\n1\n1\n1\n1\n1\n2.5\n9007199254740993\n",
    "a\n1\n2\n3\n007\n",
    "a,b\n2020-01-01,true\n2020-01-02T10:00,false\n2020-01-03,NA\n",
    "a,b\n1,2\n3,4\n5,true\n",
    "a,b\n,\n,\n",
    "a;b\n1,5;x\n2,5;y\n",
    "a,b\n\"\"\"\"\"\",\"\"\"\n\"\n",
};

static void handmade_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(handmade) / sizeof(handmade[0]); i++)
        same_in_every_way(str(handmade[i]), defaults(), true);
}

static void random_cell(struct dice *dice, struct slc_buf *table, bool may_break)
{
    static const char *const cells[] = {
        "1",
        "-5",
        "",
        "x",
        "2.5",
        "\"q\"",
        "\"a\"\"b\"",
        "\"l\nm\"",
        "\"l\r\nm\"",
        "\"c,d\"",
        "NA",
        "007",
        "true",
        "2020-01-01",
        "\xc3\xa9",
        "18446744073709551615",
        " 3 ",
        "\"\"",
        "long cell of text that fills a step or so of sixty-four bytes"};
    static const char *const broken[] = {"\"a\"b", "a\"b", "\xff", "x,y", "\"\n\"\"", "\r", "\n"};

    if (may_break && roll(dice, 40) == 0)
        slc_buf_append_text(table, broken[roll(dice, sizeof(broken) / sizeof(broken[0]))]);
    else
        slc_buf_append_text(table, cells[roll(dice, sizeof(cells) / sizeof(cells[0]))]);
}

static void random_tables(void **state)
{
    struct dice dice = {2024};

    (void)state;
    for (int round = 0; round < 150; round++) {
        static const char *const ends[] = {"\n", "\r\n", "\r", "\n\n", "\n \n"};
        SLC_AUTO_BUF struct slc_buf table = {0};
        struct slc_reader_options options = defaults();
        uint64_t n_columns = 1 + roll(&dice, 4), n_rows = roll(&dice, 40), kind = roll(&dice, 6);

        options.header = SLC_HEADER_YES;
        options.delimiter = ',';
        options.quote = round % 8 == 7 ? '\0' : '"';
        for (uint64_t row = 0; row <= n_rows; row++) {
            for (uint64_t column = 0; column < n_columns; column++) {
                if (column > 0)
                    slc_buf_append_byte(&table, ',');
                random_cell(&dice, &table, round % 2 && row > 0);
            }
            slc_buf_append_text(&table, ends[kind < 5 ? kind : roll(&dice, 5)]);
        }
        same_in_every_way(slc_buf_view(&table), options, false);
    }
}

/* Bytes without any sense, too, come to the same rows or the same error. */
static void random_bytes(void **state)
{
    static const char alphabet[] = "a1,,\"\n\n\r ;\xc3\xa9-.";
    struct dice dice = {99};

    (void)state;
    for (int round = 0; round < 400; round++) {
        char table[160];
        size_t n = 1 + roll(&dice, sizeof(table) - 1);

        for (size_t i = 0; i < n; i++)
            table[i] = alphabet[roll(&dice, sizeof(alphabet) - 1)];
        same_in_every_way((struct slc_str){table, n}, defaults(), false);
    }
}

struct expectation {
    const char *table, *part; /* of the dump */
};

static void expect(const struct expectation *cases, size_t n,
                   const struct slc_reader_options *options)
{
    for (size_t i = 0; i < n; i++) {
        SLC_AUTO_FREE char *got = dump(str(cases[i].table), options, 1);

        if (!strstr(got, cases[i].part))
            fail_msg("%s\ngives\n%s\nwithout\n%s", cases[i].table, got, cases[i].part);
    }
}

static void contents(void **state)
{
    static const struct expectation cases[] = {
        {"a,b\n1,2\n", "\"columns\":[\"a\",\"b\"],\"types\":[\"int64\",\"int64\"]"},
        {"\xef\xbb\xbf\"a\",b\n1,2\n", "\"columns\":[\"a\",\"b\"]"},
        {"a,b\n1,\"x\r\ny,\"\"z\"\"\"\n", "[1,[1,\"x\\r\\ny,\\\"z\\\"\"]]"},
        {"a,b\n1,x\"y\n2,\"x\"y\"z\n3, \"x\n4,\"x\" \n",
         "[1,[1,\"x\\\"y\"]]\n[2,[2,\"xy\\\"z\"]]\n[3,[3,\" \\\"x\"]]\n[4,[4,\"x \"]]\n"},
        {"a,b\n1\n2,3\n4,5,6\n7,8\n", "{\"reject\":1,\"offset\":4,\"reason\":\"expected 2 fields, "
                                      "found 1\",\"text\":\"1\"}\n[2,[2,3]]\n"
                                      "{\"reject\":3,\"offset\":10,\"reason\":\"expected 2 fields, "
                                      "found 3\",\"text\":\"4,5,6\"}\n"
                                      "[4,[7,8]]\n{\"rows\":2,\"records\":4}"},
        {"\xef\xbb\xbf"
         "a,b\n\n1\n",
         "\"offset\":8,"},
        {"a,b\n1,\xff\n2,\xc3\xa9\n",
         "{\"reject\":1,\"offset\":4,\"reason\":\"not valid UTF-8\"}\n[2,[2,\"\xc3\xa9\"]]\n"},
        {"a,a,,a.1,a,,Unnamed: 2\n1,2,3,4,5,6,7\n",
         "\"columns\":[\"a\",\"a.2\",\"Unnamed: 2.1\",\"a.1\",\"a.3\",\"Unnamed: 5\",\"Unnamed: "
         "2\"]"},
        {"a,a\n1,2\n", "delimiter \\\",\\\", header, 1 empty or repeated column names made unique"},
        {"7,8,10\n1,2,3\n", "\"columns\":[\"0\",\"1\",\"2\"]"},
        {"7,8,10\n1,2,3\n", "[1,[7,8,10]]\n[2,[1,2,3]]\n"},
        {"a\tb\n1\t2\n", "delimiter tab, header"},
        {"a\n1\n\n \n2\n\"\"\n3\n", "[1,[1]]\n[2,[2]]\n[3,[null]]\n[4,[3]]\n"},
        {"a,b\n1,2", "[1,[1,2]]\n{\"rows\":1,\"records\":1}"},
        {"a,b\n", "\"types\":[\"null\",\"null\"]"},
        {"a,b", "{\"rows\":0,\"records\":0}"},
    };
    struct slc_reader_options options = defaults();

    (void)state;
    expect(cases, sizeof(cases) / sizeof(cases[0]), &options);
}

static void refusals(void **state)
{
    static const struct expectation cases[] = {
        {"", "error: format row 0: the file is empty (0 bytes)"},
        {"\n \n\r\n", "error: format row 0: the file has no rows"},
        {"\xef\xbb\xbf", "error: format row 0: the file has no rows"},
        {"a,b\n1,2\n3,\"4\n5,6\n",
         "error: format row 2: the row that starts at byte 8 does not end"},
        {"a,b\n1\n\n3,\"4\n5,6\n",
         "error: format row 2: the row that starts at byte 7 does not end"},
        {"\"a,b\n1,2\n",
         "error: format row 0: the first row does not end within the file's 9 bytes"},
        {"\xff,b\n1,2\n", "error: format row 0: the name of column 1 is not valid UTF-8"},
        {"PK\x03\x04 and so on", "its archive cannot be read"},
        {"PAR1", "Parquet"},
        {"%PDF-1.4", "PDF"},
        {"\xd0\xcf\x11\xe0\xa1", "old Office file"},
    };
    struct slc_reader_options options = defaults();
    SLC_AUTO_FREE char *nul = dump((struct slc_str){"a,b\n1,\0x\n", 9}, &options, 1);
    SLC_AUTO_FREE char *missing = NULL;

    (void)state;
    expect(cases, sizeof(cases) / sizeof(cases[0]), &options);
    assert_non_null(strstr(nul, "a NUL byte at offset 6"));
    options.quote = '\0';
    missing = dump(str("a,b\n1,\"x\n"), &options, 1);
    assert_non_null(strstr(missing, "[1,[1,\"\\\"x\"]]"));
}

/* A NUL byte past what is looked at on opening. */
static void late_nul(void **state)
{
    SLC_AUTO_BUF struct slc_buf table = {0};
    struct slc_reader_options options = defaults();
    SLC_AUTO_FREE char *got = NULL;

    (void)state;
    slc_buf_append_text(&table, "a,b\n");
    for (int i = 0; i < 400000; i++)
        slc_buf_append_text(&table, "1,x\n");
    slc_buf_append(&table, "2,\0\n", 4);
    got = dump(slc_buf_view(&table), &options, 2);
    assert_non_null(strstr(got, "error: format"));
    assert_non_null(strstr(got, "a NUL byte at offset 1600006"));
}

static void header_option(void **state)
{
    struct slc_reader_options options = defaults();
    SLC_AUTO_FREE char *yes = NULL, *no = NULL;

    (void)state;
    options.header = SLC_HEADER_YES;
    yes = dump(str("7,9\n1,2\n"), &options, 1);
    assert_non_null(strstr(yes, "\"columns\":[\"7\",\"9\"]"));
    options.header = SLC_HEADER_NO;
    no = dump(str("a,b\n1,2\n"), &options, 1);
    assert_non_null(strstr(no, "\"columns\":[\"0\",\"1\"],\"types\":[\"text\",\"text\"]"));
}

static void skipped_rows(void **state)
{
    static const struct {
        int64_t n;
        const char *table, *part;
    } cases[] = {
        {1, "a title\na,b\n1,2\n", "\"columns\":[\"a\",\"b\"]"},
        {2, "a \"title\r\n\r\na,b\r\n1,2\r\n", "[1,[1,2]]\n{\"rows\":1,"},
        {1, "title\n\n \na,b\n1\n", "{\"reject\":1,\"offset\":13,"},
        {1, "title\ra,b\r1,2\r", "\"columns\":[\"a\",\"b\"]"},
        {5, "a,b\n1,2\n", "error: format row 0: the file has no rows"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slc_reader_options options = defaults();
        SLC_AUTO_FREE char *got = NULL;

        options.skip_rows = cases[i].n;
        got = dump(str(cases[i].table), &options, 1);
        if (!strstr(got, cases[i].part))
            fail_msg("%s\ngives\n%s\nwithout\n%s", cases[i].table, got, cases[i].part);
        same_in_every_way(str(cases[i].table), options, true);
    }
}

static void long_rows(void **state)
{
    SLC_AUTO_BUF struct slc_buf table = {0};
    struct slc_reader_options options = defaults();

    (void)state;
    options.max_row_bytes = 1000;
    for (int64_t len = 998; len <= 1002; len++)
        for (int quoted = 0; quoted < 2; quoted++) {
            SLC_AUTO_FREE char *got = NULL;
            bool good = len <= 1000;

            slc_buf_clear(&table);
            slc_buf_append_text(&table, "a,b\n1,2\n");
            slc_buf_append_text(&table, quoted ? "3,\"" : "3,x");
            for (int64_t i = 0; i < len - 4; i++)
                slc_buf_append_byte(&table, quoted && i % 7 == 0 ? '\n' : 'y');
            slc_buf_append_text(&table, quoted ? "\"\n5,6\n" : "z\n5,6\n");
            got = dump(slc_buf_view(&table), &options, 1);
            if (good)
                assert_non_null(strstr(got, "\n[3,[5,"));
            else
                assert_non_null(
                    strstr(got, "the row that starts at byte 8 is longer than the 1000 bytes"));
            for (options.chunk_bytes = 1; options.chunk_bytes < 5000; options.chunk_bytes *= 3) {
                SLC_AUTO_FREE char *again = dump(slc_buf_view(&table), &options, 2);

                if (good)
                    assert_string_equal(got, again);
                else
                    assert_non_null(
                        strstr(again, "the row that starts at byte 8 is longer than the 1000"));
            }
            options.chunk_bytes = 1 << 20;
        }
}

/* A row of several chunks' size is read; memory for it is given back. */
static void huge_row(void **state)
{
    SLC_AUTO_BUF struct slc_buf table = {0}, out = {0};
    struct slc_reader_options options = defaults();
    const size_t len = 5 << 20;

    (void)state;
    options.chunk_bytes = 65536;
    slc_buf_append_text(&table, "a,b\n1,\"");
    memset(slc_buf_reserve(&table, len), 'x', len);
    table.len += len;
    slc_buf_append_text(&table, "\"\n2,y\n");
    assert_true(read_all(file_of(slc_buf_view(&table)), "t", &options, 2, &out, NULL));
    assert_true(out.len > len);
    assert_non_null(strstr(slc_buf_text(&out), "[2,[2,\"y\"]]\n{\"rows\":2,\"records\":2}"));
}

static void many_columns(void **state)
{
    struct slc_reader_options options = defaults();

    (void)state;
    for (int64_t n = SLC_MAX_COLUMNS - 1; n <= SLC_MAX_COLUMNS + 1; n++) {
        SLC_AUTO_BUF struct slc_buf table = {0};
        SLC_AUTO_FREE char *got = NULL;

        for (int row = 0; row < 3; row++)
            for (int64_t i = 0; i < n; i++)
                slc_buf_printf(&table, "%s%c", row ? "5" : "same", i + 1 < n ? ',' : '\n');
        got = dump(slc_buf_view(&table), &options, 2);
        if (n <= SLC_MAX_COLUMNS)
            assert_non_null(strstr(got, "{\"rows\":2,\"records\":2}"));
        else
            assert_non_null(
                strstr(got, "the first row has 16385 columns; at most 16384 are allowed"));
    }
}

static int next_of(struct slc_reader *reader, struct slc_error *error)
{
    struct slc_chunk chunk = {0};
    int got = slc_reader_next(reader, &chunk, error);

    slc_reader_recycle(reader, &chunk);
    slc_chunk_release(&chunk);
    return got;
}

/* Cut, lengthened or rewritten in the middle: never taken for a whole file. */
static void changed_while_reading(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        SLC_AUTO_BUF struct slc_buf table = {0};
        struct slc_reader_options options = defaults();
        struct slc_reader *reader = NULL;
        struct slc_error error = {0}, again = {0};
        int fd, other, got;

        slc_buf_append_text(&table, "a,b\n");
        for (int i = 0; i < 100; i++)
            slc_buf_append_text(&table, "1,\"two\nlines\"\n");
        options.chunk_bytes = 64;
        fd = file_of(slc_buf_view(&table));
        other = dup(fd);
        assert_true(slc_reader_open(fd, "t", &options, &reader, &error));
        assert_int_equal(next_of(reader, &error), 1);
        if (kind == 0)
            assert_int_equal(ftruncate(other, 500), 0); /* inside quotes */
        else if (kind == 1)
            assert_int_equal(ftruncate(other, 4 + 14 * 20), 0);
        else if (kind == 2)
            assert_int_equal(pwrite(other, "2,3\n", 4, (off_t)table.len), 4);
        else
            assert_int_equal(
                futimens(other, (struct timespec[]){{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}}), 0);
        while ((got = next_of(reader, &error)) == 1)
            continue;
        assert_int_equal(got, -1);
        assert_int_equal(error.code, SLC_ERR_CHANGED);
        assert_string_equal(error.file, "t");
        assert_int_equal(next_of(reader, &again), -1);
        assert_int_equal(again.code, SLC_ERR_CHANGED);
        assert_null(slc_reader_sha256(reader));
        assert_false(slc_reader_rewind(reader, &error));
        assert_int_equal(error.code, SLC_ERR_CHANGED);
        slc_reader_close(reader);
        close(other);
    }
}

static void not_files(void **state)
{
    static const char *const paths[] = {"/dev/zero", "/dev/null", "/", "/proc/self/status"};
    struct slc_reader_options options = defaults();
    struct slc_reader *reader = (void *)1;
    int ends[2];

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct slc_error error = {0};

        assert_false(
            slc_reader_open(open(paths[i], O_RDONLY), paths[i], &options, &reader, &error));
        assert_true(error.message[0] != '\0');
    }
    assert_int_equal(pipe(ends), 0);
    assert_false(slc_reader_open(ends[0], "pipe", &options, &reader, NULL));
    assert_int_equal(fcntl(ends[0], F_GETFD), -1); /* taken over, and closed */
    close(ends[1]);
    assert_ptr_equal(reader, (void *)1);
}

/* A file of zeros, however long it says it is. */
static void file_of_zeros(void **state)
{
    struct slc_reader_options options = defaults();
    struct slc_reader *reader = NULL;
    struct slc_error error = {0};
    int fd = file_of(str(""));

    (void)state;
    assert_int_equal(ftruncate(fd, INT64_C(1) << 40), 0);
    assert_false(slc_reader_open(fd, "zeros", &options, &reader, &error));
    assert_int_equal(error.code, SLC_ERR_FORMAT);
    assert_non_null(strstr(error.message, "NUL byte at offset 0"));
}

static void progress_and_digest(void **state)
{
    static const char table[] = "a,b\n1,2\n3,4\n5,6\n";
    struct slc_reader_options options = defaults();
    struct slc_reader *reader = NULL;
    char expected[SLC_SHA256_HEX_BYTES];

    (void)state;
    options.chunk_bytes = 4;
    assert_true(slc_reader_open(file_of(str(table)), "t", &options, &reader, NULL));
    assert_int_equal(slc_reader_size_bytes(reader), sizeof(table) - 1);
    assert_null(slc_reader_sha256(reader));
    assert_int_equal(next_of(reader, NULL), 1);
    assert_null(slc_reader_sha256(reader));
    /* A round that is broken off does not count. */
    assert_true(slc_reader_rewind(reader, NULL));
    for (int i = 0; i < 3; i++)
        assert_int_equal(next_of(reader, NULL), 1);
    assert_int_equal(next_of(reader, NULL), 0);
    assert_int_equal(next_of(reader, NULL), 0);
    assert_int_equal(slc_reader_position_bytes(reader), sizeof(table) - 1);
    slc_sha256_hex(str(table), expected);
    assert_string_equal(slc_reader_sha256(reader), expected);
    assert_true(slc_reader_rewind(reader, NULL));
    assert_int_equal(next_of(reader, NULL), 1);
    assert_string_equal(slc_reader_sha256(reader), expected);
    slc_reader_close(reader);
}

/* One column again from another type, and columns left out. */
static void columns_by_request(void **state)
{
    struct slc_reader_options options = defaults();
    struct slc_reader *reader = NULL;
    struct slc_chunk chunk = {0};
    struct slc_column_request requests[3] = {{SLC_COLUMN_READ, SLC_TYPE_NULL},
                                             {SLC_COLUMN_SKIP, SLC_TYPE_NULL},
                                             {SLC_COLUMN_READ, SLC_TYPE_TEXT}};

    (void)state;
    assert_true(slc_reader_open(file_of(str("a,b,c\n1,\"x\"\"y\",07\n2,z,\n")), "t", &options,
                                &reader, NULL));
    assert_int_equal(slc_reader_next(reader, &chunk, NULL), 1);
    for (int round = 0; round < 3; round++) {
        assert_true(slc_reader_parse(reader, &chunk, requests, NULL));
        assert_int_equal(chunk.n_rows, 2);
        assert_int_equal(chunk.columns[0].type, SLC_TYPE_INT64);
        assert_false(chunk.columns[1].requested);
        assert_true(slc_str_is(chunk.columns[2].texts[0], "07"));
        assert_int_equal(chunk.columns[2].n_missing, 1);
        assert_true(slc_reader_parse_column(reader, &chunk, 1, SLC_TYPE_NULL, NULL));
        assert_true(slc_str_is(chunk.columns[1].texts[0], "x\"y"));
        assert_true(slc_reader_parse_column(reader, &chunk, 0, SLC_TYPE_FLOAT64, NULL));
        assert_true(chunk.columns[0].float64s[1] == 2.0);
        assert_true(slc_reader_parse_column(reader, &chunk, 0, SLC_TYPE_DATE, NULL));
        assert_int_equal(chunk.columns[0].type, SLC_TYPE_TEXT);
    }
    assert_true(slc_reader_raw_bytes(&chunk) > 0);
    slc_reader_recycle(reader, &chunk);
    assert_int_equal(slc_reader_raw_bytes(&chunk), 0);
    slc_chunk_release(&chunk);
    slc_reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handmade_tables),
        cmocka_unit_test(random_tables),
        cmocka_unit_test(random_bytes),
        cmocka_unit_test(contents),
        cmocka_unit_test(refusals),
        cmocka_unit_test(late_nul),
        cmocka_unit_test(header_option),
        cmocka_unit_test(skipped_rows),
        cmocka_unit_test(long_rows),
        cmocka_unit_test(huge_row),
        cmocka_unit_test(many_columns),
        cmocka_unit_test(changed_while_reading),
        cmocka_unit_test(not_files),
        cmocka_unit_test(file_of_zeros),
        cmocka_unit_test(progress_and_digest),
        cmocka_unit_test(columns_by_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
