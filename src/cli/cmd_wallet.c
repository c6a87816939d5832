/* sluice wallet: credentials, encrypted at rest. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/prompt.h"
#include "cli/wallet_access.h"

static const struct slc_flag flags[] = {
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG_ONLY,
    {0},
};

struct desk {
    const struct slc_args *args;
    struct slc_config *config;
    char *path;
    int lock_fd; /* -1: read only */
    struct slc_wallet *wallet;
};

static void release(struct desk *desk)
{
    slc_wallet_free(desk->wallet);
    if (desk->lock_fd >= 0)
        close(desk->lock_fd);
    slc_config_free(desk->config);
    free(desk->path);
}
#define AUTO_DESK SLC_CLEANUP(release)

/* Open the file, to change it if `to_write` is set. One that is not there is
 * made when `may_make` is set. */
static bool open_wallet(struct desk *desk, bool to_write, bool may_make, struct slc_error *error)
{
    SLC_AUTO_SECRET struct slc_secret passphrase = {0};
    bool is_new;

    is_new = access(desk->path, F_OK) < 0 && errno == ENOENT;
    if (is_new && !may_make)
        return slc_fail(error, SLC_ERR_NOT_FOUND,
                        "there is no wallet at %s: sluice wallet set NAME makes one", desk->path);
    /* Before the lock: a person may take a while. */
    if (!slc_wallet_access_passphrase(desk->config, is_new, &passphrase, error))
        return false;
    if (to_write && (desk->lock_fd = slc_wallet_lock(desk->path, error)) < 0)
        return false;
    /* Another one may have made it meanwhile; then its passphrase counts. */
    is_new = may_make && access(desk->path, F_OK) < 0 && errno == ENOENT;
    desk->wallet = is_new ? slc_wallet_new(desk->path, slc_secret_view(&passphrase), NULL, error)
                          : slc_wallet_open(desk->path, slc_secret_view(&passphrase), error);
    return desk->wallet != NULL;
}

/* The value from the terminal when standard input is one, else all of standard
 * input. */
static bool read_value(const char *question, size_t max_bytes, struct slc_secret *value,
                       struct slc_error *error)
{
    struct slc_error why = {0};

    if (isatty(STDIN_FILENO) == 1)
        return slc_prompt_new_secret(question, "The same again: ", max_bytes, value, error);
    if (slc_secret_read(STDIN_FILENO, max_bytes, value, &why))
        return true;
    return slc_fail(error, why.code, "standard input: %s", why.message);
}

static int say(struct desk *desk, const char *name, const char *what)
{
    SLC_AUTO_BUF struct slc_buf out = {0};

    if (slc_args_has(desk->args, "json")) {
        slc_buf_append_text(&out, "{\"name\":");
        slc_json_text(&out, name);
        slc_json_member_text(&out, "done", what);
        slc_buf_append_text(&out, "}\n");
    } else {
        slc_buf_printf(&out, "%s: %s\n", name, what);
    }
    return slc_cli_print(&out);
}

/* ---- The actions ------------------------------------------------------ */

static int set(struct desk *desk, const char *name, struct slc_error *error)
{
    SLC_AUTO_SECRET struct slc_secret value = {0};
    bool is_new;

    if (!slc_wallet_name_check(slc_str_from(name), error) ||
        !read_value("The value: ", SLC_WALLET_VALUE_MAX_BYTES, &value, error) ||
        !slc_wallet_value_check(slc_secret_view(&value), error) ||
        !open_wallet(desk, true, true, error) ||
        !slc_wallet_set(desk->wallet, slc_str_from(name), slc_secret_view(&value), &is_new,
                        error) ||
        !slc_wallet_save(desk->wallet, error))
        return slc_cli_fail(error);
    return say(desk, name, is_new ? "added" : "changed");
}

static int get(struct desk *desk, const char *name, struct slc_error *error)
{
    struct slc_str value;

    if (!slc_wallet_name_check(slc_str_from(name), error) ||
        !open_wallet(desk, false, false, error))
        return slc_cli_fail(error);
    if (!slc_wallet_get(desk->wallet, slc_str_from(name), &value)) {
        slc_fail(error, SLC_ERR_NOT_FOUND, "the wallet %s has no \"%s\"", desk->path, name);
        return slc_cli_fail(error);
    }
    /* Straight from locked memory. */
    if (!slc_write_all(STDOUT_FILENO, value.data, value.len, error) ||
        !slc_write_all(STDOUT_FILENO, "\n", 1, error))
        return slc_cli_fail(error);
    return 0;
}

static int list(struct desk *desk, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf out = {0};
    bool as_json = slc_args_has(desk->args, "json");

    if (!open_wallet(desk, false, false, error))
        return slc_cli_fail(error);
    slc_buf_append_text(&out, as_json ? "[" : "");
    for (size_t i = 0; i < slc_wallet_count(desk->wallet); i++) {
        if (as_json) {
            slc_json_comma(&out);
            slc_json_string(&out, slc_wallet_name(desk->wallet, i));
        } else {
            slc_buf_append_str(&out, slc_wallet_name(desk->wallet, i));
            slc_buf_append_byte(&out, '\n');
        }
    }
    slc_buf_append_text(&out, as_json ? "]\n" : "");
    return slc_cli_print(&out);
}

static int drop(struct desk *desk, const char *name, struct slc_error *error)
{
    if (!slc_wallet_name_check(slc_str_from(name), error) ||
        !open_wallet(desk, true, false, error) ||
        !slc_wallet_remove(desk->wallet, slc_str_from(name), error) ||
        !slc_wallet_save(desk->wallet, error))
        return slc_cli_fail(error);
    return say(desk, name, "removed");
}

/* The new passphrase is asked for after the old one was seen to be right. */
static int change_passphrase(struct desk *desk, struct slc_error *error)
{
    SLC_AUTO_SECRET struct slc_secret passphrase = {0};

    if (!open_wallet(desk, true, false, error) ||
        !read_value("The new passphrase: ", SLC_WALLET_PASSPHRASE_MAX_BYTES, &passphrase, error) ||
        !slc_wallet_change_passphrase(desk->wallet, slc_secret_view(&passphrase), NULL, error) ||
        !slc_wallet_save(desk->wallet, error))
        return slc_cli_fail(error);
    return say(desk, "passphrase", "changed");
}

static const struct action {
    const char *name;
    bool wants_name;
    int (*run_with_name)(struct desk *desk, const char *name, struct slc_error *error);
    int (*run)(struct desk *desk, struct slc_error *error);
} actions[] = {
    {.name = "set", .wants_name = true, .run_with_name = set},
    {.name = "get", .wants_name = true, .run_with_name = get},
    {.name = "ls", .run = list},
    {.name = "rm", .wants_name = true, .run_with_name = drop},
    {.name = "passwd", .run = change_passphrase},
};

static const struct action *find_action(const struct slc_args *args, struct slc_error *error)
{
    const struct action *action = NULL;

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(args->operands[0], actions[i].name) == 0)
            action = &actions[i];
    if (!action)
        slc_fail(error, SLC_ERR_USAGE,
                 "wallet: \"%.40s\" is none of set, get, ls, rm and passwd (see \"sluice help "
                 "wallet\")",
                 args->operands[0]);
    /* What stands behind a name is perhaps a secret: it is not repeated. */
    else if (args->operand_count > (action->wants_name ? 2u : 1u))
        slc_fail(error, SLC_ERR_USAGE,
                 "wallet %s: too much on the command line; a value is never given there, where "
                 "others could read it: it is asked for, or comes from standard input",
                 action->name);
    else if (action->wants_name && args->operand_count < 2)
        slc_fail(error, SLC_ERR_USAGE, "wallet %s: which NAME? usage: sluice wallet %s NAME",
                 action->name, action->name);
    else
        return action;
    return NULL;
}

static int run(const struct slc_args *args)
{
    AUTO_DESK struct desk desk = {.args = args, .lock_fd = -1};
    struct slc_error error = {0};
    const struct action *action = find_action(args, &error);

    if (!action || !slc_cli_config_as_written(args, &desk.config, &error) ||
        !(desk.path = slc_wallet_access_path(desk.config, &error)))
        return slc_cli_fail(&error);
    return action->wants_name ? action->run_with_name(&desk, args->operands[1], &error)
                              : action->run(&desk, &error);
}

const struct slc_command slc_cmd_wallet = {
    .name = "wallet",
    .args = "set|get|rm NAME | ls | passwd [OPTION...]",
    .summary = "Keep passwords encrypted, for ${wallet:NAME} in the configuration",
    .help = "set asks for the value without showing it, or takes it from standard input; it\n"
            "never stands on the command line. get prints it, ls the names, rm removes one,\n"
            "passwd changes the passphrase (the new one comes as a value does). Any option\n"
            "may refer to it: redis.url=redis://:${wallet:redis}@HOST:6379/0.\n"
            "\n"
            "The file is wallet.path, else wallet in the state directory. Its passphrase\n"
            "comes from the first of: wallet.passphrase_file, the systemd credential\n"
            "sluice-wallet, the container secret /run/secrets/sluice-wallet, the key\n"
            "sluice-wallet in the kernel's session keyring, the terminal.",
    .example = "sluice wallet set redis\n"
               "printf %s \"$PASSWORD\" | sluice wallet set smtp\n"
               "sluice wallet ls",
    .flags = flags,
    .min_operands = 1,
    .max_operands = SLC_ANY_OPERANDS,
    .run = run,
};
