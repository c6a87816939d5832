/* Counting replies without building them: what the bulk writer needs to know of
 * an answer is that it came, its integer, or its error. Keeps its place between
 * any two bytes, allocates nothing, and is a single pass. */
#ifndef SLC_REDIS_SCAN_H
#define SLC_REDIS_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLC_SCAN_LINE_BYTES = 512 };

struct slc_scan {
    int64_t replies;     /* whole replies so far */
    int64_t integer_sum; /* of those that were an integer; wraps around */
    bool has_error;      /* an error reply came, alone or inside an array; scanning stopped
                            behind it */
    size_t line_len;     /* with has_error: the length of its text in `line` */
    char line[SLC_SCAN_LINE_BYTES]; /* a line that is not whole yet; longer ones are cut */

    /* Called for a reply that is an integer (not for one inside an array), with
     * its index from 0. May be NULL. */
    void (*on_integer)(void *context, int64_t reply, int64_t value);
    void *context;

    /* The scan's own. */
    enum { SLC_SCAN_TYPE, SLC_SCAN_LINE, SLC_SCAN_LF, SLC_SCAN_BULK } state;
    char type;
    bool in_array;
    bool is_aside;        /* a push or an attribute, no reply */
    uint64_t skip_bytes;  /* of a bulk string, its end of line included */
    uint64_t values_left; /* of the reply under way, this one included; 0 between replies */
};

/* Zero-initialised is a valid start. Takes in all of the bytes; false when they
 * are no RESP2 or RESP3. Stops early (true) when has_error was set. */
bool slc_scan_feed(struct slc_scan *scan, const char *bytes, size_t len);

/* Between two replies. */
static inline bool slc_scan_is_between(const struct slc_scan *scan)
{
    return scan->state == SLC_SCAN_TYPE && scan->values_left == 0;
}

#endif
