/* How bytes reach a server: one operations struct a kind of URL.
 *
 * A stream is never blocking: an operation that cannot go on says what to wait
 * for, and the caller polls `fd` with its deadline. (TLS may have to read in
 * order to write; that is why both directions can ask for either.) */
#ifndef SLC_REDIS_TRANSPORT_H
#define SLC_REDIS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"
#include "redis/url.h"

struct slc_stream {
    int fd;      /* -1 when closed */
    void *state; /* the transport's own */
    /* Set by the transport. */
    bool has_unread;  /* bytes are there that poll(2) does not see */
    short also_wants; /* POLLOUT: a read cannot go on before a write */
    bool is_refused;  /* FAILED: the peer refused us, and would again */
    char reason[160]; /* FAILED: why, where errno cannot say; else "" */
};

/* What read and write return when nothing was moved. */
enum {
    SLC_STREAM_WANT_READ = -1,  /* poll for POLLIN, then call again */
    SLC_STREAM_WANT_WRITE = -2, /* poll for POLLOUT, then call again */
    SLC_STREAM_FAILED = -3,     /* errno says why */
};

struct slc_transport {
    const char *name;
    /* Connect before `deadline_usec` (slc_monotonic_usec() time). On failure
     * nothing is left open. Errors: CONNECTION, TIMEOUT, CONFIG. */
    bool (*connect)(struct slc_stream *stream, const struct slc_redis_url *url,
                    int64_t deadline_usec, struct slc_error *error);
    /* Bytes read, 0 when the peer ended the stream, or one of the above. */
    ssize_t (*read)(struct slc_stream *stream, void *to, size_t len);
    /* Bytes written (more than 0), or one of the above. Never raises SIGPIPE. */
    ssize_t (*write)(struct slc_stream *stream, const struct iovec *parts, int count);
    /* Closes; a closed stream is allowed. */
    void (*close)(struct slc_stream *stream);
};

/* The transport for a kind of URL. */
const struct slc_transport *slc_transport_find(enum slc_redis_kind kind);

/* Why an operation FAILED with this errno: CONNECTION, or AUTH when the peer
 * refused us. `what` begins the message. Always returns false. */
bool slc_stream_fail(const struct slc_stream *stream, int errno_value, const char *what,
                     struct slc_error *error);

/* Poll the stream for `events` until the deadline; `ret_events` (may be NULL)
 * gets what happened. Returns 1 when something did, 0 when the time is up,
 * negative (errno) when poll failed. */
int slc_stream_wait(const struct slc_stream *stream, short events, int64_t deadline_usec,
                    short *ret_events);

/* Milliseconds left for poll(2), rounded up, 0 when the deadline has passed. */
int slc_deadline_left_ms(int64_t deadline_usec);

#endif
