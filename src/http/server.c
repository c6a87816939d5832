#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/time.h"
#include "http/exchange.h"
#include "http/stream_reader.h"

enum {
    THREADS_DEFAULT = 4,
    CONNECTIONS_DEFAULT = 1000,
    IDLE_DEFAULT_SEC = 60,
    BODY_DEFAULT_BYTES = 1 << 20,
    HEADERS_DEFAULT_BYTES = 16 << 10,
    URL_DEFAULT_BYTES = 8 << 10,
    HEADER_DEFAULT_USEC = 30000000,
    BODY_DEFAULT_USEC = 60000000,
    BACKLOG = 1024,
    /* How long a cut-off waits for woken requests to notice, and for what they
     * answer to leave. */
    CUT_OFF_USEC = 2000000,
    HURRY_LOOK_USEC = 100000,
};

void slc_http_server_options_init(struct slc_http_server_options *options)
{
    *options = (struct slc_http_server_options){
        .listen_fd = -1,
        .bind_address = "127.0.0.1",
        .port = 8003,
        .threads = THREADS_DEFAULT,
        .connections_max = CONNECTIONS_DEFAULT,
        .idle_timeout_sec = IDLE_DEFAULT_SEC,
        .body_max_bytes = BODY_DEFAULT_BYTES,
        .headers_max_bytes = HEADERS_DEFAULT_BYTES,
        .url_max_bytes = URL_DEFAULT_BYTES,
        .header_timeout_usec = HEADER_DEFAULT_USEC,
        .body_timeout_usec = BODY_DEFAULT_USEC,
    };
}

static bool make_address(const char *text, uint16_t port, struct sockaddr_storage *address,
                         socklen_t *ret_len, struct slc_error *error)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memset(address, 0, sizeof(*address));
    if (text && inet_pton(AF_INET, text, &in4.sin_addr) == 1) {
        memcpy(address, &in4, sizeof(in4));
        *ret_len = sizeof(in4);
        return true;
    }
    if (text && inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
        memcpy(address, &in6, sizeof(in6));
        *ret_len = sizeof(in6);
        return true;
    }
    return slc_fail(error, SLC_ERR_CONFIG,
                    "'%s' is no address to listen on: write an IPv4 or IPv6 address such as "
                    "127.0.0.1, 0.0.0.0 or ::",
                    text ? text : "");
}

int slc_http_listen(const char *bind_address, uint16_t port, struct slc_error *error)
{
    struct sockaddr_storage address;
    socklen_t len = 0;
    int fd, on = 1, off = 0;

    if (!make_address(bind_address, port, &address, &len, error))
        return -1;
    fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        slc_fail_errno(error, errno, "cannot make a socket");
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        /* "::" takes IPv4, too, whatever the machine's default is */
        (address.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)) {
        slc_fail_errno(error, errno, "cannot set a socket up");
        close(fd);
        return -1;
    }
    if (bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, BACKLOG) != 0) {
        if (errno == EADDRINUSE)
            slc_fail(error, SLC_ERR_CONFLICT,
                     "port %u of %s is taken by another program: stop it or choose another port",
                     (unsigned)port, bind_address);
        else
            slc_fail_errno(error, errno, "cannot listen on %s port %u", bind_address,
                           (unsigned)port);
        close(fd);
        return -1;
    }
    return fd;
}

bool slc_http_is_bound_to(int fd, const char *bind_address, uint16_t port)
{
    struct sockaddr_storage wanted, there = {0};
    socklen_t wanted_len = 0, len = sizeof(there);
    struct sockaddr_in in4, wanted4;
    struct sockaddr_in6 in6, wanted6;

    if (!make_address(bind_address, port, &wanted, &wanted_len, NULL) ||
        getsockname(fd, (struct sockaddr *)&there, &len) != 0 ||
        there.ss_family != wanted.ss_family)
        return false;
    if (there.ss_family == AF_INET) {
        memcpy(&in4, &there, sizeof(in4));
        memcpy(&wanted4, &wanted, sizeof(wanted4));
        return in4.sin_port == wanted4.sin_port && in4.sin_addr.s_addr == wanted4.sin_addr.s_addr;
    }
    memcpy(&in6, &there, sizeof(in6));
    memcpy(&wanted6, &wanted, sizeof(wanted6));
    return in6.sin6_port == wanted6.sin6_port &&
           memcmp(&in6.sin6_addr, &wanted6.sin6_addr, sizeof(in6.sin6_addr)) == 0;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    if (address.ss_family == AF_INET) {
        memcpy(&in4, &address, sizeof(in4));
        return ntohs(in4.sin_port);
    }
    if (address.ss_family == AF_INET6) {
        memcpy(&in6, &address, sizeof(in6));
        return ntohs(in6.sin6_port);
    }
    return 0;
}

/* A socket of the server's own. */
static int take_listen_fd(const struct slc_http_server_options *options, struct slc_error *error)
{
    int fd, flags;

    if (options->listen_fd < 0)
        return slc_http_listen(options->bind_address, options->port, error);
    fd = fcntl(options->listen_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        slc_fail_errno(error, errno, "cannot duplicate the listening socket");
        return -1;
    }
    /* Of several processes that see a connection only one gets it; the others
     * must not block in accept(). */
    flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        slc_fail_errno(error, errno, "cannot set the listening socket up");
        close(fd);
        return -1;
    }
    return fd;
}

static bool check_options(const struct slc_http_server_options *options, struct slc_error *error)
{
    const struct slc_route *route;

    if (!options->router)
        return slc_fail(error, SLC_ERR_INTERNAL, "a server needs a router");
    for (size_t i = 0; (route = slc_router_at(options->router, i)); i++) {
        if (route->access == SLC_ACCESS_SESSION && !options->sessions)
            return slc_fail(error, SLC_ERR_CONFIG, "route %s needs a session, but there is no key",
                            route->pattern);
    }
    return true;
}

static void fill_defaults(struct slc_http_server_options *options)
{
    if (!options->threads)
        options->threads = THREADS_DEFAULT;
    if (!options->connections_max)
        options->connections_max = CONNECTIONS_DEFAULT;
    if (!options->loops || options->loops > options->threads)
        options->loops = options->threads;
    /* they are shared out among the loops */
    if (options->connections_max < options->loops)
        options->connections_max = options->loops;
    if (!options->idle_timeout_sec)
        options->idle_timeout_sec = IDLE_DEFAULT_SEC;
    if (!options->body_max_bytes)
        options->body_max_bytes = BODY_DEFAULT_BYTES;
    if (!options->headers_max_bytes)
        options->headers_max_bytes = HEADERS_DEFAULT_BYTES;
    if (!options->url_max_bytes)
        options->url_max_bytes = URL_DEFAULT_BYTES;
    if (!options->header_timeout_usec)
        options->header_timeout_usec = HEADER_DEFAULT_USEC;
    if (!options->body_timeout_usec)
        options->body_timeout_usec = BODY_DEFAULT_USEC;
}

static bool init_locks(struct slc_http_server *server)
{
    pthread_condattr_t attributes;
    bool ok;

    if (pthread_mutex_init(&server->lock, NULL) != 0)
        return false;
    if (pthread_condattr_init(&attributes) != 0) {
        pthread_mutex_destroy(&server->lock);
        return false;
    }
    ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
         pthread_cond_init(&server->changed, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (!ok)
        pthread_mutex_destroy(&server->lock);
    return ok;
}

static void free_server(struct slc_http_server *server)
{
    slc_crew_stop(server->crew);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    slc_connections_free(server->connections);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

void slc_server_changed(struct slc_http_server *server)
{
    pthread_mutex_lock(&server->lock);
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* One of the orders of a stop, for all loops. */
static void order(struct slc_http_server *server, atomic_bool *what)
{
    atomic_store(what, true);
    for (size_t i = 0; i < server->loop_count; i++)
        slc_loop_wake(&server->loops[i]);
}

static void end_loops(struct slc_http_server *server)
{
    atomic_store(&server->draining, true);
    order(server, &server->stopping);
    for (size_t i = 0; i < server->loop_count; i++)
        slc_loop_join(&server->loops[i]);
}

/* The connections are shared out among the loops. */
static bool start_loops(struct slc_http_server *server, struct slc_error *error)
{
    const struct slc_http_server_options *options = &server->options;
    unsigned each = options->connections_max / options->loops;
    unsigned rest = options->connections_max % options->loops;

    if (options->loops < options->threads) {
        server->crew = slc_crew_start(options->threads - options->loops, error);
        if (!server->crew)
            return false;
    }
    for (unsigned i = 0; i < options->loops; i++) {
        if (!slc_loop_start(&server->loops[i], server, server->listen_fd, each + (i < rest),
                            error)) {
            end_loops(server);
            return false;
        }
        server->loop_count++;
    }
    return true;
}

struct slc_http_server *slc_http_server_start(const struct slc_http_server_options *options,
                                              struct slc_error *error)
{
    struct slc_http_server *server;
    unsigned threads = options->threads ? options->threads : THREADS_DEFAULT;

    if (!check_options(options, error))
        return NULL;
    server = calloc(1, sizeof(*server) + threads * sizeof(server->loops[0]));
    if (!server || !init_locks(server)) {
        free(server);
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
        return NULL;
    }
    server->listen_fd = -1;
    server->options = *options;
    fill_defaults(&server->options);
    if (!server->options.trusted_proxies)
        server->options.trusted_proxies = &server->no_proxies;
    if (slc_random_bytes(server->id_seed, sizeof(server->id_seed), error))
        server->connections = slc_connections_new(options->cells.slow, error);
    if (server->connections)
        server->listen_fd = take_listen_fd(options, error);
    if (server->listen_fd < 0) {
        free_server(server);
        return NULL;
    }
    server->port = port_of(server->listen_fd);
    if (!start_loops(server, error)) {
        free_server(server);
        return NULL;
    }
    return server;
}

uint16_t slc_http_server_port(const struct slc_http_server *server)
{
    return server->port;
}

size_t slc_http_server_in_flight(struct slc_http_server *server)
{
    return atomic_load(&server->in_flight);
}

/* Nothing comes any more or is in flight, and no connection is there or they have
 * had their time. */
static bool is_idle(struct slc_http_server *server, int64_t idle_end_usec)
{
    return atomic_load(&server->quiesced) == server->loop_count &&
           atomic_load(&server->in_flight) == 0 &&
           (slc_monotonic_usec() >= idle_end_usec ||
            slc_connections_count(server->connections) == 0);
}

/* Wait, with the lock held, until it is idle, the time is over or, where that is
 * asked, somebody is in a hurry. True when nothing was in flight. */
static bool wait_idle(struct slc_http_server *server, int64_t timeout_usec, int64_t idle_usec,
                      bool ask)
{
    int64_t start_usec = slc_monotonic_usec(), now;
    int64_t end_usec = start_usec + timeout_usec, idle_end_usec = start_usec + idle_usec;

    while (!is_idle(server, idle_end_usec) && (now = slc_monotonic_usec()) < end_usec) {
        int64_t look_usec = end_usec - now > HURRY_LOOK_USEC ? now + HURRY_LOOK_USEC : end_usec;
        struct timespec look = {.tv_sec = (time_t)(look_usec / SLC_USEC_PER_SEC),
                                .tv_nsec = (long)(look_usec % SLC_USEC_PER_SEC * 1000)};
        bool hurry;

        pthread_cond_timedwait(&server->changed, &server->lock, &look);
        if (!ask || is_idle(server, idle_end_usec) || !server->options.must_hurry)
            continue;
        pthread_mutex_unlock(&server->lock);
        hurry = server->options.must_hurry(server->options.hurry_state);
        pthread_mutex_lock(&server->lock);
        if (hurry)
            break;
    }
    return atomic_load(&server->in_flight) == 0;
}

bool slc_http_server_stop(struct slc_http_server *server, int64_t graceful_usec, int64_t idle_usec)
{
    bool idle;

    if (!server)
        return true;
    /* No new connections; the socket stays ours (and maybe other processes'). */
    order(server, &server->draining);
    pthread_mutex_lock(&server->lock);
    for (struct slc_http_stream *stream = server->streams; stream; stream = slc_stream_next(stream))
        slc_stream_end(stream);
    idle = wait_idle(server, graceful_usec, idle_usec, true);
    order(server, &server->refusing);
    /* libmicrohttpd must not be stopped while a connection sleeps. */
    if (!idle)
        (void)wait_idle(server, CUT_OFF_USEC, 0, false);
    while (atomic_load(&server->suspended) > 0)
        pthread_cond_wait(&server->changed, &server->lock);
    pthread_mutex_unlock(&server->lock);
    end_loops(server);
    free_server(server);
    return idle;
}
