#include "http/pending.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "http/request.h"

struct slc_http_pending {
    pthread_mutex_t lock;
    unsigned references;
    enum {
        PENDING_IDLE,      /* not suspended */
        PENDING_WAITING,   /* suspended: the connection is valid and asleep */
        PENDING_ANSWERED,  /* woken, the answer is in `response` */
        PENDING_ABANDONED, /* nobody will look at an answer */
    } state;
    struct MHD_Connection *connection;
    struct slc_http_response response;
};

struct slc_http_pending *slc_pending_new(struct MHD_Connection *connection)
{
    struct slc_http_pending *pending = calloc(1, sizeof(*pending));

    if (!pending)
        return NULL;
    if (pthread_mutex_init(&pending->lock, NULL) != 0) {
        free(pending);
        return NULL;
    }
    pending->references = 1;
    pending->connection = connection;
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
    pending->state = PENDING_ABANDONED;
    pending->connection = NULL;
    unlock_and_drop(pending);
}

void slc_pending_suspend(struct slc_http_pending *pending)
{
    pthread_mutex_lock(&pending->lock);
    pending->references++;
    pending->state = PENDING_WAITING;
    MHD_suspend_connection(pending->connection);
    pthread_mutex_unlock(&pending->lock);
}

void slc_pending_refuse(struct slc_http_pending *pending)
{
    pthread_mutex_lock(&pending->lock);
    pending->references++;
    pending->state = PENDING_ABANDONED;
    pthread_mutex_unlock(&pending->lock);
}

/* While the lock is held and the state was WAITING the connection cannot end,
 * because libmicrohttpd leaves suspended ones alone. */
static void wake(struct slc_http_pending *pending, bool answered)
{
    pending->state = answered ? PENDING_ANSWERED : PENDING_ABANDONED;
    MHD_resume_connection(pending->connection);
}

void slc_pending_abandon(struct slc_http_pending *pending)
{
    pthread_mutex_lock(&pending->lock);
    if (pending->state == PENDING_WAITING)
        wake(pending, false);
    pthread_mutex_unlock(&pending->lock);
}

bool slc_pending_take(struct slc_http_pending *pending, struct slc_http_response *response)
{
    bool answered;

    pthread_mutex_lock(&pending->lock);
    answered = pending->state == PENDING_ANSWERED;
    if (answered)
        slc_http_response_move(response, &pending->response);
    pthread_mutex_unlock(&pending->lock);
    return answered;
}

void slc_http_complete(struct slc_http_pending *pending, struct slc_http_response *response)
{
    if (!pending) {
        slc_http_response_release(response);
        return;
    }
    pthread_mutex_lock(&pending->lock);
    if (pending->state == PENDING_WAITING) {
        if (response)
            slc_http_response_move(&pending->response, response);
        else
            slc_http_detail(&pending->response, 500, slc_http_reason(500));
        wake(pending, true);
    } else {
        slc_http_response_release(response);
    }
    unlock_and_drop(pending);
}

bool slc_http_pending_is_abandoned(struct slc_http_pending *pending)
{
    bool abandoned = true;

    pthread_mutex_lock(&pending->lock);
    if (pending->state == PENDING_WAITING) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(pending->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct pollfd poll_fd = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};

        abandoned = poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
    }
    pthread_mutex_unlock(&pending->lock);
    return abandoned;
}
