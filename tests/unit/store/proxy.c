#include "proxy.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

struct test_proxy {
    char *directory;
    struct slc_redis_url url;
    struct sockaddr_un server;
    int listen_fd;
    int stop_fds[2];
    pthread_t thread;
    pthread_mutex_t mutex;
    enum test_cut cut;
    const char *with, *without; /* what is to be kept back; NULL: nothing */
    bool held;
    pthread_cond_t change;
};

static void copy_all(int to, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(to, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

static enum test_cut take_cut(struct test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->mutex);
    enum test_cut cut = proxy->cut;
    proxy->cut = TEST_CUT_NOTHING;
    pthread_mutex_unlock(&proxy->mutex);
    return cut;
}

static void keep_back(struct test_proxy *proxy, const char *bytes, size_t len)
{
    pthread_mutex_lock(&proxy->mutex);
    if (proxy->with && memmem(bytes, len, proxy->with, strlen(proxy->with)) &&
        !memmem(bytes, len, proxy->without, strlen(proxy->without))) {
        proxy->with = NULL;
        proxy->held = true;
        pthread_cond_broadcast(&proxy->change);
        while (proxy->held)
            pthread_cond_wait(&proxy->change, &proxy->mutex);
    }
    pthread_mutex_unlock(&proxy->mutex);
}

/* A transaction of the tests comes in one piece with its EXEC at the end, and
 * begins with MULTI. */
static bool is_swap(const char *bytes, size_t len)
{
    return len > 14 && memmem(bytes, len, "RENAME", 6) &&
           memcmp(bytes + len - 10, "$4\r\nEXEC\r\n", 10) == 0;
}

/* False when the connection is to be cut. */
static bool from_client(struct test_proxy *proxy, int server_fd, const char *bytes, size_t len)
{
    char answer[65536];
    ssize_t got;
    size_t total = 0;

    keep_back(proxy, bytes, len);
    switch (is_swap(bytes, len) ? take_cut(proxy) : TEST_CUT_NOTHING) {
    case TEST_CUT_BEFORE_EXEC:
        copy_all(server_fd, bytes, len - 14); /* "*1\r\n$4\r\nEXEC\r\n" */
        return false;
    case TEST_CUT_AFTER_EXEC:
        copy_all(server_fd, bytes, len);
        /* EXEC's answer is the one array among them. */
        while (!memmem(answer, total, "*", 1) &&
               (got = recv(server_fd, answer + total, sizeof(answer) - total, 0)) > 0)
            total += (size_t)got;
        return false;
    default:
        copy_all(server_fd, bytes, len);
        return true;
    }
}

/* False when the proxy is to stop. */
static bool serve(struct test_proxy *proxy, int client_fd)
{
    enum { SIZE = 1 << 20 };
    char *buffer = malloc(SIZE);
    int server_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool go_on = connect(server_fd, (struct sockaddr *)&proxy->server, sizeof(proxy->server)) == 0;
    struct pollfd entries[] = {{.fd = client_fd, .events = POLLIN},
                               {.fd = server_fd, .events = POLLIN},
                               {.fd = proxy->stop_fds[0], .events = POLLIN}};

    while (go_on) {
        ssize_t got;

        if (poll(entries, 3, -1) < 0 || entries[2].revents)
            break;
        if (entries[0].revents) {
            got = recv(client_fd, buffer, SIZE, 0);
            go_on = got > 0 && from_client(proxy, server_fd, buffer, (size_t)got);
        }
        if (go_on && entries[1].revents) {
            got = recv(server_fd, buffer, SIZE, 0);
            go_on = got > 0;
            if (go_on)
                copy_all(client_fd, buffer, (size_t)got);
        }
    }
    free(buffer);
    close(server_fd);
    return entries[2].revents == 0;
}

static void *run_proxy(void *argument)
{
    struct test_proxy *proxy = argument;
    struct pollfd entries[] = {{.fd = proxy->listen_fd, .events = POLLIN},
                               {.fd = proxy->stop_fds[0], .events = POLLIN}};
    bool go_on = true;

    while (go_on && poll(entries, 2, -1) >= 0 && !entries[1].revents) {
        int fd = accept(proxy->listen_fd, NULL, NULL);

        go_on = fd >= 0 && serve(proxy, fd);
        if (fd >= 0)
            close(fd);
    }
    return NULL;
}

struct test_proxy *test_proxy_new(const char *server_path)
{
    struct test_proxy *proxy = calloc(1, sizeof(*proxy));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_non_null(proxy);
    proxy->directory = test_dir_new();
    proxy->server.sun_family = AF_UNIX;
    snprintf(proxy->server.sun_path, sizeof(proxy->server.sun_path), "%s", server_path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/proxy", proxy->directory);
    assert_true(slc_redis_url_from_socket(address.sun_path, 0, &proxy->url, NULL));
    proxy->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(proxy->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(proxy->listen_fd, 16), 0);
    assert_int_equal(pipe(proxy->stop_fds), 0);
    pthread_mutex_init(&proxy->mutex, NULL);
    pthread_cond_init(&proxy->change, NULL);
    assert_int_equal(pthread_create(&proxy->thread, NULL, run_proxy, proxy), 0);
    return proxy;
}

const struct slc_redis_url *test_proxy_url(const struct test_proxy *proxy)
{
    return &proxy->url;
}

void test_proxy_cut(struct test_proxy *proxy, enum test_cut cut)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->cut = cut;
    pthread_mutex_unlock(&proxy->mutex);
}

void test_proxy_hold(struct test_proxy *proxy, const char *with, const char *without)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->with = with;
    proxy->without = without;
    pthread_mutex_unlock(&proxy->mutex);
}

void test_proxy_wait_held(struct test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->mutex);
    while (!proxy->held)
        pthread_cond_wait(&proxy->change, &proxy->mutex);
    pthread_mutex_unlock(&proxy->mutex);
}

void test_proxy_let_go(struct test_proxy *proxy)
{
    pthread_mutex_lock(&proxy->mutex);
    proxy->held = false;
    pthread_cond_broadcast(&proxy->change);
    pthread_mutex_unlock(&proxy->mutex);
}

void test_proxy_free(struct test_proxy *proxy)
{
    assert_int_equal(write(proxy->stop_fds[1], "x", 1), 1);
    pthread_join(proxy->thread, NULL);
    close(proxy->listen_fd);
    close(proxy->stop_fds[0]);
    close(proxy->stop_fds[1]);
    pthread_cond_destroy(&proxy->change);
    pthread_mutex_destroy(&proxy->mutex);
    test_dir_remove(proxy->directory);
    free(proxy);
}
