#include "store/announce.h"

#include <limits.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/json_tree.h"
#include "store/exchange.h"
#include "store/garbage.h"
#include "store/lease.h"
#include "store/meta_copy.h"
#include "store/plain.h"
#include "store/store.h"

#define CONNECTION_NAME "sluice"

enum { MOST_BYTES = 4 << 20, DEPTH = 3 };

bool slc_load_id_is_valid(struct slc_str load_id)
{
    if (load_id.len != SLC_LOAD_ID_BYTES)
        return false;
    for (size_t i = 0; i < load_id.len; i++) {
        char c = load_id.data[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

/* ---- JSON ---- */

struct slc_str slc_announcement_text(struct slc_arena *arena,
                                     const struct slc_announcement *announcement)
{
    SLC_AUTO_BUF struct slc_buf json = {0};

    slc_buf_append_byte(&json, '{');
    slc_json_key(&json, "name");
    slc_json_string(&json, announcement->name);
    slc_json_key(&json, "started_usec");
    slc_json_int64(&json, announcement->started_usec);
    slc_json_key(&json, "owner");
    slc_json_string(&json, announcement->owner);
    if (announcement->document.data) {
        slc_json_key(&json, "layout");
        slc_json_string(&json, announcement->document);
    }
    slc_buf_append_byte(&json, '}');
    return json.failed ? (struct slc_str){0} : slc_arena_copy(arena, slc_buf_view(&json));
}

/* A text member, copied; data NULL when it is not there. */
static struct slc_str member(struct slc_arena *arena, struct json_object *object, const char *key)
{
    struct slc_str text = slc_json_tree_text(object, key);

    return text.data ? slc_arena_copy(arena, text) : text;
}

bool slc_announcement_parse(struct slc_arena *arena, struct slc_str text,
                            struct slc_announcement *ret)
{
    SLC_AUTO_JSON struct json_object *object =
        text.len < MOST_BYTES ? slc_json_tree_object(text, DEPTH) : NULL;
    struct json_object *started;
    bool good = false;

    if (json_object_object_get_ex(object, "started_usec", &started)) {
        ret->name = member(arena, object, "name");
        ret->owner = member(arena, object, "owner");
        ret->document = member(arena, object, "layout");
        ret->started_usec = json_object_get_int64(started);
        good = ret->name.data && ret->owner.data;
    }
    return good;
}

/* ---- The load's connection ---- */

static bool set_name(struct slc_redis *redis, struct slc_str name, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    return slc_redis_append_call(redis, error, SLC_STR("CLIENT"), SLC_STR("SETNAME"), name) &&
           slc_redis_read(redis, &reply, error);
}

bool slc_load_mark_connection(struct slc_redis *redis, struct slc_str load_id,
                              struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf name = {0};

    slc_buf_printf(&name, CONNECTION_NAME "-%.*s", SLC_STR_ARG(load_id));
    return set_name(redis, slc_buf_view(&name), error);
}

bool slc_load_unmark_connection(struct slc_redis *redis, struct slc_error *error)
{
    return set_name(redis, SLC_STR(CONNECTION_NAME), error);
}

/* The id of the connection of this name in what CLIENT LIST answered ("id=7
 * addr=... name=..." a line); empty when there is none. */
static struct slc_str find_connection(struct slc_str list, struct slc_str name)
{
    const char *at = memmem(list.data, list.len, name.data, name.len);

    if (!at)
        return (struct slc_str){.data = "", .len = 0};
    const char *before = memrchr(list.data, '\n', (size_t)(at - list.data));
    const char *line = before ? before + 1 : list.data;
    if (at - line < 4 || memcmp(line, "id=", 3) != 0)
        return (struct slc_str){.data = "", .len = 0};
    return (struct slc_str){.data = line + 3, .len = strcspn(line + 3, " \n")};
}

/* A server that does not allow this has at most a key left over. */
static bool close_connection_of(struct slc_redis *redis, struct slc_str load_id,
                                struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf name = {0};
    SLC_AUTO_REPLY struct slc_reply *list = NULL, *killed = NULL;

    slc_buf_printf(&name, " name=" CONNECTION_NAME "-%.*s ", SLC_STR_ARG(load_id));
    if (!slc_redis_append_call(redis, error, SLC_STR("CLIENT"), SLC_STR("LIST")) ||
        !slc_redis_read(redis, &list, error))
        return false;
    if (list->type != SLC_REPLY_STRING)
        return true;
    struct slc_str id = find_connection(list->text, slc_buf_view(&name));
    return id.len == 0 || (slc_redis_append_call(redis, error, SLC_STR("CLIENT"), SLC_STR("KILL"),
                                                 SLC_STR("ID"), id) &&
                           slc_redis_read(redis, &killed, error));
}

static bool close_connection_at(struct slc_redis *redis, struct slc_str key, struct slc_str load_id,
                                struct slc_error *error)
{
    SLC_AUTO_REDIS struct slc_redis *own = NULL;
    struct slc_redis *owner = slc_store_owner(redis, key, &own, error);

    return owner && close_connection_of(owner, load_id, error);
}

/* A load that was committed after all. Its rows may not all have their plain names,
 * and on a cluster what follows its swap in other slots may not have been done. */
static bool finish(struct slc_redis *redis, struct slc_str registry_key, struct slc_str name,
                   struct slc_error *error)
{
    return slc_plain_finish_of(redis, name, error) &&
           (!slc_redis_is_cluster(redis) || (slc_meta_copy_write(redis, name, error) &&
                                             slc_store_register(redis, registry_key, name, error)));
}

bool slc_load_remove(struct slc_redis *redis, struct slc_str registry_key, struct slc_str load_id,
                     struct slc_str name, struct slc_str document, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_str hash = slc_store_staging_hash(&arena, registry_key);
    struct slc_str key = slc_store_staging_key(&arena, redis, registry_key, load_id, name);
    struct slc_str lease = slc_store_lease_key(&arena, redis, registry_key, name);
    bool current = false;

    /* No MULTI, which a server refuses that is out of memory. In this order: a
     * load without its lease cannot be committed any more, so that the answer
     * whether it was is final; and what is cut off in between is found again by
     * its announcement. */
    return slc_store_joined(hash, error) && slc_store_joined(key, error) &&
           slc_store_joined(lease, error) && close_connection_at(redis, key, load_id, error) &&
           slc_lease_drop(redis, lease, load_id, error) &&
           slc_store_is_current(redis, name, load_id, &current, error) &&
           slc_redis_call(redis, NULL, error, SLC_STR("UNLINK"), key) &&
           (current ? finish(redis, registry_key, name, error)
                    : slc_garbage_remove_rows(redis, name, document, error)) &&
           slc_redis_call(redis, NULL, error, SLC_STR("HDEL"), hash, load_id);
}
