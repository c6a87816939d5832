#include "redis/cluster.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/time.h"
#include "redis/resp.h"
#include "redis/settings.h"
#include "redis/slot.h"

enum { NOBODY = UINT16_MAX, FIRST_PAUSE_MS = 5, LONGEST_PAUSE_MS = 250, ENCODED_WORDS = 1024 };

/* One that has, or had, slots. Places do not change, so that connections stay. */
struct master {
    struct slc_redis_node at;
    struct slc_redis *redis; /* owned; NULL: not wanted yet */
    struct slc_redis *aside; /* owned; for what is sent again; NULL: not wanted yet */
};

/* A command that was sent and is not answered to our caller. */
struct sent {
    size_t master;
    bool has_key;
    uint16_t slot;
    struct slc_buf command; /* to be sent again */
};

struct slc_cluster {
    struct slc_redis_url *url; /* owned; `settings` by reference */
    int64_t timeout_ms;
    struct master masters[SLC_CLUSTER_MAX_NODES];
    size_t n_masters;
    uint16_t owner[SLC_REDIS_SLOTS]; /* an index into masters, or NOBODY */
    bool is_stale;                   /* a redirection told that the map is old */
    int64_t give_up_usec;            /* when waiting ends for what is under way; 0: none waited */
    struct sent *queue;              /* capacity a power of two */
    size_t capacity, head, count;
    struct slc_redis *answered; /* the connection of the last reply; NULL: none so far */
};

static bool out_of_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a Redis cluster");
}

/* ---- Nodes ---- */

static bool same_node(const struct slc_redis_node *a, const struct slc_redis_node *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

static struct slc_redis *open_node(const struct slc_cluster *cluster,
                                   const struct slc_redis_node *at, int64_t timeout_ms,
                                   struct slc_error *error)
{
    struct slc_redis_url *url = malloc(sizeof(*url));
    struct slc_redis *redis;

    if (!url) {
        out_of_memory(error);
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

/* The place of a node; NOBODY when there are too many. */
static uint16_t find_master(struct slc_cluster *cluster, const struct slc_redis_node *at)
{
    for (size_t i = 0; i < cluster->n_masters; i++)
        if (same_node(&cluster->masters[i].at, at))
            return (uint16_t)i;
    if (cluster->n_masters == SLC_CLUSTER_MAX_NODES)
        return NOBODY;
    cluster->masters[cluster->n_masters] = (struct master){.at = *at};
    return (uint16_t)cluster->n_masters++;
}

/* ---- The map ---- */

/* [first, last, [host, port, ...], replicas...] of CLUSTER SLOTS. A node that
 * does not know its own address says none: it is the one that was asked. */
static bool take_range(struct slc_cluster *cluster, const struct slc_reply *range,
                       const struct slc_redis_node *asked)
{
    const struct slc_reply *master = range->count >= 3 ? &range->items[2] : NULL;
    struct slc_redis_node at = *asked;
    uint16_t place;

    if (!master || master->count < 2 || range->items[0].integer < 0 ||
        range->items[0].integer > range->items[1].integer ||
        range->items[1].integer >= SLC_REDIS_SLOTS || master->items[1].integer <= 0 ||
        master->items[1].integer > UINT16_MAX || !slc_redis_host_is_sane(master->items[0].text))
        return false;
    at.port = (uint16_t)master->items[1].integer;
    if (master->items[0].text.len > 0 && !slc_str_is(master->items[0].text, "?")) {
        memset(at.host, 0, sizeof(at.host));
        memcpy(at.host, master->items[0].text.data, master->items[0].text.len);
    }
    place = find_master(cluster, &at);
    for (int64_t slot = range->items[0].integer; slot <= range->items[1].integer; slot++)
        cluster->owner[slot] = place;
    return place != NOBODY;
}

static bool take_map(struct slc_cluster *cluster, const struct slc_reply *map,
                     const struct slc_redis_node *asked, struct slc_error *error)
{
    memset(cluster->owner, 0xff, sizeof(cluster->owner));
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
        open_node(cluster, at, timeout_ms > 0 ? timeout_ms : 1, error);
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

/* ---- Opening and closing ---- */

struct slc_cluster *slc_cluster_open(const struct slc_redis_url *url, int64_t timeout_ms,
                                     struct slc_error *error)
{
    struct slc_cluster *cluster = calloc(1, sizeof(*cluster));

    if (cluster)
        cluster->url = malloc(sizeof(*cluster->url));
    if (!cluster || !cluster->url) {
        free(cluster);
        out_of_memory(error);
        return NULL;
    }
    *cluster->url = *url;
    slc_redis_settings_ref(cluster->url->settings);
    cluster->timeout_ms = timeout_ms;
    if (!slc_cluster_refresh(cluster, error)) {
        slc_cluster_close(cluster);
        return NULL;
    }
    return cluster;
}

static void forget_commands(struct slc_cluster *cluster)
{
    for (size_t i = 0; i < cluster->capacity; i++)
        slc_buf_release(&cluster->queue[i].command);
    free(cluster->queue);
    cluster->queue = NULL;
    cluster->capacity = cluster->count = 0;
}

void slc_cluster_close(struct slc_cluster *cluster)
{
    if (!cluster)
        return;
    forget_commands(cluster);
    for (size_t i = 0; i < cluster->n_masters; i++) {
        slc_redis_close(cluster->masters[i].redis);
        slc_redis_close(cluster->masters[i].aside);
    }
    slc_redis_url_wipe(cluster->url);
    slc_redis_settings_unref(cluster->url->settings);
    free(cluster->url);
    free(cluster);
}

void slc_cluster_set_timeout(struct slc_cluster *cluster, int64_t timeout_ms)
{
    cluster->timeout_ms = timeout_ms;
    for (size_t i = 0; i < cluster->n_masters; i++) {
        if (cluster->masters[i].redis)
            slc_redis_set_timeout(cluster->masters[i].redis, timeout_ms);
        if (cluster->masters[i].aside)
            slc_redis_set_timeout(cluster->masters[i].aside, timeout_ms);
    }
}

size_t slc_cluster_outstanding(const struct slc_cluster *cluster)
{
    return cluster->count;
}

bool slc_cluster_is_idle(struct slc_cluster *cluster)
{
    if (cluster->count > 0)
        return false;
    for (size_t i = 0; i < cluster->n_masters; i++)
        if (cluster->masters[i].redis && slc_redis_outstanding(cluster->masters[i].redis) > 0)
            return false;
    return true;
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

/* ---- Whom to send to ---- */

/* Whoever has the first slots stands for commands without a key. */
static bool find_owner(struct slc_cluster *cluster, uint16_t slot, size_t *ret_place,
                       struct slc_error *error)
{
    if ((cluster->is_stale || cluster->owner[slot] == NOBODY) &&
        !slc_cluster_refresh(cluster, error))
        return false;
    if (cluster->owner[slot] == NOBODY)
        return slc_fail(error, SLC_ERR_SERVER,
                        "slot %u of the Redis cluster is nobody's at the moment: check CLUSTER "
                        "INFO, and redis-cli --cluster fix",
                        (unsigned)slot);
    *ret_place = cluster->owner[slot];
    return true;
}

/* Open again what was lost, unless answers are still owed to it. */
static struct slc_redis *connect_master(struct slc_cluster *cluster, size_t place,
                                        struct slc_error *error)
{
    struct master *master = &cluster->masters[place];

    if (!master->redis)
        master->redis = open_node(cluster, &master->at, cluster->timeout_ms, error);
    else if (slc_redis_outstanding(master->redis) == 0 && !slc_redis_is_idle(master->redis) &&
             !slc_redis_reopen(master->redis, error))
        return NULL;
    return master->redis;
}

static struct slc_redis *master_of(struct slc_cluster *cluster, uint16_t slot,
                                   struct slc_error *error)
{
    struct slc_redis *redis;
    size_t place = 0;

    if (!find_owner(cluster, slot, &place, error))
        return NULL;
    redis = connect_master(cluster, place, error);
    if (redis)
        return redis;
    /* It may be gone, and another in its place. */
    cluster->is_stale = true;
    return find_owner(cluster, slot, &place, error) ? connect_master(cluster, place, error) : NULL;
}

struct slc_redis *slc_cluster_open_owner(struct slc_cluster *cluster, uint16_t slot,
                                         struct slc_error *error)
{
    /* One that cannot be reached is noticed, and its successor found, here. */
    struct slc_redis *redis = master_of(cluster, slot, error);

    return redis ? open_node(cluster, &cluster->masters[cluster->owner[slot]].at,
                             cluster->timeout_ms, error)
                 : NULL;
}

/* ---- Commands ---- */

static struct sent *push(struct slc_cluster *cluster)
{
    if (cluster->count == cluster->capacity) {
        size_t capacity = cluster->capacity ? 2 * cluster->capacity : 16;
        struct sent *queue = calloc(capacity, sizeof(*queue));

        if (!queue)
            return NULL;
        for (size_t i = 0; i < cluster->count; i++)
            queue[i] = cluster->queue[(cluster->head + i) & (cluster->capacity - 1)];
        free(cluster->queue);
        cluster->queue = queue;
        cluster->capacity = capacity;
        cluster->head = 0;
    }
    return &cluster->queue[(cluster->head + cluster->count) & (cluster->capacity - 1)];
}

static bool is_transaction(struct slc_str word)
{
    return slc_str_eq_nocase(word, SLC_STR("MULTI")) || slc_str_eq_nocase(word, SLC_STR("EXEC")) ||
           slc_str_eq_nocase(word, SLC_STR("WATCH"));
}

bool slc_cluster_append(struct slc_cluster *cluster, size_t argc, const struct slc_str argv[],
                        struct slc_error *error)
{
    struct slc_str key = slc_redis_command_key(argc, argv);
    uint16_t slot = key.data ? slc_redis_slot(key) : 0;
    struct slc_redis *redis;
    struct sent *sent;

    if (argc > 0 && is_transaction(argv[0]))
        return slc_fail(error, SLC_ERR_INTERNAL,
                        "a transaction is begun over a whole Redis cluster, not on one master");
    redis = master_of(cluster, slot, error);
    sent = redis ? push(cluster) : NULL;
    if (!sent)
        return redis ? out_of_memory(error) : false;
    slc_buf_clear(&sent->command);
    slc_resp_command(&sent->command, argc, argv);
    if (sent->command.failed)
        return out_of_memory(error);
    if (!slc_redis_append_encoded(redis, slc_buf_view(&sent->command), 1, error))
        return false;
    sent->has_key = key.data != NULL;
    sent->slot = slot;
    sent->master = cluster->owner[slot];
    cluster->count++;
    return true;
}

/* A header of resp.h: its number, or -1. */
static int64_t take_header(struct slc_str *text, char kind)
{
    const char *cr = text->len > 1 ? memchr(text->data, '\r', text->len) : NULL;
    size_t len = cr ? (size_t)(cr - text->data) : 0;
    int64_t number;

    if (len < 2 || text->data[0] != kind || text->len < len + 2 ||
        !slc_parse_int64(text->data + 1, len - 1, &number))
        return -1;
    text->data += len + 2;
    text->len -= len + 2;
    return number;
}

/* One command's words, views into `text`; 0 when it is none. */
static size_t take_words(struct slc_str *text, struct slc_str argv[], size_t most)
{
    int64_t argc = take_header(text, '*');

    if (argc < 1 || (size_t)argc > most)
        return 0;
    for (int64_t i = 0; i < argc; i++) {
        int64_t len = take_header(text, '$');

        if (len < 0 || text->len < (size_t)len + 2)
            return 0;
        argv[i] = (struct slc_str){.data = text->data, .len = (size_t)len};
        text->data += len + 2;
        text->len -= (size_t)len + 2;
    }
    return (size_t)argc;
}

bool slc_cluster_append_encoded(struct slc_cluster *cluster, struct slc_str commands, size_t count,
                                struct slc_error *error)
{
    struct slc_str argv[ENCODED_WORDS];

    for (; count > 0; count--) {
        size_t argc = take_words(&commands, argv, ENCODED_WORDS);

        if (argc == 0)
            return slc_fail(error, SLC_ERR_INTERNAL,
                            "a command for a Redis cluster is none, or has more than %d words",
                            ENCODED_WORDS);
        if (!slc_cluster_append(cluster, argc, argv, error))
            return false;
    }
    return true;
}

bool slc_cluster_flush(struct slc_cluster *cluster, struct slc_error *error)
{
    for (size_t i = 0; i < cluster->n_masters; i++) {
        struct slc_redis *redis = cluster->masters[i].redis;

        if (redis && slc_redis_outstanding(redis) > 0 && !slc_redis_flush(redis, error))
            return false;
    }
    return true;
}

/* ---- What is sent again ---- */

/* A connection on which nothing else is under way. */
static struct slc_redis *open_aside(struct slc_cluster *cluster, size_t place,
                                    struct slc_error *error)
{
    struct master *master = &cluster->masters[place];

    if (!master->aside)
        master->aside = open_node(cluster, &master->at, cluster->timeout_ms, error);
    else if (!slc_redis_is_idle(master->aside) && !slc_redis_reopen(master->aside, error))
        return NULL;
    return master->aside;
}

/* The command once more, at a node; `*ret` is the reply, whatever it is. */
static bool send_again(struct slc_cluster *cluster, const struct sent *sent, size_t place,
                       bool asking, struct slc_reply **ret, struct slc_error *error)
{
    struct slc_redis *redis = open_aside(cluster, place, error);
    SLC_AUTO_REPLY struct slc_reply *asked = NULL;

    cluster->answered = redis;
    return redis && (!asking || slc_redis_append_call(redis, error, SLC_STR("ASKING"))) &&
           slc_redis_append_encoded(redis, slc_buf_view(&sent->command), 1, error) &&
           (!asking || slc_redis_read(redis, &asked, error)) && slc_redis_read(redis, ret, error);
}

/* Where to try next, `*place` being where the redirection came from; false when
 * it cannot be told. */
static bool follow(struct slc_cluster *cluster, const struct sent *sent,
                   const struct slc_redirect *redirect, size_t *place, struct slc_error *error)
{
    struct slc_redis_node at = redirect->node;
    uint16_t found;

    if (redirect->kind == SLC_REDIRECT_DOWN) {
        cluster->is_stale = true;
        return find_owner(cluster, sent->slot, place, error);
    }
    if (redirect->kind == SLC_REDIRECT_TRYAGAIN)
        return true;
    if (!at.host[0])
        memcpy(at.host, cluster->masters[*place].at.host, sizeof(at.host));
    found = find_master(cluster, &at);
    if (found == NOBODY)
        return slc_fail(error, SLC_ERR_SERVER,
                        "the Redis cluster names more than %d nodes; is its map of slots in order?",
                        SLC_CLUSTER_MAX_NODES);
    if (redirect->kind == SLC_REDIRECT_MOVED) {
        cluster->owner[redirect->slot] = found;
        cluster->is_stale = true; /* as a rule more than this slot has moved */
    }
    *place = found;
    return true;
}

/* `*reply` is a redirection: go after it.
 *
 * ASK says where a key is at this moment, while its slot is on its way. Said to
 * one command of many, it is read when the ones before it have been chased, and
 * the slot may have gone on to a third node and come back meanwhile: the node
 * that was named would answer that it has no such key, and be wrong. So the
 * command is sent once more by itself, and the ASK that it gets is followed at
 * once. */
static bool chase(struct slc_cluster *cluster, const struct sent *sent, struct slc_reply **reply,
                  struct slc_error *error)
{
    size_t place = sent->master;
    int pause_ms = FIRST_PAUSE_MS, hops = 0;
    bool is_fresh = false;

    for (;; is_fresh = true) {
        struct slc_redirect redirect = slc_redis_redirect((*reply)->text);
        bool waits = redirect.kind == SLC_REDIRECT_TRYAGAIN || redirect.kind == SLC_REDIRECT_DOWN;
        bool asks = redirect.kind == SLC_REDIRECT_ASK;

        if ((*reply)->type != SLC_REPLY_ERROR || redirect.kind == SLC_REDIRECT_NONE)
            return true;
        if (cluster->give_up_usec == 0)
            cluster->give_up_usec = slc_monotonic_usec() + cluster->timeout_ms * 1000;
        /* What has to be waited for has time, once for all that is under way; running in circles
         * has not. */
        if (waits ? slc_monotonic_usec() > cluster->give_up_usec
                  : ++hops > SLC_CLUSTER_MAX_REDIRECTS)
            return true; /* the redirection is the answer: an error that says so */
        if (waits) {
            (void)poll(NULL, 0, pause_ms);
            pause_ms = pause_ms * 2 < LONGEST_PAUSE_MS ? pause_ms * 2 : LONGEST_PAUSE_MS;
        }
        if ((!asks || is_fresh) && !follow(cluster, sent, &redirect, &place, error))
            return false;
        slc_reply_free(*reply);
        *reply = NULL;
        if (!send_again(cluster, sent, place, asks && is_fresh, reply, error))
            return false;
    }
}

bool slc_cluster_read(struct slc_cluster *cluster, struct slc_reply **ret, struct slc_error *error)
{
    struct slc_reply *reply = NULL;
    struct sent *sent;
    bool good;

    if (cluster->count == 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "a Redis reply is read that was not asked for");
    sent = &cluster->queue[cluster->head];
    cluster->answered = cluster->masters[sent->master].redis;
    good =
        slc_redis_read(cluster->masters[sent->master].redis, &reply, error) &&
        (reply->type != SLC_REPLY_ERROR || !sent->has_key || chase(cluster, sent, &reply, error));
    cluster->head = (cluster->head + 1) & (cluster->capacity - 1);
    cluster->count--;
    if (cluster->count == 0)
        cluster->give_up_usec = 0;
    if (!good) {
        /* The order of the answers is lost with it. */
        cluster->is_stale = true;
        slc_reply_free(reply);
        return false;
    }
    *ret = reply;
    return true;
}

bool slc_cluster_answered_by(struct slc_cluster *cluster, uint64_t *ret_server,
                             struct slc_error *error)
{
    *ret_server = 0;
    return !cluster->answered || slc_redis_answered_by(cluster->answered, ret_server, error);
}
