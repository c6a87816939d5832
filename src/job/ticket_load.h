/* One ticket of the stream directory, from end to end: may it be loaded, is its
 * data file whole, load it, and say in the ticket what came of it.
 *
 * A fault of the data or the ticket marks the ticket FAILED. Where a peer failed,
 * the load was stopped (class RETRY) or the file could not be read for a reason
 * that may pass (IO, but for class FATAL) the ticket stays as it was, so that it
 * can be tried again. */
#ifndef SLC_JOB_TICKET_LOAD_H
#define SLC_JOB_TICKET_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/time.h"
#include "config/config.h"
#include "job/inbox.h"
#include "load/load.h"
#include "redis/url.h"
#include "source/settle.h"

enum slc_ticket_outcome {
    SLC_TICKET_OUTCOME_LOADED,
    SLC_TICKET_OUTCOME_FAILED,  /* report->error says why */
    SLC_TICKET_OUTCOME_SKIPPED, /* its state does not ask for a load (any more), or it is gone */
    SLC_TICKET_OUTCOME_WAIT,    /* the data file still grows: call again after wait_ms */
    SLC_TICKET_OUTCOME_PASS,    /* `elsewhere`, and that ticket is not seen here */
};

/* A growing file is waited for so long, then its ticket fails. */
enum { SLC_SETTLE_PATIENCE_SEC = 900 };

/* What one try is about; the settling of its file is kept from try to try. */
struct slc_ticket_try {
    const char *ticket_name;
    bool force;                    /* whatever its state is */
    const struct slc_error *fault; /* found before: only mark the ticket; NULL: none */
    bool accept_ready;             /* a READY ticket need not be REGISTERED first */
    /* What the ticket asked for when the load was asked for (job/record.h); NULL: not known. */
    const char *version;
    bool elsewhere;      /* it was seen in another directory: here only that very version is it */
    const char *load_id; /* for the load; NULL: it makes one */
    /* Ids of loads of earlier attempts, with spaces between, that came to no end: when one of
     * them is in the replica, that was done and is not done again. NULL: none. */
    const char *earlier;
    /* Asked before the ticket is changed: false when somebody else does this load by now, and
     * the ticket is left alone. NULL: it may be. */
    bool (*may_end)(void *state);
    void *end_state;
    struct slc_settle settle; /* zeroed before the first try */
    int64_t first_usec;       /* monotonic, set by the first try; 0 before */
    const atomic_bool *cancel;
    struct slc_load_progress *progress;
};

struct slc_ticket_report {
    enum slc_ticket_outcome outcome;
    enum slc_ticket_status status; /* of the ticket afterwards, as far as it is known */
    char load_dttm[64];            /* of the ticket afterwards, "" when unknown */
    int64_t wait_ms;               /* WAIT */
    struct slc_load_result result; /* LOADED; what is known of it when FAILED */
    struct slc_error error;        /* FAILED */
    /* The rows are as reported, but the ticket could not be brought up to date:
     * CONFLICT (another one is in its place; status and load_dttm are that one's),
     * NOT_FOUND (it is gone) or what went wrong. Code NONE: it was. */
    struct slc_error ticket_error;
};

/* What one loading thread has of its own: a connection. */
struct slc_ticket_loader;

struct slc_ticket_loader_options {
    const struct slc_config *config; /* borrowed, as all of these */
    const struct slc_redis_url *redis_url;
    struct slc_inbox *inbox;
};

/* Does not connect yet. Errors: MEMORY. */
struct slc_ticket_loader *slc_ticket_loader_new(const struct slc_ticket_loader_options *options,
                                                struct slc_error *error);
void slc_ticket_loader_free(struct slc_ticket_loader *loader); /* NULL is fine */

/* Connect when not connected and, the first time and after a load that a
 * peer failed, remove what dead loads left.
 * Loads do it themselves, with patience; this is one try. Errors: those of
 * redis/. `ret_swept` may be NULL. */
bool slc_ticket_loader_connect(struct slc_ticket_loader *loader, int64_t *ret_swept,
                               struct slc_error *error);

/* One try at one ticket. The report is filled in whatever happens. */
void slc_ticket_load(struct slc_ticket_loader *loader, struct slc_ticket_try *attempt,
                     struct slc_ticket_report *report);

#endif
