/* `packed` with texts as keys: rows come in any order, and all rows of a bucket
 * have to be together. They are kept in partitions of neighbouring buckets until
 * the last one has come, and then written partition by partition; of rows with
 * equal keys, which are in one partition, one is taken. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/encode.h"
#include "store/layout.h"
#include "store/lease.h"
#include "store/listpack.h"
#include "store/packed.h"

enum {
    ROWS_PER_PARTITION = 8192, /* as far as the memory allows */
    MOST_PARTITIONS = 1024,
    MEMORY_BYTES = 32 << 20,
    COMPACT_BYTES = 1 << 20,
};

/* A row on its way: its entries, key and value, follow. */
struct record {
    uint32_t bucket;
    uint32_t key_bytes; /* of both */
    uint32_t bytes;
    uint32_t unused;
    int64_t number; /* of its data row, for messages */
};

bool slc_packed_group_begin(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_packed *packed = load->state;
    int64_t memory = load->options.memory_bytes > 0 ? load->options.memory_bytes : MEMORY_BYTES;
    int64_t wanted = load->options.n_rows / ROWS_PER_PARTITION + 1;

    if (packed->n_buckets > UINT32_MAX)
        return slc_fail(error, SLC_ERR_LIMIT, "so many rows with keys cannot be grouped");
    if (wanted > MOST_PARTITIONS)
        wanted = MOST_PARTITIONS;
    packed->partitions = slc_partitions_new(wanted < packed->n_buckets ? wanted : packed->n_buckets,
                                            memory, load->options.spill_folders, error);
    return packed->partitions != NULL;
}

static int64_t buckets_per_partition(const struct slc_packed *packed)
{
    int64_t count = slc_partitions_count(packed->partitions);

    return (packed->n_buckets + count - 1) / count;
}

/* ---- Encoding ---- */

bool slc_packed_group_encode(const struct slc_store_load *load, const struct slc_row_layout *rows,
                             const struct slc_chunk *chunk, struct slc_encoded *out,
                             struct slc_error *error)
{
    const struct slc_packed *packed = load->state;
    const struct slc_str *keys = chunk->columns[rows->key_column].texts;
    size_t guess = 2;

    for (int64_t row = 0; row < chunk->n_rows; row++) {
        size_t bound = sizeof(struct record) + slc_packed_row_bound(chunk, rows, row);
        char *to = slc_buf_reserve(&out->extra, bound), *entries = to + sizeof(struct record);
        struct record record = {.number = slc_chunk_record(chunk, row)};

        if (!to)
            return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were encoded");
        record.bucket = (uint32_t)slc_packed_bucket(keys[row], packed->n_buckets);
        char *value = slc_listpack_write(entries, keys[row].data, keys[row].len);
        char *end = slc_packed_write_value(value, chunk, rows, row, out->memo, &guess);
        if (end - entries > UINT32_MAX)
            return slc_fail(error, SLC_ERR_LIMIT, "a row is longer than 4 GB");
        record.key_bytes = (uint32_t)(value - entries);
        record.bytes = (uint32_t)(end - entries);
        memcpy(to, &record, sizeof(record));
        out->extra.len += sizeof(record) + record.bytes;
        slc_row_note_key(out, keys[row]);
    }
    return true;
}

/* ---- Keeping ---- */

bool slc_packed_group_write(struct slc_store_load *load, const struct slc_encoded *encoded,
                            struct slc_error *error)
{
    struct slc_packed *packed = load->state;
    const char *at = encoded->extra.data, *end = at + encoded->extra.len;
    int64_t per_partition = buckets_per_partition(packed);

    while (at < end) {
        struct record record;
        size_t len;

        memcpy(&record, at, sizeof(record));
        len = sizeof(record) + record.bytes;
        if (!slc_partitions_append(packed->partitions, record.bucket / per_partition, at, len,
                                   error))
            return false;
        at += len;
    }
    return true;
}

/* ---- Taking one of equal keys ---- */

/* A row of the partition under way. */
struct kept {
    size_t offset; /* of its entries */
    uint32_t bucket, key_bytes, bytes;
    uint32_t hash;
};

struct group {
    struct slc_store_load *load;
    struct slc_error *error;
    struct slc_buf stream; /* what was read and makes up no whole record yet */
    struct slc_buf bytes;  /* entries */
    size_t dead_bytes;     /* of these, belonging to no row any more */
    struct kept *rows;
    size_t n_rows, rows_capacity;
    uint32_t *slots; /* row + 1; 0: free */
    size_t n_slots;  /* a power of two */
    uint32_t *order; /* the rows by bucket */
    size_t order_capacity;
};

static bool no_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were grouped");
}

static bool grow(struct group *group)
{
    size_t capacity = group->rows_capacity ? 2 * group->rows_capacity : 4096;
    struct kept *rows = realloc(group->rows, capacity * sizeof(*rows));

    if (!rows)
        return false;
    group->rows = rows;
    group->rows_capacity = capacity;
    if (group->n_slots < 2 * capacity) {
        uint32_t *slots = calloc(2 * capacity, sizeof(*slots));

        if (!slots)
            return false;
        free(group->slots);
        group->slots = slots;
        group->n_slots = 2 * capacity;
        for (size_t i = 0; i < group->n_rows; i++) {
            size_t at = rows[i].hash & (group->n_slots - 1);

            while (slots[at])
                at = (at + 1) & (group->n_slots - 1);
            slots[at] = (uint32_t)i + 1;
        }
    }
    return true;
}

/* The slot of the row with this key, or the free one where it belongs. */
static uint32_t *find(const struct group *group, const char *key, uint32_t len, uint32_t hash)
{
    for (size_t at = hash & (group->n_slots - 1);; at = (at + 1) & (group->n_slots - 1)) {
        uint32_t *slot = &group->slots[at];
        const struct kept *row;

        if (!*slot)
            return slot;
        row = &group->rows[*slot - 1];
        if (row->hash == hash && row->key_bytes == len &&
            memcmp(group->bytes.data + row->offset, key, len) == 0)
            return slot;
    }
}

/* Rows that came again and again leave their older texts behind. */
static bool compact(struct group *group)
{
    struct slc_buf bytes = {0};

    if (group->dead_bytes < COMPACT_BYTES || group->dead_bytes < group->bytes.len / 2)
        return true;
    for (size_t i = 0; i < group->n_rows; i++) {
        struct kept *row = &group->rows[i];
        size_t offset = bytes.len;

        slc_buf_append(&bytes, group->bytes.data + row->offset, row->bytes);
        row->offset = offset;
    }
    slc_buf_release(&group->bytes);
    group->bytes = bytes;
    group->dead_bytes = 0;
    return !bytes.failed;
}

static bool add(struct group *group, const struct record *record, const char *entries)
{
    struct slc_packed *packed = group->load->state;
    enum slc_on_duplicate on_duplicate = group->load->options.on_duplicate;
    uint32_t hash = (uint32_t)slc_hash_bytes(entries, record->key_bytes), *slot;
    struct kept *row;

    if (group->n_rows == group->rows_capacity && (group->n_rows == UINT32_MAX - 1 || !grow(group)))
        return no_memory(group->error);
    slot = find(group, entries, record->key_bytes, hash);
    if (*slot) {
        packed->duplicate_keys++;
        if (on_duplicate == SLC_DUPLICATE_FAIL &&
            (packed->duplicate_row == 0 || record->number < packed->duplicate_row))
            packed->duplicate_row = record->number;
        if (on_duplicate != SLC_DUPLICATE_LAST)
            return true;
        row = &group->rows[*slot - 1];
        group->dead_bytes += row->bytes;
    } else {
        *slot = (uint32_t)++group->n_rows;
        row = &group->rows[group->n_rows - 1];
    }
    *row = (struct kept){.offset = group->bytes.len,
                         .bucket = record->bucket,
                         .key_bytes = record->key_bytes,
                         .bytes = record->bytes,
                         .hash = hash};
    slc_buf_append(&group->bytes, entries, record->bytes);
    return (!group->bytes.failed && compact(group)) || no_memory(group->error);
}

/* Whole records from the front of `bytes`; returns how much they took, or -1. */
static int64_t add_records(struct group *group, const char *bytes, size_t len)
{
    size_t at = 0;

    while (len - at >= sizeof(struct record)) {
        struct record record;

        memcpy(&record, bytes + at, sizeof(record));
        if (len - at < sizeof(record) + record.bytes)
            break;
        if (!add(group, &record, bytes + at + sizeof(record)))
            return -1;
        at += sizeof(record) + record.bytes;
    }
    return (int64_t)at;
}

static bool take_bytes(void *context, const char *bytes, size_t len)
{
    struct group *group = context;
    int64_t taken;

    /* A record that goes over the end of a block is put together first. */
    slc_buf_append(&group->stream, bytes, len);
    if (group->stream.failed)
        return no_memory(group->error);
    taken = add_records(group, group->stream.data, group->stream.len);
    if (taken < 0)
        return false;
    group->stream.len -= (size_t)taken;
    memmove(group->stream.data, group->stream.data + taken, group->stream.len);
    return true;
}

/* ---- Writing ---- */

/* The rows' indices by bucket, and in `starts` where each bucket's begin. */
static bool sort_rows(struct group *group, uint32_t first_bucket, size_t n_buckets,
                      uint32_t *starts)
{
    if (group->order_capacity < group->n_rows) {
        uint32_t *order = realloc(group->order, group->rows_capacity * sizeof(*order));

        if (!order)
            return false;
        group->order = order;
        group->order_capacity = group->rows_capacity;
    }
    for (size_t i = 0; i < group->n_rows; i++)
        starts[group->rows[i].bucket - first_bucket + 1]++;
    for (size_t i = 0; i < n_buckets; i++)
        starts[i + 1] += starts[i];
    /* Filled from the front: `starts` then holds the ends, that is the starts of the next. */
    for (size_t i = 0; i < group->n_rows; i++)
        group->order[starts[group->rows[i].bucket - first_bucket]++] = (uint32_t)i;
    return true;
}

static bool write_bucket(struct group *group, uint32_t number, const uint32_t *rows, size_t n_rows)
{
    struct slc_packed *packed = group->load->state;
    struct slc_bucket bucket;
    size_t bound = 0;
    char *to;

    for (size_t i = 0; i < n_rows; i++)
        bound += group->rows[rows[i]].bytes;
    to = slc_bucket_begin(&packed->writer, &packed->out, number, bound, &bucket);
    if (!to)
        return no_memory(group->error);
    for (size_t i = 0; i < n_rows; i++) {
        const struct kept *row = &group->rows[rows[i]];

        memcpy(to, group->bytes.data + row->offset, row->bytes);
        to += row->bytes;
    }
    if (!slc_bucket_end(&packed->writer, &packed->out, &bucket, to, n_rows, group->error))
        return false;
    return packed->out.bytes.len < SLC_PACKED_SEND_BYTES ||
           slc_packed_send(group->load, group->error);
}

static bool write_partition(struct group *group, int64_t partition)
{
    struct slc_packed *packed = group->load->state;
    int64_t per_partition = buckets_per_partition(packed);
    uint32_t first = (uint32_t)(partition * per_partition);
    size_t n_buckets = (size_t)per_partition;
    uint32_t *starts = calloc(n_buckets + 2, sizeof(*starts));
    bool good = starts && sort_rows(group, first, n_buckets, starts);

    if (!good)
        no_memory(group->error);
    for (size_t i = 0; good && i < n_buckets; i++) {
        uint32_t from = i > 0 ? starts[i - 1] : 0, to = starts[i];

        if (to > from)
            good = write_bucket(group, first + (uint32_t)i, group->order + from, to - from);
    }
    free(starts);
    return good && slc_lease_keep(group->load, group->error);
}

static void clear(struct group *group)
{
    slc_buf_clear(&group->bytes);
    slc_buf_clear(&group->stream);
    group->dead_bytes = 0;
    group->n_rows = 0;
    if (group->slots)
        memset(group->slots, 0, group->n_slots * sizeof(*group->slots));
}

bool slc_packed_group_flush(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_packed *packed = load->state;
    struct group group = {.load = load, .error = error};
    bool good = true;

    for (int64_t i = 0; good && i < slc_partitions_count(packed->partitions); i++) {
        clear(&group);
        good = slc_partitions_read(packed->partitions, i, take_bytes, &group, error);
        /* With FAIL the first one of the file is looked for, and nothing more is written. */
        if (good && packed->duplicate_row == 0)
            good = write_partition(&group, i);
    }
    free(group.rows);
    free(group.slots);
    free(group.order);
    slc_buf_release(&group.bytes);
    slc_buf_release(&group.stream);
    if (good && packed->duplicate_row != 0)
        good = slc_store_refuse_duplicate(packed->duplicate_row, error);
    return good && slc_packed_send(load, error);
}
