#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/time.h"
#include "redis/resp.h"
#include "redis/spawn.h"

/* ---- Against a real server ---- */

static void commands(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_reply *reply = NULL;
    struct slc_error error;

    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("SET"), SLC_STR("k"), SLC_STR("a\0b")),
              error);
    assert_true(slc_reply_is(reply, "OK"));
    assert_int_equal(reply->type, SLC_REPLY_STATUS);
    slc_reply_free(reply);
    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("GET"), SLC_STR("k")), error);
    assert_int_equal(reply->type, SLC_REPLY_STRING);
    assert_true(slc_str_eq(reply->text, SLC_STR("a\0b")));
    slc_reply_free(reply);
    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("GET"), SLC_STR("none")), error);
    assert_int_equal(reply->type, SLC_REPLY_NIL);
    slc_reply_free(reply);
    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("RPUSH"), SLC_STR("l"), SLC_STR("x"),
                             SLC_STR("")),
              error);
    assert_int_equal(reply->type, SLC_REPLY_INTEGER);
    assert_int_equal(reply->integer, 2);
    slc_reply_free(reply);
    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("LRANGE"), SLC_STR("l"), SLC_STR("0"),
                             SLC_STR("-1")),
              error);
    assert_int_equal(reply->type, SLC_REPLY_ARRAY);
    assert_int_equal(reply->count, 2);
    assert_true(slc_reply_is(&reply->items[0], "x"));
    assert_true(slc_reply_is(&reply->items[1], ""));
    slc_reply_free(reply);
    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("CLIENT"), SLC_STR("GETNAME")), error);
    assert_true(slc_reply_is(reply, "sluice"));
    slc_reply_free(reply);
    assert_true(slc_redis_is_idle(redis));
}

static void error_replies_leave_it_open(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_reply *reply = NULL;
    struct slc_error error;

    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("k"), SLC_STR("v")),
              error);
    assert_fails(
        slc_redis_call(redis, &reply, &error, SLC_STR("LPUSH"), SLC_STR("k"), SLC_STR("v")), error,
        SLC_ERR_CONFLICT);
    assert_null(reply);
    assert_fails(slc_redis_call(redis, NULL, &error, SLC_STR("NOSUCH"), SLC_STR("secretvalue")),
                 error, SLC_ERR_SERVER);
    assert_null(strstr(error.message, "secretvalue"));
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error);
}

static void pipelines(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;
    enum { COUNT = 20000 };

    for (int i = 0; i < COUNT; i++)
        assert_ok(slc_redis_append_call(redis, &error, SLC_STR("INCR"), SLC_STR("n")), error);
    assert_int_equal(slc_redis_outstanding(redis), COUNT);
    assert_fails(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error, SLC_ERR_INTERNAL);
    for (int i = 0; i < COUNT; i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        assert_ok(slc_redis_read(redis, &reply, &error), error);
        assert_int_equal(reply->integer, i + 1);
    }
    struct slc_reply *none = NULL;
    assert_fails(slc_redis_read(redis, &none, &error), error, SLC_ERR_INTERNAL);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error);
}

/* More in both directions than the sockets' buffers hold: whoever only writes
 * first and reads afterwards hangs here. */
static void big_pipeline_does_not_deadlock(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;
    enum { COUNT = 64, BYTES = 1 << 20 };
    char *value = malloc(BYTES);

    memset(value, 'v', BYTES);
    for (int i = 0; i < COUNT; i++)
        assert_ok(
            slc_redis_append_call(redis, &error, SLC_STR("ECHO"), ((struct slc_str){value, BYTES})),
            error);
    for (int i = 0; i < COUNT; i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        assert_ok(slc_redis_read(redis, &reply, &error), error);
        assert_int_equal(reply->text.len, BYTES);
        assert_memory_equal(reply->text.data, value, BYTES);
    }
    free(value);
}

static void limits_of_a_pipeline(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;
    struct slc_str huge = {.data = "x", .len = (size_t)SLC_REDIS_MAX_PIPELINE_BYTES};

    assert_fails(slc_redis_append_call(redis, &error, SLC_STR("ECHO"), huge), error, SLC_ERR_LIMIT);
    huge.len = SIZE_MAX - 8;
    assert_fails(slc_redis_append_call(redis, &error, SLC_STR("ECHO"), huge), error, SLC_ERR_LIMIT);
    assert_int_equal(slc_redis_outstanding(redis), 0);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error);
}

static void transactions_are_checked(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error;

    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("MULTI")), error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("k"), SLC_STR("v")),
              error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("INCR"), SLC_STR("k")), error);
    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("EXEC")), error);
    assert_int_equal(reply->count, 2);
    assert_false(slc_reply_check(reply, "there", &error));
    assert_true(slc_reply_check(&reply->items[0], "there", &error));
}

static void login_and_database(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *admin = test_open(state);
    struct slc_redis_url url = *(struct slc_redis_url *)*state;
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_redis *redis;
    struct slc_error error;

    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("ACL"), SLC_STR("SETUSER"), SLC_STR("me"),
                             SLC_STR("on"), SLC_STR(">hunter2"), SLC_STR("~*"), SLC_STR("+@all"),
                             SLC_STR("-flushall"), SLC_STR("-client")),
              error);
    url.has_login = true;
    snprintf(url.user, sizeof(url.user), "me");
    snprintf(url.password, sizeof(url.password), "wrong");
    assert_null(slc_redis_open(&url, 2000, &error));
    assert_int_equal(error.code, SLC_ERR_AUTH);
    assert_null(strstr(error.message, "wrong"));
    snprintf(url.password, sizeof(url.password), "hunter2");
    url.db = 3;
    redis = slc_redis_open(&url, 2000, &error); /* CLIENT SETNAME is refused: no harm */
    assert_non_null(redis);
    assert_null(strstr(slc_redis_where(redis), "hunter2"));
    assert_fails(slc_redis_call(redis, NULL, &error, SLC_STR("FLUSHALL")), error, SLC_ERR_AUTH);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("k"), SLC_STR("3")),
              error);
    slc_redis_close(redis);
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("SELECT"), SLC_STR("3")), error);
    assert_ok(slc_redis_call(admin, &reply, &error, SLC_STR("GET"), SLC_STR("k")), error);
    assert_true(slc_reply_is(reply, "3"));

    url.db = 9999;
    assert_null(slc_redis_open(&url, 2000, &error));
    assert_int_equal(error.code, SLC_ERR_CONFIG);

    url = *(struct slc_redis_url *)*state; /* a password where none is set */
    url.has_login = true;
    snprintf(url.password, sizeof(url.password), "needless");
    assert_null(slc_redis_open(&url, 2000, &error));
    assert_int_equal(error.code, SLC_ERR_AUTH);

    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("requirepass"), SLC_STR("pw")),
              error);
    assert_null(slc_redis_open(*state, 2000, &error)); /* none where one is set */
    assert_int_equal(error.code, SLC_ERR_AUTH);
    assert_non_null(strstr(error.message, "password"));
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("requirepass"), SLC_STR("")),
              error);
}

static void out_of_memory(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    struct slc_error error;

    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("maxmemory"), SLC_STR("1")),
              error);
    assert_fails(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("a"), SLC_STR("b")),
                 error, SLC_ERR_SERVER);
    assert_non_null(strstr(error.message, "maxmemory"));
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("maxmemory"), SLC_STR("0")),
              error);
}

static void killed_connection_stays_broken(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *redis = test_open(state);
    SLC_AUTO_REDIS struct slc_redis *other = test_open(state);
    SLC_AUTO_REPLY struct slc_reply *id = NULL;
    struct slc_error error;
    char text[32];

    assert_ok(slc_redis_call(redis, &id, &error, SLC_STR("CLIENT"), SLC_STR("ID")), error);
    snprintf(text, sizeof(text), "%lld", (long long)id->integer);
    assert_ok(slc_redis_call(other, NULL, &error, SLC_STR("CLIENT"), SLC_STR("KILL"), SLC_STR("ID"),
                             slc_str_from(text)),
              error);
    assert_false(slc_redis_is_idle(redis));
    assert_fails(slc_redis_call(redis, NULL, &error, SLC_STR("INCR"), SLC_STR("n")), error,
                 SLC_ERR_CONNECTION);
    assert_false(slc_redis_is_open(redis));
    assert_fails(slc_redis_call(redis, NULL, &error, SLC_STR("INCR"), SLC_STR("n")), error,
                 SLC_ERR_CONNECTION);
    assert_int_equal(error.class, SLC_CLASS_RETRY);
    assert_ok(slc_redis_reopen(redis, &error), error);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("INCR"), SLC_STR("n")), error);
}

/* ---- Over TCP ---- */

static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void over_tcp(void **state)
{
    SLC_AUTO_REDIS struct slc_redis *admin = test_open(state);
    struct slc_error error;
    char port[8], url[64];

    snprintf(port, sizeof(port), "%u", (unsigned)free_port());
    /* By number: a bare machine may not even know the name localhost. */
    snprintf(url, sizeof(url), "redis://127.0.0.1:%s/2", port);
    assert_null(slc_redis_open_text(url, 2000, &error)); /* nobody there yet */
    assert_int_equal(error.code, SLC_ERR_CONNECTION);
    assert_non_null(strstr(error.message, "refused"));
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("port"), slc_str_from(port)),
              error);
    SLC_AUTO_REDIS struct slc_redis *redis = slc_redis_open_text(url, 2000, &error);
    if (!redis)
        fail_msg("%s", error.message);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("SET"), SLC_STR("k"), SLC_STR("v")),
              error);
    assert_ok(slc_redis_call(admin, NULL, &error, SLC_STR("CONFIG"), SLC_STR("SET"),
                             SLC_STR("port"), SLC_STR("0")),
              error);
}

static void nobody_there(void **state)
{
    struct slc_error error;

    (void)state;
    assert_null(slc_redis_open_text("unix:///nonexistent/redis.sock", 1000, &error));
    assert_int_equal(error.code, SLC_ERR_CONNECTION);
    assert_null(slc_redis_open_text("redis://host.invalid:1", 10000, &error));
    assert_true(error.code == SLC_ERR_CONNECTION || error.code == SLC_ERR_TIMEOUT);
    assert_null(slc_redis_open_text("rediss://127.0.0.1:1", 1000, &error));
    assert_int_equal(error.code, SLC_ERR_CONNECTION);
    assert_null(slc_redis_open_text("nonsense", 1000, &error));
    assert_int_equal(error.code, SLC_ERR_CONFIG);
}

/* ---- Against the scripted peer ---- */

static struct slc_redis *open_peer(struct test_peer *peer, int64_t timeout_ms)
{
    struct slc_error error;
    struct slc_redis *redis = slc_redis_open(test_peer_url(peer), timeout_ms, &error);

    if (!redis)
        fail_msg("%s", error.message);
    return redis;
}

static void cut_at_any_byte(void **state)
{
    static const char script[] = "*3\r\n$5\r\nhello\r\n*2\r\n:12\r\n$-1\r\n+OK\r\n";
    struct test_peer *peer = test_peer_new();
    struct slc_error error;

    (void)state;
    for (size_t cut = 0; cut < sizeof(script); cut++) {
        test_peer_script(peer, NULL, script, cut, TEST_CLOSE);
        SLC_AUTO_REDIS struct slc_redis *redis = open_peer(peer, 5000);
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;
        bool good = slc_redis_call(redis, &reply, &error, SLC_STR("X"));

        assert_int_equal(good, cut == sizeof(script) - 1);
        if (!good) {
            assert_int_equal(error.code, SLC_ERR_CONNECTION);
            assert_false(slc_redis_is_open(redis));
            assert_null(reply);
        } else {
            assert_int_equal(reply->count, 3);
            assert_int_equal(reply->items[1].items[0].integer, 12);
        }
    }
    test_peer_free(peer);
}

static void garbage_closes(void **state)
{
    static const char *const garbage[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "*99999999999\r\n",
        "$-5\r\n",
        "*2147483647\r\n",
        "*16777217\r\n",
        ":abc\r\n",
        "$99999999999999999999\r\n",
        "\x15\x03\x01\x00\x02",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        "*3\r\n$1\r\na\r\n$1\r\nb\r\nx",
    };
    struct test_peer *peer = test_peer_new();
    struct slc_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        test_peer_script(peer, NULL, garbage[i], strlen(garbage[i]), TEST_HOLD);
        SLC_AUTO_REDIS struct slc_redis *redis = open_peer(peer, 20000);

        if (slc_redis_call(redis, NULL, &error, SLC_STR("X")) || error.code != SLC_ERR_CONNECTION)
            fail_msg("garbage %zu: %s", i, error.message);
        assert_false(slc_redis_is_open(redis));
    }
    test_peer_script(peer, "SSH-2.0-OpenSSH\r\n", "", 0, TEST_HOLD);
    assert_null(slc_redis_open(test_peer_url(peer), 5000, &error));
    assert_int_equal(error.code, SLC_ERR_CONNECTION);
    test_peer_free(peer);
}

static void refusals_have_their_class(void **state)
{
    static const struct {
        const char *reply;
        enum slc_error_code code;
        const char *says;
    } cases[] = {
        {"-NOAUTH Authentication required.\r\n", SLC_ERR_AUTH, "password"},
        {"-WRONGPASS invalid username-password pair\r\n", SLC_ERR_AUTH, "password"},
        {"-NOPERM this user has no permissions\r\n", SLC_ERR_AUTH, "permission"},
        {"-OOM command not allowed\r\n", SLC_ERR_SERVER, "maxmemory"},
        {"-READONLY You can't write against a read only replica.\r\n", SLC_ERR_SERVER, "master"},
        {"-LOADING Redis is loading the dataset in memory\r\n", SLC_ERR_SERVER, "again"},
        {"-MISCONF Redis is configured to save RDB snapshots\r\n", SLC_ERR_SERVER, "disk"},
        {"-MASTERDOWN Link with MASTER is down\r\n", SLC_ERR_SERVER, "master"},
        {"-MOVED 3999 127.0.0.1:6381\r\n", SLC_ERR_SERVER, "cluster"},
        {"-WRONGTYPE Operation against a key\r\n", SLC_ERR_CONFLICT, "key"},
        {"-ERR something\xff\x01 odd\r\n", SLC_ERR_SERVER, "something"},
        {"-\r\n", SLC_ERR_SERVER, "error"},
    };
    struct test_peer *peer = test_peer_new();
    struct slc_error error;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_peer_script(peer, NULL, cases[i].reply, strlen(cases[i].reply), TEST_HOLD);
        SLC_AUTO_REDIS struct slc_redis *redis = open_peer(peer, 5000);

        assert_fails(slc_redis_call(redis, NULL, &error, SLC_STR("X")), error, cases[i].code);
        assert_non_null(strstr(error.message, cases[i].says));
        assert_true(slc_redis_is_open(redis));
    }
    test_peer_script(peer, "-DENIED Redis is running in protected mode\r\n", "", 0, TEST_CLOSE);
    assert_null(slc_redis_open(test_peer_url(peer), 5000, &error));
    assert_int_equal(error.code, SLC_ERR_AUTH);
    test_peer_script(peer, "-ERR max number of clients reached\r\n", "", 0, TEST_CLOSE);
    assert_null(slc_redis_open(test_peer_url(peer), 5000, &error));
    assert_int_equal(error.code, SLC_ERR_SERVER);
    assert_non_null(strstr(error.message, "maxclients"));
    test_peer_free(peer);
}

static void silence_times_out(void **state)
{
    struct test_peer *peer = test_peer_new();
    struct slc_error error;

    (void)state;
    test_peer_script(peer, NULL, "$5\r\nhel", 8, TEST_HOLD);
    SLC_AUTO_REDIS struct slc_redis *redis = open_peer(peer, 100);
    int64_t before = slc_monotonic_usec();
    assert_fails(slc_redis_call(redis, NULL, &error, SLC_STR("X")), error, SLC_ERR_TIMEOUT);
    assert_true(slc_monotonic_usec() - before >= 100000);
    assert_false(slc_redis_is_open(redis));
    assert_fails(slc_redis_call(redis, NULL, &error, SLC_STR("X")), error, SLC_ERR_CONNECTION);
    /* Silence from the start. */
    test_peer_script(peer, "", "", 0, TEST_HOLD);
    slc_redis_set_timeout(redis, 50);
    assert_fails(slc_redis_reopen(redis, &error), error, SLC_ERR_TIMEOUT);
    test_peer_free(peer);
}

static void huge_reply(void **state)
{
    enum { BYTES = 32 << 20 };
    struct test_peer *peer = test_peer_new();
    char *script = malloc(BYTES + 64);
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error;
    int head = snprintf(script, 64, "$%d\r\n", BYTES);

    (void)state;
    memset(script + head, 'h', BYTES);
    memcpy(script + head + BYTES, "\r\n", 2);
    test_peer_script(peer, NULL, script, (size_t)head + BYTES + 2, TEST_HOLD);
    free(script);
    SLC_AUTO_REDIS struct slc_redis *redis = open_peer(peer, 20000);
    assert_ok(slc_redis_call(redis, &reply, &error, SLC_STR("X")), error);
    assert_int_equal(reply->text.len, BYTES);
    test_peer_free(peer);
}

static void reader_bounds(void **state)
{
    struct slc_reply_reader *reader = slc_reply_reader_new(100);
    struct slc_reply *reply = NULL;
    struct slc_error error;
    char bytes[101] = "$90\r\n";

    (void)state;
    assert_ok(slc_reply_reader_feed(reader, bytes, 50, &error), error);
    assert_ok(slc_reply_reader_next(reader, &reply, &error), error);
    assert_null(reply);
    assert_fails(slc_reply_reader_feed(reader, bytes, 100, &error), error, SLC_ERR_CONNECTION);
    slc_reply_reader_free(reader);
    reader = slc_reply_reader_new(100); /* what is announced is enough to refuse */
    assert_ok(slc_reply_reader_feed(reader, "$101\r\n", 6, &error), error);
    assert_fails(slc_reply_reader_next(reader, &reply, &error), error, SLC_ERR_CONNECTION);
    slc_reply_reader_free(reader);
    reader = slc_reply_reader_new(100); /* however it comes in pieces */
    for (int i = 0; i < 12; i++) {
        const char *piece = i == 0 ? "*20\r\n" : "+eightbytes\r\n";
        bool good = slc_reply_reader_feed(reader, piece, strlen(piece), &error) &&
                    slc_reply_reader_next(reader, &reply, &error);

        assert_true(good == (i < 8));
        if (!good)
            break;
        assert_null(reply);
    }
    slc_reply_reader_free(reader);
}

static void long_socket_path(void **state)
{
    char *directory = test_dir_new();
    struct slc_private_server *server;
    struct slc_error error;
    char path[1024];
    size_t len = (size_t)snprintf(path, sizeof(path), "%s", directory);

    (void)state;
    for (int i = 0; i < 5; i++) {
        len += (size_t)snprintf(path + len, sizeof(path) - len, "/%0100d", i);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    server = slc_private_server_start(path, NULL, &error);
    if (!server)
        fail_msg("%s", error.message);
    assert_true(strlen(slc_private_server_url(server)->path) > 500);
    struct slc_redis *redis = slc_redis_open(slc_private_server_url(server), 2000, &error);
    if (!redis)
        fail_msg("%s", error.message);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("PING")), error);
    slc_redis_close(redis);
    assert_ok(slc_private_server_stop(server, &error), error);
    test_dir_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands),
        cmocka_unit_test(error_replies_leave_it_open),
        cmocka_unit_test(pipelines),
        cmocka_unit_test(big_pipeline_does_not_deadlock),
        cmocka_unit_test(limits_of_a_pipeline),
        cmocka_unit_test(transactions_are_checked),
        cmocka_unit_test(login_and_database),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(killed_connection_stays_broken),
        cmocka_unit_test(over_tcp),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(cut_at_any_byte),
        cmocka_unit_test(garbage_closes),
        cmocka_unit_test(refusals_have_their_class),
        cmocka_unit_test(silence_times_out),
        cmocka_unit_test(huge_reply),
        cmocka_unit_test(reader_bounds),
        cmocka_unit_test(long_socket_path),
    };

    return cmocka_run_group_tests_name("redis/connection", tests, test_server_setup,
                                       test_server_teardown);
}
