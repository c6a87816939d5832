/* A look-up in the desktop's Secret Service (GNOME Keyring, KWallet, KeePassXC;
 * freedesktop.org Secret Service API 0.2) through libsecret, which is loaded
 * when it is asked for and not linked: machines without it do without.
 *
 * Entries are those that Python's keyring makes: `keyring set sluice NAME`, and
 * secret-tool store --label=NAME service sluice username NAME. */
#ifndef SLC_WALLET_SECRET_SERVICE_H
#define SLC_WALLET_SECRET_SERVICE_H

#include "wallet/secret.h"

/* The secret of NAME. A process of its own asks for it, so that GLib and its
 * threads end with it; after `timeout_ms` (a service may ask its user to unlock
 * it) that process is killed. Errors: NOT_FOUND (no such entry), CONFIG
 * (libsecret or the service is not there, or gave no answer), LIMIT, IO,
 * MEMORY. */
bool slc_secret_service_get(struct slc_str name, int64_t timeout_ms, struct slc_secret *value,
                            struct slc_error *error);

#endif
