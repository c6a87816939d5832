/* Asking a person for a secret, on the terminal and without echo. */
#ifndef SLC_CLI_PROMPT_H
#define SLC_CLI_PROMPT_H

#include "wallet/secret.h"

/* Ask on the controlling terminal, whatever standard input and output are; one
 * line of at most `max_bytes`. Errors: NOT_FOUND (there is no terminal),
 * CANCELLED (Ctrl-C, Ctrl-D), LIMIT, IO, MEMORY. */
bool slc_prompt_secret(const char *question, size_t max_bytes, struct slc_secret *ret_secret,
                       struct slc_error *error);

/* Ask twice, until both are the same (three tries). Errors: as above, USAGE. */
bool slc_prompt_new_secret(const char *question, const char *again, size_t max_bytes,
                           struct slc_secret *ret_secret, struct slc_error *error);

#endif
