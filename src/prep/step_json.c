/* Text columns that hold objects or arrays: Python's way of writing them is
 * mended to JSON. A text that cannot be mended stays byte for byte. */
#include "prep/step.h"

#include "prep/json_repair.h"

bool slc_json_fit(const struct slc_fit *fit, struct slc_column_plan *column,
                  struct slc_error *error)
{
    const struct slc_value *first = &fit->summary->first;

    (void)error;
    column->repair = fit->wish->json_repair && column->in_type == SLC_TYPE_TEXT &&
                     slc_type_is_text(first->type) && slc_json_looks_like(first->text);
    if (column->repair)
        column->out_type = SLC_TYPE_JSON;
    return true;
}

/* Mend every value into `mended`, one behind the other; ends[row] is where the
 * row's text ends there. */
static void mend_values(struct slc_chunk *chunk, const struct slc_column *column,
                        struct slc_buf *mended, size_t *ends, struct slc_outcome *outcome)
{
    for (int64_t row = 0; row < chunk->n_rows; row++) {
        struct slc_str text = column->texts[row];
        size_t start = mended->len;

        ends[row] = start;
        if (!slc_column_has(column, row))
            continue;
        if (!slc_json_repair(text, mended)) {
            mended->len = start;
            outcome->n_unrepaired++;
            if (!outcome->first_unrepaired_row)
                outcome->first_unrepaired_row = slc_chunk_record(chunk, row);
        } else if (mended->len - start == text.len &&
                   (text.len == 0 || memcmp(mended->data + start, text.data, text.len) == 0)) {
            mended->len = start; /* it was good as it was */
        } else {
            outcome->n_repaired++;
            outcome->repair_bytes += (int64_t)(mended->len - start) - (int64_t)text.len;
        }
        ends[row] = mended->len;
    }
}

bool slc_json_apply(const struct slc_column_plan *plan, struct slc_chunk *chunk,
                    struct slc_column *column, struct slc_outcome *outcome, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf mended = {0};
    struct slc_outcome found = {.first_unrepaired_row = outcome->first_unrepaired_row};
    size_t *ends, start = 0;
    char *bytes;

    if (!plan->repair || !slc_type_is_text(column->type))
        return true;
    ends = slc_arena_calloc(&chunk->arena, (size_t)chunk->n_rows + 1, sizeof(*ends));
    if (!ends)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while JSON was mended");
    mend_values(chunk, column, &mended, ends, &found);
    bytes = slc_arena_bytes(&chunk->arena, mended.len + 1);
    if (mended.failed || !bytes)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while JSON was mended");
    if (mended.len)
        memcpy(bytes, mended.data, mended.len);
    for (int64_t row = 0; row < chunk->n_rows; row++) {
        if (ends[row] > start)
            column->texts[row] = (struct slc_str){.data = bytes + start, .len = ends[row] - start};
        start = ends[row];
    }
    column->type = SLC_TYPE_JSON;
    outcome->n_repaired += found.n_repaired;
    outcome->n_unrepaired += found.n_unrepaired;
    outcome->repair_bytes += found.repair_bytes;
    outcome->first_unrepaired_row = found.first_unrepaired_row;
    return true;
}
