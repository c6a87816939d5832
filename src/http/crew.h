/* Inside http: the threads without connections, which run the handlers that may
 * wait, so that the threads with connections never do. */
#ifndef SLC_HTTP_CREW_H
#define SLC_HTTP_CREW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct slc_crew;
struct slc_exchange;

/* So many threads. NULL on failure. Errors: MEMORY, INTERNAL. */
struct slc_crew *slc_crew_start(size_t threads, struct slc_error *error);

/* Have a request handled (slc_exchange_handle()), in the order in which they come.
 * Any thread. */
void slc_crew_put(struct slc_crew *crew, struct slc_exchange *exchange);

/* When nothing is left to be handled: end the threads, free. NULL is fine. */
void slc_crew_stop(struct slc_crew *crew);

#endif
