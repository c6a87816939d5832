#include "redis/pipe.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/time.h"
#include "redis/scan.h"

enum { INPUT_BYTES = 64 << 10, PARTS_AT_ONCE = 64 };

/* A segment that is not wholly answered. */
struct sent {
    uint64_t id;
    int64_t bytes;
    int64_t commands;
    int64_t answered;
};

struct slc_pipe {
    struct slc_redis *redis;
    const struct slc_transport *transport;
    struct slc_stream *stream;
    struct slc_pipe_options options;
    struct slc_pipe_status status;
    struct slc_scan scan;

    struct sent *ring; /* capacity is a power of two */
    size_t ring_capacity;
    size_t ring_head;        /* oldest */
    size_t ring_count;       /* not wholly answered */
    size_t ring_unsent;      /* of these, the last ones, not wholly sent */
    int64_t head_bytes_base; /* bytes of the segments before the oldest */
    int64_t awaited;         /* commands in wholly sent segments and not answered */

    bool has_failed;
    struct slc_error failure;
    char input[INPUT_BYTES];
};

/* ---- Opening and closing ---- */

struct slc_pipe *slc_pipe_open(struct slc_redis *redis, const struct slc_pipe_options *options,
                               struct slc_error *error)
{
    struct slc_pipe *pipe;

    if (slc_redis_outstanding(redis) > 0) {
        slc_fail(error, SLC_ERR_INTERNAL, "a Redis pipe is opened inside a pipeline");
        return NULL;
    }
    if (!slc_redis_is_idle(redis)) {
        slc_fail(error, SLC_ERR_CONNECTION, "the connection to Redis at %.300s is lost",
                 slc_redis_where(redis));
        return NULL;
    }
    pipe = calloc(1, sizeof(*pipe));
    if (!pipe) {
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a Redis pipe");
        return NULL;
    }
    pipe->redis = redis;
    pipe->stream = slc_redis_stream(redis, &pipe->transport);
    if (options)
        pipe->options = *options;
    if (pipe->options.window_bytes == 0)
        pipe->options.window_bytes = SLC_PIPE_WINDOW_BYTES;
    pipe->status.error_command = -1;
    pipe->scan.on_integer = pipe->options.on_integer;
    pipe->scan.context = pipe->options.context;
    return pipe;
}

void slc_pipe_close(struct slc_pipe *pipe)
{
    struct slc_error reason;

    if (!pipe)
        return;
    if (slc_redis_is_open(pipe->redis) &&
        (pipe->ring_count > 0 || !slc_scan_is_between(&pipe->scan))) {
        if (pipe->has_failed)
            reason = pipe->failure;
        else
            slc_fail(&reason, SLC_ERR_CONNECTION, "a bulk load was broken off");
        slc_redis_break(pipe->redis, &reason);
    }
    free(pipe->ring);
    free(pipe);
}

void slc_pipe_status(const struct slc_pipe *pipe, struct slc_pipe_status *ret)
{
    *ret = pipe->status;
}

/* ---- Failing: once, and for good ---- */

static bool failed(const struct slc_pipe *pipe, struct slc_error *error)
{
    if (error)
        *error = pipe->failure;
    return false;
}

/* pipe->failure is filled in; the connection is of no use any more. */
static bool fail_connection(struct slc_pipe *pipe, struct slc_error *error)
{
    pipe->has_failed = true;
    slc_redis_break(pipe->redis, &pipe->failure);
    return failed(pipe, error);
}

static bool lost(struct slc_pipe *pipe, int errno_value, struct slc_error *error)
{
    char what[512];

    (void)snprintf(what, sizeof(what),
                   "the connection to Redis at %.300s was lost in a bulk load, %lld of %lld "
                   "commands answered",
                   slc_redis_where(pipe->redis), (long long)pipe->status.replies,
                   (long long)pipe->status.commands);
    slc_stream_fail(pipe->stream, errno_value, what, &pipe->failure);
    return fail_connection(pipe, error);
}

static bool garbage(struct slc_pipe *pipe, struct slc_error *error)
{
    slc_fail(&pipe->failure, SLC_ERR_CONNECTION,
             "Redis at %.300s answered a bulk load with something that is no reply to it",
             slc_redis_where(pipe->redis));
    return fail_connection(pipe, error);
}

static bool timed_out(struct slc_pipe *pipe, struct slc_error *error)
{
    slc_fail(&pipe->failure, SLC_ERR_TIMEOUT,
             "Redis at %.300s stopped answering a bulk load for %lld ms, %lld of %lld commands "
             "answered; is it overloaded?",
             slc_redis_where(pipe->redis), (long long)slc_redis_timeout_ms(pipe->redis),
             (long long)pipe->status.replies, (long long)pipe->status.commands);
    return fail_connection(pipe, error);
}

/* ---- The segments under way ---- */

static struct sent *ring_at(struct slc_pipe *pipe, size_t index)
{
    return &pipe->ring[(pipe->ring_head + index) & (pipe->ring_capacity - 1)];
}

static bool ring_push(struct slc_pipe *pipe, const struct slc_pipe_segment *segment)
{
    if (pipe->ring_count == pipe->ring_capacity) {
        size_t capacity = pipe->ring_capacity ? 2 * pipe->ring_capacity : 64;
        struct sent *ring = calloc(capacity, sizeof(*ring));

        if (!ring)
            return false;
        for (size_t i = 0; i < pipe->ring_count; i++)
            ring[i] = *ring_at(pipe, i);
        free(pipe->ring);
        pipe->ring = ring;
        pipe->ring_capacity = capacity;
        pipe->ring_head = 0;
    }
    *ring_at(pipe, pipe->ring_count++) = (struct sent){
        .id = segment->id, .bytes = (int64_t)segment->bytes.len, .commands = segment->commands};
    pipe->ring_unsent++;
    pipe->status.commands += segment->commands;
    return true;
}

/* The oldest segments that are wholly sent and answered are done. */
static void ring_pop_done(struct slc_pipe *pipe)
{
    while (pipe->ring_count > pipe->ring_unsent) {
        struct sent *head = ring_at(pipe, 0);

        if (head->answered < head->commands)
            break;
        uint64_t id = head->id;
        pipe->head_bytes_base += head->bytes;
        pipe->ring_head = (pipe->ring_head + 1) & (pipe->ring_capacity - 1);
        pipe->ring_count--;
        if (pipe->options.on_answered)
            pipe->options.on_answered(pipe->options.context, id);
    }
    pipe->status.answered_bytes = pipe->head_bytes_base;
    if (pipe->ring_count > 0) {
        const struct sent *head = ring_at(pipe, 0);

        if (head->commands > 0)
            pipe->status.answered_bytes +=
                (int64_t)((double)head->bytes * (double)head->answered / (double)head->commands);
        if (pipe->status.answered_bytes > pipe->status.sent_bytes)
            pipe->status.answered_bytes = pipe->status.sent_bytes;
    }
}

/* `count` more replies, shared out to the segments in order. False when there
 * are more than commands. */
static bool ring_answer(struct slc_pipe *pipe, int64_t count)
{
    for (size_t i = 0; count > 0; i++) {
        if (i == pipe->ring_count)
            return false;
        struct sent *sent = ring_at(pipe, i);
        int64_t open = sent->commands - sent->answered;
        int64_t taken = count < open ? count : open;

        sent->answered += taken;
        count -= taken;
        if (i < pipe->ring_count - pipe->ring_unsent)
            pipe->awaited -= taken;
    }
    return true;
}

/* A segment has been written to its end. */
static void ring_sent(struct slc_pipe *pipe)
{
    const struct sent *sent = ring_at(pipe, pipe->ring_count - pipe->ring_unsent);

    pipe->ring_unsent--;
    pipe->awaited += sent->commands - sent->answered;
}

/* ---- Replies ---- */

/* The command that the error answers is the first one without a whole answer,
 * or the last one with one when the error is the whole reply. */
static bool note_error(struct slc_pipe *pipe, struct slc_error *error)
{
    struct slc_scan *scan = &pipe->scan;
    int64_t command = scan->values_left == 0 ? scan->replies - 1 : scan->replies;
    int64_t left = command - pipe->status.replies;

    pipe->status.error_command = command;
    for (size_t i = 0; i < pipe->ring_count; i++) {
        const struct sent *sent = ring_at(pipe, i);

        pipe->status.error_id = sent->id;
        left -= sent->commands - sent->answered;
        if (left < 0)
            break;
    }
    slc_reply_fail((struct slc_str){.data = scan->line, .len = scan->line_len},
                   slc_redis_where(pipe->redis), &pipe->failure);
    pipe->has_failed = true;
    return failed(pipe, error);
}

static bool take_replies(struct slc_pipe *pipe, size_t len, struct slc_error *error)
{
    struct slc_scan *scan = &pipe->scan;
    bool is_resp = slc_scan_feed(scan, pipe->input, len);
    int64_t fresh = scan->replies - pipe->status.replies;
    bool noted = true;

    if (!is_resp)
        return garbage(pipe, error);
    if (scan->has_error)
        noted = note_error(pipe, error);
    pipe->status.replies = scan->replies;
    pipe->status.integer_sum = scan->integer_sum;
    if (!ring_answer(pipe, fresh))
        return garbage(pipe, error);
    ring_pop_done(pipe);
    return noted;
}

/* One read; `*ret_moved` false when there was nothing. */
static bool read_some(struct slc_pipe *pipe, bool *ret_moved, struct slc_error *error)
{
    ssize_t moved = pipe->transport->read(pipe->stream, pipe->input, sizeof(pipe->input));

    *ret_moved = moved > 0;
    if (moved > 0)
        return take_replies(pipe, (size_t)moved, error);
    if (moved == 0)
        return lost(pipe, 0, error);
    return moved != SLC_STREAM_FAILED || lost(pipe, errno, error);
}

/* Wait for `events` or for replies, and take these in. `*ret_moved` is left
 * alone when no reply came. */
static bool wait_and_read(struct slc_pipe *pipe, short events, int64_t deadline_usec,
                          bool *ret_moved, struct slc_error *error)
{
    short happened = 0;
    int waited = slc_stream_wait(pipe->stream, (short)(events | POLLIN), deadline_usec, &happened);
    bool moved = false;

    if (waited == 0)
        return timed_out(pipe, error);
    if (waited < 0)
        return lost(pipe, -waited, error);
    if (happened & (POLLIN | POLLHUP | POLLERR)) {
        if (!read_some(pipe, &moved, error))
            return false;
        *ret_moved = *ret_moved || moved;
    }
    return true;
}

static int64_t deadline_of(const struct slc_pipe *pipe)
{
    return slc_monotonic_usec() + slc_redis_timeout_ms(pipe->redis) * 1000;
}

/* ---- Commands ---- */

/* Where writing stands in the segments handed over. */
struct cursor {
    const struct slc_pipe_segment *segments;
    size_t count;
    size_t index;
    size_t offset;
};

/* Segments without bytes, and those written to their end, are behind us. */
static void cursor_settle(struct slc_pipe *pipe, struct cursor *cursor)
{
    while (cursor->index < cursor->count &&
           cursor->offset == cursor->segments[cursor->index].bytes.len) {
        ring_sent(pipe);
        cursor->index++;
        cursor->offset = 0;
    }
}

/* The window is full. Only replies that are certain to come are waited for:
 * those to commands in wholly sent segments. One segment may therefore exceed
 * the window. An eighth of it has to be free, so that a write is worth while. */
static bool must_wait(const struct slc_pipe *pipe)
{
    int64_t window = (int64_t)pipe->options.window_bytes;
    int64_t under_way = pipe->status.sent_bytes - pipe->status.answered_bytes;

    return pipe->awaited > 0 && under_way > window - window / 8;
}

/* One write; the result is the transport's. */
static ssize_t write_some(struct slc_pipe *pipe, struct cursor *cursor)
{
    struct iovec parts[PARTS_AT_ONCE];
    int64_t room = (int64_t)pipe->options.window_bytes -
                   (pipe->status.sent_bytes - pipe->status.answered_bytes);
    int count = 0;

    for (size_t i = cursor->index; i < cursor->count && count < PARTS_AT_ONCE; i++) {
        size_t from = i == cursor->index ? cursor->offset : 0;
        struct slc_str bytes = cursor->segments[i].bytes;

        if (bytes.len == from)
            continue;
        if (count > 0 && room <= 0)
            break;
        parts[count++] =
            (struct iovec){.iov_base = (char *)bytes.data + from, .iov_len = bytes.len - from};
        room -= (int64_t)(bytes.len - from);
    }
    ssize_t moved = pipe->transport->write(pipe->stream, parts, count);
    if (moved <= 0)
        return moved;
    pipe->status.sent_bytes += moved;
    for (size_t left = (size_t)moved; left > 0;) {
        size_t open = cursor->segments[cursor->index].bytes.len - cursor->offset;
        size_t taken = left < open ? left : open;

        cursor->offset += taken;
        left -= taken;
        cursor_settle(pipe, cursor);
    }
    return moved;
}

/* The write failed; the server may have said why before it closed. */
static bool write_failed(struct slc_pipe *pipe, int errno_value, struct slc_error *error)
{
    bool moved = true;

    while (moved)
        if (!read_some(pipe, &moved, error))
            return false;
    return lost(pipe, errno_value, error);
}

static bool send_all(struct slc_pipe *pipe, struct cursor *cursor, struct slc_error *error)
{
    int64_t deadline_usec = deadline_of(pipe);

    cursor_settle(pipe, cursor);
    while (cursor->index < cursor->count) {
        bool progress = false;
        short events = 0; /* replies are always waited for */

        if (!must_wait(pipe)) {
            ssize_t moved = write_some(pipe, cursor);

            if (moved == SLC_STREAM_FAILED)
                return write_failed(pipe, errno, error);
            if (moved > 0) {
                deadline_usec = deadline_of(pipe);
                continue;
            }
            if (moved == SLC_STREAM_WANT_WRITE)
                events = POLLOUT;
        }
        if (!wait_and_read(pipe, events, deadline_usec, &progress, error))
            return false;
        if (progress)
            deadline_usec = deadline_of(pipe);
    }
    /* Segments without commands may be done by now. */
    ring_pop_done(pipe);
    return true;
}

bool slc_pipe_send(struct slc_pipe *pipe, const struct slc_pipe_segment segments[], size_t count,
                   struct slc_error *error)
{
    struct cursor cursor = {.segments = segments, .count = count};

    if (pipe->has_failed)
        return failed(pipe, error);
    for (size_t i = 0; i < count; i++) {
        if (!ring_push(pipe, &segments[i])) {
            slc_fail(&pipe->failure, SLC_ERR_MEMORY, "memory ran out in a bulk load");
            return fail_connection(pipe, error);
        }
    }
    return send_all(pipe, &cursor, error);
}

bool slc_pipe_poll(struct slc_pipe *pipe, struct slc_error *error)
{
    bool moved = true;

    if (pipe->has_failed)
        return failed(pipe, error);
    while (moved)
        if (!read_some(pipe, &moved, error))
            return false;
    return true;
}

bool slc_pipe_finish(struct slc_pipe *pipe, struct slc_error *error)
{
    int64_t deadline_usec = deadline_of(pipe);

    if (pipe->has_failed)
        return failed(pipe, error);
    while (pipe->status.replies < pipe->status.commands) {
        bool progress = false;

        if (!wait_and_read(pipe, 0, deadline_usec, &progress, error))
            return false;
        if (progress)
            deadline_usec = deadline_of(pipe);
    }
    if (!slc_scan_is_between(&pipe->scan))
        return garbage(pipe, error);
    return true;
}
