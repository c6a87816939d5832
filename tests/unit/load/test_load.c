/* The load room without a Redis: survey, dry runs, rejects, owners. Loading for
 * real is tested end to end. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/time.h"
#include "load/load.h"
#include "load/owner.h"
#include "load/rejects.h"
#include "load/settings.h"
#include "load/survey.h"

static char folder[] = "/tmp/sluice-test-load-XXXXXX";

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

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, struct slc_str text)
{
    struct slc_error error = {0};

    assert_true(slc_file_replace(AT_FDCWD, path_of(name), text, 0600, &error));
}

struct outcome {
    bool good;
    struct slc_load_result result;
    struct slc_error error;
};

static struct outcome dry_run(const char *name, const char *index, const char *const *settings)
{
    struct slc_config *config = slc_config_new();
    struct outcome outcome = {0};
    struct slc_load_job job = {
        .replica = SLC_STR("test"),
        .fd = open(path_of(name), O_RDONLY),
        .path = name,
        .index_column = slc_str_from(index),
        .config = config,
        .load_dttm = "2022-02-22:19:35:32",
    };

    assert_non_null(config);
    for (; settings && *settings; settings++)
        assert_true(slc_config_set(config, *settings, NULL));
    outcome.good = slc_load_run(&job, &outcome.result, &outcome.error);
    slc_config_free(config);
    return outcome;
}

/* A survey of the file, summaries copied as JSON. */
static char *survey_json(const char *name, int n_threads, int64_t chunk_bytes)
{
    struct slc_reader_options options = slc_reader_default_options();
    struct slc_survey_options how = {.n_threads = n_threads, .memory_bytes = 64 << 20};
    struct slc_reader *reader;
    struct slc_survey survey;
    struct slc_error error = {0};
    struct slc_buf json = {0};
    size_t len;

    options.chunk_bytes = chunk_bytes;
    assert_true(slc_reader_open(open(path_of(name), O_RDONLY), name, &options, &reader, &error));
    if (!slc_survey_run(reader, &how, &survey, &error))
        fail_msg("%s", error.message);
    slc_profile_json(&json, &survey.schema, survey.summaries);
    slc_survey_release(&survey);
    slc_reader_close(reader);
    return slc_buf_steal(&json, &len);
}

/* Columns that widen late, in every way a column can. */
static void write_widening(const char *name)
{
    struct slc_buf text = {0};

    slc_buf_append_text(&text, "whole,real,words,big,gaps,day\n");
    for (int i = 0; i < 20000; i++) {
        slc_buf_printf(&text, "%d,%d%s,%s,%s,%s,2022-01-%02d%s\n", i, i % 97,
                       i == 19000 ? ".5" : "", i == 15000 ? "a word" : "12",
                       i == 9000 ? "18446744073709551615" : "9", i < 12000 ? "" : "x", i % 28 + 1,
                       i == 17000 ? " 10:11:12" : "");
    }
    assert_false(text.failed);
    write_file(name, slc_buf_view(&text));
    slc_buf_release(&text);
}

static void test_same_survey_for_any_number_of_threads(void **state)
{
    static const int64_t chunk_sizes[] = {4096, 65536, 1 << 20};
    char *expected;

    (void)state;
    write_widening("widening.csv");
    for (size_t i = 0; i < sizeof(chunk_sizes) / sizeof(chunk_sizes[0]); i++) {
        expected = survey_json("widening.csv", 1, chunk_sizes[i]);
        for (int threads = 2; threads <= 5; threads++) {
            char *json = survey_json("widening.csv", threads, chunk_sizes[i]);

            assert_string_equal(json, expected);
            free(json);
        }
        free(expected);
    }
}

static void test_late_types_win(void **state)
{
    char *json;

    (void)state;
    write_widening("widening.csv");
    json = survey_json("widening.csv", 3, 8192);
    assert_non_null(strstr(json, "\"whole\":{\"type\":\"int64\""));
    assert_non_null(strstr(json, "\"real\":{\"type\":\"float64\""));
    assert_non_null(strstr(json, "\"words\":{\"type\":\"text\""));
    assert_non_null(strstr(json, "\"big\":{\"type\":\"uint64\""));
    assert_non_null(strstr(json, "\"gaps\":{\"type\":\"text\""));
    assert_non_null(strstr(json, "\"day\":{\"type\":\"datetime\""));
    free(json);
}

/* 2^53 + 1 fits an integer; a fraction elsewhere makes the column real, which
 * would round it: only text keeps both. */
static void test_whole_number_that_a_double_would_round(void **state)
{
    struct slc_buf text = {0};
    char *json;

    (void)state;
    slc_buf_append_text(&text, "n\n9007199254740993\n");
    for (int i = 0; i < 5000; i++)
        slc_buf_printf(&text, "%d\n", i);
    slc_buf_append_text(&text, "0.5\n");
    write_file("round.csv", slc_buf_view(&text));
    slc_buf_release(&text);
    json = survey_json("round.csv", 2, 4096);
    assert_non_null(strstr(json, "\"n\":{\"type\":\"text\""));
    free(json);
}

static void test_counts_add_up(void **state)
{
    struct outcome o;

    (void)state;
    write_file("ragged.csv", SLC_STR("id,a\n1,x\n2\n,y\n3,z,z\n4,w\n"));
    o = dry_run("ragged.csv", "ID", NULL);
    assert_true(o.good);
    assert_int_equal(o.result.rows_read, 5);
    assert_int_equal(o.result.rows_written, 2);
    assert_int_equal(o.result.rows_rejected, 3);
    assert_int_equal(o.result.n_columns, 1);
}

/* Rows that a given type does not hold, in the first chunk and in late ones;
 * the other rows come out the same in the survey and in the delivery. */
static void test_given_types(void **state)
{
    static const char *const settings[] = {"reader.dtypes=a:int64,empty:datetime,t:text",
                                           "load.chunk_bytes=64KiB", "load.threads=3", NULL};
    static const char *const chosen[] = {"reader.dtypes=a:int64", "reader.columns=k,a",
                                         "load.chunk_bytes=64KiB", "prep.columns.a.drop=true",
                                         NULL};
    struct slc_buf text = {0};
    struct outcome o;

    (void)state;
    slc_buf_append_text(&text, "k,a,empty,t\n");
    for (int i = 0; i < 40000; i++)
        slc_buf_printf(&text, "%d,%s,,%d\n", i, i % 1000 == 7 ? "1.5" : i % 3 ? "5" : "007", i);
    write_file("given.csv", slc_buf_view(&text));
    slc_buf_release(&text);
    o = dry_run("given.csv", "k", settings);
    assert_true(o.good);
    assert_int_equal(o.result.rows_read, 40000);
    assert_int_equal(o.result.rows_written, 39960);
    assert_int_equal(o.result.rows_rejected, 40);
    assert_int_equal(o.result.n_columns, 3);
    /* The same rows go when the column is left out behind. */
    o = dry_run("given.csv", "k", chosen);
    assert_true(o.good);
    assert_int_equal(o.result.rows_written, 39960);
    assert_int_equal(o.result.n_columns, 0);
}

static void check_refused(const char *name, const char *text, const char *index,
                          const char *const *settings, enum slc_error_code code, int64_t row,
                          const char *words)
{
    struct outcome o;

    write_file(name, slc_str_from(text));
    o = dry_run(name, index, settings);
    assert_false(o.good);
    if (o.error.code != code || o.error.row != row || !strstr(o.error.message, words))
        fail_msg("%s: code %d, row %lld: %s", name, (int)o.error.code, (long long)o.error.row,
                 o.error.message);
    assert_string_equal(o.error.file, name);
}

static void test_refusals(void **state)
{
    static const char *const strict[] = {"reader.on_bad_row=fail", NULL};
    static const char *const typed[] = {"reader.on_bad_row=fail", "reader.dtypes=b:int64", NULL};

    (void)state;
    check_refused("head.csv", "a,b\n", "", NULL, SLC_ERR_DATA, 0, "no rows");
    check_refused("index.csv", "alpha,b\n1,2\n", "alhpa", NULL, SLC_ERR_DATA, 0, "\"alpha\"");
    check_refused("strict.csv", "a,b\n1,2\n3\n", "", strict, SLC_ERR_DATA, 2, "expected 2 fields");
    check_refused("type.csv", "a,b\n1,2\n3,x\n", "", typed, SLC_ERR_DATA, 2,
                  "column b: not of the type int64 (at byte 8)");
    check_refused("type.jsonl", "{\"b\":1}\n{\"b\":\"x\"}\n", "", typed, SLC_ERR_DATA, 2,
                  "column b: not of the type int64; mend");
    check_refused("type.csv", "a,bb\n1,2\n", "", typed, SLC_ERR_CONFIG, 0, "nearest is");
    check_refused("keyless.csv", "a,b\n1,2\n,3\n", "a", strict, SLC_ERR_DATA, 2, "no key");
    check_refused("none.csv", "a,b\n1\n2\n", "", NULL, SLC_ERR_DATA, 1,
                  "none of the 2 rows can be taken; the first: expected 2 fields, found 1");
    check_refused("quote.csv", "a,b\n1,2\n3,\"x\n", "", NULL, SLC_ERR_FORMAT, 2, "never closed");
}

static void test_unknown_column_in_settings(void **state)
{
    static const char *const settings[] = {"prep.columns.incme.impute=median", NULL};
    struct outcome o;

    (void)state;
    write_file("income.csv", SLC_STR("income,x\n1,2\n"));
    o = dry_run("income.csv", "", settings);
    assert_false(o.good);
    assert_int_equal(o.error.code, SLC_ERR_CONFIG);
    assert_non_null(strstr(o.error.message, "income"));
}

static void test_digest_of_the_ticket(void **state)
{
    struct slc_config *config = slc_config_new();
    struct slc_load_result result;
    struct slc_error error = {0};
    char digest[SLC_SHA256_HEX_BYTES];
    struct slc_load_job job = {
        .replica = SLC_STR("test"),
        .path = "sum.csv",
        .config = config,
        .load_dttm = "",
    };

    (void)state;
    write_file("sum.csv", SLC_STR("a\n1\n"));
    job.expected_sha256 =
        SLC_STR("cefb93a7fe7d12f5f7bf4f44d0b0a4b3ce1d2c1b8b0bc3b2d9e4ee6c2a8f2a5d");
    job.fd = open(path_of("sum.csv"), O_RDONLY);
    assert_false(slc_load_run(&job, &result, &error));
    assert_int_equal(error.code, SLC_ERR_CHANGED);
    job.fd = open(path_of("sum.csv"), O_RDONLY);
    slc_sha256_hex(SLC_STR("a\n1\n"), digest);
    job.expected_sha256 = slc_str_from(digest);
    assert_true(slc_load_run(&job, &result, &error));
    assert_string_equal(result.sha256, digest);
    slc_config_free(config);
}

static void test_cancel(void **state)
{
    struct slc_config *config = slc_config_new();
    struct slc_load_result result;
    struct slc_error error = {0};
    atomic_bool cancel = true;
    struct slc_load_job job = {
        .replica = SLC_STR("test"),
        .path = "cancel.csv",
        .config = config,
        .load_dttm = "",
        .cancel = &cancel,
    };

    (void)state;
    write_file("cancel.csv", SLC_STR("a\n1\n"));
    job.fd = open(path_of("cancel.csv"), O_RDONLY);
    assert_false(slc_load_run(&job, &result, &error));
    assert_int_equal(error.code, SLC_ERR_CANCELLED);
    slc_config_free(config);
}

static void test_rejects_file(void **state)
{
    int dir = open(folder, O_RDONLY | O_DIRECTORY);
    struct slc_rejects *rejects = slc_rejects_new(dir, "t.rejects.csv");
    struct slc_chunk chunk = {.first_record = 10};
    struct slc_reject bad = {.row = 2,
                             .offset_bytes = 99,
                             .reason = "expected 2 fields, found 1",
                             .text = SLC_STR("a\"b")};
    struct slc_buf lines = {0}, text = {0};
    struct slc_error error = {0};

    (void)state;
    slc_rejects_format(&lines, &chunk, &bad, 1);
    assert_true(slc_rejects_write(rejects, slc_buf_view(&lines), &error));
    assert_int_equal(access(path_of("t.rejects.csv"), F_OK), -1); /* not before the commit */
    assert_true(slc_rejects_commit(rejects, &error));
    assert_true(slc_file_read(AT_FDCWD, path_of("t.rejects.csv"), 4096, &text, &error));
    assert_string_equal(slc_buf_text(&text), "row,byte_offset,reason,record\n"
                                             "12,99,\"expected 2 fields, found 1\",\"a\"\"b\"\n");
    /* A load without rejects takes the old file away. */
    assert_true(slc_rejects_commit(rejects, &error));
    assert_int_equal(access(path_of("t.rejects.csv"), F_OK), -1);
    slc_rejects_free(rejects);
    slc_buf_release(&lines);
    slc_buf_release(&text);
    close(dir);
}

static void test_owner(void **state)
{
    char mine[SLC_OWNER_BYTES], other[SLC_OWNER_BYTES];
    int channel[2];
    pid_t child;

    (void)state;
    slc_owner_name(mine);
    assert_false(slc_owner_is_dead(slc_str_from(mine), slc_now_usec(), NULL));
    assert_int_equal(pipe(channel), 0);
    child = fork();
    if (child == 0) {
        slc_owner_name(other);
        _exit(write(channel[1], other, sizeof(other)) == sizeof(other) ? 0 : 1);
    }
    assert_int_equal(read(channel[0], other, sizeof(other)), sizeof(other));
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(slc_owner_is_dead(slc_str_from(other), slc_now_usec(), NULL));
    /* Another machine's process cannot be looked at; it counts as dead after a day. */
    assert_false(slc_owner_is_dead(SLC_STR("elsewhere/boot/1/1"), slc_now_usec(), NULL));
    assert_true(slc_owner_is_dead(SLC_STR("elsewhere/boot/1/1"),
                                  slc_now_usec() - 2 * SLC_USEC_PER_DAY, NULL));
    close(channel[0]);
    close(channel[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_survey_for_any_number_of_threads),
        cmocka_unit_test(test_late_types_win),
        cmocka_unit_test(test_whole_number_that_a_double_would_round),
        cmocka_unit_test(test_counts_add_up),
        cmocka_unit_test(test_given_types),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unknown_column_in_settings),
        cmocka_unit_test(test_digest_of_the_ticket),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_rejects_file),
        cmocka_unit_test(test_owner),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
