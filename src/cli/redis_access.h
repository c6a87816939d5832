/* The Redis of a command: the one that is configured, or the private one. */
#ifndef SLC_CLI_REDIS_ACCESS_H
#define SLC_CLI_REDIS_ACCESS_H

#include "base/error.h"
#include "config/config.h"
#include "redis/connection.h"
#include "redis/private_server.h"
#include "redis/settings.h"

struct slc_redis_access {
    struct slc_private_server *server; /* NULL: redis.url is set */
    struct slc_redis_settings *settings;
    struct slc_redis_url url;
    struct slc_redis *redis;
};

#define SLC_AUTO_REDIS_ACCESS SLC_CLEANUP(slc_redis_access_close)

/* Connect to redis.url; when that is empty, to the private server under the
 * state directory, which is started unless it runs already. Errors: those of
 * redis/. */
bool slc_redis_access_open(const struct slc_config *config, struct slc_redis_access *ret_access,
                           struct slc_error *error);

/* The same for reading alone, which one of Redis' replicas may do
 * (redis.read_from_replicas). */
bool slc_redis_access_open_reader(const struct slc_config *config,
                                  struct slc_redis_access *ret_access, struct slc_error *error);

/* Disconnect, and stop a server that was started here. */
void slc_redis_access_close(struct slc_redis_access *access);

#endif
