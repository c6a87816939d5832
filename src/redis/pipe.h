/* The bulk writer: a long run of commands over one connection, written while
 * the replies are read, with a bound on what is under way.
 *
 * The caller hands over segments of RESP that it has encoded already (resp.h).
 * slc_pipe_send() blocks until the kernel has taken all of it, so that the
 * memory is the caller's again on return; meanwhile it takes in replies, so that
 * client and server never wait for each other with both socket buffers full.
 * For one thread at a time, as a rule the one that empties a queue of encoded
 * segments.
 *
 * The first error reply stops it: send and finish fail from then on. A pipe that
 * failed, or was closed before it was finished, closes its connection, because
 * replies are still on their way (slc_redis_reopen() makes it usable again). */
#ifndef SLC_REDIS_PIPE_H
#define SLC_REDIS_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "redis/connection.h"

struct slc_pipe;

/* A piece of the stream of commands. A command may span segments; it counts for
 * the one that it ends in. */
struct slc_pipe_segment {
    struct slc_str bytes;
    int64_t commands; /* that end in it */
    uint64_t id;      /* the caller's; comes back in `on_answered` and in the status */
};

struct slc_pipe_options {
    size_t window_bytes; /* sent and not answered, at most (about: commands of one segment are
                            taken to be of one size); 0 means SLC_PIPE_WINDOW_BYTES */
    /* Both may be NULL. They are called by send, poll and finish, in order. */
    void (*on_integer)(void *context, int64_t command, int64_t value);
    void (*on_answered)(void *context, uint64_t id); /* every command of a segment was answered */
    void *context;
};

enum { SLC_PIPE_WINDOW_BYTES = 4 << 20 };

struct slc_pipe_status {
    int64_t commands;       /* handed over */
    int64_t replies;        /* read, the error included */
    int64_t integer_sum;    /* of all integer replies (HSET: fields that are new) */
    int64_t sent_bytes;     /* taken by the kernel */
    int64_t answered_bytes; /* about, see window_bytes */
    int64_t error_command;  /* index of the command (from 0) that was answered with the first error,
                               -1 when there is none */
    uint64_t error_id;      /* the id of its segment */
};

/* The connection must be open and idle; it belongs to the pipe until that is
 * closed. NULL on failure. Errors: CONNECTION, INTERNAL, MEMORY. */
struct slc_pipe *slc_pipe_open(struct slc_redis *redis, const struct slc_pipe_options *options,
                               struct slc_error *error);

/* Write all of the segments. Fails when no byte moved in either direction for
 * the connection's timeout. Errors: CONNECTION, TIMEOUT, and those of
 * slc_reply_fail() for an error reply. */
bool slc_pipe_send(struct slc_pipe *pipe, const struct slc_pipe_segment segments[], size_t count,
                   struct slc_error *error);

/* Take in the replies that are there, without waiting. */
bool slc_pipe_poll(struct slc_pipe *pipe, struct slc_error *error);

/* Wait until every command is answered. More may be sent afterwards. */
bool slc_pipe_finish(struct slc_pipe *pipe, struct slc_error *error);

void slc_pipe_status(const struct slc_pipe *pipe, struct slc_pipe_status *ret);

/* Free; the connection is idle when all was answered, else closed. NULL is
 * allowed. */
void slc_pipe_close(struct slc_pipe *pipe);

static inline void slc_pipe_closep(struct slc_pipe **pipe)
{
    slc_pipe_close(*pipe);
}
#define SLC_AUTO_PIPE SLC_CLEANUP(slc_pipe_closep)

#endif
