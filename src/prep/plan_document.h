/* The plan as a document: one versioned JSON text with everything fitted, that
 * can be kept, sent, read by other programs, and applied to another file
 * tomorrow. docs/plan.md describes it, docs/plan.schema.json checks it. */
#ifndef SLC_PREP_PLAN_DOCUMENT_H
#define SLC_PREP_PLAN_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "prep/plan.h"

enum { SLC_PLAN_DOCUMENT_VERSION = 1, SLC_PLAN_DOCUMENT_MAX_BYTES = 64 << 20 };

/* Where a plan comes from. Of no consequence for what it does. */
struct slc_plan_provenance {
    int64_t n_rows;         /* rows that it was fitted on */
    struct slc_str source;  /* that file's name, without its folder; may be empty */
    struct slc_str sha256;  /* of that file, 64 hex digits or empty */
    struct slc_str version; /* of the sluice that fitted it */
    int64_t fitted_usec;    /* when, UTC; whole seconds are kept */
};

struct slc_plan_document {
    struct slc_plan plan;
    struct slc_plan_provenance provenance; /* texts in the plan's arena */
};

/* Append the document. One that was parsed is written byte for byte as sluice
 * wrote it. `plan` is one that slc_plan_fit() or slc_plan_document_parse() made. */
void slc_plan_document_write(const struct slc_plan *plan,
                             const struct slc_plan_provenance *provenance, struct slc_buf *buf);

/* Read a document from anywhere. Every member is checked, against its own type
 * and range and against the others, so that a plan that comes out of here can be
 * applied; numbers are the doubles that the text says. A member that is not
 * known is refused, because it might change what a row becomes. Errors: CONFIG
 * naming the path in the document, or the byte where it is no JSON; LIMIT (64
 * MiB, SLC_MAX_COLUMNS columns); MEMORY. */
bool slc_plan_document_parse(struct slc_str text, struct slc_plan_document *ret_document,
                             struct slc_error *error);

void slc_plan_document_release(struct slc_plan_document *document);

/* Copy the texts of a provenance into the document's arena. False: no memory. */
bool slc_plan_document_sign(struct slc_plan_document *document,
                            const struct slc_plan_provenance *provenance);

#endif
