/* sluice check: what a Redis server says of itself (INFO). */
#ifndef SLC_CLI_CHECK_REDIS_INFO_H
#define SLC_CLI_CHECK_REDIS_INFO_H

#include "cli/check.h"
#include "redis/connection.h"

/* Kind and version, TLS, role and replicas, persistence, memory, as points. An
 * INFO that is refused (ACL) is no failure: what can be seen is that the server
 * answers. `ms`: how long connecting took. */
void slc_check_redis_server(struct slc_check *check, const struct slc_config *config,
                            struct slc_redis *redis, double ms);

#endif
