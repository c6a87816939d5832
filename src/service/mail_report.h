/* Inside service: the report of a batch, gathered from its loads, from what Redis
 * knows of the replicas, and from the files of rejected rows. */
#ifndef SLC_SERVICE_MAIL_REPORT_H
#define SLC_SERVICE_MAIL_REPORT_H

#include "base/buf.h"
#include "base/error.h"
#include "job/inbox.h"
#include "job/queue.h"
#include "redis/pool.h"

/* Append subject, text and HTML. What cannot be had (Redis is away, the file of
 * rejects cannot be read) is left out. Errors: MEMORY. */
bool slc_mail_report_write(const struct slc_batch *batch, struct slc_redis_pool *pool,
                           struct slc_inbox *inbox, struct slc_buf *subject, struct slc_buf *text,
                           struct slc_buf *html, struct slc_error *error);

/* There is something in it that a person should look at: a load failed, or rows
 * were rejected. */
bool slc_mail_report_has_problems(const struct slc_batch *batch);

/* A load of it was tried. */
bool slc_mail_report_is_wanted(const struct slc_batch *batch);

/* Row numbers and reasons of the first lines of a NAME.rejects.csv, of which
 * `text` is the beginning; the reasons are views of it. Returns how many. */
struct slc_mail_reject;
size_t slc_mail_report_rejects(struct slc_str text, struct slc_mail_reject *rejects, size_t most);

#endif
