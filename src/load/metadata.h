/* META: the fields of contract "NAME.META" from what a load learnt. */
#ifndef SLC_LOAD_METADATA_H
#define SLC_LOAD_METADATA_H

#include "base/arena.h"
#include "load/delivery.h"
#include "load/load.h"
#include "load/survey.h"
#include "store/store.h"

struct slc_metadata_input {
    const struct slc_load_job *job;
    const struct slc_load_result *result;
    const struct slc_survey *survey;
    const struct slc_plan *plan;
    const struct slc_outcome *outcomes;
    const struct slc_row_layout *layout;
    int64_t index_field;                 /* -1: none */
    struct slc_str key_order;            /* JSON */
    struct slc_str plan_document, drift; /* JSON */
};

/* The fields live in `arena`. docs/redis-keys.md describes each. Errors: MEMORY. */
bool slc_metadata_build(const struct slc_metadata_input *input, struct slc_arena *arena,
                        struct slc_meta_field **ret_fields, int64_t *ret_n_fields,
                        struct slc_error *error);

#endif
