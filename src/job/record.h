/* Inside job: what is kept of a load in Redis, as JSON. */
#ifndef SLC_JOB_RECORD_H
#define SLC_JOB_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "job/queue.h"
#include "job/ticket_load.h"

enum { SLC_JOB_VERSION_BYTES = 17 };

/* What a ticket asks for, as hex digits: equal for two tickets that
 * slc_ticket_same_request() takes for the same. "fault" for NULL. */
void slc_ticket_version(const struct slc_ticket *ticket, char version[SLC_JOB_VERSION_BYTES]);

/* What is asked for: {"ticket", "file", "replica", "version", "claim", "fault"}. */
void slc_record_request(struct slc_buf *json, const struct slc_queue_request *request);

/* As it is read back; the texts are the caller's to free with
 * slc_record_release(). */
struct slc_record {
    char *ticket_name, *file_name, *replica;
    char version[SLC_JOB_VERSION_BYTES];
    struct slc_error *fault; /* NULL: none */
};
/* Errors: INTERNAL (it is none), MEMORY. */
bool slc_record_parse(struct slc_str json, struct slc_record *ret_record, struct slc_error *error);
void slc_record_release(struct slc_record *record);

/* How a load ended. */
void slc_record_end(struct slc_buf *json, const struct slc_ticket_report *report);
/* Fill in what `json` says; false when it is none or memory ran out. */
bool slc_record_parse_end(struct slc_str json, struct slc_job *job);

/* How far a load is. `previous` is what was known of it a while ago, for rate
 * and time left. */
struct slc_record_sample {
    int64_t at_usec; /* monotonic; 0: none */
    int64_t rows;
    double share, rows_per_second, seconds_left;
    int stage;
};
void slc_record_progress(struct slc_buf *json, const struct slc_load_progress *progress,
                         int64_t began_usec, struct slc_record_sample *sample);
bool slc_record_parse_progress(struct slc_str json, struct slc_job *job);

/* An error alone. */
void slc_record_error(struct slc_buf *json, const struct slc_error *error);
/* To be freed; NULL: it is none, or no memory. */
struct slc_error *slc_record_parse_error(struct slc_str json);

#endif
