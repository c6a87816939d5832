/* Inside service: what an old master hands to the new binary that it starts
 * (USR2): the listening socket, the lock of the state directory and the keeper
 * of the private redis-server, as open descriptors, named by one variable of the
 * environment. */
#ifndef SLC_SERVICE_HANDOVER_H
#define SLC_SERVICE_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define SLC_HANDOVER_VARIABLE "SLC_SERVE_HANDOVER"

/* Descriptors that there are none of are -1, processes 0. */
struct slc_handover {
    pid_t master; /* the old one */
    int listen_fd;
    int lock_fd;
    int lifeline_fd, alive_fd; /* of the keeper, see keeper.h */
    pid_t keeper;
};

/* Take what this process was given and make it close-on-exec. A variable that
 * makes no sense, comes from a process that lives and is not the parent, or names a
 * descriptor that is not what it is said to be, counts for nothing (all -1 and
 * 0), so that a stray one does no harm. The variable is removed from the
 * environment. */
void slc_handover_take(struct slc_handover *ret_handover);

/* Close the descriptors that nobody took (set to -1) out of it. */
void slc_handover_close_rest(struct slc_handover *handover);

/* Start `argv` (argv[0] is looked up as a shell does) with what `handover` names,
 * the signal mask `signals`, and the environment of this process. Its id; 0 on
 * failure. Errors: IO, MEMORY. */
pid_t slc_handover_start(char *const *argv, const struct slc_handover *handover,
                         const void *signals, struct slc_error *error);

#endif
