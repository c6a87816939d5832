/* Parameters in all their forms, and FastAPI's words for what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>

#include <cmocka.h>

#include "http/params.h"

static struct slc_params *read_both(const char *query, const char *body)
{
    struct slc_params *params = slc_params_new(slc_str_from(query), slc_str_from(body), true);

    assert_non_null(params);
    return params;
}

static void expect_text(const char *body, const char *name, const char *expected)
{
    struct slc_params *params = read_both("", body);
    struct slc_str value = {0};

    if (!slc_params_text(params, name, SLC_PARAM_REQUIRED, 0, INT64_MAX, &value) ||
        !slc_str_is(value, expected))
        fail_msg("%s: %s is '%.*s', not '%s'", body, name, (int)value.len,
                 value.data ? value.data : "", expected);
    slc_params_free(params);
}

static void test_forms(void **state)
{
    (void)state;
    expect_text("?email=a@b.c&force_reload=1", "email", "a@b.c");
    expect_text("email=a@b.c&force_reload=1", "force_reload", "1");
    expect_text("?email=a%40b.c&x=1", "email", "a@b.c");
    expect_text("a=1+2%2B3", "a", "1 2+3");
    expect_text("a=1&a=2", "a", "2");
    expect_text("a", "a", "");
    expect_text("a=", "a", "");
    expect_text("&&a=x&&", "a", "x");
    expect_text("a=b=c", "a", "b=c");
    expect_text("a%20b=c", "a b", "c");
    expect_text("a=100%&b=%zz%4", "a", "100%");
    expect_text("a=100%&b=%zz%4", "b", "%zz%4");
    expect_text(" ?a=x\r\n", "a", "x");
    expect_text("%3Fa%3Dx%26b%3D1%2B2", "a", "x");
    expect_text("%3fa%3dx%26b%3d1%252B2", "b", "1+2");
    expect_text("%7B%22a%22%3A%22x%22%7D", "a", "x");
    expect_text("{\"a\":\"x\"}", "a", "x");
    expect_text("\n {\"a\":\"x\", \"b\":{\"c\":[1,2]}} \n", "a", "x");
    expect_text("{\"a\":\"\\u00e4\\ud83d\\ude00\"}", "a", "\xc3\xa4\xf0\x9f\x98\x80");
    expect_text("{\"a\":\"1\",\"a\":\"2\"}", "a", "2");
    expect_text("{\"a=b&c\":\"?x=1\"}", "a=b&c", "?x=1");
}

static void test_places(void **state)
{
    struct slc_params *params = read_both("a=q&b=q", "?a=b&c=b");
    struct slc_str value = {0};

    (void)state;
    assert_true(slc_params_text(params, "a", SLC_PARAM_REQUIRED, 0, 9, &value));
    assert_true(slc_str_is(value, "b"));
    assert_true(slc_params_text(params, "b", SLC_PARAM_REQUIRED, 0, 9, &value));
    assert_true(slc_str_is(value, "q"));
    assert_true(slc_params_has(params, "c"));
    assert_false(slc_params_has(params, "d"));
    value = SLC_STR("default");
    assert_false(slc_params_text(params, "d", SLC_PARAM_OPTIONAL, 0, 9, &value));
    assert_true(slc_str_is(value, "default"));
    assert_false(slc_params_refused(params, &(struct slc_http_response){0}));
    slc_params_free(params);
}

/* The answer to asking for topn (1 to 100), name (2 to 4 characters) and flag. */
static void ask(struct slc_params *params, enum slc_param_need need,
                struct slc_http_response *response)
{
    struct slc_str text;
    int64_t number;
    bool flag;

    slc_params_int(params, "topn", need, 1, 100, &number);
    slc_params_text(params, "name", need, 2, 4, &text);
    slc_params_bool(params, "flag", need, &flag);
    if (!slc_params_refused(params, response))
        slc_http_json_text(response, 200, "{}");
}

static void expect_answer(const char *query, const char *body, bool body_expected,
                          enum slc_param_need need, const char *expected)
{
    struct slc_params *params =
        slc_params_new(slc_str_from(query), slc_str_from(body), body_expected);
    struct slc_http_response response = {0};
    struct json_object *parsed;

    assert_non_null(params);
    ask(params, need, &response);
    assert_string_equal(slc_buf_text(&response.body), expected);
    assert_int_equal(response.status, strcmp(expected, "{}") == 0 ? 200 : 422);
    parsed = json_tokener_parse(slc_buf_text(&response.body));
    assert_non_null(parsed);
    json_object_put(parsed);
    slc_http_response_release(&response);
    slc_params_free(params);
}

#define DETAIL(errors) "{\"detail\":[" errors "]}"

static void test_missing(void **state)
{
    (void)state;
    expect_answer("", "", false, SLC_PARAM_OPTIONAL, "{}");
    expect_answer(
        "flag=1&name=abc", "", false, SLC_PARAM_REQUIRED,
        DETAIL("{\"loc\":[\"query\",\"topn\"],\"msg\":\"Field required\",\"type\":\"missing\","
               "\"input\":null}"));
    expect_answer(
        "", "?flag=1", true, SLC_PARAM_REQUIRED,
        DETAIL("{\"loc\":[\"body\",\"topn\"],\"msg\":\"Field required\",\"type\":\"missing\","
               "\"input\":null},"
               "{\"loc\":[\"body\",\"name\"],\"msg\":\"Field required\",\"type\":\"missing\","
               "\"input\":null}"));
    expect_answer(
        "", "{\"flag\":true,\"name\":\"a/b\",\"topn\":null}", true, SLC_PARAM_REQUIRED,
        DETAIL("{\"loc\":[\"body\",\"topn\"],\"msg\":\"Field required\",\"type\":\"missing\","
               "\"input\":{\"flag\":true,\"name\":\"a/b\",\"topn\":null}}"));
}

static void expect_fault(const char *body, const char *message, const char *type, const char *input,
                         const char *context)
{
    char expected[1024];
    const char *name = strstr(body, "topn") ? "topn" : strstr(body, "name") ? "name" : "flag";

    snprintf(expected, sizeof(expected),
             DETAIL("{\"loc\":[\"body\",\"%s\"],\"msg\":\"%s\",\"type\":\"%s\",\"input\":%s%s%s}"),
             name, message, type, input, context ? ",\"ctx\":" : "", context ? context : "");
    expect_answer("", body, true, SLC_PARAM_OPTIONAL, expected);
}

static void test_faults(void **state)
{
    static const char parsing[] =
        "Input should be a valid integer, unable to parse string as an integer";

    (void)state;
    expect_fault("topn=abc", parsing, "int_parsing", "\"abc\"", NULL);
    expect_fault("topn=", parsing, "int_parsing", "\"\"", NULL);
    expect_fault("topn=1.5", parsing, "int_parsing", "\"1.5\"", NULL);
    expect_fault("topn=1__0", parsing, "int_parsing", "\"1__0\"", NULL);
    expect_fault("topn=_1", parsing, "int_parsing", "\"_1\"", NULL);
    expect_fault("topn=1_", parsing, "int_parsing", "\"1_\"", NULL);
    expect_fault("topn=1.", parsing, "int_parsing", "\"1.\"", NULL);
    expect_fault("topn=-", parsing, "int_parsing", "\"-\"", NULL);
    expect_fault("topn=0x10", parsing, "int_parsing", "\"0x10\"", NULL);
    expect_fault("topn=%ff%22%0a", parsing, "int_parsing", "\"\xef\xbf\xbd\\\"\\n\"", NULL);
    expect_fault("topn=0", "Input should be greater than or equal to 1", "greater_than_equal",
                 "\"0\"", "{\"ge\":1}");
    expect_fault("topn=101", "Input should be less than or equal to 100", "less_than_equal",
                 "\"101\"", "{\"le\":100}");
    expect_fault("topn=99999999999999999999999999999999999999999999",
                 "Input should be less than or equal to 100", "less_than_equal",
                 "\"99999999999999999999999999999999999999999999\"", "{\"le\":100}");
    expect_fault("topn=-99999999999999999999", "Input should be greater than or equal to 1",
                 "greater_than_equal", "\"-99999999999999999999\"", "{\"ge\":1}");
    expect_fault("{\"topn\":1.5}",
                 "Input should be a valid integer, got a number with a fractional part",
                 "int_from_float", "1.5", NULL);
    expect_fault("{\"topn\":1e400}", "Input should be a finite number", "finite_number", "1e400",
                 NULL);
    expect_fault("{\"topn\":1e30}", "Input should be less than or equal to 100", "less_than_equal",
                 "1e30", "{\"le\":100}");
    expect_fault("{\"topn\":[1]}", "Input should be a valid integer", "int_type", "[1]", NULL);
    expect_fault("{\"topn\":\"x\"}", parsing, "int_parsing", "\"x\"", NULL);
    expect_fault("name=a", "String should have at least 2 characters", "string_too_short", "\"a\"",
                 "{\"min_length\":2}");
    expect_fault("name=%C3%A4%C3%A4%C3%A4%C3%A4%C3%A4", "String should have at most 4 characters",
                 "string_too_long", "\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"",
                 "{\"max_length\":4}");
    expect_fault("{\"name\":12}", "Input should be a valid string", "string_type", "12", NULL);
    expect_fault("name=a%00b",
                 "Input should be a valid string, unable to parse raw data as a unicode string",
                 "string_unicode", "\"a\\u0000b\"", NULL);
    expect_fault("name=a%ff",
                 "Input should be a valid string, unable to parse raw data as a unicode string",
                 "string_unicode", "\"a\xef\xbf\xbd\"", NULL);
    expect_fault("{\"name\":\"a\\u0000b\"}",
                 "Input should be a valid string, unable to parse raw data as a unicode string",
                 "string_unicode", "\"a\\u0000b\"", NULL);
    expect_fault("flag=2", "Input should be a valid boolean, unable to interpret input",
                 "bool_parsing", "\"2\"", NULL);
    expect_fault("flag=", "Input should be a valid boolean, unable to interpret input",
                 "bool_parsing", "\"\"", NULL);
    expect_fault("{\"flag\":2}", "Input should be a valid boolean, unable to interpret input",
                 "bool_parsing", "2", NULL);
    expect_fault("{\"flag\":{}}", "Input should be a valid boolean", "bool_type", "{}", NULL);
}

static void expect_int(const char *body, int64_t expected)
{
    struct slc_params *params = read_both("", body);
    int64_t value = -77;

    if (!slc_params_int(params, "n", SLC_PARAM_REQUIRED, INT64_MIN, INT64_MAX, &value) ||
        value != expected)
        fail_msg("%s gives %lld", body, (long long)value);
    slc_params_free(params);
}

static void test_ints(void **state)
{
    struct slc_params *params;
    int64_t value;

    (void)state;
    expect_int("n=10", 10);
    expect_int("n=%2B10", 10);
    expect_int("n=+10+", 10);
    expect_int("n=-0", 0);
    expect_int("n=007", 7);
    expect_int("n=1_000", 1000);
    expect_int("n=10.000", 10);
    expect_int("n=9223372036854775807", INT64_MAX);
    expect_int("n=-9223372036854775808", INT64_MIN);
    expect_int("n=000000000000000000000000000000000000000000000000000000000000001", 1);
    expect_int("{\"n\":10}", 10);
    expect_int("{\"n\":10.0}", 10);
    expect_int("{\"n\":true}", 1);
    expect_int("{\"n\":\"10\"}", 10);
    params = read_both("", "n=9223372036854775808");
    assert_false(slc_params_int(params, "n", SLC_PARAM_REQUIRED, 0, INT64_MAX, &value));
    slc_params_free(params);
}

static void test_bools(void **state)
{
    static const struct {
        const char *body;
        bool expected;
    } cases[] = {
        {"b=1", true},  {"b=TRUE", true},         {"b=on", true},      {"b=Yes", true},
        {"b=0", false}, {"b=false", false},       {"b=off", false},    {"{\"b\":true}", true},
        {"b=t", true},  {"{\"b\":false}", false}, {"{\"b\":1}", true}, {"{\"b\":0.0}", false},
        {"b=n", false}, {"{\"b\":\"1\"}", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct slc_params *params = read_both("", cases[i].body);
        bool value = !cases[i].expected;

        assert_true(slc_params_bool(params, "b", SLC_PARAM_REQUIRED, &value));
        assert_int_equal(value, cases[i].expected);
        slc_params_free(params);
    }
}

static void expect_unreadable(const char *body, size_t len, const char *type)
{
    struct slc_params *params =
        slc_params_new(SLC_STR(""), (struct slc_str){.data = body, .len = len}, true);
    struct slc_http_response response = {0};
    struct slc_str value;

    /* what cannot be read has nothing missing: one error, not two */
    assert_false(slc_params_text(params, "a", SLC_PARAM_REQUIRED, 0, 9, &value));
    assert_true(slc_params_refused(params, &response));
    if (!strstr(slc_buf_text(&response.body), type) ||
        strstr(slc_buf_text(&response.body), "missing"))
        fail_msg("%s gives %s", body, slc_buf_text(&response.body));
    slc_http_response_release(&response);
    slc_params_free(params);
}

static void test_bad_json(void **state)
{
    static const char *const bad[] = {
        "{",
        "{\"a\":}",
        "{\"a\":1}x",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":\"\xff\"}",
        "{\"a\":1}{\"b\":2}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":NaN}",
        "{\"a\":\"",
        "{\"a\":[[[[[[[[[[1]]]]]]]]]]}",
        "{\"a\":tru",
        "{\"a\":1} /*",
        "{\"a\":1e}",
        "{\"a\":.5}",
        "{\"a\":-}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":[1,]}",
        "{\"a\":[1}",
        "{\"a\":\"\n\"}",
        "{,}",
        "{\"a\":[[[[[[[[1]]]]]]]]}",
        "{/**/\"a\":1}",
    };
    static const char *const good[] = {
        "{}",
        "{ }",
        "{\"a\":[]}",
        "{\"a\":[1,-0.5e+3,\"\\u00e4\\n\",true,false,null,{},[]]}",
        "{\"a\":[[[[[[[1]]]]]]]}",
        "{\"\":{\"a\" : { } , \"b\":[ 1 , 2 ]}}\t",
    };
    char deep[20000];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct slc_params *params = read_both("", good[i]);
        struct slc_http_response response = {0};

        if (slc_params_refused(params, &response))
            fail_msg("%s gives %s", good[i], slc_buf_text(&response.body));
        slc_params_free(params);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        expect_unreadable(bad[i], strlen(bad[i]), "json_invalid");
    expect_unreadable("{\"a\":\"x\0y\"}", 11, "json_invalid");
    expect_unreadable("[1]", 3, "model_attributes_type");
    memset(deep, '[', sizeof(deep));
    memcpy(deep, "{\"a\":", 5);
    expect_unreadable(deep, sizeof(deep), "json_invalid");
}

static void test_too_many(void **state)
{
    char form[1000] = "", json[4000] = "{";
    struct slc_params *params;
    struct slc_http_response response = {0};

    (void)state;
    for (int i = 0; i < SLC_PARAMS_MAX; i++) {
        size_t form_len = strlen(form), json_len = strlen(json);

        snprintf(form + form_len, sizeof(form) - form_len, "a%d=1&", i);
        snprintf(json + json_len, sizeof(json) - json_len, "\"b%d\":1,", i);
    }
    json[strlen(json) - 1] = '}';
    params = read_both(form, json);
    assert_true(slc_params_has(params, "a63"));
    assert_true(slc_params_has(params, "b63"));
    assert_false(slc_params_refused(params, &response));
    slc_params_free(params);
    strcat(form, "x=1");
    params = read_both("", form);
    assert_true(slc_params_refused(params, &response));
    assert_int_equal(response.status, 422);
    slc_http_response_release(&response);
    slc_params_free(params);
}

static void test_note(void **state)
{
    struct slc_params *params = read_both("email=x", "");
    struct slc_http_response response = {0};

    (void)state;
    slc_params_note(params, "email", "value_error", "Value error, not an e-mail address");
    assert_true(slc_params_refused(params, &response));
    assert_string_equal(slc_buf_text(&response.body),
                        DETAIL("{\"loc\":[\"query\",\"email\"],\"msg\":\"Value error, not an "
                               "e-mail address\",\"type\":\"value_error\",\"input\":\"x\"}"));
    slc_http_response_release(&response);
    slc_params_free(params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),    cmocka_unit_test(test_places),
        cmocka_unit_test(test_missing),  cmocka_unit_test(test_faults),
        cmocka_unit_test(test_ints),     cmocka_unit_test(test_bools),
        cmocka_unit_test(test_bad_json), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_note),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
