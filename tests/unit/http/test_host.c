/* Which names a service may be called by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "http/host.h"

static void expect(const struct slc_hosts *hosts, const char *authority,
                   enum slc_host_standing wanted)
{
    if (slc_hosts_judge(hosts, slc_str_from(authority)) != wanted)
        fail_msg("'%s' does not stand as %d", authority, (int)wanted);
}

/* What no foreign page can have needs no list. */
static void test_safe_without_a_list(void **state)
{
    static const char *const safe[] = {
        "127.0.0.1",
        "127.0.0.1:8003",
        "192.0.2.7:80",
        "127.1:8003",
        "[::1]",
        "[::1]:8003",
        "[fe80::1%eth0]:8003",
        "localhost",
        "LocalHost:8003",
        "localhost.",
        "etl:8003",
        "x",
        "a_b",
        "api.localhost",
        "etl.local:8003",
        "etl.internal.",
        "nas.HOME.arpa:80",
        "",
        ":8003",
        "etl.example.org",
        "ETL.example.ORG.:8003",
        "127.0.0.1:",
    };
    const struct slc_hosts hosts = {.own = "etl.example.org"};

    (void)state;
    for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
        expect(&hosts, safe[i], SLC_HOST_SAFE);
}

static void test_doubtful_without_a_list(void **state)
{
    static const char *const doubtful[] = {
        "evil.example.com:8003",
        "127.0.0.1.evil.com",
        "localhost.evil.com",
        "evil.com.",
        "xetl.example.org",
        "a.etl.example.org",
        "evillocal.com",
        "1.2.3.4a",
        "etl.example.org.evil",
        "local.evil.com:8003",
        "local..",
    };
    const struct slc_hosts hosts = {.own = "etl.example.org"};

    (void)state;
    for (size_t i = 0; i < sizeof(doubtful) / sizeof(doubtful[0]); i++)
        expect(&hosts, doubtful[i], SLC_HOST_DOUBTFUL);
}

static void test_a_list(void **state)
{
    const char *const listed[] = {"etl.example.org", ".corp.example"};
    const char *const any[] = {"*"};
    struct slc_hosts hosts = {.listed = listed, .count = 2};

    (void)state;
    expect(&hosts, "ETL.example.org:443", SLC_HOST_SAFE);
    expect(&hosts, "a.b.corp.example.", SLC_HOST_SAFE);
    expect(&hosts, "127.0.0.1:8003", SLC_HOST_SAFE);
    expect(&hosts, "corp.example", SLC_HOST_FOREIGN);
    expect(&hosts, "evilcorp.example", SLC_HOST_FOREIGN);
    expect(&hosts, "evil.com", SLC_HOST_FOREIGN);
    hosts = (struct slc_hosts){.listed = any, .count = 1};
    expect(&hosts, "evil.com", SLC_HOST_SAFE);
    expect(NULL, "evil.com", SLC_HOST_SAFE);
    expect(&hosts, "evil com", SLC_HOST_MALFORMED);
    expect(NULL, "evil com", SLC_HOST_MALFORMED);
}

static void test_malformed(void **state)
{
    static const char *const malformed[] = {
        "user@etl", "http://etl",  "etl/",      "etl:80:80",  "etl:http", "etl:123456",
        "[::1",     "[::1]8003",   "[::g]",     "[1.2.3.4]",  "::1",      "a,b",
        "a b",      "\xc3\xa4.de", "[::1]:99x", "%65vil.com", "etl\\",    "[]",
        "[%eth0]",  "a?b",         "a#b",
    };
    const struct slc_hosts hosts = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        expect(&hosts, malformed[i], SLC_HOST_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_safe_without_a_list),
        cmocka_unit_test(test_doubtful_without_a_list),
        cmocka_unit_test(test_a_list),
        cmocka_unit_test(test_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
