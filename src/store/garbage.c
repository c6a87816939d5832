#include "store/garbage.h"

#include "store/announce.h"
#include "store/exchange.h"
#include "store/layout.h"
#include "store/meta_copy.h"
#include "store/plain.h"

bool slc_garbage_note(struct slc_arena *arena, struct slc_str name, struct slc_str document,
                      struct slc_str *ret, struct slc_error *error)
{
    SLC_AUTO_PLACE struct slc_layout_place place = {0};

    *ret = (struct slc_str){0};
    /* What this version cannot read it cannot remove either; a newer one can. */
    if (slc_layout_read(name, document, &place, NULL) && place.layout->staged)
        return true;
    *ret = slc_announcement_text(
        arena,
        &(struct slc_announcement){.name = name, .owner = SLC_STR(""), .document = document});
    return slc_store_joined(*ret, error);
}

bool slc_garbage_remove_rows(struct slc_redis *redis, struct slc_str name, struct slc_str document,
                             struct slc_error *error)
{
    SLC_AUTO_PLACE struct slc_layout_place place = {0};
    SLC_AUTO_REDIS struct slc_redis *own = NULL;
    int64_t cursor = 0;
    bool done = false;

    /* What is not ours is not touched, whatever the document says. */
    if (!slc_layout_read(name, document, &place, NULL) || !place.layout->remove ||
        !slc_layout_owns_prefix(redis, &place))
        return true;
    /* Plain names are removed in transactions. */
    if (place.staged.len > 0 && !(redis = slc_store_owner(redis, name, &own, error)))
        return false;
    while (!done)
        if (!place.layout->remove(redis, &place, &cursor, &done, error))
            return false;
    return true;
}

bool slc_store_is_current(struct slc_redis *redis, struct slc_str name, struct slc_str load_id,
                          bool *ret, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str meta_key = slc_store_meta_key(&arena, redis, name);

    if (!slc_store_joined(meta_key, error) ||
        !slc_redis_append_call(redis, error, SLC_STR("HMGET"), meta_key, SLC_STR("LOAD_ID"),
                               SLC_STR("LAYOUT")) ||
        !slc_redis_read(redis, &reply, error))
        return false;
    /* Rows are removed when the answer is no: only what is certain is one. */
    if (reply->type == SLC_REPLY_ERROR && !slc_store_is_wrong_type(reply))
        return slc_reply_fail(reply->text, slc_redis_where(redis), error);
    *ret = reply->count == 2 && slc_str_eq(reply->items[0].text, load_id) &&
           reply->items[1].type == SLC_REPLY_STRING;
    return true;
}

bool slc_garbage_collect(struct slc_redis *redis, struct slc_str garbage_hash,
                         struct slc_str load_id, struct slc_str note, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_PLACE struct slc_layout_place place = {0};
    struct slc_announcement what;
    bool current = false;

    if (!slc_load_id_is_valid(load_id) || !slc_announcement_parse(&arena, note, &what))
        return true; /* not put there by a load */
    if (!slc_layout_read(what.name, what.document, &place, NULL))
        return true; /* a newer version's: that one knows its keys */
    if (!slc_store_is_current(redis, what.name, load_id, &current, error))
        return false;
    /* On a cluster the note is written before the swap, which may be under way. */
    if (current && slc_redis_is_cluster(redis))
        return true;
    /* A later load with plain names may still need to know the keys of these rows. */
    if (!current && place.staged.len > 0 && !slc_plain_finish_of(redis, what.name, error))
        return false;
    return (current || (slc_meta_copy_leave(redis, what.name, load_id, error) &&
                        slc_garbage_remove_rows(redis, what.name, what.document, error))) &&
           slc_redis_call(redis, NULL, error, SLC_STR("HDEL"), garbage_hash, load_id);
}

bool slc_garbage_collect_all(struct slc_redis *redis, struct slc_str registry_key,
                             struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str hash = slc_store_garbage_hash(&arena, registry_key);

    if (!slc_store_joined(hash, error) ||
        !slc_redis_call(redis, &reply, error, SLC_STR("HGETALL"), hash))
        return false;
    for (size_t i = 0; i + 1 < reply->count; i += 2)
        if (!slc_garbage_collect(redis, hash, reply->items[i].text, reply->items[i + 1].text,
                                 error))
            return false;
    return true;
}
