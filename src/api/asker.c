#include "api/asker.h"

#include <stdlib.h>

#include "api/internal.h"
#include "base/time.h"

enum { RETRY_USEC = 1000000 };

void *slc_api_asker_start(void *context, struct slc_http_loop *loop)
{
    struct slc_api *api = context;
    struct slc_api_asker *asker = calloc(1, sizeof(*asker));

    if (asker)
        asker->lane = slc_redis_lane_new();
    if (!asker || !asker->lane || pthread_mutex_init(&asker->lock, NULL) != 0) {
        if (asker)
            (void)slc_redis_lane_free(asker->lane);
        free(asker);
        return NULL; /* the line will do */
    }
    asker->api = api;
    asker->loop = loop;
    pthread_mutex_lock(&api->lock);
    asker->next = api->askers;
    api->askers = asker;
    pthread_mutex_unlock(&api->lock);
    return asker;
}

/* ---- Connections --------------------------------------------------------- */

/* On the line's thread. */
static void on_connected(void *state, struct slc_redis *redis)
{
    struct slc_api_asker *asker = state;

    pthread_mutex_lock(&asker->lock);
    asker->wished = false;
    if (!redis)
        asker->retry_usec = slc_monotonic_usec() + RETRY_USEC;
    if (redis && !asker->stopped) {
        asker->offered = redis;
        redis = NULL;
        slc_http_loop_wake(asker->loop);
    }
    pthread_mutex_unlock(&asker->lock);
    slc_redis_pool_give(asker->api->options.lanes, redis);
}

bool slc_api_asker_is_ready(struct slc_api_asker *asker)
{
    struct slc_api *api = asker->api;
    bool wish;

    if (slc_redis_lane_is_open(asker->lane))
        return true;
    pthread_mutex_lock(&asker->lock);
    wish = !asker->wished && !asker->offered && slc_monotonic_usec() >= asker->retry_usec;
    asker->wished |= wish;
    pthread_mutex_unlock(&asker->lock);
    if (wish && !slc_redis_line_connect(api->line, api->options.lanes, on_connected, asker, NULL))
        on_connected(asker, NULL);
    return false;
}

/* A connection that has come takes the place of one that was lost. */
static void take_offered(struct slc_api_asker *asker)
{
    struct slc_redis_pool *lanes = asker->api->options.lanes;
    struct slc_redis *offered;

    pthread_mutex_lock(&asker->lock);
    offered = asker->offered;
    asker->offered = NULL;
    pthread_mutex_unlock(&asker->lock);
    if (!offered || slc_redis_lane_use(asker->lane, offered))
        return;
    /* As one to a cluster: not to be asked for with each call. */
    pthread_mutex_lock(&asker->lock);
    asker->retry_usec = slc_monotonic_usec() + RETRY_USEC;
    pthread_mutex_unlock(&asker->lock);
    slc_redis_pool_give(lanes, offered);
}

/* ---- Rounds of its thread ------------------------------------------------ */

void slc_api_asker_before_wait(void *companion, int *fd, short *events, int64_t *deadline_usec)
{
    struct slc_api_asker *asker = companion;

    /* What comes while an answer is under way goes together, when that is there: on a
     * busy server one round trip serves dozens of calls. */
    if (!slc_redis_lane_is_waiting(asker->lane))
        slc_api_send_gathered(asker);
    slc_redis_lane_send(asker->lane);
    slc_redis_pool_give(asker->api->options.lanes, slc_redis_lane_take_broken(asker->lane));
    slc_redis_lane_wants(asker->lane, fd, events, deadline_usec);
}

void slc_api_asker_after_wait(void *companion, short events)
{
    struct slc_api_asker *asker = companion;

    (void)events;
    slc_redis_lane_take(asker->lane);
    slc_redis_pool_give(asker->api->options.lanes, slc_redis_lane_take_broken(asker->lane));
    take_offered(asker);
}

void slc_api_asker_stop(void *companion)
{
    struct slc_api_asker *asker = companion;

    slc_api_send_gathered(asker); /* of calls that were cut off: answered, and dropped */
    pthread_mutex_lock(&asker->lock);
    asker->stopped = true;
    pthread_mutex_unlock(&asker->lock);
    slc_redis_pool_give(asker->api->options.lanes, asker->offered);
    slc_redis_pool_give(asker->api->options.lanes, slc_redis_lane_free(asker->lane));
}

void slc_api_askers_free(struct slc_api *api)
{
    while (api->askers) {
        struct slc_api_asker *asker = api->askers;

        api->askers = asker->next;
        pthread_mutex_destroy(&asker->lock);
        free(asker);
    }
}
