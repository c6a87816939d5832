#include "store/meta_copy.h"

#include "base/arena.h"
#include "store/exchange.h"

/* NAME.META; data NULL and MEMORY when there is none left for it. */
static struct slc_str copy_key(struct slc_arena *arena, struct slc_str name,
                               struct slc_error *error)
{
    struct slc_str key = slc_store_join(arena, name, SLC_STR(".META"), SLC_STR(""), SLC_STR(""));

    (void)slc_store_joined(key, error);
    return key;
}

/* MULTI and all that makes the copy of `meta`, [field, value, ...]. */
static bool append_copy(struct slc_redis *owner, struct slc_arena *arena, struct slc_str key,
                        struct slc_str meta_key, const struct slc_reply *meta,
                        struct slc_error *error)
{
    struct slc_str *argv = slc_arena_calloc(arena, meta->count + 4, sizeof(*argv));
    size_t argc = 0;

    if (!argv)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a replica's metadata");
    argv[argc++] = SLC_STR("HSET");
    argv[argc++] = key;
    argv[argc++] = SLC_STR(SLC_META_COPY_OF);
    argv[argc++] = meta_key;
    for (size_t i = 0; i < meta->count; i++)
        argv[argc++] = meta->items[i].text;
    return slc_redis_append_call(owner, error, SLC_STR("MULTI")) &&
           slc_redis_append_call(owner, error, SLC_STR("UNLINK"), key) &&
           (meta->count == 0 || slc_redis_append(owner, argc, argv, error));
}

/* One try on the copy's master; `*ret_done` false when the copy changed
 * meanwhile. It is watched before the metadata are read: who writes it in
 * between has read them later than who wrote it before. */
static bool write_once(struct slc_redis *redis, struct slc_redis *owner, struct slc_str name,
                       bool *ret_done, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *meta = NULL;
    struct slc_str key = copy_key(&arena, name, error);
    struct slc_str meta_key = slc_store_meta_key(&arena, redis, name);

    if (!key.data || !slc_store_joined(meta_key, error))
        return false;
    if (!slc_redis_call(owner, NULL, error, SLC_STR("WATCH"), key) ||
        !slc_store_expect_types(owner, &(struct slc_store_type){key, "hash"}, 1, error) ||
        !slc_redis_call(redis, &meta, error, SLC_STR("HGETALL"), meta_key))
        return slc_store_unwatch(owner);
    return slc_store_exec(owner, append_copy(owner, &arena, key, meta_key, meta, error), ret_done,
                          NULL, error);
}

bool slc_meta_copy_write(struct slc_redis *redis, struct slc_str name, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REDIS struct slc_redis *own = NULL;
    struct slc_redis *owner;
    struct slc_str key;
    bool done = false;

    if (!slc_redis_is_cluster(redis))
        return true;
    key = copy_key(&arena, name, error);
    if (!key.data || !(owner = slc_store_owner(redis, key, &own, error)))
        return false;
    for (int i = 0; i < SLC_STORE_ATTEMPTS && !done; i++)
        if (!write_once(redis, owner, name, &done, error))
            return false;
    return done || slc_fail(error, SLC_ERR_CONFLICT,
                            "the copy of the metadata of \"%.*s\" kept changing; try again",
                            SLC_STR_ARG(name));
}

bool slc_meta_copy_leave(struct slc_redis *redis, struct slc_str name, struct slc_str load_id,
                         struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str key;

    if (!slc_redis_is_cluster(redis))
        return true;
    key = copy_key(&arena, name, error);
    if (!key.data ||
        !slc_redis_append_call(redis, error, SLC_STR("HGET"), key, SLC_STR("LOAD_ID")) ||
        !slc_redis_read(redis, &reply, error))
        return false;
    if (reply->type == SLC_REPLY_ERROR && !slc_store_is_wrong_type(reply))
        return slc_reply_fail(reply->text, slc_redis_where(redis), error);
    return reply->type != SLC_REPLY_STRING || !slc_str_eq(reply->text, load_id) ||
           slc_meta_copy_write(redis, name, error);
}

bool slc_meta_copy_check(struct slc_redis *redis, struct slc_str name, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_str key;

    if (!slc_redis_is_cluster(redis))
        return true;
    key = copy_key(&arena, name, error);
    return key.data &&
           slc_store_expect_types(redis, &(struct slc_store_type){key, "hash"}, 1, error);
}
