/* What the tests of src/source share: a directory of one's own that goes away. */
#ifndef SLC_TESTS_SOURCE_TEST_H
#define SLC_TESTS_SOURCE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "source/stream.h"

struct place {
    char path[64];
    int fd;
    struct slc_stream *stream;
};

static inline int place_setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    struct slc_error error = {0};

    assert_non_null(place);
    snprintf(place->path, sizeof(place->path), "/tmp/slc-source.XXXXXX");
    assert_non_null(mkdtemp(place->path));
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(place->fd >= 0);
    if (!slc_stream_open(place->path, &place->stream, &error))
        fail_msg("%s", error.message);
    *state = place;
    return 0;
}

static inline int remove_one(const char *path, const struct stat *status, int kind,
                             struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int place_teardown(void **state)
{
    struct place *place = *state;

    slc_stream_close(place->stream);
    fchmod(place->fd, 0700);
    close(place->fd);
    nftw(place->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(place);
    return 0;
}

static inline void put(struct place *place, const char *name, const char *text)
{
    int fd = openat(place->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_true(slc_write_all(fd, text, strlen(text), NULL));
    close(fd);
}

/* The file's text; lives until the next call. */
static inline const char *get(struct place *place, const char *name)
{
    static char text[65536];
    int fd = openat(place->fd, name, O_RDONLY | O_CLOEXEC);
    ssize_t len;

    assert_true(fd >= 0);
    len = read(fd, text, sizeof(text) - 1);
    assert_true(len >= 0);
    text[len] = '\0';
    close(fd);
    return text;
}

static inline void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" does not have \"%s\" in it", text, part);
}

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

#endif
