/* Rows that no replica refers to any more: those of loads that were replaced or
 * dropped, and whose layout gave them keys of their own. They are noted down in
 * R:garbage in the step that made them garbage (load id -> an announcement's
 * text), and removed afterwards, a few hundred keys at a time, by whoever made
 * them garbage, or by a later sweep if that one did not come to it. */
#ifndef SLC_STORE_GARBAGE_H
#define SLC_STORE_GARBAGE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "redis/connection.h"

/* The text that notes down rows lying as `document` (META's LAYOUT) says; data
 * NULL in `*ret` when they have no keys of their own. Errors: MEMORY. */
bool slc_garbage_note(struct slc_arena *arena, struct slc_str name, struct slc_str document,
                      struct slc_str *ret, struct slc_error *error);

/* Remove the keys of rows that lie as `document` says. One that cannot be
 * understood has none. */
bool slc_garbage_remove_rows(struct slc_redis *redis, struct slc_str name, struct slc_str document,
                             struct slc_error *error);

/* Remove what is noted down for a load, and the note. */
bool slc_garbage_collect(struct slc_redis *redis, struct slc_str garbage_hash,
                         struct slc_str load_id, struct slc_str note, struct slc_error *error);

/* All that is noted down. */
bool slc_garbage_collect_all(struct slc_redis *redis, struct slc_str registry_key,
                             struct slc_error *error);

/* Whether the rows of this load are the replica's: META has its LOAD_ID, and a
 * LAYOUT, which dropping the rows takes away. A key that is no metadata has none. */
bool slc_store_is_current(struct slc_redis *redis, struct slc_str name, struct slc_str load_id,
                          bool *ret, struct slc_error *error);

#endif
