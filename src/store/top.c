/* Reading rows back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "store/exchange.h"
#include "store/key_order.h"
#include "store/keyset.h"
#include "store/store.h"

enum {
    KEYS_AT_ONCE = 1000,
    SCAN_COUNT = 1000,
    MOST_ATTEMPTS = 16,
    MOST_BYTES = 1 << 30, /* of one answer */
};

static bool no_rows_of(struct slc_str name, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_NOT_FOUND,
                    "there is no replica \"%.*s\"; `sluice ls` shows the ones there are",
                    name.len > 200 ? 200 : (int)name.len, name.data);
}

/* ---- JSON ---- */

/* A text that somebody else may have written to Redis, as a JSON string. */
static void put_text(struct slc_buf *json, struct slc_str text)
{
    SLC_AUTO_BUF struct slc_buf clean = {0};

    if (slc_utf8_is_valid(text)) {
        slc_json_string(json, text);
        return;
    }
    while (text.len > 0) {
        size_t valid = slc_utf8_valid_prefix(text.data, text.len);

        slc_buf_append(&clean, text.data, valid);
        if (valid < text.len) {
            slc_utf8_append(&clean, 0xfffd);
            valid++;
        }
        text = (struct slc_str){.data = text.data + valid, .len = text.len - valid};
    }
    slc_json_string(json, slc_buf_view(&clean));
    json->failed = json->failed || clean.failed;
}

/* Our rows are arrays. What is none was not written by a load. */
static void put_row(struct slc_buf *json, struct slc_str row)
{
    if (row.len >= 2 && row.data[0] == '[' && row.data[row.len - 1] == ']' &&
        slc_utf8_is_valid(row))
        slc_buf_append_str(json, row);
    else
        put_text(json, row);
}

/* ---- Top n ---- */

struct top {
    struct slc_redis *redis;
    struct slc_str name;
    struct slc_str meta_key;
    int64_t most_rows;
    struct slc_buf *json;
    struct slc_error *error;

    int64_t rows;   /* in `json` so far */
    int64_t stored; /* in the replica */
    int64_t asked;  /* keys that the order named: no more than there are rows, or it is not true */
    struct slc_keyset seen;
    struct slc_buf keys; /* of the next HMGET, one after the other */
    size_t key_ends[KEYS_AT_ONCE];
    size_t n_keys;
    bool failed; /* `error` is filled in */
};

static bool out_of_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were read from Redis");
}

/* Put one row, once. */
static bool put(struct top *top, struct slc_str key, struct slc_str row)
{
    bool added = false;

    if (!slc_keyset_add(&top->seen, key, &added))
        return out_of_memory(top->error);
    if (!added)
        return true;
    slc_json_comma(top->json);
    put_text(top->json, key);
    slc_buf_append_byte(top->json, ':');
    put_row(top->json, row);
    top->rows++;
    if (top->json->failed)
        return out_of_memory(top->error);
    if (top->json->len > MOST_BYTES)
        return slc_fail(top->error, SLC_ERR_LIMIT,
                        "the rows asked for are more than %d MB; ask for fewer", MOST_BYTES >> 20);
    return true;
}

static struct slc_str key_at(const struct top *top, size_t i)
{
    size_t from = i > 0 ? top->key_ends[i - 1] : 0;

    return (struct slc_str){.data = top->keys.data + from, .len = top->key_ends[i] - from};
}

/* Fetch and put the rows of the keys gathered. */
static bool fetch_keys(struct top *top)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str argv[KEYS_AT_ONCE + 2] = {SLC_STR("HMGET"), top->name};
    bool good = true;

    if (top->n_keys == 0)
        return true;
    for (size_t i = 0; i < top->n_keys; i++)
        argv[i + 2] = key_at(top, i);
    if (!slc_redis_command(top->redis, top->n_keys + 2, argv, &reply, top->error))
        return false;
    for (size_t i = 0; good && i < reply->count && i < top->n_keys; i++)
        if (reply->items[i].type == SLC_REPLY_STRING && top->rows < top->most_rows)
            good = put(top, key_at(top, i), reply->items[i].text);
    top->n_keys = 0;
    slc_buf_clear(&top->keys);
    return good;
}

static bool take_key(void *context, struct slc_str key)
{
    struct top *top = context;

    slc_buf_append_str(&top->keys, key);
    top->key_ends[top->n_keys++] = top->keys.len;
    if (top->keys.failed) {
        top->failed = true;
        return out_of_memory(top->error);
    }
    if (top->n_keys == KEYS_AT_ONCE || top->rows + (int64_t)top->n_keys >= top->most_rows)
        top->failed = !fetch_keys(top);
    return !top->failed && top->rows < top->most_rows && ++top->asked < top->stored;
}

/* The rows that the order does not know, in no order. */
static bool put_unordered(struct top *top)
{
    SLC_AUTO_BUF struct slc_buf cursor = {0};
    char count[16];

    slc_buf_append_byte(&cursor, '0');
    (void)snprintf(count, sizeof(count), "%d", (int)SCAN_COUNT);
    do {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        if (!slc_redis_call(top->redis, &reply, top->error, SLC_STR("HSCAN"), top->name,
                            slc_buf_view(&cursor), SLC_STR("COUNT"), slc_str_from(count)))
            return false;
        if (reply->count != 2)
            return slc_fail(top->error, SLC_ERR_SERVER, "Redis answered HSCAN with no cursor");
        const struct slc_reply *pairs = &reply->items[1];
        for (size_t i = 0; i + 1 < pairs->count && top->rows < top->most_rows; i += 2)
            if (!put(top, pairs->items[i].text, pairs->items[i + 1].text))
                return false;
        slc_buf_clear(&cursor);
        slc_buf_append_str(&cursor, reply->items[0].text);
    } while (top->rows < top->most_rows && !slc_str_is(slc_buf_view(&cursor), "0"));
    return true;
}

/* What tells one state of the replica from another. */
struct version {
    struct slc_reply
        *replies[3]; /* owned: EXISTS and HMGET LOAD_ID KEY_ORDER of the metadata, HLEN */
    bool exists;
    int64_t rows;
    const struct slc_reply *load_id;
    const struct slc_reply *order; /* LOAD_ID again when it was not asked for */
};

static void version_release(struct version *version)
{
    for (int i = 0; i < 3; i++)
        slc_reply_free(version->replies[i]);
}

/* No transaction, which a server that is out of memory would refuse. The load's
 * id is read first when reading begins and last when it ends: if it is the same,
 * all in between is of one load. */
static bool read_version(struct top *top, bool at_the_end, struct version *ret)
{
    struct slc_redis *redis = top->redis;
    struct slc_error *error = top->error;
    const struct slc_reply *fields;
    bool good;

    good = (!at_the_end || slc_redis_append_call(redis, error, SLC_STR("HLEN"), top->name)) &&
           slc_redis_append_call(redis, error, SLC_STR("EXISTS"), top->meta_key) &&
           slc_redis_append_call(redis, error, SLC_STR("HMGET"), top->meta_key, SLC_STR("LOAD_ID"),
                                 at_the_end ? SLC_STR("LOAD_ID") : SLC_STR("KEY_ORDER")) &&
           (at_the_end || slc_redis_append_call(redis, error, SLC_STR("HLEN"), top->name));
    if (!slc_store_replies(redis, good, ret->replies, 3, error))
        return false;
    fields = ret->replies[at_the_end ? 2 : 1];
    if (fields->count != 2)
        return slc_fail(error, SLC_ERR_SERVER, "Redis did not answer HMGET as it should");
    ret->rows = ret->replies[at_the_end ? 0 : 2]->integer;
    ret->exists = ret->replies[at_the_end ? 1 : 0]->integer == 1;
    ret->load_id = &fields->items[0];
    ret->order = &fields->items[1];
    return true;
}

static bool same_version(const struct version *a, const struct version *b)
{
    return a->exists == b->exists && a->rows == b->rows && a->load_id->type == b->load_id->type &&
           slc_str_eq(a->load_id->text, b->load_id->text);
}

static bool read_all(struct top *top, const struct version *version)
{
    if (!version->exists)
        return no_rows_of(top->name, top->error);
    top->stored = version->rows;
    if (top->most_rows > top->stored)
        top->most_rows = top->stored;
    if (top->most_rows <= 0)
        return true;
    if (version->order->type == SLC_REPLY_STRING &&
        !slc_key_order_each(version->order->text, take_key, top))
        return out_of_memory(top->error);
    if (top->failed || !fetch_keys(top))
        return false;
    return top->rows >= top->most_rows || put_unordered(top);
}

/* Read once; `*ret_whole` says that the replica was the same before and after. */
static bool read_rows(struct top *top, bool *ret_whole)
{
    struct version before = {0}, after = {0};
    bool good = read_version(top, false, &before) && read_all(top, &before) &&
                read_version(top, true, &after);

    if (good)
        *ret_whole = same_version(&before, &after);
    version_release(&before);
    version_release(&after);
    return good;
}

bool slc_store_top(struct slc_redis *redis, struct slc_str name, int64_t n, struct slc_buf *json,
                   int64_t *ret_rows, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct top *top = calloc(1, sizeof(*top));
    size_t start = json->len;
    bool good = true, whole = false;

    if (!top)
        return out_of_memory(error);
    top->redis = redis;
    top->name = name;
    top->meta_key = slc_store_meta_key(&arena, name);
    top->json = json;
    top->error = error;
    good = slc_store_joined(top->meta_key, error);
    for (int i = 0; good && !whole && i < MOST_ATTEMPTS; i++) {
        json->len = start;
        slc_buf_append_byte(json, '{');
        top->rows = top->asked = 0;
        top->n_keys = 0;
        top->most_rows = n;
        slc_buf_clear(&top->keys);
        slc_keyset_release(&top->seen);
        good = read_rows(top, &whole);
    }
    if (good && !whole)
        good = slc_fail(error, SLC_ERR_SERVER,
                        "the replica \"%.*s\" is being loaded over and over; try again",
                        name.len > 200 ? 200 : (int)name.len, name.data);
    slc_buf_append_byte(json, '}');
    if (good && json->failed)
        good = out_of_memory(error);
    if (good && ret_rows)
        *ret_rows = top->rows;
    if (!good)
        json->len = start;
    slc_keyset_release(&top->seen);
    slc_buf_release(&top->keys);
    free(top);
    return good;
}

/* ---- One row ---- */

bool slc_store_row(struct slc_redis *redis, struct slc_str name, struct slc_str key,
                   struct slc_buf *json, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_reply *replies[2] = {0};
    struct slc_str meta_key = slc_store_meta_key(&arena, name);
    bool good;

    good = slc_store_joined(meta_key, error) &&
           slc_store_replies(redis,
                             slc_redis_append_call(redis, error, SLC_STR("EXISTS"), meta_key) &&
                                 slc_redis_append_call(redis, error, SLC_STR("HGET"), name, key),
                             replies, 2, error);
    if (good && replies[0]->integer != 1)
        good = no_rows_of(name, error);
    if (good && replies[1]->type != SLC_REPLY_STRING)
        good = slc_fail(error, SLC_ERR_NOT_FOUND, "the replica \"%.*s\" has no row \"%.*s\"",
                        name.len > 200 ? 200 : (int)name.len, name.data,
                        key.len > 200 ? 200 : (int)key.len, key.data);
    if (good)
        put_row(json, replies[1]->text);
    slc_reply_free(replies[0]);
    slc_reply_free(replies[1]);
    return good && (!json->failed || out_of_memory(error));
}
