/* Redis' own replicas of a server: reading from one, waiting for them
 * (https://redis.io/docs/latest/operate/oss_and_stack/management/replication/).
 * Not to be taken for the tables that sluice calls replicas. */
#ifndef SLC_REDIS_REPLICAS_H
#define SLC_REDIS_REPLICAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "redis/connection.h"
#include "redis/url.h"

enum { SLC_REDIS_READER_TRUST_MS = 5000 };

/* It is a replica whose link to its master is up (ROLE). */
bool slc_redis_follows(struct slc_redis *redis);

/* A connection for reading alone. With the settings' read_from_replicas it is to
 * a replica that follows its master at this moment, else, and when there is no
 * such replica, to the master; with a cluster to a replica of each master that is
 * read from. Errors: as slc_redis_open(). */
struct slc_redis *slc_redis_open_reader(const struct slc_redis_url *url, int64_t timeout_ms,
                                        struct slc_error *error);

/* A replica that was opened so still follows its master: asked once in
 * SLC_REDIS_READER_TRUST_MS, true for any other connection. To be called before
 * each series of reads that belong together: with a cluster such a series begins at
 * the replicas anew (slc_cluster_begin_reading()). */
bool slc_redis_reader_is_current(struct slc_redis *redis);

/* Wait until `wanted` replicas have all that this connection wrote, at most
 * timeout_ms (WAIT). `*ret_count`: how many have. Errors: those of commands. */
bool slc_redis_wait_replicas(struct slc_redis *redis, int64_t wanted, int64_t timeout_ms,
                             int64_t *ret_count, struct slc_error *error);

#endif
