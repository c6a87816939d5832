/* A bump allocator: many small allocations that are released together.
 *
 * Zero-initialised is valid. Under the address sanitizer the unused part of a
 * block is poisoned, so that a read past an allocation is found. */
#ifndef SLC_BASE_ARENA_H
#define SLC_BASE_ARENA_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/str.h"

struct slc_arena_block;

struct slc_arena {
    struct slc_arena_block *blocks; /* owned, newest first */
    char *next;                     /* free room in the newest block */
    size_t left_bytes;
    size_t used_bytes; /* handed out in all since the last reset */
};

#define SLC_AUTO_ARENA SLC_CLEANUP(slc_arena_release)

/* `size_bytes` of uninitialised memory aligned to 16 that lives until the arena
 * is reset or released; NULL when memory ran out. */
void *slc_arena_alloc(struct slc_arena *arena, size_t size_bytes);

/* The same, zeroed; NULL also when count * size overflows. */
void *slc_arena_calloc(struct slc_arena *arena, size_t count, size_t size_bytes);

/* `size_bytes` without any alignment, for text. */
char *slc_arena_bytes(struct slc_arena *arena, size_t size_bytes);

/* A copy of `s` with a NUL behind it; .data is NULL when memory ran out. */
struct slc_str slc_arena_copy(struct slc_arena *arena, struct slc_str s);

/* Forget everything; the memory is kept, as one block, for reuse. */
void slc_arena_reset(struct slc_arena *arena);

/* Give everything back. */
void slc_arena_release(struct slc_arena *arena);

#endif
