/* The wallet: credentials in one encrypted file (docs/wallet.md says it byte by
 * byte).
 *
 *     open or make it -> get, set, remove -> save
 *
 * Whoever wants to change the file takes its lock first, so that no change of
 * another process is lost; readers need none, because the file is replaced in
 * one step. A file that does not open is never written to. */
#ifndef SLC_WALLET_WALLET_H
#define SLC_WALLET_WALLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "wallet/secret.h"

enum {
    SLC_WALLET_ENTRIES_MAX = 256,
    SLC_WALLET_NAME_MAX_BYTES = 64,
    SLC_WALLET_VALUE_MAX_BYTES = 8192,
    SLC_WALLET_PASSPHRASE_MIN_BYTES = 8, /* of a new one */
    SLC_WALLET_PASSPHRASE_MAX_BYTES = 1024,
};

/* The work that one try of a passphrase takes (Argon2id). */
struct slc_wallet_cost {
    uint32_t passes;     /* 1 to 16 */
    uint32_t memory_kib; /* 1024 to 262144 */
};

struct slc_wallet;

/* Read the file. Errors: NOT_FOUND (no such file), CONFIG (the passphrase is
 * wrong; damaged, altered or no wallet), IO, MEMORY. */
struct slc_wallet *slc_wallet_open(const char *path, struct slc_str passphrase,
                                   struct slc_error *error);

/* An empty one, which is on disk only after slc_wallet_save(). `cost` NULL is
 * what is good for a new one: 3 passes over 64 MiB (RFC 9106, 4). Errors:
 * CONFIG (the passphrase), MEMORY, INTERNAL. */
struct slc_wallet *slc_wallet_new(const char *path, struct slc_str passphrase,
                                  const struct slc_wallet_cost *cost, struct slc_error *error);

/* Erases what it holds. */
void slc_wallet_free(struct slc_wallet *wallet);
void slc_wallet_freep(struct slc_wallet **wallet);
#define SLC_AUTO_WALLET SLC_CLEANUP(slc_wallet_freep)

/* The entries in the order of their names. A value lives until the next change
 * of the wallet. */
size_t slc_wallet_count(const struct slc_wallet *wallet);
struct slc_str slc_wallet_name(const struct slc_wallet *wallet, size_t i);
bool slc_wallet_get(const struct slc_wallet *wallet, struct slc_str name,
                    struct slc_str *ret_value);

/* Add an entry or give it another value. `ret_is_new` may be NULL. Errors:
 * NAME, CONFIG (the value), LIMIT, MEMORY; the wallet is as it was then. */
bool slc_wallet_set(struct slc_wallet *wallet, struct slc_str name, struct slc_str value,
                    bool *ret_is_new, struct slc_error *error);

/* Errors: NOT_FOUND, MEMORY. */
bool slc_wallet_remove(struct slc_wallet *wallet, struct slc_str name, struct slc_error *error);

/* Seal it with another passphrase from the next saving on, with today's cost
 * (`cost` as above). Errors: CONFIG, MEMORY. */
bool slc_wallet_change_passphrase(struct slc_wallet *wallet, struct slc_str passphrase,
                                  const struct slc_wallet_cost *cost, struct slc_error *error);

/* Replace the file (mode 0600) in one step; on failure the old one is as it
 * was. Temporary files that killed writers left are removed. The caller holds
 * the lock. Errors: IO, MEMORY. */
bool slc_wallet_save(const struct slc_wallet *wallet, struct slc_error *error);

/* Take the lock of a wallet that is or shall be at `path` ("<path>.lock"; the
 * folder is made, mode 0700). Returns the descriptor, to be closed; -1 on
 * error. Errors: CONFLICT (another one has held it for ten seconds), IO. */
int slc_wallet_lock(const char *path, struct slc_error *error);

/* Errors: NAME. `error` may be NULL. */
bool slc_wallet_name_check(struct slc_str name, struct slc_error *error);
/* Not empty, UTF-8 without NUL. Errors: CONFIG, LIMIT. The value is not in them. */
bool slc_wallet_value_check(struct slc_str value, struct slc_error *error);
/* Long enough for a new one. Errors: CONFIG. */
bool slc_wallet_passphrase_check(struct slc_str passphrase, struct slc_error *error);

#endif
