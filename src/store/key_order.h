/* The order in which the rows of a replica were loaded, short enough to stand
 * in its metadata: JSON, an array of row keys and of [first, last] runs of
 * consecutive whole numbers, as in ["b","a",[1,5000],"x"]. At most
 * SLC_KEY_ORDER_BYTES; the rows behind that are in no order. */
#ifndef SLC_STORE_KEY_ORDER_H
#define SLC_STORE_KEY_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "store/keyset.h"

enum { SLC_KEY_ORDER_BYTES = 64 << 10 };

/* ---- Writing ---- */

struct slc_key_run {
    int64_t first, last;
};

/* Zero-initialised is empty and valid. */
struct slc_key_order {
    struct slc_buf text;      /* "[" and what is finished of it */
    struct slc_keyset texts;  /* the keys in it that are no whole numbers */
    struct slc_key_run *runs; /* the whole numbers in it, ascending; none overlap */
    size_t n_runs;
    size_t runs_capacity;
    size_t open; /* index of the run that may still grow and is not in `text` */
    bool has_open;
    bool full; /* nothing more is taken, but for the open run */
    bool ended;
    bool failed; /* memory ran out */
};

/* The key of the next row; one that is there already changes nothing. */
void slc_key_order_add(struct slc_key_order *order, struct slc_str key);

/* The whole numbers from first to last; nothing else may be in it. */
void slc_key_order_add_run(struct slc_key_order *order, int64_t first, int64_t last);

/* The text, which lives as long as the order; nothing is added afterwards. data
 * is NULL when memory ran out. */
struct slc_str slc_key_order_text(struct slc_key_order *order);

void slc_key_order_release(struct slc_key_order *order);

/* The key is a whole number as it would be printed, so that it can be had back
 * from one. */
bool slc_key_order_number(struct slc_str key, int64_t *ret_value);

/* ---- Reading (key_order_view.c) ---- */

struct slc_key_order_entry {
    struct slc_str text; /* data NULL: the whole numbers of `run` */
    struct slc_key_run run;
    uint64_t first_place; /* of its first key in the whole order */
};

/* An order parsed. Zero-initialised is an empty one. */
struct slc_key_order_view {
    struct slc_arena arena; /* texts and all below */
    struct slc_key_order_entry *entries;
    size_t n_entries;
    uint64_t n_keys;
    struct slc_key_run *runs; /* ascending, none overlap */
    size_t n_runs;
    struct slc_keyset texts;
};

/* Parse. A text that goes wrong somewhere ends there; one that names a key twice
 * or more than `most_keys` of them is not true and counts as empty. False when
 * memory ran out. */
bool slc_key_order_view_init(struct slc_key_order_view *view, struct slc_str text,
                             uint64_t most_keys);

/* Call `take` for each key from that place on until it returns false. */
void slc_key_order_view_each(const struct slc_key_order_view *view, uint64_t from,
                             bool (*take)(void *context, struct slc_str key), void *context);

bool slc_key_order_view_has(const struct slc_key_order_view *view, struct slc_str key);

void slc_key_order_view_release(struct slc_key_order_view *view);

#endif
