#include "cli/check_redis_info.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "cli/text.h"
#include "redis/slot.h"
#include "redis/tls.h"
#include "report/show.h"

enum { FULL_PERCENT = 80, PEER_STATUS = 3 };

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

/* "Redis 7.0.15": servers of the same protocol say a Redis version, too. */
static void append_kind(struct slc_str info, struct slc_buf *detail)
{
    static const struct {
        const char *field, *name;
    } kinds[] = {{"valkey_version", "Valkey "}, {"dragonfly_version", "Dragonfly "}};
    struct slc_str program = info_text(info, "executable");

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (info_text(info, kinds[i].field).len > 0) {
            slc_buf_append_text(detail, kinds[i].name);
            slc_text_safe(detail, info_text(info, kinds[i].field));
            return;
        }
    }
    slc_buf_append_text(detail, program.len > 0 && memmem(program.data, program.len, "keydb", 5)
                                    ? "KeyDB "
                                    : "Redis ");
    slc_text_safe(detail, info_text(info, "redis_version"));
}

static void check_tls(struct slc_check *check, const struct slc_config *config,
                      struct slc_redis *redis, struct slc_buf *detail)
{
    bool verifies = slc_config_bool(config, "redis.tls_verify");
    char text[128];

    if (!slc_redis_stream(redis, NULL))
        return;
    slc_tls_describe(slc_redis_stream(redis, NULL), text, sizeof(text));
    if (!*text)
        return;
    slc_buf_append_text(detail, text);
    if (!verifies)
        slc_buf_append_text(detail, "; the server's certificate is not checked: set "
                                    "redis.tls_verify to true and redis.tls_ca_file");
    slc_check_note(check, verifies ? SLC_CHECK_OK : SLC_CHECK_WARN, "redis tls", PEER_STATUS,
                   detail);
}

static void check_cluster(struct slc_check *check, const struct slc_redis *redis,
                          struct slc_buf *detail)
{
    const char *host;
    int n_masters = 0, n_slots = 0, slots;
    uint16_t port;

    while (slc_redis_describe_master(redis, (size_t)n_masters, &host, &port, &slots)) {
        n_masters++;
        n_slots += slots;
    }
    if (n_masters == 0)
        return;
    slc_buf_printf(detail, "%d masters have %d of %d slots", n_masters, n_slots, SLC_REDIS_SLOTS);
    if (n_slots < SLC_REDIS_SLOTS)
        slc_buf_append_text(detail, ": replicas in the others cannot be loaded; redis-cli "
                                    "--cluster fix");
    slc_check_note(check, n_slots < SLC_REDIS_SLOTS ? SLC_CHECK_WARN : SLC_CHECK_OK,
                   "redis cluster", PEER_STATUS, detail);
}

/* docs/redis.md says what works from which version on. */
static void check_version(struct slc_check *check, struct slc_str info, struct slc_buf *detail)
{
    struct slc_str version = info_text(info, "redis_version");
    const char *end = version.data + version.len;
    const char *dot = memchr(version.data, '.', version.len);
    const char *second = dot ? memchr(dot + 1, '.', (size_t)(end - dot) - 1) : NULL;
    enum slc_check_level level = SLC_CHECK_FAIL;
    int64_t major, minor;

    if (!second || !slc_parse_int64(version.data, (size_t)(dot - version.data), &major) ||
        !slc_parse_int64(dot + 1, (size_t)(second - dot) - 1, &minor) || major > 6 ||
        (major == 6 && minor >= 2))
        return;
    slc_buf_append_text(detail, "version ");
    slc_text_safe(detail, version);
    if (major >= 4) {
        level = SLC_CHECK_WARN;
        slc_buf_append_text(detail, " is too old for the service, whose queue of loads needs 6.2; "
                                    "sluice load and the other commands work");
    } else {
        slc_buf_append_text(detail, " is too old: use Redis 6.2 or newer");
    }
    slc_check_note(check, level, "redis version", PEER_STATUS, detail);
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

/* How many replicas follow, and whether redis.wait_replicas can be had. */
static void check_replicas(struct slc_check *check, const struct slc_config *config,
                           struct slc_str info, struct slc_buf *detail)
{
    int64_t connected = info_int(info, "connected_slaves"), online = 0;
    int64_t wanted = slc_config_int(config, "redis.wait_replicas");

    if (!slc_str_is(info_text(info, "role"), "master") || (connected <= 0 && wanted == 0))
        return;
    for (int64_t i = 0; i < connected; i++) {
        char name[32];
        struct slc_str line;

        (void)snprintf(name, sizeof(name), "slave%lld", (long long)i);
        line = info_text(info, name);
        online += line.len > 0 && memmem(line.data, line.len, "state=online", 12);
    }
    slc_buf_printf(detail, "%lld connected, %lld of them in step",
                   (long long)(connected < 0 ? 0 : connected), (long long)online);
    if (online < wanted)
        slc_buf_printf(detail,
                       "; redis.wait_replicas is %lld: loads will warn until as many are there",
                       (long long)wanted);
    slc_check_note(check, online < wanted || online < connected ? SLC_CHECK_WARN : SLC_CHECK_OK,
                   "redis replicas", PEER_STATUS, detail);
}

static void check_persistence(struct slc_check *check, struct slc_str info, struct slc_buf *detail)
{
    enum slc_check_level level = SLC_CHECK_OK;

    if (slc_str_is(info_text(info, "aof_enabled"), "1")) {
        if (slc_str_is(info_text(info, "aof_last_write_status"), "err")) {
            slc_buf_append_text(detail, "the append-only file could not be written: look into its "
                                        "log and at its disk");
            slc_check_note(check, SLC_CHECK_FAIL, "redis aof", PEER_STATUS, detail);
            return;
        }
        slc_buf_append_text(detail, "append-only file on");
        if (slc_str_is(info_text(info, "aof_last_bgrewrite_status"), "err")) {
            slc_buf_append_text(detail, ", but it could not be rewritten the last time and goes on "
                                        "growing: look into its log and at its disk");
            level = SLC_CHECK_WARN;
        }
        slc_check_note(check, level, "redis aof", PEER_STATUS, detail);
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

void slc_check_redis_server(struct slc_check *check, const struct slc_config *config,
                            struct slc_redis *redis, double ms)
{
    SLC_AUTO_BUF struct slc_buf detail = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error = {0};
    struct slc_str info;

    if (!slc_redis_call(redis, &reply, &error, SLC_STR("INFO")) ||
        reply->type != SLC_REPLY_STRING) {
        slc_text_safe(&detail, slc_str_from(slc_redis_where(redis)));
        slc_buf_append_text(&detail, " answers, but INFO says: ");
        slc_text_safe(&detail, slc_str_from(error.message));
        slc_check_note(check, SLC_CHECK_WARN, "redis", PEER_STATUS, &detail);
        return;
    }
    info = reply->text;
    append_kind(info, &detail);
    slc_buf_append_text(&detail, " at ");
    slc_text_safe(&detail, slc_str_from(slc_redis_where(redis)));
    slc_buf_printf(&detail, ", connected in %.1f ms", ms);
    slc_check_note(check, SLC_CHECK_OK, "redis", PEER_STATUS, &detail);
    check_tls(check, config, redis, &detail);
    check_cluster(check, redis, &detail);
    check_version(check, info, &detail);
    check_writable(check, info, &detail);
    check_replicas(check, config, info, &detail);
    check_persistence(check, info, &detail);
    check_memory(check, info, &detail);
}
