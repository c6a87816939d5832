/* Inside job: loads of workers that are gone. */
#ifndef SLC_JOB_REAP_H
#define SLC_JOB_REAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "redis/connection.h"

/* A load that a consumer has taken and not ended; the texts are the reply's. */
struct slc_pending {
    struct slc_str stream, entry, consumer;
    int64_t idle_ms; /* since its lease was renewed */
};

struct slc_pending_list {
    struct slc_reply *reply;   /* owned */
    struct slc_pending *items; /* owned */
    size_t count;
};

/* What is pending in the streams that `home` ("": none, "*": all) takes from,
 * and not renewed at this very moment. Also says that this home is looked after, and forgets
 * consumers that hold nothing and have not been heard of for some leases.
 * Errors: those of redis/, MEMORY. */
bool slc_pending_look(struct slc_redis *redis, const char *base, const char *home, int64_t lease_ms,
                      struct slc_pending_list *ret_list, struct slc_error *error);
void slc_pending_release(struct slc_pending_list *list);

/* Its consumer's process has ended (as far as can be told from here), or its lease
 * has run out. */
bool slc_pending_is_dead(const struct slc_pending *pending, int64_t lease_ms);

/* Take it over; `*ret` is the answer of jobs.lua's take(). Errors: those of redis/. */
bool slc_pending_claim(struct slc_redis *redis, const char *base, const struct slc_pending *pending,
                       const char *consumer, const char *load_id, struct slc_reply **ret,
                       struct slc_error *error);

#endif
