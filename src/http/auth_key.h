/* The key of the installation, known only as a salted hash. */
#ifndef SLC_HTTP_AUTH_KEY_H
#define SLC_HTTP_AUTH_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum {
    SLC_AUTH_SALT_BYTES = 16,
    SLC_AUTH_HASH_BYTES = 32,
    SLC_AUTH_KEY_TEXT_BYTES = 7 + 32 + 1 + 64 + 1, /* the text form with its NUL */
    SLC_AUTH_SECRET_TEXT_BYTES = 44,               /* a made key with its NUL */
    SLC_AUTH_SECRET_MAX_BYTES = 1024,              /* longer secrets are never right */
    SLC_AUTH_KEY_ID_BYTES = 32 + 1,                /* with its NUL */
};

struct slc_auth_key {
    uint8_t salt[SLC_AUTH_SALT_BYTES];
    uint8_t hash[SLC_AUTH_HASH_BYTES]; /* SHA-256 of salt, then secret */
};

/* Hash a secret (1 to 1024 bytes) with a fresh random salt. Errors: CONFIG, INTERNAL, MEMORY. */
bool slc_auth_key_make(struct slc_str secret, struct slc_auth_key *ret_key,
                       struct slc_error *error);

/* The same with a salt that follows from the secret (PBKDF2, some ten milliseconds
 * long), so that every process that is given the secret has the same key. */
bool slc_auth_key_derive(struct slc_str secret, struct slc_auth_key *ret_key,
                         struct slc_error *error);

/* What the key is called among its like, in hexadecimal digits: the same wherever
 * salt and hash are the same. It helps nobody to find the secret who does not have
 * the salt. False: SHA-256 failed. */
bool slc_auth_key_id(const struct slc_auth_key *key, char id[SLC_AUTH_KEY_ID_BYTES]);

/* True when `secret` is the key's; takes the same time whether or not it is. */
bool slc_auth_key_matches(const struct slc_auth_key *key, struct slc_str secret);

/* The one-line text form "sha256:<salt hex>:<hash hex>". Parsing ignores white
 * space at both ends. Errors: CONFIG (never showing the text). */
void slc_auth_key_format(const struct slc_auth_key *key, char text[SLC_AUTH_KEY_TEXT_BYTES]);
bool slc_auth_key_parse(struct slc_str text, struct slc_auth_key *ret_key, struct slc_error *error);
/* True when the text begins as the text form does, so that a configuration
 * value may be either a secret or a hash. */
bool slc_auth_key_is_text_form(struct slc_str text);

/* A new secret: 256 random bits as 43 characters of base64url. */
bool slc_auth_secret_make(char secret[SLC_AUTH_SECRET_TEXT_BYTES], struct slc_error *error);

#endif
