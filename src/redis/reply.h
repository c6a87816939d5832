/* One reply of a Redis server, and what an error reply means.
 *
 * Size, number of elements and nesting are bounded whatever the peer sends, and
 * memory grows with what came, not with what was announced. */
#ifndef SLC_REDIS_REPLY_H
#define SLC_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

enum slc_reply_type {
    SLC_REPLY_NIL = 0,
    SLC_REPLY_INTEGER,
    SLC_REPLY_STRING,
    SLC_REPLY_STATUS, /* "OK", "QUEUED", ... */
    SLC_REPLY_ERROR,
    SLC_REPLY_ARRAY,
};

struct slc_reply {
    enum slc_reply_type type;
    int64_t integer;         /* INTEGER */
    struct slc_str text;     /* STRING, STATUS, ERROR: owned, a NUL behind it */
    struct slc_reply *items; /* ARRAY: owned, `count` of them */
    size_t count;
};

#define SLC_AUTO_REPLY SLC_CLEANUP(slc_reply_freep)

/* Frees a reply that slc_redis_command() or slc_redis_read() handed out (never
 * one of its items). NULL is allowed. */
void slc_reply_free(struct slc_reply *reply);

/* Free what a reply holds, not the reply itself, which is NIL afterwards. */
void slc_reply_release(struct slc_reply *reply);

static inline void slc_reply_freep(struct slc_reply **reply)
{
    slc_reply_free(*reply);
}

/* STRING or STATUS of this very text. */
bool slc_reply_is(const struct slc_reply *reply, const char *text);

/* Say what an error reply (its text without the '-') means:
 *   AUTH      NOAUTH, WRONGPASS, NOPERM, DENIED: the login is missing or wrong
 *   CONFLICT  WRONGTYPE: a key of another kind stands where ours should
 *   CONFIG    a database number that the server does not have
 *   SERVER    all else, with what to do about OOM, READONLY, LOADING, ...
 * Always returns false. The arguments of the command are not repeated. */
bool slc_reply_fail(struct slc_str error_text, const char *where, struct slc_error *error);

/* True when no ERROR is in the reply, at any depth; else slc_reply_fail() with
 * the first one. For the array that EXEC answers. */
bool slc_reply_check(const struct slc_reply *reply, const char *where, struct slc_error *error);

/* A reader of replies from bytes as they come, RESP2 or RESP3 alike (see
 * reply_reader.c for what RESP3's types become). Not for use by two threads. */
struct slc_reply_reader;

/* `max_bytes` bounds one reply. NULL when memory ran out. */
struct slc_reply_reader *slc_reply_reader_new(size_t max_bytes);
void slc_reply_reader_free(struct slc_reply_reader *reader);

/* Take in bytes. Errors: CONNECTION (more than the bound), MEMORY. */
bool slc_reply_reader_feed(struct slc_reply_reader *reader, const char *bytes, size_t len,
                           struct slc_error *error);

/* The next whole reply (yours to free), or NULL in `*ret` when more bytes are
 * needed. Errors: CONNECTION (no RESP, too deep, too large), MEMORY; the reader
 * is of no use after one. */
bool slc_reply_reader_next(struct slc_reply_reader *reader, struct slc_reply **ret,
                           struct slc_error *error);

/* Bytes taken in and not yet part of a reply handed out. */
size_t slc_reply_reader_pending_bytes(const struct slc_reply_reader *reader);

#endif
