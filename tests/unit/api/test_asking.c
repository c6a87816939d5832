/* The calls that ask Redis together: many at a time, and while connections are lost. */
#include "api_test.h"

#include <signal.h>
#include <stdio.h>

enum { CLIENTS = 16, ROUNDS = 40, GATHERED_MAX = 2 };

static struct api_test test;
static struct raw_client clients[CLIENTS];
static struct raw_answer answer;

static void open_with_two_tables(void **state)
{
    api_test_open(&test, state, NULL);
    job_test_put_table(&test.job, "a", "2021-01-01:00:00:00", ",\"prim_index\":\"id\"");
    job_test_put(&test.job, "b.csv", "id,v\nx,1\ny,1\nz,1\n");
    job_test_put(&test.job, "b.ticket",
                 "{\"file_name\":\"b.csv\",\"status\":\"READY\",\"load_dttm\":\"2022-01-01:00:00:"
                 "00\",\"prim_index\":\"id\"}");
    assert_int_equal(api_test_call(&test, "GET", "/register_replicas", NULL), 200);
    assert_int_equal(api_test_call(&test, "POST", "/loadDf2redis", "?force_reload=1"), 200);
    for (size_t i = 0; i < CLIENTS; i++)
        raw_open(&clients[i], test.port);
}

static void close_all(void)
{
    for (size_t i = 0; i < CLIENTS; i++)
        raw_close(&clients[i]);
    api_test_close(&test);
}

static const struct {
    const char *path;
    int status;
    const char *body; /* NULL: any */
} calls[] = {
    {"/v1/replicas/a/rows/1", 200, "{\"key\":\"1\",\"values\":[0]}"},
    {"/v1/replicas/b/rows/x", 200, "{\"key\":\"x\",\"values\":[0]}"},
    {"/getRegisteredReplics", 200, "{\"LIST_OF_REGISTERED_REPLICS\":\"b, a\"}"},
    {"/v1/replicas/a/rows/2", 200, "{\"key\":\"2\",\"values\":[1]}"},
    {"/v1/replicas/b/rows/z", 200, "{\"key\":\"z\",\"values\":[0]}"},
    {"/v1/replicas/a/rows/3", 404, NULL},
    {"/v1/replicas/c/rows/1", 404, NULL},
};

static size_t call_of(size_t client, size_t round)
{
    return (client * 5 + round) % (sizeof(calls) / sizeof(*calls));
}

static void send_get(struct raw_client *client, const char *path)
{
    char request[256];

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " API_TEST_KEY "\r\n\r\n", path);
    assert_true(raw_send_text(client, request));
}

/* All at once; each gets what it asked for. */
static void ask_round(size_t round)
{
    for (size_t i = 0; i < CLIENTS; i++)
        send_get(&clients[i], calls[call_of(i, round)].path);
    for (size_t i = 0; i < CLIENTS; i++) {
        size_t call = call_of(i, round);

        raw_read(&clients[i], &answer, false);
        if (answer.status != calls[call].status)
            fail_msg("%s: %d %s", calls[call].path, answer.status, answer.body);
        if (calls[call].body)
            assert_string_equal(answer.body, calls[call].body);
    }
}

static int64_t clients_of_redis(struct slc_redis *redis)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error;
    int64_t count = 0;

    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("CLIENT"), SLC_STR("LIST")), error);
    for (const char *at = reply->text.data; (at = strstr(at, " cmd=hget ")); at++)
        count++;
    return count;
}

static void everyone_gets_his_own_answer(void **state)
{
    struct slc_redis *redis;
    struct slc_error error;

    open_with_two_tables(state);
    for (size_t round = 0; round < ROUNDS; round++)
        ask_round(round);
    /* Each thread has come to a connection of its own. */
    redis = slc_redis_open(*state, 5000, &error);
    assert_non_null(redis);
    for (size_t round = 0; clients_of_redis(redis) < 2; round++)
        ask_round(round);
    slc_redis_close(redis);
    close_all();
}

/* Whether a thread has noticed it or not: what was asked over a connection that is
 * lost is asked again over another one. */
static void lost_connections_are_not_noticed(void **state)
{
    struct slc_redis *redis;
    struct slc_error error;

    open_with_two_tables(state);
    redis = slc_redis_open(*state, 5000, &error);
    assert_non_null(redis);
    for (size_t round = 0; round < ROUNDS; round++) {
        ask_round(round);
        assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("CLIENT"), SLC_STR("KILL"),
                                 SLC_STR("TYPE"), SLC_STR("normal"), SLC_STR("SKIPME"),
                                 SLC_STR("yes")),
                  error);
    }
    ask_round(0);
    slc_redis_close(redis);
    close_all();
}

static pid_t pid_of_redis(struct slc_redis *redis)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error;
    const char *at;

    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("INFO"), SLC_STR("server")), error);
    at = strstr(reply->text.data, "process_id:");
    assert_non_null(at);
    return (pid_t)strtol(at + strlen("process_id:"), NULL, 10);
}

/* From the return on it does nothing more. */
static void stop_process(pid_t pid)
{
    char path[64], text[512];
    size_t len;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    do {
        FILE *file = fopen(path, "r");

        assert_non_null(file);
        len = fread(text, 1, sizeof(text) - 1, file);
        (void)fclose(file);
        text[len] = '\0';
        assert_non_null(strstr(text, ") "));
    } while (!strstr(text, ") T "));
}

/* The only thread with connections has read what was sent before, and has sent off what it
 * gathered before it read the last of these. */
static void let_it_go_round(struct raw_client *client)
{
    for (size_t i = 0; i < 3; i++) {
        send_get(client, "/healthz");
        raw_read(client, &answer, false);
        assert_int_equal(answer.status, 200);
    }
}

static void ask_row(struct raw_client *client)
{
    send_get(client, "/v1/replicas/a/rows/1");
    raw_read(client, &answer, false);
    assert_int_equal(answer.status, 200);
}

/* One question is under way, as many calls as may wait for it do, the others are refused at
 * once; those are answered when Redis goes on. */
static void a_redis_that_hangs_is_not_waited_for_by_all(void **state)
{
    struct slc_redis *redis;
    struct slc_error error;
    pid_t pid;

    api_test_shape = (struct api_test_shape){.loops = 1, .gathered_max = GATHERED_MAX};
    open_with_two_tables(state);
    api_test_shape = (struct api_test_shape){.loops = 2};
    redis = slc_redis_open(*state, 5000, &error);
    assert_non_null(redis);
    pid = pid_of_redis(redis);
    do
        ask_row(&clients[0]);
    while (clients_of_redis(redis) < 2); /* the line's, and the thread's own */
    stop_process(pid);
    for (size_t i = 0; i < 1 + GATHERED_MAX; i++) {
        send_get(&clients[i], "/getRegisteredReplics");
        let_it_go_round(&clients[CLIENTS - 1]);
    }
    for (size_t i = 1 + GATHERED_MAX; i < CLIENTS; i++) {
        send_get(&clients[i], i % 2 ? "/getRegisteredReplics" : "/v1/replicas/a/rows/1");
        raw_read(&clients[i], &answer, false);
        assert_int_equal(answer.status, 503);
        assert_string_equal(raw_header(&answer, "retry-after"), "5");
    }
    assert_int_equal(kill(pid, SIGCONT), 0);
    for (size_t i = 0; i < 1 + GATHERED_MAX; i++) {
        raw_read(&clients[i], &answer, false);
        assert_int_equal(answer.status, 200);
    }
    ask_row(&clients[CLIENTS - 1]);
    slc_redis_close(redis);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_gets_his_own_answer),
        cmocka_unit_test(lost_connections_are_not_noticed),
        cmocka_unit_test(a_redis_that_hangs_is_not_waited_for_by_all),
    };

    return cmocka_run_group_tests(tests, test_server_setup, test_server_teardown);
}
