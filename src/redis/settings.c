#include "redis/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static struct slc_tls *tls_from_config(const struct slc_config *config, struct slc_error *error)
{
    struct slc_tls_options options = {
        .ca_file = slc_config_text(config, "redis.tls_ca_file"),
        .ca_dir = slc_config_text(config, "redis.tls_ca_dir"),
        .cert_file = slc_config_text(config, "redis.tls_cert_file"),
        .key_file = slc_config_text(config, "redis.tls_key_file"),
        .key_passphrase = slc_config_text(config, "redis.tls_key_passphrase"),
        .server_name = slc_config_text(config, "redis.tls_server_name"),
        .verify = slc_config_bool(config, "redis.tls_verify"),
    };

    return slc_tls_new(&options, error);
}

bool slc_redis_settings_from_config(const struct slc_config *config,
                                    struct slc_redis_settings **ret_settings,
                                    struct slc_error *error)
{
    struct slc_redis_settings *settings = calloc(1, sizeof(*settings));

    if (!settings)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the Redis settings");
    atomic_init(&settings->references, 1);
    settings->protocol = (int)slc_config_int(config, "redis.protocol");
    settings->cluster = slc_config_is(config, "redis.cluster", "auto")   ? SLC_REDIS_CLUSTER_AUTO
                        : slc_config_is(config, "redis.cluster", "true") ? SLC_REDIS_CLUSTER_YES
                                                                         : SLC_REDIS_CLUSTER_NO;
    settings->read_from_replicas = slc_config_bool(config, "redis.read_from_replicas");
    settings->sentinel_user =
        slc_str_dup(slc_str_from(slc_config_text(config, "redis.sentinel_user")));
    settings->sentinel_password =
        slc_str_dup(slc_str_from(slc_config_text(config, "redis.sentinel_password")));
    settings->tls = tls_from_config(config, error);
    if (!settings->tls || !settings->sentinel_user || !settings->sentinel_password) {
        slc_redis_settings_unref(settings);
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the Redis settings");
    }
    *ret_settings = settings;
    return true;
}

void slc_redis_count_reconnect(const struct slc_redis_settings *settings)
{
    if (settings && settings->reconnects)
        atomic_fetch_add_explicit(settings->reconnects, 1, memory_order_relaxed);
}

struct slc_redis_settings *slc_redis_settings_ref(struct slc_redis_settings *settings)
{
    if (settings)
        atomic_fetch_add(&settings->references, 1);
    return settings;
}

void slc_redis_settings_unref(struct slc_redis_settings *settings)
{
    if (!settings || atomic_fetch_sub(&settings->references, 1) != 1)
        return;
    slc_tls_free(settings->tls);
    free(settings->sentinel_user);
    if (settings->sentinel_password)
        explicit_bzero(settings->sentinel_password, strlen(settings->sentinel_password));
    free(settings->sentinel_password);
    free(settings);
}
