/* Whole plans: columns left out, the index, types and memory in the end, JSON
 * mended, outcomes merged, the documents. */
#include "prep_test.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double whole[] = {1, 2, 3, 4}, other[] = {9, 2, 3, 4};

static const char *final_type(const struct table *t, int column)
{
    return slc_plan_final_type(&t->plan.columns[column], &t->summaries[column],
                               &t->outcomes[column]);
}

/* ---- Columns left out ------------------------------------------------------- */

static void test_dropped_columns_are_left_alone(void **state)
{
    struct table t;

    (void)state;
    table_begin(&t, 5, 4);
    for (int i = 0; i < 5; i++)
        table_numbers(&t, i, SLC_TYPE_INT64, i == 2 ? other : whole);
    t.options.drop_constant = true;
    t.options.drop_duplicated = true;
    t.wishes[2].drop = true;
    t.wishes[4].impute = SLC_IMPUTE_CONSTANT; /* would be refused, were it kept */
    t.wishes[4].impute_value = SLC_STR("x");
    table_profile(&t);
    t.summaries[0].duplicate_of = t.summaries[1].duplicate_of = t.summaries[3].duplicate_of = -1;
    t.summaries[1].is_constant = true;
    t.summaries[3].duplicate_of = 0;
    t.summaries[4].duplicate_of = 0;
    t.summaries[4].n_missing = 1;
    table_fit(&t);
    table_apply(&t);
    assert_int_equal(t.plan.columns[0].dropped, SLC_KEPT);
    assert_int_equal(t.plan.columns[1].dropped, SLC_DROPPED_CONSTANT);
    assert_int_equal(t.plan.columns[2].dropped, SLC_DROPPED_BY_OPTION);
    assert_int_equal(t.plan.columns[3].dropped, SLC_DROPPED_DUPLICATED);
    assert_int_equal(t.plan.columns[4].dropped, SLC_DROPPED_DUPLICATED);
    assert_int_equal(t.chunk.columns[0].type, SLC_TYPE_FLOAT64);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(t.chunk.columns[i].type, SLC_TYPE_INT64);
        assert_int_equal(t.outcomes[i].n_values, 0);
    }
    table_end(&t);
}

/* Of columns that are equal one stays in the rows: not the index, which is no
 * part of them, and not one that was dropped by wish. */
static void test_a_copy_stays_when_the_first_is_not_in_the_rows(void **state)
{
    struct table t;

    (void)state;
    table_begin(&t, 6, 4);
    for (int i = 0; i < 6; i++)
        table_numbers(&t, i, SLC_TYPE_INT64, whole);
    t.options.drop_duplicated = true;
    t.options.index_column = 0;
    t.wishes[3].drop = true;
    table_profile(&t);
    for (int i = 0; i < 6; i++)
        t.summaries[i].duplicate_of = i == 0 || i == 3 ? -1 : i < 3 ? 0 : 3;
    table_fit(&t);
    assert_int_equal(t.plan.columns[0].dropped, SLC_KEPT);
    assert_int_equal(t.plan.columns[1].dropped, SLC_KEPT);
    assert_int_equal(t.plan.columns[2].dropped, SLC_DROPPED_DUPLICATED);
    assert_int_equal(t.plan.columns[3].dropped, SLC_DROPPED_BY_OPTION);
    assert_int_equal(t.plan.columns[4].dropped, SLC_KEPT);
    assert_int_equal(t.plan.columns[5].dropped, SLC_DROPPED_DUPLICATED);
    table_end(&t);
}

static void test_index_is_never_transformed(void **state)
{
    static const char *const keys[] = {"007", "8", NULL, "9"};
    struct table t;

    (void)state;
    table_begin(&t, 2, 4);
    table_numbers(&t, 0, SLC_TYPE_INT64, whole);
    table_numbers(&t, 1, SLC_TYPE_INT64, other);
    t.options.index_column = 0;
    t.options.drop_constant = true;
    t.wishes[0].drop = true;
    table_profile(&t);
    t.summaries[0].is_constant = true;
    table_fit(&t);
    table_texts(&t, 0, keys); /* the delivery reads keys as they stand in the file */
    table_apply(&t);
    assert_int_equal(t.plan.columns[0].dropped, SLC_KEPT);
    assert_true(t.plan.columns[0].is_index);
    assert_int_equal(t.chunk.columns[0].type, SLC_TYPE_TEXT);
    assert_int_equal(t.chunk.columns[0].n_missing, 1);
    assert_true(slc_str_is(t.chunk.columns[0].texts[0], "007"));
    assert_int_equal(t.outcomes[0].n_values, 0);
    assert_string_equal(final_type(&t, 0), "int64");
    table_end(&t);
}

static void test_columns_that_nobody_asked_for_are_left_alone(void **state)
{
    struct table t;

    (void)state;
    table_begin(&t, 1, 4);
    table_numbers(&t, 0, SLC_TYPE_INT64, whole);
    table_profile(&t);
    table_fit(&t);
    t.chunk.columns[0] = (struct slc_column){.requested = false};
    table_apply(&t);
    assert_null(t.chunk.columns[0].data);
    assert_int_equal(t.outcomes[0].n_values, 0);
    table_end(&t);
}

static void test_a_chunk_of_another_width_is_refused(void **state)
{
    struct table t;

    (void)state;
    table_begin(&t, 1, 4);
    table_numbers(&t, 0, SLC_TYPE_INT64, whole);
    table_profile(&t);
    table_fit(&t);
    t.chunk.n_columns = 0;
    assert_false(slc_plan_apply(&t.plan, &t.chunk, t.outcomes, &t.error));
    assert_int_equal(t.error.code, SLC_ERR_INTERNAL);
    table_end(&t);
}

static void test_table_without_rows(void **state)
{
    struct table t;

    (void)state;
    for (int scale = SLC_SCALE_MINMAX; scale <= SLC_SCALE_NONE; scale++) {
        table_begin(&t, 3, 0);
        table_numbers(&t, 0, SLC_TYPE_INT64, whole);
        table_numbers(&t, 1, SLC_TYPE_FLOAT64, whole);
        for (int i = 0; i < 3; i++)
            t.wishes[i].scale = (enum slc_scale)scale;
        table_run(&t);
        assert_int_equal(t.outcomes[0].n_values, 0);
        assert_false(t.outcomes[0].has_missing);
        assert_true(isfinite(t.plan.columns[1].multiplier));
        assert_true(isfinite(t.plan.columns[1].center));
        assert_string_equal(final_type(&t, 1), "float64");
        table_end(&t);
    }
}

/* ---- Types in the end ---------------------------------------------------------- */

struct downcast_case {
    enum slc_type type;
    double values[4];
    enum slc_downcast downcast;
    const char *expected;
};

static void test_smallest_type_that_holds_the_column(void **state)
{
    static const struct downcast_case cases[] = {
        {SLC_TYPE_INT64, {-128, 127, 0, 1}, SLC_DOWNCAST_ON, "int8"},
        {SLC_TYPE_INT64, {-129, 127, 0, 1}, SLC_DOWNCAST_ON, "int16"},
        {SLC_TYPE_INT64, {-128, 128, 0, 1}, SLC_DOWNCAST_ON, "int16"},
        {SLC_TYPE_INT64, {-32768, 32767, 0, 1}, SLC_DOWNCAST_ON, "int16"},
        {SLC_TYPE_INT64, {-32768, 32768, 0, 1}, SLC_DOWNCAST_ON, "int32"},
        {SLC_TYPE_INT64, {-2147483648.0, 2147483647.0, 0, 1}, SLC_DOWNCAST_ON, "int32"},
        {SLC_TYPE_INT64, {-2147483649.0, 0, 0, 1}, SLC_DOWNCAST_ON, "int64"},
        {SLC_TYPE_INT64, {2147483648.0, 0, 0, 1}, SLC_DOWNCAST_ON, "int64"},
        {SLC_TYPE_INT64, {1, 2, 3, 4}, SLC_DOWNCAST_OFF, "int64"},
        {SLC_TYPE_INT64, {1, 2, 3, 4}, SLC_DOWNCAST_LOSSY, "int8"},
        {SLC_TYPE_UINT64, {0, 255, 0, 1}, SLC_DOWNCAST_ON, "int16"},
        {SLC_TYPE_UINT64, {0, 0x1p63, 0, 1}, SLC_DOWNCAST_ON, "uint64"},
        {SLC_TYPE_UINT64, {0, 0x1p62, 0, 1}, SLC_DOWNCAST_ON, "int64"},
        {SLC_TYPE_FLOAT64, {1, 2, -3, 100}, SLC_DOWNCAST_ON, "int8"},
        {SLC_TYPE_FLOAT64, {1, 2, -3, 0x1p63}, SLC_DOWNCAST_ON, "float32"},
        {SLC_TYPE_FLOAT64, {1, 2, 3, 0x1p63}, SLC_DOWNCAST_ON, "uint64"},
        {SLC_TYPE_FLOAT64, {1, 2, 3, 0x1p64}, SLC_DOWNCAST_ON, "float32"},
        {SLC_TYPE_FLOAT64, {0.5, 0.25, -3, 100}, SLC_DOWNCAST_ON, "float32"},
        {SLC_TYPE_FLOAT64, {0.1, 0.25, -3, 100}, SLC_DOWNCAST_ON, "float64"},
        {SLC_TYPE_FLOAT64, {0.5, 16777217, -3, 100}, SLC_DOWNCAST_ON, "float64"},
        {SLC_TYPE_FLOAT64, {0.5, 1e300, -3, 100}, SLC_DOWNCAST_ON, "float64"},
        {SLC_TYPE_FLOAT64, {0.5, INFINITY, -3, 100}, SLC_DOWNCAST_ON, "float32"},
        {SLC_TYPE_FLOAT64, {1, NAN, -3, 100}, SLC_DOWNCAST_ON, "int8"},
        {SLC_TYPE_FLOAT64, {0.1, 0.2, 0.3, 0.4}, SLC_DOWNCAST_LOSSY, "float32"},
        {SLC_TYPE_FLOAT64, {0.1, 1e39, 0.3, 0.4}, SLC_DOWNCAST_LOSSY, "float64"},
        {SLC_TYPE_FLOAT64, {0.5, 1, 2, 3}, SLC_DOWNCAST_OFF, "float64"},
        {SLC_TYPE_BOOL, {0, 1, 1, 0}, SLC_DOWNCAST_ON, "bool"},
        {SLC_TYPE_DATE, {0, 1, 1, 0}, SLC_DOWNCAST_ON, "date"},
        {SLC_TYPE_DATETIME, {0, 1, 1, 0}, SLC_DOWNCAST_ON, "datetime"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct table t;

        table_begin(&t, 1, 4);
        table_numbers(&t, 0, cases[i].type, cases[i].values);
        t.wishes[0].impute = SLC_IMPUTE_NONE;
        t.wishes[0].scale = SLC_SCALE_NONE;
        t.wishes[0].downcast = cases[i].downcast;
        table_run(&t);
        print_message("case %zu: %s\n", i, cases[i].expected);
        assert_string_equal(final_type(&t, 0), cases[i].expected);
        table_end(&t);
    }
}

static void test_lossy_rounds_to_float(void **state)
{
    static const double values[] = {0.1, 1e39, NAN, -0.3};
    struct table t;

    (void)state;
    table_begin(&t, 2, 4);
    table_numbers(&t, 0, SLC_TYPE_FLOAT64, values);
    table_numbers(&t, 1, SLC_TYPE_FLOAT64, values);
    t.wishes[0].downcast = t.wishes[1].downcast = SLC_DOWNCAST_LOSSY;
    t.wishes[0].scale = SLC_SCALE_NONE;
    table_run(&t);
    /* Beyond float there is no rounding, for no value may become infinite. */
    assert_int_equal(t.plan.columns[0].downcast, SLC_DOWNCAST_ON);
    assert_true(t.chunk.columns[0].float64s[1] == 1e39);
    assert_int_equal(t.plan.columns[1].downcast, SLC_DOWNCAST_LOSSY);
    for (int64_t row = 0; row < 4; row++) {
        double x = t.chunk.columns[1].float64s[row];

        assert_true((double)(float)x == x);
    }
    table_end(&t);
}

/* By a given plan, values that it was not fitted on: what float does not reach
 * stays as it is, and the type says so. */
static void test_lossy_keeps_what_float_does_not_reach(void **state)
{
    static const double seen[] = {0.1, 1, 2, -3};
    static const double later[] = {0.1, 1e39, -1e300, INFINITY};
    static const double near[] = {0.1, 0x1.fffffefffffffp127, 0x1.ffffffp127, -0x1.ffffffp127};
    struct slc_outcome outcome[1];
    struct table fitted, t;

    (void)state;
    table_begin(&fitted, 1, 4);
    table_numbers(&fitted, 0, SLC_TYPE_FLOAT64, seen);
    fitted.wishes[0].downcast = SLC_DOWNCAST_LOSSY;
    fitted.wishes[0].scale = SLC_SCALE_NONE;
    table_profile(&fitted);
    table_fit(&fitted);
    assert_int_equal(fitted.plan.columns[0].downcast, SLC_DOWNCAST_LOSSY);

    table_begin(&t, 1, 4);
    table_numbers(&t, 0, SLC_TYPE_FLOAT64, later);
    slc_outcome_init(outcome, 1);
    assert_true(slc_plan_apply(&fitted.plan, &t.chunk, outcome, &t.error));
    assert_true(t.chunk.columns[0].float64s[0] == (double)0.1f);
    assert_true(t.chunk.columns[0].float64s[1] == 1e39);
    assert_true(t.chunk.columns[0].float64s[2] == -1e300);
    assert_true(isinf(t.chunk.columns[0].float64s[3]));
    assert_string_equal(slc_plan_final_type(&fitted.plan.columns[0], &fitted.summaries[0], outcome),
                        "float64");
    table_end(&t);

    /* Where rounding goes down to the largest float, and where it goes on. */
    table_begin(&t, 1, 4);
    table_numbers(&t, 0, SLC_TYPE_FLOAT64, near);
    slc_outcome_init(outcome, 1);
    assert_true(slc_plan_apply(&fitted.plan, &t.chunk, outcome, &t.error));
    assert_true(t.chunk.columns[0].float64s[1] == (double)0x1.fffffep127);
    assert_true(t.chunk.columns[0].float64s[2] == near[2]);
    assert_true(t.chunk.columns[0].float64s[3] == near[3]);
    table_end(&t);
    table_end(&fitted);
}

/* ---- Ranges -------------------------------------------------------------------- */

static void test_a_range_that_does_not_ascend_is_refused(void **state)
{
    static const double ranges[][2] = {{1, 1}, {1, -1}, {NAN, 1}, {0, NAN}};

    (void)state;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct table t;

        table_begin(&t, 1, 4);
        table_numbers(&t, 0, SLC_TYPE_INT64, whole);
        t.wishes[0].scale_min = ranges[i][0];
        t.wishes[0].scale_max = ranges[i][1];
        table_profile(&t);
        assert_false(
            slc_plan_fit(&t.schema, t.summaries, t.profile, &t.options, &t.plan, &t.error));
        assert_int_equal(t.error.code, SLC_ERR_CONFIG);
        assert_non_null(strstr(t.error.message, "scale_max has to be above"));
        table_end(&t);
        /* The other scalers have no range. */
        table_begin(&t, 1, 4);
        table_numbers(&t, 0, SLC_TYPE_INT64, whole);
        t.wishes[0].scale_min = ranges[i][0];
        t.wishes[0].scale_max = ranges[i][1];
        t.wishes[0].scale = SLC_SCALE_STANDARD;
        table_run(&t);
        table_end(&t);
    }
}

/* Infinities take no part in a fit; clipped they are what they are beyond. A gap
 * stays a gap, whatever the range. */
static void test_clip_of_infinities_and_gaps(void **state)
{
    static const double values[] = {INFINITY, -INFINITY, NAN, 1, 3};
    static const double wide[] = {INFINITY, -INFINITY, NAN, -1.7e308, 1.7e308};
    const double *const tables[] = {values, wide};

    (void)state;
    for (int i = 0; i < 2; i++) {
        const double *got;
        struct table t;

        table_begin(&t, 2, 5);
        for (int column = 0; column < 2; column++) {
            table_numbers(&t, column, SLC_TYPE_FLOAT64, tables[i]);
            t.wishes[column].impute = SLC_IMPUTE_NONE;
            t.wishes[column].scale_min = 2;
            t.wishes[column].scale_max = 10;
            t.wishes[column].scale_clip = column == 1;
        }
        table_run(&t);
        assert_int_equal(t.plan.columns[0].scale, SLC_SCALE_MINMAX);
        got = t.chunk.columns[0].float64s;
        assert_true(isinf(got[0]) && got[0] > 0 && isinf(got[1]) && got[1] < 0 && got[2] == 0);
        got = t.chunk.columns[1].float64s;
        assert_true(got[0] == 10 && got[1] == 2 && got[2] == 0);
        assert_int_equal(t.chunk.columns[1].n_missing, 1);
        if (i == 0)
            assert_true(got[3] == 2 && got[4] == 10);
        table_end(&t);
    }
}

/* Blocks, their remainders, and the careful way for large values. */
static void test_outcomes_of_long_columns(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 1100; n += n < 20 ? 1 : 107) {
        for (int kind = 0; kind < 3; kind++) {
            struct table t;
            double *values;

            table_begin(&t, 1, n);
            values = table_column(&t, 0, SLC_TYPE_FLOAT64);
            for (int64_t row = 0; row < n; row++)
                values[row] = (double)(row % 7) - 3.0;
            if (kind == 1)
                values[n - 1] = 0.1;
            if (kind == 2)
                values[n / 2] = 0x1p60;
            t.wishes[0].scale = SLC_SCALE_NONE;
            table_run(&t);
            assert_int_equal(t.outcomes[0].n_values, n);
            assert_int_equal(t.outcomes[0].is_integral, kind != 1);
            assert_int_equal(t.outcomes[0].fits_float32, kind != 1);
            if (n > 14) {
                assert_true(t.outcomes[0].min == -3.0);
                assert_true(t.outcomes[0].max == (kind == 2 ? 0x1p60 : 3.0));
            }
            table_end(&t);
        }
    }
}

static void test_outcomes_merge(void **state)
{
    struct slc_outcome a[1], b[1];

    (void)state;
    slc_outcome_init(a, 1);
    slc_outcome_init(b, 1);
    slc_outcome_merge(a, b, 1);
    assert_true(a->fits_float32 && a->is_integral && !a->has_missing && a->min > a->max);
    b->n_values = 3;
    b->n_imputed = 1;
    b->n_repaired = 2;
    b->n_unrepaired = 5;
    b->first_unrepaired_row = 70;
    b->repair_bytes = -4;
    b->min = -2;
    b->max = 5;
    b->is_integral = false;
    b->has_missing = true;
    slc_outcome_merge(a, b, 1);
    b->first_unrepaired_row = 7;
    b->min = -1;
    b->max = 6;
    b->is_integral = true;
    slc_outcome_merge(a, b, 1);
    b->first_unrepaired_row = 0;
    slc_outcome_merge(a, b, 1);
    assert_int_equal(a->n_values, 9);
    assert_int_equal(a->n_imputed, 3);
    assert_int_equal(a->n_repaired, 6);
    assert_int_equal(a->n_unrepaired, 15);
    assert_int_equal(a->repair_bytes, -12);
    assert_int_equal(a->first_unrepaired_row, 7);
    assert_true(a->min == -2 && a->max == 6);
    assert_false(a->is_integral);
    assert_true(a->fits_float32);
    assert_true(a->has_missing);
}

/* ---- JSON --------------------------------------------------------------------- */

static void test_json_is_mended(void **state)
{
    static const char *const texts[] = {"{'a':1}", NULL, "{\"a\":2}", "{'a': !!}", "['x']", "{!"};
    static const char *const expected[] = {"{\"a\":1}", "",        "{\"a\":2}",
                                           "{'a': !!}", "[\"x\"]", "{!"};
    static const int32_t records[] = {0, 1, 2, 4, 5, 6};
    struct table t;

    (void)state;
    table_begin(&t, 2, 6);
    table_texts(&t, 0, texts);
    table_texts(&t, 1, texts);
    t.wishes[1].json_repair = false;
    t.chunk.first_record = 100;
    t.chunk.record_of_row = (int32_t *)records;
    table_run(&t);
    assert_int_equal(t.plan.columns[0].out_type, SLC_TYPE_JSON);
    assert_int_equal(t.chunk.columns[0].type, SLC_TYPE_JSON);
    for (int64_t row = 0; row < 6; row++)
        assert_true(slc_str_is(t.chunk.columns[0].texts[row], expected[row]));
    assert_ptr_equal(t.chunk.columns[0].texts[2].data, texts[2]); /* good as it was */
    assert_int_equal(t.outcomes[0].n_repaired, 2);
    assert_int_equal(t.outcomes[0].n_unrepaired, 2);
    assert_int_equal(t.outcomes[0].first_unrepaired_row, 105);
    assert_int_equal(t.outcomes[0].repair_bytes, 0);
    assert_string_equal(final_type(&t, 0), "json");
    assert_int_equal(t.chunk.columns[1].type, SLC_TYPE_TEXT);
    assert_true(slc_str_is(t.chunk.columns[1].texts[0], "{'a':1}"));
    table_end(&t);
}

static void test_most_frequent_json_is_mended_too(void **state)
{
    static const char *const texts[] = {"['x']", NULL, "['x']", "[2]"};
    struct table t;

    (void)state;
    table_begin(&t, 1, 4);
    table_texts(&t, 0, texts);
    t.wishes[0].impute = SLC_IMPUTE_MOST_FREQUENT;
    table_run(&t);
    assert_true(slc_str_is(t.chunk.columns[0].texts[1], "[\"x\"]"));
    table_end(&t);
}

/* ---- Memory -------------------------------------------------------------------- */

static void test_memory(void **state)
{
    static const char *const few[] = {"yes", "no", "yes", "no", "yes",
                                      "yes", "no", "no",  NULL, "no"};
    static const double gaps[] = {1, 2, 3, NAN, 5, 6, 7, 8, 9, 10.5};
    static const double small[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    int64_t before = 0, after = 0;
    struct table t;

    (void)state;
    table_begin(&t, 4, 10);
    table_texts(&t, 0, few);
    table_numbers(&t, 1, SLC_TYPE_FLOAT64, gaps);
    table_numbers(&t, 2, SLC_TYPE_INT64, small);
    table_numbers(&t, 3, SLC_TYPE_INT64, small);
    t.wishes[1].impute = SLC_IMPUTE_NONE;
    t.wishes[1].scale = t.wishes[2].scale = SLC_SCALE_NONE;
    t.wishes[3].drop = true;
    table_run(&t);
    assert_string_equal(final_type(&t, 0), "category");
    slc_plan_memory(&t.plan, t.summaries, t.outcomes, 10, &before, &after);
    /* texts: 10 offsets, 22 bytes, bitmap; doubles and bitmap; two of int64 */
    assert_int_equal(before, (80 + 22 + 2) + (80 + 2) + 80 + 80);
    /* 10 codes and "", "no", "yes"; float32 and bitmap; int8; nothing */
    assert_int_equal(after, (10 + 3 * 8 + 5) + (40 + 2) + 10 + 0);
    table_end(&t);
}

static void test_text_of_many_values_is_no_category(void **state)
{
    static const char *const texts[] = {"a", "b", "c", "a"};
    struct table t;

    (void)state;
    table_begin(&t, 1, 4);
    table_texts(&t, 0, texts);
    table_run(&t);
    assert_string_equal(final_type(&t, 0), "text");
    t.summaries[0].n_distinct = 2;
    assert_string_equal(final_type(&t, 0), "category");
    t.summaries[0].distinct_is_exact = false;
    assert_string_equal(final_type(&t, 0), "text");
    table_end(&t);
}

/* ---- Documents ------------------------------------------------------------------- */

static void test_documents(void **state)
{
    static const double numbers[] = {0, 2.5, NAN, 10}, flags[] = {1, 1, NAN, 0};
    static const double days[] = {19000, 19000, NAN, 19001};
    static const char *const texts[] = {"a", "b\"", NULL, "b\""};
    struct slc_buf buf = {0};
    struct table t;

    (void)state;
    table_begin(&t, 6, 4);
    table_numbers(&t, 0, SLC_TYPE_INT64, whole);
    table_numbers(&t, 1, SLC_TYPE_FLOAT64, numbers);
    table_numbers(&t, 2, SLC_TYPE_FLOAT64, numbers);
    table_numbers(&t, 3, SLC_TYPE_BOOL, flags);
    table_texts(&t, 4, texts);
    table_numbers(&t, 5, SLC_TYPE_DATE, days);
    t.options.index_column = 0;
    t.wishes[1].impute = SLC_IMPUTE_MEDIAN;
    t.wishes[1].scale_min = -1;
    t.wishes[1].scale_clip = true;
    t.wishes[2].impute = SLC_IMPUTE_NONE;
    t.wishes[2].scale = SLC_SCALE_ROBUST;
    t.wishes[2].downcast = SLC_DOWNCAST_LOSSY;
    t.wishes[4].impute = SLC_IMPUTE_MOST_FREQUENT;
    table_run(&t);
    slc_plan_impute_json(&t.plan, t.outcomes, &buf);
    assert_string_equal(
        slc_buf_text(&buf),
        "{\"version\":1,\"columns\":{"
        "\"b\":{\"strategy\":\"median\",\"value\":2.5,\"type\":\"float64\",\"count\":1},"
        "\"c\":{\"strategy\":\"none\"},"
        "\"d\":{\"strategy\":\"most_frequent\",\"value\":true,\"type\":\"bool\",\"count\":1},"
        "\"e\":{\"strategy\":\"most_frequent\",\"value\":\"b\\\"\",\"type\":\"text\",\"count\":1},"
        "\"f\":{\"strategy\":\"most_frequent\",\"value\":\"2022-01-08\",\"type\":\"date\","
        "\"count\":1}}}");
    slc_buf_clear(&buf);
    slc_plan_scale_json(&t.plan, &buf);
    assert_string_equal(
        slc_buf_text(&buf),
        "{\"version\":1,\"columns\":{"
        "\"b\":{\"strategy\":\"minmax\",\"data_min\":0,\"data_max\":10,\"scale\":0.2,\"min\":-1,"
        "\"feature_range\":[-1,1],\"clip\":true},"
        "\"c\":{\"strategy\":\"robust\",\"center\":2.5,\"scale\":5,\"float32\":true},"
        "\"d\":{\"strategy\":\"none\"},\"e\":{\"strategy\":\"none\"},"
        "\"f\":{\"strategy\":\"none\"}}}");
    slc_buf_release(&buf);
    table_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropped_columns_are_left_alone),
        cmocka_unit_test(test_a_copy_stays_when_the_first_is_not_in_the_rows),
        cmocka_unit_test(test_index_is_never_transformed),
        cmocka_unit_test(test_columns_that_nobody_asked_for_are_left_alone),
        cmocka_unit_test(test_a_chunk_of_another_width_is_refused),
        cmocka_unit_test(test_table_without_rows),
        cmocka_unit_test(test_smallest_type_that_holds_the_column),
        cmocka_unit_test(test_lossy_rounds_to_float),
        cmocka_unit_test(test_lossy_keeps_what_float_does_not_reach),
        cmocka_unit_test(test_a_range_that_does_not_ascend_is_refused),
        cmocka_unit_test(test_clip_of_infinities_and_gaps),
        cmocka_unit_test(test_outcomes_of_long_columns),
        cmocka_unit_test(test_outcomes_merge),
        cmocka_unit_test(test_json_is_mended),
        cmocka_unit_test(test_most_frequent_json_is_mended_too),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_text_of_many_values_is_no_category),
        cmocka_unit_test(test_documents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
