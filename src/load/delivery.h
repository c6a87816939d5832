/* The second pass: transform, encode and write every row.
 *
 * Worker threads read, transform and encode chunks; the calling thread writes
 * them in the order of the file. A fixed number of encoded chunks is in flight,
 * so that memory is bounded whatever is slow. */
#ifndef SLC_LOAD_DELIVERY_H
#define SLC_LOAD_DELIVERY_H

#include <stdatomic.h>

#include "base/error.h"
#include "load/duplicates.h"
#include "load/load.h"
#include "load/rejects.h"
#include "load/survey.h"
#include "prep/plan.h"
#include "reader/reader.h"
#include "store/store.h"

struct slc_delivery_options {
    int n_threads;
    int nice; /* by which they stand back for others */
    const struct slc_survey *survey;
    const struct slc_plan *plan;
    struct slc_row_layout layout;
    struct slc_store_load *store;  /* NULL: a dry run */
    const struct slc_duplicates *duplicates; /* rows to leave out; NULL: none */
    struct slc_rejects *rejects;   /* NULL: rejected rows are only counted */
    bool fail_on_reject;
    const atomic_bool *cancel;          /* may be NULL */
    struct slc_load_progress *progress; /* may be NULL */
};

struct slc_delivery {
    int64_t n_rejects;            /* of the reader, and rows without a key */
    int64_t n_duplicates;         /* left out */
    int64_t n_rows;               /* encoded (and sent) */
    struct slc_outcome *outcomes; /* one a column of the plan; owned */
    struct slc_error rejects_error; /* set when the rejects could not be written */
};

/* The reader is rewound here unless the survey kept all chunks. May be run again
 * after a failure. */
bool slc_delivery_run(struct slc_reader *reader, const struct slc_delivery_options *options,
                      struct slc_delivery *ret_delivery, struct slc_error *error);
void slc_delivery_release(struct slc_delivery *delivery);

#endif
