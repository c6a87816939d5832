/* What the tests of src/redis share: directories, a real redis-server, and a
 * scripted peer that answers what a test wants. */
#ifndef SLC_TEST_REDIS_SUPPORT_H
#define SLC_TEST_REDIS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redis/connection.h"
#include "redis/private_server.h"

/* A new directory under TMPDIR or /tmp, to be removed with test_dir_remove(). */
char *test_dir_new(void);
void test_dir_remove(char *directory);

/* A real server for a whole test program, as cmocka group fixtures; `*state` is
 * a struct slc_redis_url. */
int test_server_setup(void **state);
int test_server_teardown(void **state);

/* Connected to it, with an empty database. */
struct slc_redis *test_open(void **state);

/* A peer on a unix socket: for each connection it answers the handshake (the
 * one command CLIENT SETNAME) with `greeting`, waits for more bytes, then writes
 * the script and ends as told. */
enum test_ending {
    TEST_CLOSE,
    TEST_HOLD /* until the client closes */,
    TEST_DRAIN /* read on, silently */
};

struct test_peer;
struct test_peer *test_peer_new(void);
/* For the connections from now on. `greeting` NULL is "+OK\r\n". */
void test_peer_script(struct test_peer *peer, const char *greeting, const char *script, size_t len,
                      enum test_ending ending);
const struct slc_redis_url *test_peer_url(const struct test_peer *peer);
/* Bytes that came in over all of the connections that have ended. */
size_t test_peer_received(struct test_peer *peer);
void test_peer_free(struct test_peer *peer);

#define assert_ok(call, error)                                                                     \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s: %s", #call, (error).message);                                            \
    } while (0)

#define assert_fails(call, error, expected)                                                        \
    do {                                                                                           \
        assert_false(call);                                                                        \
        if ((error).code != (expected))                                                            \
            fail_msg("%s: code %d, not %s: %s", #call, (error).code, #expected, (error).message);  \
    } while (0)

#endif
