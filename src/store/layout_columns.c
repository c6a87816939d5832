/* The layout `columns`: the rows of each chunk as one record batch, an Arrow IPC
 * stream (arrow.h), in a key of its own, in load order:
 *
 *     NAME:<load id>:0, :1, ...   the batches; the index column, as text, first
 *     NAME:<load id>:index        48 bytes a batch, little-endian: the number of
 *                                 rows up to its end (int64), how many bytes of
 *                                 its key hold the index column (int64), and the
 *                                 first 16 bytes of its least and of its greatest
 *                                 row key, padded with zeros
 *
 * An ordinal is looked up in the index. A row key of text is looked for in the
 * batches in whose range it lies: one or a few when the file is sorted by it,
 * all of them when it is not. The keys have to be unique: whoever loads sees to
 * that before. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "redis/resp.h"
#include "store/announce.h"
#include "store/arrow.h"
#include "store/encode.h"
#include "store/exchange.h"
#include "store/layout.h"
#include "store/load.h"

enum {
    EDGE_BYTES = 16,
    MOST_CHUNKS = 1 << 24,
    KEYS_AT_ONCE = 500,
};

/* A batch's entry in the index. */
struct entry {
    int64_t end_row;
    int64_t key_bytes;
    char least[EDGE_BYTES], greatest[EDGE_BYTES];
};
_Static_assert(sizeof(struct entry) == 48, "it is written as it lies in memory");

/* ---- Encoding ---- */

static void cut_edge(struct slc_str key, char edge[EDGE_BYTES])
{
    memset(edge, 0, EDGE_BYTES);
    if (key.len)
        memcpy(edge, key.data, key.len < EDGE_BYTES ? key.len : EDGE_BYTES);
}

static void note_keys(const struct slc_column *keys, int64_t n_rows, struct slc_encoded *out,
                      struct entry *entry)
{
    struct slc_str least = {0}, greatest = {0};

    for (int64_t row = 0; row < n_rows; row++) {
        struct slc_str key = keys->texts[row];

        if (row == 0 || slc_str_cmp(key, least) < 0)
            least = key;
        if (row == 0 || slc_str_cmp(key, greatest) > 0)
            greatest = key;
        slc_row_note_key(out, key);
    }
    cut_edge(least, entry->least);
    cut_edge(greatest, entry->greatest);
}

static bool encode(const struct slc_store_load *load, const struct slc_row_layout *rows,
                   const struct slc_chunk *chunk, int64_t first_ordinal, struct slc_encoded *out,
                   struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_arrow_field *fields =
        slc_arena_calloc(&arena, (size_t)rows->n_columns + 2, sizeof(*fields));
    struct entry entry = {0};
    int64_t n = 0;
    size_t first_end;

    (void)load;
    (void)first_ordinal;
    if (!fields)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded for Redis");
    if (rows->key_column >= 0) {
        const struct slc_column *keys = &chunk->columns[rows->key_column];

        fields[n++] =
            (struct slc_arrow_field){.name = rows->key_name, .type = SLC_TYPE_TEXT, .column = keys};
        note_keys(keys, chunk->n_rows, out, &entry);
    }
    for (int64_t i = 0; i < rows->n_columns; i++)
        fields[n++] = (struct slc_arrow_field){
            .name = rows->names[i],
            .type = rows->types ? rows->types[i] : chunk->columns[rows->columns[i]].type,
            .column = &chunk->columns[rows->columns[i]],
            .narrow = rows->narrow ? rows->narrow[i] : (struct slc_narrow){0}};
    if (!slc_arrow_write(&out->bytes, fields, n, chunk->n_rows, &first_end, error))
        return false;
    entry.key_bytes = (int64_t)first_end;
    slc_encoded_end_command(out);
    slc_buf_append(&out->extra, &entry, sizeof(entry));
    return true;
}

/* ---- Writing ---- */

struct state {
    struct slc_buf index; /* entries */
    struct slc_buf sizes; /* int64_t a batch, for verifying */
    struct slc_buf header;
    struct slc_str prefix;
    int64_t n_chunks;
    int64_t n_rows;
};

static bool begin(struct slc_store_load *load, struct slc_error *error)
{
    struct state *state = calloc(1, sizeof(*state));

    load->state = state;
    if (!state)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    load->newer_document = load->options.narrow;
    if (load->options.n_chunks < 1 || load->options.n_chunks > MOST_CHUNKS)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "%lld chunks are more than the layout columns has room for (%d); set "
                        "load.chunk_bytes to more",
                        (long long)load->options.n_chunks, MOST_CHUNKS);
    state->prefix =
        slc_store_rows_prefix(&load->arena, load->home, load->options.name, load->options.load_id);
    return slc_store_joined(state->prefix, error);
}

/* The key `prefix` and number or "index", in `buf`. */
static struct slc_str batch_key(struct slc_buf *buf, struct slc_str prefix, int64_t number)
{
    slc_buf_clear(buf);
    slc_buf_append_str(buf, prefix);
    if (number < 0)
        slc_buf_append_text(buf, "index");
    else
        slc_buf_printf(buf, "%" PRId64, number);
    return slc_buf_view(buf);
}

/* SET key value, the value not copied. */
static bool send_value(struct slc_store_load *load, int64_t number, struct slc_str value,
                       int64_t chunk, struct slc_error *error)
{
    struct state *state = load->state;
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct slc_pipe_segment segments[3] = {{.id = (uint64_t)chunk},
                                           {.id = (uint64_t)chunk, .bytes = value},
                                           {.id = (uint64_t)chunk, .bytes = SLC_STR("\r\n")}};
    char length[SLC_RESP_HEADER_BYTES];
    size_t length_len = (size_t)(slc_resp_write_header(length, '$', value.len) - length);

    slc_buf_clear(&state->header);
    slc_resp_array(&state->header, 3);
    slc_resp_bulk(&state->header, SLC_STR("SET"));
    slc_resp_bulk(&state->header, batch_key(&key, state->prefix, number));
    slc_buf_append(&state->header, length, length_len);
    if (state->header.failed || key.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were written");
    segments[0].bytes = slc_buf_view(&state->header);
    segments[2].commands = 1;
    load->commands++;
    return slc_pipe_send(load->pipe, segments, 3, error);
}

static bool write_chunk(struct slc_store_load *load, const struct slc_encoded *encoded,
                        struct slc_error *error)
{
    struct state *state = load->state;
    struct entry entry;
    int64_t size = (int64_t)encoded->bytes.len;

    if (encoded->extra.len != sizeof(entry) || state->n_chunks >= load->options.n_chunks)
        return slc_fail(error, SLC_ERR_INTERNAL, "a chunk was not encoded for this layout");
    memcpy(&entry, encoded->extra.data, sizeof(entry));
    entry.end_row = state->n_rows += encoded->n_rows;
    slc_buf_append(&state->index, &entry, sizeof(entry));
    slc_buf_append(&state->sizes, &size, sizeof(size));
    if (state->index.failed || state->sizes.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were written");
    return send_value(load, state->n_chunks++, slc_buf_view(&encoded->bytes), encoded->seq, error);
}

static bool flush(struct slc_store_load *load, struct slc_error *error)
{
    const struct state *state = load->state;

    return send_value(load, -1, slc_buf_view(&state->index), state->n_chunks, error);
}

/* The lengths of the values `from` to `to` are what was sent. */
static bool verify_some(struct slc_store_load *load, int64_t from, int64_t to,
                        struct slc_error *error)
{
    const struct state *state = load->state;
    struct slc_reply *replies[KEYS_AT_ONCE] = {0};
    SLC_AUTO_BUF struct slc_buf key = {0};
    bool good = true;

    for (int64_t i = from; good && i < to; i++)
        good = slc_redis_append_call(load->redis, error, SLC_STR("STRLEN"),
                                     batch_key(&key, state->prefix, i));
    good = slc_store_replies(load->redis, good && !key.failed, replies, (size_t)(to - from), error);
    for (int64_t i = from; good && i < to; i++) {
        int64_t size;

        memcpy(&size, state->sizes.data + (size_t)i * sizeof(size), sizeof(size));
        if (replies[i - from]->integer != size)
            good = slc_fail(error, SLC_ERR_VERIFY,
                            "a chunk of %lld bytes was sent, but Redis has %lld of it; nothing "
                            "was swapped. Does something else write to or evict from this server?",
                            (long long)size, (long long)replies[i - from]->integer);
    }
    for (size_t i = 0; i < KEYS_AT_ONCE; i++)
        slc_reply_free(replies[i]);
    return good;
}

static bool verify(struct slc_store_load *load, struct slc_error *error)
{
    const struct state *state = load->state;

    for (int64_t i = 0; i < state->n_chunks; i += KEYS_AT_ONCE)
        if (!verify_some(load, i,
                         i + KEYS_AT_ONCE < state->n_chunks ? i + KEYS_AT_ONCE : state->n_chunks,
                         error))
            return false;
    if (state->n_rows != load->counts.rows_sent)
        return slc_fail(error, SLC_ERR_INTERNAL, "rows were lost on their way to Redis");
    load->counts.rows_written = state->n_rows;
    load->counts.duplicate_keys = 0;
    return true;
}

static void describe(const struct slc_store_load *load, bool whole, struct slc_buf *json)
{
    const struct state *state = load->state;

    slc_buf_append_text(json, ",\"prefix\":");
    slc_json_string(json, state->prefix);
    slc_buf_printf(json, ",\"chunks\":%" PRId64, whole ? state->n_chunks : load->options.n_chunks);
    if (whole)
        slc_buf_printf(json, ",\"rows\":%" PRId64 ",\"keys\":\"%s\"", state->n_rows,
                       load->options.ordinal_keys ? "ordinals" : "index");
    if (whole && load->options.narrow)
        slc_json_member_text(json, "types", "narrow");
}

static void release(struct slc_store_load *load)
{
    struct state *state = load->state;

    if (!state)
        return;
    slc_buf_release(&state->index);
    slc_buf_release(&state->sizes);
    slc_buf_release(&state->header);
    free(state);
    load->state = NULL;
}

/* ---- Keys ---- */

static bool remove_keys(struct slc_redis *redis, const struct slc_layout_place *place,
                        int64_t *cursor, bool *ret_done, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    int64_t n_chunks, from = *cursor, to;
    bool good = true;

    *ret_done = true;
    if (!slc_layout_int(place, "chunks", 0, MOST_CHUNKS, &n_chunks, NULL))
        return true;
    to = from + KEYS_AT_ONCE < n_chunks ? from + KEYS_AT_ONCE : n_chunks;
    if (from == 0)
        good = slc_redis_append_call(redis, error, SLC_STR("UNLINK"),
                                     batch_key(&key, place->prefix, -1));
    for (int64_t i = from; good && i < to; i++)
        good = slc_redis_append_call(redis, error, SLC_STR("UNLINK"),
                                     batch_key(&key, place->prefix, i));
    if (!slc_store_replies(redis, good && !key.failed, NULL, 0, error))
        return false;
    *cursor = to;
    *ret_done = to >= n_chunks;
    return true;
}

/* ---- Reading ---- */

static bool count_rows(struct slc_redis *redis, const struct slc_layout_place *place,
                       int64_t *ret_rows, struct slc_error *error)
{
    (void)redis;
    return slc_layout_int(place, "rows", 0, INT64_MAX, ret_rows, error);
}

/* What reading keeps of a replica: the index, and the batch read last. */
struct cache {
    struct entry *entries; /* owned */
    int64_t n_entries;
    struct slc_reply *stream; /* owned; what the chunk's texts are slices of */
    struct slc_chunk chunk;
    int64_t loaded; /* its number; -1 */
    struct slc_row_layout rows;
    int64_t *columns;
    struct slc_buf row;
    bool has_keys;
};

static void cache_free(void *context)
{
    struct cache *cache = context;

    if (!cache)
        return;
    free(cache->entries);
    slc_reply_free(cache->stream);
    slc_chunk_release(&cache->chunk);
    slc_buf_release(&cache->row);
    free(cache->columns);
    free(cache);
}

static bool gone(const struct slc_layout_place *place, const char *what, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_DATA,
                    "%s of the replica \"%.*s\" is not there or not what it was; load the file "
                    "again",
                    what, place->name.len > 200 ? 200 : (int)place->name.len, place->name.data);
}

/* Ends that only grow, up to the number of rows. */
static bool check_index(const struct slc_layout_place *place, const struct cache *cache,
                        struct slc_error *error)
{
    int64_t n_rows, before = 0;

    if (!slc_layout_int(place, "rows", 0, INT64_MAX, &n_rows, error))
        return false;
    for (int64_t i = 0; i < cache->n_entries; i++) {
        if (cache->entries[i].end_row < before || cache->entries[i].key_bytes < 0)
            return gone(place, "the index", error);
        before = cache->entries[i].end_row;
    }
    return before == n_rows || gone(place, "the index", error);
}

static bool read_index(struct slc_redis *redis, const struct slc_layout_place *place,
                       struct cache *cache, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    SLC_AUTO_REPLY struct slc_reply *index = NULL;
    int64_t n_chunks;

    if (!slc_layout_int(place, "chunks", 0, MOST_CHUNKS, &n_chunks, error) ||
        !slc_redis_call(redis, &index, error, SLC_STR("GET"), batch_key(&key, place->prefix, -1)))
        return false;
    if (index->type != SLC_REPLY_STRING ||
        index->text.len != (size_t)n_chunks * sizeof(struct entry))
        return gone(place, "the index", error);
    cache->entries = malloc(index->text.len + 1);
    if (!cache->entries)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were read");
    memcpy(cache->entries, index->text.data, index->text.len);
    cache->n_entries = n_chunks;
    cache->has_keys = slc_str_is(slc_layout_text(place, "keys"), "index");
    return check_index(place, cache, error);
}

static struct cache *cache_new(struct slc_redis *redis, const struct slc_layout_place *place,
                               struct slc_error *error)
{
    struct cache *cache = calloc(1, sizeof(*cache));

    if (!cache) {
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were read");
        return NULL;
    }
    cache->loaded = -1;
    if (!read_index(redis, place, cache, error)) {
        cache_free(cache);
        return NULL;
    }
    return cache;
}

/* Get ready to write the batch's rows: all columns but the index. */
static bool lay_out(struct cache *cache)
{
    int64_t n = cache->chunk.n_columns - cache->has_keys;
    int64_t *columns = n < 0 ? NULL : realloc(cache->columns, ((size_t)n + 1) * sizeof(*columns));

    if (!columns)
        return false;
    for (int64_t i = 0; i < n; i++)
        columns[i] = i + cache->has_keys;
    cache->columns = columns;
    cache->rows = (struct slc_row_layout){.columns = columns, .n_columns = n, .key_column = -1};
    return true;
}

static int64_t first_row(const struct cache *cache, int64_t chunk)
{
    return chunk > 0 ? cache->entries[chunk - 1].end_row : 0;
}

/* Have the batch in the cache. */
static bool load_chunk(struct slc_redis *redis, const struct slc_layout_place *place,
                       struct cache *cache, int64_t number, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    int64_t n_rows = cache->entries[number].end_row - first_row(cache, number);

    if (cache->loaded == number)
        return true;
    cache->loaded = -1;
    slc_reply_free(cache->stream);
    cache->stream = NULL;
    if (!slc_redis_call(redis, &cache->stream, error, SLC_STR("GET"),
                        batch_key(&key, place->prefix, number)))
        return false;
    if (cache->stream->type != SLC_REPLY_STRING)
        return gone(place, "a chunk", error);
    if (!slc_arrow_read(cache->stream->text, INT64_MAX, &cache->chunk, error))
        return false;
    if (cache->chunk.n_rows != n_rows || !lay_out(cache) ||
        (cache->has_keys &&
         (cache->chunk.columns[0].type != SLC_TYPE_TEXT || cache->chunk.columns[0].n_missing > 0)))
        return gone(place, "a chunk", error);
    cache->loaded = number;
    return true;
}

/* Put the row of the batch in the cache. */
static bool put_row(struct cache *cache, int64_t row, slc_layout_put *put, void *context,
                    struct slc_error *error)
{
    char ordinal[SLC_NUM_TEXT_BYTES], *to;
    struct slc_str key = {.data = ordinal};

    if (cache->has_keys)
        key = cache->chunk.columns[0].texts[row];
    else
        key.len =
            (size_t)(slc_write_int64(ordinal, first_row(cache, cache->loaded) + row) - ordinal);
    slc_buf_clear(&cache->row);
    to = slc_buf_reserve(&cache->row, slc_row_bound(&cache->chunk, &cache->rows, row, NULL));
    if (!to)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were read");
    cache->row.len = (size_t)(slc_row_write(to, &cache->chunk, &cache->rows, row, NULL) - to);
    return put(context, key, slc_buf_view(&cache->row));
}

/* The batch that the row is in, by its place; n_entries when there is none. */
static int64_t chunk_of(const struct cache *cache, int64_t row)
{
    int64_t low = 0, high = cache->n_entries;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (cache->entries[middle].end_row > row)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool walk(struct slc_redis *redis, struct slc_layout_place *place, int64_t from,
                 int64_t most, slc_layout_put *put, void *context, struct slc_error *error)
{
    struct cache *cache = place->cache;
    int64_t number;

    if (!cache) {
        place->cache = cache = cache_new(redis, place, error);
        place->release_cache = cache_free;
        if (!cache)
            return false;
    }
    number = chunk_of(cache, from);
    if (number == cache->n_entries)
        return true;
    if (!load_chunk(redis, place, cache, number, error))
        return false;
    for (int64_t row = from - first_row(cache, number); most > 0 && row < cache->chunk.n_rows;
         row++, most--)
        if (!put_row(cache, row, put, context, error))
            return false;
    return true;
}

static bool may_hold(const struct entry *entry, struct slc_str key)
{
    char edge[EDGE_BYTES];

    cut_edge(key, edge);
    return memcmp(edge, entry->least, EDGE_BYTES) >= 0 &&
           memcmp(edge, entry->greatest, EDGE_BYTES) <= 0;
}

/* Look for the key in the batch's index column alone; -1 in `*ret_row`: it is
 * not there. */
static bool find_key(struct slc_redis *redis, const struct slc_layout_place *place,
                     const struct cache *cache, int64_t number, struct slc_str key,
                     int64_t *ret_row, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf name = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_chunk keys = {0};
    char end[SLC_NUM_TEXT_BYTES];
    struct slc_str last = {.data = end};
    bool good;

    *ret_row = -1;
    last.len = (size_t)(slc_write_int64(end, cache->entries[number].key_bytes - 1) - end);
    if (!slc_redis_call(redis, &reply, error, SLC_STR("GETRANGE"),
                        batch_key(&name, place->prefix, number), SLC_STR("0"), last))
        return false;
    good = slc_arrow_read(reply->text, 1, &keys, error);
    if (good && (keys.n_columns != 1 || keys.columns[0].type != SLC_TYPE_TEXT ||
                 keys.columns[0].n_missing > 0))
        good = gone(place, "a chunk", error);
    for (int64_t row = 0; good && row < keys.n_rows && *ret_row < 0; row++)
        if (slc_str_eq(keys.columns[0].texts[row], key))
            *ret_row = row;
    slc_chunk_release(&keys);
    return good;
}

/* The row's batch and its place in it; `*ret_number` -1: there is none. */
static bool find_row(struct slc_redis *redis, const struct slc_layout_place *place,
                     const struct cache *cache, struct slc_str key, int64_t *ret_number,
                     int64_t *ret_row, struct slc_error *error)
{
    int64_t ordinal;

    *ret_number = -1;
    if (!cache->has_keys) {
        if (!slc_key_order_number(key, &ordinal) || ordinal < 0 ||
            chunk_of(cache, ordinal) == cache->n_entries)
            return true;
        *ret_number = chunk_of(cache, ordinal);
        *ret_row = ordinal - first_row(cache, *ret_number);
        return true;
    }
    for (int64_t i = 0; i < cache->n_entries; i++) {
        if (!may_hold(&cache->entries[i], key))
            continue;
        if (!find_key(redis, place, cache, i, key, ret_row, error))
            return false;
        if (*ret_row >= 0) {
            *ret_number = i;
            return true;
        }
    }
    return true;
}

static bool fetch(struct slc_redis *redis, const struct slc_layout_place *place,
                  const struct slc_str keys[], size_t n_keys, slc_layout_put *put, void *context,
                  struct slc_error *error)
{
    struct cache *cache = cache_new(redis, place, error);
    bool good = cache != NULL;

    for (size_t i = 0; good && i < n_keys; i++) {
        int64_t number, row;

        good = find_row(redis, place, cache, keys[i], &number, &row, error);
        if (good && number < 0)
            good = put(context, keys[i], (struct slc_str){0});
        else if (good)
            good = load_chunk(redis, place, cache, number, error) &&
                   (row < cache->chunk.n_rows || gone(place, "a chunk", error)) &&
                   put_row(cache, row, put, context, error);
    }
    cache_free(cache);
    return good;
}

const struct slc_layout slc_layout_columns = {
    .name = "columns",
    .unique_keys = true,
    .begin = begin,
    .encode = encode,
    .write = write_chunk,
    .flush = flush,
    .verify = verify,
    .describe = describe,
    .release = release,
    .remove = remove_keys,
    .count = count_rows,
    .fetch = fetch,
    .walk = walk,
};
