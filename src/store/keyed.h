/* The layouts `keys` and `json`: a key a row, NAME:<load id>:<row key>; and what
 * their writing and reading share.
 *
 * Where the row keys are texts, they also stand in lists NAME:<load id>#0, #1,
 * ..., SLC_KEYED_LIST_ROWS a list, in load order: so that the rows can be walked
 * and removed without a search (SCAN, KEYS). A row's key is in its list before
 * the row is written. */
#ifndef SLC_STORE_KEYED_H
#define SLC_STORE_KEYED_H

#include "store/layout.h"
#include "store/load.h"

enum { SLC_KEYED_LIST_ROWS = 4096 };

/* NAME:<load id>#<number>, in `buf`; `prefix` is NAME:<load id>:. */
struct slc_str slc_keyed_list_key(struct slc_buf *buf, struct slc_str prefix, int64_t number);

/* ---- Reading (layout_keys_read.c), for slc_layout ---- */

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
