#include "reader_test.h"

#include <string.h>

#include "base/cleanup.h"

char *dump(struct slc_str table, const struct slc_reader_options *options, int n_threads)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_error error = {0};
    int fd = file_of(table);

    assert_true(fd >= 0);
    if (!read_all(fd, "table", options, n_threads, &out, &error)) {
        assert_int_not_equal(error.code, SLC_ERR_NONE);
        assert_string_equal(error.file, "table");
        slc_buf_clear(&out);
        slc_buf_printf(&out, "error: %s row %lld: %s", slc_error_code_name(error.code),
                       (long long)error.row, error.message);
    }
    return slc_buf_steal(&out, NULL);
}

void same_in_every_way(struct slc_str table, struct slc_reader_options options, bool all_sizes)
{
    static const int64_t sizes[] = {1, 2, 3, 5, 8, 13, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000};
    SLC_AUTO_FREE char *expected = NULL;

    options.chunk_bytes = 1 << 20;
    expected = dump(table, &options, 1);
    for (int64_t i = 0; i < (all_sizes ? 70 : 16); i++) {
        SLC_AUTO_FREE char *got = NULL;
        int n_threads = 1 + (int)(i % 4);

        options.chunk_bytes = all_sizes ? i + 1 : sizes[i];
        got = dump(table, &options, n_threads);
        if (strcmp(expected, got) != 0)
            fail_msg("%lld bytes a chunk, %d threads, the table\n%.*s\ngives\n%s\ninstead of\n%s",
                     (long long)options.chunk_bytes, n_threads, SLC_STR_ARG(table), got, expected);
    }
}
