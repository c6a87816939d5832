/* What the options of a file change: escapes, comments, columns, given types,
 * leading zeros, bytes that are no text. */
#include "reader_test.h"

#include "base/cleanup.h"
#include "reader/csv_scan.h"

static struct slc_reader_options with_header(void)
{
    struct slc_reader_options options = slc_reader_default_options();

    options.header = SLC_HEADER_YES;
    return options;
}

/* The dump less its first line, which is returned apart when wanted. */
static char *rows_of(const char *table, struct slc_reader_options options, char **ret_head)
{
    char *text = dump(str(table), &options, 1), *rows = strchr(text, '\n');

    if (!rows)
        return text; /* an error */
    if (ret_head) {
        *ret_head = slc_str_dup((struct slc_str){text, (size_t)(rows - text)});
        assert_non_null(*ret_head);
    }
    memmove(text, rows + 1, strlen(rows + 1) + 1);
    same_in_every_way(str(table), options, true);
    return text;
}

static void gives(const char *table, struct slc_reader_options options, const char *expected)
{
    SLC_AUTO_FREE char *rows = rows_of(table, options, NULL);

    assert_string_equal(rows, expected);
}

static void head_has(const char *table, struct slc_reader_options options, const char *part)
{
    SLC_AUTO_FREE char *head = NULL;
    SLC_AUTO_FREE char *rows = rows_of(table, options, &head);

    assert_non_null(head);
    if (!strstr(head, part))
        fail_msg("%s is not in %s", part, head);
}

static void fails(const char *table, struct slc_reader_options options, const char *part)
{
    SLC_AUTO_FREE char *text = dump(str(table), &options, 1);

    if (strncmp(text, "error: ", 7) != 0 || !strstr(text, part))
        fail_msg("%s is no error with %s", text, part);
}

static void given_types(void **state)
{
    struct slc_column_dtype dtypes[] = {{SLC_STR("b"), SLC_TYPE_INT64},
                                        {SLC_STR("c"), SLC_TYPE_TEXT}};
    struct slc_reader_options options = with_header();

    (void)state;
    options.dtypes = dtypes;
    options.n_dtypes = 2;
    /* Rejects of both kinds stay in the order of the file. */
    gives("a,b,c\n1,x,\"p,q\"\n2\n3,4,5\n\"4\",6.5,7\n5,,8\n6,007,9\n7,8,9,10\n8,y,z\n", options,
          "{\"reject\":1,\"offset\":6,\"reason\":\"column b: not of the type int64\","
          "\"text\":\"1,x,\\\"p,q\\\"\"}\n"
          "{\"reject\":2,\"offset\":16,\"reason\":\"expected 3 fields, found 1\",\"text\":\"2\"}\n"
          "[3,[3,4,\"5\"]]\n"
          "{\"reject\":4,\"offset\":24,\"reason\":\"column b: not of the type int64\","
          "\"text\":\"4,6.5,7\"}\n"
          "[5,[5,null,\"8\"]]\n"
          "[6,[6,7,\"9\"]]\n"
          "{\"reject\":7,\"offset\":47,\"reason\":\"expected 3 fields, found 4\","
          "\"text\":\"7,8,9,10\"}\n"
          "{\"reject\":8,\"offset\":56,\"reason\":\"column b: not of the type int64\","
          "\"text\":\"8,y,z\"}\n"
          "{\"rows\":3,\"records\":8}\n");
    head_has("a,b,c\n1,2,3\n4,,6\n", options, "\"types\":[\"int64\",\"int64\",\"text\"]");
    head_has("a,b,c\n1,,3\n4,,6\n", options, "\"types\":[\"int64\",\"int64\",\"text\"]");
    fails("first,bb,last\n1,2,3\n", options,
          "reader.dtypes names the column \"b\", which the file does not have; the nearest is "
          "\"bb\"");
    /* The name stands in a quoted field of the list of rejects. */
    dtypes[0] = (struct slc_column_dtype){SLC_STR("b\"\nx"), SLC_TYPE_BOOL};
    options.n_dtypes = 1;
    gives("a,\"b\"\"\nx\"\n1,2\n", options,
          "{\"reject\":1,\"offset\":10,\"reason\":\"column b' x: not of the type bool\","
          "\"text\":\"1,2\"}\n{\"rows\":0,\"records\":1}\n");
}

static void one_type(enum slc_type type, const char *expected)
{
    struct slc_column_dtype dtype = {SLC_STR("a"), type};
    struct slc_reader_options options = with_header();
    SLC_AUTO_BUF struct slc_buf taken = {0};
    SLC_AUTO_FREE char *rows = NULL;
    static const char table[] = "a,b\n1,\n-2,\n18446744073709551615,\n 3 ,\n01.50,\n"
                                "9007199254740993,\n1e400,\n99999999999999999999999,\ntrue,\n"
                                "2020-01-31,\n2020-01-31T10:00,\n2020-02-31,\nx,\nNA,\n";

    options.dtypes = &dtype;
    options.n_dtypes = 1;
    rows = rows_of(table, options, NULL);
    for (char *line = rows; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        char *start = line[0] == '[' ? strstr(line, ",[") : NULL, *end;

        if (!start)
            continue;
        end = strstr(start, ",null]]");
        assert_non_null(end);
        slc_buf_append(&taken, start + 2, (size_t)(end - start - 2));
        slc_buf_append_byte(&taken, ';');
    }
    slc_buf_append_byte(&taken, '\0');
    assert_string_equal(taken.data, expected);
}

static void every_type(void **state)
{
    (void)state;
    one_type(SLC_TYPE_BOOL, "true;null;");
    one_type(SLC_TYPE_INT64, "1;-2;3;9007199254740993;null;");
    one_type(SLC_TYPE_UINT64, "1;18446744073709551615;3;9007199254740993;null;");
    one_type(SLC_TYPE_FLOAT64, "1;-2;18446744073709552000;3;1.5;9007199254740992;1e+23;null;");
    one_type(SLC_TYPE_DATE, "\"2020-01-31\";null;");
    one_type(SLC_TYPE_DATETIME, "\"2020-01-31T00:00:00\";\"2020-01-31T10:00:00\";null;");
    one_type(SLC_TYPE_TEXT,
             "\"1\";\"-2\";\"18446744073709551615\";\" 3 \";\"01.50\";\"9007199254740993\";"
             "\"1e400\";\"99999999999999999999999\";\"true\";\"2020-01-31\";"
             "\"2020-01-31T10:00\";\"2020-02-31\";\"x\";null;");
}

static void types_of_json(void **state)
{
    struct slc_column_dtype dtype = {SLC_STR("b"), SLC_TYPE_INT64};
    struct slc_reader_options options = with_header();

    (void)state;
    options.dtypes = &dtype;
    options.n_dtypes = 1;
    gives("{\"a\":1,\"b\":\"007\"}\n{\"a\":\"x,y\",\"b\":[1]}\n[]\n{\"a\":3}\n", options,
          "[1,[1,7]]\n"
          "{\"reject\":2,\"offset\":-1,\"reason\":\"column b: not of the type int64\","
          "\"text\":\"\\\"x,y\\\",[1]\"}\n"
          "{\"reject\":3,\"offset\":38,\"reason\":\"not a JSON object\",\"text\":\"[]\"}\n"
          "[4,[3,null]]\n{\"rows\":2,\"records\":4}\n");
}

static void chosen_columns(void **state)
{
    struct slc_str columns[] = {SLC_STR("c"), SLC_STR("a"), SLC_STR("c")};
    struct slc_column_dtype dtype = {SLC_STR("b"), SLC_TYPE_INT64};
    struct slc_reader_options options = with_header();

    (void)state;
    options.columns = columns;
    options.n_columns = 3;
    gives(
        "a,b,c\n1,x,3\n4,5\n7,y,9\n", options,
        "[1,[1,3]]\n"
        "{\"reject\":2,\"offset\":12,\"reason\":\"expected 3 fields, found 2\",\"text\":\"4,5\"}\n"
        "[3,[7,9]]\n{\"rows\":2,\"records\":3}\n");
    head_has("a,b,c\n1,x,3\n", options, "\"columns\":[\"a\",\"c\"]");
    head_has("{\"b\":1,\"c\":2}\n{\"a\":3}\n", options, "\"columns\":[\"c\",\"a\"]");
    fails("a,b\n1,2\n", options, "reader.columns names the column \"c\"");
    options.dtypes = &dtype;
    options.n_dtypes = 1;
    fails("a,b,c\n1,2,3\n", options, "reader.dtypes names the column \"b\"");
    dtype = (struct slc_column_dtype){SLC_STR("c"), SLC_TYPE_TEXT};
    gives("a,b,c\n1,x,03\n", options, "[1,[1,\"03\"]]\n{\"rows\":1,\"records\":1}\n");
}

static void escapes(void **state)
{
    struct slc_reader_options options = with_header();

    (void)state;
    options.delimiter = ',';
    options.escape = '\\';
    gives("a,b\n1\\,5,x\\\ny\n\"p\\\"q\",\"r\"\"s\"\n\"t\"\\,u\n\\\\,\"v\\\\\"\n\\NA,w\\x\n",
          options,
          "[1,[\"1,5\",\"x\\ny\"]]\n[2,[\"p\\\"q\",\"r\\\"s\"]]\n[3,[\"t\\\\\",\"u\"]]\n"
          "[4,[\"\\\\\",\"v\\\\\"]]\n[5,[null,\"wx\"]]\n{\"rows\":5,\"records\":5}\n");
    head_has("a\\,b,\"c\\\"\"\r\n1,2\n", options, "\"columns\":[\"a,b\",\"c\\\"\"]");
    fails("a,b\n1,2\\", options, "the file ends with the reader.escape character");
    options.delimiter = '\0';
    options.header = SLC_HEADER_AUTO;
    head_has("a;b\n1\\,2\\,3;x\n4\\,5\\,6;y\n", options, "delimiter \\\";\\\", header");
    options.quote = '\0';
    gives("a;b\n\"1;\\;\n", options, "[1,[\"\\\"1\",\";\"]]\n{\"rows\":1,\"records\":1}\n");
}

static void comments(void **state)
{
    struct slc_reader_options options = with_header();

    (void)state;
    options.comment = '#';
    gives("# it's a \"table\n\n#\na,b\n1,2\n#x,\"y\n3,#4\n\"#5\n#\",6\r\n#\r\n #7,8\n#end", options,
          "[1,[\"1\",\"2\"]]\n[2,[\"3\",\"#4\"]]\n[3,[\"#5\\n#\",\"6\"]]\n[4,[\" #7\",\"8\"]]\n"
          "{\"rows\":4,\"records\":4}\n");
    gives("a\n#1\n2\n", options, "[1,[2]]\n{\"rows\":1,\"records\":1}\n");
    fails("#a\n#b", options, "the file has no rows");
    options.header = SLC_HEADER_AUTO;
    head_has("a;b\n#,,,,\n#,,,,\n1;2\n#,,,,\n", options, "delimiter \\\";\\\", header");
    options.skip_rows = 1;
    options.escape = '\\';
    gives("x;y;z\n#\n\n#\na;b\n\\#1;2\n", options, "[1,[\"#1\",2]]\n{\"rows\":1,\"records\":1}\n");
}

/* The first line of spreadsheet programs; anything near to it is a row. */
static void separator_line(void **state)
{
    struct slc_reader_options options = with_header();

    (void)state;
    gives("sep=;\na;b,c\n1;2,5\n", options, "[1,[1,\"2,5\"]]\n{\"rows\":1,\"records\":1}\n");
    gives("\xef\xbb\xbf\"SEP=|\"\r\na|b\r\n1|2\r\n", options,
          "[1,[1,2]]\n{\"rows\":1,\"records\":1}\n");
    gives("sep=\t\na\tb\n1\t2\n", options, "[1,[1,2]]\n{\"rows\":1,\"records\":1}\n");
    head_has("sep=^\na^b\n1^2\n", options, "delimiter \\\"^\\\"");
    head_has("sep=;\na,b\n1,2\n", options, "[\"a,b\"]");
    head_has("sep=;x\n1;2\n", options, "[\"sep=\",\"x\"]");
    head_has("sep=\n1\n", options, "[\"sep=\"]");
    head_has("sep=a\n1\n", options, "[\"sep=a\"]");
    fails("sep=;\n", options, "the file has no rows");
    options.delimiter = ',';
    head_has("sep=;\na,b\n1,2\n", options, "[\"a\",\"b\"]");
    options.delimiter = '\0';
    options.skip_rows = 1;
    head_has("title\nsep=;\na;b,c\n1;2\n", options, "[\"a\",\"b,c\"]");
    head_has("sep=;\na,b,c\n1,2,3\n", options, "[\"a\",\"b\",\"c\"]");
}

/* Without escapes and comments in the text, both machines give the same bits. */
static void machine(void **state)
{
    static const char alphabet[] = "ab,\"\n\r,\"\n";
    struct dice dice = {5};

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct slc_csv_dialect dialect = {',', '"', round % 2 ? '\\' : '\0', '#'};
        uint64_t expected[8] = {0}, got[8] = {0};
        char bytes[300];
        size_t n = roll(&dice, sizeof(bytes));

        for (size_t i = 0; i < n; i++)
            bytes[i] = alphabet[roll(&dice, sizeof(alphabet) - 1)];
        assert_int_equal(slc_csv_scan_exact(bytes, n, ',', '"', expected),
                         slc_csv_scan_dialect(bytes, n, &dialect, got));
        assert_memory_equal(expected, got, sizeof(got));
    }
}

/* Any bytes come to the same rows or the same error whatever the chunks. */
static void random_dialects(void **state)
{
    static const char alphabet[] = "a1,,\"\n\n\r#\\;\xc3\xa9";
    struct slc_column_dtype dtype = {SLC_STR("a"), SLC_TYPE_INT64};
    struct dice dice = {77};

    (void)state;
    for (int round = 0; round < 150; round++) {
        SLC_AUTO_BUF struct slc_buf table = {0};
        struct slc_reader_options options = with_header();
        uint64_t n = roll(&dice, 300);

        options.delimiter = ',';
        options.escape = round % 3 ? '\\' : '\0';
        options.comment = round % 3 != 1 ? '#' : '\0';
        options.invalid_text = round % 2 ? SLC_INVALID_REPLACE : SLC_INVALID_REJECT;
        options.dtypes = &dtype;
        options.n_dtypes = round % 5 < 3;
        slc_buf_append_text(&table, "a,b\n");
        for (uint64_t i = 0; i < n; i++)
            slc_buf_append_byte(&table, alphabet[roll(&dice, sizeof(alphabet) - 1)]);
        same_in_every_way(slc_buf_view(&table), options, false);
    }
}

static void leading_zeros(void **state)
{
    struct slc_reader_options options = with_header();

    (void)state;
    options.leading_zeros = true;
    gives("a,b,c\n007,-00.50,000\n010,1,2020-01-01\n", options,
          "[1,[7,-0.5,\"000\"]]\n[2,[10,1,\"2020-01-01\"]]\n{\"rows\":2,\"records\":2}\n");
    head_has("a,b\n0018446744073709551615,0x1\n", options, "\"types\":[\"uint64\",\"text\"]");
    head_has("{\"a\":\"007\"}\n", options, "\"types\":[\"int64\"]");
    options.decimal = ',';
    options.thousands = '.';
    options.delimiter = ';';
    gives("a;b\n001.234,50;x\n", options, "[1,[1234.5,\"x\"]]\n{\"rows\":1,\"records\":1}\n");
}

#define BAD "\xef\xbf\xbd"

static void replaced(const char *bytes, const char *expected)
{
    struct slc_reader_options options = with_header();
    SLC_AUTO_BUF struct slc_buf table = {0}, rows = {0};

    options.invalid_text = SLC_INVALID_REPLACE;
    slc_buf_printf(&table, "a,b\nx%s,y\n", bytes);
    slc_buf_append_byte(&table, '\0');
    slc_buf_printf(&rows, "[1,[\"x%s\",\"y\"]]\n{\"rows\":1,\"records\":1}\n", expected);
    slc_buf_append_byte(&rows, '\0');
    gives(table.data, options, rows.data);
}

/* One U+FFFD for every maximal part, as Python's errors="replace". */
static void invalid_text(void **state)
{
    struct slc_reader_options options = with_header();

    (void)state;
    replaced("\xff", BAD);
    replaced("\xc3", BAD);
    replaced("\xc3\xa9\xc3", "\xc3\xa9" BAD);
    replaced("\xe2\x82", BAD);
    replaced("\xe2\x82z\xf0\x9f\x98", BAD "z" BAD);
    replaced("\xf0\x9f\x98\x80\xf0\x80\x80\x80", "\xf0\x9f\x98\x80" BAD BAD BAD BAD);
    replaced("\xed\xa0\x80\xc0\xaf\x80", BAD BAD BAD BAD BAD BAD);
    replaced("\xf4\x90\xf5", BAD BAD BAD);
    options.invalid_text = SLC_INVALID_REPLACE;
    gives("a,b\xff\n1,\xe2\x82", options, "[1,[1,\"" BAD "\"]]\n{\"rows\":1,\"records\":1}\n");
    head_has("a,b\xff\n1,2\n", options, "\"columns\":[\"a\",\"b" BAD "\"]");
    gives("{\"a\":\"x\xff\"}\n", options, "[1,[\"x" BAD "\"]]\n{\"rows\":1,\"records\":1}\n");
}

/* Characters of every length across the borders of the blocks that are decoded. */
static void long_text(void **state)
{
    struct slc_reader_options options = with_header();
    SLC_AUTO_BUF struct slc_buf table = {0}, expected = {0};
    SLC_AUTO_FREE char *rows = NULL;

    (void)state;
    options.invalid_text = SLC_INVALID_REPLACE;
    slc_buf_append_text(&table, "a,b\n");
    for (int row = 1; row <= 40000; row++) {
        slc_buf_append_text(&table, "\xf0\x9f\x98\x80\xe2\x82\xac,\xe2\x82\xc3\xa9\n");
        slc_buf_printf(&expected, "[%d,[\"\xf0\x9f\x98\x80\xe2\x82\xac\",\"" BAD "\xc3\xa9\"]]\n",
                       row);
    }
    slc_buf_append_byte(&table, '\0');
    slc_buf_append_text(&expected, "{\"rows\":40000,\"records\":40000}\n");
    slc_buf_append_byte(&expected, '\0');
    rows = dump(str(table.data), &options, 2);
    assert_string_equal(strchr(rows, '\n') + 1, expected.data);
}

static void invalid_utf16(void **state)
{
    static const char table[] = "a\0,\0b\0\n\0\x00\xd8,\0x\0\n\0\x00\xdc,\0y\0\n\0q";
    struct slc_reader_options options = with_header();
    SLC_AUTO_FREE char *rows = NULL;

    (void)state;
    options.encoding = SLC_ENCODING_UTF16LE;
    options.invalid_text = SLC_INVALID_REPLACE;
    rows = dump((struct slc_str){table, sizeof(table) - 1}, &options, 1);
    assert_non_null(strstr(rows, "\n[1,[\"" BAD "\",\"x\"]]\n[2,[\"" BAD "\",\"y\"]]\n"));
    assert_non_null(strstr(rows, "\"text\":\"" BAD "\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_types),     cmocka_unit_test(every_type),
        cmocka_unit_test(types_of_json),   cmocka_unit_test(chosen_columns),
        cmocka_unit_test(escapes),         cmocka_unit_test(comments),
        cmocka_unit_test(separator_line),  cmocka_unit_test(machine),
        cmocka_unit_test(random_dialects), cmocka_unit_test(leading_zeros),
        cmocka_unit_test(invalid_text),    cmocka_unit_test(long_text),
        cmocka_unit_test(invalid_utf16),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
