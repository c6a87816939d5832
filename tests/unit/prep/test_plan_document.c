/* Plans as documents: written, read back, refused, and held against files. */
#include "prep_test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "prep/plan_bind.h"
#include "prep/plan_document.h"

static const struct slc_plan_provenance here = {
    .n_rows = 8,
    .source = {"train.csv", 9},
    .sha256 = {"cefb93a7fe7d12f5f7bf4f44d0b0a4b3ce1d2c1b8b0bc3b2d9e4ee6c2a8f2a5d", 64},
    .version = {"0.1.0", 5},
    .fitted_usec = INT64_C(1645558532) * 1000000 + 123456,
};

static struct slc_plan_document parsed(const char *text)
{
    struct slc_plan_document document = {0};
    struct slc_error error = {0};

    if (!slc_plan_document_parse(slc_str_from(text), &document, &error))
        fail_msg("%s in %s", error.message, text);
    return document;
}

static char *written(const struct slc_plan *plan, const struct slc_plan_provenance *from)
{
    struct slc_buf buf = {0};

    slc_plan_document_write(plan, from, &buf);
    return slc_buf_steal(&buf, NULL);
}

/* Written, read and written again it is the same text. */
static void check_stays(const char *text)
{
    struct slc_plan_document document = parsed(text);
    char *again = written(&document.plan, &document.provenance);

    assert_string_equal(again, text);
    free(again);
    slc_plan_document_release(&document);
}

/* ---- A plan with some of everything ------------------------------------------- */

enum { N_ROWS = 8, N_COLUMNS = 14 };

static const double gaps[N_ROWS] = {1.5, NAN, -2.25, 10.0, NAN, 3.0, 3.5, 0.1};
static const double numbers[N_ROWS] = {3, 7, -7, 1000, 12, 1, 12, 5};
static const double positive[N_ROWS] = {3, 7, 8, 1000, 12, 1, 12, 5};
static const char *const texts[N_ROWS] = {"a\"\\\n", NULL, "ü🦀", "c", "", "a", "a", "b"};
static const char *const objects[N_ROWS] = {"{'a': 1}", NULL, "{'a': 1}", "[",
                                            "[2]",      "",   "{}",       "b"};

static void fill_table(struct table *t)
{
    int32_t *dates;
    int64_t *times;
    uint8_t *flags;

    table_begin(t, N_COLUMNS, N_ROWS);
    for (int i = 0; i < 5; i++) {
        table_numbers(t, i, SLC_TYPE_FLOAT64, gaps);
        t->wishes[i].scale = (enum slc_scale)i;
    }
    t->wishes[0].scale_min = -0.1;
    t->wishes[0].scale_clip = true;
    t->wishes[1].impute = SLC_IMPUTE_MEDIAN;
    t->wishes[2].impute = SLC_IMPUTE_NONE;
    t->wishes[3].downcast = SLC_DOWNCAST_LOSSY;
    table_numbers(t, 5, SLC_TYPE_INT64, numbers); /* whole; the fill is a fraction */
    t->wishes[5].scale = SLC_SCALE_NONE;
    table_numbers(t, 6, SLC_TYPE_UINT64, positive);
    t->wishes[6].impute = SLC_IMPUTE_MOST_FREQUENT;
    table_texts(t, 7, texts);
    t->wishes[7].impute = SLC_IMPUTE_MOST_FREQUENT;
    table_texts(t, 8, objects);
    dates = table_column(t, 9, SLC_TYPE_DATE);
    times = table_column(t, 10, SLC_TYPE_DATETIME);
    flags = table_column(t, 11, SLC_TYPE_BOOL);
    for (int row = 0; row < N_ROWS; row++) {
        dates[row] = 19000 + row / 2;
        times[row] = INT64_C(1645558532123456) - row / 3;
        flags[row] = row % 3 == 0;
    }
    table_clear(t, 9, 3);
    table_column(t, 12, SLC_TYPE_NULL);
    t->chunk.columns[12].n_missing = N_ROWS;
    table_numbers(t, 13, SLC_TYPE_INT64, numbers);
    t->options.index_column = 13;
    t->wishes[10].drop = true;
    table_profile(t);
}

static void test_a_fitted_plan_survives(void **state)
{
    struct slc_plan_document document;
    struct table t;
    char *text;

    (void)state;
    fill_table(&t);
    table_fit(&t);
    text = written(&t.plan, &here);
    check_stays(text);
    document = parsed(text);
    assert_int_equal(document.provenance.n_rows, 8);
    assert_int_equal(document.provenance.fitted_usec, here.fitted_usec / 1000000 * 1000000);
    assert_true(slc_str_eq(document.provenance.source, here.source));
    assert_int_equal(document.plan.n_columns, N_COLUMNS);
    for (int i = 0; i < N_COLUMNS; i++) {
        const struct slc_column_plan *a = &t.plan.columns[i], *b = &document.plan.columns[i];

        assert_true(slc_str_eq(a->name, b->name));
        assert_int_equal(a->in_type, b->in_type);
        assert_int_equal(a->out_type, b->out_type);
        assert_int_equal(a->is_index, b->is_index);
        assert_int_equal(a->dropped, b->dropped);
        assert_int_equal(a->repair, b->repair);
        assert_int_equal(a->impute, b->impute);
        assert_int_equal(a->fill.type, b->fill.type);
        assert_int_equal(a->scale, b->scale);
        if (a->scale == SLC_SCALE_MINMAX) {
            assert_true(a->range_min == b->range_min && a->range_max == b->range_max);
            assert_int_equal(a->clip, b->clip);
        }
        assert_int_equal(a->downcast, b->downcast);
        assert_int_equal(a->fit_is_exact, b->fit_is_exact);
    }
    slc_plan_document_release(&document);
    free(text);
    table_end(&t);
}

/* What was read back transforms a chunk into the same bits. */
static void test_a_read_plan_does_the_same(void **state)
{
    struct slc_outcome outcomes[N_COLUMNS];
    struct slc_plan_document document;
    struct slc_error error = {0};
    struct table t, other;
    char *text;

    (void)state;
    fill_table(&t);
    fill_table(&other);
    table_fit(&t);
    text = written(&t.plan, &here);
    document = parsed(text);
    table_apply(&t);
    slc_outcome_init(outcomes, N_COLUMNS);
    assert_true(slc_plan_apply(&document.plan, &other.chunk, outcomes, &error));
    for (int i = 0; i < N_COLUMNS; i++) {
        const struct slc_column *a = &t.chunk.columns[i], *b = &other.chunk.columns[i];

        assert_int_equal(a->type, b->type);
        assert_int_equal(a->n_missing, b->n_missing);
        if (slc_type_is_text(a->type)) {
            for (int row = 0; row < N_ROWS; row++)
                assert_true(slc_str_eq(a->texts[row], b->texts[row]));
        } else if (a->type != SLC_TYPE_NULL) {
            assert_memory_equal(a->data, b->data, N_ROWS * slc_type_width_bytes(a->type));
        }
    }
    free(text);
    slc_plan_document_release(&document);
    table_end(&t);
    table_end(&other);
}

/* ---- Numbers ------------------------------------------------------------------- */

#define HEAD                                                                                       \
    "{\"sluice_plan\":1,\"sluice_version\":\"0.1.0\",\"fitted_at\":\"2022-02-22T19:35:32Z\","      \
    "\"source\":{\"name\":\"a.csv\",\"sha256\":\"\",\"rows\":4},\"columns\":[\n"
#define COLUMN(name, types, rest)                                                                  \
    "{\"name\":\"" name "\"," types                                                                \
    ",\"index\":false,\"dropped\":null,\"json_repair\":false," rest                                \
    ",\"downcast\":\"on\",\"exact\":true}"
#define FLOATS "\"in_type\":\"float64\",\"out_type\":\"float64\""
#define MEAN "\"impute\":{\"strategy\":\"mean\",\"type\":\"float64\",\"value\":1}"
#define NO_FILL "\"impute\":{\"strategy\":\"none\"}"
#define NO_SCALE "\"scale\":{\"strategy\":\"none\"}"
#define STANDARD "\"scale\":{\"strategy\":\"standard\",\"center\":0.5,\"scale\":2,\"var\":4}"
#define MINMAX                                                                                     \
    "\"scale\":{\"strategy\":\"minmax\",\"data_min\":1,\"data_max\":3,\"scale\":0.5,\"min\":-0.5," \
    "\"feature_range\":[0,1],\"clip\":false}"
#define TAIL "\n]}"
#define ONE(types, rest)                                                                           \
    HEAD COLUMN("a", types, rest)                                                                  \
    TAIL

static void test_numbers_are_kept_to_the_bit(void **state)
{
    /* Past 64 bits, minus zero, the smallest and the largest: what a reader that
     * makes integers or decimals of numbers loses. */
    static const double values[] = {1e20,      -0.0,   5e-324, 1.7976931348623157e308,
                                    0.1 + 0.2, -1e-7,  1e21,   9007199254740993.0,
                                    1.0 / 3,   123e18, 4.35,   2.2250738585072014e-308};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct slc_plan_document document = parsed(ONE(FLOATS, MEAN "," NO_SCALE));
        struct slc_column_plan *column = &document.plan.columns[0];
        struct slc_plan_document again;
        char *text;

        column->fill.float64 = values[i];
        column->scale = SLC_SCALE_STANDARD;
        column->center = values[i];
        column->divisor = fabs(values[i]) > 0 ? fabs(values[i]) : 1.0;
        column->variance = i % 2 ? INFINITY : values[i];
        text = written(&document.plan, &document.provenance);
        again = parsed(text);
        assert_memory_equal(&again.plan.columns[0].fill.float64, &values[i], sizeof(double));
        assert_memory_equal(&again.plan.columns[0].center, &values[i], sizeof(double));
        assert_memory_equal(&again.plan.columns[0].divisor, &column->divisor, sizeof(double));
        check_stays(text);
        free(text);
        slc_plan_document_release(&again);
        slc_plan_document_release(&document);
    }
}

/* Other programs write members in another order, with white space and escapes. */
static void test_other_layouts_mean_the_same(void **state)
{
    struct slc_plan_document document = parsed(
        " {\t\"columns\" : [ {\"exact\":true,\"downcast\":\"on\",\"scale\":{\"min\":-1E0,"
        "\"clip\":true,\"feature_range\" : [ -1E0 ,1.5e1 "
        "],\"scale\":1.0,\"data_max\":2.0e+0,\"data_min\":1,\"strategy\":\"minmax\"},"
        "\"impute\":{\"value\":1.5,\"type\":\"float64\",\"strategy\":\"\\u006dean\"},"
        "\"json_repair\":false,\"dropped\":null,\"index\":false,\"out_type\":\"float64\","
        "\"in_type\":\"int64\",\"name\":\"\\u00fc\\ud83e\\udd80\\/\"} ] ,\r\n"
        "\"source\":{\"rows\":4,\"sha256\":\"\",\"name\":\"a.csv\"},"
        "\"fitted_at\":\"2022-02-22T19:35:32Z\",\"sluice_version\":\"0.1.0\",\"sluice_plan\":1}\n");
    const struct slc_column_plan *column = &document.plan.columns[0];

    (void)state;
    assert_true(slc_str_is(column->name, "ü🦀/"));
    assert_int_equal(column->impute, SLC_IMPUTE_MEAN);
    assert_true(column->fill.float64 == 1.5 && column->data_max == 2.0 && column->offset == -1.0);
    assert_true(column->range_min == -1.0 && column->range_max == 15.0 && column->clip);
    slc_plan_document_release(&document);
}

/* ---- Refusals --------------------------------------------------------------------- */

static void check_refused(const char *text, const char *words)
{
    struct slc_plan_document document;
    struct slc_error error = {0};

    if (slc_plan_document_parse(slc_str_from(text), &document, &error))
        fail_msg("taken: %s", text);
    assert_int_equal(error.code, SLC_ERR_CONFIG);
    if (!strstr(error.message, words))
        fail_msg("\"%s\" is not in: %s", words, error.message);
}

/* `from` in a good document replaced by `to`. */
static void check_change(const char *good, const char *from, const char *to, const char *words)
{
    const char *at = strstr(good, from);
    struct slc_buf text = {0};

    assert_non_null(at);
    slc_buf_append(&text, good, (size_t)(at - good));
    slc_buf_append_text(&text, to);
    slc_buf_append_text(&text, at + strlen(from));
    check_refused(slc_buf_text(&text), words);
    slc_buf_release(&text);
}

static void test_refusals_name_the_path(void **state)
{
    static const char good[] =
        HEAD COLUMN("a", FLOATS, MEAN "," STANDARD) ",\n" COLUMN("b", FLOATS, MEAN "," MINMAX) TAIL;

    (void)state;
    check_stays(good);
    check_change(good, "\"sluice_plan\":1", "\"sluice_plan\":2", "sluice_plan: a later sluice");
    check_change(good, "\"sluice_plan\":1,", "", "sluice_plan: it is missing");
    check_change(good, "\"sluice_plan\":1", "\"sluice_plan\":\"1\"", "sluice_plan: a version");
    check_change(good, "19:35:32Z", "25:35:32Z", "fitted_at");
    check_change(good, "\"sha256\":\"\"", "\"sha256\":\"12\"", "source.sha256");
    check_change(good, "\"rows\":4", "\"rows\":-4", "source.rows");
    check_change(good, "\"rows\":4", "\"rows\":4,\"row\":4", "source.\"row\": no such member");
    check_change(good, "\"exact\":true}", "\"exact\":true,\"clip\":true}", "columns[0].\"clip\"");
    check_change(good, "\"exact\":true", "\"exact\":1", "columns[0].exact: true or false");
    check_change(good, "\"name\":\"b\"", "\"name\":\"a\"", "columns[1].name: an earlier column");
    check_change(good, "\"name\":\"b\",", "", "columns[1].name: it is missing");
    check_change(good, "\"name\":\"b\"", "\"name\":\"b\",\"name\":\"b\"",
                 "columns[1].name: it is there");
    check_change(good, "\"float64\"", "\"float32\"", "columns[0].in_type: no type");
    check_change(good, "\"out_type\":\"float64\"", "\"out_type\":\"int64\"", "columns[0].out_type");
    check_change(good, "\"in_type\":\"float64\"", "\"in_type\":\"json\"", "columns[0].in_type");
    check_change(good, "\"in_type\":\"float64\"", "\"in_type\":\"date\"", "columns[0].impute");
    check_change(good, "\"index\":false", "\"index\":true", "columns[0].index: such a column");
    check_change(good, "\"dropped\":null", "\"dropped\":\"\"", "columns[0].dropped");
    check_change(good, "\"dropped\":null", "\"dropped\":\"constant\"", "columns[0].dropped: such");
    check_change(good, "\"json_repair\":false", "\"json_repair\":true", "columns[0].json_repair");
    check_change(good, "\"mean\"", "\"auto\"", "columns[0].impute.strategy");
    check_change(good, "\"mean\"", "\"none\"", "columns[0].impute: without");
    check_change(good, "\"value\":1", "\"value\":\"1\"", "columns[0].impute.value");
    check_change(good, "\"value\":1", "\"value\":1e999", "columns[0].impute.value");
    check_change(good, ",\"value\":1", "", "columns[0].impute.value: it is missing");
    check_change(good, "\"type\":\"float64\"", "\"type\":\"text\"", "columns[0].impute.value");
    check_change(good, "\"center\":0.5", "\"center\":null", "columns[0].scale.center");
    check_change(good, "\"scale\":2", "\"scale\":0", "columns[0].scale.scale: a divisor");
    check_change(good, "\"scale\":2", "\"scale\":-1e-300", "columns[0].scale.scale: a divisor");
    check_change(good, ",\"var\":4", "", "columns[0].scale.var: it is missing");
    check_change(good, "\"standard\"", "\"maxabs\"", "columns[0].scale.var: the strategy has no");
    check_change(good, "\"data_min\":1", "\"data_min\":4", "columns[1].scale.data_max");
    check_change(good, "\"scale\":0.5", "\"scale\":-0.5", "columns[1].scale.scale");
    check_change(good, "[0,1]", "0", "columns[1].scale.feature_range: two numbers");
    check_change(good, "[0,1]", "{\"0\":1}", "columns[1].scale.feature_range: two numbers");
    check_change(good, "[0,1]", "[]", "columns[1].scale.feature_range: two numbers");
    check_change(good, "[0,1]", "[0]", "columns[1].scale.feature_range: two numbers");
    check_change(good, "[0,1]", "[0,1,2]", "columns[1].scale.feature_range: two numbers");
    check_change(good, "[0,1]", "[0,[1]]", "columns[1].scale.feature_range: a single");
    check_change(good, "[0,1]", "[0,\"1\"]", "columns[1].scale.feature_range: a number");
    check_change(good, "[0,1]", "[0,1e999]", "columns[1].scale.feature_range: a number");
    check_change(good, "[0,1]", "[0,null]", "columns[1].scale.feature_range: a number");
    check_change(good, "[0,1]", "[1,1]", "columns[1].scale.feature_range: the second");
    check_change(good, "[0,1]", "[0,1,]", "columns[1].scale.feature_range: two numbers");
    check_change(good, "[0,1]", "[0,]", "no JSON");
    check_change(good, "[0,1]", "[0 1]", "no JSON");
    check_change(good, ",\"feature_range\":[0,1]", "", "feature_range: it is missing");
    check_change(good, ",\"clip\":false", "", "columns[1].scale.clip: it is missing");
    check_change(good, "\"clip\":false", "\"clip\":0", "columns[1].scale.clip: true or false");
    check_change(good, "\"var\":4", "\"var\":4,\"clip\":true", "columns[0].scale.clip: the");
    check_change(good, "\"var\":4", "\"var\":4,\"feature_range\":[0,1]",
                 "columns[0].scale.feature_range: the strategy has no");
    check_change(good, "\"center\":0.5", "\"center\":[0.5]", "columns[0].scale.center: a single");
    check_change(good, "\"center\":0.5", "\"center\":.5", "no JSON");
    check_change(good, "\"center\":0.5", "\"center\":00.5", "no JSON");
    check_change(good, "\"center\":0.5", "\"center\":NaN", "no JSON");
    check_change(good, "]}", "],}", "no JSON");
    check_change(good, "]}", "]} x", "no JSON");
}

static void test_documents_that_are_none(void **state)
{
    (void)state;
    check_refused("", "at byte 0");
    check_refused("null", "an object is wanted");
    check_refused("{}", "sluice_plan: it is missing");
    check_refused("[[[[[[[[", "an object is wanted");
    check_refused(HEAD TAIL, "columns: there is none");
    check_refused("{\"sluice_plan\":1,\"x\":\"\xff\"}", "no UTF-8, at byte 22");
    check_refused("{\"sluice_plan\":1,\"\\ud800\":1}", "surrogate");
    check_refused("{\"sluice_plan\":1,\"\\q\":1}", "an escape that JSON does not have");
    check_refused("{\"sluice_plan\":1,\"a\tb\":1}", "control character");
}

static void test_a_document_that_is_too_large(void **state)
{
    size_t len = (size_t)SLC_PLAN_DOCUMENT_MAX_BYTES + 1;
    char *text = malloc(len);
    struct slc_plan_document document;
    struct slc_error error = {0};

    (void)state;
    assert_non_null(text);
    memset(text, ' ', len);
    assert_false(slc_plan_document_parse((struct slc_str){text, len}, &document, &error));
    assert_int_equal(error.code, SLC_ERR_LIMIT);
    free(text);
}

/* Whatever becomes of a document on its way: it is refused, or it is a plan that
 * can be written and read again. Copies of the exact size, for the sanitizer. */
static void test_damaged_documents(void **state)
{
    static const char damage[] = "\"\\{}[],:0-e.nt \x01\xff";
    struct table t;
    char *text, *copy;
    size_t len;
    int64_t n_taken = 0;

    (void)state;
    fill_table(&t);
    table_fit(&t);
    text = written(&t.plan, &here);
    len = strlen(text);
    for (size_t cut = 0; cut < len; cut++) {
        struct slc_plan_document document;

        copy = malloc(cut + 1);
        assert_non_null(copy);
        memcpy(copy, text, cut);
        assert_false(slc_plan_document_parse((struct slc_str){copy, cut}, &document, NULL));
        free(copy);
    }
    copy = malloc(len);
    assert_non_null(copy);
    for (size_t at = 0; at < len; at++) {
        memcpy(copy, text, len);
        for (size_t i = 0; i < sizeof(damage) - 1; i++) {
            struct slc_plan_document document;
            char *again;

            copy[at] = damage[i];
            if (!slc_plan_document_parse((struct slc_str){copy, len}, &document, NULL))
                continue;
            again = written(&document.plan, &document.provenance);
            check_stays(again);
            free(again);
            slc_plan_document_release(&document);
            n_taken++;
        }
    }
    assert_true(n_taken > 0); /* in names and digits, it does no harm */
    free(copy);
    free(text);
    table_end(&t);
}

/* ---- Binding ----------------------------------------------------------------------- */

#define INTS "\"in_type\":\"int64\",\"out_type\":\"int64\""
#define TEXTS "\"in_type\":\"text\",\"out_type\":\"text\""
#define NOTHING NO_FILL "," NO_SCALE
#define THREE                                                                                      \
    HEAD COLUMN("i", INTS, NOTHING) "," COLUMN("f", FLOATS, NOTHING) "," COLUMN("t", TEXTS, NOTHING)

struct file {
    struct slc_schema schema;
};

static void make_file(struct file *file, int64_t n, const char *const *names,
                      const enum slc_type *types)
{
    struct slc_str slices[8];

    for (int64_t i = 0; i < n; i++)
        slices[i] = slc_str_from(names[i]);
    assert_true(slc_schema_init(&file->schema, slices, n));
    for (int64_t i = 0; types && i < n; i++)
        file->schema.fields[i].type = types[i];
}

static void test_bind_keeps_the_plans_order(void **state)
{
    static const char *const names[] = {"t", "new", "f", "i"};
    static const enum slc_type types[] = {SLC_TYPE_NULL, SLC_TYPE_DATE, SLC_TYPE_INT64,
                                          SLC_TYPE_INT64};
    struct slc_plan_document document = parsed(THREE TAIL);
    struct slc_plan_binding binding;
    struct slc_error error = {0};
    enum slc_type read[4];
    struct file file;

    (void)state;
    make_file(&file, 4, names, types);
    assert_true(slc_plan_read_types(&document.plan, &file.schema, -1, read, &error));
    assert_int_equal(read[0], SLC_TYPE_TEXT);
    assert_int_equal(read[1], SLC_TYPE_NULL);
    assert_int_equal(read[2], SLC_TYPE_FLOAT64);
    assert_true(slc_plan_bind(&document.plan, &file.schema, -1, &binding, &error));
    assert_int_equal(binding.plan.n_columns, 4);
    assert_int_equal(binding.n_row_columns, 3);
    assert_int_equal(binding.row_columns[0], 3);
    assert_int_equal(binding.row_columns[1], 2);
    assert_int_equal(binding.row_columns[2], 0);
    assert_int_equal(binding.n_new_columns, 1);
    assert_int_equal(binding.new_columns[0], 1);
    assert_int_not_equal(binding.plan.columns[1].dropped, SLC_KEPT);
    assert_true(slc_str_is(binding.plan.columns[0].name, "t"));
    assert_int_equal(binding.plan.columns[0].in_type, SLC_TYPE_TEXT);
    assert_int_equal(binding.plan.columns[2].in_type, SLC_TYPE_FLOAT64);
    slc_plan_binding_release(&binding);

    /* A column that the plan knows may become the index; it leaves the rows. */
    assert_true(slc_plan_bind(&document.plan, &file.schema, 3, &binding, &error));
    assert_int_equal(binding.n_row_columns, 2);
    assert_true(binding.plan.columns[3].is_index);
    slc_plan_binding_release(&binding);
    /* So may one that it does not know. */
    assert_true(slc_plan_bind(&document.plan, &file.schema, 1, &binding, &error));
    assert_int_equal(binding.n_row_columns, 3);
    assert_int_equal(binding.n_new_columns, 0);
    assert_true(binding.plan.columns[1].is_index);
    assert_int_equal(binding.plan.columns[1].dropped, SLC_KEPT);
    slc_plan_binding_release(&binding);
    slc_schema_release(&file.schema);
    slc_plan_document_release(&document);
}

static void test_bind_lists_the_whole_difference(void **state)
{
    static const char *const names[] = {"f", "i", "more"};
    static const enum slc_type types[] = {SLC_TYPE_TEXT, SLC_TYPE_FLOAT64, SLC_TYPE_BOOL};
    struct slc_plan_document document = parsed(THREE TAIL);
    struct slc_plan_binding binding;
    struct slc_error error = {0};
    struct file file;

    (void)state;
    make_file(&file, 3, names, types);
    assert_false(slc_plan_bind(&document.plan, &file.schema, -1, &binding, &error));
    assert_int_equal(error.code, SLC_ERR_DATA);
    assert_string_equal(error.message,
                        "the plan does not fit the file: missing in the file: \"t\"; of another "
                        "type: \"i\" (int64 in the plan, float64 in the file), \"f\" (float64 in "
                        "the plan, other values in the file); new in the file: \"more\"");
    slc_schema_release(&file.schema);
    slc_plan_document_release(&document);
}

static void test_bind_lets_dropped_columns_go(void **state)
{
    static const char *const names[] = {"i", "f", "t"};
    static const enum slc_type types[] = {SLC_TYPE_INT64, SLC_TYPE_FLOAT64, SLC_TYPE_TEXT};
    static const char key[] =
        "{\"name\":\"key\"," TEXTS ",\"index\":true,\"dropped\":null,\"json_repair\":false," NOTHING
        ",\"downcast\":\"off\",\"exact\":true}";
    static const char gone[] =
        "{\"name\":\"gone\"," INTS
        ",\"index\":false,\"dropped\":\"option\",\"json_repair\":false," NOTHING
        ",\"downcast\":\"off\",\"exact\":true}";
    struct slc_plan_document document;
    struct slc_plan_binding binding;
    struct slc_error error = {0};
    struct slc_buf text = {0};
    struct file file;

    (void)state;
    slc_buf_append_text(&text, THREE ",");
    slc_buf_append_text(&text, gone);
    slc_buf_append_text(&text, ",");
    slc_buf_append_text(&text, key);
    slc_buf_append_text(&text, TAIL);
    document = parsed(slc_buf_text(&text));
    assert_true(slc_str_is(slc_plan_index(&document.plan), "key"));
    make_file(&file, 3, names, types);
    assert_true(slc_plan_bind(&document.plan, &file.schema, -1, &binding, &error));
    assert_int_equal(binding.n_row_columns, 3);
    slc_plan_binding_release(&binding);
    slc_schema_release(&file.schema);
    slc_plan_document_release(&document);
    slc_buf_release(&text);
}

/* The plan's index has no fit; it cannot become a column of the rows. */
static void test_bind_refuses_another_index(void **state)
{
    static const char *const names[] = {"key", "i"};
    static const enum slc_type types[] = {SLC_TYPE_TEXT, SLC_TYPE_INT64};
    struct slc_plan_document document = parsed(HEAD COLUMN(
        "i", INTS, NOTHING) ","
                            "{\"name\":\"key\"," TEXTS
                            ",\"index\":true,\"dropped\":null,\"json_repair\":false," NOTHING
                            ",\"downcast\":\"off\",\"exact\":true}" TAIL);
    struct slc_plan_binding binding;
    struct slc_error error = {0};
    struct file file;

    (void)state;
    make_file(&file, 2, names, types);
    assert_false(slc_plan_bind(&document.plan, &file.schema, -1, &binding, &error));
    assert_non_null(strstr(error.message, "the index of the plan, but not of this load: \"key\""));
    assert_true(slc_plan_bind(&document.plan, &file.schema, 0, &binding, &error));
    slc_plan_binding_release(&binding);
    slc_schema_release(&file.schema);
    slc_plan_document_release(&document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fitted_plan_survives),
        cmocka_unit_test(test_a_read_plan_does_the_same),
        cmocka_unit_test(test_numbers_are_kept_to_the_bit),
        cmocka_unit_test(test_other_layouts_mean_the_same),
        cmocka_unit_test(test_refusals_name_the_path),
        cmocka_unit_test(test_documents_that_are_none),
        cmocka_unit_test(test_a_document_that_is_too_large),
        cmocka_unit_test(test_damaged_documents),
        cmocka_unit_test(test_bind_keeps_the_plans_order),
        cmocka_unit_test(test_bind_lists_the_whole_difference),
        cmocka_unit_test(test_bind_lets_dropped_columns_go),
        cmocka_unit_test(test_bind_refuses_another_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
