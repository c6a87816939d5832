/* Questions over a connection of one thread's own, none of which it waits for:
 * the thread goes on with what it does, sends all that it has gathered with one
 * write when it has nothing else to do, and takes the answers when poll(2) says
 * that they are there. The manner of questions is that of redis/line.h.
 *
 * For one thread. A lane begins without a connection, and loses it with the first
 * thing that goes wrong; whoever has it gives it a new one (a line connects
 * without holding a thread up) and asks elsewhere meanwhile. */
#ifndef SLC_REDIS_LANE_H
#define SLC_REDIS_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "redis/connection.h"
#include "redis/line.h"

struct slc_redis_lane;

/* NULL when memory ran out. */
struct slc_redis_lane *slc_redis_lane_new(void);

/* Answers what is under way with CANCELLED. Its connection (NULL: none) is the
 * caller's again, broken when anything was. NULL is fine. */
struct slc_redis *slc_redis_lane_free(struct slc_redis_lane *lane);

/* Use this one, which is open, idle and to one server (no Cluster). True: it is the
 * lane's from now on. False: the lane has one, or this one will not do. */
bool slc_redis_lane_use(struct slc_redis_lane *lane, struct slc_redis *redis);

/* Take the broken connection back; NULL: there is none, or it is well. */
struct slc_redis *slc_redis_lane_take_broken(struct slc_redis_lane *lane);

/* It has a connection, as far as is known. */
bool slc_redis_lane_is_open(const struct slc_redis_lane *lane);

/* Questions are under way, or gathered. */
bool slc_redis_lane_is_waiting(const struct slc_redis_lane *lane);

/* Gather a question: `commands` are `count` whole commands, moved (empty
 * afterwards, freed when this fails). `answer` comes once, from one of the
 * functions below, unless this returns false. Errors: CONNECTION (there is none),
 * LIMIT (too much waits), MEMORY. */
bool slc_redis_lane_ask(struct slc_redis_lane *lane, struct slc_buf *commands, size_t count,
                        slc_redis_line_answer *answer, void *state, struct slc_error *error);

/* Send what was gathered, as far as it goes without waiting. Everything under way
 * is answered with an error when the connection turns out to be lost. */
void slc_redis_lane_send(struct slc_redis_lane *lane);

/* Take the answers that are there, and look whether one is overdue (TIMEOUT, and
 * the connection is of no use any more). */
void slc_redis_lane_take(struct slc_redis_lane *lane);

/* What to wait for before the next slc_redis_lane_take() and _send(): for poll(2),
 * -1 without a connection; and until when (monotonic), INT64_MAX when nothing is
 * under way. */
void slc_redis_lane_wants(const struct slc_redis_lane *lane, int *ret_fd, short *ret_events,
                          int64_t *ret_deadline_usec);

#endif
