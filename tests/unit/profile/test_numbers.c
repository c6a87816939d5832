/* Statistics of numbers and dates against numpy 1.24 and pandas 1.5 (and, where
 * these lose digits, against exact fractions). */
#include "table.h"

enum { N = 5000 };

static int64_t numbers[N + 1];

static void make_numbers(void)
{
    uint64_t state = 1;

    for (int i = 0; i < N; i++)
        numbers[i] = table_next(&state);
}

static void assert_histogram(const struct slc_summary *summary,
                             const int64_t expected[SLC_HISTOGRAM_BINS])
{
    assert_int_equal(summary->n_bins, SLC_HISTOGRAM_BINS);
    for (int i = 0; i < SLC_HISTOGRAM_BINS; i++)
        assert_int_equal(summary->histogram[i], expected[i]);
}

static void integers_are_as_pandas_has_them(void **unused)
{
    static const int64_t histogram[] = {275, 255, 230, 269, 225, 235, 249, 231, 249, 248,
                                        249, 257, 226, 243, 237, 289, 245, 258, 261, 269};
    int64_t values[N];
    struct slc_summary s;

    (void)unused;
    for (int i = 0; i < N; i++)
        values[i] = numbers[i] % 1000 - 300;
    for (int64_t chunk_rows = 7; chunk_rows < 20000; chunk_rows = chunk_rows * 5 + 2) {
        struct slc_profile *profile =
            table_summary(SLC_TYPE_INT64, values, NULL, N, chunk_rows, &s);

        assert_int_equal(s.type, SLC_TYPE_INT64);
        assert_int_equal(s.n_rows, N);
        assert_int_equal(s.n_missing, 0);
        assert_int_equal(s.n_finite, N);
        assert_int_equal(s.n_distinct, 995);
        assert_true(s.distinct_is_exact && s.quantiles_are_exact && s.top_is_exact);
        assert_int_equal(s.min.int64, -300);
        assert_int_equal(s.max.int64, 699);
        assert_int_equal(s.first.int64, values[0]);
        assert_true(s.sum == 1018439.0);
        assert_close(s.mean, 203.6878, 1e-15);
        assert_close(s.std, 292.51903836967904, 1e-14);
        assert_close(s.variance, 85550.27433115999, 1e-14);
        assert_close(s.skewness, -0.02931269959920701, 1e-12);
        assert_true(s.quantiles[0] == -51.25);
        assert_true(s.quantiles[1] == 208.0);
        assert_true(s.quantiles[2] == 462.25);
        assert_true(s.max_abs == 699.0);
        assert_true(s.fits_float32);
        assert_false(s.is_constant);
        assert_int_equal(s.n_top, SLC_TOP_VALUES);
        assert_int_equal(s.top[0].value.int64, 698);
        assert_int_equal(s.top[0].count, 14);
        assert_int_equal(s.top[1].value.int64, 446);
        assert_int_equal(s.top[2].value.int64, 22); /* of equal counts the smaller one */
        assert_int_equal(s.top[3].value.int64, 113);
        assert_histogram(&s, histogram);
        slc_profile_free(profile);
    }
}

static void noise_on_a_large_number_keeps_its_variance(void **unused)
{
    static const int64_t histogram[] = {276, 243, 254, 245, 264, 248, 232, 239, 256, 241,
                                        258, 257, 257, 258, 250, 249, 236, 270, 226, 241};
    struct slc_profile *profile;
    struct slc_summary s;
    double values[N];

    (void)unused;
    for (int i = 0; i < N; i++)
        values[i] = 1e9 + (double)(numbers[i] % 10007) / 10007.0;
    profile = table_summary(SLC_TYPE_FLOAT64, values, NULL, N, 611, &s);
    assert_true(s.mean == 1000000000.4962244);
    assert_close(s.variance, 0.08329615064657599, 2e-15);
    assert_close(s.variance, 0.08329615064657754, 1e-13); /* pandas */
    assert_close(s.std, 0.2886395905090253, 2e-15);
    assert_close(s.skewness, -6.270118270560993e-05, 1e-9);
    assert_true(s.quantiles[0] == 1000000000.2431798);
    assert_true(s.quantiles[1] == 1000000000.5000999);
    assert_true(s.quantiles[2] == 1000000000.7445538);
    assert_int_equal(s.n_distinct, 3916);
    assert_false(s.fits_float32);
    assert_histogram(&s, histogram);
    slc_profile_free(profile);
}

static void a_first_value_far_off_does_no_harm(void **unused)
{
    struct slc_profile *profile;
    struct slc_summary s;
    double values[N + 1];

    (void)unused;
    values[0] = 1e12;
    for (int i = 0; i < N; i++)
        values[i + 1] = 1.0 + (double)(numbers[i] % 10007) / 10007.0;
    profile = table_summary(SLC_TYPE_FLOAT64, values, NULL, N + 1, 1000, &s);
    assert_close(s.mean, 199960009.49432558, 1e-15);
    assert_close(s.variance, 1.9992002399300334e+20, 1e-14);
    assert_close(s.skewness, 70.71774883294859, 1e-13);
    assert_true(s.quantiles[1] == 1.5001498950734486);
    assert_int_equal(s.histogram[0], N);
    assert_int_equal(s.histogram[19], 1);
    slc_profile_free(profile);
}

static void skewed_values_are_as_pandas_has_them(void **unused)
{
    static const int64_t histogram[] = {1814, 474, 337, 263, 213, 193, 166, 150, 154, 170,
                                        130,  111, 127, 106, 108, 108, 98,  88,  101, 89};
    struct slc_profile *profile;
    struct slc_summary s;
    double values[N];

    (void)unused;
    for (int i = 0; i < N; i++) {
        int64_t k = numbers[i] % 1000;

        values[i] = floor((double)(k * k * k) / 1e6) / 8.0;
    }
    profile = table_summary(SLC_TYPE_FLOAT64, values, NULL, N, 999, &s);
    assert_true(s.sum == 159917.875);
    assert_close(s.std, 35.911317354522126, 1e-14);
    assert_close(s.skewness, 1.012281347977609, 1e-13);
    assert_true(s.quantiles[0] == 1.875);
    assert_true(s.quantiles[1] == 16.375);
    assert_true(s.quantiles[2] == 55.3125);
    assert_int_equal(s.n_zero, 530);
    assert_int_equal(s.n_negative, 0);
    assert_int_equal(s.n_distinct, 612);
    assert_true(s.top[0].value.float64 == 0.0 && s.top[0].count == 530);
    assert_true(s.top[3].value.float64 == 0.5 && s.top[3].count == 75);
    assert_true(s.fits_float32);
    assert_histogram(&s, histogram);
    slc_profile_free(profile);
}

static void missing_values_are_left_out(void **unused)
{
    static const int64_t histogram[] = {251, 220, 252, 226, 225, 222, 227, 241, 226, 215,
                                        233, 209, 211, 231, 210, 217, 234, 220, 221, 236};
    double values[N];
    bool missing[N];
    struct slc_summary s;

    (void)unused;
    for (int i = 0; i < N; i++) {
        missing[i] = numbers[i] % 11 == 0;
        values[i] = (double)(numbers[i] % 997) / 7.0;
    }
    for (int64_t chunk_rows = 1; chunk_rows < 6000; chunk_rows = chunk_rows * 8 + 1) {
        struct slc_profile *profile =
            table_summary(SLC_TYPE_FLOAT64, values, missing, N, chunk_rows, &s);

        assert_int_equal(s.n_rows, N);
        assert_int_equal(s.n_missing, 473);
        assert_int_equal(s.n_finite, N - 473);
        assert_close(s.mean, 70.37066489949194, 1e-15);
        assert_close(s.std, 41.520922776278944, 1e-14);
        assert_close(s.skewness, 0.0261179223887344, 1e-12);
        assert_true(s.quantiles[0] == 34.0);
        assert_true(s.quantiles[1] == 69.71428571428571);
        assert_true(s.quantiles[2] == 106.57142857142857);
        assert_int_equal(s.n_distinct, 984);
        assert_true(s.top[0].value.float64 == 98.85714285714286 && s.top[0].count == 12);
        assert_histogram(&s, histogram);
        slc_profile_free(profile);
    }
}

static void integers_past_2_to_the_53_stay_distinct(void **unused)
{
    struct slc_profile *profile;
    struct slc_summary s;
    int64_t values[N];
    const int64_t neighbours[] = {9007199254740993, 9007199254740992, INT64_MIN, INT64_MAX};

    (void)unused;
    for (int i = 0; i < N; i++)
        values[i] = (int64_t)((uint64_t)numbers[i] << 32) + 7;
    profile = table_summary(SLC_TYPE_INT64, values, NULL, N, 64, &s);
    assert_int_equal(s.n_distinct, 5000);
    assert_true(s.min.int64 == 517380350410759 && s.max.int64 == 9223134271760236551);
    assert_close(s.mean, 4.646031323505391e+18, 1e-15);
    assert_close(s.std, 2.653708496698244e+18, 1e-14);
    assert_close(s.skewness, -0.013598096142035597, 1e-12);
    assert_close(s.quantiles[0], 2.3853279213351076e+18, 1e-15);
    assert_false(s.fits_float32);
    slc_profile_free(profile);

    profile = table_summary(SLC_TYPE_INT64, neighbours, NULL, 4, 4, &s);
    assert_int_equal(s.n_distinct, 4);
    assert_true(s.min.int64 == INT64_MIN && s.max.int64 == INT64_MAX);
    assert_int_equal(s.n_negative, 1);
    slc_profile_free(profile);

    profile = table_summary(SLC_TYPE_INT64, neighbours + 1, NULL, 2, 4, &s);
    assert_true(s.fits_float32); /* powers of two do, however large */
    slc_profile_free(profile);
}

static void unsigned_integers_order_as_such(void **unused)
{
    const uint64_t values[] = {UINT64_MAX, 3, UINT64_C(1) << 63, UINT64_MAX - 1, 3, 0};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    profile = table_summary(SLC_TYPE_UINT64, values, NULL, 6, 4, &s);
    assert_true(s.min.uint64 == 0 && s.max.uint64 == UINT64_MAX);
    assert_int_equal(s.n_distinct, 5);
    assert_int_equal(s.n_negative, 0);
    assert_int_equal(s.n_zero, 1);
    assert_true(s.top[0].value.uint64 == 3 && s.top[0].count == 2);
    assert_true(s.top[1].value.uint64 == 0);
    assert_true(s.top[4].value.uint64 == UINT64_MAX);
    assert_close(s.mean, (3 * 0x1p64 - 0x1p63 + 6.0) / 6.0, 1e-15);
    assert_true(s.finite_max == 0x1p64);
    assert_false(s.fits_float32);
    slc_profile_free(profile);

    /* All beyond 2^63: as signed numbers these would be small and negative. */
    profile = table_summary(SLC_TYPE_UINT64, values + 3, NULL, 1, 1, &s);
    assert_true(s.min.uint64 == UINT64_MAX - 1);
    assert_true(s.finite_min == 0x1p64);
    assert_int_equal(s.n_negative, 0);
    slc_profile_free(profile);
}

static void infinities_count_but_do_not_weigh(void **unused)
{
    const double values[] = {INFINITY, 1.0, -INFINITY, 2.0, INFINITY, 4.0};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    profile = table_summary(SLC_TYPE_FLOAT64, values, NULL, 6, 6, &s);
    assert_int_equal(s.n_infinite, 3);
    assert_int_equal(s.n_finite, 3);
    assert_int_equal(s.n_distinct, 5);
    assert_true(isinf(s.min.float64) && s.min.float64 < 0);
    assert_true(isinf(s.max.float64) && s.max.float64 > 0);
    assert_true(s.finite_min == 1.0 && s.finite_max == 4.0 && s.max_abs == 4.0);
    assert_true(s.sum == 7.0);
    assert_true(s.quantiles[1] == 2.0);
    assert_true(isinf(s.top[0].value.float64) && s.top[0].count == 2);
    assert_int_equal(s.histogram[0] + s.histogram[6] + s.histogram[19], 3);
    assert_true(s.fits_float32);
    slc_profile_free(profile);

    profile = table_summary(SLC_TYPE_FLOAT64, values, NULL, 1, 6, &s); /* nothing else */
    assert_true(isnan(s.mean) && isnan(s.std) && isnan(s.quantiles[0]) && isnan(s.finite_min));
    assert_int_equal(s.n_bins, 0);
    assert_true(s.is_constant);
    slc_profile_free(profile);
}

static void zeros_have_no_sign(void **unused)
{
    const double values[] = {-0.0, 0.0, -0.0, 0.0};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    profile = table_summary(SLC_TYPE_FLOAT64, values, NULL, 4, 2, &s);
    assert_int_equal(s.n_distinct, 1);
    assert_int_equal(s.n_zero, 4);
    assert_int_equal(s.n_negative, 0);
    assert_true(s.is_constant);
    assert_false(signbit(s.min.float64));
    slc_profile_free(profile);
}

static void a_constant_has_no_deviation(void **unused)
{
    struct slc_profile *profile;
    struct slc_summary s;
    double values[3000];

    (void)unused;
    for (int i = 0; i < 3000; i++)
        values[i] = 0.1;
    profile = table_summary(SLC_TYPE_FLOAT64, values, NULL, 3000, 700, &s);
    assert_true(s.mean == 0.1 && s.std == 0.0 && s.variance == 0.0 && s.skewness == 0.0);
    assert_true(s.quantiles[0] == 0.1 && s.quantiles[2] == 0.1);
    assert_true(s.is_constant);
    assert_false(s.fits_float32);
    assert_int_equal(s.histogram[10], 3000); /* numpy widens the range by 0.5 each way */
    slc_profile_free(profile);

    profile = table_summary(SLC_TYPE_FLOAT64, values, NULL, 1, 1, &s);
    assert_true(isnan(s.std) && s.variance == 0.0 && isnan(s.skewness));
    slc_profile_free(profile);
}

static void sums_cancel_without_loss(void **unused)
{
    /* Nine values, so that the eight lanes and the rest take part. */
    const double values[] = {1e300, 1.0, -1e300, 1e16, 1.0, -1e16, 1e-30, 3.0, -5.0};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    profile = table_summary(SLC_TYPE_FLOAT64, values + 1, NULL, 1, 1, &s);
    slc_profile_free(profile);
    profile = table_summary(SLC_TYPE_FLOAT64, values + 3, NULL, 6, 2, &s);
    assert_true(s.sum == -1.0);
    slc_profile_free(profile);
    profile = table_summary(SLC_TYPE_FLOAT64, values, NULL, 9, 9, &s);
    assert_true(isfinite(s.mean));
    assert_true(isinf(s.std)); /* as numpy has it: the squares overflow */
    slc_profile_free(profile);
}

static void the_largest_doubles_overflow_to_infinity(void **unused)
{
    const double values[] = {1.7e308, 1.7e308, 1.6e308, -1.7e308, 1.7e308,
                             1.7e308, 1.7e308, 1.7e308, 1.7e308,  1.7e308};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    profile = table_summary(SLC_TYPE_FLOAT64, values, NULL, 10, 10, &s);
    assert_true(isinf(s.sum));
    assert_int_equal(s.n_infinite, 0);
    assert_int_equal(s.n_bins, 0); /* no double holds the range */
    assert_true(s.quantiles[1] == 1.7e308);
    slc_profile_free(profile);
}

static void dates_count_days(void **unused)
{
    static const int64_t histogram[] = {228, 252, 256, 260, 249, 243, 221, 253, 248, 241,
                                        253, 250, 229, 260, 265, 270, 248, 254, 267, 253};
    struct slc_profile *profile;
    struct slc_summary s;
    int32_t days[N];
    int64_t moments[N];
    bool missing[N];

    (void)unused;
    for (int i = 0; i < N; i++) {
        days[i] = (int32_t)(18000 + numbers[i] % 700);
        moments[i] = days[i] * INT64_C(86400000000);
        missing[i] = false;
    }
    profile = table_summary(SLC_TYPE_DATE, days, NULL, N, 611, &s);
    assert_int_equal(s.min.type, SLC_TYPE_DATE);
    assert_int_equal(s.min.int64, 18000);
    assert_int_equal(s.max.int64, 18699);
    assert_close(s.mean, 18353.3078, 1e-15);
    assert_close(s.std, 202.55250717478802, 1e-14);
    assert_true(s.quantiles[0] == 18175.0 && s.quantiles[1] == 18356.0 &&
                s.quantiles[2] == 18529.0);
    assert_int_equal(s.top[0].value.int64, 18089);
    assert_int_equal(s.top[0].count, 15);
    assert_histogram(&s, histogram);
    slc_profile_free(profile);

    /* Dates with gaps, before 1970. */
    for (int i = 0; i < N; i += 3)
        missing[i] = true;
    for (int i = 0; i < N; i++)
        days[i] = -i;
    profile = table_summary(SLC_TYPE_DATE, days, missing, N, 1000, &s);
    assert_int_equal(s.n_missing, 1667);
    assert_int_equal(s.max.int64, -1);
    assert_int_equal(s.min.int64, -4999);
    assert_int_equal(s.n_distinct, N - 1667);
    slc_profile_free(profile);

    profile = table_summary(SLC_TYPE_DATETIME, moments, NULL, N, 611, &s);
    assert_true(s.quantiles[1] == 18356.0 * 86400e6);
    assert_int_equal(s.n_distinct, 700);
    assert_histogram(&s, histogram);
    slc_profile_free(profile);
}

/* numpy.quantile(numpy.concatenate([values, [x] * n]), q) */
static void quantiles_take_extra_values_in(void **unused)
{
    const int64_t values[] = {10, 20, 30, 40, 40};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    profile = table_summary(SLC_TYPE_INT64, values, NULL, 5, 5, &s);
    assert_true(slc_profile_quantile(profile, 0, 0.5, 0.0, 0) == 30.0);
    assert_true(slc_profile_quantile(profile, 0, 0.5, 28.0, 0) == 30.0);
    assert_true(slc_profile_quantile(profile, 0, 0.5, 28.0, 1) == 29.0);
    assert_true(slc_profile_quantile(profile, 0, 0.25, 28.0, 3) == 26.0);
    assert_true(slc_profile_quantile(profile, 0, 0.75, 28.0, 3) == 32.5);
    assert_true(slc_profile_quantile(profile, 0, 0.0, 5.0, 2) == 5.0);
    assert_true(slc_profile_quantile(profile, 0, 1.0, 50.0, 2) == 50.0);
    assert_true(slc_profile_quantile(profile, 0, 1.0, 5.0, 2) == 40.0);
    assert_close(slc_profile_quantile(profile, 0, 0.9, 40.0, 2), 40.0, 0);
    assert_true(isnan(slc_profile_quantile(profile, 0, 1.5, 0.0, 0)));
    slc_profile_free(profile);

    profile = table_summary(SLC_TYPE_NULL, NULL, NULL, 5, 5, &s);
    assert_true(isnan(slc_profile_quantile(profile, 0, 0.5, 0.0, 0)));
    assert_true(slc_profile_quantile(profile, 0, 0.5, 7.0, 3) == 7.0);
    slc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_as_pandas_has_them),
        cmocka_unit_test(noise_on_a_large_number_keeps_its_variance),
        cmocka_unit_test(a_first_value_far_off_does_no_harm),
        cmocka_unit_test(skewed_values_are_as_pandas_has_them),
        cmocka_unit_test(missing_values_are_left_out),
        cmocka_unit_test(integers_past_2_to_the_53_stay_distinct),
        cmocka_unit_test(unsigned_integers_order_as_such),
        cmocka_unit_test(infinities_count_but_do_not_weigh),
        cmocka_unit_test(zeros_have_no_sign),
        cmocka_unit_test(a_constant_has_no_deviation),
        cmocka_unit_test(sums_cancel_without_loss),
        cmocka_unit_test(the_largest_doubles_overflow_to_infinity),
        cmocka_unit_test(dates_count_days),
        cmocka_unit_test(quantiles_take_extra_values_in),
    };

    make_numbers();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
