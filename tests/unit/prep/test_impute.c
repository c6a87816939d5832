/* What fills a gap, type by type, and where the plan says no. */
#include "prep_test.h"

#include <math.h>

#define GAP NAN

static void test_nothing_in_it_becomes_zero(void **state)
{
    struct table t;

    (void)state;
    table_begin(&t, 1, 3);
    table_run(&t);
    assert_int_equal(t.plan.columns[0].out_type, SLC_TYPE_FLOAT64);
    assert_int_equal(t.chunk.columns[0].type, SLC_TYPE_FLOAT64);
    assert_int_equal(t.chunk.columns[0].n_missing, 0);
    for (int64_t row = 0; row < 3; row++)
        assert_true(t.chunk.columns[0].float64s[row] == 0.0);
    assert_int_equal(t.outcomes[0].n_imputed, 3);
    assert_int_equal(t.outcomes[0].n_values, 3);
    assert_false(t.outcomes[0].has_missing);
    assert_string_equal(slc_plan_final_type(&t.plan.columns[0], &t.summaries[0], &t.outcomes[0]),
                        "int8");
    table_end(&t);
}

static void test_constant_gives_an_empty_column_its_type(void **state)
{
    struct table t;

    (void)state;
    table_begin(&t, 2, 2);
    t.wishes[0].impute = t.wishes[1].impute = SLC_IMPUTE_CONSTANT;
    t.wishes[0].impute_value = SLC_STR("2.5");
    t.wishes[1].impute_value = SLC_STR("nobody");
    t.wishes[0].scale = SLC_SCALE_NONE;
    table_run(&t);
    assert_true(t.chunk.columns[0].float64s[1] == 2.5);
    assert_int_equal(t.chunk.columns[1].type, SLC_TYPE_TEXT);
    assert_true(slc_str_is(t.chunk.columns[1].texts[1], "nobody"));
    table_end(&t);
}

static void test_none_leaves_an_empty_column_empty(void **state)
{
    struct table t;

    (void)state;
    table_begin(&t, 1, 2);
    t.wishes[0].impute = SLC_IMPUTE_NONE;
    table_run(&t);
    assert_int_equal(t.chunk.columns[0].type, SLC_TYPE_NULL);
    assert_true(t.outcomes[0].has_missing);
    assert_int_equal(t.outcomes[0].n_values, 0);
    assert_string_equal(slc_plan_final_type(&t.plan.columns[0], &t.summaries[0], &t.outcomes[0]),
                        "float64");
    table_end(&t);
}

static void test_booleans_take_the_most_frequent(void **state)
{
    static const double more_true[] = {1, GAP, 1, 0}, tied[] = {1, 0, GAP, GAP};
    static const double nothing[] = {GAP, GAP, GAP, GAP};
    struct table t;

    (void)state;
    table_begin(&t, 3, 4);
    table_numbers(&t, 0, SLC_TYPE_BOOL, more_true);
    table_numbers(&t, 1, SLC_TYPE_BOOL, tied);
    table_numbers(&t, 2, SLC_TYPE_BOOL, nothing);
    table_run(&t);
    assert_int_equal(t.chunk.columns[0].bools[1], 1);
    assert_int_equal(t.chunk.columns[1].bools[2], 0); /* the smallest of equals */
    assert_int_equal(t.chunk.columns[1].bools[3], 0);
    assert_int_equal(t.chunk.columns[2].bools[0], 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(t.chunk.columns[i].type, SLC_TYPE_BOOL);
        assert_int_equal(t.plan.columns[i].scale, SLC_SCALE_NONE);
        assert_null(t.chunk.columns[i].valid);
    }
    table_end(&t);
}

static void test_dates(void **state)
{
    static const double gaps[] = {19500, GAP, 19000, 19500}, nothing[] = {GAP, GAP, GAP, GAP};
    static const double times[] = {5e15, 4e15, GAP, 6e15};
    struct table t;

    (void)state;
    table_begin(&t, 4, 4);
    table_numbers(&t, 0, SLC_TYPE_DATE, gaps);
    table_numbers(&t, 1, SLC_TYPE_DATE, nothing);
    table_numbers(&t, 2, SLC_TYPE_DATETIME, nothing);
    table_numbers(&t, 3, SLC_TYPE_DATETIME, times);
    t.wishes[3].impute = SLC_IMPUTE_CONSTANT;
    t.wishes[3].impute_value = SLC_STR("2022-02-20T18:18:32");
    table_run(&t);
    assert_int_equal(t.chunk.columns[0].dates[1], 19500);
    assert_int_equal(t.chunk.columns[1].dates[3], 19000);
    assert_int_equal(t.chunk.columns[2].datetimes[0], INT64_C(19000) * 86400 * 1000000);
    assert_int_equal(t.chunk.columns[3].datetimes[2], INT64_C(1645381112000000));
    assert_int_equal(t.plan.columns[0].scale, SLC_SCALE_NONE);
    assert_int_equal(t.plan.columns[0].out_type, SLC_TYPE_DATE);
    table_end(&t);
}

static void test_texts(void **state)
{
    static const char *const texts[] = {"pear", NULL, "apple", "pear", "apple"};
    static const char *const expected[] = {"", "apple", "none"};
    static const enum slc_impute strategies[] = {SLC_IMPUTE_MEAN, SLC_IMPUTE_MOST_FREQUENT,
                                                 SLC_IMPUTE_CONSTANT};
    struct table t;

    (void)state;
    table_begin(&t, 3, 5);
    for (int i = 0; i < 3; i++) {
        table_texts(&t, i, texts);
        t.wishes[i].impute = strategies[i];
        t.wishes[i].impute_value = SLC_STR("none");
    }
    table_run(&t);
    for (int i = 0; i < 3; i++) {
        assert_true(slc_str_is(t.chunk.columns[i].texts[1], expected[i]));
        assert_true(slc_str_is(t.chunk.columns[i].texts[0], "pear"));
        assert_int_equal(t.outcomes[i].n_imputed, 1);
    }
    table_end(&t);
}

static void test_auto_takes_the_median_of_the_skewed(void **state)
{
    static const double skewed[] = {1, 2, 3, 4, 1000, GAP}, even[] = {1, 2, 3, 4, 5, GAP};
    struct table t;

    (void)state;
    table_begin(&t, 2, 6);
    table_numbers(&t, 0, SLC_TYPE_INT64, skewed);
    table_numbers(&t, 1, SLC_TYPE_INT64, even);
    for (int i = 0; i < 2; i++) {
        t.wishes[i].impute = SLC_IMPUTE_AUTO;
        t.wishes[i].scale = SLC_SCALE_NONE;
    }
    table_run(&t);
    assert_int_equal(t.plan.columns[0].impute, SLC_IMPUTE_MEDIAN);
    assert_int_equal(t.plan.columns[1].impute, SLC_IMPUTE_MEAN);
    assert_true(t.chunk.columns[0].float64s[5] == 3.0);
    assert_true(t.chunk.columns[1].float64s[5] == 3.0);
    table_end(&t);
}

/* Whole numbers without a gap stay whole, and are not even copied. */
static void test_whole_numbers_stay_untouched(void **state)
{
    static const double whole[] = {1, 2, 300};
    struct table t;
    int64_t *before;

    (void)state;
    table_begin(&t, 1, 3);
    table_numbers(&t, 0, SLC_TYPE_INT64, whole);
    before = t.chunk.columns[0].int64s;
    before[0] = INT64_C(9007199254740993); /* no double is */
    t.wishes[0].scale = SLC_SCALE_NONE;
    table_run(&t);
    assert_int_equal(t.plan.columns[0].out_type, SLC_TYPE_INT64);
    assert_ptr_equal(t.chunk.columns[0].int64s, before);
    assert_int_equal(before[0], INT64_C(9007199254740993));
    table_end(&t);
}

/* A plan meets a gap in a column that had none when it was fitted, and a chunk
 * in which a column has nothing at all. */
static void test_plan_transforms_rows_it_never_saw(void **state)
{
    static const double whole[] = {1, 2, 6};
    struct table t, later;

    (void)state;
    table_begin(&t, 2, 3);
    table_numbers(&t, 0, SLC_TYPE_INT64, whole);
    table_numbers(&t, 1, SLC_TYPE_INT64, whole);
    t.wishes[0].scale = SLC_SCALE_NONE;
    table_run(&t);
    table_begin(&later, 2, 3);
    table_numbers(&later, 0, SLC_TYPE_INT64, whole);
    table_clear(&later, 0, 1);
    slc_outcome_init(later.outcomes, 2);
    assert_true(slc_plan_apply(&t.plan, &later.chunk, later.outcomes, NULL));
    assert_int_equal(later.chunk.columns[0].type, SLC_TYPE_FLOAT64);
    assert_true(later.chunk.columns[0].float64s[1] == 3.0);
    assert_true(later.chunk.columns[0].float64s[2] == 6.0);
    assert_int_equal(later.chunk.columns[1].type, SLC_TYPE_FLOAT64);
    assert_close(later.chunk.columns[1].float64s[0], 0.4);
    table_end(&later);
    table_end(&t);
}

static void test_gaps_beyond_one_word(void **state)
{
    struct table t;
    int64_t *values;

    (void)state;
    table_begin(&t, 1, 200);
    values = table_column(&t, 0, SLC_TYPE_INT64);
    for (int64_t row = 0; row < 200; row++)
        values[row] = 7;
    table_clear(&t, 0, 0);
    for (int64_t row = 63; row < 130; row++)
        table_clear(&t, 0, row);
    table_clear(&t, 0, 199);
    t.wishes[0].impute = SLC_IMPUTE_MOST_FREQUENT;
    t.wishes[0].scale = SLC_SCALE_NONE;
    table_run(&t);
    for (int64_t row = 0; row < 200; row++)
        assert_int_equal(t.chunk.columns[0].int64s[row], 7);
    assert_int_equal(t.outcomes[0].n_imputed, 69);
    table_end(&t);
}

static void check_constant_refused(enum slc_type type, const char *text)
{
    static const double values[] = {1, GAP};
    struct table t;

    table_begin(&t, 1, 2);
    table_numbers(&t, 0, type, values);
    t.wishes[0].impute = SLC_IMPUTE_CONSTANT;
    t.wishes[0].impute_value = slc_str_from(text);
    table_profile(&t);
    assert_false(slc_plan_fit(&t.schema, t.summaries, t.profile, &t.options, &t.plan, &t.error));
    assert_int_equal(t.error.code, SLC_ERR_CONFIG);
    assert_string_equal(t.error.column, "a");
    table_end(&t);
}

static void test_constants_of_another_type_are_refused(void **state)
{
    static const double values[] = {1, 2};
    struct table t;

    (void)state;
    check_constant_refused(SLC_TYPE_INT64, "many");
    check_constant_refused(SLC_TYPE_FLOAT64, "1e999");
    check_constant_refused(SLC_TYPE_BOOL, "maybe");
    check_constant_refused(SLC_TYPE_DATE, "2022-02-30");
    check_constant_refused(SLC_TYPE_DATE, "2022-02-20T10:00");
    check_constant_refused(SLC_TYPE_DATETIME, "yesterday");
    /* Nothing to fill: no fault. */
    table_begin(&t, 1, 2);
    table_numbers(&t, 0, SLC_TYPE_INT64, values);
    t.wishes[0].impute = SLC_IMPUTE_CONSTANT;
    t.wishes[0].impute_value = SLC_STR("many");
    table_run(&t);
    assert_int_equal(t.plan.columns[0].impute, SLC_IMPUTE_NONE);
    table_end(&t);
}

static void test_fraction_as_constant_of_whole_numbers(void **state)
{
    static const double values[] = {1, GAP};
    struct table t;

    (void)state;
    table_begin(&t, 1, 2);
    table_numbers(&t, 0, SLC_TYPE_INT64, values);
    t.wishes[0].impute = SLC_IMPUTE_CONSTANT;
    t.wishes[0].impute_value = SLC_STR("0.5");
    t.wishes[0].scale = SLC_SCALE_NONE;
    table_run(&t);
    assert_int_equal(t.chunk.columns[0].type, SLC_TYPE_FLOAT64);
    assert_true(t.chunk.columns[0].float64s[1] == 0.5);
    assert_true(t.chunk.columns[0].float64s[0] == 1.0);
    table_end(&t);
}

/* Infinities are left out of the fit and stay what they are. */
static void test_infinities(void **state)
{
    static const double values[] = {INFINITY, 2, GAP, 4, -INFINITY, INFINITY};
    static const double all[] = {INFINITY, INFINITY, GAP, INFINITY, INFINITY, INFINITY};
    struct table t;

    (void)state;
    table_begin(&t, 2, 6);
    table_numbers(&t, 0, SLC_TYPE_FLOAT64, values);
    table_numbers(&t, 1, SLC_TYPE_FLOAT64, all);
    t.wishes[1].impute = SLC_IMPUTE_MOST_FREQUENT;
    table_run(&t);
    assert_true(t.plan.columns[0].fill.float64 == 3.0);
    assert_true(t.chunk.columns[0].float64s[0] == INFINITY);
    assert_true(t.chunk.columns[0].float64s[4] == -INFINITY);
    assert_close(t.chunk.columns[0].float64s[2], 0.5);
    assert_false(t.outcomes[0].is_integral);
    assert_true(t.outcomes[0].min == 0.0 && t.outcomes[0].max == 1.0);
    assert_true(t.chunk.columns[1].float64s[0] == INFINITY);
    assert_true(t.chunk.columns[1].float64s[2] == 0.0);
    table_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_in_it_becomes_zero),
        cmocka_unit_test(test_constant_gives_an_empty_column_its_type),
        cmocka_unit_test(test_none_leaves_an_empty_column_empty),
        cmocka_unit_test(test_booleans_take_the_most_frequent),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_auto_takes_the_median_of_the_skewed),
        cmocka_unit_test(test_whole_numbers_stay_untouched),
        cmocka_unit_test(test_plan_transforms_rows_it_never_saw),
        cmocka_unit_test(test_gaps_beyond_one_word),
        cmocka_unit_test(test_constants_of_another_type_are_refused),
        cmocka_unit_test(test_fraction_as_constant_of_whole_numbers),
        cmocka_unit_test(test_infinities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
