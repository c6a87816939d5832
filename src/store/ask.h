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

enum { SLC_ASK_NAMES_COMMANDS = 1, SLC_ASK_ROW_COMMANDS = 3 };

void slc_ask_names(struct slc_buf *commands, struct slc_str registry_key);

/* Append them with `between` between two, newest first; bytes that are no UTF-8
 * as they are. Errors: those of a reply. */
bool slc_ask_names_answer(struct slc_reply *const replies[], const char *between,
                          struct slc_buf *text, struct slc_error *error);

/* ---- One row ---- */

/* The row of that key, with the id of the load that it is of. */
void slc_ask_row(struct slc_buf *commands, struct slc_str name, struct slc_str key);

enum slc_ask_row {
    SLC_ASK_ROW_FOUND,  /* appended, as slc_store_row() does; `ret_load_id` is set (of the replies)
                         */
    SLC_ASK_ROW_ABSENT, /* the replica is there, the row is not */
    /* Not to be told from these replies (no replica, another layout than one
     * hash, no load's id, a cluster's copy of the metadata, or it was loaded anew
     * in between): slc_store_row() knows. */
    SLC_ASK_ROW_UNKNOWN,
};

enum slc_ask_row slc_ask_row_answer(struct slc_reply *const replies[], struct slc_buf *json,
                                    struct slc_str *ret_load_id);

#endif
