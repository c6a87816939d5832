/* The layout `packed`: the rows in buckets of about a hundred, each a small hash
 * of its own, row key -> JSON array, in NAME:<load id>:<bucket>. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/json.h"
#include "base/num.h"
#include "store/encode.h"
#include "store/exchange.h"
#include "store/layout.h"
#include "store/listpack.h"
#include "store/packed.h"

enum { KEYS_AT_ONCE = 256, HLENS_AT_ONCE = 4096 };

/* ---- Beginning ---- */

static bool begin(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_packed *packed = calloc(1, sizeof(*packed));
    int64_t per = load->options.ordinal_keys ? SLC_PACKED_ROWS : SLC_PACKED_TEXT_ROWS;
    struct slc_str prefix;

    load->state = packed;
    if (!packed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    packed->n_buckets = load->options.n_rows > 0 ? (load->options.n_rows + per - 1) / per : 1;
    packed->open_bucket = -1;
    slc_crc64_init(&packed->writer.crc);
    prefix =
        slc_store_rows_prefix(&load->arena, load->home, load->options.name, load->options.load_id);
    packed->writer.prefix = prefix;
    packed->writer.most_bytes = slc_store_block_bytes(load->options.max_block_usec);
    return slc_store_joined(prefix, error) &&
           (load->options.ordinal_keys || slc_packed_group_begin(load, error));
}

static bool prepare(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_packed *packed = load->state;
    struct slc_str probe = slc_store_join(&load->arena, packed->writer.prefix, SLC_STR("probe"),
                                          SLC_STR(""), SLC_STR(""));

    return slc_store_joined(probe, error) &&
           slc_bucket_probe(&packed->writer, load->redis, probe, error);
}

static void describe(const struct slc_store_load *load, bool whole, struct slc_buf *json)
{
    const struct slc_packed *packed = load->state;
    bool ordinal = load->options.ordinal_keys;

    slc_json_key(json, "prefix");
    slc_json_string(json, packed->writer.prefix);
    slc_json_key(json, "bucket");
    slc_json_text(json, ordinal ? "ordinal" : "crc32");
    slc_buf_printf(json, ",\"buckets\":%" PRId64 ",\"rows_per_bucket\":%d", packed->n_buckets,
                   ordinal ? SLC_PACKED_ROWS : SLC_PACKED_TEXT_ROWS);
    if (whole)
        slc_buf_printf(json, ",\"rows\":%" PRId64, load->counts.rows_written);
}

/* ---- Encoding ---- */

size_t slc_packed_row_bound(const struct slc_chunk *chunk, const struct slc_row_layout *rows,
                            int64_t row)
{
    size_t bound =
        slc_row_bound(chunk, rows, row, NULL) + 2 * SLC_LISTPACK_ENTRY_BYTES + SLC_NUM_TEXT_BYTES;

    if (rows->key_column >= 0)
        bound += chunk->columns[rows->key_column].texts[row].len;
    return bound;
}

char *slc_packed_write_value(char *to, const struct slc_chunk *chunk,
                             const struct slc_row_layout *rows, int64_t row,
                             struct slc_row_memo *memo, size_t *guess)
{
    char *text = to + *guess;
    size_t len = (size_t)(slc_row_write(text, chunk, rows, row, memo) - text);

    *guess = slc_listpack_header(len);
    return slc_listpack_wrap(to, text, len);
}

/* Rows of one bucket that a chunk has only a part of; its entries follow. */
struct fragment {
    int64_t bucket;
    int64_t rows;
    uint64_t bytes;
};

struct encoder {
    const struct slc_store_load *load;
    const struct slc_packed *packed;
    const struct slc_row_layout *rows;
    const struct slc_chunk *chunk;
    int64_t first_ordinal;
    struct slc_encoded *out;
    size_t guess;
};

static char *write_entries(struct encoder *encoder, char *to, int64_t from, int64_t to_row)
{
    for (int64_t row = from; row < to_row; row++) {
        to = slc_listpack_write_integer(to, encoder->first_ordinal + row);
        to = slc_packed_write_value(to, encoder->chunk, encoder->rows, row, encoder->out->memo,
                                    &encoder->guess);
    }
    return to;
}

/* The rows that the bucket will have in the end. */
static int64_t rows_of_bucket(const struct slc_store_load *load, int64_t bucket)
{
    int64_t left = load->options.n_rows - bucket * SLC_PACKED_ROWS;

    return left < SLC_PACKED_ROWS ? left : SLC_PACKED_ROWS;
}

static bool encode_bucket(struct encoder *encoder, int64_t from, int64_t to_row,
                          struct slc_error *error)
{
    int64_t number = (encoder->first_ordinal + from) / SLC_PACKED_ROWS;
    size_t bound = 0;
    char *to;

    for (int64_t row = from; row < to_row; row++)
        bound += slc_packed_row_bound(encoder->chunk, encoder->rows, row);
    if ((encoder->first_ordinal + from) % SLC_PACKED_ROWS == 0 &&
        to_row - from == rows_of_bucket(encoder->load, number)) {
        struct slc_bucket bucket;

        to = slc_bucket_begin(&encoder->packed->writer, encoder->out, number, bound, &bucket);
        if (to)
            return slc_bucket_end(&encoder->packed->writer, encoder->out, &bucket,
                                  write_entries(encoder, to, from, to_row), (size_t)(to_row - from),
                                  error);
    } else {
        struct slc_buf *extra = &encoder->out->extra;
        struct fragment fragment = {.bucket = number, .rows = to_row - from};

        to = slc_buf_reserve(extra, sizeof(fragment) + bound);
        if (to) {
            char *entries = to + sizeof(fragment);

            fragment.bytes = (uint64_t)(write_entries(encoder, entries, from, to_row) - entries);
            memcpy(to, &fragment, sizeof(fragment));
            extra->len += sizeof(fragment) + fragment.bytes;
            return true;
        }
    }
    return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded for Redis");
}

static bool encode(const struct slc_store_load *load, const struct slc_row_layout *rows,
                   const struct slc_chunk *chunk, int64_t first_ordinal, struct slc_encoded *out,
                   struct slc_error *error)
{
    struct encoder encoder = {.load = load,
                              .packed = load->state,
                              .rows = rows,
                              .chunk = chunk,
                              .first_ordinal = first_ordinal,
                              .out = out,
                              .guess = 2};

    if (!load->options.ordinal_keys)
        return slc_packed_group_encode(load, rows, chunk, out, error);
    if (first_ordinal + chunk->n_rows > load->options.n_rows)
        return slc_fail(error, SLC_ERR_INTERNAL, "more rows are encoded than were announced");
    for (int64_t row = 0, next; row < chunk->n_rows; row = next) {
        next = row + SLC_PACKED_ROWS - (first_ordinal + row) % SLC_PACKED_ROWS;
        if (next > chunk->n_rows)
            next = chunk->n_rows;
        if (!encode_bucket(&encoder, row, next, error))
            return false;
    }
    return true;
}

/* ---- Writing ---- */

bool slc_packed_send(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_packed *packed = load->state;
    struct slc_encoded *out = &packed->out;

    if (out->n_commands > 0 &&
        !slc_layout_send(load, slc_buf_view(&out->bytes), out->n_commands, -1, error))
        return false;
    slc_buf_clear(&out->bytes);
    slc_buf_clear(&out->command_ends);
    out->n_commands = 0;
    return true;
}

/* The bucket whose rows were gathered from several chunks. */
static bool send_open(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_packed *packed = load->state;
    struct slc_bucket bucket;
    size_t len = packed->open_entries.len;
    char *to;

    if (packed->open_rows == 0)
        return true;
    to = slc_bucket_begin(&packed->writer, &packed->out, packed->open_bucket, len, &bucket);
    if (!to || packed->open_entries.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were written");
    memcpy(to, packed->open_entries.data, len);
    if (!slc_bucket_end(&packed->writer, &packed->out, &bucket, to + len, (size_t)packed->open_rows,
                        error))
        return false;
    packed->open_rows = 0;
    packed->open_bucket = -1;
    slc_buf_clear(&packed->open_entries);
    return slc_packed_send(load, error);
}

static bool take_fragments(struct slc_store_load *load, struct slc_str extra,
                           struct slc_error *error)
{
    struct slc_packed *packed = load->state;

    while (extra.len > 0) {
        struct fragment fragment;

        memcpy(&fragment, extra.data, sizeof(fragment));
        if (packed->open_rows > 0 && packed->open_bucket != fragment.bucket)
            return slc_fail(error, SLC_ERR_INTERNAL, "chunks are written in no order");
        packed->open_bucket = fragment.bucket;
        packed->open_rows += fragment.rows;
        slc_buf_append(&packed->open_entries, extra.data + sizeof(fragment), fragment.bytes);
        extra.data += sizeof(fragment) + fragment.bytes;
        extra.len -= sizeof(fragment) + fragment.bytes;
        if (packed->open_rows == rows_of_bucket(load, fragment.bucket) && !send_open(load, error))
            return false;
    }
    return true;
}

static bool write_chunk(struct slc_store_load *load, const struct slc_encoded *encoded,
                        struct slc_error *error)
{
    if (!load->options.ordinal_keys)
        return slc_packed_group_write(load, encoded, error);
    return (encoded->n_commands == 0 ||
            slc_layout_send(load, slc_buf_view(&encoded->bytes), encoded->n_commands, encoded->seq,
                            error)) &&
           take_fragments(load, slc_buf_view(&encoded->extra), error);
}

static bool flush(struct slc_store_load *load, struct slc_error *error)
{
    if (!load->options.ordinal_keys)
        return slc_packed_group_flush(load, error);
    return send_open(load, error);
}

/* ---- Verifying ---- */

/* The rows in the buckets from `from` to before `to`. */
static bool count_buckets(struct slc_redis *redis, struct slc_str prefix, int64_t from, int64_t to,
                          int64_t *ret_rows, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    bool good = true;

    for (int64_t bucket = from; good && bucket < to; bucket++) {
        slc_buf_clear(&key);
        slc_bucket_key(prefix, bucket, &key);
        good =
            !key.failed && slc_redis_append_call(redis, error, SLC_STR("HLEN"), slc_buf_view(&key));
    }
    for (int64_t bucket = from; good && bucket < to; bucket++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        good = slc_redis_read(redis, &reply, error) &&
               slc_reply_check(reply, slc_redis_where(redis), error);
        if (good)
            *ret_rows += reply->integer;
    }
    /* Half of it is neither sent nor read. */
    return slc_store_replies(redis, good, NULL, 0, error) && good;
}

static bool count_all(struct slc_redis *redis, struct slc_str prefix, int64_t n_buckets,
                      int64_t *ret_rows, struct slc_error *error)
{
    *ret_rows = 0;
    for (int64_t from = 0; from < n_buckets; from += HLENS_AT_ONCE) {
        int64_t to = from + HLENS_AT_ONCE < n_buckets ? from + HLENS_AT_ONCE : n_buckets;

        if (!count_buckets(redis, prefix, from, to, ret_rows, error))
            return false;
    }
    return true;
}

static bool verify(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_packed *packed = load->state;
    int64_t expected = load->counts.rows_sent - packed->duplicate_keys, stored;

    if (!count_all(load->redis, packed->writer.prefix, packed->n_buckets, &stored, error))
        return false;
    if (stored != expected)
        return slc_fail(error, SLC_ERR_VERIFY,
                        "%lld rows were written, but Redis has %lld; nothing was swapped. Does "
                        "something else write to or evict from this server?",
                        (long long)expected, (long long)stored);
    load->counts.rows_written = stored;
    load->counts.duplicate_keys = packed->duplicate_keys;
    return true;
}

static void release(struct slc_store_load *load)
{
    struct slc_packed *packed = load->state;

    if (!packed)
        return;
    slc_buf_release(&packed->open_entries);
    slc_partitions_free(packed->partitions);
    slc_encoded_release(&packed->out);
    free(packed);
    load->state = NULL;
}

/* ---- What LAYOUT says ---- */

struct places {
    struct slc_str prefix;
    int64_t n_buckets;
    bool ordinal;
    int64_t per_bucket;
};

static bool read_places(const struct slc_layout_place *place, struct places *ret,
                        struct slc_error *error)
{
    struct slc_str bucket = slc_layout_text(place, "bucket");

    *ret = (struct places){.prefix = place->prefix, .ordinal = slc_str_is(bucket, "ordinal")};
    if (place->prefix.len == 0 || (!ret->ordinal && !slc_str_is(bucket, "crc32")))
        return slc_fail(error, SLC_ERR_SERVER,
                        "the buckets of the replica \"%.*s\" cannot be found in a way that this "
                        "version of sluice knows",
                        place->name.len > 200 ? 200 : (int)place->name.len, place->name.data);
    return slc_layout_int(place, "buckets", 1, INT64_MAX / 1024, &ret->n_buckets, error) &&
           slc_layout_int(place, "rows_per_bucket", 1, 1 << 20, &ret->per_bucket, error);
}

int64_t slc_packed_bucket(struct slc_str key, int64_t n_buckets)
{
    uLong crc = crc32_z(0, (const unsigned char *)(key.data ? key.data : ""), key.len);

    return (int64_t)((uint64_t)crc % (uint64_t)n_buckets);
}

/* -1: no row can have this key. */
static int64_t bucket_of(const struct places *places, struct slc_str key)
{
    int64_t ordinal;

    if (!places->ordinal)
        return slc_packed_bucket(key, places->n_buckets);
    if (!slc_parse_int64(key.data, key.len, &ordinal) || ordinal < 0 ||
        ordinal / places->per_bucket >= places->n_buckets)
        return -1;
    return ordinal / places->per_bucket;
}

/* ---- Removing ---- */

static bool append_unlink(struct slc_redis *redis, struct slc_buf *key, struct slc_error *error)
{
    return (!key->failed ||
            slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were removed")) &&
           slc_redis_append_call(redis, error, SLC_STR("UNLINK"), slc_buf_view(key));
}

/* A key a command: a slot of a cluster that is being moved has some of the keys
 * here and some there, and refuses a command that names both. */
static bool remove_keys(struct slc_redis *redis, const struct slc_layout_place *place,
                        int64_t *cursor, bool *ret_done, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct places places;
    bool good = true;
    int64_t end;

    *ret_done = true;
    if (!read_places(place, &places, NULL))
        return true; /* not ours to understand */
    if (*cursor == 0) {
        slc_buf_append_str(&key, places.prefix);
        slc_buf_append_text(&key, "probe");
        good = append_unlink(redis, &key, error);
    }
    end = places.n_buckets - *cursor > KEYS_AT_ONCE ? *cursor + KEYS_AT_ONCE : places.n_buckets;
    for (; good && *cursor < end; ++*cursor) {
        slc_buf_clear(&key);
        slc_bucket_key(places.prefix, *cursor, &key);
        good = append_unlink(redis, &key, error);
    }
    *ret_done = end == places.n_buckets;
    return slc_store_replies(redis, good, NULL, 0, error);
}

/* ---- Reading ---- */

static bool count_rows(struct slc_redis *redis, const struct slc_layout_place *place,
                       int64_t *ret_rows, struct slc_error *error)
{
    struct places places;

    (void)redis;
    return read_places(place, &places, error) &&
           slc_layout_int(place, "rows", 0, INT64_MAX, ret_rows, error);
}

static struct slc_str text_of(const struct slc_reply *reply)
{
    return reply->type == SLC_REPLY_STRING ? reply->text : (struct slc_str){0};
}

static bool append_with_key(struct slc_redis *redis, const struct places *places, int64_t bucket,
                            struct slc_buf *key, struct slc_error *error)
{
    (void)redis;
    slc_buf_clear(key);
    slc_bucket_key(places->prefix, bucket, key);
    return !key->failed || slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were read");
}

/* What was asked for is read in any case, so that it can be asked why a row was
 * not there; the first error is the one told. */
static bool read_rest(struct slc_redis *redis, bool good)
{
    if (slc_redis_outstanding(redis) > 0)
        (void)slc_store_replies(redis, true, NULL, 0, NULL);
    return good;
}

static bool fetch(struct slc_redis *redis, const struct slc_layout_place *place,
                  const struct slc_str keys[], size_t n_keys, slc_layout_put *put, void *context,
                  struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct places places;
    bool good = read_places(place, &places, error);

    for (size_t i = 0; good && i < n_keys; i++) {
        int64_t bucket = bucket_of(&places, keys[i]);

        /* A key that is in no bucket is asked for in the first: it is not there. */
        good = append_with_key(redis, &places, bucket < 0 ? 0 : bucket, &key, error) &&
               slc_redis_append_call(redis, error, SLC_STR("HGET"), slc_buf_view(&key), keys[i]);
    }
    if (!good)
        return slc_store_replies(redis, false, NULL, 0, error);
    for (size_t i = 0; good && i < n_keys; i++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        good = slc_redis_read(redis, &reply, error) &&
               slc_reply_check(reply, slc_redis_where(redis), error) &&
               put(context, keys[i], text_of(reply));
    }
    return read_rest(redis, good);
}

static bool scan(struct slc_redis *redis, const struct slc_layout_place *place, uint64_t *cursor,
                 int64_t most, slc_layout_put *put, void *context, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf key = {0};
    struct places places;
    bool good = read_places(place, &places, error);
    int64_t from, to;

    if (!good)
        return false;
    from = *cursor < (uint64_t)places.n_buckets ? (int64_t)*cursor : places.n_buckets;
    to = from + 1 + (most > 0 ? most - 1 : 0) / places.per_bucket;
    if (to > places.n_buckets)
        to = places.n_buckets;
    for (int64_t bucket = from; good && bucket < to; bucket++)
        good = append_with_key(redis, &places, bucket, &key, error) &&
               slc_redis_append_call(redis, error, SLC_STR("HGETALL"), slc_buf_view(&key));
    if (!good)
        return slc_store_replies(redis, false, NULL, 0, error);
    for (int64_t bucket = from; good && bucket < to; bucket++) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        good = slc_redis_read(redis, &reply, error) &&
               slc_reply_check(reply, slc_redis_where(redis), error);
        for (size_t i = 0; good && i + 1 < reply->count; i += 2)
            good = put(context, reply->items[i].text, text_of(&reply->items[i + 1]));
    }
    if (!read_rest(redis, good))
        return false;
    *cursor = to < places.n_buckets ? (uint64_t)to : 0;
    return true;
}

const struct slc_layout slc_layout_packed = {
    .name = "packed",
    .begin = begin,
    .prepare = prepare,
    .encode = encode,
    .write = write_chunk,
    .flush = flush,
    .verify = verify,
    .describe = describe,
    .release = release,
    .remove = remove_keys,
    .count = count_rows,
    .fetch = fetch,
    .scan = scan,
    .stable_steps = true,
    .rows_stay = true,
};
