/* Keys, sessions, guessing; the clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/time.h"
#include "http/session.h"

static int64_t read_clock(void *clock_state)
{
    return *(int64_t *)clock_state;
}

struct fixture {
    int64_t now;
    struct slc_auth_key keys[2];
    struct slc_sessions *sessions;
    struct slc_client here, there;
};

static struct fixture fixture;

static void start(struct slc_sessions_options options)
{
    fixture = (struct fixture){.now = 1000 * SLC_USEC_PER_SEC,
                               .here = {"192.0.2.1", "192.0.2.1"},
                               .there = {"192.0.2.2", "192.0.2.2"}};
    assert_true(slc_auth_key_make(SLC_STR("sesame"), &fixture.keys[0], NULL));
    assert_true(slc_auth_key_make(SLC_STR("second"), &fixture.keys[1], NULL));
    options.keys = fixture.keys;
    options.key_count = 2;
    options.clock = read_clock;
    options.clock_state = &fixture.now;
    fixture.sessions = slc_sessions_new(&options, NULL);
    assert_non_null(fixture.sessions);
}

static int stop(void **state)
{
    (void)state;
    slc_sessions_free(fixture.sessions);
    fixture.sessions = NULL;
    return 0;
}

static enum slc_session_verdict show_key(const struct slc_client *client, const char *secret)
{
    char cookie[SLC_SESSION_COOKIE_BYTES];

    return slc_session_approve(fixture.sessions, client, slc_str_from(secret), cookie, NULL);
}

static enum slc_session_verdict call(const struct slc_client *client, const char *token,
                                     const char *authorization)
{
    return slc_session_check(
        fixture.sessions,
        &(struct slc_session_caller){.client = client,
                                     .token = slc_str_from(token),
                                     .authorization = slc_str_from(authorization)},
        NULL);
}

static void test_keys(void **state)
{
    struct slc_auth_key key, other;
    char text[SLC_AUTH_KEY_TEXT_BYTES], text_again[SLC_AUTH_KEY_TEXT_BYTES];
    char secret[SLC_AUTH_SECRET_TEXT_BYTES], secret_again[SLC_AUTH_SECRET_TEXT_BYTES];
    char broken[SLC_AUTH_KEY_TEXT_BYTES];
    char huge[2000];

    (void)state;
    assert_true(slc_auth_key_make(SLC_STR("sesame"), &key, NULL));
    assert_true(slc_auth_key_make(SLC_STR("sesame"), &other, NULL));
    assert_memory_not_equal(&key, &other, sizeof(key)); /* salted */
    assert_true(slc_auth_key_matches(&key, SLC_STR("sesame")));
    assert_false(slc_auth_key_matches(&key, SLC_STR("sesam")));
    assert_false(slc_auth_key_matches(&key, SLC_STR("sesame ")));
    assert_false(slc_auth_key_matches(&key, SLC_STR("")));
    slc_auth_key_format(&key, text);
    assert_int_equal(strlen(text), SLC_AUTH_KEY_TEXT_BYTES - 1);
    assert_true(slc_auth_key_is_text_form(slc_str_from(text)));
    assert_false(slc_auth_key_is_text_form(SLC_STR("sesame")));
    assert_true(slc_auth_key_parse(slc_str_from(text), &other, NULL));
    assert_memory_equal(&key, &other, sizeof(key));
    slc_auth_key_format(&other, text_again);
    assert_string_equal(text, text_again);
    for (size_t i = 0; i < sizeof(broken) - 1; i++) {
        memcpy(broken, text, sizeof(broken));
        broken[i] = 'x';
        assert_false(slc_auth_key_parse(slc_str_from(broken), &other, NULL));
        assert_false(slc_auth_key_parse((struct slc_str){.data = text, .len = i}, &other, NULL));
    }
    memset(huge, 'k', sizeof(huge));
    assert_false(slc_auth_key_make((struct slc_str){huge, sizeof(huge)}, &other, NULL));
    assert_false(slc_auth_key_make(SLC_STR(""), &other, NULL));
    assert_true(slc_auth_secret_make(secret, NULL));
    assert_true(slc_auth_secret_make(secret_again, NULL));
    assert_int_equal(strlen(secret), 43);
    assert_string_not_equal(secret, secret_again);
    assert_int_equal(strspn(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789-_"),
                     43);
}

/* A known value, made with Python's hashlib, so that hashes written by one
 * version are good in the next. */
static void test_known_hash(void **state)
{
    struct slc_auth_key key;

    (void)state;
    assert_true(slc_auth_key_parse(
        SLC_STR(" sha256:000102030405060708090a0b0c0d0e0f:"
                "c7845aba95b804ff392ce4f6747a1bd4ca0560978419b02301d51d27d0a84019\n"),
        &key, NULL));
    assert_true(slc_auth_key_matches(&key, SLC_STR("sesame")));
    assert_false(slc_auth_key_matches(&key, SLC_STR("sesamf")));
}

static void test_cookie_session(void **state)
{
    char cookie[SLC_SESSION_COOKIE_BYTES], token[64];

    (void)state;
    start((struct slc_sessions_options){.cookie_ttl_sec = 60});
    assert_int_equal(
        slc_session_approve(fixture.sessions, &fixture.here, SLC_STR("sesame"), cookie, NULL),
        SLC_SESSION_APPROVED);
    assert_int_equal(sscanf(cookie, "sluice_session=%43[^;]", token), 1);
    assert_int_equal(strlen(token), 43);
    assert_string_equal(cookie + strlen("sluice_session=") + 43,
                        "; HttpOnly; SameSite=Strict; Path=/; Max-Age=60");
    /* from any address, but only with the cookie: no approval by address here */
    assert_int_equal(call(&fixture.there, token, ""), SLC_SESSION_APPROVED);
    assert_int_equal(call(&fixture.here, "", ""), SLC_SESSION_DENIED);
    token[0] ^= 1;
    assert_int_equal(call(&fixture.here, token, ""), SLC_SESSION_DENIED);
    token[0] ^= 1;
    fixture.now += 60 * SLC_USEC_PER_SEC - 1;
    assert_int_equal(call(&fixture.here, token, ""), SLC_SESSION_APPROVED);
    fixture.now += 1;
    assert_int_equal(call(&fixture.here, token, ""), SLC_SESSION_DENIED);
}

static void test_address_session(void **state)
{
    struct slc_session_caller caller = {.client = &fixture.here};
    char cookie[SLC_SESSION_COOKIE_BYTES];

    (void)state;
    start((struct slc_sessions_options){.address_ttl_sec = 600});
    assert_int_equal(call(&fixture.here, "", ""), SLC_SESSION_DENIED);
    assert_int_equal(show_key(&fixture.here, "second"), SLC_SESSION_APPROVED);
    assert_int_equal(call(&fixture.here, "", ""), SLC_SESSION_APPROVED);
    assert_int_equal(call(&fixture.there, "", ""), SLC_SESSION_DENIED);
    /* a page of another site in a browser at that address */
    caller.cross_site = true;
    assert_int_equal(slc_session_check(fixture.sessions, &caller, NULL), SLC_SESSION_DENIED);
    assert_true(slc_session_end(fixture.sessions, &caller, cookie, NULL));
    assert_string_equal(cookie, "sluice_session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    assert_int_equal(call(&fixture.here, "", ""), SLC_SESSION_DENIED);
    assert_int_equal(show_key(&fixture.here, "sesame"), SLC_SESSION_APPROVED);
    fixture.now += 600 * SLC_USEC_PER_SEC;
    assert_int_equal(call(&fixture.here, "", ""), SLC_SESSION_DENIED);
}

static void test_end_of_cookie(void **state)
{
    char cookie[SLC_SESSION_COOKIE_BYTES], token[64];
    struct slc_session_caller caller = {.client = &fixture.there};

    (void)state;
    start((struct slc_sessions_options){.address_ttl_sec = 600});
    assert_int_equal(
        slc_session_approve(fixture.sessions, &fixture.here, SLC_STR("sesame"), cookie, NULL),
        SLC_SESSION_APPROVED);
    assert_int_equal(sscanf(cookie, "sluice_session=%43[^;]", token), 1);
    /* the caller's cookie and its own address, not somebody else's */
    caller.token = slc_str_from(token);
    assert_true(slc_session_end(fixture.sessions, &caller, NULL, NULL));
    assert_int_equal(call(&fixture.there, token, ""), SLC_SESSION_DENIED);
    assert_int_equal(call(&fixture.here, "", ""), SLC_SESSION_APPROVED);
}

static void test_bearer(void **state)
{
    (void)state;
    start((struct slc_sessions_options){.address_ttl_sec = 600});
    assert_int_equal(call(&fixture.here, "", "Bearer sesame"), SLC_SESSION_APPROVED);
    assert_int_equal(call(&fixture.here, "", "bearer   second "), SLC_SESSION_APPROVED);
    /* it approves this call alone */
    assert_int_equal(call(&fixture.here, "", ""), SLC_SESSION_DENIED);
    assert_int_equal(call(&fixture.here, "", "Bearer"), SLC_SESSION_DENIED);
    assert_int_equal(call(&fixture.here, "", "Bearersesame"), SLC_SESSION_DENIED);
    assert_int_equal(call(&fixture.here, "", "Basic sesame"), SLC_SESSION_DENIED);
    /* a wrong key is a denial, whatever the address may do */
    assert_int_equal(show_key(&fixture.here, "sesame"), SLC_SESSION_APPROVED);
    assert_int_equal(call(&fixture.here, "", "Bearer wrong"), SLC_SESSION_DENIED);
    assert_int_equal(call(&fixture.here, "", "Basic x"), SLC_SESSION_APPROVED);
}

static void test_guessing(void **state)
{
    static const int64_t delays_sec[] = {1, 2, 4, 8, 10, 10};
    int64_t retry_after_sec = 0;
    char cookie[SLC_SESSION_COOKIE_BYTES];

    (void)state;
    start((struct slc_sessions_options){.free_guesses = 3, .max_delay_sec = 10});
    assert_int_equal(show_key(&fixture.here, "a"), SLC_SESSION_DENIED);
    assert_int_equal(show_key(&fixture.here, "b"), SLC_SESSION_DENIED);
    for (size_t i = 0; i < sizeof(delays_sec) / sizeof(*delays_sec); i++) {
        assert_int_equal(call(&fixture.here, "", "Bearer c"), SLC_SESSION_DENIED);
        /* even the right key has to wait, or waiting would tell nothing */
        assert_int_equal(slc_session_approve(fixture.sessions, &fixture.here, SLC_STR("sesame"),
                                             cookie, &retry_after_sec),
                         SLC_SESSION_SLOWED);
        assert_int_equal(retry_after_sec, delays_sec[i]);
        fixture.now += delays_sec[i] * SLC_USEC_PER_SEC - 1;
        assert_int_equal(call(&fixture.here, "", "Bearer sesame"), SLC_SESSION_SLOWED);
        fixture.now += 1;
    }
    /* others are not slowed */
    assert_int_equal(show_key(&fixture.there, "sesame"), SLC_SESSION_APPROVED);
    /* a success forgets */
    assert_int_equal(show_key(&fixture.here, "sesame"), SLC_SESSION_APPROVED);
    assert_int_equal(show_key(&fixture.here, "a"), SLC_SESSION_DENIED);
    assert_int_equal(show_key(&fixture.here, "b"), SLC_SESSION_DENIED);
    assert_int_equal(show_key(&fixture.here, "sesame"), SLC_SESSION_APPROVED);
}

static void test_guessing_by_network(void **state)
{
    struct slc_client one = {"2001:db8::1", "2001:db8::"}, two = {"2001:db8::2", "2001:db8::"};

    (void)state;
    start((struct slc_sessions_options){.free_guesses = 2});
    assert_int_equal(show_key(&one, "a"), SLC_SESSION_DENIED);
    assert_int_equal(show_key(&two, "b"), SLC_SESSION_DENIED);
    assert_int_equal(show_key(&one, "c"), SLC_SESSION_SLOWED);
}

static void test_bounded(void **state)
{
    int64_t now = 0;
    struct slc_client client = {"192.0.2.1", "192.0.2.1"};
    void *store = slc_session_memory_new(10, read_clock, &now);
    char tokens[12][64], cookie[SLC_SESSION_COOKIE_BYTES];

    (void)state;
    start((struct slc_sessions_options){.ops = &slc_session_memory_ops, .ops_state = store});
    for (int i = 0; i < 12; i++) {
        assert_int_equal(
            slc_session_approve(fixture.sessions, &client, SLC_STR("sesame"), cookie, NULL),
            SLC_SESSION_APPROVED);
        assert_int_equal(sscanf(cookie, "sluice_session=%43[^;]", tokens[i]), 1);
    }
    assert_int_equal(call(&client, tokens[0], ""), SLC_SESSION_DENIED);
    assert_int_equal(call(&client, tokens[1], ""), SLC_SESSION_DENIED);
    assert_int_equal(call(&client, tokens[2], ""), SLC_SESSION_APPROVED);
    assert_int_equal(call(&client, tokens[11], ""), SLC_SESSION_APPROVED);
    /* a flood of guessers pushes out no session */
    for (int i = 0; i < 50; i++) {
        snprintf(client.network, sizeof(client.network), "10.0.0.%d", i);
        assert_int_equal(show_key(&client, "wrong"), SLC_SESSION_DENIED);
    }
    assert_int_equal(call(&client, tokens[11], ""), SLC_SESSION_APPROVED);
}

static enum slc_session_found away_get(void *state, enum slc_session_kind kind, struct slc_str key,
                                       char value[SLC_SESSION_VALUE_BYTES], struct slc_error *error)
{
    (void)state;
    (void)kind;
    (void)key;
    (void)value;
    slc_fail(error, SLC_ERR_CONNECTION, "away");
    return SLC_SESSION_STORE_FAILED;
}

static bool away_put(void *state, enum slc_session_kind kind, struct slc_str key,
                     struct slc_str value, int64_t ttl_sec, struct slc_error *error)
{
    (void)state;
    (void)kind;
    (void)key;
    (void)value;
    (void)ttl_sec;
    return slc_fail(error, SLC_ERR_CONNECTION, "away");
}

static bool away_del(void *state, enum slc_session_kind kind, struct slc_str key,
                     struct slc_error *error)
{
    (void)state;
    (void)kind;
    (void)key;
    return slc_fail(error, SLC_ERR_CONNECTION, "away");
}

static void test_store_away(void **state)
{
    static const struct slc_session_ops ops = {.get = away_get, .put = away_put, .del = away_del};
    struct slc_session_caller caller = {.client = &fixture.here};
    struct slc_error error = {0};

    (void)state;
    start((struct slc_sessions_options){.ops = &ops, .address_ttl_sec = 1});
    assert_int_equal(show_key(&fixture.here, "sesame"), SLC_SESSION_UNAVAILABLE);
    assert_int_equal(call(&fixture.here, "", ""), SLC_SESSION_UNAVAILABLE);
    assert_int_equal(call(&fixture.here, "", "Bearer sesame"), SLC_SESSION_UNAVAILABLE);
    assert_false(slc_session_end(fixture.sessions, &caller, NULL, &error));
    assert_int_equal(error.code, SLC_ERR_CONNECTION);
}

static void test_no_keys(void **state)
{
    struct slc_error error = {0};

    (void)state;
    assert_null(slc_sessions_new(&(struct slc_sessions_options){0}, &error));
    assert_int_equal(error.code, SLC_ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_known_hash),
        cmocka_unit_test_teardown(test_cookie_session, stop),
        cmocka_unit_test_teardown(test_address_session, stop),
        cmocka_unit_test_teardown(test_end_of_cookie, stop),
        cmocka_unit_test_teardown(test_bearer, stop),
        cmocka_unit_test_teardown(test_guessing, stop),
        cmocka_unit_test_teardown(test_guessing_by_network, stop),
        cmocka_unit_test_teardown(test_bounded, stop),
        cmocka_unit_test_teardown(test_store_away, stop),
        cmocka_unit_test(test_no_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
