/* What the plan's document calls things; by the values of the enums. */
#ifndef SLC_PREP_PLAN_NAMES_H
#define SLC_PREP_PLAN_NAMES_H

#include "base/buf.h"
#include "prep/plan.h"

enum { SLC_N_IMPUTES = SLC_IMPUTE_AUTO + 1, SLC_N_SCALES = SLC_SCALE_NONE + 1 };
enum { SLC_N_DOWNCASTS = SLC_DOWNCAST_LOSSY + 1, SLC_N_DROPPED = SLC_DROPPED_DUPLICATED + 1 };

extern const char *const slc_impute_names[SLC_N_IMPUTES];
extern const char *const slc_scale_names[SLC_N_SCALES];
extern const char *const slc_downcast_names[SLC_N_DOWNCASTS];
extern const char *const slc_dropped_names[SLC_N_DROPPED]; /* KEPT is "" */

/* A column's scaler as members of an object that is open: the strategy and its
 * parameters. */
void slc_plan_write_scale(const struct slc_column_plan *column, struct slc_buf *buf);

#endif
