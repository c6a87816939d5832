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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equals_sklearn)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
