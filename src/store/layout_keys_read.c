/* Reading and walking the layouts `keys` and `json`. */
#include <json-c/json.h>
#include <string.h>

#include "base/json.h"
#include "base/json_read.h"
#include "base/num.h"
#include "base/utf8.h"
#include "frame/schema.h"
#include "store/announce.h"
#include "store/exchange.h"
#include "store/keyed.h"
#include "store/plain.h"
#include "store/rows_reader.h"

enum { ROWS_AT_ONCE = 256 };

/* What LAYOUT says. */
struct keyed {
    struct slc_arena arena;
    bool as_json;
    bool by_module; /* the objects are RedisJSON's */
    bool expires;   /* rows may be gone */
    bool twice;     /* rows may wait for their plain names: they are looked for there first */
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
    keyed->by_module = slc_str_is(slc_layout_text(place, "values"), "redisjson");
    keyed->expires = slc_layout_int(place, "ttl_seconds", 1, INT64_MAX, &seconds, NULL);
    if (!slc_layout_int(place, "rows", 0, SLC_KEYED_MOST_ROWS, &keyed->n_rows, error))
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
    return slc_layout_int(place, "rows", 0, SLC_KEYED_MOST_ROWS, ret_rows, error);
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

/* RedisJSON writes numbers in its own way (1e20, 1e-7, -0.0): as the other layouts
 * have them. */
static void put_value(const struct keyed *keyed, int64_t column, struct slc_str value,
                      struct slc_buf *row)
{
    double number;

    if (!value.data)
        slc_buf_append_text(row, "null");
    else if (keyed->by_module && keyed->types[column] == SLC_TYPE_FLOAT64 && is_number(value) &&
             slc_parse_double(value.data, value.len, &number))
        slc_json_double(row, number);
    else
        slc_buf_append_str(row, value);
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
        put_value(keyed, i, values[i], row);
    }
    slc_buf_append_byte(row, ']');
    return true;
}

/* ---- By key ---- */

static bool append_query(struct slc_redis *redis, const struct keyed *keyed,
                         struct slc_arena *arena, struct slc_str key, struct slc_error *error)
{
    struct slc_str *argv;

    if (keyed->as_json && keyed->by_module)
        return slc_redis_append_call(redis, error, SLC_STR("JSON.GET"), key, SLC_STR("."));
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

static bool is_there(const struct keyed *keyed, const struct slc_reply *reply)
{
    if (keyed->as_json)
        return reply->type == SLC_REPLY_STRING;
    for (size_t i = 0; i < reply->count; i++)
        if (reply->items[i].type == SLC_REPLY_STRING)
            return true;
    return false;
}

/* The reply to a row's query, or that of its two which found it. */
static bool read_row(struct slc_redis *redis, const struct keyed *keyed, struct slc_reply **ret,
                     struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *waiting = NULL, *plain = NULL;

    if (!slc_redis_read(redis, &waiting, error) ||
        (keyed->twice && !slc_redis_read(redis, &plain, error)) ||
        !slc_reply_check(waiting, slc_redis_where(redis), error) ||
        (plain && !slc_reply_check(plain, slc_redis_where(redis), error)))
        return false;
    if (!plain || is_there(keyed, waiting)) {
        *ret = waiting;
        waiting = NULL;
    } else {
        *ret = plain;
        plain = NULL;
    }
    return true;
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

        if (keyed->twice) {
            struct slc_str waiting =
                slc_store_join(&arena, place->staged, keys[i], SLC_STR(""), SLC_STR(""));

            good = slc_store_joined(waiting, error) &&
                   append_query(redis, keyed, &arena, waiting, error);
        }
        good =
            good && slc_store_joined(key, error) && append_query(redis, keyed, &arena, key, error);
    }
    for (size_t i = 0; good && !put_failed && i < n_keys; i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        good = read_row(redis, keyed, &reply, error);
        put_failed = good && !put_reply(keyed, reply, keys[i], put, context, error);
    }
    /* What was asked for is read in any case; an error that came is the one told. */
    if (slc_redis_outstanding(redis) > 0)
        (void)slc_store_replies(redis, true, NULL, 0, NULL);
    return good && !put_failed;
}

/* The switch of the rows to their plain names may be under way. What says that it
 * is not was said after the metadata had named this load: it is over then, or the
 * rows are another load's by now, which is found out in the end. */
static bool look_for_switch(struct slc_redis *redis, const struct slc_layout_place *place,
                            struct keyed *keyed, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str meta_key = {.data = place->staged.data}; /* NAME.META:<load id>: */

    if (place->staged.len <= SLC_LOAD_ID_BYTES + 2)
        return true;
    meta_key.len = place->staged.len - SLC_LOAD_ID_BYTES - 2;
    if (!slc_redis_call(redis, &reply, error, SLC_STR("HEXISTS"), meta_key,
                        SLC_STR(SLC_PLAIN_SWITCH)))
        return false;
    keyed->twice = reply->integer != 0;
    return true;
}

static bool fetch_all(struct slc_redis *redis, const struct slc_layout_place *place,
                      struct keyed *keyed, const struct slc_str keys[], size_t n_keys,
                      slc_layout_put *put, void *context, struct slc_error *error)
{
    if (!look_for_switch(redis, place, keyed, error))
        return false;
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

bool slc_keyed_walk(struct slc_redis *redis, struct slc_layout_place *place, int64_t from,
                    int64_t most, slc_layout_put *put, void *context, struct slc_error *error)
{
    struct strictly strictly = {.put = put, .context = context, .place = place, .error = error};
    struct slc_str *keys = NULL;
    struct keyed keyed;
    int64_t span;
    size_t n;
    bool good;

    if (!open_keyed(place, true, &keyed, error))
        return false;
    strictly.expires = keyed.expires;
    good = slc_keyed_row_keys(redis, place, from, most, &keyed.arena, &keys, &n, &span, error);
    if (good && span > 0 && n == 0)
        good = slc_fail(error, SLC_ERR_DATA,
                        "a list of the row keys of the replica \"%.*s\" is gone; load the "
                        "file again",
                        place->name.len > 200 ? 200 : (int)place->name.len, place->name.data);
    good = good && fetch_all(redis, place, &keyed, keys, n, put_strictly, &strictly, error);
    slc_arena_release(&keyed.arena);
    return good;
}
