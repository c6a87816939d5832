/* Tables of so many columns that each has little memory. */
#include "table.h"

#include <malloc.h>
#include <stdio.h>

#include "profile/hll.h"
#include "profile/kll.h"
#include "profile/sizes.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_MALLINFO 0 /* the sanitizer's allocator tells nothing */
#else
#define HAS_MALLINFO 1
#endif

enum { WIDE = 16384, WIDE_MEMORY = 64 << 20 };

static uint64_t state = 1;

static size_t allocated_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* The same values in every column, so that the table itself takes no memory. */
static void fold_wide(struct slc_profile *profile, enum slc_type type, const void *values,
                      int64_t n_rows)
{
    enum { CHUNK_ROWS = 512 };
    size_t width = slc_type_width_bytes(type);
    int64_t seq = 0;

    for (int64_t from = 0; from < n_rows; from += CHUNK_ROWS) {
        struct slc_chunk chunk = {0};

        assert_true(slc_chunk_begin(&chunk, WIDE));
        chunk.seq = seq++;
        chunk.n_rows = n_rows - from < CHUNK_ROWS ? n_rows - from : CHUNK_ROWS;
        for (int i = 0; i < WIDE; i++) {
            chunk.columns[i].type = type;
            chunk.columns[i].requested = true;
            chunk.columns[i].data = (char *)values + (size_t)from * width;
        }
        assert_true(slc_profile_fold(profile, &chunk, NULL));
        slc_chunk_release(&chunk);
    }
}

static void check_wide(enum slc_type type, const void *values, int64_t n_rows, int64_t n_distinct)
{
    size_t before = allocated_bytes(), most = 0;
    struct slc_profile *profile = NULL;
    struct slc_summary s;

    assert_true(slc_profile_new(WIDE, WIDE_MEMORY, &profile, NULL));
    /* Tables are the fullest just before they are given up. */
    for (int64_t from = 0; from < n_rows; from += from < 200 ? 8 : 600) {
        int64_t n = from < 200 ? 8 : 600;

        if (n > n_rows - from)
            n = n_rows - from;
        fold_wide(profile, type, (const char *)values + (size_t)from * slc_type_width_bytes(type),
                  n);
        slc_profile_new_round(profile);
        if (allocated_bytes() - before > most)
            most = allocated_bytes() - before;
    }
    for (int i = 0; i < WIDE; i++) {
        slc_profile_summarize(profile, i, &s);
        assert_int_equal(s.n_rows, n_rows);
        assert_false(s.distinct_is_exact);
        assert_close((double)s.n_distinct, (double)n_distinct, 4 * s.distinct_error);
    }
    if (allocated_bytes() - before > most)
        most = allocated_bytes() - before;
    if (HAS_MALLINFO && most > (size_t)WIDE_MEMORY + WIDE_MEMORY / 4)
        fail_msg("%zu bytes", most);
    slc_profile_free(profile);
}

static void memory_is_bounded_for_numbers(void **unused)
{
    enum { ROWS = 2000 };
    double *values = malloc(ROWS * sizeof(*values));

    (void)unused;
    assert_non_null(values);
    for (int i = 0; i < ROWS; i++)
        values[i] = (double)table_next(&state) + i / 4096.0;
    check_wide(SLC_TYPE_FLOAT64, values, ROWS, ROWS);
    free(values);
}

static void memory_is_bounded_for_texts(void **unused)
{
    enum { ROWS = 2000, LEN = 24 };
    struct slc_str *values = calloc(ROWS, sizeof(*values));
    char *room = malloc((size_t)ROWS * LEN);

    (void)unused;
    assert_non_null(values);
    assert_non_null(room);
    for (int i = 0; i < ROWS; i++) {
        int n = snprintf(room + (size_t)i * LEN, LEN, "%lld-%d", (long long)table_next(&state), i);

        values[i] = (struct slc_str){room + (size_t)i * LEN, (size_t)n};
    }
    check_wide(SLC_TYPE_TEXT, values, ROWS, ROWS);
    free(values);
    free(room);
}

static void too_little_memory_is_refused(void **unused)
{
    struct slc_profile *profile = NULL;
    struct slc_error error = {0};

    (void)unused;
    assert_false(slc_profile_new(WIDE + 1, WIDE_MEMORY, &profile, &error));
    assert_int_equal(error.code, SLC_ERR_LIMIT);
    assert_non_null(strstr(error.message, "load.memory"));
    assert_null(profile);
    assert_false(slc_profile_new(1, SLC_LEAST_SHARE_BYTES - 1, &profile, &error));
    assert_true(slc_profile_new(0, 0, &profile, &error));
    slc_profile_free(profile);
}

static void sizes_follow_the_share(void **unused)
{
    int64_t share = SLC_LEAST_SHARE_BYTES;

    (void)unused;
    for (int k = SLC_KLL_MIN_K, bits = 9, leaders = 16; share <= SLC_FULL_SHARE_BYTES; share *= 2) {
        struct slc_sizes sizes = slc_sizes_of_share((size_t)share);

        assert_int_equal(sizes.kll_k, k);
        assert_int_equal(sizes.hll_bits, bits);
        assert_int_equal(sizes.n_leaders, leaders);
        assert_int_equal(slc_sizes_of_share((size_t)share * 2 - 1).kll_k, k);
        k *= 2;
        bits++;
        leaders = leaders < 64 ? leaders * 2 : 64;
    }
    assert_int_equal(slc_sizes_of_share(SIZE_MAX).kll_k, SLC_KLL_MAX_K);
    assert_int_equal(slc_sizes_of_share(SIZE_MAX).hll_bits, SLC_HLL_MAX_BITS);
    assert_true(slc_hll_error(14) == 0.0081 && slc_kll_error(2048) == 0.002);
    assert_true(slc_hll_error(9) == 0.046 && slc_kll_error(64) == 0.064);
}

/* Of a great many sketches of random values, the share of ranks that are off by
 * more than is stated is below one in a hundred, and the distinct counts'
 * relative errors have the deviation that is stated. */
static void check_errors(int64_t share, int64_t n)
{
    enum { TRIES = 60, RANKS = 19 };
    double *values = malloc((size_t)n * sizeof(*values)), squares = 0.0, error = 0.0, off;
    int n_off = 0;

    assert_non_null(values);
    for (int try = 0; try < TRIES; try++) {
        struct test_column column = {.type = SLC_TYPE_FLOAT64, .values = values};
        struct slc_profile *profile;
        struct slc_summary s;

        /* All come twice: an estimate is never above the number of values. */
        for (int64_t i = 0; i < n / 2; i++)
            values[i] = values[i + n / 2] =
                ldexp((double)table_next(&state), -31) + ldexp((double)i, -52);
        profile = table_profile(&column, 1, n, 999, share);
        slc_profile_summarize(profile, 0, &s);
        assert_false(s.distinct_is_exact || s.quantiles_are_exact);
        error = s.distinct_error;
        off = (double)s.n_distinct / (double)(n / 2) - 1.0;
        squares += off * off;
        for (int q = 1; q <= RANKS; q++) {
            double at = slc_profile_quantile(profile, 0, q / (RANKS + 1.0), 0.0, 0);
            int64_t rank = 0;

            for (int64_t i = 0; i < n; i++)
                rank += values[i] < at;
            n_off += fabs((double)rank / (double)n - q / (RANKS + 1.0)) > s.quantile_error;
        }
        slc_profile_free(profile);
    }
    if (sqrt(squares / TRIES) > 1.35 * error) /* four deviations of the deviation */
        fail_msg("%lld: distinct by %g", (long long)share, sqrt(squares / TRIES));
    if (n_off > TRIES * RANKS / 100)
        fail_msg("%lld: %d ranks off", (long long)share, n_off);
    free(values);
}

static void small_sketches_keep_to_their_errors(void **unused)
{
    (void)unused;
    for (int64_t share = SLC_LEAST_SHARE_BYTES; share <= 32 << 10; share *= 2) {
        check_errors(share, 3000);
        check_errors(share, 30000);
    }
}

/* A long stream keeps a small sketch small. */
static void small_sketches_stay_small(void **unused)
{
    enum { ROWS = 1 << 16, ROUNDS = 128 };
    double *values = malloc(ROWS * sizeof(*values));
    struct slc_profile *profile = NULL;
    struct test_column column = {.type = SLC_TYPE_FLOAT64, .values = values};
    struct slc_chunk chunk;
    struct slc_summary s;
    size_t before;

    (void)unused;
    assert_non_null(values);
    for (int i = 0; i < ROWS; i++)
        values[i] = (double)table_next(&state);
    chunk = table_chunk(&column, 1, 0, ROWS, 0);
    assert_true(slc_profile_new(1, SLC_LEAST_SHARE_BYTES, &profile, NULL));
    for (int round = 0; round < ROUNDS; round++) {
        chunk.seq = round;
        assert_true(slc_profile_fold(profile, &chunk, NULL));
    }
    slc_profile_summarize(profile, 0, &s);
    assert_int_equal(s.n_finite, (int64_t)ROWS * ROUNDS);
    slc_profile_new_round(profile);
    chunk.seq = 0;
    chunk.n_rows = 1;
    assert_true(slc_profile_fold(profile, &chunk, NULL)); /* the values in order go */
    before = allocated_bytes();
    slc_profile_reset_column(profile, 0);
    if (HAS_MALLINFO && before - allocated_bytes() > SLC_LEAST_SHARE_BYTES * 5 / 4)
        fail_msg("%zu bytes", before - allocated_bytes());
    slc_chunk_release(&chunk);
    slc_profile_free(profile);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_bounded_for_numbers),
        cmocka_unit_test(memory_is_bounded_for_texts),
        cmocka_unit_test(too_little_memory_is_refused),
        cmocka_unit_test(sizes_follow_the_share),
        cmocka_unit_test(small_sketches_keep_to_their_errors),
        cmocka_unit_test(small_sketches_stay_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
