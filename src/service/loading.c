#include "service/loading.h"

#include <math.h>
#include <stdlib.h>

#include "api/metrics.h"
#include "base/log.h"
#include "job/worker.h"
#include "service/events.h"
#include "service/mailer.h"
#include "service/watch.h"

struct slc_loading {
    struct slc_role_process *process;
    const struct slc_counters *counters;
    struct slc_worker *worker;
    struct slc_queue *queue; /* NULL without the watch loop, as is this: */
    struct slc_watch *watch;
    struct slc_mailer *mailer;
    struct slc_ticket_loader_options loader_options;
};

/* A loading thread's. */
struct loader {
    struct slc_ticket_loader *loader;
    const struct slc_counters *counters;
};

static void *open_loader(void *context, struct slc_error *error)
{
    struct slc_loading *loading = context;
    struct loader *own = calloc(1, sizeof(*own));

    if (!own) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for loads");
        return NULL;
    }
    own->counters = loading->counters;
    own->loader = slc_ticket_loader_new(&loading->loader_options, error);
    if (own->loader)
        return own;
    free(own);
    return NULL;
}

/* What dead loads left is removed now when Redis is there, else before the
 * first load. */
static void begin_loader(void *worker)
{
    struct loader *own = worker;
    int64_t swept = 0;

    if (slc_ticket_loader_connect(own->loader, &swept, NULL) && swept > 0)
        slc_log(SLC_LOG_INFO, "removed what interrupted loads had left",
                SLC_LOG_INT_FIELD("loads", swept));
}

static void run_loader(void *worker, struct slc_ticket_try *attempt,
                       struct slc_ticket_report *report)
{
    struct loader *own = worker;

    slc_counters_add(own->counters, SLC_METRIC_LOADS_RUNNING, 1);
    slc_ticket_load(own->loader, attempt, report);
    slc_counters_add(own->counters, SLC_METRIC_LOADS_RUNNING, -1);
}

static void close_loader(void *worker)
{
    struct loader *own = worker;

    slc_ticket_loader_free(own->loader);
    free(own);
}

static const struct slc_worker_ops loader_ops = {
    .open = open_loader, .begin = begin_loader, .run = run_loader, .close = close_loader};

static void on_load(void *state, const char *ticket_name, const char *replica,
                    const struct slc_ticket_report *report)
{
    struct slc_loading *loading = state;
    enum slc_metric outcome = report->outcome == SLC_TICKET_OUTCOME_LOADED ? SLC_METRIC_LOADS_DONE
                              : report->outcome == SLC_TICKET_OUTCOME_SKIPPED
                                  ? SLC_METRIC_LOADS_SKIPPED
                                  : SLC_METRIC_LOADS_FAILED;

    slc_api_metrics_load(loading->counters, outcome, &report->result);
    slc_service_log_load(NULL, ticket_name, replica, report);
}

static void on_event(void *state, enum slc_worker_event event, const char *ticket_name,
                     const struct slc_error *error)
{
    (void)state;
    slc_service_log_worker(NULL, event, ticket_name, error);
}

static bool must_hurry(void *state)
{
    struct slc_loading *loading = state;

    return slc_role_must_hurry(loading->process);
}

static int64_t lease_ms(const struct slc_config *config)
{
    return (int64_t)(slc_config_seconds(config, "load.lease") * 1e3);
}

struct slc_queue *slc_service_queue(const struct slc_role_context *context, struct slc_inbox *inbox,
                                    size_t connections, struct slc_error *error)
{
    const struct slc_config *config = context->config;
    struct slc_queue_options options = {
        .redis_url = context->redis_url,
        .timeout_ms = slc_config_int(config, "redis.timeout_ms"),
        .registry_key = slc_config_text(config, "store.registry_key"),
        .inbox = inbox,
        .lease_ms = lease_ms(config),
        .waiting_max = slc_config_int(config, "load.waiting_max"),
        .history_max = slc_config_int(config, "load.history"),
        .history_ttl_sec = (int64_t)ceil(slc_config_seconds(config, "load.history_ttl")),
        .connections = connections};

    return slc_queue_open(&options, error);
}

static void on_watched_asked(void *state, const char *batch_id)
{
    slc_mailer_batch_asked(state, batch_id, NULL);
}

static void on_watched_batch(void *state, const struct slc_batch *batch)
{
    slc_mailer_batch_over(state, batch, NULL);
}

static bool start_watch(struct slc_loading *loading, struct slc_redis_pool *pool,
                        struct slc_inbox *inbox, struct slc_error *error)
{
    const struct slc_role_context *context = loading->process->context;
    struct slc_watch_options options = {
        .pool = pool,
        .inbox = inbox,
        .poll_ms = slc_config_int(context->config, "source.poll_ms"),
    };

    if (!slc_config_bool(context->config, "watch") || !context->first)
        return true;
    loading->queue = options.queue = slc_service_queue(context, inbox, 1, error);
    if (loading->queue)
        loading->mailer = slc_mailer_start(
            &(struct slc_mailer_options){
                .config = context->config, .pool = pool, .inbox = inbox, .queue = loading->queue},
            error);
    if (loading->mailer && slc_mailer_has_standing(loading->mailer)) {
        options.on_done = on_watched_batch;
        options.on_asked = on_watched_asked;
        options.done_state = loading->mailer;
    }
    if (loading->mailer)
        loading->watch = slc_watch_start(&options, error);
    return loading->watch != NULL;
}

static bool start_worker(struct slc_loading *loading, struct slc_inbox *inbox,
                         struct slc_error *error)
{
    const struct slc_role_context *context = loading->process->context;
    const struct slc_config *config = context->config;
    struct slc_worker_options options = {
        .redis_url = context->redis_url,
        .timeout_ms = slc_config_int(config, "redis.timeout_ms"),
        .inbox = inbox,
        .ops = &loader_ops,
        .context = loading,
        .attempts = (int)slc_config_int(config, "load.attempts"),
        .lease_ms = lease_ms(config),
        .patience_ms = (int64_t)(slc_config_seconds(config, "redis.patience") * 1e3),
        .hook = {.on_event = on_event,
                 .on_finished = on_load,
                 .must_hurry = must_hurry,
                 .state = loading}};

    loading->worker = slc_worker_start(&options, error);
    return loading->worker != NULL;
}

struct slc_loading *slc_loading_start(struct slc_role_process *process, struct slc_redis_pool *pool,
                                      struct slc_inbox *inbox, struct slc_error *error)
{
    const struct slc_role_context *context = process->context;
    struct slc_loading *loading = calloc(1, sizeof(*loading));

    if (!loading) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for loads");
        return NULL;
    }
    loading->process = process;
    loading->counters = context->shared->counters;
    loading->loader_options = (struct slc_ticket_loader_options){
        .config = context->config, .redis_url = context->redis_url, .inbox = inbox};
    if (start_worker(loading, inbox, error) && start_watch(loading, pool, inbox, error))
        return loading;
    slc_loading_stop(loading, 0);
    return NULL;
}

void slc_loading_stop(struct slc_loading *loading, int64_t graceful_usec)
{
    if (!loading)
        return;
    slc_watch_stop(loading->watch);
    slc_mailer_stop(loading->mailer);
    slc_queue_close(loading->queue);
    slc_watch_free(loading->watch);
    slc_mailer_free(loading->mailer);
    if (!slc_worker_stop(loading->worker, graceful_usec))
        slc_log(SLC_LOG_WARNING, "a load was stopped; the next worker begins it again");
    free(loading);
}
