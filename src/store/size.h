/* What a replica's rows are now, whatever the layout. */
#ifndef SLC_STORE_SIZE_H
#define SLC_STORE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "redis/connection.h"

struct slc_store_size {
    int64_t rows;         /* -1: Redis, or the metadata, does not tell */
    int64_t memory_bytes; /* in Redis, estimated from a few keys; -1 */
};

/* `layout` is META's LAYOUT (data NULL: none). Errors: those of redis/, but not
 * an error reply. */
bool slc_store_size(struct slc_redis *redis, struct slc_str name, struct slc_str layout,
                    struct slc_store_size *ret, struct slc_error *error);

#endif
