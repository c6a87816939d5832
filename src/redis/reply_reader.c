/* Reading replies: RESP2 and RESP3
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/).
 *
 * RESP3's types become what RESP2 has for the same, so that nobody else need
 * know which is spoken: a map is an array of keys and values in turn, a set an
 * array, a double or a big number its text, a boolean 0 or 1, a verbatim string
 * its text without the format. Pushes and attributes answer nothing and are
 * dropped. Streamed types, which no server sends, are refused. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "redis/reply.h"

enum {
    MAX_ELEMENTS = 1 << 24, /* of one reply: more is a mistake or an attack */
    MAX_DEPTH = 8,
    MAX_LINE_BYTES = 64 << 10,
    FIRST_ITEMS = 16,            /* memory grows with what comes, not with what is announced */
    KEEP_BUFFER_BYTES = 1 << 20, /* of a buffer that was read empty */
};

/* An array whose items are still coming. */
struct frame {
    struct slc_reply *array; /* in the items of the frame before; the first is the root's */
    size_t open;             /* items still to come */
    size_t capacity;
    bool is_dropped; /* a push or an attribute: `array` is `dropped[]` of this depth */
};

struct slc_reply_reader {
    struct slc_buf in;
    size_t pos; /* of `in`, taken */
    size_t max_bytes;
    size_t taken_bytes; /* of the reply under way */
    size_t elements;    /* of the reply under way */
    struct slc_reply *root;
    struct frame stack[MAX_DEPTH];
    struct slc_reply dropped[MAX_DEPTH];
    size_t depth;
    const char *wrong; /* why the stream is no RESP */
    bool no_memory;
};

struct slc_reply_reader *slc_reply_reader_new(size_t max_bytes)
{
    struct slc_reply_reader *reader = calloc(1, sizeof(*reader));

    if (reader)
        reader->max_bytes = max_bytes;
    return reader;
}

void slc_reply_reader_free(struct slc_reply_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < MAX_DEPTH; i++)
        slc_reply_release(&reader->dropped[i]);
    slc_reply_free(reader->root);
    slc_buf_release(&reader->in);
    free(reader);
}

size_t slc_reply_reader_pending_bytes(const struct slc_reply_reader *reader)
{
    return reader->in.len - reader->pos + (reader->root || reader->depth > 0 ? 1 : 0);
}

bool slc_reply_reader_feed(struct slc_reply_reader *reader, const char *bytes, size_t len,
                           struct slc_error *error)
{
    struct slc_buf *in = &reader->in;
    size_t pending = in->len - reader->pos;

    if (len > reader->max_bytes || pending > reader->max_bytes - len)
        return slc_fail(error, SLC_ERR_CONNECTION,
                        "the Redis server's reply is longer than %zu bytes", reader->max_bytes);
    if (pending == 0 && in->capacity > KEEP_BUFFER_BYTES)
        slc_buf_release(in);
    /* Moved rarely enough that it costs no more than taking the bytes in. */
    if (reader->pos > 0 && (pending == 0 || reader->pos > in->len / 2)) {
        if (pending)
            memmove(in->data, in->data + reader->pos, pending);
        in->len = pending;
        reader->pos = 0;
    }
    slc_buf_append(in, bytes, len);
    return !in->failed ||
           slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a Redis reply was read");
}

/* ---- Failing ---- */

static bool wrong(struct slc_reply_reader *reader, const char *what)
{
    reader->wrong = what;
    return false;
}

static bool no_memory(struct slc_reply_reader *reader)
{
    reader->no_memory = true;
    return false;
}

/* ---- The place of the next value ---- */

/* NULL when memory ran out. */
static struct slc_reply *next_place(struct slc_reply_reader *reader)
{
    struct frame *frame;

    if (reader->depth == 0) {
        reader->root = calloc(1, sizeof(*reader->root));
        return reader->root;
    }
    frame = &reader->stack[reader->depth - 1];
    if (frame->array->count == frame->capacity) {
        size_t capacity = frame->capacity ? 2 * frame->capacity : FIRST_ITEMS;
        size_t most = frame->array->count + frame->open;
        struct slc_reply *items;

        if (capacity > most)
            capacity = most;
        items = realloc(frame->array->items, capacity * sizeof(*items));
        if (!items)
            return NULL;
        frame->array->items = items;
        frame->capacity = capacity;
    }
    frame->open--;
    struct slc_reply *place = &frame->array->items[frame->array->count++];
    *place = (struct slc_reply){0};
    return place;
}

/* Close the arrays that are whole now. What was dropped is no value of the one
 * around it. */
static void close_frames(struct slc_reply_reader *reader)
{
    while (reader->depth > 0 && reader->stack[reader->depth - 1].open == 0) {
        reader->depth--;
        if (reader->stack[reader->depth].is_dropped)
            slc_reply_release(&reader->dropped[reader->depth]);
    }
}

/* ---- Values ---- */

static bool put_text(struct slc_reply_reader *reader, enum slc_reply_type type, const char *text,
                     size_t len)
{
    char *copy = malloc(len + 1);
    struct slc_reply *place = copy ? next_place(reader) : NULL;

    if (!place) {
        free(copy);
        return no_memory(reader);
    }
    if (len)
        memcpy(copy, text, len);
    copy[len] = '\0';
    place->type = type;
    place->text = (struct slc_str){.data = copy, .len = len};
    return true;
}

static bool put_integer(struct slc_reply_reader *reader, enum slc_reply_type type, int64_t value)
{
    struct slc_reply *place = next_place(reader);

    if (!place)
        return no_memory(reader);
    place->type = type;
    place->integer = value;
    return true;
}

static bool begin_array(struct slc_reply_reader *reader, char kind, int64_t count)
{
    bool is_dropped = kind == '>' || kind == '|';
    struct slc_reply *array;

    if (count < 0 || (uint64_t)count > MAX_ELEMENTS ||
        (size_t)count * (kind == '%' || kind == '|' ? 2 : 1) > MAX_ELEMENTS - reader->elements)
        return wrong(reader, "it announces too many elements");
    if (kind == '>' && reader->depth > 0)
        return wrong(reader, "a push stands inside a reply");
    if (kind == '%' || kind == '|')
        count *= 2;
    if (count > 0 && reader->depth == MAX_DEPTH)
        return wrong(reader, "it is nested too deep");
    reader->elements += (size_t)count;
    if (is_dropped && count == 0)
        return true;
    if (is_dropped) {
        array = &reader->dropped[reader->depth];
        *array = (struct slc_reply){0};
    } else {
        array = next_place(reader);
    }
    if (!array)
        return no_memory(reader);
    array->type = SLC_REPLY_ARRAY;
    if (count > 0)
        reader->stack[reader->depth++] =
            (struct frame){.array = array, .open = (size_t)count, .is_dropped = is_dropped};
    return true;
}

/* A value that is a line. */
static bool take_line(struct slc_reply_reader *reader, char kind, struct slc_str line)
{
    int64_t number = 0;

    switch (kind) {
    case '+':
        return put_text(reader, SLC_REPLY_STATUS, line.data, line.len);
    case '-':
        return put_text(reader, SLC_REPLY_ERROR, line.data, line.len);
    case ',':
    case '(':
        return put_text(reader, SLC_REPLY_STRING, line.data, line.len);
    case '_':
        return line.len == 0 ? put_integer(reader, SLC_REPLY_NIL, 0)
                             : wrong(reader, "a null has a value");
    case '#':
        if (!slc_str_is(line, "t") && !slc_str_is(line, "f"))
            return wrong(reader, "a boolean is neither true nor false");
        return put_integer(reader, SLC_REPLY_INTEGER, line.data[0] == 't');
    default:
        break;
    }
    if (!slc_parse_int64(line.data, line.len, &number))
        return wrong(reader, "a number is none");
    if (kind == ':')
        return put_integer(reader, SLC_REPLY_INTEGER, number);
    if (kind == '*' && number == -1)
        return put_integer(reader, SLC_REPLY_NIL, 0);
    return begin_array(reader, kind, number);
}

/* The bulk string of `len` bytes at `at`. */
static bool put_bulk(struct slc_reply_reader *reader, char kind, const char *at, size_t len)
{
    if (at[len] != '\r' || at[len + 1] != '\n')
        return wrong(reader, "a string does not end where it should");
    if (kind == '=' && (len < 4 || at[3] != ':'))
        return wrong(reader, "a verbatim string has no format");
    if (kind == '=')
        return put_text(reader, SLC_REPLY_STRING, at + 4, len - 4);
    return put_text(reader, kind == '!' ? SLC_REPLY_ERROR : SLC_REPLY_STRING, at, len);
}

/* One value. `*ret_more`: more bytes are needed, and nothing was taken. */
static bool take_value(struct slc_reply_reader *reader, bool *ret_more)
{
    const char *at = reader->in.data + reader->pos;
    size_t left = reader->in.len - reader->pos, taken;
    const char *cr = left > 1 ? memchr(at + 1, '\r', left - 1) : NULL;
    struct slc_str line;
    int64_t len = 0;
    bool good;

    if (left > 0 && !memchr("+-:$*_#,(=!%~>|", *at, 15))
        return wrong(reader, "it begins with no known type");
    if ((cr ? (size_t)(cr - at) : left) > MAX_LINE_BYTES)
        return wrong(reader, "a line is too long");
    *ret_more = !cr || (size_t)(cr - at) + 2 > left;
    if (*ret_more)
        return true;
    if (cr[1] != '\n')
        return wrong(reader, "a line does not end as it should");
    line = (struct slc_str){.data = at + 1, .len = (size_t)(cr - at - 1)};
    taken = line.len + 3;
    if (*at == '$' || *at == '=' || *at == '!') {
        if (!slc_parse_int64(line.data, line.len, &len) || len < -1 || (len < 0 && *at != '$'))
            return wrong(reader, "a string's length is none");
        if (len >= 0 && (uint64_t)len > reader->max_bytes)
            return wrong(reader, "a string is too long");
        *ret_more = len >= 0 && left - taken < (size_t)len + 2;
        if (*ret_more)
            return true;
        good = len < 0 ? put_integer(reader, SLC_REPLY_NIL, 0)
                       : put_bulk(reader, *at, cr + 2, (size_t)len);
        taken += len < 0 ? 0 : (size_t)len + 2;
    } else {
        good = take_line(reader, *at, line);
    }
    reader->pos += taken;
    reader->taken_bytes += taken;
    return good && (reader->taken_bytes <= reader->max_bytes || wrong(reader, "it is too long"));
}

bool slc_reply_reader_next(struct slc_reply_reader *reader, struct slc_reply **ret,
                           struct slc_error *error)
{
    bool more = false;

    *ret = NULL;
    while (!reader->wrong && !reader->no_memory && !more) {
        if (!take_value(reader, &more) || more)
            break;
        close_frames(reader);
        if (reader->depth > 0)
            continue;
        reader->elements = reader->taken_bytes = 0;
        if (reader->root) {
            *ret = reader->root;
            reader->root = NULL;
            return true;
        }
    }
    if (reader->no_memory)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while a Redis reply was read");
    return !reader->wrong ||
           slc_fail(error, SLC_ERR_CONNECTION,
                    "what the server answers is no Redis protocol (%s); is a Redis server "
                    "listening there, and with TLS only for rediss://?",
                    reader->wrong);
}
