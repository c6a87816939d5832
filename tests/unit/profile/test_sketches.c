/* Columns with more values than the table has room for. */
#include "table.h"

enum { N = 1000000, SMALL_MEMORY = 128 << 10 }; /* the least with full sketches */

static double *doubles;
static uint64_t state;

static void shuffle(double *values, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t k = table_next(&state) % (i + 1);
        double swap = values[i];

        values[i] = values[k];
        values[k] = swap;
    }
}

static struct slc_profile *fold(const double *values, int64_t n, struct slc_summary *ret)
{
    struct test_column column = {.type = SLC_TYPE_FLOAT64, .values = values};
    struct slc_profile *profile = table_profile(&column, 1, n, 6007, SMALL_MEMORY);

    slc_profile_summarize(profile, 0, ret);
    return profile;
}

/* The values are 0 to n - 1 in some order: a quantile's error is its rank's. */
static void check_permutation(int64_t n, const char *what)
{
    struct slc_summary s;
    struct slc_profile *profile = fold(doubles, n, &s);
    int64_t in_histogram = 0;

    assert_false(s.distinct_is_exact || s.quantiles_are_exact || s.top_is_exact);
    assert_true(s.distinct_error == 0.0081 && s.quantile_error == 0.002);
    assert_int_equal(s.n_finite, n);
    assert_true(s.finite_min == 0.0 && s.finite_max == (double)(n - 1));
    assert_close(s.mean, (double)(n - 1) / 2.0, 1e-15);
    assert_close(s.variance, ((double)n * (double)n - 1.0) / 12.0, 1e-13);
    assert_true(fabs(s.skewness) < 1e-9);
    assert_close((double)s.n_distinct, (double)n, 4 * 0.0081);
    for (int i = 1; i < 200; i++) {
        double q = i / 200.0, value = slc_profile_quantile(profile, 0, q, 0.0, 0);

        if (fabs(value - q * (double)(n - 1)) > 0.002 * (double)n)
            fail_msg("%s: the %g-quantile of %lld is %g", what, q, (long long)n, value);
    }
    assert_true(slc_profile_quantile(profile, 0, 0.0, 0.0, 0) == 0.0);
    assert_true(slc_profile_quantile(profile, 0, 1.0, 0.0, 0) == (double)(n - 1));
    for (int i = 0; i < s.n_bins; i++) {
        in_histogram += s.histogram[i];
        assert_true(fabs((double)s.histogram[i] - (double)n / 20.0) < 0.004 * (double)n);
    }
    assert_int_equal(in_histogram, n);
    slc_profile_free(profile);
}

static void sketches_keep_to_their_bounds(void **unused)
{
    (void)unused;
    for (int64_t n = 7500; n <= N; n = n * 5 < N || n == N ? n * 5 : N) {
        for (int64_t i = 0; i < n; i++)
            doubles[i] = (double)i;
        check_permutation(n, "rising");
        for (int64_t i = 0; i < n; i++)
            doubles[i] = (double)(n - 1 - i);
        check_permutation(n, "falling");
        shuffle(doubles, n);
        check_permutation(n, "shuffled");
    }
}

static void long_streams_are_sampled_within_bounds(void **unused)
{
    enum { ROUNDS = 12 };
    struct slc_profile *profile = NULL;
    struct slc_summary s;

    (void)unused;
    assert_true(slc_profile_new(1, SMALL_MEMORY, &profile, NULL));
    for (int64_t i = 0; i < N; i++)
        doubles[i] = (double)i;
    for (int round = 0; round < ROUNDS; round++) {
        struct test_column column = {.type = SLC_TYPE_FLOAT64, .values = doubles};
        struct slc_chunk chunk = table_chunk(&column, 1, 0, N - round, round); /* odd lengths */

        assert_true(slc_profile_fold(profile, &chunk, NULL));
        slc_chunk_release(&chunk);
    }
    slc_profile_summarize(profile, 0, &s);
    for (int i = 1; i < 100; i++) {
        double value = slc_profile_quantile(profile, 0, i / 100.0, 0.0, 0);

        assert_true(fabs(value - i / 100.0 * N) < 0.002 * N);
    }
    assert_close((double)s.n_distinct, N, 4 * 0.0081);
    assert_int_equal(s.n_finite, (int64_t)ROUNDS * N - 66);
    slc_profile_free(profile);
}

static void heavy_values_weigh_through_the_change(void **unused)
{
    struct slc_profile *profile;
    struct slc_summary s;
    int64_t n_heavy = 0;

    (void)unused;
    /* Two values in three are 5; the others are all different. */
    for (int64_t i = 0; i < 300000; i++) {
        doubles[i] = i % 3 ? 5.0 : (double)i;
        n_heavy += i % 3 != 0;
    }
    profile = fold(doubles, 300000, &s);
    assert_true(s.quantiles[0] == 5.0 && s.quantiles[1] == 5.0);
    assert_true(fabs(s.quantiles[2] - 75000.0) < 3000.0);
    assert_true(s.top[0].value.float64 == 5.0);
    assert_int_equal(s.top[0].count, n_heavy); /* counted on after the change */
    assert_int_equal(s.top[1].count, 1);
    assert_true(s.top[1].value.float64 == 0.0);
    slc_profile_free(profile);
}

static void infinities_stay_out_of_the_sketch(void **unused)
{
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    for (int64_t i = 0; i < 50000; i++)
        doubles[i] = i % 5 == 0 ? INFINITY : (double)i;
    profile = fold(doubles, 50000, &s);
    assert_int_equal(s.n_infinite, 10000);
    assert_int_equal(s.n_finite, 40000);
    assert_true(s.finite_max == 49999.0);
    assert_true(fabs(s.quantiles[1] - 25000.0) < 200.0);
    assert_true(isinf(s.top[0].value.float64) && s.top[0].count == 10000);
    slc_profile_free(profile);
}

static void texts_are_estimated_too(void **unused)
{
    enum { ROWS = 200000 };
    struct slc_str *values = calloc(ROWS, sizeof(*values));
    char *room = malloc((size_t)ROWS * 24), *at = room;
    struct test_column column = {.type = SLC_TYPE_TEXT, .values = values};
    struct slc_profile *profile;
    struct slc_summary s;
    int64_t bytes = 0;

    (void)unused;
    assert_non_null(values);
    assert_non_null(room);
    for (int i = 0; i < ROWS; i++) {
        int len = i % 4 == 3 ? snprintf(at, 24, "heavy") : snprintf(at, 24, "näme-%06d", i);

        values[i] = (struct slc_str){at, (size_t)len};
        at += len;
        bytes += len;
    }
    profile = table_profile(&column, 1, ROWS, 5003, SMALL_MEMORY);
    slc_profile_summarize(profile, 0, &s);
    assert_false(s.distinct_is_exact);
    assert_close((double)s.n_distinct, 150001.0, 4 * 0.0081);
    assert_int_equal(s.text_bytes, bytes);
    assert_close(s.text_mean_len, (150000 * 11.0 + 50000 * 5.0) / ROWS, 1e-15);
    assert_int_equal(s.text_min_len, 5);
    assert_int_equal(s.text_max_len, 11);
    assert_true(slc_str_is(s.min.text, "heavy"));
    assert_true(slc_str_is(s.max.text, "näme-199998"));
    assert_true(slc_str_is(s.top[0].value.text, "heavy"));
    assert_int_equal(s.top[0].count, 50000);
    assert_true(slc_str_is(s.top[1].value.text, "näme-000000"));
    assert_false(s.top_is_exact);
    slc_profile_free(profile);
    free(values);
    free(room);
}

static void the_budget_decides_what_is_exact(void **unused)
{
    struct test_column column = {.type = SLC_TYPE_FLOAT64, .values = doubles};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    for (int64_t i = 0; i < N; i++)
        doubles[i] = (double)(i % 65536);
    profile = table_profile(&column, 1, N, 6007, 2 << 20);
    slc_profile_summarize(profile, 0, &s);
    assert_true(s.distinct_is_exact);
    assert_int_equal(s.n_distinct, 65536);
    slc_profile_free(profile);
    profile = table_profile(&column, 1, N, 6007, 1 << 20);
    slc_profile_summarize(profile, 0, &s);
    assert_false(s.distinct_is_exact);
    slc_profile_free(profile);
}

/* The inverse of slc_hash_u64(). */
static uint64_t value_of_hash(uint64_t x)
{
    x ^= x >> 31 ^ x >> 62;
    x *= UINT64_C(0x319642b2d24d8ec3);
    x ^= x >> 27 ^ x >> 54;
    x *= UINT64_C(0x96de1b173f119089);
    return x ^ x >> 30 ^ x >> 60;
}

/* Values that all want the same slot must not make a table crawl. */
static void colliding_values_end_the_table(void **unused)
{
    enum { ROWS = 20000 };
    int64_t *values = malloc(ROWS * sizeof(*values));
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    assert_non_null(values);
    for (int i = 0; i < ROWS; i++)
        values[i] = (int64_t)(value_of_hash((uint64_t)i) - UINT64_C(0x9e3779b97f4a7c15));
    profile = table_summary(SLC_TYPE_INT64, values, NULL, ROWS, 1000, &s);
    assert_false(s.distinct_is_exact);
    assert_int_equal(s.n_finite, ROWS);
    assert_false(s.is_constant);
    slc_profile_free(profile);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sketches_keep_to_their_bounds),
        cmocka_unit_test(long_streams_are_sampled_within_bounds),
        cmocka_unit_test(heavy_values_weigh_through_the_change),
        cmocka_unit_test(infinities_stay_out_of_the_sketch),
        cmocka_unit_test(texts_are_estimated_too),
        cmocka_unit_test(the_budget_decides_what_is_exact),
        cmocka_unit_test(colliding_values_end_the_table),
    };
    int failed;

    doubles = malloc((size_t)N * sizeof(*doubles));
    if (!doubles)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(doubles);
    return failed;
}
