/* A connection to one Redis server: commands and pipelines.
 *
 * For one thread at a time. Every wait has a deadline. A connection on which
 * anything but an error reply went wrong (lost, timed out, garbage) is closed
 * and stays so until slc_redis_reopen(): nothing is sent twice behind the
 * caller's back. SIGPIPE is never raised. */
#ifndef SLC_REDIS_CONNECTION_H
#define SLC_REDIS_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "redis/reply.h"
#include "redis/transport.h"
#include "redis/url.h"

struct slc_redis;

enum {
    SLC_REDIS_TIMEOUT_MS = 5000,              /* a fair choice for `timeout_ms` */
    SLC_REDIS_MAX_REPLY_BYTES = 512 << 20,    /* Redis' own bound of one string */
    SLC_REDIS_MAX_PIPELINE_BYTES = 256 << 20, /* of commands appended and not yet flushed */
};

/* Connect, log in (AUTH, or HELLO 3 for RESP3), choose the database (SELECT) and
 * give the connection a name (CLIENT SETNAME sluice). With Sentinel the master is
 * asked for first, each time that the connection is opened, and has to say of
 * itself that it is one (ROLE). `timeout_ms` bounds connecting as a whole and
 * later each command or read. NULL on failure. Errors: CONNECTION (refused,
 * reset, unknown host, no Redis), TIMEOUT, AUTH, SERVER, CONFIG, MEMORY. */
struct slc_redis *slc_redis_open(const struct slc_redis_url *url, int64_t timeout_ms,
                                 struct slc_error *error);

/* The same from text. */
struct slc_redis *slc_redis_open_text(const char *url, int64_t timeout_ms, struct slc_error *error);

/* Close (when open) and connect anew; replies still outstanding are lost. */
bool slc_redis_reopen(struct slc_redis *redis, struct slc_error *error);

/* With Sentinel: this is still the master that the sentinels name. A failover
 * promotes another server some moments before the old master hears of it, and
 * what was written to that one meanwhile is lost. False closes the connection
 * (CONNECTION). True for other URLs, and when no sentinel can be asked. With a
 * cluster: asks for the map of slots anew, so that what is asked next is asked of
 * whoever has the slot now. */
bool slc_redis_confirm_master(struct slc_redis *redis, struct slc_error *error);

/* Close and free. NULL is allowed. */
void slc_redis_close(struct slc_redis *redis);

static inline void slc_redis_closep(struct slc_redis **redis)
{
    slc_redis_close(*redis);
}
#define SLC_AUTO_REDIS SLC_CLEANUP(slc_redis_closep)

/* For commands known to be slow. Applies to what is called from now on. */
void slc_redis_set_timeout(struct slc_redis *redis, int64_t timeout_ms);

/* False after anything that closed the connection. */
bool slc_redis_is_open(const struct slc_redis *redis);

/* A look without waiting or sending: open, idle, and neither closed nor spoken
 * to by the server meanwhile. */
bool slc_redis_is_idle(struct slc_redis *redis);

/* The URL with the password masked; lives as long as the connection. */
const char *slc_redis_where(const struct slc_redis *redis);

/* The URL is that of a Redis Cluster: commands go to the master of their (first)
 * key, and are followed where the cluster sends them (cluster.h). A transaction
 * and a pipe (pipe.h) belong to one master, as slc_redis_open_owner() opens it. */
bool slc_redis_is_cluster(const struct slc_redis *redis);

/* With a cluster: a new connection, yours, to the master that has `key` now. What
 * it refuses with MOVED and the like has to be begun again. NULL on failure. */
struct slc_redis *slc_redis_open_owner(struct slc_redis *redis, struct slc_str key,
                                       struct slc_error *error);

/* With a cluster: its masters, as slc_cluster_describe(). False without one. */
bool slc_redis_describe_master(const struct slc_redis *redis, size_t i, const char **ret_host,
                               uint16_t *ret_port, int *ret_slots);

/* Send one command and wait for its reply. An error reply is a failure (see
 * slc_reply_fail()); the connection stays open then. `ret` may be NULL (the
 * reply is dropped), else it is yours to free; it is untouched on failure.
 * No pipeline may be under way (INTERNAL). */
bool slc_redis_command(struct slc_redis *redis, size_t argc, const struct slc_str argv[],
                       struct slc_reply **ret, struct slc_error *error);

/* slc_redis_call(redis, &reply, error, SLC_STR("HGET"), key, field) */
#define slc_redis_call(redis, ret, error, ...)                                                     \
    slc_redis_command((redis), sizeof((struct slc_str[]){__VA_ARGS__}) / sizeof(struct slc_str),   \
                      (struct slc_str[]){__VA_ARGS__}, (ret), (error))

/* Pipelines: append any number of commands, then read as many replies, in
 * order. Appending sends nothing; the first read (or a flush) does, taking in
 * replies meanwhile so that neither side blocks the other.
 * Errors of append: MEMORY, LIMIT (SLC_REDIS_MAX_PIPELINE_BYTES), CONNECTION. */
bool slc_redis_append(struct slc_redis *redis, size_t argc, const struct slc_str argv[],
                      struct slc_error *error);
#define slc_redis_append_call(redis, error, ...)                                                   \
    slc_redis_append((redis), sizeof((struct slc_str[]){__VA_ARGS__}) / sizeof(struct slc_str),    \
                     (struct slc_str[]){__VA_ARGS__}, (error))

/* The same for `count` whole commands that are encoded already (redis/resp.h). */
bool slc_redis_append_encoded(struct slc_redis *redis, struct slc_str commands, size_t count,
                              struct slc_error *error);

bool slc_redis_flush(struct slc_redis *redis, struct slc_error *error);

/* The next reply, yours to free. An error reply is a reply here: look at its
 * type, or call slc_reply_check(). INTERNAL when nothing was appended. */
bool slc_redis_read(struct slc_redis *redis, struct slc_reply **ret, struct slc_error *error);

/* Replies still to be read. */
size_t slc_redis_outstanding(const struct slc_redis *redis);

/* Which server process gave the last reply: the same number for all connections
 * to it, and another one after a restart (for a user who may not ask INFO: the same
 * one, by its address); 0 when nothing was answered yet. Asked once a connection.
 * Nothing may be outstanding. */
bool slc_redis_answered_by(struct slc_redis *redis, uint64_t *ret_server, struct slc_error *error);

/* Its socket under another descriptor, the caller's to close: shutdown(2) on that one ends a
 * wait of the thread that has the connection, and never hits what took the place of one that
 * this thread closes meanwhile. -1: none to be had, as of a cluster. */
int slc_redis_dup(struct slc_redis *redis);

/* For the writers built on a connection (pipe.c): the stream and its transport,
 * NULL when closed; and a way to close with the reason that later calls give. */
struct slc_stream *slc_redis_stream(struct slc_redis *redis,
                                    const struct slc_transport **ret_transport);
int64_t slc_redis_timeout_ms(const struct slc_redis *redis);

/* For replicas.c: when this was last seen to be a replica that follows its
 * master; 0 for any other connection. */
void slc_redis_mark_reader(struct slc_redis *redis, int64_t since_usec);
int64_t slc_redis_reader_since(const struct slc_redis *redis);
/* The same for a cluster's: slc_cluster_begin_reading(). */
void slc_redis_begin_reading(struct slc_redis *redis);
void slc_redis_break(struct slc_redis *redis, const struct slc_error *reason);

#endif
