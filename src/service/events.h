/* Inside service: what happens, as lines of the log. */
#ifndef SLC_SERVICE_EVENTS_H
#define SLC_SERVICE_EVENTS_H

#include "config/config.h"
#include "http/server.h"
#include "job/inbox.h"
#include "job/worker.h"

/* Open the log as log.level, log.format and log.file say. */
bool slc_service_open_log(const struct slc_config *config, struct slc_error *error);

/* Open the log's file anew (after a rotation), and log that or why not. */
void slc_service_reopen_log(void);

/* The options that a running service cannot change (where it listens, its state
 * directory, its Redis) get the values of `old` in `fresh`, with a warning for
 * each that differs. False when memory ran out. */
bool slc_service_pin_options(const struct slc_config *old, struct slc_config *fresh,
                             struct slc_error *error);

/* Hooks: of the server (the access log), the inbox and the worker. */
void slc_service_log_request(const struct slc_http_record *record);
void slc_service_log_inbox(void *state, enum slc_inbox_event event, const char *ticket_name,
                           const struct slc_error *error);
void slc_service_log_worker(void *state, enum slc_worker_event event, const char *ticket_name,
                            const struct slc_error *error);
void slc_service_log_load(void *state, const char *ticket_name, const char *replica,
                          const struct slc_ticket_report *report);

#endif
