/* Writing an Arrow IPC stream. The flatbuffers are written front to back: a
 * table's vtable stands before it, and what a table refers to behind it. */
#include "store/arrow.h"
#include "store/arrow_dictionary.h"
#include "store/arrow_format.h"

#include <limits.h>
#include <string.h>

enum { BUFFER_ALIGNMENT = 64, MOST_SLOTS = 8 };

/* ---- Flatbuffers ---- */

struct writer {
    struct slc_buf *out;
    size_t base; /* where the flatbuffer begins */
};

static void put_zeros(struct slc_buf *out, size_t len)
{
    char *to = slc_buf_reserve(out, len);

    if (to) {
        memset(to, 0, len);
        out->len += len;
    }
}

static void align(const struct writer *w, size_t alignment)
{
    put_zeros(w->out, (alignment - (w->out->len - w->base) % alignment) % alignment);
}

static void patch(const struct writer *w, size_t at, const void *value, size_t len)
{
    if (!w->out->failed)
        memcpy(w->out->data + at, value, len);
}

static void patch_u8(const struct writer *w, size_t at, uint8_t value)
{
    patch(w, at, &value, sizeof(value));
}

static void patch_i16(const struct writer *w, size_t at, int16_t value)
{
    patch(w, at, &value, sizeof(value));
}

static void patch_i32(const struct writer *w, size_t at, int32_t value)
{
    patch(w, at, &value, sizeof(value));
}

static void patch_i64(const struct writer *w, size_t at, int64_t value)
{
    patch(w, at, &value, sizeof(value));
}

static void put_i32(const struct writer *w, int32_t value)
{
    slc_buf_append(w->out, &value, sizeof(value));
}

/* The offset at `at` refers to what is written next. */
static void refer_here(const struct writer *w, size_t at)
{
    patch_i32(w, at, (int32_t)(w->out->len - at));
}

/* A table with slots of these sizes (0: left out), zeroed; `at` gets where each
 * stands. The offset at `referrer` is made to point to it. */
static void put_table(const struct writer *w, size_t referrer, const uint8_t *sizes, size_t n,
                      size_t at[])
{
    uint16_t vtable[2 + MOST_SLOTS] = {0}, size = 4;
    size_t vtable_len = (2 + n) * sizeof(*vtable), start;

    for (size_t i = 0; i < n; i++) {
        if (sizes[i] == 0)
            continue;
        size = (uint16_t)((size + sizes[i] - 1) / sizes[i] * sizes[i]);
        vtable[2 + i] = size;
        size = (uint16_t)(size + sizes[i]);
    }
    vtable[0] = (uint16_t)vtable_len;
    vtable[1] = size;
    align(w, 2);
    /* The table is to begin at a multiple of eight. */
    put_zeros(w->out, (8 - (w->out->len - w->base + vtable_len) % 8) % 8);
    slc_buf_append(w->out, vtable, vtable_len);
    start = w->out->len;
    refer_here(w, referrer);
    put_zeros(w->out, size);
    patch_i32(w, start, (int32_t)vtable_len);
    for (size_t i = 0; i < n; i++)
        at[i] = start + vtable[2 + i];
}

static void put_string(const struct writer *w, size_t referrer, struct slc_str text)
{
    align(w, 4);
    refer_here(w, referrer);
    put_i32(w, (int32_t)text.len);
    slc_buf_append_str(w->out, text);
    slc_buf_append_byte(w->out, '\0');
}

/* The length of a vector of items of eight bytes' alignment, or of offsets. */
static void begin_vector(const struct writer *w, size_t referrer, int64_t n, bool wide)
{
    align(w, 4);
    if (wide && (w->out->len - w->base) % 8 == 0)
        put_i32(w, 0);
    refer_here(w, referrer);
    put_i32(w, (int32_t)n);
}

/* ---- Messages ---- */

/* Begins a message; `at` gets the places of its slots, and `*ret_size` that of
 * its metadata's length. */
static struct writer begin_message(struct slc_buf *out, uint8_t header_type, size_t *ret_size,
                                   size_t at[MESSAGE_SLOTS])
{
    static const uint8_t sizes[MESSAGE_SLOTS] = {2, 1, 4, 8};
    struct writer w = {.out = out, .base = out->len};

    put_i32(&w, SLC_ARROW_CONTINUATION);
    *ret_size = out->len;
    put_i32(&w, 0);
    w.base = out->len;
    put_i32(&w, 0);
    put_table(&w, w.base, sizes, MESSAGE_SLOTS, at);
    patch_i16(&w, at[MESSAGE_VERSION], SLC_ARROW_V5);
    patch_u8(&w, at[MESSAGE_HEADER_TYPE], header_type);
    return w;
}

static void end_metadata(const struct writer *w, size_t size_at)
{
    align(w, 8);
    patch_i32(w, size_at, (int32_t)(w->out->len - w->base));
}

/* ---- The schema ---- */

static uint8_t type_number(enum slc_type type)
{
    switch (type) {
    case SLC_TYPE_NULL:
        return SLC_ARROW_NULL;
    case SLC_TYPE_BOOL:
        return SLC_ARROW_BOOL;
    case SLC_TYPE_INT64:
    case SLC_TYPE_UINT64:
        return SLC_ARROW_INT;
    case SLC_TYPE_FLOAT64:
        return SLC_ARROW_FLOAT;
    case SLC_TYPE_DATE:
        return SLC_ARROW_DATE;
    case SLC_TYPE_DATETIME:
        return SLC_ARROW_TIMESTAMP;
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        break;
    }
    return SLC_ARROW_UTF8;
}

static void put_int_type(const struct writer *w, size_t referrer, int bits, bool is_signed)
{
    static const uint8_t sizes[] = {4, 1};
    size_t at[2];

    put_table(w, referrer, sizes, 2, at);
    patch_i32(w, at[INT_BIT_WIDTH], bits);
    patch_u8(w, at[INT_IS_SIGNED], is_signed);
}

static void put_type(const struct writer *w, size_t referrer, enum slc_type type, int bits)
{
    static const uint8_t of_unit[] = {2}, of_none[] = {0};
    size_t at[2];

    switch (type) {
    case SLC_TYPE_INT64:
    case SLC_TYPE_UINT64:
        put_int_type(w, referrer, bits ? bits : 64, type == SLC_TYPE_INT64);
        return;
    case SLC_TYPE_FLOAT64:
    case SLC_TYPE_DATE:
    case SLC_TYPE_DATETIME:
        put_table(w, referrer, of_unit, 1, at);
        patch_i16(w, at[TYPE_FIRST],
                  type == SLC_TYPE_FLOAT64 ? (bits ? SLC_ARROW_SINGLE : SLC_ARROW_DOUBLE)
                  : type == SLC_TYPE_DATE  ? SLC_ARROW_DAY
                                           : SLC_ARROW_MICROSECOND);
        return;
    case SLC_TYPE_NULL:
    case SLC_TYPE_BOOL:
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        break;
    }
    put_table(w, referrer, of_none, 0, at);
}

/* A dictionary has the number of its field. */
static void put_encoding(const struct writer *w, size_t referrer, int64_t id, int index_bits)
{
    static const uint8_t sizes[ENCODING_SLOTS] = {8, 4};
    size_t at[ENCODING_SLOTS];

    put_table(w, referrer, sizes, ENCODING_SLOTS, at);
    patch_i64(w, at[ENCODING_ID], id);
    put_int_type(w, at[ENCODING_INDEX_TYPE], index_bits, true);
}

static void put_field(const struct writer *w, size_t referrer, int64_t id,
                      const struct slc_arrow_field *field)
{
    const uint8_t sizes[FIELD_SLOTS] = {4, 1, 1, 4, field->narrow.index_bits ? 4 : 0, 4};
    size_t at[FIELD_SLOTS];

    put_table(w, referrer, sizes, FIELD_SLOTS, at);
    patch_u8(w, at[FIELD_NULLABLE], 1);
    patch_u8(w, at[FIELD_TYPE_TYPE], type_number(field->type));
    put_string(w, at[FIELD_NAME], field->name);
    put_type(w, at[FIELD_TYPE], field->type, field->narrow.bits);
    if (field->narrow.index_bits)
        put_encoding(w, at[FIELD_DICTIONARY], id, field->narrow.index_bits);
    begin_vector(w, at[FIELD_CHILDREN], 0, false);
}

static void put_schema(struct slc_buf *out, const struct slc_arrow_field *fields, int64_t n_fields)
{
    static const uint8_t sizes[SCHEMA_SLOTS] = {2, 4};
    size_t at[MESSAGE_SLOTS], schema[SCHEMA_SLOTS], size_at, offsets;
    struct writer w = begin_message(out, SLC_ARROW_SCHEMA, &size_at, at);

    put_table(&w, at[MESSAGE_HEADER], sizes, SCHEMA_SLOTS, schema);
    begin_vector(&w, schema[SCHEMA_FIELDS], n_fields, false);
    offsets = out->len;
    put_zeros(out, (size_t)n_fields * 4);
    for (int64_t i = 0; i < n_fields; i++)
        put_field(&w, offsets + (size_t)i * 4, i, &fields[i]);
    end_metadata(&w, size_at);
}

/* ---- The record batch ---- */

static size_t padded(size_t len)
{
    return (len + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
}

static size_t bitmap_bytes(int64_t n_rows)
{
    return ((size_t)n_rows + 7) / 8;
}

static int64_t count_missing(const struct slc_column *column, int64_t n_rows)
{
    int64_t there = 0;

    if (column->type == SLC_TYPE_NULL)
        return n_rows;
    if (!column->valid)
        return 0;
    for (int64_t row = 0; row < n_rows; row += 64) {
        uint64_t word = column->valid[row >> 6];

        if (n_rows - row < 64)
            word &= (UINT64_C(1) << (n_rows - row)) - 1;
        there += __builtin_popcountll(word);
    }
    return n_rows - there;
}

/* The lengths of a field's buffers. */
struct extent {
    int64_t n_missing;
    size_t lengths[3]; /* bitmap, values or offsets, texts */
    int n_buffers;
    struct slc_arrow_dictionary dictionary; /* when it has one */
};

static bool measure(const struct slc_arrow_field *field, int64_t n_rows, struct extent *extent,
                    struct slc_error *error)
{
    const struct slc_column *column = field->column;

    extent->n_missing = count_missing(column, n_rows);
    extent->n_buffers = 2;
    if (field->type == SLC_TYPE_NULL) {
        extent->n_missing = n_rows;
        extent->n_buffers = 0;
        return true;
    }
    if (extent->n_missing > 0)
        extent->lengths[0] = bitmap_bytes(n_rows);
    if (field->type == SLC_TYPE_BOOL) {
        extent->lengths[1] = bitmap_bytes(n_rows);
    } else if (field->narrow.index_bits) {
        extent->lengths[1] = (size_t)n_rows * (field->narrow.index_bits / 8);
    } else if (slc_type_is_text(field->type)) {
        size_t bytes = 0;

        for (int64_t row = 0; column->type != SLC_TYPE_NULL && row < n_rows; row++)
            if (slc_column_has(column, row))
                bytes += column->texts[row].len;
        if (bytes > INT32_MAX)
            return slc_fail(error, SLC_ERR_LIMIT,
                            "the texts of a chunk of the column \"%.*s\" are longer than 2 GiB; "
                            "set load.chunk_bytes to less",
                            field->name.len > 100 ? 100 : (int)field->name.len, field->name.data);
        extent->lengths[1] = ((size_t)n_rows + 1) * sizeof(int32_t);
        extent->lengths[2] = bytes;
        extent->n_buffers = 3;
    } else {
        extent->lengths[1] =
            (size_t)n_rows *
            (field->narrow.bits ? field->narrow.bits / 8 : slc_type_width_bytes(field->type));
    }
    return true;
}

static void put_bitmap(char *to, const struct slc_column *column, int64_t n_rows)
{
    size_t len = bitmap_bytes(n_rows);

    if (column->type == SLC_TYPE_NULL || !column->valid) {
        memset(to, column->type == SLC_TYPE_NULL ? 0 : 0xff, len);
        return;
    }
    memcpy(to, column->valid, len);
    if (n_rows % 8)
        to[len - 1] = (char)(to[len - 1] & ((1 << n_rows % 8) - 1));
}

static void put_bools(char *to, const struct slc_column *column, int64_t n_rows)
{
    memset(to, 0, bitmap_bytes(n_rows));
    for (int64_t row = 0; column->type == SLC_TYPE_BOOL && row < n_rows; row++)
        to[row >> 3] = (char)(to[row >> 3] | (column->bools[row] != 0) << (row & 7));
}

static void put_texts(char *offsets, char *texts, const struct slc_column *column, int64_t n_rows)
{
    int32_t end = 0;

    memcpy(offsets, &end, sizeof(end));
    for (int64_t row = 0; row < n_rows; row++) {
        if (column->type != SLC_TYPE_NULL && slc_column_has(column, row)) {
            const struct slc_str *text = &column->texts[row];

            if (text->len)
                memcpy(texts + end, text->data, text->len);
            end += (int32_t)text->len;
        }
        offsets += sizeof(end);
        memcpy(offsets, &end, sizeof(end));
    }
}

/* Whole numbers of a column that is FLOAT64 elsewhere. */
static void put_as_doubles(char *to, const struct slc_column *column, int64_t n_rows)
{
    for (int64_t row = 0; row < n_rows; row++) {
        double value = column->type == SLC_TYPE_INT64 ? (double)column->int64s[row]
                                                      : (double)column->uint64s[row];

        memcpy(to + (size_t)row * sizeof(value), &value, sizeof(value));
    }
}

static bool fits(const struct slc_arrow_field *field)
{
    enum slc_type type = field->column->type;
    struct slc_narrow narrow = field->narrow;

    if ((narrow.bits && !slc_type_is_number(field->type)) ||
        (narrow.bits && narrow.bits != 32 && field->type == SLC_TYPE_FLOAT64) ||
        (narrow.index_bits && !slc_type_is_text(field->type)))
        return false;
    return type == field->type || type == SLC_TYPE_NULL || field->type == SLC_TYPE_NULL ||
           (slc_type_is_text(type) && slc_type_is_text(field->type)) ||
           (field->type == SLC_TYPE_FLOAT64 && slc_type_is_number(type));
}

/* A value's lowest bytes, which are all of it. */
static bool put_whole(char *to, int64_t value, int bits)
{
    int64_t limit = INT64_C(1) << (bits - 1);

    memcpy(to, &value, (size_t)bits / 8);
    return value >= -limit && value < limit;
}

static bool put_fraction(char *to, double value)
{
    float narrow = (float)value;

    memcpy(to, &narrow, sizeof(narrow));
    return (double)narrow == value;
}

/* One value; false when it is too wide. */
static bool put_narrow(char *to, const struct slc_arrow_field *field, int64_t row)
{
    const struct slc_column *column = field->column;
    int bits = field->narrow.bits;

    if (field->type == SLC_TYPE_FLOAT64)
        return put_fraction(to, column->type == SLC_TYPE_FLOAT64 ? column->float64s[row]
                                : column->type == SLC_TYPE_INT64 ? (double)column->int64s[row]
                                                                 : (double)column->uint64s[row]);
    if (column->type == SLC_TYPE_INT64)
        return put_whole(to, column->int64s[row], bits);
    memcpy(to, &column->uint64s[row], (size_t)bits / 8);
    return column->uint64s[row] >> bits == 0;
}

/* Numbers of less than their whole width, or places in the dictionary. */
static bool put_narrows(char *to, const struct slc_arrow_field *field, const struct extent *extent,
                        int64_t n_rows)
{
    size_t width = (field->narrow.bits ? field->narrow.bits : field->narrow.index_bits) / 8u;
    bool good = true;

    memset(to, 0, extent->lengths[1]);
    for (int64_t row = 0; field->column->type != SLC_TYPE_NULL && row < n_rows; row++) {
        if (!slc_column_has(field->column, row))
            continue;
        if (field->narrow.bits)
            good = put_narrow(to + (size_t)row * width, field, row) && good;
        else
            good = put_whole(to + (size_t)row * width, extent->dictionary.codes[row],
                             field->narrow.index_bits) &&
                   good;
    }
    return good;
}

static bool put_values(char *to, const struct slc_arrow_field *field, const struct extent *extent,
                       int64_t n_rows)
{
    const struct slc_column *column = field->column;

    if (field->narrow.bits || field->narrow.index_bits)
        return put_narrows(to, field, extent, n_rows);
    if (field->type == SLC_TYPE_BOOL)
        put_bools(to, column, n_rows);
    else if (slc_type_is_text(field->type))
        put_texts(to, to + padded(extent->lengths[1]), column, n_rows);
    else if (column->type == SLC_TYPE_NULL)
        memset(to, 0, extent->lengths[1]);
    else if (column->type != field->type)
        put_as_doubles(to, column, n_rows);
    else if (extent->lengths[1])
        memcpy(to, column->data, extent->lengths[1]);
    return true;
}

/* The field's buffers, one after the other, each padded with zeros. */
static bool put_body(struct slc_buf *out, const struct slc_arrow_field *field,
                     const struct extent *extent, int64_t n_rows, struct slc_error *error)
{
    size_t total = 0;
    bool good = true;
    char *to;

    for (int i = 0; i < extent->n_buffers; i++)
        total += padded(extent->lengths[i]);
    to = slc_buf_reserve(out, total);
    if (!to)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded");
    out->len += total;
    for (int i = 0; i < extent->n_buffers; i++) {
        size_t len = extent->lengths[i];

        if (i == 0 && len > 0)
            put_bitmap(to, field->column, n_rows);
        else if (i == 1)
            good = put_values(to, field, extent, n_rows);
        memset(to + len, 0, padded(len) - len);
        to += padded(len);
    }
    return good || slc_fail(error, SLC_ERR_INTERNAL,
                            "a value of the column \"%.*s\" is wider than the survey found",
                            field->name.len > 100 ? 100 : (int)field->name.len, field->name.data);
}

/* The table that describes a batch, and what its buffers come to. */
static bool put_batch_table(const struct writer *w, size_t referrer,
                            const struct slc_arrow_field *fields, int64_t n_fields, int64_t n_rows,
                            struct extent *extents, int64_t *ret_bytes, struct slc_error *error)
{
    static const uint8_t sizes[BATCH_SLOTS] = {8, 4, 4, 0};
    size_t batch[BATCH_SLOTS];
    int64_t n_buffers = 0, offset = 0;

    put_table(w, referrer, sizes, BATCH_SLOTS, batch);
    patch_i64(w, batch[BATCH_LENGTH], n_rows);
    begin_vector(w, batch[BATCH_NODES], n_fields, true);
    for (int64_t i = 0; i < n_fields; i++) {
        if (!measure(&fields[i], n_rows, &extents[i], error))
            return false;
        slc_buf_append(w->out, &n_rows, sizeof(n_rows));
        slc_buf_append(w->out, &extents[i].n_missing, sizeof(extents[i].n_missing));
        n_buffers += extents[i].n_buffers;
    }
    begin_vector(w, batch[BATCH_BUFFERS], n_buffers, true);
    for (int64_t i = 0; i < n_fields; i++)
        for (int k = 0; k < extents[i].n_buffers; k++) {
            int64_t len = (int64_t)extents[i].lengths[k];

            slc_buf_append(w->out, &offset, sizeof(offset));
            slc_buf_append(w->out, &len, sizeof(len));
            offset += (int64_t)padded((size_t)len);
        }
    *ret_bytes = offset;
    return true;
}

static bool put_batch_metadata(struct slc_buf *out, const struct slc_arrow_field *fields,
                               int64_t n_fields, int64_t n_rows, struct extent *extents,
                               struct slc_error *error)
{
    size_t at[MESSAGE_SLOTS], size_at;
    struct writer w = begin_message(out, SLC_ARROW_RECORD_BATCH, &size_at, at);
    int64_t bytes;

    if (!put_batch_table(&w, at[MESSAGE_HEADER], fields, n_fields, n_rows, extents, &bytes, error))
        return false;
    patch_i64(&w, at[MESSAGE_BODY_LENGTH], bytes);
    end_metadata(&w, size_at);
    return true;
}

/* ---- Dictionaries ---- */

/* A batch of one field of texts, the values. */
static bool put_dictionary(struct slc_buf *out, int64_t id, const struct slc_arrow_field *field,
                           const struct slc_arrow_dictionary *dictionary, struct slc_error *error)
{
    static const uint8_t sizes[DICTIONARY_SLOTS] = {8, 4, 0};
    const struct slc_column column = {.type = SLC_TYPE_TEXT, .data = dictionary->values};
    const struct slc_arrow_field values = {
        .name = field->name, .type = SLC_TYPE_TEXT, .column = &column};
    size_t at[MESSAGE_SLOTS], header[DICTIONARY_SLOTS], size_at;
    struct writer w = begin_message(out, SLC_ARROW_DICTIONARY_BATCH, &size_at, at);
    struct extent extent = {0};
    int64_t bytes;

    put_table(&w, at[MESSAGE_HEADER], sizes, DICTIONARY_SLOTS, header);
    patch_i64(&w, header[DICTIONARY_ID], id);
    if (!put_batch_table(&w, header[DICTIONARY_DATA], &values, 1, dictionary->n_values, &extent,
                         &bytes, error))
        return false;
    patch_i64(&w, at[MESSAGE_BODY_LENGTH], bytes);
    end_metadata(&w, size_at);
    return put_body(out, &values, &extent, dictionary->n_values, error);
}

static bool put_dictionaries(struct slc_buf *out, const struct slc_arrow_field *fields,
                             int64_t n_fields, int64_t n_rows, struct slc_arena *arena,
                             struct extent *extents, struct slc_error *error)
{
    for (int64_t i = 0; i < n_fields; i++) {
        if (!fields[i].narrow.index_bits)
            continue;
        if (!slc_arrow_dictionary_build(&extents[i].dictionary, arena, fields[i].column, n_rows))
            return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded");
        if (!put_dictionary(out, i, &fields[i], &extents[i].dictionary, error))
            return false;
    }
    return true;
}

bool slc_arrow_write(struct slc_buf *out, const struct slc_arrow_field *fields, int64_t n_fields,
                     int64_t n_rows, size_t *ret_first_end, struct slc_error *error)
{
    static const int32_t end_of_stream[2] = {SLC_ARROW_CONTINUATION, 0};
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct extent *extents = slc_arena_calloc(&arena, (size_t)n_fields + 1, sizeof(*extents));
    size_t start = out->len;

    if (!extents)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded");
    for (int64_t i = 0; i < n_fields; i++)
        if (!fits(&fields[i]))
            return slc_fail(error, SLC_ERR_INTERNAL, "a chunk's column is not of its type");
    put_schema(out, fields, n_fields);
    if (!put_dictionaries(out, fields, n_fields, n_rows, &arena, extents, error) ||
        !put_batch_metadata(out, fields, n_fields, n_rows, extents, error))
        return false;
    *ret_first_end = out->len - start;
    for (int64_t i = 0; i < n_fields; i++) {
        if (!put_body(out, &fields[i], &extents[i], n_rows, error))
            return false;
        if (i == 0)
            *ret_first_end = out->len - start;
    }
    slc_buf_append(out, end_of_stream, sizeof(end_of_stream));
    return !out->failed ||
           slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded");
}
