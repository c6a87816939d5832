/* Inside service: the watch loop, which registers and loads tickets as they
 * arrive.
 *
 * The stream directory is often a network mount, on which inotify is silent; so
 * it is looked at every source.poll_ms, and inotify only makes it faster where
 * it works. A look is one stat(2); the tickets are read when the directory has
 * changed, when the pause of a failed ticket is over, and every half minute in any
 * case. */
#ifndef SLC_SERVICE_WATCH_H
#define SLC_SERVICE_WATCH_H

#include <stdint.h>

#include "base/error.h"
#include "job/inbox.h"
#include "job/queue.h"
#include "redis/pool.h"
#include "service/pauses.h"

struct slc_watch_options {
    struct slc_redis_pool *pool; /* borrowed, as all of these */
    struct slc_inbox *inbox;
    struct slc_queue *queue;
    struct slc_pauses *pauses; /* filled by who sees the loads' ends; NULL: none */
    int64_t poll_ms;
};

struct slc_watch;

/* NULL on failure. Errors: MEMORY, INTERNAL, IO. */
struct slc_watch *slc_watch_start(const struct slc_watch_options *options, struct slc_error *error);

/* Returns when the round that is under way is over. NULL is fine. */
void slc_watch_stop(struct slc_watch *watch);

#endif
