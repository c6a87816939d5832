/* Inside service: sessions and rate limits in Redis, shared by all workers and by
 * all services of one Redis and registry key (docs/redis-keys.md names the keys).
 *
 * Sessions. What Redis said of one counts in this process for a fifth of a
 * second, so that a client who calls a thousand times a second does not cost a
 * thousand questions. A session that is ended is ended at once in all processes
 * of this service (they share a count of changes, shared.h), and after that
 * fifth of a second in others. What is not there is asked for each time.
 *
 * Rate limits. Redis counts; a key that has reached its limit is refused here
 * until its window ends, without asking again. Limits of more than a few hundred
 * hits a window are taken in small lots.
 *
 * While Redis is away, limits and wrong keys are counted in memory, and sessions
 * cannot be looked up; after a failure it is left alone for a moment, so that a
 * Redis that does not answer does not hold up every call. Any thread. */
#ifndef SLC_SERVICE_ACCESS_H
#define SLC_SERVICE_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#include "http/limit.h"
#include "http/session.h"
#include "redis/pool.h"
#include "service/shared.h"

enum {
    SLC_ACCESS_CACHE_USEC = 200000,
    SLC_ACCESS_AWAY_USEC = 500000,
    SLC_ACCESS_TIMEOUT_MS = 1000, /* at most; redis.timeout_ms when that is less */
};

struct slc_access_store;

struct slc_access_options {
    const struct slc_redis_url *redis_url; /* borrowed */
    int64_t timeout_ms;                    /* redis.timeout_ms */
    size_t connections;                    /* at most */
    const char *registry_key;              /* copied; the keys' prefix */
    struct slc_rate rate;                  /* of the limits */
    const struct slc_shared *shared;       /* borrowed */
};

/* Connects to nothing yet. NULL on failure. Errors: MEMORY. */
struct slc_access_store *slc_access_new(const struct slc_access_options *options,
                                        struct slc_error *error);
/* When sessions and limits that use it are freed. NULL is fine. */
void slc_access_free(struct slc_access_store *access);

/* For slc_sessions_options and slc_limits_options; the state of both is the
 * slc_access_store, which they do not free. */
extern const struct slc_session_ops slc_access_session_ops;
extern const struct slc_limit_ops slc_access_limit_ops;

#endif
