/* Inside api: what the handlers share. */
#ifndef SLC_API_INTERNAL_H
#define SLC_API_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "api/api.h"
#include "api/events.h"
#include "api/metrics.h"
#include "api/probe.h"
#include "http/request.h"
#include "redis/line.h"

/* Something for the desk. */
struct slc_api_task {
    /* Fill in the response; or take `pending` over (set it to NULL) and answer
     * later. */
    void (*run)(struct slc_api *api, struct slc_api_task *task, struct slc_http_response *response);
    struct slc_http_pending *pending;
    bool force;
    bool wait;        /* answer when the loads are over */
    char *replica;    /* owned; NULL: all */
    char *recipients; /* owned; who wants a report by mail; NULL: nobody asked */
    void *asking;     /* owned; asking.c's own */
    struct slc_api_task *next;
};

enum { SLC_API_DESK_MAX = 256, SLC_API_RETRY_AFTER_SEC = 5, SLC_API_NAME_BITS = 1024 };

/* Bounds of parameters, as the handlers check and the documentation shows them. */
#define SLC_API_TOP_DEFAULT 10
#define SLC_API_PAGE_DEFAULT 100
enum {
    SLC_API_TOP_MAX = 100000,
    SLC_API_PAGE_MAX = 10000,
    SLC_API_NAME_MAX_CHARS = 200,
    SLC_API_KEY_MAX_CHARS = 4096,
    SLC_API_EMAIL_MAX_CHARS = 2000,
};

#define SLC_API_EVENTS_TYPE "text/event-stream"
#define SLC_API_HTML_TYPE "text/html; charset=utf-8"
#define SLC_API_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct slc_api {
    struct slc_api_options options;
    struct slc_router *router;
    struct slc_redis_line *line;
    struct slc_api_asker *askers; /* a list, with the lock */
    struct slc_api_events *events;
    /* By a hash of their names: replicas whose rows are not to be had by one
     * question, and are read the longer way at once. */
    _Atomic uint64_t not_one_hash[SLC_API_NAME_BITS / 64];
    int64_t started_usec; /* wall clock */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work;
    struct slc_api_task *first, *last;
    size_t task_count;
    bool stopping;
    pthread_t desk;
    bool desk_started;

    struct slc_probe *probe;    /* of the stream directory */
    pthread_mutex_t ready_lock; /* held by the one who looks */
    int64_t ready_usec;         /* monotonic, of the last look; 0: none */
    atomic_bool redis_ready, stream_ready;
};

/* answer.c */

/* The answer to a call that failed: 503 with Retry-After where trying again may
 * help, 404, 409, else 500; always {"detail":"..."}. */
void slc_api_fail(struct slc_http_response *response, const struct slc_error *error);

/* The status that slc_api_fail() gives. */
unsigned slc_api_status_of(const struct slc_error *error);

/* A JSON string; bytes that are no UTF-8 become U+FFFD. */
void slc_api_json_text(struct slc_buf *json, struct slc_str text);

/* {"code":...,"message":...,"row":...,"column":...}, as in a ticket; "null" for NULL. */
void slc_api_json_error(struct slc_buf *json, const struct slc_error *error);

/* "2022-02-22T19:35:32.5Z" of microseconds since 1970, null for 0. */
void slc_api_json_time(struct slc_buf *json, int64_t usec);

/* Count a call that failed because of Redis. */
void slc_api_redis_failed(struct slc_api *api);

/* A connection from the pool; NULL: the response says why not (and it is counted). */
struct slc_redis *slc_api_redis(struct slc_api *api, struct slc_http_response *response);
/* The same for reading alone, which one of Redis' replicas may do. */
struct slc_redis *slc_api_redis_reader(struct slc_api *api, struct slc_http_response *response);

/* The parameters; NULL: the response is 500. */
struct slc_params *slc_api_params(struct slc_http_request *request,
                                  struct slc_http_response *response);

/* The name may be one of a replica; false: the response is 404. */
bool slc_api_check_replica(struct slc_api *api, struct slc_str name,
                           struct slc_http_response *response);

/* api.c: suspend the request and let the desk do it, or answer 503 when it has
 * too much to do; `task` is copied, its `replica` taken over. */
void slc_api_desk(struct slc_api *api, struct slc_http_request *request,
                  struct slc_http_response *response, const struct slc_api_task *task);

/* The same for a request that is suspended already. */
void slc_api_desk_later(struct slc_api *api, struct slc_http_pending *pending,
                        const struct slc_api_task *task);

/* loads.c: a task's run(): submit what is to be loaded. */
void slc_api_run_load(struct slc_api *api, struct slc_api_task *task,
                      struct slc_http_response *response);

/* loads.c: a load as JSON. */
enum slc_api_load_state {
    SLC_API_LOAD_GOES_ON,
    SLC_API_LOAD_OVER,
    SLC_API_LOAD_NONE,      /* there is none of that id (any more) */
    SLC_API_LOAD_NOT_KNOWN, /* it cannot be told at the moment */
};
/* Say in the log which load an answer is about: an id of [0-9a-f]. */
void slc_api_about_load(struct slc_http_response *response, const char *id);
enum slc_api_load_state slc_api_load_write(struct slc_api *api, const char *id,
                                           struct slc_buf *json);

/* document.c: an entity tag of what is in the body. */
void slc_api_tag_by_content(struct slc_http_response *response);

/* The handlers. */
SLC_HTTP_HANDLER(slc_api_check_fingerprint);
SLC_HTTP_HANDLER(slc_api_register_replicas);
SLC_HTTP_HANDLER(slc_api_stop_calling_registry);
SLC_HTTP_HANDLER(slc_api_load_df2redis);
SLC_HTTP_HANDLER(slc_api_get_registered_replics);
SLC_HTTP_HANDLER(slc_api_get_top_n);
SLC_HTTP_HANDLER(slc_api_clear_redis_cache);
SLC_HTTP_HANDLER(slc_api_unregister_replicas);
SLC_HTTP_HANDLER(slc_api_v1_replicas);
SLC_HTTP_HANDLER(slc_api_v1_replica);
SLC_HTTP_HANDLER(slc_api_v1_replica_delete);
SLC_HTTP_HANDLER(slc_api_v1_profile);
SLC_HTTP_HANDLER(slc_api_v1_plan);
SLC_HTTP_HANDLER(slc_api_v1_rows);
SLC_HTTP_HANDLER(slc_api_v1_row);
SLC_HTTP_HANDLER(slc_api_v1_tickets);
SLC_HTTP_HANDLER(slc_api_v1_loads_post);
SLC_HTTP_HANDLER(slc_api_v1_loads);
SLC_HTTP_HANDLER(slc_api_v1_load);
SLC_HTTP_HANDLER(slc_api_v1_load_events);
SLC_HTTP_HANDLER(slc_api_healthz);
SLC_HTTP_HANDLER(slc_api_readyz);
SLC_HTTP_HANDLER(slc_api_metrics);
SLC_HTTP_HANDLER(slc_api_openapi);
SLC_HTTP_HANDLER(slc_api_docs);

#endif
