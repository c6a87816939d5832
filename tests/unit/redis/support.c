#include "support.h"

#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

char *test_dir_new(void)
{
    const char *base = getenv("TMPDIR");
    char *directory = NULL;

    assert_true(asprintf(&directory, "%s/slc-redis-XXXXXX", base ? base : "/tmp") > 0);
    assert_non_null(mkdtemp(directory));
    return directory;
}

static int remove_entry(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

void test_dir_remove(char *directory)
{
    if (directory)
        (void)nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(directory);
}

/* ---- The real server ---- */

static char *server_directory;
static struct slc_private_server *server;

int test_server_setup(void **state)
{
    struct slc_error error;

    server_directory = test_dir_new();
    server = slc_private_server_start(server_directory, NULL, &error);
    if (!server) {
        fprintf(stderr, "%s\n", error.message);
        return -1;
    }
    *state = (void *)(uintptr_t)slc_private_server_url(server);
    return 0;
}

int test_server_teardown(void **state)
{
    bool good = slc_private_server_stop(server, NULL);

    (void)state;
    test_dir_remove(server_directory);
    return good ? 0 : -1;
}

struct slc_redis *test_open(void **state)
{
    struct slc_error error;
    struct slc_redis *redis = slc_redis_open(*state, 5000, &error);

    if (!redis)
        fail_msg("%s", error.message);
    assert_ok(slc_redis_call(redis, NULL, &error, SLC_STR("FLUSHALL")), error);
    return redis;
}

/* ---- The scripted peer ---- */

struct test_peer {
    char *directory;
    struct slc_redis_url url;
    int listen_fd;
    int stop_fds[2];
    pthread_t thread;
    pthread_mutex_t mutex;
    char greeting[256];
    char *script;
    size_t script_len;
    enum test_ending ending;
    size_t received;
};

/* False when the peer is to stop. */
static bool readable(const struct test_peer *peer, int fd)
{
    struct pollfd entries[] = {{.fd = fd, .events = POLLIN},
                               {.fd = peer->stop_fds[0], .events = POLLIN}};

    while (poll(entries, 2, -1) < 0)
        continue;
    return entries[1].revents == 0;
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

static bool serve(struct test_peer *peer, int fd)
{
    char buffer[65536], greeting[256];
    ssize_t got;
    size_t received = 0;

    if (!readable(peer, fd) || (got = recv(fd, buffer, sizeof(buffer), 0)) <= 0)
        return true;
    pthread_mutex_lock(&peer->mutex);
    memcpy(greeting, peer->greeting, sizeof(greeting));
    char *script = malloc(peer->script_len + 1);
    size_t script_len = peer->script_len;
    enum test_ending ending = peer->ending;
    memcpy(script, peer->script, script_len);
    pthread_mutex_unlock(&peer->mutex);

    send_all(fd, greeting, strlen(greeting));
    bool go_on = readable(peer, fd);
    if (go_on && (got = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
        received += (size_t)got;
        send_all(fd, script, script_len);
        while (ending != TEST_CLOSE && (go_on = readable(peer, fd)) &&
               (got = recv(fd, buffer, sizeof(buffer), 0)) > 0)
            received += (size_t)got;
    }
    free(script);
    pthread_mutex_lock(&peer->mutex);
    peer->received += received;
    pthread_mutex_unlock(&peer->mutex);
    return go_on;
}

static void *run_peer(void *argument)
{
    struct test_peer *peer = argument;
    bool go_on = true;

    while (go_on && readable(peer, peer->listen_fd)) {
        int fd = accept(peer->listen_fd, NULL, NULL);

        if (fd < 0)
            break;
        go_on = serve(peer, fd);
        close(fd);
    }
    return NULL;
}

struct test_peer *test_peer_new(void)
{
    struct test_peer *peer = calloc(1, sizeof(*peer));
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    assert_non_null(peer);
    peer->directory = test_dir_new();
    assert_true(snprintf(address.sun_path, sizeof(address.sun_path), "%s/peer", peer->directory) <
                (int)sizeof(address.sun_path));
    assert_true(slc_redis_url_from_socket(address.sun_path, 0, &peer->url, NULL));
    peer->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(peer->listen_fd, 64), 0);
    assert_int_equal(pipe(peer->stop_fds), 0);
    pthread_mutex_init(&peer->mutex, NULL);
    test_peer_script(peer, NULL, "", 0, TEST_CLOSE);
    assert_int_equal(pthread_create(&peer->thread, NULL, run_peer, peer), 0);
    return peer;
}

void test_peer_script(struct test_peer *peer, const char *greeting, const char *script, size_t len,
                      enum test_ending ending)
{
    char *copy = malloc(len + 1);

    assert_non_null(copy);
    memcpy(copy, script, len);
    pthread_mutex_lock(&peer->mutex);
    snprintf(peer->greeting, sizeof(peer->greeting), "%s", greeting ? greeting : "+OK\r\n");
    free(peer->script);
    peer->script = copy;
    peer->script_len = len;
    peer->ending = ending;
    pthread_mutex_unlock(&peer->mutex);
}

const struct slc_redis_url *test_peer_url(const struct test_peer *peer)
{
    return &peer->url;
}

size_t test_peer_received(struct test_peer *peer)
{
    pthread_mutex_lock(&peer->mutex);
    size_t received = peer->received;
    pthread_mutex_unlock(&peer->mutex);
    return received;
}

void test_peer_free(struct test_peer *peer)
{
    assert_int_equal(write(peer->stop_fds[1], "x", 1), 1);
    pthread_join(peer->thread, NULL);
    close(peer->listen_fd);
    close(peer->stop_fds[0]);
    close(peer->stop_fds[1]);
    pthread_mutex_destroy(&peer->mutex);
    test_dir_remove(peer->directory);
    free(peer->script);
    free(peer);
}
