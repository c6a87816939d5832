/* The help texts, laid out from the table of commands. */
#include "cli/cli.h"

#include <string.h>

enum { FLAG_COLUMN = 26, COMMAND_COLUMN = 14 };

static void pad(struct slc_buf *out, size_t from, size_t to)
{
    do
        slc_buf_append_byte(out, ' ');
    while (++from < to);
}

static void append_flag(struct slc_buf *out, const struct slc_flag *flag)
{
    size_t start = out->len;

    slc_buf_append_text(out, "  ");
    if (flag->letter)
        slc_buf_printf(out, "-%c, ", flag->letter);
    slc_buf_printf(out, "--%s", flag->name);
    if (flag->value)
        slc_buf_printf(out, " %s", flag->value);
    pad(out, out->len - start, FLAG_COLUMN);
    slc_buf_printf(out, "%s\n", flag->help);
}

static void append_indented(struct slc_buf *out, const char *lines)
{
    while (*lines) {
        size_t len = strcspn(lines, "\n");

        slc_buf_append_text(out, "  ");
        slc_buf_append(out, lines, len);
        slc_buf_append_byte(out, '\n');
        lines += len + (lines[len] == '\n');
    }
}

static bool reads_config(const struct slc_command *command)
{
    for (const struct slc_flag *flag = command->flags; flag->name; flag++)
        if (strcmp(flag->name, "config") == 0)
            return true;
    return false;
}

static void append_exit_status(struct slc_buf *out)
{
    slc_buf_append_text(out, "\nExit status:\n"
                             "  0  done\n"
                             "  1  the data or a ticket was refused\n"
                             "  2  bad usage or configuration\n"
                             "  3  Redis or another peer failed\n");
}

void slc_cli_help(const struct slc_command *command, struct slc_buf *out)
{
    static const struct slc_flag help = {.name = "help", .letter = 'h', .help = "this text"};

    slc_buf_printf(out, "Usage: sluice %s%s%s\n\n%s.\n", command->name, *command->args ? " " : "",
                   command->args, command->summary);
    if (command->help)
        slc_buf_printf(out, "%s\n", command->help);
    slc_buf_append_text(out, "\nOptions:\n");
    for (const struct slc_flag *flag = command->flags; flag->name; flag++)
        append_flag(out, flag);
    append_flag(out, &help);
    slc_buf_append_text(out, strchr(command->example, '\n') ? "\nExamples:\n" : "\nExample:\n");
    append_indented(out, command->example);
    if (reads_config(command))
        slc_buf_append_text(
            out, "\nConfiguration:\n"
                 "  --config FILE, else $SLUICE_CONFIG, else ./sluice.yaml, else\n"
                 "  /etc/sluice/sluice.yaml; over it the SLUICE_ variables, over them --set.\n"
                 "  \"sluice options\" lists every key.\n");
    append_exit_status(out);
}

void slc_cli_overview(const struct slc_command *const *commands, size_t count, struct slc_buf *out)
{
    slc_buf_append_text(out, "Usage: sluice COMMAND [OPTION...]\n\n"
                             "Turns data files and their tickets into tables in Redis.\n\n"
                             "Commands:\n");
    for (size_t i = 0; i < count; i++) {
        slc_buf_printf(out, "  %s", commands[i]->name);
        pad(out, 2 + strlen(commands[i]->name), COMMAND_COLUMN);
        slc_buf_printf(out, "%s\n", commands[i]->summary);
    }
    slc_buf_append_text(out, "  help        Explain one command: sluice help COMMAND\n"
                             "\nOptions:\n"
                             "  --version               print the version\n"
                             "  -h, --help              this text\n"
                             "\nExample:\n"
                             "  sluice help options\n");
    append_exit_status(out);
}
