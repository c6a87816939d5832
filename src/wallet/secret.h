/* Secrets in memory: locked, kept out of core dumps, between guard pages, and
 * erased when released (libsodium's sodium_malloc()). Locking is a best effort:
 * where RLIMIT_MEMLOCK allows none, the rest still holds. */
#ifndef SLC_WALLET_SECRET_H
#define SLC_WALLET_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

/* Zero-initialised is empty. */
struct slc_secret {
    char *data; /* owned */
    size_t len;
    size_t capacity;
};

#define SLC_AUTO_SECRET SLC_CLEANUP(slc_secret_release)

/* Erase and free; empty and usable afterwards. */
void slc_secret_release(struct slc_secret *secret);

/* Room for `capacity` bytes; what was in it is released. Errors: MEMORY,
 * INTERNAL (libsodium cannot be used). */
bool slc_secret_reserve(struct slc_secret *secret, size_t capacity, struct slc_error *error);

/* A copy of `bytes`; what was in it is released. Errors: as above. */
bool slc_secret_set(struct slc_secret *secret, struct slc_str bytes, struct slc_error *error);

static inline struct slc_str slc_secret_view(const struct slc_secret *secret)
{
    return (struct slc_str){.data = secret->data ? secret->data : "", .len = secret->len};
}

/* All that comes from `fd` until its end, at most `max_bytes`; one line end
 * behind it is cut off. Errors: IO, LIMIT, MEMORY, INTERNAL. */
bool slc_secret_read(int fd, size_t max_bytes, struct slc_secret *secret, struct slc_error *error);

/* The same of a regular file. Errors: NOT_FOUND, too. */
bool slc_secret_read_file(const char *path, size_t max_bytes, struct slc_secret *secret,
                          struct slc_error *error);

#endif
