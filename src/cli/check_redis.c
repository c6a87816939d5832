/* sluice check: the Redis that is configured, or the private one. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/check.h"
#include "cli/check_redis_info.h"
#include "cli/text.h"
#include "redis/connection.h"
#include "redis/settings.h"

enum { LOCAL_STATUS = 2 };

static double ms_since(int64_t usec)
{
    return (double)(slc_monotonic_usec() - usec) / 1e3;
}

static void check_configured(struct slc_check *check, const struct slc_config *config)
{
    SLC_AUTO_BUF struct slc_buf detail = {0};
    struct slc_error error = {0};
    int64_t since_usec = slc_monotonic_usec();
    struct slc_redis_settings *settings = NULL;
    SLC_AUTO_REDIS struct slc_redis *redis = NULL;
    struct slc_redis_url url = {0};

    if (slc_redis_settings_from_config(config, &settings, &error) &&
        slc_redis_url_parse(slc_str_from(slc_config_text(config, "redis.url")), &url, &error)) {
        url.settings = settings;
        redis = slc_redis_open(&url, slc_config_int(config, "redis.timeout_ms"), &error);
    }
    slc_redis_url_wipe(&url);
    slc_redis_settings_unref(settings);
    if (redis) {
        slc_check_redis_server(check, config, redis, ms_since(since_usec));
        return;
    }
    slc_text_safe(&detail, slc_str_from(error.message));
    slc_check_note(check, SLC_CHECK_FAIL, "redis", slc_error_exit_status(&error) == 2 ? 2 : 3,
                   &detail);
}

/* Where a program is in PATH, as execvp(3) looks for it. */
static bool find_program(const char *name, char *path, size_t size_bytes)
{
    const char *folders = slc_environment_get(environ, "PATH");

    while (folders && *folders) {
        int len = (int)strcspn(folders, ":");
        struct stat status;

        if (len > 0 &&
            (size_t)snprintf(path, size_bytes, "%.*s/%s", len, folders, name) < size_bytes &&
            stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0)
            return true;
        folders += len + (folders[len] == ':');
    }
    return false;
}

/* A private server that runs already, for a service, is looked at as any other. */
static bool check_running(struct slc_check *check, const struct slc_config *config)
{
    SLC_AUTO_FREE char *state_dir = slc_config_state_dir(config, environ);
    SLC_AUTO_REDIS struct slc_redis *redis = NULL;
    int64_t since_usec = slc_monotonic_usec();
    struct slc_redis_url url;
    char socket[PATH_MAX];

    if (!state_dir || (size_t)snprintf(socket, sizeof(socket), "%s/redis/redis.sock", state_dir) >=
                          sizeof(socket))
        return false;
    if (!slc_redis_url_from_socket(socket, 0, &url, NULL))
        return false;
    redis = slc_redis_open(&url, slc_config_int(config, "redis.timeout_ms"), NULL);
    if (redis)
        slc_check_redis_server(check, config, redis, ms_since(since_usec));
    return redis != NULL;
}

void slc_check_redis(struct slc_check *check, const struct slc_config *config)
{
    SLC_AUTO_BUF struct slc_buf detail = {0};
    char program[PATH_MAX];

    if (*slc_config_text(config, "redis.url")) {
        check_configured(check, config);
        return;
    }
    if (check_running(check, config))
        return;
    if (find_program("redis-server", program, sizeof(program))) {
        slc_buf_append_text(&detail, "redis.url is empty: a private server is started when it is "
                                     "wanted, with ");
        slc_text_safe(&detail, slc_str_from(program));
        slc_check_note(check, SLC_CHECK_OK, "redis", LOCAL_STATUS, &detail);
        return;
    }
    slc_buf_append_text(&detail, "redis.url is empty and there is no redis-server in PATH: install "
                                 "it (apt install redis-server), or set redis.url");
    slc_check_note(check, SLC_CHECK_FAIL, "redis", LOCAL_STATUS, &detail);
}
