#include "wallet/passphrase.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "wallet/wallet.h"

static bool not_empty(const char *what, const struct slc_secret *passphrase,
                      struct slc_error *error)
{
    return passphrase->len > 0 ||
           slc_fail(error, SLC_ERR_CONFIG, "%s is empty where the wallet's passphrase should be",
                    what);
}

static bool read_place(const char *path, struct slc_secret *passphrase, struct slc_error *error)
{
    struct slc_error why = {0};

    if (slc_secret_read_file(path, SLC_WALLET_PASSPHRASE_MAX_BYTES, passphrase, &why))
        return not_empty(path, passphrase, error);
    return slc_fail(error, why.code == SLC_ERR_MEMORY ? SLC_ERR_MEMORY : SLC_ERR_CONFIG,
                    "the wallet's passphrase cannot be read: %s", why.message);
}

/* DIR/sluice-wallet; `*ret_found` is false where there is none. */
static bool try_folder(const char *dir, struct slc_secret *passphrase, bool *ret_found,
                       struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf path = {0};
    const char *text;

    *ret_found = false;
    if (!dir)
        return true;
    slc_buf_printf(&path, "%s/" SLC_WALLET_CREDENTIAL, dir);
    text = slc_buf_text(&path);
    if (!text)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a path");
    if (access(text, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return true;
    *ret_found = read_place(text, passphrase, error);
    return *ret_found;
}

/* Where there is no such key, no keyring, or a container forbids the call,
 * there is nothing. A key that lies there but is useless is an error. */
static bool try_keyring(struct slc_secret *passphrase, bool *ret_found, struct slc_error *error)
{
    long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user",
                       SLC_WALLET_CREDENTIAL, 0);
    long len;

    *ret_found = false;
    if (key < 0)
        return true;
    if (!slc_secret_reserve(passphrase, SLC_WALLET_PASSPHRASE_MAX_BYTES, error))
        return false;
    len = syscall(SYS_keyctl, KEYCTL_READ, key, passphrase->data, passphrase->capacity);
    if (len < 0)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the key " SLC_WALLET_CREDENTIAL " of the session keyring cannot be read");
    if ((size_t)len > passphrase->capacity)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the key " SLC_WALLET_CREDENTIAL " of the session keyring is too long");
    passphrase->len = (size_t)len;
    if (passphrase->len > 0 && passphrase->data[passphrase->len - 1] == '\n')
        passphrase->len--;
    *ret_found =
        not_empty("the key " SLC_WALLET_CREDENTIAL " of the session keyring", passphrase, error);
    return *ret_found;
}

bool slc_passphrase_find(const struct slc_passphrase_places *places, struct slc_secret *passphrase,
                         const char **ret_source, struct slc_error *error)
{
    bool found;

    *ret_source = NULL;
    if (places->file && *places->file) {
        *ret_source = "the file of wallet.passphrase_file";
        return read_place(places->file, passphrase, error);
    }
    if (!try_folder(places->credentials_dir, passphrase, &found, error))
        return false;
    if (found) {
        *ret_source = "the systemd credential " SLC_WALLET_CREDENTIAL;
        return true;
    }
    if (!try_folder(places->container_secrets, passphrase, &found, error))
        return false;
    if (found) {
        *ret_source = "the container's secret " SLC_WALLET_CREDENTIAL;
        return true;
    }
    if (!places->keyring)
        return true;
    if (!try_keyring(passphrase, &found, error))
        return false;
    if (found)
        *ret_source = "the key " SLC_WALLET_CREDENTIAL " of the session keyring";
    return true;
}
