#include "redis/sentinel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "redis/connection.h"
#include "redis/settings.h"

enum answer { ANSWER_FAILED, ANSWER_UNKNOWN, ANSWER_FOUND };

static bool copy_login(char *to, size_t size_bytes, const char *from)
{
    size_t len = strlen(from);

    if (len >= size_bytes)
        return false;
    memcpy(to, from, len + 1);
    return true;
}

/* The URL of one sentinel: its own login, no database. */
static bool url_of(const struct slc_redis_url *url, const struct slc_redis_node *seed,
                   struct slc_redis_url *ret, struct slc_error *error)
{
    const struct slc_redis_settings *settings = url->settings;

    memset(ret, 0, sizeof(*ret));
    ret->kind = url->kind;
    ret->settings = url->settings;
    ret->is_node = true;
    ret->port = seed->port;
    memcpy(ret->host, seed->host, sizeof(ret->host));
    if (!settings)
        return true;
    ret->has_login = *settings->sentinel_user || *settings->sentinel_password;
    return (copy_login(ret->user, sizeof(ret->user), settings->sentinel_user) &&
            copy_login(ret->password, sizeof(ret->password), settings->sentinel_password)) ||
           slc_fail(error, SLC_ERR_CONFIG,
                    "redis.sentinel_user or redis.sentinel_password is too long");
}

/* "host", "port" of a reply, bounded. */
static bool read_node(const struct slc_reply *reply, struct slc_redis_node *ret)
{
    uint64_t port = 0;

    if (reply->count != 2 || reply->items[0].text.len == 0 ||
        reply->items[0].text.len >= sizeof(ret->host) ||
        memchr(reply->items[0].text.data, '\0', reply->items[0].text.len) ||
        !slc_parse_uint64(reply->items[1].text.data, reply->items[1].text.len, &port) ||
        port == 0 || port > UINT16_MAX)
        return false;
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->host, reply->items[0].text.data, reply->items[0].text.len);
    ret->port = (uint16_t)port;
    return true;
}

static enum answer ask(const struct slc_redis_url *sentinel, const char *master_name,
                       int64_t timeout_ms, struct slc_redis_node *ret, struct slc_error *error)
{
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(sentinel, timeout_ms, error);
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (!redis || !slc_redis_call(redis, &reply, error, SLC_STR("SENTINEL"),
                                  SLC_STR("GET-MASTER-ADDR-BY-NAME"), slc_str_from(master_name)))
        return ANSWER_FAILED;
    if (reply->type == SLC_REPLY_NIL)
        return ANSWER_UNKNOWN;
    if (read_node(reply, ret))
        return ANSWER_FOUND;
    slc_fail(error, SLC_ERR_CONNECTION, "the sentinel at %.300s answered with no address",
             slc_redis_where(redis));
    return ANSWER_FAILED;
}

bool slc_sentinel_master(const struct slc_redis_url *url, int64_t deadline_usec,
                         struct slc_redis_node *ret_master, struct slc_error *error)
{
    struct slc_redis_url *sentinel = malloc(sizeof(*sentinel));
    enum answer answer = ANSWER_FAILED;
    struct slc_error why = {0};
    size_t n_unknown = 0;
    bool good = true;

    if (!sentinel)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a sentinel was asked");
    for (size_t i = 0; good && answer != ANSWER_FOUND && i < url->n_seeds; i++) {
        int64_t left_usec = deadline_usec - slc_monotonic_usec();
        int64_t share_ms = left_usec / 1000 / (int64_t)(url->n_seeds - i);

        good = url_of(url, &url->seeds[i], sentinel, &why);
        if (good)
            answer = ask(sentinel, url->master_name, share_ms, ret_master, &why);
        n_unknown += answer == ANSWER_UNKNOWN;
    }
    slc_redis_url_wipe(sentinel);
    free(sentinel);
    if (answer == ANSWER_FOUND)
        return true;
    if (good && n_unknown > 0)
        return slc_fail(
            error, n_unknown == url->n_seeds ? SLC_ERR_CONFIG : SLC_ERR_CONNECTION,
            "%zu of %zu sentinels answer, and know no master \"%.100s\"; check the name "
            "in redis.url",
            n_unknown, url->n_seeds, url->master_name);
    if (error)
        *error = why;
    return false;
}
