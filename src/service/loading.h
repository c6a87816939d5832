/* Inside service: loads, as the worker processes have them. Those who answer
 * requests ask for loads; those who load do them, and one of these also watches
 * the stream directory. Between them is the queue in Redis. */
#ifndef SLC_SERVICE_LOADING_H
#define SLC_SERVICE_LOADING_H

#include "job/queue.h"
#include "service/role.h"

/* The queue by the configuration, to ask and to look; at most so many calls at
 * the same time. `inbox` is borrowed. NULL on failure. Errors: MEMORY. */
struct slc_queue *slc_service_queue(const struct slc_role_context *context, struct slc_inbox *inbox,
                                    size_t connections, struct slc_error *error);

struct slc_loading;

/* Do loads, and watch when this process is the one to. `pool` and `inbox` are
 * borrowed. NULL on failure. Errors: MEMORY, INTERNAL, IO. */
struct slc_loading *slc_loading_start(struct slc_role_process *process, struct slc_redis_pool *pool,
                                      struct slc_inbox *inbox, struct slc_error *error);

/* What runs may end within `graceful_usec`. NULL is fine. */
void slc_loading_stop(struct slc_loading *loading, int64_t graceful_usec);

#endif
