/* Many small questions over one connection: what is asked while an answer is
 * under way is gathered and sent together, so that a busy server costs one round
 * trip for dozens of questions, and no thread waits for its own.
 *
 * For reads that may be asked in any order (and of a Redis replica, as
 * slc_redis_pool_take_reader() has it). Each question is a few commands that
 * are sent back to back; other questions may stand between those of two
 * questions, and other clients' commands between any two. */
#ifndef SLC_REDIS_LINE_H
#define SLC_REDIS_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "redis/pool.h"
#include "redis/reply.h"

struct slc_redis_line;

enum {
    SLC_REDIS_LINE_COMMANDS_MAX = 8,    /* of one question */
    SLC_REDIS_LINE_WAITING_MAX = 8192,  /* questions */
    SLC_REDIS_LINE_BYTES_MAX = 8 << 20, /* of the commands that wait */
};

/* The answer to a question: its replies in order, which are the line's and gone
 * afterwards (an error reply is a reply), or NULL and the error. On the line's
 * thread, so be quick, and never ask from here and wait. */
typedef void slc_redis_line_answer(void *state, struct slc_reply *const replies[],
                                   const struct slc_error *error);

/* Start the thread; a connection is taken from the pool for as long as there is
 * something to ask. NULL on failure. Errors: MEMORY, INTERNAL. */
struct slc_redis_line *slc_redis_line_start(struct slc_redis_pool *pool, struct slc_error *error);

/* Ask: `commands` (moved; empty afterwards, freed when this fails) are `count`
 * whole commands in RESP (redis/resp.h). `answer` comes once, unless this
 * returns false. Any thread. Errors: LIMIT (too much waits), CANCELLED (the line
 * is stopping), MEMORY. */
bool slc_redis_line_ask(struct slc_redis_line *line, struct slc_buf *commands, size_t count,
                        slc_redis_line_answer *answer, void *state, struct slc_error *error);

/* A connection to `pool`'s server, which is to be given back to that; NULL: none can be
 * had now, or the line is stopping. On the line's thread. */
typedef void slc_redis_line_connected(void *state, struct slc_redis *redis);

/* Have the line take a connection from a pool, for somebody who may not wait
 * (redis/lane.h). `connected` comes once, unless this returns false. Any thread.
 * Errors: CANCELLED, MEMORY. */
bool slc_redis_line_connect(struct slc_redis_line *line, struct slc_redis_pool *pool,
                            slc_redis_line_connected *connected, void *state,
                            struct slc_error *error);

/* Answer what waits with CANCELLED, end the thread, free. NULL is fine. */
void slc_redis_line_stop(struct slc_redis_line *line);

#endif
