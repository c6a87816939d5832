/* What the server does with well-behaved clients: routing, the middleware's
 * order, suspending, records, stopping. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "fixture.h"
#include "raw_client.h"

static struct fixture fixture;
static struct raw_answer answer;
static struct raw_client client;

#define HOST "Host: localhost\r\n"

static int start(void **state)
{
    (void)state;
    fixture_start(&fixture, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    assert_true(fixture_stop(&fixture, 10 * SLC_USEC_PER_SEC));
    fixture_release(&fixture);
    return 0;
}

static void call(const char *request)
{
    raw_call(fixture.port, request, &answer);
}

static void test_get(void **state)
{
    struct fixture_record *record;

    (void)state;
    call("GET /hello?x=1 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "{\"hello\":\"world\"}");
    assert_string_equal(raw_header(&answer, "content-length"), "17");
    assert_string_equal(raw_header(&answer, "content-type"), "application/json");
    assert_string_not_equal(raw_header(&answer, "Date"), "");
    assert_int_equal(strlen(raw_header(&answer, "x-request-id")), 32);
    record = fixture_wait_records(&fixture, 1);
    assert_string_equal(record->method, "GET");
    assert_string_equal(record->path, "/hello");
    assert_string_equal(record->route, "/hello");
    assert_string_equal(record->client, "127.0.0.1");
    assert_string_equal(record->id, raw_header(&answer, "x-request-id"));
    assert_int_equal(record->status, 200);
    assert_int_equal(record->response_bytes, 17);
    assert_true(record->complete);
}

static void test_head(void **state)
{
    struct fixture_record *record;

    (void)state;
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client, "HEAD /hello HTTP/1.1\r\n" HOST "\r\n"
                                       "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    raw_read(&client, &answer, true);
    assert_int_equal(answer.status, 200);
    assert_string_equal(raw_header(&answer, "content-length"), "17");
    raw_read(&client, &answer, false); /* no body of the first one in between */
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "{\"hello\":\"world\"}");
    raw_close(&client);
    record = fixture_wait_records(&fixture, 2) - 1;
    assert_string_equal(record->method, "HEAD");
    assert_int_equal(record->response_bytes, 0);
}

static void test_not_found_and_wrong_method(void **state)
{
    (void)state;
    call("GET /nothing HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 404);
    assert_string_equal(answer.body, "{\"detail\":\"Not Found\"}");
    assert_string_equal(raw_header(&answer, "content-type"), "application/json");
    call("DELETE /locked HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 405);
    assert_string_equal(answer.body, "{\"detail\":\"Method Not Allowed\"}");
    assert_string_equal(raw_header(&answer, "allow"), "GET, HEAD, POST");
    call("BREW /hello HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 405);
    assert_string_equal(fixture_wait_records(&fixture, 3)->route, "");
}

static void test_no_content_and_failure(void **state)
{
    (void)state;
    call("GET /empty HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer.body, "");
    assert_string_equal(raw_header(&answer, "content-type"), "");
    call("GET /failed HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 500);
    assert_string_equal(answer.body, "{\"detail\":\"Internal Server Error\"}");
}

static void test_echo(void **state)
{
    (void)state;
    call("POST /echo HTTP/1.1\r\n" HOST
         "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\n?a=1&b=2");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "?a=1&b=2");
    assert_int_equal(fixture_wait_records(&fixture, 1)->request_bytes, 8);
    call("POST /echo HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "");
    assert_string_equal(raw_header(&answer, "content-length"), "0");
}

static void test_chunked(void **state)
{
    (void)state;
    call("POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
         "3\r\nabc\r\n1\r\n\n\r\nA\r\n0123456789\r\n0\r\n\r\n");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "abc\n0123456789");
}

static void test_request_ids(void **state)
{
    static const char *const bad[] = {"a b",
                                      "a\"b",
                                      "\xc3\xa4",
                                      "a,b",
                                      "",
                                      "01234567890123456789012345678901234567890123456789012345"
                                      "678901234"};
    char request[512];

    (void)state;
    call("GET /hello HTTP/1.1\r\n" HOST "X-Request-ID: My_id-1.2\r\n\r\n");
    assert_string_equal(raw_header(&answer, "x-request-id"), "My_id-1.2");
    assert_string_equal(fixture_wait_records(&fixture, 1)->id, "My_id-1.2");
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        snprintf(request, sizeof(request),
                 "GET /hello HTTP/1.1\r\n" HOST "X-Request-ID: %s\r\n\r\n", bad[i]);
        call(request);
        assert_int_equal(answer.status, 200);
        assert_int_equal(strlen(raw_header(&answer, "x-request-id")), 32);
    }
}

static void test_access(void **state)
{
    char request[512], cookie[128];

    (void)state;
    call("GET /locked HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 401);
    assert_string_equal(answer.body, "{\"detail\":\"Not authenticated\"}");
    assert_string_equal(raw_header(&answer, "www-authenticate"), "Bearer");
    call("GET /locked HTTP/1.1\r\n" HOST "Authorization: Bearer sesame\r\n\r\n");
    assert_int_equal(answer.status, 200);
    call("GET /locked HTTP/1.1\r\n" HOST "Authorization: Bearer wrong\r\n\r\n");
    assert_int_equal(answer.status, 401);
    /* the body of a request that is turned away is not echoed, kept, or left
     * in the stream */
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client,
                              "POST /locked HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
                              "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 401);
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 200);
    raw_close(&client);

    call("POST /login?key=sesame HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 200);
    assert_int_equal(sscanf(raw_header(&answer, "set-cookie"), "%127[^;]", cookie), 1);
    call("GET /locked HTTP/1.1\r\n" HOST "\r\n"); /* by its address */
    assert_int_equal(answer.status, 200);
    call("GET /locked HTTP/1.1\r\n" HOST "Origin: http://evil.example\r\n\r\n");
    assert_int_equal(answer.status, 401);
    call("GET /locked HTTP/1.1\r\n" HOST "Sec-Fetch-Site: cross-site\r\n\r\n");
    assert_int_equal(answer.status, 401);
    call("GET /locked HTTP/1.1\r\n" HOST "Origin: http://localhost\r\n\r\n");
    assert_int_equal(answer.status, 200);
    /* a browser without HTTPS does not say whose page a picture is on */
    call("GET /locked HTTP/1.1\r\n" HOST "User-Agent: Mozilla/5.0 (X11)\r\n\r\n");
    assert_int_equal(answer.status, 401);
    call("GET /locked HTTP/1.1\r\n" HOST
         "User-Agent: Mozilla/5.0 (X11)\r\nSec-Fetch-Site: same-origin\r\n\r\n");
    assert_int_equal(answer.status, 200);
    call("GET /locked HTTP/1.1\r\n" HOST
         "User-Agent: Mozilla/5.0 (X11)\r\nOrigin: http://localhost\r\n\r\n");
    assert_int_equal(answer.status, 200);
    call("GET /locked HTTP/1.1\r\n" HOST "User-Agent: curl/8.5.0\r\n\r\n");
    assert_int_equal(answer.status, 200);
    fixture.now += 599 * SLC_USEC_PER_SEC;
    snprintf(request, sizeof(request), "GET /locked HTTP/1.1\r\n" HOST "Cookie: a=b; %s\r\n\r\n",
             cookie);
    call(request);
    assert_int_equal(answer.status, 200);
    fixture.now += SLC_USEC_PER_SEC;
    call(request);
    assert_int_equal(answer.status, 401);
}

static void test_guessing(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        call("POST /login?key=x HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(answer.status, 401);
    }
    call("POST /login?key=sesame HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 429);
    assert_string_equal(raw_header(&answer, "retry-after"), "1");
    call("GET /registry HTTP/1.1\r\n" HOST "Authorization: Bearer sesame\r\n\r\n");
    assert_int_equal(answer.status, 429);
    assert_string_equal(answer.body, "{\"registry\":\"blocked\"}");
    assert_string_equal(raw_header(&answer, "retry-after"), "1");
    fixture.now += SLC_USEC_PER_SEC;
    call("POST /login?key=sesame HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 200);
}

static void test_limits(void **state)
{
    (void)state;
    for (int i = 2; i >= 0; i--) {
        char left[8];

        call("GET /limited HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(answer.status, 200);
        snprintf(left, sizeof(left), "%d", i);
        assert_string_equal(raw_header(&answer, "x-ratelimit-remaining"), left);
        assert_string_equal(raw_header(&answer, "x-ratelimit-limit"), "3");
        assert_string_equal(raw_header(&answer, "x-ratelimit-reset"), "1010");
        assert_string_equal(raw_header(&answer, "retry-after"), "");
    }
    call("GET /limited HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 429);
    assert_string_equal(answer.body, "{\"detail\":\"Rate limit exceeded: 3 per 10 second\"}");
    assert_string_equal(raw_header(&answer, "retry-after"), "10");
    /* HEAD counts as its GET; other endpoints count by themselves */
    call("HEAD /limited HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 429);
    for (int i = 0; i < 3; i++) {
        call("GET /registry HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(answer.status, 401);
        assert_string_equal(answer.body, "{\"registry\":\"blocked\"}");
    }
    /* the rate limit comes before access */
    call("GET /registry HTTP/1.1\r\n" HOST "Authorization: Bearer sesame\r\n\r\n");
    assert_int_equal(answer.status, 429);
    assert_string_equal(answer.body, "{\"registry\":\"blocked\"}");
    fixture.now += 10 * SLC_USEC_PER_SEC;
    call("GET /registry HTTP/1.1\r\n" HOST "Authorization: Bearer sesame\r\n\r\n");
    assert_int_equal(answer.status, 200);
}

static struct slc_trusted_proxies proxies;

static void trust_loopback(struct slc_http_server_options *options)
{
    assert_true(slc_trusted_proxies_parse(SLC_STR("127.0.0.0/8"), &proxies, NULL));
    options->trusted_proxies = &proxies;
}

static void test_proxy(void **state)
{
    (void)state;
    call("GET /hello HTTP/1.1\r\n" HOST "X-Forwarded-For: 192.0.2.7\r\n\r\n");
    assert_string_equal(fixture_wait_records(&fixture, 1)->client, "127.0.0.1");
    stop(NULL);
    fixture_start(&fixture, trust_loopback);
    call("GET /hello HTTP/1.1\r\n" HOST "X-Forwarded-For: 10.0.0.1, 192.0.2.7\r\n"
         "X-Forwarded-For: 127.0.0.1\r\n\r\n");
    assert_string_equal(fixture_wait_records(&fixture, 1)->client, "192.0.2.7");
    stop(NULL);
    slc_trusted_proxies_release(&proxies);
    start(NULL);
}

/* A proxy sends calls of different clients over one connection. */
static void test_proxy_keeps_its_connection(void **state)
{
    static const char *const clients[] = {"192.0.2.7", "192.0.2.8", "192.0.2.7"};
    struct raw_client proxy;

    (void)state;
    stop(NULL);
    fixture_start(&fixture, trust_loopback);
    raw_open(&proxy, fixture.port);
    for (size_t i = 0; i < 3; i++) {
        char request[160];

        snprintf(request, sizeof(request),
                 "GET /hello HTTP/1.1\r\n" HOST "X-Forwarded-For: %s\r\n\r\n", clients[i]);
        assert_true(raw_send_text(&proxy, request));
        raw_read(&proxy, &answer, false);
        assert_string_equal(fixture_wait_records(&fixture, i + 1)->client, clients[i]);
    }
    raw_close(&proxy);
    stop(NULL);
    slc_trusted_proxies_release(&proxies);
    start(NULL);
}

static void one_thread(struct slc_http_server_options *options)
{
    options->threads = 1;
}

/* One thread alone, and it stays free while thirty requests wait. */
static void test_suspend(void **state)
{
    static struct raw_client waiting[30];

    (void)state;
    stop(NULL);
    fixture_start(&fixture, one_thread);
    for (size_t i = 0; i < 30; i++) {
        raw_open(&waiting[i], fixture.port);
        assert_true(raw_send_text(&waiting[i], i % 2 ? "GET /slow HTTP/1.1\r\n" HOST "\r\n"
                                                     : "POST /slow HTTP/1.1\r\n" HOST
                                                       "Content-Length: 3\r\n\r\na=b"));
        fixture_wait_suspended(&fixture, i + 1);
    }
    assert_int_equal(slc_http_server_in_flight(fixture.server), 30);
    call("GET /hello HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 200);
    for (size_t i = 30; i > 0; i--) {
        char json[32];

        assert_false(slc_http_pending_is_abandoned(fixture.waiting[i - 1]));
        snprintf(json, sizeof(json), "{\"n\":%zu}", i);
        fixture_answer(&fixture, i - 1, json);
        raw_read(&waiting[i - 1], &answer, false);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, json);
    }
    /* the connections go on */
    for (size_t i = 0; i < 30; i++) {
        assert_true(raw_send_text(&waiting[i], "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
        raw_read(&waiting[i], &answer, false);
        assert_int_equal(answer.status, 200);
        raw_close(&waiting[i]);
    }
}

static void test_suspend_pipelined(void **state)
{
    (void)state;
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client, "GET /slow HTTP/1.1\r\n" HOST "\r\n"
                                       "GET /hello HTTP/1.1\r\n" HOST "\r\n"
                                       "GET /slow HTTP/1.1\r\n" HOST "\r\n"));
    fixture_wait_suspended(&fixture, 1);
    slc_http_complete(fixture.waiting[0], NULL);
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 500);
    raw_read(&client, &answer, false);
    assert_string_equal(answer.body, "{\"hello\":\"world\"}");
    fixture_wait_suspended(&fixture, 2);
    fixture_answer(&fixture, 1, "[2]");
    raw_read(&client, &answer, false);
    assert_string_equal(answer.body, "[2]");
    raw_close(&client);
}

static void test_client_goes_away(void **state)
{
    struct fixture_record *record;

    (void)state;
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client, "GET /slow HTTP/1.1\r\n" HOST "\r\n"));
    fixture_wait_suspended(&fixture, 1);
    assert_false(slc_http_pending_is_abandoned(fixture.waiting[0]));
    raw_close(&client);
    while (!slc_http_pending_is_abandoned(fixture.waiting[0]))
        ;
    fixture_answer(&fixture, 0, "{}");
    record = fixture_wait_records(&fixture, 1);
    assert_string_equal(record->route, "/slow");
    /* a reset, too */
    raw_open(&client, fixture.port);
    assert_int_equal(setsockopt(client.fd, SOL_SOCKET, SO_LINGER,
                                &(struct linger){.l_onoff = 1, .l_linger = 0},
                                sizeof(struct linger)),
                     0);
    assert_true(raw_send_text(&client, "GET /slow HTTP/1.1\r\n" HOST "\r\n"));
    fixture_wait_suspended(&fixture, 2);
    raw_close(&client);
    fixture_answer(&fixture, 1, "{}");
    fixture_wait_records(&fixture, 2);
    call("GET /hello HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 200);
}

static void *complete_all(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < 60; i++) {
        fixture_wait_suspended(&fixture, i + 1);
        fixture_answer(&fixture, i, "{}");
    }
    return NULL;
}

/* Answers that come while the handler is still returning. */
static void test_suspend_race(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, complete_all, NULL), 0);
    raw_open(&client, fixture.port);
    for (size_t i = 0; i < 60; i++) {
        assert_true(raw_send_text(&client, "GET /slow HTTP/1.1\r\n" HOST "\r\n"));
        raw_read(&client, &answer, false);
        assert_int_equal(answer.status, 200);
    }
    raw_close(&client);
    pthread_join(thread, NULL);
}

struct stopping {
    pthread_t thread;
    int64_t graceful_usec;
    bool clean;
};

static void *stop_in_thread(void *arg)
{
    struct stopping *stopping = arg;

    stopping->clean = fixture_stop(&fixture, stopping->graceful_usec);
    return NULL;
}

/* True when nobody accepts connections at the port any more (asked until so). */
static void wait_refused(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        bool refused = connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0;

        close(fd);
        if (refused)
            return;
    }
}

static void test_graceful_stop(void **state)
{
    static struct raw_client idle;
    struct stopping stopping = {.graceful_usec = 60 * SLC_USEC_PER_SEC};

    (void)state;
    fixture_start(&fixture, NULL);
    raw_open(&idle, fixture.port);
    assert_true(raw_send_text(&idle, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
    raw_read(&idle, &answer, false);
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client, "GET /slow HTTP/1.1\r\n" HOST "\r\n"));
    fixture_wait_suspended(&fixture, 1);
    assert_int_equal(pthread_create(&stopping.thread, NULL, stop_in_thread, &stopping), 0);
    /* a connection that was there is served, and closed when the stop is seen */
    do {
        if (!raw_send_text(&idle, "GET /hello HTTP/1.1\r\n" HOST "\r\n"))
            fail();
        raw_read(&idle, &answer, false);
        assert_int_equal(answer.status, 200);
    } while (strcmp(raw_header(&answer, "Connection"), "close") != 0);
    assert_true(raw_is_at_end(&idle));
    raw_close(&idle);
    fixture_answer(&fixture, 0, "[1]");
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "[1]");
    assert_true(raw_is_at_end(&client));
    raw_close(&client);
    pthread_join(stopping.thread, NULL);
    assert_true(stopping.clean);
    wait_refused(fixture.port);
    fixture_release(&fixture);
}

static void test_quick_stop(void **state)
{
    (void)state;
    fixture_start(&fixture, NULL);
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client, "GET /slow HTTP/1.1\r\n" HOST "\r\n"));
    fixture_wait_suspended(&fixture, 1);
    assert_false(fixture_stop(&fixture, 0));
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer.body, "{\"detail\":\"Service Unavailable\"}");
    assert_string_equal(raw_header(&answer, "retry-after"), "1");
    raw_close(&client);
    /* the worker comes back when all is over */
    assert_true(slc_http_pending_is_abandoned(fixture.waiting[0]));
    fixture_answer(&fixture, 0, "{}");
    fixture_release(&fixture);
}

static int inherited;

static void inherit(struct slc_http_server_options *options)
{
    options->listen_fd = inherited;
    options->port = 1;
}

static void test_inherited_socket(void **state)
{
    static struct fixture other;

    (void)state;
    inherited = slc_http_listen("127.0.0.1", 0, NULL);
    assert_true(inherited >= 0);
    fixture_start(&fixture, inherit);
    fixture_start(&other, inherit);
    assert_int_equal(fixture.port, other.port);
    for (int i = 0; i < 20; i++) {
        call("GET /hello HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(answer.status, 200);
    }
    /* one stops, the other goes on with the same socket */
    assert_true(fixture_stop(&fixture, 10 * SLC_USEC_PER_SEC));
    for (int i = 0; i < 20; i++) {
        raw_call(other.port, "GET /hello HTTP/1.1\r\n" HOST "\r\n", &answer);
        assert_int_equal(answer.status, 200);
    }
    assert_true(fixture_stop(&other, 10 * SLC_USEC_PER_SEC));
    fixture_release(&fixture);
    fixture_release(&other);
    close(inherited);
}

static void bind_v6(struct slc_http_server_options *options)
{
    options->bind_address = "::";
}

static void test_ipv6(void **state)
{
    (void)state;
    fixture_start(&fixture, bind_v6);
    raw_open_v6(&client, fixture.port);
    assert_true(raw_send_text(&client, "GET /hello HTTP/1.1\r\nHost: [::1]\r\n\r\n"));
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 200);
    raw_close(&client);
    assert_string_equal(fixture_wait_records(&fixture, 1)->client, "::1");
    call("GET /hello HTTP/1.1\r\n" HOST "\r\n"); /* IPv4 on the same socket */
    assert_int_equal(answer.status, 200);
    assert_string_equal(fixture_wait_records(&fixture, 2)->client, "127.0.0.1");
    stop(NULL);
}

static void test_bad_starts(void **state)
{
    static const struct slc_route locked = {
        .pattern = "/x",
        .access = SLC_ACCESS_SESSION,
        .handler =
            (void (*)(struct slc_http_request *, struct slc_http_response *, void *))(void *)abort};
    struct slc_http_server_options options;
    struct slc_error error = {0};

    (void)state;
    start(NULL);
    slc_http_server_options_init(&options);
    options.router = fixture.router;
    options.sessions = fixture.sessions;
    options.port = fixture.port;
    assert_null(slc_http_server_start(&options, &error));
    assert_int_equal(error.code, SLC_ERR_CONFLICT);
    options.bind_address = "nowhere";
    slc_error_clear(&error);
    assert_null(slc_http_server_start(&options, &error));
    assert_int_equal(error.code, SLC_ERR_CONFIG);
    assert_true(slc_router_add(fixture.router, &locked, 1, NULL));
    options.bind_address = "127.0.0.1";
    options.port = 0;
    options.sessions = NULL;
    slc_error_clear(&error);
    assert_null(slc_http_server_start(&options, &error));
    assert_int_equal(error.code, SLC_ERR_CONFIG);
    stop(NULL);
    assert_true(slc_http_server_stop(NULL, 0, 0));
}

/* With an argument: handlers on threads of their own. */
int main(int argc, char *argv[])
{
    (void)argv;
    fixture_loops = argc > 1 ? 1 : 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, start, stop),
        cmocka_unit_test_setup_teardown(test_head, start, stop),
        cmocka_unit_test_setup_teardown(test_not_found_and_wrong_method, start, stop),
        cmocka_unit_test_setup_teardown(test_no_content_and_failure, start, stop),
        cmocka_unit_test_setup_teardown(test_echo, start, stop),
        cmocka_unit_test_setup_teardown(test_chunked, start, stop),
        cmocka_unit_test_setup_teardown(test_request_ids, start, stop),
        cmocka_unit_test_setup_teardown(test_access, start, stop),
        cmocka_unit_test_setup_teardown(test_guessing, start, stop),
        cmocka_unit_test_setup_teardown(test_limits, start, stop),
        cmocka_unit_test_setup_teardown(test_proxy, start, stop),
        cmocka_unit_test_setup_teardown(test_proxy_keeps_its_connection, start, stop),
        cmocka_unit_test_setup_teardown(test_suspend, start, stop),
        cmocka_unit_test_setup_teardown(test_suspend_pipelined, start, stop),
        cmocka_unit_test_setup_teardown(test_suspend_race, start, stop),
        cmocka_unit_test_setup_teardown(test_client_goes_away, start, stop),
        cmocka_unit_test(test_graceful_stop),
        cmocka_unit_test(test_quick_stop),
        cmocka_unit_test(test_inherited_socket),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_bad_starts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
