/* A replica as the commands show it. */
#ifndef SLC_CLI_REPLICA_H
#define SLC_CLI_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_tree.h"
#include "redis/connection.h"
#include "store/store.h"

/* What Redis says of a replica's rows now; -1 where it does not tell. */
struct slc_replica_facts {
    int64_t rows;
    int64_t memory_bytes; /* estimated by Redis from a few rows */
};

/* `meta` has LAYOUT, if the replica does. Errors: those of redis/, but not an error reply. */
bool slc_replica_facts(struct slc_redis *redis, struct slc_str name, const struct slc_meta *meta,
                       struct slc_replica_facts *ret_facts, struct slc_error *error);

static inline void slc_meta_auto(struct slc_meta *meta)
{
    slc_meta_release(meta);
}
static inline void slc_names_auto(struct slc_names *names)
{
    slc_store_names_release(names);
}
#define SLC_AUTO_META SLC_CLEANUP(slc_meta_auto)
#define SLC_AUTO_NAMES SLC_CLEANUP(slc_names_auto)

/* How deep what sluice writes into META nests, and some. */
enum { SLC_META_DEPTH = 16 };

/* The field's document (an object or an array), the caller's with json_object_put();
 * NULL when it is none. */
struct json_object *slc_meta_json(const struct slc_meta *meta, const char *field);
/* The field's whole number; -1 when it is none. */
int64_t slc_meta_int(const struct slc_meta *meta, const char *field);

/* The number of columns by DF_SHAPE; -1. */
int64_t slc_meta_columns(const struct slc_meta *meta);

/* A ticket's stamp "2022-02-22:19:35:32" as people write it, anything else as
 * it is. */
void slc_text_stamp(struct slc_buf *buf, struct slc_str stamp);

/* The text of a JSON string, "" for anything else; lives as long as `value`. */
struct slc_str slc_json_text_of(struct json_object *value);

#endif
