/* Which columns of the layout `columns` can do with less than their whole width, as
 * far as that is known before the first row is delivered: from the survey and the
 * plan. */
#ifndef SLC_LOAD_NARROW_H
#define SLC_LOAD_NARROW_H

#include <stdbool.h>
#include <stdint.h>

#include "frame/type.h"
#include "prep/plan.h"
#include "profile/profile.h"
#include "store/store.h"

/* `type` is what the column has in all chunks together, `chunk_rows` how many rows a
 * chunk has, about, and `is_fitted` says that the plan was made of this very survey.
 * Where prep.downcast is off, its whole width. */
struct slc_narrow slc_narrow_column(const struct slc_column_plan *column,
                                    const struct slc_summary *summary, enum slc_type type,
                                    int64_t chunk_rows, bool is_fitted);

#endif
