#include "api_test.h"

#include <stdio.h>

static void *open_loader(void *context, struct slc_error *error)
{
    return slc_ticket_loader_new(context, error);
}

static void run_loader(void *worker, struct slc_ticket_try *attempt,
                       struct slc_ticket_report *report)
{
    slc_ticket_load(worker, attempt, report);
}

static void close_loader(void *worker)
{
    slc_ticket_loader_free(worker);
}

static const struct slc_worker_ops ops = {
    .open = open_loader, .run = run_loader, .close = close_loader};

static void start_jobs(struct api_test *test, const struct slc_redis_url *url)
{
    struct slc_error error = {0};
    struct slc_queue_options queue = {.redis_url = url,
                                      .timeout_ms = 5000,
                                      .registry_key = "REPLICA_REGISTRY",
                                      .inbox = test->job.inbox};
    struct slc_worker_options worker = {.redis_url = url,
                                        .timeout_ms = 5000,
                                        .inbox = test->job.inbox,
                                        .ops = &ops,
                                        .context = &test->loader};

    test->config = slc_config_new();
    assert_non_null(test->config);
    assert_ok(slc_config_set(test->config, "source.settle_ms=0", &error), error);
    assert_ok(slc_config_set(test->config, "redis.patience=0", &error), error);
    test->loader = (struct slc_ticket_loader_options){
        .config = test->config, .redis_url = url, .inbox = test->job.inbox};
    test->pool = slc_redis_pool_new(url, 8, 5000, &error);
    assert_non_null(test->pool);
    test->lanes = slc_redis_pool_new(url, 2, 5000, &error);
    assert_non_null(test->lanes);
    test->queue = slc_queue_open(&queue, &error);
    assert_non_null(test->queue);
    test->worker = slc_worker_start(&worker, &error);
    assert_non_null(test->worker);
}

struct api_test_shape api_test_shape = {.loops = 2};

static void on_done(void *state, const struct slc_http_record *record)
{
    slc_api_record(state, record);
}

static void start_server(struct api_test *test)
{
    struct slc_error error = {0};
    struct slc_auth_key key;
    struct slc_sessions_options sessions = {.keys = &key, .key_count = 1, .address_ttl_sec = 600};
    struct slc_api_options api;
    struct slc_http_server_options server;

    assert_ok(slc_auth_key_make(SLC_STR(API_TEST_KEY), &key, &error), error);
    test->sessions = slc_sessions_new(&sessions, &error);
    assert_non_null(test->sessions);
    test->counters = slc_counters_new(1, slc_api_metrics_cells(), &error);
    assert_non_null(test->counters);
    api = (struct slc_api_options){.pool = test->pool,
                                   .lanes = test->lanes,
                                   .gathered_max = api_test_shape.gathered_max,
                                   .inbox = test->job.inbox,
                                   .queue = test->queue,
                                   .sessions = test->sessions,
                                   .counters = test->counters};
    test->api = slc_api_new(&api, &error);
    assert_non_null(test->api);
    slc_http_server_options_init(&server);
    server.port = 0;
    server.threads = 4;
    server.loops = api_test_shape.loops;
    server.router = slc_api_router(test->api);
    server.sessions = test->sessions;
    server.context = test->api;
    server.companion = slc_api_companion(test->api);
    server.on_done = on_done;
    server.done_state = test->api;
    server.cells.in_flight = slc_counters_cell(test->counters, SLC_METRIC_HTTP_IN_FLIGHT);
    test->server = slc_http_server_start(&server, &error);
    if (!test->server)
        fail_msg("%s", error.message);
    test->port = slc_http_server_port(test->server);
}

void api_test_open(struct api_test *test, void **state, const struct slc_redis_url *url)
{
    memset(test, 0, sizeof(*test));
    job_test_open(&test->job, state);
    start_jobs(test, url ? url : test->job.url);
    start_server(test);
}

void api_test_close(struct api_test *test)
{
    slc_http_server_stop(test->server, 5000000, 0);
    slc_api_free(test->api);
    slc_queue_close(test->queue);
    slc_worker_stop(test->worker, 5000000);
    slc_counters_free(test->counters);
    slc_sessions_free(test->sessions);
    slc_redis_pool_free(test->lanes);
    slc_redis_pool_free(test->pool);
    slc_config_free(test->config);
    job_test_close(&test->job);
}

static int call(struct api_test *test, const char *method, const char *path, const char *body,
                const char *header)
{
    char request[8192];

    snprintf(request, sizeof(request),
             "%s %s HTTP/1.1\r\nHost: test\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             method, path, header, body ? strlen(body) : 0, body ? body : "");
    raw_call(test->port, request, &test->answer);
    return test->answer.status;
}

int api_test_call(struct api_test *test, const char *method, const char *path, const char *body)
{
    return call(test, method, path, body, "Authorization: Bearer " API_TEST_KEY "\r\n");
}

int api_test_call_as_stranger(struct api_test *test, const char *method, const char *path,
                              const char *body)
{
    return call(test, method, path, body, "");
}
