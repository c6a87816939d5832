/* A redis-server of one's own: started, kept and stopped by this process.
 *
 * It listens on the unix socket `redis.sock` in its directory and nowhere else,
 * keeps its data there in an append-only file, and writes `redis.log`. The
 * directory is open to its owner only. A lock on `redis.lock` makes sure of one
 * owner:
 *   - another live process owns the directory: its server is used (attached)
 *     and is left running at the end;
 *   - its owner was killed: the server it left is stopped in order first, then
 *     one of our own is started on the same data.
 * The server is in a process group of its own, so that a terminal's Ctrl-C does
 * not reach it, and gets SIGTERM when this process dies, however it dies. (The
 * kernel ties that to the thread that forked; a thread of the handle's own does
 * it, waits for the server and reaps it.)
 *
 * The lock is a flock(2): a child that this process forks without exec shares it
 * and keeps it as long as it lives. */
#ifndef SLC_REDIS_PRIVATE_SERVER_H
#define SLC_REDIS_PRIVATE_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "redis/url.h"

struct slc_private_server;

struct slc_private_server_options {
    const char *program;      /* NULL means "redis-server", looked up in PATH */
    int64_t start_timeout_ms; /* until it answers with its data loaded; 0 means
                                 SLC_PRIVATE_SERVER_START_MS */
    int64_t stop_timeout_ms;  /* until it is killed; 0 means SLC_PRIVATE_SERVER_STOP_MS */
    int cancel_fd;            /* readable or hung up: the start is given up; 0: none */
};

enum {
    SLC_PRIVATE_SERVER_START_MS = 120000,
    SLC_PRIVATE_SERVER_STOP_MS = 20000,
};

/* Start the server in `directory` (made when missing) or attach to the one that
 * runs there. Returns when it answers and has loaded its data. `options` may be
 * NULL. NULL on failure. Errors: NOT_FOUND (redis-server is not installed), IO,
 * TIMEOUT, SERVER (it ended; its last words are in the message), CONFLICT (a
 * server that is not ours answers in the directory), CANCELLED, MEMORY. */
struct slc_private_server *
slc_private_server_start(const char *directory, const struct slc_private_server_options *options,
                         struct slc_error *error);

/* Where it is. Lives as long as the handle. */
const struct slc_redis_url *slc_private_server_url(const struct slc_private_server *server);

/* Another process owns it. */
bool slc_private_server_is_attached(const struct slc_private_server *server);

/* The process id of a server of our own, 0 when attached. */
pid_t slc_private_server_pid(const struct slc_private_server *server);

/* It is still there: a server of our own has not ended; an attached one is taken
 * to be. Without waiting. */
bool slc_private_server_is_running(const struct slc_private_server *server);

/* A descriptor that becomes readable when a server of our own ends, for poll(2);
 * -1 when attached. Do not read or close it. */
int slc_private_server_exit_fd(const struct slc_private_server *server);

/* Stop a server of our own (SHUTDOWN, then SIGTERM, then SIGKILL at the end of
 * stop_timeout_ms) and free the handle; an attached one is left alone. False
 * when it had to be killed (TIMEOUT; the append-only file keeps all but the last
 * second). The handle is gone in any case. NULL is allowed. */
bool slc_private_server_stop(struct slc_private_server *server, struct slc_error *error);

#endif
