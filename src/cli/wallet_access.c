#include "cli/wallet_access.h"

#include <sys/resource.h>
#include <unistd.h>

#include "cli/prompt.h"
#include "wallet/passphrase.h"
#include "wallet/secret_service.h"

enum { SECRET_SERVICE_PATIENCE_MS = 30000 };

/* What a person typed once is not asked for again. */
static struct slc_secret typed;
static bool never_ask;

void slc_wallet_access_never_ask(void)
{
    never_ask = true;
}

char *slc_wallet_access_path(const struct slc_config *config, struct slc_error *error)
{
    SLC_AUTO_FREE char *state_dir = slc_config_state_dir(config, environ);
    const char *set = slc_config_text(config, "wallet.path");
    SLC_AUTO_BUF struct slc_buf path = {0};
    char *text = NULL;

    if (state_dir) {
        if (*set)
            slc_buf_append_text(&path, set);
        else
            slc_buf_printf(&path, "%s/wallet", state_dir);
        text = slc_buf_steal(&path, NULL);
    }
    if (!text)
        slc_fail(error, SLC_ERR_MEMORY, "no memory for the wallet's path");
    return text;
}

static bool find(const struct slc_config *config, struct slc_secret *passphrase,
                 const char **ret_source, struct slc_error *error)
{
    const struct slc_passphrase_places places = {
        .file = slc_config_text(config, "wallet.passphrase_file"),
        .credentials_dir = slc_environment_get(environ, "CREDENTIALS_DIRECTORY"),
        .container_secrets = SLC_WALLET_CONTAINER_SECRETS,
        .keyring = true,
    };

    return slc_passphrase_find(&places, passphrase, ret_source, error);
}

bool slc_wallet_access_source(const struct slc_config *config, const char **ret_source,
                              struct slc_error *error)
{
    SLC_AUTO_SECRET struct slc_secret passphrase = {0};

    return find(config, &passphrase, ret_source, error);
}

bool slc_wallet_access_passphrase(const struct slc_config *config, bool is_new,
                                  struct slc_secret *passphrase, struct slc_error *error)
{
    struct slc_error why = {0};
    const char *source;
    bool good;

    if (!find(config, passphrase, &source, error))
        return false;
    if (source)
        return true;
    if (typed.data && !is_new)
        return slc_secret_set(passphrase, slc_secret_view(&typed), error);
    if (never_ask)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the wallet's passphrase is nowhere, and a service that runs asks nobody: "
                        "set wallet.passphrase_file, or start it anew");
    good = is_new ? slc_prompt_new_secret("A passphrase for the new wallet: ", "The same again: ",
                                          SLC_WALLET_PASSPHRASE_MAX_BYTES, passphrase, &why)
                  : slc_prompt_secret("The wallet's passphrase: ", SLC_WALLET_PASSPHRASE_MAX_BYTES,
                                      passphrase, &why);
    if (good)
        return slc_secret_set(&typed, slc_secret_view(passphrase), error);
    if (why.code == SLC_ERR_NOT_FOUND)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the wallet's passphrase is nowhere, and there is no terminal to ask on: "
                        "set wallet.passphrase_file, or give the systemd credential or container "
                        "secret " SLC_WALLET_CREDENTIAL);
    return slc_fail(error, why.code, "%s", why.message);
}

/* ---- References in values ---------------------------------------------- */

struct look_up {
    const struct slc_config *config;
    struct slc_wallet *wallet; /* NULL: not opened, or there is none */
    bool is_missing;           /* there is no file */
};

/* A core file would hold every secret. */
static void forbid_core_files(void)
{
    const struct rlimit none = {0, 0};

    (void)setrlimit(RLIMIT_CORE, &none);
}

static bool open_wallet(struct look_up *look_up, const char *path, struct slc_error *error)
{
    SLC_AUTO_SECRET struct slc_secret passphrase = {0};

    if (look_up->wallet || look_up->is_missing)
        return true;
    forbid_core_files();
    if (access(path, F_OK) < 0) {
        look_up->is_missing = true;
        return true;
    }
    if (!slc_wallet_access_passphrase(look_up->config, false, &passphrase, error))
        return false;
    look_up->wallet = slc_wallet_open(path, slc_secret_view(&passphrase), error);
    if (!look_up->wallet && !never_ask)
        slc_secret_release(&typed); /* it may have been mistyped */
    return look_up->wallet != NULL;
}

static bool ask_secret_service(struct slc_str name, struct slc_buf *value, struct slc_error *error)
{
    SLC_AUTO_SECRET struct slc_secret secret = {0};

    if (!slc_secret_service_get(name, SECRET_SERVICE_PATIENCE_MS, &secret, error))
        return false;
    if (!slc_wallet_value_check(slc_secret_view(&secret), error))
        return false;
    slc_buf_append_str(value, slc_secret_view(&secret));
    return true;
}

static bool look_up_name(void *state, struct slc_str name, struct slc_buf *value,
                         struct slc_error *error)
{
    struct look_up *look_up = state;
    bool has_service = slc_config_bool(look_up->config, "wallet.secret_service");
    SLC_AUTO_FREE char *path = slc_wallet_access_path(look_up->config, error);
    struct slc_str found;

    if (!path || !slc_wallet_name_check(name, error) || !open_wallet(look_up, path, error))
        return false;
    if (look_up->wallet && slc_wallet_get(look_up->wallet, name, &found)) {
        slc_buf_append_str(value, found);
        return true;
    }
    if (has_service)
        return ask_secret_service(name, value, error);
    return slc_fail(error, SLC_ERR_CONFIG, "%s %s%s: sluice wallet set %.*s",
                    look_up->wallet ? "the wallet" : "there is no wallet at", path,
                    look_up->wallet ? " has no such name" : "", SLC_STR_ARG(name));
}

bool slc_wallet_access_put_secrets(struct slc_config *config, struct slc_error *error)
{
    struct look_up look_up = {.config = config};
    const struct slc_config_secrets secrets = {.look_up = look_up_name, .state = &look_up};
    bool good = slc_config_put_secrets(config, &secrets, error);

    slc_wallet_free(look_up.wallet);
    return good;
}
