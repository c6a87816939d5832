#include "profile/text_table.h"

#include <stdlib.h>

#include "base/hash.h"
#include "profile/zeroed.h"

enum {
    FIRST_SLOTS = 64,
    PREFETCH_FROM_BYTES = 1 << 18, /* smaller tables live in the second-level cache */
    ROOMY_SLOTS = 1024,            /* up to here only 1/8 is used, so that probes seldom miss */
    BATCH = 32,
    LEAST_BLOCK_BYTES = 256,
    LARGEST_BLOCK_BYTES = 1 << 20,
    FARTHEST = 512, /* slots from its hash's own; only texts made to collide get there */
};

struct slc_text_block {
    struct slc_text_block *older;
    char bytes[];
};

void slc_text_table_release(struct slc_text_table *table)
{
    while (table->blocks) {
        struct slc_text_block *older = table->blocks->older;

        free(table->blocks);
        table->blocks = older;
    }
    free(table->slots);
    *table = (struct slc_text_table){0};
}

/* Bytes of the form 10xxxxxx, which start no character. */
static inline uint64_t continuations(uint64_t word)
{
    uint64_t found = word & ~(word << 1) & UINT64_C(0x8080808080808080);

    return (found >> 7) * UINT64_C(0x0101010101010101) >> 56;
}

uint64_t slc_text_chars(struct slc_str text)
{
    uint64_t word, n = text.len;
    size_t i = 0;

    for (; i + 8 <= text.len; i += 8) {
        memcpy(&word, text.data + i, sizeof(word));
        n -= continuations(word);
    }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (i > 0 && i < text.len) { /* the last 8 bytes, those counted already shifted out */
        memcpy(&word, text.data + text.len - 8, sizeof(word));
        return n - continuations(word >> 8 * (8 - (text.len - i)));
    }
#endif
    for (; i < text.len; i++)
        n -= (text.data[i] & 0xc0) == 0x80;
    return n;
}

static inline bool same_bytes(const char *a, const char *b, size_t len)
{
    uint64_t x, y, v, w;
    uint32_t p, q, r, s;

    if (len > 16)
        return memcmp(a, b, len) == 0;
    if (len >= 8) {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        memcpy(&v, a + len - 8, 8);
        memcpy(&w, b + len - 8, 8);
        return ((x ^ y) | (v ^ w)) == 0;
    }
    if (len >= 4) {
        memcpy(&p, a, 4);
        memcpy(&q, b, 4);
        memcpy(&r, a + len - 4, 4);
        memcpy(&s, b + len - 4, 4);
        return ((p ^ q) | (r ^ s)) == 0;
    }
    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

static inline size_t find(const struct slc_text_table *table, struct slc_str text, uint64_t hash)
{
    size_t at = hash >> table->shift, mask = table->n_slots - 1;

    for (;; at = (at + 1) & mask) {
        const struct slc_text_slot *slot = &table->slots[at];

        if (!slot->count || (slot->hash == hash && slot->len == text.len &&
                             same_bytes(slot->data, text.data, text.len)))
            return at;
    }
}

/* Leaves `last` behind: an insertion follows, which sets it. */
static bool grow(struct slc_text_table *table, size_t limit_bytes)
{
    size_t n_slots = table->n_slots ? table->n_slots * 2 : FIRST_SLOTS;
    int shift = 64 - __builtin_ctzll(n_slots);
    struct slc_text_slot *slots;

    if (n_slots * sizeof(*slots) + table->used_bytes > limit_bytes)
        return false;
    slots = slc_zeroed(n_slots, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < table->n_slots; i++)
        if (table->slots[i].count) {
            size_t at = table->slots[i].hash >> shift;

            while (slots[at].count)
                at = (at + 1) & (n_slots - 1);
            slots[at] = table->slots[i];
        }
    free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    table->shift = shift;
    return true;
}

/* A copy of the text. The pool grows by quarters, and not past the limit for
 * room that no text will ever take, so that little of it is unused. NULL when
 * memory ran out. */
static const char *copy(struct slc_text_table *table, struct slc_str text, size_t limit_bytes)
{
    size_t slot_bytes = table->n_slots * sizeof(*table->slots), size = table->pool_bytes / 4;
    char *at;

    if (table->left_bytes < text.len + 1) {
        size_t taken = slot_bytes + table->pool_bytes;
        size_t left = limit_bytes > taken ? limit_bytes - taken : 0;
        struct slc_text_block *block;

        size = size < LEAST_BLOCK_BYTES ? LEAST_BLOCK_BYTES : size;
        size = size > LARGEST_BLOCK_BYTES ? LARGEST_BLOCK_BYTES : size;
        size = size > left ? left : size;
        size = size > text.len ? size : text.len + 1;
        block = malloc(sizeof(*block) + size);
        if (!block)
            return NULL;
        block->older = table->blocks;
        table->blocks = block;
        table->next = block->bytes;
        table->left_bytes = size;
        table->pool_bytes += size;
    }
    at = table->next;
    if (text.len)
        memcpy(at, text.data, text.len);
    at[text.len] = '\0';
    table->next += text.len + 1;
    table->left_bytes -= text.len + 1;
    table->used_bytes += text.len + 1;
    return at;
}

static bool insert(struct slc_text_table *table, struct slc_str text, uint64_t hash,
                   size_t limit_bytes, size_t *ret_at)
{
    struct slc_text_slot *slot;
    const char *data;

    if (text.len >= UINT32_MAX)
        return false;
    if (table->n * 8 >= table->n_slots * 5) {
        if (!grow(table, limit_bytes))
            return false;
        *ret_at = find(table, text, hash);
    } else if (table->n * 8 >= table->n_slots && table->n_slots < ROOMY_SLOTS) {
        if (grow(table, limit_bytes)) /* as it is will do, too */
            *ret_at = find(table, text, hash);
    }
    if (((*ret_at - (hash >> table->shift)) & (table->n_slots - 1)) > FARTHEST)
        return false;
    if (table->n_slots * sizeof(*slot) + table->used_bytes + text.len + 1 > limit_bytes)
        return false;
    data = copy(table, text, limit_bytes);
    if (!data)
        return false;
    slot = &table->slots[*ret_at];
    slot->hash = hash;
    slot->data = data;
    slot->len = (uint32_t)text.len;
    slot->chars = (uint32_t)slc_text_chars(text);
    table->text_bytes += (int64_t)text.len;
    table->n++;
    return true;
}

/* How many texts at the start are the one that came last. */
static int64_t count_run(struct slc_text_table *table, const struct slc_str *texts,
                         uint64_t *hashes, int64_t n)
{
    struct slc_text_slot *slot = &table->slots[table->last];
    int64_t i = 0;

    for (;
         i < n && texts[i].len == slot->len && same_bytes(texts[i].data, slot->data, texts[i].len);
         i++)
        hashes[i] = slot->hash;
    slot->count += i;
    return i;
}

int64_t slc_text_table_add(struct slc_text_table *table, const struct slc_str *texts,
                           uint64_t *hashes, int64_t n, size_t limit_bytes,
                           void (*on_new)(void *data, const struct slc_text_slot *slot), void *data)
{
    int64_t i = table->n ? count_run(table, texts, hashes, n) : 0;

    while (i < n) {
        int64_t end = i + BATCH < n ? i + BATCH : n;
        bool large = table->n_slots * sizeof(*table->slots) > PREFETCH_FROM_BYTES;

        for (int64_t k = i; k < end; k++) {
            hashes[k] = slc_hash_bytes(texts[k].data, texts[k].len);
            if (large)
                __builtin_prefetch(&table->slots[hashes[k] >> table->shift], 1);
        }
        for (; i < end; i++) {
            size_t at = table->n_slots ? find(table, texts[i], hashes[i]) : 0;

            if (!table->n_slots || !table->slots[at].count) {
                if (!insert(table, texts[i], hashes[i], limit_bytes, &at))
                    return i;
                on_new(data, &table->slots[at]);
            }
            table->slots[at].count++;
            table->last = at;
        }
    }
    return n;
}
