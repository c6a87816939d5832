#include "store/layout.h"

#include <string.h>

#include "base/json.h"
#include "base/json_tree.h"
#include "store/announce.h"
#include "store/load.h"

enum { DOCUMENT_BYTES = 1 << 20, DOCUMENT_DEPTH = 8, VERSION = 2 };

static const struct slc_layout *const layouts[] = {
    &slc_layout_rows, &slc_layout_packed, &slc_layout_columns, &slc_layout_keys, &slc_layout_json,
};

const struct slc_layout *slc_layout_find(struct slc_str name)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
        if (slc_str_is(name, layouts[i]->name))
            return layouts[i];
    return NULL;
}

/* ---- The document ---- */

void slc_layout_document(const struct slc_store_load *load, bool whole, struct slc_buf *json)
{
    slc_buf_printf(json, "{\"version\":%d,\"layout\":\"%s\"", load->newer_document ? VERSION : 1,
                   load->layout->name);
    if (load->layout->describe)
        load->layout->describe(load, whole, json);
    slc_buf_append_byte(json, '}');
}

static bool unknown(struct slc_str name, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_SERVER,
                    "the rows of the replica \"%.*s\" lie in Redis in a way that this version of "
                    "sluice does not know; was it loaded by a newer one?",
                    name.len > 200 ? 200 : (int)name.len, name.data);
}

bool slc_layout_read(struct slc_str name, struct slc_str document, struct slc_layout_place *ret,
                     struct slc_error *error)
{
    struct slc_layout_place place = {.layout = &slc_layout_rows, .name = name};
    int64_t version;

    place.prefix = place.staged = SLC_STR("");
    if (document.data && !slc_str_is(document, "rows")) {
        place.json =
            document.len <= DOCUMENT_BYTES ? slc_json_tree_object(document, DOCUMENT_DEPTH) : NULL;
        if (!place.json)
            return unknown(name, error);
        place.layout = slc_layout_find(slc_layout_text(&place, "layout"));
        if (!place.layout || !slc_layout_int(&place, "version", 1, VERSION, &version, NULL)) {
            slc_layout_place_release(&place);
            return unknown(name, error);
        }
        if (slc_layout_text(&place, "prefix").data)
            place.prefix = slc_layout_text(&place, "prefix");
        if (slc_layout_text(&place, "staged").data)
            place.staged = slc_layout_text(&place, "staged");
    }
    *ret = place;
    return true;
}

void slc_layout_place_release(struct slc_layout_place *place)
{
    if (!place)
        return;
    if (place->release_cache)
        place->release_cache(place->cache);
    json_object_put(place->json);
    *place = (struct slc_layout_place){0};
}

bool slc_layout_int(const struct slc_layout_place *place, const char *key, int64_t min, int64_t max,
                    int64_t *ret, struct slc_error *error)
{
    struct json_object *value;
    int64_t number;

    if (!place->json || !json_object_object_get_ex(place->json, key, &value) ||
        !json_object_is_type(value, json_type_int))
        return unknown(place->name, error);
    number = json_object_get_int64(value);
    if (number < min || number > max)
        return unknown(place->name, error);
    *ret = number;
    return true;
}

struct slc_str slc_layout_text(const struct slc_layout_place *place, const char *key)
{
    return slc_json_tree_text(place->json, key);
}

/* NAME, on a cluster {NAME}, at the text's start; moves it behind that. */
static bool skip_name(const struct slc_redis *redis, struct slc_str name, struct slc_str *text)
{
    size_t braces = slc_redis_is_cluster(redis) ? 1 : 0, len = name.len + 2 * braces;

    if (text->len < len || (braces && (text->data[0] != '{' || text->data[len - 1] != '}')) ||
        memcmp(text->data + braces, name.data, name.len) != 0)
        return false;
    *text = (struct slc_str){.data = text->data + len, .len = text->len - len};
    return true;
}

/* NAME + `behind` + <load id>: */
static bool is_of_load(const struct slc_redis *redis, struct slc_str name, struct slc_str behind,
                       struct slc_str prefix)
{
    return skip_name(redis, name, &prefix) && prefix.len == behind.len + SLC_LOAD_ID_BYTES + 1 &&
           memcmp(prefix.data, behind.data, behind.len) == 0 &&
           prefix.data[prefix.len - 1] == ':' &&
           slc_load_id_is_valid(
               (struct slc_str){.data = prefix.data + behind.len, .len = SLC_LOAD_ID_BYTES});
}

bool slc_layout_owns_prefix(const struct slc_redis *redis, const struct slc_layout_place *place)
{
    struct slc_str rest = place->prefix;

    if (place->staged.len > 0)
        return skip_name(redis, place->name, &rest) && slc_str_is(rest, ":") &&
               is_of_load(redis, place->name, SLC_STR(".META:"), place->staged);
    return is_of_load(redis, place->name, SLC_STR(":"), rest) ||
           is_of_load(redis, place->name, SLC_STR(".META:"), rest);
}

bool slc_store_wants_unique_keys(struct slc_str layout)
{
    const struct slc_layout *found = slc_layout_find(layout);

    return found && found->unique_keys;
}

/* ---- Sending ---- */

bool slc_layout_send(struct slc_store_load *load, struct slc_str commands, int64_t n_commands,
                     int64_t chunk, struct slc_error *error)
{
    struct slc_pipe_segment segment = {
        .bytes = commands, .commands = n_commands, .id = (uint64_t)chunk};

    load->commands += n_commands;
    return slc_pipe_send(load->pipe, &segment, 1, error);
}
