/* The reader of rows: what is the same for every layout. */
#include "store/rows_reader.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/utf8.h"
#include "store/announce.h"
#include "store/exchange.h"

/* ---- Batches ---- */

bool slc_rows_out_of_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were read from Redis");
}

bool slc_rows_gone(struct slc_str name, struct slc_str key, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_DATA,
                    "the row \"%.*s\" of the replica \"%.*s\" is gone; does something else "
                    "write to or evict from this server?",
                    key.len > 100 ? 100 : (int)key.len, key.data,
                    name.len > 200 ? 200 : (int)name.len, name.data);
}

struct slc_row slc_rows_batch_at(const struct slc_rows_batch *batch, int64_t i)
{
    size_t ends[2], start = 0;

    memcpy(ends, batch->ends.data + (size_t)i * sizeof(ends), sizeof(ends));
    if (i > 0)
        memcpy(&start, batch->ends.data + (size_t)i * sizeof(ends) - sizeof(start), sizeof(start));
    return (struct slc_row){
        .key = {.data = batch->bytes.data + start, .len = ends[0] - start},
        .values = {.data = batch->bytes.data + ends[0], .len = ends[1] - ends[0]}};
}

void slc_rows_batch_clear(struct slc_rows_batch *batch)
{
    slc_buf_clear(&batch->bytes);
    slc_buf_clear(&batch->ends);
    batch->n_rows = 0;
}

void slc_rows_batch_release(struct slc_rows_batch *batch)
{
    if (!batch)
        return;
    slc_buf_release(&batch->bytes);
    slc_buf_release(&batch->ends);
    batch->n_rows = 0;
}

void slc_rows_put_text(struct slc_buf *json, struct slc_str text)
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
void slc_rows_put_values(struct slc_buf *json, struct slc_str values)
{
    if (values.len >= 2 && values.data[0] == '[' && values.data[values.len - 1] == ']' &&
        slc_utf8_is_valid(values))
        slc_buf_append_str(json, values);
    else
        slc_rows_put_text(json, values);
}

bool slc_rows_batch_add(struct slc_rows_batch *batch, struct slc_str key, struct slc_str values,
                        struct slc_error *error)
{
    size_t ends[2];

    slc_buf_append_str(&batch->bytes, key);
    ends[0] = batch->bytes.len;
    slc_rows_put_values(&batch->bytes, values);
    ends[1] = batch->bytes.len;
    slc_buf_append(&batch->ends, ends, sizeof(ends));
    batch->n_rows++;
    return (!batch->bytes.failed && !batch->ends.failed) || slc_rows_out_of_memory(error);
}

bool slc_rows_batch_copy(struct slc_rows_batch *batch, struct slc_row row, struct slc_error *error)
{
    size_t ends[2];

    slc_buf_append_str(&batch->bytes, row.key);
    ends[0] = batch->bytes.len;
    slc_buf_append_str(&batch->bytes, row.values);
    ends[1] = batch->bytes.len;
    slc_buf_append(&batch->ends, ends, sizeof(ends));
    batch->n_rows++;
    return (!batch->bytes.failed && !batch->ends.failed) || slc_rows_out_of_memory(error);
}

/* ---- Which load it is ---- */

static bool changed(struct slc_rows_reader *reader, struct slc_error *error)
{
    reader->changed = true;
    return slc_fail(
        error, SLC_ERR_CONFLICT,
        "the replica \"%.*s\" was loaded anew or cleared while it was read; begin again "
        "with its first rows",
        reader->name.len > 200 ? 200 : (int)reader->name.len, reader->name.data);
}

static bool is_same(struct slc_str before, const struct slc_reply *now)
{
    return (now->type == SLC_REPLY_STRING) == (before.data != NULL) &&
           slc_str_eq(now->text, before);
}

/* The replica is still of the load that the reader began with, and its rows lie
 * where they did. `*ret_same` is untouched on failure. */
static bool check_load(struct slc_rows_reader *reader, bool *ret_same, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *now = NULL;
    int64_t n_rows;

    /* The rows first: what is read last tells that all before is of one load. */
    if (!reader->where.layout->count(reader->redis, &reader->where, &n_rows, error) ||
        !slc_redis_call(reader->redis, &now, error, SLC_STR("HMGET"), reader->meta_key,
                        SLC_STR("LOAD_ID"), SLC_STR("LAYOUT")))
        return false;
    if (now->count != 2)
        return slc_fail(error, SLC_ERR_SERVER, "Redis did not answer HMGET as it should");
    *ret_same = n_rows == reader->n_rows &&
                is_same(slc_meta_get(&reader->meta, "LOAD_ID"), &now->items[0]) &&
                is_same(slc_meta_get(&reader->meta, "LAYOUT"), &now->items[1]);
    return true;
}

/* Reading failed: true (with `error` saying so) when that is because the replica
 * was loaded anew meanwhile, so that what its metadata named is gone. */
static bool look_why(struct slc_rows_reader *reader, struct slc_error *error)
{
    bool same = true;

    if (slc_redis_is_idle(reader->redis) && check_load(reader, &same, NULL) && !same)
        (void)changed(reader, error);
    return reader->changed;
}

/* ---- Opening ---- */

/* The load's id as cursors have it. */
static void take_load_id(struct slc_rows_reader *reader)
{
    struct slc_str id = slc_meta_get(&reader->meta, "LOAD_ID");
    char hex[SLC_SHA256_HEX_BYTES];

    if (slc_load_id_is_valid(id)) {
        memcpy(reader->load_id, id.data, SLC_LOAD_ID_BYTES);
        return;
    }
    /* Of somebody else's replica: whatever stands there. */
    slc_sha256_hex(id.data ? id : SLC_STR(""), hex);
    memcpy(reader->load_id, hex, SLC_LOAD_ID_BYTES);
}

static bool open_cursor(struct slc_rows_reader *reader, struct slc_str cursor,
                        struct slc_error *error)
{
    char load_id[33];
    int64_t n_rows;

    if (cursor.len == 0) {
        if (reader->n_rows == 0)
            reader->place.part = SLC_ROWS_END;
        return true;
    }
    if (!slc_rows_cursor_parse(cursor, load_id, &n_rows, &reader->place))
        return slc_fail(error, SLC_ERR_USAGE,
                        "the cursor is none that was handed out; take the one of the page before, "
                        "as it stands");
    if (strcmp(load_id, reader->load_id) != 0 || n_rows != reader->n_rows)
        return changed(reader, error);
    return true;
}

/* KEY_ORDER may name rows that were removed by hand, but not out of all reason:
 * each costs a look. */
static uint64_t most_ordered(int64_t n_rows)
{
    return 2 * (uint64_t)n_rows + 1000;
}

static bool open_reader(struct slc_rows_reader *reader, bool in_order, struct slc_error *error)
{
    /* The order, the longest of them, comes last. */
    static const char *const wanted[] = {"LOAD_ID", "LAYOUT",       "COLUMNS",  "INDEX_COLUMN",
                                         "DTYPES",  "ROWS_WRITTEN", "KEY_ORDER"};
    enum { WANTED = sizeof(wanted) / sizeof(wanted[0]) };

    if (!slc_store_joined(reader->meta_key, error) || !slc_store_joined(reader->name, error) ||
        !slc_store_meta(reader->redis, reader->name, wanted, in_order ? WANTED : WANTED - 1,
                        &reader->meta, error) ||
        !slc_layout_read(reader->name, slc_meta_get(&reader->meta, "LAYOUT"), &reader->where,
                         error) ||
        !reader->where.layout->count(reader->redis, &reader->where, &reader->n_rows, error))
        return false;
    take_load_id(reader);
    return slc_key_order_view_init(&reader->order, slc_meta_get(&reader->meta, "KEY_ORDER"),
                                   most_ordered(reader->n_rows)) ||
           slc_rows_out_of_memory(error);
}

static struct slc_rows_reader *new_reader(struct slc_redis *redis, struct slc_str name,
                                          bool in_order, struct slc_error *error)
{
    struct slc_rows_reader *reader = calloc(1, sizeof(*reader));

    if (!reader) {
        slc_rows_out_of_memory(error);
        return NULL;
    }
    reader->redis = redis;
    reader->name = slc_arena_copy(&reader->arena, name);
    reader->meta_key = slc_store_meta_key(&reader->arena, redis, name);
    if (!open_reader(reader, in_order, error)) {
        slc_rows_close(reader);
        return NULL;
    }
    return reader;
}

struct slc_rows_reader *slc_rows_open(struct slc_redis *redis, struct slc_str name,
                                      struct slc_str cursor, struct slc_error *error)
{
    struct slc_rows_reader *reader = new_reader(redis, name, true, error);

    if (reader && !open_cursor(reader, cursor, error)) {
        slc_rows_close(reader);
        return NULL;
    }
    return reader;
}

void slc_rows_close(struct slc_rows_reader *reader)
{
    if (!reader)
        return;
    slc_layout_place_release(&reader->where);
    slc_key_order_view_release(&reader->order);
    slc_meta_release(&reader->meta);
    slc_arena_release(&reader->arena);
    free(reader);
}

/* ---- Reading ---- */

bool slc_rows_next(struct slc_rows_reader *reader, int64_t most_rows, size_t most_bytes,
                   struct slc_rows_batch *batch, struct slc_error *error)
{
    bool same;

    slc_rows_batch_clear(batch);
    if (reader->place.part == SLC_ROWS_END)
        return true;
    while (batch->n_rows == 0 && reader->place.part != SLC_ROWS_END)
        if (!slc_rows_walk(reader, most_rows, most_bytes, batch, error)) {
            (void)look_why(reader, error);
            return false;
        }
    if (!check_load(reader, &same, error))
        return false;
    return same || changed(reader, error);
}

struct one_row {
    struct slc_buf *values;
    bool found;
};

static bool put_one(void *context, struct slc_str key, struct slc_str row)
{
    struct one_row *one = context;

    (void)key;
    one->found = row.data != NULL;
    if (one->found)
        slc_rows_put_values(one->values, row);
    return true;
}

bool slc_rows_get(struct slc_redis *redis, struct slc_str name, struct slc_str key,
                  struct slc_buf *values, bool *ret_found, struct slc_error *error)
{
    size_t start = values->len;

    for (int i = 0; i < SLC_ROWS_ATTEMPTS; i++) {
        SLC_AUTO_ROWS struct slc_rows_reader *reader = new_reader(redis, name, false, error);
        struct one_row one = {.values = values};

        values->len = start;
        if (!reader)
            return false;
        if (reader->where.layout->fetch(redis, &reader->where, &key, 1, put_one, &one, error)) {
            bool same;

            if (!check_load(reader, &same, error))
                return false;
            if (same) {
                *ret_found = one.found;
                return !values->failed || slc_rows_out_of_memory(error);
            }
        } else if (!look_why(reader, error)) {
            return false;
        }
    }
    return slc_rows_restless(name, error);
}

bool slc_rows_restless(struct slc_str name, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_SERVER,
                    "the replica \"%.*s\" is being loaded over and over; try again",
                    name.len > 200 ? 200 : (int)name.len, name.data);
}

bool slc_rows_changed(const struct slc_rows_reader *reader)
{
    return reader->changed;
}

int64_t slc_rows_count(const struct slc_rows_reader *reader)
{
    return reader->n_rows;
}

void slc_rows_cursor(const struct slc_rows_reader *reader, char cursor[SLC_ROWS_CURSOR_BYTES])
{
    slc_rows_cursor_write(reader->load_id, reader->n_rows, &reader->place, cursor);
}

struct slc_str slc_rows_meta(const struct slc_rows_reader *reader, const char *field)
{
    return slc_meta_get(&reader->meta, field);
}
