#include "redis/cluster.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "redis/cluster_internal.h"
#include "redis/resp.h"
#include "redis/settings.h"

enum { FIRST_PAUSE_MS = 5, LONGEST_PAUSE_MS = 250, ENCODED_WORDS = 1024 };

/* ---- Opening and closing ---- */

struct slc_cluster *slc_cluster_open(const struct slc_redis_url *url, int64_t timeout_ms,
                                     struct slc_error *error)
{
    struct slc_cluster *cluster = calloc(1, sizeof(*cluster));

    if (cluster)
        cluster->url = malloc(sizeof(*cluster->url));
    if (!cluster || !cluster->url) {
        free(cluster);
        slc_cluster_out_of_memory(error);
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
        slc_redis_close(cluster->masters[i].reader);
        free(cluster->masters[i].replicas);
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
        if (cluster->masters[i].reader)
            slc_redis_set_timeout(cluster->masters[i].reader,
                                  slc_cluster_reader_timeout_ms(cluster));
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
    for (size_t i = 0; i < cluster->n_masters; i++) {
        const struct slc_cluster_master *master = &cluster->masters[i];

        if ((master->redis && slc_redis_outstanding(master->redis) > 0) ||
            (master->reader && slc_redis_outstanding(master->reader) > 0))
            return false;
    }
    return true;
}

/* ---- Whom to send to ---- */

/* Whoever has the first slots stands for commands without a key. */
static bool find_owner(struct slc_cluster *cluster, uint16_t slot, size_t *ret_place,
                       struct slc_error *error)
{
    if ((cluster->is_stale || cluster->owner[slot] == SLC_CLUSTER_NOBODY) &&
        !slc_cluster_refresh(cluster, error))
        return false;
    if (cluster->owner[slot] == SLC_CLUSTER_NOBODY)
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
    struct slc_cluster_master *master = &cluster->masters[place];

    if (!master->redis)
        master->redis = slc_cluster_open_node(cluster, &master->at, cluster->timeout_ms, error);
    else if (slc_redis_outstanding(master->redis) == 0 && !slc_redis_is_idle(master->redis) &&
             !slc_redis_reopen(master->redis, error))
        return NULL;
    return master->redis;
}

static struct slc_redis *master_of(struct slc_cluster *cluster, uint16_t slot,
                                   struct slc_error *error)
{
    struct slc_redis *redis;
    struct slc_error why = {0};
    size_t place = 0, tried;

    if (!find_owner(cluster, slot, &place, error))
        return NULL;
    redis = connect_master(cluster, place, &why);
    if (redis)
        return redis;
    /* It may be gone, and another in its place. */
    cluster->is_stale = true;
    tried = place;
    if (!find_owner(cluster, slot, &place, error))
        return NULL;
    if (place != tried)
        return connect_master(cluster, place, error);
    if (error)
        *error = why;
    return NULL;
}

/* For a command without a key (`slot` NULL) there is none. */
static struct slc_redis *reader_of(struct slc_cluster *cluster, const uint16_t *slot)
{
    size_t place = 0;

    return cluster->has_readers && slot && find_owner(cluster, *slot, &place, NULL)
               ? slc_cluster_reader(cluster, place)
               : NULL;
}

struct slc_redis *slc_cluster_open_owner(struct slc_cluster *cluster, uint16_t slot,
                                         struct slc_error *error)
{
    /* One that cannot be reached is noticed, and its successor found, here. */
    struct slc_redis *redis = master_of(cluster, slot, error);

    return redis ? slc_cluster_open_node(cluster, &cluster->masters[cluster->owner[slot]].at,
                                         cluster->timeout_ms, error)
                 : NULL;
}

/* ---- Commands ---- */

static struct slc_cluster_sent *push(struct slc_cluster *cluster)
{
    if (cluster->count == cluster->capacity) {
        size_t capacity = cluster->capacity ? 2 * cluster->capacity : 16;
        struct slc_cluster_sent *queue = calloc(capacity, sizeof(*queue));

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
    struct slc_cluster_sent *sent;
    bool to_reader;

    if (argc > 0 && is_transaction(argv[0]))
        return slc_fail(error, SLC_ERR_INTERNAL,
                        "a transaction is begun over a whole Redis cluster, not on one master");
    redis = reader_of(cluster, key.data ? &slot : NULL);
    to_reader = redis != NULL;
    if (!redis)
        redis = master_of(cluster, slot, error);
    sent = redis ? push(cluster) : NULL;
    if (!sent)
        return redis ? slc_cluster_out_of_memory(error) : false;
    slc_buf_clear(&sent->command);
    slc_resp_command(&sent->command, argc, argv);
    if (sent->command.failed)
        return slc_cluster_out_of_memory(error);
    if (!slc_redis_append_encoded(redis, slc_buf_view(&sent->command), 1, error))
        return false;
    sent->has_key = key.data != NULL;
    sent->to_reader = to_reader;
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
    slc_cluster_flush_readers(cluster);
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
    struct slc_cluster_master *master = &cluster->masters[place];

    if (!master->aside)
        master->aside = slc_cluster_open_node(cluster, &master->at, cluster->timeout_ms, error);
    else if (!slc_redis_is_idle(master->aside) && !slc_redis_reopen(master->aside, error))
        return NULL;
    return master->aside;
}

/* The command once more, at a node; `*ret` is the reply, whatever it is. */
static bool send_again(struct slc_cluster *cluster, const struct slc_cluster_sent *sent,
                       size_t place, bool asking, struct slc_reply **ret, struct slc_error *error)
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
static bool follow(struct slc_cluster *cluster, const struct slc_cluster_sent *sent,
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
    found = slc_cluster_find_master(cluster, &at);
    if (found == SLC_CLUSTER_NOBODY)
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
static bool chase(struct slc_cluster *cluster, const struct slc_cluster_sent *sent,
                  struct slc_reply **reply, struct slc_error *error)
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

static bool read_of_master(struct slc_cluster *cluster, const struct slc_cluster_sent *sent,
                           struct slc_reply **ret, struct slc_error *error)
{
    cluster->answered = cluster->masters[sent->master].redis;
    return slc_redis_read(cluster->answered, ret, error) &&
           ((*ret)->type != SLC_REPLY_ERROR || !sent->has_key || chase(cluster, sent, ret, error));
}

/* What the replica says, or else the master. */
static bool read_of_reader(struct slc_cluster *cluster, struct slc_cluster_sent *sent,
                           struct slc_reply **ret, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *nothing = NULL;
    struct slc_redis *answered;

    *ret = slc_cluster_reader_reply(cluster, sent->master, &nothing);
    if (*ret)
        return true;
    answered = cluster->answered;
    if (!find_owner(cluster, sent->slot, &sent->master, error) ||
        !send_again(cluster, sent, sent->master, false, ret, error) ||
        !chase(cluster, sent, ret, error))
        return false;
    if (nothing && !cluster->reads_masters && slc_cluster_is_nothing(*ret)) {
        slc_reply_free(*ret);
        *ret = nothing;
        nothing = NULL;
        cluster->answered = answered;
    } else {
        slc_cluster_read_masters(cluster);
    }
    return true;
}

bool slc_cluster_read(struct slc_cluster *cluster, struct slc_reply **ret, struct slc_error *error)
{
    struct slc_reply *reply = NULL;
    struct slc_cluster_sent *sent;
    bool good;

    if (cluster->count == 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "a Redis reply is read that was not asked for");
    sent = &cluster->queue[cluster->head];
    good = sent->to_reader ? read_of_reader(cluster, sent, &reply, error)
                           : read_of_master(cluster, sent, &reply, error);
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
