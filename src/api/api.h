/* The product's routes: the compatible endpoints and v1, over what the service
 * puts together (docs/api.md says what each one answers).
 *
 * Handlers that read the stream directory or load suspend their request and are
 * done by one thread of the API's own (the desk) or by the queue; the others
 * answer on the server's thread. Nothing here knows sockets or processes. */
#ifndef SLC_API_API_H
#define SLC_API_API_H

#include <stdbool.h>
#include <stddef.h>

#include "base/counters.h"
#include "base/error.h"
#include "http/router.h"
#include "http/server.h"
#include "http/session.h"
#include "job/inbox.h"
#include "job/queue.h"
#include "redis/pool.h"

/* Who mails reports. It lives longer than the queue of loads. */
struct slc_api_mail {
    /* May these addresses be written to? Errors: DATA, LIMIT; the message is for
     * the caller. */
    bool (*check)(void *state, struct slc_str recipients, struct slc_error *error);
    /* A batch was asked for here. */
    void (*batch_asked)(void *state, const char *batch_id, const char *recipients);
    /* A batch that was asked for here is over (NULL: it is not known); `recipients` (checked) may
     * be NULL. On a thread of the queue. */
    void (*batch_over)(void *state, const struct slc_batch *batch, const char *recipients);
    /* Append what became of a batch's mail as JSON, "null" without one. */
    void (*write_state)(void *state, const char *batch_id, struct slc_buf *json);
    void *state;
};

struct slc_api_options {
    struct slc_redis_pool *pool; /* borrowed, as all of these */
    /* A connection for each server thread, of one server that is not asked through its
     * replicas (redis/lane.h); NULL: the calls that come most often share one. */
    struct slc_redis_pool *lanes;
    /* How many of these calls may wait on a thread while an answer is under way; more are
     * refused (503). 0 means 1024. */
    size_t gathered_max;
    struct slc_inbox *inbox;
    struct slc_queue *queue;
    struct slc_sessions *sessions;
    /* slc_api_metrics_cells() of them (api/metrics.h), shared with the other processes. */
    const struct slc_counters *counters;
    struct slc_api_mail mail; /* without its functions addresses are only checked */
};

struct slc_api;

/* The table: every route there is. */
const struct slc_route *slc_api_routes(size_t *ret_count);

/* Errors: MEMORY, INTERNAL. */
struct slc_api *slc_api_new(const struct slc_api_options *options, struct slc_error *error);

/* When the server has stopped and before the queue does: what the desk has not
 * begun is dropped. NULL is fine. */
void slc_api_free(struct slc_api *api);

/* For slc_http_server_options: the router, and `api` itself is the context. */
const struct slc_router *slc_api_router(const struct slc_api *api);

/* For slc_http_server_options: what each server thread asks Redis with. */
struct slc_http_companion slc_api_companion(struct slc_api *api);

/* Count a request that is over (slc_http_server_options.on_done). */
void slc_api_record(struct slc_api *api, const struct slc_http_record *record);

#endif
