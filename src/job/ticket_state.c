#include "job/ticket_state.h"

#include <stdlib.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/json_tree.h"

enum { STATE_DEPTH = 8 };

static const char no_memory[] = "no memory for the states of tickets";

static bool hash_key(struct slc_str registry_key, struct slc_buf *key, struct slc_error *error)
{
    slc_buf_append_str(key, registry_key);
    slc_buf_append_text(key, ":tickets");
    return !key->failed || slc_fail(error, SLC_ERR_MEMORY, "%s", no_memory);
}

static int by_name(const void *a, const void *b)
{
    const struct slc_ticket_state_entry *x = a, *y = b;

    return slc_str_cmp(x->ticket_name, y->ticket_name);
}

bool slc_ticket_states_read(struct slc_redis *redis, struct slc_str registry_key,
                            struct slc_ticket_states *ret_states, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_ticket_states states = {0};

    if (!hash_key(registry_key, &key, error) ||
        !slc_redis_call(redis, &reply, error, SLC_STR("HGETALL"), slc_buf_view(&key)))
        return false;
    if (reply->type != SLC_REPLY_ARRAY || reply->count % 2 != 0)
        return slc_fail(error, SLC_ERR_SERVER, "Redis answered HGETALL with something else");
    states.entries = calloc(reply->count / 2 + 1, sizeof(*states.entries));
    if (!states.entries)
        return slc_fail(error, SLC_ERR_MEMORY, "%s", no_memory);
    for (size_t i = 0; i + 1 < reply->count; i += 2)
        if (reply->items[i].text.data && reply->items[i + 1].text.data)
            states.entries[states.count++] = (struct slc_ticket_state_entry){
                .ticket_name = reply->items[i].text, .json = reply->items[i + 1].text};
    if (states.count > 1)
        qsort(states.entries, states.count, sizeof(*states.entries), by_name);
    states.reply = reply;
    reply = NULL;
    *ret_states = states;
    return true;
}

void slc_ticket_states_release(struct slc_ticket_states *states)
{
    slc_reply_free(states->reply);
    free(states->entries);
    *states = (struct slc_ticket_states){0};
}

struct slc_str slc_ticket_states_find(const struct slc_ticket_states *states,
                                      struct slc_str ticket_name)
{
    struct slc_ticket_state_entry wanted = {.ticket_name = ticket_name}, *found;

    if (states->count == 0)
        return (struct slc_str){0};
    found = bsearch(&wanted, states->entries, states->count, sizeof(*states->entries), by_name);
    return found ? found->json : (struct slc_str){0};
}

static void digest_of(const struct slc_ticket *ticket, char hex[SLC_SHA256_HEX_BYTES])
{
    slc_sha256_hex(slc_ticket_text(ticket), hex);
}

/* False when the copy could not be made. */
static bool change_copy(struct slc_ticket *copy, struct json_object *state,
                        enum slc_ticket_status status, struct slc_error *error)
{
    struct slc_str stamp = slc_json_tree_text(state, "load_dttm");
    struct json_object *fault = NULL;
    int64_t usec;

    if (!slc_ticket_set_status(copy, status, error))
        return false;
    if (stamp.len > 0 && slc_ticket_parse_stamp(stamp, &usec) &&
        !slc_ticket_set_load_dttm(copy, stamp, error))
        return false;
    if (status == SLC_TICKET_FAILED && json_object_object_get_ex(state, "error", &fault) &&
        json_object_is_type(fault, json_type_object))
        return slc_ticket_set_json(
            copy, "error",
            slc_str_from(json_object_to_json_string_ext(fault, JSON_C_TO_STRING_PLAIN |
                                                                   JSON_C_TO_STRING_NOSLASHESCAPE)),
            error);
    return true;
}

bool slc_ticket_state_apply(struct slc_str json, const struct slc_ticket *on_disk,
                            struct slc_ticket **ret_ticket, struct slc_error *error)
{
    SLC_AUTO_TICKET struct slc_ticket *copy = NULL;
    struct json_object *state =
        json.len <= SLC_TICKET_MAX_BYTES ? slc_json_tree_object(json, STATE_DEPTH) : NULL;
    char hex[SLC_SHA256_HEX_BYTES];
    enum slc_ticket_status status;
    bool good = true;

    *ret_ticket = NULL;
    if (!state)
        return true;
    digest_of(on_disk, hex);
    if (slc_str_is(slc_json_tree_text(state, "text_sha256"), hex) &&
        slc_ticket_status_from_name(slc_json_tree_text(state, "status"), &status)) {
        copy = slc_ticket_copy(on_disk);
        good = copy ? change_copy(copy, state, status, error)
                    : slc_fail(error, SLC_ERR_MEMORY, "%s", no_memory);
    }
    json_object_put(state);
    if (good) {
        *ret_ticket = copy;
        copy = NULL;
    }
    return good;
}

bool slc_ticket_state_read(struct slc_redis *redis, struct slc_str registry_key,
                           struct slc_str ticket_name, const struct slc_ticket *on_disk,
                           struct slc_ticket **ret_ticket, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (!hash_key(registry_key, &key, error) ||
        !slc_redis_call(redis, &reply, error, SLC_STR("HGET"), slc_buf_view(&key), ticket_name))
        return false;
    return slc_ticket_state_apply(reply->type == SLC_REPLY_STRING ? reply->text
                                                                  : (struct slc_str){0},
                                  on_disk, ret_ticket, error);
}

static bool make_json(const struct slc_ticket *on_disk, const struct slc_ticket *wanted,
                      struct slc_buf *json, struct slc_error *error)
{
    struct json_object *fault = slc_ticket_error(wanted);
    char hex[SLC_SHA256_HEX_BYTES];

    digest_of(on_disk, hex);
    slc_buf_append_byte(json, '{');
    slc_json_key(json, "text_sha256");
    slc_json_text(json, hex);
    slc_json_key(json, "status");
    slc_json_text(json, slc_ticket_status_name(slc_ticket_status(wanted)));
    slc_json_key(json, "load_dttm");
    slc_json_string(json, slc_ticket_load_dttm(wanted));
    if (fault) {
        slc_json_key(json, "error");
        slc_buf_append_text(json,
                            json_object_to_json_string_ext(
                                fault, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    }
    slc_buf_append_byte(json, '}');
    return !json->failed || slc_fail(error, SLC_ERR_MEMORY, "%s", no_memory);
}

bool slc_ticket_state_write(struct slc_redis *redis, struct slc_str registry_key,
                            struct slc_str ticket_name, const struct slc_ticket *on_disk,
                            const struct slc_ticket *wanted, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    SLC_AUTO_BUF struct slc_buf json = {0};

    if (!hash_key(registry_key, &key, error))
        return false;
    if (slc_ticket_status(on_disk) == slc_ticket_status(wanted) &&
        slc_str_eq(slc_ticket_load_dttm(on_disk), slc_ticket_load_dttm(wanted)))
        return slc_redis_call(redis, NULL, error, SLC_STR("HDEL"), slc_buf_view(&key), ticket_name);
    return make_json(on_disk, wanted, &json, error) &&
           slc_redis_call(redis, NULL, error, SLC_STR("HSET"), slc_buf_view(&key), ticket_name,
                          slc_buf_view(&json));
}
