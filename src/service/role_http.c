/* A worker that answers requests. */
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "api/metrics.h"
#include "base/log.h"
#include "base/time.h"
#include "service/access.h"
#include "service/events.h"
#include "service/loading.h"
#include "service/mailer.h"
#include "service/role.h"
#include "service/start.h"

/* At the end of the service connections without a request are kept for so long:
 * a request may be on its way. */
enum { LINGER_USEC = 500000 };

/* Everything that runs, in the order of its start. */
struct http_role {
    struct slc_role_process *process;
    const struct slc_config *config;
    const struct slc_counters *counters;
    struct slc_redis_pool *pool;
    struct slc_redis_pool *lanes;
    struct slc_inbox *inbox;
    struct slc_queue *queue;
    struct slc_mailer *mailer;
    struct slc_access_store *access;
    struct slc_sessions *sessions;
    struct slc_limits *limits;
    struct slc_trusted_proxies proxies;
    struct slc_hosts hosts;
    char host_name[HOST_NAME_MAX + 1];
    struct slc_crowd_door door;
    struct slc_api *api;
    struct slc_http_server *server;
};

static bool make_access(struct http_role *role, struct slc_error *error)
{
    struct slc_config_rate rate = slc_config_rate(role->config, "limits.rate");
    struct slc_access_options options = {
        .redis_url = role->process->context->redis_url,
        .timeout_ms = slc_config_int(role->config, "redis.timeout_ms"),
        .connections = (size_t)slc_config_int(role->config, "http.threads"),
        .registry_key = slc_config_text(role->config, "store.registry_key"),
        .rate = {.amount = rate.count, .window_sec = rate.period_seconds},
        .shared = role->process->context->shared};

    role->access = slc_access_new(&options, error);
    return role->access != NULL;
}

static bool make_sessions(struct http_role *role, struct slc_error *error)
{
    const struct slc_service_keys *keys = role->process->context->keys;
    int64_t ttl = (int64_t)ceil(slc_config_seconds(role->config, "auth.session_ttl"));
    struct slc_sessions_options options = {.keys = keys->keys,
                                           .key_count = keys->count,
                                           .address_ttl_sec = ttl,
                                           .cookie_ttl_sec = ttl,
                                           .ops = &slc_access_session_ops,
                                           .ops_state = role->access};

    role->sessions = slc_sessions_new(&options, error);
    return role->sessions != NULL;
}

static bool make_limits(struct http_role *role, struct slc_error *error)
{
    struct slc_config_rate rate = slc_config_rate(role->config, "limits.rate");
    struct slc_limits_options options = {
        .rate = {.amount = rate.count, .window_sec = rate.period_seconds},
        .shared = &slc_access_limit_ops,
        .shared_state = role->access};

    role->limits = slc_limits_new(&options);
    return role->limits || slc_fail(error, SLC_ERR_MEMORY, "no memory for the rate limits");
}

static void on_request(void *state, const struct slc_http_record *record)
{
    struct http_role *role = state;

    slc_api_record(role->api, record);
    slc_service_log_request(record);
}

static bool check_recipients(void *state, struct slc_str recipients, struct slc_error *error)
{
    return slc_mailer_check(state, recipients, error);
}

static void on_batch_asked(void *state, const char *batch_id, const char *recipients)
{
    slc_mailer_batch_asked(state, batch_id, recipients);
}

static void on_batch_over(void *state, const struct slc_batch *batch, const char *recipients)
{
    slc_mailer_batch_over(state, batch, recipients);
}

static void write_mail_state(void *state, const char *batch_id, struct slc_buf *json)
{
    slc_mailer_state(state, batch_id, json);
}

static bool start_api(struct http_role *role, struct slc_error *error)
{
    struct slc_api_options options = {.pool = role->pool,
                                      .lanes = role->lanes,
                                      .inbox = role->inbox,
                                      .queue = role->queue,
                                      .sessions = role->sessions,
                                      .counters = role->counters,
                                      .mail = {.check = check_recipients,
                                               .batch_asked = on_batch_asked,
                                               .batch_over = on_batch_over,
                                               .write_state = write_mail_state,
                                               .state = role->mailer}};

    role->api = slc_api_new(&options, error);
    return role->api != NULL;
}

/* Threads with connections: all workers together one for each processor, since more
 * would only make way for each other; at most half of them, so that there are others
 * for calls that wait. */
static unsigned loops(const struct slc_config *config)
{
    int64_t threads = slc_config_int(config, "http.threads");
    int64_t workers = slc_config_int(config, "http.workers");
    cpu_set_t cpus;
    int64_t count = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    int64_t each = (count + workers - 1) / workers;

    return (unsigned)(each < (threads + 1) / 2 ? each : (threads + 1) / 2);
}

static bool start_server(struct http_role *role, struct slc_error *error)
{
    const struct slc_config *config = role->config;
    struct slc_http_server_options options;

    slc_http_server_options_init(&options);
    options.listen_fd = role->process->context->listen_fd;
    options.threads = (unsigned)slc_config_int(config, "http.threads");
    options.loops = loops(config);
    options.connections_max = (unsigned)slc_config_int(config, "http.max_connections");
    options.idle_timeout_sec = (unsigned)ceil(slc_config_seconds(config, "http.timeout"));
    options.header_timeout_usec =
        (int64_t)(slc_config_seconds(config, "http.header_timeout") * 1e6);
    options.body_timeout_usec = (int64_t)(slc_config_seconds(config, "http.body_timeout") * 1e6);
    options.body_max_bytes = (size_t)slc_config_bytes(config, "http.max_body_bytes");
    options.headers_max_bytes = (size_t)slc_config_bytes(config, "http.max_header_bytes");
    options.url_max_bytes = (size_t)slc_config_bytes(config, "http.max_url_bytes");
    options.tls_cert = role->process->context->tls->cert;
    options.tls_key = role->process->context->tls->key;
    options.router = slc_api_router(role->api);
    options.sessions = role->sessions;
    options.limits = role->limits;
    options.trusted_proxies = &role->proxies;
    options.hosts = &role->hosts;
    options.context = role->api;
    options.companion = slc_api_companion(role->api);
    options.cells = (struct slc_http_cells){
        .connections = slc_counters_cell(role->counters, SLC_METRIC_HTTP_CONNECTIONS),
        .in_flight = slc_counters_cell(role->counters, SLC_METRIC_HTTP_IN_FLIGHT),
        .refused = slc_counters_cell(role->counters, SLC_METRIC_HTTP_CONNECTIONS_REFUSED),
        .slow = slc_counters_cell(role->counters, SLC_METRIC_HTTP_SLOW_CLIENTS)};
    role->door = (struct slc_crowd_door){
        .crowd = role->process->context->shared->crowd,
        .row = role->process->context->row,
        .max = slc_config_int(config, "http.max_connections"),
        .max_per_address = slc_config_int(config, "http.max_connections_per_address"),
        .proxies = &role->proxies};
    options.admit = slc_crowd_admit;
    options.enter = slc_crowd_enter;
    options.leave = slc_crowd_leave;
    options.admit_state = &role->door;
    options.on_done = on_request;
    options.done_state = role;
    options.must_hurry = slc_role_must_hurry;
    options.hurry_state = role->process;
    role->server = slc_http_server_start(&options, error);
    return role->server != NULL;
}

/* A name that cannot be had is one less that the service goes by. */
static void take_names(struct http_role *role)
{
    role->hosts.count = slc_config_list(role->config, "http.allowed_hosts", &role->hosts.listed);
    if (gethostname(role->host_name, sizeof(role->host_name)) == 0) {
        role->host_name[sizeof(role->host_name) - 1] = '\0';
        role->hosts.own = role->host_name;
    }
}

/* A connection for each thread, where one server is asked for everything. */
static bool make_lanes(struct http_role *role, struct slc_error *error)
{
    const struct slc_redis_url *url = role->process->context->redis_url;

    if (url->topology == SLC_REDIS_CLUSTER ||
        slc_config_bool(role->config, "redis.read_from_replicas"))
        return true;
    role->lanes = slc_redis_pool_new(url, (size_t)slc_config_int(role->config, "http.threads"),
                                     slc_config_int(role->config, "redis.timeout_ms"), error);
    return role->lanes != NULL;
}

static bool start(struct http_role *role, struct slc_error *error)
{
    const struct slc_role_context *context = role->process->context;
    /* One for each server thread and the desk; and for who looks at tickets. */
    size_t connections = (size_t)slc_config_int(role->config, "http.threads") + 3;

    take_names(role);
    role->pool = slc_redis_pool_new(context->redis_url, connections,
                                    slc_config_int(role->config, "redis.timeout_ms"), error);
    role->inbox = role->pool && make_lanes(role, error) ? slc_role_inbox(context, error) : NULL;
    if (!role->inbox)
        return false;
    role->queue = slc_service_queue(context, role->inbox, connections, error);
    if (role->queue)
        role->mailer = slc_mailer_start(&(struct slc_mailer_options){.config = role->config,
                                                                     .pool = role->pool,
                                                                     .inbox = role->inbox,
                                                                     .queue = role->queue},
                                        error);
    return role->mailer && make_access(role, error) && make_sessions(role, error) &&
           make_limits(role, error) &&
           slc_service_parse_proxies(role->config, &role->proxies, error) &&
           start_api(role, error) && start_server(role, error);
}

static void stop(struct http_role *role, int64_t graceful_usec)
{
    int64_t idle_usec = role->process->succeeded ? graceful_usec : LINGER_USEC;

    if (role->server && !slc_http_server_stop(role->server, graceful_usec, idle_usec))
        slc_log(SLC_LOG_WARNING, role->process->hurry
                                     ? "requests were cut off: a quick stop was asked for"
                                     : "requests were cut off: graceful_timeout is over");
    /* A call that waits for loads to stop is cut off by now. */
    if (role->queue)
        slc_queue_interrupt(role->queue);
    slc_api_free(role->api);
    slc_mailer_stop(role->mailer);
    slc_queue_close(role->queue);
    slc_mailer_free(role->mailer);
    slc_sessions_free(role->sessions);
    slc_limits_free(role->limits);
    slc_access_free(role->access);
    slc_trusted_proxies_release(&role->proxies);
    slc_inbox_free(role->inbox);
    slc_redis_pool_free(role->lanes);
    slc_redis_pool_free(role->pool);
}

bool slc_role_http(struct slc_role_process *process, struct slc_error *error)
{
    struct http_role role = {.process = process,
                             .config = process->context->config,
                             .counters = process->context->shared->counters};
    bool good = start(&role, error);

    stop(&role, good ? slc_role_wait(process) : 0);
    return good;
}
