/* Inside service: how long the watch loop leaves a ticket alone whose load failed
 * without a verdict (a file that could not be read, a Redis that was away) and
 * that would be tried again at every look.
 *
 * Each failure in a row doubles the pause, up to SLC_PAUSE_MAX_USEC; a ticket
 * whose text changes starts anew. Any thread may call; all of it does nothing for
 * NULL. Times are monotonic microseconds. */
#ifndef SLC_SERVICE_PAUSES_H
#define SLC_SERVICE_PAUSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define SLC_PAUSE_FIRST_USEC INT64_C(500000)
#define SLC_PAUSE_MAX_USEC INT64_C(300000000)

struct slc_pauses;

struct slc_pauses *slc_pauses_new(void); /* NULL: no memory */
void slc_pauses_free(struct slc_pauses *pauses);

/* A try failed: pause. Without memory there is none. */
void slc_pauses_failed(struct slc_pauses *pauses, const char *ticket_name, int64_t now_usec);

/* A try was something else than such a failure: what was is forgotten. */
void slc_pauses_forget(struct slc_pauses *pauses, const char *ticket_name);

/* May this ticket, of that text, be tried now? */
bool slc_pauses_may_try(struct slc_pauses *pauses, const char *ticket_name, struct slc_str text,
                        int64_t now_usec);

/* A round is over: forget what slc_pauses_may_try() was not asked about in it. */
void slc_pauses_end_round(struct slc_pauses *pauses);

/* A pause ended behind `since_usec` and until `now_usec`. */
bool slc_pauses_ended(struct slc_pauses *pauses, int64_t since_usec, int64_t now_usec);

#endif
