/* The API on a real server, with a real Redis and a stream directory. */
#ifndef SLC_TEST_API_TEST_H
#define SLC_TEST_API_TEST_H

#include "api/api.h"
#include "api/metrics.h"
#include "job/worker.h"
#include "job_test.h"
#include "raw_client.h"

#define API_TEST_KEY "the-key"

struct api_test {
    struct job_test job;
    struct slc_config *config;
    struct slc_ticket_loader_options loader;
    struct slc_redis_pool *pool, *lanes;
    struct slc_queue *queue;
    struct slc_worker *worker;
    struct slc_sessions *sessions;
    struct slc_counters *counters;
    struct slc_api *api;
    struct slc_http_server *server;
    uint16_t port;
    struct raw_answer answer; /* of the last call */
};

/* For the next api_test_open(). */
struct api_test_shape {
    unsigned loops;      /* threads with connections */
    size_t gathered_max; /* see api/api.h */
};
extern struct api_test_shape api_test_shape;

/* `url` NULL: the Redis of the group. */
void api_test_open(struct api_test *test, void **state, const struct slc_redis_url *url);
void api_test_close(struct api_test *test);

/* Call with the key; `body` may be NULL. Returns the status. */
int api_test_call(struct api_test *test, const char *method, const char *path, const char *body);
/* The same without it. */
int api_test_call_as_stranger(struct api_test *test, const char *method, const char *path,
                              const char *body);

/* Call and compare status and body. */
#define EXPECT(test, method, path, sent, status, expected)                                         \
    do {                                                                                           \
        assert_int_equal(api_test_call((test), (method), (path), (sent)), (status));               \
        assert_string_equal((test)->answer.body, (expected));                                      \
    } while (0)

#define EXPECT_PART(test, part)                                                                    \
    do {                                                                                           \
        if (!strstr((test)->answer.body, (part)))                                                  \
            fail_msg("%s is not in %s", (part), (test)->answer.body);                              \
    } while (0)

#endif
