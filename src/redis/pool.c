#include "redis/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/time.h"
#include "redis/settings.h"

struct slc_redis_pool {
    struct slc_redis_url url;
    int64_t timeout_ms;
    pthread_mutex_t mutex;
    pthread_cond_t freed_cond; /* a connection or the right to open one came free */
    size_t max;
    size_t taken;
    size_t idle_count;
    struct slc_redis *idle[]; /* room for `max`; the last given back is taken first */
};

struct slc_redis_pool *slc_redis_pool_new(const struct slc_redis_url *url, size_t max_connections,
                                          int64_t timeout_ms, struct slc_error *error)
{
    struct slc_redis_pool *pool = NULL;
    pthread_condattr_t attributes;

    if (max_connections > 0 && max_connections <= 65536)
        pool = calloc(1, sizeof(*pool) + max_connections * sizeof(struct slc_redis *));
    if (!pool) {
        slc_fail(error, SLC_ERR_MEMORY, "no pool of %zu Redis connections can be made",
                 max_connections);
        return NULL;
    }
    pool->url = *url;
    slc_redis_settings_ref(pool->url.settings);
    pool->timeout_ms = timeout_ms;
    pool->max = max_connections;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->freed_cond, &attributes);
    pthread_condattr_destroy(&attributes);
    return pool;
}

void slc_redis_pool_free(struct slc_redis_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->idle_count; i++)
        slc_redis_close(pool->idle[i]);
    pthread_cond_destroy(&pool->freed_cond);
    pthread_mutex_destroy(&pool->mutex);
    slc_redis_url_wipe(&pool->url);
    slc_redis_settings_unref(pool->url.settings);
    free(pool);
}

/* Count one more as taken; false when none came free in time. `*ret` is an idle
 * connection or NULL for the right to open one. */
static bool claim(struct slc_redis_pool *pool, struct slc_redis **ret)
{
    int64_t deadline_usec = slc_monotonic_usec() + pool->timeout_ms * 1000;
    struct timespec until = {.tv_sec = deadline_usec / SLC_USEC_PER_SEC,
                             .tv_nsec = deadline_usec % SLC_USEC_PER_SEC * 1000};
    int status = 0;
    bool good;

    pthread_mutex_lock(&pool->mutex);
    while (pool->taken == pool->max && status != ETIMEDOUT)
        status = pthread_cond_timedwait(&pool->freed_cond, &pool->mutex, &until);
    good = pool->taken < pool->max;
    if (good) {
        pool->taken++;
        *ret = pool->idle_count > 0 ? pool->idle[--pool->idle_count] : NULL;
    }
    pthread_mutex_unlock(&pool->mutex);
    return good;
}

static void release(struct slc_redis_pool *pool, struct slc_redis *idle)
{
    pthread_mutex_lock(&pool->mutex);
    pool->taken--;
    if (idle)
        pool->idle[pool->idle_count++] = idle;
    pthread_cond_signal(&pool->freed_cond);
    pthread_mutex_unlock(&pool->mutex);
}

struct slc_redis *slc_redis_pool_take(struct slc_redis_pool *pool, struct slc_error *error)
{
    struct slc_redis *redis = NULL;

    if (!claim(pool, &redis)) {
        slc_fail(error, SLC_ERR_TIMEOUT,
                 "all %zu connections to Redis are in use; Redis is slow or there are too many "
                 "requests",
                 pool->max);
        return NULL;
    }
    /* The server may have been restarted since it was given back. */
    if (redis && slc_redis_is_idle(redis)) {
        slc_redis_set_timeout(redis, pool->timeout_ms);
        return redis;
    }
    slc_redis_close(redis);
    redis = slc_redis_open(&pool->url, pool->timeout_ms, error);
    if (!redis)
        release(pool, NULL);
    return redis;
}

void slc_redis_pool_give(struct slc_redis_pool *pool, struct slc_redis *redis)
{
    if (!redis)
        return;
    if (!slc_redis_is_idle(redis)) {
        slc_redis_close(redis);
        redis = NULL;
    }
    release(pool, redis);
}
