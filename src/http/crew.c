#include "http/crew.h"

#include <pthread.h>
#include <stdlib.h>

#include "http/exchange.h"

enum { STACK_BYTES = 256 << 10 };

struct slc_crew {
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work;
    struct slc_exchange *first, *last; /* by next_task */
    bool stopping;
    size_t count;
    pthread_t threads[];
};

static void *work(void *argument)
{
    struct slc_crew *crew = argument;

    pthread_mutex_lock(&crew->lock);
    for (;;) {
        struct slc_exchange *exchange = crew->first;

        if (!exchange && crew->stopping)
            break;
        if (!exchange) {
            pthread_cond_wait(&crew->work, &crew->lock);
            continue;
        }
        crew->first = exchange->next_task;
        if (!crew->first)
            crew->last = NULL;
        pthread_mutex_unlock(&crew->lock);
        slc_exchange_handle(exchange);
        pthread_mutex_lock(&crew->lock);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

static bool start_thread(struct slc_crew *crew)
{
    pthread_attr_t attributes;
    bool started;

    if (pthread_attr_init(&attributes) != 0)
        return false;
    started = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
              pthread_create(&crew->threads[crew->count], &attributes, work, crew) == 0;
    pthread_attr_destroy(&attributes);
    if (started)
        (void)pthread_setname_np(crew->threads[crew->count++], "http-crew");
    return started;
}

struct slc_crew *slc_crew_start(size_t threads, struct slc_error *error)
{
    struct slc_crew *crew = calloc(1, sizeof(*crew) + threads * sizeof(crew->threads[0]));

    if (!crew) {
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
        return NULL;
    }
    pthread_mutex_init(&crew->lock, NULL);
    pthread_cond_init(&crew->work, NULL);
    while (crew->count < threads) {
        if (!start_thread(crew)) {
            slc_crew_stop(crew);
            slc_fail(error, SLC_ERR_INTERNAL, "cannot start a thread of the server");
            return NULL;
        }
    }
    return crew;
}

void slc_crew_put(struct slc_crew *crew, struct slc_exchange *exchange)
{
    exchange->next_task = NULL;
    pthread_mutex_lock(&crew->lock);
    if (crew->last)
        crew->last->next_task = exchange;
    else
        crew->first = exchange;
    crew->last = exchange;
    pthread_cond_signal(&crew->work);
    pthread_mutex_unlock(&crew->lock);
}

void slc_crew_stop(struct slc_crew *crew)
{
    if (!crew)
        return;
    pthread_mutex_lock(&crew->lock);
    crew->stopping = true;
    pthread_cond_broadcast(&crew->work);
    pthread_mutex_unlock(&crew->lock);
    for (size_t i = 0; i < crew->count; i++)
        pthread_join(crew->threads[i], NULL);
    pthread_cond_destroy(&crew->work);
    pthread_mutex_destroy(&crew->lock);
    free(crew);
}
