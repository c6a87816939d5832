/* The layout `packed`: the rows in buckets of about a hundred, each a small hash
 * of its own, row key -> JSON array, in NAME:<load id>:<bucket>. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "store/encode.h"
#include "store/exchange.h"
#include "store/layout.h"
#include "store/listpack.h"
#include "store/packed.h"

enum { HLENS_AT_ONCE = 4096 };

/* ---- Beginning ---- */

/* Keys that rise keep the order of the file if no more than every other place between
 * the first and the last would stay empty: buckets of fewer rows take more memory. */
static enum slc_packed_rule choose_rule(const struct slc_store_load_options *options)
{
    uint64_t span = (uint64_t)options->last_key - (uint64_t)options->first_key;

    if (options->ordinal_keys)
        return SLC_PACKED_BY_ORDINAL;
    if (options->keys_rise && options->n_rows > 0 && span / 2 < (uint64_t)options->n_rows)
        return SLC_PACKED_BY_INTEGER;
    return SLC_PACKED_BY_CRC32;
}

/* The places that the rows can have: ordinals, or keys counted from the first one. */
static int64_t count_places(const struct slc_store_load *load)
{
    const struct slc_store_load_options *options = &load->options;
    const struct slc_packed *packed = load->state;

    return packed->rule == SLC_PACKED_BY_INTEGER ? options->last_key - options->first_key + 1
                                                 : options->n_rows;
}

static bool begin(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_packed *packed = calloc(1, sizeof(*packed));
    int64_t per, places;
    struct slc_str prefix;

    load->state = packed;
    if (!packed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    packed->rule = choose_rule(&load->options);
    load->newer_document = packed->rule == SLC_PACKED_BY_INTEGER;
    per = packed->rule == SLC_PACKED_BY_CRC32 ? SLC_PACKED_TEXT_ROWS : SLC_PACKED_ROWS;
    places = count_places(load);
    packed->n_buckets = places > 0 ? (places + per - 1) / per : 1;
    packed->open_bucket = -1;
    slc_crc64_init(&packed->writer.crc);
    prefix =
        slc_store_rows_prefix(&load->arena, load->home, load->options.name, load->options.load_id);
    packed->writer.prefix = prefix;
    packed->writer.most_bytes = slc_store_block_bytes(load->options.max_block_usec);
    return slc_store_joined(prefix, error) &&
           (packed->rule != SLC_PACKED_BY_CRC32 || slc_packed_group_begin(load, error));
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

    slc_json_key(json, "prefix");
    slc_json_string(json, packed->writer.prefix);
    slc_json_key(json, "bucket");
    slc_json_text(json, slc_packed_rule_names[packed->rule]);
    if (packed->rule == SLC_PACKED_BY_INTEGER)
        slc_buf_printf(json, ",\"first\":%" PRId64, load->options.first_key);
    slc_buf_printf(json, ",\"buckets\":%" PRId64 ",\"rows_per_bucket\":%d", packed->n_buckets,
                   packed->rule == SLC_PACKED_BY_CRC32 ? SLC_PACKED_TEXT_ROWS : SLC_PACKED_ROWS);
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

/* Rows of one bucket of which the chunk may have only a part; their entries follow. */
struct fragment {
    int64_t bucket;
    int64_t rows;
    uint64_t bytes;
    bool is_last; /* of its bucket */
};

struct encoder {
    const struct slc_store_load *load;
    const struct slc_packed *packed;
    const struct slc_row_layout *rows;
    const struct slc_chunk *chunk;
    int64_t first_ordinal;
    const int64_t *places; /* of the rows; NULL: their ordinals */
    int64_t last_place;    /* of the table */
    struct slc_encoded *out;
    size_t guess;
};

static inline int64_t place_of(const struct encoder *encoder, int64_t row)
{
    return encoder->places ? encoder->places[row] : encoder->first_ordinal + row;
}

static char *write_entries(struct encoder *encoder, char *to, int64_t from, int64_t to_row)
{
    int64_t first_key = encoder->places ? encoder->load->options.first_key : 0;

    for (int64_t row = from; row < to_row; row++) {
        to = slc_listpack_write_integer(to, first_key + place_of(encoder, row));
        to = slc_packed_write_value(to, encoder->chunk, encoder->rows, row, encoder->out->memo,
                                    &encoder->guess);
    }
    return to;
}

/* The rows from `from` to before `to_row` are those of one bucket in this chunk. */
static bool encode_bucket(struct encoder *encoder, int64_t from, int64_t to_row,
                          struct slc_error *error)
{
    int64_t first = place_of(encoder, from), last = place_of(encoder, to_row - 1);
    int64_t number = first / SLC_PACKED_ROWS;
    /* Places rise, so what is between other buckets is whole. */
    bool begins = from > 0 || first % SLC_PACKED_ROWS == 0;
    bool ends = to_row < encoder->chunk->n_rows || (last + 1) % SLC_PACKED_ROWS == 0 ||
                last == encoder->last_place;
    size_t bound = 0;
    char *to;

    for (int64_t row = from; row < to_row; row++)
        bound += slc_packed_row_bound(encoder->chunk, encoder->rows, row);
    if (begins && ends) {
        struct slc_bucket bucket;

        to = slc_bucket_begin(&encoder->packed->writer, encoder->out, number, bound, &bucket);
        if (to)
            return slc_bucket_end(&encoder->packed->writer, encoder->out, &bucket,
                                  write_entries(encoder, to, from, to_row), (size_t)(to_row - from),
                                  error);
    } else {
        struct slc_buf *extra = &encoder->out->extra;
        struct fragment fragment = {.bucket = number, .rows = to_row - from, .is_last = ends};

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

static bool encode_buckets(struct encoder *encoder, struct slc_error *error)
{
    int64_t n_rows = encoder->chunk->n_rows;

    for (int64_t row = 0, next; row < n_rows; row = next) {
        int64_t bucket = place_of(encoder, row) / SLC_PACKED_ROWS;

        for (next = row + 1; next < n_rows; next++)
            if (place_of(encoder, next) / SLC_PACKED_ROWS != bucket)
                break;
        if (!encode_bucket(encoder, row, next, error))
            return false;
    }
    return true;
}

/* The places of keys that rise, which are noted down as well. The survey has seen all keys. */
static bool find_places(const struct slc_store_load *load, const struct slc_column *keys,
                        int64_t n_rows, int64_t *places, struct slc_encoded *out,
                        struct slc_error *error)
{
    int64_t least = load->options.first_key;

    for (int64_t row = 0; row < n_rows; row++) {
        struct slc_str text = keys->texts[row];
        int64_t key;

        if (!slc_parse_int64(text.data, text.len, &key) || key < least ||
            key > load->options.last_key)
            return slc_fail(error, SLC_ERR_CHANGED,
                            "the file changed while it was read; load it again");
        places[row] = key - load->options.first_key;
        least = key < INT64_MAX ? key + 1 : key;
        slc_row_note_key(out, text);
    }
    return true;
}

static bool encode(const struct slc_store_load *load, const struct slc_row_layout *rows,
                   const struct slc_chunk *chunk, int64_t first_ordinal, struct slc_encoded *out,
                   struct slc_error *error)
{
    const struct slc_packed *packed = load->state;
    SLC_AUTO_FREE int64_t *places = NULL;
    struct encoder encoder = {.load = load,
                              .packed = packed,
                              .rows = rows,
                              .chunk = chunk,
                              .first_ordinal = first_ordinal,
                              .last_place = count_places(load) - 1,
                              .out = out,
                              .guess = 2};

    if (packed->rule == SLC_PACKED_BY_CRC32)
        return slc_packed_group_encode(load, rows, chunk, out, error);
    if (packed->rule == SLC_PACKED_BY_INTEGER) {
        encoder.places = places = malloc((size_t)chunk->n_rows * sizeof(*places) + 1);
        if (!places)
            return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded");
        if (!find_places(load, &chunk->columns[rows->key_column], chunk->n_rows, places, out,
                         error))
            return false;
    } else if (first_ordinal + chunk->n_rows > load->options.n_rows) {
        return slc_fail(error, SLC_ERR_INTERNAL, "more rows are encoded than were announced");
    }
    return encode_buckets(&encoder, error);
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
        if (fragment.bucket < packed->open_bucket)
            return slc_fail(error, SLC_ERR_INTERNAL, "chunks are written in no order");
        /* With gaps among the keys a bucket may have come to its end unnoticed. */
        if (fragment.bucket > packed->open_bucket && !send_open(load, error))
            return false;
        packed->open_bucket = fragment.bucket;
        packed->open_rows += fragment.rows;
        slc_buf_append(&packed->open_entries, extra.data + sizeof(fragment), fragment.bytes);
        extra.data += sizeof(fragment) + fragment.bytes;
        extra.len -= sizeof(fragment) + fragment.bytes;
        if (fragment.is_last && !send_open(load, error))
            return false;
    }
    return true;
}

static bool write_chunk(struct slc_store_load *load, const struct slc_encoded *encoded,
                        struct slc_error *error)
{
    const struct slc_packed *packed = load->state;

    if (packed->rule == SLC_PACKED_BY_CRC32)
        return slc_packed_group_write(load, encoded, error);
    return (encoded->n_commands == 0 ||
            slc_layout_send(load, slc_buf_view(&encoded->bytes), encoded->n_commands, encoded->seq,
                            error)) &&
           take_fragments(load, slc_buf_view(&encoded->extra), error);
}

static bool flush(struct slc_store_load *load, struct slc_error *error)
{
    const struct slc_packed *packed = load->state;

    if (packed->rule == SLC_PACKED_BY_CRC32)
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
    .remove = slc_packed_remove,
    .count = slc_packed_count,
    .fetch = slc_packed_fetch,
    .scan = slc_packed_scan,
    .stable_steps = true,
    .rows_stay = true,
};
