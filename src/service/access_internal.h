/* Inside service: what access.c and its two halves share. */
#ifndef SLC_SERVICE_ACCESS_INTERNAL_H
#define SLC_SERVICE_ACCESS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/expiring.h"
#include "service/access.h"

enum { SLC_ACCESS_KEY_BYTES = 1024 };

struct slc_access_store {
    struct slc_redis_pool *pool;
    char *prefix; /* owned: the registry key */
    struct slc_rate rate;
    int64_t lot; /* hits that are taken at a time */
    const struct slc_shared *shared;
    _Atomic int64_t away_until_usec; /* monotonic: Redis is not asked before */

    pthread_mutex_t lock;                         /* of what follows */
    struct slc_expiring *seen[SLC_SESSION_KINDS]; /* what Redis said of late */
    struct slc_expiring *windows;                 /* of the rate limits */
    void *fallback;                               /* wrong keys while Redis is away; locks itself */
};

/* A connection; NULL while Redis is away. */
struct slc_redis *slc_access_take(struct slc_access_store *access, struct slc_error *error);

/* Give it back; `good`: the call went well. */
void slc_access_give(struct slc_access_store *access, struct slc_redis *redis, bool good);

/* "PREFIX:what:key"; false when it is too long. */
bool slc_access_key(const struct slc_access_store *access, const char *what, struct slc_str key,
                    char text[SLC_ACCESS_KEY_BYTES], struct slc_str *ret_key);

#endif
