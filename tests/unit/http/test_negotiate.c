/* Entity tags and compression. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>
#include <zlib.h>

#include "http/negotiate.h"

static void test_accept_encoding(void **state)
{
    static const struct {
        const char *header;
        bool gzip;
    } cases[] = {
        {"", false},
        {"gzip", true},
        {"GZip", true},
        {"x-gzip", true},
        {"deflate, gzip;q=1.0, *;q=0.5", true},
        {"gzip;q=0", false},
        {"gzip;q=0.0", false},
        {"gzip;q=0.001", true},
        {"gzip ; q=0.5 , identity", false},
        {"gzip;q=0.5, identity;q=0.5", true},
        {"identity;q=0, *;q=1", true},
        {"*", true},
        {"*;q=0", false},
        {"*, gzip;q=0", false},
        {"gzip;q=nonsense", false},
        {"gzip;q=1.5", false},
        {"gzip;q=", false},
        {"gzip;q=2", false},
        {"br, zstd", false},
        {"gzippy", false},
        {";;,,;q=,", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (slc_http_accepts_gzip(slc_str_from(cases[i].header)) != cases[i].gzip)
            fail_msg("'%s'", cases[i].header);
    assert_false(slc_http_accepts_gzip((struct slc_str){0}));
}

static void test_etags(void **state)
{
    static const struct {
        const char *header;
        bool matches;
    } cases[] = {
        {"\"abc\"", true},
        {"W/\"abc\"", true},
        {"\"x\", \"abc\"", true},
        {"\"abc-gzip\"", true},
        {"*", true},
        {" * ", true},
        {"\"ab\"", false},
        {"\"abcd\"", false},
        {"\"abc-gzi\"", false},
        {"abc", false},
        {"\"x, \"abc\"", false}, /* the quote is not closed */
        {"\"a,b\", \"abc\"", true},
        {"", false},
        {"\"", false},
        {"W/", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (slc_http_etag_matches(slc_str_from(cases[i].header), SLC_STR("abc")) !=
            cases[i].matches)
            fail_msg("'%s'", cases[i].header);
}

/* A request made by hand. */
struct exchange {
    struct slc_http_header headers[2];
    struct slc_http_request request;
    struct slc_http_response response;
};

static void open_exchange(struct exchange *exchange, const char *method, const char *encoding,
                          const char *known)
{
    *exchange = (struct exchange){0};
    exchange->request.method = slc_str_from(method);
    exchange->request.headers = exchange->headers;
    if (encoding)
        exchange->headers[exchange->request.header_count++] = (struct slc_http_header){
            .name = SLC_STR("Accept-Encoding"), .value = slc_str_from(encoding)};
    if (known)
        exchange->headers[exchange->request.header_count++] = (struct slc_http_header){
            .name = SLC_STR("If-None-Match"), .value = slc_str_from(known)};
}

static void close_exchange(struct exchange *exchange)
{
    slc_http_response_release(&exchange->response);
    slc_http_request_release(&exchange->request);
}

static void expect_header(const struct exchange *exchange, const char *name, const char *value)
{
    struct slc_str found = slc_http_response_header(&exchange->response, name);

    if (!value)
        assert_null(found.data);
    else
        assert_string_equal(found.data ? found.data : "(none)", value);
}

static void fill(struct exchange *exchange, size_t len)
{
    struct slc_buf *body = slc_http_json(&exchange->response, 200);

    for (size_t i = 0; i < len; i++)
        slc_buf_append_byte(body, (char)('a' + i % 7));
}

static void test_compression(void **state)
{
    struct exchange exchange;
    char plain[4096];
    z_stream stream = {0};

    (void)state;
    open_exchange(&exchange, "GET", "gzip", NULL);
    fill(&exchange, sizeof(plain));
    memcpy(plain, exchange.response.body.data, sizeof(plain));
    assert_true(slc_http_set_etag(&exchange.response, SLC_STR("v1")));
    slc_http_negotiate(&exchange.request, &exchange.response);
    expect_header(&exchange, "content-encoding", "gzip");
    expect_header(&exchange, "vary", "accept-encoding");
    expect_header(&exchange, "etag", "\"v1-gzip\"");
    expect_header(&exchange, "cache-control", "private, no-cache");
    assert_true(exchange.response.body.len < sizeof(plain) / 4);
    {
        char out[sizeof(plain) + 1];

        assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
        stream.next_in = (Bytef *)exchange.response.body.data;
        stream.avail_in = (uInt)exchange.response.body.len;
        stream.next_out = (Bytef *)out;
        stream.avail_out = sizeof(out);
        assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
        assert_int_equal(stream.total_out, sizeof(plain));
        assert_memory_equal(out, plain, sizeof(plain));
        inflateEnd(&stream);
    }
    close_exchange(&exchange);

    /* Not asked for: as it is, and caches are told that it depends. */
    open_exchange(&exchange, "GET", NULL, NULL);
    fill(&exchange, sizeof(plain));
    slc_http_negotiate(&exchange.request, &exchange.response);
    expect_header(&exchange, "content-encoding", NULL);
    expect_header(&exchange, "vary", "accept-encoding");
    assert_int_equal(exchange.response.body.len, sizeof(plain));
    close_exchange(&exchange);

    /* Too short. */
    open_exchange(&exchange, "GET", "gzip", NULL);
    fill(&exchange, SLC_HTTP_GZIP_MIN_BYTES - 1);
    slc_http_negotiate(&exchange.request, &exchange.response);
    expect_header(&exchange, "content-encoding", NULL);
    expect_header(&exchange, "vary", NULL);
    assert_int_equal(exchange.response.body.len, SLC_HTTP_GZIP_MIN_BYTES - 1);
    close_exchange(&exchange);

    /* Compressed already. */
    open_exchange(&exchange, "GET", "gzip", NULL);
    fill(&exchange, sizeof(plain));
    assert_true(slc_http_set_header(&exchange.response, "content-encoding", SLC_STR("br")));
    slc_http_negotiate(&exchange.request, &exchange.response);
    expect_header(&exchange, "content-encoding", "br");
    assert_int_equal(exchange.response.body.len, sizeof(plain));
    close_exchange(&exchange);
}

/* What does not get shorter goes as it is. */
static void test_noise_is_not_compressed(void **state)
{
    struct exchange exchange;
    uint32_t random = 1;
    struct slc_buf *body;

    (void)state;
    open_exchange(&exchange, "GET", "gzip", NULL);
    body = slc_http_json(&exchange.response, 200);
    for (size_t i = 0; i < 8192; i++) {
        random = random * 1664525 + 1013904223;
        slc_buf_append_byte(body, (char)(random >> 24));
    }
    slc_http_negotiate(&exchange.request, &exchange.response);
    expect_header(&exchange, "content-encoding", NULL);
    assert_int_equal(exchange.response.body.len, 8192);
    close_exchange(&exchange);
}

static void test_not_modified(void **state)
{
    struct exchange exchange;

    (void)state;
    open_exchange(&exchange, "GET", "gzip", "\"v1-gzip\"");
    fill(&exchange, 4096);
    assert_true(slc_http_set_etag(&exchange.response, SLC_STR("v1")));
    slc_http_negotiate(&exchange.request, &exchange.response);
    assert_int_equal(exchange.response.status, 304);
    assert_int_equal(exchange.response.body.len, 0);
    expect_header(&exchange, "etag", "\"v1\"");
    expect_header(&exchange, "vary", "accept-encoding");
    expect_header(&exchange, "content-encoding", NULL);
    close_exchange(&exchange);

    /* An error is no version of anything. */
    open_exchange(&exchange, "GET", NULL, "*");
    slc_http_detail(&exchange.response, 404, "Not Found");
    slc_http_negotiate(&exchange.request, &exchange.response);
    assert_int_equal(exchange.response.status, 404);
    close_exchange(&exchange);

    open_exchange(&exchange, "POST", NULL, "\"v1\"");
    fill(&exchange, 10);
    assert_true(slc_http_set_etag(&exchange.response, SLC_STR("v1")));
    slc_http_negotiate(&exchange.request, &exchange.response);
    assert_int_equal(exchange.response.status, 200);
    assert_false(slc_http_not_modified(&exchange.request, &exchange.response, SLC_STR("v1")));
    close_exchange(&exchange);
}

static void test_tags_are_checked(void **state)
{
    struct exchange exchange;
    char longest[SLC_HTTP_ETAG_BYTES + 1];

    (void)state;
    open_exchange(&exchange, "GET", NULL, NULL);
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_false(slc_http_set_etag(&exchange.response, slc_str_from(longest)));
    assert_false(slc_http_set_etag(&exchange.response, SLC_STR("")));
    assert_false(slc_http_set_etag(&exchange.response, (struct slc_str){0}));
    assert_false(slc_http_set_etag(&exchange.response, SLC_STR("a\"b")));
    assert_false(slc_http_set_etag(&exchange.response, SLC_STR("a\r\nb")));
    assert_int_equal(exchange.response.header_count, 0);
    longest[SLC_HTTP_ETAG_BYTES - 1] = '\0';
    assert_true(slc_http_set_etag(&exchange.response, slc_str_from(longest)));
    close_exchange(&exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept_encoding), cmocka_unit_test(test_etags),
        cmocka_unit_test(test_compression),     cmocka_unit_test(test_noise_is_not_compressed),
        cmocka_unit_test(test_not_modified),    cmocka_unit_test(test_tags_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
