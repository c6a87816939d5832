#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/time.h"

static SLC_HTTP_HANDLER(hello)
{
    (void)request;
    (void)context;
    slc_http_json_text(response, 200, "{\"hello\":\"world\"}");
}

static SLC_HTTP_HANDLER(echo)
{
    (void)context;
    slc_buf_append_str(&response->body, request->body);
}

static SLC_HTTP_HANDLER(parts)
{
    (void)context;
    slc_json_string(slc_http_json(response, 200), slc_http_request_part(request, "name"));
}

static SLC_HTTP_HANDLER(slow)
{
    struct fixture *fixture = context;

    (void)response;
    pthread_mutex_lock(&fixture->lock);
    if (fixture->waiting_count < 64)
        fixture->waiting[fixture->waiting_count++] = slc_http_suspend(request);
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

static SLC_HTTP_HANDLER(inject)
{
    struct slc_str value = {0};

    (void)context;
    (void)slc_params_text(slc_http_request_params(request), "v", SLC_PARAM_OPTIONAL, 0, 4096,
                          &value);
    if (!slc_http_set_header(response, "x-echo", value))
        slc_http_detail(response, 400, "refused");
    else
        slc_json_string(slc_http_json(response, 200), value);
}

static SLC_HTTP_HANDLER(empty)
{
    (void)request;
    (void)context;
    response->status = 204;
}

static SLC_HTTP_HANDLER(failed)
{
    (void)request;
    (void)context;
    slc_buf_append_text(slc_http_json(response, 200), "{\"half\":");
    response->body.failed = true;
}

static SLC_HTTP_HANDLER(login)
{
    struct fixture *fixture = context;
    struct slc_str key = SLC_STR("");
    struct slc_session_caller caller = slc_session_caller_of(request);
    char cookie[SLC_SESSION_COOKIE_BYTES];
    int64_t retry_after_sec = 0;

    (void)slc_params_text(slc_http_request_params(request), "key", SLC_PARAM_OPTIONAL, 0, 99, &key);
    switch (slc_session_approve(fixture->sessions, &caller, key, cookie, &retry_after_sec)) {
    case SLC_SESSION_APPROVED:
        slc_http_set_header(response, "set-cookie", slc_str_from(cookie));
        slc_http_json_text(response, 200, "{}");
        break;
    case SLC_SESSION_SLOWED:
        slc_http_detail(response, 429, "slowly");
        slc_http_set_retry_after(response, retry_after_sec);
        break;
    default:
        slc_http_detail(response, 401, "no");
    }
}

static const struct slc_route routes[] = {
    {.method = SLC_HTTP_GET, .pattern = "/hello", .handler = hello},
    {.method = SLC_HTTP_POST, .pattern = "/echo", .handler = echo},
    {.method = SLC_HTTP_GET, .pattern = "/parts/{name}", .handler = parts},
    {.method = SLC_HTTP_GET, .pattern = "/locked", .access = SLC_ACCESS_SESSION, .handler = hello},
    {.method = SLC_HTTP_POST, .pattern = "/locked", .access = SLC_ACCESS_SESSION, .handler = echo},
    {.method = SLC_HTTP_GET,
     .pattern = "/registry",
     .access = SLC_ACCESS_SESSION,
     .limited = true,
     .blocked_body = "{\"registry\":\"blocked\"}",
     .handler = hello},
    {.method = SLC_HTTP_GET, .pattern = "/limited", .limited = true, .handler = hello},
    {.method = SLC_HTTP_GET, .pattern = "/slow", .handler = slow},
    {.method = SLC_HTTP_POST, .pattern = "/slow", .handler = slow},
    {.method = SLC_HTTP_GET, .pattern = "/inject", .handler = inject},
    {.method = SLC_HTTP_GET, .pattern = "/empty", .handler = empty},
    {.method = SLC_HTTP_GET, .pattern = "/failed", .handler = failed},
    {.method = SLC_HTTP_POST, .pattern = "/login", .handler = login},
};

static int64_t read_clock(void *clock_state)
{
    return *(int64_t *)clock_state;
}

static void note(void *done_state, const struct slc_http_record *record)
{
    struct fixture *fixture = done_state;
    struct fixture_record *to;

    pthread_mutex_lock(&fixture->lock);
    to = &fixture->records[fixture->record_count < FIXTURE_RECORDS ? fixture->record_count
                                                                   : FIXTURE_RECORDS - 1];
    snprintf(to->method, sizeof(to->method), "%.*s", SLC_STR_ARG(record->method));
    snprintf(to->path, sizeof(to->path), "%.*s", SLC_STR_ARG(record->path));
    snprintf(to->route, sizeof(to->route), "%s", record->route ? record->route->pattern : "");
    snprintf(to->client, sizeof(to->client), "%s", record->client->text);
    snprintf(to->id, sizeof(to->id), "%s", record->request_id);
    to->status = record->status;
    to->complete = record->complete;
    to->request_bytes = record->request_bytes;
    to->response_bytes = record->response_bytes;
    fixture->record_count++;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

unsigned fixture_loops;

void fixture_start(struct fixture *fixture, void (*change)(struct slc_http_server_options *))
{
    struct slc_http_server_options options;
    struct slc_auth_key key;
    struct slc_error error = {0};

    memset(fixture, 0, sizeof(*fixture));
    fixture->now = 1000 * SLC_USEC_PER_SEC;
    pthread_mutex_init(&fixture->lock, NULL);
    pthread_cond_init(&fixture->changed, NULL);
    assert_true(slc_auth_key_make(SLC_STR("sesame"), &key, NULL));
    fixture->sessions =
        slc_sessions_new(&(struct slc_sessions_options){.keys = &key,
                                                        .key_count = 1,
                                                        .address_ttl_sec = 600,
                                                        .clock = read_clock,
                                                        .clock_state = &fixture->now},
                         NULL);
    fixture->limits =
        slc_limits_new(&(struct slc_limits_options){.rate = {.amount = 3, .window_sec = 10},
                                                    .clock = read_clock,
                                                    .clock_state = &fixture->now});
    fixture->router = slc_router_new();
    assert_true(slc_router_add(fixture->router, routes, sizeof(routes) / sizeof(*routes), NULL));
    slc_http_server_options_init(&options);
    options.port = 0;
    options.router = fixture->router;
    options.sessions = fixture->sessions;
    options.limits = fixture->limits;
    options.context = fixture;
    options.on_done = note;
    options.done_state = fixture;
    options.body_max_bytes = 100000;
    options.headers_max_bytes = 4096;
    options.loops = fixture_loops;
    if (change)
        change(&options);
    fixture->server = slc_http_server_start(&options, &error);
    if (!fixture->server)
        fail_msg("%s", error.message);
    fixture->port = slc_http_server_port(fixture->server);
}

bool fixture_stop(struct fixture *fixture, int64_t graceful_usec)
{
    bool clean = slc_http_server_stop(fixture->server, graceful_usec, 0);

    fixture->server = NULL;
    return clean;
}

void fixture_release(struct fixture *fixture)
{
    slc_sessions_free(fixture->sessions);
    slc_limits_free(fixture->limits);
    slc_router_free(fixture->router);
    pthread_cond_destroy(&fixture->changed);
    pthread_mutex_destroy(&fixture->lock);
}

void fixture_wait_suspended(struct fixture *fixture, size_t count)
{
    pthread_mutex_lock(&fixture->lock);
    while (fixture->waiting_count < count)
        pthread_cond_wait(&fixture->changed, &fixture->lock);
    pthread_mutex_unlock(&fixture->lock);
}

void fixture_answer(struct fixture *fixture, size_t index, const char *json)
{
    struct slc_http_response response = {0};
    struct slc_http_pending *pending;

    pthread_mutex_lock(&fixture->lock);
    pending = fixture->waiting[index];
    pthread_mutex_unlock(&fixture->lock);
    slc_http_json_text(&response, 200, json);
    slc_http_complete(pending, &response);
    assert_int_equal(response.body.len, 0);
}

struct fixture_record *fixture_wait_records(struct fixture *fixture, size_t count)
{
    pthread_mutex_lock(&fixture->lock);
    while (fixture->record_count < count)
        pthread_cond_wait(&fixture->changed, &fixture->lock);
    pthread_mutex_unlock(&fixture->lock);
    return &fixture->records[count - 1];
}
