/* Rates, fixed windows, the bounded counters, the way back from shared ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "http/expiring.h"
#include "http/limit.h"

static int64_t read_clock(void *clock_state)
{
    return *(int64_t *)clock_state;
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t amount, window_sec;
        const char *shown;
    } good[] = {
        {"10/second", 10, 1, "10 per 1 second"},
        {" 10 / second ", 10, 1, "10 per 1 second"},
        {"100 per 5 minutes", 100, 300, "100 per 5 minute"},
        {"5/day", 5, 86400, "5 per 1 day"},
        {"7 PER HOUR", 7, 3600, "7 per 1 hour"},
        {"1/90seconds", 1, 90, "1 per 90 second"},
        {"0", 0, 1, NULL},
        {"0/second", 0, 1, NULL},
    };
    static const char *const bad[] = {"",
                                      "10",
                                      "-1/second",
                                      "10/sec",
                                      "ten/second",
                                      "10/",
                                      "10/0 days",
                                      "10 second",
                                      "10 per",
                                      "10/second/x",
                                      "1.5/s",
                                      "9999999999/second",
                                      "10persecond",
                                      "10/s"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct slc_rate rate;
        char text[SLC_RATE_TEXT_BYTES];

        assert_true(slc_rate_parse(slc_str_from(good[i].text), &rate, NULL));
        assert_int_equal(rate.amount, good[i].amount);
        assert_int_equal(rate.window_sec, good[i].window_sec);
        slc_rate_format(&rate, text);
        if (good[i].shown)
            assert_string_equal(text, good[i].shown);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct slc_rate rate = {.amount = 77};
        struct slc_error error = {0};

        if (slc_rate_parse(slc_str_from(bad[i]), &rate, &error))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(error.code, SLC_ERR_CONFIG);
        assert_int_equal(rate.amount, 77);
    }
}

static void test_window(void **state)
{
    int64_t now = 1000 * SLC_USEC_PER_SEC + 400000;
    struct slc_limits *limits = slc_limits_new(&(struct slc_limits_options){
        .rate = {.amount = 3, .window_sec = 10}, .clock = read_clock, .clock_state = &now});
    struct slc_http_response response = {0};
    struct slc_limit_state hit;

    (void)state;
    for (int i = 1; i <= 3; i++) {
        slc_limits_hit(limits, SLC_STR("a"), SLC_STR("GET /x"), &hit);
        assert_false(hit.exceeded);
        assert_int_equal(hit.remaining, 3 - i);
        assert_int_equal(hit.reset_unix_sec, 1011);
        now += SLC_USEC_PER_SEC;
    }
    slc_limits_hit(limits, SLC_STR("a"), SLC_STR("GET /x"), &hit);
    assert_true(hit.exceeded);
    assert_int_equal(hit.remaining, 0);
    assert_int_equal(hit.retry_after_sec, 7); /* the window is 10 s, 3 are over */
    slc_limit_headers(&hit, &response);
    assert_true(slc_str_is(slc_http_response_header(&response, "X-RateLimit-Limit"), "3"));
    assert_true(slc_str_is(slc_http_response_header(&response, "x-ratelimit-remaining"), "0"));
    assert_true(slc_str_is(slc_http_response_header(&response, "x-ratelimit-reset"), "1011"));
    assert_true(slc_str_is(slc_http_response_header(&response, "retry-after"), "7"));
    slc_http_response_release(&response);
    /* another client and another endpoint count by themselves */
    slc_limits_hit(limits, SLC_STR("b"), SLC_STR("GET /x"), &hit);
    assert_false(hit.exceeded);
    slc_limits_hit(limits, SLC_STR("a"), SLC_STR("GET /y"), &hit);
    assert_int_equal(hit.remaining, 2);
    /* the window ends ten seconds after its first hit, to the microsecond */
    now = 1010 * SLC_USEC_PER_SEC + 399999;
    slc_limits_hit(limits, SLC_STR("a"), SLC_STR("GET /x"), &hit);
    assert_true(hit.exceeded);
    now++;
    slc_limits_hit(limits, SLC_STR("a"), SLC_STR("GET /x"), &hit);
    assert_false(hit.exceeded);
    assert_int_equal(hit.remaining, 2);
    slc_limits_free(limits);
}

static int64_t wall_usec;

int64_t __wrap_slc_now_usec(void);

int64_t __wrap_slc_now_usec(void)
{
    return wall_usec;
}

/* The machine's clock is set back by an hour: nobody is kept out for that long. */
static void test_a_clock_that_is_set(void **state)
{
    struct slc_limits *limits =
        slc_limits_new(&(struct slc_limits_options){.rate = {.amount = 1, .window_sec = 10}});
    struct slc_limit_state hit;

    (void)state;
    wall_usec = 1700003600 * SLC_USEC_PER_SEC;
    slc_limits_hit(limits, SLC_STR("a"), SLC_STR("GET /x"), &hit);
    assert_int_equal(hit.reset_unix_sec, 1700003610);
    wall_usec = 1700000000 * SLC_USEC_PER_SEC;
    slc_limits_hit(limits, SLC_STR("a"), SLC_STR("GET /x"), &hit);
    assert_true(hit.exceeded);
    assert_in_range(hit.retry_after_sec, 1, 10);
    assert_in_range(hit.reset_unix_sec, 1700000000, 1700000010);
    slc_limits_free(limits);
}

static void test_none_and_long_keys(void **state)
{
    struct slc_limits *limits = slc_limits_new(&(struct slc_limits_options){.rate = {.amount = 0}});
    struct slc_limit_state hit;
    char endpoint[1000];

    (void)state;
    slc_limits_hit(limits, SLC_STR("a"), SLC_STR("e"), &hit);
    assert_int_equal(hit.rate.amount, 0);
    assert_false(hit.exceeded);
    slc_limits_free(limits);
    memset(endpoint, 'e', sizeof(endpoint));
    limits = slc_limits_new(&(struct slc_limits_options){.rate = {1, 60}});
    slc_limits_hit(limits, SLC_STR("a"), (struct slc_str){endpoint, sizeof(endpoint)}, &hit);
    assert_false(hit.exceeded);
    slc_limits_hit(limits, SLC_STR("a"), (struct slc_str){endpoint, sizeof(endpoint) - 1}, &hit);
    assert_false(hit.exceeded);
    slc_limits_hit(limits, SLC_STR("a"), (struct slc_str){endpoint, sizeof(endpoint)}, &hit);
    assert_true(hit.exceeded);
    slc_limits_free(limits);
}

struct shared {
    bool away;
    bool freed;
    int64_t count;
};

static bool shared_hit(void *state, struct slc_str key, int64_t window_sec, int64_t now_usec,
                       int64_t *ret_count, int64_t *ret_end_usec, struct slc_error *error)
{
    struct shared *shared = state;

    assert_true(key.len <= SLC_LIMIT_KEY_BYTES);
    if (shared->away)
        return slc_fail(error, SLC_ERR_CONNECTION, "away");
    *ret_count = ++shared->count;
    *ret_end_usec = now_usec + window_sec * SLC_USEC_PER_SEC;
    return true;
}

static void shared_free(void *state)
{
    ((struct shared *)state)->freed = true;
}

static void test_shared(void **state)
{
    static const struct slc_limit_ops ops = {.hit = shared_hit, .free = shared_free};
    struct shared shared = {.count = 4};
    struct slc_limits *limits = slc_limits_new(&(struct slc_limits_options){
        .rate = {.amount = 5, .window_sec = 60}, .shared = &ops, .shared_state = &shared});
    struct slc_limit_state hit;

    (void)state;
    slc_limits_hit(limits, SLC_STR("a"), SLC_STR("e"), &hit);
    assert_int_equal(hit.remaining, 0);
    slc_limits_hit(limits, SLC_STR("a"), SLC_STR("e"), &hit);
    assert_true(hit.exceeded);
    shared.away = true;
    slc_limits_hit(limits, SLC_STR("a"), SLC_STR("e"), &hit);
    assert_false(hit.exceeded);
    assert_int_equal(hit.remaining, 4);
    slc_limits_free(limits);
    assert_true(shared.freed);
}

static void test_bounded(void **state)
{
    struct slc_expiring *table = slc_expiring_new(100);
    char key[16];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "%d", i);
        assert_non_null(slc_expiring_put(table, slc_str_from(key), 1, 1000));
        assert_true(slc_expiring_count(table) <= 100);
    }
    assert_null(slc_expiring_find(table, SLC_STR("899"), 1));
    assert_non_null(slc_expiring_find(table, SLC_STR("900"), 1));
    assert_non_null(slc_expiring_find(table, SLC_STR("999"), 999));
    assert_null(slc_expiring_find(table, SLC_STR("999"), 1000));
    assert_int_equal(slc_expiring_count(table), 99);
    slc_expiring_delete(table, SLC_STR("900"));
    slc_expiring_delete(table, SLC_STR("900"));
    assert_int_equal(slc_expiring_count(table), 98);
    /* what is over makes room first */
    assert_non_null(slc_expiring_put(table, SLC_STR("new"), 2000, 3000));
    assert_int_equal(slc_expiring_count(table), 97);
    assert_non_null(slc_expiring_put(table, SLC_STR("new"), 2000, 3000));
    assert_non_null(slc_expiring_put(table, SLC_STR(""), 2000, 3000));
    assert_non_null(slc_expiring_find(table, SLC_STR(""), 2000));
    slc_expiring_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),   cmocka_unit_test(test_window),
        cmocka_unit_test(test_shared),  cmocka_unit_test(test_none_and_long_keys),
        cmocka_unit_test(test_bounded), cmocka_unit_test(test_a_clock_that_is_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
