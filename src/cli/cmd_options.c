/* sluice options: the option table as documentation. */
#include "cli/cli.h"

static const struct slc_flag flags[] = {
    {.name = "markdown", .help = "one Markdown table a section"},
    {.name = "json", .help = "a JSON array, for programs"},
    {.name = "yaml", .help = "a configuration file to start from"},
    {.name = "man", .help = "the manual page sluice.yaml(5)"},
    {0},
};

static const struct {
    const char *flag;
    enum slc_describe_format format;
} formats[] = {
    {"markdown", SLC_DESCRIBE_MARKDOWN},
    {"json", SLC_DESCRIBE_JSON},
    {"yaml", SLC_DESCRIBE_YAML},
    {"man", SLC_DESCRIBE_MAN},
};

static int run(const struct slc_args *args)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_error error = {0};
    enum slc_describe_format format = SLC_DESCRIBE_TEXT;
    int chosen = 0;

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (slc_args_has(args, formats[i].flag)) {
            format = formats[i].format;
            chosen++;
        }
    if (chosen > 1) {
        slc_fail(&error, SLC_ERR_USAGE,
                 "options: give one of --markdown, --json, --yaml and --man");
        return slc_cli_fail(&error);
    }
    slc_config_describe(format, &out);
    return slc_cli_print(&out);
}

const struct slc_command slc_cmd_options = {
    .name = "options",
    .args = "[--markdown | --json | --yaml | --man]",
    .summary = "List every option: key, type, default, range, help",
    .example = "sluice options | less\n"
               "sluice options --yaml > sluice.yaml",
    .flags = flags,
    .run = run,
};
