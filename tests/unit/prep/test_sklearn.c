/* Every imputer with every scaler over columns of all kinds: fills, parameters
 * and values are scikit-learn's. */
#include "prep_test.h"

#include <math.h>

#include "sklearn_expected.h"

static void check_parameters(const struct slc_column_plan *column, const double *p)
{
    if (column->scale == SLC_SCALE_MINMAX) {
        assert_close(column->data_min, p[0]);
        assert_close(column->data_max, p[1]);
        assert_close(column->multiplier, p[2]);
        assert_close(column->offset, p[3]);
        return;
    }
    assert_close(column->center, p[0]);
    assert_close(column->divisor, p[1]);
    if (column->scale == SLC_SCALE_STANDARD)
        assert_close(column->variance, p[2]);
}

static void check_fill(const struct slc_column_plan *column, double expected)
{
    const struct slc_value *fill = &column->fill;

    if (column->impute == SLC_IMPUTE_NONE)
        return;
    if (fill->type == SLC_TYPE_INT64)
        assert_int_equal(fill->int64, (int64_t)expected);
    else if (fill->type == SLC_TYPE_UINT64)
        assert_int_equal(fill->uint64, (uint64_t)expected);
    else
        assert_close(fill->float64, expected);
}

static void check_one(const struct expected *expected)
{
    const struct table_column *from = &table_columns[expected->column];
    struct slc_column *column;
    struct table table;

    table_begin(&table, 1, N_VALUES);
    table_numbers(&table, 0, from->type, from->values);
    table.wishes[0].impute = expected->impute;
    table.wishes[0].impute_value = SLC_STR("100");
    table.wishes[0].scale = expected->scale;
    table_run(&table);

    assert_int_equal(table.plan.columns[0].impute, expected->impute);
    assert_int_equal(table.plan.columns[0].scale, expected->scale);
    assert_true(table.plan.columns[0].fit_is_exact);
    check_fill(&table.plan.columns[0], expected->fill);
    check_parameters(&table.plan.columns[0], expected->parameters);
    column = &table.chunk.columns[0];
    assert_int_equal(column->type, SLC_TYPE_FLOAT64);
    for (int64_t row = 0; row < N_VALUES; row++) {
        if (slc_column_has(column, row))
            assert_close(column->float64s[row], expected->values[row]);
        else
            assert_true(isnan(expected->values[row]) && column->float64s[row] == 0.0);
    }
    table_end(&table);
}

static void test_equals_sklearn(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
        const struct expected *e = &expectations[i];

        print_message("column \"%s\", imputer %d, scaler %d\n", table_columns[e->column].name,
                      (int)e->impute, (int)e->scale);
        check_one(e);
    }
}

/* NumPy's mean of eight times 0.1 is one bit off, and a factor makes more of it:
 * a few bits of the largest number computed with are allowed. */
static void assert_near(double got, double expected, double span)
{
    if (fabs(got - expected) > 1e-15 * span)
        assert_close(got, expected);
}

/* Fitted on one table, applied to another: whole numbers, gaps and values far
 * outside of what was fitted. */
static void check_range(const struct ranged *expected, enum slc_type type)
{
    const struct table_column *from = &table_columns[expected->column];
    const struct slc_column_plan *fitted;
    struct slc_outcome outcomes[1];
    struct slc_column *column;
    struct table table, later;
    double span;

    table_begin(&table, 1, N_VALUES);
    table_numbers(&table, 0, from->type, from->values);
    table.wishes[0].scale_min = expected->range[0];
    table.wishes[0].scale_max = expected->range[1];
    table.wishes[0].scale_clip = expected->clip;
    table_profile(&table);
    table_fit(&table);
    fitted = &table.plan.columns[0];
    check_parameters(fitted, expected->parameters);
    assert_true(fitted->range_min == expected->range[0]);
    assert_true(fitted->range_max == expected->range[1]);
    assert_int_equal(fitted->clip, expected->clip);

    table_begin(&later, 1, N_VALUES);
    table_numbers(&later, 0, type, later_values);
    slc_outcome_init(outcomes, 1);
    assert_true(slc_plan_apply(&table.plan, &later.chunk, outcomes, &later.error));
    column = &later.chunk.columns[0];
    assert_int_equal(column->n_missing, 0);
    span = fitted->multiplier * fmax(fabs(fitted->data_min), fabs(fitted->data_max));
    for (int64_t row = 0; row < N_VALUES; row++) {
        double got = column->float64s[row];

        if (type == SLC_TYPE_INT64 && later_values[row] != trunc(later_values[row]))
            continue; /* cut to a whole number on its way in */
        assert_near(got, expected->values[row], span);
        if (expected->clip)
            assert_true(got >= expected->range[0] && got <= expected->range[1]);
    }
    table_end(&later);
    table_end(&table);
}

static void test_ranges_equal_sklearn(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ranged_expectations) / sizeof(ranged_expectations[0]); i++) {
        const struct ranged *e = &ranged_expectations[i];

        print_message("column \"%s\", %g to %g, clip %d\n", table_columns[e->column].name,
                      e->range[0], e->range[1], e->clip);
        check_range(e, SLC_TYPE_FLOAT64);
        check_range(e, SLC_TYPE_INT64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_sklearn),
        cmocka_unit_test(test_ranges_equal_sklearn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
