/* sluice profile: read a file and say what is in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/profile_view.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "load/settings.h"
#include "load/survey.h"
#include "reader/reader.h"

static const struct slc_flag flags[] = {
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG_ONLY,
    {0},
};

/* Find the first rejected row and its reason: another look at the file, up to
 * there. That there is none after all (the file changed) is no matter here. */
static bool find_first_reject(struct slc_reader *reader, struct slc_profile_facts *facts,
                              struct slc_error *error)
{
    size_t n_columns = (size_t)slc_reader_schema(reader)->n_fields;
    SLC_AUTO_FREE struct slc_column_request *requests = calloc(n_columns + 1, sizeof(*requests));
    struct slc_chunk chunk = {0};
    int64_t records = 0;
    int got = 0;
    bool good;

    if (!requests)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the columns");
    good = slc_reader_rewind(reader, error);
    while (good && facts->first_reject_row == 0 && !*slc_stop_flag() &&
           (got = slc_reader_next(reader, &chunk, error)) == 1) {
        good = slc_reader_parse(reader, &chunk, requests, error);
        if (good && chunk.n_rejects > 0) {
            facts->first_reject_row = records + chunk.rejects[0].row;
            snprintf(facts->first_reject_reason, sizeof(facts->first_reject_reason), "%s",
                     chunk.rejects[0].reason);
        }
        records += chunk.n_records;
        slc_reader_recycle(reader, &chunk);
    }
    slc_chunk_release(&chunk);
    return good && got >= 0;
}

static bool survey(const struct slc_config *config, struct slc_reader *reader,
                   struct slc_profile_facts *facts, struct slc_survey *ret_survey,
                   struct slc_error *error)
{
    struct slc_load_progress progress = {0};
    struct slc_survey_options options = {
        .n_threads = slc_load_threads(config),
        .memory_bytes = slc_config_bytes(config, "load.memory"),
        .fail_on_reject = slc_config_is(config, "reader.on_bad_row", "fail"),
        .cancel = slc_stop_flag(),
        .progress = &progress,
    };
    int64_t started = slc_monotonic_usec();
    struct slc_str base = slc_path_base(slc_str_from(facts->path));
    struct slc_progress_bar *bar = slc_progress_bar_start(base.data, &progress, true);
    bool good = slc_survey_run(reader, &options, ret_survey, error);

    if (good && ret_survey->n_rejects > 0 && !find_first_reject(reader, facts, error)) {
        slc_survey_release(ret_survey, reader);
        good = false;
    }
    slc_progress_bar_stop(bar);
    facts->survey = ret_survey;
    facts->seconds = (double)(slc_monotonic_usec() - started) / 1e6;
    return good;
}

static bool profile(const struct slc_args *args, const struct slc_config *config,
                    struct slc_reader *reader, struct slc_buf *out, struct slc_error *error)
{
    struct slc_profile_facts facts = {.path = args->operands[0], .reader = reader};
    struct slc_survey found;

    if (!survey(config, reader, &facts, &found, error))
        return false;
    if (slc_args_has(args, "json"))
        slc_profile_view_json(&facts, out);
    else
        slc_profile_view(&facts, slc_cli_columns(), out);
    slc_survey_release(&found, reader);
    return true;
}

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_BUF struct slc_buf out = {0};
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_reader_options options;
    struct slc_reader *reader = NULL;
    struct slc_error error = {0};
    const char *path = args->operands[0];
    bool good;
    int fd;

    if (!slc_cli_config(args, &config, &error) ||
        !slc_reader_options_from(config, &arena, &options, &error))
        return slc_cli_fail(&error);
    slc_stop_catch();
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        good = slc_fail_errno(&error, errno, "cannot open it");
    else
        good = slc_reader_open(fd, path, &options, &reader, &error) &&
               profile(args, config, reader, &out, &error);
    slc_reader_close(reader);
    if (!good) {
        slc_error_locate(&error, path, 0, (struct slc_str){0});
        return slc_stop_status(slc_cli_fail(&error));
    }
    return slc_stop_status(slc_cli_print(&out));
}

const struct slc_command slc_cmd_profile = {
    .name = "profile",
    .args = "FILE [OPTION...]",
    .summary = "Read a table file and say what is in it; write nothing",
    .help = "A line for each column: its type, decided over all rows; the share of\n"
            "missing values; how many different values there are (~ where counting them\n"
            "exactly would take more memory than load.memory allows); smallest, mean and\n"
            "largest value with a histogram, or the most frequent values. Below, what is\n"
            "worth knowing before the file is loaded: rows that would be rejected, empty,\n"
            "constant and duplicated columns, skewed ones, columns that could be the index.",
    .example = "sluice profile users.csv\n"
               "sluice profile users.csv --set reader.delimiter=';' | less\n"
               "sluice profile users.csv --json | jq .profile.columns.age",
    .flags = flags,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
