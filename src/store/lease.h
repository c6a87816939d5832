/* Who may replace a replica: one load at a time, and none that was overtaken.
 *
 * R:lease:NAME holds the id of the load that may, and expires unless it is
 * renewed: a loader that stands still loses it. The swap happens only while it
 * is the load's own (WATCH), and only while the replica is still the one that
 * was there when the load first got the lease (its LOAD_ID), so that neither a
 * loader that wakes up late nor one that comes back after an outage puts older
 * rows in the place of newer ones. */
#ifndef SLC_STORE_LEASE_H
#define SLC_STORE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/num.h"
#include "store/store.h"

enum { SLC_LEASE_MSEC = 60000, SLC_LEASE_SHORTEST_MSEC = 1000 };

/* For how long a lease lasts, as an argument of PX; `text` holds it. */
struct slc_str slc_lease_msec(const struct slc_store_load *load, char text[SLC_NUM_TEXT_BYTES]);

/* Take the replica's lease for load->options.load_id, waiting for another load
 * as long as the options say, and note or check what the replica is. Errors:
 * CONFLICT (another load has it; the replica is another by now), CANCELLED,
 * those of redis/. */
bool slc_lease_take(struct slc_store_load *load, struct slc_error *error);

/* Renew it when it is time, between the load's other commands. */
bool slc_lease_keep(struct slc_store_load *load, struct slc_error *error);

/* Renew it now; another's is left alone. The connection is idle. */
bool slc_lease_extend(struct slc_store_load *load, struct slc_error *error);

/* The answer to a renewal, if `command` was one. */
bool slc_lease_answered(struct slc_store_load *load, int64_t command, int64_t value);

/* With all rows written: have it for most of its time, again if it ran out and nobody
 * took it since. CONFLICT when somebody did. */
bool slc_lease_regain(struct slc_store_load *load, struct slc_error *error);

/* CONFLICT: the load is not the one that may replace the replica. */
bool slc_lease_lost(const struct slc_store_load *load, struct slc_error *error);

/* CONFLICT unless the replica's LOAD_ID (data NULL: none) is the one that was
 * there at first; without a replica all is well. */
bool slc_lease_check_base(const struct slc_store_load *load, struct slc_str load_id,
                          struct slc_error *error);

/* Give up the lease of a load that is dead or over, if it has it. */
bool slc_lease_drop(struct slc_redis *redis, struct slc_str lease_key, struct slc_str load_id,
                    struct slc_error *error);

#endif
