/* The layout `rows`: one hash NAME, row key -> JSON array of the row's values.
 * Grows in the staging key by HSET of many pairs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "redis/resp.h"
#include "store/encode.h"
#include "store/exchange.h"
#include "store/layout.h"
#include "store/load.h"

/* ---- Encoding ---- */

struct encoder {
    const struct slc_chunk *chunk;
    const struct slc_row_layout *rows;
    const struct slc_column *key_column; /* NULL: ordinals */
    int64_t first_ordinal;
    struct slc_encoded *out;
    size_t most_bytes;   /* of a command's texts, about */
    size_t width_digits; /* of the last row's length, the best guess for the next one's */
};

/* How many rows from `row` on make up the next command, and room for them. */
static int64_t plan_command(const struct encoder *encoder, int64_t row, int64_t most_rows,
                            size_t *ret_bound)
{
    int64_t left = encoder->chunk->n_rows - row, count = 0;
    size_t bound = 3 * SLC_RESP_HEADER_BYTES + 32 + encoder->rows->staging_key.len, bytes = 0;

    while (count < left && count < most_rows && (count == 0 || bytes < encoder->most_bytes)) {
        size_t raw;

        bound += slc_row_bound(encoder->chunk, encoder->rows, row + count, &raw) +
                 2 * (SLC_RESP_HEADER_BYTES + 2) + SLC_NUM_TEXT_BYTES;
        if (encoder->key_column)
            bound += encoder->key_column->texts[row + count].len;
        bytes += raw;
        count++;
    }
    *ret_bound = bound;
    return count;
}

static size_t count_digits(size_t number)
{
    size_t digits = 1;

    for (; number >= 10; number /= 10)
        digits++;
    return digits;
}

/* The row's JSON as a bulk string. Its length stands before it and is known
 * after it: room is left for as many digits as the row before took, and only
 * when that was wrong is the row moved. */
static char *write_row(struct encoder *encoder, char *to, int64_t row)
{
    char *body = to + 1 + encoder->width_digits + 2;
    char *end = slc_row_write(body, encoder->chunk, encoder->rows, row, encoder->out->memo);
    size_t len = (size_t)(end - body), digits = count_digits(len);

    if (digits != encoder->width_digits) {
        encoder->width_digits = digits;
        memmove(to + 1 + digits + 2, body, len);
    }
    to = slc_resp_write_header(to, '$', len) + len;
    memcpy(to, "\r\n", 2);
    return to + 2;
}

/* The row's key as a bulk string, noted down in `out` unless it is an ordinal. */
static char *write_key(struct encoder *encoder, char *to, int64_t row)
{
    struct slc_str key;

    if (!encoder->key_column) {
        char text[SLC_NUM_TEXT_BYTES];
        size_t len = (size_t)(slc_write_int64(text, encoder->first_ordinal + row) - text);

        return slc_resp_write_bulk(to, text, len);
    }
    key = encoder->key_column->texts[row];
    slc_row_note_key(encoder->out, key);
    return slc_resp_write_bulk(to, key.data, key.len);
}

/* One HSET of `count` rows, or one HSETNX. */
static bool write_command(struct encoder *encoder, int64_t row, int64_t count, size_t bound,
                          bool only_new)
{
    struct slc_encoded *out = encoder->out;
    struct slc_str key = encoder->rows->staging_key;
    int64_t record = slc_chunk_record(encoder->chunk, row);
    char *to = slc_buf_reserve(&out->bytes, bound), *start = to;

    if (!to)
        return false;
    to = slc_resp_write_header(to, '*', (size_t)(2 + 2 * count));
    to = only_new ? slc_resp_write_bulk(to, "HSETNX", 6) : slc_resp_write_bulk(to, "HSET", 4);
    to = slc_resp_write_bulk(to, key.data, key.len);
    for (int64_t i = row; i < row + count; i++) {
        to = write_key(encoder, to, i);
        to = write_row(encoder, to, i);
    }
    out->bytes.len += (size_t)(to - start);
    slc_encoded_end_command(out);
    slc_buf_append(&out->record_numbers, &record, sizeof(record));
    return true;
}

static bool encode(const struct slc_store_load *load, const struct slc_row_layout *rows,
                   const struct slc_chunk *chunk, int64_t first_ordinal, struct slc_encoded *out,
                   struct slc_error *error)
{
    int64_t block_usec = load && load->options.max_block_usec > 0 ? load->options.max_block_usec
                                                                  : SLC_STORE_BLOCK_USEC;
    struct encoder encoder = {.chunk = chunk,
                              .rows = rows,
                              .key_column =
                                  rows->key_column >= 0 ? &chunk->columns[rows->key_column] : NULL,
                              .first_ordinal = first_ordinal,
                              .out = out,
                              .most_bytes = slc_store_block_bytes(block_usec),
                              .width_digits = 3};
    /* Ordinals are never equal: they need no look at what is there. */
    bool only_new = rows->on_duplicate != SLC_DUPLICATE_LAST && encoder.key_column;
    int64_t most_rows = only_new || rows->pairs_per_command < 1 ? 1 : rows->pairs_per_command;

    /* A pair takes a microsecond and a half in a large hash. */
    if (most_rows > block_usec * 2 / 3)
        most_rows = block_usec * 2 / 3;
    for (int64_t row = 0, count; row < chunk->n_rows; row += count) {
        size_t bound;

        count = plan_command(&encoder, row, most_rows, &bound);
        if (!write_command(&encoder, row, count, bound, only_new))
            return slc_fail(error, SLC_ERR_MEMORY,
                            "memory ran out while rows were encoded for Redis");
    }
    return true;
}

/* ---- With FAIL: which row a command is about ---- */

/* The data rows that the commands of a chunk are about. */
struct records {
    struct records *next;
    int64_t first_command; /* among all of the load */
    int64_t n_commands;
    int64_t rows[];
};

struct state {
    struct records *oldest, *newest; /* with FAIL */
    int64_t duplicate_row;           /* 0: none */
};

static bool begin(struct slc_store_load *load, struct slc_error *error)
{
    load->state = calloc(1, sizeof(struct state));
    return load->state || slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
}

static bool note_records(struct slc_store_load *load, const struct slc_encoded *encoded)
{
    struct state *state = load->state;
    size_t bytes = encoded->record_numbers.len;
    struct records *records = malloc(sizeof(*records) + bytes);

    if (!records)
        return false;
    records->next = NULL;
    records->first_command = load->commands;
    records->n_commands = encoded->n_commands;
    memcpy(records->rows, encoded->record_numbers.data, bytes);
    if (state->newest)
        state->newest->next = records;
    else
        state->oldest = records;
    state->newest = records;
    return true;
}

static void drop_oldest_records(struct state *state)
{
    struct records *oldest = state->oldest;

    state->oldest = oldest->next;
    if (!oldest->next)
        state->newest = NULL;
    free(oldest);
}

/* HSETNX answers 0 when the key was there. Answers come in order: the records of
 * commands before this one are not needed any more. */
static void on_integer(struct slc_store_load *load, int64_t command, int64_t value)
{
    struct state *state = load->state;

    while (state->oldest && command >= state->oldest->first_command + state->oldest->n_commands)
        drop_oldest_records(state);
    if (value == 0 && state->duplicate_row == 0 && state->oldest &&
        command >= state->oldest->first_command)
        state->duplicate_row = state->oldest->rows[command - state->oldest->first_command];
}

static bool check_duplicate(const struct slc_store_load *load, struct slc_error *error)
{
    const struct state *state = load->state;

    if (state->duplicate_row == 0)
        return true;
    return slc_store_refuse_duplicate(state->duplicate_row, error);
}

/* ---- Writing ---- */

static bool write_chunk(struct slc_store_load *load, const struct slc_encoded *encoded,
                        struct slc_error *error)
{
    if (load->options.on_duplicate == SLC_DUPLICATE_FAIL && !load->options.ordinal_keys &&
        !note_records(load, encoded))
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were written");
    return slc_layout_send(load, slc_buf_view(&encoded->bytes), encoded->n_commands, encoded->seq,
                           error) &&
           check_duplicate(load, error);
}

static bool verify(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    int64_t stored;

    if (!check_duplicate(load, error) ||
        !slc_redis_call(load->redis, &reply, error, SLC_STR("HLEN"), load->staging_key))
        return false;
    stored = reply->type == SLC_REPLY_INTEGER ? reply->integer : -1;
    if (stored != load->integer_sum || stored > load->counts.rows_sent)
        return slc_fail(error, SLC_ERR_VERIFY,
                        "of %lld rows sent Redis said it took %lld, but has %lld; nothing was "
                        "swapped. Does something else write to or evict from this server?",
                        (long long)load->counts.rows_sent, (long long)load->integer_sum,
                        (long long)stored);
    load->counts.rows_written = stored;
    load->counts.duplicate_keys = load->counts.rows_sent - stored;
    return true;
}

static void release(struct slc_store_load *load)
{
    struct state *state = load->state;

    if (!state)
        return;
    while (state->oldest)
        drop_oldest_records(state);
    free(state);
    load->state = NULL;
}

/* ---- Reading ---- */

static bool count_rows(struct slc_redis *redis, const struct slc_layout_place *place,
                       int64_t *ret_rows, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (!slc_redis_call(redis, &reply, error, SLC_STR("HLEN"), place->name))
        return false;
    *ret_rows = reply->integer;
    return true;
}

static struct slc_str text_of(const struct slc_reply *reply)
{
    return reply->type == SLC_REPLY_STRING ? reply->text : (struct slc_str){0};
}

static bool fetch(struct slc_redis *redis, const struct slc_layout_place *place,
                  const struct slc_str keys[], size_t n_keys, slc_layout_put *put, void *context,
                  struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str *argv = slc_arena_calloc(&arena, n_keys + 2, sizeof(*argv));

    if (n_keys == 0)
        return true;
    if (!argv)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were read from Redis");
    argv[0] = SLC_STR("HMGET");
    argv[1] = place->name;
    memcpy(argv + 2, keys, n_keys * sizeof(*keys));
    if (!slc_redis_command(redis, n_keys + 2, argv, &reply, error))
        return false;
    if (reply->count != n_keys)
        return slc_fail(error, SLC_ERR_SERVER, "Redis did not answer HMGET as it should");
    for (size_t i = 0; i < n_keys; i++)
        if (!put(context, keys[i], text_of(&reply->items[i])))
            return false;
    return true;
}

static bool scan(struct slc_redis *redis, const struct slc_layout_place *place, uint64_t *cursor,
                 int64_t most, slc_layout_put *put, void *context, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    char from[SLC_NUM_TEXT_BYTES], count_text[SLC_NUM_TEXT_BYTES];
    struct slc_str start = {.data = from}, at_once = {.data = count_text};
    uint64_t next;

    start.len = (size_t)(slc_write_uint64(from, *cursor) - from);
    at_once.len = (size_t)(slc_write_int64(count_text, most < 1 ? 1 : most) - count_text);
    if (!slc_redis_call(redis, &reply, error, SLC_STR("HSCAN"), place->name, start,
                        SLC_STR("COUNT"), at_once))
        return false;
    if (reply->count != 2 || reply->items[0].type != SLC_REPLY_STRING ||
        !slc_parse_uint64(reply->items[0].text.data, reply->items[0].text.len, &next))
        return slc_fail(error, SLC_ERR_SERVER, "Redis answered HSCAN with no cursor");
    const struct slc_reply *pairs = &reply->items[1];
    for (size_t i = 0; i + 1 < pairs->count; i += 2)
        if (!put(context, pairs->items[i].text, text_of(&pairs->items[i + 1])))
            return false;
    *cursor = next;
    return true;
}

const struct slc_layout slc_layout_rows = {
    .name = "rows",
    .staged = true,
    .begin = begin,
    .encode = encode,
    .write = write_chunk,
    .on_integer = on_integer,
    .verify = verify,
    .release = release,
    .count = count_rows,
    .fetch = fetch,
    .scan = scan,
};
