#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "prep/json_repair.h"

struct repair_case {
    const char *text;
    const char *json; /* NULL: cannot be repaired */
};

static void check(struct slc_str text, const char *json)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    SLC_AUTO_FREE char *exact = malloc(text.len + 1);
    bool good;

    /* Memory of exactly that size, so that the sanitizer sees a read too far. */
    assert_non_null(exact);
    memcpy(exact, text.data, text.len);
    exact = realloc(exact, text.len ? text.len : 1);
    slc_buf_append_text(&out, "kept:");
    good = slc_json_repair((struct slc_str){.data = exact, .len = text.len}, &out);
    assert_false(out.failed);
    assert_memory_equal(slc_buf_text(&out), "kept:", 5);
    if (!json && good)
        fail_msg("%.*s was taken: %s", SLC_STR_ARG(text), out.data + 5);
    if (!json) {
        assert_int_equal(out.len, 5);
        return;
    }
    if (!good)
        fail_msg("%.*s was not repaired", SLC_STR_ARG(text));
    if (strcmp(out.data + 5, json) != 0)
        fail_msg("%.*s gave %s, not %s", SLC_STR_ARG(text), out.data + 5, json);
}

static void check_all(const struct repair_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(slc_str_from(cases[i].text), cases[i].json);
}

#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof(cases[0]))

static void json_stays_json(void **state)
{
    static const struct repair_case cases[] = {
        {"{}", "{}"},
        {" [ ] ", "[]"},
        {"{ \"a\" : 1 ,\n\t\"b\" : [ true , false , null ] }\r\n",
         "{\"a\":1,\"b\":[true,false,null]}"},
        {"\"a b\"", "\"a b\""},
        {"-0", "-0"},
        {"-0.0", "-0.0"},
        {"1E400", "1E400"},
        {"12345678901234567890123", "12345678901234567890123"},
        {"[1.50, 1e05, 1E+5]", "[1.50,1e05,1E+5]"},
        /* Python would read these escapes in another way. */
        {"[\"\\/\", \"\\ud83d\\ude00\", \"\\u0041\"]", "[\"\\/\",\"\\ud83d\\ude00\",\"\\u0041\"]"},
        {"{\"it's\": \"\\\"x\\\"\"}", "{\"it's\":\"\\\"x\\\"\"}"},
        {"[\"\xc3\xa9 \xf0\x9f\x98\x80 \x7f\"]", "[\"\xc3\xa9 \xf0\x9f\x98\x80 \x7f\"]"},
        {"{\"a\": {\"b\": [[], {}, [{}]]}}", "{\"a\":{\"b\":[[],{},[{}]]}}"},
    };

    (void)state;
    CHECK_ALL(cases);
}

static void python_literals(void **state)
{
    static const struct repair_case cases[] = {
        {"{'city': 'Austin', 'state': None, 'zip': '40541'}",
         "{\"city\":\"Austin\",\"state\":null,\"zip\":\"40541\"}"},
        {"[True, False, None]", "[true,false,null]"},
        {"{'a': \"it's\"}", "{\"a\":\"it's\"}"},
        {"{'a': 'it\\'s'}", "{\"a\":\"it's\"}"},
        {"{'a': 'say \"hi\"'}", "{\"a\":\"say \\\"hi\\\"\"}"},
        {"['\\x41\\u00e9\\U0001f600\\101\\0\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\d']",
         "[\"A\xc3\xa9\xf0\x9f\x98\x80"
         "A\\u0000\\u0007\\b\\f\\n\\r\\t\\u000b\\\\\\\"\\\\d\"]"},
        {"['\\ud800', '\\udfff']", "[\"\\ud800\",\"\\udfff\"]"},
        {"['\\/']", "[\"\\\\/\"]"},
        {"['\\18', '\\777', '\\8']", "[\"\\u00018\",\"\xc7\xbf\",\"\\\\8\"]"},
        {"['a\\\nb']", "[\"ab\"]"},
        {"['tab\there\x01']", "[\"tab\\there\\u0001\"]"},
        {"()", "[]"},
        {"(1,)", "[1]"},
        {"(1)", "1"},
        {"((((1))))", "1"},
        {"((1,), (2), ((3, 4)), ('x'))", "[[1],2,[3,4],\"x\"]"},
        {"(1, 2,)", "[1,2]"},
        {"1, 2", "[1,2]"},
        {"{'a': 1}, {'b': 2},", "[{\"a\":1},{\"b\":2}]"},
        {"'a',", "[\"a\"]"},
        {"[1, 2, ]", "[1,2]"},
        {"{'a': 1, }", "{\"a\":1}"},
        {"None", "null"},
        {"'x'", "\"x\""},
        {"['a' 'b' \"c\"]", "[\"abc\"]"},
        {"['''it's \"x\"''', \"\"\"a\nb\r\nc\"\"\", '''''', '''a''''b']",
         "[\"it's \\\"x\\\"\",\"a\\nb\\nc\",\"\",\"ab\"]"},
        {"['' '', \"\"]", "[\"\",\"\"]"},
        {"[u'a', U'b', r'\\d\\'', R\"\\\"\", b'a\\x41\\101\\u', rb'\\x', bR'y', B'']",
         "[\"a\",\"b\",\"\\\\d\\\\'\",\"\\\\\\\"\",\"aAA\\\\u\",\"\\\\x\",\"y\",\"\"]"},
        {"b'caf\\xc3\\xa9'", "\"caf\xc3\xa9\""},
        {"[1, # one\n 2]", "[1,2]"},
        {"[1, \\\n 2]", "[1,2]"},
        {"['# no comment']", "[\"# no comment\"]"},
        {"{'\xc3\xa9': '\xe6\x97\xa5'}", "{\"\xc3\xa9\":\"\xe6\x97\xa5\"}"},
    };

    (void)state;
    CHECK_ALL(cases);
}

static void numbers(void **state)
{
    static const struct repair_case cases[] = {
        {"[+1, -1, - 1, +0, -0, 00, 0_0, (-0)]", "[1,-1,-1,0,0,0,0,0]"},
        {"[1_000, 1_0.0_1, 1_0e1_0, .5_0]", "[1000,10.01,10e10,0.50]"},
        {"[.5, 5., -.5, +5., 5.e3, .5e-3, 007.5, 00e1, -00.5]",
         "[0.5,5.0,-0.5,5.0,5.0e3,0.5e-3,7.5,0e1,-0.5]"},
        {"[0x10, 0XfF, 0o17, 0b1_0, -0x1, 0x_f, 0xffffffffffffffff, -0x0]",
         "[16,255,15,2,-1,15,18446744073709551615,0]"},
        {"(1e400, -1e400, 1e-400)", "[null,null,1e-400]"},
        {"(123456789012345678901234567890,)", "[123456789012345678901234567890]"},
        {"(-0.0, 1E5)", "[-0.0,1E5]"},
        {"(1__0,)", NULL},
        {"(1_,)", NULL},
        {"(_1,)", NULL},
        {"(01,)", NULL},
        {"(0_1,)", NULL},
        {"(1._5,)", NULL},
        {"(1e,)", NULL},
        {"(1e_5,)", NULL},
        {"(.,)", NULL},
        {"(--1,)", NULL},
        {"(1j,)", NULL},
        {"(1+2j,)", NULL},
        {"(0x,)", NULL},
        {"(0xg,)", NULL},
        {"(0x1_,)", NULL},
        {"(0x1__0,)", NULL},
        {"(0b2,)", NULL},
        {"(0x10000000000000000,)", NULL},
        {"(0x1.5,)", NULL},
        {"(1.2.3,)", NULL},
        {"(+None,)", NULL},
        {"(-,)", NULL},
        {"+", NULL},
        {"-", NULL},
        {"0x", NULL},
        {"(1 2)", NULL},
    };

    (void)state;
    CHECK_ALL(cases);
}

static void keys(void **state)
{
    static const struct repair_case cases[] = {
        {"{1: 'a', -2: 'b', True: 'c', None: 'd'}",
         "{\"1\":\"a\",\"-2\":\"b\",\"true\":\"c\",\"null\":\"d\"}"},
        {"{1.50: 1, 1e16: 2, 1e15: 3, 1e-5: 4, .0001: 5, 123.0: 6, 1e999: 7, -1e999: 8}",
         "{\"1.5\":1,\"1e+16\":2,\"1000000000000000.0\":3,\"1e-05\":4,\"0.0001\":5,\"123.0\":6,"
         "\"Infinity\":7,\"-Infinity\":8}"},
        {"{0.0: 1, -0.0: 2, 1.5e300: 3, 1234567890123456789.5: 4, 0.1: 5, 5e-324: 6, 100.25: 7}",
         "{\"0.0\":1,\"-0.0\":2,\"1.5e+300\":3,\"1.2345678901234568e+18\":4,\"0.1\":5,\"5e-324\":6,"
         "\"100.25\":7}"},
        {"{0x10: 1, 1_0: 2}", "{\"16\":1,\"10\":2}"},
        {"{b'k': 1, 'a' 'b': 2}", "{\"k\":1,\"ab\":2}"},
        {"{(1, 2): 1}", NULL},
        {"{[]: 1}", NULL},
        {"{1, 2}", NULL},
        {"{'a'}", NULL},
        {"{'a': }", NULL},
        {"{: 1}", NULL},
        {"{,}", NULL},
        {"{nan: 1, -nan: 2, inf: 3, -inf: 4, +inf: 5}",
         "{\"NaN\":1,\"NaN\":2,\"Infinity\":3,\"-Infinity\":4,\"Infinity\":5}"},
        {"{-None: 1}", NULL},
    };

    (void)state;
    CHECK_ALL(cases);
}

static void damage(void **state)
{
    static const struct repair_case cases[] = {
        {"{'city': 'Coeur d'Alene'}", "{\"city\":\"Coeur d'Alene\"}"},
        {"{'city': 'Coeur d'Alene, ID', 'n': 1}", "{\"city\":\"Coeur d'Alene, ID\",\"n\":1}"},
        {"{\"a\": \"say \"hi\" now\"}", "{\"a\":\"say \\\"hi\\\" now\"}"},
        {"{\"a\": \"he said \"yes\", ok\", \"b\": 1}",
         "{\"a\":\"he said \\\"yes\\\", ok\",\"b\":1}"},
        {"{\"a\": \"5\" pipe\"}", "{\"a\":\"5\\\" pipe\"}"},
        {"{\"it\"s\": 1}", "{\"it\\\"s\":1}"},
        {"['it's', 'he's', 'O'Neil']", "[\"it's\",\"he's\",\"O'Neil\"]"},
        {"{'a': 'rock 'n' roll', 'b': ['x'y', 2]}", "{\"a\":\"rock 'n' roll\",\"b\":[\"x'y\",2]}"},
        {"{'a': 'dogs' bone'}", "{\"a\":\"dogs' bone\"}"},
        {"{'a': \"{\"b\": 1}\"}", "{\"a\":\"{\\\"b\\\": 1}\"}"},
        {"('it's', None)", "[\"it's\",null]"},
        {"{'a': nan, 'b': NaN, 'c': Infinity, 'd': -inf, 'e': -Infinity, 'f': -nan}",
         "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":null,\"f\":null}"},
        {"{\"a\": NaN, \"b\": \"\\ud83d\\ude00\\/\"}", "{\"a\":null,\"b\":\"\\ud83d\\ude00/\"}"},
        {"{'a': true, \"b\": None, 'c': null, 'd': FALSE, 'e': undefined}",
         "{\"a\":true,\"b\":null,\"c\":null,\"d\":false,\"e\":null}"},
        {"{'a': 'line\nbreak\r\n'}", "{\"a\":\"line\\nbreak\\r\\n\"}"},
        {"{'a': 'C:\\new'x', 'b': '\\xZZ', 'c': '\\u12', 'd': '\\Uffffffff'}",
         "{\"a\":\"C:\\new'x\",\"b\":\"\\\\xZZ\",\"c\":\"\\\\u12\",\"d\":\"\\\\Uffffffff\"}"},
        {"[nan, ]", "[null]"},
        /* No text and bytes joined, but a text with quotes in it. */
        {"['a' b'c']", "[\"a' b'c\"]"},
    };

    (void)state;
    CHECK_ALL(cases);
}

static void beyond_repair(void **state)
{
    static const struct repair_case cases[] = {
        {"", NULL},
        {" ", NULL},
        {"hello", NULL},
        {"O'Neil", NULL},
        {"'quoted' text", NULL},
        {"nan", NULL},
        {"{", NULL},
        {"[", NULL},
        {"(", NULL},
        {"{'", NULL},
        {"{'a", NULL},
        {"{'a'", NULL},
        {"{'a':", NULL},
        {"{'a': 'b", NULL},
        {"{'a': 'b'", NULL},
        {"{'a': 'b',", NULL},
        {"{'a': 'b\\", NULL},
        {"{'a': 'b'}}", NULL},
        {"{'a': 'b'} x", NULL},
        {"{'a': 'b'} {'a': 'b'}", NULL},
        {"{'a' 1}", NULL},
        {"{'a': 1 'b': 2}", NULL},
        {"{'a': 1; 'b': 2}", NULL},
        {"[1, 2", NULL},
        {"[1, 2}", NULL},
        {"{'a': 1]", NULL},
        {"[1,,2]", NULL},
        {"[,]", NULL},
        {"(,)", NULL},
        {"[,1]", NULL},
        {"]", NULL},
        {"{'a': datetime.date(2020, 1, 1)}", NULL},
        {"{'a': set()}", NULL},
        {"[...]", NULL},
        {"['\\N{DASH}']", NULL},
        {"[f'x']", NULL},
        {"[ub'x']", NULL},
        {"[bb'x']", NULL},
        {"b'\\xff'", NULL},
        {"b'\xc3\xa9'", NULL},
        {"['''a]", NULL},
        {"[1 if x else 2]", NULL},
        {"[Nonesuch]", NULL},
        {"[\"\xff\"]", NULL},
        {"[\"\xed\xa0\x80\"]", NULL},
        {"\xef\xbb\xbf[]", NULL},
        {"[\\", NULL},
        {"[#", NULL},
        {"{a: 1}", NULL},
        {"'a\nb'", NULL},
    };

    (void)state;
    CHECK_ALL(cases);
    check((struct slc_str){.data = "'a\0b'", .len = 5}, NULL);
    check((struct slc_str){.data = "['a'\0]", .len = 6}, NULL);
}

/* Every beginning of a text is read to its end and not a byte further. */
static void cut_anywhere(void **state)
{
    static const char text[] = "{'a': \"x\\u00e9\\x41\", 1.5e3: (1, 0x1F, -2_0.5), u'b': "
                               "b'\\xc3\\xa9', \"c\": '''t'''\n, 'd': None, "
                               "'e': 'it's', 'f': -inf, 'g': '\\U0001f600'}";

    (void)state;
    for (size_t len = 0; len + 1 < sizeof(text); len++)
        check((struct slc_str){.data = text, .len = len}, NULL);
    check(slc_str_from("{'a': 'it's', 'g': '\\U0001f600'}"),
          "{\"a\":\"it's\",\"g\":\"\xf0\x9f\x98\x80\"}");
}

static void nesting(void **state)
{
    static const char *const pairs[] = {"[]", "()", "{}"};

    (void)state;
    for (size_t kind = 0; kind < 3; kind++)
        for (int depth = 127; depth <= 130; depth++) {
            SLC_AUTO_BUF struct slc_buf text = {0}, out = {0};
            bool good;

            for (int i = 0; i < depth; i++)
                slc_buf_append_text(&text, kind == 2 ? "{'a':" : kind == 1 ? "(" : "[");
            slc_buf_append_text(&text, "1");
            for (int i = 0; i < depth; i++)
                slc_buf_append_byte(&text, pairs[kind][1]);
            good = slc_json_repair(slc_buf_view(&text), &out);
            assert_int_equal(good, depth <= SLC_JSON_REPAIR_MAX_DEPTH);
            if (good && kind == 1)
                assert_string_equal(slc_buf_text(&out), "1");
        }
}

/* Output that outgrows its text many times over. */
static void growing_output(void **state)
{
    SLC_AUTO_BUF struct slc_buf text = {0}, out = {0};

    (void)state;
    slc_buf_append_text(&text, "['");
    for (int i = 0; i < 100000; i++)
        slc_buf_append_byte(&text, '\x01');
    slc_buf_append_text(&text, "', {");
    for (int i = 0; i < 10000; i++)
        slc_buf_append_text(&text, "1e15:1,");
    slc_buf_append_text(&text, "}]");
    assert_true(slc_json_repair(slc_buf_view(&text), &out));
    assert_int_equal(out.len, 2 + 600000 + 3 + 10000 * 23 - 1 + 2);
    assert_memory_equal(out.data + out.len - 25, ",\"1000000000000000.0\":1}]", 25);
}

static int64_t time_of(const char *head, const char *part, size_t count, const char *tail)
{
    SLC_AUTO_BUF struct slc_buf text = {0}, out = {0};
    int64_t start, best = INT64_MAX;

    slc_buf_append_text(&text, head);
    for (size_t i = 0; i < count; i++)
        slc_buf_append_text(&text, part);
    slc_buf_append_text(&text, tail);
    for (int i = 0; i < 3; i++) {
        slc_buf_clear(&out);
        start = slc_monotonic_usec();
        (void)slc_json_repair(slc_buf_view(&text), &out);
        start = slc_monotonic_usec() - start;
        best = start < best ? start : best;
    }
    return best;
}

/* Texts made to hurt: sixteen times the length may not cost near 256 times the
 * time. */
static void linear_time(void **state)
{
    static const struct {
        const char *head, *part, *tail;
    } cases[] = {
        {"{'a': '", "' ", "'}"},
        {"{'a': '", "', ", "'}"},
        {"['", "'   ,   ", "x"},
        {"[", "[],", "x"},
        {"[", "(1),", "x]"},
        {"['", "''", "x"},
        {"[\"", "\\\"", ""},
        {"[", "'a' ", "x]"},
        {"['", "'    ", ""},
        {"{'a': '", "'}    ", "x"},
        {"(((((((((((((1", "11", ")))))))))))))"},
        {"[", "-", "]"},
        {"[", "#\n", "]"},
        {"1", ",1", ",("},
        {"[", "1e15,", ")"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t small = time_of(cases[i].head, cases[i].part, 20000, cases[i].tail);
        int64_t large = time_of(cases[i].head, cases[i].part, 320000, cases[i].tail);

        if (large > 100 * (small + 200))
            fail_msg("%s: %lld us, then %lld us", cases[i].part, (long long)small,
                     (long long)large);
    }
}

static void looks_like(void **state)
{
    (void)state;
    assert_true(slc_json_looks_like(SLC_STR("{")));
    assert_true(slc_json_looks_like(SLC_STR(" \t\n[1]")));
    assert_false(slc_json_looks_like(SLC_STR("")));
    assert_false(slc_json_looks_like(SLC_STR("  ")));
    assert_false(slc_json_looks_like(SLC_STR("a{")));
    assert_false(slc_json_looks_like(SLC_STR("(555) 1234")));
    assert_false(slc_json_looks_like((struct slc_str){.data = NULL, .len = 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_stays_json), cmocka_unit_test(python_literals),
        cmocka_unit_test(numbers),         cmocka_unit_test(keys),
        cmocka_unit_test(damage),          cmocka_unit_test(beyond_repair),
        cmocka_unit_test(cut_anywhere),    cmocka_unit_test(nesting),
        cmocka_unit_test(growing_output),  cmocka_unit_test(linear_time),
        cmocka_unit_test(looks_like),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
