/* sluice check: the Redis that is configured, or the private one. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "base/time.h"
#include "cli/check.h"
#include "cli/text.h"
#include "redis/connection.h"
#include "report/show.h"

enum { LEAST_MAJOR_VERSION = 4, FULL_PERCENT = 80, PEER_STATUS = 3, LOCAL_STATUS = 2 };

/* A field of an INFO reply; empty when it is not there. */
static struct slc_str info_text(struct slc_str info, const char *name)
{
    size_t len = strlen(name);

    while (info.len > 0) {
        const char *end = memchr(info.data, '\n', info.len);
        size_t line_len = end ? (size_t)(end - info.data) : info.len;

        if (line_len > len && memcmp(info.data, name, len) == 0 && info.data[len] == ':')
            return slc_str_trim(
                (struct slc_str){.data = info.data + len + 1, .len = line_len - len - 1});
        line_len += end != NULL;
        info.data += line_len;
        info.len -= line_len;
    }
    return SLC_STR("");
}

/* -1 when it is not there or no number. */
static int64_t info_int(struct slc_str info, const char *name)
{
    struct slc_str text = info_text(info, name);
    int64_t value = -1;

    return slc_parse_int64(text.data, text.len, &value) ? value : -1;
}

static void check_version(struct slc_check *check, struct slc_str info, struct slc_buf *detail)
{
    struct slc_str version = info_text(info, "redis_version");
    const char *dot = memchr(version.data, '.', version.len);
    int64_t major;

    if (!dot || !slc_parse_int64(version.data, (size_t)(dot - version.data), &major) ||
        major >= LEAST_MAJOR_VERSION)
        return;
    slc_buf_append_text(detail, "version ");
    slc_text_safe(detail, version);
    slc_buf_printf(detail, " is too old: use Redis %d or newer", LEAST_MAJOR_VERSION);
    slc_check_note(check, SLC_CHECK_FAIL, "redis version", PEER_STATUS, detail);
}

static void check_writable(struct slc_check *check, struct slc_str info, struct slc_buf *detail)
{
    if (slc_str_is(info_text(info, "role"), "slave")) {
        slc_buf_append_text(detail, "this is a replica of another server and takes no writes: set "
                                    "redis.url to its master");
        slc_check_note(check, SLC_CHECK_FAIL, "redis role", PEER_STATUS, detail);
    }
    if (slc_str_is(info_text(info, "loading"), "1")) {
        slc_buf_append_text(detail, "it is still loading its data: wait, then check again");
        slc_check_note(check, SLC_CHECK_WARN, "redis loading", PEER_STATUS, detail);
    }
}

static void check_persistence(struct slc_check *check, struct slc_str info, struct slc_buf *detail)
{
    if (slc_str_is(info_text(info, "aof_enabled"), "1")) {
        if (slc_str_is(info_text(info, "aof_last_write_status"), "err")) {
            slc_buf_append_text(detail, "the append-only file could not be written: look into its "
                                        "log and at its disk");
            slc_check_note(check, SLC_CHECK_FAIL, "redis aof", PEER_STATUS, detail);
            return;
        }
        slc_buf_append_text(detail, "append-only file on");
        slc_check_note(check, SLC_CHECK_OK, "redis aof", PEER_STATUS, detail);
        return;
    }
    slc_buf_append_text(detail, "append-only file off: a crash loses what came since the last "
                                "snapshot; CONFIG SET appendonly yes keeps it");
    slc_check_note(check, SLC_CHECK_WARN, "redis aof", PEER_STATUS, detail);
    if (slc_str_is(info_text(info, "rdb_last_bgsave_status"), "err")) {
        slc_buf_append_text(detail, "the last snapshot failed, and writes may be refused: look "
                                    "into its log and at its disk");
        slc_check_note(check, SLC_CHECK_WARN, "redis snapshot", PEER_STATUS, detail);
    }
}

static void check_memory(struct slc_check *check, struct slc_str info, struct slc_buf *detail)
{
    int64_t used = info_int(info, "used_memory"), most = info_int(info, "maxmemory");
    struct slc_str policy = info_text(info, "maxmemory_policy");
    bool evicts = policy.len > 0 && !slc_str_is(policy, "noeviction");
    bool is_full = most > 0 && (double)used > FULL_PERCENT / 100.0 * (double)most;

    if (used < 0)
        return;
    slc_show_bytes(detail, used);
    slc_buf_append_text(detail, " used");
    if (most > 0) {
        slc_buf_append_text(detail, " of ");
        slc_show_bytes(detail, most);
        slc_buf_append_text(detail, " (maxmemory)");
    }
    if (is_full)
        slc_buf_append_text(detail, ", nearly full: raise maxmemory or drop replicas");
    slc_check_note(check, is_full ? SLC_CHECK_WARN : SLC_CHECK_OK, "redis memory", PEER_STATUS,
                   detail);
    if (policy.len == 0)
        return;
    slc_buf_append_text(detail, "maxmemory-policy ");
    slc_text_safe(detail, policy);
    /* volatile-* only takes keys that expire, and replicas do not. */
    evicts = evicts && policy.len > 7 && memcmp(policy.data, "allkeys", 7) == 0;
    if (evicts)
        slc_buf_append_text(detail, " may throw replicas away when memory is short: CONFIG SET "
                                    "maxmemory-policy noeviction");
    slc_check_note(check, evicts ? SLC_CHECK_WARN : SLC_CHECK_OK, "redis eviction", PEER_STATUS,
                   detail);
}

/* An INFO that is refused (ACL) is no failure: what can be seen is that the
 * server answers. */
static void check_server(struct slc_check *check, struct slc_redis *redis, int64_t since_usec)
{
    SLC_AUTO_BUF struct slc_buf detail = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error = {0};
    double ms = (double)(slc_monotonic_usec() - since_usec) / 1e3;
    struct slc_str info = {0};

    if (!slc_redis_call(redis, &reply, &error, SLC_STR("INFO")) ||
        reply->type != SLC_REPLY_STRING) {
        slc_text_safe(&detail, slc_str_from(slc_redis_where(redis)));
        slc_buf_append_text(&detail, " answers, but INFO says: ");
        slc_text_safe(&detail, slc_str_from(error.message));
        slc_check_note(check, SLC_CHECK_WARN, "redis", PEER_STATUS, &detail);
        return;
    }
    info = reply->text;
    slc_buf_append_text(&detail, "Redis ");
    slc_text_safe(&detail, info_text(info, "redis_version"));
    slc_buf_append_text(&detail, " at ");
    slc_text_safe(&detail, slc_str_from(slc_redis_where(redis)));
    slc_buf_printf(&detail, ", connected in %.1f ms", ms);
    slc_check_note(check, SLC_CHECK_OK, "redis", PEER_STATUS, &detail);
    check_version(check, info, &detail);
    check_writable(check, info, &detail);
    check_persistence(check, info, &detail);
    check_memory(check, info, &detail);
}

static void check_configured(struct slc_check *check, const struct slc_config *config)
{
    SLC_AUTO_BUF struct slc_buf detail = {0};
    struct slc_error error = {0};
    int64_t since_usec = slc_monotonic_usec();
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open_text(
        slc_config_text(config, "redis.url"), slc_config_int(config, "redis.timeout_ms"), &error);

    if (redis) {
        check_server(check, redis, since_usec);
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
        check_server(check, redis, since_usec);
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
