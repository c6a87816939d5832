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
    return slc_arena_alloc(&chunk->arena,
                           ((size_t)chunk->n_rows + 1) * slc_type_width_bytes(type));
}

uint64_t *slc_chunk_bitmap(struct slc_chunk *chunk)
{
    size_t size = ((size_t)chunk->n_rows / 64 + 1) * sizeof(uint64_t);
    uint64_t *bitmap = slc_arena_alloc(&chunk->arena, size);

    if (bitmap)
        memset(bitmap, 0xff, size);
    return bitmap;
}

void slc_chunk_release(struct slc_chunk *chunk)
{
    if (!chunk)
        return;
    slc_arena_release(&chunk->arena);
    *chunk = (struct slc_chunk){0};
}
