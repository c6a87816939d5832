/* GET /v1/loads/{id}/events: what becomes of a load, as it happens. */
#include "api/events.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/internal.h"
#include "base/hash.h"
#include "base/time.h"
#include "http/stream.h"

enum { EVENT_ID_BYTES = 17 };

/* One client. */
struct watcher {
    struct watcher *next;
    struct slc_http_stream *stream;
    char load[SLC_BATCH_ID_BYTES];
    char last[EVENT_ID_BYTES]; /* of the event that the client has */
    int64_t spoke_usec;        /* monotonic */
};

/* One load, and those who listen to it: Redis is asked once for all of them, when the
 * queue says that something has changed. */
struct topic {
    struct topic *next;
    struct slc_api_events *events;
    struct watcher *watchers;
    struct slc_queue_follower *follower; /* NULL: Redis could not be asked for one yet */
    atomic_bool changed;
    bool arrivals;      /* somebody is new */
    int64_t asked_usec; /* monotonic */
};

struct slc_api_events {
    struct slc_api *api;
    pthread_t thread;
    struct topic *topics; /* the thread's */
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct watcher *arrived; /* since the thread looked */
    size_t count;            /* of all there are */
    bool news;               /* a topic has changed */
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
static bool tell(struct watcher *watcher, enum slc_api_load_state state, const struct slc_buf *json)
{
    char id[EVENT_ID_BYTES];

    if (state == SLC_API_LOAD_NOT_KNOWN)
        return beat(watcher); /* Redis is away: it will be told later */
    make_id(id, json);
    if (strcmp(id, watcher->last) == 0)
        return state == SLC_API_LOAD_GOES_ON && beat(watcher);
    memcpy(watcher->last, id, sizeof(id));
    return say_state(watcher,
                     state == SLC_API_LOAD_OVER   ? "end"
                     : state == SLC_API_LOAD_NONE ? "gone"
                                                  : "progress",
                     json) &&
           state == SLC_API_LOAD_GOES_ON;
}

static void drop(struct slc_api_events *events, struct watcher *watcher)
{
    slc_http_stream_close(watcher->stream);
    free(watcher);
    pthread_mutex_lock(&events->lock);
    events->count--;
    pthread_mutex_unlock(&events->lock);
}

/* Tell all who listen what is new (`json` NULL: nothing); who does not take it is gone. */
static void each_watcher(struct topic *topic, enum slc_api_load_state state,
                         const struct slc_buf *json)
{
    for (struct watcher **at = &topic->watchers; *at;) {
        struct watcher *watcher = *at;

        if (json ? tell(watcher, state, json) : beat(watcher)) {
            at = &watcher->next;
        } else {
            *at = watcher->next;
            drop(topic->events, watcher);
        }
    }
}

/* On a thread of the queue. */
static void on_change(void *state, bool over)
{
    struct topic *topic = state;
    struct slc_api_events *events = topic->events;

    (void)over;
    atomic_store(&topic->changed, true);
    pthread_mutex_lock(&events->lock);
    events->news = true;
    pthread_cond_signal(&events->changed);
    pthread_mutex_unlock(&events->lock);
}

static void ask(struct topic *topic)
{
    SLC_AUTO_BUF struct slc_buf json = {0};
    enum slc_api_load_state state;

    atomic_store(&topic->changed, false); /* before: what changes from here on is seen later */
    topic->arrivals = false;
    topic->asked_usec = slc_monotonic_usec();
    state = slc_api_load_write(topic->events->api, topic->watchers->load, &json);
    if (state == SLC_API_LOAD_NONE)
        slc_buf_append_text(&json, "null");
    if (state == SLC_API_LOAD_NOT_KNOWN)
        atomic_store(&topic->changed, true); /* again at the next look */
    each_watcher(topic, state, &json);
}

/* Look at a topic, if it is time. A load whose follower could not be had is asked for as often
 * as one that changes all the time. */
static void look(struct topic *topic)
{
    int64_t now = slc_monotonic_usec();

    if (!topic->follower)
        topic->follower = slc_queue_follow(topic->events->api->options.queue, topic->watchers->load,
                                           on_change, topic, NULL);
    if (topic->arrivals || ((!topic->follower || atomic_load(&topic->changed)) &&
                            now - topic->asked_usec >= SLC_API_EVENTS_LOOK_MS * INT64_C(1000)))
        ask(topic);
    else
        each_watcher(topic, SLC_API_LOAD_GOES_ON, NULL);
}

static void end_topic(struct topic *topic)
{
    slc_queue_unfollow(topic->events->api->options.queue, topic->follower);
    while (topic->watchers) {
        struct watcher *watcher = topic->watchers;

        topic->watchers = watcher->next;
        drop(topic->events, watcher);
    }
    free(topic);
}

/* To those who listen to the same load. */
static void welcome(struct slc_api_events *events, struct watcher *watcher)
{
    struct topic *topic = events->topics;

    while (topic && strcmp(topic->watchers->load, watcher->load) != 0)
        topic = topic->next;
    if (!topic) {
        topic = calloc(1, sizeof(*topic));
        if (!topic) {
            drop(events, watcher);
            return;
        }
        topic->events = events;
        topic->next = events->topics;
        events->topics = topic;
    }
    topic->arrivals = true;
    watcher->next = topic->watchers;
    topic->watchers = watcher;
}

/* Milliseconds until somebody has to be looked at again whatever happens. */
static int64_t patience_ms(const struct slc_api_events *events)
{
    for (const struct topic *topic = events->topics; topic; topic = topic->next)
        if (!topic->follower || atomic_load(&topic->changed))
            return SLC_API_EVENTS_LOOK_MS / 4;
    return SLC_API_EVENTS_HEARTBEAT_MS / 4;
}

/* Wait until there is something to do; `ret_arrived` are those who came. False at the end. */
static bool wait(struct slc_api_events *events, struct watcher **ret_arrived)
{
    int64_t until_usec = slc_monotonic_usec() + patience_ms(events) * INT64_C(1000);
    struct timespec until = {.tv_sec = (time_t)(until_usec / SLC_USEC_PER_SEC),
                             .tv_nsec = (long)(until_usec % SLC_USEC_PER_SEC * 1000)};
    int timed_out = 0;
    bool go_on;

    pthread_mutex_lock(&events->lock);
    while (!events->stopping && !events->arrived && !events->news && !timed_out)
        timed_out = events->topics ? pthread_cond_timedwait(&events->changed, &events->lock, &until)
                                   : pthread_cond_wait(&events->changed, &events->lock);
    events->news = false;
    *ret_arrived = events->arrived;
    events->arrived = NULL;
    go_on = !events->stopping;
    pthread_mutex_unlock(&events->lock);
    return go_on;
}

static void *run(void *argument)
{
    struct slc_api_events *events = argument;
    bool go_on = true;

    while (go_on) {
        struct watcher *arrived, *next;

        go_on = wait(events, &arrived);
        for (; arrived; arrived = next) {
            next = arrived->next;
            welcome(events, arrived);
        }
        for (struct topic **at = &events->topics; *at;) {
            struct topic *topic = *at;

            if (go_on)
                look(topic);
            if (go_on && topic->watchers) {
                at = &topic->next;
            } else {
                *at = topic->next;
                end_topic(topic);
            }
        }
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
