/* sluice token: API keys. */
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "service/tokens.h"

static const struct slc_flag flags[] = {
    {.name = "name", .value = "NAME", .help = "what to call it (default: token-1, token-2, ...)"},
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG_ONLY,
    {0},
};

static int add(const struct slc_args *args, const char *state_dir, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    char name[SLC_TOKEN_NAME_BYTES], secret[SLC_AUTH_SECRET_TEXT_BYTES];
    int status;

    if (!slc_tokens_add(state_dir, slc_args_value(args, "name"), name, secret, error))
        return slc_cli_fail(error);
    if (slc_args_has(args, "json")) {
        slc_buf_append_text(&out, "{\"name\":");
        slc_json_text(&out, name);
        slc_json_member_text(&out, "token", secret);
        slc_buf_append_text(&out, "}\n");
    } else if (slc_cli_stdout_is_terminal()) {
        slc_buf_printf(&out,
                       "%s\n\nThis is the token \"%s\". Keep it: it is shown this once. A service "
                       "that runs\naccepts it after SIGHUP.\n",
                       secret, name);
    } else {
        slc_buf_printf(&out, "%s\n", secret);
    }
    status = slc_cli_print(&out);
    OPENSSL_cleanse(secret, sizeof(secret));
    if (out.data)
        OPENSSL_cleanse(out.data, out.capacity);
    return status;
}

static int list(const struct slc_args *args, const char *state_dir, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    bool as_json = slc_args_has(args, "json");
    struct slc_tokens tokens;

    if (!slc_tokens_read(state_dir, &tokens, error))
        return slc_cli_fail(error);
    slc_buf_append_text(&out, as_json ? "[" : "");
    for (size_t i = 0; i < tokens.count; i++) {
        const struct slc_token *token = &tokens.items[i];

        if (!as_json) {
            slc_buf_printf(&out, "%s  %s\n", token->made, token->name);
            continue;
        }
        slc_json_comma(&out);
        slc_buf_append_text(&out, "{\"name\":");
        slc_json_text(&out, token->name);
        slc_json_member_text(&out, "made", token->made);
        slc_buf_append_byte(&out, '}');
    }
    slc_buf_append_text(&out, as_json ? "]\n" : "");
    return slc_cli_print(&out);
}

static int drop(const struct slc_args *args, const char *state_dir, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    const char *name = args->operands[1];

    if (!slc_tokens_remove(state_dir, name, error))
        return slc_cli_fail(error);
    if (slc_args_has(args, "json")) {
        slc_buf_append_text(&out, "{\"name\":");
        slc_json_text(&out, name);
        slc_buf_append_text(&out, ",\"done\":\"removed\"}\n");
    } else {
        slc_buf_printf(&out, "%s: removed; a service that runs accepts it until SIGHUP\n", name);
    }
    return slc_cli_print(&out);
}

static int run(const struct slc_args *args)
{
    static const struct {
        const char *name;
        size_t operands;
        int (*run)(const struct slc_args *args, const char *state_dir, struct slc_error *error);
    } actions[] = {{"new", 1, add}, {"ls", 1, list}, {"rm", 2, drop}};
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_FREE char *state_dir = NULL;
    struct slc_error error = {0};

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(args->operands[0], actions[i].name) != 0 ||
            args->operand_count != actions[i].operands)
            continue;
        if (!slc_cli_config_as_written(args, &config, &error))
            return slc_cli_fail(&error);
        state_dir = slc_config_state_dir(config, environ);
        if (state_dir)
            return actions[i].run(args, state_dir, &error);
        slc_fail(&error, SLC_ERR_MEMORY, "no memory for the state directory's path");
        return slc_cli_fail(&error);
    }
    slc_fail(&error, SLC_ERR_USAGE,
             "token: usage: sluice token new [--name NAME], sluice token ls, or sluice token rm "
             "NAME");
    return slc_cli_fail(&error);
}

const struct slc_command slc_cmd_token = {
    .name = "token",
    .args = "new [--name NAME] | ls | rm NAME [OPTION...]",
    .summary = "Make, list and remove API keys beside that of the installation",
    .help = "new prints a key once; what is kept is its salted hash, in the file tokens of\n"
            "the state directory. Callers show it as \"Authorization: Bearer KEY\", or once to\n"
            "POST /check_fingerprint. A service that runs reads the file again at SIGHUP.",
    .example = "sluice token new --name dashboard\n"
               "sluice token ls\n"
               "sluice token rm dashboard",
    .flags = flags,
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
