/* Reading a replica's rows, whatever its layout: a few at a time, one after the
 * other, or one by its key.
 *
 * Everything read through one reader, or through one chain of cursors, is of one
 * load: no row twice, none missing, no mixture. When the replica was loaded anew
 * or cleared in between, that is said (CONFLICT) and reading has to be begun
 * again. Rows come in load order as far as it is known, the others behind them in
 * an order of no meaning that stays the same for as long as the load does. */
#ifndef SLC_STORE_ROWS_H
#define SLC_STORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "redis/connection.h"

/* A cursor: letters, digits, '-', '.' and '_' alone, with a NUL. It holds no key
 * and no value, only the load's id and a place. */
enum { SLC_ROWS_CURSOR_BYTES = 768 };

/* A page. Appends an array of objects, as in
 *
 *     [{"key":"1","values":[3,"a"]},{"key":"2","values":[4,null]}]
 *
 * of the next `limit` rows at most (at least 1, taken as 1,000,000 when it is
 * more). A page may have fewer rows, because it ends at about 16 MiB: the end is
 * where `ret_next` is "". `cursor` is empty for the first page, else the text
 * that the page before gave; it may come from anyone.
 *
 * Errors: NOT_FOUND (no such replica), USAGE (the cursor is none, or the limit
 * is less than 1), CONFLICT (the replica was loaded anew or cleared since the
 * cursor was made; or the Redis key holds something else), LIMIT (Redis hands
 * out more rows at once than fit behind this limit; ask for more), those of
 * redis/. On failure `json` is as it was. */
bool slc_store_rows(struct slc_redis *redis, struct slc_str name, struct slc_str cursor,
                    int64_t limit, struct slc_buf *json, int64_t *ret_rows,
                    char ret_next[SLC_ROWS_CURSOR_BYTES], struct slc_error *error);

/* The cursor is a place in a hash's scan, which is of one server process: CONFLICT at
 * any other, as after a restart, or at a replica of it. */
bool slc_rows_cursor_is_bound(struct slc_str cursor);

/* ---- One after the other ------------------------------------------------ */

struct slc_row {
    struct slc_str key;    /* as in Redis; not UTF-8 when somebody else wrote it */
    struct slc_str values; /* a JSON array in the order of COLUMNS; or a JSON string of
                              whatever stands there instead */
};

/* Some rows. Zero-initialised is empty and valid. */
struct slc_rows_batch {
    struct slc_buf bytes; /* each row's key and values, back to back */
    struct slc_buf ends;  /* size_t: the end of the key, the end of the values, a row */
    int64_t n_rows;
};

/* Lives until the batch changes. */
struct slc_row slc_rows_batch_at(const struct slc_rows_batch *batch, int64_t i);
void slc_rows_batch_clear(struct slc_rows_batch *batch);
void slc_rows_batch_release(struct slc_rows_batch *batch);

struct slc_rows_reader;

/* Read the replica from its first row on, or from a cursor's place. `redis` and
 * `name` are borrowed; between two calls anyone may use the connection. Errors
 * as slc_store_rows(). NULL on failure. */
struct slc_rows_reader *slc_rows_open(struct slc_redis *redis, struct slc_str name,
                                      struct slc_str cursor, struct slc_error *error);

/* The next rows into `batch` (what was in it is forgotten): at most `most_rows`,
 * about `most_bytes`, at least one; none at the end. They are handed out after
 * it was made sure that they are of this load. Errors as slc_store_rows(). */
bool slc_rows_next(struct slc_rows_reader *reader, int64_t most_rows, size_t most_bytes,
                   struct slc_rows_batch *batch, struct slc_error *error);

/* After a failure: whether it was because the replica was loaded anew or
 * cleared, so that reading may be begun again. */
bool slc_rows_changed(const struct slc_rows_reader *reader);

/* The rows that the replica has in all. */
int64_t slc_rows_count(const struct slc_rows_reader *reader);

/* A field of the replica's metadata that is of this load, too: LOAD_ID, LAYOUT,
 * COLUMNS, INDEX_COLUMN, DTYPES, ROWS_WRITTEN or KEY_ORDER; data NULL when it is
 * not there. Lives as long as the reader. */
struct slc_str slc_rows_meta(const struct slc_rows_reader *reader, const char *field);

/* Where the next batch begins; "" at the end. */
void slc_rows_cursor(const struct slc_rows_reader *reader, char cursor[SLC_ROWS_CURSOR_BYTES]);

/* NULL is allowed. */
void slc_rows_close(struct slc_rows_reader *reader);

static inline void slc_rows_closep(struct slc_rows_reader **reader)
{
    slc_rows_close(*reader);
}
#define SLC_AUTO_ROWS SLC_CLEANUP(slc_rows_closep)

#endif
