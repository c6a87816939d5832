/* What can be read only once, a pipe, a FIFO or a socket, as a file that can be
 * read again: a table is read twice. */
#ifndef SLC_READER_SPOOL_H
#define SLC_READER_SPOOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct slc_spool_options {
    const char *directory;           /* of the file, which never has a name that others see */
    int64_t max_bytes;               /* more is an error */
    const atomic_bool *cancel;       /* looked at ten times a second; may be NULL */
    _Atomic int64_t *position_bytes; /* how much has come; may be NULL */
};

/* Whether `fd` has to be spooled: it is no regular file that stands at its start. */
bool slc_spool_is_needed(int fd);

/* Read `fd`, which stays the caller's and may be non-blocking, to its end into a
 * new file of mode 0600 that is gone when it is closed. `*ret_fd` stands at the
 * file's start and is the caller's. `*ret_cut` tells that what came is a text that
 * ends in the middle of a line, as the output of a program that died would; packed
 * data tell for themselves when they are read. Errors: IO (reading failed, or the disk is
 * full), LIMIT (max_bytes), DATA (nothing came), CANCELLED, MEMORY. */
bool slc_spool(int fd, const struct slc_spool_options *options, int *ret_fd, bool *ret_cut,
               struct slc_error *error);

#endif
