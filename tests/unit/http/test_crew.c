/* Handlers that wait, on threads of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"
#include "http/negotiate.h"
#include "raw_client.h"

enum { CLIENTS = 8, BIG_BYTES = 20000 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside, let_go; /* handlers that wait, and how many may go on */
    atomic_int handled, later;
    pthread_t prompt_thread;
    struct slc_http_pending *hanging;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct fixture fixture;
static struct slc_router *router;
static struct raw_client clients[CLIENTS];
static struct raw_answer got;

static void pass_gate(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.inside++;
    pthread_cond_broadcast(&gate.changed);
    while (gate.let_go == 0)
        pthread_cond_wait(&gate.changed, &gate.lock);
    gate.let_go--;
    gate.inside--;
    pthread_mutex_unlock(&gate.lock);
}

static void wait_inside(int count)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.inside < count)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static void open_gate(int count)
{
    pthread_mutex_lock(&gate.lock);
    gate.let_go += count;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

/* The body back, after a while. */
static SLC_HTTP_HANDLER(slow)
{
    (void)context;
    assert_null(slc_http_request_companion(request));
    pass_gate();
    gate.handled++;
    slc_buf_append_str(slc_http_json(response, 200), request->body);
}

static SLC_HTTP_HANDLER(prompt)
{
    (void)request;
    (void)context;
    gate.prompt_thread = pthread_self();
    slc_http_json_text(response, 200, "\"prompt\"");
}

/* Begins where the connections are. */
static SLC_HTTP_HANDLER(later)
{
    (void)context;
    gate.later++;
    if (slc_http_call_later(request)) {
        assert_true(pthread_equal(gate.prompt_thread, pthread_self()));
        return;
    }
    assert_false(pthread_equal(gate.prompt_thread, pthread_self()));
    slc_http_json_text(response, 200, "\"later\"");
}

/* Answered by another thread, or before the handler has returned. */
static SLC_HTTP_HANDLER(suspended)
{
    struct slc_http_response answer = {0};

    (void)response;
    (void)context;
    slc_http_json_text(&answer, 200, "\"suspended\"");
    slc_http_complete(slc_http_suspend(request), &answer);
    /* What is the request's is still there. */
    assert_string_equal(request->route->pattern, "/suspended");
}

/* Waits without a thread, for ever. */
static SLC_HTTP_HANDLER(hang)
{
    (void)response;
    (void)context;
    gate.hanging = slc_http_suspend(request);
}

static SLC_HTTP_HANDLER(big)
{
    struct slc_buf *json = slc_http_json(response, 200);

    (void)request;
    (void)context;
    for (int i = 0; i < BIG_BYTES; i++)
        slc_buf_append_byte(json, 'x');
    (void)slc_http_set_etag(response, SLC_STR("tag"));
}

static const struct slc_route routes[] = {
    {.method = SLC_HTTP_POST, .pattern = "/slow", .handler = slow},
    {.method = SLC_HTTP_GET, .pattern = "/prompt", .handler = prompt, .prompt = true},
    {.method = SLC_HTTP_GET, .pattern = "/later", .handler = later, .prompt = true},
    {.method = SLC_HTTP_GET, .pattern = "/suspended", .handler = suspended},
    {.method = SLC_HTTP_GET, .pattern = "/big", .handler = big},
    {.method = SLC_HTTP_GET, .pattern = "/hang", .handler = hang, .prompt = true},
};

static void with_crew(struct slc_http_server_options *options)
{
    options->threads = 3;
    options->loops = 1;
    options->router = router;
}

static int start(void **state)
{
    (void)state;
    gate.inside = gate.let_go = 0;
    gate.handled = gate.later = 0;
    router = slc_router_new();
    assert_true(slc_router_add(router, routes, sizeof(routes) / sizeof(*routes), NULL));
    fixture_start(&fixture, with_crew);
    for (size_t i = 0; i < CLIENTS; i++)
        raw_open(&clients[i], fixture.port);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS; i++)
        raw_close(&clients[i]);
    if (fixture.server)
        assert_true(fixture_stop(&fixture, 5000000));
    fixture_release(&fixture);
    slc_router_free(router);
    return 0;
}

static void send_slow(size_t client)
{
    assert_true(raw_send_text(
        &clients[client], "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n\"slow\""));
}

static void send_get(size_t client, const char *path, const char *headers)
{
    char request[256];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, headers);
    assert_true(raw_send_text(&clients[client], request));
}

static void expect(size_t client, const char *body)
{
    raw_read(&clients[client], &got, false);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, body);
}

/* Whoever waits holds up nobody who does not. */
static void test_who_waits(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS - 1; i++)
        send_slow(i);
    wait_inside(2); /* all there are */
    for (int round = 0; round < 20; round++) {
        send_get(CLIENTS - 1, "/prompt", "");
        expect(CLIENTS - 1, "\"prompt\"");
    }
    open_gate(CLIENTS - 1);
    for (size_t i = 0; i < CLIENTS - 1; i++)
        expect(i, "\"slow\"");
    for (size_t i = 0; i < CLIENTS; i++) { /* the connections go on */
        send_get(i, i % 2 ? "/suspended" : "/later", "");
        expect(i, i % 2 ? "\"suspended\"" : "\"later\"");
    }
    assert_int_equal(gate.later, CLIENTS);
}

/* Tags and compression are the same on these threads. */
static void test_negotiated(void **state)
{
    (void)state;
    send_get(0, "/big", "");
    raw_read(&clients[0], &got, false);
    assert_int_equal(got.body_len, BIG_BYTES);
    assert_string_equal(raw_header(&got, "etag"), "\"tag\"");
    send_get(0, "/big", "Accept-Encoding: gzip\r\n");
    raw_read(&clients[0], &got, false);
    assert_true(got.body_len < BIG_BYTES / 10);
    assert_string_equal(raw_header(&got, "content-encoding"), "gzip");
    assert_string_equal(raw_header(&got, "etag"), "\"tag-gzip\"");
    assert_string_equal(raw_header(&got, "vary"), "accept-encoding");
    send_get(0, "/big", "If-None-Match: \"tag-gzip\"\r\n");
    raw_read(&clients[0], &got, true);
    assert_int_equal(got.status, 304);
}

/* A client that goes away in the middle. */
static void test_gone(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        send_slow(i);
    wait_inside(2);
    for (size_t i = 0; i < 4; i++) {
        raw_close(&clients[i]);
        raw_open(&clients[i], fixture.port);
    }
    open_gate(4);
    fixture_wait_records(&fixture, 4);
    send_get(0, "/prompt", "");
    expect(0, "\"prompt\"");
}

static void *stop_quickly(void *argument)
{
    (void)argument;
    assert_false(fixture_stop(&fixture, 0));
    return NULL;
}

/* A stop waits for handlers that run; those that have not begun never do, and their
 * clients are told. */
static void test_quick_stop(void **state)
{
    pthread_t stopping;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        send_slow(i);
        if (i < 2)
            wait_inside((int)i + 1);
    }
    send_get(7, "/hang", "");
    while (slc_http_server_in_flight(fixture.server) < 6)
        (void)poll(NULL, 0, 1);
    assert_int_equal(pthread_create(&stopping, NULL, stop_quickly, NULL), 0);
    raw_read(&clients[7], &got, false); /* then all that wait have been given up */
    assert_int_equal(got.status, 503);
    open_gate(5);
    pthread_join(stopping, NULL);
    slc_http_complete(gate.hanging, NULL);
    assert_int_equal(gate.handled, 2);
    for (size_t i = 0; i < 5; i++) {
        raw_read(&clients[i], &got, false);
        assert_int_equal(got.status, 503);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_waits, start, stop),
        cmocka_unit_test_setup_teardown(test_negotiated, start, stop),
        cmocka_unit_test_setup_teardown(test_gone, start, stop),
        cmocka_unit_test_setup_teardown(test_quick_stop, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
