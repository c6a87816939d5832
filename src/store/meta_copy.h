/* On a Redis Cluster a replica's metadata are in {NAME}.META, in the slot of its
 * rows, and a copy of them is in NAME.META, under the name that clients know.
 *
 * The copy is written right after the step that changed the metadata, and before
 * any rows that it may still speak of are removed: who reads by it sees the old
 * rows or the new ones, a moment later than who reads by {NAME}.META. (In the
 * layout `rows`, where the rows have no load's id in their key, the copy may be
 * that of the rows before.) It has one field more, COPY_OF. Without a cluster
 * there is none, and nothing is done here. */
#ifndef SLC_STORE_META_COPY_H
#define SLC_STORE_META_COPY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/str.h"
#include "redis/connection.h"

#define SLC_META_COPY_OF "COPY_OF"

/* Make the copy what the metadata are, or remove it when there are none. Any
 * number may do so at a time: none of them puts older metadata in the place of
 * newer ones. Errors: those of redis/, CONFLICT. */
bool slc_meta_copy_write(struct slc_redis *redis, struct slc_str name, struct slc_error *error);

/* The rows of this load are to be removed: see that the copy does not speak of
 * them. */
bool slc_meta_copy_leave(struct slc_redis *redis, struct slc_str name, struct slc_str load_id,
                         struct slc_error *error);

/* CONFLICT when something else than a hash stands in the copy's place. */
bool slc_meta_copy_check(struct slc_redis *redis, struct slc_str name, struct slc_error *error);

#endif
