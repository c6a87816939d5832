#include "job/reap.h"

#include <stdlib.h>

#include "base/time.h"
#include "job/script.h"
#include "load/owner.h"

/* A worker asks every second or renews what it has four times a lease. */
enum { LEASES_UNSEEN = 4 };

bool slc_pending_look(struct slc_redis *redis, const char *base, const char *home, int64_t lease_ms,
                      struct slc_pending_list *ret_list, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_pending_list list = {0};
    char idle[SLC_NUM_TEXT_BYTES];

    if (!slc_script_call(redis, base, &reply, error, SLC_STR("look"), slc_str_from(home),
                         slc_script_number(idle, LEASES_UNSEEN * lease_ms)))
        return false;
    list.items = calloc(reply->count + 1, sizeof(*list.items));
    if (!list.items)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the loads that are pending");
    for (size_t i = 0; reply->type == SLC_REPLY_ARRAY && i < reply->count; i++) {
        const struct slc_reply *item = &reply->items[i];

        if (item->type == SLC_REPLY_ARRAY && item->count == 4)
            list.items[list.count++] = (struct slc_pending){.stream = item->items[0].text,
                                                            .entry = item->items[1].text,
                                                            .consumer = item->items[2].text,
                                                            .idle_ms = item->items[3].integer};
    }
    list.reply = reply;
    reply = NULL;
    *ret_list = list;
    return true;
}

void slc_pending_release(struct slc_pending_list *list)
{
    slc_reply_free(list->reply);
    free(list->items);
    *list = (struct slc_pending_list){0};
}

bool slc_pending_is_dead(const struct slc_pending *pending, int64_t lease_ms)
{
    return pending->idle_ms >= lease_ms ||
           slc_owner_is_dead(pending->consumer, slc_now_usec(), NULL);
}

bool slc_pending_claim(struct slc_redis *redis, const char *base, const struct slc_pending *pending,
                       const char *consumer, const char *load_id, struct slc_reply **ret,
                       struct slc_error *error)
{
    char idle[SLC_NUM_TEXT_BYTES];

    return slc_script_call(redis, base, ret, error, SLC_STR("claim"), pending->stream,
                           pending->entry, pending->consumer,
                           slc_script_number(idle, pending->idle_ms), slc_str_from(consumer),
                           slc_str_from(load_id));
}
