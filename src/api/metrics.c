#include "api/metrics.h"

#include <string.h>

#include "api/api.h"
#include "base/json.h"

/* What the service answers with; anything else counts as "other" (0). */
static const unsigned statuses[] = {200, 202, 204, 206, 304, 400, 401, 403, 404, 405, 408, 409,
                                    412, 413, 414, 415, 422, 429, 431, 500, 501, 503, 0};
/* Upper bounds of the histogram of latencies, in microseconds. */
static const int64_t bounds_usec[] = {100,     250,     500,     1000,     2500,    5000,
                                      10000,   25000,   50000,   100000,   250000,  500000,
                                      1000000, 2500000, 5000000, 10000000, 60000000};

enum {
    STATUSES = sizeof(statuses) / sizeof(statuses[0]),
    BOUNDS = sizeof(bounds_usec) / sizeof(bounds_usec[0]),
    /* The cells of a route: */
    ROUTE_STATUS = 0,
    ROUTE_BUCKET = ROUTE_STATUS + STATUSES, /* each counts its own range; the last is endless */
    ROUTE_USEC = ROUTE_BUCKET + BOUNDS + 1,
    ROUTE_RESPONSE_BYTES,
    ROUTE_CELLS,
};

/* One row a cell; rows of one name stand together and differ in their labels. */
static const struct metric {
    enum slc_metric cell;
    const char *name, *labels, *help;
    enum { COUNTER, LEVEL, SECONDS /* a counter kept in microseconds */ } kind;
} metrics[] = {
    {SLC_METRIC_WORKERS_HTTP, "sluice_workers", "role=\"http\"", "Worker processes that run.",
     LEVEL},
    {SLC_METRIC_WORKERS_LOAD, "sluice_workers", "role=\"load\"", NULL, LEVEL},
    {SLC_METRIC_WORKER_RESTARTS, "sluice_worker_restarts_total", NULL,
     "Workers that ended unasked and were replaced.", COUNTER},
    {SLC_METRIC_RELOADS, "sluice_reloads_total", "result=\"done\"", "Reloads of the configuration.",
     COUNTER},
    {SLC_METRIC_RELOADS_REFUSED, "sluice_reloads_total", "result=\"refused\"", NULL, COUNTER},
    {SLC_METRIC_HTTP_CONNECTIONS, "sluice_http_connections", NULL, "Connections that are open.",
     LEVEL},
    {SLC_METRIC_HTTP_IN_FLIGHT, "sluice_http_requests_in_flight", NULL,
     "Requests whose answer is not sent yet.", LEVEL},
    {SLC_METRIC_HTTP_CONNECTIONS_REFUSED, "sluice_http_connections_refused_total", NULL,
     "Connections closed at once because there were too many, in all or of one address.", COUNTER},
    {SLC_METRIC_HTTP_SLOW_CLIENTS, "sluice_http_slow_clients_total", NULL,
     "Connections cut because a request did not arrive in its time.", COUNTER},
    {SLC_METRIC_HTTP_REQUEST_BYTES, "sluice_http_request_bytes_total", NULL,
     "Bytes of requests' bodies.", COUNTER},
    {SLC_METRIC_REDIS_ERRORS, "sluice_redis_errors_total", NULL,
     "Calls, sessions and limits that failed because Redis could not be reached.", COUNTER},
    {SLC_METRIC_REDIS_RECONNECTS, "sluice_redis_reconnects_total", NULL,
     "Connections to Redis that were lost and made anew.", COUNTER},
    {SLC_METRIC_LOADS_RUNNING, "sluice_loads_running", NULL, "Loads under way.", LEVEL},
    {SLC_METRIC_LOADS_DONE, "sluice_loads_total", "result=\"done\"",
     "Loads that are over, by result.", COUNTER},
    {SLC_METRIC_LOADS_FAILED, "sluice_loads_total", "result=\"failed\"", NULL, COUNTER},
    {SLC_METRIC_LOADS_SKIPPED, "sluice_loads_total", "result=\"skipped\"", NULL, COUNTER},
    {SLC_METRIC_LOAD_USEC, "sluice_load_seconds_total", NULL, "Time spent in loads.", SECONDS},
    {SLC_METRIC_SURVEY_USEC, "sluice_load_stage_seconds_total", "stage=\"survey\"",
     "Time spent in loads, by stage.", SECONDS},
    {SLC_METRIC_DELIVERY_USEC, "sluice_load_stage_seconds_total", "stage=\"delivery\"", NULL,
     SECONDS},
    {SLC_METRIC_OTHER_USEC, "sluice_load_stage_seconds_total", "stage=\"other\"", NULL, SECONDS},
    {SLC_METRIC_ROWS_READ, "sluice_rows_read_total", NULL, "Rows read by loads that succeeded.",
     COUNTER},
    {SLC_METRIC_ROWS_WRITTEN, "sluice_rows_written_total", NULL,
     "Rows that Redis took in loads that succeeded.", COUNTER},
    {SLC_METRIC_ROWS_REJECTED, "sluice_rows_rejected_total", NULL,
     "Rows rejected in loads that succeeded.", COUNTER},
    {SLC_METRIC_DUPLICATE_KEYS, "sluice_duplicate_keys_total", NULL,
     "Rows of a key that occurred before, in loads that succeeded.", COUNTER},
    {SLC_METRIC_FILE_BYTES, "sluice_file_bytes_total", NULL,
     "Bytes of the files of loads that succeeded.", COUNTER},
};
_Static_assert(sizeof(metrics) / sizeof(metrics[0]) == SLC_METRICS, "a row for each cell");

size_t slc_api_metrics_cells(void)
{
    size_t routes;

    (void)slc_api_routes(&routes);
    return SLC_METRICS + (routes + 1) * ROUTE_CELLS; /* the last is for requests without a route */
}

/* ---- Counting ------------------------------------------------------------ */

static size_t find_status(unsigned status)
{
    size_t i = 0;

    while (i < STATUSES - 1 && statuses[i] != status)
        i++;
    return i;
}

static size_t find_bucket(int64_t usec)
{
    size_t i = 0;

    while (i < BOUNDS && usec > bounds_usec[i])
        i++;
    return i;
}

static size_t route_cells(const struct slc_route *route)
{
    size_t count, i;
    const struct slc_route *routes = slc_api_routes(&count);

    i = route && route >= routes && route < routes + count ? (size_t)(route - routes) : count;
    return SLC_METRICS + i * ROUTE_CELLS;
}

void slc_api_metrics_request(const struct slc_counters *counters, const struct slc_route *route,
                             unsigned status, int64_t usec, int64_t request_bytes,
                             int64_t response_bytes)
{
    size_t first = route_cells(route);

    slc_counters_add(counters, first + ROUTE_STATUS + find_status(status), 1);
    slc_counters_add(counters, first + ROUTE_BUCKET + find_bucket(usec), 1);
    slc_counters_add(counters, first + ROUTE_USEC, usec);
    slc_counters_add(counters, first + ROUTE_RESPONSE_BYTES, response_bytes);
    if (request_bytes)
        slc_counters_add(counters, SLC_METRIC_HTTP_REQUEST_BYTES, request_bytes);
}

void slc_api_metrics_load(const struct slc_counters *counters, enum slc_metric outcome,
                          const struct slc_load_result *result)
{
    int64_t usec = (int64_t)(result->seconds * 1e6);
    int64_t survey = (int64_t)(result->survey_seconds * 1e6);
    int64_t delivery = (int64_t)(result->delivery_seconds * 1e6);

    slc_counters_add(counters, outcome, 1);
    if (outcome != SLC_METRIC_LOADS_DONE)
        return;
    slc_counters_add(counters, SLC_METRIC_LOAD_USEC, usec);
    slc_counters_add(counters, SLC_METRIC_SURVEY_USEC, survey);
    slc_counters_add(counters, SLC_METRIC_DELIVERY_USEC, delivery);
    if (usec > survey + delivery)
        slc_counters_add(counters, SLC_METRIC_OTHER_USEC, usec - survey - delivery);
    slc_counters_add(counters, SLC_METRIC_ROWS_READ, result->rows_read);
    slc_counters_add(counters, SLC_METRIC_ROWS_WRITTEN, result->rows_written);
    slc_counters_add(counters, SLC_METRIC_ROWS_REJECTED, result->rows_rejected);
    slc_counters_add(counters, SLC_METRIC_DUPLICATE_KEYS, result->duplicate_keys);
    slc_counters_add(counters, SLC_METRIC_FILE_BYTES, result->size_bytes);
}

void slc_api_metrics_clear_levels(const struct slc_counters *counters, size_t row)
{
    for (size_t i = 0; i < SLC_METRICS; i++)
        if (metrics[i].kind == LEVEL)
            slc_counters_clear(counters, row, metrics[i].cell);
}

/* ---- The page ------------------------------------------------------------ */

static void write_head(struct slc_buf *text, const char *name, const char *type, const char *help)
{
    slc_buf_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_number(struct slc_buf *text, double value)
{
    slc_json_double(text, value);
    slc_buf_append_byte(text, '\n');
}

static void write_metric(const struct slc_counters *counters, const struct metric *metric,
                         struct slc_buf *text)
{
    int64_t value = slc_counters_sum(counters, metric->cell);

    if (metric->help)
        write_head(text, metric->name, metric->kind == LEVEL ? "gauge" : "counter", metric->help);
    slc_buf_append_text(text, metric->name);
    if (metric->labels)
        slc_buf_printf(text, "{%s}", metric->labels);
    slc_buf_append_byte(text, ' ');
    write_number(text, metric->kind == SECONDS ? (double)value / 1e6 : (double)value);
}

/* The labels of the i-th route, the one behind the last being "none". */
static void write_labels(size_t i, struct slc_buf *text)
{
    size_t count;
    const struct slc_route *routes = slc_api_routes(&count);

    if (i < count)
        slc_buf_printf(text, "method=\"%s\",route=\"%s\"", slc_http_method_name(routes[i].method),
                       routes[i].pattern);
    else
        slc_buf_append_text(text, "method=\"\",route=\"\"");
}

static void write_statuses(const struct slc_counters *counters, size_t i, struct slc_buf *text)
{
    for (size_t s = 0; s < STATUSES; s++) {
        int64_t n = slc_counters_sum(counters, SLC_METRICS + i * ROUTE_CELLS + ROUTE_STATUS + s);

        if (n == 0)
            continue;
        slc_buf_append_text(text, "sluice_http_requests_total{");
        write_labels(i, text);
        if (statuses[s])
            slc_buf_printf(text, ",status=\"%u\"} ", statuses[s]);
        else
            slc_buf_append_text(text, ",status=\"other\"} ");
        slc_json_int64(text, n);
        slc_buf_append_byte(text, '\n');
    }
}

static void write_bucket(size_t i, double bound_sec, int64_t n, struct slc_buf *text)
{
    slc_buf_append_text(text, "sluice_http_request_seconds_bucket{");
    write_labels(i, text);
    slc_buf_append_text(text, ",le=\"");
    if (bound_sec > 0)
        slc_json_double(text, bound_sec);
    else
        slc_buf_append_text(text, "+Inf");
    slc_buf_append_text(text, "\"} ");
    slc_json_int64(text, n);
    slc_buf_append_byte(text, '\n');
}

static void write_latencies(const struct slc_counters *counters, size_t i, struct slc_buf *text)
{
    size_t first = SLC_METRICS + i * ROUTE_CELLS;
    int64_t counts[BOUNDS + 1], total = 0, n = 0;

    for (size_t b = 0; b <= BOUNDS; b++) {
        counts[b] = slc_counters_sum(counters, first + ROUTE_BUCKET + b);
        total += counts[b];
    }
    if (total == 0)
        return;
    for (size_t b = 0; b < BOUNDS; b++) {
        n += counts[b];
        write_bucket(i, (double)bounds_usec[b] / 1e6, n, text);
    }
    write_bucket(i, 0, total, text);
    slc_buf_append_text(text, "sluice_http_request_seconds_sum{");
    write_labels(i, text);
    slc_buf_append_text(text, "} ");
    write_number(text, (double)slc_counters_sum(counters, first + ROUTE_USEC) / 1e6);
    slc_buf_append_text(text, "sluice_http_request_seconds_count{");
    write_labels(i, text);
    slc_buf_append_text(text, "} ");
    slc_json_int64(text, total);
    slc_buf_append_byte(text, '\n');
}

static void write_bytes(const struct slc_counters *counters, size_t i, struct slc_buf *text)
{
    int64_t bytes =
        slc_counters_sum(counters, SLC_METRICS + i * ROUTE_CELLS + ROUTE_RESPONSE_BYTES);

    if (bytes == 0)
        return;
    slc_buf_append_text(text, "sluice_http_response_bytes_total{");
    write_labels(i, text);
    slc_buf_append_text(text, "} ");
    slc_json_int64(text, bytes);
    slc_buf_append_byte(text, '\n');
}

void slc_api_metrics_write(const struct slc_counters *counters, struct slc_buf *text)
{
    size_t routes;

    (void)slc_api_routes(&routes);
    for (size_t i = 0; i < SLC_METRICS; i++)
        write_metric(counters, &metrics[i], text);
    write_head(text, "sluice_http_requests_total", "counter",
               "Requests answered, by method, route and status; the empty route is one that is "
               "not there.");
    for (size_t i = 0; i <= routes; i++)
        write_statuses(counters, i, text);
    write_head(text, "sluice_http_request_seconds", "histogram",
               "Time from a request's headers to the end of its answer.");
    for (size_t i = 0; i <= routes; i++)
        write_latencies(counters, i, text);
    write_head(text, "sluice_http_response_bytes_total", "counter", "Bytes of answers' bodies.");
    for (size_t i = 0; i <= routes; i++)
        write_bytes(counters, i, text);
}

void slc_api_metrics_value(struct slc_buf *text, const char *name, const char *type,
                           const char *help, double value)
{
    write_head(text, name, type, help);
    slc_buf_append_text(text, name);
    slc_buf_append_byte(text, ' ');
    write_number(text, value);
}
