/* Inside job: what the files of the queue share. */
#ifndef SLC_JOB_QUEUE_INTERNAL_H
#define SLC_JOB_QUEUE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "job/listener.h"
#include "job/queue.h"
#include "load/owner.h"
#include "redis/pool.h"

enum { SLC_LEASE_DEFAULT_MS = 15000, SLC_HOLD_MS = 30000 };

struct slc_queue {
    struct slc_queue_options options; /* numbers filled in */
    struct slc_redis_url url;
    char *base; /* owned; the first part of all keys */
    struct slc_redis_pool *pool;
    char holder[SLC_OWNER_BYTES + 40]; /* this queue among all that may hold */
    atomic_bool interrupted;
    pthread_mutex_t lock;          /* of what follows */
    struct slc_listener *listener; /* NULL: not started yet */
    unsigned held;
};

/* queue_see.c: read one batch; NULL on failure. Errors: NOT_FOUND, MEMORY, those
 * of redis/. */
struct slc_batch *slc_batch_read(struct slc_redis *redis, const char *base, const char *id,
                                 bool with_jobs, struct slc_error *error);
void slc_batch_free(struct slc_batch *batch); /* NULL is fine */

#endif
