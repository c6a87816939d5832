#include "../profile/table.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "markup.h"
#include "report/profile_html.h"

struct fixture {
    struct slc_schema schema;
    struct slc_profile *profile;
    struct slc_summary *summaries;
    struct slc_profile_page page;
    struct slc_buf out;
    struct markup markup;
};

static void profile_table(struct fixture *fixture, const struct test_column *columns,
                          const struct slc_str *names, int64_t n_columns, int64_t n_rows,
                          int64_t memory_bytes)
{
    *fixture = (struct fixture){0};
    assert_true(slc_schema_init(&fixture->schema, names, n_columns));
    fixture->profile = table_profile(columns, n_columns, n_rows, 4000, memory_bytes);
    fixture->summaries = calloc((size_t)n_columns, sizeof(*fixture->summaries));
    assert_non_null(fixture->summaries);
    for (int64_t i = 0; i < n_columns; i++)
        slc_profile_summarize(fixture->profile, i, &fixture->summaries[i]);
    fixture->page = (struct slc_profile_page){
        .title = SLC_STR("users.csv"),
        .dialect = SLC_STR("delimiter ',', header"),
        .schema = &fixture->schema,
        .summaries = fixture->summaries,
        .n_rows = n_rows,
        .size_bytes = 1234567,
        .memory_before_bytes = -1,
        .memory_after_bytes = -1,
    };
}

static void write_page(struct fixture *fixture)
{
    slc_buf_clear(&fixture->out);
    assert_true(slc_profile_html(&fixture->out, &fixture->page));
    if (!markup_check(slc_buf_view(&fixture->out), &fixture->markup))
        fail_msg("%s", fixture->markup.wrong);
    assert_int_equal(fixture->markup.n_scripts, 1);
    assert_int_equal(fixture->markup.n_styles, 1);
    assert_int_equal(fixture->markup.n_articles, fixture->schema.n_fields);
    assert_int_equal(fixture->markup.n_rows, fixture->schema.n_fields + 1);
}

static void destroy(struct fixture *fixture)
{
    slc_buf_release(&fixture->out);
    free(fixture->summaries);
    slc_profile_free(fixture->profile);
    slc_schema_release(&fixture->schema);
}

static bool has(const struct fixture *fixture, const char *text)
{
    return memmem(fixture->out.data, fixture->out.len, text, strlen(text));
}

/* The checker itself finds what it is for. */
static void checker(void **state)
{
    static const char *const wrong[] = {
        "<p>",
        "<p></div>",
        "</p>",
        "<p>a & b</p>",
        "<p>a < b</p>",
        "<p id=\"a\"></p><p id=\"a\"></p>",
        "<a href=\"#nowhere\">x</a>",
        "<a href=\"http://x/\">x</a>",
        "<a href=\"javascript:x\">x</a>",
        "<p onclick=\"x\"></p>",
        "<p style=\"x\"></p>",
        "<img src=\"x\"/>",
        "<p class=a></p>",
        "<p class=\"a\" class=\"b\"></p>",
        "<p title=\"<\"></p>",
        "<script>x",
        "a\x1b",
    };
    struct markup markup;
    char page[200];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        snprintf(page, sizeof(page), "<!doctype html>\n%s", wrong[i]);
        if (markup_check(slc_str_from(page), &markup))
            fail_msg("passed: %s", wrong[i]);
    }
    assert_true(markup_check(
        SLC_STR("<!doctype html>\n<p id=\"a\" class=\"\">&lt;<a href=\"#a\">x</a></p>"), &markup));
}

static void all_types(void **state)
{
    static const uint8_t bools[] = {1, 0, 1, 1};
    static const int64_t whole[] = {1, -2, 3, INT64_MAX}, times[] = {0, 1500000, 86400000000, 7};
    static const uint64_t big[] = {1, 2, UINT64_MAX, 3};
    static const double reals[] = {0.5, INFINITY, -1e300, 1e-300};
    static const int32_t days[] = {0, 17000, 18000, -700000};
    static const struct slc_str texts[] = {SLC_STR("a"), SLC_STR("b"), SLC_STR("a"), SLC_STR("")};
    static const bool gaps[] = {false, false, true, false};
    static const struct test_column columns[] = {
        {SLC_TYPE_NULL, NULL, NULL},      {SLC_TYPE_BOOL, bools, gaps},
        {SLC_TYPE_INT64, whole, NULL},    {SLC_TYPE_UINT64, big, NULL},
        {SLC_TYPE_FLOAT64, reals, NULL},  {SLC_TYPE_DATE, days, gaps},
        {SLC_TYPE_DATETIME, times, NULL}, {SLC_TYPE_TEXT, texts, NULL},
        {SLC_TYPE_JSON, texts, gaps},
    };
    static const struct slc_str names[] = {SLC_STR("n"),    SLC_STR("b"),    SLC_STR("i"),
                                           SLC_STR("u"),    SLC_STR("f"),    SLC_STR("day"),
                                           SLC_STR("time"), SLC_STR("text"), SLC_STR("json")};
    struct fixture fixture;
    SLC_AUTO_BUF struct slc_buf again = {0};

    (void)state;
    profile_table(&fixture, columns, names, 9, 4, BIG_MEMORY);
    fixture.page.n_rejected = 3;
    fixture.page.first_reject_row = 2;
    fixture.page.first_reject_reason = "too <few> fields";
    fixture.page.memory_before_bytes = 2000000;
    fixture.page.memory_after_bytes = 500000;
    fixture.page.made_usec = INT64_C(1645536000000000);
    write_page(&fixture);
    assert_true(has(&fixture, "3 of 7 rows (42.9 %) do not fit and are rejected; the first is row "
                              "2: too &lt;few&gt; fields"));
    assert_true(has(&fixture, "500 kB downcast"));
    assert_true(has(&fixture, "2022-02-22 13:20:00 UTC"));
    assert_true(has(&fixture, "18,446,744,073,709,551,615"));
    assert_true(has(&fixture, "1 infinite value"));
    assert_true(has(&fixture, "no values"));
    assert_true(has(&fixture, "1.2 MB"));
    assert_false(has(&fixture, "~")); /* all is exact */
    assert_false(has(&fixture, "nan"));
    assert_false(has(&fixture, "inf,"));
    assert_true(slc_profile_html(&again, &fixture.page));
    assert_true(slc_str_eq(slc_buf_view(&again), slc_buf_view(&fixture.out)));
    destroy(&fixture);
}

static void hostile(void **state)
{
    static const struct slc_str texts[] = {
        SLC_STR("<script>alert(1)</script>"),
        SLC_STR("\"><img src=x onerror=alert(1)>"),
        SLC_STR("</bdi></li></ol></article></main><h1>"),
        SLC_STR("&lt;&#60;&"),
        SLC_STR("' onload='x"),
        SLC_STR("\xe2\x80\xaegnp.exe"),
        SLC_STR("nul\0\x1b]0;x\x07"),
        SLC_STR("<!-- "),
    };
    static const bool gaps[] = {false, false, true, false, false, false, false, false};
    enum { N = sizeof(texts) / sizeof(texts[0]) };
    struct test_column columns[N];
    struct fixture fixture;

    (void)state;
    for (int i = 0; i < N; i++)
        columns[i] = (struct test_column){SLC_TYPE_TEXT, texts, i % 2 ? gaps : NULL};
    profile_table(&fixture, columns, texts, N, N, BIG_MEMORY);
    fixture.page.title = texts[0];
    fixture.page.dialect = texts[1];
    fixture.page.sha256 = texts[2];
    write_page(&fixture);
    assert_true(has(&fixture, "<h1><bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi></h1>"));
    assert_true(has(&fixture, "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;"));
    assert_true(has(&fixture, "&amp;lt;&amp;#60;&amp;"));
    assert_false(has(&fixture, "<img"));
    assert_false(has(&fixture, "<!--"));
    assert_false(has(&fixture, "\xe2\x80\xae"));
    destroy(&fixture);
}

static void base64_sha256(struct slc_str text, char source[64])
{
    unsigned char digest[SHA256_DIGEST_LENGTH], encoded[48];

    SHA256((const unsigned char *)text.data, text.len, digest);
    EVP_EncodeBlock(encoded, digest, sizeof(digest));
    snprintf(source, 64, "'sha256-%s'", (char *)encoded);
}

/* A browser that is given the page runs its script and no other. */
static void policy(void **state)
{
    static const int64_t values[] = {1, 2};
    static const struct test_column column = {SLC_TYPE_INT64, values, NULL};
    static const struct slc_str name = SLC_STR("a");
    struct fixture fixture;
    char source[64], directive[100];

    (void)state;
    profile_table(&fixture, &column, &name, 1, 2, BIG_MEMORY);
    write_page(&fixture);
    base64_sha256(fixture.markup.script, source);
    snprintf(directive, sizeof(directive), "script-src %s\"", source);
    assert_true(has(&fixture, directive));
    base64_sha256(fixture.markup.style, source);
    snprintf(directive, sizeof(directive), "style-src %s;", source);
    assert_true(has(&fixture, directive));
    assert_true(has(&fixture, "default-src 'none';"));
    assert_false(has(&fixture, "unsafe"));
    assert_false(has(&fixture, "@import"));
    destroy(&fixture);
}

static void estimates(void **state)
{
    enum { N = 60000 };
    double *values = calloc(N, sizeof(*values));
    struct slc_str *texts = calloc(N, sizeof(*texts));
    char(*room)[16] = calloc(N, sizeof(*room));
    struct slc_str names[] = {SLC_STR("x"), SLC_STR("t")};
    struct fixture fixture;

    (void)state;
    assert_non_null(values);
    assert_non_null(texts);
    assert_non_null(room);
    for (int i = 0; i < N; i++) {
        values[i] = i * 0.37;
        snprintf(room[i], sizeof(room[i]), "t%d", i);
        texts[i] = slc_str_from(room[i]);
    }
    profile_table(
        &fixture,
        (struct test_column[]){{SLC_TYPE_FLOAT64, values, NULL}, {SLC_TYPE_TEXT, texts, NULL}},
        names, 2, N, 256 << 10);
    assert_false(fixture.summaries[0].quantiles_are_exact);
    write_page(&fixture);
    assert_true(has(&fixture, "<abbr title=\"estimate, standard error 0.81 %\">~</abbr>"));
    assert_true(has(&fixture, "<small>± 0.8 %</small>"));
    assert_true(has(&fixture, "~ estimated: distinct with a standard error of 0.81 %. Quartiles "
                              "and bars within 0.2 % of the ranks"));
    assert_true(has(&fixture, "Counts of frequent values are exact, but one that came up late"));
    destroy(&fixture);
    profile_table(
        &fixture,
        (struct test_column[]){{SLC_TYPE_FLOAT64, values, NULL}, {SLC_TYPE_TEXT, texts, NULL}},
        names, 2, N, 2 * 4096);
    write_page(&fixture);
    assert_true(has(&fixture, "<abbr title=\"estimate, standard error 4.6 %\">~</abbr>"));
    assert_true(has(&fixture, "<small>± 4.6 %</small>"));
    assert_true(has(&fixture, "~ estimated: distinct with a standard error of 4.6 %. Quartiles "
                              "and bars within 6.4 % of the ranks"));
    assert_true(has(&fixture, "~ an estimate with a standard error of 4.6 % at most"));
    destroy(&fixture);
    profile_table(
        &fixture,
        (struct test_column[]){{SLC_TYPE_FLOAT64, values, NULL}, {SLC_TYPE_TEXT, texts, NULL}},
        names, 2, N, BIG_MEMORY);
    write_page(&fixture);
    assert_false(has(&fixture, "~"));
    destroy(&fixture);
    free(values);
    free(texts);
    free(room);
}

static void nothing_in_it(void **state)
{
    struct slc_str name = SLC_STR("only");
    struct test_column column = {SLC_TYPE_NULL, NULL, NULL};
    struct fixture fixture;

    (void)state;
    profile_table(&fixture, &column, &name, 1, 0, BIG_MEMORY);
    fixture.page.size_bytes = -1;
    write_page(&fixture);
    assert_true(has(&fixture, "The table has no rows"));
    assert_false(has(&fixture, "File size"));
    destroy(&fixture);
    profile_table(&fixture, &column, &name, 1, 5, BIG_MEMORY);
    write_page(&fixture);
    assert_true(has(&fixture, "has no values"));
    destroy(&fixture);
}

/* Every number of the bars that the summary has, scaled to the highest. */
static void histogram(void **state)
{
    double values[100];
    struct slc_str name = SLC_STR("x");
    struct test_column column = {SLC_TYPE_FLOAT64, values, NULL};
    struct fixture fixture;

    (void)state;
    for (int i = 0; i < 100; i++)
        values[i] = i < 80 ? 0.0 : i < 99 ? 19.0 : 20.0;
    profile_table(&fixture, &column, &name, 1, 100, BIG_MEMORY);
    write_page(&fixture);
    /* 80 in the first, 20 in the last bar, none between. */
    assert_true(has(&fixture, "<path id=\"h0\" d=\"M0 100v-100h10v100h10"));
    assert_true(has(&fixture, "v-25h10V100z\"/>"));
    assert_true(has(&fixture, "<title>0 to 1: 80</title>"));
    assert_true(has(&fixture, "<title>19 to 20: 20</title>"));
    assert_true(has(&fixture, "highest bar 80<"));
    destroy(&fixture);
}

static void thousand_columns(void **state)
{
    enum { COLUMNS = 1000, ROWS = 500 };
    static double reals[ROWS];
    static struct slc_str texts[ROWS];
    static char room[ROWS][48];
    static bool gaps[ROWS];
    static struct test_column columns[COLUMNS];
    static struct slc_str names[COLUMNS];
    static char name_room[COLUMNS][32];
    struct fixture fixture;

    (void)state;
    for (int i = 0; i < ROWS; i++) {
        reals[i] = i * i * 0.731 - 1234.5;
        snprintf(room[i], sizeof(room[i]), "a rather long value <%d> for its cell", i % 40);
        texts[i] = slc_str_from(room[i]);
        gaps[i] = i % 3 == 0;
    }
    for (int i = 0; i < COLUMNS; i++) {
        snprintf(name_room[i], sizeof(name_room[i]), "measurement_%d", i);
        names[i] = slc_str_from(name_room[i]);
        columns[i] = i % 2 ? (struct test_column){SLC_TYPE_TEXT, texts, gaps}
                           : (struct test_column){SLC_TYPE_FLOAT64, reals, gaps};
    }
    profile_table(&fixture, columns, names, COLUMNS, ROWS, BIG_MEMORY);
    /* Each column on its own, or most cards would only say "repeats". */
    for (int i = 0; i < COLUMNS; i++)
        fixture.summaries[i].duplicate_of = -1;
    write_page(&fixture);
    if (fixture.out.len > 3000 * COLUMNS)
        fail_msg("%zu bytes for %d columns", fixture.out.len, COLUMNS);
    destroy(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checker),   cmocka_unit_test(all_types),
        cmocka_unit_test(hostile),   cmocka_unit_test(policy),
        cmocka_unit_test(estimates), cmocka_unit_test(nothing_in_it),
        cmocka_unit_test(histogram), cmocka_unit_test(thousand_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
