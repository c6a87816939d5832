/* A stream directory, a Redis and an inbox for tests; the Redis is that of
 * redis/support.h, emptied for each test. */
#ifndef SLC_TEST_JOB_TEST_H
#define SLC_TEST_JOB_TEST_H

#include "job/inbox.h"
#include "support.h"

struct job_test {
    char *dir; /* the stream directory */
    const struct slc_redis_url *url;
    struct slc_redis *redis;
    struct slc_inbox *inbox;
    int events[3]; /* how often each event of the inbox came */
};

/* `state` is test_server_setup()'s. */
void job_test_open(struct job_test *test, void **state);
void job_test_close(struct job_test *test);

/* Write a file of the stream directory. */
void job_test_put(const struct job_test *test, const char *name, const char *text);
/* "x.csv" with two rows and "x.ticket" for `stem` x; `more` is JSON behind a comma. */
void job_test_put_table(const struct job_test *test, const char *stem, const char *stamp,
                        const char *more);
/* The text of a file of the stream directory; to be freed. */
char *job_test_get(const struct job_test *test, const char *name);
/* The text holds `part`. */
void job_test_expect(const struct job_test *test, const char *name, const char *part);

/* The reply to a command of at most three words, as text; "" for nil; to be freed. */
char *job_test_ask(const struct job_test *test, const char *command, const char *key,
                   const char *field);

#endif
