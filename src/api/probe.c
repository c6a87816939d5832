#include "api/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"

struct slc_probe {
    char *path; /* owned */
    bool (*look)(const char *path);
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t done;
    unsigned references; /* the owner's, and that of a look under way */
    bool looking;
    bool good; /* what the last look that ended saw */
};

static bool open_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

struct slc_probe *slc_probe_new(const char *path, bool (*look)(const char *path))
{
    struct slc_probe *probe = calloc(1, sizeof(*probe));
    pthread_condattr_t attributes;

    if (!probe || !(probe->path = strdup(path))) {
        free(probe);
        return NULL;
    }
    probe->look = look ? look : open_dir;
    probe->references = 1;
    pthread_mutex_init(&probe->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&probe->done, &attributes);
    pthread_condattr_destroy(&attributes);
    return probe;
}

/* Ends the caller's hold of the lock and one reference. */
static void unlock_and_drop(struct slc_probe *probe)
{
    bool last = --probe->references == 0;

    pthread_mutex_unlock(&probe->lock);
    if (!last)
        return;
    pthread_cond_destroy(&probe->done);
    pthread_mutex_destroy(&probe->lock);
    free(probe->path);
    free(probe);
}

static void *run(void *argument)
{
    struct slc_probe *probe = argument;
    bool good = probe->look(probe->path);

    pthread_mutex_lock(&probe->lock);
    probe->good = good;
    probe->looking = false;
    pthread_cond_broadcast(&probe->done);
    unlock_and_drop(probe);
    return NULL;
}

/* With the lock held. */
static bool start(struct slc_probe *probe)
{
    pthread_attr_t attributes;
    pthread_t thread;
    bool started;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    probe->looking = true;
    probe->references++;
    started = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) == 0 &&
              pthread_create(&thread, &attributes, run, probe) == 0;
    pthread_attr_destroy(&attributes);
    if (!started) {
        probe->looking = false;
        probe->references--;
    }
    return started;
}

bool slc_probe_ask(struct slc_probe *probe, int64_t patience_usec)
{
    int64_t until_usec = slc_monotonic_usec() + patience_usec;
    struct timespec until = {.tv_sec = (time_t)(until_usec / SLC_USEC_PER_SEC),
                             .tv_nsec = (long)(until_usec % SLC_USEC_PER_SEC * 1000)};
    bool good = false;

    pthread_mutex_lock(&probe->lock);
    if (!probe->looking && start(probe)) {
        while (probe->looking &&
               pthread_cond_timedwait(&probe->done, &probe->lock, &until) != ETIMEDOUT)
            continue;
        good = !probe->looking && probe->good;
    }
    pthread_mutex_unlock(&probe->lock);
    return good;
}

void slc_probe_free(struct slc_probe *probe)
{
    if (!probe)
        return;
    pthread_mutex_lock(&probe->lock);
    unlock_and_drop(probe);
}
