/* The insides of a Redis Cluster, for the files cluster*.c alone. */
#ifndef SLC_REDIS_CLUSTER_INTERNAL_H
#define SLC_REDIS_CLUSTER_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "redis/cluster.h"
#include "redis/slot.h"
#include "redis/url.h"

enum { SLC_CLUSTER_NOBODY = UINT16_MAX, SLC_CLUSTER_MAX_REPLICAS = 16 };

/* One that has, or had, slots. Places do not change, so that connections stay. */
struct slc_cluster_master {
    struct slc_redis_node at;
    struct slc_redis *redis;  /* owned; NULL: not wanted yet */
    struct slc_redis *aside;  /* owned; for what is sent again; NULL: not wanted yet */
    struct slc_redis *reader; /* owned; to one of its replicas; NULL: not wanted, or none will do */
    struct slc_redis_node *replicas; /* owned; kept for readers alone */
    size_t n_replicas;
    bool reader_is_used;          /* since slc_cluster_begin_reading() */
    int64_t reader_seen_usec;     /* when it was last seen to follow its master */
    int64_t no_reader_until_usec; /* none would do a moment ago; 0: not known */
};

/* A command that was sent and is not answered to our caller. */
struct slc_cluster_sent {
    size_t master;
    bool has_key;
    bool to_reader;
    uint16_t slot;
    struct slc_buf command; /* to be sent again */
};

struct slc_cluster {
    struct slc_redis_url *url; /* owned; `settings` by reference */
    int64_t timeout_ms;
    struct slc_cluster_master masters[SLC_CLUSTER_MAX_NODES];
    size_t n_masters;
    uint16_t owner[SLC_REDIS_SLOTS]; /* an index into masters, or SLC_CLUSTER_NOBODY */
    bool is_stale;                   /* a redirection told that the map is old */
    int64_t give_up_usec;            /* when waiting ends for what is under way; 0: none waited */
    struct slc_cluster_sent *queue;  /* capacity a power of two */
    size_t capacity, head, count;
    struct slc_redis *answered; /* the connection of the last reply; NULL: none so far */
    bool has_readers;           /* slc_cluster_begin_reading() was called */
    bool reads_masters;         /* ... and something was odd since */
    int64_t reading_since_usec; /* when it was called last */
};

bool slc_cluster_out_of_memory(struct slc_error *error);

/* A new connection to a node, the caller's. */
struct slc_redis *slc_cluster_open_node(const struct slc_cluster *cluster,
                                        const struct slc_redis_node *at, int64_t timeout_ms,
                                        struct slc_error *error);

/* ---- The map (cluster_map.c) ---- */

/* The place of a node, a new one when it is not known; SLC_CLUSTER_NOBODY when
 * there are too many. */
uint16_t slc_cluster_find_master(struct slc_cluster *cluster, const struct slc_redis_node *at);

/* ---- Readers (cluster_readers.c) ---- */

/* The connection to a replica that this place's slots are read from; NULL: they
 * are read from the master. */
struct slc_redis *slc_cluster_reader(struct slc_cluster *cluster, size_t place);

/* The part of the time-out that a replica has, so that there is time left for the master. */
int64_t slc_cluster_reader_timeout_ms(const struct slc_cluster *cluster);

/* From here on, until slc_cluster_begin_reading(), masters are read. */
void slc_cluster_read_masters(struct slc_cluster *cluster);

/* The next reply to a command that was sent to the place's reader, when it can be
 * believed by itself; NULL when the master has to be asked. `*ret_nothing`: what
 * it said, the caller's, when it was that there is nothing there; else NULL. */
struct slc_reply *slc_cluster_reader_reply(struct slc_cluster *cluster, size_t place,
                                           struct slc_reply **ret_nothing);

/* NIL, 0, an empty array, and arrays of those: what a server answers that has no such key. */
bool slc_cluster_is_nothing(const struct slc_reply *reply);

void slc_cluster_flush_readers(struct slc_cluster *cluster);

#endif
