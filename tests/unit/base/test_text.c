/* str, buf, utf8 and json. */
#include "base_test.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"

static void strings(void **state)
{
    (void)state;
    assert_true(slc_str_is(slc_str_trim(slc_str_from(" \t\r\n a b \v\f")), "a b"));
    assert_int_equal(slc_str_trim(slc_str_from("  ")).len, 0);
    assert_true(slc_str_eq_nocase(slc_str_from("AbC"), slc_str_from("aBc")));
    assert_false(slc_str_eq_nocase(slc_str_from("\xc3\x84"), slc_str_from("\xc3\xa4")));
    assert_true(slc_str_cmp(slc_str_from("a"), slc_str_from("ab")) < 0);
    assert_true(slc_str_cmp(slc_str_from("b"), slc_str_from("ab")) > 0);
    assert_true(slc_str_cmp(slc_str_from("\xff"), slc_str_from("a")) > 0);
    assert_int_equal(slc_str_cmp((struct slc_str){NULL, 0}, slc_str_from("")), 0);
    assert_int_equal(slc_str_distance(slc_str_from("kitten"), slc_str_from("sitting")), 3);
    assert_int_equal(slc_str_distance(slc_str_from(""), slc_str_from("abc")), 3);
    assert_int_equal(slc_str_distance(slc_str_from("same"), slc_str_from("same")), 0);
}

static void buffers(void **state)
{
    SLC_AUTO_BUF struct slc_buf buf = {0};
    char *stolen;
    size_t len;

    (void)state;
    assert_string_equal(slc_buf_text(&buf), "");
    slc_buf_append(&buf, NULL, 0);
    for (int i = 0; i < 1000; i++)
        slc_buf_printf(&buf, "%d;", i);
    assert_int_equal(buf.len, 10 * 2 + 90 * 3 + 900 * 4);
    assert_true(strncmp(slc_buf_text(&buf), "0;1;2;3;", 8) == 0);
    slc_buf_clear(&buf);
    slc_buf_append_percent(&buf, slc_str_from("aZ09-._~ /%?\xc3\xa4"));
    assert_string_equal(slc_buf_text(&buf), "aZ09-._~%20%2F%25%3F%C3%A4");
    slc_buf_clear(&buf);
    slc_buf_append_quoted(&buf, slc_str_from("\"a,\"\"b\n"));
    slc_buf_append_quoted(&buf, slc_str_from(""));
    assert_string_equal(slc_buf_text(&buf), "\"\"\"a,\"\"\"\"b\n\"\"\"");
    slc_buf_clear(&buf);
    slc_buf_printf(&buf, "%*s", 5000, "x");
    assert_int_equal(buf.len, 5000);
    assert_int_equal(buf.data[4999], 'x');
    stolen = slc_buf_steal(&buf, &len);
    assert_int_equal(len, 5000);
    assert_int_equal(strlen(stolen), 5000);
    assert_null(buf.data);
    free(stolen);
    assert_null(slc_buf_reserve(&buf, SIZE_MAX / 2));
    assert_true(buf.failed);
    slc_buf_append_text(&buf, "lost");
    assert_null(slc_buf_text(&buf));
    assert_null(slc_buf_steal(&buf, NULL));
    slc_buf_clear(&buf);
    slc_buf_append_text(&buf, "usable again");
    assert_string_equal(slc_buf_text(&buf), "usable again");
}

/* RFC 3629 section 4, as a table of ranges. */
static size_t length_by_the_table(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char from, to;
        size_t len;
        unsigned char second_from, second_to;
    } rows[] = {
        {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
        {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
        {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (p[0] < rows[i].from || p[0] > rows[i].to)
            continue;
        if (left < rows[i].len)
            return 0;
        if (rows[i].len > 1 && (p[1] < rows[i].second_from || p[1] > rows[i].second_to))
            return 0;
        for (size_t j = 2; j < rows[i].len; j++)
            if (p[j] < 0x80 || p[j] > 0xbf)
                return 0;
        return rows[i].len;
    }
    return 0;
}

static void utf8(void **state)
{
    static const unsigned char bytes[] = {0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                          0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    struct dice dice = {17};

    (void)state;
    for (int round = 0; round < 300000; round++) {
        unsigned char text[100];
        size_t len = roll(&dice, 100), expected = 0, ascii = roll(&dice, 100);

        memset(text, 'a', sizeof(text));
        for (size_t i = ascii; i < len; i++)
            text[i] = bytes[roll(&dice, sizeof(bytes))];
        while (expected < len) {
            size_t step = length_by_the_table(text + expected, len - expected);

            if (step == 0)
                break;
            expected += step;
        }
        if (slc_utf8_valid_prefix((char *)text, len) != expected)
            fail_msg("round %d", round);
    }
}

/* Any four bytes of those at the rules' borders, in long text, at every place of a vector and at
 * the end. */
static void utf8_in_long_text(void **state)
{
    static const unsigned char borders[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f,
                                            0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
                                            0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff};
    enum { N = sizeof(borders), LEN = 300 };
    unsigned char text[LEN];

    (void)state;
    for (int i = 0; i < N * N * N * N; i++) {
        size_t at = i % 3 ? 240 + (size_t)i % 37 : LEN - 1 - (size_t)i % 4, expected = 0, step;
        unsigned char four[4] = {borders[i % N], borders[i / N % N], borders[i / N / N % N],
                                 borders[i / N / N / N]};

        memset(text, 'a', sizeof(text));
        memcpy(text + at, four, LEN - at < 4 ? LEN - at : 4);
        while (expected < LEN && (step = length_by_the_table(text + expected, LEN - expected)) > 0)
            expected += step;
        if (slc_utf8_valid_prefix((char *)text, LEN) != expected)
            fail_msg("%02x %02x %02x %02x at %zu: not valid from %zu on", four[0], four[1], four[2],
                     four[3], at, expected);
    }
}

static void code_points(void **state)
{
    SLC_AUTO_BUF struct slc_buf buf = {0};
    struct slc_str text;

    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        bool surrogate = c >= 0xd800 && c <= 0xdfff;

        slc_buf_clear(&buf);
        slc_utf8_append(&buf, c);
        assert_int_equal(slc_utf8_valid_prefix(buf.data, buf.len), buf.len);
        assert_int_equal(buf.len, surrogate     ? 3
                                  : c < 0x80    ? 1
                                  : c < 0x800   ? 2
                                  : c < 0x10000 ? 3
                                                : 4);
        if (surrogate)
            assert_memory_equal(buf.data, "\xef\xbf\xbd", 3);
    }
    slc_buf_clear(&buf);
    slc_utf8_append(&buf, 0x110000);
    assert_memory_equal(buf.data, "\xef\xbf\xbd", 3);
    text = slc_str_from("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_int_equal(slc_utf8_length(text), 4);
    assert_int_equal(slc_utf8_clip(text, 100).len, 10);
    assert_int_equal(slc_utf8_clip(text, 9).len, 6);
    assert_int_equal(slc_utf8_clip(text, 6).len, 6);
    assert_int_equal(slc_utf8_clip(text, 5).len, 3);
    assert_int_equal(slc_utf8_clip(text, 2).len, 1);
    assert_int_equal(slc_utf8_clip(text, 0).len, 0);
}

static void expect_json(struct slc_str s)
{
    SLC_AUTO_BUF struct slc_buf got = {0}, expected = {0};

    slc_buf_append_byte(&expected, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        static const char from[] = "\b\t\n\f\r\"\\", to[] = "btnfr\"\\";
        const char *special = c ? strchr(from, c) : NULL;

        if (special)
            slc_buf_printf(&expected, "\\%c", to[special - from]);
        else if (c < 0x20)
            slc_buf_printf(&expected, "\\u%04x", c);
        else
            slc_buf_append_byte(&expected, (char)c);
    }
    slc_buf_append_byte(&expected, '"');
    slc_json_string(&got, s);
    assert_int_equal(got.len, expected.len);
    assert_memory_equal(got.data, expected.data, got.len);
    assert_true(got.len <= SLC_JSON_STRING_BOUND(s.len));
}

static void json_strings(void **state)
{
    struct dice dice = {23};

    (void)state;
    for (int c = 0; c < 128; c++)
        for (int at = 0; at < 40; at++) {
            char text[40];

            memset(text, 'x', sizeof(text));
            text[at] = (char)c;
            expect_json((struct slc_str){text, sizeof(text)});
        }
    for (int round = 0; round < 20000; round++) {
        size_t len = roll(&dice, 80);
        char *text = malloc(len + 1); /* of its very length, so that reading past is found */

        for (size_t i = 0; i < len; i++)
            text[i] = (char)(roll(&dice, 3) ? 'a' + roll(&dice, 26) : roll(&dice, 128));
        expect_json((struct slc_str){text, len});
        free(text);
    }
    expect_json(slc_str_from("\xc3\xa9\xf0\x9f\x98\x80 \x7f"));
}

static void json_values(void **state)
{
    SLC_AUTO_BUF struct slc_buf buf = {0};

    (void)state;
    slc_buf_append_byte(&buf, '{');
    slc_json_key(&buf, "a");
    slc_json_double(&buf, 0.1);
    slc_json_key(&buf, "b\"");
    slc_buf_append_byte(&buf, '[');
    for (int i = 0; i < 3; i++) {
        slc_json_comma(&buf);
        slc_json_double(&buf, ((double[]){NAN, INFINITY, -INFINITY})[i]);
    }
    slc_buf_append_byte(&buf, ']');
    slc_json_key(&buf, "c");
    slc_json_int64(&buf, INT64_MIN);
    slc_json_key(&buf, "d");
    slc_json_uint64(&buf, UINT64_MAX);
    slc_json_key(&buf, "e");
    slc_json_text(&buf, "x");
    slc_buf_append_byte(&buf, '}');
    assert_string_equal(slc_buf_text(&buf),
                        "{\"a\":0.1,\"b\\\"\":[null,null,null],\"c\":-9223372036854775808,"
                        "\"d\":18446744073709551615,\"e\":\"x\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),     cmocka_unit_test(buffers),
        cmocka_unit_test(utf8),        cmocka_unit_test(utf8_in_long_text),
        cmocka_unit_test(code_points), cmocka_unit_test(json_strings),
        cmocka_unit_test(json_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
