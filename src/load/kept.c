#include "load/kept.h"

#include <stdlib.h>

/* A column as it is kept. Its parts stand in the chunk's bytes: the bitmap of what
 * is there, then the values; of texts the lengths, then the bytes. */
struct packed_column {
    enum slc_type type;
    uint32_t width; /* bytes a value, of texts a length */
    int64_t n_missing;
    size_t valid; /* where they begin */
    size_t values;
    size_t texts;
    bool has_valid;
};

struct slc_kept_chunk {
    int64_t n_rows, n_records, n_columns;
    size_t size_bytes;      /* of all */
    int32_t *record_of_row; /* within the bytes; NULL: none */
    struct packed_column *columns;
    char bytes[]; /* the columns, and what they point to */
};

/* ---- How much room ---- */

/* Every part begins at a multiple of 8. */
static size_t aligned(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

static size_t bitmap_bytes(int64_t n_rows)
{
    return ((size_t)n_rows / 64 + 1) * sizeof(uint64_t);
}

/* Bytes that a signed number of so many bits takes, its sign not counted. */
static uint32_t width_of(uint64_t magnitude)
{
    return magnitude < 1 << 7 ? 1 : magnitude < 1 << 15 ? 2 : magnitude < UINT64_C(1) << 31 ? 4 : 8;
}

static uint32_t width_of_int64s(const int64_t *values, int64_t n)
{
    uint64_t bits = 0;

    for (int64_t i = 0; i < n; i++)
        bits |= (uint64_t)(values[i] ^ (values[i] >> 63));
    return width_of(bits);
}

static uint32_t width_of_dates(const int32_t *values, int64_t n)
{
    uint32_t bits = 0;

    for (int64_t i = 0; i < n; i++)
        bits |= (uint32_t)(values[i] ^ (values[i] >> 31));
    return width_of(bits) > 2 ? 4 : 2;
}

/* Lengths are not signed. */
static uint32_t width_of_lengths(size_t bits)
{
    return bits < 1 << 8 ? 1 : bits < 1 << 16 ? 2 : bits <= UINT32_MAX ? 4 : 8;
}

/* Lay the column out behind the `at` bytes that are taken; returns their number with it. */
static size_t lay_out(const struct slc_column *column, int64_t n_rows, size_t at,
                      struct packed_column *ret)
{
    size_t n = (size_t)n_rows, total = 0, bits = 0;

    *ret =
        (struct packed_column){.type = column->type, .n_missing = column->n_missing, .valid = at};
    if (column->type == SLC_TYPE_NULL)
        return at;
    ret->has_valid = column->valid != NULL;
    ret->values = at + (ret->has_valid ? bitmap_bytes(n_rows) : 0);
    switch (column->type) {
    case SLC_TYPE_INT64:
    case SLC_TYPE_DATETIME:
        ret->width = width_of_int64s(column->int64s, n_rows);
        break;
    case SLC_TYPE_DATE:
        ret->width = width_of_dates(column->dates, n_rows);
        break;
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        for (size_t i = 0; i < n; i++) {
            total += column->texts[i].len;
            bits |= column->texts[i].len;
        }
        ret->width = width_of_lengths(bits);
        break;
    default:
        ret->width = (uint32_t)slc_type_width_bytes(column->type);
    }
    ret->texts = ret->values + aligned(n * ret->width);
    return ret->texts + aligned(total);
}

/* ---- Values ---- */

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are types */
#define DEFINE_COPY(name, to_type, from_type)                                                      \
    static void name(void *to_bytes, const void *from_bytes, size_t n)                             \
    {                                                                                              \
        to_type *restrict to = to_bytes;                                                           \
        const from_type *restrict from = from_bytes;                                               \
                                                                                                   \
        for (size_t i = 0; i < n; i++)                                                             \
            to[i] = (to_type)from[i];                                                              \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

DEFINE_COPY(int64_to_1, int8_t, int64_t)
DEFINE_COPY(int64_to_2, int16_t, int64_t)
DEFINE_COPY(int64_to_4, int32_t, int64_t)
DEFINE_COPY(int64_from_1, int64_t, int8_t)
DEFINE_COPY(int64_from_2, int64_t, int16_t)
DEFINE_COPY(int64_from_4, int64_t, int32_t)
DEFINE_COPY(date_to_2, int16_t, int32_t)
DEFINE_COPY(date_from_2, int32_t, int16_t)

typedef void copy_values(void *to, const void *from, size_t n);

/* How values of that many bytes are packed and unpacked; NULL: as they are. */
static copy_values *packer_of(const struct packed_column *column, bool unpack)
{
    bool is_long = column->type == SLC_TYPE_INT64 || column->type == SLC_TYPE_DATETIME;

    if (column->type == SLC_TYPE_DATE && column->width == 2)
        return unpack ? date_from_2 : date_to_2;
    if (!is_long)
        return NULL;
    switch (column->width) {
    case 1:
        return unpack ? int64_from_1 : int64_to_1;
    case 2:
        return unpack ? int64_from_2 : int64_to_2;
    case 4:
        return unpack ? int64_from_4 : int64_to_4;
    default:
        return NULL;
    }
}

static void put_length(char *to, size_t i, size_t len, uint32_t width)
{
    switch (width) {
    case 1:
        ((uint8_t *)(void *)to)[i] = (uint8_t)len;
        break;
    case 2:
        ((uint16_t *)(void *)to)[i] = (uint16_t)len;
        break;
    case 4:
        ((uint32_t *)(void *)to)[i] = (uint32_t)len;
        break;
    default:
        ((uint64_t *)(void *)to)[i] = len;
    }
}

static size_t get_length(const char *from, size_t i, uint32_t width)
{
    switch (width) {
    case 1:
        return ((const uint8_t *)(const void *)from)[i];
    case 2:
        return ((const uint16_t *)(const void *)from)[i];
    case 4:
        return ((const uint32_t *)(const void *)from)[i];
    default:
        return (size_t)((const uint64_t *)(const void *)from)[i];
    }
}

/* Inline, since most texts are shorter than a call is worth. */
static inline void copy_text(char *to, const char *from, size_t len)
{
    if (len > 32) {
        memcpy(to, from, len);
    } else if (len >= 16) {
        memcpy(to, from, 16);
        memcpy(to + len - 16, from + len - 16, 16);
    } else if (len >= 8) {
        memcpy(to, from, 8);
        memcpy(to + len - 8, from + len - 8, 8);
    } else if (len >= 4) {
        memcpy(to, from, 4);
        memcpy(to + len - 4, from + len - 4, 4);
    } else {
        for (size_t i = 0; i < len; i++)
            to[i] = from[i];
    }
}

static inline __attribute__((always_inline)) void
pack_texts(const struct slc_str *texts, size_t n, char *lengths, uint32_t width, char *to)
{
    for (size_t i = 0; i < n; i++) {
        put_length(lengths, i, texts[i].len, width);
        copy_text(to, texts[i].data, texts[i].len);
        to += texts[i].len;
    }
}

static inline __attribute__((always_inline)) void
unpack_texts(struct slc_str *texts, size_t n, const char *lengths, uint32_t width, const char *from)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = get_length(lengths, i, width);

        texts[i] = (struct slc_str){.data = from, .len = len};
        from += len;
    }
}

static void pack_column(const struct slc_column *column, const struct packed_column *packed,
                        char *bytes, int64_t n_rows)
{
    size_t n = (size_t)n_rows;
    char *values = bytes + packed->values;
    copy_values *pack = packer_of(packed, false);

    if (column->type == SLC_TYPE_NULL)
        return;
    if (packed->has_valid)
        memcpy(bytes + packed->valid, column->valid, bitmap_bytes(n_rows));
    if (slc_type_is_text(column->type) && packed->width == 1)
        pack_texts(column->texts, n, values, 1, bytes + packed->texts);
    else if (slc_type_is_text(column->type))
        pack_texts(column->texts, n, values, packed->width, bytes + packed->texts);
    else if (pack)
        pack(values, column->data, n);
    else if (n)
        memcpy(values, column->data, n * packed->width);
}

struct slc_kept_chunk *slc_kept_pack(const struct slc_chunk *chunk)
{
    size_t n_columns = (size_t)chunk->n_columns, records = 0;
    size_t size = aligned(n_columns * sizeof(struct packed_column));
    struct packed_column *columns;
    struct slc_kept_chunk *packed;

    if (chunk->n_rejects > 0)
        return NULL;
    columns = malloc(n_columns * sizeof(*columns) + 1);
    if (!columns)
        return NULL;
    for (size_t i = 0; i < n_columns; i++)
        size = lay_out(&chunk->columns[i], chunk->n_rows, size, &columns[i]);
    records = size;
    if (chunk->record_of_row)
        size += (size_t)chunk->n_rows * sizeof(*chunk->record_of_row);
    packed = malloc(sizeof(*packed) + size);
    if (packed) {
        *packed = (struct slc_kept_chunk){.n_rows = chunk->n_rows,
                                          .n_records = chunk->n_records,
                                          .n_columns = chunk->n_columns,
                                          .size_bytes = sizeof(*packed) + size};
        packed->columns = (struct packed_column *)(void *)packed->bytes;
        if (n_columns)
            memcpy(packed->columns, columns, n_columns * sizeof(*columns));
        for (size_t i = 0; i < n_columns; i++)
            pack_column(&chunk->columns[i], &columns[i], packed->bytes, chunk->n_rows);
        if (chunk->record_of_row) {
            packed->record_of_row = (int32_t *)(void *)(packed->bytes + records);
            memcpy(packed->record_of_row, chunk->record_of_row, size - records);
        }
    }
    free(columns);
    return packed;
}

void slc_kept_free(struct slc_kept_chunk *chunk)
{
    free(chunk);
}

/* ---- Back ---- */

static bool unpack_column(const struct slc_kept_chunk *packed, size_t at, enum slc_type type,
                          struct slc_chunk *chunk)
{
    const struct packed_column *from = &packed->columns[at];
    struct slc_column *column = &chunk->columns[at];
    size_t n = (size_t)packed->n_rows;
    const char *values = packed->bytes + from->values;
    copy_values *unpack = packer_of(from, true);

    *column = (struct slc_column){.type = type, .requested = true, .n_missing = from->n_missing};
    if (type == SLC_TYPE_NULL)
        return true;
    column->data = slc_chunk_values(chunk, type);
    if (from->has_valid || from->type == SLC_TYPE_NULL)
        column->valid = slc_chunk_bitmap(chunk);
    if (!column->data || ((from->has_valid || from->type == SLC_TYPE_NULL) && !column->valid))
        return false;
    if (from->type == SLC_TYPE_NULL) { /* nothing but gaps */
        memset(column->data, 0, n * slc_type_width_bytes(type));
        memset(column->valid, 0, bitmap_bytes(packed->n_rows));
        return true;
    }
    if (from->has_valid)
        memcpy(column->valid, packed->bytes + from->valid, bitmap_bytes(packed->n_rows));
    if (slc_type_is_text(type) && from->width == 1)
        unpack_texts(column->texts, n, values, 1, packed->bytes + from->texts);
    else if (slc_type_is_text(type))
        unpack_texts(column->texts, n, values, from->width, packed->bytes + from->texts);
    else if (unpack)
        unpack(column->data, values, n);
    else if (n)
        memcpy(column->data, values, n * from->width);
    return true;
}

bool slc_kept_unpack(const struct slc_kept *kept, int64_t seq,
                     const struct slc_column_request *requests, struct slc_chunk *chunk,
                     struct slc_error *error)
{
    const struct slc_kept_chunk *packed = kept->chunks[seq];
    bool good = slc_chunk_begin(chunk, packed->n_columns);

    chunk->seq = seq;
    chunk->n_rows = packed->n_rows;
    chunk->n_records = packed->n_records;
    chunk->record_of_row = packed->record_of_row;
    for (size_t i = 0; good && i < (size_t)packed->n_columns; i++)
        if (requests[i].what == SLC_COLUMN_READ)
            good = unpack_column(packed, i, requests[i].type, chunk);
    return good || slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk");
}

/* ---- All of them ---- */

static bool make_room(struct slc_kept *kept, int64_t seq)
{
    int64_t n = kept->n_slots ? kept->n_slots : 64;
    struct slc_kept_chunk **chunks;

    if (seq < kept->n_slots)
        return true;
    while (n <= seq)
        n *= 2;
    chunks = realloc(kept->chunks, (size_t)n * sizeof(*chunks));
    if (!chunks)
        return false;
    memset(chunks + kept->n_slots, 0, (size_t)(n - kept->n_slots) * sizeof(*chunks));
    kept->chunks = chunks;
    kept->n_slots = n;
    return true;
}

/* Let go of the chunks before `from`. */
static void drop_before(struct slc_kept *kept, int64_t from)
{
    for (; kept->from < from; kept->from++) {
        struct slc_kept_chunk **slot =
            kept->from < kept->n_slots ? &kept->chunks[kept->from] : NULL;

        if (!slot || !*slot)
            continue;
        kept->bytes -= (int64_t)(*slot)->size_bytes;
        slc_kept_free(*slot);
        *slot = NULL;
    }
}

void slc_kept_add(struct slc_kept *kept, int64_t seq, struct slc_kept_chunk *chunk)
{
    if (!chunk || seq < kept->from || !make_room(kept, seq)) {
        slc_kept_free(chunk);
        return;
    }
    kept->chunks[seq] = chunk;
    kept->bytes += (int64_t)chunk->size_bytes;
    while (kept->bytes > kept->limit_bytes)
        drop_before(kept, kept->from + 1);
}

static bool suits(const struct slc_kept_chunk *chunk, const struct slc_column_request *requests)
{
    for (int64_t i = 0; i < chunk->n_columns; i++)
        if (requests[i].what == SLC_COLUMN_READ && chunk->columns[i].type != SLC_TYPE_NULL &&
            chunk->columns[i].type != requests[i].type)
            return false;
    return true;
}

int64_t slc_kept_first(const struct slc_kept *kept, int64_t n_chunks,
                       const struct slc_column_request *requests)
{
    int64_t first = n_chunks;

    while (first > kept->from && first <= kept->n_slots && kept->chunks[first - 1] &&
           suits(kept->chunks[first - 1], requests))
        first--;
    return first;
}

void slc_kept_release(struct slc_kept *kept)
{
    if (!kept)
        return;
    drop_before(kept, kept->n_slots);
    free(kept->chunks);
    *kept = (struct slc_kept){0};
}
