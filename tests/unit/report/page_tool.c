/* Profile a CSV file and write its page to the standard output, to be looked at:
 *
 *     report_page FILE > page.html */
#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "base/time.h"
#include "load/survey.h"
#include "prep/plan.h"
#include "report/profile_html.h"

static bool write_page(const char *path, struct slc_reader *reader, struct slc_survey *survey,
                       struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_profile_page page = {
        .title = slc_path_base(slc_str_from(path)),
        .dialect = slc_str_from(slc_reader_dialect(reader)),
        .sha256 = slc_str_from(slc_reader_sha256(reader)),
        .schema = &survey->schema,
        .summaries = survey->summaries,
        .n_rows = survey->n_rows,
        .n_rejected = survey->n_rejects,
        .size_bytes = slc_reader_size_bytes(reader),
        .memory_before_bytes = -1,
        .memory_after_bytes = -1,
    };
    int64_t start = slc_monotonic_usec();

    if (!slc_profile_html(&out, &page))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the page");
    fprintf(stderr, "%zu bytes, %zu a column, %.1f ms\n", out.len,
            out.len / (size_t)survey->schema.n_fields,
            (double)(slc_monotonic_usec() - start) / 1000.0);
    return slc_write_all(STDOUT_FILENO, out.data, out.len, error);
}

int main(int argc, char **argv)
{
    struct slc_reader_options reader_options = slc_reader_default_options();
    struct slc_survey_options options = {.n_threads = 2, .memory_bytes = INT64_C(256) << 20};
    struct slc_reader *reader = NULL;
    struct slc_survey survey = {0};
    struct slc_error error = {0};
    bool is_done = false;
    int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;

    if (fd < 0) {
        fprintf(stderr, "usage: report_page FILE\n");
        return 2;
    }
    if (slc_reader_open(fd, argv[1], &reader_options, &reader, &error)) {
        if (slc_survey_run(reader, &options, &survey, &error)) {
            is_done = write_page(argv[1], reader, &survey, &error);
            slc_survey_release(&survey);
        }
        slc_reader_close(reader);
    }
    if (!is_done)
        fprintf(stderr, "%s\n", error.message);
    return is_done ? 0 : 1;
}
