#include "reader_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "reader/json_text.h"

static void values(void **state)
{
    static const char *const good[] = {"null",
                                       "true",
                                       "false",
                                       "0",
                                       "-0",
                                       "1.5e-3",
                                       "10E+2",
                                       "-12.0",
                                       "\"\"",
                                       "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                       "\"\\u00e9\\uD83D\\uDE00\"",
                                       "{}",
                                       "[]",
                                       "[[],{}]",
                                       "{\"a\":{\"b\":[1,\"]}\"]}}",
                                       "[ 1 , 2 ]",
                                       "{ \"a\" : 1 , \"b\" : [ ] }",
                                       "NaN",
                                       "Infinity",
                                       "-Infinity",
                                       "\"\x7f\"",
                                       "[null,true,\"x\",-1]"};
    static const char *const bad[] = {
        "",         "nul",      "True",        "01",          "1.",          ".5",
        "-",        "+1",       "1e",          "1e+",         "0x1",         "\"",
        "\"a",      "\"\\x\"",  "\"\\u12g4\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
        "\"a\nb\"", "\"\t\"",   "{",           "[",           "[1",          "[1,",
        "[1,]",     "[,1]",     "{\"a\"}",     "{\"a\":}",    "{\"a\":1,}",  "{,}",
        "{1:2}",    "{\"a\":1", "{\"a\" 1}",   "[1 2]",       "[}",          "{]",
        "[1}",      "'a'",      "\"\\",        "\"\\u",       "\"\\u123",    "\"\\ud800\\"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        enum slc_json_kind kind;
        const char *end = good[i] + strlen(good[i]);

        if (slc_json_skip_value(good[i], end, &kind) != end)
            fail_msg("%s", good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        /* Of its very length, so that reading past it is found. */
        size_t len = strlen(bad[i]);
        SLC_AUTO_FREE char *text = malloc(len + 1);
        enum slc_json_kind kind;
        const char *end;

        memcpy(text, bad[i], len);
        end = slc_json_skip_value(text, text + len, &kind);
        if (end == text + len)
            fail_msg("%s", bad[i]);
    }
}

static void depth(void **state)
{
    char text[2 * SLC_JSON_MAX_DEPTH + 4] = {0};
    enum slc_json_kind kind;

    (void)state;
    memset(text, '[', SLC_JSON_MAX_DEPTH + 1);
    memset(text + SLC_JSON_MAX_DEPTH + 1, ']', SLC_JSON_MAX_DEPTH + 1);
    assert_null(slc_json_skip_value(text, text + 2 * SLC_JSON_MAX_DEPTH + 2, &kind));
    assert_ptr_equal(slc_json_skip_value(text + 1, text + 2 * SLC_JSON_MAX_DEPTH + 1, &kind),
                     text + 2 * SLC_JSON_MAX_DEPTH + 1);
    assert_int_equal(kind, SLC_JSON_ARRAY);
}

static void texts(void **state)
{
    char escaped[] = "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00z\"";
    char spaced[] = "{ \"a b\\\" \" : [ 1 ,\n\t\"x y\" ] }";
    size_t len;

    (void)state;
    assert_true(slc_str_is(slc_json_unescape(escaped, strlen(escaped)),
                           "a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z"));
    len = slc_json_compact(spaced, strlen(spaced));
    assert_true(slc_str_eq((struct slc_str){spaced, len}, str("{\"a b\\\" \":[1,\"x y\"]}")));
}

static const char *const tables[] = {
    "{\"a\":1,\"b\":\"x\"}\n{\"b\":\"y\",\"a\":2}\n",
    "{\"a\":1}\r\n\r\n{\"b\":2.5}\r\n{\"c\":[1, {\"d\":null}]}",
    "{\"a\":1}\nnonsense\n[1]\n{\"a\":2\n{\"a\":\"\xff\"}\n{\"a\":3}\n",
    "\xef\xbb\xbf{\"a\":true}\n{}\n{\"a\":null}\n",
    "[{\"a\":1},{\"a\":2,\"b\":\"},{\"}]",
    " [\n {\"a\": 1},\n 5, {\"a\": tru}, ,\n {\"b\": {\"c\": [1, 2]}}\n]\n\n",
    "[{\"a\":1}, {\"a\":[1,2}, {\"a\":3}]",
    "[{\"a\":1},]",
    "[{\"a\":1}] x",
    "[{\"a\":1}, {\"a\":2}",
    "[{\"a\":\"open}, {\"a\":2}]",
    "[]",
    "{}\n",
    "{\n\"a\": 1}\n",
    "{\"\":1,\"a\":2,\"a.1\":3,\"a\":4}\n{\"Unnamed: 0\":5}\n",
    "{\"n\":-1}\n{\"n\":9223372036854775808}\n{\"n\":1.5}\n",
    "{\"n\":\"007\",\"d\":\"2020-01-01\",\"m\":\"NA\",\"e\":1e400,\"i\":Infinity,\"k\":NaN}\n",
};

static void handmade_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        same_in_every_way(str(tables[i]), slc_reader_default_options(), true);
}

static void random_tables(void **state)
{
    static const char *const members[] = {"\"a\":1",
                                          "\"b\": \"x\\n\"",
                                          "\"c\":null",
                                          " \"d\" : [1, \"]\"]",
                                          "\"e\":{\"}\":\"{\"}",
                                          "\"a\":2.5",
                                          "\"f\":\"\xc3\xa9\"",
                                          "\"g\":true"};
    struct dice dice = {77};

    (void)state;
    for (int round = 0; round < 80; round++) {
        SLC_AUTO_BUF struct slc_buf table = {0};
        bool array = round % 2;

        slc_buf_append_text(&table, array ? "[{\"first\":0}" : "{\"first\":0}");
        for (uint64_t n = roll(&dice, 30); n > 0; n--) {
            slc_buf_append_text(&table, array ? (roll(&dice, 2) ? "," : " ,\n ") : "\n");
            if (roll(&dice, 15) == 0) {
                slc_buf_append_text(
                    &table, ((const char *[]){"5", "tru", "", "{\"a\":}", " "})[roll(&dice, 5)]);
                continue;
            }
            slc_buf_append_byte(&table, '{');
            for (uint64_t m = roll(&dice, 5); m > 0; m--) {
                slc_buf_append_text(&table, members[roll(&dice, 8)]);
                slc_buf_append_text(&table, m > 1 ? "," : "");
            }
            slc_buf_append_byte(&table, '}');
        }
        slc_buf_append_text(&table, array ? "]" : "\n");
        same_in_every_way(slc_buf_view(&table), slc_reader_default_options(), false);
    }
}

static void contents(void **state)
{
    static const struct {
        const char *table, *part;
    } cases[] = {
        {"{\"a\":1,\"b\":\"x\"}\n{\"b\":\"y\",\"a\":2}\n",
         "\"columns\":[\"a\",\"b\"],\"types\":[\"int64\",\"text\"]"},
        {"{\"a\":1,\"b\":\"x\"}\n{\"b\":\"y\",\"a\":2}\n", "[1,[1,\"x\"]]\n[2,[2,\"y\"]]\n"},
        {"{\"a\":1}\n{\"b\":{\"k\": [1, null]}}\n{\"a\":2.5}",
         "[1,[1,null]]\n[2,[null,\"{\\\"k\\\":[1,null]}\"]]\n[3,[2.5,null]]"},
        {"{\"a\":1,\"a\":2}\n", "[1,[2]]"},
        {"{\"a\":\"\\u0041\\n\"}\n", "[1,[\"A\\n\"]]"},
        {"{\"\\u0061\":1}\n{\"a\":2}\n", "\"columns\":[\"a\"]"},
        {"{\"\":1,\"a\":2}\n", "\"columns\":[\"Unnamed: 0\",\"a\"]"},
        {"{\"a\":1}\n\n5\n{\"a\":}\n{\"a\":2}\n",
         "[1,[1]]\n{\"reject\":2,\"offset\":9,\"reason\":\"not a JSON object\",\"text\":\"5\"}\n"
         "{\"reject\":3,\"offset\":11,\"reason\":\"not valid "
         "JSON\",\"text\":\"{\\\"a\\\":}\"}\n[4,[2]]"},
        {"{\"a\":1}\n{\"a\":\"\xff\"}\n",
         "{\"reject\":2,\"offset\":8,\"reason\":\"not valid UTF-8\"}"},
        {" [ {\"a\":1},\n{\"b\":\"]\"} ] \n",
         "[1,[1,null]]\n[2,[null,\"]\"]]\n{\"rows\":2,\"records\":2}"},
        {"[{\"a\":1}]", "an array of objects"},
        {"{\"n\":\"007\",\"d\":\"2020-01-01\",\"m\":\"NA\",\"e\":1e400,\"i\":-Infinity,\"k\":NaN}"
         "\n",
         "\"types\":[\"text\",\"date\",\"null\",\"text\",\"float64\",\"null\"]"},
        {"[{\"a\":1}, {\"a\":2}", "error: format row 0: the JSON array does not end"},
        {"[{\"a\":1}] x", "error: format row 0: something follows the JSON array's end at byte 9"},
        {"{\n\"a\": 1}\n", "error: format row 0: the first line is not a whole JSON object"},
        {"[]", "error: format row 0: no record is a JSON object with a key in it"},
        {"{}\n{}\n", "error: format row 0: no record"},
        /* Lines that only begin alike are delimited text. */
        {"{a},b\n1,2\n", "\"format\":\"csv\""},
        {"[a],b\n1,2\n", "\"format\":\"csv\""},
    };
    struct slc_reader_options options = slc_reader_default_options();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SLC_AUTO_FREE char *got = dump(str(cases[i].table), &options, 1);

        if (!strstr(got, cases[i].part))
            fail_msg("%s\ngives\n%s\nwithout\n%s", cases[i].table, got, cases[i].part);
    }
}

/* Lines of any kind before the first record. */
static void skipped_lines(void **state)
{
    static const char *const heads[] = {"# made by hand\n\xff\r\n", "{\"x\":0}\n\n", "\n[\n",
                                        "a,b\r\n\"\r\n",
                                        "\xef\xbb\xbf"
                                        "a\n{}\n"};
    static const char *const bodies[] = {"{\"a\":1}\n{\"a\":null,\"b\":\"c\"}\n",
                                         " [ {\"a\":1},\n{\"a\":null,\"b\":\"c\"}]\n"};
    struct slc_reader_options options = slc_reader_default_options();

    (void)state;
    for (size_t i = 0; i < 10; i++) {
        SLC_AUTO_BUF struct slc_buf table = {0};
        SLC_AUTO_FREE char *wanted = NULL, *got = NULL;

        options.digest = false;
        options.skip_rows = 0;
        wanted = dump(str(bodies[i / 5]), &options, 1);
        options.skip_rows = 2;
        slc_buf_append_text(&table, heads[i % 5]);
        slc_buf_append_text(&table, bodies[i / 5]);
        got = dump(slc_buf_view(&table), &options, 1);
        assert_string_equal(got, wanted);
        same_in_every_way(slc_buf_view(&table), options, true);
    }
}

static void limits(void **state)
{
    struct slc_reader_options options = slc_reader_default_options();
    SLC_AUTO_BUF struct slc_buf table = {0};
    SLC_AUTO_FREE char *keys = NULL, *deep = NULL, *longer = NULL;

    (void)state;
    for (int i = 0; i <= SLC_MAX_COLUMNS; i++)
        slc_buf_printf(&table, "{\"k%d\":1}\n", i);
    keys = dump(slc_buf_view(&table), &options, 1);
    assert_non_null(
        strstr(keys, "error: limit row 0: the objects have more than 16384 different keys"));

    slc_buf_clear(&table);
    slc_buf_append_text(&table, "{\"a\":0}\n{\"a\":");
    for (int i = 0; i < 100000; i++)
        slc_buf_append_byte(&table, '[');
    slc_buf_append_text(&table, "\n{\"a\":1}\n");
    deep = dump(slc_buf_view(&table), &options, 1);
    assert_non_null(strstr(deep, "{\"reject\":2,"));
    assert_non_null(strstr(deep, "\n[3,[1]]\n"));

    options.max_row_bytes = 1000;
    longer = dump(slc_buf_view(&table), &options, 1);
    assert_non_null(strstr(
        longer, "error: limit row 0: the record that starts at byte 8 is longer than the 1000"));
}

/* Many empty rows of a very wide table take no more memory than those of a
 * narrow one. */
static void wide_and_short(void **state)
{
    struct slc_reader_options options = slc_reader_default_options();
    SLC_AUTO_BUF struct slc_buf table = {0};
    struct slc_reader *reader = NULL;
    struct slc_chunk chunk = {0};
    int64_t n_rows = 0;

    (void)state;
    slc_buf_append_byte(&table, '{');
    for (int i = 0; i < 1000; i++)
        slc_buf_printf(&table, "%s\"k%d\":1", i ? "," : "", i);
    slc_buf_append_text(&table, "}\n");
    for (int i = 0; i < 400000; i++)
        slc_buf_append_text(&table, "{}  \n");
    options.chunk_bytes = 65536;
    assert_true(slc_reader_open(file_of(slc_buf_view(&table)), "t", &options, &reader, NULL));
    while (slc_reader_next(reader, &chunk, NULL) == 1) {
        static struct slc_column_request requests[1000]; /* all left out */

        assert_true(slc_reader_parse(reader, &chunk, requests, NULL));
        assert_true(slc_reader_raw_bytes(&chunk) < 1 << 20);
        n_rows += chunk.n_rows;
        slc_reader_recycle(reader, &chunk);
    }
    assert_int_equal(n_rows, 400001);
    slc_chunk_release(&chunk);
    slc_reader_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),         cmocka_unit_test(depth),
        cmocka_unit_test(texts),          cmocka_unit_test(handmade_tables),
        cmocka_unit_test(random_tables),  cmocka_unit_test(contents),
        cmocka_unit_test(skipped_lines),  cmocka_unit_test(limits),
        cmocka_unit_test(wide_and_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
