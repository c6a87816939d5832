/* What a Redis Cluster says of its slots: CLUSTER SLOTS, and the places of its nodes. */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "redis/cluster_internal.h"

bool slc_cluster_out_of_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a Redis cluster");
}

/* ---- Nodes ---- */

static bool same_node(const struct slc_redis_node *a, const struct slc_redis_node *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

struct slc_redis *slc_cluster_open_node(const struct slc_cluster *cluster,
                                        const struct slc_redis_node *at, int64_t timeout_ms,
                                        struct slc_error *error)
{
    struct slc_redis_url *url = malloc(sizeof(*url));
    struct slc_redis *redis;

    if (!url) {
        slc_cluster_out_of_memory(error);
        return NULL;
    }
    *url = *cluster->url;
    url->topology = SLC_REDIS_SINGLE;
    url->is_node = true;
    memcpy(url->host, at->host, sizeof(url->host));
    url->port = at->port;
    redis = slc_redis_open(url, timeout_ms, error);
    slc_redis_url_wipe(url);
    free(url);
    return redis;
}

uint16_t slc_cluster_find_master(struct slc_cluster *cluster, const struct slc_redis_node *at)
{
    for (size_t i = 0; i < cluster->n_masters; i++)
        if (same_node(&cluster->masters[i].at, at))
            return (uint16_t)i;
    if (cluster->n_masters == SLC_CLUSTER_MAX_NODES)
        return SLC_CLUSTER_NOBODY;
    cluster->masters[cluster->n_masters] = (struct slc_cluster_master){.at = *at};
    return (uint16_t)cluster->n_masters++;
}

/* ---- The map ---- */

/* [host, port, ...]. A node that does not know its own address says none: it is
 * the one that was asked. */
static bool take_node(const struct slc_reply *item, const struct slc_redis_node *asked,
                      struct slc_redis_node *ret)
{
    if (item->count < 2 || item->items[1].integer <= 0 || item->items[1].integer > UINT16_MAX ||
        !slc_redis_host_is_sane(item->items[0].text))
        return false;
    *ret = *asked;
    ret->port = (uint16_t)item->items[1].integer;
    if (item->items[0].text.len > 0 && !slc_str_is(item->items[0].text, "?")) {
        memset(ret->host, 0, sizeof(ret->host));
        memcpy(ret->host, item->items[0].text.data, item->items[0].text.len);
    }
    return true;
}

/* Of a master's first range; the others name the same. Those that cannot be made
 * out are left out. */
static bool take_replicas(struct slc_cluster_master *master, const struct slc_reply *range,
                          const struct slc_redis_node *asked)
{
    size_t most = range->count - 3;

    if (master->n_replicas > 0 || most == 0)
        return true;
    if (most > SLC_CLUSTER_MAX_REPLICAS)
        most = SLC_CLUSTER_MAX_REPLICAS;
    if (!master->replicas)
        master->replicas = calloc(SLC_CLUSTER_MAX_REPLICAS, sizeof(*master->replicas));
    for (size_t i = 0; master->replicas && i < most; i++)
        master->n_replicas +=
            take_node(&range->items[3 + i], asked, &master->replicas[master->n_replicas]);
    return master->replicas != NULL;
}

/* [first, last, master, replicas...] of CLUSTER SLOTS. */
static bool take_range(struct slc_cluster *cluster, const struct slc_reply *range,
                       const struct slc_redis_node *asked)
{
    struct slc_redis_node at;
    uint16_t place;

    if (range->count < 3 || range->items[0].integer < 0 ||
        range->items[0].integer > range->items[1].integer ||
        range->items[1].integer >= SLC_REDIS_SLOTS || !take_node(&range->items[2], asked, &at))
        return false;
    place = slc_cluster_find_master(cluster, &at);
    if (place == SLC_CLUSTER_NOBODY || !take_replicas(&cluster->masters[place], range, asked))
        return false;
    for (int64_t slot = range->items[0].integer; slot <= range->items[1].integer; slot++)
        cluster->owner[slot] = place;
    return true;
}

static bool take_map(struct slc_cluster *cluster, const struct slc_reply *map,
                     const struct slc_redis_node *asked, struct slc_error *error)
{
    memset(cluster->owner, 0xff, sizeof(cluster->owner));
    for (size_t i = 0; i < cluster->n_masters; i++)
        cluster->masters[i].n_replicas = 0;
    for (size_t i = 0; i < map->count; i++)
        if (i == SLC_REDIS_SLOTS || !take_range(cluster, &map->items[i], asked))
            return slc_fail(error, SLC_ERR_CONNECTION,
                            "the Redis at %.200s:%u answered CLUSTER SLOTS with no map of slots",
                            asked->host, (unsigned)asked->port);
    return map->count > 0 ||
           slc_fail(error, SLC_ERR_SERVER,
                    "the Redis at %.200s:%u knows of no slots: is the cluster made yet "
                    "(redis-cli --cluster create)?",
                    asked->host, (unsigned)asked->port);
}

static bool ask_node(struct slc_cluster *cluster, const struct slc_redis_node *at,
                     int64_t timeout_ms, struct slc_error *error)
{
    SLC_AUTO_REDIS struct slc_redis *redis =
        slc_cluster_open_node(cluster, at, timeout_ms > 0 ? timeout_ms : 1, error);
    SLC_AUTO_REPLY struct slc_reply *map = NULL;

    if (!redis || !slc_redis_append_call(redis, error, SLC_STR("CLUSTER"), SLC_STR("SLOTS")) ||
        !slc_redis_read(redis, &map, error))
        return false;
    if (map->type == SLC_REPLY_ERROR && memmem(map->text.data, map->text.len, "disabled", 8))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the Redis at %.200s:%u is no cluster: write redis:// in the URL", at->host,
                        (unsigned)at->port);
    return slc_reply_check(map, slc_redis_where(redis), error) && take_map(cluster, map, at, error);
}

/* Ask those that we know, then the seeds, until one answers. What one of them
 * says of the cluster is believed: it changes only by agreement. */
bool slc_cluster_refresh(struct slc_cluster *cluster, struct slc_error *error)
{
    int64_t deadline_usec = slc_monotonic_usec() + cluster->timeout_ms * 1000;
    size_t known = cluster->n_masters, most = known + cluster->url->n_seeds;
    struct slc_error why = {0};

    slc_cluster_read_masters(cluster);
    for (size_t i = 0; i < most; i++) {
        int64_t left_ms = (deadline_usec - slc_monotonic_usec()) / 1000;
        struct slc_redis_node at =
            i < known ? cluster->masters[i].at : cluster->url->seeds[i - known];

        if (ask_node(cluster, &at, left_ms / (int64_t)(most - i), &why)) {
            cluster->is_stale = false;
            return true;
        }
        if (why.class == SLC_CLASS_FATAL)
            break;
    }
    if (error)
        *error = why;
    return false;
}

bool slc_cluster_describe(const struct slc_cluster *cluster, size_t i, const char **ret_host,
                          uint16_t *ret_port, int *ret_slots)
{
    for (size_t place = 0; place < cluster->n_masters; place++) {
        int slots = 0;

        for (size_t slot = 0; slot < SLC_REDIS_SLOTS; slot++)
            slots += cluster->owner[slot] == place;
        if (slots == 0 || i-- > 0)
            continue;
        *ret_host = cluster->masters[place].at.host;
        *ret_port = cluster->masters[place].at.port;
        *ret_slots = slots;
        return true;
    }
    return false;
}
