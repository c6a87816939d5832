/* Is a data file whole, and is it the one that its ticket announced? */
#ifndef SLC_SOURCE_SETTLE_H
#define SLC_SOURCE_SETTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/error.h"
#include "source/ticket.h"

/* What was seen of a file so far; the caller keeps one a file, zeroed at first. */
struct slc_settle {
    bool seen;
    int64_t size_bytes;
    int64_t mtime_nsec;
    uint64_t inode;
    int64_t since_usec; /* monotonic: size, mtime and inode have been the same since */
};

/* How long to wait, in milliseconds, before the file may be read; 0: it has
 * settled. It has when size and mtime were the same for `settle_ms`, or when
 * its last change is older than `settle_ms` and some seconds more (another
 * machine's clock may be off) already at the first look. Nothing here sleeps:
 * the caller looks again (stat) after that time and asks again.
 *
 * `now_usec` is slc_monotonic_usec(), `wall_usec` slc_now_usec(). */
int64_t slc_settle_wait_ms(struct slc_settle *settle, const struct stat *status, int64_t now_usec,
                           int64_t wall_usec, int64_t settle_ms);

/* The SHA-256 of the whole open file as 64 lower-case hex digits; the file
 * offset stays where it is. `cancel` may be NULL; set from another thread it
 * ends the work. Errors: IO, CHANGED (the file's size is not the one it had at
 * the start), CANCELLED, MEMORY. */
bool slc_sha256_of_file(int fd, const atomic_bool *cancel, char hex[SLC_SHA256_HEX_BYTES],
                        struct slc_error *error);

/* The ticket states a size or a digest, which a settled or growing file can be
 * measured by. */
bool slc_ticket_states_contents(const struct slc_ticket *ticket);

/* The open file is of the size and has the digest that the ticket states; true
 * for a ticket that states neither. `hex` (may be NULL) gets the digest, or ""
 * when the ticket states none and nothing was computed. The size is looked at
 * first, so that a file that is still growing costs nothing. A file that fits
 * a stated `size` alone, or `sha256`, need not settle.
 * Errors: CHANGED (size or digest differ), IO, CANCELLED, MEMORY. */
bool slc_ticket_verify(const struct slc_ticket *ticket, int fd, const atomic_bool *cancel,
                       char hex[SLC_SHA256_HEX_BYTES], struct slc_error *error);

#endif
