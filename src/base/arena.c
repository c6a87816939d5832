#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLC_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLC_ASAN 1
#endif
#endif

#ifdef SLC_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

enum { FIRST_BLOCK_BYTES = 4096, LARGEST_STEP_BYTES = 1 << 20, ALIGNMENT = 16 };

struct slc_arena_block {
    struct slc_arena_block *older;
    size_t size_bytes; /* of `bytes` */
    _Alignas(ALIGNMENT) char bytes[];
};

static bool grow(struct slc_arena *arena, size_t at_least)
{
    size_t size = arena->blocks ? arena->blocks->size_bytes * 2 : FIRST_BLOCK_BYTES;
    struct slc_arena_block *block;

    if (size > LARGEST_STEP_BYTES)
        size = LARGEST_STEP_BYTES;
    if (size < at_least)
        size = at_least;
    if (size > SIZE_MAX - sizeof(*block))
        return false;
    block = malloc(sizeof(*block) + size);
    if (!block)
        return false;
    block->older = arena->blocks;
    block->size_bytes = size;
    arena->blocks = block;
    arena->next = block->bytes;
    arena->left_bytes = size;
    POISON(block->bytes, size);
    return true;
}

void *slc_arena_alloc(struct slc_arena *arena, size_t size_bytes)
{
    size_t pad = (ALIGNMENT - ((uintptr_t)arena->next & (ALIGNMENT - 1))) & (ALIGNMENT - 1);
    char *at;

    if (size_bytes > SIZE_MAX / 2)
        return NULL;
    if (!arena->next || arena->left_bytes < pad || arena->left_bytes - pad < size_bytes) {
        if (!grow(arena, size_bytes))
            return NULL;
        pad = 0;
    }
    at = arena->next + pad;
    arena->next = at + size_bytes;
    arena->left_bytes -= pad + size_bytes;
    arena->used_bytes += pad + size_bytes;
    UNPOISON(at, size_bytes);
    return at;
}

void *slc_arena_calloc(struct slc_arena *arena, size_t count, size_t size_bytes)
{
    size_t total;
    void *at;

    if (__builtin_mul_overflow(count, size_bytes, &total))
        return NULL;
    at = slc_arena_alloc(arena, total);
    if (at)
        memset(at, 0, total);
    return at;
}

char *slc_arena_bytes(struct slc_arena *arena, size_t size_bytes)
{
    char *at;

    if (!arena->next || arena->left_bytes < size_bytes)
        if (size_bytes > SIZE_MAX / 2 || !grow(arena, size_bytes))
            return NULL;
    at = arena->next;
    arena->next += size_bytes;
    arena->left_bytes -= size_bytes;
    arena->used_bytes += size_bytes;
    UNPOISON(at, size_bytes);
    return at;
}

struct slc_str slc_arena_copy(struct slc_arena *arena, struct slc_str s)
{
    char *copy = slc_arena_bytes(arena, s.len + 1);

    if (!copy)
        return (struct slc_str){0};
    if (s.len)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return (struct slc_str){.data = copy, .len = s.len};
}

static void free_blocks(struct slc_arena_block *block)
{
    while (block) {
        struct slc_arena_block *older = block->older;

        UNPOISON(block->bytes, block->size_bytes);
        free(block);
        block = older;
    }
}

/* Several blocks become one of their joint size, so that an arena that is used
 * for the same work again and again soon takes no memory anymore. */
static bool coalesce(struct slc_arena *arena)
{
    size_t total = 0;

    for (struct slc_arena_block *at = arena->blocks; at; at = at->older)
        total += at->size_bytes;
    free_blocks(arena->blocks);
    arena->blocks = NULL;
    return grow(arena, total);
}

void slc_arena_reset(struct slc_arena *arena)
{
    arena->used_bytes = 0;
    if (!arena->blocks)
        return;
    if (arena->blocks->older && !coalesce(arena)) {
        *arena = (struct slc_arena){0};
        return;
    }
    arena->next = arena->blocks->bytes;
    arena->left_bytes = arena->blocks->size_bytes;
    POISON(arena->next, arena->left_bytes);
}

void slc_arena_release(struct slc_arena *arena)
{
    if (!arena)
        return;
    free_blocks(arena->blocks);
    *arena = (struct slc_arena){0};
}
