#include "../profile/table.h"

#include "report/findings.h"

/* A table of one column "c" (and findings of it), or of several. */
struct fixture {
    struct slc_schema schema;
    struct slc_profile *profile;
    struct slc_summary summaries[8];
    struct slc_findings_input input;
    struct slc_findings findings;
};

static void build(struct fixture *fixture, const struct test_column *columns,
                  const char *const *names, int64_t n_columns, int64_t n_rows, int64_t memory_bytes)
{
    struct slc_str texts[8] = {0};

    *fixture = (struct fixture){0};
    for (int64_t i = 0; i < n_columns; i++)
        texts[i] = slc_str_from(names[i]);
    assert_true(slc_schema_init(&fixture->schema, texts, n_columns));
    fixture->profile = table_profile(columns, n_columns, n_rows, 1000, memory_bytes);
    for (int64_t i = 0; i < n_columns; i++)
        slc_profile_summarize(fixture->profile, i, &fixture->summaries[i]);
    fixture->input = (struct slc_findings_input){
        .schema = &fixture->schema, .summaries = fixture->summaries, .n_rows = n_rows};
    assert_true(slc_findings_make(&fixture->input, 0, &fixture->findings));
}

static void destroy(struct fixture *fixture)
{
    slc_findings_release(&fixture->findings);
    slc_profile_free(fixture->profile);
    slc_schema_release(&fixture->schema);
}

static void assert_lines(const struct slc_findings *findings, const char *const *expected)
{
    int64_t n = 0;

    for (; expected[n]; n++) {
        assert_true(n < findings->n);
        assert_string_equal(findings->items[n].text.data, expected[n]);
        assert_int_equal(findings->items[n].text.len, strlen(expected[n]));
    }
    assert_int_equal(findings->n, n);
}

#define EXPECT(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

#define DROP "prep.drop_constant leaves such columns out"
#define ROW_KEY "--index, or prim_index in a ticket, makes it so"
#define MEDIAN "prep.impute=auto fills gaps there with the median"
#define NA_VALUES "if that means missing, add it to reader.na_values"
#define PYTHON "c looks like Python's objects or lists; prep.json_repair makes them JSON"

static void assert_column(enum slc_type type, const void *values, const bool *missing,
                          int64_t n_rows, const char *const *expected)
{
    struct test_column column = {.type = type, .values = values, .missing = missing};
    struct fixture fixture;

    build(&fixture, &column, (const char *const[]){"c"}, 1, n_rows, BIG_MEMORY);
    assert_lines(&fixture.findings, expected);
    destroy(&fixture);
}

static void assert_texts(const char *const *texts, int64_t n, const char *const *expected)
{
    struct slc_str values[200];
    bool missing[200];

    for (int64_t i = 0; i < n; i++) {
        values[i] = slc_str_from(texts[i] ? texts[i] : "");
        missing[i] = !texts[i];
    }
    assert_column(SLC_TYPE_TEXT, values, missing, n, expected);
}

static void whole_table(void **state)
{
    struct slc_schema schema = {0};
    struct slc_str names[] = {SLC_STR("a"), SLC_STR("a"), SLC_STR("")};
    struct slc_summary summaries[3] = {0};
    struct slc_findings_input input = {.schema = &schema, .summaries = summaries};
    struct slc_findings findings;

    (void)state;
    assert_true(slc_schema_init(&schema, names, 3));
    assert_true(slc_findings_make(&input, 0, &findings));
    assert_lines(&findings, EXPECT("The table has no rows",
                                   "2 columns had no name, or one that another column has; a name "
                                   "was made up"));
    assert_int_equal(findings.items[0].column, -1);
    assert_int_equal(findings.items[0].subject_bytes, 0);
    slc_findings_release(&findings);
    schema.n_renamed = 0;
    schema.n_fields = 0;
    input.n_rows = 4988;
    input.n_rejected = 12;
    assert_true(slc_findings_make(&input, 0, &findings));
    assert_lines(&findings, EXPECT("12 of 5,000 rows (0.2 %) do not fit and are rejected"));
    assert_int_equal(findings.items[0].severity, SLC_SEVERITY_WARNING);
    slc_findings_release(&findings);
    input.first_reject_row = 1042;
    input.first_reject_reason = "3 fields,\nnot 2";
    assert_true(slc_findings_make(&input, 0, &findings));
    assert_lines(&findings,
                 EXPECT("12 of 5,000 rows (0.2 %) do not fit and are rejected; the first "
                        "is row 1,042: 3 fields,↵not 2"));
    slc_findings_release(&findings);
    input.n_rows = 999;
    input.n_rejected = 1;
    input.first_reject_reason = NULL;
    assert_true(slc_findings_make(&input, 0, &findings));
    assert_lines(&findings,
                 EXPECT("1 of 1,000 rows (0.1 %) does not fit and is rejected; it is row "
                        "1,042"));
    slc_findings_release(&findings);
    input.n_rejected = 0;
    assert_true(slc_findings_make(&input, 0, &findings));
    assert_lines(&findings, EXPECT());
    slc_findings_release(&findings);
    slc_schema_release(&schema);
}

static void order_and_bound(void **state)
{
    int64_t ids[] = {3, 1, 2, 4}, ages[] = {30, 0, 35, 41}, sevens[] = {7, 7, 7, 7};
    bool gaps[] = {false, true, false, false};
    struct test_column columns[] = {
        {SLC_TYPE_INT64, ids, NULL},    {SLC_TYPE_INT64, ages, gaps}, {SLC_TYPE_INT64, ages, gaps},
        {SLC_TYPE_INT64, sevens, NULL}, {SLC_TYPE_NULL, NULL, NULL},
    };
    const char *const names[] = {"id", "age", "age_copy", "batch", "empty"};
    struct fixture fixture;
    struct slc_findings first_two;

    (void)state;
    build(&fixture, columns, names, 5, 4, BIG_MEMORY);
    assert_lines(
        &fixture.findings,
        EXPECT("empty has no values; " DROP, "age: 25 % missing",
               "age_copy is the same as age in every row; prep.drop_duplicated leaves such "
               "columns out",
               "batch is constant (always 7); " DROP,
               "id could be the row key (all distinct, none missing, 1 to 4 without a "
               "gap); " ROW_KEY));
    assert_int_equal(fixture.findings.items[1].column, 1);
    assert_int_equal(fixture.findings.items[1].subject_bytes, 3);
    assert_int_equal(fixture.findings.items[2].kind, SLC_FINDING_DUPLICATE);
    assert_int_equal(fixture.findings.items[4].severity, SLC_SEVERITY_NOTE);
    assert_int_equal(fixture.findings.n_left_out, 0);
    assert_true(slc_findings_make(&fixture.input, 2, &first_two));
    assert_lines(&first_two, EXPECT("empty has no values; " DROP, "age: 25 % missing"));
    assert_int_equal(first_two.n_left_out, 3);
    slc_findings_release(&first_two);
    destroy(&fixture);
}

static void assert_detail(const struct slc_finding *finding, const char *detail)
{
    assert_int_equal(finding->detail.len, strlen(detail));
    assert_memory_equal(finding->detail.data, detail, strlen(detail));
}

/* What a view that groups by kind puts together. */
static void parts(void **state)
{
    struct slc_str codes[] = {SLC_STR("x"), SLC_STR("x"), SLC_STR("x")},
                   names[] = {SLC_STR("a"), SLC_STR("b"), SLC_STR("c")};
    int64_t ids[] = {5, 6, 7};
    bool gap[] = {false, true, false};
    struct test_column columns[] = {{SLC_TYPE_TEXT, codes, NULL}, {SLC_TYPE_TEXT, codes, NULL},
                                    {SLC_TYPE_TEXT, codes, gap},  {SLC_TYPE_TEXT, names, NULL},
                                    {SLC_TYPE_INT64, ids, NULL},  {SLC_TYPE_INT64, ids, gap}};
    struct fixture fixture;
    const struct slc_finding *items;

    (void)state;
    build(&fixture, columns, (const char *const[]){"one", "two", "three", "name", "id", "n"}, 6, 3,
          BIG_MEMORY);
    items = fixture.findings.items;
    assert_int_equal(fixture.findings.n, 6);
    assert_int_equal(items[0].kind, SLC_FINDING_CONSTANT);
    assert_detail(&items[0], "always “x”");
    assert_int_equal(items[1].kind, SLC_FINDING_DUPLICATE);
    assert_detail(&items[1], "the same as one in every row");
    assert_int_equal(items[2].kind, SLC_FINDING_GAPS_CONSTANT);
    assert_detail(&items[2], "33.3 % missing, else always “x”");
    assert_string_equal(items[2].text.data, "three: 33.3 % missing, else always “x”");
    assert_int_equal(items[3].kind, SLC_FINDING_MISSING);
    assert_detail(&items[3], "33.3 %");
    assert_int_equal(items[4].kind, SLC_FINDING_KEY);
    assert_detail(&items[4], "");
    assert_detail(&items[5], "5 to 7 without a gap");
    destroy(&fixture);
    for (int kind = 0; kind <= SLC_FINDING_PERHAPS_KEY; kind++) {
        assert_true(strlen(slc_finding_heading((enum slc_finding_kind)kind)) > 0);
        assert_non_null(slc_finding_advice((enum slc_finding_kind)kind));
    }
}

static void missing(void **state)
{
    double values[200];
    bool gaps[200];

    (void)state;
    for (int i = 0; i < 200; i++) {
        values[i] = i % 50 == 49 ? 5000.0 : i % 10 + 0.5;
        gaps[i] = i < 15;
    }
    assert_column(
        SLC_TYPE_FLOAT64, values, gaps, 200,
        EXPECT("c is skewed, with gaps (7.5 % missing, mean 112.97, median 5.5); " MEDIAN));
    for (int i = 0; i < 200; i++)
        gaps[i] = i < 110;
    assert_column(SLC_TYPE_FLOAT64, values, gaps, 200,
                  EXPECT("c is skewed, with gaps (55 % missing, mean 115.9, median 5); " MEDIAN));
    for (int i = 0; i < 200; i++)
        values[i] = i % 50;
    assert_column(SLC_TYPE_FLOAT64, values, gaps, 200, EXPECT("c: 55 % missing"));
    for (int i = 0; i < 200; i++) {
        values[i] = 2.5;
        gaps[i] = i == 0;
    }
    assert_column(SLC_TYPE_FLOAT64, values, gaps, 200, EXPECT("c: 0.5 % missing, else always 2.5"));
    /* Nothing to say. */
    for (int i = 0; i < 200; i++)
        values[i] = i % 10;
    assert_column(SLC_TYPE_FLOAT64, values, NULL, 200, EXPECT());
}

static void numbers(void **state)
{
    double values[200];
    int64_t whole[] = {1, 9007199254740993, 1};

    (void)state;
    for (int i = 0; i < 200; i++)
        values[i] = i < 3 ? (double)INFINITY : i % 10;
    assert_column(SLC_TYPE_FLOAT64, values, NULL, 200,
                  EXPECT("c: 3 infinite values; they are left out of the statistics and "
                         "become null in Redis"));
    for (int i = 0; i < 200; i++)
        values[i] = i == 0 ? 1.0 : 7.0;
    assert_column(
        SLC_TYPE_FLOAT64, values, NULL, 200,
        EXPECT("c is almost constant (99.5 % are 7)", "c is skewed (mean 6.97, median 7)"));
    for (int i = 0; i < 200; i++)
        values[i] = i % 20 == 0 ? -999.0 : i % 7 + 20.0;
    assert_column(
        SLC_TYPE_FLOAT64, values, NULL, 200,
        EXPECT("c: -999, 10 times, is far from the rest and looks like a mark; " NA_VALUES,
               "c is skewed (mean -28.14, median 23)"));
    /* 99 among ages is an age. */
    for (int i = 0; i < 200; i++)
        values[i] = i % 100;
    assert_column(SLC_TYPE_FLOAT64, values, NULL, 200, EXPECT());
    assert_column(SLC_TYPE_INT64, whole, NULL, 3,
                  EXPECT("c has whole numbers beyond 2^53; readers that take JSON numbers for "
                         "doubles round them"));
}

static void dates(void **state)
{
    int32_t days[100];

    (void)state;
    for (int i = 0; i < 100; i++)
        days[i] = i % 25 == 0 ? -25567 : 18000 + i % 30; /* 1900-01-01 */
    assert_column(
        SLC_TYPE_DATE, days, NULL, 100,
        EXPECT("c: 1900-01-01, 4 times, is far from the rest and looks like a mark; " NA_VALUES));
}

static void texts(void **state)
{
    (void)state;
    assert_texts((const char *[]){"1.5", "2", "?", "3", "4", "?", "2", "1e3"}, 8,
                 EXPECT("c looks like numbers and is text because of “?”, 2 times; " NA_VALUES));
    assert_texts((const char *[]){"01234", "90210", "00501", "01234"}, 4,
                 EXPECT("c looks like whole numbers with leading zeros (00501), which it keeps as "
                        "text"));
    assert_texts((const char *[]){"{'a': 1}", "{'a': 2}", "{'a': 1}"}, 3, EXPECT(PYTHON));
    assert_texts((const char *[]){"{'a': \"it's\"}", "{}", "{}"}, 3, EXPECT(PYTHON));
    assert_texts((const char *[]){"{\"it's\": None}", "{}", "{}"}, 3, EXPECT(PYTHON));
    assert_texts((const char *[]){"[1, True]", "[]", "[]"}, 3, EXPECT(PYTHON));
    assert_texts((const char *[]){"{\"a\": 1}", "[]", "[]"}, 3, EXPECT("c looks like JSON"));
    assert_texts((const char *[]){"[\"it's \\\" True\", 1E5, null]", "[]", "[]"}, 3,
                 EXPECT("c looks like JSON"));
    assert_texts((const char *[]){"Berlin", "berlin ", "Bonn", "Bonn"}, 4,
                 EXPECT("c has spellings of one value: “Berlin” and “berlin ”",
                        "c has values with spaces at their ends, as “berlin ”"));
    assert_texts((const char *[]){"b", "a", "c"}, 3,
                 EXPECT("c could be the row key (all distinct, none missing); " ROW_KEY));
    assert_texts((const char *[]){"b", "a", "c", NULL}, 4, EXPECT("c: 25 % missing"));
}

/* One line, whatever the name and the values are. */
static void hostile_names(void **state)
{
    int64_t sevens[] = {7, 7};
    struct test_column column = {SLC_TYPE_INT64, sevens, NULL};
    char name[1000];
    struct fixture fixture;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    memcpy(name, "a\nb\x1b[2J", 7);
    name[sizeof(name) - 1] = '\0';
    build(&fixture, &column, (const char *const[]){name}, 1, 2, BIG_MEMORY);
    assert_int_equal(fixture.findings.n, 1);
    for (size_t i = 0; i < fixture.findings.items[0].text.len; i++)
        assert_true((unsigned char)fixture.findings.items[0].text.data[i] >= ' ');
    assert_true(fixture.findings.items[0].subject_bytes < 80);
    destroy(&fixture);
}

static void estimates(void **state)
{
    enum { N = 50000 };
    int64_t *ids = calloc(N, sizeof(*ids));
    struct test_column column = {SLC_TYPE_INT64, ids, NULL};
    struct fixture fixture;

    (void)state;
    assert_non_null(ids);
    for (int64_t i = 0; i < N; i++)
        ids[i] = i;
    build(&fixture, &column, (const char *const[]){"id"}, 1, N, 128 << 10);
    assert_false(fixture.summaries[0].distinct_is_exact);
    assert_lines(&fixture.findings,
                 EXPECT("id may be the row key (none missing, distinct as far as an estimate with "
                        "0.81 % standard error can tell); " ROW_KEY));
    destroy(&fixture);
    /* One in ten comes twice: no key, estimated or not. */
    for (int64_t i = 0; i < N; i++)
        ids[i] = i % 10 == 9 ? ids[i - 1] : i;
    build(&fixture, &column, (const char *const[]){"id"}, 1, N, 128 << 10);
    assert_lines(&fixture.findings, EXPECT());
    destroy(&fixture);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_table), cmocka_unit_test(order_and_bound),
        cmocka_unit_test(parts),       cmocka_unit_test(missing),
        cmocka_unit_test(numbers),     cmocka_unit_test(dates),
        cmocka_unit_test(texts),       cmocka_unit_test(hostile_names),
        cmocka_unit_test(estimates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
