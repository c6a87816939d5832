/* Inside service: the file that holds the master's process id, and whether that process lives. */
#ifndef SLC_SERVICE_PIDFILE_H
#define SLC_SERVICE_PIDFILE_H

#include <stdbool.h>

#include <sys/types.h>

#include "base/error.h"

/* Write this process' id and a newline to `path`, in one step. A file that
 * names another process that lives is refused. Errors: CONFLICT, IO, LIMIT. */
bool slc_pidfile_write(const char *path, struct slc_error *error);

/* It has ended, whether or not its parent knows that yet. */
bool slc_process_has_ended(pid_t pid);

/* Remove it when it holds this process' id. */
void slc_pidfile_remove(const char *path);

#endif
