/* A part that is inflated ahead is read as one that is not. */
#include "reader_test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zip.h>

#include "reader/xlsx_ahead.h"

enum { PART_BYTES = (3 << 20) / 2 };

struct archive {
    char path[64];
    char *content;
    int fd;
    struct slc_zip *zip;
    struct slc_zip_part *part;
};

static void make(struct archive *a)
{
    struct dice dice = {3};
    zip_source_t *source;
    zip_t *zip;

    snprintf(a->path, sizeof(a->path), "/tmp/sluice-ahead-XXXXXX");
    a->fd = mkostemp(a->path, O_CLOEXEC);
    assert_true(a->fd >= 0);
    a->content = malloc(PART_BYTES);
    assert_non_null(a->content);
    for (size_t i = 0; i < PART_BYTES; i++)
        a->content[i] = (char)('a' + roll(&dice, 4));
    zip = zip_open(a->path, ZIP_TRUNCATE, NULL);
    assert_non_null(zip);
    source = zip_source_buffer(zip, a->content, PART_BYTES, 0);
    assert_true(zip_file_add(zip, "part", source, 0) == 0);
    assert_int_equal(zip_set_file_compression(zip, 0, ZIP_CM_DEFLATE, 1), 0);
    assert_int_equal(zip_close(zip), 0); /* puts another file into the path's place */
    close(a->fd);
    a->fd = open(a->path, O_RDWR | O_CLOEXEC);
    assert_true(a->fd >= 0);
}

static void open_part(struct archive *a)
{
    struct slc_error error = {0};

    assert_true(slc_zip_open(a->fd, &a->zip, &error));
    assert_true(slc_zip_part_open(a->zip, 0, PART_BYTES, &a->part, &error));
}

static void close_part(struct archive *a)
{
    slc_zip_part_close(a->part);
    slc_zip_close(a->zip);
}

static void discard(struct archive *a)
{
    close(a->fd);
    unlink(a->path);
    free(a->content);
}

static void the_same_bytes(void **state)
{
    static const size_t steps[] = {1 << 20, SLC_AHEAD_BLOCK_BYTES, 70001, PART_BYTES + 5};
    struct archive a;

    (void)state;
    make(&a);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct slc_zip_ahead *ahead;
        char *got = malloc(steps[i]);
        int64_t n, at = 0;

        assert_non_null(got);
        open_part(&a);
        ahead = slc_zip_ahead_start(a.part);
        assert_non_null(ahead);
        while ((n = slc_zip_ahead_read(ahead, got, steps[i], NULL)) > 0) {
            assert_true(n == (int64_t)steps[i] || at + n == PART_BYTES);
            assert_memory_equal(got, a.content + at, (size_t)n);
            at += n;
        }
        assert_int_equal(n, 0);
        assert_int_equal(at, PART_BYTES);
        assert_int_equal(slc_zip_ahead_read(ahead, got, steps[i], NULL), 0);
        slc_zip_ahead_stop(ahead);
        close_part(&a);
        free(got);
    }
    discard(&a);
}

/* At any time, with the thread waiting for room or at work. */
static void stopped_early(void **state)
{
    struct archive a;
    char got[64 << 10];

    (void)state;
    make(&a);
    for (int n_reads = 0; n_reads < 24; n_reads++) {
        struct slc_zip_ahead *ahead;

        open_part(&a);
        ahead = slc_zip_ahead_start(a.part);
        assert_non_null(ahead);
        for (int i = 0; i < n_reads; i++)
            assert_int_equal(slc_zip_ahead_read(ahead, got, sizeof(got), NULL), sizeof(got));
        slc_zip_ahead_stop(ahead);
        close_part(&a);
    }
    discard(&a);
}

static void damaged(void **state)
{
    struct slc_error error = {0};
    struct slc_zip_ahead *ahead;
    char *got = malloc(PART_BYTES), wrong[64];
    struct archive a;
    int64_t n;

    (void)state;
    assert_non_null(got);
    make(&a);
    memset(wrong, 0xff, sizeof(wrong));
    assert_int_equal(pwrite(a.fd, wrong, sizeof(wrong), 200000), sizeof(wrong));
    open_part(&a);
    ahead = slc_zip_ahead_start(a.part);
    assert_non_null(ahead);
    while ((n = slc_zip_ahead_read(ahead, got, PART_BYTES, &error)) > 0)
        ;
    assert_int_equal(n, -1);
    assert_int_equal(slc_zip_ahead_read(ahead, got, PART_BYTES, NULL), -1);
    assert_int_equal(error.code, SLC_ERR_FORMAT);
    assert_non_null(strstr(error.message, "\"part\" is damaged"));
    slc_zip_ahead_stop(ahead);
    close_part(&a);
    discard(&a);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_bytes),
        cmocka_unit_test(stopped_early),
        cmocka_unit_test(damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
