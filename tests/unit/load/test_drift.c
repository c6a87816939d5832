/* Drift: new statistics against the PROFILE of an earlier load. Both are made
 * by the profile itself, from the columns of small tables. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load/drift.h"

/* A column by its statistics alone. */
struct column {
    const char *name;
    struct slc_summary summary;
};

static struct slc_summary numbers(int64_t n, int64_t n_missing, double mean, double std, double min,
                                  double max, int64_t n_distinct)
{
    return (struct slc_summary){
        .type = SLC_TYPE_FLOAT64,
        .n_rows = n,
        .n_missing = n_missing,
        .n_distinct = n_distinct,
        .n_finite = n - n_missing,
        .mean = mean,
        .std = std,
        .sum = mean * (double)(n - n_missing),
        .variance = std * std,
        .finite_min = min,
        .finite_max = max,
        .min = {.type = SLC_TYPE_FLOAT64, .float64 = min},
        .max = {.type = SLC_TYPE_FLOAT64, .float64 = max},
        .quantiles = {NAN, NAN, NAN},
        .duplicate_of = -1,
    };
}

static struct slc_summary texts(int64_t n, int64_t n_missing, int64_t n_distinct)
{
    return (struct slc_summary){.type = SLC_TYPE_TEXT,
                                .n_rows = n,
                                .n_missing = n_missing,
                                .n_distinct = n_distinct,
                                .mean = NAN,
                                .std = NAN,
                                .finite_min = NAN,
                                .finite_max = NAN,
                                .duplicate_of = -1};
}

static struct slc_summary flags(int64_t n, int64_t n_true)
{
    struct slc_summary summary = texts(n, 0, 2);

    summary.type = SLC_TYPE_BOOL;
    summary.n_zero = n - n_true;
    summary.n_top = 2;
    summary.top[0] = (struct slc_value_count){.value = {.type = SLC_TYPE_BOOL, .boolean = false},
                                              .count = n - n_true};
    summary.top[1] = (struct slc_value_count){.value = {.type = SLC_TYPE_BOOL, .boolean = true},
                                              .count = n_true};
    return summary;
}

static struct slc_summary days(int64_t n, double mean, double std, int32_t first, int32_t last)
{
    struct slc_summary summary = numbers(n, 0, mean, std, first, last, n / 2);

    summary.type = SLC_TYPE_DATE;
    summary.min = (struct slc_value){.type = SLC_TYPE_DATE, .int64 = first};
    summary.max = (struct slc_value){.type = SLC_TYPE_DATE, .int64 = last};
    return summary;
}

enum { MAX_COLUMNS = 40 };

struct table {
    struct slc_schema schema;
    struct slc_summary summaries[MAX_COLUMNS];
};

static void make_table(struct table *table, const struct column *columns, int64_t n)
{
    struct slc_str names[MAX_COLUMNS];

    for (int64_t i = 0; i < n; i++) {
        names[i] = slc_str_from(columns[i].name);
        table->summaries[i] = columns[i].summary;
    }
    assert_true(slc_schema_init(&table->schema, names, n));
    for (int64_t i = 0; i < n; i++)
        table->schema.fields[i].type = columns[i].summary.type;
}

static struct slc_drift compare(const struct column *old, int64_t n_old, const struct column *new,
                                int64_t n_new, char **ret_json)
{
    struct table before, after;
    struct slc_buf profile = {0}, json = {0};
    struct slc_drift drift;
    struct slc_error error = {0};

    make_table(&before, old, n_old);
    make_table(&after, new, n_new);
    slc_profile_json(&profile, &before.schema, before.summaries);
    assert_true(slc_drift_compare(
        &(struct slc_drift_reference){slc_buf_view(&profile), SLC_STR("abc"), SLC_STR("2022")},
        &after.schema, after.summaries, &drift, &json, &error));
    assert_true(drift.is_compared);
    *ret_json = slc_buf_steal(&json, NULL);
    slc_buf_release(&profile);
    slc_schema_release(&before.schema);
    slc_schema_release(&after.schema);
    return drift;
}

/* One column against another of the same name: the sentence, "" for none. */
static void check_column(struct slc_summary old, struct slc_summary new, const char *sentence)
{
    struct column before[] = {{"x", old}}, after[] = {{"x", new}};
    char *json;
    struct slc_drift drift = compare(before, 1, after, 1, &json);

    if (*sentence) {
        assert_int_equal(drift.n_findings, 1);
        assert_string_equal(drift.sentences[0], sentence);
        assert_non_null(strstr(json, "\"findings\":1"));
    } else {
        if (drift.n_findings)
            fail_msg("%s", drift.sentences[0]);
        assert_non_null(strstr(json, "\"columns\":{},\"findings\":0,\"sentences\":[]}"));
    }
    free(json);
}

static void test_thresholds(void **state)
{
    struct slc_summary old = numbers(1000, 71, 57709, 30000, 0, 100000, 800);

    (void)state;
    check_column(old, old, "");
    check_column(old, numbers(1000, 71, 60708, 30000, 0, 100000, 800), "");
    check_column(old, numbers(1000, 71, 60709, 30000, 0, 100000, 800),
                 "x: mean 57,709 -> 60,709 (+0.1 std)");
    check_column(old, numbers(1000, 71, 0, 30000, 0, 100000, 800),
                 "x: mean 57,709 -> 0 (-1.9 std)");
    check_column(old, numbers(1000, 90, 57709, 30000, 0, 100000, 800), "");
    check_column(old, numbers(1000, 91, 57709, 30000, 0, 100000, 800), "x: missing 7.1 % -> 9.1 %");
    check_column(old, numbers(1000, 71, 57709, 30000, 9999, 109999, 800), "");
    check_column(old, numbers(1000, 71, 57709, 30000, -10000.5, 100000, 800),
                 "x: min 0 -> -10,001");
    check_column(old, numbers(1000, 71, 57709, 30000, 0, 1e20, 800),
                 "x: max 100,000 -> 100000000000000000000");
    check_column(old, numbers(1000, 71, 57709, 30000, 0, 100000, 641), "");
    check_column(old, numbers(1000, 71, 57709, 30000, 0, 100000, 640),
                 "x: different values 800 -> 640");
    check_column(numbers(100, 0, 0.12344, 0.01, 0, 1, 5), numbers(100, 0, 12.3456, 0.01, 0, 1, 5),
                 "x: mean 0.1234 -> 12.35 (+1,222 std)");
}

static void test_other_kinds(void **state)
{
    (void)state;
    check_column(numbers(10, 0, 5, 0, 5, 5, 1), numbers(10, 0, 6, 0, 6, 6, 1),
                 "x: mean 5 -> 6 (it was constant), min 5 -> 6, max 5 -> 6");
    check_column(flags(100, 50), flags(100, 54), "");
    check_column(flags(100, 50), flags(100, 70), "x: true 50 % -> 70 % (+0.4 std)");
    check_column(texts(100, 0, 10), texts(100, 0, 12), "x: different values 10 -> 12");
    check_column(texts(100, 0, 100), texts(100, 0, 100), "");
    check_column(days(100, 19000, 30, 18950, 19050), days(100, 19015.5, 30, 18950, 19050),
                 "x: mean 2022-01-08 -> 2022-01-23 (+0.5 std)");
    check_column(days(100, 19000, 30, 18950, 19050), days(100, 19000, 30, 18950, 19100),
                 "x: max 2022-02-27 -> 2022-04-18");
    check_column(numbers(100, 0, 5, 1, 0, 9, 9), texts(100, 0, 50), "x: type float64 -> text");
}

/* A key has as many values as there are rows: that is told once, by the rows. */
static void test_rows_and_keys(void **state)
{
    struct column old[] = {{"id", texts(1000, 0, 1000)}}, new[] = {{"id", texts(1240, 0, 1240)}};
    char *json;
    struct slc_drift drift = compare(old, 1, new, 1, &json);

    (void)state;
    assert_int_equal(drift.n_findings, 1);
    assert_string_equal(drift.sentences[0], "rows: 1,000 -> 1,240 (+24 %)");
    assert_non_null(strstr(json, "\"rows\":{\"old\":1000,\"new\":1240}"));
    assert_non_null(strstr(json, "\"against\":{\"load_id\":\"abc\",\"load_dttm\":\"2022\"}"));
    free(json);
}

static void test_columns_come_and_go(void **state)
{
    struct slc_summary some = numbers(10, 0, 5, 1, 0, 9, 9);
    struct column old[] = {{"a", some}, {"b\n\"", some}, {"c", some}};
    struct column new[] = {{"c", some}, {"d", some}, {"a", some}};
    char *json;
    struct slc_drift drift = compare(old, 3, new, 3, &json);

    (void)state;
    assert_int_equal(drift.n_findings, 2);
    assert_string_equal(drift.sentences[0], "column gone: b \"");
    assert_string_equal(drift.sentences[1], "new column: d");
    assert_non_null(strstr(json, "\"vanished_columns\":[\"b\\n\\\"\"],\"new_columns\":[\"d\"]"));
    free(json);
}

static void test_sentences_are_bounded(void **state)
{
    static char names[2][MAX_COLUMNS][300];
    struct column old[MAX_COLUMNS], new[MAX_COLUMNS];
    struct slc_drift drift;
    char *json;

    (void)state;
    for (int i = 0; i < MAX_COLUMNS; i++) {
        snprintf(names[0][i], sizeof(names[0][i]), "%0250d\xc3\xbc", i);
        snprintf(names[1][i], sizeof(names[1][i]), "%0251d\xc3\xbc", i);
        old[i] = (struct column){names[0][i], texts(10, 0, 5)};
        new[i] = (struct column){names[1][i], texts(10, 0, 5)};
    }
    drift = compare(old, MAX_COLUMNS, new, MAX_COLUMNS, &json);
    assert_int_equal(drift.n_findings, 2 * MAX_COLUMNS);
    assert_int_equal(drift.n_sentences, SLC_DRIFT_SENTENCES);
    for (int i = 0; i < drift.n_sentences; i++)
        assert_true(strlen(drift.sentences[i]) < SLC_DRIFT_SENTENCE_BYTES);
    free(json);
}

static void test_nothing_to_compare_with(void **state)
{
    static const char *const profiles[] = {
        NULL,
        "",
        "garbage",
        "null",
        "[]",
        "{}",
        "{\"version\":2,\"rows\":3,\"columns\":{}}",
        "{\"version\":1,\"rows\":-3,\"columns\":{}}",
        "{\"version\":1,\"rows\":3,\"columns\":[]}",
        "{\"version\":1,\"rows\":3}",
        "{\"version\":1,\"rows\":3,\"columns\":{}} x",
        "{\"version\":1,\"rows\":3,\"columns\":{\"a\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}}",
    };
    struct column columns[] = {{"x", texts(10, 0, 5)}};
    struct table table;

    (void)state;
    make_table(&table, columns, 1);
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        struct slc_buf json = {0};
        struct slc_drift drift;

        assert_true(
            slc_drift_compare(&(struct slc_drift_reference){.profile = slc_str_from(profiles[i])},
                              &table.schema, table.summaries, &drift, &json, NULL));
        assert_false(drift.is_compared);
        assert_string_equal(slc_buf_text(&json), "{\"version\":1,\"against\":null}");
        slc_buf_release(&json);
    }
    slc_schema_release(&table.schema);
}

/* Columns whose members are of no use are as good as not there. */
static void test_columns_of_garbage(void **state)
{
    static const char *const garbage[] = {
        "null",
        "[]",
        "{}",
        "{\"type\":\"int64\"}",
        "{\"type\":7,\"count\":1}",
        "{\"type\":\"int64\",\"count\":9223372036854775807,\"missing\":9223372036854775807,"
        "\"distinct\":0}",
        "{\"type\":\"date\",\"count\":10,\"missing\":0,\"distinct\":5,\"mean\":1e300,\"min\":\"x\","
        "\"max\":[],\"std_seconds\":\"a\"}",
        "{\"type\":\"bool\",\"count\":10,\"missing\":0,\"distinct\":5,\"top\":[1,{\"value\":true,"
        "\"count\":99}]}",
    };
    struct column columns[] = {{"x", days(10, 19000, 30, 18950, 19050)}};
    struct table table;

    (void)state;
    make_table(&table, columns, 1);
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        struct slc_buf profile = {0}, json = {0};
        struct slc_drift drift;

        slc_buf_printf(&profile, "{\"version\":1,\"rows\":10,\"columns\":{\"x\":%s}}", garbage[i]);
        assert_true(
            slc_drift_compare(&(struct slc_drift_reference){.profile = slc_buf_view(&profile)},
                              &table.schema, table.summaries, &drift, &json, NULL));
        assert_true(drift.is_compared);
        slc_buf_release(&profile);
        slc_buf_release(&json);
    }
    slc_schema_release(&table.schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_rows_and_keys),
        cmocka_unit_test(test_columns_come_and_go),
        cmocka_unit_test(test_sentences_are_bounded),
        cmocka_unit_test(test_nothing_to_compare_with),
        cmocka_unit_test(test_columns_of_garbage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
