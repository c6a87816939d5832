/* The registry, metadata, and removing a replica. */
#include <stdlib.h>
#include <string.h>

#include "base/json_check.h"
#include "store/announce.h"
#include "store/exchange.h"
#include "store/garbage.h"
#include "store/meta_copy.h"
#include "store/plain.h"
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
    SLC_AUTO_REDIS struct slc_redis *own = NULL;
    struct slc_redis *owner;
    bool done;

    if (!slc_store_check_name(name, registry_key, error) ||
        !(owner = slc_store_owner(redis, registry_key, &own, error)))
        return false;
    return slc_store_exec(
        owner,
        slc_redis_append_call(owner, error, SLC_STR("MULTI")) &&
            slc_redis_append_call(owner, error, SLC_STR("LREM"), registry_key, SLC_STR("0"),
                                  name) &&
            slc_redis_append_call(owner, error, SLC_STR("LPUSH"), registry_key, name),
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
    struct slc_str key = slc_store_meta_key(&meta.arena, redis, name);
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

bool slc_meta_is_json(const char *name, struct slc_str value)
{
    static const char *const fields[] = {
        "COLUMNS",
        "DF_SHAPE",
        "DTYPES",
        "ZERO_STD_COLS",
        "ZERO_STD_COLS_VALUES",
        "DUPLICATED_COLS",
        "MISSING_DATA_COL_NAMES",
        "MISSING_DATA_COUNT",
        "JSON_REPAIR",
        "IMPUTE",
        "SCALE",
        "PLAN",
        "DRIFT",
        "PROFILE",
        "LAYOUT",
        SLC_PLAIN_SWITCH,
        "KEY_ORDER",
        "MAIL",
        "ROWS_READ",
        "ROWS_WRITTEN",
        "ROWS_REJECTED",
        "DUPLICATE_KEYS",
        "MEMORY_BEFORE",
        "MEMORY_AFTER",
        "LOAD_SECONDS",
    };
    enum { DEPTH = 64 };
    size_t position;

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strcmp(fields[i], name) == 0)
            return value.data && slc_json_check(value, DEPTH, &position);
    return false;
}

/* ---- Removing ---- */

/* What a drop is about. */
struct drop {
    struct slc_redis *redis; /* has the replica's keys */
    struct slc_redis *home;  /* has the rest; the same but on a cluster */
    struct slc_str registry_key, name, meta_key, garbage_hash;
    enum slc_drop what;
    /* As found under watch; in `arena`. */
    struct slc_arena *arena;
    struct slc_str load_id, document, note; /* note: data NULL when the rows are NAME alone */
    bool switching;                         /* to plain names: that is finished first */
};

static struct slc_str text_of(const struct slc_reply *reply)
{
    return reply->type == SLC_REPLY_STRING ? reply->text : (struct slc_str){0};
}

/* Where its rows are, as the metadata say. */
static bool find_rows(struct drop *drop, const struct slc_reply *meta, struct slc_error *error)
{
    struct slc_str load_id = meta->count == 3 ? text_of(&meta->items[0]) : (struct slc_str){0};
    struct slc_str document = meta->count == 3 ? text_of(&meta->items[1]) : (struct slc_str){0};

    drop->switching = meta->count == 3 && slc_plain_is_switching(text_of(&meta->items[2]));
    drop->load_id = drop->document = drop->note = (struct slc_str){0};
    if (!document.data || !slc_load_id_is_valid(load_id))
        return true;
    drop->load_id = slc_arena_copy(drop->arena, load_id);
    drop->document = slc_arena_copy(drop->arena, document);
    return slc_store_joined(drop->load_id, error) && slc_store_joined(drop->document, error) &&
           slc_garbage_note(drop->arena, drop->name, document, &drop->note, error);
}

/* Under watch: the name is a replica's, so that nothing else is removed. */
static bool check_replica(struct drop *drop, struct slc_error *error)
{
    struct slc_redis *redis = drop->redis;
    struct slc_reply *replies[2] = {0};
    SLC_AUTO_REPLY struct slc_reply *registered = NULL;
    bool good, exists;

    good = slc_redis_append_call(redis, error, SLC_STR("WATCH"), drop->meta_key) &&
           slc_redis_append_call(redis, error, SLC_STR("EXISTS"), drop->meta_key) &&
           slc_redis_append_call(redis, error, SLC_STR("HMGET"), drop->meta_key, SLC_STR("LOAD_ID"),
                                 SLC_STR("LAYOUT"), SLC_STR(SLC_PLAIN_SWITCH));
    good = slc_store_replies(redis, good, replies, 2, error) && find_rows(drop, replies[1], error);
    exists = good && replies[0]->integer > 0;
    slc_reply_free(replies[0]);
    slc_reply_free(replies[1]);
    if (!good || exists)
        return good;
    if (!slc_redis_call(drop->home, &registered, error, SLC_STR("LRANGE"), drop->registry_key,
                        SLC_STR("0"), SLC_STR("-1")))
        return false;
    for (size_t i = 0; i < registered->count; i++)
        if (slc_str_eq(registered->items[i].text, drop->name))
            return true;
    return slc_store_no_replica(drop->name, error);
}

/* Without rows the metadata say nothing of where they are. */
static bool append_drop(const struct drop *drop, struct slc_error *error)
{
    struct slc_redis *redis = drop->redis;
    bool good = slc_redis_append_call(redis, error, SLC_STR("MULTI")) &&
                slc_redis_append_call(redis, error, SLC_STR("UNLINK"), drop->name);

    if (good && drop->note.data)
        good =
            (drop->redis != drop->home ||
             slc_redis_append_call(redis, error, SLC_STR("HSET"), drop->garbage_hash, drop->load_id,
                                   drop->note)) &&
            slc_redis_append_call(redis, error, SLC_STR("HDEL"), drop->meta_key, SLC_STR("LAYOUT"));
    if (good && drop->what == SLC_DROP_ALL)
        good = slc_redis_append_call(redis, error, SLC_STR("UNLINK"), drop->meta_key) &&
               (drop->redis != drop->home ||
                slc_redis_append_call(redis, error, SLC_STR("LREM"), drop->registry_key,
                                      SLC_STR("0"), drop->name));
    return good;
}

/* Without a transaction, for a server that is out of memory and refuses one, and
 * the garbage's note: removing is what helps it. Of one hash rows and metadata go
 * together all the same; rows with keys of their own go first, so that what is
 * cut off here can be dropped again. */
static bool drop_plainly(const struct drop *drop, struct slc_error *error)
{
    struct slc_redis *redis = drop->redis;

    if (drop->note.data &&
        (!slc_garbage_remove_rows(drop->home, drop->name, drop->document, error) ||
         !slc_redis_call(redis, NULL, error, SLC_STR("HDEL"), drop->meta_key, SLC_STR("LAYOUT"))))
        return false;
    if (drop->what == SLC_DROP_ROWS)
        return slc_redis_call(redis, NULL, error, SLC_STR("UNLINK"), drop->name) &&
               slc_meta_copy_write(drop->home, drop->name, error);
    return slc_redis_call(redis, NULL, error, SLC_STR("UNLINK"), drop->name, drop->meta_key) &&
           slc_redis_call(drop->home, NULL, error, SLC_STR("LREM"), drop->registry_key,
                          SLC_STR("0"), drop->name) &&
           slc_meta_copy_write(drop->home, drop->name, error);
}

/* On a cluster, before the rows are dropped, as a load has it before its swap. */
static bool note_elsewhere(const struct drop *drop, struct slc_error *error)
{
    return drop->redis == drop->home || !drop->note.data ||
           slc_redis_call(drop->home, NULL, error, SLC_STR("HSET"), drop->garbage_hash,
                          drop->load_id, drop->note);
}

/* And behind: what is not in the replica's slot. Each of it may be done again. */
static bool forget_elsewhere(const struct drop *drop, struct slc_error *error)
{
    return slc_meta_copy_write(drop->home, drop->name, error) &&
           (drop->what != SLC_DROP_ALL ||
            slc_redis_call(drop->home, NULL, error, SLC_STR("LREM"), drop->registry_key,
                           SLC_STR("0"), drop->name));
}

bool slc_store_drop(struct slc_redis *redis, struct slc_str registry_key, struct slc_str name,
                    enum slc_drop what, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REDIS struct slc_redis *own = NULL;
    struct drop drop = {.redis = redis,
                        .home = redis,
                        .registry_key = registry_key,
                        .name = name,
                        .meta_key = slc_store_meta_key(&arena, redis, name),
                        .garbage_hash = slc_store_garbage_hash(&arena, registry_key),
                        .what = what,
                        .arena = &arena};
    struct slc_error reason;
    bool done = false;

    if (!slc_store_check_name(name, registry_key, error) ||
        !slc_store_joined(drop.meta_key, error) || !slc_store_joined(drop.garbage_hash, error) ||
        !(drop.redis = slc_store_owner(redis, name, &own, error)))
        return false;
    for (int i = 0; i < SLC_STORE_ATTEMPTS && !done; i++) {
        if (!check_replica(&drop, error) || (!drop.switching && !note_elsewhere(&drop, error)))
            return slc_store_unwatch(drop.redis);
        if (drop.switching) {
            if (!slc_redis_call(drop.redis, NULL, error, SLC_STR("UNWATCH")))
                return false;
            if (slc_plain_finish(drop.redis, name, drop.meta_key, &reason))
                continue;
            if (reason.code == SLC_ERR_SERVER && slc_redis_is_idle(drop.redis))
                return slc_plain_remove_old(drop.redis, name, drop.meta_key, error) &&
                       drop_plainly(&drop, error);
            if (error)
                *error = reason;
            return false;
        }
        if (slc_store_exec(drop.redis, append_drop(&drop, &reason), &done, NULL, &reason))
            continue;
        if (reason.code == SLC_ERR_SERVER && slc_redis_is_idle(drop.redis))
            return drop_plainly(&drop, error);
        if (error)
            *error = reason;
        return false;
    }
    if (!done)
        return slc_fail(error, SLC_ERR_SERVER,
                        "the replica \"%.*s\" is being loaded over and over; try again",
                        SLC_STR_ARG(name));
    if (own && !forget_elsewhere(&drop, error))
        return false;
    /* What is not removed now is when the next load or the next start sweeps. */
    if (drop.note.data && slc_redis_is_idle(redis))
        (void)slc_garbage_collect(redis, drop.garbage_hash, drop.load_id, drop.note, NULL);
    return true;
}
