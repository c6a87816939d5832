#include "http/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/time.h"
#include "http/exchange.h"

enum {
    STACK_BYTES = 256 << 10,
    /* Of a connection's memory, beside the headers: libmicrohttpd's own bookkeeping of
     * these and the answer's headers. It clears all of it for each request. */
    OVERHEAD_BYTES = 12 << 10,
    /* While requests are parked it cannot be told whether libmicrohttpd has more
     * of some other connection to read: it is asked so often. */
    PARKED_LOOK_MS = 1,
    /* So often are requests waited for that may go along with those put aside. */
    JOINED_ROUNDS_MAX = 8,
    FD_CONNECTIONS = 0,
    FD_WAKE,
    FD_COMPANION,
    FD_COUNT,
};

/* ---- What libmicrohttpd calls -------------------------------------------- */

/* Leave every escape as it stands: what is decoded is decoded by the router
 * and the parameters. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

/* May a connection be taken? */
static enum MHD_Result on_accept(void *cls, const struct sockaddr *peer, socklen_t peer_len)
{
    const struct slc_http_loop *loop = cls;
    const struct slc_http_server_options *options = &loop->server->options;

    (void)peer_len;
    if (!options->admit || options->admit(options->admit_state, peer))
        return MHD_YES;
    slc_cell_add(options->cells.refused, 1);
    return MHD_NO;
}

static void begin_connection(struct slc_http_server *server, struct MHD_Connection *connection,
                             void **socket_context)
{
    /* Each answer is to be taken before the next question: libmicrohttpd 1.0 keeps them in
     * one place of the connection. */
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int fd = info ? info->connect_fd : -1;
    const struct sockaddr *peer;
    struct slc_connection *added;

    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    peer = info ? info->client_addr : NULL;
    slc_cell_add(server->options.cells.connections, 1);
    added = slc_connections_add(server->connections, fd, peer, server->options.header_timeout_usec);
    *socket_context = added;
    if (added) {
        const struct slc_trusted_proxies *trusted = server->options.trusted_proxies;

        slc_client_resolve(peer, (struct slc_str){0}, trusted, &added->client);
        added->proxied = slc_trusted_proxies_have(trusted, peer);
    }
    if (added && server->options.enter)
        server->options.enter(server->options.admit_state, peer);
}

static void end_connection(struct slc_http_server *server, struct slc_connection *connection)
{
    const struct slc_http_server_options *options = &server->options;

    slc_cell_add(options->cells.connections, -1);
    if (!connection)
        return;
    if (options->leave)
        options->leave(options->admit_state, (const struct sockaddr *)&connection->peer);
    slc_connections_remove(server->connections, connection);
    if (atomic_load(&server->draining))
        slc_server_changed(server);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct slc_http_loop *loop = cls;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        begin_connection(loop->server, connection, socket_context);
    } else {
        end_connection(loop->server, *socket_context);
        loop->again =
            true; /* with its next round the daemon listens again, if there were too many */
    }
}

/* ---- Rounds -------------------------------------------------------------- */

/* What a stop has ordered meanwhile. */
static void take_orders(struct slc_http_loop *loop)
{
    struct slc_http_server *server = loop->server;

    if (!loop->quiesced && atomic_load_explicit(&server->draining, memory_order_acquire)) {
        MHD_quiesce_daemon(loop->daemon);
        close(loop->listen_fd);
        loop->listen_fd = -1;
        loop->quiesced = true;
        atomic_fetch_add(&server->quiesced, 1);
        slc_server_changed(server);
    }
    if (!loop->abandoned && atomic_load_explicit(&server->refusing, memory_order_acquire)) {
        loop->abandoned = true;
        for (struct slc_exchange *exchange = loop->suspended; exchange; exchange = exchange->next)
            slc_pending_abandon(exchange->pending);
    }
}

static int64_t left_ms(int64_t deadline_usec)
{
    int64_t left_usec = deadline_usec - slc_monotonic_usec();

    return left_usec > 0 ? (left_usec + 999) / 1000 : 0;
}

/* Milliseconds for poll(2), -1 for as long as it takes. */
static int how_long(const struct slc_http_loop *loop, int64_t deadline_usec)
{
    MHD_UNSIGNED_LONG_LONG idle_ms;
    int64_t wait_ms = INT64_MAX;

    if (MHD_get_timeout(loop->daemon, &idle_ms) == MHD_YES)
        wait_ms = idle_ms < INT_MAX ? (int64_t)idle_ms : INT_MAX;
    if (wait_ms == 0 && loop->parked > 0) /* it says so for the sake of these */
        wait_ms = PARKED_LOOK_MS;
    if (deadline_usec != INT64_MAX && left_ms(deadline_usec) < wait_ms)
        wait_ms = left_ms(deadline_usec);
    return wait_ms > INT_MAX ? -1 : (int)wait_ms;
}

static void drain(int wake_fd)
{
    uint64_t count;

    while (read(wake_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

/* Wait until there is something to do, and take in what came for the companion. */
static void wait_for_more(struct slc_http_loop *loop)
{
    const struct slc_http_companion *companion = &loop->server->options.companion;
    struct pollfd fds[FD_COUNT] = {
        [FD_CONNECTIONS] = {.fd = loop->epoll_fd, .events = POLLIN},
        [FD_WAKE] = {.fd = loop->wake_fd, .events = POLLIN},
        [FD_COMPANION] = {.fd = -1},
    };
    int64_t deadline_usec = INT64_MAX;
    bool at_once = loop->again;

    loop->again = false;
    if (loop->companion)
        companion->before_wait(loop->companion, &fds[FD_COMPANION].fd, &fds[FD_COMPANION].events,
                               &deadline_usec);
    /* Answers that were found have still to be sent. Looking is left out once, not
     * for as long as there are answers. */
    if (at_once && loop->waited) {
        loop->waited = false;
        return;
    }
    loop->waited = true;
    at_once |= loop->again;
    if (poll(fds, FD_COUNT, at_once ? 0 : how_long(loop, deadline_usec)) < 0)
        return;
    if (fds[FD_WAKE].revents)
        drain(loop->wake_fd);
    if (loop->companion && (fds[FD_COMPANION].revents || fds[FD_WAKE].revents ||
                            (deadline_usec != INT64_MAX && slc_monotonic_usec() >= deadline_usec)))
        companion->after_wait(loop->companion, fds[FD_COMPANION].revents);
    loop->again = false;
}

/* One round over the connections; and while requests are put aside and others are there to be
 * read, some more: what those have to ask had better go along. */
static void serve(struct slc_http_loop *loop)
{
    struct pollfd connections = {.fd = loop->epoll_fd, .events = POLLIN};
    size_t parked_before, rounds = 0;

    do {
        parked_before = loop->parked;
        loop->now_usec = slc_monotonic_usec();
        MHD_run(loop->daemon);
    } while (loop->parked > parked_before && ++rounds < JOINED_ROUNDS_MAX &&
             poll(&connections, 1, 0) > 0);
}

static void *run(void *argument)
{
    struct slc_http_loop *loop = argument;
    struct slc_http_server *server = loop->server;
    const struct slc_http_companion *companion = &server->options.companion;

    atomic_store(&loop->self, pthread_self());
    if (companion->start)
        loop->companion = companion->start(companion->context, loop);
    while (!atomic_load_explicit(&server->stopping, memory_order_acquire)) {
        take_orders(loop);
        serve(loop);
        wait_for_more(loop);
    }
    take_orders(loop); /* a daemon that was not quiesced would close our socket */
    MHD_stop_daemon(loop->daemon);
    if (loop->companion)
        companion->stop(loop->companion);
    slc_exchange_free_spares(loop);
    return NULL;
}

/* ---- Starting and stopping ----------------------------------------------- */

static struct MHD_Daemon *start_daemon(struct slc_http_loop *loop, unsigned connections_max)
{
    const struct slc_http_server_options *options = &loop->server->options;
    bool tls = options->tls_cert != NULL;
    struct MHD_OptionItem items[] = {
        {MHD_OPTION_LISTEN_SOCKET, loop->listen_fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)connections_max, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)options->idle_timeout_sec, NULL},
        /* Room for headers at their largest, so that it is we who answer 431 in
         * most cases. */
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT,
         (intptr_t)(options->headers_max_bytes + OVERHEAD_BYTES), NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)slc_exchange_on_target, loop},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)slc_exchange_on_end, loop},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, loop},
        {tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, (void *)(uintptr_t)options->tls_cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)options->tls_key},
        {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0), 0,
                            on_accept, loop, slc_exchange_on_request, loop, MHD_OPTION_ARRAY, items,
                            MHD_OPTION_END);
}

static bool start_thread(struct slc_http_loop *loop)
{
    pthread_attr_t attributes;
    bool started;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    started = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
              pthread_create(&loop->thread, &attributes, run, loop) == 0;
    pthread_attr_destroy(&attributes);
    if (started)
        (void)pthread_setname_np(loop->thread, "http");
    return started;
}

/* What never got a thread. */
static void release(struct slc_http_loop *loop)
{
    if (loop->daemon) {
        MHD_quiesce_daemon(loop->daemon);
        MHD_stop_daemon(loop->daemon);
        close(loop->listen_fd);
    }
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
}

bool slc_loop_start(struct slc_http_loop *loop, struct slc_http_server *server, int listen_fd,
                    unsigned connections_max, struct slc_error *error)
{
    const union MHD_DaemonInfo *info;

    *loop = (struct slc_http_loop){.server = server};
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop->listen_fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, 3);
    if (loop->wake_fd < 0 || loop->listen_fd < 0) {
        slc_fail_errno(error, errno, "cannot make a descriptor for the server");
        if (loop->listen_fd >= 0)
            close(loop->listen_fd);
        release(loop);
        return false;
    }
    /* When it fails it has closed the socket. */
    loop->daemon = start_daemon(loop, connections_max);
    info = loop->daemon ? MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info) {
        release(loop);
        return server->options.tls_cert
                   ? slc_fail(error, SLC_ERR_CONFIG,
                              "libmicrohttpd %s did not start: are http.tls_cert_file and "
                              "http.tls_key_file a certificate and its key?",
                              MHD_get_version())
                   : slc_fail(error, SLC_ERR_INTERNAL, "libmicrohttpd %s did not start",
                              MHD_get_version());
    }
    loop->epoll_fd = info->epoll_fd;
    if (!start_thread(loop)) {
        release(loop);
        return slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread of the server");
    }
    loop->started = true;
    return true;
}

void slc_loop_join(struct slc_http_loop *loop)
{
    if (!loop->started)
        return;
    pthread_join(loop->thread, NULL);
    close(loop->wake_fd);
    loop->started = false;
}

void slc_loop_wake(struct slc_http_loop *loop)
{
    uint64_t one = 1;

    if (pthread_equal(atomic_load_explicit(&loop->self, memory_order_relaxed), pthread_self())) {
        loop->again = true;
        return;
    }
    while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void slc_http_loop_wake(struct slc_http_loop *loop)
{
    slc_loop_wake(loop);
}
