#include "reader/raw.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "reader/csv_scan.h"
#include "reader/input.h"
#include "reader/numbers.h"

bool slc_raw_reserve(struct slc_raw *raw, int64_t n_bytes, struct slc_error *error)
{
    size_t wanted = (size_t)n_bytes + SLC_SCAN_SLACK_BYTES;
    uint64_t *structural;
    char *room;

    if (raw->capacity >= n_bytes)
        return true;
    if (n_bytes > INT32_MAX)
        return slc_fail(error, SLC_ERR_LIMIT, "a row is longer than 2 GiB");
    room = realloc(raw->bytes ? raw->bytes - SLC_NUMBER_SLACK_BYTES : NULL,
                   SLC_NUMBER_SLACK_BYTES + wanted);
    if (room)
        raw->bytes = room + SLC_NUMBER_SLACK_BYTES;
    structural = realloc(raw->structural, (SLC_SCAN_WORDS(wanted) + 1) * sizeof(*structural));
    if (structural)
        raw->structural = structural;
    if (!room || !structural)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for %lld bytes of input",
                        (long long)n_bytes);
    raw->capacity = n_bytes;
    return true;
}

bool slc_raw_reserve_cells(struct slc_raw *raw, int64_t n_cells, struct slc_error *error)
{
    struct slc_cell *cells;

    if (raw->cells_capacity >= n_cells)
        return true;
    n_cells += n_cells / 8;
    cells = malloc((size_t)n_cells * sizeof(*cells));
    if (!cells)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for %lld cells", (long long)n_cells);
    free(raw->cells);
    raw->cells = cells;
    raw->cells_capacity = n_cells;
    return true;
}

void slc_raw_free(struct slc_raw *raw)
{
    if (!raw)
        return;
    free(raw->bytes ? raw->bytes - SLC_NUMBER_SLACK_BYTES : NULL);
    free(raw->structural);
    free(raw->cells);
    slc_arena_release(&raw->arena);
    free(raw);
}

/* ---- Rejected rows ----------------------------------------------------- */

bool slc_raw_reject(struct slc_raw *raw, int64_t start, int64_t end, const char *reason)
{
    enum { CLIP_BYTES = 1 << 20 };
    struct slc_str text = {.data = raw->bytes + start, .len = (size_t)(end - start)};

    if (raw->n_rejects == raw->rejects_capacity) {
        int64_t capacity = raw->rejects_capacity ? 2 * raw->rejects_capacity : 16;
        struct slc_reject *more = slc_arena_alloc(&raw->arena, (size_t)capacity * sizeof(*more));

        if (!more)
            return false;
        if (raw->n_rejects)
            memcpy(more, raw->rejects, (size_t)raw->n_rejects * sizeof(*more));
        raw->rejects = more;
        raw->rejects_capacity = capacity;
    }
    raw->rejects[raw->n_rejects++] = (struct slc_reject){
        .row = raw->n_records,
        .offset_bytes = raw->offset_bytes + start,
        .reason = reason,
        .text = slc_utf8_clip(text, CLIP_BYTES),
    };
    return true;
}

bool slc_raw_number_records(struct slc_raw *raw)
{
    int64_t reject_index = 0, row = 0;

    if (raw->n_rows == raw->n_records)
        return true;
    raw->record_of_row =
        slc_arena_alloc(&raw->arena, ((size_t)raw->n_rows + 1) * sizeof(*raw->record_of_row));
    if (!raw->record_of_row)
        return false;
    for (int64_t record = 0; record < raw->n_records; record++) {
        if (reject_index < raw->n_rejects && raw->rejects[reject_index].row == record + 1)
            reject_index++;
        else
            raw->record_of_row[row++] = (int32_t)record;
    }
    return true;
}

void slc_raw_clear(struct slc_raw *raw)
{
    slc_arena_reset(&raw->arena);
    raw->rejects = NULL;
    raw->n_rejects = raw->rejects_capacity = raw->n_rows = raw->n_records = 0;
    raw->record_of_row = NULL;
    raw->column_has_text = NULL;
    raw->is_split = false;
    raw->next = NULL;
}

/* ---- Cutting chunks off the input -------------------------------------- */

void slc_tail_restart(struct slc_tail *tail, int64_t offset_bytes)
{
    slc_buf_clear(&tail->bytes);
    tail->offset_bytes = offset_bytes;
    tail->at_end = false;
}

bool slc_tail_begin(const struct slc_tail *tail, struct slc_raw *raw, struct slc_error *error)
{
    raw->offset_bytes = tail->offset_bytes;
    if (!slc_raw_reserve(raw, (int64_t)tail->bytes.len, error))
        return false;
    raw->n_bytes = (int64_t)tail->bytes.len;
    if (raw->n_bytes > 0)
        memcpy(raw->bytes, tail->bytes.data, tail->bytes.len);
    return true;
}

bool slc_tail_fill(struct slc_reader *reader, struct slc_tail *tail, struct slc_raw *raw,
                   int64_t target, struct slc_error *error)
{
    int64_t n = raw->n_bytes;

    if (target <= n)
        target = 2 * n;
    if (!slc_raw_reserve(raw, target + 1, error))
        return false;
    while (n < target && !tail->at_end) {
        int64_t got = slc_input_read(reader->input, raw->bytes + n, (size_t)(target - n), error);

        if (got < 0)
            return false;
        tail->at_end = got == 0;
        n += got;
        if (tail->at_end && n > 0 && raw->bytes[n - 1] != '\n' && raw->bytes[n - 1] != '\r')
            raw->bytes[n++] = '\n';
    }
    raw->n_bytes = n;
    memset(raw->bytes + n, 0, SLC_SCAN_SLACK_BYTES);
    return true;
}

bool slc_tail_keep(struct slc_tail *tail, struct slc_raw *raw, int64_t end, struct slc_error *error)
{
    size_t left = (size_t)(raw->n_bytes - end);

    slc_buf_clear(&tail->bytes);
    slc_buf_append(&tail->bytes, raw->bytes + end, left);
    if (tail->bytes.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a row of %zu bytes", left);
    raw->n_bytes = end;
    tail->offset_bytes += end;
    return true;
}

void slc_tail_release(struct slc_tail *tail)
{
    slc_buf_release(&tail->bytes);
}
