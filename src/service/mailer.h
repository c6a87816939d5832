/* Inside service: reports by mail. When a batch of loads is over its report is
 * written and put into the spool (report/mail_spool.h) under the state
 * directory; one thread of one process of the machine sends what lies there,
 * and tries again with growing pauses. Nothing that goes wrong here has to do
 * with a load: it is logged, and stands in the spool. */
#ifndef SLC_SERVICE_MAILER_H
#define SLC_SERVICE_MAILER_H

#include "base/buf.h"
#include "base/error.h"
#include "config/config.h"
#include "job/inbox.h"
#include "job/queue.h"
#include "redis/pool.h"

struct slc_mailer_options {
    const struct slc_config *config; /* borrowed, as all of these */
    struct slc_redis_pool *pool;
    struct slc_inbox *inbox;
    struct slc_queue *queue; /* to see what became of loads that others asked for */
};

struct slc_mailer;

/* Without mail.url there is one that sends nothing. NULL on failure. Errors:
 * CONFIG (mail.from), MEMORY, INTERNAL. */
struct slc_mailer *slc_mailer_start(const struct slc_mailer_options *options,
                                    struct slc_error *error);

/* Send nothing more, and leave the queue alone: before the queue is closed. A mail
 * that is being sent is given up and sent again by whoever comes next. NULL is fine. */
void slc_mailer_stop(struct slc_mailer *mailer);
/* Afterwards, when the queue calls no more. NULL is fine. */
void slc_mailer_free(struct slc_mailer *mailer);

/* What a caller wants to have told may be written to: addresses that are good, of
 * domains that are allowed. Errors: DATA, LIMIT. */
bool slc_mailer_check(const struct slc_mailer *mailer, struct slc_str recipients,
                      struct slc_error *error);

/* There is somebody to write to of batches that nobody asked for. */
bool slc_mailer_has_standing(const struct slc_mailer *mailer);

/* A batch was asked for here: note down that it is to be reported, so that
 * another process does it when this one ends before. `recipients` as below. */
void slc_mailer_batch_asked(struct slc_mailer *mailer, const char *batch_id,
                            const char *recipients);

/* A batch is over (NULL: this process will not know what came of it): report it to `recipients` (checked; NULL: nobody asked) and to
 * the standing ones. */
void slc_mailer_batch_over(struct slc_mailer *mailer, const struct slc_batch *batch,
                           const char *recipients);

/* Append the state of a batch's mail as JSON: {"state":"waiting","attempts":2,
 * "recipients":1,"reason":"..."}; "null" when there is none (any more). */
void slc_mailer_state(const struct slc_mailer *mailer, const char *batch_id, struct slc_buf *json);

/* <state_dir>/mail, to be freed; NULL when memory ran out. */
char *slc_mailer_folder(const struct slc_config *config);

/* What mail.* says, checked as a whole. Errors: CONFIG. */
bool slc_mailer_check_config(const struct slc_config *config, struct slc_error *error);

#endif
