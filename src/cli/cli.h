/* The command line: one table of commands, each a file of its own.
 *
 * To add the command `sluice frob`:
 * 1. write cmd_frob.c with
 *
 *        static const struct slc_flag flags[] = {
 *            {.name = "depth", .letter = 'd', .value = "N", .help = "how deep (default 3)"},
 *            SLC_FLAG_JSON,
 *            SLC_FLAGS_CONFIG,
 *            {0},
 *        };
 *
 *        static int run(const struct slc_args *args)
 *        {
 *            SLC_AUTO_CONFIG struct slc_config *config = NULL;
 *            struct slc_error error = {0};
 *
 *            if (!slc_cli_config(args, &config, &error))
 *                return slc_cli_fail(&error);
 *            ...
 *            return slc_cli_print(&out);
 *        }
 *
 *        const struct slc_command slc_cmd_frob = {.name = "frob", ..., .run = run};
 *
 * 2. add `X(frob)` to SLC_COMMANDS below, where the overview should show it,
 *    and the file to meson.build.
 *
 * main() parses the options, answers --help, checks the number of operands and
 * calls run(), whose result is the exit status (contract: 0 done, 1 the data or
 * a ticket was refused, 2 bad usage or configuration, 3 a peer failed). SIGPIPE
 * is ignored: writing to a closed pipe or socket fails with EPIPE. */
#ifndef SLC_CLI_CLI_H
#define SLC_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/args.h"
#include "config/config.h"

/* Every command, in the order of the overview. */
#define SLC_COMMANDS(X)                                                                            \
    X(serve)                                                                                       \
    X(load)                                                                                        \
    X(profile)                                                                                     \
    X(ticket)                                                                                      \
    X(loads)                                                                                       \
    X(ls)                                                                                          \
    X(show)                                                                                        \
    X(top)                                                                                         \
    X(export)                                                                                      \
    X(drop)                                                                                        \
    X(wallet)                                                                                      \
    X(token)                                                                                       \
    X(mail)                                                                                        \
    X(check)                                                                                       \
    X(options)                                                                                     \
    X(completion)

#define SLC_ANY_OPERANDS ((size_t)-1)

struct slc_command {
    const char *name;
    const char *args;    /* behind the name in the usage line: "FILE... [OPTION...]" */
    const char *summary; /* one sentence without its full stop, for overview and help */
    const char *help;    /* what else is good to know, in lines of at most 78 bytes; may be NULL */
    const char *example; /* one command a line, without indentation */
    const struct slc_flag *flags; /* ends with one without a name */
    size_t min_operands;
    size_t max_operands; /* SLC_ANY_OPERANDS: as many as one likes */
    int (*run)(const struct slc_args *args);
};

#define SLC_DECLARE_COMMAND(name) extern const struct slc_command slc_cmd_##name;
SLC_COMMANDS(SLC_DECLARE_COMMAND)
#undef SLC_DECLARE_COMMAND

/* The flags that slc_cli_config() reads; of a command that needs no Redis. */
#define SLC_FLAGS_CONFIG_ONLY                                                                      \
    {.name = "config", .value = "FILE", .help = "the YAML file to read (see below)"},              \
    {                                                                                              \
        .name = "set", .value = "KEY=VALUE", .help = "set an option; may be repeated"              \
    }

/* The same for one that does. */
#define SLC_FLAGS_CONFIG                                                                           \
    {.name = "config", .value = "FILE", .help = "the YAML file to read (see below)"},              \
        {.name = "redis", .value = "URL", .help = "the Redis server; short for --set redis.url="}, \
    {                                                                                              \
        .name = "set", .value = "KEY=VALUE", .help = "set an option; may be repeated"              \
    }

#define SLC_FLAG_JSON                                                                              \
    {                                                                                              \
        .name = "json", .help = "JSON, for programs"                                               \
    }

/* ---- For commands ----------------------------------------------------- */

/* The configuration of a command that has SLC_FLAGS_CONFIG or
 * SLC_FLAGS_CONFIG_ONLY: defaults, then the
 * file (--config, else $SLUICE_CONFIG, else ./sluice.yaml, else
 * /etc/sluice/sluice.yaml; the last two only where they exist), then the
 * environment, then --set and --redis; secrets put in (cli/wallet_access.h);
 * checked as a whole. `ret_config` is the caller's. Errors: CONFIG, USAGE,
 * CANCELLED, MEMORY. */
bool slc_cli_config(const struct slc_args *args, struct slc_config **ret_config,
                    struct slc_error *error);

/* The same for a command that must work before the secrets that values refer to
 * are there: nothing is put in, and what contradicts is not looked for. */
bool slc_cli_config_as_written(const struct slc_args *args, struct slc_config **ret_config,
                               struct slc_error *error);

/* The file that slc_cli_config() reads, as it was named; NULL when there is none. */
const char *slc_cli_config_path(const struct slc_args *args);

/* Print the error as one line "sluice: ..." on standard error; returns the exit
 * status that belongs to it. */
int slc_cli_fail(const struct slc_error *error);

/* Write `out` to standard output. Returns the exit status: 0 also when the
 * reader has gone (`sluice options | head`), and a line on standard error when
 * writing failed otherwise or memory had run out at an append. */
int slc_cli_print(struct slc_buf *out);

/* The mode of a new file that the user asks for: 0666 less the umask. Only while
 * no other thread makes files. */
mode_t slc_cli_new_file_mode(void);

/* Standard error (for progress) or standard output is a terminal. */
bool slc_cli_stderr_is_terminal(void);
bool slc_cli_stdout_is_terminal(void);

/* $TERM says that the terminal takes no escape sequences ("dumb"). */
bool slc_cli_terminal_is_dumb(void);

/* The columns to lay output out for: those of the terminal that standard output
 * is, else $COLUMNS where it makes sense, else 80. */
int slc_cli_columns(void);

/* ---- For main() ------------------------------------------------------- */

void slc_cli_help(const struct slc_command *command, struct slc_buf *out);
void slc_cli_overview(const struct slc_command *const *commands, size_t count, struct slc_buf *out);

#endif
