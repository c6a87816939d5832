#include "redis/replicas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "redis/settings.h"

enum { NUMBER_BYTES = 24 };

/* A replica answers ROLE with "slave", its master's host and port, the state of
 * the link, and how far it is. */
bool slc_redis_follows(struct slc_redis *redis)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    return slc_redis_call(redis, &reply, NULL, SLC_STR("ROLE")) && reply->count >= 4 &&
           slc_reply_is(&reply->items[0], "slave") && slc_reply_is(&reply->items[3], "connected");
}

/* The URL of the replica that an item of the master's ROLE names: host, port,
 * offset. */
static bool replica_url(const struct slc_redis_url *url, const struct slc_reply *item,
                        struct slc_redis_url *ret)
{
    uint64_t port;

    if (item->count < 2 || item->items[0].text.len == 0 ||
        item->items[0].text.len >= sizeof(ret->host) ||
        !slc_parse_uint64(item->items[1].text.data, item->items[1].text.len, &port) || port == 0 ||
        port > UINT16_MAX)
        return false;
    *ret = *url;
    ret->topology = SLC_REDIS_SINGLE;
    ret->is_node = true;
    /* A master on a unix socket has its replicas on TCP. */
    ret->kind = url->kind == SLC_REDIS_UNIX ? SLC_REDIS_TCP : url->kind;
    memset(ret->host, 0, sizeof(ret->host));
    memcpy(ret->host, item->items[0].text.data, item->items[0].text.len);
    ret->port = (uint16_t)port;
    return true;
}

/* NULL when none of them can be used. They are tried from any of them on, so that
 * several readers share the work. */
static struct slc_redis *open_one(const struct slc_redis_url *url, const struct slc_reply *replicas,
                                  int64_t timeout_ms)
{
    struct slc_redis_url *one = malloc(sizeof(*one));
    struct slc_redis *found = NULL;
    int64_t deadline_usec = slc_monotonic_usec() + timeout_ms * 1000;
    size_t first = replicas->count ? (size_t)slc_monotonic_usec() % replicas->count : 0;

    for (size_t i = 0; one && !found && i < replicas->count && slc_monotonic_usec() < deadline_usec;
         i++) {
        if (!replica_url(url, &replicas->items[(first + i) % replicas->count], one))
            continue;
        found = slc_redis_open(one, timeout_ms / 4 + 1, NULL);
        if (found && !slc_redis_follows(found)) {
            slc_redis_close(found);
            found = NULL;
        }
        slc_redis_url_wipe(one);
    }
    free(one);
    return found;
}

struct slc_redis *slc_redis_open_reader(const struct slc_redis_url *url, int64_t timeout_ms,
                                        struct slc_error *error)
{
    struct slc_redis *master = slc_redis_open(url, timeout_ms, error), *replica = NULL;
    SLC_AUTO_REPLY struct slc_reply *role = NULL;

    if (!master || !url->settings || !url->settings->read_from_replicas)
        return master;
    if (slc_redis_is_cluster(master)) {
        slc_redis_mark_reader(master, slc_monotonic_usec());
        slc_redis_begin_reading(master);
        return master;
    }
    /* A user who may not ask (ACL) reads from the master. */
    if (slc_redis_call(master, &role, NULL, SLC_STR("ROLE")) && role->count >= 3 &&
        slc_reply_is(&role->items[0], "master"))
        replica = open_one(url, &role->items[2], timeout_ms);
    if (!replica)
        return master;
    slc_redis_close(master);
    slc_redis_set_timeout(replica, timeout_ms);
    slc_redis_mark_reader(replica, slc_monotonic_usec());
    return replica;
}

bool slc_redis_reader_is_current(struct slc_redis *redis)
{
    int64_t checked_usec = slc_redis_reader_since(redis);
    int64_t now_usec = slc_monotonic_usec();

    if (checked_usec != 0 && slc_redis_is_cluster(redis)) {
        slc_redis_begin_reading(redis);
        return slc_redis_is_open(redis);
    }
    if (checked_usec == 0 || now_usec - checked_usec < SLC_REDIS_READER_TRUST_MS * INT64_C(1000))
        return true;
    if (!slc_redis_follows(redis))
        return false;
    slc_redis_mark_reader(redis, now_usec);
    return true;
}

bool slc_redis_wait_replicas(struct slc_redis *redis, int64_t wanted, int64_t timeout_ms,
                             int64_t *ret_count, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    int64_t usual_ms = slc_redis_timeout_ms(redis);
    char count[NUMBER_BYTES], most[NUMBER_BYTES];
    bool good;

    (void)snprintf(count, sizeof(count), "%lld", (long long)wanted);
    (void)snprintf(most, sizeof(most), "%lld", (long long)timeout_ms);
    slc_redis_set_timeout(redis, usual_ms + timeout_ms);
    good = slc_redis_call(redis, &reply, error, SLC_STR("WAIT"), slc_str_from(count),
                          slc_str_from(most));
    slc_redis_set_timeout(redis, usual_ms);
    if (good)
        *ret_count = reply->type == SLC_REPLY_INTEGER ? reply->integer : 0;
    return good;
}
