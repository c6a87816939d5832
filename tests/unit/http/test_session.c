/* Keys, sessions, guessing; the clock is the test's. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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

static struct slc_session_caller from(const struct slc_client *client)
{
    return (struct slc_session_caller){.client = client};
}

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
    struct slc_session_caller caller = from(client);
    char cookie[SLC_SESSION_COOKIE_BYTES];

    return slc_session_approve(fixture.sessions, &caller, slc_str_from(secret), cookie, NULL);
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
    struct slc_session_caller here = from(&fixture.here);
    char cookie[SLC_SESSION_COOKIE_BYTES], token[64];

    (void)state;
    start((struct slc_sessions_options){.cookie_ttl_sec = 60});
    assert_int_equal(slc_session_approve(fixture.sessions, &here, SLC_STR("sesame"), cookie, NULL),
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
    struct slc_session_caller here = from(&fixture.here);
    char cookie[SLC_SESSION_COOKIE_BYTES], token[64];
    struct slc_session_caller caller = {.client = &fixture.there};

    (void)state;
    start((struct slc_sessions_options){.address_ttl_sec = 600});
    assert_int_equal(slc_session_approve(fixture.sessions, &here, SLC_STR("sesame"), cookie, NULL),
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
    struct slc_session_caller here = from(&fixture.here);
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
        assert_int_equal(slc_session_approve(fixture.sessions, &here, SLC_STR("sesame"), cookie,
                                             &retry_after_sec),
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
    struct slc_session_caller shower = from(&client);
    void *store = slc_session_memory_new(10, read_clock, &now);
    char tokens[12][64], cookie[SLC_SESSION_COOKIE_BYTES];

    (void)state;
    start((struct slc_sessions_options){.ops = &slc_session_memory_ops, .ops_state = store});
    for (int i = 0; i < 12; i++) {
        assert_int_equal(
            slc_session_approve(fixture.sessions, &shower, SLC_STR("sesame"), cookie, NULL),
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

static bool away_guess(void *state, struct slc_str network, const struct slc_guess_rule *rule,
                       int64_t now_usec, int64_t *ret_refused_until_usec, struct slc_error *error)
{
    (void)state;
    (void)network;
    (void)rule;
    (void)now_usec;
    (void)ret_refused_until_usec;
    return slc_fail(error, SLC_ERR_CONNECTION, "away");
}

static void test_store_away(void **state)
{
    static const struct slc_session_ops ops = {
        .get = away_get, .put = away_put, .del = away_del, .guess = away_guess};
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

/* What a key approved ends when the key goes: the same store, sessions of fewer keys. */
static void test_keys_that_go(void **state)
{
    struct slc_session_caller here = from(&fixture.here), there = from(&fixture.there);
    struct slc_session_ops kept = slc_session_memory_ops;
    void *store = slc_session_memory_new(0, read_clock, &fixture.now);
    struct slc_sessions_options options = {
        .ops = &kept, .ops_state = store, .address_ttl_sec = 600, .clock = read_clock};
    char cookie[SLC_SESSION_COOKIE_BYTES], first[64], second[64];

    (void)state;
    kept.free = NULL; /* the store outlives its first sessions */
    start(options);
    assert_int_equal(slc_session_approve(fixture.sessions, &here, SLC_STR("sesame"), cookie, NULL),
                     SLC_SESSION_APPROVED);
    assert_int_equal(sscanf(cookie, "sluice_session=%43[^;]", first), 1);
    assert_int_equal(slc_session_approve(fixture.sessions, &there, SLC_STR("second"), cookie, NULL),
                     SLC_SESSION_APPROVED);
    assert_int_equal(sscanf(cookie, "sluice_session=%43[^;]", second), 1);
    slc_sessions_free(fixture.sessions);
    options.keys = fixture.keys;
    options.key_count = 1;
    options.clock_state = &fixture.now;
    options.ops = &slc_session_memory_ops;
    fixture.sessions = slc_sessions_new(&options, NULL);
    assert_int_equal(call(&fixture.here, first, ""), SLC_SESSION_APPROVED);
    assert_int_equal(call(&fixture.here, "", ""), SLC_SESSION_APPROVED);
    assert_int_equal(call(&fixture.there, second, ""), SLC_SESSION_DENIED);
    assert_int_equal(call(&fixture.there, "", ""), SLC_SESSION_DENIED);
}

static void test_secure_cookies(void **state)
{
    struct slc_session_caller here = from(&fixture.here);
    char cookie[SLC_SESSION_COOKIE_BYTES];

    (void)state;
    start((struct slc_sessions_options){0});
    assert_int_equal(slc_session_approve(fixture.sessions, &here, SLC_STR("sesame"), cookie, NULL),
                     SLC_SESSION_APPROVED);
    assert_null(strstr(cookie, "Secure"));
    here.secure = true;
    assert_int_equal(slc_session_approve(fixture.sessions, &here, SLC_STR("sesame"), cookie, NULL),
                     SLC_SESSION_APPROVED);
    assert_non_null(strstr(cookie, "; Secure"));
    assert_true(slc_session_end(fixture.sessions, &here, cookie, NULL));
    assert_non_null(strstr(cookie, "; Secure"));
}

/* A key that is given as a secret is called the same by every process. */
static void test_key_ids(void **state)
{
    char id[SLC_AUTH_KEY_ID_BYTES], again[SLC_AUTH_KEY_ID_BYTES];
    struct slc_auth_key key, other;

    (void)state;
    assert_true(slc_auth_key_derive(SLC_STR("sesame"), &key, NULL));
    assert_true(slc_auth_key_derive(SLC_STR("sesame"), &other, NULL));
    assert_memory_equal(&key, &other, sizeof(key));
    assert_true(slc_auth_key_matches(&key, SLC_STR("sesame")));
    assert_true(slc_auth_key_id(&key, id));
    assert_true(slc_auth_key_id(&other, again));
    assert_int_equal(strlen(id), SLC_AUTH_KEY_ID_BYTES - 1);
    assert_string_equal(id, again);
    assert_true(slc_auth_key_derive(SLC_STR("sesamf"), &other, NULL));
    assert_true(slc_auth_key_id(&other, again));
    assert_string_not_equal(id, again);
    assert_false(slc_auth_key_derive(SLC_STR(""), &other, NULL));
}

enum { GUESSERS = 8, GUESSES_EACH = 50 };

static void *guess(void *denied)
{
    for (int i = 0; i < GUESSES_EACH; i++)
        if (show_key(&fixture.here, "wrong") == SLC_SESSION_DENIED)
            atomic_fetch_add((atomic_int *)denied, 1);
    return NULL;
}

/* At the same moment no more are looked at than one after the other. */
static void test_guesses_at_the_same_time(void **state)
{
    pthread_t threads[GUESSERS];
    atomic_int denied = 0;

    (void)state;
    start((struct slc_sessions_options){.free_guesses = 5});
    for (size_t i = 0; i < GUESSERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, guess, &denied), 0);
    for (size_t i = 0; i < GUESSERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&denied), 5);
}

static void test_guesses_as_text(void **state)
{
    struct slc_guesses guesses = {0}, read = {0};
    const struct slc_guess_rule rule = {
        .free = 1, .first_delay_sec = 1, .max_delay_sec = 300, .ttl_sec = 900};
    char value[SLC_SESSION_VALUE_BYTES];

    (void)state;
    guesses.count = INT32_MAX - 1;
    for (int i = 0; i < 3; i++)
        slc_guesses_add(&guesses, &rule, 7);
    assert_int_equal(guesses.count, INT32_MAX);
    assert_int_equal(guesses.until_usec, 7 + 300 * SLC_USEC_PER_SEC);
    slc_guesses_format(&guesses, value);
    assert_true(slc_guesses_parse(value, &read));
    assert_memory_equal(&read, &guesses, sizeof(read));
    assert_false(slc_guesses_parse("", &read));
    assert_false(slc_guesses_parse("7", &read));
    assert_false(slc_guesses_parse("-1:7", &read));
    assert_false(slc_guesses_parse("1:x", &read));
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
        cmocka_unit_test_teardown(test_keys_that_go, stop),
        cmocka_unit_test_teardown(test_secure_cookies, stop),
        cmocka_unit_test(test_key_ids),
        cmocka_unit_test_teardown(test_guesses_at_the_same_time, stop),
        cmocka_unit_test(test_guesses_as_text),
        cmocka_unit_test(test_no_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
