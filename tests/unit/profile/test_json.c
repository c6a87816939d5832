/* The PROFILE document. */
#include "table.h"

#include <json-c/json.h>

static void assert_value(struct slc_value value, const char *expected)
{
    struct slc_buf buf = {0};

    slc_value_json(&buf, &value);
    assert_string_equal(slc_buf_text(&buf), expected);
    slc_buf_release(&buf);
}

static void values_are_json(void **unused)
{
    (void)unused;
    assert_value((struct slc_value){.type = SLC_TYPE_NULL}, "null");
    assert_value((struct slc_value){.type = SLC_TYPE_BOOL, .boolean = true}, "true");
    assert_value((struct slc_value){.type = SLC_TYPE_INT64, .int64 = INT64_MIN},
                 "-9223372036854775808");
    assert_value((struct slc_value){.type = SLC_TYPE_UINT64, .uint64 = UINT64_MAX},
                 "18446744073709551615");
    assert_value((struct slc_value){.type = SLC_TYPE_FLOAT64, .float64 = 0.1}, "0.1");
    assert_value((struct slc_value){.type = SLC_TYPE_FLOAT64, .float64 = INFINITY}, "null");
    assert_value((struct slc_value){.type = SLC_TYPE_DATE, .int64 = 19044}, "\"2022-02-21\"");
    assert_value((struct slc_value){.type = SLC_TYPE_DATETIME, .int64 = 1500000},
                 "\"1970-01-01T00:00:01.500000\"");
    assert_value((struct slc_value){.type = SLC_TYPE_TEXT, .text = SLC_STR("a\"\0ü")},
                 "\"a\\\"\\u0000ü\"");
}

static struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *member = NULL;

    if (!json_object_object_get_ex(object, key, &member))
        fail_msg("no %s", key);
    return member;
}

static void assert_text(struct json_object *object, const char *key, const char *expected)
{
    assert_string_equal(json_object_to_json_string_ext(get(object, key), JSON_C_TO_STRING_PLAIN),
                        expected);
}

static void the_document_says_it_all(void **unused)
{
    const struct slc_str names[] = {SLC_STR("n"),    SLC_STR("o\"dd"), SLC_STR("day"),
                                    SLC_STR("when"), SLC_STR("none"),  SLC_STR("flag"),
                                    SLC_STR("n2"),   SLC_STR("x")};
    const int64_t n[4] = {1, 2, 2, 7};
    const struct slc_str t[4] = {SLC_STR("b"), SLC_STR("ü"), SLC_STR("b"), SLC_STR("\x01")};
    const int32_t d[4] = {0, 1, 2, 3};
    const int64_t w[4] = {0, 86400000000, 0, 0};
    const uint8_t f[4] = {1, 1, 0, 1};
    const double x[4] = {INFINITY, INFINITY, INFINITY, INFINITY};
    const struct test_column columns[] = {
        {SLC_TYPE_INT64, n, NULL},    {SLC_TYPE_TEXT, t, NULL},    {SLC_TYPE_DATE, d, NULL},
        {SLC_TYPE_DATETIME, w, NULL}, {SLC_TYPE_NULL, NULL, NULL}, {SLC_TYPE_BOOL, f, NULL},
        {SLC_TYPE_INT64, n, NULL},    {SLC_TYPE_FLOAT64, x, NULL},
    };
    struct slc_profile *profile = table_profile(columns, 8, 4, 3, BIG_MEMORY);
    struct slc_summary summaries[8];
    struct json_object *root, *all, *column;
    struct slc_schema schema;
    struct slc_buf buf = {0};

    (void)unused;
    assert_true(slc_schema_init(&schema, names, 8));
    for (int i = 0; i < 8; i++)
        slc_profile_summarize(profile, i, &summaries[i]);
    slc_profile_json(&buf, &schema, summaries);
    root = json_tokener_parse(slc_buf_text(&buf));
    assert_non_null(root);
    assert_text(root, "version", "1");
    assert_text(root, "rows", "4");
    all = get(root, "columns");
    assert_int_equal(json_object_object_length(all), 8);

    column = get(all, "n");
    assert_text(column, "type", "\"int64\"");
    assert_text(column, "count", "4");
    assert_text(column, "mean", "3");
    assert_text(column, "q25", "1.75");
    assert_text(column, "distinct_error", "0");
    assert_text(column, "quantile_error", "0");
    assert_text(column, "duplicate_of", "null");
    assert_text(column, "top",
                "[{\"value\":2,\"count\":2},{\"value\":1,\"count\":1},"
                "{\"value\":7,\"count\":1}]");
    assert_text(get(column, "histogram"), "from", "1");
    assert_int_equal(json_object_array_length(get(get(column, "histogram"), "counts")),
                     SLC_HISTOGRAM_BINS);
    assert_text(get(all, "n2"), "duplicate_of", "\"n\"");

    column = get(all, "o\"dd");
    assert_text(column, "min", "\"\\u0001\"");
    assert_text(column, "mean_length", "1");
    assert_text(column, "bytes", "5");

    column = get(all, "day");
    assert_text(column, "max", "\"1970-01-04\"");
    assert_text(column, "median", "\"1970-01-02T12:00:00\"");
    assert_text(column, "mean", "\"1970-01-02T12:00:00\"");
    assert_text(get(all, "when"), "q75", "\"1970-01-01T06:00:00\"");

    column = get(all, "none");
    assert_text(column, "type", "\"null\"");
    assert_text(column, "constant", "true");
    assert_text(column, "min", "null");
    assert_text(get(all, "flag"), "max", "true");

    column = get(all, "x");
    assert_text(column, "max", "null");
    assert_text(column, "mean", "null");
    assert_text(column, "infinite", "4");
    assert_text(column, "histogram", "null");

    json_object_put(root);
    slc_buf_release(&buf);
    slc_schema_release(&schema);
    slc_profile_free(profile);
}

static void estimates_state_their_errors(void **unused)
{
    enum { ROWS = 5000, MEMORY = 8192 };
    const struct slc_str name = SLC_STR("n");
    int64_t *values = malloc(ROWS * sizeof(*values));
    struct test_column column = {.type = SLC_TYPE_INT64, .values = values};
    struct slc_profile *profile;
    struct slc_summary summary;
    struct json_object *root, *said;
    struct slc_schema schema;
    struct slc_buf buf = {0};

    (void)unused;
    assert_non_null(values);
    for (int i = 0; i < ROWS; i++)
        values[i] = i;
    profile = table_profile(&column, 1, ROWS, 1000, MEMORY);
    assert_true(slc_schema_init(&schema, &name, 1));
    slc_profile_summarize(profile, 0, &summary);
    slc_profile_json(&buf, &schema, &summary);
    root = json_tokener_parse(slc_buf_text(&buf));
    assert_non_null(root);
    said = get(get(root, "columns"), "n");
    assert_text(said, "distinct_is_exact", "false");
    assert_text(said, "distinct_error", "0.0325");
    assert_text(said, "quantiles_are_exact", "false");
    assert_text(said, "quantile_error", "0.032");
    json_object_put(root);
    slc_buf_release(&buf);
    slc_schema_release(&schema);
    slc_profile_free(profile);
    free(values);
}

static void a_table_without_columns_is_a_document(void **unused)
{
    struct slc_schema schema = {0};
    struct slc_buf buf = {0};

    (void)unused;
    slc_profile_json(&buf, &schema, NULL);
    assert_string_equal(slc_buf_text(&buf), "{\"version\":1,\"rows\":0,\"columns\":{}}");
    slc_buf_release(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_json),
        cmocka_unit_test(the_document_says_it_all),
        cmocka_unit_test(estimates_state_their_errors),
        cmocka_unit_test(a_table_without_columns_is_a_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
