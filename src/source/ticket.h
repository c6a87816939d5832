/* A ticket: the small JSON object NAME.ticket that announces a data file.
 *
 *     {"file_name": "AVATAR_SAMPLE.xlsx", "status": "READY",
 *      "load_dttm": "2022-02-20:18:18:32"}
 *
 * file_name, status and load_dttm have to be there; prim_index, size, sha256,
 * sheet, options and error may be. Everything else is somebody else's and is
 * kept: a ticket is held as its text, a change replaces the text of single
 * values, and so the order of the keys, white space and the digits of a number
 * leave as they came.
 *
 * A ticket is one thread's at a time. */
#ifndef SLC_SOURCE_TICKET_H
#define SLC_SOURCE_TICKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

struct json_object; /* of json-c */

enum {
    SLC_TICKET_MAX_BYTES = 1024 * 1024,
    SLC_TICKET_MAX_DEPTH = 32,
};

enum slc_ticket_status {
    SLC_TICKET_READY,
    SLC_TICKET_REGISTERED,
    SLC_TICKET_PROCESSED,
    SLC_TICKET_FAILED,
};

/* "READY", "REGISTERED", "PROCESSED", "FAILED". */
const char *slc_ticket_status_name(enum slc_ticket_status status);
bool slc_ticket_status_from_name(struct slc_str name, enum slc_ticket_status *ret_status);

/* What can happen to a ticket, and what its status is then. */
enum slc_ticket_event {
    SLC_TICKET_REGISTER,   /* READY -> REGISTERED */
    SLC_TICKET_UNREGISTER, /* REGISTERED, PROCESSED, FAILED -> READY */
    SLC_TICKET_LOAD,       /* may it be loaded? REGISTERED yes; `force`: whatever it is */
    SLC_TICKET_LOADED,     /* -> PROCESSED */
    SLC_TICKET_FAIL,       /* -> FAILED */
};

/* False when the event means nothing to a ticket of status `from`; that is no
 * error, and `*ret_to` is then untouched. LOAD answers with `from` itself. */
bool slc_ticket_next_status(enum slc_ticket_status from, enum slc_ticket_event event, bool force,
                            enum slc_ticket_status *ret_to);

struct slc_ticket;

/* Parse the text of a ticket, which is copied. Refused are: more than
 * SLC_TICKET_MAX_BYTES, more than SLC_TICKET_MAX_DEPTH brackets, anything that
 * is not JSON by RFC 8259 (a byte order mark in front is passed over), a key
 * that occurs twice in one object, a key that is missing or of a wrong type, a
 * status or load_dttm that is none. Unset optional keys may also be null.
 * `ticket_name` is used in messages and in the error's file.
 * Errors: TICKET, LIMIT (too large), MEMORY. The caller frees `*ret_ticket`. */
bool slc_ticket_parse(const char *ticket_name, struct slc_str text, struct slc_ticket **ret_ticket,
                      struct slc_error *error);

/* The same for a ticket that only has to be a JSON object: getters of keys that
 * are missing or wrong answer as if the key were not there (the status is then
 * READY). For marking a faulty ticket as FAILED. */
bool slc_ticket_parse_loosely(const char *ticket_name, struct slc_str text,
                              struct slc_ticket **ret_ticket, struct slc_error *error);

/* A new ticket, READY, its load_dttm the time now. The file name is checked
 * (source/names.h). Errors: NAME, MEMORY. */
bool slc_ticket_new(struct slc_str file_name, struct slc_ticket **ret_ticket,
                    struct slc_error *error);

struct slc_ticket *slc_ticket_copy(const struct slc_ticket *ticket); /* NULL: no memory */

void slc_ticket_free(struct slc_ticket *ticket); /* NULL is fine */

static inline void slc_ticket_freep(struct slc_ticket **ticket)
{
    slc_ticket_free(*ticket);
}

#define SLC_AUTO_TICKET SLC_CLEANUP(slc_ticket_freep)

/* Getters: views and objects belong to the ticket and live until it is changed
 * or freed. Views have a NUL behind them (a NUL inside is possible). */
struct slc_str slc_ticket_file_name(const struct slc_ticket *ticket);
enum slc_ticket_status slc_ticket_status(const struct slc_ticket *ticket);
struct slc_str slc_ticket_load_dttm(const struct slc_ticket *ticket);
/* load_dttm as microseconds since 1970 as written, for ordering; INT64_MIN when it is empty. */
int64_t slc_ticket_load_usec(const struct slc_ticket *ticket);
struct slc_str slc_ticket_prim_index(const struct slc_ticket *ticket); /* empty: none */
int64_t slc_ticket_size_bytes(const struct slc_ticket *ticket);        /* -1: not stated */
struct slc_str
slc_ticket_sha256(const struct slc_ticket *ticket); /* 64 lower-case digits; empty: none */
struct slc_str
slc_ticket_sheet(const struct slc_ticket *ticket); /* name, or number as text; empty: none */
struct json_object *slc_ticket_options(const struct slc_ticket *ticket); /* an object; NULL: none */
/* The error object of a FAILED ticket; NULL: none. */
struct json_object *slc_ticket_error(const struct slc_ticket *ticket);

/* The text as it is now, with a NUL behind it; lives until the next change. */
struct slc_str slc_ticket_text(const struct slc_ticket *ticket);

/* Setters: on failure the ticket is as it was (after set_status and set_failed,
 * which change two keys, one of the two may be changed; drop the ticket then). Errors: LIMIT (the
 * ticket would become larger than it may be), MEMORY, TICKET (a value of a wrong type). */

/* Any status but FAILED removes the error object, too. */
bool slc_ticket_set_status(struct slc_ticket *ticket, enum slc_ticket_status status,
                           struct slc_error *error);
bool slc_ticket_set_load_dttm(struct slc_ticket *ticket, struct slc_str stamp,
                              struct slc_error *error);
/* FAILED, with `fault` as {code, message, row, column}; row and column are null
 * when none is meant. */
bool slc_ticket_set_failed(struct slc_ticket *ticket, const struct slc_error *fault,
                           struct slc_error *error);
/* Any key: a text, an integer, or JSON text (RFC 8259) as it is. */
bool slc_ticket_set_text(struct slc_ticket *ticket, const char *key, struct slc_str value,
                         struct slc_error *error);
bool slc_ticket_set_int64(struct slc_ticket *ticket, const char *key, int64_t value,
                          struct slc_error *error);
bool slc_ticket_set_json(struct slc_ticket *ticket, const char *key, struct slc_str json,
                         struct slc_error *error);
/* Removing a key that is not there is fine. */
bool slc_ticket_remove(struct slc_ticket *ticket, const char *key, struct slc_error *error);

/* The two tickets ask for the same: file_name, status, load_dttm, prim_index,
 * size, sha256, sheet and options are equal; READY and REGISTERED, between which
 * a registration moves a ticket at any time, count as one status. */
bool slc_ticket_same_request(const struct slc_ticket *a, const struct slc_ticket *b);

/* "YYYY-MM-DD:HH:MM:SS", ISO 8601 or a date alone. */
bool slc_ticket_parse_stamp(struct slc_str stamp, int64_t *ret_usec);

#endif
