/* What a worker was handed by Redis. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "job/worker_internal.h"

enum { TAKEN_ITEMS = 13 };

void slc_taken_release(struct slc_taken *taken)
{
    slc_reply_free(taken->reply);
    slc_record_release(&taken->record);
    *taken = (struct slc_taken){0};
}

bool slc_taken_parse(struct slc_reply *reply, const char *load_id, struct slc_taken *ret_taken,
                     struct slc_error *error)
{
    const struct slc_reply *items = reply->items;
    struct slc_taken taken = {.reply = reply, .taken_usec = slc_monotonic_usec()};
    int64_t attempts;

    if (reply->type != SLC_REPLY_ARRAY || reply->count != TAKEN_ITEMS) {
        slc_reply_free(reply);
        return slc_fail(error, SLC_ERR_SERVER, "Redis answered a script with something else");
    }
    attempts = items[4].integer;
    taken.job = items[0].text;
    taken.stream = items[1].text;
    taken.entry = items[2].text;
    *slc_write_int64(taken.token, items[3].integer) = '\0';
    taken.attempts = attempts < 1 || attempts > 1000000 ? 1000000 : (int)attempts;
    taken.retaken = items[5].integer == 1;
    taken.earlier = items[7].text;
    taken.settle = items[8].text;
    taken.force = slc_str_is(items[9].text, "1");
    taken.home = items[10].text;
    taken.ready = slc_str_is(items[11].text, "1");
    (void)slc_parse_int64(items[12].text.data, items[12].text.len, &taken.redis_usec);
    snprintf(taken.load_id, sizeof(taken.load_id), "%s", load_id);
    if (!slc_record_parse(items[6].text, &taken.record, error)) {
        slc_reply_free(reply);
        return false;
    }
    *ret_taken = taken;
    return true;
}

/* "size mtime inode since first", the times by Redis' clock. */
enum { SETTLE_NUMBERS = 5 };

void slc_taken_settle(const struct slc_taken *taken, struct slc_ticket_try *attempt)
{
    int64_t numbers[SETTLE_NUMBERS] = {0}, offset = taken->taken_usec - taken->redis_usec;
    struct slc_str rest = taken->settle;

    for (size_t i = 0; i < SETTLE_NUMBERS; i++) {
        const char *space = rest.len ? memchr(rest.data, ' ', rest.len) : NULL;
        size_t len = space ? (size_t)(space - rest.data) : rest.len;

        if (!slc_parse_int64(rest.data ? rest.data : "", len, &numbers[i]))
            return;
        rest.data += space ? len + 1 : len;
        rest.len -= space ? len + 1 : len;
    }
    attempt->settle = (struct slc_settle){.seen = true,
                                          .size_bytes = numbers[0],
                                          .mtime_nsec = numbers[1],
                                          .inode = (uint64_t)numbers[2],
                                          .since_usec = numbers[3] + offset};
    attempt->first_usec = numbers[4] + offset;
}

void slc_taken_settle_text(const struct slc_taken *taken, const struct slc_ticket_try *attempt,
                           struct slc_buf *text)
{
    const struct slc_settle *settle = &attempt->settle;
    int64_t offset = taken->taken_usec - taken->redis_usec;

    slc_buf_printf(text, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
                   settle->size_bytes, settle->mtime_nsec, (int64_t)settle->inode,
                   settle->since_usec - offset, attempt->first_usec - offset);
}
