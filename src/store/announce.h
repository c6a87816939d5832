/* Announcements of loads in progress: what stands in R:staging, and how the
 * leftovers of a load are removed. */
#ifndef SLC_STORE_ANNOUNCE_H
#define SLC_STORE_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "redis/connection.h"

enum { SLC_LOAD_ID_BYTES = 32 };

/* [0-9a-f]{32} */
bool slc_load_id_is_valid(struct slc_str load_id);

struct slc_announcement {
    struct slc_str name;
    struct slc_str owner;
    struct slc_str document; /* where its rows are, as META's LAYOUT says it; data NULL: `rows` */
    int64_t started_usec;
};

/* Its JSON, in the arena; data NULL when memory ran out. Texts are to be valid
 * UTF-8. */
struct slc_str slc_announcement_text(struct slc_arena *arena,
                                     const struct slc_announcement *announcement);

/* False when it is none. The texts are copied into the arena. */
bool slc_announcement_parse(struct slc_arena *arena, struct slc_str text,
                            struct slc_announcement *ret);

/* Name the connection after the load, so that the load's leftovers can be told
 * from another's (CLIENT SETNAME); a server that refuses is fine. */
bool slc_load_mark_connection(struct slc_redis *redis, struct slc_str load_id,
                              struct slc_error *error);
bool slc_load_unmark_connection(struct slc_redis *redis, struct slc_error *error);

/* Take the load's lease from it, remove its rows, then end the announcement.
 * Commands of the load that the server has not read yet would make the keys
 * again: its connection, if the server still has one of that name, is closed
 * first. A load that was committed after all keeps its rows. */
bool slc_load_remove(struct slc_redis *redis, struct slc_str registry_key, struct slc_str load_id,
                     struct slc_str name, struct slc_str document, struct slc_error *error);

#endif
