/* Values and rows as JSON text: the hot path of a load. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/time.h"
#include "store/encode.h"
#include "store/load.h"

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

/* ---- Numbers that come again ---- */

/* A number of few values costs less to be looked up than to be printed. What it is
 * after scaling does not matter, since it is looked up by its bits. */
enum { MEMO_BITS = 10, MEMO_SLOTS = 1 << MEMO_BITS, MEMO_TEXT_BYTES = 24, MOST_MEMOS = 16 };

struct memo_slot {
    uint64_t bits;
    char text[MEMO_TEXT_BYTES]; /* its last byte is the text's length; 0: nothing is here */
};

struct column_memo {
    struct memo_slot *slots; /* MEMO_SLOTS of them, owned; NULL: none */
    int64_t n_asked, n_found;
    bool is_useless;
};

struct slc_row_memo {
    int64_t n_columns;
    int n_in_use;
    struct column_memo columns[]; /* one a column of the rows */
};

static void memo_free(struct slc_row_memo *memo)
{
    for (int64_t i = 0; memo && i < memo->n_columns; i++)
        free(memo->columns[i].slots);
    free(memo);
}

/* Have one for the chunk's columns of fractions. Without memory there is none, and nothing
 * is lost but time. */
static void memo_begin(struct slc_encoded *out, const struct slc_chunk *chunk,
                       const struct slc_row_layout *rows)
{
    struct slc_row_memo *memo = out->memo;

    if (memo && memo->n_columns != rows->n_columns) {
        memo_free(memo);
        out->memo = memo = NULL;
    }
    if (!memo) {
        out->memo = memo =
            calloc(1, sizeof(*memo) + (size_t)rows->n_columns * sizeof(memo->columns[0]));
        if (!memo)
            return;
        memo->n_columns = rows->n_columns;
    }
    for (int64_t i = 0; i < rows->n_columns && memo->n_in_use < MOST_MEMOS; i++) {
        struct column_memo *column = &memo->columns[i];

        if (chunk->columns[rows->columns[i]].type != SLC_TYPE_FLOAT64 || column->slots ||
            column->is_useless)
            continue;
        column->slots = calloc(MEMO_SLOTS, sizeof(*column->slots));
        memo->n_in_use += column->slots != NULL;
    }
}

/* Those that most numbers were not found in go. */
static void memo_end(struct slc_row_memo *memo)
{
    for (int64_t i = 0; memo && i < memo->n_columns; i++) {
        struct column_memo *column = &memo->columns[i];

        if (column->slots && 2 * column->n_found <= column->n_asked) {
            free(column->slots);
            column->slots = NULL;
            column->is_useless = true;
            memo->n_in_use--;
        }
        column->n_asked = column->n_found = 0;
    }
}

static inline char *write_known(char *to, double value, struct column_memo *memo)
{
    struct memo_slot *slot;
    uint64_t bits;
    size_t len;

    memcpy(&bits, &value, sizeof(bits));
    slot = &memo->slots[bits * UINT64_C(0x9e3779b97f4a7c15) >> (64 - MEMO_BITS)];
    memo->n_asked++;
    if (slot->bits == bits && slot->text[MEMO_TEXT_BYTES - 1]) {
        memo->n_found++;
        memcpy(to, slot->text, MEMO_TEXT_BYTES);
        return to + slot->text[MEMO_TEXT_BYTES - 1];
    }
    len = (size_t)(slc_write_double(to, value) - to);
    if (len < MEMO_TEXT_BYTES) {
        slot->bits = bits;
        memcpy(slot->text, to, len);
        slot->text[MEMO_TEXT_BYTES - 1] = (char)len;
    }
    return to + len;
}

/* ---- Rows ---- */

size_t slc_row_bound(const struct slc_chunk *chunk, const struct slc_row_layout *rows, int64_t row,
                     size_t *ret_raw)
{
    size_t bound = 2 + (size_t)rows->n_columns * VALUE_BYTES, raw = 0;

    for (int64_t i = 0; i < rows->n_columns; i++) {
        const struct slc_column *column = &chunk->columns[rows->columns[i]];

        if (slc_type_is_text(column->type) && slc_column_has(column, row)) {
            size_t len = column->texts[row].len;

            raw += len;
            bound += SLC_JSON_STRING_BOUND(len);
        } else {
            raw += 8;
        }
    }
    if (ret_raw)
        *ret_raw = raw;
    return bound;
}

char *slc_row_write(char *to, const struct slc_chunk *chunk, const struct slc_row_layout *rows,
                    int64_t row, struct slc_row_memo *memo)
{
    *to++ = '[';
    for (int64_t i = 0; i < rows->n_columns; i++) {
        const struct slc_column *column = &chunk->columns[rows->columns[i]];

        if (i > 0)
            *to++ = ',';
        if (memo && memo->columns[i].slots && column->type == SLC_TYPE_FLOAT64 &&
            slc_column_has(column, row) && isfinite(column->float64s[row]))
            to = write_known(to, column->float64s[row], &memo->columns[i]);
        else
            to = write_value(to, column, row);
    }
    *to++ = ']';
    return to;
}

/* Keys end at 32-bit offsets, and a row without one must not come here. */
bool slc_row_check_keys(const struct slc_chunk *chunk, const struct slc_row_layout *rows,
                        struct slc_error *error)
{
    const struct slc_column *column = &chunk->columns[rows->key_column];
    uint64_t total = 0;

    if (!slc_type_is_text(column->type) && chunk->n_rows > 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "the row keys are not texts");
    for (int64_t row = 0; row < chunk->n_rows; row++) {
        if (!slc_column_has(column, row))
            return slc_fail(error, SLC_ERR_INTERNAL, "a row without a key is encoded");
        total += column->texts[row].len;
    }
    if (total > UINT32_MAX)
        return slc_fail(error, SLC_ERR_LIMIT, "the row keys are longer than 4 GB a chunk");
    return true;
}

/* ---- Chunks ---- */

bool slc_encoded_check(const struct slc_encoded *encoded, struct slc_error *error)
{
    if (encoded->bytes.failed || encoded->command_ends.failed || encoded->keys.failed ||
        encoded->key_ends.failed || encoded->record_numbers.failed || encoded->extra.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded for Redis");
    return true;
}

bool slc_store_encode(const struct slc_chunk *chunk, const struct slc_row_layout *rows,
                      int64_t first_ordinal, struct slc_encoded *out, struct slc_error *error)
{
    const struct slc_layout *layout = rows->load ? rows->load->layout : &slc_layout_rows;

    out->seq = chunk->seq;
    out->n_rows = chunk->n_rows;
    out->n_commands = 0;
    out->first_ordinal = first_ordinal;
    slc_buf_clear(&out->bytes);
    slc_buf_clear(&out->command_ends);
    slc_buf_clear(&out->keys);
    slc_buf_clear(&out->key_ends);
    slc_buf_clear(&out->record_numbers);
    slc_buf_clear(&out->extra);
    if (chunk->n_rows == 0)
        return true;
    if (!chunk->columns || rows->n_columns < 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "a chunk without columns is encoded");
    if (rows->key_column >= 0 && !slc_row_check_keys(chunk, rows, error))
        return false;
    memo_begin(out, chunk, rows);
    if (!layout->encode(rows->load, rows, chunk, first_ordinal, out, error))
        return false;
    memo_end(out->memo);
    return slc_encoded_check(out, error);
}

void slc_encoded_release(struct slc_encoded *encoded)
{
    if (!encoded)
        return;
    slc_buf_release(&encoded->bytes);
    slc_buf_release(&encoded->command_ends);
    slc_buf_release(&encoded->keys);
    slc_buf_release(&encoded->key_ends);
    slc_buf_release(&encoded->record_numbers);
    slc_buf_release(&encoded->extra);
    memo_free(encoded->memo);
    *encoded = (struct slc_encoded){0};
}
