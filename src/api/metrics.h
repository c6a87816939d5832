/* Inside api: counting requests, and /metrics' text. */
#ifndef SLC_API_METRICS_H
#define SLC_API_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/router.h"

struct slc_api_metrics;

/* For the routes of a table; NULL when memory ran out. */
struct slc_api_metrics *slc_api_metrics_new(const struct slc_route *routes, size_t count);
void slc_api_metrics_free(struct slc_api_metrics *metrics); /* NULL is fine */

/* Any thread. `route` is one of the table or NULL (none was found). */
void slc_api_metrics_request(struct slc_api_metrics *metrics, const struct slc_route *route,
                             unsigned status, int64_t usec, int64_t response_bytes);

/* Append the request counters in Prometheus' text format 0.0.4. */
void slc_api_metrics_write(const struct slc_api_metrics *metrics, struct slc_buf *text);

/* "# HELP", "# TYPE" and one value without labels. */
void slc_api_metrics_value(struct slc_buf *text, const char *name, const char *type,
                           const char *help, double value);

#endif
