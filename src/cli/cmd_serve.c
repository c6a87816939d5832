/* sluice serve: the service. */
#include "cli/cli.h"
#include "cli/wallet_access.h"
#include "service/service.h"

#include <unistd.h>

static const struct slc_flag flags[] = {
    {.name = "check", .help = "check the configuration and end; nothing is started"},
    SLC_FLAGS_CONFIG,
    {0},
};

/* For HUP: the same command line, the file as it is now. */
static bool reload(void *state, struct slc_config **ret_config, struct slc_error *error)
{
    return slc_cli_config(state, ret_config, error);
}

static int check(const struct slc_config *config)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_error error = {0};

    if (!slc_service_check(config, &error))
        return slc_cli_fail(&error);
    slc_buf_append_text(&out, "the configuration is good\n");
    return slc_cli_print(&out);
}

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    struct slc_args again = *args;
    struct slc_service_options options = {.environment = environ,
                                          .reload = reload,
                                          .reload_state = &again,
                                          .argv = args->command_line};
    struct slc_error error = {0};
    int status;

    if (!slc_cli_config(args, &config, &error))
        return slc_cli_fail(&error);
    if (slc_args_has(args, "check"))
        return check(config);
    options.config = config;
    slc_wallet_access_never_ask();
    if (!slc_service_run(&options, &status, &error)) {
        (void)slc_cli_fail(&error);
        return status;
    }
    return 0;
}

const struct slc_command slc_cmd_serve = {
    .name = "serve",
    .args = "[OPTION...]",
    .summary = "Run the service: the HTTP API, and loads from the stream directory",
    .help = "Tickets in source.stream_dir are registered and loaded when the API is told to,\n"
            "or with --set watch=true as they arrive. Without redis.url a redis-server of\n"
            "its own is started (unix socket and data under state_dir) and stopped with it.\n"
            "\n"
            "Without auth.key the first start makes a key, prints it once on standard\n"
            "output, and keeps its hash in state_dir. Callers show it as\n"
            "\"Authorization: Bearer KEY\", or once to POST /check_fingerprint.\n"
            "\n"
            "Signals: TERM ends what is in flight within graceful_timeout and stops; INT\n"
            "(Ctrl-C) and QUIT stop at once; HUP reads the configuration again and replaces\n"
            "the workers, losing no request (one that is wrong is refused, and the old one\n"
            "goes on); TTIN and TTOU: one HTTP worker more or less; USR1 reopens the log\n"
            "files; USR2 starts the binary anew beside this one, which TERM then ends.\n"
            "\n"
            "Exit status: 0 after a signal; 2 for a wrong configuration, a port or a state\n"
            "directory that is taken; 3 when its own redis-server does not start. A Redis of\n"
            "redis.url that is away is waited for: calls are answered 503 meanwhile.",
    .example = "sluice serve --set source.stream_dir=samples/IN_STREAM\n"
               "sluice serve --config /etc/sluice/sluice.yaml\n"
               "sluice serve --redis redis://127.0.0.1:6379/0 --set watch=true",
    .flags = flags,
    .run = run,
};
