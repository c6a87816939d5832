#include "redis/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "redis/resolve.h"
#include "redis/tls.h"
#include "redis/transport_internal.h"

/* ---- Waiting ---- */

int slc_deadline_left_ms(int64_t deadline_usec)
{
    int64_t left = deadline_usec - slc_monotonic_usec();

    if (left <= 0)
        return 0;
    left = (left + 999) / 1000;
    return left > INT_MAX ? INT_MAX : (int)left;
}

int slc_stream_wait(const struct slc_stream *stream, short events, int64_t deadline_usec,
                    short *ret_events)
{
    struct pollfd entry = {.fd = stream->fd, .events = (short)(events | stream->also_wants)};

    if ((events & POLLIN) && stream->has_unread) {
        if (ret_events)
            *ret_events = POLLIN;
        return 1;
    }
    for (;;) {
        int left_ms = slc_deadline_left_ms(deadline_usec);
        int count = poll(&entry, 1, left_ms);

        if (count > 0) {
            if (ret_events)
                *ret_events = entry.revents;
            return 1;
        }
        if (count < 0 && errno != EINTR)
            return -errno;
        if (left_ms == 0 && count == 0)
            return 0;
    }
}

bool slc_stream_fail(const struct slc_stream *stream, int errno_value, const char *what,
                     struct slc_error *error)
{
    if (stream->is_refused)
        return slc_fail(error, SLC_ERR_AUTH,
                        "%s: %s; does it want a client certificate (redis.tls_cert_file), or "
                        "another one?",
                        what, stream->reason);
    if (stream->reason[0])
        return slc_fail(error, SLC_ERR_CONNECTION, "%s: %s", what, stream->reason);
    return slc_fail(error, SLC_ERR_CONNECTION, "%s: %s", what,
                    errno_value ? strerror(errno_value) : "the server closed it; was it stopped?");
}

/* ---- Sockets, TCP and unix alike ---- */

static ssize_t socket_result(ssize_t moved, int want)
{
    if (moved >= 0)
        return moved;
    return errno == EAGAIN || errno == EWOULDBLOCK ? want : SLC_STREAM_FAILED;
}

static ssize_t socket_read(struct slc_stream *stream, void *to, size_t len)
{
    ssize_t moved;

    do {
        moved = recv(stream->fd, to, len, 0);
    } while (moved < 0 && errno == EINTR);
    return socket_result(moved, SLC_STREAM_WANT_READ);
}

static ssize_t socket_write(struct slc_stream *stream, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)parts,
                             .msg_iovlen = (size_t)(count > IOV_MAX ? IOV_MAX : count)};
    ssize_t moved;

    do {
        moved = sendmsg(stream->fd, &message, MSG_NOSIGNAL);
    } while (moved < 0 && errno == EINTR);
    return socket_result(moved, SLC_STREAM_WANT_WRITE);
}

void slc_socket_close(struct slc_stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

/* ---- TCP ---- */

/* 0, or the errno of why this address cannot be reached. */
static int connect_address(int fd, const struct addrinfo *address, int64_t deadline_usec)
{
    struct slc_stream stream = {.fd = fd};
    int status = 0;
    socklen_t len = sizeof(status);

    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return errno;
    int waited = slc_stream_wait(&stream, POLLOUT, deadline_usec, NULL);
    if (waited <= 0)
        return waited == 0 ? ETIMEDOUT : -waited;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &status, &len) < 0)
        return errno;
    return status;
}

/* Commands leave at once, and a peer that vanished is noticed in the end. A
 * refusal of either option does no harm. */
static void tune_tcp(int fd)
{
    int on = 1, idle_seconds = 60;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof(idle_seconds));
}

static bool connect_fail(const struct slc_redis_url *url, int errno_value, struct slc_error *error)
{
    struct slc_redis_url bare = *url; /* without the login: it does not matter here */
    char text[SLC_REDIS_URL_TEXT_BYTES];
    enum slc_error_code code = errno_value == ETIMEDOUT ? SLC_ERR_TIMEOUT : SLC_ERR_CONNECTION;

    bare.has_login = false;
    bare.topology = SLC_REDIS_SINGLE; /* the one that was tried */
    slc_redis_url_print(&bare, text, sizeof(text));
    slc_redis_url_wipe(&bare);
    return slc_fail(error, code,
                    "Redis at %.400s cannot be reached: %s; check that it runs and that "
                    "redis.url is right",
                    text, strerror(errno_value));
}

bool slc_tcp_connect(struct slc_stream *stream, const struct slc_redis_url *url,
                     int64_t deadline_usec, struct slc_error *error)
{
    struct addrinfo *addresses = slc_resolve(url->host, url->port, deadline_usec, error);
    int64_t left_addresses = 0;
    int status = EADDRNOTAVAIL;

    if (!addresses)
        return false;
    for (struct addrinfo *a = addresses; a; a = a->ai_next)
        left_addresses++;
    for (struct addrinfo *a = addresses; a; a = a->ai_next, left_addresses--) {
        /* A fair share of the time for each, so that one that swallows packets
         * does not hide the next. */
        int64_t now = slc_monotonic_usec();
        int64_t share = (deadline_usec - now) / left_addresses;
        int fd =
            socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);

        if (fd < 0) {
            status = errno;
            continue;
        }
        status = connect_address(fd, a, now + (share > 0 ? share : 0));
        if (status == 0) {
            tune_tcp(fd);
            stream->fd = fd;
            break;
        }
        close(fd);
    }
    freeaddrinfo(addresses);
    return status == 0 || connect_fail(url, status, error);
}

/* ---- Unix sockets ---- */

/* A path that sockaddr_un has no room for is reached through an O_PATH
 * descriptor of the socket itself (unix(7), "pathname sockets"; the kernel
 * follows /proc/self/fd/N). `*ret_fd` is to stay open during connect. */
static int socket_address(const char *path, struct sockaddr_un *address, int *ret_fd)
{
    size_t len = strlen(path);

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    *ret_fd = -1;
    if (len < sizeof(address->sun_path)) {
        memcpy(address->sun_path, path, len + 1);
        return 0;
    }
    *ret_fd = open(path, O_PATH | O_CLOEXEC);
    if (*ret_fd < 0)
        return errno;
    (void)snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d", *ret_fd);
    return 0;
}

/* A unix socket never answers "in progress"; a full backlog is EAGAIN, and
 * there is nothing to poll for until the server accepts. */
static int connect_backlogged(int fd, const struct sockaddr_un *address, int64_t deadline_usec)
{
    int pause_ms = 1;

    while (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0) {
        int left_ms = slc_deadline_left_ms(deadline_usec);

        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return errno;
        if (left_ms == 0)
            return ETIMEDOUT;
        (void)poll(NULL, 0, pause_ms < left_ms ? pause_ms : left_ms);
        pause_ms = pause_ms < 50 ? pause_ms * 2 : 50;
    }
    return 0;
}

static bool unix_connect(struct slc_stream *stream, const struct slc_redis_url *url,
                         int64_t deadline_usec, struct slc_error *error)
{
    struct sockaddr_un address;
    SLC_AUTO_CLOSE int path_fd = -1;
    int status = socket_address(url->path, &address, &path_fd);
    int fd;

    if (status != 0)
        return connect_fail(url, status, error);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return connect_fail(url, errno, error);
    status = connect_backlogged(fd, &address, deadline_usec);
    if (status != 0) {
        close(fd);
        return connect_fail(url, status, error);
    }
    stream->fd = fd;
    return true;
}

/* ---- The list ---- */

static const struct slc_transport tcp_transport = {
    .name = "tcp",
    .connect = slc_tcp_connect,
    .read = socket_read,
    .write = socket_write,
    .close = slc_socket_close,
};

static const struct slc_transport unix_transport = {
    .name = "unix",
    .connect = unix_connect,
    .read = socket_read,
    .write = socket_write,
    .close = slc_socket_close,
};

static const struct slc_transport *const transports[] = {
    [SLC_REDIS_TCP] = &tcp_transport,
    [SLC_REDIS_UNIX] = &unix_transport,
    [SLC_REDIS_TLS] = &slc_tls_transport,
};

const struct slc_transport *slc_transport_find(enum slc_redis_kind kind)
{
    return transports[kind];
}
