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

/* How a field's values stand in the stream. */
struct form {
    uint8_t width; /* bytes, of numbers and of places in a dictionary */
    bool is_signed;
    bool has_dictionary, is_read;
    int64_t id;
    struct slc_str *values; /* of the dictionary, in the chunk's arena */
    uint32_t n_values;
};

struct reader {
    struct slc_str stream;
    size_t at; /* of the next message */
    struct slc_chunk *chunk;
    int64_t n_fields;   /* wanted */
    struct form *forms; /* of these, in the chunk's arena */
    struct slc_error *error;
};

/* The metadata of the next message, and of what kind it is; `r->at` is then where its
 * body begins. */
static bool read_message(struct reader *r, int64_t *ret_type, struct buffer *ret_metadata,
                         struct table *ret_header, int64_t *ret_body_bytes)
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
        (header = slot(&metadata, &message, MESSAGE_HEADER, 4)) == 0 ||
        !open_table(&metadata, header, ret_header))
        return bad(r->error, "a message cannot be understood");
    r->at += sizeof(prefix) + metadata.len;
    *ret_type = number(&metadata, &message, MESSAGE_HEADER_TYPE, 1, 0);
    *ret_body_bytes = number(&metadata, &message, MESSAGE_BODY_LENGTH, 8, 0);
    *ret_metadata = metadata;
    return true;
}

/* ---- The schema ---- */

static bool read_int_type(const struct buffer *b, const struct table *type, struct form *form)
{
    int64_t bits = number(b, type, INT_BIT_WIDTH, 4, 0);

    form->is_signed = number(b, type, INT_IS_SIGNED, 1, 0) != 0;
    form->width = (uint8_t)(bits / 8);
    return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

static bool read_float_type(const struct buffer *b, const struct table *type, struct form *form)
{
    int64_t precision = number(b, type, TYPE_FIRST, 2, 0);

    form->width = precision == SLC_ARROW_SINGLE ? 4 : 8;
    return precision == SLC_ARROW_SINGLE || precision == SLC_ARROW_DOUBLE;
}

/* Where a dictionary is spoken of: which one it is, and what its places are like. */
static bool read_encoding(const struct buffer *b, const struct table *field, struct form *form)
{
    size_t referrer = slot(b, field, FIELD_DICTIONARY, 4);
    struct table encoding, type;

    if (referrer == 0)
        return true;
    if (!open_table(b, referrer, &encoding))
        return false;
    form->has_dictionary = true;
    form->id = number(b, &encoding, ENCODING_ID, 8, 0);
    form->width = 4; /* when nothing is said */
    form->is_signed = true;
    referrer = slot(b, &encoding, ENCODING_INDEX_TYPE, 4);
    return referrer == 0 || (open_table(b, referrer, &type) && read_int_type(b, &type, form));
}

static bool read_type(const struct buffer *b, const struct table *field, struct form *form,
                      enum slc_type *ret)
{
    size_t referrer = slot(b, field, FIELD_TYPE, 4);
    struct table type;

    if (referrer == 0 || !open_table(b, referrer, &type))
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
        if (!read_int_type(b, &type, form))
            return false;
        *ret = form->is_signed ? SLC_TYPE_INT64 : SLC_TYPE_UINT64;
        return true;
    case SLC_ARROW_FLOAT:
        *ret = SLC_TYPE_FLOAT64;
        return read_float_type(b, &type, form);
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
    int64_t type = 0, body = 0;
    size_t fields;
    uint32_t n;

    if (!read_message(r, &type, &b, &schema, &body))
        return false;
    if (type != SLC_ARROW_SCHEMA || body != 0 ||
        !open_vector(&b, &schema, SCHEMA_FIELDS, 4, &fields, &n) || n > SLC_MAX_COLUMNS + 1 ||
        number(&b, &schema, SCHEMA_ENDIANNESS, 2, 0) != 0)
        return bad(r->error, "its schema cannot be understood");
    if (r->n_fields > (int64_t)n)
        r->n_fields = (int64_t)n;
    if (!slc_chunk_begin(r->chunk, r->n_fields) ||
        !(r->forms =
              slc_arena_calloc(&r->chunk->arena, (size_t)r->n_fields + 1, sizeof(*r->forms))))
        return slc_fail(r->error, SLC_ERR_MEMORY, "memory ran out while rows were read");
    for (int64_t i = 0; i < r->n_fields; i++) {
        struct slc_column *column = &r->chunk->columns[i];

        column->requested = true;
        if (!open_table(&b, fields + (size_t)i * 4, &field) ||
            !read_type(&b, &field, &r->forms[i], &column->type) ||
            !read_encoding(&b, &field, &r->forms[i]) ||
            (r->forms[i].has_dictionary && column->type != SLC_TYPE_TEXT))
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

/* The text between two offsets. */
static bool read_text(struct slc_str offsets, struct slc_str texts, size_t i, struct slc_str *ret)
{
    int32_t start, end;

    memcpy(&start, offsets.data + i * sizeof(start), sizeof(start));
    memcpy(&end, offsets.data + (i + 1) * sizeof(end), sizeof(end));
    if (start < 0 || end < start || (size_t)end > texts.len)
        return false;
    *ret = (struct slc_str){.data = texts.data + start, .len = (size_t)(end - start)};
    return slc_utf8_is_valid(*ret);
}

static bool take_texts(struct reader *r, struct slc_column *column, struct slc_str offsets,
                       struct slc_str texts)
{
    for (int64_t row = 0; row < r->chunk->n_rows; row++) {
        if (!read_text(offsets, texts, (size_t)row, &column->texts[row]))
            return false;
        if (!slc_column_has(column, row))
            column->texts[row] = (struct slc_str){0};
    }
    return true;
}

/* A whole number of one to eight bytes; one of uint64 that int64 has not is negative. */
static int64_t read_whole(const struct form *form, const char *at)
{
    int shift = 64 - 8 * form->width;
    uint64_t value = 0;

    memcpy(&value, at, form->width);
    value <<= shift;
    return form->is_signed ? (int64_t)value >> shift : (int64_t)(value >> shift);
}

static bool take_coded_texts(struct reader *r, const struct form *form, struct slc_column *column,
                             struct slc_str codes)
{
    for (int64_t row = 0; row < r->chunk->n_rows; row++) {
        int64_t code;

        column->texts[row] = (struct slc_str){0};
        if (!slc_column_has(column, row))
            continue;
        code = read_whole(form, codes.data + (size_t)row * form->width);
        if (code < 0 || code >= form->n_values)
            return false;
        column->texts[row] = form->values[code];
    }
    return true;
}

/* Narrow ones become wide. */
static void take_numbers(struct reader *r, const struct form *form, struct slc_column *column,
                         struct slc_str values)
{
    for (int64_t row = 0; row < r->chunk->n_rows; row++) {
        const char *at = values.data + (size_t)row * form->width;
        float fraction;

        if (column->type != SLC_TYPE_FLOAT64) {
            column->int64s[row] = read_whole(form, at);
        } else {
            memcpy(&fraction, at, sizeof(fraction));
            column->float64s[row] = (double)fraction;
        }
    }
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

static bool take_values(struct reader *r, const struct form *form, struct slc_column *column,
                        struct buffers *buffers)
{
    size_t n = (size_t)r->chunk->n_rows, width = slc_type_width_bytes(column->type);
    struct slc_str values, texts;

    if (form->has_dictionary)
        return next_buffer(buffers, n * form->width, &values) &&
               take_coded_texts(r, form, column, values);
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
    if (slc_type_is_number(column->type) && form->width < width) {
        if (!next_buffer(buffers, n * form->width, &values))
            return false;
        take_numbers(r, form, column, values);
        return true;
    }
    if (!next_buffer(buffers, n * width, &values))
        return false;
    if (n > 0)
        memcpy(column->data, values.data, n * width);
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
           take_bitmap(r, column, bitmap, node[1]) && take_values(r, &r->forms[i], column, buffers);
}

/* ---- Dictionaries ---- */

static struct form *find_form(const struct reader *r, int64_t id)
{
    for (int64_t i = 0; i < r->n_fields; i++)
        if (r->forms[i].has_dictionary && r->forms[i].id == id)
            return &r->forms[i];
    return NULL;
}

/* The values of a dictionary of texts, none of them missing. */
static bool take_dictionary(struct reader *r, const struct buffer *b, const struct table *batch,
                            struct slc_str body, struct form *form)
{
    struct buffers buffers = {.metadata = b, .body = body};
    struct slc_str bitmap, offsets, texts;
    int64_t node[2], n = number(b, batch, BATCH_LENGTH, 8, -1);
    uint32_t n_nodes;
    size_t nodes;

    if (n < 0 || n > INT32_MAX || slot(b, batch, BATCH_COMPRESSION, 4) != 0 ||
        !open_vector(b, batch, BATCH_NODES, 16, &nodes, &n_nodes) || n_nodes != 1 ||
        !read_at(b, nodes, node, sizeof(node)) || node[0] != n || node[1] != 0 ||
        !open_vector(b, batch, BATCH_BUFFERS, 16, &buffers.at, &buffers.left) ||
        !next_buffer(&buffers, 0, &bitmap) ||
        !next_buffer(&buffers, n > 0 ? ((size_t)n + 1) * sizeof(int32_t) : 0, &offsets) ||
        !next_buffer(&buffers, 0, &texts))
        return false;
    form->values = slc_arena_calloc(&r->chunk->arena, (size_t)n + 1, sizeof(*form->values));
    if (!form->values)
        return false;
    for (size_t i = 0; i < (size_t)n; i++)
        if (!read_text(offsets, texts, i, &form->values[i]))
            return false;
    form->n_values = (uint32_t)n;
    return true;
}

/* The body of a message of a dictionary; another field's is passed over. */
static bool read_dictionary(struct reader *r, const struct buffer *b, const struct table *header,
                            int64_t body_bytes)
{
    struct slc_str body = {.data = r->stream.data + r->at};
    size_t referrer = slot(b, header, DICTIONARY_DATA, 4);
    struct form *form = find_form(r, number(b, header, DICTIONARY_ID, 8, 0));
    struct table batch;

    if (body_bytes < 0 || (uint64_t)body_bytes > r->stream.len - r->at)
        return bad(r->error, "a dictionary is cut off");
    body.len = (size_t)body_bytes;
    r->at += body.len;
    if (!form)
        return true;
    if (form->is_read || number(b, header, DICTIONARY_IS_DELTA, 1, 0) != 0 || referrer == 0 ||
        !open_table(b, referrer, &batch) || !take_dictionary(r, b, &batch, body, form))
        return bad(r->error, "a dictionary cannot be understood");
    form->is_read = true;
    return true;
}

/* ---- The batch ---- */

/* The next message that is no dictionary. */
static bool find_batch(struct reader *r, struct buffer *ret_metadata, struct table *ret_batch)
{
    int64_t type = 0, body = 0;

    for (;;) {
        if (!read_message(r, &type, ret_metadata, ret_batch, &body))
            return false;
        if (type == SLC_ARROW_RECORD_BATCH)
            return true;
        if (type != SLC_ARROW_DICTIONARY_BATCH)
            return bad(r->error, "a message cannot be understood");
        if (!read_dictionary(r, ret_metadata, ret_batch, body))
            return false;
    }
}

static bool read_batch(struct reader *r)
{
    struct buffer b;
    struct table batch;
    struct buffers buffers = {.metadata = &b};
    size_t nodes;
    uint32_t n_nodes;

    if (!find_batch(r, &b, &batch))
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
