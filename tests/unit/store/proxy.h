/* A proxy between a client and the test's redis-server that loses the answer to
 * EXEC: what happens when a network fails in the worst moment; or that keeps a
 * command back: a client that stands still there. */
#ifndef SLC_TEST_STORE_PROXY_H
#define SLC_TEST_STORE_PROXY_H

#include "redis/url.h"

enum test_cut {
    TEST_CUT_NOTHING,
    TEST_CUT_BEFORE_EXEC, /* EXEC never reaches the server */
    TEST_CUT_AFTER_EXEC,  /* the server has carried it out */
};

struct test_proxy;
struct test_proxy *test_proxy_new(const char *server_path);
const struct slc_redis_url *test_proxy_url(const struct test_proxy *proxy);
/* For the next EXEC alone. */
void test_proxy_cut(struct test_proxy *proxy, enum test_cut cut);

/* Keep back the next piece from the client that has `with` in it and not `without`;
 * wait until it is there; let it go. */
void test_proxy_hold(struct test_proxy *proxy, const char *with, const char *without);
void test_proxy_wait_held(struct test_proxy *proxy);
void test_proxy_let_go(struct test_proxy *proxy);

void test_proxy_free(struct test_proxy *proxy);

#endif
