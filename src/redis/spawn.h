/* A child process that is watched and reaped by a thread of its own.
 *
 * The thread forks it, so that PR_SET_PDEATHSIG (which the kernel ties to the
 * thread that forked) fires when the process dies and not earlier. */
#ifndef SLC_REDIS_SPAWN_H
#define SLC_REDIS_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct slc_child;

/* Run argv[0] (looked up in PATH) with `dir_fd` as its working directory, in a
 * process group of its own, with default signals, no input, its output appended
 * to `output_name` in that directory, and no other descriptor. It gets SIGTERM
 * when this process dies. Returns when the program runs. NULL on failure.
 * Errors: NOT_FOUND (no such program), IO, MEMORY. */
struct slc_child *slc_child_start(const char *const argv[], int dir_fd, const char *output_name,
                                  struct slc_error *error);

pid_t slc_child_pid(const struct slc_child *child);

/* Readable from the moment the child has ended. */
int slc_child_exit_fd(const struct slc_child *child);

/* `ret_status` (may be NULL) gets what waitpid(2) gave. */
bool slc_child_has_ended(struct slc_child *child, int *ret_status);

/* Wait for the end; false when the deadline (slc_monotonic_usec()) comes first. */
bool slc_child_wait(struct slc_child *child, int64_t deadline_usec);

/* Send a signal unless it has ended: never to a stranger with a reused id. */
void slc_child_signal(struct slc_child *child, int signal_number);

/* Kill it if it still runs, reap it, free. NULL is allowed. */
void slc_child_free(struct slc_child *child);

#endif
