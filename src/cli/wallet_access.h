/* The wallet as the commands reach it: its path, its passphrase, and the
 * secrets that configuration values refer to. */
#ifndef SLC_CLI_WALLET_ACCESS_H
#define SLC_CLI_WALLET_ACCESS_H

#include "config/config.h"
#include "wallet/secret.h"
#include "wallet/wallet.h"

/* wallet.path, else "wallet" in the state directory. To be freed with free();
 * NULL when memory ran out (the error says so). */
char *slc_wallet_access_path(const struct slc_config *config, struct slc_error *error);

/* The passphrase: from one of the places of wallet/passphrase.h, else from the
 * terminal, twice when it `is_new`. Errors: CONFIG (also when it is nowhere and
 * nobody can be asked), CANCELLED, MEMORY. */
bool slc_wallet_access_passphrase(const struct slc_config *config, bool is_new,
                                  struct slc_secret *passphrase, struct slc_error *error);

/* Where a passphrase would come from, for people; NULL: a terminal would be
 * asked. Nothing is decrypted. Errors: as above. */
bool slc_wallet_access_source(const struct slc_config *config, const char **ret_source,
                              struct slc_error *error);

/* Put the secrets in that the values refer to. The wallet is opened only when
 * one does, and then this process leaves no core files from now on. A passphrase
 * that was typed is kept (locked in memory) for the next call, which a service
 * makes when it reads its configuration again. Errors: as those of
 * slc_config_put_secrets(). */
bool slc_wallet_access_put_secrets(struct slc_config *config, struct slc_error *error);

/* From now on nobody is asked on a terminal: a service that runs would wait there. What was
 * typed before still counts. */
void slc_wallet_access_never_ask(void);

#endif
