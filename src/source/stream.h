/* The stream directory (IN_STREAM): tickets and the data files beside them.
 *
 * The directory is opened once and everything is done relative to it, so that
 * nothing moves under a process when the path is moved. Several threads may
 * use one stream. Several processes and machines may use one directory: a
 * ticket may appear, change or vanish between any two calls.
 *
 * On a network mount that was lost and came back, calls fail with IO
 * ("Transport endpoint is not connected"); the caller then opens anew. */
#ifndef SLC_SOURCE_STREAM_H
#define SLC_SOURCE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "source/ticket.h"

enum {
    SLC_STREAM_MAX_TICKETS = 100000,
    /* The texts of all tickets of one scan. */
    SLC_STREAM_MAX_SCAN_BYTES = 256 * 1024 * 1024,
};

struct slc_stream;

/* Errors: NOT_FOUND, IO, MEMORY. */
bool slc_stream_open(const char *path, struct slc_stream **ret_stream, struct slc_error *error);
void slc_stream_close(struct slc_stream *stream); /* NULL is fine */

static inline void slc_stream_closep(struct slc_stream **stream)
{
    slc_stream_close(*stream);
}

#define SLC_AUTO_STREAM SLC_CLEANUP(slc_stream_closep)

const char *slc_stream_path(const struct slc_stream *stream); /* as it was given */
int slc_stream_dir_fd(const struct slc_stream *stream);       /* borrowed */

/* A file can be made in the directory; tried out, not guessed from modes, which
 * say little on a network mount. */
bool slc_stream_is_writable(const struct slc_stream *stream);

/* One ticket of a scan. */
struct slc_stream_entry {
    char *ticket_name;         /* owned; "x.ticket", made printable when the name is faulty */
    char *replica;             /* owned; NULL when the ticket or its file name is faulty */
    struct slc_ticket *ticket; /* owned; of a faulty one what can be had; NULL: no JSON object */
    struct slc_error *error;   /* owned; NULL: this ticket may be worked with */
    int64_t load_usec;         /* of the ticket; INT64_MIN without one */
};

struct slc_stream_listing {
    struct slc_stream_entry *entries; /* owned; newest load_dttm first, then by ticket name */
    size_t count;
};

/* Read every ticket of the directory. Hidden and temporary names are passed
 * over (a ticket's own temporary file that is older than an hour is removed: its writer
 * was killed). A faulty ticket is an entry with its error; so is the older of two
 * tickets for one replica (CONFLICT; of equally old ones the first by name
 * stays). Only a directory that cannot be read, or that has more than
 * SLC_STREAM_MAX_TICKETS tickets (LIMIT), fails the scan.
 * Errors: IO, LIMIT, MEMORY. */
bool slc_stream_scan(const struct slc_stream *stream, struct slc_stream_listing *ret_listing,
                     struct slc_error *error);

void slc_stream_listing_release(struct slc_stream_listing *listing);

#define SLC_AUTO_LISTING SLC_CLEANUP(slc_stream_listing_release)

/* The entry of a replica that may be worked with (that has no error), or NULL.
 * Linear in the number of entries. */
const struct slc_stream_entry *slc_stream_listing_find(const struct slc_stream_listing *listing,
                                                       struct slc_str replica);

/* Read one ticket. Errors: NAME, NOT_FOUND, TICKET, LIMIT, IO, MEMORY. */
bool slc_stream_read_ticket(const struct slc_stream *stream, const char *ticket_name,
                            struct slc_ticket **ret_ticket, struct slc_error *error);

/* Open a data file for reading. The name is checked (source/names.h), links
 * that leave the directory are refused, and so is what is no regular file.
 * The caller closes `*ret_fd`; `ret_status` may be NULL.
 * Errors: NAME, NOT_FOUND, IO; IO is of class FATAL when it will not pass by
 * itself (no permission, not a regular file). */
bool slc_stream_open_data(const struct slc_stream *stream, struct slc_str file_name, int *ret_fd,
                          struct stat *ret_status, struct slc_error *error);

/* stat(2) of a data file by the same rules, for watching whether it has settled. */
bool slc_stream_stat_data(const struct slc_stream *stream, struct slc_str file_name,
                          struct stat *ret_status, struct slc_error *error);

/* What to change in a ticket. */
struct slc_ticket_change {
    enum slc_ticket_status status;
    const char *load_dttm;         /* NULL: as it is */
    const struct slc_error *fault; /* with FAILED: why; NULL otherwise */
};

enum slc_rewrite {
    SLC_REWRITE_DONE,
    /* Nothing can be written here: the caller keeps the state elsewhere, and
     * warns. `*ret_ticket` is what the ticket would be. */
    SLC_REWRITE_READ_ONLY,
    /* The ticket asks for something else than `seen` by now: somebody put a new
     * one in its place, or changed its state first. Nothing was written;
     * `*ret_ticket` is the ticket as it is. */
    SLC_REWRITE_REPLACED,
    /* The ticket is gone; nothing was written, `*ret_ticket` is NULL. */
    SLC_REWRITE_VANISHED,
};

/* Change a ticket's state: read it again, apply the change, replace it in one
 * step. Keys that others added or changed since the scan are kept. With `seen`
 * (the ticket as it was when the work began) nothing is written when the
 * ticket asks for something else now (slc_ticket_same_request()), so that a
 * new ticket that came during a load is not marked as done; NULL writes
 * whatever is there. Threads of this process take turns; between processes the
 * re-reading makes the window some microseconds wide, and claims keep two from
 * working on one ticket.
 *
 * The file keeps its mode and, where we may, its owner. A ticket that is a link
 * becomes a file. A ticket that is no JSON object cannot be marked, and its
 * text is left as it is (error TICKET).
 *
 * True: see `*ret_rewrite`. `ret_ticket` (may be NULL) gets the ticket, owned
 * by the caller. Errors: NAME, TICKET, LIMIT, IO, MEMORY. */
bool slc_stream_rewrite(struct slc_stream *stream, const char *ticket_name,
                        const struct slc_ticket *seen, const struct slc_ticket_change *change,
                        enum slc_rewrite *ret_rewrite, struct slc_ticket **ret_ticket,
                        struct slc_error *error);

/* Write a ticket made with slc_ticket_new(), a new file with `mode`. An existing
 * one is replaced only when `replace` is set, and keeps its mode. Errors: NAME,
 * CONFLICT (there is one already), IO. */
bool slc_stream_write_ticket(struct slc_stream *stream, const char *ticket_name,
                             const struct slc_ticket *ticket, mode_t mode, bool replace,
                             struct slc_error *error);

/* Append "NAME.rejects.csv" for "NAME.ticket": the name, in the stream
 * directory, of the file of rejected rows. Errors: NAME. */
bool slc_stream_rejects_name(const char *ticket_name, struct slc_buf *name,
                             struct slc_error *error);

/* Append "NAME.ticket" for the data file "NAME.csv" (the name up to its first
 * dot): where a new ticket goes. Errors: NAME. */
bool slc_stream_ticket_name(struct slc_str file_name, struct slc_buf *name,
                            struct slc_error *error);

#endif
