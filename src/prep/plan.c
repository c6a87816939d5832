#include "prep/plan.h"

#include <math.h>
#include <stdlib.h>

#include "prep/step.h"

/* In the order in which they run. A column that is dropped takes no part in
 * the steps behind. */
static const struct slc_step steps[] = {
    {"drop", slc_drop_fit, NULL},
    {"json_repair", slc_json_fit, slc_json_apply},
    {"impute", slc_impute_fit, slc_impute_apply},
    {"scale", slc_scale_fit, slc_scale_apply},
    {"downcast", slc_downcast_fit, slc_downcast_apply},
};

enum { N_STEPS = sizeof(steps) / sizeof(steps[0]) };

/* ---- fit --------------------------------------------------------------------- */

struct slc_column_plan slc_column_plan_as_is(const struct slc_field *field)
{
    return (struct slc_column_plan){
        .name = field->name,
        .in_type = field->type,
        .out_type = field->type,
        .impute = SLC_IMPUTE_NONE,
        .scale = SLC_SCALE_NONE,
        .downcast = SLC_DOWNCAST_OFF,
        .range_max = 1.0,
        .multiplier = 1.0,
        .divisor = 1.0,
        .fit_is_exact = true,
    };
}

static bool fit_column(const struct slc_fit *fit, struct slc_column_plan *column,
                       struct slc_error *error)
{
    *column = slc_column_plan_as_is(&fit->schema->fields[fit->at]);
    column->name = slc_arena_copy(fit->arena, column->name);
    if (!column->name.data)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a plan was fitted");
    column->is_index = fit->at == fit->options->index_column;
    if (column->is_index)
        return true;
    for (int i = 0; i < N_STEPS && column->dropped == SLC_KEPT; i++)
        if (!steps[i].fit(fit, column, error))
            return false;
    return true;
}

bool slc_plan_fit(const struct slc_schema *schema, const struct slc_summary *summaries,
                  struct slc_profile *profile, const struct slc_prep_options *options,
                  struct slc_plan *ret_plan, struct slc_error *error)
{
    struct slc_plan plan = {.n_columns = schema->n_fields};
    SLC_AUTO_FREE int64_t *kept_of = calloc((size_t)schema->n_fields + 1, sizeof(*kept_of));
    bool good = true;

    plan.columns =
        slc_arena_calloc(&plan.arena, (size_t)schema->n_fields + 1, sizeof(*plan.columns));
    if (!kept_of || !plan.columns)
        good = slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a plan was fitted");
    for (int64_t i = 0; good && i < plan.n_columns; i++)
        kept_of[i] = -1;
    for (int64_t i = 0; good && i < plan.n_columns; i++) {
        struct slc_fit fit = {
            .schema = schema,
            .options = options,
            .profile = profile,
            .arena = &plan.arena,
            .at = i,
            .summary = &summaries[i],
            .wish = &options->wishes[i],
            .kept_of = kept_of,
        };

        good = fit_column(&fit, &plan.columns[i], error);
    }
    if (!good) {
        slc_plan_release(&plan);
        return false;
    }
    *ret_plan = plan;
    return true;
}

void slc_plan_release(struct slc_plan *plan)
{
    if (!plan)
        return;
    slc_arena_release(&plan->arena);
    *plan = (struct slc_plan){0};
}

/* ---- apply ------------------------------------------------------------------- */

void slc_outcome_init(struct slc_outcome *outcomes, int64_t n_columns)
{
    for (int64_t i = 0; i < n_columns; i++)
        outcomes[i] = (struct slc_outcome){
            .fits_float32 = true,
            .is_integral = true,
            .min = INFINITY,
            .max = -INFINITY,
        };
}

void slc_outcome_merge(struct slc_outcome *into, const struct slc_outcome *from, int64_t n_columns)
{
    for (int64_t i = 0; i < n_columns; i++) {
        struct slc_outcome *a = &into[i];
        const struct slc_outcome *b = &from[i];

        a->n_values += b->n_values;
        a->n_imputed += b->n_imputed;
        a->n_repaired += b->n_repaired;
        a->n_unrepaired += b->n_unrepaired;
        a->repair_bytes += b->repair_bytes;
        if (b->first_unrepaired_row &&
            (!a->first_unrepaired_row || b->first_unrepaired_row < a->first_unrepaired_row))
            a->first_unrepaired_row = b->first_unrepaired_row;
        a->fits_float32 = a->fits_float32 && b->fits_float32;
        a->is_integral = a->is_integral && b->is_integral;
        a->has_missing = a->has_missing || b->has_missing;
        a->min = fmin(a->min, b->min);
        a->max = fmax(a->max, b->max);
    }
}

bool slc_plan_apply(const struct slc_plan *plan, struct slc_chunk *chunk,
                    struct slc_outcome *outcomes, struct slc_error *error)
{
    if (chunk->n_columns != plan->n_columns)
        return slc_fail(error, SLC_ERR_INTERNAL, "a chunk of %lld columns met a plan for %lld",
                        (long long)chunk->n_columns, (long long)plan->n_columns);
    for (int64_t i = 0; i < plan->n_columns; i++) {
        const struct slc_column_plan *column = &plan->columns[i];

        if (column->is_index || column->dropped != SLC_KEPT || !chunk->columns[i].requested)
            continue;
        for (int s = 0; s < N_STEPS; s++)
            if (steps[s].apply &&
                !steps[s].apply(column, chunk, &chunk->columns[i], &outcomes[i], error)) {
                slc_error_locate(error, NULL, 0, column->name);
                return false;
            }
    }
    return true;
}
