/* A plan that was fitted on one file, held against another.
 *
 * Columns are matched by their exact names; their order in the file is of no
 * matter, because the rows keep the plan's order. A file fits when it has every
 * column that the plan transforms, with values that the plan's in_type holds:
 * a narrower type (whole numbers where there were fractions, nothing but gaps)
 * is read as the plan's. Columns that the plan dropped need not be there; those
 * that the plan does not know are left out of the rows. */
#ifndef SLC_PREP_PLAN_BIND_H
#define SLC_PREP_PLAN_BIND_H

#include "base/error.h"
#include "frame/schema.h"
#include "prep/plan.h"

/* The types that a file's columns are to be read from, one a field of `schema`
 * (names only), into `types`: the plan's in_type where the plan transforms the
 * column, NULL (whatever it is) for the index, dropped and unknown columns.
 * `index` is the field of the row keys or -1. Errors: MEMORY. */
bool slc_plan_read_types(const struct slc_plan *plan, const struct slc_schema *schema,
                         int64_t index, enum slc_type *types, struct slc_error *error);

struct slc_plan_binding {
    /* For the file: one column a field of its schema, in the file's order. Texts
     * are borrowed from the plan and the schema. */
    struct slc_plan plan;
    int64_t *row_columns; /* the fields that stand in the rows, in the plan's order */
    int64_t n_row_columns;
    int64_t *new_columns; /* fields left out because the plan does not know them */
    int64_t n_new_columns;
};

/* `schema` has the types that the file's values have when they are read from
 * slc_plan_read_types(). `index` is the field of the row keys or -1: any column,
 * known to the plan or not; but a column that the plan had as its index has no
 * fit, and can only be the index again. Errors: DATA, one that lists the whole
 * difference (columns missing, of other types, new); MEMORY. */
bool slc_plan_bind(const struct slc_plan *plan, const struct slc_schema *schema, int64_t index,
                   struct slc_plan_binding *ret_binding, struct slc_error *error);

void slc_plan_binding_release(struct slc_plan_binding *binding);

/* The name of the plan's index column; empty when it has none. */
struct slc_str slc_plan_index(const struct slc_plan *plan);

#endif
