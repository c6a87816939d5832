#include "http/connections.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"

/* How late a cut may come. */
enum { LOOK_USEC = 200000 };

struct slc_connections {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* the first one has come, or the end */
    struct slc_connection *first;
    size_t count;
    bool stopping;
    _Atomic int64_t *slow;
    pthread_t thread;
};

/* With the lock held. A descriptor in the list is not closed yet. */
static void cut_late(struct slc_connections *connections)
{
    int64_t now = slc_monotonic_usec();

    for (struct slc_connection *c = connections->first; c; c = c->next) {
        if (c->cut || atomic_load_explicit(&c->deadline_usec, memory_order_relaxed) > now)
            continue;
        c->cut = true;
        (void)shutdown(c->fd, SHUT_RDWR);
        if (connections->slow)
            atomic_fetch_add_explicit(connections->slow, 1, memory_order_relaxed);
    }
}

static void *look(void *argument)
{
    struct slc_connections *connections = argument;

    pthread_mutex_lock(&connections->lock);
    while (!connections->stopping) {
        int64_t next = slc_monotonic_usec() + LOOK_USEC;
        struct timespec until = {.tv_sec = (time_t)(next / SLC_USEC_PER_SEC),
                                 .tv_nsec = (long)(next % SLC_USEC_PER_SEC * 1000)};

        if (!connections->first) { /* at rest without connections */
            pthread_cond_wait(&connections->changed, &connections->lock);
            continue;
        }
        pthread_cond_timedwait(&connections->changed, &connections->lock, &until);
        cut_late(connections);
    }
    pthread_mutex_unlock(&connections->lock);
    return NULL;
}

static bool init_locks(struct slc_connections *connections)
{
    pthread_condattr_t attributes;
    bool ok;

    if (pthread_mutex_init(&connections->lock, NULL) != 0)
        return false;
    ok = pthread_condattr_init(&attributes) == 0;
    if (ok) {
        ok = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
             pthread_cond_init(&connections->changed, &attributes) == 0;
        pthread_condattr_destroy(&attributes);
    }
    if (!ok)
        pthread_mutex_destroy(&connections->lock);
    return ok;
}

struct slc_connections *slc_connections_new(_Atomic int64_t *slow, struct slc_error *error)
{
    struct slc_connections *connections = calloc(1, sizeof(*connections));

    if (!connections || !init_locks(connections)) {
        free(connections);
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
        return NULL;
    }
    connections->slow = slow;
    if (pthread_create(&connections->thread, NULL, look, connections) == 0)
        return connections;
    pthread_cond_destroy(&connections->changed);
    pthread_mutex_destroy(&connections->lock);
    free(connections);
    slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread for slow clients");
    return NULL;
}

void slc_connections_free(struct slc_connections *connections)
{
    if (!connections)
        return;
    pthread_mutex_lock(&connections->lock);
    connections->stopping = true;
    pthread_cond_broadcast(&connections->changed);
    pthread_mutex_unlock(&connections->lock);
    pthread_join(connections->thread, NULL);
    pthread_cond_destroy(&connections->changed);
    pthread_mutex_destroy(&connections->lock);
    free(connections);
}

struct slc_connection *slc_connections_add(struct slc_connections *connections, int fd,
                                           const struct sockaddr *peer, int64_t timeout_usec)
{
    struct slc_connection *connection = calloc(1, sizeof(*connection));

    if (!connection)
        return NULL;
    connection->fd = fd;
    if (peer)
        memcpy(&connection->peer, peer,
               peer->sa_family == AF_INET    ? sizeof(struct sockaddr_in)
               : peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                             : sizeof(peer->sa_family));
    slc_connection_give(connection, slc_monotonic_usec(), timeout_usec);
    pthread_mutex_lock(&connections->lock);
    connection->next = connections->first;
    if (connection->next)
        connection->next->previous = connection;
    else
        pthread_cond_broadcast(&connections->changed);
    connections->first = connection;
    connections->count++;
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void slc_connections_remove(struct slc_connections *connections, struct slc_connection *connection)
{
    pthread_mutex_lock(&connections->lock);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        connections->first = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    connections->count--;
    pthread_mutex_unlock(&connections->lock);
    free(connection);
}

size_t slc_connections_count(struct slc_connections *connections)
{
    size_t count;

    pthread_mutex_lock(&connections->lock);
    count = connections->count;
    pthread_mutex_unlock(&connections->lock);
    return count;
}

void slc_connection_give(struct slc_connection *connection, int64_t now_usec, int64_t timeout_usec)
{
    if (connection)
        atomic_store_explicit(&connection->deadline_usec,
                              timeout_usec < INT64_MAX - now_usec ? now_usec + timeout_usec
                                                                  : INT64_MAX,
                              memory_order_relaxed);
}
