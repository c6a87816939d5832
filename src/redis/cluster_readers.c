/* Reading from the replicas of a cluster's masters.
 *
 * A replica is behind its master by a moment, so whoever reads a table's
 * metadata, its rows, and its metadata again, has to read all of them at one of
 * the two, or first at the replica and then at the master: with equal metadata
 * before and after, what is between is of that load then, too. So all reading
 * begins at the replicas, and goes over to the masters, never back, as soon as
 * anything is odd: a replica that is lost, too slow, loading or none any more, a
 * slot that moves. slc_cluster_begin_reading() is where another begins.
 *
 * A replica of a master that is giving a slot away has no ASK to say where a key
 * has gone: it says that there is none. So nothing is only believed to be there
 * when the master says the same. */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "redis/cluster_internal.h"
#include "redis/replicas.h"

enum { READER_SHARE = 4 };

int64_t slc_cluster_reader_timeout_ms(const struct slc_cluster *cluster)
{
    return cluster->timeout_ms / READER_SHARE + 1;
}

static void close_reader(struct slc_cluster *cluster, struct slc_cluster_master *master)
{
    if (cluster->answered == master->reader)
        cluster->answered = NULL;
    slc_redis_close(master->reader);
    master->reader = NULL;
}

static void give_reader_up(struct slc_cluster *cluster, struct slc_cluster_master *master)
{
    close_reader(cluster, master);
    master->no_reader_until_usec = slc_monotonic_usec() + SLC_REDIS_READER_TRUST_MS * INT64_C(1000);
}

/* They are tried from any of them on, so that several readers share the work. */
static struct slc_redis *open_reader(struct slc_cluster *cluster, struct slc_cluster_master *master)
{
    int64_t timeout_ms = slc_cluster_reader_timeout_ms(cluster);
    int64_t deadline_usec = slc_monotonic_usec() + timeout_ms * 1000;
    size_t first = master->n_replicas ? (size_t)slc_monotonic_usec() % master->n_replicas : 0;

    for (size_t i = 0; i < master->n_replicas && slc_monotonic_usec() < deadline_usec; i++) {
        struct slc_redis *found = slc_cluster_open_node(
            cluster, &master->replicas[(first + i) % master->n_replicas], timeout_ms, NULL);

        if (found && slc_redis_call(found, NULL, NULL, SLC_STR("READONLY")) &&
            slc_redis_follows(found))
            return found;
        slc_redis_close(found);
    }
    return NULL;
}

/* One that was used before has to be there still, and to follow its master. */
static bool is_current(struct slc_cluster_master *master)
{
    int64_t now_usec = slc_monotonic_usec();

    if (!slc_redis_is_idle(master->reader))
        return false;
    if (now_usec - master->reader_seen_usec < SLC_REDIS_READER_TRUST_MS * INT64_C(1000))
        return true;
    master->reader_seen_usec = now_usec;
    return slc_redis_follows(master->reader);
}

struct slc_redis *slc_cluster_reader(struct slc_cluster *cluster, size_t place)
{
    struct slc_cluster_master *master = &cluster->masters[place];

    if (!cluster->has_readers || cluster->reads_masters ||
        master->no_reader_until_usec > cluster->reading_since_usec)
        return NULL;
    if (master->reader_is_used)
        return master->reader;
    master->reader_is_used = true;
    if (master->reader && !is_current(master))
        close_reader(cluster, master);
    if (!master->reader) {
        master->reader = open_reader(cluster, master);
        master->reader_seen_usec = slc_monotonic_usec();
    }
    if (!master->reader)
        give_reader_up(cluster, master);
    return master->reader;
}

/* ---- When reading begins, and when it goes over to the masters ---- */

void slc_cluster_begin_reading(struct slc_cluster *cluster)
{
    bool wants_map = cluster->is_stale;

    if (cluster->count > 0)
        return;
    cluster->has_readers = true;
    cluster->reading_since_usec = slc_monotonic_usec();
    for (size_t i = 0; i < cluster->n_masters; i++) {
        struct slc_cluster_master *master = &cluster->masters[i];

        master->reader_is_used = false;
        if (master->no_reader_until_usec != 0 &&
            master->no_reader_until_usec <= cluster->reading_since_usec) {
            master->no_reader_until_usec = 0;
            wants_map = true; /* there may be other replicas by now */
        }
    }
    if (wants_map)
        (void)slc_cluster_refresh(cluster, NULL);
    cluster->reads_masters = false;
}

void slc_cluster_read_masters(struct slc_cluster *cluster)
{
    if (!cluster->has_readers)
        return;
    cluster->reads_masters = true;
    for (size_t i = 0; i < cluster->n_masters; i++)
        if (cluster->masters[i].reader && slc_redis_outstanding(cluster->masters[i].reader) > 0)
            close_reader(cluster, &cluster->masters[i]);
}

/* ---- Replies ---- */

bool slc_cluster_is_nothing(const struct slc_reply *reply)
{
    if (reply->type == SLC_REPLY_INTEGER)
        return reply->integer == 0;
    if (reply->type != SLC_REPLY_ARRAY)
        return reply->type == SLC_REPLY_NIL;
    /* The last step of a scan that shows no more. */
    if (reply->count == 2 && slc_reply_is(&reply->items[0], "0") &&
        reply->items[1].type == SLC_REPLY_ARRAY && reply->items[1].count == 0)
        return true;
    for (size_t i = 0; i < reply->count; i++)
        if (reply->items[i].type != SLC_REPLY_NIL)
            return false;
    return true;
}

struct slc_reply *slc_cluster_reader_reply(struct slc_cluster *cluster, size_t place,
                                           struct slc_reply **ret_nothing)
{
    struct slc_cluster_master *master = &cluster->masters[place];
    struct slc_reply *reply = NULL;

    *ret_nothing = NULL;
    if (cluster->reads_masters)
        return NULL;
    if (!slc_redis_read(master->reader, &reply, NULL) || reply->type == SLC_REPLY_ERROR) {
        slc_reply_free(reply);
        give_reader_up(cluster, master);
        slc_cluster_read_masters(cluster);
        return NULL;
    }
    cluster->answered = master->reader;
    if (!slc_cluster_is_nothing(reply))
        return reply;
    *ret_nothing = reply;
    return NULL;
}

void slc_cluster_flush_readers(struct slc_cluster *cluster)
{
    /* One that fails is noticed when its answers are read. */
    for (size_t i = 0; i < cluster->n_masters; i++)
        if (cluster->masters[i].reader && slc_redis_outstanding(cluster->masters[i].reader) > 0)
            (void)slc_redis_flush(cluster->masters[i].reader, NULL);
}

bool slc_cluster_answered_by(struct slc_cluster *cluster, uint64_t *ret_server,
                             struct slc_error *error)
{
    enum { LOST = 1 }; /* another one than any */
    struct slc_error reason;

    *ret_server = 0;
    if (!cluster->answered || slc_redis_answered_by(cluster->answered, ret_server, &reason))
        return true;
    for (size_t i = 0; i < cluster->n_masters; i++)
        if (cluster->masters[i].reader == cluster->answered) {
            give_reader_up(cluster, &cluster->masters[i]);
            slc_cluster_read_masters(cluster);
            *ret_server = LOST;
            return true;
        }
    if (error)
        *error = reason;
    return false;
}
