#include "store/exchange.h"

#include <string.h>

struct slc_str slc_store_join(struct slc_arena *arena, struct slc_str a, struct slc_str b,
                              struct slc_str c, struct slc_str d)
{
    const struct slc_str parts[] = {a, b, c, d};
    size_t len = a.len + b.len + c.len + d.len;
    char *text = slc_arena_bytes(arena, len + 1), *to = text;

    if (!text)
        return (struct slc_str){0};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].len)
            memcpy(to, parts[i].data, parts[i].len);
        to += parts[i].len;
    }
    *to = '\0';
    return (struct slc_str){.data = text, .len = len};
}

struct slc_str slc_store_staging_hash(struct slc_arena *arena, struct slc_str registry_key)
{
    return slc_store_join(arena, registry_key, SLC_STR(":staging"), SLC_STR(""), SLC_STR(""));
}

/* What stands for the replica's name in the keys beside NAME itself. */
static struct slc_str tagged(struct slc_arena *arena, const struct slc_redis *redis,
                             struct slc_str name)
{
    if (!slc_redis_is_cluster(redis))
        return name;
    return slc_store_join(arena, SLC_STR("{"), name, SLC_STR("}"), SLC_STR(""));
}

struct slc_str slc_store_staging_key(struct slc_arena *arena, const struct slc_redis *redis,
                                     struct slc_str registry_key, struct slc_str load_id,
                                     struct slc_str name)
{
    struct slc_str tag = tagged(arena, redis, name), tail = {0};

    if (tag.data)
        tail = slc_store_join(arena, SLC_STR(":"), tag, SLC_STR(""), SLC_STR(""));
    if (!tail.data)
        return tail;
    return slc_store_join(arena, registry_key, SLC_STR(":staging:"), load_id, tail);
}

struct slc_str slc_store_lease_key(struct slc_arena *arena, const struct slc_redis *redis,
                                   struct slc_str registry_key, struct slc_str name)
{
    struct slc_str tag = tagged(arena, redis, name);

    if (!tag.data)
        return tag;
    return slc_store_join(arena, registry_key, SLC_STR(":lease:"), tag, SLC_STR(""));
}

struct slc_str slc_store_garbage_hash(struct slc_arena *arena, struct slc_str registry_key)
{
    return slc_store_join(arena, registry_key, SLC_STR(":garbage"), SLC_STR(""), SLC_STR(""));
}

struct slc_str slc_store_meta_key(struct slc_arena *arena, const struct slc_redis *redis,
                                  struct slc_str name)
{
    struct slc_str tag = tagged(arena, redis, name);

    if (!tag.data)
        return tag;
    return slc_store_join(arena, tag, SLC_STR(".META"), SLC_STR(""), SLC_STR(""));
}

struct slc_str slc_store_rows_prefix(struct slc_arena *arena, const struct slc_redis *redis,
                                     struct slc_str name, struct slc_str load_id)
{
    struct slc_str tag = tagged(arena, redis, name);

    if (!tag.data)
        return tag;
    return slc_store_join(arena, tag, SLC_STR(":"), load_id, SLC_STR(":"));
}

struct slc_str slc_store_plain_prefix(struct slc_arena *arena, const struct slc_redis *redis,
                                      struct slc_str name)
{
    struct slc_str tag = tagged(arena, redis, name);

    if (!tag.data)
        return tag;
    return slc_store_join(arena, tag, SLC_STR(":"), SLC_STR(""), SLC_STR(""));
}

struct slc_str slc_store_staged_prefix(struct slc_arena *arena, const struct slc_redis *redis,
                                       struct slc_str name, struct slc_str load_id)
{
    struct slc_str meta = slc_store_meta_key(arena, redis, name);

    if (!meta.data)
        return meta;
    return slc_store_join(arena, meta, SLC_STR(":"), load_id, SLC_STR(":"));
}

struct slc_redis *slc_store_owner(struct slc_redis *redis, struct slc_str key,
                                  struct slc_redis **ret_own, struct slc_error *error)
{
    *ret_own = slc_redis_is_cluster(redis) ? slc_redis_open_owner(redis, key, error) : NULL;
    return slc_redis_is_cluster(redis) ? *ret_own : redis;
}

bool slc_store_joined(struct slc_str s, struct slc_error *error)
{
    return s.data || slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the name of a Redis key");
}

/* Half of a pipeline is waiting in the connection and must not be sent. */
static bool drop_half(struct slc_redis *redis)
{
    struct slc_error reason;

    slc_fail(&reason, SLC_ERR_CONNECTION, "commands were not sent in full");
    if (slc_redis_is_open(redis))
        slc_redis_break(redis, &reason);
    return false;
}

bool slc_store_replies(struct slc_redis *redis, bool good, struct slc_reply *ret[], size_t n,
                       struct slc_error *error)
{
    size_t left;

    if (!good)
        return drop_half(redis);
    while ((left = slc_redis_outstanding(redis)) > 0) {
        struct slc_reply *reply = NULL;

        if (!slc_redis_read(redis, &reply, good ? error : NULL))
            return false;
        if (good && reply->type == SLC_REPLY_ERROR)
            good = slc_reply_fail(reply->text, slc_redis_where(redis), error);
        if (left <= n)
            ret[n - left] = reply;
        else
            slc_reply_free(reply);
    }
    return good;
}

bool slc_store_exec(struct slc_redis *redis, bool good, bool *ret_done,
                    struct slc_reply **ret_results, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *results = NULL;

    good = good && slc_redis_append_call(redis, error, SLC_STR("EXEC"));
    if (!slc_store_replies(redis, good, &results, 1, error))
        return false;
    if (!results)
        return slc_fail(error, SLC_ERR_INTERNAL, "a transaction without commands was run");
    *ret_done = results->type == SLC_REPLY_ARRAY;
    /* A command can fail inside of EXEC although it was queued. */
    if (!slc_reply_check(results, slc_redis_where(redis), error))
        return false;
    if (ret_results) {
        *ret_results = results;
        results = NULL;
    }
    return true;
}

bool slc_store_unwatch(struct slc_redis *redis)
{
    if (slc_redis_is_idle(redis))
        (void)slc_redis_call(redis, NULL, NULL, SLC_STR("UNWATCH"));
    return false;
}

bool slc_store_is_wrong_type(const struct slc_reply *reply)
{
    return reply->type == SLC_REPLY_ERROR && reply->text.len >= 9 &&
           memcmp(reply->text.data, "WRONGTYPE", 9) == 0;
}

static bool expect_type(const struct slc_store_type *wanted, const struct slc_reply *reply,
                        struct slc_error *error)
{
    struct slc_str key = wanted->key;

    if (slc_reply_is(reply, "none") || slc_reply_is(reply, wanted->type))
        return true;
    return slc_fail(error, SLC_ERR_CONFLICT,
                    "the Redis key \"%.*s\" holds a %.*s, where a %s would stand; rename or remove "
                    "it, or choose another name",
                    key.len > 200 ? 200 : (int)key.len, key.data, SLC_STR_ARG(reply->text),
                    wanted->type);
}

bool slc_store_expect_types(struct slc_redis *redis, const struct slc_store_type *keys, size_t n,
                            struct slc_error *error)
{
    struct slc_reply *replies[SLC_STORE_TYPES_MAX] = {0};
    bool good = n <= SLC_STORE_TYPES_MAX;

    for (size_t i = 0; good && i < n; i++)
        good = slc_redis_append_call(redis, error, SLC_STR("TYPE"), keys[i].key);
    good = slc_store_replies(redis, good, replies, n, error);
    for (size_t i = 0; i < n; i++) {
        good = good && expect_type(&keys[i], replies[i], error);
        slc_reply_free(replies[i]);
    }
    return good;
}

/* Measured: Redis 7.0 takes about 300 bytes a microsecond, with all that belongs
 * to it, off a socket and into a hash. */
size_t slc_store_block_bytes(int64_t max_block_usec)
{
    enum { BYTES_PER_USEC = 200, LEAST = 4 << 10, MOST = 16 << 20 };
    int64_t bytes = (max_block_usec > 0 ? max_block_usec : SLC_STORE_BLOCK_USEC) * BYTES_PER_USEC;

    return (size_t)(bytes < LEAST ? LEAST : bytes > MOST ? MOST : bytes);
}
