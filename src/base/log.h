/* The log: one line an event, as text on a terminal or as one JSON object.
 *
 * Only service/, cli/, load/ and api/ call it. Row values and secrets are
 * never passed to it. It is safe from any thread; a line is one write(2). */
#ifndef SLC_BASE_LOG_H
#define SLC_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum slc_log_level { SLC_LOG_DEBUG, SLC_LOG_INFO, SLC_LOG_WARNING, SLC_LOG_ERROR };
enum slc_log_format { SLC_LOG_TEXT, SLC_LOG_JSON };

/* `path` NULL or "" means standard error; the file is opened for appending.
 * May be called again (for a reload). */
bool slc_log_open(const char *path, enum slc_log_level level, enum slc_log_format format,
                  struct slc_error *error);
/* Reopen the file by its path (after a rotation). */
bool slc_log_reopen(struct slc_error *error);

/* One typed field of an event; keys are literals. Make them with the macros. */
struct slc_log_field {
    const char *key;
    enum { SLC_LOG_FIELD_TEXT, SLC_LOG_FIELD_INT, SLC_LOG_FIELD_SECONDS } kind;
    const char *text;
    int64_t number; /* SECONDS: microseconds, shown as seconds */
};

#define SLC_LOG_TEXT_FIELD(k, v) ((struct slc_log_field){.key = (k), .kind = SLC_LOG_FIELD_TEXT, .text = (v)})
#define SLC_LOG_INT_FIELD(k, v) ((struct slc_log_field){.key = (k), .kind = SLC_LOG_FIELD_INT, .number = (v)})
#define SLC_LOG_USEC_FIELD(k, v) ((struct slc_log_field){.key = (k), .kind = SLC_LOG_FIELD_SECONDS, .number = (v)})

/* Would an event of that level be written? For those whose fields cost something. */
bool slc_log_wants(enum slc_log_level level);

/* `fields` ends with one whose key is NULL; NULL means none. */
void slc_log_event(enum slc_log_level level, const char *message, const struct slc_log_field *fields);

/* slc_log(SLC_LOG_INFO, "loaded", SLC_LOG_TEXT_FIELD("replica", name), ...); */
#define slc_log(level, message, ...) \
    slc_log_event((level), (message), (const struct slc_log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})

#endif
