/* Questions from one thread that never waits for an answer. */
#include "support.h"

#include <poll.h>
#include <stdio.h>

#include "base/time.h"
#include "redis/lane.h"
#include "redis/resp.h"

static struct {
    int count, wrong, failed, next;
    enum slc_error_code code;
} answers;

static void forget(void)
{
    memset(&answers, 0, sizeof(answers));
}

/* ECHO n, and a command that Redis does not know; in order. */
static void on_echo(void *state, struct slc_reply *const replies[], const struct slc_error *error)
{
    char expected[16];

    snprintf(expected, sizeof(expected), "%d", (int)(intptr_t)state);
    answers.count++;
    if (error) {
        answers.failed++;
        answers.code = error->code;
        return;
    }
    answers.wrong += (int)(intptr_t)state != answers.next++ ||
                     !slc_reply_is(replies[0], expected) || replies[1]->type != SLC_REPLY_ERROR;
}

static bool ask_echo(struct slc_redis_lane *lane, int number, struct slc_error *error)
{
    struct slc_buf commands = {0};
    char text[16];

    snprintf(text, sizeof(text), "%d", number);
    slc_resp_command(&commands, 2, (struct slc_str[]){SLC_STR("ECHO"), slc_str_from(text)});
    slc_resp_command(&commands, 1, (struct slc_str[]){SLC_STR("NOSUCHCOMMAND")});
    return slc_redis_lane_ask(lane, &commands, 2, on_echo, (void *)(intptr_t)number, error);
}

/* What an event loop does, until so many have been answered. */
static void turn_until(struct slc_redis_lane *lane, int count)
{
    while (answers.count < count) {
        struct pollfd poll_fd;
        int64_t deadline_usec, left_usec;

        slc_redis_lane_send(lane);
        slc_redis_lane_wants(lane, &poll_fd.fd, &poll_fd.events, &deadline_usec);
        if (answers.count >= count)
            break;
        assert_true(deadline_usec != INT64_MAX); /* something is under way */
        left_usec = deadline_usec - slc_monotonic_usec();
        assert_true(poll(&poll_fd, 1, left_usec > 0 ? (int)(left_usec / 1000) + 1 : 0) >= 0);
        slc_redis_lane_take(lane);
    }
}

static struct slc_redis_lane *lane_over(struct slc_redis *redis)
{
    struct slc_redis_lane *lane = slc_redis_lane_new();

    assert_non_null(lane);
    assert_false(slc_redis_lane_is_open(lane));
    assert_true(slc_redis_lane_use(lane, redis));
    assert_true(slc_redis_lane_is_open(lane));
    return lane;
}

static void answers_come_in_order(void **state)
{
    struct slc_redis *redis = test_open(state);
    struct slc_redis_lane *lane = lane_over(redis);
    struct slc_error error;
    int asked = 0;

    forget();
    for (int batch = 1; batch <= 64; batch++) {
        for (int i = 0; i < batch; i++)
            assert_ok(ask_echo(lane, asked++, &error), error);
        turn_until(lane, batch % 3 ? asked : asked - batch); /* now and then with more under way */
    }
    turn_until(lane, asked);
    assert_int_equal(answers.count, asked);
    assert_int_equal(answers.wrong + answers.failed, 0);
    assert_null(slc_redis_lane_take_broken(lane));
    assert_ptr_equal(slc_redis_lane_free(lane), redis);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error); /* and is of use */
    slc_redis_close(redis);
}

static void on_length(void *state, struct slc_reply *const replies[], const struct slc_error *error)
{
    answers.count++;
    answers.wrong += error || replies[0]->type != SLC_REPLY_STRING ||
                     replies[0]->text.len != (size_t)(intptr_t)state;
}

/* More than a socket takes at once, both ways. */
static void large_questions_and_answers(void **state)
{
    enum { BYTES = 1 << 20, COUNT = 6 };
    static char large[BYTES];
    struct slc_redis *redis = test_open(state);
    struct slc_redis_lane *lane = lane_over(redis);
    struct slc_error error;

    forget();
    memset(large, 'x', sizeof(large));
    for (int i = 0; i < COUNT; i++) {
        struct slc_buf commands = {0};
        size_t len = BYTES - (size_t)i;

        slc_resp_command(
            &commands, 2,
            (struct slc_str[]){SLC_STR("ECHO"), (struct slc_str){.data = large, .len = len}});
        assert_ok(slc_redis_lane_ask(lane, &commands, 1, on_length, (void *)(intptr_t)len, &error),
                  error);
    }
    turn_until(lane, COUNT);
    assert_int_equal(answers.wrong, 0);
    slc_redis_close(slc_redis_lane_free(lane));
}

/* The peer answers one of three, and closes: who got no answer is told, and the
 * next connection is as good as new. */
static void a_connection_cut_off_in_between(void **state)
{
    static const char script[] = "$1\r\n0\r\n-ERR no\r\n$1\r\n1";
    struct test_peer *peer = test_peer_new();
    struct slc_redis *redis, *broken;
    struct slc_redis_lane *lane;
    struct slc_error error;

    forget();
    test_peer_script(peer, NULL, script, sizeof(script) - 1, TEST_CLOSE);
    redis = slc_redis_open(test_peer_url(peer), 5000, &error);
    assert_non_null(redis);
    lane = lane_over(redis);
    assert_null(slc_redis_lane_take_broken(lane));
    for (int i = 0; i < 3; i++)
        assert_ok(ask_echo(lane, i, &error), error);
    turn_until(lane, 3);
    assert_int_equal(answers.failed, 2);
    assert_int_equal(answers.wrong, 0);
    assert_int_equal(answers.code, SLC_ERR_CONNECTION);
    assert_false(slc_redis_lane_is_open(lane));
    assert_fails(ask_echo(lane, 3, &error), error, SLC_ERR_CONNECTION);
    broken = slc_redis_lane_take_broken(lane);
    assert_ptr_equal(broken, redis);
    assert_false(slc_redis_is_open(broken));
    slc_redis_close(broken);
    assert_null(slc_redis_lane_take_broken(lane));
    assert_true(slc_redis_lane_use(lane, test_open(state)));
    forget();
    assert_ok(ask_echo(lane, 0, &error), error);
    turn_until(lane, 1);
    assert_int_equal(answers.wrong + answers.failed, 0);
    slc_redis_close(slc_redis_lane_free(lane));
    test_peer_free(peer);
}

static void a_server_that_does_not_answer(void **state)
{
    struct test_peer *peer = test_peer_new();
    struct slc_redis_lane *lane;
    struct slc_error error;

    (void)state;
    forget();
    test_peer_script(peer, NULL, "$1\r\n", 4, TEST_HOLD);
    lane = lane_over(slc_redis_open(test_peer_url(peer), 100, &error));
    for (int i = 0; i < 2; i++)
        assert_ok(ask_echo(lane, i, &error), error);
    turn_until(lane, 2);
    assert_int_equal(answers.failed, 2);
    assert_int_equal(answers.code, SLC_ERR_TIMEOUT);
    slc_redis_close(slc_redis_lane_free(lane));
    test_peer_free(peer);
}

/* An answer too many: nobody knows any more which is whose. */
static void words_out_of_turn(void **state)
{
    static const char script[] = "$1\r\n0\r\n-ERR no\r\n+MORE\r\n";
    struct test_peer *peer = test_peer_new();
    struct slc_redis_lane *lane;
    struct slc_error error;

    (void)state;
    forget();
    test_peer_script(peer, NULL, script, sizeof(script) - 1, TEST_HOLD);
    lane = lane_over(slc_redis_open(test_peer_url(peer), 5000, &error));
    assert_ok(ask_echo(lane, 0, &error), error);
    turn_until(lane, 1);
    assert_int_equal(answers.failed, 0);
    while (slc_redis_lane_is_open(lane)) { /* it may come by itself */
        struct pollfd poll_fd;
        int64_t deadline_usec;

        slc_redis_lane_wants(lane, &poll_fd.fd, &poll_fd.events, &deadline_usec);
        assert_int_equal(poll(&poll_fd, 1, 5000), 1);
        slc_redis_lane_take(lane);
    }
    slc_redis_close(slc_redis_lane_free(lane));
    test_peer_free(peer);
}

static void bounds(void **state)
{
    struct slc_redis_lane *lane = slc_redis_lane_new();
    struct slc_redis *redis = test_open(state), *other = test_open(state);
    struct slc_buf commands = {0};
    struct slc_error error;
    int asked = 0;

    forget();
    assert_non_null(lane);
    assert_false(slc_redis_lane_use(lane, NULL));
    assert_fails(ask_echo(lane, 0, &error), error, SLC_ERR_CONNECTION);
    assert_true(slc_redis_lane_use(lane, redis));
    assert_false(slc_redis_lane_use(lane, other)); /* it has one */
    slc_redis_close(other);
    assert_fails(slc_redis_lane_ask(lane, &commands, 0, on_echo, NULL, &error), error,
                 SLC_ERR_INTERNAL);
    assert_fails(
        slc_redis_lane_ask(lane, &commands, SLC_REDIS_LINE_COMMANDS_MAX + 1, on_echo, NULL, &error),
        error, SLC_ERR_INTERNAL);
    commands.failed = true;
    assert_fails(slc_redis_lane_ask(lane, &commands, 1, on_echo, NULL, &error), error,
                 SLC_ERR_MEMORY);
    while (asked < 2 * SLC_REDIS_LINE_WAITING_MAX && ask_echo(lane, asked, &error))
        asked++;
    assert_int_equal(error.code, SLC_ERR_LIMIT);
    assert_int_equal(asked, SLC_REDIS_LINE_WAITING_MAX);
    turn_until(lane, asked);
    assert_int_equal(answers.wrong + answers.failed, 0);
    /* What is under way at the end is answered, and the connection broken. */
    assert_ok(ask_echo(lane, asked, &error), error);
    assert_ptr_equal(slc_redis_lane_free(lane), redis);
    assert_int_equal(answers.failed, 1);
    assert_int_equal(answers.code, SLC_ERR_CANCELLED);
    assert_false(slc_redis_is_open(redis));
    slc_redis_close(redis);
    assert_null(slc_redis_lane_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_in_order),
        cmocka_unit_test(large_questions_and_answers),
        cmocka_unit_test(a_connection_cut_off_in_between),
        cmocka_unit_test(a_server_that_does_not_answer),
        cmocka_unit_test(words_out_of_turn),
        cmocka_unit_test(bounds),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
