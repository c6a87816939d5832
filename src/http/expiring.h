/* A bounded table of small entries that expire, for counting and sessions in
 * memory. Not locked: its user does that. */
#ifndef SLC_HTTP_EXPIRING_H
#define SLC_HTTP_EXPIRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { SLC_EXPIRING_VALUE_BYTES = 64 };

struct slc_expiring_entry {
    struct slc_expiring_entry *next_in_bucket;
    struct slc_expiring_entry *older, *newer; /* in the order of making */
    uint64_t hash;
    int64_t end_usec;
    int64_t number;                      /* the user's */
    char text[SLC_EXPIRING_VALUE_BYTES]; /* the user's */
    size_t key_len;
    char key[]; /* no NUL */
};

struct slc_expiring;

/* At most `max_entries` (at least 1). NULL when memory ran out. */
struct slc_expiring *slc_expiring_new(size_t max_entries);
void slc_expiring_free(struct slc_expiring *table);

/* The entry of that key, or NULL; one that is over is removed. */
struct slc_expiring_entry *slc_expiring_find(struct slc_expiring *table, struct slc_str key,
                                             int64_t now_usec);

/* A fresh entry of that key (one that stood is replaced), its value zeroed. The
 * oldest one goes when the table is full. NULL when memory ran out. */
struct slc_expiring_entry *slc_expiring_put(struct slc_expiring *table, struct slc_str key,
                                            int64_t now_usec, int64_t end_usec);

void slc_expiring_delete(struct slc_expiring *table, struct slc_str key);

size_t slc_expiring_count(const struct slc_expiring *table);

#endif
