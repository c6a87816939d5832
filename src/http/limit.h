/* Rate limits per client and endpoint.
 *
 * Counting is the fixed window of Python's `limits` library, which slowapi uses:
 * a window begins with the first hit of a key and all hits until it ends count.
 * The counters live behind a small ops struct: in memory here, or shared in
 * Redis by another layer; while the shared ones fail, memory counts. */
#ifndef SLC_HTTP_LIMIT_H
#define SLC_HTTP_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "http/response.h"

struct slc_rate {
    int64_t amount;     /* hits per window; 0 is no limit */
    int64_t window_sec; /* at least 1 unless amount is 0 */
};

/* "10/second", "100 per 5 minutes", "5/day"; "0" (or "0/second") is none.
 * Units second, minute, hour, day, with or without 's'. Errors: CONFIG. */
bool slc_rate_parse(struct slc_str text, struct slc_rate *ret_rate, struct slc_error *error);

/* "10 per 1 second", as slowapi says it. */
enum { SLC_RATE_TEXT_BYTES = 64 };
void slc_rate_format(const struct slc_rate *rate, char text[SLC_RATE_TEXT_BYTES]);

/* Where the counters are. */
struct slc_limit_ops {
    /* Count one hit of `key` (printable text, at most SLC_LIMIT_KEY_BYTES) in
     * its window, starting one of `window_sec` when there is none. Gives the
     * count including this one and the time the window ends (by the clock of
     * `now_usec`). False when the counters cannot be reached. Any thread. */
    bool (*hit)(void *state, struct slc_str key, int64_t window_sec, int64_t now_usec,
                int64_t *ret_count, int64_t *ret_end_usec, struct slc_error *error);
    void (*free)(void *state); /* may be NULL */
};

enum { SLC_LIMIT_KEY_BYTES = 256 };

/* Counters in this process: at most `max_keys`, the oldest window is dropped
 * for a new one. NULL when memory ran out. Use with slc_limit_memory_ops. */
extern const struct slc_limit_ops slc_limit_memory_ops;
void *slc_limit_memory_new(size_t max_keys);

struct slc_limits;

struct slc_limits_options {
    struct slc_rate rate;
    const struct slc_limit_ops *shared; /* NULL: count in memory only */
    void *shared_state; /* owned by the limits from a successful slc_limits_new() on */
    size_t memory_keys; /* 0 means 65536 */
    int64_t (*clock)(void *clock_state); /* microseconds since 1970; NULL: windows go by
                                            slc_monotonic_usec(), which is never set */
    void *clock_state;
};

/* NULL when memory ran out. */
struct slc_limits *slc_limits_new(const struct slc_limits_options *options);
void slc_limits_free(struct slc_limits *limits);

/* There is a limit; false for NULL. */
bool slc_limits_count(const struct slc_limits *limits);

struct slc_limit_state {
    struct slc_rate rate;
    bool exceeded;
    int64_t remaining;       /* hits left in this window */
    int64_t reset_unix_sec;  /* when the window is over, rounded up as slowapi does */
    int64_t retry_after_sec; /* at least 1 */
};

/* Count one call of `endpoint` ("GET /register_replicas") by `client`. Never
 * fails: see above. Without a limit nothing is counted and .rate.amount is 0. */
void slc_limits_hit(struct slc_limits *limits, struct slc_str client, struct slc_str endpoint,
                    struct slc_limit_state *ret_state);

/* x-ratelimit-limit, -remaining, -reset and, when exceeded, retry-after. */
void slc_limit_headers(const struct slc_limit_state *state, struct slc_http_response *response);

#endif
