/* The registry, metadata, and removing a replica. */
#include <stdlib.h>
#include <string.h>

#include "store/exchange.h"
#include "store/store.h"

bool slc_store_no_replica(struct slc_str name, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_NOT_FOUND,
                    "there is no replica \"%.*s\"; `sluice ls` shows the ones there are",
                    name.len > 200 ? 200 : (int)name.len, name.data);
}

/* ---- The registry ---- */

bool slc_store_list(struct slc_redis *redis, struct slc_str registry_key,
                    struct slc_names *ret_names, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_names names = {0};

    if (!slc_redis_call(redis, &reply, error, SLC_STR("LRANGE"), registry_key, SLC_STR("0"),
                        SLC_STR("-1")))
        return false;
    names.names = calloc(reply->count + 1, sizeof(*names.names));
    for (size_t i = 0; names.names && i < reply->count; i++) {
        names.names[i] = slc_str_dup(reply->items[i].text);
        if (!names.names[i]) {
            slc_store_names_release(&names);
            break;
        }
        names.n_names++;
    }
    if (!names.names)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the list of replicas");
    *ret_names = names;
    return true;
}

void slc_store_names_release(struct slc_names *names)
{
    if (!names)
        return;
    for (int64_t i = 0; i < names->n_names; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct slc_names){0};
}

bool slc_store_register(struct slc_redis *redis, struct slc_str registry_key, struct slc_str name,
                        struct slc_error *error)
{
    bool done;

    return slc_store_check_name(name, registry_key, error) &&
           slc_store_exec(
               redis,
               slc_redis_append_call(redis, error, SLC_STR("MULTI")) &&
                   slc_redis_append_call(redis, error, SLC_STR("LREM"), registry_key, SLC_STR("0"),
                                         name) &&
                   slc_redis_append_call(redis, error, SLC_STR("LPUSH"), registry_key, name),
               &done, NULL, error);
}

/* ---- Metadata ---- */

static bool meta_copy(struct slc_meta *meta, struct slc_meta_field *field, struct slc_str name,
                      const struct slc_reply *value)
{
    field->name = slc_arena_copy(&meta->arena, name).data;
    field->value = (struct slc_str){0};
    if (value->type == SLC_REPLY_STRING)
        field->value = slc_arena_copy(&meta->arena, value->text);
    return field->name && (value->type != SLC_REPLY_STRING || field->value.data);
}

static bool meta_fill(struct slc_meta *meta, const struct slc_reply *reply,
                      const char *const *wanted, int64_t n_wanted)
{
    size_t count = n_wanted > 0 ? reply->count : reply->count / 2;

    meta->fields = slc_arena_calloc(&meta->arena, count + 1, sizeof(*meta->fields));
    if (!meta->fields)
        return false;
    for (size_t i = 0; i < count && (n_wanted <= 0 || i < (size_t)n_wanted); i++) {
        const struct slc_reply *value = &reply->items[n_wanted > 0 ? i : 2 * i + 1];
        struct slc_str name = n_wanted > 0 ? slc_str_from(wanted[i]) : reply->items[2 * i].text;

        if (!meta_copy(meta, &meta->fields[i], name, value))
            return false;
        meta->n_fields++;
    }
    return true;
}

static bool append_meta_query(struct slc_redis *redis, struct slc_arena *arena, struct slc_str key,
                              const char *const *wanted, int64_t n_wanted, struct slc_error *error)
{
    struct slc_str *argv;

    if (n_wanted <= 0)
        return slc_redis_append_call(redis, error, SLC_STR("HGETALL"), key);
    argv = slc_arena_calloc(arena, (size_t)n_wanted + 2, sizeof(*argv));
    if (!argv)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a replica's metadata");
    argv[0] = SLC_STR("HMGET");
    argv[1] = key;
    for (int64_t i = 0; i < n_wanted; i++)
        argv[i + 2] = slc_str_from(wanted[i]);
    return slc_redis_append(redis, (size_t)n_wanted + 2, argv, error);
}

bool slc_store_meta(struct slc_redis *redis, struct slc_str name, const char *const *wanted,
                    int64_t n_wanted, struct slc_meta *ret_meta, struct slc_error *error)
{
    struct slc_meta meta = {0};
    struct slc_reply *replies[2] = {0};
    struct slc_str key = slc_store_meta_key(&meta.arena, name);
    bool good;

    good =
        slc_store_joined(key, error) &&
        slc_store_replies(redis,
                          slc_redis_append_call(redis, error, SLC_STR("EXISTS"), key) &&
                              append_meta_query(redis, &meta.arena, key, wanted, n_wanted, error),
                          replies, 2, error);
    if (good && replies[0]->integer != 1)
        good = slc_store_no_replica(name, error);
    if (good && !meta_fill(&meta, replies[1], wanted, n_wanted))
        good = slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a replica's metadata");
    slc_reply_free(replies[0]);
    slc_reply_free(replies[1]);
    if (!good) {
        slc_meta_release(&meta);
        return false;
    }
    *ret_meta = meta;
    return true;
}

void slc_meta_release(struct slc_meta *meta)
{
    if (!meta)
        return;
    slc_arena_release(&meta->arena);
    *meta = (struct slc_meta){0};
}

struct slc_str slc_meta_get(const struct slc_meta *meta, const char *name)
{
    for (int64_t i = 0; i < meta->n_fields; i++)
        if (strcmp(meta->fields[i].name, name) == 0)
            return meta->fields[i].value;
    return (struct slc_str){0};
}

/* ---- Removing ---- */

/* Under watch: the name is a replica's, so that nothing else is removed. */
static bool check_replica(struct slc_redis *redis, struct slc_str registry_key, struct slc_str name,
                          struct slc_str meta_key, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *exists = NULL, *registered = NULL;

    if (!slc_redis_call(redis, NULL, error, SLC_STR("WATCH"), registry_key, meta_key) ||
        !slc_redis_call(redis, &exists, error, SLC_STR("EXISTS"), meta_key))
        return false;
    if (exists->integer > 0)
        return true;
    if (!slc_redis_call(redis, &registered, error, SLC_STR("LRANGE"), registry_key, SLC_STR("0"),
                        SLC_STR("-1")))
        return false;
    for (size_t i = 0; i < registered->count; i++)
        if (slc_str_eq(registered->items[i].text, name))
            return true;
    return slc_store_no_replica(name, error);
}

static bool append_drop(struct slc_redis *redis, struct slc_str registry_key, struct slc_str name,
                        struct slc_str meta_key, enum slc_drop what, struct slc_error *error)
{
    bool good = slc_redis_append_call(redis, error, SLC_STR("MULTI")) &&
                slc_redis_append_call(redis, error, SLC_STR("UNLINK"), name);

    if (good && what == SLC_DROP_ALL)
        good =
            slc_redis_append_call(redis, error, SLC_STR("UNLINK"), meta_key) &&
            slc_redis_append_call(redis, error, SLC_STR("LREM"), registry_key, SLC_STR("0"), name);
    return good;
}

/* Without a transaction, for a server that is out of memory and refuses one:
 * removing is what helps it. Rows and metadata go together all the same. */
static bool drop_plainly(struct slc_redis *redis, struct slc_str registry_key, struct slc_str name,
                         struct slc_str meta_key, enum slc_drop what, struct slc_error *error)
{
    if (what == SLC_DROP_ROWS)
        return slc_redis_call(redis, NULL, error, SLC_STR("UNLINK"), name);
    return slc_redis_call(redis, NULL, error, SLC_STR("UNLINK"), name, meta_key) &&
           slc_redis_call(redis, NULL, error, SLC_STR("LREM"), registry_key, SLC_STR("0"), name);
}

bool slc_store_drop(struct slc_redis *redis, struct slc_str registry_key, struct slc_str name,
                    enum slc_drop what, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_str meta_key = slc_store_meta_key(&arena, name);
    struct slc_error reason;
    bool done = false;

    if (!slc_store_check_name(name, registry_key, error) || !slc_store_joined(meta_key, error))
        return false;
    for (int i = 0; i < SLC_STORE_ATTEMPTS && !done; i++) {
        if (!check_replica(redis, registry_key, name, meta_key, error)) {
            if (slc_redis_is_idle(redis))
                (void)slc_redis_call(redis, NULL, NULL, SLC_STR("UNWATCH"));
            return false;
        }
        if (slc_store_exec(redis, append_drop(redis, registry_key, name, meta_key, what, &reason),
                           &done, NULL, &reason))
            continue;
        if (reason.code == SLC_ERR_SERVER && slc_redis_is_idle(redis))
            return drop_plainly(redis, registry_key, name, meta_key, what, error);
        if (error)
            *error = reason;
        return false;
    }
    return done || slc_fail(error, SLC_ERR_SERVER,
                            "the replica \"%.*s\" is being loaded over and over; try again",
                            SLC_STR_ARG(name));
}
