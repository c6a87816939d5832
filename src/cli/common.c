/* What the commands share: configuration, errors, output. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"
#include "cli/wallet_access.h"

const char *slc_cli_config_path(const struct slc_args *args)
{
    static const char *const usual[] = {"./sluice.yaml", "/etc/sluice/sluice.yaml"};
    const char *path = slc_args_value(args, "config");

    if (!path)
        path = slc_environment_get(environ, "SLUICE_CONFIG");
    for (size_t i = 0; !path && i < sizeof(usual) / sizeof(usual[0]); i++)
        if (access(usual[i], F_OK) == 0)
            path = usual[i];
    return path;
}

static bool has_flag(const struct slc_args *args, const char *name)
{
    for (const struct slc_flag *flag = args->flags; flag->name; flag++)
        if (strcmp(flag->name, name) == 0)
            return true;
    return false;
}

bool slc_cli_config_as_written(const struct slc_args *args, struct slc_config **ret_config,
                               struct slc_error *error)
{
    SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();
    const char *path = slc_cli_config_path(args);
    const char *text;
    size_t at = 0;

    if (!config)
        return slc_fail(error, SLC_ERR_MEMORY, "out of memory for the configuration");
    if (path && !slc_config_load_file(config, path, error))
        return false;
    if (!slc_config_apply_environment(config, environ, error))
        return false;
    while ((text = slc_args_next(args, "set", &at)))
        if (!slc_config_set(config, text, error))
            return false;
    text = has_flag(args, "redis") ? slc_args_value(args, "redis") : NULL;
    if (text && !slc_config_set_value(config, "redis.url", slc_str_from(text), "--redis", error))
        return false;
    *ret_config = config;
    config = NULL;
    return true;
}

bool slc_cli_config(const struct slc_args *args, struct slc_config **ret_config,
                    struct slc_error *error)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;

    if (!slc_cli_config_as_written(args, &config, error) ||
        !slc_wallet_access_put_secrets(config, error) || !slc_config_check(config, error))
        return false;
    *ret_config = config;
    config = NULL;
    return true;
}

int slc_cli_fail(const struct slc_error *error)
{
    char text[SLC_ERROR_TEXT_BYTES];
    char line[SLC_ERROR_TEXT_BYTES + 16];
    int len =
        snprintf(line, sizeof(line), "sluice: %s\n", slc_error_format(error, text, sizeof(text)));

    /* One write, so that lines of several processes do not mix. Where standard
     * error is gone the exit status still tells. */
    (void)slc_write_all(STDERR_FILENO, line, (size_t)len, NULL);
    return slc_error_exit_status(error);
}

int slc_cli_print(struct slc_buf *out)
{
    struct slc_error error = {0};

    if (out->failed) {
        slc_fail(&error, SLC_ERR_MEMORY, "out of memory for the output");
        return slc_cli_fail(&error);
    }
    errno = 0;
    if (slc_write_all(STDOUT_FILENO, out->data, out->len, &error) || errno == EPIPE)
        return 0;
    slc_error_locate(&error, "standard output", 0, (struct slc_str){0});
    return slc_cli_fail(&error);
}

mode_t slc_cli_new_file_mode(void)
{
    mode_t mask = umask(0);

    (void)umask(mask);
    return 0666 & ~mask;
}

bool slc_cli_stderr_is_terminal(void)
{
    return isatty(STDERR_FILENO) == 1;
}

bool slc_cli_stdout_is_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

bool slc_cli_terminal_is_dumb(void)
{
    const char *type = slc_environment_get(environ, "TERM");

    return type && strcmp(type, "dumb") == 0;
}

int slc_cli_columns(void)
{
    enum { USUAL = 80, LEAST = 40, MOST = 1000 };
    const char *text = slc_environment_get(environ, "COLUMNS");
    struct winsize size;
    int64_t columns = USUAL;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        columns = size.ws_col;
    else if (!text || !slc_parse_int64(text, strlen(text), &columns))
        columns = USUAL;
    return columns < LEAST ? LEAST : columns > MOST ? MOST : (int)columns;
}
