/* The insides of reading, for the files of src/store alone. */
#ifndef SLC_STORE_ROWS_READER_H
#define SLC_STORE_ROWS_READER_H

#include "base/arena.h"
#include "store/key_order.h"
#include "store/layout.h"
#include "store/rows.h"
#include "store/store.h"

enum { SLC_ROWS_PENDING = 32 };

/* Where reading goes on. The numbers may come from outside. */
struct slc_rows_place {
    enum slc_rows_part {
        SLC_ROWS_ORDERED,   /* `at`: a place in the load order */
        SLC_ROWS_UNORDERED, /* `at`: the layout's cursor, for the rows that it does not know;
                               with `pending`: those left of the step that ends at `next` */
        SLC_ROWS_STEP,      /* `at`: the same; its step's rows by their keys, from `next` on */
        SLC_ROWS_END,
    } part;
    uint64_t at, next;
    uint64_t pending[SLC_ROWS_PENDING];
    size_t n_pending;
    uint64_t server; /* UNORDERED, STEP: whose cursors these are, as slc_redis_answered_by() has
                        it; 0: any's, or unknown */
};

struct slc_rows_reader {
    struct slc_arena arena;
    struct slc_redis *redis;
    struct slc_str name;
    struct slc_str meta_key;
    struct slc_layout_place where;
    struct slc_meta meta; /* the fields that reading needs: LOAD_ID, LAYOUT, KEY_ORDER, ... */
    char load_id[33];     /* for cursors */
    int64_t n_rows;       /* stored */
    struct slc_key_order_view order;
    struct slc_rows_place place;
    bool changed;
};

/* Append a row. `values` as they stand in Redis: what is no array becomes a JSON
 * string. False (MEMORY) when memory ran out. */
bool slc_rows_batch_add(struct slc_rows_batch *batch, struct slc_str key, struct slc_str values,
                        struct slc_error *error);

/* The same of a row of another batch, whose values are as they should be. */
bool slc_rows_batch_copy(struct slc_rows_batch *batch, struct slc_row row, struct slc_error *error);

/* A text that somebody else may have written, as a JSON string; a row's values as
 * slc_rows_batch_add() has them. */
void slc_rows_put_text(struct slc_buf *json, struct slc_str text);
void slc_rows_put_values(struct slc_buf *json, struct slc_str values);

bool slc_rows_out_of_memory(struct slc_error *error);

/* DATA: a row that the load wrote is not there. */
bool slc_rows_gone(struct slc_str name, struct slc_str key, struct slc_error *error);

/* Append rows from reader->place on and move that; part END behind the last.
 * None need be appended, as long as the place moves. */
bool slc_rows_walk(struct slc_rows_reader *reader, int64_t most_rows, size_t most_bytes,
                   struct slc_rows_batch *batch, struct slc_error *error);

/* How often reading that may be begun again is, before it is given up. */
enum { SLC_ROWS_ATTEMPTS = 16 };
/* The error after that (SERVER); returns false. */
bool slc_rows_restless(struct slc_str name, struct slc_error *error);

/* One row's values, appended. Errors as slc_store_rows(), but not CONFLICT for a
 * replica that was loaded anew. */
bool slc_rows_get(struct slc_redis *redis, struct slc_str name, struct slc_str key,
                  struct slc_buf *values, bool *ret_found, struct slc_error *error);

/* ---- Cursors (rows_cursor.c) ---- */

void slc_rows_cursor_write(const char *load_id, int64_t n_rows, const struct slc_rows_place *place,
                           char cursor[SLC_ROWS_CURSOR_BYTES]);
/* False when it is none. */
bool slc_rows_cursor_parse(struct slc_str cursor, char load_id[33], int64_t *ret_rows,
                           struct slc_rows_place *ret_place);

#endif
