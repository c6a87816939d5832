/* What the server does with hostile bytes: it answers rightly or closes, goes
 * on serving, and (under the sanitizers) neither leaks nor breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

/* libmicrohttpd 0.9 does not always notice that a client has closed in the
 * middle of a body; the idle timeout ends it then. */
static void impatient(struct slc_http_server_options *options)
{
    options->idle_timeout_sec = 1;
}

static int start_impatient(void **state)
{
    (void)state;
    fixture_start(&fixture, impatient);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    (void)fixture_stop(&fixture, 10 * SLC_USEC_PER_SEC);
    fixture_release(&fixture);
    return 0;
}

static void call(const char *request)
{
    raw_call(fixture.port, request, &answer);
}

static void expect_alive(void)
{
    call("GET /hello HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 200);
}

static void test_pipelined(void **state)
{
    static char requests[200 * 64];
    size_t len = 0;

    (void)state;
    for (int i = 0; i < 200; i++)
        len += (size_t)snprintf(requests + len, sizeof(requests) - len,
                                "GET /parts/%d HTTP/1.1\r\n" HOST "\r\n", i);
    raw_open(&client, fixture.port);
    assert_true(raw_send(&client, requests, len));
    for (int i = 0; i < 200; i++) {
        char expected[16];

        raw_read(&client, &answer, false);
        snprintf(expected, sizeof(expected), "\"%d\"", i);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, expected);
    }
    raw_close(&client);
}

/* One byte after the other. */
static void test_dripping(void **state)
{
    static const char request[] =
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n0\r\n\r\n"
        "GET /parts/%C3%A4 HTTP/1.1\r\n" HOST "\r\n";

    (void)state;
    raw_open(&client, fixture.port);
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        assert_true(raw_send(&client, request + i, 1));
    raw_read(&client, &answer, false);
    assert_string_equal(answer.body, "abc");
    raw_read(&client, &answer, false);
    assert_string_equal(answer.body, "\"\xc3\xa4\"");
    raw_close(&client);
}

static void test_large_headers(void **state)
{
    static char request[600000];
    static const size_t sizes[] = {5000, 9000, 20000, 60000, 500000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        size_t len =
            (size_t)snprintf(request, sizeof(request), "GET /hello HTTP/1.1\r\n" HOST "X: ");

        memset(request + len, 'x', sizes[i]);
        memcpy(request + len + sizes[i], "\r\n\r\n", 5);
        raw_open(&client, fixture.port);
        /* it may close before it has read it all */
        (void)raw_send(&client, request, len + sizes[i] + 4);
        raw_read(&client, &answer, false);
        if (i < 2) {
            assert_int_equal(answer.status, 431);
            assert_string_equal(answer.body, "{\"detail\":\"Request Header Fields Too Large\"}");
            assert_string_equal(raw_header(&answer, "Connection"), "close");
        } else if (answer.status != 0) {
            assert_in_set(answer.status, ((uintmax_t[]){431, 413, 400}), 3);
        }
        raw_close(&client);
    }
    /* many short ones */
    {
        size_t len = (size_t)snprintf(request, sizeof(request), "GET /hello HTTP/1.1\r\n" HOST);

        for (int i = 0; i < 200; i++)
            len += (size_t)snprintf(request + len, sizeof(request) - len, "A%d: 1\r\n", i);
        memcpy(request + len, "\r\n", 3);
        call(request);
        assert_int_equal(answer.status, 431);
    }
    /* a long target */
    {
        size_t len = (size_t)snprintf(request, sizeof(request), "GET /hello?");

        memset(request + len, 'q', 6000);
        snprintf(request + len + 6000, 100, " HTTP/1.1\r\n" HOST "\r\n");
        call(request);
        assert_in_set(answer.status, ((uintmax_t[]){431, 414}), 2);
    }
    expect_alive();
}

static void test_large_bodies(void **state)
{
    static char body[200000];
    char request[256];

    (void)state;
    memset(body, 'b', sizeof(body));
    /* the largest that is allowed, and one more */
    for (size_t len = 100000; len <= 100001; len++) {
        raw_open(&client, fixture.port);
        snprintf(request, sizeof(request),
                 "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", len);
        assert_true(raw_send_text(&client, request));
        assert_true(raw_send(&client, body, len));
        raw_read(&client, &answer, false);
        assert_int_equal(answer.status, len == 100000 ? 200 : 413);
        if (answer.status == 413)
            assert_string_equal(answer.body, "{\"detail\":\"Content Too Large\"}");
        else
            assert_int_equal(answer.body_len, len);
        /* what was dropped is not taken for a request */
        assert_true(raw_send_text(&client, "GET /hello HTTP/1.1\r\n" HOST "\r\n"));
        raw_read(&client, &answer, false);
        assert_int_equal(answer.status, 200);
        raw_close(&client);
    }
    /* one that nobody wants to read: answered at once, closed */
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client, "POST /echo HTTP/1.1\r\n" HOST
                                       "Content-Length: 99999999999\r\n\r\nx"));
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 413);
    assert_string_equal(answer.body, "{\"detail\":\"Content Too Large\"}");
    raw_close(&client);
    /* one that waits to be asked for is not asked for */
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client, "POST /echo HTTP/1.1\r\n" HOST
                                       "Expect: 100-continue\r\nContent-Length: 200000\r\n\r\n"));
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 413);
    raw_close(&client);
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client, "POST /echo HTTP/1.1\r\n" HOST
                                       "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 100);
    assert_true(raw_send_text(&client, "ok"));
    raw_read(&client, &answer, false);
    assert_string_equal(answer.body, "ok");
    raw_close(&client);
}

static void test_large_chunked(void **state)
{
    static char chunk[10000 + 8];
    size_t chunks = 0;

    (void)state;
    memcpy(chunk, "2710\r\n", 6);
    memset(chunk + 6, 'c', 10000);
    memcpy(chunk + 10006, "\r\n", 2);
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client,
                              "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
    for (int i = 0; i < 11; i++)
        assert_true(raw_send(&client, chunk, sizeof(chunk)));
    assert_true(raw_send_text(&client, "0\r\n\r\n"));
    raw_read(&client, &answer, false);
    assert_int_equal(answer.status, 413);
    raw_close(&client);
    /* one without an end is cut off */
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client,
                              "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
    while (chunks < 100000 && raw_send(&client, chunk, sizeof(chunk)))
        chunks++;
    assert_true(chunks < 100000);
    raw_close(&client);
    expect_alive();
}

static void test_framing(void **state)
{
    static const struct {
        const char *request;
        int status; /* 0: any of 400, 413 or a closed connection */
    } cases[] = {
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 0},
        {"POST /echo HTTP/1.1\r\n" HOST
         "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         0},
        {"POST /echo HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
         0},
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nabc", 0},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", 0},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3x\r\n\r\nabc", 0},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc", 0},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\nabc", 0},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\nabc", 0},
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
         0},
        {"POST /echo HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
         0},
        {"POST /echo HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
         0},
        {"GET /hello HTTP/1.1\r\n\r\n", 400}, /* no Host */
        {"GET /hello HTTP/9.9\r\n" HOST "\r\n", 0},
        {"GET /hello\r\n\r\n", 0},
        {"GET\r\n\r\n", 0},
        {"\r\n\r\n\r\nnonsense nonsense\r\n\r\n", 0},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 0}, /* a TLS hello */
        {"GET /hello HTTP/1.1\r\n" HOST "no colon here\r\n\r\n", 0},
        /* What another one would take for the length, and what would be behind it. */
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\nContent-Length: "
                                        "3\r\n\r\nabcGET /hello HTTP/1.1\r\n" HOST "\r\n",
         400},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length:\r\n 3\r\n\r\nabc", 400},
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc", 400},
        {"POST /echo HTTP/1.1\r\n" HOST
         "X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
         400},
        {"GET /hello HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\n" HOST "X:\r\n\tb\r\nY: c\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\n" HOST "Na\tme: x\r\n\r\n", 400},
        {"GET /hello HTTP/1.1\r\n" HOST "N\xc3\xa4me: x\r\n\r\n", 400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        raw_open(&client, fixture.port);
        assert_true(raw_send_text(&client, cases[i].request));
        /* the answer must not hang on more bytes */
        assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
        raw_read(&client, &answer, false);
        if (cases[i].status ? answer.status != cases[i].status
                            : answer.status >= 200 && answer.status < 400)
            fail_msg("case %zu is answered %d: %s", i, answer.status, answer.body);
        if (answer.status) {
            /* and nothing that follows is taken for a request */
            raw_read(&client, &answer, false);
            assert_int_equal(answer.status, 0);
        }
        raw_close(&client);
    }
    expect_alive();
}

/* A body that is shorter than it says is no request. */
static void test_short_body(void **state)
{
    (void)state;
    raw_open(&client, fixture.port);
    assert_true(
        raw_send_text(&client, "POST /slow HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc"));
    raw_close(&client);
    fixture_wait_records(&fixture, 1);
    assert_int_equal(fixture.waiting_count, 0); /* the handler never ran */
    assert_false(fixture.records[0].complete);
    assert_int_equal(fixture.records[0].status, 0);
}

static void test_paths(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *body;
    } cases[] = {
        {"/parts/a%20b", 200, "\"a b\""},
        {"/parts/a+b", 200, "\"a+b\""},
        {"/parts/%22%0d%0a", 200, "\"\\\"\\r\\n\""},
        {"/parts/..%2f..%2fetc", 200, "\"../../etc\""},
        {"/parts/../hello", 404, NULL},
        {"/parts/%00", 400, "{\"detail\":\"Bad Request\"}"},
        {"/parts/a%00b", 400, NULL},
        {"/parts/%", 400, NULL},
        {"/parts/%f", 400, NULL},
        {"/parts/%gg", 400, NULL},
        {"/parts/%ff", 400, NULL},
        {"//hello", 404, NULL},
        {"/hello/", 404, NULL},
        {"/hello#x", 404, NULL},
        {"http://elsewhere.example/hello", 200, NULL},
        {"http://elsewhere.example", 404, NULL},
        {"/hello?%00&&&=%", 200, NULL},
        {"*", 404, NULL},
    };
    char request[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HOST "\r\n", cases[i].path);
        call(request);
        if (answer.status != cases[i].status)
            fail_msg("%s is answered %d", cases[i].path, answer.status);
        if (cases[i].body)
            assert_string_equal(answer.body, cases[i].body);
    }
}

static void send_bytes(const char *bytes, size_t len)
{
    raw_open(&client, fixture.port);
    assert_true(raw_send(&client, bytes, len));
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    raw_read(&client, &answer, false);
    raw_close(&client);
}

static void test_nul_and_controls(void **state)
{
    static const char nul_in_target[] = "GET /hello\0x HTTP/1.1\r\n" HOST "\r\n";
    static const char nul_in_header[] =
        "GET /locked HTTP/1.1\r\n" HOST "Authorization: Bearer sesame\0x\r\n\r\n";
    static const char nul_in_name[] =
        "GET /locked HTTP/1.1\r\n" HOST "Authorization\0x: Bearer sesame\r\n\r\n";
    static const char control[] = "GET /hello HTTP/1.1\r\n" HOST "X-A: a\x01z\r\n\r\n";

    (void)state;
    /* libmicrohttpd 0.9 ends the target there; what is behind is never seen */
    send_bytes(nul_in_target, sizeof(nul_in_target) - 1);
    if (answer.status == 200)
        assert_string_equal(fixture_wait_records(&fixture, 1)->path, "/hello");
    else
        assert_true(answer.status == 0 || answer.status == 400);
    /* or a header's value: then it is as if it had been sent without the rest */
    send_bytes(nul_in_header, sizeof(nul_in_header) - 1);
    assert_in_set(answer.status, ((uintmax_t[]){0, 200, 400, 401}), 4);
    send_bytes(nul_in_name, sizeof(nul_in_name) - 1);
    assert_in_set(answer.status, ((uintmax_t[]){0, 200, 400, 401}), 4);
    send_bytes(control, sizeof(control) - 1);
    assert_true(answer.status == 0 || answer.status == 400);
    expect_alive();
}

static void test_header_injection(void **state)
{
    (void)state;
    call("GET /inject?v=plain HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(raw_header(&answer, "x-echo"), "plain");
    call("GET /inject?v=a%0d%0aset-cookie:%20x=1 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 400);
    assert_string_equal(raw_header(&answer, "set-cookie"), "");
    call("GET /inject?v=a%0aset-cookie:%20x=1 HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 400);
    assert_string_equal(raw_header(&answer, "set-cookie"), "");
    /* by folding, into the request id */
    call("GET /hello HTTP/1.1\r\n" HOST "X-Request-ID: a\r\n set-cookie: x=1\r\n\r\n");
    assert_string_equal(raw_header(&answer, "set-cookie"), "");
    assert_null(strstr(answer.head, "x=1"));
}

/* Random bytes behind a good start; the seed is fixed. */
static void test_noise(void **state)
{
    static const char *const starts[] = {
        "", "GET /hello HTTP/1.1\r\n", "POST /echo HTTP/1.1\r\n" HOST,
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"};
    uint64_t random = 88172645463325252U;
    char noise[512];

    (void)state;
    for (int i = 0; i < 400; i++) {
        const char *first = starts[i % 4];
        size_t len = strlen(first);

        memcpy(noise, first, len);
        while (len < sizeof(noise)) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            noise[len++] = random % 5 ? "\r\n:% /a0f;,="[random % 12] : (char)(random >> 56);
        }
        raw_open(&client, fixture.port);
        (void)raw_send(&client, noise, len);
        (void)shutdown(client.fd, SHUT_WR);
        do {
            raw_read(&client, &answer, false);
        } while (answer.status);
        raw_close(&client);
    }
    expect_alive();
}

/* A client that says nothing, or half a request, does not keep its place. */
static void test_idle(void **state)
{
    (void)state;
    raw_open(&client, fixture.port);
    assert_true(raw_is_at_end(&client));
    raw_close(&client);
    raw_open(&client, fixture.port);
    assert_true(raw_send_text(&client, "GET /hello HTTP/1.1\r\nHo"));
    raw_read(&client, &answer, false);
    assert_in_set(answer.status, ((uintmax_t[]){0, 408}), 2);
    raw_close(&client);
}

static void few(struct slc_http_server_options *options)
{
    options->threads = 2;
    options->connections_max = 4;
}

/* More connections than are allowed wait for a place and are served then. */
static void test_connection_limit(void **state)
{
    static struct raw_client many[12];

    (void)state;
    fixture_start(&fixture, few);
    for (size_t i = 0; i < 12; i++) {
        raw_open(&many[i], fixture.port);
        assert_true(
            raw_send_text(&many[i], "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"));
    }
    for (size_t i = 0; i < 12; i++) {
        raw_read(&many[i], &answer, false);
        assert_int_equal(answer.status, 200);
        raw_close(&many[i]);
    }
    stop(NULL);
}

/* With an argument: handlers on threads of their own. */
int main(int argc, char *argv[])
{
    (void)argv;
    fixture_loops = argc > 1 ? 1 : 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pipelined, start, stop),
        cmocka_unit_test_setup_teardown(test_dripping, start, stop),
        cmocka_unit_test_setup_teardown(test_large_headers, start, stop),
        cmocka_unit_test_setup_teardown(test_large_bodies, start, stop),
        cmocka_unit_test_setup_teardown(test_large_chunked, start, stop),
        cmocka_unit_test_setup_teardown(test_framing, start_impatient, stop),
        cmocka_unit_test_setup_teardown(test_short_body, start_impatient, stop),
        cmocka_unit_test_setup_teardown(test_paths, start, stop),
        cmocka_unit_test_setup_teardown(test_nul_and_controls, start_impatient, stop),
        cmocka_unit_test_setup_teardown(test_header_injection, start, stop),
        cmocka_unit_test_setup_teardown(test_noise, start_impatient, stop),
        cmocka_unit_test_setup_teardown(test_idle, start_impatient, stop),
        cmocka_unit_test(test_connection_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
