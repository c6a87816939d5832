#include "redis/reply.h"

#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* hiredis 1.0 widened the number of elements. */
#if HIREDIS_MAJOR >= 1
typedef size_t element_count; /* hiredis' own callback signature */
#else
typedef int element_count;
#endif

/* A reply of this many elements is a mistake or an attack. */
enum { MAX_ELEMENTS = 1 << 24, MAX_DEPTH = 8 };

/* How much hiredis may keep of a buffer that has been read empty. */
enum { KEEP_BUFFER_BYTES = 1 << 20 };

struct slc_reply_reader {
    redisReader *parser;
    size_t max_bytes;
    size_t elements; /* of the reply under way */
    bool too_many;
};

/* ---- Constructors for hiredis: each fills the place of one reply in ---- */

static struct slc_reply_reader *reader_of(const redisReadTask *task)
{
    return task->privdata;
}

/* The root is allocated; an item has its place in the parent's array. */
static struct slc_reply *place(const redisReadTask *task, enum slc_reply_type type)
{
    struct slc_reply *reply;

    if (task->parent) {
        struct slc_reply *parent = task->parent->obj;

        reply = &parent->items[task->idx];
    } else {
        reply = calloc(1, sizeof(*reply));
        if (!reply)
            return NULL;
    }
    reply->type = type;
    return reply;
}

static void drop(const redisReadTask *task, struct slc_reply *reply)
{
    if (!task->parent)
        free(reply);
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
    enum slc_reply_type type = task->type == REDIS_REPLY_ERROR    ? SLC_REPLY_ERROR
                               : task->type == REDIS_REPLY_STATUS ? SLC_REPLY_STATUS
                                                                  : SLC_REPLY_STRING;
    struct slc_reply *reply = place(task, type);
    char *copy = reply ? malloc(len + 1) : NULL;

    if (!copy) {
        drop(task, reply);
        return NULL;
    }
    if (len)
        memcpy(copy, text, len);
    copy[len] = '\0';
    reply->text = (struct slc_str){.data = copy, .len = len};
    return reply;
}

/* hiredis 0.14 refuses deeper nesting itself, 1.x takes any. */
static bool is_too_deep(const redisReadTask *task)
{
    int depth = 0;

    for (; task; task = task->parent)
        depth++;
    return depth > MAX_DEPTH;
}

static void *create_array(const redisReadTask *task, element_count count)
{
    struct slc_reply_reader *reader = reader_of(task);
    struct slc_reply *reply;

    /* hiredis 0.14 has an int here, 1.x a size_t: a negative one is huge, too. */
    if ((size_t)count > MAX_ELEMENTS - reader->elements || is_too_deep(task)) {
        reader->too_many = true;
        return NULL;
    }
    reader->elements += (size_t)count;
    reply = place(task, SLC_REPLY_ARRAY);
    if (!reply || count == 0)
        return reply;
    reply->items = calloc((size_t)count, sizeof(*reply->items));
    if (!reply->items) {
        drop(task, reply);
        return NULL;
    }
    reply->count = (size_t)count;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct slc_reply *reply = place(task, SLC_REPLY_INTEGER);

    if (reply)
        reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return place(task, SLC_REPLY_NIL);
}

/* Nesting is bounded by hiredis (9 levels), so this recursion is, too. */
static void release(struct slc_reply *reply)
{
    free((char *)reply->text.data);
    for (size_t i = 0; i < reply->count; i++)
        release(&reply->items[i]);
    free(reply->items);
}

void slc_reply_free(struct slc_reply *reply)
{
    if (reply) {
        release(reply);
        free(reply);
    }
}

static void free_object(void *object)
{
    slc_reply_free(object);
}

/* RESP3's doubles, booleans and big numbers are never asked for (no HELLO 3),
 * so that hiredis 1.x may find no constructor for them: it then refuses. */
static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
    .freeObject = free_object,
};

/* ---- The reader ---- */

struct slc_reply_reader *slc_reply_reader_new(size_t max_bytes)
{
    struct slc_reply_reader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return NULL;
    reader->max_bytes = max_bytes;
    reader->parser = redisReaderCreateWithFunctions(&functions);
    if (!reader->parser) {
        free(reader);
        return NULL;
    }
    reader->parser->privdata = reader;
    reader->parser->maxbuf = KEEP_BUFFER_BYTES;
    return reader;
}

void slc_reply_reader_free(struct slc_reply_reader *reader)
{
    if (reader) {
        redisReaderFree(reader->parser);
        free(reader);
    }
}

size_t slc_reply_reader_pending_bytes(const struct slc_reply_reader *reader)
{
    return reader->parser->len - reader->parser->pos;
}

static bool parser_fail(const struct slc_reply_reader *reader, struct slc_error *error)
{
    const redisReader *parser = reader->parser;

    if (reader->too_many)
        return slc_fail(error, SLC_ERR_CONNECTION,
                        "the Redis server announced a reply of more than %d elements",
                        MAX_ELEMENTS);
    if (parser->err == REDIS_ERR_OOM)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a Redis reply was read");
    return slc_fail(error, SLC_ERR_CONNECTION,
                    "what the server answers is no Redis protocol (%s); is a Redis server "
                    "listening there, without TLS?",
                    parser->errstr);
}

bool slc_reply_reader_feed(struct slc_reply_reader *reader, const char *bytes, size_t len,
                           struct slc_error *error)
{
    if (len > reader->max_bytes || slc_reply_reader_pending_bytes(reader) > reader->max_bytes - len)
        return slc_fail(error, SLC_ERR_CONNECTION,
                        "the Redis server's reply is longer than %zu bytes", reader->max_bytes);
    if (redisReaderFeed(reader->parser, bytes, len) != REDIS_OK)
        return parser_fail(reader, error);
    return true;
}

bool slc_reply_reader_next(struct slc_reply_reader *reader, struct slc_reply **ret,
                           struct slc_error *error)
{
    void *reply = NULL;

    if (redisReaderGetReply(reader->parser, &reply) != REDIS_OK)
        return parser_fail(reader, error);
    if (reply)
        reader->elements = 0;
    *ret = reply;
    return true;
}

bool slc_reply_is(const struct slc_reply *reply, const char *text)
{
    return reply && (reply->type == SLC_REPLY_STRING || reply->type == SLC_REPLY_STATUS) &&
           slc_str_is(reply->text, text);
}

/* ---- What an error reply means ---- */

static const struct {
    const char *prefix;
    enum slc_error_code code;
    const char *advice;
} meanings[] = {
    {"NOAUTH", SLC_ERR_AUTH, "it wants a password: put it in the URL, redis://:password@host"},
    {"WRONGPASS", SLC_ERR_AUTH, "check the user and the password in the URL"},
    {"NOPERM", SLC_ERR_AUTH, "give the user this permission (ACL SETUSER) or use another one"},
    {"DENIED", SLC_ERR_AUTH,
     "the server is in protected mode: set a password there or connect over its loopback"},
    {"ERR invalid password", SLC_ERR_AUTH, "check the password in the URL"},
    {"ERR AUTH", SLC_ERR_AUTH, "the server has no password set: leave it out of the URL"},
    {"ERR Client sent AUTH", SLC_ERR_AUTH,
     "the server has no password set: leave it out of the URL"},
    {"ERR wrong number of arguments for 'auth'", SLC_ERR_AUTH,
     "this server knows no users: leave the user out of the URL"},
    {"WRONGTYPE", SLC_ERR_CONFLICT, "a key of this name holds something else: remove or rename it"},
    {"ERR DB index is out of range", SLC_ERR_CONFIG,
     "choose a smaller database number in the URL, or raise `databases` in the server"},
    {"ERR invalid DB index", SLC_ERR_CONFIG, "check the database number in the URL"},
    {"ERR max number of clients", SLC_ERR_SERVER,
     "close some of its clients or raise its `maxclients`"},
    {"OOM", SLC_ERR_SERVER,
     "its memory limit is reached: raise `maxmemory`, remove keys, or load less"},
    {"READONLY", SLC_ERR_SERVER, "it is a read-only replica: give the URL of the master"},
    {"LOADING", SLC_ERR_SERVER, "it is still reading its data from disk: try again shortly"},
    {"MISCONF", SLC_ERR_SERVER,
     "it cannot save to its disk and refuses to write: look at its log and its free disk space"},
    {"MASTERDOWN", SLC_ERR_SERVER,
     "it is a replica that lost its master: bring the master back or give another URL"},
    {"NOREPLICAS", SLC_ERR_SERVER, "too few of its replicas are connected: check them"},
    {"BUSY", SLC_ERR_SERVER, "a script keeps it busy: wait, or end it with SCRIPT KILL"},
    {"CLUSTERDOWN", SLC_ERR_SERVER, "its cluster is down: check CLUSTER INFO"},
    {"TRYAGAIN", SLC_ERR_SERVER, "its cluster is moving keys: try again shortly"},
    {"MOVED", SLC_ERR_SERVER,
     "it is part of a cluster and this key lives elsewhere: give the URL of a single server"},
    {"ASK", SLC_ERR_SERVER,
     "it is part of a cluster and this key lives elsewhere: give the URL of a single server"},
    {"CROSSSLOT", SLC_ERR_SERVER, "it is part of a cluster: give the URL of a single server"},
    {"EXECABORT", SLC_ERR_SERVER, "a command of the transaction was refused; nothing was changed"},
    {"ERR unknown command", SLC_ERR_SERVER,
     "the server is too old, or the command is renamed or disabled there"},
};

/* What the server wrote, without what it repeats of the command: that may hold
 * a row's values or a password. */
static struct slc_str presentable(struct slc_str text)
{
    static const char *const echoes[] = {", with args beginning with", " with args"};

    for (size_t i = 0; i < sizeof(echoes) / sizeof(echoes[0]); i++) {
        const char *at =
            text.len ? memmem(text.data, text.len, echoes[i], strlen(echoes[i])) : NULL;

        if (at)
            text.len = (size_t)(at - text.data);
    }
    size_t valid = slc_utf8_valid_prefix(text.data, text.len);
    return slc_utf8_clip((struct slc_str){.data = text.data, .len = valid}, 300);
}

static bool starts_with(struct slc_str text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.data, prefix, len) == 0 &&
           (text.len == len || text.data[len] == ' ' || strchr(prefix, ' '));
}

bool slc_reply_fail(struct slc_str error_text, const char *where, struct slc_error *error)
{
    struct slc_str text = presentable(error_text);

    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (starts_with(error_text, meanings[i].prefix))
            return slc_fail(error, meanings[i].code, "Redis at %.200s refused: %.*s; %s", where,
                            SLC_STR_ARG(text), meanings[i].advice);
    return slc_fail(error, SLC_ERR_SERVER, "Redis at %.200s answered with an error: %.*s", where,
                    SLC_STR_ARG(text));
}

bool slc_reply_check(const struct slc_reply *reply, const char *where, struct slc_error *error)
{
    if (reply->type == SLC_REPLY_ERROR)
        return slc_reply_fail(reply->text, where, error);
    for (size_t i = 0; i < reply->count; i++)
        if (!slc_reply_check(&reply->items[i], where, error))
            return false;
    return true;
}
