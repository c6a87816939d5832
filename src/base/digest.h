/* SHA-256, random bytes and constant-time comparison, all by OpenSSL's
 * libcrypto. */
#ifndef SLC_BASE_DIGEST_H
#define SLC_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

enum { SLC_SHA256_BYTES = 32, SLC_SHA256_HEX_BYTES = 65 };

struct slc_sha256; /* a running digest */

/* NULL when memory ran out. */
struct slc_sha256 *slc_sha256_new(void);
void slc_sha256_update(struct slc_sha256 *digest, const void *bytes, size_t len);
/* Ends the digest and frees it; `hex` (may be NULL) gets 64 lower-case digits and a NUL. */
void slc_sha256_finish(struct slc_sha256 *digest, char hex[SLC_SHA256_HEX_BYTES]);

/* The digest of one piece of memory as 64 lower-case hex digits and a NUL. */
void slc_sha256_hex(struct slc_str bytes, char hex[SLC_SHA256_HEX_BYTES]);

/* `hex` gets 2 * len digits and a NUL. */
void slc_hex_encode(const void *bytes, size_t len, char *hex);

/* Random bytes fit for keys. */
bool slc_random_bytes(void *bytes, size_t len, struct slc_error *error);

/* Equality in a time that depends on the lengths alone. */
bool slc_equal_constant_time(struct slc_str a, struct slc_str b);

#endif
