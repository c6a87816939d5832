#include "redis/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/time.h"
#include "redis/cluster.h"
#include "redis/resp.h"
#include "redis/sentinel.h"
#include "redis/settings.h"
#include "redis/slot.h"

enum { INPUT_BYTES = 64 << 10, KEEP_OUTPUT_BYTES = 1 << 20 };

struct slc_redis {
    struct slc_redis_url url;
    char *where; /* the URL, password masked */
    int64_t timeout_ms;
    const struct slc_transport *transport; /* NULL when closed */
    struct slc_stream stream;
    struct slc_cluster *cluster; /* in place of transport and stream; NULL: none, or closed */
    struct slc_reply_reader *reader;
    struct slc_buf out;        /* commands appended */
    size_t out_sent;           /* of these, taken by the kernel */
    size_t outstanding;        /* commands appended whose replies were not read */
    bool is_of_cluster;        /* the server said so, where the URL did not */
    struct slc_error reason;   /* of being closed */
    int64_t reader_since_usec; /* of a replica to read from, else 0 */
    bool knows_server;
    uint64_t server; /* slc_redis_answered_by() */
    bool was_open;
    char input[INPUT_BYTES];
};

static int64_t deadline_of(const struct slc_redis *redis)
{
    return slc_monotonic_usec() + redis->timeout_ms * 1000;
}

/* ---- Ways to fail ---- */

static void close_stream(struct slc_redis *redis)
{
    if (redis->transport)
        redis->transport->close(&redis->stream);
    redis->transport = NULL;
    slc_cluster_close(redis->cluster);
    redis->cluster = NULL;
    slc_reply_reader_free(redis->reader);
    redis->reader = NULL;
    slc_buf_release(&redis->out);
    redis->out_sent = 0;
    redis->outstanding = 0;
    redis->knows_server = false;
}

void slc_redis_break(struct slc_redis *redis, const struct slc_error *reason)
{
    close_stream(redis);
    redis->reason = *reason;
}

/* Close for this reason and hand it to the caller. */
static bool broken(struct slc_redis *redis, const struct slc_error *reason, struct slc_error *error)
{
    struct slc_error copy = *reason;

    slc_redis_break(redis, &copy);
    if (error)
        *error = copy;
    return false;
}

static bool lost(struct slc_redis *redis, int errno_value, struct slc_error *error)
{
    struct slc_error reason;
    char what[400];

    (void)snprintf(what, sizeof(what), "the connection to Redis at %.300s was lost", redis->where);
    slc_stream_fail(&redis->stream, errno_value, what, &reason);
    return broken(redis, &reason, error);
}

static bool timed_out(struct slc_redis *redis, struct slc_error *error)
{
    struct slc_error reason;

    slc_fail(&reason, SLC_ERR_TIMEOUT,
             "Redis at %.300s did not answer in time (%lld ms); is it overloaded or stopped?",
             redis->where, (long long)redis->timeout_ms);
    return broken(redis, &reason, error);
}

static bool is_open(const struct slc_redis *redis, struct slc_error *error)
{
    if (redis->transport || redis->cluster)
        return true;
    return slc_fail(error, SLC_ERR_CONNECTION, "the connection to Redis is closed (%.500s)",
                    redis->reason.message[0] ? redis->reason.message : redis->where);
}

/* ---- Bytes ---- */

/* One read into the reader. `*ret_moved` false when there was nothing. */
static bool read_some(struct slc_redis *redis, bool *ret_moved, struct slc_error *error)
{
    ssize_t moved = redis->transport->read(&redis->stream, redis->input, sizeof(redis->input));
    struct slc_error reason;

    *ret_moved = moved > 0;
    if (moved == 0)
        return lost(redis, 0, error);
    if (moved == SLC_STREAM_FAILED)
        return lost(redis, errno, error);
    if (moved > 0 && !slc_reply_reader_feed(redis->reader, redis->input, (size_t)moved, &reason))
        return broken(redis, &reason, error);
    return true;
}

/* A server that turns a client away says why and closes, so that the write
 * fails before the reason was read: look for it. */
static bool write_failed(struct slc_redis *redis, int errno_value, struct slc_error *error)
{
    struct slc_reply *reply = NULL;
    struct slc_error reason;
    bool moved = false;

    if (read_some(redis, &moved, NULL) && moved &&
        slc_reply_reader_next(redis->reader, &reply, NULL) && reply &&
        reply->type == SLC_REPLY_ERROR) {
        slc_reply_fail(reply->text, redis->where, &reason);
        slc_reply_free(reply);
        return broken(redis, &reason, error);
    }
    slc_reply_free(reply);
    return lost(redis, errno_value, error);
}

static bool wait_for(struct slc_redis *redis, short events, int64_t deadline_usec,
                     short *ret_events, struct slc_error *error)
{
    int waited = slc_stream_wait(&redis->stream, events, deadline_usec, ret_events);

    if (waited == 0)
        return timed_out(redis, error);
    return waited > 0 || lost(redis, -waited, error);
}

static bool flush_until(struct slc_redis *redis, int64_t deadline_usec, struct slc_error *error)
{
    while (redis->out_sent < redis->out.len) {
        struct iovec part = {.iov_base = redis->out.data + redis->out_sent,
                             .iov_len = redis->out.len - redis->out_sent};
        ssize_t moved = redis->transport->write(&redis->stream, &part, 1);
        short events = 0;
        bool ignored;

        if (moved == SLC_STREAM_FAILED)
            return write_failed(redis, errno, error);
        if (moved >= 0) {
            redis->out_sent += (size_t)moved;
            continue;
        }
        if (!wait_for(redis, moved == SLC_STREAM_WANT_READ ? POLLIN : POLLIN | POLLOUT,
                      deadline_usec, &events, error))
            return false;
        /* Replies to what went before: unread they could stop the server. */
        if ((events & (POLLIN | POLLHUP | POLLERR)) && !read_some(redis, &ignored, error))
            return false;
    }
    redis->out_sent = 0;
    if (redis->out.capacity > KEEP_OUTPUT_BYTES)
        slc_buf_release(&redis->out);
    slc_buf_clear(&redis->out);
    return true;
}

static bool read_until(struct slc_redis *redis, int64_t deadline_usec, struct slc_reply **ret,
                       struct slc_error *error)
{
    if (!flush_until(redis, deadline_usec, error))
        return false;
    for (;;) {
        struct slc_reply *reply = NULL;
        struct slc_error reason;
        bool moved = false;

        if (!slc_reply_reader_next(redis->reader, &reply, &reason))
            return broken(redis, &reason, error);
        if (reply) {
            redis->outstanding--;
            *ret = reply;
            return true;
        }
        if (!read_some(redis, &moved, error))
            return false;
        if (!moved && !wait_for(redis, POLLIN, deadline_usec, NULL, error))
            return false;
        /* Bytes that trickle in do not prolong the wait. */
        if (moved && slc_monotonic_usec() > deadline_usec)
            return timed_out(redis, error);
    }
}

/* ---- Opening ---- */

/* The reply to one step of the handshake. A server that does not let us name
 * the connection is as good as any other. */
static bool handshake_reply(struct slc_redis *redis, bool may_be_refused, int64_t deadline_usec,
                            struct slc_error *error)
{
    struct slc_reply *reply = NULL;
    struct slc_error reason;
    bool good = true;

    if (!read_until(redis, deadline_usec, &reply, error))
        return false;
    if (reply->type == SLC_REPLY_ERROR && !slc_reply_fail(reply->text, redis->where, &reason)) {
        bool login_is_missing = strncmp(reply->text.data, "NOAUTH", 6) == 0 ||
                                strncmp(reply->text.data, "DENIED", 6) == 0 ||
                                strncmp(reply->text.data, "ERR max number", 14) == 0;

        if (!may_be_refused || login_is_missing)
            good = broken(redis, &reason, error);
    }
    slc_reply_free(reply);
    return good;
}

/* HELLO 3 logs in, too. */
static bool append_login(struct slc_redis *redis, size_t *steps, struct slc_error *error)
{
    const struct slc_redis_url *url = &redis->url;
    struct slc_str user = slc_str_from(url->user), password = slc_str_from(url->password);
    bool wants_resp3 = url->settings && url->settings->protocol == 3;

    if (!wants_resp3 && !url->has_login)
        return true;
    ++*steps;
    if (wants_resp3 && !url->has_login)
        return slc_redis_append_call(redis, error, SLC_STR("HELLO"), SLC_STR("3"));
    if (wants_resp3)
        return slc_redis_append_call(redis, error, SLC_STR("HELLO"), SLC_STR("3"), SLC_STR("AUTH"),
                                     user.len ? user : SLC_STR("default"), password);
    return user.len ? slc_redis_append_call(redis, error, SLC_STR("AUTH"), user, password)
                    : slc_redis_append_call(redis, error, SLC_STR("AUTH"), password);
}

/* Whether the server is asked if it is one of a cluster's. */
static bool may_be_cluster(const struct slc_redis *redis)
{
    const struct slc_redis_url *url = &redis->url;

    return url->topology == SLC_REDIS_SINGLE && url->kind != SLC_REDIS_UNIX && !url->is_node &&
           url->settings && url->settings->cluster == SLC_REDIS_CLUSTER_AUTO;
}

/* A user who is not allowed to ask (ACL) gets what the URL says. */
static bool read_mode(struct slc_redis *redis, int64_t deadline_usec, struct slc_error *error)
{
    static const char enabled[] = "cluster_enabled:1";
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (!read_until(redis, deadline_usec, &reply, error))
        return false;
    redis->is_of_cluster = reply->type == SLC_REPLY_STRING && reply->text.len > 0 &&
                           memmem(reply->text.data, reply->text.len, enabled, sizeof(enabled) - 1);
    return true;
}

static bool handshake(struct slc_redis *redis, int64_t deadline_usec, struct slc_error *error)
{
    const struct slc_redis_url *url = &redis->url;
    bool asks_mode = may_be_cluster(redis);
    size_t steps = 0;
    char db[16];
    bool good = append_login(redis, &steps, error);

    if (good && url->db != 0) {
        (void)snprintf(db, sizeof(db), "%d", (int)url->db);
        good = slc_redis_append_call(redis, error, SLC_STR("SELECT"), slc_str_from(db));
        steps++;
    }
    good = good && slc_redis_append_call(redis, error, SLC_STR("CLIENT"), SLC_STR("SETNAME"),
                                         SLC_STR("sluice"));
    if (asks_mode)
        good = good && slc_redis_append_call(redis, error, SLC_STR("INFO"), SLC_STR("cluster"));
    good = good && flush_until(redis, deadline_usec, error);
    if (redis->out.data) /* the password was in it */
        explicit_bzero(redis->out.data, redis->out.capacity);
    for (; good && steps > 0; steps--)
        good = handshake_reply(redis, false, deadline_usec, error);
    return good && handshake_reply(redis, true, deadline_usec, error) &&
           (!asks_mode || read_mode(redis, deadline_usec, error));
}

/* Sentinels may still name a master that was just demoted. A user who is not
 * allowed to ask (ACL) is told by the first write. */
static bool check_master(struct slc_redis *redis, int64_t deadline_usec, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error reason;

    if (!slc_redis_append_call(redis, error, SLC_STR("ROLE")) ||
        !read_until(redis, deadline_usec, &reply, error))
        return false;
    if (reply->type == SLC_REPLY_ERROR ||
        (reply->count > 0 && slc_reply_is(&reply->items[0], "master")))
        return true;
    slc_fail(&reason, SLC_ERR_CONNECTION,
             "the sentinels name %.200s:%u as the master \"%.100s\", which says that it is none; "
             "is it being failed over?",
             redis->url.host, (unsigned)redis->url.port, redis->url.master_name);
    return broken(redis, &reason, error);
}

static bool find_master(struct slc_redis *redis, int64_t deadline_usec, struct slc_error *error)
{
    struct slc_redis_node master;

    if (!slc_sentinel_master(&redis->url, deadline_usec, &master, error))
        return false;
    memcpy(redis->url.host, master.host, sizeof(redis->url.host));
    redis->url.port = master.port;
    return true;
}

static bool connect_cluster(struct slc_redis *redis, struct slc_error *error)
{
    redis->cluster = slc_cluster_open(&redis->url, redis->timeout_ms, error);
    return redis->cluster != NULL;
}

/* The one server of the URL stands for the whole cluster. */
static bool take_for_cluster(struct slc_redis *redis, struct slc_error *error)
{
    struct slc_redis_url *url = &redis->url;

    if (url->db != 0)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the Redis at %.200s is a cluster, which has database 0 alone", url->host);
    url->topology = SLC_REDIS_CLUSTER;
    memcpy(url->seeds[0].host, url->host, sizeof(url->seeds[0].host));
    url->seeds[0].port = url->port;
    url->n_seeds = 1;
    close_stream(redis);
    return connect_cluster(redis, error);
}

static bool connect_single(struct slc_redis *redis, struct slc_error *error)
{
    int64_t deadline_usec = deadline_of(redis);
    const struct slc_transport *transport = slc_transport_find(redis->url.kind);
    bool is_watched = redis->url.topology == SLC_REDIS_SENTINEL;

    if (is_watched && !find_master(redis, deadline_usec, error))
        return false;
    redis->reader = slc_reply_reader_new(SLC_REDIS_MAX_REPLY_BYTES);
    if (!redis->reader)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while connecting to Redis");
    redis->stream = (struct slc_stream){.fd = -1};
    if (!transport->connect(&redis->stream, &redis->url, deadline_usec, error)) {
        close_stream(redis);
        return false;
    }
    redis->transport = transport;
    return handshake(redis, deadline_usec, error) &&
           (!is_watched || check_master(redis, deadline_usec, error));
}

static bool connect_stream(struct slc_redis *redis, struct slc_error *error)
{
    const struct slc_redis_url *url = &redis->url;

    if (url->topology == SLC_REDIS_CLUSTER)
        return connect_cluster(redis, error);
    if (url->topology == SLC_REDIS_SINGLE && url->kind != SLC_REDIS_UNIX && !url->is_node &&
        url->settings && url->settings->cluster == SLC_REDIS_CLUSTER_YES)
        return take_for_cluster(redis, error);
    return connect_single(redis, error) &&
           (!redis->is_of_cluster || take_for_cluster(redis, error));
}

bool slc_redis_confirm_master(struct slc_redis *redis, struct slc_error *error)
{
    struct slc_redis_node master;
    struct slc_error reason;

    if (redis->cluster)
        return slc_cluster_refresh(redis->cluster, error);
    if (redis->url.topology != SLC_REDIS_SENTINEL ||
        !slc_sentinel_master(&redis->url, deadline_of(redis), &master, NULL) ||
        (strcmp(master.host, redis->url.host) == 0 && master.port == redis->url.port))
        return true;
    slc_fail(&reason, SLC_ERR_CONNECTION,
             "%.200s:%u is the master \"%.100s\" no longer: %.200s:%u is", redis->url.host,
             (unsigned)redis->url.port, redis->url.master_name, master.host, (unsigned)master.port);
    return broken(redis, &reason, error);
}

bool slc_redis_reopen(struct slc_redis *redis, struct slc_error *error)
{
    struct slc_error reason;

    close_stream(redis);
    slc_error_clear(&redis->reason);
    if (connect_stream(redis, &reason)) {
        if (redis->was_open)
            slc_redis_count_reconnect(redis->url.settings);
        redis->was_open = true;
        return true;
    }
    return broken(redis, &reason, error);
}

struct slc_redis *slc_redis_open(const struct slc_redis_url *url, int64_t timeout_ms,
                                 struct slc_error *error)
{
    char where[SLC_REDIS_URL_TEXT_BYTES];
    struct slc_redis *redis = calloc(1, sizeof(*redis));

    if (redis) {
        redis->url = *url;
        slc_redis_settings_ref(redis->url.settings);
        redis->stream.fd = -1;
        slc_redis_set_timeout(redis, timeout_ms);
        redis->where = slc_str_dup(slc_str_from(slc_redis_url_print(url, where, sizeof(where))));
    }
    if (!redis || !redis->where) {
        slc_redis_close(redis);
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out while connecting to Redis");
        return NULL;
    }
    if (!slc_redis_reopen(redis, error)) {
        slc_redis_close(redis);
        return NULL;
    }
    return redis;
}

struct slc_redis *slc_redis_open_text(const char *url, int64_t timeout_ms, struct slc_error *error)
{
    struct slc_redis_url parsed;
    struct slc_redis *redis = NULL;

    if (slc_redis_url_parse(slc_str_from(url), &parsed, error)) {
        redis = slc_redis_open(&parsed, timeout_ms, error);
        slc_redis_url_wipe(&parsed);
    }
    return redis;
}

void slc_redis_close(struct slc_redis *redis)
{
    if (!redis)
        return;
    close_stream(redis);
    slc_redis_url_wipe(&redis->url);
    slc_redis_settings_unref(redis->url.settings);
    free(redis->where);
    free(redis);
}

/* ---- Small questions ---- */

void slc_redis_set_timeout(struct slc_redis *redis, int64_t timeout_ms)
{
    const int64_t day_ms = INT64_C(86400000);

    redis->timeout_ms = timeout_ms < 1 ? 1 : timeout_ms > day_ms ? day_ms : timeout_ms;
    if (redis->cluster)
        slc_cluster_set_timeout(redis->cluster, redis->timeout_ms);
}

int64_t slc_redis_timeout_ms(const struct slc_redis *redis)
{
    return redis->timeout_ms;
}

void slc_redis_mark_reader(struct slc_redis *redis, int64_t since_usec)
{
    redis->reader_since_usec = since_usec;
}

int64_t slc_redis_reader_since(const struct slc_redis *redis)
{
    return redis->reader_since_usec;
}

void slc_redis_begin_reading(struct slc_redis *redis)
{
    if (redis->cluster)
        slc_cluster_begin_reading(redis->cluster);
}

bool slc_redis_is_open(const struct slc_redis *redis)
{
    return redis->transport || redis->cluster;
}

const char *slc_redis_where(const struct slc_redis *redis)
{
    return redis->where;
}

size_t slc_redis_outstanding(const struct slc_redis *redis)
{
    return redis->cluster ? slc_cluster_outstanding(redis->cluster) : redis->outstanding;
}

struct slc_stream *slc_redis_stream(struct slc_redis *redis,
                                    const struct slc_transport **ret_transport)
{
    if (ret_transport)
        *ret_transport = redis->transport;
    return redis->transport ? &redis->stream : NULL;
}

int slc_redis_dup(struct slc_redis *redis)
{
    return redis->transport ? fcntl(redis->stream.fd, F_DUPFD_CLOEXEC, 3) : -1;
}

bool slc_redis_is_cluster(const struct slc_redis *redis)
{
    return redis->url.topology == SLC_REDIS_CLUSTER;
}

struct slc_redis *slc_redis_open_owner(struct slc_redis *redis, struct slc_str key,
                                       struct slc_error *error)
{
    if (!is_open(redis, error))
        return NULL;
    if (!redis->cluster) {
        slc_fail(error, SLC_ERR_INTERNAL, "a single Redis is asked for the owner of a key");
        return NULL;
    }
    return slc_cluster_open_owner(redis->cluster, slc_redis_slot(key), error);
}

bool slc_redis_describe_master(const struct slc_redis *redis, size_t i, const char **ret_host,
                               uint16_t *ret_port, int *ret_slots)
{
    return redis->cluster && slc_cluster_describe(redis->cluster, i, ret_host, ret_port, ret_slots);
}

bool slc_redis_is_idle(struct slc_redis *redis)
{
    if (redis->cluster)
        return slc_cluster_is_idle(redis->cluster);
    if (!redis->transport || redis->outstanding > 0 ||
        slc_reply_reader_pending_bytes(redis->reader) > 0)
        return false;
    /* Anything to read is the end of the stream or words out of turn. */
    return slc_stream_wait(&redis->stream, POLLIN, 0, NULL) == 0;
}

/* ---- Commands ---- */

static bool fits(size_t bytes, size_t argc, const struct slc_str argv[])
{
    bytes += SLC_RESP_HEADER_BYTES;
    for (size_t i = 0; i < argc && bytes <= SLC_REDIS_MAX_PIPELINE_BYTES; i++) {
        if (argv[i].len > SLC_REDIS_MAX_PIPELINE_BYTES)
            return false;
        bytes += SLC_RESP_BULK_BOUND(argv[i].len);
    }
    return bytes <= SLC_REDIS_MAX_PIPELINE_BYTES;
}

bool slc_redis_append(struct slc_redis *redis, size_t argc, const struct slc_str argv[],
                      struct slc_error *error)
{
    size_t before = redis->out.len;

    if (!is_open(redis, error))
        return false;
    if (redis->cluster)
        return slc_cluster_append(redis->cluster, argc, argv, error);
    if (!fits(before, argc, argv))
        return slc_fail(error, SLC_ERR_LIMIT,
                        "commands of more than %d MB at a time are not sent to Redis",
                        SLC_REDIS_MAX_PIPELINE_BYTES >> 20);
    slc_resp_command(&redis->out, argc, argv);
    if (redis->out.failed) {
        redis->out.len = before; /* no half command */
        redis->out.failed = false;
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a Redis command was built");
    }
    redis->outstanding++;
    return true;
}

bool slc_redis_append_encoded(struct slc_redis *redis, struct slc_str commands, size_t count,
                              struct slc_error *error)
{
    if (!is_open(redis, error))
        return false;
    if (redis->cluster)
        return slc_cluster_append_encoded(redis->cluster, commands, count, error);
    if (commands.len > SLC_REDIS_MAX_PIPELINE_BYTES - redis->out.len)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "commands of more than %d MB at a time are not sent to Redis",
                        SLC_REDIS_MAX_PIPELINE_BYTES >> 20);
    slc_buf_append_str(&redis->out, commands);
    if (redis->out.failed) {
        redis->out.failed = false;
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a Redis command was built");
    }
    redis->outstanding += count;
    return true;
}

bool slc_redis_flush(struct slc_redis *redis, struct slc_error *error)
{
    if (!is_open(redis, error))
        return false;
    return redis->cluster ? slc_cluster_flush(redis->cluster, error)
                          : flush_until(redis, deadline_of(redis), error);
}

/* A cluster that loses one of its connections has lost count of the answers. */
static bool next_reply(struct slc_redis *redis, struct slc_reply **ret, struct slc_error *error)
{
    struct slc_error reason;

    if (!redis->cluster)
        return read_until(redis, deadline_of(redis), ret, error);
    return slc_cluster_read(redis->cluster, ret, &reason) || broken(redis, &reason, error);
}

bool slc_redis_read(struct slc_redis *redis, struct slc_reply **ret, struct slc_error *error)
{
    if (!is_open(redis, error))
        return false;
    if (slc_redis_outstanding(redis) == 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "a Redis reply is read that was not asked for");
    return next_reply(redis, ret, error);
}

bool slc_redis_command(struct slc_redis *redis, size_t argc, const struct slc_str argv[],
                       struct slc_reply **ret, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (!is_open(redis, error))
        return false;
    if (slc_redis_outstanding(redis) > 0)
        return slc_fail(error, SLC_ERR_INTERNAL,
                        "a Redis command is sent while a pipeline is under way");
    if (!slc_redis_append(redis, argc, argv, error) || !next_reply(redis, &reply, error))
        return false;
    if (reply->type == SLC_REPLY_ERROR)
        return slc_reply_fail(reply->text, redis->where, error);
    if (ret) {
        *ret = reply;
        reply = NULL;
    }
    return true;
}

/* ---- Who answered ---- */

/* The line "run_id:<40 digits>" of INFO. */
static uint64_t read_run_id(struct slc_str info)
{
    static const char field[] = "run_id:";
    const char *found = info.len ? memmem(info.data, info.len, field, sizeof(field) - 1) : NULL;
    const char *id = found ? found + sizeof(field) - 1 : NULL;
    const char *end = id ? memchr(id, '\r', info.len - (size_t)(id - info.data)) : NULL;

    return end && end > id ? slc_hash_bytes(id, (size_t)(end - id)) : 0;
}

bool slc_redis_answered_by(struct slc_redis *redis, uint64_t *ret_server, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *info = NULL;

    if (redis->cluster)
        return slc_cluster_answered_by(redis->cluster, ret_server, error);
    if (!redis->knows_server) {
        if (!slc_redis_append_call(redis, error, SLC_STR("INFO"), SLC_STR("server")) ||
            !slc_redis_read(redis, &info, error))
            return false;
        redis->server = info->type == SLC_REPLY_STRING ? read_run_id(info->text) : 0;
        if (redis->server == 0)
            redis->server =
                slc_hash_bytes(redis->url.host, strlen(redis->url.host)) ^ redis->url.port;
        redis->knows_server = true;
    }
    *ret_server = redis->server;
    return true;
}
