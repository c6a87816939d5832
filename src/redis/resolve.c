#include "redis/resolve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/str.h"
#include "base/time.h"

/* Shared by the asking thread and the one that looks up; freed by the last. */
struct lookup {
    pthread_mutex_t mutex;
    pthread_cond_t done_cond;
    char *host;
    char service[8];
    bool done;
    bool abandoned;
    int status;
    int errno_value;
    struct addrinfo *addresses;
};

static void lookup_free(struct lookup *lookup)
{
    if (!lookup)
        return;
    if (lookup->addresses)
        freeaddrinfo(lookup->addresses);
    pthread_cond_destroy(&lookup->done_cond);
    pthread_mutex_destroy(&lookup->mutex);
    free(lookup->host);
    free(lookup);
}

static struct lookup *lookup_new(const char *host, uint16_t port)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    pthread_condattr_t attributes;

    if (!lookup)
        return NULL;
    pthread_mutex_init(&lookup->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lookup->done_cond, &attributes);
    pthread_condattr_destroy(&attributes);
    (void)snprintf(lookup->service, sizeof(lookup->service), "%u", (unsigned)port);
    lookup->host = slc_str_dup(slc_str_from(host));
    if (!lookup->host) {
        lookup_free(lookup);
        return NULL;
    }
    return lookup;
}

static int ask(const char *host, const char *service, int flags, struct addrinfo **ret)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags};

    return getaddrinfo(host, service, &hints, ret);
}

static void *look_up(void *argument)
{
    struct lookup *lookup = argument;
    struct addrinfo *addresses = NULL;
    int status = ask(lookup->host, lookup->service, AI_ADDRCONFIG, &addresses);
    int errno_value = errno;
    bool abandoned;

    if (status != 0)
        addresses = NULL;
    pthread_mutex_lock(&lookup->mutex);
    lookup->status = status;
    lookup->errno_value = errno_value;
    lookup->addresses = addresses;
    lookup->done = true;
    abandoned = lookup->abandoned;
    pthread_cond_signal(&lookup->done_cond);
    pthread_mutex_unlock(&lookup->mutex);
    if (abandoned)
        lookup_free(lookup);
    return NULL;
}

/* Signals are the business of other threads. */
static int start_detached(struct lookup *lookup)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&thread, &attributes, look_up, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return status;
}

static bool unknown_host(const char *host, int status, int errno_value, struct slc_error *error)
{
    if (status == EAI_MEMORY)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a host name was looked up");
    return slc_fail(error, SLC_ERR_CONNECTION,
                    "the Redis host \"%.200s\" cannot be looked up: %s; check the URL and the name "
                    "server",
                    host, status == EAI_SYSTEM ? strerror(errno_value) : gai_strerror(status));
}

static struct addrinfo *look_up_name(const char *host, uint16_t port, int64_t deadline_usec,
                                     struct slc_error *error)
{
    struct timespec until = {.tv_sec = deadline_usec / SLC_USEC_PER_SEC,
                             .tv_nsec = deadline_usec % SLC_USEC_PER_SEC * 1000};
    struct lookup *lookup = lookup_new(host, port);
    struct addrinfo *addresses = NULL;
    int status = 0;

    if (!lookup || start_detached(lookup) != 0) {
        lookup_free(lookup);
        slc_fail(error, SLC_ERR_MEMORY, "no thread could be started to look a host name up");
        return NULL;
    }
    pthread_mutex_lock(&lookup->mutex);
    while (!lookup->done && status != ETIMEDOUT)
        status = pthread_cond_timedwait(&lookup->done_cond, &lookup->mutex, &until);
    if (!lookup->done) {
        lookup->abandoned = true; /* the thread frees it */
        pthread_mutex_unlock(&lookup->mutex);
        slc_fail(error, SLC_ERR_TIMEOUT,
                 "looking up the Redis host \"%.200s\" took too long; check the name server", host);
        return NULL;
    }
    addresses = lookup->addresses;
    lookup->addresses = NULL;
    pthread_mutex_unlock(&lookup->mutex);
    if (!addresses)
        unknown_host(host, lookup->status, lookup->errno_value, error);
    lookup_free(lookup);
    return addresses;
}

struct addrinfo *slc_resolve(const char *host, uint16_t port, int64_t deadline_usec,
                             struct slc_error *error)
{
    struct addrinfo *addresses = NULL;
    char service[8];

    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    if (ask(host, service, AI_NUMERICHOST, &addresses) == 0)
        return addresses;
    return look_up_name(host, port, deadline_usec, error);
}
