#include "support.h"

static void check(const char *text, const char *printed)
{
    struct slc_redis_url url;
    struct slc_error error;
    char out[SLC_REDIS_URL_TEXT_BYTES];

    assert_ok(slc_redis_url_parse(slc_str_from(text), &url, &error), error);
    assert_string_equal(slc_redis_url_print(&url, out, sizeof(out)), printed);
}

static void good_urls(void **state)
{
    (void)state;
    check("redis://127.0.0.1:6380/3", "redis://127.0.0.1:6380/3");
    check("redis://", "redis://localhost:6379/0");
    check("REDIS://host", "redis://host:6379/0");
    check("redis://host/", "redis://host:6379/0");
    check("redis://host?db=7", "redis://host:6379/7");
    check(" redis://:secret@host:1 ", "redis://:***@host:1/0");
    check("redis://me:secret@host", "redis://me:***@host:6379/0");
    check("redis://me@host", "redis://me@host:6379/0");
    check("redis://:a@b:c@host:1/2", "redis://:***@host:1/2");
    check("redis://[::1]:6390/1", "redis://[::1]:6390/1");
    check("redis://[fe80::1%25eth0]", "redis://[fe80::1%eth0]:6379/0");
    check("rediss://host", "rediss://host:6379/0");
    check("unix:///run/redis.sock?db=4", "unix:///run/redis.sock?db=4");
    check("redis+unix:///run/redis.sock", "unix:///run/redis.sock?db=0");
    check("redis+socket:///run/a%20b", "unix:///run/a%20b?db=0");
    check("unix://me:secret@/run/redis.sock", "unix://me:***@/run/redis.sock?db=0");
    check("unix:///s?password=secret&username=me&db=1", "unix://me:***@/s?db=1");
    check("redis+sentinel://h/mymaster", "redis+sentinel://h:26379/mymaster/0");
    check("rediss+sentinel://u:p@h1:1,h2,[::1]:3/my%20master/5",
          "rediss+sentinel://u:***@h1:1,h2:26379,[::1]:3/my%20master/5");
    check("redis+cluster://h1:7000,h2:7001", "redis+cluster://h1:7000,h2:7001");
    check("rediss+cluster://:x@h1/0", "rediss+cluster://:***@h1:6379");
}

static void decoded_parts(void **state)
{
    struct slc_redis_url url;

    (void)state;
    assert_true(slc_redis_url_parse(SLC_STR("redis://u%3Aser:p%40ss%2Fw%25@host:1/2"), &url, NULL));
    assert_string_equal(url.user, "u:ser");
    assert_string_equal(url.password, "p@ss/w%");
    assert_string_equal(url.host, "host");
    assert_int_equal(url.port, 1);
    assert_int_equal(url.db, 2);
    assert_true(url.has_login);
    slc_redis_url_wipe(&url);
    assert_string_equal(url.password, "");
}

static void bad_urls(void **state)
{
    static const char *const bad[] = {
        "",
        "http://host",
        "127.0.0.1:6379",
        "redis:/host",
        "redis://host:0",
        "redis://host:65536",
        "redis://host:x",
        "redis://host:-1",
        "redis://host:1/x",
        "redis://host:1/-1",
        "redis://host:1/99999999999",
        "redis://host:1/1/2",
        "redis://host?timeout=3",
        "redis://host#x",
        "redis://[::1",
        "redis://[::1]x",
        "redis://%zz@host",
        "redis://%4@host",
        "redis://:hunter2%@host",
        "redis://:hunter2%00@host",
        "redis://:hunter2/x@host",
        "unix://relative/path",
        "unix://",
        "unix:///",
        "unix:///s?db=x",
        "unix:///a%00b",
        "redis://h1,h2",
        "redis+sentinel://h",
        "redis+sentinel://h/",
        "redis+sentinel://h1,,h2/m",
        "redis+sentinel://h1,/m",
        "redis+sentinel://,h1/m",
        "redis+sentinel://h1/m/x",
        "redis+cluster://h1,h2/1",
        "redis+cluster://h1?db=3",
        "redis+cluster://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct slc_redis_url url = {.db = 77};
        struct slc_error error = {0};

        if (slc_redis_url_parse(slc_str_from(bad[i]), &url, &error))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(error.code, SLC_ERR_CONFIG);
        assert_null(strstr(error.message, "hunter2"));
        assert_int_equal(url.db, 77); /* untouched */
    }
}

static void too_long(void **state)
{
    struct slc_redis_url url;
    char text[2 * SLC_REDIS_PATH_BYTES];

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "redis://", 8);
    assert_false(slc_redis_url_parse((struct slc_str){text, sizeof(text)}, &url, NULL));
    memcpy(text, "unix:///", 8);
    assert_false(slc_redis_url_parse((struct slc_str){text, sizeof(text)}, &url, NULL));
    /* The printed form is cut to its room. */
    assert_true(slc_redis_url_parse(SLC_STR("redis://host:1/2"), &url, NULL));
    for (size_t size = 1; size < 20; size++) {
        slc_redis_url_print(&url, text, size);
        assert_true(strlen(text) < size);
        assert_memory_equal(text, "redis://host:1/2", strlen(text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_urls),
        cmocka_unit_test(decoded_parts),
        cmocka_unit_test(bad_urls),
        cmocka_unit_test(too_long),
    };

    return cmocka_run_group_tests_name("redis/url", tests, NULL, NULL);
}
