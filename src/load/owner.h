/* Who is loading: a text by which another process can tell whether the one that
 * wrote it is still alive. */
#ifndef SLC_LOAD_OWNER_H
#define SLC_LOAD_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { SLC_OWNER_BYTES = 192 };

/* "<machine id or host name>/<boot id>/<pid namespace>/<pid>/<start time>" of
 * this process. */
void slc_owner_name(char owner[SLC_OWNER_BYTES]);

/* The id of this boot of the kernel, "" when it cannot be read. */
enum { SLC_BOOT_BYTES = 65 };
void slc_boot_name(char boot[SLC_BOOT_BYTES]);

/* The owner is certainly gone: a process of this machine that ended or was
 * before the last boot; one of another machine, or of another container, whose
 * processes cannot be looked at, that began over a day ago. `context` is a bool
 * that says that this very process counts as gone, too. Fits slc_store_sweep(). */
bool slc_owner_is_dead(struct slc_str owner, int64_t started_usec, void *context);

#endif
