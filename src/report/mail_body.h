/* What a report mail says of a batch of loads: a line for each table, then for
 * each what came of it, in words and small bars; of a load that failed, what was
 * wrong and what to do. No row's values are in it, but for those of constant
 * columns. */
#ifndef SLC_REPORT_MAIL_BODY_H
#define SLC_REPORT_MAIL_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum { SLC_MAIL_REJECTS_MAX = 10, SLC_MAIL_DETAILED_MAX = 20, SLC_MAIL_LISTED_MAX = 200 };

struct slc_mail_reject {
    int64_t row; /* 1 is the first data row */
    struct slc_str reason;
};

/* One load; everything is borrowed. */
struct slc_mail_load {
    struct slc_str name;           /* the replica, or the file where there is none */
    struct slc_str file_name;      /* may be empty */
    const struct slc_error *error; /* NULL: it was loaded */
    bool is_skipped;               /* its ticket no longer asked for a load */
    int64_t rows_read, rows_written, rows_rejected, duplicate_keys;
    struct slc_str drift; /* JSON array of sentences; data NULL: none */
    struct slc_mail_reject rejects[SLC_MAIL_REJECTS_MAX];
    size_t n_rejects;
    /* A field of NAME.META (docs/redis-keys.md) as it stands there; data NULL where
     * it is not known. Whatever is in it: what cannot be read is left out. */
    struct slc_str (*meta)(const void *state, const char *field);
    const void *meta_state; /* NULL: nothing is known */
};

struct slc_mail_batch {
    const struct slc_mail_load *loads;
    size_t count;
    size_t more; /* loads that are not among them */
    const char *batch_id;
    const char *machine; /* for the foot; may be NULL */
    int64_t ended_usec;
};

/* Append subject, text and HTML. Errors: MEMORY. */
bool slc_mail_body_write(const struct slc_mail_batch *batch, struct slc_buf *subject,
                         struct slc_buf *text, struct slc_buf *html, struct slc_error *error);

#endif
