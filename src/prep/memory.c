/* What a table takes in memory as typed columns; docs/plan.md states the
 * formula. */
#include "prep/step.h"

enum { OFFSET_BYTES = 8 };

static int64_t bitmap_bytes(int64_t n_rows, bool has_missing)
{
    return has_missing ? (n_rows + 7) / 8 : 0;
}

/* Bytes a value takes in a column of the named type; a text's slice counts as
 * one offset. */
static int64_t width_bytes(const char *type_name)
{
    static const struct {
        const char *name;
        int64_t bytes;
    } widths[] = {
        {"null", 0},
        {"bool", 1},
        {"int8", 1},
        {"uint8", 1},
        {"int16", 2},
        {"uint16", 2},
        {"int32", 4},
        {"uint32", 4},
        {"float32", 4},
        {"date", 4},
        {"int64", 8},
        {"uint64", 8},
        {"float64", 8},
        {"datetime", 8},
        {"text", OFFSET_BYTES},
        {"json", OFFSET_BYTES},
    };

    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
        if (slc_str_is(slc_str_from(type_name), widths[i].name))
            return widths[i].bytes;
    return 8;
}

static int64_t before_bytes(const struct slc_column_plan *column, const struct slc_summary *summary,
                            int64_t n_rows)
{
    int64_t bytes = n_rows * width_bytes(slc_type_name(column->in_type));

    if (slc_type_is_text(column->in_type))
        bytes += summary->text_bytes;
    return bytes + bitmap_bytes(n_rows, summary->n_missing > 0);
}

/* One code a row and every distinct text once. */
static int64_t category_bytes(const struct slc_column_plan *column,
                              const struct slc_summary *summary, const struct slc_outcome *outcome,
                              int64_t n_rows)
{
    int64_t n_distinct = summary->n_distinct, text_bytes = summary->distinct_text_bytes;

    if (outcome->n_imputed > 0) {
        n_distinct++;
        text_bytes += (int64_t)column->fill.text.len;
    }
    return n_rows * (n_distinct <= 256 ? 1 : 2) + n_distinct * OFFSET_BYTES + text_bytes;
}

static int64_t after_bytes(const struct slc_column_plan *column, const struct slc_summary *summary,
                           const struct slc_outcome *outcome, int64_t n_rows)
{
    int64_t bytes;

    if (column->dropped != SLC_KEPT)
        return 0;
    if (column->is_index)
        return before_bytes(column, summary, n_rows);
    if (slc_text_is_category(column, summary, outcome)) {
        bytes = category_bytes(column, summary, outcome, n_rows);
    } else {
        bytes = n_rows * width_bytes(slc_plan_final_type(column, summary, outcome));
        if (slc_type_is_text(column->out_type) && slc_type_is_text(column->in_type))
            bytes += summary->text_bytes + outcome->repair_bytes;
        if (slc_type_is_text(column->out_type) && column->impute != SLC_IMPUTE_NONE)
            bytes += outcome->n_imputed * (int64_t)column->fill.text.len;
    }
    return bytes + bitmap_bytes(n_rows, outcome->has_missing);
}

void slc_plan_memory(const struct slc_plan *plan, const struct slc_summary *summaries,
                     const struct slc_outcome *outcomes, int64_t n_rows, int64_t *ret_before_bytes,
                     int64_t *ret_after_bytes)
{
    int64_t before = 0, after = 0;

    for (int64_t i = 0; i < plan->n_columns; i++) {
        before += before_bytes(&plan->columns[i], &summaries[i], n_rows);
        after += after_bytes(&plan->columns[i], &summaries[i], &outcomes[i], n_rows);
    }
    *ret_before_bytes = before;
    *ret_after_bytes = after;
}
