/* Many questions over one connection. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "redis/line.h"
#include "redis/resp.h"

/* Answers come on the line's thread. */
struct answers {
    pthread_mutex_t lock;
    pthread_cond_t came;
    int count, wrong, failed;
    enum slc_error_code code;
};

static struct answers answers = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                 .came = PTHREAD_COND_INITIALIZER};

static void note(bool right, const struct slc_error *error)
{
    pthread_mutex_lock(&answers.lock);
    answers.count++;
    answers.wrong += !right;
    if (error) {
        answers.failed++;
        answers.code = error->code;
    }
    pthread_cond_signal(&answers.came);
    pthread_mutex_unlock(&answers.lock);
}

static void wait_for(int count)
{
    pthread_mutex_lock(&answers.lock);
    while (answers.count < count)
        pthread_cond_wait(&answers.came, &answers.lock);
    pthread_mutex_unlock(&answers.lock);
}

static void forget(void)
{
    answers.count = answers.wrong = answers.failed = 0;
}

/* ECHO n, and a command that Redis does not know. */
static void on_echo(void *state, struct slc_reply *const replies[], const struct slc_error *error)
{
    char expected[16];

    snprintf(expected, sizeof(expected), "%d", (int)(intptr_t)state);
    note(replies && slc_reply_is(replies[0], expected) && replies[1]->type == SLC_REPLY_ERROR,
         error);
}

static bool ask_echo(struct slc_redis_line *line, int number, struct slc_error *error)
{
    struct slc_buf commands = {0};
    char text[16];

    snprintf(text, sizeof(text), "%d", number);
    slc_resp_command(&commands, 2, (struct slc_str[]){SLC_STR("ECHO"), slc_str_from(text)});
    slc_resp_command(&commands, 1, (struct slc_str[]){SLC_STR("NOSUCHCOMMAND")});
    return slc_redis_line_ask(line, &commands, 2, on_echo, (void *)(intptr_t)number, error);
}

enum { ASKERS = 4, QUESTIONS = 500 };

static void *ask_many(void *argument)
{
    struct slc_error error;

    for (int i = 0; i < QUESTIONS; i++)
        if (!ask_echo(argument, i, &error))
            note(false, &error);
    return NULL;
}

static void everyone_gets_his_own_answer(void **state)
{
    struct slc_error error;
    struct slc_redis_pool *pool = slc_redis_pool_new(*state, 1, 5000, &error);
    struct slc_redis_line *line = slc_redis_line_start(pool, &error);
    pthread_t askers[ASKERS];

    forget();
    assert_non_null(line);
    for (size_t i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&askers[i], NULL, ask_many, line), 0);
    for (size_t i = 0; i < ASKERS; i++)
        pthread_join(askers[i], NULL);
    wait_for(ASKERS * QUESTIONS);
    assert_int_equal(answers.wrong, 0);
    slc_redis_line_stop(line);
    /* The connection was given back, and is of use. */
    struct slc_redis *redis = slc_redis_pool_take(pool, &error);
    assert_non_null(redis);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error);
    slc_redis_pool_give(pool, redis);
    slc_redis_pool_free(pool);
}

static void without_redis_the_answer_says_so(void **state)
{
    struct slc_redis_url url;
    struct slc_error error;

    (void)state;
    forget();
    assert_ok(slc_redis_url_from_socket("/nonexistent/sock", 0, &url, &error), error);
    struct slc_redis_pool *pool = slc_redis_pool_new(&url, 1, 1000, &error);
    struct slc_redis_line *line = slc_redis_line_start(pool, &error);

    for (int i = 0; i < 3; i++)
        assert_ok(ask_echo(line, i, &error), error);
    wait_for(3);
    assert_int_equal(answers.failed, 3);
    assert_int_equal(answers.code, SLC_ERR_CONNECTION);
    slc_redis_line_stop(line);
    slc_redis_pool_free(pool);
}

/* The peer answers one of three, and closes: who got no answer is told. */
static void a_connection_cut_off_in_between(void **state)
{
    static const char script[] = "$1\r\n0\r\n-ERR no\r\n$1\r\n1";
    struct test_peer *peer = test_peer_new();
    struct slc_error error;
    struct slc_redis_pool *pool = slc_redis_pool_new(test_peer_url(peer), 1, 5000, &error);
    struct slc_redis_line *line;

    (void)state;
    forget();
    test_peer_script(peer, NULL, script, sizeof(script) - 1, TEST_CLOSE);
    /* Nobody else may have the connection: all three go together. */
    struct slc_redis *held = slc_redis_pool_take(pool, &error);
    assert_non_null(held);
    line = slc_redis_line_start(pool, &error);
    for (int i = 0; i < 3; i++)
        assert_ok(ask_echo(line, i, &error), error);
    slc_redis_pool_give(pool, held);
    wait_for(3);
    assert_true(answers.failed >= 1);
    assert_int_equal(answers.code, SLC_ERR_CONNECTION);
    slc_redis_line_stop(line);
    slc_redis_pool_free(pool);
    test_peer_free(peer);
}

static void what_waits_at_the_end_is_answered(void **state)
{
    struct slc_error error;
    struct slc_redis_pool *pool = slc_redis_pool_new(*state, 1, 5000, &error);
    struct slc_redis *held = slc_redis_pool_take(pool, &error);
    struct slc_redis_line *line = slc_redis_line_start(pool, &error);
    struct slc_buf commands = {0};

    forget();
    for (int i = 0; i < 100; i++)
        assert_ok(ask_echo(line, i, &error), error);
    slc_redis_pool_give(pool, held);
    slc_redis_line_stop(line);
    assert_int_equal(answers.count, 100); /* those asked, and those that were too late */
    slc_redis_pool_free(pool);
    slc_redis_line_stop(NULL);

    /* Bounds. */
    pool = slc_redis_pool_new(*state, 1, 5000, &error);
    held = slc_redis_pool_take(pool, &error);
    line = slc_redis_line_start(pool, &error);
    assert_fails(slc_redis_line_ask(line, &commands, 0, on_echo, NULL, &error), error,
                 SLC_ERR_INTERNAL);
    assert_fails(
        slc_redis_line_ask(line, &commands, SLC_REDIS_LINE_COMMANDS_MAX + 1, on_echo, NULL, &error),
        error, SLC_ERR_INTERNAL);
    forget();
    int asked = 0;
    while (asked < 3 * SLC_REDIS_LINE_WAITING_MAX && ask_echo(line, asked, &error))
        asked++;
    assert_int_equal(error.code, SLC_ERR_LIMIT);
    assert_true(asked >= SLC_REDIS_LINE_WAITING_MAX);
    slc_redis_pool_give(pool, held);
    wait_for(asked);
    assert_int_equal(answers.wrong, 0);
    slc_redis_line_stop(line);
    slc_redis_pool_free(pool);
}

static void on_connected(void *state, struct slc_redis *redis)
{
    struct slc_redis **to = state;

    *to = redis;
    note(true, NULL);
}

/* For those who may not wait. */
static void it_connects_for_others(void **state)
{
    struct slc_redis_url nowhere;
    struct slc_error error;
    struct slc_redis_pool *pool = slc_redis_pool_new(*state, 2, 5000, &error), *none;
    struct slc_redis_line *line = slc_redis_line_start(pool, &error);
    struct slc_redis *redis = NULL, *other = (struct slc_redis *)1;

    forget();
    assert_ok(slc_redis_url_from_socket("/nonexistent/sock", 0, &nowhere, &error), error);
    none = slc_redis_pool_new(&nowhere, 1, 1000, &error);
    assert_ok(slc_redis_line_connect(line, pool, on_connected, &redis, &error), error);
    wait_for(1);
    assert_non_null(redis);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error);
    slc_redis_pool_give(pool, redis);
    assert_ok(slc_redis_line_connect(line, none, on_connected, &other, &error), error);
    wait_for(2);
    assert_null(other);
    slc_redis_line_stop(line);
    slc_redis_pool_free(pool);
    slc_redis_pool_free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_gets_his_own_answer),
        cmocka_unit_test(without_redis_the_answer_says_so),
        cmocka_unit_test(a_connection_cut_off_in_between),
        cmocka_unit_test(what_waits_at_the_end_is_answered),
        cmocka_unit_test(it_connects_for_others),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
