/* What changed between the data that a replica held and the data that takes its
 * place: the new statistics against the PROFILE that the last load left. */
#ifndef SLC_LOAD_DRIFT_H
#define SLC_LOAD_DRIFT_H

#include "base/buf.h"
#include "base/error.h"
#include "frame/schema.h"
#include "profile/profile.h"

/* What counts as a change. Below all of these there is no drift; columns that
 * came, went or are of another type always are one. */
#define SLC_DRIFT_ROWS 0.10     /* of the old number of rows */
#define SLC_DRIFT_MISSING 0.02  /* of all values: from 5 % to 7 % missing */
#define SLC_DRIFT_MEAN 0.10     /* of the old standard deviation */
#define SLC_DRIFT_DISTINCT 0.20 /* of the old number; not where every value is another in both */
#define SLC_DRIFT_RANGE 0.10    /* of the old range, for smallest and largest value */

/* Plain sentences for people, the weightiest first. */
enum { SLC_DRIFT_SENTENCES = 12, SLC_DRIFT_SENTENCE_BYTES = 240 };

struct slc_drift {
    bool is_compared;   /* false: there was nothing to compare with */
    int64_t n_findings; /* 0: no drift. More than there are sentences: the rest is in the JSON */
    int n_sentences;
    /* "income: mean 57,709 -> 61,002 (+0.1 std), missing 7.1 % -> 9.4 %",
     * "new column: x". One line each, UTF-8. */
    char sentences[SLC_DRIFT_SENTENCES][SLC_DRIFT_SENTENCE_BYTES];
};

/* The META that the last load left; data NULL where there is none. */
struct slc_drift_reference {
    struct slc_str profile; /* PROFILE */
    struct slc_str load_id, load_dttm;
};

/* Compare, and append META's DRIFT document to `json` (docs/plan.md). A PROFILE
 * that cannot be read (none, garbage, a later version) is no error: nothing is
 * compared then. Errors: MEMORY. */
bool slc_drift_compare(const struct slc_drift_reference *reference, const struct slc_schema *schema,
                       const struct slc_summary *summaries, struct slc_drift *ret_drift,
                       struct slc_buf *json, struct slc_error *error);

#endif
