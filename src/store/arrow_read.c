/* Reading an Arrow IPC stream that anyone may have written: no offset is
 * followed before it was checked. */
#include "store/arrow.h"
#include "store/arrow_format.h"

#include <string.h>

#include "base/time.h"
#include "base/utf8.h"
#include "frame/schema.h"

static bool bad(struct slc_error *error, const char *what)
{
    return slc_fail(error, SLC_ERR_DATA, "a chunk of the rows is no Arrow stream of ours: %s",
                    what);
}

/* ---- Flatbuffers ---- */

struct buffer {
    const char *data;
    size_t len;
};

static bool read_at(const struct buffer *b, size_t at, void *to, size_t len)
{
    if (at > b->len || len > b->len - at)
        return false;
    memcpy(to, b->data + at, len);
    return true;
}

/* What the offset at `at` points to. */
static bool follow(const struct buffer *b, size_t at, size_t *ret_target)
{
    uint32_t offset;

    if (!read_at(b, at, &offset, sizeof(offset)) || offset == 0 || offset > b->len - at)
        return false;
    *ret_target = at + offset;
    return true;
}

struct table {
    size_t at, vtable;
    uint16_t vtable_len, len;
};

static bool open_table(const struct buffer *b, size_t referrer, struct table *ret)
{
    struct table table;
    int32_t back;
    int64_t vtable;

    if (!follow(b, referrer, &table.at) || !read_at(b, table.at, &back, sizeof(back)))
        return false;
    vtable = (int64_t)table.at - back;
    if (vtable < 0 || (uint64_t)vtable > b->len)
        return false;
    table.vtable = (size_t)vtable;
    if (!read_at(b, table.vtable, &table.vtable_len, 2) ||
        !read_at(b, table.vtable + 2, &table.len, 2) || table.vtable_len < 4 || table.len < 4 ||
        table.vtable_len > b->len - table.vtable || table.len > b->len - table.at)
        return false;
    *ret = table;
    return true;
}

/* The place of a slot of `len` bytes; 0 when it is left out. */
static size_t slot(const struct buffer *b, const struct table *table, size_t i, size_t len)
{
    uint16_t offset;

    if (4 + 2 * i + 2 > table->vtable_len || !read_at(b, table->vtable + 4 + 2 * i, &offset, 2) ||
        offset < 4 || offset + len > table->len)
        return 0;
    return table->at + offset;
}

/* A number of a slot, or its default. */
static int64_t number(const struct buffer *b, const struct table *table, size_t i, size_t len,
                      int64_t otherwise)
{
    size_t at = slot(b, table, i, len);
    int64_t wide;
    int32_t middle;
    int16_t narrow;
    uint8_t byte;

    if (at == 0)
        return otherwise;
    if (len == 8)
        return read_at(b, at, &wide, len) ? wide : otherwise;
    if (len == 4)
        return read_at(b, at, &middle, len) ? middle : otherwise;
    if (len == 2)
        return read_at(b, at, &narrow, len) ? narrow : otherwise;
    return read_at(b, at, &byte, 1) ? byte : otherwise;
}

/* The items of a vector in a slot, each of `item_len` bytes. */
static bool open_vector(const struct buffer *b, const struct table *table, size_t i,
                        size_t item_len, size_t *ret_at, uint32_t *ret_n)
{
    size_t referrer = slot(b, table, i, 4), at;
    uint32_t n;

    if (referrer == 0 || !follow(b, referrer, &at) || !read_at(b, at, &n, sizeof(n)) ||
        (uint64_t)n * item_len > b->len - at - sizeof(n))
        return false;
    *ret_at = at + sizeof(n);
    *ret_n = n;
    return true;
}

/* ---- Messages ---- */

struct reader {
    struct slc_str stream;
    size_t at; /* of the next message */
    struct slc_chunk *chunk;
    int64_t n_fields; /* wanted */
    struct slc_error *error;
};

/* The metadata of the next message; `r->at` is then where its body begins. */
static bool read_message(struct reader *r, uint8_t header_type, struct buffer *ret_metadata,
                         struct table *ret_header)
{
    struct buffer all = {r->stream.data, r->stream.len}, metadata;
    struct table message;
    int32_t prefix[2];
    size_t header;

    if (!read_at(&all, r->at, prefix, sizeof(prefix)) || prefix[0] != SLC_ARROW_CONTINUATION ||
        prefix[1] <= 0 || prefix[1] % 8 != 0 ||
        (size_t)prefix[1] > all.len - r->at - sizeof(prefix))
        return bad(r->error, "a message is cut off");
    metadata = (struct buffer){all.data + r->at + sizeof(prefix), (size_t)prefix[1]};
    if (!open_table(&metadata, 0, &message) ||
        number(&metadata, &message, MESSAGE_VERSION, 2, 0) != SLC_ARROW_V5 ||
        number(&metadata, &message, MESSAGE_HEADER_TYPE, 1, 0) != header_type ||
        (header = slot(&metadata, &message, MESSAGE_HEADER, 4)) == 0 ||
        !open_table(&metadata, header, ret_header))
        return bad(r->error, "a message cannot be understood");
    r->at += sizeof(prefix) + metadata.len;
    *ret_metadata = metadata;
    return true;
}

/* ---- The schema ---- */

static bool read_int_type(const struct buffer *b, const struct table *type, enum slc_type *ret)
{
    *ret = number(b, type, INT_IS_SIGNED, 1, 0) ? SLC_TYPE_INT64 : SLC_TYPE_UINT64;
    return number(b, type, INT_BIT_WIDTH, 4, 0) == 64;
}

static bool read_type(const struct buffer *b, const struct table *field, enum slc_type *ret)
{
    size_t referrer = slot(b, field, FIELD_TYPE, 4);
    struct table type;

    if (referrer == 0 || !open_table(b, referrer, &type) ||
        slot(b, field, FIELD_DICTIONARY, 4) != 0)
        return false;
    switch (number(b, field, FIELD_TYPE_TYPE, 1, 0)) {
    case SLC_ARROW_NULL:
        *ret = SLC_TYPE_NULL;
        return true;
    case SLC_ARROW_BOOL:
        *ret = SLC_TYPE_BOOL;
        return true;
    case SLC_ARROW_UTF8:
        *ret = SLC_TYPE_TEXT;
        return true;
    case SLC_ARROW_INT:
        return read_int_type(b, &type, ret);
    case SLC_ARROW_FLOAT:
        *ret = SLC_TYPE_FLOAT64;
        return number(b, &type, TYPE_FIRST, 2, 0) == SLC_ARROW_DOUBLE;
    case SLC_ARROW_DATE:
        *ret = SLC_TYPE_DATE;
        return number(b, &type, TYPE_FIRST, 2, 1) == SLC_ARROW_DAY;
    case SLC_ARROW_TIMESTAMP:
        *ret = SLC_TYPE_DATETIME;
        return number(b, &type, TYPE_FIRST, 2, 0) == SLC_ARROW_MICROSECOND;
    default:
        return false;
    }
}

static bool read_schema(struct reader *r)
{
    struct buffer b;
    struct table schema, field;
    size_t fields;
    uint32_t n;

    if (!read_message(r, SLC_ARROW_SCHEMA, &b, &schema))
        return false;
    if (!open_vector(&b, &schema, SCHEMA_FIELDS, 4, &fields, &n) || n > SLC_MAX_COLUMNS + 1 ||
        number(&b, &schema, SCHEMA_ENDIANNESS, 2, 0) != 0)
        return bad(r->error, "its schema cannot be understood");
    if (r->n_fields > (int64_t)n)
        r->n_fields = (int64_t)n;
    if (!slc_chunk_begin(r->chunk, r->n_fields))
        return slc_fail(r->error, SLC_ERR_MEMORY, "memory ran out while rows were read");
    for (int64_t i = 0; i < r->n_fields; i++) {
        struct slc_column *column = &r->chunk->columns[i];

        column->requested = true;
        if (!open_table(&b, fields + (size_t)i * 4, &field) ||
            !read_type(&b, &field, &column->type))
            return bad(r->error, "a column's type cannot be understood");
    }
    return true;
}

/* ---- The record batch ---- */

/* The next buffer of at least `len` bytes, or an empty one where that may be. */
struct buffers {
    const struct buffer *metadata;
    struct slc_str body;
    size_t at;
    uint32_t left;
};

static bool next_buffer(struct buffers *buffers, size_t len, struct slc_str *ret)
{
    int64_t place[2];

    if (buffers->left == 0 || !read_at(buffers->metadata, buffers->at, place, sizeof(place)) ||
        place[0] < 0 || place[1] < 0 || (uint64_t)place[1] < len ||
        (uint64_t)place[0] > buffers->body.len ||
        (uint64_t)place[1] > buffers->body.len - (uint64_t)place[0])
        return false;
    buffers->left--;
    buffers->at += sizeof(place);
    *ret = (struct slc_str){.data = buffers->body.data + place[0], .len = (size_t)place[1]};
    return true;
}

static bool take_bitmap(struct reader *r, struct slc_column *column, struct slc_str bitmap,
                        int64_t n_missing)
{
    size_t bytes = ((size_t)r->chunk->n_rows + 7) / 8;

    column->n_missing = n_missing;
    if (n_missing == 0)
        return true;
    if (bitmap.len < bytes)
        return false;
    column->valid = slc_chunk_bitmap(r->chunk);
    if (!column->valid)
        return false;
    memcpy(column->valid, bitmap.data, bytes);
    return true;
}

static bool take_texts(struct reader *r, struct slc_column *column, struct slc_str offsets,
                       struct slc_str texts)
{
    int32_t start, end;

    for (int64_t row = 0; row < r->chunk->n_rows; row++) {
        struct slc_str *text = &column->texts[row];

        memcpy(&start, offsets.data + (size_t)row * sizeof(start), sizeof(start));
        memcpy(&end, offsets.data + ((size_t)row + 1) * sizeof(end), sizeof(end));
        if (start < 0 || end < start || (size_t)end > texts.len)
            return false;
        *text = (struct slc_str){.data = texts.data + start, .len = (size_t)(end - start)};
        if (!slc_utf8_is_valid(*text))
            return false;
        if (!slc_column_has(column, row))
            *text = (struct slc_str){0};
    }
    return true;
}

/* The days have to be ones that can be written. */
static bool take_days(const struct slc_chunk *chunk, const struct slc_column *column)
{
    int32_t first = slc_days_from_civil((struct slc_civil){1, 1, 1});
    int32_t last = slc_days_from_civil((struct slc_civil){9999, 12, 31});

    for (int64_t row = 0; row < chunk->n_rows; row++) {
        int64_t day = 0;

        if (!slc_column_has(column, row))
            continue;
        if (column->type == SLC_TYPE_DATE) {
            day = column->dates[row];
        } else {
            int64_t usec = column->datetimes[row];

            day = usec / SLC_USEC_PER_DAY - (usec % SLC_USEC_PER_DAY < 0);
        }
        if (day < first || day > last)
            return false;
    }
    return true;
}

static bool take_values(struct reader *r, struct slc_column *column, struct buffers *buffers)
{
    size_t n = (size_t)r->chunk->n_rows;
    struct slc_str values, texts;

    if (slc_type_is_text(column->type))
        return next_buffer(buffers, (n + 1) * sizeof(int32_t), &values) &&
               next_buffer(buffers, 0, &texts) && take_texts(r, column, values, texts);
    if (column->type == SLC_TYPE_BOOL) {
        if (!next_buffer(buffers, (n + 7) / 8, &values))
            return false;
        for (size_t row = 0; row < n; row++)
            column->bools[row] = values.data[row >> 3] >> (row & 7) & 1;
        return true;
    }
    if (!next_buffer(buffers, n * slc_type_width_bytes(column->type), &values))
        return false;
    if (n > 0)
        memcpy(column->data, values.data, n * slc_type_width_bytes(column->type));
    return (column->type != SLC_TYPE_DATE && column->type != SLC_TYPE_DATETIME) ||
           take_days(r->chunk, column);
}

static bool read_column(struct reader *r, int64_t i, const struct buffer *b, size_t nodes,
                        struct buffers *buffers)
{
    struct slc_column *column = &r->chunk->columns[i];
    struct slc_str bitmap;
    int64_t node[2];

    if (!read_at(b, nodes + (size_t)i * sizeof(node), node, sizeof(node)) ||
        node[0] != r->chunk->n_rows || node[1] < 0 || node[1] > node[0])
        return false;
    column->n_missing = node[1];
    if (column->type == SLC_TYPE_NULL)
        return true;
    column->data = slc_chunk_values(r->chunk, column->type);
    return column->data && next_buffer(buffers, 0, &bitmap) &&
           take_bitmap(r, column, bitmap, node[1]) && take_values(r, column, buffers);
}

static bool read_batch(struct reader *r)
{
    struct buffer b;
    struct table batch;
    struct buffers buffers = {.metadata = &b};
    size_t nodes;
    uint32_t n_nodes;

    if (!read_message(r, SLC_ARROW_RECORD_BATCH, &b, &batch))
        return false;
    r->chunk->n_rows = number(&b, &batch, BATCH_LENGTH, 8, -1);
    if (r->chunk->n_rows < 0 || r->chunk->n_rows > INT32_MAX ||
        slot(&b, &batch, BATCH_COMPRESSION, 4) != 0 ||
        !open_vector(&b, &batch, BATCH_NODES, 16, &nodes, &n_nodes) ||
        (int64_t)n_nodes < r->n_fields ||
        !open_vector(&b, &batch, BATCH_BUFFERS, 16, &buffers.at, &buffers.left))
        return bad(r->error, "its batch cannot be understood");
    buffers.body = (struct slc_str){.data = r->stream.data + r->at, .len = r->stream.len - r->at};
    for (int64_t i = 0; i < r->n_fields; i++) {
        /* A batch of many rows and few bytes: no memory is asked for on its word. */
        if (r->chunk->n_rows / 8 > (int64_t)buffers.body.len &&
            r->chunk->columns[i].type != SLC_TYPE_NULL)
            return bad(r->error, "it is cut off");
        if (!read_column(r, i, &b, nodes, &buffers))
            return bad(r->error, "a column is cut off, or holds what cannot be");
    }
    return true;
}

bool slc_arrow_read(struct slc_str stream, int64_t most_fields, struct slc_chunk *ret_chunk,
                    struct slc_error *error)
{
    struct reader r = {
        .stream = stream, .chunk = ret_chunk, .n_fields = most_fields, .error = error};

    return read_schema(&r) && read_batch(&r);
}
