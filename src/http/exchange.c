#include "http/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "http/negotiate.h"
#include "http/stream_reader.h"

enum {
    DRAIN_MAX_BYTES = 16 << 20,
    PATH_LOGGED_MAX = 1024,
    /* So many exchanges are kept for requests to come, each with its arena when it is
     * no larger than most are. */
    SPARES_MAX = 64,
    SPARE_ARENA_BYTES = 4096,
};

static struct slc_connection *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

/* A quiet connection may wait for its next request as long as libmicrohttpd lets
 * it, and then that has to come. */
static void rest(const struct slc_exchange *exchange, int64_t now_usec)
{
    const struct slc_http_server_options *options = &exchange->server->options;

    slc_connection_give(exchange->client, now_usec,
                        options->header_timeout_usec +
                            options->idle_timeout_sec * SLC_USEC_PER_SEC);
}

/* An empty one, its arena maybe with memory. NULL when memory ran out. */
static struct slc_exchange *take_exchange(struct slc_http_loop *loop)
{
    struct slc_exchange *exchange = loop->spares;

    if (!exchange)
        return calloc(1, sizeof(*exchange));
    loop->spares = exchange->next;
    loop->spare_count--;
    exchange->next = NULL;
    return exchange;
}

/* Free what it owns, and keep the rest for another request. */
static void give_exchange(struct slc_http_loop *loop, struct slc_exchange *exchange)
{
    struct slc_arena arena = exchange->request.arena;

    exchange->request.arena = (struct slc_arena){0};
    slc_http_request_release(&exchange->request);
    slc_http_response_release(&exchange->response);
    slc_buf_release(&exchange->body);
    if (arena.used_bytes > SPARE_ARENA_BYTES || loop->spare_count >= SPARES_MAX)
        slc_arena_release(&arena);
    else
        slc_arena_reset(&arena);
    if (loop->spare_count >= SPARES_MAX) {
        free(exchange);
        return;
    }
    *exchange = (struct slc_exchange){.request.arena = arena, .next = loop->spares};
    loop->spares = exchange;
    loop->spare_count++;
}

void slc_exchange_free_spares(struct slc_http_loop *loop)
{
    while (loop->spares) {
        struct slc_exchange *exchange = loop->spares;

        loop->spares = exchange->next;
        slc_arena_release(&exchange->request.arena);
        free(exchange);
    }
    loop->spare_count = 0;
}

void *slc_exchange_on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct slc_http_loop *loop = cls;
    struct slc_exchange *exchange = take_exchange(loop);

    if (!exchange)
        return NULL;
    exchange->target =
        slc_arena_copy(&exchange->request.arena, slc_str_from(target ? target : "")).data;
    if (!exchange->target) {
        give_exchange(loop, exchange);
        return NULL;
    }
    exchange->server = loop->server;
    exchange->loop = loop;
    exchange->connection = connection;
    exchange->client = client_of(connection);
    return exchange;
}

static void free_body(void *body)
{
    free(body);
}

/* The response as libmicrohttpd's, the body moved into it. NULL when memory ran out. */
static struct MHD_Response *make_response(struct slc_exchange *exchange)
{
    struct slc_http_response *response = &exchange->response;
    struct MHD_Response *made;
    size_t len = 0;
    char *body;

    if (response->body.failed) {
        slc_http_response_release(response);
        response->status = 500;
        slc_buf_append_text(&response->body, "{\"detail\":\"Internal Server Error\"}");
    }
    if (response->stream) {
        made = slc_stream_response(response->stream);
        response->stream = NULL;
        return made;
    }
    if (!exchange->negotiated)
        slc_http_negotiate(&exchange->request, response);
    body = slc_buf_steal(&response->body, &len);
    if (!body)
        return NULL;
    made = MHD_create_response_from_buffer_with_free_callback(len, body, free_body);
    if (!made) {
        free(body);
        return NULL;
    }
    exchange->response_bytes = (int64_t)len;
    return made;
}

static enum MHD_Result queue(struct slc_exchange *exchange)
{
    struct slc_http_response *response = &exchange->response;
    struct slc_http_server *server = exchange->server;
    struct MHD_Response *made = make_response(exchange); /* may make it a 304 */
    unsigned status = response->status ? response->status : 200;
    bool has_content = status >= 200 && status != 204 && status != 304;
    enum MHD_Result queued;

    if (!made)
        return MHD_NO;
    exchange->close |= atomic_load_explicit(&server->draining, memory_order_relaxed);
    slc_limit_headers(&exchange->limit, response);
    if (has_content) {
        (void)MHD_add_response_header(made, "content-type",
                                      response->content_type ? response->content_type
                                                             : "application/json");
    }
    for (size_t i = 0; i < response->header_count; i++) {
        const char *name = response->headers[i];

        (void)MHD_add_response_header(made, name, name + strlen(name) + 1);
    }
    (void)MHD_add_response_header(made, "x-request-id", exchange->request.id);
    if (exchange->close)
        (void)MHD_add_response_header(made, "Connection", "close");
    queued = MHD_queue_response(exchange->connection, status, made);
    MHD_destroy_response(made);
    if (queued == MHD_YES)
        exchange->status = status;
    if (!has_content || slc_str_is(exchange->request.method, "HEAD"))
        exchange->response_bytes = 0;
    return queued;
}

static enum MHD_Result take_body(struct slc_exchange *exchange, const char *data, size_t len)
{
    size_t max = exchange->server->options.body_max_bytes;

    exchange->body_bytes += (int64_t)len;
    if (!exchange->decided && len > max - exchange->body.len) {
        slc_http_detail(&exchange->response, 413, slc_http_reason(413));
        exchange->decided = true;
        exchange->close = true;
        slc_buf_release(&exchange->body);
    }
    if (exchange->decided)
        return exchange->body_bytes > (int64_t)max + DRAIN_MAX_BYTES ? MHD_NO : MHD_YES;
    slc_buf_append(&exchange->body, data, len);
    return exchange->body.failed ? MHD_NO : MHD_YES;
}

static void answer_stopping(struct slc_http_response *response)
{
    slc_http_response_release(response);
    slc_http_detail(response, 503, slc_http_reason(503));
    slc_http_set_retry_after(response, 1);
}

void *slc_http_request_companion(const struct slc_http_request *request)
{
    const struct slc_exchange *exchange = request->exchange;

    return exchange && !exchange->in_crew ? exchange->loop->companion : NULL;
}

/* ---- Waiting for the answer ---------------------------------------------- */

/* On the list of those that wait. */
static void enlist(struct slc_exchange *exchange)
{
    struct slc_http_loop *loop = exchange->loop;

    exchange->suspended = true;
    exchange->next = loop->suspended;
    exchange->previous = NULL;
    if (exchange->next)
        exchange->next->previous = exchange;
    loop->suspended = exchange;
    atomic_fetch_add(&exchange->server->suspended, 1);
}

/* It waits no longer: off the list. */
static void unlist(struct slc_exchange *exchange)
{
    struct slc_http_server *server = exchange->server;
    struct slc_http_loop *loop = exchange->loop;

    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        loop->suspended = exchange->next;
    if (exchange->next)
        exchange->next->previous = exchange->previous;
    exchange->suspended = false;
    loop->parked -= exchange->parked;
    exchange->parked = false;
    if (atomic_fetch_sub(&server->suspended, 1) == 1 && atomic_load(&server->draining))
        slc_server_changed(server);
}

struct slc_http_pending *slc_http_suspend(struct slc_http_request *request)
{
    struct slc_exchange *exchange = request->exchange;
    struct slc_http_loop *loop = exchange->loop;

    if (exchange->in_crew) { /* it is already; only who answers is somebody else */
        exchange->deferred = true;
        slc_pending_ref(exchange->pending);
        return exchange->pending;
    }
    if (loop->abandoned) {
        slc_pending_refuse(exchange->pending);
        exchange->close = true;
        answer_stopping(&exchange->response);
        return exchange->pending;
    }
    enlist(exchange);
    exchange->parked = true;
    exchange->suspended_usec = loop->now_usec;
    loop->parked++;
    slc_pending_park(exchange->pending);
    return exchange->pending;
}

bool slc_http_call_later(struct slc_http_request *request)
{
    struct slc_exchange *exchange = request->exchange;

    if (!exchange || exchange->in_crew || !exchange->server->crew)
        return false;
    exchange->call_later = true;
    return true;
}

void slc_exchange_handle(struct slc_exchange *exchange)
{
    struct slc_http_request *request = &exchange->request;
    struct slc_http_response response = {0};

    /* The server stops, and its client is told that nothing was done. */
    if (slc_pending_try(exchange->pending, &response) == SLC_PENDING_ABANDONED) {
        slc_pending_let_go(exchange->pending, NULL);
        return;
    }
    request->route->handler(request, &response, exchange->server->options.context);
    if (exchange->deferred) {
        slc_http_response_release(&response);
        slc_pending_let_go(exchange->pending, NULL);
        return;
    }
    if (!response.body.failed && !response.stream) {
        slc_http_negotiate(request, &response);
        exchange->negotiated = true;
    }
    slc_pending_let_go(exchange->pending, &response);
}

static bool give_to_crew(struct slc_exchange *exchange)
{
    if (exchange->loop->abandoned) {
        exchange->close = true;
        answer_stopping(&exchange->response);
        return false;
    }
    enlist(exchange);
    exchange->in_crew = true;
    slc_pending_hold(exchange->pending);
    slc_crew_put(exchange->server->crew, exchange);
    return true;
}

/* Run the handler, or have it run; true when the request waits for its answer. From
 * then on another thread may complete it, but libmicrohttpd comes back to it only on
 * this thread. */
static bool handle(struct slc_exchange *exchange)
{
    struct slc_http_request *request = &exchange->request;

    exchange->handled = true;
    exchange->pending = slc_pending_new(exchange->loop, exchange->connection,
                                        exchange->client ? exchange->client->fd : -1);
    if (!exchange->pending) {
        slc_http_detail(&exchange->response, 500, slc_http_reason(500));
        return false;
    }
    request->body = slc_buf_view(&exchange->body);
    if (exchange->server->crew && !request->route->prompt)
        return give_to_crew(exchange);
    request->route->handler(request, &exchange->response, exchange->server->options.context);
    if (exchange->call_later)
        return give_to_crew(exchange);
    return exchange->suspended;
}

/* libmicrohttpd asks for one that was put aside. */
static enum MHD_Result look_again(struct slc_exchange *exchange)
{
    struct slc_http_loop *loop = exchange->loop;

    switch (slc_pending_try(exchange->pending, &exchange->response)) {
    case SLC_PENDING_WAITING:
        if (exchange->parked &&
            loop->now_usec - exchange->suspended_usec >= SLC_LOOP_PATIENCE_USEC &&
            slc_pending_sleep(exchange->pending)) {
            exchange->parked = false;
            loop->parked--;
        }
        return MHD_YES;
    case SLC_PENDING_ANSWERED:
        break;
    case SLC_PENDING_IDLE:
    case SLC_PENDING_ABANDONED:
        exchange->close = true;
        answer_stopping(&exchange->response);
        break;
    }
    unlist(exchange);
    loop->again = true;
    return queue(exchange);
}

enum MHD_Result slc_exchange_on_request(void *cls, struct MHD_Connection *connection,
                                        const char *url, const char *method, const char *version,
                                        const char *upload_data, size_t *upload_data_size,
                                        void **exchange_cls)
{
    struct slc_http_server *server = ((struct slc_http_loop *)cls)->server;
    struct slc_exchange *exchange = *exchange_cls;

    (void)connection;
    (void)url; /* unescaped by somebody else's rules; see slc_exchange_on_target() */
    (void)version;
    if (!exchange)
        return MHD_NO;
    if (!exchange->begun) {
        exchange->begun = true;
        exchange->start_usec = slc_monotonic_usec();
        atomic_fetch_add(&server->in_flight, 1);
        slc_connection_give(exchange->client, exchange->start_usec,
                            server->options.body_timeout_usec);
        slc_cell_add(server->options.cells.in_flight, 1);
        slc_exchange_begin(exchange, method);
        return exchange->decided && exchange->close ? queue(exchange) : MHD_YES;
    }
    if (*upload_data_size) {
        size_t len = *upload_data_size;

        *upload_data_size = 0;
        return take_body(exchange, upload_data, len);
    }
    if (exchange->suspended)
        return look_again(exchange);
    slc_connection_give(exchange->client, 0, INT64_MAX);
    if (!exchange->decided && !exchange->handled && handle(exchange))
        return MHD_YES;
    return queue(exchange);
}

static void tell(const struct slc_exchange *exchange, int64_t now_usec, bool complete)
{
    const struct slc_http_server_options *options = &exchange->server->options;
    const struct slc_http_request *request = &exchange->request;
    struct slc_http_record record = {
        .method = request->method,
        .path = request->path,
        .route = request->route,
        .status = exchange->status,
        .complete = complete,
        .duration_usec = now_usec - exchange->start_usec,
        .request_bytes = exchange->body_bytes,
        .response_bytes = exchange->response_bytes,
        .client = &request->client,
        .request_id = request->id,
        .load = exchange->response.load,
    };

    if (record.path.len > PATH_LOGGED_MAX)
        record.path.len = PATH_LOGGED_MAX;
    if (options->on_done)
        options->on_done(options->done_state, &record);
}

void slc_exchange_on_end(void *cls, struct MHD_Connection *connection, void **exchange_cls,
                         enum MHD_RequestTerminationCode how)
{
    struct slc_http_loop *loop = cls;
    struct slc_http_server *server = loop->server;
    struct slc_exchange *exchange = *exchange_cls;
    int64_t now_usec = slc_monotonic_usec();
    bool begun;

    (void)connection;
    *exchange_cls = NULL;
    if (!exchange)
        return;
    begun = exchange->begun;
    if (exchange->suspended)
        unlist(exchange);
    slc_pending_end(exchange->pending);
    if (begun)
        tell(exchange, now_usec, how == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    rest(exchange, now_usec);
    give_exchange(loop, exchange);
    if (!begun)
        return;
    slc_cell_add(server->options.cells.in_flight, -1);
    if (atomic_fetch_sub(&server->in_flight, 1) > 1 || !atomic_load(&server->draining))
        return;
    slc_server_changed(server);
}
