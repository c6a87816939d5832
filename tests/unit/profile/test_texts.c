/* Texts, booleans, equal columns, empty tables. */
#include "table.h"

static void texts_are_measured(void **unused)
{
    const struct slc_str values[] = {
        SLC_STR("Zoë"),  SLC_STR("ann"),  SLC_STR("Zoë"), SLC_STR(""),
        SLC_STR("a\0b"), SLC_STR("a\0c"), SLC_STR("a"),   SLC_STR("long enough: ünïcode ☂")};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    for (int64_t chunk_rows = 1; chunk_rows <= 8; chunk_rows++) {
        profile = table_summary(SLC_TYPE_TEXT, values, NULL, 8, chunk_rows, &s);
        assert_int_equal(s.n_distinct, 7);
        assert_true(slc_str_is(s.min.text, ""));
        assert_true(slc_str_is(s.max.text, "long enough: ünïcode ☂"));
        assert_true(slc_str_is(s.first.text, "Zoë"));
        assert_int_equal(s.text_min_len, 0);
        assert_int_equal(s.text_max_len, 22);
        assert_close(s.text_mean_len, (3 + 3 + 3 + 0 + 3 + 3 + 1 + 22) / 8.0, 1e-15);
        assert_int_equal(s.text_bytes, 4 + 3 + 4 + 0 + 3 + 3 + 1 + 26);
        assert_int_equal(s.distinct_text_bytes, s.text_bytes - 4);
        assert_int_equal(s.n_top, 7);
        assert_true(slc_str_is(s.top[0].value.text, "Zoë") && s.top[0].count == 2);
        assert_true(slc_str_is(s.top[1].value.text, "")); /* then bytewise */
        assert_true(slc_str_is(s.top[2].value.text, "a"));
        assert_true(slc_str_eq(s.top[3].value.text, SLC_STR("a\0b")));
        assert_true(slc_str_eq(s.top[4].value.text, SLC_STR("a\0c")));
        assert_true(isnan(s.mean) && isnan(s.quantiles[1]));
        assert_int_equal(s.n_bins, 0);
        slc_profile_free(profile);
    }
}

static void shown_texts_are_clipped_at_a_character(void **unused)
{
    char low[400], high[400];
    struct slc_str values[2] = {{low, 300}, {high, 300}};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    /* They part at the 256th byte, which the clip of one cuts off. */
    memset(low, 'x', sizeof(low));
    memset(high, 'x', sizeof(high));
    low[255] = 'a';
    high[255] = '\xc3'; /* ü */
    high[256] = '\xbc';
    profile = table_summary(SLC_TYPE_TEXT, values, NULL, 2, 1, &s);
    assert_int_equal(s.min.text.len, 256);
    assert_int_equal(s.max.text.len, 255);
    assert_int_equal(s.first.text.len, 256);
    slc_profile_free(profile);
}

static void a_text_too_long_for_the_table_is_still_constant(void **unused)
{
    const size_t len = 100000;
    char *text = malloc(len), *other = malloc(len);
    struct slc_str values[6];
    struct test_column column = {.type = SLC_TYPE_TEXT, .values = values};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    assert_non_null(text);
    assert_non_null(other);
    memset(text, 'y', len);
    memset(other, 'y', len);
    other[len - 1] = 'z';
    for (int i = 0; i < 6; i++)
        values[i] = (struct slc_str){text, len};
    profile = table_profile(&column, 1, 6, 2, 32 << 10);
    slc_profile_summarize(profile, 0, &s);
    assert_true(s.is_constant);
    assert_int_equal(s.n_distinct, 1);
    assert_false(s.distinct_is_exact);
    assert_int_equal(s.distinct_text_bytes, -1);
    assert_int_equal(s.text_bytes, 6 * len);
    slc_profile_free(profile);

    values[5].data = other;
    profile = table_profile(&column, 1, 6, 2, 32 << 10);
    slc_profile_summarize(profile, 0, &s);
    assert_false(s.is_constant);
    assert_int_equal(s.n_distinct, 2);
    slc_profile_free(profile);
    free(text);
    free(other);
}

static void booleans_have_top_values(void **unused)
{
    uint8_t values[200];
    bool missing[200];
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    for (int i = 0; i < 200; i++) {
        values[i] = i % 3 == 0;
        missing[i] = i % 7 == 3;
    }
    profile = table_summary(SLC_TYPE_BOOL, values, missing, 200, 90, &s);
    assert_int_equal(s.n_missing, 29);
    assert_int_equal(s.n_distinct, 2);
    assert_int_equal(s.n_top, 2);
    assert_false(s.top[0].value.boolean);
    assert_int_equal(s.top[0].count, 114);
    assert_true(s.top[1].value.boolean);
    assert_int_equal(s.top[1].count, 57);
    assert_true(!s.min.boolean && s.max.boolean);
    assert_int_equal(s.n_zero, 114);
    assert_true(s.first.boolean);
    assert_false(s.is_constant);
    slc_profile_free(profile);
}

static void nothing_is_summarised_as_nothing(void **unused)
{
    const bool missing[3] = {true, true, true};
    const double zeros[3] = {0};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    profile = table_summary(SLC_TYPE_NULL, NULL, NULL, 0, 1, &s); /* no rows */
    assert_int_equal(s.n_rows, 0);
    assert_false(s.is_constant);
    assert_int_equal(s.duplicate_of, -1);
    assert_int_equal(s.min.type, SLC_TYPE_NULL);
    slc_profile_free(profile);

    profile = table_summary(SLC_TYPE_NULL, NULL, NULL, 3, 2, &s);
    assert_int_equal(s.n_missing, 3);
    assert_true(s.is_constant);
    assert_int_equal(s.n_distinct, 0);
    assert_int_equal(s.n_top, 0);
    assert_true(isnan(s.mean));
    slc_profile_free(profile);

    profile = table_summary(SLC_TYPE_FLOAT64, zeros, missing, 3, 2, &s);
    assert_int_equal(s.type, SLC_TYPE_FLOAT64);
    assert_int_equal(s.n_missing, 3);
    assert_int_equal(s.n_zero, 0);
    assert_true(s.is_constant);
    assert_true(isnan(s.mean) && isnan(s.std) && isnan(s.quantiles[0]));
    assert_int_equal(s.first.type, SLC_TYPE_NULL);
    slc_profile_free(profile);
}

static void one_value_and_a_gap_is_not_constant(void **unused)
{
    const bool missing[3] = {false, true, false};
    const int64_t values[3] = {5, 0, 5};
    struct slc_profile *profile;
    struct slc_summary s;

    (void)unused;
    profile = table_summary(SLC_TYPE_INT64, values, missing, 3, 2, &s);
    assert_int_equal(s.n_distinct, 1);
    assert_false(s.is_constant);
    slc_profile_free(profile);
}

static void equal_columns_are_told(void **unused)
{
    enum { ROWS = 700 };
    int64_t a[ROWS], b[ROWS];
    double c[ROWS], d[ROWS];
    struct slc_str t[ROWS], u[ROWS];
    bool gaps[ROWS], other_gaps[ROWS], none[ROWS] = {false};
    char text[ROWS][8];
    struct test_column columns[] = {
        {SLC_TYPE_INT64, a, gaps},   {SLC_TYPE_INT64, a, gaps},       {SLC_TYPE_INT64, b, gaps},
        {SLC_TYPE_FLOAT64, c, gaps}, {SLC_TYPE_INT64, a, other_gaps}, {SLC_TYPE_INT64, a, gaps},
        {SLC_TYPE_FLOAT64, c, NULL}, {SLC_TYPE_FLOAT64, d, none},     {SLC_TYPE_TEXT, t, NULL},
        {SLC_TYPE_NULL, NULL, NULL}, {SLC_TYPE_TEXT, u, NULL},        {SLC_TYPE_NULL, NULL, NULL},
        {SLC_TYPE_INT64, a, NULL},   {SLC_TYPE_DATETIME, a, NULL},
    };
    const int64_t expected[] = {-1, 0, -1, -1, -1, 0, -1, 6, -1, -1, 8, 9, -1, -1};
    const int64_t n = sizeof(columns) / sizeof(*columns);
    struct slc_profile *profile;

    (void)unused;
    for (int i = 0; i < ROWS; i++) {
        a[i] = b[i] = i % 50;
        c[i] = d[i] = i % 50;
        gaps[i] = i % 13 == 5;
        other_gaps[i] = i % 13 == 6;
        (void)snprintf(text[i], sizeof(text[i]), "%d", i / 3);
        t[i] = slc_str_from(text[i]);
        u[i] = slc_str_from(text[i - i % 3]);
        d[i] = d[i] == 0.0 ? -0.0 : d[i]; /* equal all the same */
    }
    b[698]++;
    profile = table_profile(columns, n, ROWS, 100, BIG_MEMORY);
    for (int64_t i = 0; i < n; i++) {
        struct slc_summary s;

        slc_profile_summarize(profile, i, &s);
        assert_int_equal(s.duplicate_of, expected[i]);
    }
    slc_profile_free(profile);
}

/* A column read again from another type, as when a late value widens it. */
static void a_column_can_be_folded_again(void **unused)
{
    const int64_t numbers[4] = {1, 2, 3, 4};
    const struct slc_str texts[4] = {SLC_STR("1"), SLC_STR("2"), SLC_STR("3"), SLC_STR("x")};
    struct test_column columns[2] = {{SLC_TYPE_INT64, numbers, NULL},
                                     {SLC_TYPE_INT64, numbers, NULL}};
    struct slc_profile *profile = table_profile(columns, 2, 4, 2, BIG_MEMORY);
    struct slc_summary s;

    (void)unused;
    slc_profile_reset_column(profile, 1);
    slc_profile_new_round(profile);
    columns[1] = (struct test_column){SLC_TYPE_TEXT, texts, NULL};
    for (int64_t seq = 0; seq < 2; seq++) {
        struct slc_chunk chunk = table_chunk(columns, 2, seq * 2, 2, seq);
        struct slc_error error = {0};

        chunk.columns[0] = (struct slc_column){.requested = false};
        assert_true(slc_profile_fold(profile, &chunk, &error));
        slc_chunk_release(&chunk);
    }
    slc_profile_summarize(profile, 0, &s);
    assert_int_equal(s.n_rows, 4);
    assert_true(s.sum == 10.0);
    slc_profile_summarize(profile, 1, &s);
    assert_int_equal(s.type, SLC_TYPE_TEXT);
    assert_int_equal(s.n_rows, 4);
    assert_int_equal(s.n_distinct, 4);
    slc_profile_free(profile);
}

static void a_change_of_type_is_an_error(void **unused)
{
    const int64_t numbers[1] = {1};
    struct test_column column = {SLC_TYPE_INT64, numbers, NULL};
    struct slc_profile *profile = table_profile(&column, 1, 1, 1, BIG_MEMORY);
    struct slc_error error = {0};
    struct slc_chunk chunk;

    (void)unused;
    column.type = SLC_TYPE_FLOAT64;
    chunk = table_chunk(&column, 1, 0, 1, 1);
    assert_false(slc_profile_fold(profile, &chunk, &error));
    assert_int_equal(error.code, SLC_ERR_INTERNAL);
    slc_chunk_release(&chunk);
    slc_profile_free(profile);
}

static void chunks_with_nothing_in_them_have_no_type(void **unused)
{
    const int64_t numbers[1] = {1};
    struct test_column none = {SLC_TYPE_NULL, NULL, NULL}, some = {SLC_TYPE_INT64, numbers, NULL};
    struct slc_profile *profile = table_profile(&none, 1, 1, 1, BIG_MEMORY);
    struct slc_chunk chunk = table_chunk(&some, 1, 0, 1, 1);
    struct slc_summary s;

    (void)unused;
    assert_true(slc_profile_fold(profile, &chunk, NULL));
    slc_chunk_release(&chunk);
    chunk = table_chunk(&none, 1, 0, 1, 2);
    assert_true(slc_profile_fold(profile, &chunk, NULL));
    slc_chunk_release(&chunk);
    slc_profile_summarize(profile, 0, &s);
    assert_int_equal(s.type, SLC_TYPE_INT64);
    assert_int_equal(s.n_rows, 3);
    assert_int_equal(s.n_missing, 2);
    slc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_measured),
        cmocka_unit_test(shown_texts_are_clipped_at_a_character),
        cmocka_unit_test(a_text_too_long_for_the_table_is_still_constant),
        cmocka_unit_test(booleans_have_top_values),
        cmocka_unit_test(nothing_is_summarised_as_nothing),
        cmocka_unit_test(one_value_and_a_gap_is_not_constant),
        cmocka_unit_test(equal_columns_are_told),
        cmocka_unit_test(a_column_can_be_folded_again),
        cmocka_unit_test(a_change_of_type_is_an_error),
        cmocka_unit_test(chunks_with_nothing_in_them_have_no_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
