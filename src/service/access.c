#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/metrics.h"
#include "base/time.h"
#include "service/access_internal.h"

enum {
    SEEN_MAX = 8192,
    WINDOWS_MAX = 16384,
    /* A lot is at most so small a part of the limit, so that what one process
     * holds and does not use is hardly missed by the others. */
    LOT_PART = 500,
    LOT_MAX = 1000,
};

static bool make_tables(struct slc_access_store *access)
{
    for (size_t i = 0; i < SLC_SESSION_KINDS; i++)
        if (!(access->seen[i] = slc_expiring_new(SEEN_MAX)))
            return false;
    access->windows = slc_expiring_new(WINDOWS_MAX);
    access->fallback = slc_session_memory_new(SEEN_MAX, NULL, NULL);
    return access->windows && access->fallback;
}

struct slc_access_store *slc_access_new(const struct slc_access_options *options,
                                        struct slc_error *error)
{
    struct slc_access_store *access = calloc(1, sizeof(*access));
    int64_t timeout_ms = options->timeout_ms < SLC_ACCESS_TIMEOUT_MS
                             ? options->timeout_ms
                             : (int64_t)SLC_ACCESS_TIMEOUT_MS;

    if (!access || pthread_mutex_init(&access->lock, NULL) != 0) {
        free(access);
        slc_fail(error, SLC_ERR_MEMORY, "no memory for sessions and limits");
        return NULL;
    }
    access->shared = options->shared;
    access->rate = options->rate;
    access->lot = options->rate.amount / LOT_PART;
    access->lot = access->lot < 1 ? 1 : access->lot > LOT_MAX ? LOT_MAX : access->lot;
    access->prefix = strdup(options->registry_key);
    access->pool = slc_redis_pool_new(options->redis_url, options->connections, timeout_ms, NULL);
    if (access->prefix && access->pool && make_tables(access))
        return access;
    slc_access_free(access);
    slc_fail(error, SLC_ERR_MEMORY, "no memory for sessions and limits");
    return NULL;
}

void slc_access_free(struct slc_access_store *access)
{
    if (!access)
        return;
    for (size_t i = 0; i < SLC_SESSION_KINDS; i++)
        slc_expiring_free(access->seen[i]);
    slc_expiring_free(access->windows);
    slc_session_memory_ops.free(access->fallback);
    slc_redis_pool_free(access->pool);
    free(access->prefix);
    pthread_mutex_destroy(&access->lock);
    free(access);
}

static void note_failure(struct slc_access_store *access)
{
    slc_counters_add(access->shared->counters, SLC_METRIC_REDIS_ERRORS, 1);
    atomic_store(&access->away_until_usec, slc_monotonic_usec() + SLC_ACCESS_AWAY_USEC);
}

struct slc_redis *slc_access_take(struct slc_access_store *access, struct slc_error *error)
{
    struct slc_redis *redis;

    if (slc_monotonic_usec() < atomic_load(&access->away_until_usec)) {
        slc_fail(error, SLC_ERR_CONNECTION, "Redis did not answer a moment ago");
        return NULL;
    }
    redis = slc_redis_pool_take(access->pool, error);
    if (!redis)
        note_failure(access);
    return redis;
}

void slc_access_give(struct slc_access_store *access, struct slc_redis *redis, bool good)
{
    if (!good)
        note_failure(access);
    slc_redis_pool_give(access->pool, redis);
}

bool slc_access_key(const struct slc_access_store *access, const char *what, struct slc_str key,
                    char text[SLC_ACCESS_KEY_BYTES], struct slc_str *ret_key)
{
    int len =
        snprintf(text, SLC_ACCESS_KEY_BYTES, "%s:%s:%.*s", access->prefix, what, SLC_STR_ARG(key));

    if (len < 0 || len >= SLC_ACCESS_KEY_BYTES)
        return false;
    *ret_key = (struct slc_str){.data = text, .len = (size_t)len};
    return true;
}
