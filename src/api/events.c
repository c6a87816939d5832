/* GET /v1/loads/{id}/events: what becomes of a load, as it happens. */
#include "api/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/internal.h"
#include "base/hash.h"
#include "base/time.h"
#include "http/stream.h"

enum { EVENT_ID_BYTES = 17 };

struct watcher {
    struct watcher *next;
    struct slc_http_stream *stream;
    char load[SLC_BATCH_ID_BYTES];
    char last[EVENT_ID_BYTES]; /* of the event that the client has */
    int64_t spoke_usec;        /* monotonic */
};

struct slc_api_events {
    struct slc_api *api;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct watcher *arrived; /* since the thread looked */
    size_t count;            /* of all there are */
    bool stopping;
};

/* The same state has the same id, so that who comes back is not told again. */
static void make_id(char id[EVENT_ID_BYTES], const struct slc_buf *json)
{
    snprintf(id, EVENT_ID_BYTES, "%016llx",
             (unsigned long long)slc_hash_bytes(json->data, json->len));
}

/* ---- The thread ---------------------------------------------------------- */

static bool say(struct watcher *watcher, struct slc_buf *text)
{
    watcher->spoke_usec = slc_monotonic_usec();
    return !text->failed && slc_http_stream_write(watcher->stream, slc_buf_view(text));
}

static bool say_state(struct watcher *watcher, const char *event, const struct slc_buf *json)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    slc_buf_printf(&text, "id: %s\nevent: %s\ndata: ", watcher->last, event);
    slc_buf_append_str(&text, slc_buf_view(json)); /* one line: JSON has no raw line ends */
    slc_buf_append_text(&text, "\n\n");
    return say(watcher, &text);
}

static bool beat(struct watcher *watcher)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    if (slc_monotonic_usec() - watcher->spoke_usec < SLC_API_EVENTS_HEARTBEAT_MS * INT64_C(1000))
        return true;
    slc_buf_append_text(&text, ": still here\n\n");
    return say(watcher, &text);
}

/* Tell what is new; false when the stream is to end. */
static bool look(struct slc_api *api, struct watcher *watcher)
{
    SLC_AUTO_BUF struct slc_buf json = {0};
    enum slc_api_load_state state = slc_api_load_write(api, watcher->load, &json);
    char id[EVENT_ID_BYTES];

    if (state == SLC_API_LOAD_NOT_KNOWN)
        return beat(watcher); /* Redis is away: it will be told later */
    if (state == SLC_API_LOAD_NONE) {
        slc_buf_append_text(&json, "null");
        make_id(watcher->last, &json);
        (void)say_state(watcher, "gone", &json);
        return false;
    }
    make_id(id, &json);
    if (strcmp(id, watcher->last) == 0)
        return state != SLC_API_LOAD_OVER && beat(watcher);
    memcpy(watcher->last, id, sizeof(id));
    return say_state(watcher, state == SLC_API_LOAD_OVER ? "end" : "progress", &json) &&
           state != SLC_API_LOAD_OVER;
}

static void drop(struct slc_api_events *events, struct watcher *watcher)
{
    slc_http_stream_close(watcher->stream);
    free(watcher);
    pthread_mutex_lock(&events->lock);
    events->count--;
    pthread_mutex_unlock(&events->lock);
}

/* Wait for the next look; those who arrived join `watchers`. False at the end. */
static bool wait(struct slc_api_events *events, struct watcher **watchers)
{
    int64_t until_usec = slc_monotonic_usec() + SLC_API_EVENTS_LOOK_MS * INT64_C(1000);
    struct timespec until = {.tv_sec = (time_t)(until_usec / SLC_USEC_PER_SEC),
                             .tv_nsec = (long)(until_usec % SLC_USEC_PER_SEC * 1000)};
    int timed_out = 0;
    bool go_on;

    pthread_mutex_lock(&events->lock);
    while (!events->stopping && !events->arrived && !timed_out)
        timed_out = *watchers ? pthread_cond_timedwait(&events->changed, &events->lock, &until)
                              : pthread_cond_wait(&events->changed, &events->lock);
    while (events->arrived) {
        struct watcher *watcher = events->arrived;

        events->arrived = watcher->next;
        watcher->next = *watchers;
        *watchers = watcher;
    }
    go_on = !events->stopping;
    pthread_mutex_unlock(&events->lock);
    return go_on;
}

static void *run(void *argument)
{
    struct slc_api_events *events = argument;
    struct watcher *watchers = NULL;

    while (wait(events, &watchers)) {
        for (struct watcher **at = &watchers; *at;) {
            struct watcher *watcher = *at;

            if (look(events->api, watcher)) {
                at = &watcher->next;
            } else {
                *at = watcher->next;
                drop(events, watcher);
            }
        }
    }
    while (watchers) {
        struct watcher *watcher = watchers;

        watchers = watcher->next;
        drop(events, watcher);
    }
    return NULL;
}

static bool init(struct slc_api_events *events)
{
    pthread_condattr_t attributes;
    bool good;

    if (pthread_mutex_init(&events->lock, NULL) != 0)
        return false;
    good = pthread_condattr_init(&attributes) == 0;
    if (good) {
        good = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
               pthread_cond_init(&events->changed, &attributes) == 0;
        pthread_condattr_destroy(&attributes);
    }
    if (!good)
        pthread_mutex_destroy(&events->lock);
    return good;
}

struct slc_api_events *slc_api_events_start(struct slc_api *api, struct slc_error *error)
{
    struct slc_api_events *events = calloc(1, sizeof(*events));

    if (!events || !init(events)) {
        free(events);
        slc_fail(error, SLC_ERR_MEMORY, "no memory for the API");
        return NULL;
    }
    events->api = api;
    if (pthread_create(&events->thread, NULL, run, events) == 0)
        return events;
    pthread_cond_destroy(&events->changed);
    pthread_mutex_destroy(&events->lock);
    free(events);
    slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread for the API");
    return NULL;
}

void slc_api_events_stop(struct slc_api_events *events)
{
    if (!events)
        return;
    pthread_mutex_lock(&events->lock);
    events->stopping = true;
    pthread_cond_signal(&events->changed);
    pthread_mutex_unlock(&events->lock);
    pthread_join(events->thread, NULL); /* it takes those over who have just arrived */
    pthread_cond_destroy(&events->changed);
    pthread_mutex_destroy(&events->lock);
    free(events);
}

/* ---- The call ------------------------------------------------------------ */

static bool reserve(struct slc_api_events *events)
{
    bool room;

    pthread_mutex_lock(&events->lock);
    room = !events->stopping && events->count < SLC_API_EVENTS_CLIENTS_MAX;
    events->count += room;
    pthread_mutex_unlock(&events->lock);
    return room;
}

static void join_in(struct slc_api_events *events, struct watcher *watcher)
{
    pthread_mutex_lock(&events->lock);
    watcher->next = events->arrived;
    events->arrived = watcher;
    pthread_cond_signal(&events->changed);
    pthread_mutex_unlock(&events->lock);
}

static void give_place_back(struct slc_api_events *events)
{
    pthread_mutex_lock(&events->lock);
    events->count--;
    pthread_mutex_unlock(&events->lock);
}

static void open_stream(struct slc_api_events *events, struct slc_http_request *request,
                        struct slc_http_response *response, struct slc_str load,
                        struct slc_str last)
{
    struct watcher *watcher = calloc(1, sizeof(*watcher));
    char retry[32];

    if (watcher)
        watcher->stream = slc_http_stream_open(request, response);
    if (!watcher || !watcher->stream) {
        slc_http_detail(response, 500, "Out of memory");
        give_place_back(events);
        free(watcher);
        return;
    }
    memcpy(watcher->load, load.data, load.len);
    if (last.len < sizeof(watcher->last))
        memcpy(watcher->last, last.data ? last.data : "", last.len);
    response->status = 200;
    slc_api_about_load(response, watcher->load);
    response->content_type = SLC_API_EVENTS_TYPE;
    (void)slc_http_set_header(response, "cache-control", SLC_STR("no-store"));
    (void)slc_http_set_header(response, "x-accel-buffering", SLC_STR("no")); /* nginx */
    snprintf(retry, sizeof(retry), "retry: %d\n\n", SLC_API_EVENTS_RETRY_MS);
    (void)slc_http_stream_write(watcher->stream, slc_str_from(retry));
    join_in(events, watcher);
}

void slc_api_v1_load_events(struct slc_http_request *request, struct slc_http_response *response,
                            void *context)
{
    SLC_AUTO_BUF struct slc_buf json = {0};
    struct slc_api *api = context;
    struct slc_str load = slc_http_request_part(request, "id");
    struct slc_str last = slc_http_request_header(request, "last-event-id");
    enum slc_api_load_state state = SLC_API_LOAD_NONE;
    char id[EVENT_ID_BYTES];

    if (load.len == SLC_BATCH_ID_BYTES - 1)
        state = slc_api_load_write(api, load.data, &json);
    if (state == SLC_API_LOAD_NONE) {
        slc_http_detail(response, 404, "There is no load of that id (any more)");
        return;
    }
    make_id(id, &json);
    if (state == SLC_API_LOAD_OVER && slc_str_is(last, id)) {
        /* It has the last one, and this tells an EventSource not to come back. */
        (void)slc_http_json(response, 204);
        return;
    }
    if (!reserve(api->events)) {
        slc_http_detail(response, 503, "Too many clients listen; try again later");
        slc_http_set_retry_after(response, SLC_API_RETRY_AFTER_SEC);
        return;
    }
    open_stream(api->events, request, response, load, last);
}
