/* Inside job: making and freeing batches. */
#ifndef SLC_JOB_BATCH_H
#define SLC_JOB_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "job/queue.h"

/* A batch of its own id, every load QUEUED and in no list. NULL on failure.
 * Errors: MEMORY, INTERNAL. */
struct slc_batch *slc_batch_make(const struct slc_queue_request *requests, size_t count, bool force,
                                 struct slc_error *error);
void slc_batch_free(struct slc_batch *batch); /* NULL is fine */

#endif
