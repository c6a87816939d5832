#include "service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>

#include <openssl/crypto.h>

#include "api/api.h"
#include "api/metrics.h"
#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "redis/private_server.h"
#include "redis/settings.h"
#include "service/events.h"
#include "service/key.h"
#include "service/watch.h"

enum {
    STATUS_CONFIG = 2,
    STATUS_PEER = 3,
    /* How long a private server that ended is left alone before the next try to
     * start it, and how often one of another process is looked after. */
    REDIS_RETRY_MS = 5000,
    REDIS_LOOK_MS = 1000,
    LISTEN_TEXT_BYTES = 128,
};

/* Everything that runs, in the order of its start. */
struct service {
    const struct slc_service_options *options;
    const struct slc_config *config;
    char *state_dir; /* owned */
    int lock_fd, listen_fd, signal_fd;
    sigset_t signals_before;
    struct slc_private_server *private_server;
    char redis_dir[PATH_MAX];
    int64_t redis_retry_usec; /* monotonic: when to try to start it again; 0: it runs */
    struct slc_redis_settings *redis_settings;
    struct slc_redis_url redis_url;
    struct slc_redis_pool *pool;
    struct slc_inbox *inbox;
    struct slc_pauses *pauses; /* NULL without the watch loop */
    struct slc_queue *queue;
    struct slc_sessions *sessions;
    struct slc_limits *limits;
    struct slc_trusted_proxies proxies;
    struct slc_counters *counters;
    struct slc_api *api;
    struct slc_http_server *server;
    struct slc_watch *watch;
    bool hurry; /* a quick stop was asked for during a graceful one */
    struct slc_ticket_loader_options loader_options;
};

/* ---- Signals ------------------------------------------------------------- */

static bool take_signals(struct service *service, struct slc_error *error)
{
    static const int taken[] = {SIGTERM, SIGINT,  SIGQUIT, SIGHUP,
                                SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&set, taken[i]);
    /* Before any thread is started: they inherit it. */
    if (pthread_sigmask(SIG_BLOCK, &set, &service->signals_before) != 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "cannot block signals");
    service->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return service->signal_fd >= 0 || slc_fail_errno(error, errno, "cannot wait for signals");
}

static void reload(struct service *service)
{
    SLC_AUTO_CONFIG struct slc_config *fresh = NULL;
    struct slc_error error = {0};

    if (!service->options->reload)
        return;
    if (!service->options->reload(service->options->reload_state, &fresh, &error)) {
        char text[SLC_ERROR_TEXT_BYTES];

        slc_log(SLC_LOG_ERROR, "the new configuration is refused; the old one stays",
                SLC_LOG_TEXT_FIELD("reason", slc_error_format(&error, text, sizeof(text))));
        return;
    }
    slc_service_take_over(service->config, fresh);
}

static void reopen_log(void)
{
    struct slc_error error = {0};

    if (slc_log_reopen(&error))
        slc_log(SLC_LOG_INFO, "the log was opened anew");
    else
        slc_log(SLC_LOG_ERROR, "the log cannot be opened anew; the old file goes on",
                SLC_LOG_TEXT_FIELD("reason", error.message));
}

/* The signal that ends the service, or 0. */
static int handle_signal(struct service *service)
{
    struct signalfd_siginfo info;

    if (read(service->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    switch ((int)info.ssi_signo) {
    case SIGHUP:
        reload(service);
        return 0;
    case SIGUSR1:
        reopen_log();
        return 0;
    case SIGTERM:
    case SIGINT:
    case SIGQUIT:
        return (int)info.ssi_signo;
    default:
        slc_log(SLC_LOG_WARNING, "this signal means nothing to a service of one process",
                SLC_LOG_INT_FIELD("signal", info.ssi_signo));
        return 0;
    }
}

/* During a graceful stop: has a quick one been asked for meanwhile? */
static bool must_hurry(void *state)
{
    struct service *service = state;
    int signal_number;

    while (!service->hurry && (signal_number = handle_signal(service)) > 0) {
        service->hurry = signal_number == SIGINT || signal_number == SIGQUIT;
        if (service->hurry)
            slc_log(SLC_LOG_INFO, "stopping at once", SLC_LOG_INT_FIELD("signal", signal_number));
    }
    return service->hurry;
}

/* ---- Places -------------------------------------------------------------- */

static bool join(char path[PATH_MAX], const char *dir, const char *name, struct slc_error *error)
{
    if ((size_t)snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        return slc_fail(error, SLC_ERR_CONFIG, "the path in state_dir is too long");
    return true;
}

/* Two services of one state directory would share a key and a Redis whose owner
 * only one of them is. */
static bool lock_state_dir(struct service *service, struct slc_error *error)
{
    char path[PATH_MAX];

    service->state_dir = slc_config_state_dir(service->config, service->options->environment);
    if (!service->state_dir)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the state directory's path");
    if (!slc_dir_make(service->state_dir, 0700, error) ||
        !join(path, service->state_dir, "lock", error))
        return false;
    service->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (service->lock_fd < 0)
        return slc_fail_errno(error, errno, "cannot open %s", path);
    if (flock(service->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno != EWOULDBLOCK)
        return slc_fail_errno(error, errno, "cannot lock %s", path);
    return slc_fail(error, SLC_ERR_CONFLICT,
                    "another sluice serve uses the state directory %s: stop it, or give this one "
                    "another state_dir",
                    service->state_dir);
}

static const char *bind_address(const struct slc_config *config)
{
    const char *address = slc_config_text(config, "http.bind");

    return strcmp(address, "localhost") == 0 ? "127.0.0.1" : address;
}

/* Before anything that takes long is started, so that a taken port is told at
 * once. */
static bool open_places(struct service *service, struct slc_error *error)
{
    service->listen_fd =
        slc_http_listen(bind_address(service->config),
                        (uint16_t)slc_config_int(service->config, "http.port"), error);
    return service->listen_fd >= 0 && lock_state_dir(service, error);
}

/* ---- Redis --------------------------------------------------------------- */

static bool start_private_server(struct service *service, struct slc_error *error)
{
    service->private_server = slc_private_server_start(service->redis_dir, NULL, error);
    if (!service->private_server)
        return false;
    slc_log(SLC_LOG_INFO, "the private redis-server runs",
            SLC_LOG_TEXT_FIELD("directory", service->redis_dir),
            SLC_LOG_INT_FIELD("redis_pid", slc_private_server_pid(service->private_server)));
    return true;
}

static bool find_redis(struct service *service, struct slc_error *error)
{
    const char *url = slc_config_text(service->config, "redis.url");

    if (!slc_redis_settings_from_config(service->config, &service->redis_settings, error))
        return false;
    if (*url) {
        bool good = slc_redis_url_parse(slc_str_from(url), &service->redis_url, error);

        service->redis_url.settings = service->redis_settings;
        return good;
    }
    if (!join(service->redis_dir, service->state_dir, "redis", error) ||
        !start_private_server(service, error))
        return false;
    /* Of the directory alone: it stays true when the server is started again. */
    service->redis_url = *slc_private_server_url(service->private_server);
    service->redis_url.settings = service->redis_settings;
    return true;
}

/* The private server ended by itself, or its owner took it away: start it (on
 * the same socket) again. */
static void look_after_redis(struct service *service)
{
    struct slc_private_server *server = service->private_server;
    struct slc_error error = {0};

    if (server) {
        bool there = slc_private_server_is_running(server);

        if (there && slc_private_server_is_attached(server)) {
            struct slc_redis *redis = slc_redis_pool_take(service->pool, NULL);

            there = redis != NULL;
            slc_redis_pool_give(service->pool, redis);
        }
        if (there)
            return;
        slc_log(SLC_LOG_ERROR, "the private redis-server has ended; it is started again",
                SLC_LOG_TEXT_FIELD("directory", service->redis_dir));
        (void)slc_private_server_stop(server, NULL);
        service->private_server = NULL;
    } else if (slc_monotonic_usec() < service->redis_retry_usec) {
        return;
    }
    if (start_private_server(service, &error))
        return;
    slc_log(SLC_LOG_ERROR, "the private redis-server does not start",
            SLC_LOG_TEXT_FIELD("reason", error.message));
    service->redis_retry_usec = slc_monotonic_usec() + (int64_t)REDIS_RETRY_MS * 1000;
}

/* ---- The queue's worker -------------------------------------------------- */

/* A queue thread's. */
struct loader {
    struct slc_ticket_loader *loader;
    const struct slc_counters *counters;
};

static void *open_loader(void *context, struct slc_error *error)
{
    struct service *service = context;
    struct loader *own = calloc(1, sizeof(*own));

    if (!own) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for loads");
        return NULL;
    }
    own->counters = service->counters;
    own->loader = slc_ticket_loader_new(&service->loader_options, error);
    if (own->loader)
        return own;
    free(own);
    return NULL;
}

/* What dead loads left is removed now when Redis is there, else before the
 * first load. */
static void begin_loader(void *worker)
{
    struct loader *own = worker;
    int64_t swept = 0;

    if (slc_ticket_loader_connect(own->loader, &swept, NULL) && swept > 0)
        slc_log(SLC_LOG_INFO, "removed what interrupted loads had left",
                SLC_LOG_INT_FIELD("loads", swept));
}

static void run_loader(void *worker, struct slc_ticket_try *attempt,
                       struct slc_ticket_report *report)
{
    struct loader *own = worker;

    slc_counters_add(own->counters, SLC_METRIC_LOADS_RUNNING, 1);
    slc_ticket_load(own->loader, attempt, report);
    slc_counters_add(own->counters, SLC_METRIC_LOADS_RUNNING, -1);
}

static void close_loader(void *worker)
{
    struct loader *own = worker;

    slc_ticket_loader_free(own->loader);
    free(own);
}

static const struct slc_queue_ops loader_ops = {
    .open = open_loader, .begin = begin_loader, .run = run_loader, .close = close_loader};

/* The watch loop leaves a ticket alone for a while whose load failed and may go
 * well another time. */
static void on_load(void *state, const struct slc_job *job, const struct slc_ticket_report *report)
{
    static const enum slc_metric outcomes[] = {
        [SLC_TICKET_OUTCOME_LOADED] = SLC_METRIC_LOADS_DONE,
        [SLC_TICKET_OUTCOME_FAILED] = SLC_METRIC_LOADS_FAILED,
        [SLC_TICKET_OUTCOME_SKIPPED] = SLC_METRIC_LOADS_SKIPPED};
    struct service *service = state;

    slc_api_metrics_load(service->counters, outcomes[report->outcome], &report->result);
    slc_service_log_load(NULL, job, report);
    if (report->outcome == SLC_TICKET_OUTCOME_FAILED && report->status != SLC_TICKET_FAILED &&
        report->error.code != SLC_ERR_CANCELLED)
        slc_pauses_failed(service->pauses, job->ticket_name, slc_monotonic_usec());
    else
        slc_pauses_forget(service->pauses, job->ticket_name);
}

/* ---- Starting ------------------------------------------------------------ */

static bool start_loading(struct service *service, struct slc_error *error)
{
    const struct slc_config *config = service->config;
    struct slc_inbox_hook hook = {.on_event = slc_service_log_inbox};
    struct slc_queue_options options = {.ops = &loader_ops,
                                        .context = service,
                                        .on_finished = on_load,
                                        .finished_state = service,
                                        .must_hurry = must_hurry,
                                        .hurry_state = service};
    /* One for each server thread, the desk, the watch loop and the main thread. */
    size_t connections = (size_t)slc_config_int(config, "http.threads") + 3;

    service->pool = slc_redis_pool_new(&service->redis_url, connections,
                                       slc_config_int(config, "redis.timeout_ms"), error);
    if (!service->pool)
        return false;
    service->inbox = slc_inbox_new(slc_config_text(config, "source.stream_dir"),
                                   slc_config_text(config, "store.registry_key"), &hook, error);
    if (!service->inbox)
        return false;
    service->loader_options = (struct slc_ticket_loader_options){
        .config = config, .redis_url = &service->redis_url, .inbox = service->inbox};
    if (slc_config_bool(config, "watch") && !(service->pauses = slc_pauses_new()))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to watch the stream directory");
    service->queue = slc_queue_start(&options, error);
    return service->queue != NULL;
}

/* Shown once and kept nowhere: what is kept is its hash. */
static bool show_key(const struct service *service, struct slc_service_keys *keys,
                     struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    bool good;

    if (!keys->made[0])
        return true;
    slc_buf_printf(&text,
                   "sluice: a key was made for this installation:\n\n    %s\n\n"
                   "Keep it: it is shown this once, and only its hash is in %s/key.hash.\n"
                   "Remove that file to have a new key made at the next start.\n",
                   keys->made, service->state_dir);
    good = !text.failed && slc_write_all(STDOUT_FILENO, text.data, text.len, error);
    if (text.data)
        OPENSSL_cleanse(text.data, text.capacity);
    OPENSSL_cleanse(keys->made, sizeof(keys->made));
    return good;
}

static bool make_sessions(struct service *service, struct slc_error *error)
{
    struct slc_service_keys keys;
    int64_t ttl = (int64_t)ceil(slc_config_seconds(service->config, "auth.session_ttl"));
    struct slc_sessions_options options = {.address_ttl_sec = ttl, .cookie_ttl_sec = ttl};

    if (!slc_service_keys(service->config, service->state_dir, &keys, error))
        return false;
    options.keys = keys.keys;
    options.key_count = keys.count;
    service->sessions = slc_sessions_new(&options, error);
    return service->sessions && show_key(service, &keys, error);
}

static bool make_limits(struct service *service, struct slc_error *error)
{
    struct slc_config_rate rate = slc_config_rate(service->config, "limits.rate");
    struct slc_limits_options options = {
        .rate = {.amount = rate.count, .window_sec = rate.period_seconds}};

    service->limits = slc_limits_new(&options);
    return service->limits || slc_fail(error, SLC_ERR_MEMORY, "no memory for the rate limits");
}

static bool parse_proxies(struct service *service, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    const char *const *items;
    size_t count = slc_config_list(service->config, "http.trusted_proxies", &items);

    for (size_t i = 0; i < count; i++) {
        slc_buf_append_text(&text, items[i]);
        slc_buf_append_byte(&text, ' ');
    }
    if (text.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for http.trusted_proxies");
    return slc_trusted_proxies_parse(slc_buf_view(&text), &service->proxies, error);
}

static void on_request(void *state, const struct slc_http_record *record)
{
    struct service *service = state;

    slc_api_record(service->api, record);
    slc_service_log_request(record);
}

static bool start_api(struct service *service, struct slc_error *error)
{
    struct slc_api_options options = {.pool = service->pool,
                                      .inbox = service->inbox,
                                      .queue = service->queue,
                                      .sessions = service->sessions,
                                      .counters = service->counters};

    service->api = slc_api_new(&options, error);
    return service->api != NULL;
}

static bool start_server(struct service *service, struct slc_error *error)
{
    const struct slc_config *config = service->config;
    struct slc_http_server_options options;

    slc_http_server_options_init(&options);
    options.listen_fd = service->listen_fd;
    options.threads = (unsigned)slc_config_int(config, "http.threads");
    options.connections_max = (unsigned)slc_config_int(config, "http.max_connections");
    options.idle_timeout_sec = (unsigned)ceil(slc_config_seconds(config, "http.timeout"));
    options.body_max_bytes = (size_t)slc_config_bytes(config, "http.max_body_bytes");
    options.router = slc_api_router(service->api);
    options.sessions = service->sessions;
    options.limits = service->limits;
    options.trusted_proxies = &service->proxies;
    options.context = service->api;
    options.cells.in_flight = slc_counters_cell(service->counters, SLC_METRIC_HTTP_IN_FLIGHT);
    options.on_done = on_request;
    options.done_state = service;
    options.must_hurry = must_hurry;
    options.hurry_state = service;
    service->server = slc_http_server_start(&options, error);
    return service->server != NULL;
}

static bool start_watch(struct service *service, struct slc_error *error)
{
    struct slc_watch_options options = {
        .pool = service->pool,
        .inbox = service->inbox,
        .queue = service->queue,
        .pauses = service->pauses,
        .poll_ms = slc_config_int(service->config, "source.poll_ms"),
    };

    if (!slc_config_bool(service->config, "watch"))
        return true;
    service->watch = slc_watch_start(&options, error);
    return service->watch != NULL;
}

static void warn_of_missing_stream(struct service *service)
{
    struct slc_error error = {0};
    struct slc_inbox_dir *dir = slc_inbox_take(service->inbox, &error);

    if (!dir)
        slc_log(SLC_LOG_WARNING, "the stream directory is not there; calls about tickets fail",
                SLC_LOG_TEXT_FIELD("reason", error.message));
    slc_inbox_give(service->inbox, dir);
}

static void say_where(const struct service *service)
{
    const char *address = bind_address(service->config);
    bool v6 = strchr(address, ':') != NULL;
    char text[LISTEN_TEXT_BYTES];

    snprintf(text, sizeof(text), "http://%s%.100s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "",
             slc_http_server_port(service->server));
    slc_log(SLC_LOG_INFO, "listening", SLC_LOG_TEXT_FIELD("address", text),
            SLC_LOG_TEXT_FIELD("stream_dir", slc_inbox_path(service->inbox)),
            SLC_LOG_TEXT_FIELD("version", SLC_VERSION));
}

/* ---- Waiting for the end -------------------------------------------------- */

/* How long to wait at most before Redis has to be looked after; -1: for ever. */
static int next_look_ms(const struct service *service)
{
    if (!service->redis_dir[0])
        return -1;
    if (!service->private_server || slc_private_server_is_attached(service->private_server))
        return REDIS_LOOK_MS;
    return -1;
}

static int wait_for_end(struct service *service)
{
    for (;;) {
        struct pollfd fds[] = {
            {.fd = service->signal_fd, .events = POLLIN},
            {.fd =
                 service->private_server ? slc_private_server_exit_fd(service->private_server) : -1,
             .events = POLLIN},
        };
        int signal_number;

        if (poll(fds, 2, next_look_ms(service)) < 0 && errno != EINTR)
            return SIGQUIT;
        if (fds[0].revents && (signal_number = handle_signal(service)) != 0)
            return signal_number;
        if (service->redis_dir[0])
            look_after_redis(service);
    }
}

/* ---- Stopping ------------------------------------------------------------ */

static void stop(struct service *service, int64_t graceful_usec)
{
    int64_t end_usec = slc_monotonic_usec() + graceful_usec, left_usec;
    struct slc_error error = {0};

    slc_watch_stop(service->watch);
    if (service->server) {
        if (!slc_http_server_stop(service->server, graceful_usec) && graceful_usec > 0)
            slc_log(SLC_LOG_WARNING, service->hurry
                                         ? "requests were cut off: a quick stop was asked for"
                                         : "requests were cut off: graceful_timeout is over");
    }
    slc_api_free(service->api);
    left_usec = end_usec - slc_monotonic_usec();
    if (!slc_queue_stop(service->queue, left_usec > 0 && !service->hurry ? left_usec : 0))
        slc_log(SLC_LOG_WARNING, "a load was stopped; its ticket stays as it was");
    slc_pauses_free(service->pauses);
    slc_sessions_free(service->sessions);
    slc_limits_free(service->limits);
    slc_trusted_proxies_release(&service->proxies);
    slc_inbox_free(service->inbox);
    slc_redis_pool_free(service->pool);
    slc_counters_free(service->counters);
    if (service->private_server && !slc_private_server_stop(service->private_server, &error))
        slc_log(SLC_LOG_ERROR, "the private redis-server had to be killed",
                SLC_LOG_TEXT_FIELD("reason", error.message));
    slc_redis_url_wipe(&service->redis_url);
    slc_redis_settings_unref(service->redis_settings);
}

static void release(struct service *service)
{
    if (service->listen_fd >= 0)
        close(service->listen_fd);
    if (service->signal_fd >= 0)
        close(service->signal_fd);
    if (service->lock_fd >= 0)
        close(service->lock_fd);
    free(service->state_dir);
    (void)pthread_sigmask(SIG_SETMASK, &service->signals_before, NULL);
}

static bool start(struct service *service, int *ret_status, struct slc_error *error)
{
    *ret_status = STATUS_CONFIG;
    service->counters = slc_counters_new(1, slc_api_metrics_cells(), error);
    if (!service->counters || !slc_service_open_log(service->config, error) ||
        !open_places(service, error) || !make_sessions(service, error) ||
        !make_limits(service, error) || !parse_proxies(service, error))
        return false;
    *ret_status = *slc_config_text(service->config, "redis.url") ? STATUS_CONFIG : STATUS_PEER;
    if (!find_redis(service, error))
        return false;
    *ret_status = STATUS_CONFIG;
    return start_loading(service, error) && start_api(service, error) &&
           start_server(service, error) && start_watch(service, error);
}

bool slc_service_run(const struct slc_service_options *options, int *ret_status,
                     struct slc_error *error)
{
    struct service service = {.options = options,
                              .config = options->config,
                              .lock_fd = -1,
                              .listen_fd = -1,
                              .signal_fd = -1};
    int64_t graceful_usec =
        (int64_t)(slc_config_seconds(options->config, "graceful_timeout") * 1e6);
    int signal_number;
    bool good;

    *ret_status = STATUS_CONFIG;
    if (!take_signals(&service, error))
        return false;
    good = start(&service, ret_status, error);
    if (good) {
        *ret_status = 0;
        warn_of_missing_stream(&service);
        say_where(&service);
        signal_number = wait_for_end(&service);
        if (signal_number != SIGTERM)
            graceful_usec = 0;
        slc_log(SLC_LOG_INFO, "stopping", SLC_LOG_INT_FIELD("signal", signal_number),
                SLC_LOG_USEC_FIELD("graceful_timeout", graceful_usec));
    }
    stop(&service, good ? graceful_usec : 0);
    if (good)
        slc_log(SLC_LOG_INFO, "stopped");
    release(&service);
    return good;
}
