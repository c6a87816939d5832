/* /healthz, /readyz and /metrics. */
#include "api/internal.h"
#include "api/process.h"
#include "base/json.h"
#include "base/time.h"

void slc_api_healthz(struct slc_http_request *request, struct slc_http_response *response,
                     void *context)
{
    (void)request;
    (void)context;
    slc_http_json_text(response, 200, "{\"status\":\"ok\"}");
}

static bool ask_redis(struct slc_api *api)
{
    struct slc_redis *redis = slc_redis_pool_take(api->options.pool, NULL);
    bool good = redis && slc_redis_call(redis, NULL, NULL, SLC_STR("PING"));

    slc_redis_pool_give(api->options.pool, redis);
    return good;
}

/* Anybody may ask, and asking may take as long as Redis' timeout; so one looks
 * at a time, what it saw counts for a second, and who comes meanwhile gets what
 * was seen last. */
static void look(struct slc_api *api, bool *ret_redis, bool *ret_stream)
{
    enum { FRESH_USEC = 1000000, STREAM_PATIENCE_USEC = 1000000 };
    bool mine = pthread_mutex_trylock(&api->ready_lock) == 0;

    if (mine && (api->ready_usec == 0 || slc_monotonic_usec() - api->ready_usec > FRESH_USEC)) {
        atomic_store(&api->redis_ready, ask_redis(api));
        atomic_store(&api->stream_ready, slc_probe_ask(api->probe, STREAM_PATIENCE_USEC));
        api->ready_usec = slc_monotonic_usec();
    }
    *ret_redis = atomic_load(&api->redis_ready);
    *ret_stream = atomic_load(&api->stream_ready);
    if (mine)
        pthread_mutex_unlock(&api->ready_lock);
}

void slc_api_readyz(struct slc_http_request *request, struct slc_http_response *response,
                    void *context)
{
    bool redis, stream;
    struct slc_buf *json;

    (void)request;
    look(context, &redis, &stream);
    json = slc_http_json(response, redis && stream ? 200 : 503);
    slc_buf_printf(json, "{\"status\":\"%s\",\"redis\":\"%s\",\"stream_dir\":\"%s\"}",
                   redis && stream ? "ready" : "not ready", redis ? "ok" : "unavailable",
                   stream ? "ok" : "unavailable");
    if (!(redis && stream))
        slc_http_set_retry_after(response, SLC_API_RETRY_AFTER_SEC);
}

static void write_processes(struct slc_buf *text)
{
    struct slc_process_use use;

    slc_process_use_read(&use);
    slc_api_metrics_value(text, "sluice_processes", "gauge",
                          "Processes of the service: the master and its workers.",
                          (double)use.processes);
    slc_api_metrics_value(text, "sluice_memory_bytes", "gauge",
                          "Memory of all processes, shared pages counted once.",
                          (double)use.memory_bytes);
    slc_api_metrics_value(text, "sluice_cpu_seconds_total", "counter",
                          "Processor time of all processes, those that ended among them.",
                          use.cpu_seconds);
    slc_api_metrics_value(text, "sluice_open_files", "gauge",
                          "File descriptors that all processes hold.", (double)use.open_files);
}

void slc_api_metrics(struct slc_http_request *request, struct slc_http_response *response,
                     void *context)
{
    struct slc_api *api = context;
    struct slc_buf *text = slc_http_json(response, 200);
    struct slc_queue_counts counts;

    (void)request;
    response->content_type = SLC_API_METRICS_TYPE;
    slc_buf_append_text(text, "# HELP sluice_build_info The version that runs.\n"
                              "# TYPE sluice_build_info gauge\n"
                              "sluice_build_info{version=\"" SLC_VERSION "\"} 1\n");
    slc_api_metrics_value(text, "sluice_start_time_seconds", "gauge",
                          "When the process started, in seconds since 1970.",
                          (double)api->started_usec / 1e6);
    write_processes(text);
    /* Not there while Redis is away: no figure is better than a wrong one. */
    if (slc_queue_counts(api->options.queue, &counts, NULL))
        slc_api_metrics_value(text, "sluice_loads_waiting", "gauge", "Loads that wait their turn.",
                              (double)counts.waiting);
    slc_api_metrics_write(api->options.counters, text);
}
