/* sluice completion: what makes a shell complete sluice's command lines. */
#include "cli/completion.h"

static const struct slc_flag flags[] = {{0}};

#define COMMAND_ADDRESS(name) &slc_cmd_##name,
static const struct slc_command *const commands[] = {SLC_COMMANDS(COMMAND_ADDRESS)};
#undef COMMAND_ADDRESS

static int run(const struct slc_args *args)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_error error = {0};

    if (!slc_cli_completion(args->operands[0], commands, sizeof(commands) / sizeof(commands[0]),
                            &out)) {
        slc_fail(&error, SLC_ERR_USAGE, "completion: no shell \"%s\"; give bash, zsh or fish",
                 args->operands[0]);
        return slc_cli_fail(&error);
    }
    return slc_cli_print(&out);
}

const struct slc_command slc_cmd_completion = {
    .name = "completion",
    .args = "bash|zsh|fish",
    .summary = "Print the completion script of a shell",
    .help = "\"meson install\" and the Debian package put them where the shells look.",
    .example = "source <(sluice completion bash)\n"
               "sluice completion fish > ~/.config/fish/completions/sluice.fish",
    .flags = flags,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
