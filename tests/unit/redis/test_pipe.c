#include "support.h"

#include <stdio.h>

#include "base/buf.h"
#include "redis/pipe.h"
#include "redis/resp.h"

/* ---- Against a real server ---- */

/* HSET key with `pairs` fields from `first` on, values of `value_bytes`. */
static void append_hset(struct slc_buf *buf, const char *key, int64_t first, int64_t pairs,
                        size_t value_bytes)
{
    char field[32], *value = malloc(value_bytes);

    assert_non_null(value);
    memset(value, 'v', value_bytes);
    slc_resp_array(buf, (size_t)(2 + 2 * pairs));
    slc_resp_bulk(buf, SLC_STR("HSET"));
    slc_resp_bulk(buf, slc_str_from(key));
    for (int64_t i = 0; i < pairs; i++) {
        int len = snprintf(field, sizeof(field), "%lld", (long long)(first + i));

        slc_resp_bulk(buf, (struct slc_str){field, (size_t)len});
        slc_resp_bulk(buf, (struct slc_str){value, value_bytes});
    }
    free(value);
}

struct heard {
    int64_t integers;
    int64_t sum;
    int64_t next_command;
    uint64_t next_id;
};

static void on_integer(void *context, int64_t command, int64_t value)
{
    struct heard *heard = context;

    assert_int_equal(command, heard->next_command++);
    heard->integers++;
    heard->sum += value;
}

static void on_answered(void *context, uint64_t id)
{
    struct heard *heard = context;

    assert_int_equal(id, heard->next_id++);
}

static int64_t hlen(struct slc_redis *redis, const char *key)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error;

    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("HLEN"), slc_str_from(key)), error);
    return reply->integer;
}

static void rows_arrive(void **state)
{
    static const size_t windows[] = {1, 1000, 100000, 0};
    enum { SEGMENTS = 40, PER_SEGMENT = 5, PAIRS = 64 };

    for (size_t w = 0; w < sizeof(windows) / sizeof(windows[0]); w++) {
        SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
        struct heard heard = {0};
        struct slc_pipe_options options = {.window_bytes = windows[w],
                                           .on_integer = on_integer,
                                           .on_answered = on_answered,
                                           .context = &heard};
        struct slc_error error;
        SLC_AUTO_PIPE struct slc_pipe *pipe = slc_pipe_open(redis, &options, &error);
        struct slc_pipe_status status;
        SLC_AUTO_BUF struct slc_buf buf = {0};

        assert_non_null(pipe);
        for (int s = 0; s < SEGMENTS; s++) {
            struct slc_pipe_segment segment = {.commands = PER_SEGMENT, .id = (uint64_t)s};

            slc_buf_clear(&buf); /* the memory is ours again after each send */
            for (int c = 0; c < PER_SEGMENT; c++)
                append_hset(&buf, "h", (s * PER_SEGMENT + c) * PAIRS / 2, PAIRS, 100);
            segment.bytes = slc_buf_view(&buf);
            assert_ok(slc_pipe_send(pipe, &segment, 1, &error), error);
        }
        assert_ok(slc_pipe_finish(pipe, &error), error);
        slc_pipe_status(pipe, &status);
        assert_int_equal(status.commands, SEGMENTS * PER_SEGMENT);
        assert_int_equal(status.replies, status.commands);
        assert_int_equal(status.answered_bytes, status.sent_bytes);
        assert_int_equal(status.error_command, -1);
        assert_int_equal(status.integer_sum, SEGMENTS * PER_SEGMENT * PAIRS / 2 + PAIRS / 2);
        assert_int_equal(heard.integers, status.replies);
        assert_int_equal(heard.sum, status.integer_sum);
        assert_int_equal(heard.next_id, SEGMENTS);
        slc_pipe_close(pipe);
        pipe = NULL;
        assert_true(slc_redis_is_idle(redis));
        assert_int_equal(hlen(redis, "h"), status.integer_sum);
    }
}

/* One command may be spread over segments, and segments may be empty. */
static void split_commands(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf buf = {0};
    struct heard heard = {0};
    struct slc_pipe_options options = {
        .window_bytes = 10, .on_answered = on_answered, .context = &heard};
    struct slc_error error;
    SLC_AUTO_PIPE struct slc_pipe *pipe = slc_pipe_open(redis, &options, &error);
    struct slc_pipe_segment *segments;

    append_hset(&buf, "h", 0, 3, 20);
    append_hset(&buf, "h", 3, 3, 20);
    segments = calloc(buf.len + 1, sizeof(*segments));
    for (size_t i = 0; i < buf.len; i++)
        segments[i] =
            (struct slc_pipe_segment){.bytes = {buf.data + i, 1},
                                      .commands = i + 1 == buf.len / 2 || i + 1 == buf.len,
                                      .id = i};
    segments[buf.len].id = buf.len;
    assert_ok(slc_pipe_send(pipe, segments, buf.len + 1, &error), error);
    assert_ok(slc_pipe_finish(pipe, &error), error);
    assert_int_equal(heard.next_id, buf.len + 1);
    free(segments);
    slc_pipe_close(pipe);
    pipe = NULL;
    assert_int_equal(hlen(redis, "h"), 6);
}

/* Replies as large as the commands, far beyond the socket buffers, and a window
 * that never closes: whoever does not read while writing hangs. */
static void both_directions_full(void **state)
{
    enum { COUNT = 200, BYTES = 1 << 19 };
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf buf = {0};
    struct slc_pipe_options options = {.window_bytes = (size_t)1 << 40};
    struct slc_error error;
    SLC_AUTO_PIPE struct slc_pipe *pipe = slc_pipe_open(redis, &options, &error);
    char *value = calloc(1, BYTES);
    const struct slc_str argv[] = {SLC_STR("ECHO"), {value, BYTES}};
    struct slc_pipe_status status;

    slc_resp_command(&buf, 2, argv);
    for (int i = 0; i < COUNT; i++) {
        struct slc_pipe_segment segment = {.bytes = slc_buf_view(&buf), .commands = 1};

        assert_ok(slc_pipe_send(pipe, &segment, 1, &error), error);
    }
    assert_ok(slc_pipe_finish(pipe, &error), error);
    slc_pipe_status(pipe, &status);
    assert_int_equal(status.replies, COUNT);
    assert_int_equal(status.integer_sum, 0);
    free(value);
}

static void first_error_stops(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf good = {0}, bad = {0};
    struct slc_error error;
    struct slc_pipe *pipe = slc_pipe_open(redis, NULL, &error);
    struct slc_pipe_status status;

    append_hset(&good, "h", 0, 10, 10);
    append_hset(&good, "h", 10, 10, 10);
    append_hset(&bad, "h", 20, 10, 10);
    append_hset(&bad, "string", 0, 10, 10);
    append_hset(&bad, "h", 30, 10, 10);
    assert_ok(slc_redis_append_call(redis, &error, SLC_STR("SET"), SLC_STR("string"), SLC_STR("s")),
              error);
    assert_null(slc_pipe_open(redis, NULL, &error)); /* a pipeline is under way */
    assert_int_equal(error.code, SLC_ERR_INTERNAL);
    SLC_AUTO_REPLY struct slc_reply *ok = NULL;
    assert_ok(slc_redis_read(redis, &ok, &error), error);
    const struct slc_pipe_segment segments[] = {
        {.bytes = slc_buf_view(&good), .commands = 2, .id = 70},
        {.bytes = slc_buf_view(&bad), .commands = 3, .id = 71},
        {.bytes = slc_buf_view(&good), .commands = 2, .id = 72},
    };
    assert_ok(slc_pipe_send(pipe, segments, 3, &error), error);
    assert_fails(slc_pipe_finish(pipe, &error), error, SLC_ERR_CONFLICT);
    slc_pipe_status(pipe, &status);
    assert_int_equal(status.error_command, 3);
    assert_int_equal(status.error_id, 71);
    assert_int_equal(status.integer_sum, 30);
    assert_fails(slc_pipe_send(pipe, segments, 1, &error), error, SLC_ERR_CONFLICT);
    assert_fails(slc_pipe_poll(pipe, &error), error, SLC_ERR_CONFLICT);
    slc_pipe_close(pipe);
    assert_false(slc_redis_is_open(redis)); /* replies were still to come */
    assert_ok(slc_redis_reopen(redis, &error), error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error);
}

static void closing_early_breaks_the_connection(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_BUF struct slc_buf buf = {0};
    struct slc_error error;
    struct slc_pipe *pipe = slc_pipe_open(redis, NULL, &error);

    append_hset(&buf, "h", 0, 10, 10);
    struct slc_pipe_segment segment = {.bytes = {buf.data, buf.len - 1}, .commands = 1};
    assert_ok(slc_pipe_send(pipe, &segment, 1, &error), error);
    slc_pipe_close(pipe);
    assert_fails(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error, SLC_ERR_CONNECTION);
    assert_null(slc_pipe_open(redis, NULL, &error));
    assert_int_equal(error.code, SLC_ERR_CONNECTION);
}

/* ---- Against the scripted peer ---- */

static void cut_at_any_byte(void **state)
{
    static const char script[] = ":1\r\n:12\r\n+OK\r\n";
    struct test_peer *peer = test_peer_new();
    struct slc_pipe_segment segment = {.bytes = SLC_STR("PING\r\n"), .commands = 3};
    struct slc_error error;

    (void)state;
    for (size_t cut = 0; cut < sizeof(script); cut++) {
        test_peer_script(peer, NULL, script, cut, TEST_CLOSE);
        SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(test_peer_url(peer), 5000, &error);
        struct slc_pipe *pipe = slc_pipe_open(redis, NULL, &error);
        bool good = slc_pipe_send(pipe, &segment, 1, &error) && slc_pipe_finish(pipe, &error);

        assert_int_equal(good, cut == sizeof(script) - 1);
        if (!good) {
            assert_int_equal(error.code, SLC_ERR_CONNECTION);
            assert_false(slc_redis_is_open(redis));
        }
        slc_pipe_close(pipe);
    }
    test_peer_free(peer);
}

static void bad_answers(void **state)
{
    static const struct {
        const char *script;
        enum slc_error_code code;
    } cases[] = {
        {"garbage\r\n", SLC_ERR_CONNECTION},
        {":1\r\n:2\r\n:3\r\n", SLC_ERR_CONNECTION}, /* one more than was asked for */
        {":1\r\n:2\r\n:", SLC_ERR_CONNECTION},
        {":1\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n", SLC_ERR_SERVER},
        {"-NOAUTH Authentication required.\r\n", SLC_ERR_AUTH},
        {":1\r\n*2\r\n:1\r\n-READONLY no\r\n", SLC_ERR_SERVER},
    };
    struct test_peer *peer = test_peer_new();
    struct slc_pipe_segment segment = {.bytes = SLC_STR("PING\r\n"), .commands = 2};
    struct slc_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_peer_script(peer, NULL, cases[i].script, strlen(cases[i].script), TEST_HOLD);
        SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(test_peer_url(peer), 5000, &error);
        struct slc_pipe *pipe = slc_pipe_open(redis, NULL, &error);

        if ((slc_pipe_send(pipe, &segment, 1, &error) && slc_pipe_finish(pipe, &error)) ||
            error.code != cases[i].code)
            fail_msg("case %zu: %s", i, error.message);
        slc_pipe_close(pipe);
    }
    test_peer_free(peer);
}

/* A peer that takes everything and answers nothing. */
static void silence_times_out(void **state)
{
    struct test_peer *peer = test_peer_new();
    SLC_AUTO_BUF struct slc_buf buf = {0};
    struct slc_pipe_options options = {.window_bytes = 100000};
    struct slc_pipe_status status;
    struct slc_error error;

    (void)state;
    test_peer_script(peer, NULL, ":1\r\n", 4, TEST_DRAIN);
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open(test_peer_url(peer), 100, &error);
    struct slc_pipe *pipe = slc_pipe_open(redis, &options, &error);
    append_hset(&buf, "h", 0, 100, 300);
    struct slc_pipe_segment segment = {.bytes = slc_buf_view(&buf), .commands = 1};
    bool good = true;
    for (int i = 0; good && i < 1000; i++)
        good = slc_pipe_send(pipe, &segment, 1, &error);
    assert_false(good);
    assert_int_equal(error.code, SLC_ERR_TIMEOUT);
    slc_pipe_status(pipe, &status);
    assert_int_equal(status.replies, 1);
    /* The window held: not the thousand segments, but a few. */
    assert_true(status.sent_bytes - status.answered_bytes < 100000 + (int64_t)buf.len);
    slc_pipe_close(pipe);
    assert_false(slc_redis_is_open(redis));
    test_peer_free(peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_arrive),
        cmocka_unit_test(split_commands),
        cmocka_unit_test(both_directions_full),
        cmocka_unit_test(first_error_stops),
        cmocka_unit_test(closing_early_breaks_the_connection),
        cmocka_unit_test(cut_at_any_byte),
        cmocka_unit_test(bad_answers),
        cmocka_unit_test(silence_times_out),
    };

    return cmocka_run_group_tests_name("redis/pipe", tests, test_server_setup,
                                       test_server_teardown);
}
