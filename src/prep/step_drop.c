/* Columns that are left out as a whole: by wish, because they are constant, or
 * because an earlier column has the same value in every row. */
#include "prep/step.h"

bool slc_drop_fit(const struct slc_fit *fit, struct slc_column_plan *column,
                  struct slc_error *error)
{
    const struct slc_summary *summary = fit->summary;
    int64_t first = summary->duplicate_of >= 0 ? summary->duplicate_of : fit->at;

    (void)error;
    if (fit->wish->drop) {
        column->dropped = SLC_DROPPED_BY_OPTION;
    } else if (fit->options->drop_constant && summary->is_constant) {
        column->dropped = SLC_DROPPED_CONSTANT;
    } else if (fit->kept_of[first] < 0) {
        /* The first of its kind that stays. That is not always the first in
         * the file: the index is no part of the rows, and the first may have been dropped
         * by wish; then a copy has to stay, or its values would be lost. */
        fit->kept_of[first] = fit->at;
    } else if (fit->options->drop_duplicated) {
        column->dropped = SLC_DROPPED_DUPLICATED;
    }
    return true;
}
