/* What lives on the server's threads beside the connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/time.h"
#include "fixture.h"
#include "raw_client.h"

enum { CLIENTS = 24, ROUNDS = 50, GONE = 200, WAITING_MAX = GONE + 1, LATE_USEC = 20000 };

/* Requests of one thread are gathered; before it waits a byte for each goes
 * through a pipe, and what comes out of that answers them in order. Those for
 * /late are answered when their time has come, those for /woken by another thread
 * that wakes this one. */
struct courier {
    struct slc_http_loop *loop;
    struct slc_http_pending *gathered[WAITING_MAX], *sent[WAITING_MAX], *late, *woken;
    size_t gathered_count, sent_count;
    int64_t late_usec;
    int ends[2];
};

static struct {
    _Atomic int started, stopped, most_at_once;
    _Atomic(struct courier *) wake_me;
} couriers;

static void answer(struct slc_http_pending *pending, const char *json)
{
    struct slc_http_response response = {0};

    slc_http_json_text(&response, 200, json);
    slc_http_complete(pending, &response);
}

static void *start_courier(void *context, struct slc_http_loop *loop)
{
    struct courier *courier = calloc(1, sizeof(*courier));

    assert_string_equal(context, "the context");
    assert_non_null(courier);
    courier->loop = loop;
    assert_int_equal(pipe2(courier->ends, O_NONBLOCK | O_CLOEXEC), 0);
    couriers.started++;
    return courier;
}

static void before_wait(void *companion, int *fd, short *events, int64_t *deadline_usec)
{
    struct courier *courier = companion;
    char bytes[WAITING_MAX] = {0};

    if (courier->gathered_count) {
        assert_int_equal(write(courier->ends[1], bytes, courier->gathered_count),
                         courier->gathered_count);
        memcpy(&courier->sent[courier->sent_count], courier->gathered,
               courier->gathered_count * sizeof(*courier->gathered));
        if ((int)courier->gathered_count > couriers.most_at_once)
            couriers.most_at_once = (int)courier->gathered_count;
        courier->sent_count += courier->gathered_count;
        courier->gathered_count = 0;
    }
    *fd = courier->ends[0];
    *events = POLLIN;
    if (courier->late)
        *deadline_usec = courier->late_usec;
}

static void after_wait(void *companion, short events)
{
    struct courier *courier = companion;
    char bytes[WAITING_MAX];
    ssize_t got = events & POLLIN ? read(courier->ends[0], bytes, sizeof(bytes)) : 0;

    for (ssize_t i = 0; i < got; i++)
        answer(courier->sent[i], "\"brought\"");
    if (got > 0) {
        courier->sent_count -= (size_t)got;
        memmove(courier->sent, courier->sent + got, courier->sent_count * sizeof(*courier->sent));
    }
    if (courier->late && slc_monotonic_usec() >= courier->late_usec) {
        answer(courier->late, "\"late\"");
        courier->late = NULL;
    }
    if (courier->woken && !couriers.wake_me) {
        answer(courier->woken, "\"woken\"");
        courier->woken = NULL;
    }
}

static void stop_courier(void *companion)
{
    struct courier *courier = companion;

    for (size_t i = 0; i < courier->sent_count; i++)
        answer(courier->sent[i], "\"too late\"");
    close(courier->ends[0]);
    close(courier->ends[1]);
    free(courier);
    couriers.stopped++;
}

static SLC_HTTP_HANDLER(bring)
{
    struct courier *courier = slc_http_request_companion(request);

    (void)response;
    (void)context;
    assert_true(courier->gathered_count + courier->sent_count < WAITING_MAX);
    courier->gathered[courier->gathered_count++] = slc_http_suspend(request);
}

static SLC_HTTP_HANDLER(late)
{
    struct courier *courier = slc_http_request_companion(request);

    (void)response;
    (void)context;
    courier->late_usec = slc_monotonic_usec() + LATE_USEC;
    courier->late = slc_http_suspend(request);
}

static SLC_HTTP_HANDLER(woken)
{
    struct courier *courier = slc_http_request_companion(request);

    (void)response;
    (void)context;
    courier->woken = slc_http_suspend(request);
    couriers.wake_me = courier;
}

/* Answered before the handler has returned. */
static SLC_HTTP_HANDLER(at_once)
{
    (void)response;
    (void)context;
    answer(slc_http_suspend(request), "\"at once\"");
}

static const struct slc_route routes[] = {
    {.method = SLC_HTTP_GET, .pattern = "/bring", .handler = bring},
    {.method = SLC_HTTP_GET, .pattern = "/late", .handler = late},
    {.method = SLC_HTTP_GET, .pattern = "/woken", .handler = woken},
    {.method = SLC_HTTP_GET, .pattern = "/at-once", .handler = at_once},
};

static struct fixture fixture;
static struct slc_router *router;
static struct raw_answer got;

static void with_couriers(struct slc_http_server_options *options)
{
    static char context[] = "the context";

    options->threads = 2;
    options->router = router;
    options->companion = (struct slc_http_companion){.start = start_courier,
                                                     .before_wait = before_wait,
                                                     .after_wait = after_wait,
                                                     .stop = stop_courier,
                                                     .context = context};
}

static int start(void **state)
{
    (void)state;
    memset(&couriers, 0, sizeof(couriers));
    router = slc_router_new();
    assert_true(slc_router_add(router, routes, sizeof(routes) / sizeof(*routes), NULL));
    fixture_start(&fixture, with_couriers);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    assert_true(fixture_stop(&fixture, 5000000));
    assert_int_equal(couriers.started, 2);
    assert_int_equal(couriers.stopped, 2);
    fixture_release(&fixture);
    slc_router_free(router);
    return 0;
}

static void send_get(struct raw_client *client, const char *path)
{
    char request[128];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    assert_true(raw_send_text(client, request));
}

static void expect(struct raw_client *client, const char *body)
{
    raw_read(client, &got, false);
    assert_int_equal(got.status, 200);
    assert_string_equal(got.body, body);
}

/* Many connections at the same time, all answered at the end of each round. */
static void test_gathered(void **state)
{
    static struct raw_client clients[CLIENTS];

    (void)state;
    for (size_t i = 0; i < CLIENTS; i++)
        raw_open(&clients[i], fixture.port);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < CLIENTS; i++)
            send_get(&clients[i], i % 4 == 3 ? "/at-once" : "/bring");
        for (size_t i = 0; i < CLIENTS; i++)
            expect(&clients[i], i % 4 == 3 ? "\"at once\"" : "\"brought\"");
    }
    for (size_t i = 0; i < CLIENTS; i++)
        raw_close(&clients[i]);
    assert_true(couriers.most_at_once > 0);
}

/* By a deadline, while its connection sleeps; others go on meanwhile. */
static void test_deadline_and_wake(void **state)
{
    static struct raw_client patient, waiting, other;
    struct courier *courier;

    (void)state;
    raw_open(&patient, fixture.port);
    raw_open(&waiting, fixture.port);
    raw_open(&other, fixture.port);
    for (int round = 0; round < 3; round++) {
        send_get(&patient, "/late");
        send_get(&waiting, "/woken");
        send_get(&other, "/bring");
        expect(&other, "\"brought\"");
        expect(&patient, "\"late\"");
        while (!(courier = couriers.wake_me))
            (void)poll(NULL, 0, 1);
        couriers.wake_me = NULL;
        slc_http_loop_wake(courier->loop);
        expect(&waiting, "\"woken\"");
    }
    raw_close(&patient);
    raw_close(&waiting);
    raw_close(&other);
}

/* Who went away meanwhile is forgotten, and his answer dropped. */
static void test_gone(void **state)
{
    static struct raw_client client;

    (void)state;
    for (int i = 0; i < GONE; i++) {
        raw_open(&client, fixture.port);
        send_get(&client, "/bring");
        raw_close(&client);
    }
    raw_open(&client, fixture.port);
    send_get(&client, "/bring");
    expect(&client, "\"brought\"");
    raw_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gathered, start, stop),
        cmocka_unit_test_setup_teardown(test_deadline_and_wake, start, stop),
        cmocka_unit_test_setup_teardown(test_gone, start, stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
