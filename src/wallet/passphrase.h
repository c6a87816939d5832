/* Where the wallet's passphrase comes from when nobody is asked for it. The
 * first of these that is there counts:
 *
 *  1. a file that the configuration names; it has to be there then;
 *  2. a systemd credential: $CREDENTIALS_DIRECTORY/sluice-wallet
 *     (LoadCredential=, SetCredential= of systemd.exec(5));
 *  3. a container's secret: /run/secrets/sluice-wallet;
 *  4. a key "sluice-wallet" of type "user" in the kernel's session keyring
 *     (keyctl padd user sluice-wallet @s; keyrings(7)).
 *
 * One line end behind it is cut off. */
#ifndef SLC_WALLET_PASSPHRASE_H
#define SLC_WALLET_PASSPHRASE_H

#include "wallet/secret.h"

#define SLC_WALLET_CREDENTIAL "sluice-wallet"
#define SLC_WALLET_CONTAINER_SECRETS "/run/secrets"

struct slc_passphrase_places {
    const char *file;              /* NULL or "": none is named */
    const char *credentials_dir;   /* NULL: not started by systemd with one */
    const char *container_secrets; /* the folder; NULL: none */
    bool keyring;                  /* look into the session keyring, too */
};

/* `ret_source` says where it was found, for people ("the systemd credential
 * sluice-wallet"), and is NULL when it was nowhere, which is no error. Errors:
 * CONFIG (a place that is there but cannot be used), MEMORY, INTERNAL. */
bool slc_passphrase_find(const struct slc_passphrase_places *places, struct slc_secret *passphrase,
                         const char **ret_source, struct slc_error *error);

#endif
