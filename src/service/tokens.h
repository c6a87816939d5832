/* API keys beside that of the installation: each has a name, is shown once when
 * it is made, and is known only as a salted hash afterwards. They are lines of
 * the file "tokens" in the state directory:
 *
 *     NAME YYYY-MM-DD:HH:MM:SS sha256:<salt>:<hash>
 *
 * A service reads them when it starts and at SIGHUP. */
#ifndef SLC_SERVICE_TOKENS_H
#define SLC_SERVICE_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/time.h"
#include "http/auth_key.h"

enum { SLC_TOKENS_MAX = 32, SLC_TOKEN_NAME_BYTES = 65 };

struct slc_token {
    char name[SLC_TOKEN_NAME_BYTES]; /* letters, digits, '-', '_', '.' */
    char made[SLC_STAMP_BYTES];      /* when */
    struct slc_auth_key key;
};

struct slc_tokens {
    struct slc_token items[SLC_TOKENS_MAX]; /* in the order in which they were made */
    size_t count;
};

/* All tokens; none where there is no file. Errors: CONFIG (the file is no list
 * of tokens; the line is named), IO. */
bool slc_tokens_read(const char *state_dir, struct slc_tokens *ret_tokens, struct slc_error *error);

/* Make one. `name` NULL: "token-1" or the next free number; `ret_name` gets the
 * name. `secret` is to be shown and erased. Errors: NAME, CONFLICT (the name is
 * taken, or another process is at it), LIMIT, CONFIG, IO, MEMORY. */
bool slc_tokens_add(const char *state_dir, const char *name, char ret_name[SLC_TOKEN_NAME_BYTES],
                    char secret[SLC_AUTH_SECRET_TEXT_BYTES], struct slc_error *error);

/* Errors: NOT_FOUND, CONFLICT, CONFIG, IO. */
bool slc_tokens_remove(const char *state_dir, const char *name, struct slc_error *error);

#endif
