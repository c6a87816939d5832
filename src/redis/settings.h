/* How to speak to Redis servers, beyond what a URL says: the options of the
 * section "redis". One object is shared by all connections of a configuration
 * and never changes while there are any. */
#ifndef SLC_REDIS_SETTINGS_H
#define SLC_REDIS_SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/config.h"
#include "redis/tls.h"

struct slc_redis_settings {
    atomic_int references;
    struct slc_tls *tls; /* owned; files are read when TLS is used */
    int protocol;        /* 2 or 3: RESP2, RESP3 */
    /* Whether the server of a URL that does not say so is one of a cluster's. */
    enum { SLC_REDIS_CLUSTER_AUTO, SLC_REDIS_CLUSTER_YES, SLC_REDIS_CLUSTER_NO } cluster;
    bool read_from_replicas;
    char *sentinel_user; /* owned; "" means the default user */
    char *sentinel_password;
    /* Where connections that were made anew after they were lost are counted; borrowed,
     * NULL: nowhere. For the process to set before it connects. */
    _Atomic int64_t *reconnects;
};

/* One connection was made anew. `settings` may be NULL. Thread-safe. */
void slc_redis_count_reconnect(const struct slc_redis_settings *settings);

/* From the configuration, with one reference, the caller's. Errors: CONFIG,
 * MEMORY. */
bool slc_redis_settings_from_config(const struct slc_config *config,
                                    struct slc_redis_settings **ret_settings,
                                    struct slc_error *error);

/* One reference more; returns `settings`. NULL is allowed. Thread-safe. */
struct slc_redis_settings *slc_redis_settings_ref(struct slc_redis_settings *settings);

/* One less; the last frees it. NULL is allowed. Thread-safe. */
void slc_redis_settings_unref(struct slc_redis_settings *settings);

#endif
