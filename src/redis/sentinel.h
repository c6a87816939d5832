/* Asking Redis Sentinel where a master is
 * (https://redis.io/docs/latest/develop/reference/sentinel-clients/). */
#ifndef SLC_REDIS_SENTINEL_H
#define SLC_REDIS_SENTINEL_H

#include <stdint.h>

#include "base/error.h"
#include "redis/url.h"

/* Ask the URL's seeds in turn, each with a fair share of the time, logging in
 * with the settings' sentinel_user and sentinel_password. Errors: CONNECTION,
 * TIMEOUT, AUTH (what the last one said), CONFIG when all that answered know no
 * master of that name. */
bool slc_sentinel_master(const struct slc_redis_url *url, int64_t deadline_usec,
                         struct slc_redis_node *ret_master, struct slc_error *error);

#endif
