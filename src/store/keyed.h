/* The layouts `keys` and `json`: a key a row, NAME:<load id>:<row key>, or
 * NAME:<row key> (plain.h); and what their writing and reading share.
 *
 * Where the row keys are texts, they also stand in lists NAME:<load id>#0, #1,
 * ..., SLC_KEYED_LIST_ROWS a list, in load order: so that the rows can be walked
 * and removed without a search (SCAN, KEYS). A row's key is in its list before
 * the row is written. With plain names the lists are NAME.META:<load id>#0, ... */
#ifndef SLC_STORE_KEYED_H
#define SLC_STORE_KEYED_H

#include "store/layout.h"
#include "store/load.h"

enum { SLC_KEYED_LIST_ROWS = 4096 };

/* More than a document may speak of. */
#define SLC_KEYED_MOST_ROWS (INT64_C(1) << 34)

/* NAME:<load id>#<number>, in `buf`; `prefix` is NAME:<load id>:. */
struct slc_str slc_keyed_list_key(struct slc_buf *buf, struct slc_str prefix, int64_t number);

/* What the load's own keys, the lists, begin with. */
static inline struct slc_str slc_keyed_own_prefix(const struct slc_layout_place *place)
{
    return place->staged.len > 0 ? place->staged : place->prefix;
}

/* The row keys at the places from `from` on in load order, in the arena: `*ret_span`
 * places of them, at most `most`, and not beyond a list; 0 behind the last row. Of
 * a list that is gone there are none. */
bool slc_keyed_row_keys(struct slc_redis *redis, const struct slc_layout_place *place, int64_t from,
                        int64_t most, struct slc_arena *arena, struct slc_str **ret_keys,
                        size_t *ret_n, int64_t *ret_span, struct slc_error *error);

/* How many lists there are; 0: the row keys are ordinals. */
int64_t slc_keyed_lists(const struct slc_layout_place *place);

/* ---- For slc_layout: reading (layout_keys_read.c), removing (layout_keys_names.c) ---- */

bool slc_keyed_count(struct slc_redis *redis, const struct slc_layout_place *place,
                     int64_t *ret_rows, struct slc_error *error);
bool slc_keyed_fetch(struct slc_redis *redis, const struct slc_layout_place *place,
                     const struct slc_str keys[], size_t n_keys, slc_layout_put *put, void *context,
                     struct slc_error *error);
bool slc_keyed_walk(struct slc_redis *redis, struct slc_layout_place *place, int64_t from,
                    int64_t most, slc_layout_put *put, void *context, struct slc_error *error);
bool slc_keyed_remove(struct slc_redis *redis, const struct slc_layout_place *place,
                      int64_t *cursor, bool *ret_done, struct slc_error *error);

#endif
