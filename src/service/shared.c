#include "service/shared.h"

#include <errno.h>
#include <sys/mman.h>

#include "api/metrics.h"

bool slc_shared_make(struct slc_shared *shared, struct slc_error *error)
{
    void *page;

    *shared = (struct slc_shared){0};
    shared->counters = slc_counters_new(SLC_SHARED_ROWS, slc_api_metrics_cells(), error);
    if (!shared->counters)
        return false;
    page = mmap(NULL, sizeof(*shared->page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                0);
    if (page == MAP_FAILED) {
        slc_shared_free(shared);
        return slc_fail_errno(error, errno, "no memory to be shared");
    }
    shared->page = page;
    shared->crowd = slc_crowd_new(SLC_SHARED_ROWS, error);
    if (shared->crowd)
        return true;
    slc_shared_free(shared);
    return false;
}

void slc_shared_free(struct slc_shared *shared)
{
    slc_counters_free(shared->counters);
    slc_crowd_free(shared->crowd);
    if (shared->page)
        munmap(shared->page, sizeof(*shared->page));
    *shared = (struct slc_shared){0};
}
