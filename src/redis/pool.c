#include "redis/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "redis/replicas.h"
#include "redis/settings.h"

struct slc_redis_pool {
    struct slc_redis_url url;
    int64_t timeout_ms;
    pthread_mutex_t mutex;
    pthread_cond_t freed_cond;            /* a connection or the right to open one came free */
    _Atomic int64_t lost;                 /* connections that were not opened anew yet */
    _Atomic int64_t no_reader_until_usec; /* no replica to read from was found a moment ago */
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

/* The idle connection of this kind that was given back last; NULL: none. */
static struct slc_redis *take_idle(struct slc_redis_pool *pool, bool wants_reader)
{
    for (size_t i = pool->idle_count; i > 0; i--) {
        struct slc_redis *idle = pool->idle[i - 1];

        if ((slc_redis_reader_since(idle) != 0) != wants_reader)
            continue;
        memmove(&pool->idle[i - 1], &pool->idle[i], (pool->idle_count - i) * sizeof(idle));
        pool->idle_count--;
        return idle;
    }
    return NULL;
}

/* Count one more as taken; false when none came free in time. `*ret` is an idle
 * connection or NULL for the right to open one; `*ret_other` one of the other
 * kind that has to be closed to make room for it. */
static bool claim(struct slc_redis_pool *pool, bool wants_reader, struct slc_redis **ret,
                  struct slc_redis **ret_other)
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
        *ret = take_idle(pool, wants_reader);
        if (!*ret && pool->taken + pool->idle_count > pool->max)
            *ret_other = take_idle(pool, !wants_reader);
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

/* A connection that was opened in the place of one that was lost. */
static void count_if_lost(struct slc_redis_pool *pool, const struct slc_redis *opened)
{
    int64_t lost = atomic_load(&pool->lost);

    while (opened && lost > 0)
        if (atomic_compare_exchange_weak(&pool->lost, &lost, lost - 1)) {
            slc_redis_count_reconnect(pool->url.settings);
            break;
        }
}

static struct slc_redis *take(struct slc_redis_pool *pool, bool wants_reader,
                              struct slc_error *error)
{
    struct slc_redis *redis = NULL, *other = NULL;

    if (!claim(pool, wants_reader, &redis, &other)) {
        slc_fail(error, SLC_ERR_TIMEOUT,
                 "all %zu connections to Redis are in use; Redis is slow or there are too many "
                 "requests",
                 pool->max);
        return NULL;
    }
    slc_redis_close(other);
    /* The server may have been restarted since it was given back. */
    if (redis && slc_redis_is_idle(redis)) {
        slc_redis_set_timeout(redis, pool->timeout_ms);
        if (slc_redis_reader_is_current(redis))
            return redis;
    }
    if (redis)
        atomic_fetch_add(&pool->lost, 1);
    slc_redis_close(redis);
    redis = wants_reader ? slc_redis_open_reader(&pool->url, pool->timeout_ms, error)
                         : slc_redis_open(&pool->url, pool->timeout_ms, error);
    count_if_lost(pool, redis);
    if (!redis)
        release(pool, NULL);
    else if (wants_reader && slc_redis_reader_since(redis) == 0)
        pool->no_reader_until_usec =
            slc_monotonic_usec() + SLC_REDIS_READER_TRUST_MS * INT64_C(1000);
    return redis;
}

struct slc_redis *slc_redis_pool_take(struct slc_redis_pool *pool, struct slc_error *error)
{
    return take(pool, false, error);
}

/* With no replica to read from, the connections to the master do. */
struct slc_redis *slc_redis_pool_take_reader(struct slc_redis_pool *pool, struct slc_error *error)
{
    const struct slc_redis_settings *settings = pool->url.settings;

    return take(pool,
                settings && settings->read_from_replicas &&
                    slc_monotonic_usec() >= pool->no_reader_until_usec,
                error);
}

void slc_redis_pool_give(struct slc_redis_pool *pool, struct slc_redis *redis)
{
    if (!redis)
        return;
    if (!slc_redis_is_idle(redis)) {
        atomic_fetch_add(&pool->lost, 1);
        slc_redis_close(redis);
        redis = NULL;
    }
    release(pool, redis);
}
