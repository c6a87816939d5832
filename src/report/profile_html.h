/* A table's profile as one HTML page: header, findings, an overview of all
 * columns, then a card a column.
 *
 * The page stands alone: no other file, host or font, nothing that runs but a
 * small script for sorting and filtering, without which all is there to read. A
 * content security policy names its style and script by hash and forbids the
 * rest. Names and values are the file's own, so hostile: everything is escaped,
 * and control characters and marks that turn the direction of writing are shown
 * as what they are (report/show.h). What was estimated carries a "~" and its
 * error. About 3 KB a column. */
#ifndef SLC_REPORT_PROFILE_HTML_H
#define SLC_REPORT_PROFILE_HTML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "frame/schema.h"
#include "profile/profile.h"

/* Everything is borrowed. */
struct slc_profile_page {
    struct slc_str title;   /* the file's name */
    struct slc_str dialect; /* how it was read: "csv, delimiter ','"; may be empty */
    struct slc_str sha256;  /* of the file, in hex; may be empty */
    const struct slc_schema *schema;
    const struct slc_summary *summaries; /* one a field */
    int64_t n_rows;                      /* taken */
    int64_t n_rejected;
    int64_t first_reject_row;        /* of the file, from 1; 0: not known */
    const char *first_reject_reason; /* with it; may be NULL */
    int64_t size_bytes;              /* of the file; -1: not known */
    int64_t memory_before_bytes;     /* as typed columns; -1: not known */
    int64_t memory_after_bytes;      /* after downcast; -1: not known */
    int64_t made_usec;               /* when, UTC since 1970; 0: not said */
};

/* Append the page. The same page for the same input. False when memory ran
 * out; `out` then has a part of it. */
bool slc_profile_html(struct slc_buf *out, const struct slc_profile_page *page);

#endif
