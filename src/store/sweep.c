/* Removing what dead loads left. */
#include "store/announce.h"
#include "store/exchange.h"
#include "store/garbage.h"
#include "store/store.h"

bool slc_store_sweep(struct slc_redis *redis, struct slc_str registry_key,
                     bool (*is_dead)(struct slc_str owner, int64_t started_usec, void *context),
                     void *context, int64_t *ret_swept, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str hash = slc_store_staging_hash(&arena, registry_key);
    int64_t n_swept = 0;

    if (!slc_store_joined(hash, error) ||
        !slc_redis_call(redis, &reply, error, SLC_STR("HGETALL"), hash))
        return false;
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        struct slc_announcement announcement;

        /* What is no announcement was not put there by a load. */
        if (!slc_load_id_is_valid(reply->items[i].text) ||
            !slc_announcement_parse(&arena, reply->items[i + 1].text, &announcement) ||
            !is_dead(announcement.owner, announcement.started_usec, context))
            continue;
        if (!slc_load_remove(redis, registry_key, reply->items[i].text, announcement.name,
                             announcement.document, error))
            return false;
        n_swept++;
    }
    if (ret_swept)
        *ret_swept = n_swept;
    return slc_garbage_collect_all(redis, registry_key, error);
}
