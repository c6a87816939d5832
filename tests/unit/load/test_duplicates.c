/* Which rows give way to others of the same key, against the plain way of
 * finding out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "load/duplicates.h"

enum { ROWS = 20000 };

enum shape { RISING, SHUFFLED, REPEATED, LATE, LEADING_ZEROS, WORDS_LATE, GAPS, PLUS_LATE };

/* The key of a row; empty: none. */
static void key_of(enum shape shape, int row, char key[32])
{
    switch (shape) {
    case RISING:
        snprintf(key, 32, "%d", 3 * row - 1000);
        break;
    case SHUFFLED:
        snprintf(key, 32, "k%d", (int)((int64_t)row * 7919 % ROWS));
        break;
    case REPEATED:
        snprintf(key, 32, "%d", (int)((int64_t)row * 7919 % 5000));
        break;
    case LATE: /* the last one comes again */
        snprintf(key, 32, "%d", row == ROWS - 1 ? 17 : row);
        break;
    case LEADING_ZEROS: /* the same number, other keys */
        snprintf(key, 32, row % 2 ? "0%d" : "%d", row / 2 + 1);
        break;
    case WORDS_LATE: /* no numbers after all */
        snprintf(key, 32, row == ROWS - 1 ? "word" : "%d", row);
        break;
    case PLUS_LATE: /* rising still, but not as it would be printed */
        snprintf(key, 32, row == ROWS - 1 ? "+%d" : "%d", row);
        break;
    case GAPS:
        snprintf(key, 32, row % 100 == 7 ? "" : "%d", row);
        break;
    }
}

static int write_table(enum shape shape)
{
    char path[] = "/tmp/slc-duplicates-XXXXXX", key[32];
    int fd = mkstemp(path);
    FILE *file;

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    file = fdopen(dup(fd), "w");
    assert_non_null(file);
    fputs("id,x\n", file);
    for (int row = 0; row < ROWS; row++) {
        key_of(shape, row, key);
        fprintf(file, "%s,%d\n", key, row);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* The row that came with this key before or comes again; -1. */
static int other_row(enum shape shape, int row, bool later)
{
    char key[32], other[32];

    key_of(shape, row, key);
    if (!*key)
        return -1;
    for (int i = later ? row + 1 : 0; i < (later ? ROWS : row); i++) {
        key_of(shape, i, other);
        if (strcmp(key, other) == 0)
            return i;
    }
    return -1;
}

struct found {
    bool good;
    bool keys_rise, keys_are_plain;
    int64_t first_key, last_key;
    struct slc_duplicates duplicates;
    struct slc_error error;
};

static struct found find(enum shape shape, enum slc_on_duplicate how, int64_t memory_bytes,
                         bool keep)
{
    static const char *const folders[] = {"/nowhere", "/tmp", NULL};
    struct slc_reader_options options = slc_reader_default_options();
    struct slc_survey_options survey_how = {
        .n_threads = 2, .memory_bytes = 4 << 20, .keep_bytes = keep ? 1 << 20 : 0};
    struct slc_reader *reader;
    struct slc_survey survey;
    struct found found = {0};

    options.chunk_bytes = 64 << 10;
    assert_true(slc_reader_open(write_table(shape), "t.csv", &options, &reader, &found.error));
    assert_true(slc_survey_run(reader, &survey_how, &survey, &found.error));
    found.keys_rise = survey.keys_rise;
    found.keys_are_plain = survey.keys_are_plain;
    found.first_key = survey.first_key;
    found.last_key = survey.last_key;
    /* Without the other proof. */
    survey.summaries[0].distinct_is_exact = false;
    found.good = slc_duplicates_find(reader,
                                     &(struct slc_duplicates_options){
                                         .survey = &survey,
                                         .on_duplicate = how,
                                         .memory_bytes = memory_bytes,
                                         .folders = folders,
                                     },
                                     &found.duplicates, &found.error);
    slc_survey_release(&survey);
    slc_reader_close(reader);
    return found;
}

static void rising_keys_are_a_proof(void **state)
{
    (void)state;
    for (int turn = RISING; turn <= 2 * PLUS_LATE + 1; turn++) {
        enum shape shape = (enum shape)(turn / 2);
        struct found found = find(shape, SLC_DUPLICATE_FAIL, 1 << 20, turn % 2);
        bool rise = shape == RISING || shape == GAPS || shape == PLUS_LATE;

        assert_int_equal(found.keys_rise, rise);
        if (rise) {
            assert_int_equal(found.keys_are_plain, shape != PLUS_LATE);
            assert_int_equal(found.first_key, shape == RISING ? -1000 : 0);
            assert_int_equal(found.last_key, shape == RISING ? 3 * ROWS - 1003 : ROWS - 1);
        }
        assert_int_equal(found.good, shape != REPEATED && shape != LATE);
        slc_duplicates_release(&found.duplicates);
    }
}

static void the_rows_that_give_way(void **state)
{
    (void)state;
    for (int turn = 0; turn < 8; turn++) {
        enum shape shape = turn % 2 ? REPEATED : SHUFFLED;
        bool last = turn / 2 % 2;
        struct found found = find(shape, last ? SLC_DUPLICATE_LAST : SLC_DUPLICATE_FIRST,
                                  turn / 4 ? 1 << 16 : 16 << 20, turn / 4);
        int64_t n = 0;

        assert_true(found.good);
        for (int row = 0; row < ROWS; row++) {
            bool gives_way = slc_duplicates_has(&found.duplicates, row);

            n += gives_way;
            /* Each key has 4 rows, 5,000 apart. */
            if (shape == REPEATED)
                assert_int_equal(gives_way, last ? row < ROWS - 5000 : row >= 5000);
            else
                assert_false(gives_way);
        }
        assert_int_equal(n, found.duplicates.n_rows);
        slc_duplicates_release(&found.duplicates);
    }
    /* The shape is as said. */
    assert_int_equal(other_row(REPEATED, 123, true), 5123);
    assert_int_equal(other_row(REPEATED, 5123, false), 123);
    assert_int_equal(other_row(SHUFFLED, 123, true), -1);
}

static void the_first_row_is_named(void **state)
{
    struct found found = find(REPEATED, SLC_DUPLICATE_FAIL, 1 << 16, false);

    (void)state;
    assert_false(found.good);
    assert_int_equal(found.error.code, SLC_ERR_DATA);
    assert_int_equal(found.error.row, 5001);
    found = find(LATE, SLC_DUPLICATE_FAIL, 1 << 20, true);
    assert_false(found.good);
    assert_int_equal(found.error.row, ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rising_keys_are_a_proof),
        cmocka_unit_test(the_rows_that_give_way),
        cmocka_unit_test(the_first_row_is_named),
    };

    return cmocka_run_group_tests_name("load/duplicates", tests, NULL, NULL);
}
