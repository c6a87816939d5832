#include "http/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "http/exchange.h"
#include "http/stream_reader.h"

enum { BLOCK_BYTES = 4096 };

struct slc_http_stream {
    struct slc_http_server *server;
    struct slc_http_stream *previous, *next; /* among the server's, with its lock */

    pthread_mutex_t lock; /* of what follows */
    struct MHD_Connection *connection;
    struct slc_http_loop *loop;
    struct slc_buf bytes;
    size_t sent;      /* of `bytes` */
    bool sleeping;    /* the connection is suspended until there is something */
    bool ended;       /* nothing more comes */
    bool reader_gone; /* nobody reads */
    bool writer_gone;
};

/* Ends the caller's hold of the lock. */
static void unlock_and_free(struct slc_http_stream *stream)
{
    bool last = stream->reader_gone && stream->writer_gone;

    pthread_mutex_unlock(&stream->lock);
    if (!last)
        return;
    slc_buf_release(&stream->bytes);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

/* With the lock held. A sleeping connection cannot end, so it is valid. */
static void wake(struct slc_http_stream *stream)
{
    if (!stream->sleeping)
        return;
    stream->sleeping = false;
    MHD_resume_connection(stream->connection);
    slc_loop_wake(stream->loop);
}

/* ---- Whoever writes ------------------------------------------------------ */

struct slc_http_stream *slc_http_stream_open(struct slc_http_request *request,
                                             struct slc_http_response *response)
{
    struct slc_exchange *exchange = request->exchange;
    struct slc_http_server *server = exchange->server;
    struct slc_http_stream *stream = calloc(1, sizeof(*stream));

    if (!stream || pthread_mutex_init(&stream->lock, NULL) != 0) {
        free(stream);
        slc_http_detail(response, 500, slc_http_reason(500));
        return NULL;
    }
    stream->server = server;
    stream->connection = exchange->connection;
    stream->loop = exchange->loop;
    pthread_mutex_lock(&server->lock);
    stream->ended = atomic_load(&server->draining);
    stream->next = server->streams;
    if (stream->next)
        stream->next->previous = stream;
    server->streams = stream;
    pthread_mutex_unlock(&server->lock);
    slc_buf_clear(&response->body);
    response->stream = stream;
    return stream;
}

bool slc_http_stream_write(struct slc_http_stream *stream, struct slc_str bytes)
{
    bool read;

    pthread_mutex_lock(&stream->lock);
    read = !stream->reader_gone && !stream->ended;
    if (read && stream->sent > 0) { /* forget what is sent */
        memmove(stream->bytes.data, stream->bytes.data + stream->sent,
                stream->bytes.len - stream->sent);
        stream->bytes.len -= stream->sent;
        stream->sent = 0;
    }
    if (read && stream->bytes.len + bytes.len > SLC_HTTP_STREAM_BYTES_MAX)
        read = false;
    if (read) {
        slc_buf_append_str(&stream->bytes, bytes);
        read = !stream->bytes.failed;
        wake(stream);
    }
    pthread_mutex_unlock(&stream->lock);
    return read;
}

void slc_http_stream_close(struct slc_http_stream *stream)
{
    if (!stream)
        return;
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    stream->writer_gone = true;
    if (!stream->reader_gone)
        wake(stream);
    unlock_and_free(stream);
}

/* ---- The server ---------------------------------------------------------- */

/* libmicrohttpd wants more; on the connection's thread. */
static ssize_t read_some(void *cls, uint64_t position, char *to, size_t max)
{
    struct slc_http_stream *stream = cls;
    size_t waiting;
    ssize_t taken;

    (void)position;
    pthread_mutex_lock(&stream->lock);
    waiting = stream->bytes.len - stream->sent;
    if (waiting > 0) {
        size_t len = waiting < max ? waiting : max;

        memcpy(to, stream->bytes.data + stream->sent, len);
        stream->sent += len;
        taken = (ssize_t)len;
    } else if (stream->ended) {
        taken = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        stream->sleeping = true;
        MHD_suspend_connection(stream->connection);
        taken = 0;
    }
    pthread_mutex_unlock(&stream->lock);
    return taken;
}

void slc_stream_drop_reader(struct slc_http_stream *stream)
{
    struct slc_http_server *server;

    if (!stream)
        return;
    server = stream->server;
    pthread_mutex_lock(&server->lock);
    if (stream->previous)
        stream->previous->next = stream->next;
    else
        server->streams = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    pthread_mutex_unlock(&server->lock);
    pthread_mutex_lock(&stream->lock);
    stream->reader_gone = true;
    stream->connection = NULL;
    unlock_and_free(stream);
}

static void drop_reader(void *cls)
{
    slc_stream_drop_reader(cls);
}

struct MHD_Response *slc_stream_response(struct slc_http_stream *stream)
{
    struct MHD_Response *made = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
                                                                  read_some, stream, drop_reader);

    if (!made)
        slc_stream_drop_reader(stream);
    return made;
}

void slc_stream_end(struct slc_http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    wake(stream);
    pthread_mutex_unlock(&stream->lock);
}

struct slc_http_stream *slc_stream_next(struct slc_http_stream *stream)
{
    return stream->next;
}
