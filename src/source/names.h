/* Names that come from outside: of data files, tickets and replicas.
 *
 * A ticket may say anything, and anybody who can write to the stream directory
 * can write a ticket; so nothing is opened, and nothing gets a key in the
 * store, before its name went through here. */
#ifndef SLC_SOURCE_NAMES_H
#define SLC_SOURCE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

enum {
    SLC_REPLICA_NAME_MAX_BYTES = 200,
    /* Leaves room in the 255 bytes of a file name for ".rejects.csv". */
    SLC_TICKET_NAME_MAX_BYTES = 230,
    /* Room for any slc_name_quote(). */
    SLC_NAME_QUOTE_BYTES = 128,
};

/* A name that somebody is still writing or wants to hide, and that is passed
 * over: ".x", "x~", "x.part", "x.tmp" (the case of the letters is no matter). */
bool slc_name_is_temporary(struct slc_str name);

/* "x.ticket", neither hidden nor temporary. */
bool slc_name_is_ticket(struct slc_str name);

/* The name of a data file in a stream directory: a plain file name (no
 * separator, not "..", no NUL, no control character, valid UTF-8, at most 255
 * bytes), neither hidden nor temporary, and no ticket. Errors: NAME. */
bool slc_data_name_check(struct slc_str file_name, struct slc_error *error);

/* What may name a replica: 1 to 200 bytes of valid UTF-8; of ASCII the letters,
 * the digits, the space inside the name and _ - + @ # = % & ( ) ! $ ^ ~ '
 * though not - in front. What is left out means something elsewhere: { } cut a
 * Redis key's hash slot, * ? [ ] \ are its patterns, a dot parts the replica
 * from its .META key, the comma parts the names in the list of replicas, and
 * : / " ` < > | ; cause trouble in keys, paths, pages and shells. Of the rest
 * of Unicode everything but control, format and line-break characters,
 * which would make two names look the same. Errors: NAME. */
bool slc_replica_name_check(struct slc_str name, struct slc_error *error);

/* The replica of a data file: its name up to the first dot. `*ret_name` is a
 * view into `file_name`. Checks both names. Errors: NAME. */
bool slc_replica_name_of_file(struct slc_str file_name, struct slc_str *ret_name,
                              struct slc_error *error);

/* A hostile name made fit for a message: control characters and what is no
 * UTF-8 as \xNN, cut with "..." when it is long. Returns `text`. */
char *slc_name_quote(struct slc_str name, char text[SLC_NAME_QUOTE_BYTES]);

#endif
