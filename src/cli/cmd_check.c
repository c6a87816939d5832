/* sluice check: would it run with this configuration? */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/text.h"

static const struct slc_flag flags[] = {
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG,
    {0},
};

/* One value that is not the default, for people and for programs. */
static void add_setting(struct slc_buf *lines, struct slc_buf *json, struct slc_str key,
                        struct slc_str value, const char *from, int columns)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    slc_text_safe(&text, key);
    slc_buf_append_text(&text, " = ");
    slc_text_clip(&text, value, 200);
    if (*from) {
        slc_buf_append_text(&text, " (");
        slc_text_safe(&text, slc_str_from(from));
        slc_buf_append_byte(&text, ')');
    }
    slc_buf_append_text(lines, "      ");
    slc_text_wrap(lines, slc_buf_view(&text), 6, 8, columns);
    slc_buf_append_byte(lines, '\n');
    slc_json_comma(json);
    slc_buf_append_text(json, "{\"key\":");
    slc_text_json(json, key);
    slc_json_key(json, "value");
    slc_text_json(json, value);
    slc_json_key(json, "from");
    slc_text_json(json, slc_str_from(from));
    slc_buf_append_byte(json, '}');
}

static void add_column_settings(const struct slc_config *config, struct slc_buf *lines,
                                struct slc_buf *json, int columns)
{
    for (size_t i = 0; i < slc_config_column_count(config); i++) {
        for (int step = 0; step < SLC_COLUMN_STEPS; step++) {
            const char *value = slc_config_column_shown(config, i, (enum slc_column_step)step);
            SLC_AUTO_BUF struct slc_buf key = {0};

            if (!value)
                continue;
            slc_buf_append_text(&key, "prep.columns.");
            slc_buf_append_text(&key, slc_config_column_name(config, i));
            slc_buf_append_byte(&key, '.');
            slc_buf_append_text(&key, slc_column_step_name((enum slc_column_step)step));
            add_setting(lines, json, slc_buf_view(&key), slc_str_from(value), "", columns);
        }
    }
}

/* Every value that is not the default and where it comes from; secrets are
 * hidden by slc_config_show(). */
static void add_settings(const struct slc_config *config, struct slc_buf *lines,
                         struct slc_buf *json, int columns)
{
    for (size_t i = 0; i < slc_option_count(); i++) {
        const struct slc_option *option = slc_option_at(i);
        SLC_AUTO_BUF struct slc_buf value = {0};

        if ((option->flags & SLC_OPTION_PER_COLUMN) ||
            slc_config_origin(config, option->key) == SLC_ORIGIN_DEFAULT)
            continue;
        slc_config_show(config, option, &value);
        add_setting(lines, json, slc_str_from(option->key), slc_buf_view(&value),
                    slc_config_where(config, option->key), columns);
    }
    add_column_settings(config, lines, json, columns);
}

static void check_configuration(struct slc_check *check, const struct slc_args *args,
                                const struct slc_config *config, struct slc_buf *settings)
{
    SLC_AUTO_BUF struct slc_buf detail = {0}, lines = {0};
    const char *path = slc_cli_config_path(args);

    slc_buf_append_text(&detail, "valid; ");
    if (path)
        slc_text_safe(&detail, slc_str_from(path));
    else
        slc_buf_append_text(&detail, "no file");
    add_settings(config, &lines, settings, check->columns);
    slc_buf_append_text(&detail, lines.len > 0 ? "; these values are not the defaults"
                                               : "; all values are the defaults");
    slc_check_note(check, SLC_CHECK_OK, "configuration", 2, &detail);
    slc_buf_append_str(&check->lines, slc_buf_view(&lines));
    check->lines.failed |= lines.failed;
}

static int print_json(const struct slc_check *check, const struct slc_buf *settings)
{
    static const char *const words[] = {"ok", "warn", "fail"};
    SLC_AUTO_BUF struct slc_buf out = {0};

    slc_buf_printf(&out, "{\"status\":\"%s\",\"checks\":[", words[check->worst]);
    slc_buf_append_str(&out, slc_buf_view(&check->json));
    slc_buf_append_text(&out, "],\"settings\":[");
    slc_buf_append_str(&out, slc_buf_view(settings));
    slc_buf_append_text(&out, "]}\n");
    out.failed |= check->json.failed || settings->failed;
    return slc_cli_print(&out);
}

/* One line on standard error, as for every failure; the points are on standard
 * output. */
static int fail_checks(const struct slc_check *check)
{
    char line[96];
    int len = snprintf(line, sizeof(line), "sluice: %d %s failed; see above what to do\n",
                       check->n_failed, check->n_failed == 1 ? "check" : "checks");

    (void)slc_write_all(STDERR_FILENO, line, (size_t)len, NULL);
    return check->status;
}

/* A configuration that is wrong leaves nothing to check. */
static int fail_configuration(const struct slc_args *args, struct slc_check *check,
                              const struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf detail = {0};
    char text[SLC_ERROR_TEXT_BYTES];

    if (slc_args_has(args, "json")) {
        slc_buf_append_text(&detail, slc_error_format(error, text, sizeof(text)));
        slc_check_note(check, SLC_CHECK_FAIL, "configuration", 2, &detail);
        (void)print_json(check, &detail);
    }
    return slc_cli_fail(error);
}

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_CHECK struct slc_check check = {
        .columns = slc_cli_columns(),
        .is_colored = slc_cli_stdout_is_terminal() && !slc_cli_terminal_is_dumb() &&
                      !slc_environment_get(environ, "NO_COLOR"),
    };
    SLC_AUTO_BUF struct slc_buf settings = {0};
    struct slc_error error = {0};
    int printed;

    if (!slc_cli_config(args, &config, &error))
        return fail_configuration(args, &check, &error);
    check_configuration(&check, args, config, &settings);
    slc_check_stream_dir(&check, config);
    slc_check_state_dir(&check, config);
    slc_check_redis(&check, config);
    slc_check_http(&check, config);
    slc_check_key(&check, config);
    slc_check_wallet(&check, config);
    slc_check_log(&check, config);
    printed =
        slc_args_has(args, "json") ? print_json(&check, &settings) : slc_cli_print(&check.lines);
    return check.n_failed > 0 ? fail_checks(&check) : printed;
}

const struct slc_command slc_cmd_check = {
    .name = "check",
    .args = "[OPTION...]",
    .summary = "Check the configuration and what it names; change nothing",
    .help = "A line for each point: ok, warn (it will work, but), or fail, with what to do.\n"
            "Looked at are the configuration and where its values come from, the stream\n"
            "directory and its tickets, the state directory, Redis (or redis-server, which\n"
            "is not started), the HTTP port, the key, the wallet and the log file. The exit\n"
            "status is 2 when something here fails, 3 when only Redis does, 0 otherwise.",
    .example = "sluice check\n"
               "sluice check --config /etc/sluice/sluice.yaml --json",
    .flags = flags,
    .run = run,
};
