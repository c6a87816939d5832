/* Distinct texts and how often each one came: open addressing with linear
 * probing, at most 5/8 full, 32 bytes a slot and a copy of the text. */
#ifndef SLC_PROFILE_TEXT_TABLE_H
#define SLC_PROFILE_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct slc_text_slot {
    uint64_t hash;
    int64_t count;    /* 0: an empty slot */
    const char *data; /* in the table's pool */
    uint32_t len;     /* bytes */
    uint32_t chars;   /* code points */
};

struct slc_text_block;

/* Zeroed is empty. */
struct slc_text_table {
    struct slc_text_slot *slots; /* owned */
    size_t n_slots;              /* a power of two, or 0 */
    size_t n;                    /* in use */
    int shift;
    int64_t text_bytes;            /* of the distinct texts */
    size_t last;                   /* the slot of the text that came last, while n > 0 */
    struct slc_text_block *blocks; /* owned; the pool of the texts, newest first */
    char *next;                    /* free room in the newest block */
    size_t left_bytes;
    size_t pool_bytes; /* of all blocks */
    size_t used_bytes; /* by the texts */
};

void slc_text_table_release(struct slc_text_table *table);

/* Code points in valid UTF-8, quick on ASCII. */
uint64_t slc_text_chars(struct slc_str text);

/* Count `n` texts and set their hashes, in order. Returns how many were
 * counted: fewer than `n` when the next one would need more than `limit_bytes`,
 * or more memory than there is, or when texts collide so often that they must
 * have been made to; the hashes from there on are not set then.
 * `on_new` is called for each text that is new. */
int64_t slc_text_table_add(struct slc_text_table *table, const struct slc_str *texts,
                           uint64_t *hashes, int64_t n, size_t limit_bytes,
                           void (*on_new)(void *data, const struct slc_text_slot *slot),
                           void *data);

static inline struct slc_str slc_text_slot_text(const struct slc_text_slot *slot)
{
    return (struct slc_str){.data = slot->data, .len = slot->len};
}

#endif
