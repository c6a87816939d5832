/* Inside service: which keys are right. */
#ifndef SLC_SERVICE_KEY_H
#define SLC_SERVICE_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "config/config.h"
#include "http/auth_key.h"
#include "service/tokens.h"

enum { SLC_SERVICE_KEYS_MAX = 2 + SLC_TOKENS_MAX, SLC_SSH_FINGERPRINT_BYTES = 7 + 44 + 1 };

struct slc_service_keys {
    struct slc_auth_key keys[SLC_SERVICE_KEYS_MAX];
    size_t count;
    /* A key that was made just now and has to be shown, once; else "". */
    char made[SLC_AUTH_SECRET_TEXT_BYTES];
};

/* The keys by the configuration: auth.key (a secret, or its hash in the text
 * form of http/auth_key.h), else the one whose hash is in `state_dir`/key.hash,
 * which is made when it is missing; the fingerprint of auth.ssh_public_key; and
 * the tokens of service/tokens.h.
 * Errors: CONFIG (a key file that is none), IO, NOT_FOUND, MEMORY, INTERNAL. */
bool slc_service_keys(const struct slc_config *config, const char *state_dir,
                      struct slc_service_keys *ret_keys, struct slc_error *error);

/* Forget the key that was made and could not be shown: nobody has it. */
void slc_service_keys_unmake(const char *state_dir);

/* What `ssh-keygen -lf` shows of a public key line ("ssh-ed25519 AAAA... name",
 * RFC 4716's blob in base64): "SHA256:" and the digest in base64 without
 * padding. Errors: CONFIG. */
bool slc_ssh_fingerprint(struct slc_str line, char fingerprint[SLC_SSH_FINGERPRINT_BYTES],
                         struct slc_error *error);

#endif
