/* Reading, walking and removing the layouts `keys` and `json`. */
#include <json-c/json.h>
#include <string.h>

#include "base/json.h"
#include "base/json_read.h"
#include "base/num.h"
#include "base/utf8.h"
#include "frame/schema.h"
#include "store/exchange.h"
#include "store/keyed.h"
#include "store/rows_reader.h"

enum { ROWS_AT_ONCE = 256, KEYS_AT_ONCE = 512 };

#define MOST_ROWS (INT64_C(1) << 34)

/* What LAYOUT says. */
struct keyed {
    struct slc_arena arena;
    bool as_json;
    bool has_lists;
    bool expires; /* rows may be gone */
    int64_t n_rows;
    int64_t n_columns;
    struct slc_str *names;
    enum slc_type *types;
};

static bool strange(const struct slc_layout_place *place, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_DATA,
                    "the metadata of the replica \"%.*s\" does not say how its rows lie; load the "
                    "file again",
                    place->name.len > 200 ? 200 : (int)place->name.len, place->name.data);
}

static bool read_columns(const struct slc_layout_place *place, struct keyed *keyed)
{
    struct json_object *names, *types;

    if (!json_object_object_get_ex(place->json, "columns", &names) ||
        !json_object_object_get_ex(place->json, "types", &types) ||
        !json_object_is_type(names, json_type_array) ||
        !json_object_is_type(types, json_type_array) ||
        json_object_array_length(names) != json_object_array_length(types) ||
        json_object_array_length(names) > SLC_MAX_COLUMNS)
        return false;
    keyed->n_columns = (int64_t)json_object_array_length(names);
    keyed->names =
        slc_arena_calloc(&keyed->arena, (size_t)keyed->n_columns + 1, sizeof(*keyed->names));
    keyed->types =
        slc_arena_calloc(&keyed->arena, (size_t)keyed->n_columns + 1, sizeof(*keyed->types));
    for (int64_t i = 0; keyed->names && keyed->types && i < keyed->n_columns; i++) {
        struct json_object *name = json_object_array_get_idx(names, (size_t)i);
        struct json_object *type = json_object_array_get_idx(types, (size_t)i);

        if (!json_object_is_type(name, json_type_string) ||
            !json_object_is_type(type, json_type_string) ||
            !slc_type_from_name(slc_str_from(json_object_get_string(type)), &keyed->types[i]))
            return false;
        /* They live as long as the place. */
        keyed->names[i] = (struct slc_str){.data = json_object_get_string(name),
                                           .len = (size_t)json_object_get_string_len(name)};
    }
    return keyed->names && keyed->types;
}

static bool open_keyed(const struct slc_layout_place *place, bool with_columns, struct keyed *keyed,
                       struct slc_error *error)
{
    int64_t seconds;

    *keyed = (struct keyed){.as_json = strcmp(place->layout->name, "json") == 0};
    keyed->has_lists = slc_str_is(slc_layout_text(place, "keys"), "lists");
    keyed->expires = slc_layout_int(place, "ttl_seconds", 1, INT64_MAX, &seconds, NULL);
    if (!slc_layout_int(place, "rows", 0, MOST_ROWS, &keyed->n_rows, error))
        return false;
    if (place->prefix.len > 0 && (!with_columns || read_columns(place, keyed)))
        return true;
    slc_arena_release(&keyed->arena);
    return strange(place, error);
}

bool slc_keyed_count(struct slc_redis *redis, const struct slc_layout_place *place,
                     int64_t *ret_rows, struct slc_error *error)
{
    (void)redis;
    return slc_layout_int(place, "rows", 0, MOST_ROWS, ret_rows, error);
}

/* ---- Rows as they stand, to arrays ---- */

static bool is_number(struct slc_str text)
{
    struct slc_json_reader r = {.text = text};
    struct slc_str number;

    return slc_json_read_number(&r, &number) && number.len == text.len;
}

static void put_field(enum slc_type type, struct slc_str text, struct slc_buf *row)
{
    if ((slc_type_is_number(type) && is_number(text)) ||
        (type == SLC_TYPE_BOOL && (slc_str_is(text, "true") || slc_str_is(text, "false"))))
        slc_buf_append_str(row, text);
    else
        slc_rows_put_text(row, text);
}

/* A hash's fields by HMGET, the nameless one last. False: there is no such row. */
static bool put_hash(const struct keyed *keyed, const struct slc_reply *fields, struct slc_buf *row)
{
    bool there = false;

    for (size_t i = 0; !there && i < fields->count; i++)
        there = fields->items[i].type == SLC_REPLY_STRING;
    if (!there || fields->count != (size_t)keyed->n_columns + 1)
        return false;
    slc_buf_append_byte(row, '[');
    for (int64_t i = 0; i < keyed->n_columns; i++) {
        slc_json_comma(row);
        if (fields->items[i].type == SLC_REPLY_STRING)
            put_field(keyed->types[i], fields->items[i].text, row);
        else
            slc_buf_append_text(row, "null");
    }
    slc_buf_append_byte(row, ']');
    return true;
}

/* The next value as it stands: our rows hold no arrays and no objects. */
static bool read_value(struct slc_json_reader *r, struct slc_arena *arena, struct slc_str *ret)
{
    char first = slc_json_read_peek(r);
    size_t start = r->at;
    struct slc_str text;
    bool flag, good;

    if (first == '"')
        good = slc_json_read_string(r, arena, &text);
    else if (first == 'n')
        good = slc_json_read_null(r);
    else if (first == 't' || first == 'f')
        good = slc_json_read_bool(r, &flag);
    else
        good = slc_json_read_number(r, &text);
    *ret = (struct slc_str){.data = r->text.data + start, .len = r->at - start};
    return good;
}

/* The column of that name: mostly the one behind the last. */
static int64_t find_column(const struct keyed *keyed, struct slc_str name, int64_t expected)
{
    for (int64_t i = 0; i < keyed->n_columns; i++) {
        int64_t column = (expected + i) % keyed->n_columns;

        if (slc_str_eq(keyed->names[column], name))
            return column;
    }
    return -1;
}

static bool read_object(const struct keyed *keyed, struct slc_arena *arena, struct slc_str text,
                        struct slc_str *values)
{
    struct slc_json_reader r = {.text = text};
    struct slc_str name, value;
    int64_t n = 0, column = -1;
    int more;

    if (!slc_utf8_is_valid(text) || !slc_json_read_enter(&r, '{'))
        return false;
    while ((more = slc_json_read_next(&r, '}', &n)) == 1) {
        if (!slc_json_read_key(&r, arena, &name) || !read_value(&r, arena, &value))
            return false;
        column = find_column(keyed, name, column + 1);
        if (column < 0)
            return false;
        values[column] = value;
    }
    return more == 0 && slc_json_read_end(&r);
}

/* An object's values; what is no object of these columns stays as it is. */
static bool put_object(const struct keyed *keyed, struct slc_str text, struct slc_buf *row)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_str *values =
        slc_arena_calloc(&arena, (size_t)keyed->n_columns + 1, sizeof(*values));

    if (!values)
        return false;
    if (!read_object(keyed, &arena, text, values)) {
        slc_buf_append_str(row, text);
        return true;
    }
    slc_buf_append_byte(row, '[');
    for (int64_t i = 0; i < keyed->n_columns; i++) {
        slc_json_comma(row);
        slc_buf_append_str(row, values[i].data ? values[i] : SLC_STR("null"));
    }
    slc_buf_append_byte(row, ']');
    return true;
}

/* ---- By key ---- */

static bool append_query(struct slc_redis *redis, const struct keyed *keyed,
                         struct slc_arena *arena, struct slc_str key, struct slc_error *error)
{
    struct slc_str *argv;

    if (keyed->as_json)
        return slc_redis_append_call(redis, error, SLC_STR("GET"), key);
    argv = slc_arena_calloc(arena, (size_t)keyed->n_columns + 3, sizeof(*argv));
    if (!argv)
        return slc_rows_out_of_memory(error);
    argv[0] = SLC_STR("HMGET");
    argv[1] = key;
    if (keyed->n_columns > 0)
        memcpy(argv + 2, keyed->names, (size_t)keyed->n_columns * sizeof(*argv));
    argv[keyed->n_columns + 2] = SLC_STR("");
    return slc_redis_append(redis, (size_t)keyed->n_columns + 3, argv, error);
}

static bool put_reply(const struct keyed *keyed, const struct slc_reply *reply, struct slc_str key,
                      slc_layout_put *put, void *context, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf row = {0};
    bool found;

    if (keyed->as_json)
        found = reply->type == SLC_REPLY_STRING && put_object(keyed, reply->text, &row);
    else
        found = reply->type == SLC_REPLY_ARRAY && put_hash(keyed, reply, &row);
    if (row.failed)
        return slc_rows_out_of_memory(error);
    return put(context, key, found ? slc_buf_view(&row) : (struct slc_str){0});
}

/* Up to ROWS_AT_ONCE rows in one round trip. */
static bool fetch_some(struct slc_redis *redis, const struct slc_layout_place *place,
                       const struct keyed *keyed, const struct slc_str keys[], size_t n_keys,
                       slc_layout_put *put, void *context, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    bool good = true, put_failed = false;

    for (size_t i = 0; good && i < n_keys; i++) {
        struct slc_str key =
            slc_store_join(&arena, place->prefix, keys[i], SLC_STR(""), SLC_STR(""));

        good = slc_store_joined(key, error) && append_query(redis, keyed, &arena, key, error);
    }
    for (size_t i = 0; good && !put_failed && i < n_keys; i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        good = slc_redis_read(redis, &reply, error) &&
               slc_reply_check(reply, slc_redis_where(redis), error);
        put_failed = good && !put_reply(keyed, reply, keys[i], put, context, error);
    }
    /* What was asked for is read in any case; an error that came is the one told. */
    if (slc_redis_outstanding(redis) > 0)
        (void)slc_store_replies(redis, true, NULL, 0, NULL);
    return good && !put_failed;
}

static bool fetch_all(struct slc_redis *redis, const struct slc_layout_place *place,
                      const struct keyed *keyed, const struct slc_str keys[], size_t n_keys,
                      slc_layout_put *put, void *context, struct slc_error *error)
{
    for (size_t i = 0; i < n_keys; i += ROWS_AT_ONCE) {
        size_t n = n_keys - i < ROWS_AT_ONCE ? n_keys - i : ROWS_AT_ONCE;

        if (!fetch_some(redis, place, keyed, keys + i, n, put, context, error))
            return false;
    }
    return true;
}

bool slc_keyed_fetch(struct slc_redis *redis, const struct slc_layout_place *place,
                     const struct slc_str keys[], size_t n_keys, slc_layout_put *put, void *context,
                     struct slc_error *error)
{
    struct keyed keyed;
    bool good;

    if (!open_keyed(place, true, &keyed, error))
        return false;
    good = fetch_all(redis, place, &keyed, keys, n_keys, put, context, error);
    slc_arena_release(&keyed.arena);
    return good;
}

/* ---- In load order ---- */

/* A row that the load wrote is gone. */
struct strictly {
    slc_layout_put *put;
    void *context;
    const struct slc_layout_place *place;
    bool expires;
    struct slc_error *error;
};

static bool put_strictly(void *context, struct slc_str key, struct slc_str row)
{
    const struct strictly *strictly = context;

    if (!row.data && !strictly->expires)
        return slc_rows_gone(strictly->place->name, key, strictly->error);
    return strictly->put(strictly->context, key, row);
}

/* Row keys from `from` on, of one list. `*ret_reply` is what they are slices of. */
static bool list_keys(struct slc_redis *redis, const struct slc_layout_place *place, int64_t from,
                      int64_t n, struct slc_str *keys, size_t *ret_n, struct slc_reply **ret_reply,
                      struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf list = {0};
    char texts[2][SLC_NUM_TEXT_BYTES];
    struct slc_str first = {.data = texts[0]}, last = {.data = texts[1]};
    int64_t start = from % SLC_KEYED_LIST_ROWS;

    first.len = (size_t)(slc_write_int64(texts[0], start) - texts[0]);
    last.len = (size_t)(slc_write_int64(texts[1], start + n - 1) - texts[1]);
    if (!slc_redis_call(redis, ret_reply, error, SLC_STR("LRANGE"),
                        slc_keyed_list_key(&list, place->prefix, from / SLC_KEYED_LIST_ROWS), first,
                        last))
        return false;
    *ret_n = (*ret_reply)->count < (size_t)n ? (*ret_reply)->count : (size_t)n;
    for (size_t i = 0; i < *ret_n; i++)
        keys[i] = (*ret_reply)->items[i].text;
    return *ret_n > 0 ||
           slc_fail(error, SLC_ERR_DATA,
                    "a list of the row keys of the replica \"%.*s\" is gone; load the "
                    "file again",
                    place->name.len > 200 ? 200 : (int)place->name.len, place->name.data);
}

static bool ordinals(struct slc_arena *arena, int64_t from, int64_t n, struct slc_str *keys,
                     struct slc_error *error)
{
    for (int64_t i = 0; i < n; i++) {
        char text[SLC_NUM_TEXT_BYTES];
        size_t len = (size_t)(slc_write_int64(text, from + i) - text);

        keys[i] = slc_arena_copy(arena, (struct slc_str){.data = text, .len = len});
        if (!keys[i].data)
            return slc_rows_out_of_memory(error);
    }
    return true;
}

static bool walk_some(struct slc_redis *redis, const struct slc_layout_place *place,
                      struct keyed *keyed, int64_t from, int64_t n, struct strictly *strictly,
                      struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str *keys = slc_arena_calloc(&keyed->arena, (size_t)n + 1, sizeof(*keys));
    size_t n_keys = (size_t)n;

    if (!keys)
        return slc_rows_out_of_memory(error);
    if (!(keyed->has_lists ? list_keys(redis, place, from, n, keys, &n_keys, &reply, error)
                           : ordinals(&keyed->arena, from, n, keys, error)))
        return false;
    return fetch_all(redis, place, keyed, keys, n_keys, put_strictly, strictly, error);
}

bool slc_keyed_walk(struct slc_redis *redis, struct slc_layout_place *place, int64_t from,
                    int64_t most, slc_layout_put *put, void *context, struct slc_error *error)
{
    struct strictly strictly = {.put = put, .context = context, .place = place, .error = error};
    struct keyed keyed;
    bool good = true;

    if (!open_keyed(place, true, &keyed, error))
        return false;
    strictly.expires = keyed.expires;
    if (most > keyed.n_rows - from)
        most = keyed.n_rows - from;
    if (keyed.has_lists && most > SLC_KEYED_LIST_ROWS - from % SLC_KEYED_LIST_ROWS)
        most = SLC_KEYED_LIST_ROWS - from % SLC_KEYED_LIST_ROWS;
    if (most > 0)
        good = walk_some(redis, place, &keyed, from, most, &strictly, error);
    slc_arena_release(&keyed.arena);
    return good;
}

/* ---- Removing ---- */

static bool append_unlink(struct slc_redis *redis, const struct slc_layout_place *place,
                          struct slc_str key, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf full = {0};

    slc_buf_append_str(&full, place->prefix);
    slc_buf_append_str(&full, key);
    if (full.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were removed");
    return slc_redis_append_call(redis, error, SLC_STR("UNLINK"), slc_buf_view(&full));
}

/* The rows of a list, then the list. */
static bool remove_list(struct slc_redis *redis, const struct slc_layout_place *place,
                        int64_t number, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf name = {0};
    SLC_AUTO_REPLY struct slc_reply *keys = NULL;
    struct slc_str list = slc_keyed_list_key(&name, place->prefix, number);
    bool good = true;

    if (!slc_redis_append_call(redis, error, SLC_STR("LRANGE"), list, SLC_STR("0"),
                               SLC_STR("-1")) ||
        !slc_redis_read(redis, &keys, error))
        return false;
    /* Something else may stand there. But without an answer the rows could not be
     * named any more once the list is gone; nor could those that were refused. */
    if (keys->type == SLC_REPLY_ERROR && !slc_store_is_wrong_type(keys))
        return slc_reply_fail(keys->text, slc_redis_where(redis), error);
    for (size_t i = 0; good && keys->type == SLC_REPLY_ARRAY && i < keys->count; i++)
        good = append_unlink(redis, place, keys->items[i].text, error);
    return slc_store_replies(redis, good, NULL, 0, error) &&
           slc_redis_call(redis, NULL, error, SLC_STR("UNLINK"), list);
}

bool slc_keyed_remove(struct slc_redis *redis, const struct slc_layout_place *place,
                      int64_t *cursor, bool *ret_done, struct slc_error *error)
{
    struct keyed keyed;
    bool good = true;
    int64_t end;

    *ret_done = true;
    if (!open_keyed(place, false, &keyed, NULL))
        return true;
    if (keyed.has_lists) {
        end = (keyed.n_rows + SLC_KEYED_LIST_ROWS - 1) / SLC_KEYED_LIST_ROWS;
        if (*cursor < end)
            good = remove_list(redis, place, (*cursor)++, error);
        *ret_done = *cursor >= end;
        return good;
    }
    end = *cursor + KEYS_AT_ONCE < keyed.n_rows ? *cursor + KEYS_AT_ONCE : keyed.n_rows;
    for (int64_t i = *cursor; good && i < end; i++) {
        char text[SLC_NUM_TEXT_BYTES];
        size_t len = (size_t)(slc_write_int64(text, i) - text);

        good = append_unlink(redis, place, (struct slc_str){.data = text, .len = len}, error);
    }
    *cursor = end;
    *ret_done = end >= keyed.n_rows;
    return slc_store_replies(redis, good, NULL, 0, error);
}
