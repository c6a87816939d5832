/* sluice profile: read a file and say what is in it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/input.h"
#include "cli/profile_view.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "load/fit.h"
#include "load/settings.h"
#include "load/survey.h"
#include "prep/plan.h"
#include "reader/reader.h"
#include "report/profile_html.h"
#include "report/show.h"

static const struct slc_flag flags[] = {
    {.name = "plan-out",
     .value = "FILE",
     .help = "write the plan of a load, for sluice load --plan"},
    {.name = "index", .value = "COL", .help = "the column of the row keys, for the plan"},
    SLC_FLAG_JSON,
    {.name = "html", .value = "OUT", .help = "write it as one HTML page; - is standard output"},
    SLC_FLAGS_CONFIG_ONLY,
    {0},
};

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

    slc_progress_bar_stop(bar);
    facts->survey = ret_survey;
    facts->seconds = (double)(slc_monotonic_usec() - started) / 1e6;
    return good;
}

static bool write_plan(const struct slc_args *args, const struct slc_config *config,
                       const struct slc_profile_facts *facts, struct slc_error *error)
{
    const char *path = slc_args_value(args, "plan-out"), *index = slc_args_value(args, "index");
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_plan_document document;
    int64_t index_field;

    if (!path)
        return true;
    if (!slc_find_index(&facts->survey->schema, slc_str_from(index ? index : ""), &index_field,
                        error) ||
        !slc_fit_document(config, facts->survey, index_field, facts->path,
                          slc_reader_sha256(facts->reader), &document, error))
        return false;
    slc_plan_document_write(&document.plan, &document.provenance, &text);
    slc_buf_append_byte(&text, '\n');
    slc_plan_document_release(&document);
    if (text.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the plan");
    if (slc_file_put(path, slc_buf_view(&text), slc_cli_new_file_mode(), error))
        return true;
    slc_error_locate(error, path, 0, (struct slc_str){0});
    return false;
}

/* What the table takes in memory as typed columns; -1 when memory ran out. */
static int64_t typed_bytes(const struct slc_survey *survey)
{
    size_t n = (size_t)survey->schema.n_fields;
    SLC_AUTO_FREE struct slc_column_plan *columns = calloc(n + 1, sizeof(*columns));
    SLC_AUTO_FREE struct slc_outcome *outcomes = calloc(n + 1, sizeof(*outcomes));
    struct slc_plan plan = {.n_columns = survey->schema.n_fields, .columns = columns};
    int64_t before, after;

    if (!columns || !outcomes)
        return -1;
    for (size_t i = 0; i < n; i++)
        columns[i] = (struct slc_column_plan){.in_type = survey->schema.fields[i].type,
                                              .dropped = SLC_DROPPED_BY_OPTION};
    slc_plan_memory(&plan, survey->summaries, outcomes, survey->n_rows, &before, &after);
    return before;
}

/* The page goes to `out` for "-", else to the file, and a line about it to `out`. */
static bool write_html(const struct slc_profile_facts *facts, const char *path, struct slc_buf *out,
                       struct slc_error *error)
{
    const struct slc_survey *survey = facts->survey;
    const char *sha256 = slc_reader_sha256(facts->reader);
    SLC_AUTO_BUF struct slc_buf html = {0};
    struct slc_profile_page page = {
        .title = slc_path_base(slc_str_from(facts->path)),
        .dialect = slc_str_from(slc_reader_dialect(facts->reader)),
        .sha256 = slc_str_from(sha256 ? sha256 : ""),
        .schema = &survey->schema,
        .summaries = survey->summaries,
        .n_rows = survey->n_rows,
        .n_rejected = survey->n_rejects,
        .first_reject_row = survey->first_reject_row,
        .first_reject_reason = survey->first_reject_reason,
        .size_bytes = slc_reader_size_bytes(facts->reader),
        .memory_before_bytes = typed_bytes(survey),
        .memory_after_bytes = -1,
        .made_usec = slc_now_usec(),
    };
    bool to_stdout = strcmp(path, "-") == 0;

    if (!slc_profile_html(to_stdout ? out : &html, &page))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the page");
    if (to_stdout)
        return true;
    if (!slc_file_put(path, slc_buf_view(&html), slc_cli_new_file_mode(), error)) {
        slc_error_locate(error, path, 0, (struct slc_str){0});
        return false;
    }
    slc_buf_printf(out, "wrote %s (", path);
    slc_show_bytes(out, (int64_t)html.len);
    slc_buf_append_text(out, ")\n");
    return true;
}

static bool profile(const struct slc_args *args, const struct slc_config *config,
                    struct slc_reader *reader, const char *path, struct slc_buf *out,
                    struct slc_error *error)
{
    struct slc_profile_facts facts = {.path = path, .reader = reader};
    struct slc_survey found;
    bool good;

    if (!survey(config, reader, &facts, &found, error))
        return false;
    good = write_plan(args, config, &facts, error);
    if (good && slc_args_has(args, "html"))
        good = write_html(&facts, slc_args_value(args, "html"), out, error);
    else if (slc_args_has(args, "json"))
        slc_profile_view_json(&facts, out);
    else
        slc_profile_view(&facts, slc_cli_columns(), out);
    slc_survey_release(&found);
    return good;
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
    struct slc_cli_input input = {.fd = -1, .shown = path};
    bool good;

    if (slc_args_has(args, "json") && slc_args_has(args, "html")) {
        slc_fail(&error, SLC_ERR_USAGE, "profile: give one of --json and --html");
        return slc_cli_fail(&error);
    }
    if (!slc_cli_config(args, &config, &error) ||
        !slc_reader_options_from(config, &arena, &options, &error))
        return slc_cli_fail(&error);
    slc_stop_catch();
    good = slc_cli_open_input(path, config, &input, &error) &&
           slc_reader_open(input.fd, input.shown, &options, &reader, &error) &&
           profile(args, config, reader, input.shown, &out, &error);
    slc_reader_close(reader);
    if (!good) {
        slc_error_locate(&error, input.shown, 0, (struct slc_str){0});
        return slc_stop_status(slc_cli_fail(&error));
    }
    return slc_stop_status(slc_cli_print(&out));
}

const struct slc_command slc_cmd_profile = {
    .name = "profile",
    .args = "FILE [OPTION...]",
    .summary = "Read a table file and say what is in it; load nothing",
    .help = "A line for each column: its type, decided over all rows; the share of\n"
            "missing values; how many different values there are (~ where counting them\n"
            "exactly would take more memory than load.memory allows); smallest, mean and\n"
            "largest value with a histogram, or the most frequent values. Below, what is\n"
            "worth knowing before the file is loaded, and which option does something about\n"
            "it: rows that would be rejected, empty, constant and duplicated columns, skewed\n"
            "ones with gaps, columns that could be the row key.\n"
            "\n"
            "With --plan-out the values that gaps are filled with and the scales that the\n"
            "options under prep.* make of this file are written to a JSON file, which\n"
            "sluice load --plan applies to other files.\n"
            "\n"
            "With - for the file, standard input is profiled: anything that can be piped.\n"
            "\n"
            "With --html all of it goes to one page that needs nothing but a browser: the\n"
            "same and more, with a picture of every column, for screen, phone and paper.",
    .example = "sluice profile users.csv\n"
               "sluice profile users.csv --set reader.delimiter=';' | less\n"
               "sluice profile train.csv --index id --plan-out plan.json\n"
               "sluice profile users.csv --json | jq .profile.columns.age\n"
               "sluice profile users.csv --html users.html\n"
               "zcat *.csv.gz | sluice profile -",
    .flags = flags,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
