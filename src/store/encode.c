/* Rows of a chunk as HSET commands: the hot path of a load. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/time.h"
#include "redis/resp.h"
#include "store/store.h"

/* A command is ended before its values are longer than this, so that neither
 * our buffers nor the server's grow with the width of the rows. */
enum { COMMAND_BYTES = 1 << 20 };

/* The widest value that is no text: a number; and a comma. */
enum { VALUE_BYTES = SLC_NUM_TEXT_BYTES + 1 };
_Static_assert((int)VALUE_BYTES > (int)SLC_DATETIME_TEXT_BYTES + 3, "a date-time has to fit");

static char *write_text(char *to, const char *text, size_t len)
{
    memcpy(to, text, len);
    return to + len;
}

/* A value at `to`, which has room for it (VALUE_BYTES, or a text's bound). */
static inline char *write_value(char *to, const struct slc_column *column, int64_t row)
{
    if (!slc_column_has(column, row))
        return write_text(to, "null", 4);
    switch (column->type) {
    case SLC_TYPE_BOOL:
        return column->bools[row] ? write_text(to, "true", 4) : write_text(to, "false", 5);
    case SLC_TYPE_INT64:
        return slc_write_int64(to, column->int64s[row]);
    case SLC_TYPE_UINT64:
        return slc_write_uint64(to, column->uint64s[row]);
    case SLC_TYPE_FLOAT64:
        if (!isfinite(column->float64s[row]))
            return write_text(to, "null", 4);
        return slc_write_double(to, column->float64s[row]);
    case SLC_TYPE_DATE:
        *to++ = '"';
        to = slc_write_date(to, column->dates[row]);
        *to++ = '"';
        return to;
    case SLC_TYPE_DATETIME:
        *to++ = '"';
        to = slc_write_datetime(to, column->datetimes[row]);
        *to++ = '"';
        return to;
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        return slc_json_write_string(to, column->texts[row].data, column->texts[row].len);
    case SLC_TYPE_NULL:
        break;
    }
    return write_text(to, "null", 4);
}

void slc_store_encode_value(struct slc_buf *buf, const struct slc_column *column, int64_t row)
{
    size_t bound = VALUE_BYTES;

    if (slc_type_is_text(column->type) && slc_column_has(column, row)) {
        size_t len = column->texts[row].len;

        if (len > SIZE_MAX / 8) {
            buf->failed = true;
            return;
        }
        bound = SLC_JSON_STRING_BOUND(len);
    }
    char *to = slc_buf_reserve(buf, bound);
    if (to)
        buf->len += (size_t)(write_value(to, column, row) - to);
}

/* ---- One chunk ---- */

struct encoder {
    const struct slc_chunk *chunk;
    const struct slc_row_layout *layout;
    const struct slc_column *key_column; /* NULL: ordinals */
    int64_t first_ordinal;
    struct slc_encoded *out;
    struct slc_error *error;
    size_t width_digits; /* of the last row's length, the best guess for the next one's */
};

/* The longest that a row's pair can get on the wire, and in `*ret_raw` the bytes
 * of its texts as they are. */
static size_t pair_bound(const struct encoder *encoder, int64_t row, size_t *ret_raw)
{
    const struct slc_row_layout *layout = encoder->layout;
    size_t bound = 2 * (SLC_RESP_HEADER_BYTES + 2) + SLC_NUM_TEXT_BYTES + 2, raw = 0;

    if (encoder->key_column)
        bound += encoder->key_column->texts[row].len;
    for (int64_t i = 0; i < layout->n_columns; i++) {
        const struct slc_column *column = &encoder->chunk->columns[layout->columns[i]];

        bound += VALUE_BYTES;
        if (slc_type_is_text(column->type) && slc_column_has(column, row)) {
            size_t len = column->texts[row].len;

            raw += len;
            bound += SLC_JSON_STRING_BOUND(len);
        } else {
            raw += 8;
        }
    }
    *ret_raw = raw;
    return bound;
}

/* How many rows from `row` on make up the next command, and room for them. */
static int64_t plan_command(const struct encoder *encoder, int64_t row, int64_t most_rows,
                            size_t *ret_bound)
{
    int64_t left = encoder->chunk->n_rows - row, count = 0;
    size_t bound = 3 * SLC_RESP_HEADER_BYTES + 32 + encoder->layout->staging_key.len, bytes = 0;

    while (count < left && count < most_rows && (count == 0 || bytes < COMMAND_BYTES)) {
        size_t raw;

        bound += pair_bound(encoder, row + count, &raw);
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
    const struct slc_row_layout *layout = encoder->layout;
    const struct slc_column *columns = encoder->chunk->columns;
    char *body = to + 1 + encoder->width_digits + 2, *end = body;

    *end++ = '[';
    for (int64_t i = 0; i < layout->n_columns; i++) {
        if (i > 0)
            *end++ = ',';
        end = write_value(end, &columns[layout->columns[i]], row);
    }
    *end++ = ']';
    size_t len = (size_t)(end - body), digits = count_digits(len);
    if (digits != encoder->width_digits) {
        encoder->width_digits = digits;
        memmove(to + 1 + digits + 2, body, len);
    }
    to = slc_resp_write_header(to, '$', len) + len;
    return write_text(to, "\r\n", 2);
}

/* The row's key as a bulk string, noted down in `out` unless it is an ordinal. */
static char *write_key(struct encoder *encoder, char *to, int64_t row)
{
    struct slc_encoded *out = encoder->out;
    struct slc_str key;

    if (!encoder->key_column) {
        char text[SLC_NUM_TEXT_BYTES];
        size_t len = (size_t)(slc_write_int64(text, encoder->first_ordinal + row) - text);

        return slc_resp_write_bulk(to, text, len);
    }
    key = encoder->key_column->texts[row];
    slc_buf_append_str(&out->keys, key);
    uint32_t end = (uint32_t)out->keys.len;
    slc_buf_append(&out->key_ends, &end, sizeof(end));
    return slc_resp_write_bulk(to, key.data, key.len);
}

/* One HSET of `count` rows, or one HSETNX. */
static bool write_command(struct encoder *encoder, int64_t row, int64_t count, size_t bound,
                          bool only_new)
{
    struct slc_encoded *out = encoder->out;
    int64_t record = slc_chunk_record(encoder->chunk, row);
    char *to = slc_buf_reserve(&out->bytes, bound), *start = to;

    if (!to)
        return false;
    to = slc_resp_write_header(to, '*', (size_t)(2 + 2 * count));
    to = only_new ? slc_resp_write_bulk(to, "HSETNX", 6) : slc_resp_write_bulk(to, "HSET", 4);
    to = slc_resp_write_bulk(to, encoder->layout->staging_key.data,
                             encoder->layout->staging_key.len);
    for (int64_t i = row; i < row + count; i++) {
        to = write_key(encoder, to, i);
        to = write_row(encoder, to, i);
    }
    out->bytes.len += (size_t)(to - start);
    slc_buf_append(&out->record_numbers, &record, sizeof(record));
    out->n_commands++;
    return true;
}

/* Keys end at 32-bit offsets, and a row without one must not come here. */
static bool check_keys(const struct encoder *encoder)
{
    const struct slc_column *column = encoder->key_column;
    uint64_t total = 0;

    if (!slc_type_is_text(column->type) && encoder->chunk->n_rows > 0)
        return slc_fail(encoder->error, SLC_ERR_INTERNAL, "the row keys are not texts");
    for (int64_t row = 0; row < encoder->chunk->n_rows; row++) {
        if (!slc_column_has(column, row))
            return slc_fail(encoder->error, SLC_ERR_INTERNAL, "a row without a key is encoded");
        total += column->texts[row].len;
    }
    if (total > UINT32_MAX)
        return slc_fail(encoder->error, SLC_ERR_LIMIT, "the row keys are longer than 4 GB a chunk");
    return true;
}

bool slc_store_encode(const struct slc_chunk *chunk, const struct slc_row_layout *layout,
                      int64_t first_ordinal, struct slc_encoded *out, struct slc_error *error)
{
    struct encoder encoder = {
        .chunk = chunk,
        .layout = layout,
        .key_column = layout->key_column >= 0 ? &chunk->columns[layout->key_column] : NULL,
        .first_ordinal = first_ordinal,
        .out = out,
        .error = error,
        .width_digits = 3};
    /* Ordinals are never equal: they need no look at what is there. */
    bool only_new = layout->on_duplicate != SLC_DUPLICATE_LAST && encoder.key_column;
    int64_t most_rows = only_new || layout->pairs_per_command < 1 ? 1 : layout->pairs_per_command;
    bool good = true;

    out->seq = chunk->seq;
    out->n_rows = chunk->n_rows;
    out->n_commands = 0;
    out->first_ordinal = first_ordinal;
    slc_buf_clear(&out->bytes);
    slc_buf_clear(&out->keys);
    slc_buf_clear(&out->key_ends);
    slc_buf_clear(&out->record_numbers);
    if (chunk->n_rows > 0 && (!chunk->columns || layout->n_columns < 0))
        return slc_fail(error, SLC_ERR_INTERNAL, "a chunk without columns is encoded");
    if (encoder.key_column && !check_keys(&encoder))
        return false;
    for (int64_t row = 0, count; good && row < chunk->n_rows; row += count) {
        size_t bound;

        count = plan_command(&encoder, row, most_rows, &bound);
        good = write_command(&encoder, row, count, bound, only_new);
    }
    if (!good || out->bytes.failed || out->keys.failed || out->key_ends.failed ||
        out->record_numbers.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded for Redis");
    return true;
}

void slc_encoded_release(struct slc_encoded *encoded)
{
    if (!encoded)
        return;
    slc_buf_release(&encoded->bytes);
    slc_buf_release(&encoded->keys);
    slc_buf_release(&encoded->key_ends);
    slc_buf_release(&encoded->record_numbers);
    *encoded = (struct slc_encoded){0};
}
