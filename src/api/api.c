/* The API as a whole, and the desk. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/asker.h"
#include "api/internal.h"
#include "base/time.h"

enum { GATHERED_DEFAULT = 1024 };

/* ---- The desk ------------------------------------------------------------ */

static void free_task(struct slc_api_task *task)
{
    free(task->replica);
    free(task->recipients);
    free(task->asking);
    free(task);
}

/* Wait for a task; NULL when the API stops. */
static struct slc_api_task *next_task(struct slc_api *api)
{
    struct slc_api_task *task = NULL;

    pthread_mutex_lock(&api->lock);
    while (!api->first && !api->stopping)
        pthread_cond_wait(&api->work, &api->lock);
    if (!api->stopping) {
        task = api->first;
        api->first = task->next;
        if (!api->first)
            api->last = NULL;
        api->task_count--;
    }
    pthread_mutex_unlock(&api->lock);
    return task;
}

static void *sit_at_desk(void *argument)
{
    struct slc_api *api = argument;
    struct slc_api_task *task;

    while ((task = next_task(api))) {
        struct slc_http_response response = {0};

        task->run(api, task, &response);
        slc_http_complete(task->pending, &response); /* NULL only releases the response */
        free_task(task);
    }
    return NULL;
}

/* Room for one more? Then it is taken. */
static bool reserve(struct slc_api *api)
{
    bool room;

    pthread_mutex_lock(&api->lock);
    room = !api->stopping && api->task_count < SLC_API_DESK_MAX;
    if (room)
        api->task_count++;
    pthread_mutex_unlock(&api->lock);
    return room;
}

/* A copy for which there is room; NULL: the response says why not. */
static struct slc_api_task *admit(struct slc_api *api, const struct slc_api_task *task,
                                  struct slc_http_response *response)
{
    struct slc_api_task *copy = malloc(sizeof(*copy));

    if (!copy) {
        free(task->replica);
        free(task->recipients);
        free(task->asking);
        slc_http_detail(response, 500, "Out of memory");
        return NULL;
    }
    *copy = *task;
    copy->next = NULL;
    if (reserve(api))
        return copy;
    free_task(copy);
    slc_http_detail(response, 503, "Too many calls are waiting; try again later");
    slc_http_set_retry_after(response, SLC_API_RETRY_AFTER_SEC);
    return NULL;
}

static void put_on_desk(struct slc_api *api, struct slc_api_task *task)
{
    pthread_mutex_lock(&api->lock);
    if (api->last)
        api->last->next = task;
    else
        api->first = task;
    api->last = task;
    pthread_cond_signal(&api->work);
    pthread_mutex_unlock(&api->lock);
}

void slc_api_desk(struct slc_api *api, struct slc_http_request *request,
                  struct slc_http_response *response, const struct slc_api_task *task)
{
    struct slc_api_task *copy = admit(api, task, response);

    if (!copy)
        return;
    copy->pending = slc_http_suspend(request);
    put_on_desk(api, copy);
}

void slc_api_desk_later(struct slc_api *api, struct slc_http_pending *pending,
                        const struct slc_api_task *task)
{
    struct slc_http_response refused = {0};
    struct slc_api_task *copy = admit(api, task, &refused);

    if (!copy) {
        slc_http_complete(pending, &refused);
        return;
    }
    copy->pending = pending;
    put_on_desk(api, copy);
}

/* ---- The API ------------------------------------------------------------- */

static bool start(struct slc_api *api, struct slc_error *error)
{
    size_t count;
    const struct slc_route *routes = slc_api_routes(&count);

    if (!slc_router_add(api->router, routes, count, error))
        return false;
    api->line = slc_redis_line_start(api->options.pool, error);
    if (!api->line)
        return false;
    api->events = slc_api_events_start(api, error);
    if (!api->events)
        return false;
    if (pthread_create(&api->desk, NULL, sit_at_desk, api) != 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread for the API");
    api->desk_started = true;
    return true;
}

struct slc_api *slc_api_new(const struct slc_api_options *options, struct slc_error *error)
{
    struct slc_api *api = calloc(1, sizeof(*api));

    if (!api || pthread_mutex_init(&api->lock, NULL) != 0)
        goto no_memory;
    if (pthread_mutex_init(&api->ready_lock, NULL) != 0) {
        pthread_mutex_destroy(&api->lock);
        goto no_memory;
    }
    if (pthread_cond_init(&api->work, NULL) != 0) {
        pthread_mutex_destroy(&api->lock);
        pthread_mutex_destroy(&api->ready_lock);
        goto no_memory;
    }
    api->options = *options;
    if (!api->options.gathered_max)
        api->options.gathered_max = GATHERED_DEFAULT;
    api->started_usec = slc_now_usec();
    api->router = slc_router_new();
    api->probe = slc_probe_new(slc_inbox_path(options->inbox), NULL);
    if (!api->router || !api->probe) {
        slc_api_free(api);
        slc_fail(error, SLC_ERR_MEMORY, "no memory for the API");
        return NULL;
    }
    if (!start(api, error)) {
        slc_api_free(api);
        return NULL;
    }
    return api;
no_memory:
    free(api);
    slc_fail(error, SLC_ERR_MEMORY, "no memory for the API");
    return NULL;
}

void slc_api_free(struct slc_api *api)
{
    if (!api)
        return;
    pthread_mutex_lock(&api->lock);
    api->stopping = true;
    pthread_cond_broadcast(&api->work);
    pthread_mutex_unlock(&api->lock);
    slc_api_events_stop(api->events);
    slc_redis_line_stop(api->line); /* what it answers may still come to the desk */
    slc_api_askers_free(api);
    if (api->desk_started)
        pthread_join(api->desk, NULL);
    while (api->first) {
        struct slc_api_task *task = api->first;
        struct slc_http_response response = {0};

        api->first = task->next;
        slc_http_detail(&response, 503, "The service is stopping");
        slc_http_complete(task->pending, &response);
        free_task(task);
    }
    slc_router_free(api->router);
    slc_probe_free(api->probe);
    pthread_cond_destroy(&api->work);
    pthread_mutex_destroy(&api->lock);
    pthread_mutex_destroy(&api->ready_lock);
    free(api);
}

const struct slc_router *slc_api_router(const struct slc_api *api)
{
    return api->router;
}

struct slc_http_companion slc_api_companion(struct slc_api *api)
{
    if (!api->options.lanes)
        return (struct slc_http_companion){0};
    return (struct slc_http_companion){.start = slc_api_asker_start,
                                       .before_wait = slc_api_asker_before_wait,
                                       .after_wait = slc_api_asker_after_wait,
                                       .stop = slc_api_asker_stop,
                                       .context = api};
}

void slc_api_record(struct slc_api *api, const struct slc_http_record *record)
{
    slc_api_metrics_request(api->options.counters, record->route, record->status,
                            record->duration_usec, record->request_bytes, record->response_bytes);
}
