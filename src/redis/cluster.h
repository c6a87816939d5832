/* A Redis Cluster: the map of slots, and one connection a master.
 *
 * Behind a struct slc_redis whose URL says cluster (connection.h): commands go to
 * the master of their key, answers come in the order of the commands. What is
 * answered with MOVED, ASK, TRYAGAIN or CLUSTERDOWN is sent again where the key
 * is now, a bounded number of times within the time-out; none of these commands
 * was carried out. Transactions and bulk pipes belong to one master: see
 * slc_redis_open_owner(). For one thread at a time. */
#ifndef SLC_REDIS_CLUSTER_H
#define SLC_REDIS_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "redis/connection.h"
#include "redis/reply.h"

struct slc_cluster;

enum { SLC_CLUSTER_MAX_NODES = 1024, SLC_CLUSTER_MAX_REDIRECTS = 16 };

/* Ask one of the URL's seeds for the map. NULL on failure. Errors: those of
 * connecting, CONFIG when it is no cluster. */
struct slc_cluster *slc_cluster_open(const struct slc_redis_url *url, int64_t timeout_ms,
                                     struct slc_error *error);

/* Close all connections. NULL is allowed. */
void slc_cluster_close(struct slc_cluster *cluster);

/* Ask for the map anew: the nodes that are known, then the seeds, until one
 * answers. Errors as slc_cluster_open(). */
bool slc_cluster_refresh(struct slc_cluster *cluster, struct slc_error *error);

void slc_cluster_set_timeout(struct slc_cluster *cluster, int64_t timeout_ms);

/* Nothing is outstanding, and no connection that was used is broken. */
bool slc_cluster_is_idle(struct slc_cluster *cluster);

size_t slc_cluster_outstanding(const struct slc_cluster *cluster);

/* A new connection, the caller's, to the master of a slot. NULL on failure. */
struct slc_redis *slc_cluster_open_owner(struct slc_cluster *cluster, uint16_t slot,
                                         struct slc_error *error);

/* slc_redis_append(), _flush() and _read() of connection.h. */
bool slc_cluster_append(struct slc_cluster *cluster, size_t argc, const struct slc_str argv[],
                        struct slc_error *error);
/* Whole commands in RESP, as redis/resp.h writes them. */
bool slc_cluster_append_encoded(struct slc_cluster *cluster, struct slc_str commands, size_t count,
                                struct slc_error *error);
bool slc_cluster_flush(struct slc_cluster *cluster, struct slc_error *error);
bool slc_cluster_read(struct slc_cluster *cluster, struct slc_reply **ret, struct slc_error *error);

/* What is appended from now on reads (it has to), and begins at the replicas of the
 * masters, each of which has READONLY connections of its own; the keys of a slot
 * are read from one replica, or first from one and then from the master, so that
 * whoever reads a mark before and after the rest, as slc_rows_next() does, sees no
 * mix. Nothing may be outstanding (nothing is done then). */
void slc_cluster_begin_reading(struct slc_cluster *cluster);

/* slc_redis_answered_by() of connection.h. */
bool slc_cluster_answered_by(struct slc_cluster *cluster, uint64_t *ret_server,
                             struct slc_error *error);

/* The masters that have slots now: `*ret_host` and `*ret_port` of the i-th, with
 * the number of its slots. False behind the last one. */
bool slc_cluster_describe(const struct slc_cluster *cluster, size_t i, const char **ret_host,
                          uint16_t *ret_port, int *ret_slots);

#endif
