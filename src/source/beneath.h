/* Opening a file of a directory without ever leaving the directory. */
#ifndef SLC_SOURCE_BENEATH_H
#define SLC_SOURCE_BENEATH_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"

enum slc_beneath {
    SLC_BENEATH_AUTO,    /* openat2(2), or the walk on a kernel that has none */
    SLC_BENEATH_BY_WALK, /* the walk alone: each part of the way opened without following links */
};

/* Open the regular file `name` (a plain name, checked by the caller) of the
 * folder `dir_fd` for reading. A symbolic link is followed as long as it stays
 * inside the folder; one that leaves it, by "..", by an absolute target or by
 * a link further on, is refused, and so are the magic links of /proc. A FIFO
 * or device in the file's place is refused and cannot block the caller.
 *
 * The caller closes `*ret_fd`. `ret_status` may be NULL.
 * Errors: NOT_FOUND, NAME (leaves the folder), IO. */
bool slc_open_beneath(int dir_fd, const char *name, enum slc_beneath how, int *ret_fd,
                      struct stat *ret_status, struct slc_error *error);

#endif
