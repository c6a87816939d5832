#include "redis/lane.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"

enum { INPUT_BYTES = 16 << 10, KEEP_OUTPUT_BYTES = 256 << 10 };

struct question {
    struct question *next;
    slc_redis_line_answer *answer;
    void *state;
    int64_t deadline_usec;
    size_t count, read;
    struct slc_reply *replies[SLC_REDIS_LINE_COMMANDS_MAX]; /* owned */
};

struct slc_redis_lane {
    struct slc_redis *redis; /* owned; NULL: none */
    const struct slc_transport *transport;
    struct slc_stream *stream; /* NULL: broken */
    struct slc_reply_reader *reader;
    struct slc_buf out; /* gathered and not taken by the kernel yet, */
    size_t sent;        /* but for so much */
    short wants;        /* what a write waits for; 0: nothing */
    struct question *first, **end;
    size_t waiting;
    char input[INPUT_BYTES];
};

struct slc_redis_lane *slc_redis_lane_new(void)
{
    struct slc_redis_lane *lane = calloc(1, sizeof(*lane));

    if (lane)
        lane->end = &lane->first;
    return lane;
}

bool slc_redis_lane_use(struct slc_redis_lane *lane, struct slc_redis *redis)
{
    if (lane->redis || !redis || slc_redis_is_cluster(redis) || !slc_redis_is_idle(redis))
        return false;
    lane->reader = slc_reply_reader_new(SLC_REDIS_MAX_REPLY_BYTES);
    if (!lane->reader)
        return false;
    lane->redis = redis;
    lane->stream = slc_redis_stream(redis, &lane->transport);
    return true;
}

static void free_question(struct question *question)
{
    for (size_t i = 0; i < question->read; i++)
        slc_reply_free(question->replies[i]);
    free(question);
}

/* Off the queue, and answered: an answer may ask again. */
static void finish(struct slc_redis_lane *lane, const struct slc_error *error)
{
    struct question *question = lane->first;

    lane->first = question->next;
    if (!lane->first)
        lane->end = &lane->first;
    lane->waiting--;
    question->answer(question->state, error ? NULL : question->replies, error);
    free_question(question);
}

/* The connection is of no use any more, and nobody gets an answer from it. */
static void fail_all(struct slc_redis_lane *lane, const struct slc_error *reason)
{
    struct slc_error error = *reason;

    if (lane->stream)
        slc_redis_break(lane->redis, &error);
    lane->stream = NULL;
    slc_reply_reader_free(lane->reader);
    lane->reader = NULL;
    slc_buf_release(&lane->out);
    lane->sent = 0;
    lane->wants = 0;
    while (lane->first)
        finish(lane, &error);
}

static void lose(struct slc_redis_lane *lane, int errno_value)
{
    struct slc_error reason;
    char what[400];

    (void)snprintf(what, sizeof(what), "the connection to Redis at %.300s was lost",
                   slc_redis_where(lane->redis));
    slc_stream_fail(lane->stream, errno_value, what, &reason);
    fail_all(lane, &reason);
}

struct slc_redis *slc_redis_lane_take_broken(struct slc_redis_lane *lane)
{
    struct slc_redis *redis = lane->stream ? NULL : lane->redis;

    if (redis)
        lane->redis = NULL;
    return redis;
}

struct slc_redis *slc_redis_lane_free(struct slc_redis_lane *lane)
{
    struct slc_redis *redis;
    struct slc_error reason;

    if (!lane)
        return NULL;
    redis = lane->redis;
    (void)slc_fail(&reason, SLC_ERR_CANCELLED, "the service is stopping");
    if (lane->first)
        fail_all(lane, &reason);
    slc_reply_reader_free(lane->reader);
    slc_buf_release(&lane->out);
    free(lane);
    return redis;
}

bool slc_redis_lane_is_open(const struct slc_redis_lane *lane)
{
    return lane->stream != NULL;
}

bool slc_redis_lane_is_waiting(const struct slc_redis_lane *lane)
{
    return lane->first != NULL;
}

/* ---- Asking -------------------------------------------------------------- */

static bool may_ask(const struct slc_redis_lane *lane, const struct slc_buf *commands, size_t count,
                    struct slc_error *error)
{
    if (commands->failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to ask Redis with");
    if (count == 0 || count > SLC_REDIS_LINE_COMMANDS_MAX)
        return slc_fail(error, SLC_ERR_INTERNAL, "a question to Redis has too many commands");
    if (!lane->stream)
        return slc_fail(error, SLC_ERR_CONNECTION, "there is no connection to Redis");
    if (lane->waiting >= SLC_REDIS_LINE_WAITING_MAX ||
        lane->out.len - lane->sent + commands->len > SLC_REDIS_LINE_BYTES_MAX)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "too many questions wait for Redis, which is slow or away; try again");
    return true;
}

/* What is gathered is written from one buffer; the first question's becomes it. */
static bool gather(struct slc_redis_lane *lane, struct slc_buf *commands)
{
    size_t before = lane->out.len;

    if (before == 0 && !lane->out.data) {
        lane->out = *commands;
        *commands = (struct slc_buf){0};
        return true;
    }
    slc_buf_append_str(&lane->out, slc_buf_view(commands));
    if (lane->out.failed) {
        lane->out.len = before; /* no half command */
        lane->out.failed = false;
        return false;
    }
    slc_buf_release(commands);
    return true;
}

bool slc_redis_lane_ask(struct slc_redis_lane *lane, struct slc_buf *commands, size_t count,
                        slc_redis_line_answer *answer, void *state, struct slc_error *error)
{
    struct question *question = NULL;
    bool good = may_ask(lane, commands, count, error);

    if (good) {
        question = malloc(sizeof(*question));
        good = question && gather(lane, commands);
        if (!good)
            slc_fail(error, SLC_ERR_MEMORY, "no memory to ask Redis with");
    }
    if (!good) {
        free(question);
        slc_buf_release(commands);
        return false;
    }
    question->next = NULL;
    question->answer = answer;
    question->state = state;
    question->count = count;
    question->read = 0;
    question->deadline_usec = slc_monotonic_usec() + slc_redis_timeout_ms(lane->redis) * 1000;
    *lane->end = question;
    lane->end = &question->next;
    lane->waiting++;
    return true;
}

void slc_redis_lane_send(struct slc_redis_lane *lane)
{
    lane->wants = 0;
    while (lane->stream && lane->sent < lane->out.len) {
        struct iovec part = {.iov_base = lane->out.data + lane->sent,
                             .iov_len = lane->out.len - lane->sent};
        ssize_t moved = lane->transport->write(lane->stream, &part, 1);

        if (moved == SLC_STREAM_FAILED) {
            lose(lane, errno);
        } else if (moved < 0) {
            lane->wants = moved == SLC_STREAM_WANT_READ ? POLLIN : POLLOUT;
            return;
        } else {
            lane->sent += (size_t)moved;
        }
    }
    lane->sent = 0;
    if (lane->out.capacity > KEEP_OUTPUT_BYTES)
        slc_buf_release(&lane->out);
    slc_buf_clear(&lane->out);
}

/* ---- Answers ------------------------------------------------------------- */

/* Hand out what is whole. */
static bool read_replies(struct slc_redis_lane *lane, struct slc_error *error)
{
    while (lane->stream) {
        struct question *question = lane->first;
        struct slc_reply *reply = NULL;

        if (!slc_reply_reader_next(lane->reader, &reply, error))
            return false;
        if (!reply)
            return true;
        if (!question) {
            slc_reply_free(reply);
            return slc_fail(error, SLC_ERR_CONNECTION,
                            "Redis at %.300s said something that nobody had asked for",
                            slc_redis_where(lane->redis));
        }
        question->replies[question->read++] = reply;
        if (question->read == question->count)
            finish(lane, NULL);
    }
    return true;
}

void slc_redis_lane_take(struct slc_redis_lane *lane)
{
    struct slc_error error;

    while (lane->stream) {
        ssize_t moved = lane->transport->read(lane->stream, lane->input, sizeof(lane->input));

        if (moved == 0 || moved == SLC_STREAM_FAILED) {
            lose(lane, moved == 0 ? 0 : errno);
            return;
        }
        if (moved < 0)
            break;
        if (!slc_reply_reader_feed(lane->reader, lane->input, (size_t)moved, &error) ||
            !read_replies(lane, &error)) {
            fail_all(lane, &error);
            return;
        }
        /* A read that did not fill its room has taken all there was. */
        if ((size_t)moved < sizeof(lane->input) && !lane->stream->has_unread)
            break;
    }
    if (lane->stream && lane->first && slc_monotonic_usec() >= lane->first->deadline_usec) {
        slc_fail(&error, SLC_ERR_TIMEOUT,
                 "Redis at %.300s did not answer in time (%lld ms); is it overloaded or stopped?",
                 slc_redis_where(lane->redis), (long long)slc_redis_timeout_ms(lane->redis));
        fail_all(lane, &error);
    }
}

void slc_redis_lane_wants(const struct slc_redis_lane *lane, int *ret_fd, short *ret_events,
                          int64_t *ret_deadline_usec)
{
    *ret_fd = lane->stream ? lane->stream->fd : -1;
    *ret_events = (short)(POLLIN | lane->wants);
    if (lane->stream)
        *ret_events = (short)(*ret_events | lane->stream->also_wants);
    *ret_deadline_usec = lane->stream && lane->first ? lane->first->deadline_usec : INT64_MAX;
}
