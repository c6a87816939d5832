/* Inside service: the process that owns the private redis-server.
 *
 * It starts the server, starts it again when it ends, and stops it in order when
 * no master is left that wants it: each master holds the write end of a pipe
 * (the lifeline), the keeper sees its end. So a server outlives the master that
 * started it when another one has taken the lifeline over, and no master needs a
 * thread. A second pipe (alive) says "ready" once and ends with the keeper. */
#ifndef SLC_SERVICE_KEEPER_H
#define SLC_SERVICE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct slc_keeper {
    pid_t pid;       /* 0: there is none */
    int lifeline_fd; /* -1 without one, as the next */
    int alive_fd;
    bool ready;
    char reason[512]; /* why it ended before it was ready */
};

#define SLC_KEEPER_NONE ((struct slc_keeper){.lifeline_fd = -1, .alive_fd = -1})

/* Fork a keeper for `directory`; returns at once. `close_others` is called in the
 * child and closes what is the master's alone. Errors: IO. */
bool slc_keeper_start(struct slc_keeper *keeper, const char *directory,
                      void (*close_others)(void *state), void *state, struct slc_error *error);

/* alive_fd is readable, or `timeout_ms` is to be waited for that (0: not): what
 * it says. */
enum slc_keeper_news {
    SLC_KEEPER_NOTHING,
    SLC_KEEPER_READY,
    SLC_KEEPER_ENDED, /* `reason` says why when it was not ready before; the fds are closed */
};
enum slc_keeper_news slc_keeper_listen(struct slc_keeper *keeper, int timeout_ms);

/* Give the lifeline up. Alone, wait until the keeper has stopped the server,
 * else leave it to the other master. False when it had to be killed. */
bool slc_keeper_leave(struct slc_keeper *keeper, bool alone);

/* In a forked process: it is not its. */
void slc_keeper_close(struct slc_keeper *keeper);

#endif
