/* What is counted, and /metrics' text: the one table of names.
 *
 * Counters live in shared memory (base/counters.h), so that any worker tells of
 * all. The service makes the region before it forks, with as many cells as
 * slc_api_metrics_cells() says; who counts adds to a cell of the enum below (its
 * name, kind and help are a row of the table in metrics.c), and requests are
 * counted by slc_api_metrics_request(). */
#ifndef SLC_API_METRICS_H
#define SLC_API_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/counters.h"
#include "http/router.h"
#include "load/load.h"

/* Cells that are no request's. In the order of the page. */
enum slc_metric {
    /* Processes; counted by the master. */
    SLC_METRIC_WORKERS_HTTP, /* level */
    SLC_METRIC_WORKERS_LOAD, /* level */
    SLC_METRIC_WORKER_RESTARTS,
    SLC_METRIC_RELOADS,
    SLC_METRIC_RELOADS_REFUSED,
    /* HTTP, beside the requests. */
    SLC_METRIC_HTTP_CONNECTIONS, /* level */
    SLC_METRIC_HTTP_IN_FLIGHT,   /* level */
    SLC_METRIC_HTTP_CONNECTIONS_REFUSED,
    SLC_METRIC_HTTP_SLOW_CLIENTS,
    SLC_METRIC_HTTP_REQUEST_BYTES,
    /* Redis. */
    SLC_METRIC_REDIS_ERRORS,
    SLC_METRIC_REDIS_RECONNECTS,
    /* Loads; counted by the workers that do them. */
    SLC_METRIC_LOADS_RUNNING, /* level */
    SLC_METRIC_LOADS_DONE,
    SLC_METRIC_LOADS_FAILED,
    SLC_METRIC_LOADS_SKIPPED,
    SLC_METRIC_LOAD_USEC,
    SLC_METRIC_SURVEY_USEC,
    SLC_METRIC_DELIVERY_USEC,
    SLC_METRIC_OTHER_USEC, /* opening, fit, waiting, commit */
    SLC_METRIC_ROWS_READ,
    SLC_METRIC_ROWS_WRITTEN,
    SLC_METRIC_ROWS_REJECTED,
    SLC_METRIC_DUPLICATE_KEYS,
    SLC_METRIC_FILE_BYTES,
    SLC_METRICS, /* how many there are */
};

/* Cells that the region has to have: those above and those of the API's routes. */
size_t slc_api_metrics_cells(void);

/* Count a load that is over: `outcome` is one of LOADS_DONE, _FAILED, _SKIPPED. */
void slc_api_metrics_load(const struct slc_counters *counters, enum slc_metric outcome,
                          const struct slc_load_result *result);

/* Count an answered request. `route` is a row of slc_api_routes() or NULL (none
 * was found). */
void slc_api_metrics_request(const struct slc_counters *counters, const struct slc_route *route,
                             unsigned status, int64_t usec, int64_t request_bytes,
                             int64_t response_bytes);

/* A process ended without counting its levels down. */
void slc_api_metrics_clear_levels(const struct slc_counters *counters, size_t row);

/* Append all of it in Prometheus' text format 0.0.4, summed over all processes. */
void slc_api_metrics_write(const struct slc_counters *counters, struct slc_buf *text);

/* "# HELP", "# TYPE" and one value without labels. */
void slc_api_metrics_value(struct slc_buf *text, const char *name, const char *type,
                           const char *help, double value);

#endif
