/* Loading with a plan, without a Redis: what it refuses and what it takes.
 * What lands in Redis is held against scikit-learn in tests/parity/test_plan.py. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "load/fit.h"
#include "load/load.h"
#include "load/settings.h"

static char folder[] = "/tmp/sluice-test-plan-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static int file_of(const char *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/file.csv", folder);
    assert_true(slc_file_replace(AT_FDCWD, path, slc_str_from(text), 0600, NULL));
    return open(path, O_RDONLY);
}

/* The plan that a file brings forth. */
static struct slc_plan_document plan_of(const char *text, const char *index,
                                        const struct slc_config *config)
{
    struct slc_reader_options options = slc_reader_default_options();
    struct slc_survey_options how = {.n_threads = 2, .memory_bytes = 64 << 20};
    struct slc_plan_document document;
    struct slc_error error = {0};
    struct slc_reader *reader;
    struct slc_survey survey;
    int64_t field;

    assert_true(slc_reader_open(file_of(text), "file.csv", &options, &reader, &error));
    assert_true(slc_find_index(slc_reader_schema(reader), slc_str_from(index), &field, &error));
    assert_true(slc_survey_run(reader, &how, &survey, &error));
    assert_true(slc_fit_document(config, &survey, field, "/some/where/train.csv",
                                 slc_reader_sha256(reader), &document, &error));
    slc_survey_release(&survey);
    slc_reader_close(reader);
    return document;
}

static bool load(const char *text, const char *index, const struct slc_plan_document *plan,
                 const struct slc_config *config, struct slc_load_result *result,
                 struct slc_error *error)
{
    struct slc_load_job job = {
        .replica = SLC_STR("test"),
        .fd = file_of(text),
        .path = "file.csv",
        .index_column = slc_str_from(index),
        .config = config,
        .plan = plan,
        .load_dttm = "",
    };

    memset(error, 0, sizeof(*error));
    return slc_load_run(&job, result, error);
}

static const char train[] = "id,n,x,t,day,flag\n"
                            "a,1,0.5,one,2022-01-01,true\n"
                            "b,2,1.5,two,2022-01-02,false\n"
                            "c,,2,,,\n";

struct fixture {
    struct slc_config *config;
    struct slc_plan_document plan;
    struct slc_load_result result;
    struct slc_error error;
};

static void begin(struct fixture *f)
{
    f->config = slc_config_new();
    assert_non_null(f->config);
    f->plan = plan_of(train, "id", f->config);
}

static void end(struct fixture *f)
{
    slc_plan_document_release(&f->plan);
    slc_config_free(f->config);
}

static void check_taken(struct fixture *f, const char *text, int64_t n_columns, const char *warning)
{
    if (!load(text, "", &f->plan, f->config, &f->result, &f->error))
        fail_msg("%s: %s", text, f->error.message);
    assert_int_equal(f->result.n_columns, n_columns);
    if (!strstr(f->result.plan_warning.message, warning) ||
        (!*warning && f->result.plan_warning.code != SLC_ERR_NONE))
        fail_msg("%s: %s", text, f->result.plan_warning.message);
}

static void check_refused(struct fixture *f, const char *text, enum slc_error_code code,
                          const char *words)
{
    if (load(text, "", &f->plan, f->config, &f->result, &f->error))
        fail_msg("taken: %s", text);
    if (f->error.code != code || !strstr(f->error.message, words))
        fail_msg("%s: %s", text, f->error.message);
}

static void test_where_it_comes_from(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_true(slc_str_is(f.plan.provenance.source, "train.csv"));
    assert_int_equal(f.plan.provenance.n_rows, 3);
    assert_int_equal(f.plan.provenance.sha256.len, 64);
    assert_true(slc_str_is(f.plan.provenance.version, SLC_VERSION));
    end(&f);
}

static void test_files_that_fit(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    check_taken(&f, train, 5, "");
    /* Another order; whole numbers for fractions, a number for a text. */
    check_taken(&f, "t,x,n,flag,day,id\n7,3,4,false,2023-01-01,z\n", 5, "");
    /* Nothing but gaps. */
    check_taken(&f, "id,n,x,t,day,flag\nz,,,,,\ny,,,,,\n", 5, "");
    check_taken(&f, "id,n,x,t,day,flag,more,still\nz,1,1,x,2022-01-01,true,a,b\n", 5,
                "2 of the columns, which were left out: more, still");
    end(&f);
}

static void test_files_that_do_not_fit(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    check_refused(&f, "id,x,t,day,flag\nz,1,x,2022-01-01,true\n", SLC_ERR_DATA,
                  "missing in the file: \"n\"");
    check_refused(&f, "id,n,x,t,day,flag\nz,1.5,1,x,2022-01-01,true\n", SLC_ERR_DATA,
                  "\"n\" (int64 in the plan, float64 in the file)");
    check_refused(&f, "id,n,x,t,day,flag\nz,1,one,x,2022-01-01T10:00:00,1\n", SLC_ERR_DATA,
                  "\"x\" (float64 in the plan, other values in the file), \"day\" (date in the "
                  "plan, datetime in the file), \"flag\" (bool in the plan, other values in the "
                  "file)");
    /* A whole number that a double would round is no value of a column of doubles. */
    check_refused(&f, "id,n,x,t,day,flag\nz,1,9007199254740993,x,2022-01-01,true\n", SLC_ERR_DATA,
                  "\"x\" (float64");
    /* Without a word about the index it is the plan's. */
    check_refused(&f, "key,n,x,t,day,flag\nz,1,1,x,2022-01-01,true\n", SLC_ERR_DATA,
                  "the index column \"id\" is not in the file");
    assert_string_equal(f.error.file, "file.csv");
    end(&f);
}

static void test_another_index(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_true(load("key,n,x,t,day,flag\nz,1,1,x,2022-01-01,true\n", "KEY", &f.plan, f.config,
                     &f.result, &f.error));
    assert_int_equal(f.result.n_columns, 5);
    assert_int_equal(f.result.plan_warning.code, SLC_ERR_NONE);
    assert_false(load(train, "t", &f.plan, f.config, &f.result, &f.error));
    assert_non_null(strstr(f.error.message, "\"id\""));
    end(&f);
}

/* With a plan the options under prep.* take no part, not even wrong ones. */
static void test_options_take_no_part(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f);
    assert_true(slc_config_set(f.config, "prep.columns.nothing.impute=median", NULL));
    check_taken(&f, train, 5, "");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where_it_comes_from),   cmocka_unit_test(test_files_that_fit),
        cmocka_unit_test(test_files_that_do_not_fit), cmocka_unit_test(test_another_index),
        cmocka_unit_test(test_options_take_no_part),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
