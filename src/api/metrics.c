#include "api/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/json.h"

/* What the service answers with; anything else counts as "other" (0). */
static const unsigned statuses[] = {200, 202, 204, 400, 401, 404, 405, 409,
                                    413, 422, 429, 431, 500, 501, 503, 0};
enum { STATUSES = sizeof(statuses) / sizeof(statuses[0]) };

struct counters {
    _Atomic uint64_t requests[STATUSES];
    _Atomic uint64_t count;
    _Atomic int64_t usec;
    _Atomic int64_t response_bytes;
};

struct slc_api_metrics {
    const struct slc_route *routes;
    size_t count;
    struct counters *counters; /* count + 1: the last is for requests without a route */
};

struct slc_api_metrics *slc_api_metrics_new(const struct slc_route *routes, size_t count)
{
    struct slc_api_metrics *metrics = calloc(1, sizeof(*metrics));

    if (!metrics)
        return NULL;
    metrics->routes = routes;
    metrics->count = count;
    metrics->counters = calloc(count + 1, sizeof(*metrics->counters));
    if (!metrics->counters) {
        free(metrics);
        return NULL;
    }
    return metrics;
}

void slc_api_metrics_free(struct slc_api_metrics *metrics)
{
    if (!metrics)
        return;
    free(metrics->counters);
    free(metrics);
}

static size_t find_status(unsigned status)
{
    size_t i = 0;

    while (i < STATUSES - 1 && statuses[i] != status)
        i++;
    return i;
}

static size_t find_route(const struct slc_api_metrics *metrics, const struct slc_route *route)
{
    for (size_t i = 0; route && i < metrics->count; i++)
        if (&metrics->routes[i] == route)
            return i;
    return metrics->count;
}

void slc_api_metrics_request(struct slc_api_metrics *metrics, const struct slc_route *route,
                             unsigned status, int64_t usec, int64_t response_bytes)
{
    struct counters *counters = &metrics->counters[find_route(metrics, route)];

    atomic_fetch_add_explicit(&counters->requests[find_status(status)], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->usec, usec, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->response_bytes, response_bytes, memory_order_relaxed);
}

static void write_head(struct slc_buf *text, const char *name, const char *type, const char *help)
{
    slc_buf_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_labels(const struct slc_api_metrics *metrics, size_t i, struct slc_buf *text)
{
    if (i < metrics->count)
        slc_buf_printf(text, "method=\"%s\",route=\"%s\"",
                       slc_http_method_name(metrics->routes[i].method), metrics->routes[i].pattern);
    else
        slc_buf_append_text(text, "method=\"\",route=\"\"");
}

static void write_number(struct slc_buf *text, double value)
{
    slc_json_double(text, value);
    slc_buf_append_byte(text, '\n');
}

static void write_statuses(const struct slc_api_metrics *metrics, size_t i, struct slc_buf *text)
{
    for (size_t s = 0; s < STATUSES; s++) {
        uint64_t n = atomic_load_explicit(&metrics->counters[i].requests[s], memory_order_relaxed);

        if (n == 0)
            continue;
        slc_buf_append_text(text, "sluice_http_requests_total{");
        write_labels(metrics, i, text);
        if (statuses[s])
            slc_buf_printf(text, ",status=\"%u\"} ", statuses[s]);
        else
            slc_buf_append_text(text, ",status=\"other\"} ");
        slc_json_uint64(text, n);
        slc_buf_append_byte(text, '\n');
    }
}

void slc_api_metrics_write(const struct slc_api_metrics *metrics, struct slc_buf *text)
{
    write_head(text, "sluice_http_requests_total", "counter",
               "Requests answered, by method, route and status; the empty route is one that is "
               "not there.");
    for (size_t i = 0; i <= metrics->count; i++)
        write_statuses(metrics, i, text);
    write_head(text, "sluice_http_request_seconds", "summary",
               "Time from a request's headers to the end of its answer.");
    for (size_t i = 0; i <= metrics->count; i++) {
        const struct counters *counters = &metrics->counters[i];
        uint64_t n = atomic_load_explicit(&counters->count, memory_order_relaxed);

        if (n == 0)
            continue;
        slc_buf_append_text(text, "sluice_http_request_seconds_sum{");
        write_labels(metrics, i, text);
        slc_buf_append_text(text, "} ");
        write_number(text,
                     (double)atomic_load_explicit(&counters->usec, memory_order_relaxed) / 1e6);
        slc_buf_append_text(text, "sluice_http_request_seconds_count{");
        write_labels(metrics, i, text);
        slc_buf_append_text(text, "} ");
        slc_json_uint64(text, n);
        slc_buf_append_byte(text, '\n');
    }
    write_head(text, "sluice_http_response_bytes_total", "counter", "Bytes of answers' bodies.");
    for (size_t i = 0; i <= metrics->count; i++) {
        int64_t bytes =
            atomic_load_explicit(&metrics->counters[i].response_bytes, memory_order_relaxed);

        if (bytes == 0)
            continue;
        slc_buf_append_text(text, "sluice_http_response_bytes_total{");
        write_labels(metrics, i, text);
        slc_buf_append_text(text, "} ");
        slc_json_int64(text, bytes);
        slc_buf_append_byte(text, '\n');
    }
}

void slc_api_metrics_value(struct slc_buf *text, const char *name, const char *type,
                           const char *help, double value)
{
    write_head(text, name, type, help);
    slc_buf_append_text(text, name);
    slc_buf_append_byte(text, ' ');
    write_number(text, value);
}
