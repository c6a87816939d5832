#include "http/pending.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "http/loop.h"
#include "http/request.h"

struct slc_http_pending {
    pthread_mutex_t lock;
    unsigned references;
    enum slc_pending_state state;
    bool asleep; /* the connection is suspended */
    bool held;   /* and stays so for now */
    struct slc_http_loop *loop;
    struct MHD_Connection *connection;
    int fd;
    struct slc_http_response response;
};

struct slc_http_pending *slc_pending_new(struct slc_http_loop *loop,
                                         struct MHD_Connection *connection, int fd)
{
    struct slc_http_pending *pending = calloc(1, sizeof(*pending));

    if (!pending)
        return NULL;
    if (pthread_mutex_init(&pending->lock, NULL) != 0) {
        free(pending);
        return NULL;
    }
    pending->references = 1;
    pending->loop = loop;
    pending->connection = connection;
    pending->fd = fd;
    return pending;
}

/* Ends the caller's hold of the lock and one reference. */
static void unlock_and_drop(struct slc_http_pending *pending)
{
    bool last = --pending->references == 0;

    pthread_mutex_unlock(&pending->lock);
    if (!last)
        return;
    slc_http_response_release(&pending->response);
    pthread_mutex_destroy(&pending->lock);
    free(pending);
}

void slc_pending_end(struct slc_http_pending *pending)
{
    if (!pending)
        return;
    pthread_mutex_lock(&pending->lock);
    pending->state = SLC_PENDING_ABANDONED;
    pending->connection = NULL;
    unlock_and_drop(pending);
}

void slc_pending_park(struct slc_http_pending *pending)
{
    pthread_mutex_lock(&pending->lock);
    pending->references++;
    pending->state = SLC_PENDING_WAITING;
    pthread_mutex_unlock(&pending->lock);
}

bool slc_pending_sleep(struct slc_http_pending *pending)
{
    bool waits;

    pthread_mutex_lock(&pending->lock);
    waits = pending->state == SLC_PENDING_WAITING;
    if (waits) {
        pending->asleep = true;
        MHD_suspend_connection(pending->connection);
    }
    pthread_mutex_unlock(&pending->lock);
    return waits;
}

void slc_pending_hold(struct slc_http_pending *pending)
{
    pthread_mutex_lock(&pending->lock);
    pending->references++;
    pending->state = SLC_PENDING_WAITING;
    pending->asleep = pending->held = true;
    MHD_suspend_connection(pending->connection);
    pthread_mutex_unlock(&pending->lock);
}

void slc_pending_ref(struct slc_http_pending *pending)
{
    pthread_mutex_lock(&pending->lock);
    pending->references++;
    pthread_mutex_unlock(&pending->lock);
}

void slc_pending_refuse(struct slc_http_pending *pending)
{
    pthread_mutex_lock(&pending->lock);
    pending->references++;
    pending->state = SLC_PENDING_ABANDONED;
    pthread_mutex_unlock(&pending->lock);
}

/* While the lock is held and the state was WAITING, or it was held, the connection
 * and its thread are there: the exchange ends with slc_pending_end(). */
static void wake(struct slc_http_pending *pending)
{
    if (pending->held)
        return;
    if (pending->asleep)
        MHD_resume_connection(pending->connection);
    pending->asleep = false;
    slc_loop_wake(pending->loop);
}

void slc_pending_abandon(struct slc_http_pending *pending)
{
    pthread_mutex_lock(&pending->lock);
    if (pending->state == SLC_PENDING_WAITING) {
        pending->state = SLC_PENDING_ABANDONED;
        wake(pending);
    }
    pthread_mutex_unlock(&pending->lock);
}

enum slc_pending_state slc_pending_try(struct slc_http_pending *pending,
                                       struct slc_http_response *response)
{
    enum slc_pending_state state;

    pthread_mutex_lock(&pending->lock);
    state = pending->state;
    if (state == SLC_PENDING_ANSWERED)
        slc_http_response_move(response, &pending->response);
    pthread_mutex_unlock(&pending->lock);
    return state;
}

/* With the lock held; `response` NULL answers 500. */
static void answer(struct slc_http_pending *pending, struct slc_http_response *response)
{
    if (pending->state != SLC_PENDING_WAITING) {
        slc_http_response_release(response);
        return;
    }
    if (response)
        slc_http_response_move(&pending->response, response);
    else
        slc_http_detail(&pending->response, 500, slc_http_reason(500));
    pending->state = SLC_PENDING_ANSWERED;
    wake(pending);
}

void slc_http_complete(struct slc_http_pending *pending, struct slc_http_response *response)
{
    if (!pending) {
        slc_http_response_release(response);
        return;
    }
    pthread_mutex_lock(&pending->lock);
    answer(pending, response);
    unlock_and_drop(pending);
}

void slc_pending_let_go(struct slc_http_pending *pending, struct slc_http_response *response)
{
    pthread_mutex_lock(&pending->lock);
    if (response)
        answer(pending, response);
    pending->held = false;
    if (pending->state != SLC_PENDING_WAITING)
        wake(pending);
    unlock_and_drop(pending);
}

bool slc_http_pending_is_abandoned(struct slc_http_pending *pending)
{
    bool abandoned = true;

    pthread_mutex_lock(&pending->lock);
    if (pending->state == SLC_PENDING_WAITING) {
        struct pollfd poll_fd = {.fd = pending->fd, .events = POLLRDHUP};

        abandoned = poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
    }
    pthread_mutex_unlock(&pending->lock);
    return abandoned;
}
