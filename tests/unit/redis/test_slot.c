/* Slots, keys of commands, redirections. */
#include "support.h"

#include "redis/slot.h"

static void slots(void **state)
{
    static const struct {
        const char *key;
        uint16_t slot;
    } cases[] = {
        {"123456789", 0x31c3},   {"", 0},           {"foo", 12182},       {"{foo}.META", 12182},
        {"x{foo}y{bar}", 12182}, {"{}{foo}", 2263}, {"foo{}{bar}", 8363}, {"{foo", 13308},
        {"foo{{bar}}zap", 4015}, {"foo}{", 8134},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (slc_redis_slot(slc_str_from(cases[i].key)) != cases[i].slot)
            fail_msg("\"%s\" is in %u", cases[i].key,
                     (unsigned)slc_redis_slot(slc_str_from(cases[i].key)));
}

static void keys(void **state)
{
    static const struct {
        const char *words[6];
        const char *key;
    } cases[] = {
        {{"HSET", "k", "f", "v"}, "k"},
        {{"hget", "k", "f"}, "k"},
        {{"PING"}, NULL},
        {{"CLIENT", "LIST"}, NULL},
        {{"MEMORY", "USAGE", "k"}, "k"},
        {{"EVAL", "return 1", "1", "k"}, "k"},
        {{"EVALSHA", "abc", "0"}, NULL},
        {{"XREADGROUP", "GROUP", "g", "STREAMS", "k", ">"}, "k"},
        {{"XREAD", "COUNT", "1"}, NULL},
        {{"EVAL", "return 1"}, NULL},
        {{"info", "server"}, NULL},
        {{"LRANGE", "k", "0", "-1"}, "k"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slc_str argv[6], key;
        size_t argc = 0;

        for (; argc < 6 && cases[i].words[argc]; argc++)
            argv[argc] = slc_str_from(cases[i].words[argc]);
        key = slc_redis_command_key(argc, argv);
        if (cases[i].key)
            assert_true(slc_str_is(key, cases[i].key));
        else
            assert_null(key.data);
    }
}

static void redirections(void **state)
{
    struct slc_redirect r = slc_redis_redirect(SLC_STR("MOVED 3999 127.0.0.1:6381"));

    (void)state;
    assert_int_equal(r.kind, SLC_REDIRECT_MOVED);
    assert_int_equal(r.slot, 3999);
    assert_string_equal(r.node.host, "127.0.0.1");
    assert_int_equal(r.node.port, 6381);
    r = slc_redis_redirect(SLC_STR("ASK 16383 fe80::1:7000"));
    assert_int_equal(r.kind, SLC_REDIRECT_ASK);
    assert_string_equal(r.node.host, "fe80::1");
    r = slc_redis_redirect(SLC_STR("MOVED 0 :6381"));
    assert_int_equal(r.kind, SLC_REDIRECT_MOVED);
    assert_string_equal(r.node.host, "");
    assert_int_equal(slc_redis_redirect(SLC_STR("TRYAGAIN Multiple keys")).kind,
                     SLC_REDIRECT_TRYAGAIN);
    assert_int_equal(slc_redis_redirect(SLC_STR("CLUSTERDOWN Hash slot not served")).kind,
                     SLC_REDIRECT_DOWN);
}

static void no_redirections(void **state)
{
    static const char *const texts[] = {
        "",
        "MOVED",
        "MOVED 1",
        "MOVED 16384 h:1",
        "MOVED -1 h:1",
        "MOVED x h:1",
        "MOVED 1 h",
        "MOVED 1 h:0",
        "MOVED 1 h:65536",
        "MOVED 1 h:x",
        "ASK 1 :",
        "MOVEDX 1 h:1",
        "ERR MOVED 1 h:1",
        "moved 1 h:1",
        "MOVED  1 h:1",
    };
    char longest[600];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (slc_redis_redirect(slc_str_from(texts[i])).kind != SLC_REDIRECT_NONE)
            fail_msg("\"%s\" was taken", texts[i]);
    memset(longest, 'h', sizeof(longest));
    memcpy(longest, "MOVED 1 ", 8);
    memcpy(longest + sizeof(longest) - 3, ":1", 3);
    assert_int_equal(slc_redis_redirect(slc_str_from(longest)).kind, SLC_REDIRECT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots),
        cmocka_unit_test(keys),
        cmocka_unit_test(redirections),
        cmocka_unit_test(no_redirections),
    };

    return cmocka_run_group_tests_name("redis/slot", tests, NULL, NULL);
}
