/* Inside service: the watch loop, which has tickets loaded as they arrive.
 *
 * On a local file system inotify names the tickets that came, and only those
 * are read; the whole directory is read at the start, when events were lost, and every
 * half minute in any case. On a network mount inotify is silent: there a stat(2)
 * every source.poll_ms says whether the directory has changed, and then it is read
 * as a whole.
 *
 * Many processes and machines may watch one directory: the queue takes each version of
 * a ticket once. */
#ifndef SLC_SERVICE_WATCH_H
#define SLC_SERVICE_WATCH_H

#include <stdint.h>

#include "base/error.h"
#include "job/inbox.h"
#include "job/queue.h"
#include "redis/pool.h"

struct slc_watch_options {
    struct slc_redis_pool *pool; /* borrowed, as all of these */
    struct slc_inbox *inbox;
    struct slc_queue *queue;
    int64_t poll_ms;
    /* When the loads of a round are over, on a thread of the queue; may be NULL. */
    void (*on_done)(void *state, const struct slc_batch *batch);
    /* They were asked for; may be NULL. */
    void (*on_asked)(void *state, const char *batch_id);
    void *done_state;
};

struct slc_watch;

/* NULL on failure. Errors: MEMORY, INTERNAL, IO. */
struct slc_watch *slc_watch_start(const struct slc_watch_options *options, struct slc_error *error);

/* Returns when the round that is under way is over. NULL is fine. */
void slc_watch_stop(struct slc_watch *watch);

/* After the stop, and after the queue was closed, which tells the watch loop how
 * its loads ended until then. NULL is fine. */
void slc_watch_free(struct slc_watch *watch);

#endif
