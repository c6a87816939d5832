/* The program: finds the command, parses its options, runs it. */
#include "cli/cli.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COMMAND_ADDRESS(name) &slc_cmd_##name,
static const struct slc_command *const commands[] = {SLC_COMMANDS(COMMAND_ADDRESS)};
#undef COMMAND_ADDRESS

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct slc_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int fail_unknown(const char *name)
{
    struct slc_str given = slc_str_from(name);
    const char *nearest = "help";
    size_t least = slc_args_distance(given, nearest);
    bool is_option = name[0] == '-';
    struct slc_error error = {0};

    for (size_t i = 0; i < COMMANDS; i++) {
        size_t distance = slc_args_distance(given, commands[i]->name);

        if (distance < least) {
            least = distance;
            nearest = commands[i]->name;
        }
    }
    if (is_option)
        slc_fail(&error, SLC_ERR_USAGE,
                 "unknown option %s; before the command only --help and --version are known", name);
    else
        slc_fail(&error, SLC_ERR_USAGE,
                 "unknown command \"%s\"; the nearest known one is \"%s\" (\"sluice help\" lists "
                 "them all)",
                 name, nearest);
    return slc_cli_fail(&error);
}

static int print_help(const struct slc_command *command)
{
    SLC_AUTO_BUF struct slc_buf out = {0};

    slc_cli_help(command, &out);
    return slc_cli_print(&out);
}

static int print_overview(void)
{
    SLC_AUTO_BUF struct slc_buf out = {0};

    slc_cli_overview(commands, COMMANDS, &out);
    return slc_cli_print(&out);
}

static int print_version(void)
{
    SLC_AUTO_BUF struct slc_buf out = {0};

    slc_buf_append_text(&out, "sluice " SLC_VERSION "\n");
    return slc_cli_print(&out);
}

/* An error about the command line itself ends with where to look. */
static int fail_usage(const struct slc_command *command, const struct slc_error *error)
{
    struct slc_error full = {0};

    slc_fail(&full, error->code, "%s: %s (see \"sluice help %s\")", command->name, error->message,
             command->name);
    return slc_cli_fail(&full);
}

static int run_command(const struct slc_command *command, int argc, char **argv)
{
    SLC_AUTO_ARGS struct slc_args args = {0};
    struct slc_error error = {0};

    if (!slc_args_parse(command->flags, argc, argv, &args, &error))
        return fail_usage(command, &error);
    if (args.help)
        return print_help(command);
    if (args.operand_count < command->min_operands) {
        slc_fail(&error, SLC_ERR_USAGE, "something is missing; usage: sluice %s %s", command->name,
                 command->args);
        return fail_usage(command, &error);
    }
    if (args.operand_count > command->max_operands) {
        slc_fail(&error, SLC_ERR_USAGE, "\"%s\" is too much; usage: sluice %s %s",
                 args.operands[command->max_operands], command->name, command->args);
        return fail_usage(command, &error);
    }
    args.command_line = argv - 2; /* the program's and the command's name stand before */
    return command->run(&args);
}

static int run_help(int argc, char **argv)
{
    const struct slc_command *command;

    if (argc == 0)
        return print_overview();
    if (strcmp(argv[0], "help") == 0)
        return print_overview();
    command = find_command(argv[0]);
    return command ? print_help(command) : fail_unknown(argv[0]);
}

/* A descriptor 0, 1 or 2 that is closed would go to the next file or socket
 * that is opened, and messages would end there. */
static void open_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    const struct slc_command *command;
    struct slc_error error = {0};

    open_standard_descriptors();
    /* A peer that goes away is an error of that connection, not our death. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        slc_fail(&error, SLC_ERR_INTERNAL, "cannot ignore SIGPIPE");
        return slc_cli_fail(&error);
    }
    if (argc < 2) {
        slc_fail(&error, SLC_ERR_USAGE, "which command? \"sluice help\" lists them all");
        return slc_cli_fail(&error);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0)
        return print_version();
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0)
        return run_help(argc - 2, argv + 2);
    command = find_command(argv[1]);
    return command ? run_command(command, argc - 2, argv + 2) : fail_unknown(argv[1]);
}
