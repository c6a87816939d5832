/* The stream directory as the service sees it: its tickets with the states that
 * count, opened anew when the directory was lost and came back (a network
 * mount), registered and unregistered as a whole.
 *
 * Where the directory cannot be written to, states live in the metastore
 * (job/ticket_state.h). Any thread; callers bring a connection of their own. */
#ifndef SLC_JOB_INBOX_H
#define SLC_JOB_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "redis/connection.h"
#include "source/stream.h"

struct slc_inbox;

/* What its owner may want to log; on the thread of the call that met it. */
enum slc_inbox_event {
    SLC_INBOX_FAULTY,    /* a ticket that cannot be worked with; `error` says why */
    SLC_INBOX_READ_ONLY, /* a ticket could not be rewritten; its state is in the metastore */
    SLC_INBOX_REOPENED,  /* the directory was opened anew (no ticket is meant) */
};

struct slc_inbox_hook {
    void (*on_event)(void *state, enum slc_inbox_event event, const char *ticket_name,
                     const struct slc_error *error); /* may be NULL */
    void *state;
};

/* Does not open anything yet. `hook` may be NULL. Errors: MEMORY. */
struct slc_inbox *slc_inbox_new(const char *path, const char *registry_key,
                                const struct slc_inbox_hook *hook, struct slc_error *error);
/* Every borrowed directory must have been given back. NULL is fine. */
void slc_inbox_free(struct slc_inbox *inbox);

const char *slc_inbox_path(const struct slc_inbox *inbox);
struct slc_str slc_inbox_registry_key(const struct slc_inbox *inbox);

/* The directory, opened when it is not, or when the path leads to another one
 * by now. It stays open until it is given back. NULL on failure. Errors:
 * NOT_FOUND, IO, MEMORY. */
struct slc_inbox_dir;
struct slc_inbox_dir *slc_inbox_take(struct slc_inbox *inbox, struct slc_error *error);
struct slc_stream *slc_inbox_dir_stream(const struct slc_inbox_dir *dir);
void slc_inbox_give(struct slc_inbox *inbox, struct slc_inbox_dir *dir); /* NULL is fine */

/* Which directory it is, the same for everyone on this machine who sees it,
 * under whatever path: "boot:device:inode"; "" when it cannot be opened. `ret_lagging`:
 * it is on a network mount, which may show others' changes late. */
enum { SLC_INBOX_HOME_BYTES = 128 };
void slc_inbox_home(struct slc_inbox *inbox, char home[SLC_INBOX_HOME_BYTES], bool *ret_lagging);

/* One ticket of a scan. */
struct slc_inbox_ticket {
    const char *ticket_name;
    const char *replica;              /* NULL when ticket or file name are faulty */
    const struct slc_ticket *on_disk; /* the file's; NULL when it is no JSON object */
    const struct slc_ticket *ticket;  /* as it counts; NULL when it is no JSON object */
    const struct slc_error *error;    /* NULL: it may be worked with */
    int64_t load_usec;                /* of the ticket as it counts; INT64_MIN without one */
};

struct slc_inbox_listing {
    struct slc_inbox_ticket *tickets; /* oldest load_dttm first, then by ticket name */
    size_t count;
    struct slc_stream_listing listing; /* owned, as is what follows */
    struct slc_ticket **overlaid;
    size_t overlaid_count;
};

#define SLC_AUTO_INBOX_LISTING SLC_CLEANUP(slc_inbox_listing_release)

/* Errors: those of slc_inbox_take(), redis/ and slc_stream_scan(). */
bool slc_inbox_scan(struct slc_inbox *inbox, struct slc_redis *redis,
                    struct slc_inbox_listing *ret_listing, struct slc_error *error);
void slc_inbox_listing_release(struct slc_inbox_listing *listing);

/* Read one ticket: as the file is, and as it counts (the same one when the
 * metastore has no other state: `*ret_overlaid` is then NULL). The caller frees
 * both. Errors: as above, NOT_FOUND, NAME, TICKET. */
bool slc_inbox_read(struct slc_inbox *inbox, struct slc_redis *redis, const char *ticket_name,
                    struct slc_ticket **ret_on_disk, struct slc_ticket **ret_overlaid,
                    struct slc_error *error);

/* Change a ticket's state in the file or, where that cannot be written, in the
 * metastore. `on_disk` is the ticket as it was read (NULL: whatever is there,
 * and in the file alone). `ret_ticket` may be NULL. Errors: those of
 * slc_stream_rewrite() and redis/. */
bool slc_inbox_change(struct slc_inbox *inbox, struct slc_redis *redis, const char *ticket_name,
                      const struct slc_ticket *on_disk, const struct slc_ticket_change *change,
                      enum slc_rewrite *ret_rewrite, struct slc_ticket **ret_ticket,
                      struct slc_error *error);

struct slc_inbox_counts {
    size_t registered; /* tickets that changed their state */
    size_t faulty;
};

/* Mark faulty tickets FAILED. `known_faults` (may be NULL) holds a digest of the
 * faults of the last time: when they are the same no FAULTY event comes. Returns
 * how many are faulty. */
size_t slc_inbox_mark_faulty(struct slc_inbox *inbox, struct slc_redis *redis,
                             const struct slc_inbox_listing *listing, uint64_t *known_faults);

/* Mark faulty tickets FAILED, and put READY ones and their replicas' names into
 * the registry, oldest first, so that the newest is at its head. A ticket that
 * fails does not hold up the others. Errors: those of redis/, MEMORY; what was
 * done so far stays. */
bool slc_inbox_register(struct slc_inbox *inbox, struct slc_redis *redis,
                        const struct slc_inbox_listing *listing,
                        struct slc_inbox_counts *ret_counts, struct slc_error *error);

/* Remove every registered replica with rows, metadata and registry entry, and
 * put REGISTERED, PROCESSED and FAILED tickets back to READY. No load may run
 * meanwhile. Errors: those of slc_inbox_scan() and the store. */
bool slc_inbox_unregister(struct slc_inbox *inbox, struct slc_redis *redis,
                          struct slc_error *error);

#endif
