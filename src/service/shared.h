/* Inside service: the memory that a service's processes share. The master makes
 * it before it forks. */
#ifndef SLC_SERVICE_SHARED_H
#define SLC_SERVICE_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/counters.h"
#include "http/session.h"
#include "service/crowd.h"

/* Rows of the counters: the master's and those of the processes that are alive
 * at a time (two generations of them, while one takes over from the other). */
enum { SLC_SHARED_ROWS = 512 };

/* What is not counted in a row of its own. */
struct slc_shared_page {
    /* Go up when an entry of that kind changed, so that no process of this
     * service believes its own cache of before. */
    _Atomic uint64_t session_epochs[SLC_SESSION_KINDS];
};

struct slc_shared {
    struct slc_counters *counters;
    struct slc_shared_page *page;
    struct slc_crowd *crowd;
};

/* Errors: MEMORY, INTERNAL. */
bool slc_shared_make(struct slc_shared *shared, struct slc_error *error);
void slc_shared_free(struct slc_shared *shared);

#endif
