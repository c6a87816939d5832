/* The small questions that are asked all the time, as commands and what to make
 * of the replies, for redis/line.h, which asks many of them at once. Pure. */
#ifndef SLC_STORE_ASK_H
#define SLC_STORE_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "redis/reply.h"

/* ---- The registered names ---- */

enum { SLC_ASK_NAMES_COMMANDS = 1, SLC_ASK_ROWS_COMMANDS = 3 };

void slc_ask_names(struct slc_buf *commands, struct slc_str registry_key);

/* Append them with `between` between two, newest first; bytes that are no UTF-8
 * as they are. Errors: those of a reply. */
bool slc_ask_names_answer(struct slc_reply *const replies[], const char *between,
                          struct slc_buf *text, struct slc_error *error);

/* ---- Rows ---- */

enum { SLC_ASK_ROWS_MAX = 64 };

/* The rows of these keys (1 to SLC_ASK_ROWS_MAX) of one replica, with the id of the load
 * that they are of. */
void slc_ask_rows(struct slc_buf *commands, struct slc_str name, const struct slc_str keys[],
                  size_t count);

enum slc_ask_row {
    SLC_ASK_ROW_FOUND,   /* appended, as slc_store_row() does; `ret_load_id` is set (of the replies)
                          */
    SLC_ASK_ROW_ABSENT,  /* the replica is there, the row is not */
    SLC_ASK_ROW_CHANGED, /* it was loaded anew in between: ask again */
    /* Not to be told from these replies (no replica, another layout than one
     * hash, no load's id, or a cluster's copy of the metadata): slc_store_row() knows. */
    SLC_ASK_ROW_UNKNOWN,
};

/* What became of the key at `index`. */
enum slc_ask_row slc_ask_row_answer(struct slc_reply *const replies[], size_t index,
                                    struct slc_buf *json, struct slc_str *ret_load_id);

#endif
