/* sluice options: the option table as documentation. */
#include "cli/cli.h"

static const struct slc_flag flags[] = {
    {.name = "markdown", .help = "one Markdown table a section"},
    {.name = "json", .help = "a JSON array, for programs"},
    {.name = "yaml", .help = "a configuration file to start from"},
    {0},
};

static int run(const struct slc_args *args)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_error error = {0};
    enum slc_describe_format format = SLC_DESCRIBE_TEXT;
    int chosen = 0;

    if (slc_args_has(args, "markdown")) {
        format = SLC_DESCRIBE_MARKDOWN;
        chosen++;
    }
    if (slc_args_has(args, "json")) {
        format = SLC_DESCRIBE_JSON;
        chosen++;
    }
    if (slc_args_has(args, "yaml")) {
        format = SLC_DESCRIBE_YAML;
        chosen++;
    }
    if (chosen > 1) {
        slc_fail(&error, SLC_ERR_USAGE, "options: give one of --markdown, --json and --yaml");
        return slc_cli_fail(&error);
    }
    slc_config_describe(format, &out);
    return slc_cli_print(&out);
}

const struct slc_command slc_cmd_options = {
    .name = "options",
    .args = "[--markdown | --json | --yaml]",
    .summary = "List every option: key, type, default, range, help",
    .example = "sluice options | less\n"
               "sluice options --yaml > sluice.yaml",
    .flags = flags,
    .run = run,
};
