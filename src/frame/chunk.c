#include "frame/chunk.h"

#include <string.h>

bool slc_chunk_begin(struct slc_chunk *chunk, int64_t n_columns)
{
    slc_arena_reset(&chunk->arena);
    chunk->n_rows = chunk->n_records = 0;
    chunk->rejects = NULL;
    chunk->n_rejects = 0;
    chunk->record_of_row = NULL;
    chunk->n_columns = n_columns;
    chunk->columns = slc_arena_calloc(&chunk->arena, (size_t)n_columns, sizeof(*chunk->columns));
    return chunk->columns != NULL;
}

void *slc_chunk_values(struct slc_chunk *chunk, enum slc_type type)
{
    /* A spare value, so that an empty chunk has a buffer, too. */
    return slc_arena_alloc(&chunk->arena, ((size_t)chunk->n_rows + 1) * slc_type_width_bytes(type));
}

uint64_t *slc_chunk_bitmap(struct slc_chunk *chunk)
{
    size_t size = ((size_t)chunk->n_rows / 64 + 1) * sizeof(uint64_t);
    uint64_t *bitmap = slc_arena_alloc(&chunk->arena, size);

    if (bitmap)
        memset(bitmap, 0xff, size);
    return bitmap;
}

static void keep_values(struct slc_column *column, const uint64_t *keep, int64_t n_rows)
{
    size_t width = slc_type_width_bytes(column->type);
    char *bytes = column->data;
    int64_t to = 0;

    column->n_missing = 0;
    for (int64_t row = 0; row < n_rows; row++) {
        bool has = slc_column_has(column, row);

        if (!(keep[row >> 6] >> (row & 63) & 1))
            continue;
        if (width && to != row)
            memcpy(bytes + (size_t)to * width, bytes + (size_t)row * width, width);
        if (column->valid) {
            column->valid[to >> 6] &= ~(UINT64_C(1) << (to & 63));
            column->valid[to >> 6] |= (uint64_t)has << (to & 63);
        }
        column->n_missing += !has;
        to++;
    }
    if (column->valid && column->n_missing == 0)
        column->valid = NULL;
}

bool slc_chunk_keep_rows(struct slc_chunk *chunk, const uint64_t *keep)
{
    int32_t *records =
        slc_arena_alloc(&chunk->arena, ((size_t)chunk->n_rows + 1) * sizeof(*records));
    int64_t to = 0;

    if (!records)
        return false;
    for (int64_t i = 0; i < chunk->n_columns; i++)
        if (chunk->columns[i].requested)
            keep_values(&chunk->columns[i], keep, chunk->n_rows);
    for (int64_t row = 0; row < chunk->n_rows; row++)
        if (keep[row >> 6] >> (row & 63) & 1)
            records[to++] = chunk->record_of_row ? chunk->record_of_row[row] : (int32_t)row;
    chunk->record_of_row = records;
    chunk->n_rows = to;
    return true;
}

void slc_chunk_release(struct slc_chunk *chunk)
{
    if (!chunk)
        return;
    slc_arena_release(&chunk->arena);
    *chunk = (struct slc_chunk){0};
}
