/* Inside service: the queue of loads, those who do them, and the watch loop, as
 * one worker process has them. */
#ifndef SLC_SERVICE_LOADING_H
#define SLC_SERVICE_LOADING_H

#include "job/queue.h"
#include "service/role.h"

struct slc_loading;

/* `pool` and `inbox` are borrowed. NULL on failure. Errors: MEMORY, INTERNAL, IO. */
struct slc_loading *slc_loading_start(struct slc_role_process *process, struct slc_redis_pool *pool,
                                      struct slc_inbox *inbox, struct slc_error *error);

struct slc_queue *slc_loading_queue(const struct slc_loading *loading);

/* What runs may end within `graceful_usec`. NULL is fine. */
void slc_loading_stop(struct slc_loading *loading, int64_t graceful_usec);

#endif
