/* What the files of src/store share: names of keys, transactions. */
#ifndef SLC_STORE_EXCHANGE_H
#define SLC_STORE_EXCHANGE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "redis/connection.h"

/* The concatenation, in the arena; data is NULL when memory ran out. */
struct slc_str slc_store_join(struct slc_arena *arena, struct slc_str a, struct slc_str b,
                              struct slc_str c, struct slc_str d);

/* R:staging, R:staging:<load id>:NAME, R:lease:NAME, R:garbage, NAME.META. On a
 * Redis Cluster NAME stands in braces in those that belong to one replica
 * ({NAME}.META), so that they are in its slot. */
struct slc_str slc_store_staging_hash(struct slc_arena *arena, struct slc_str registry_key);
struct slc_str slc_store_staging_key(struct slc_arena *arena, const struct slc_redis *redis,
                                     struct slc_str registry_key, struct slc_str load_id,
                                     struct slc_str name);
struct slc_str slc_store_lease_key(struct slc_arena *arena, const struct slc_redis *redis,
                                   struct slc_str registry_key, struct slc_str name);
struct slc_str slc_store_garbage_hash(struct slc_arena *arena, struct slc_str registry_key);
struct slc_str slc_store_meta_key(struct slc_arena *arena, const struct slc_redis *redis,
                                  struct slc_str name);

/* NAME:<load id>:, what the keys of a layout that is not staged begin with; on a
 * cluster {NAME}:<load id>:. */
struct slc_str slc_store_rows_prefix(struct slc_arena *arena, const struct slc_redis *redis,
                                     struct slc_str name, struct slc_str load_id);

/* With plain names (plain.h): NAME:, and NAME.META:<load id>: where rows wait to
 * get them. */
struct slc_str slc_store_plain_prefix(struct slc_arena *arena, const struct slc_redis *redis,
                                      struct slc_str name);
struct slc_str slc_store_staged_prefix(struct slc_arena *arena, const struct slc_redis *redis,
                                       struct slc_str name, struct slc_str load_id);

/* The connection for transactions over the keys of a replica (or over the
 * registry key): `redis` itself, on a cluster a new one to their master, which
 * `*ret_own` (NULL else) is for the caller to close. NULL on failure. */
struct slc_redis *slc_store_owner(struct slc_redis *redis, struct slc_str key,
                                  struct slc_redis **ret_own, struct slc_error *error);

/* Fills in MEMORY and returns false when one of the joins above failed. */
bool slc_store_joined(struct slc_str s, struct slc_error *error);

/* Read the replies to all that was appended (`good`: what the appends
 * returned; when it is false the connection is closed, because half of it waits
 * there to be sent). The last `n` of them are kept in `ret` (zeroed by the
 * caller, to be freed by it in any case). The first error reply is the error,
 * after all were read. */
bool slc_store_replies(struct slc_redis *redis, bool good, struct slc_reply *ret[], size_t n,
                       struct slc_error *error);

/* Run what was appended since MULTI: appends EXEC, reads everything. False when
 * a command was refused or the connection failed. `*ret_done` is false when
 * EXEC did nothing because a watched key had changed; `ret_results` (may be
 * NULL) gets EXEC's array. `good` as above. A server that is out of memory
 * refuses any MULTI, even one that only reads or removes (SERVER). */
bool slc_store_exec(struct slc_redis *redis, bool good, bool *ret_done,
                    struct slc_reply **ret_results, struct slc_error *error);

/* For who WATCHes and then fails: what is watched is forgotten, where the connection
 * lives on, so that a later transaction on it is not refused for a change of these
 * keys. Always returns false. */
bool slc_store_unwatch(struct slc_redis *redis);

/* The error that the key holds something else than the command is for. Other errors
 * say nothing of the key. */
bool slc_store_is_wrong_type(const struct slc_reply *reply);

/* CONFLICT unless each key is of its type ("hash", "list") or not there; at most
 * SLC_STORE_TYPES_MAX, in one round trip. */
struct slc_store_type {
    struct slc_str key;
    const char *type;
};
enum { SLC_STORE_TYPES_MAX = 6 };
bool slc_store_expect_types(struct slc_redis *redis, const struct slc_store_type *keys, size_t n,
                            struct slc_error *error);

enum { SLC_STORE_BLOCK_USEC = 1000 };

/* How much one command may carry so as not to hold the server up for longer. */
size_t slc_store_block_bytes(int64_t max_block_usec);

/* NOT_FOUND, naming the replica; returns false. */
bool slc_store_no_replica(struct slc_str name, struct slc_error *error);

/* How often a transaction is tried again after a watched key changed. Only the
 * replica's own keys are watched, and its lease keeps other loads away. */
enum { SLC_STORE_ATTEMPTS = 16 };

#endif
