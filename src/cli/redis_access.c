#include "cli/redis_access.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "redis/replicas.h"

static bool start_private(const struct slc_config *config, struct slc_redis_access *access,
                          struct slc_error *error)
{
    SLC_AUTO_FREE char *state_dir = slc_config_state_dir(config, environ);
    char directory[PATH_MAX];

    if (!state_dir)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the state directory's path");
    if ((size_t)snprintf(directory, sizeof(directory), "%s/redis", state_dir) >= sizeof(directory))
        return slc_fail(error, SLC_ERR_CONFIG, "the path in state_dir is too long");
    if (!slc_dir_make(state_dir, 0700, error))
        return false;
    access->server = slc_private_server_start(directory, NULL, error);
    if (!access->server)
        return false;
    access->url = *slc_private_server_url(access->server);
    return true;
}

static bool access_open(const struct slc_config *config, bool is_reader,
                        struct slc_redis_access *ret_access, struct slc_error *error)
{
    const char *url = slc_config_text(config, "redis.url");
    struct slc_redis_access access = {0};
    int64_t timeout_ms = slc_config_int(config, "redis.timeout_ms");
    bool good = slc_redis_settings_from_config(config, &access.settings, error) &&
                (*url ? slc_redis_url_parse(slc_str_from(url), &access.url, error)
                      : start_private(config, &access, error));

    access.url.settings = access.settings;
    if (good)
        access.redis = is_reader ? slc_redis_open_reader(&access.url, timeout_ms, error)
                                 : slc_redis_open(&access.url, timeout_ms, error);
    if (!access.redis) {
        slc_redis_access_close(&access);
        return false;
    }
    *ret_access = access;
    return true;
}

bool slc_redis_access_open(const struct slc_config *config, struct slc_redis_access *ret_access,
                           struct slc_error *error)
{
    return access_open(config, false, ret_access, error);
}

bool slc_redis_access_open_reader(const struct slc_config *config,
                                  struct slc_redis_access *ret_access, struct slc_error *error)
{
    return access_open(config, true, ret_access, error);
}

void slc_redis_access_close(struct slc_redis_access *access)
{
    slc_redis_close(access->redis);
    slc_private_server_stop(access->server, NULL);
    slc_redis_url_wipe(&access->url);
    slc_redis_settings_unref(access->settings);
    *access = (struct slc_redis_access){0};
}
