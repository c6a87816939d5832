/* Pages, the first rows, and one row. */
#include "store/rows.h"

#include "base/json.h"
#include "store/exchange.h"
#include "store/rows_reader.h"
#include "store/store.h"

enum {
    MOST_PAGE_ROWS = 1000000,
    PAGE_BYTES = 16 << 20,
    BATCH_BYTES = 4 << 20,
    MOST_BYTES = 1 << 30, /* of one answer */
};

/* How a row is put: {"key":...,"values":[...]} or "key":[...]. */
typedef void put_row(struct slc_buf *json, struct slc_row row);

static void put_object(struct slc_buf *json, struct slc_row row)
{
    slc_json_comma(json);
    slc_buf_append_byte(json, '{');
    slc_json_key(json, "key");
    slc_rows_put_text(json, row.key);
    slc_json_key(json, "values");
    slc_buf_append_str(json, row.values);
    slc_buf_append_byte(json, '}');
}

static void put_member(struct slc_buf *json, struct slc_row row)
{
    slc_json_comma(json);
    slc_rows_put_text(json, row.key);
    slc_buf_append_byte(json, ':');
    slc_buf_append_str(json, row.values);
}

/* Put up to `most_rows` rows, stopping at about `most_bytes` of text. */
static bool put_rows(struct slc_rows_reader *reader, int64_t most_rows, size_t most_bytes,
                     put_row *put, struct slc_buf *json, int64_t *ret_rows, struct slc_error *error)
{
    struct slc_rows_batch batch = {0};
    size_t start = json->len;
    int64_t rows = 0;
    bool good = true, more = true;

    while (good && more && rows < most_rows && json->len - start < most_bytes) {
        size_t left = most_bytes - (json->len - start);

        good = slc_rows_next(reader, most_rows - rows, left < BATCH_BYTES ? left : BATCH_BYTES,
                             &batch, error);
        for (int64_t i = 0; good && i < batch.n_rows; i++)
            put(json, slc_rows_batch_at(&batch, i));
        more = batch.n_rows > 0;
        rows += batch.n_rows;
        if (good && json->failed)
            good = slc_rows_out_of_memory(error);
    }
    slc_rows_batch_release(&batch);
    *ret_rows = rows;
    return good;
}

/* ---- Pages ---- */

static bool read_page(struct slc_rows_reader *reader, int64_t limit, struct slc_buf *json,
                      int64_t *ret_rows, struct slc_error *error)
{
    slc_buf_append_byte(json, '[');
    if (!put_rows(reader, limit < MOST_PAGE_ROWS ? limit : MOST_PAGE_ROWS, PAGE_BYTES, put_object,
                  json, ret_rows, error))
        return false;
    slc_buf_append_byte(json, ']');
    return !json->failed || slc_rows_out_of_memory(error);
}

bool slc_store_rows(struct slc_redis *redis, struct slc_str name, struct slc_str cursor,
                    int64_t limit, struct slc_buf *json, int64_t *ret_rows,
                    char ret_next[SLC_ROWS_CURSOR_BYTES], struct slc_error *error)
{
    size_t start = json->len;

    if (limit < 1)
        return slc_fail(error, SLC_ERR_USAGE, "a page has at least one row");
    for (int i = 0; i < SLC_ROWS_ATTEMPTS; i++) {
        SLC_AUTO_ROWS struct slc_rows_reader *reader = slc_rows_open(redis, name, cursor, error);
        int64_t rows;

        if (!reader)
            return false;
        if (read_page(reader, limit, json, &rows, error)) {
            slc_rows_cursor(reader, ret_next);
            if (ret_rows)
                *ret_rows = rows;
            return true;
        }
        json->len = start;
        if (!slc_rows_changed(reader) || cursor.len > 0)
            return false;
    }
    return slc_rows_restless(name, error);
}

/* ---- The first rows ---- */

static bool read_top(struct slc_rows_reader *reader, int64_t n, struct slc_buf *json,
                     int64_t *ret_rows, struct slc_error *error)
{
    size_t start = json->len;

    slc_buf_append_byte(json, '{');
    if (!put_rows(reader, n, MOST_BYTES, put_member, json, ret_rows, error))
        return false;
    slc_buf_append_byte(json, '}');
    if (json->failed)
        return slc_rows_out_of_memory(error);
    if (json->len - start > MOST_BYTES)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "the rows asked for are more than %d MB; ask for fewer", MOST_BYTES >> 20);
    return true;
}

bool slc_store_top(struct slc_redis *redis, struct slc_str name, int64_t n, struct slc_buf *json,
                   int64_t *ret_rows, struct slc_error *error)
{
    size_t start = json->len;

    for (int i = 0; i < SLC_ROWS_ATTEMPTS; i++) {
        SLC_AUTO_ROWS struct slc_rows_reader *reader =
            slc_rows_open(redis, name, SLC_STR(""), error);
        int64_t rows;

        if (!reader)
            return false;
        if (read_top(reader, n, json, &rows, error)) {
            if (ret_rows)
                *ret_rows = rows;
            return true;
        }
        json->len = start;
        if (!slc_rows_changed(reader))
            return false;
    }
    return slc_rows_restless(name, error);
}

/* ---- One row ---- */

static bool no_row(struct slc_str name, struct slc_str key, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_NOT_FOUND, "the replica \"%.*s\" has no row \"%.*s\"",
                    name.len > 200 ? 200 : (int)name.len, name.data,
                    key.len > 200 ? 200 : (int)key.len, key.data);
}

/* As far as it can be told without looking closely. */
static bool is_rows_layout(const struct slc_reply *layout)
{
    return layout && (layout->type != SLC_REPLY_STRING || slc_str_is(layout->text, "rows") ||
                      slc_str_is(layout->text, "{\"version\":1,\"layout\":\"rows\"}"));
}

/* The common layout takes one round trip: everything is asked at once, and what
 * was not needed is dropped. */
bool slc_store_row(struct slc_redis *redis, struct slc_str name, struct slc_str key,
                   struct slc_buf *json, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_reply *replies[3] = {0};
    struct slc_str meta_key = slc_store_meta_key(&arena, redis, name);
    bool good, found = false, is_rows;

    if (!slc_store_joined(meta_key, error))
        return false;
    good = slc_store_replies(
        redis,
        slc_redis_append_call(redis, error, SLC_STR("EXISTS"), meta_key) &&
            slc_redis_append_call(redis, error, SLC_STR("HGET"), meta_key, SLC_STR("LAYOUT")) &&
            slc_redis_append_call(redis, error, SLC_STR("HGET"), name, key),
        replies, 3, error);
    is_rows = is_rows_layout(replies[1]);
    if (good && replies[0]->integer != 1) {
        good = slc_store_no_replica(name, error);
    } else if (good && is_rows) {
        found = replies[2]->type == SLC_REPLY_STRING;
        if (found)
            slc_rows_put_values(json, replies[2]->text);
    } else if (good || (!is_rows && replies[1] && slc_redis_is_open(redis))) {
        good = slc_rows_get(redis, name, key, json, &found, error);
    }
    for (size_t i = 0; i < 3; i++)
        slc_reply_free(replies[i]);
    if (good && json->failed)
        return slc_rows_out_of_memory(error);
    return good && (found || no_row(name, key, error));
}
