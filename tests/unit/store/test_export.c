#include "support.h"

#include "store/export.h"

static void check(enum slc_export_format format, const char *columns, const char *index,
                  const char *key, const char *values, const char *expected)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_error error;
    struct slc_export *text =
        slc_export_new(format, slc_str_from(columns), slc_str_from(index), &error);

    assert_non_null(text);
    slc_export_begin(text, &out);
    assert_ok(slc_export_row(text, (struct slc_row){slc_str_from(key), slc_str_from(values)}, &out,
                             &error),
              error);
    assert_string_equal(slc_buf_text(&out), expected);
    slc_export_free(text);
}

static void csv(void **state)
{
    (void)state;
    check(SLC_EXPORT_CSV, "[\"a\",\"b\"]", "", "0", "[1,\"x\"]", "a,b\n1,x\n");
    check(SLC_EXPORT_CSV, "[\"a\",\"b\"]", "id", "007", "[1.5e-7,true]",
          "id,a,b\n007,1.5e-7,true\n");
    check(SLC_EXPORT_CSV, "[\"a,b\",\"c\\\"d\"]", "i\nd", "k\"", "[\"x\\ny\\r\",\"\\\"\"]",
          "\"i\nd\",\"a,b\",\"c\"\"d\"\n\"k\"\"\",\"x\ny\r\",\"\"\"\"\n");
    check(SLC_EXPORT_CSV, "[\"a\",\"b\"]", "", "0", "[null,\"\"]", "a,b\n,\n");
    /* A line with nothing in it would be no row. */
    check(SLC_EXPORT_CSV, "[\"a\"]", "", "0", "[null]", "a\n\"\"\n");
    check(SLC_EXPORT_CSV, "[]", "id", "k", "[]", "id\nk\n");
    check(SLC_EXPORT_CSV, "[\"a\"]", "id", "\xff", "[ -0 ]", "id,a\n\xef\xbf\xbd,-0\n");
}

static void jsonl(void **state)
{
    (void)state;
    check(SLC_EXPORT_JSONL, "[\"a\",\"b\"]", "", "0", "[1,\"x\\n\\u0041\"]",
          "{\"a\":1,\"b\":\"x\\n\\u0041\"}\n");
    check(SLC_EXPORT_JSONL, "[\"a\"]", "i\"d", "7", "[null]", "{\"i\\\"d\":\"7\",\"a\":null}\n");
    check(SLC_EXPORT_JSONL, "[]", "", "7", "[]", "{}\n");
}

static void what_is_none(void **state)
{
    static const char *const columns[] = {"", "{}", "[1]", "[\"a\"", "[\"a\"]x", "\xff"};
    static const char *const rows[] = {"",        "\"text\"",      "[1]",    "[1,2,3]", "[1,NaN]",
                                       "[1,[2]]", "[1,{\"a\":1}]", "[1,2]x", "[1,01]",  "[1,2"};
    struct slc_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
        assert_fails(slc_export_new(SLC_EXPORT_CSV, slc_str_from(columns[i]), SLC_STR(""), &error),
                     error, SLC_ERR_DATA);
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
        SLC_AUTO_BUF struct slc_buf out = {0};
        struct slc_export *text = slc_export_new(i % 2 ? SLC_EXPORT_CSV : SLC_EXPORT_JSONL,
                                                 SLC_STR("[\"a\",\"b\"]"), SLC_STR("id"), &error);

        assert_fails(slc_export_row(text,
                                    (struct slc_row){SLC_STR("key 1"), slc_str_from(rows[i / 2])},
                                    &out, &error),
                     error, SLC_ERR_DATA);
        assert_non_null(strstr(error.message, "key 1"));
        slc_export_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),
        cmocka_unit_test(jsonl),
        cmocka_unit_test(what_is_none),
    };

    return cmocka_run_group_tests_name("store/export", tests, NULL, NULL);
}
