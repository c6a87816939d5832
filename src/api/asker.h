/* Inside api: what each server thread has to ask Redis with: a lane of its own
 * (redis/lane.h), and the calls that wait to be sent off together.
 *
 * While a lane has no connection, and when one is lost in the middle, questions go
 * over the process's line, which connects, and hands a connection to the lane when
 * it can. So nothing of this waits, and Redis being away is found out in one
 * place. */
#ifndef SLC_API_ASKER_H
#define SLC_API_ASKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/server.h"
#include "redis/lane.h"

struct slc_api;
struct slc_asking;

/* Calls in the order in which they came. */
struct slc_asking_list {
    struct slc_asking *first, *last;
};

struct slc_api_asker {
    struct slc_api *api;
    struct slc_api_asker *next; /* of the API's */

    /* Of its thread alone. */
    struct slc_redis_lane *lane;
    struct slc_asking_list names, rows; /* not sent yet, */
    size_t gathered;                    /* so many */

    pthread_mutex_t lock; /* of what follows */
    struct slc_http_loop *loop;
    struct slc_redis *offered; /* a connection for the lane */
    bool wished;               /* one is on its way */
    bool stopped;              /* its thread has ended */
    int64_t retry_usec;        /* monotonic: none could be had or used, not to be tried before */
};

/* For slc_http_server_options: an asker on each thread (slc_api_companion()). */
void *slc_api_asker_start(void *context, struct slc_http_loop *loop);
void slc_api_asker_before_wait(void *companion, int *fd, short *events, int64_t *deadline_usec);
void slc_api_asker_after_wait(void *companion, short events);
void slc_api_asker_stop(void *companion);

/* Its lane can be asked; else a connection is seen to. */
bool slc_api_asker_is_ready(struct slc_api_asker *asker);

/* When the line has stopped. */
void slc_api_askers_free(struct slc_api *api);

/* asking.c: put the questions of the calls that were gathered on the lane. */
void slc_api_send_gathered(struct slc_api_asker *asker);

#endif
