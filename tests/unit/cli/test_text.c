/* Text on a terminal: its width, its safety, its cutting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/text.h"

/* Frees what it compares. */
static void assert_text(struct slc_buf *buf, const char *expected)
{
    assert_non_null(slc_buf_text(buf));
    assert_string_equal(buf->data, expected);
    slc_buf_release(buf);
}

static void test_width(void **state)
{
    static const struct {
        const char *text;
        int width;
    } cases[] = {
        {"", 0},
        {"plain", 5},
        {"München", 7},
        {"Lefe\xcc\x80vre", 7},                      /* a combining grave accent */
        {"日本語", 6},                               /* wide */
        {"🙂", 2},                                 /* an emoji */
        {"한국", 4},                                 /* syllables, */
        {"\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", 2}, /* and one of three letters */
        {"ｆｕｌｌ", 8},                             /* full-width */
        {"a\u200bb", 2},                             /* a zero-width space */
        {"tab\there", 8},                            /* shown as a space */
        {"\xff\xfe", 2},                             /* each as U+FFFD */
        {"\xe6\x97", 2},                             /* a sequence cut short */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(slc_text_width(slc_str_from(cases[i].text)), cases[i].width);
}

static void test_safe(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"\033[2J\033]0;owned\007", " [2J ]0;owned "},
        {"a\r\nb\tc\x7f", "a  b c "},
        {"\xc2\x9b"
         "31m",
         " 31m"},                  /* a C1 control sequence introducer */
        {"a\xe2\x80\xa8z", "a z"}, /* a line separator */
        {"pay \xe2\x80\xae"
         "gro.elpmaxe",
         "pay gro.elpmaxe"},                /* right-to-left override */
        {"\xe2\x81\xa6x\xe2\x81\xa9", "x"}, /* isolates */
        {"\xc0\xaf\xf8", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81!",
         "e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81!"}, /* piled up */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slc_buf buf = {0};

        slc_text_safe(&buf, slc_str_from(cases[i].text));
        assert_text(&buf, cases[i].shown);
    }
}

static void test_cell(void **state)
{
    static const struct {
        const char *text;
        int width;
        bool right;
        const char *cell;
    } cases[] = {
        {"abc", 5, false, "abc  "},
        {"abc", 5, true, "  abc"},
        {"abc", 3, false, "abc"},
        {"abcd", 3, false, "ab…"},
        {"abcd", 1, false, "…"},
        {"abcd", 0, false, ""},
        {"日本語", 6, true, "日本語"},
        {"日本語", 5, false, "日本…"},
        {"日本語", 4, false, "日… "},
        {"日本語", 4, true, " 日…"},
        {"", 2, false, "  "},
        {"e\xcc\x80"
         "e",
         2, false,
         "e\xcc\x80"
         "e"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slc_buf buf = {0};

        slc_text_cell(&buf, slc_str_from(cases[i].text), cases[i].width, cases[i].right);
        assert_text(&buf, cases[i].cell);
    }
}

/* Whatever the bytes: a cell has its width, and is valid UTF-8 without controls. */
static void test_any_bytes(void **state)
{
    unsigned int seed = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        size_t len = (size_t)(rand_r(&seed) % (int)sizeof(bytes));
        int width = rand_r(&seed) % 12;
        struct slc_buf buf = {0};

        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)(rand_r(&seed) % 3 ? 0x80 + rand_r(&seed) % 128 : rand_r(&seed) % 128);
        slc_text_cell(&buf, (struct slc_str){.data = bytes, .len = len}, width, round % 2);
        assert_false(buf.failed);
        assert_int_equal(slc_text_width(slc_buf_view(&buf)), width);
        assert_true(slc_utf8_is_valid(slc_buf_view(&buf)));
        for (size_t i = 0; i < buf.len; i++)
            assert_true((unsigned char)buf.data[i] >= 0x20 && buf.data[i] != 0x7f);
        slc_buf_release(&buf);
    }
}

static void test_wrap(void **state)
{
    struct slc_buf buf = {0};

    (void)state;
    slc_text_wrap(&buf, SLC_STR("one two  three four"), 2, 4, 10);
    assert_text(&buf, "one two\n    three\n    four");
    slc_text_wrap(&buf, SLC_STR("averyverylongword and more"), 0, 2, 8);
    assert_text(&buf, "averyverylongword\n  and\n  more");
    slc_text_wrap(&buf, SLC_STR("日本 日本"), 0, 0, 9);
    assert_text(&buf, "日本 日本");
    slc_text_wrap(&buf, SLC_STR("日本 日本"), 0, 0, 8);
    assert_text(&buf, "日本\n日本");
    slc_text_wrap(&buf, SLC_STR("   "), 0, 0, 8);
    assert_int_equal(buf.len, 0);
    slc_text_wrap(&buf, SLC_STR("x"), 30, 2, 8);
    assert_text(&buf, "x");
}

static void test_json(void **state)
{
    struct slc_buf buf = {0};

    (void)state;
    slc_text_json(&buf, SLC_STR("a\"\n\xff\xe2\x80\xae"));
    assert_text(&buf, "\"a\\\"\\n\xef\xbf\xbd\xe2\x80\xae\"");
}

static void test_counts(void **state)
{
    static const struct {
        int64_t count;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-1, "-1"},
        {999, "999"},
        {1000, "1,000"},
        {-999999, "-999,999"},
        {1000000, "1.00M"},
        {12345678, "12.3M"},
        {999499999, "999M"},
        {999999999, "1.00G"},
        {INT64_MAX, "9.22E"},
        {INT64_MIN, "-9.22E"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slc_buf buf = {0};

        slc_text_count_short(&buf, cases[i].count, 999999);
        assert_text(&buf, cases[i].text);
    }
}

static void test_numbers(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "0"},
        {47, "47"},
        {-1.5658, "-1.566"},
        {0.0123, "0.0123"},
        {-0.001234567, "-0.001235"},
        {57709.49, "57,709"},
        {999999.4, "999,999"},
        {1e6, "1.00M"},
        {-48051234.5, "-48.1M"},
        {1e15, "1.0e+15"},
        {1.2e30, "1.2e+30"},
        {-4.7e-12, "-4.7e-12"},
        {5e-324, "4.9e-324"},
        {NAN, "-"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {-1.7976931348623157e308, "-1.8e+308"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slc_buf buf = {0};

        slc_text_number(&buf, cases[i].value);
        assert_true(buf.len <= 9);
        assert_text(&buf, cases[i].text);
    }
}

static void test_percent(void **state)
{
    static const struct {
        int64_t part, whole;
        const char *text;
    } cases[] = {
        {0, 10, "0%"},        {10, 10, "100%"},          {1, 3, "33.3%"},
        {1, 100000, "<0.1%"}, {99999, 100000, ">99.9%"}, {0, 0, "0%"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slc_buf buf = {0};

        slc_text_percent(&buf, cases[i].part, cases[i].whole);
        assert_text(&buf, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_width),   cmocka_unit_test(test_safe),
        cmocka_unit_test(test_cell),    cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_wrap),    cmocka_unit_test(test_json),
        cmocka_unit_test(test_counts),  cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_percent),

    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
