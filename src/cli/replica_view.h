/* A replica's metadata laid out for people, or as one JSON object. */
#ifndef SLC_CLI_REPLICA_VIEW_H
#define SLC_CLI_REPLICA_VIEW_H

#include "base/buf.h"
#include "cli/replica.h"

/* For a terminal of `columns`. */
void slc_replica_view(struct slc_str name, const struct slc_meta *meta,
                      const struct slc_replica_facts *facts, int columns, struct slc_buf *out);

/* The fields by their names in Redis: documents as JSON, counts as numbers, all
 * else as text; and "rows" and "memory_bytes", which Redis says now. KEY_ORDER,
 * of use to the program alone, is left out. */
void slc_replica_view_json(const struct slc_meta *meta, const struct slc_replica_facts *facts,
                           struct slc_buf *out);

#endif
