/* A server with routes that show what the server does, for tests. */
#ifndef SLC_TEST_HTTP_FIXTURE_H
#define SLC_TEST_HTTP_FIXTURE_H

#include <pthread.h>
#include <stdint.h>

#include "http/server.h"

enum { FIXTURE_RECORDS = 4096 };

struct fixture_record {
    char method[16], path[128], route[64], client[64], id[80];
    unsigned status;
    bool complete;
    int64_t request_bytes, response_bytes;
};

/* Routes: GET /hello {"hello":"world"}; POST /echo (the body back, as bytes),
 * GET /parts/{name}; GET /locked (session), POST /locked (session, echo); GET /registry (session,
 * limited, {"registry":"blocked"}); GET /limited; POST /slow and GET /slow (suspend; see
 * `waiting`); GET /inject?v= (sets a header and a body to it); GET /empty (204); GET /failed (a
 * body that ran out of memory); POST /login?key= */
struct fixture {
    struct slc_http_server *server;
    uint16_t port;
    struct slc_router *router;
    struct slc_sessions *sessions;
    struct slc_limits *limits;
    int64_t now; /* the clock of sessions and limits */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct slc_http_pending *waiting[64]; /* suspended by /slow, in order */
    size_t waiting_count;
    struct fixture_record records[FIXTURE_RECORDS];
    size_t record_count;
};

/* slc_http_server_options.loops of what is started. */
extern unsigned fixture_loops;

/* `change` may alter the options before the start. */
void fixture_start(struct fixture *fixture, void (*change)(struct slc_http_server_options *));
bool fixture_stop(struct fixture *fixture, int64_t graceful_usec);
/* Free the rest, after fixture_stop(). */
void fixture_release(struct fixture *fixture);

/* Wait until /slow has suspended so many requests in all. */
void fixture_wait_suspended(struct fixture *fixture, size_t count);
/* Answer a suspended request 200 with the text as JSON. */
void fixture_answer(struct fixture *fixture, size_t index, const char *json);
/* Wait until so many requests are over in all, and give the last one. */
struct fixture_record *fixture_wait_records(struct fixture *fixture, size_t count);

#endif
