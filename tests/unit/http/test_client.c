/* The client's address: peers, proxies, hostile X-Forwarded-For. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "http/client.h"

static void resolve(const char *peer, const char *forwarded, const char *trusted_text,
                    struct slc_client *client)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct slc_trusted_proxies trusted = {0};
    const struct sockaddr *address = (const struct sockaddr *)&in4;

    if (inet_pton(AF_INET, peer, &in4.sin_addr) != 1) {
        assert_int_equal(inet_pton(AF_INET6, peer, &in6.sin6_addr), 1);
        address = (const struct sockaddr *)&in6;
    }
    assert_true(slc_trusted_proxies_parse(slc_str_from(trusted_text), &trusted, NULL));
    memset(client, 'x', sizeof(*client));
    slc_client_resolve(address, slc_str_from(forwarded), &trusted, client);
    slc_trusted_proxies_release(&trusted);
}

static void test_forwarded(void **state)
{
    static const struct {
        const char *peer, *forwarded, *trusted, *expected;
    } cases[] = {
        {"192.0.2.1", "", "", "192.0.2.1"},
        /* nobody is trusted: the header is the client's own invention */
        {"192.0.2.1", "10.0.0.1", "", "192.0.2.1"},
        {"192.0.2.1", "10.0.0.1", "192.0.2.2", "192.0.2.1"},
        {"192.0.2.1", "10.0.0.1", "192.0.2.1", "10.0.0.1"},
        {"192.0.2.1", "10.0.0.1", "192.0.2.0/24", "10.0.0.1"},
        /* the right-most that is no proxy, whatever stands before it */
        {"192.0.2.1", "127.0.0.1, 198.51.100.7, 192.0.2.9", "192.0.2.0/24", "198.51.100.7"},
        {"192.0.2.1", "garbage, 198.51.100.7", "192.0.2.0/24", "198.51.100.7"},
        {"192.0.2.1", "192.0.2.8,192.0.2.9", "192.0.2.0/24", "192.0.2.8"},
        {"192.0.2.1", "198.51.100.7, garbage", "192.0.2.0/24", "192.0.2.1"},
        {"192.0.2.1", "198.51.100.7,", "192.0.2.0/24", "192.0.2.1"},
        {"192.0.2.1", ",,,", "0.0.0.0/0", "192.0.2.1"},
        {"192.0.2.1", "198.51.100.7:4711", "192.0.2.1", "198.51.100.7"},
        {"192.0.2.1", "[2001:db8::7]:4711", "192.0.2.1", "2001:db8::7"},
        {"192.0.2.1", "[2001:db8::7", "192.0.2.1", "192.0.2.1"},
        {"192.0.2.1", "2001:DB8:0:0::7", "192.0.2.1", "2001:db8::7"},
        {"::ffff:192.0.2.1", "", "", "192.0.2.1"},
        {"::ffff:192.0.2.1", "10.9.8.7", "192.0.2.0/25", "10.9.8.7"},
        {"2001:db8::1", "10.9.8.7", "2001:db8::/33 10.0.0.0/9", "10.9.8.7"},
        {"2001:db8:8000::1", "10.9.8.7", "2001:db8::/33", "2001:db8:8000::1"},
        {"::1", "192.0.2.77", "127.0.0.1,::1", "192.0.2.77"},
        {"192.0.2.129", "10.9.8.7", "192.0.2.0/25", "192.0.2.129"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct slc_client client;

        resolve(cases[i].peer, cases[i].forwarded, cases[i].trusted, &client);
        assert_string_equal(client.text, cases[i].expected);
    }
}

static void test_network(void **state)
{
    struct slc_client client;

    (void)state;
    resolve("192.0.2.1", "", "", &client);
    assert_string_equal(client.network, "192.0.2.1");
    resolve("2001:db8:1:2:3:4:5:6", "", "", &client);
    assert_string_equal(client.text, "2001:db8:1:2:3:4:5:6");
    assert_string_equal(client.network, "2001:db8:1:2::");
}

static void test_unix_socket(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct slc_client client;

    (void)state;
    slc_client_resolve((const struct sockaddr *)&address, SLC_STR("10.0.0.1"), NULL, &client);
    assert_string_equal(client.text, "local");
    slc_client_resolve(NULL, SLC_STR(""), NULL, &client);
    assert_string_equal(client.network, "local");
}

static void test_bad_proxies(void **state)
{
    static const char *const bad[] = {"x",           "10.0.0.0/33",   "10.0.0.1/8", "::/129",
                                      "10.0.0.0/",   "10.0.0.0/+8",   "10.0.0",     "10.0.0.0/8/8",
                                      "10.0.0.0/-1", "127.0.0.1,nix", "/8"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct slc_trusted_proxies trusted = {.count = 77};
        struct slc_error error = {0};

        assert_false(slc_trusted_proxies_parse(slc_str_from(bad[i]), &trusted, &error));
        assert_int_equal(error.code, SLC_ERR_CONFIG);
        assert_int_equal(trusted.count, 77);
    }
}

static void test_too_many_proxies(void **state)
{
    struct slc_trusted_proxies trusted = {0};
    char text[257 * 10 + 1] = "";

    (void)state;
    for (size_t i = 0; i < 257; i++)
        memcpy(text + i * 10, "127.0.0.1 ", 11);
    assert_false(slc_trusted_proxies_parse(slc_str_from(text), &trusted, NULL));
    text[256 * 10] = '\0';
    assert_true(slc_trusted_proxies_parse(slc_str_from(text), &trusted, NULL));
    assert_int_equal(trusted.count, 256);
    slc_trusted_proxies_release(&trusted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwarded),        cmocka_unit_test(test_network),
        cmocka_unit_test(test_unix_socket),      cmocka_unit_test(test_bad_proxies),
        cmocka_unit_test(test_too_many_proxies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
