/* Inside job: how many loads of each ticket wait or run. Its user locks it. */
#ifndef SLC_JOB_NAMES_IN_USE_H
#define SLC_JOB_NAMES_IN_USE_H

#include <stdbool.h>

/* Zero-initialised is empty and valid; empty again when each add has had its remove. */
struct slc_names_in_use {
    void *tree; /* of tsearch(3) */
};

/* Once more; the name is copied. False: no memory. */
bool slc_names_in_use_add(struct slc_names_in_use *names, const char *ticket_name);
/* Once less; a name that is not there is fine. */
void slc_names_in_use_remove(struct slc_names_in_use *names, const char *ticket_name);
bool slc_names_in_use_has(const struct slc_names_in_use *names, const char *ticket_name);

#endif
