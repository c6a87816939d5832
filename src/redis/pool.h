/* A few connections to one server, shared by the threads of a process.
 *
 * Thread-safe. Not across fork(): make the pool in the process that uses it. */
#ifndef SLC_REDIS_POOL_H
#define SLC_REDIS_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "redis/connection.h"
#include "redis/url.h"

struct slc_redis_pool;

/* At most `max_connections` at a time. Connects to nothing yet. NULL when
 * memory ran out or max_connections is 0. */
struct slc_redis_pool *slc_redis_pool_new(const struct slc_redis_url *url, size_t max_connections,
                                          int64_t timeout_ms, struct slc_error *error);

/* Closes the idle connections. All must have been given back. NULL is allowed. */
void slc_redis_pool_free(struct slc_redis_pool *pool);

/* An idle connection that the server has not closed meanwhile, else a new one;
 * with all of them taken, waits up to the pool's timeout for one to come back
 * (TIMEOUT). Other errors as slc_redis_open(). NULL on failure. */
struct slc_redis *slc_redis_pool_take(struct slc_redis_pool *pool, struct slc_error *error);

/* The same for reading alone: with the settings' read_from_replicas a connection
 * to one of the server's replicas while one follows it (replicas.h). */
struct slc_redis *slc_redis_pool_take_reader(struct slc_redis_pool *pool, struct slc_error *error);

/* Give one back; one that is broken or in the middle of a pipeline is closed
 * instead. A MULTI must be over. NULL is allowed. */
void slc_redis_pool_give(struct slc_redis_pool *pool, struct slc_redis *redis);

#endif
