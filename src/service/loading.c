#include "service/loading.h"

#include <stdlib.h>

#include "api/metrics.h"
#include "base/log.h"
#include "base/time.h"
#include "service/events.h"
#include "service/pauses.h"
#include "service/watch.h"

struct slc_loading {
    const struct slc_counters *counters;
    struct slc_pauses *pauses; /* NULL without the watch loop */
    struct slc_queue *queue;
    struct slc_watch *watch;
    struct slc_ticket_loader_options loader_options;
};

/* A queue thread's. */
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

static const struct slc_queue_ops loader_ops = {
    .open = open_loader, .begin = begin_loader, .run = run_loader, .close = close_loader};

/* The watch loop leaves a ticket alone for a while whose load failed and may go
 * well another time. */
static void on_load(void *state, const struct slc_job *job, const struct slc_ticket_report *report)
{
    static const enum slc_metric outcomes[] = {
        [SLC_TICKET_OUTCOME_LOADED] = SLC_METRIC_LOADS_DONE,
        [SLC_TICKET_OUTCOME_FAILED] = SLC_METRIC_LOADS_FAILED,
        [SLC_TICKET_OUTCOME_SKIPPED] = SLC_METRIC_LOADS_SKIPPED};
    struct slc_loading *loading = state;

    slc_api_metrics_load(loading->counters, outcomes[report->outcome], &report->result);
    slc_service_log_load(NULL, job, report);
    if (report->outcome == SLC_TICKET_OUTCOME_FAILED && report->status != SLC_TICKET_FAILED &&
        report->error.code != SLC_ERR_CANCELLED)
        slc_pauses_failed(loading->pauses, job->ticket_name, slc_monotonic_usec());
    else
        slc_pauses_forget(loading->pauses, job->ticket_name);
}

struct slc_loading *slc_loading_start(struct slc_role_process *process, struct slc_redis_pool *pool,
                                      struct slc_inbox *inbox, struct slc_error *error)
{
    const struct slc_role_context *context = process->context;
    struct slc_loading *loading = calloc(1, sizeof(*loading));
    bool watch = slc_config_bool(context->config, "watch") && context->first;
    struct slc_queue_options queue = {.ops = &loader_ops,
                                      .context = loading,
                                      .on_finished = on_load,
                                      .finished_state = loading,
                                      .must_hurry = slc_role_must_hurry,
                                      .hurry_state = process};
    struct slc_watch_options options = {
        .pool = pool,
        .inbox = inbox,
        .poll_ms = slc_config_int(context->config, "source.poll_ms"),
    };

    if (!loading || (watch && !(loading->pauses = slc_pauses_new()))) {
        free(loading);
        slc_fail(error, SLC_ERR_MEMORY, "no memory for loads");
        return NULL;
    }
    loading->counters = context->shared->counters;
    loading->loader_options = (struct slc_ticket_loader_options){
        .config = context->config, .redis_url = context->redis_url, .inbox = inbox};
    loading->queue = slc_queue_start(&queue, error);
    options.queue = loading->queue;
    options.pauses = loading->pauses;
    if (loading->queue && watch)
        loading->watch = slc_watch_start(&options, error);
    if (loading->queue && (!watch || loading->watch))
        return loading;
    slc_loading_stop(loading, 0);
    return NULL;
}

struct slc_queue *slc_loading_queue(const struct slc_loading *loading)
{
    return loading->queue;
}

void slc_loading_stop(struct slc_loading *loading, int64_t graceful_usec)
{
    if (!loading)
        return;
    slc_watch_stop(loading->watch);
    if (!slc_queue_stop(loading->queue, graceful_usec))
        slc_log(SLC_LOG_WARNING, "a load was stopped; its ticket stays as it was");
    slc_pauses_free(loading->pauses);
    free(loading);
}
