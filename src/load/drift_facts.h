/* What drift is judged by: a column's statistics in one shape, whether they
 * come from a summary or from an old PROFILE document. For drift.c alone. */
#ifndef SLC_LOAD_DRIFT_FACTS_H
#define SLC_LOAD_DRIFT_FACTS_H

#include <json-c/json_object.h>

#include "profile/profile.h"

/* Numbers as they are; of dates and times seconds since 1970; of booleans the
 * mean is the share of true. NaN where there is none. */
struct slc_drift_facts {
    bool is_known; /* false: the old data had no such column */
    enum slc_type type;
    int64_t n_rows, n_missing, n_distinct;
    double mean, std, min, max;
};

struct slc_drift_facts slc_drift_facts_of(const struct slc_summary *summary);

/* One column of a PROFILE document; is_known is false when it is no such. */
struct slc_drift_facts slc_drift_facts_read(const struct json_object *column);

/* The document as an object with a "columns" object in it, to be put; NULL when
 * the text is no PROFILE of a version known here. */
struct json_object *slc_drift_profile_read(struct slc_str text, int64_t *ret_n_rows);

#endif
