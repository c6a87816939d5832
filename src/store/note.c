/* A word about a load, written into the replica's metadata behind it. */
#include "store/exchange.h"
#include "store/meta_copy.h"
#include "store/store.h"

/* `redis` holds the replica; `*ret_done` false when the metadata changed meanwhile. */
static bool note_once(struct slc_redis *redis, struct slc_str meta_key, struct slc_str load_id,
                      struct slc_str field, struct slc_str value, bool *ret_done,
                      struct slc_error *error)
{
    struct slc_reply *reply = NULL;
    bool mine, good;

    *ret_done = true;
    if (!slc_redis_call(redis, NULL, error, SLC_STR("WATCH"), meta_key))
        return false;
    if (!slc_redis_call(redis, &reply, error, SLC_STR("HGET"), meta_key, SLC_STR("LOAD_ID")))
        return slc_store_unwatch(redis);
    mine = reply->type == SLC_REPLY_STRING && slc_str_eq(reply->text, load_id);
    slc_reply_free(reply);
    if (!mine)
        return slc_redis_call(redis, NULL, error, SLC_STR("UNWATCH"));
    good = slc_redis_append_call(redis, error, SLC_STR("MULTI")) &&
           slc_redis_append_call(redis, error, SLC_STR("HSET"), meta_key, field, value);
    return slc_store_exec(redis, good, ret_done, NULL, error);
}

bool slc_store_note(struct slc_redis *redis, struct slc_str name, struct slc_str load_id,
                    struct slc_str field, struct slc_str value, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REDIS struct slc_redis *own = NULL;
    struct slc_str meta_key = slc_store_meta_key(&arena, redis, name);
    struct slc_redis *owner;
    bool done = false;

    if (!slc_store_joined(meta_key, error))
        return false;
    owner = slc_store_owner(redis, meta_key, &own, error);
    if (!owner)
        return false;
    for (int i = 0; i < SLC_STORE_ATTEMPTS && !done; i++)
        if (!note_once(owner, meta_key, load_id, field, value, &done, error))
            return false;
    if (!done)
        return slc_fail(error, SLC_ERR_CONFLICT,
                        "the metadata of %.*s kept changing; nothing was noted", SLC_STR_ARG(name));
    return slc_meta_copy_write(redis, name, error);
}
