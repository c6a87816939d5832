/* The insides of the layout `packed`, for its files alone. */
#ifndef SLC_STORE_PACKED_H
#define SLC_STORE_PACKED_H

#include "store/bucket.h"
#include "store/layout.h"
#include "store/load.h"
#include "store/partitions.h"

enum {
    SLC_PACKED_ROWS = 128,      /* places of a bucket of ordinals or of whole numbers */
    SLC_PACKED_TEXT_ROWS = 100, /* of one by crc32, on average, so that few have more than 128 */
    SLC_PACKED_SEND_BYTES = 256 << 10,
};

/* Which bucket a row is in. With the first two the rows come bucket after bucket. */
enum slc_packed_rule {
    SLC_PACKED_BY_ORDINAL, /* its ordinal / SLC_PACKED_ROWS */
    SLC_PACKED_BY_INTEGER, /* (its key - the first key) / SLC_PACKED_ROWS */
    SLC_PACKED_BY_CRC32,   /* crc32 of its key % n_buckets */
};

/* `bucket` of LAYOUT, by rule. */
extern const char *const slc_packed_rule_names[3];

struct slc_packed {
    struct slc_bucket_writer writer;
    enum slc_packed_rule rule;
    int64_t n_buckets;
    /* The rows of a bucket that began in one chunk and ends in another, as entries. */
    int64_t open_bucket;
    int64_t open_rows;
    struct slc_buf open_entries;
    /* By crc32. */
    struct slc_partitions *partitions;
    int64_t duplicate_keys;
    int64_t duplicate_row; /* with FAIL: the first one; 0: none */

    struct slc_encoded out; /* commands that are not sent yet */
};

/* Send what is in state->out. */
bool slc_packed_send(struct slc_store_load *load, struct slc_error *error);

/* ---- Reading and removing (packed_read.c): as in struct slc_layout ---- */

bool slc_packed_remove(struct slc_redis *redis, const struct slc_layout_place *place,
                       int64_t *cursor, bool *ret_done, struct slc_error *error);
bool slc_packed_count(struct slc_redis *redis, const struct slc_layout_place *place,
                      int64_t *ret_rows, struct slc_error *error);
bool slc_packed_fetch(struct slc_redis *redis, const struct slc_layout_place *place,
                      const struct slc_str keys[], size_t n_keys, slc_layout_put *put,
                      void *context, struct slc_error *error);
bool slc_packed_scan(struct slc_redis *redis, const struct slc_layout_place *place,
                     uint64_t *cursor, int64_t most, slc_layout_put *put, void *context,
                     struct slc_error *error);

/* ---- Keys in any order: grouped first (packed_group.c) ---- */

bool slc_packed_group_begin(struct slc_store_load *load, struct slc_error *error);
bool slc_packed_group_encode(const struct slc_store_load *load, const struct slc_row_layout *rows,
                             const struct slc_chunk *chunk, struct slc_encoded *out,
                             struct slc_error *error);
bool slc_packed_group_write(struct slc_store_load *load, const struct slc_encoded *encoded,
                            struct slc_error *error);
bool slc_packed_group_flush(struct slc_store_load *load, struct slc_error *error);

/* The bucket of a text: zlib.crc32(key) % n_buckets. */
int64_t slc_packed_bucket(struct slc_str key, int64_t n_buckets);

/* Room for the entries of a row, key and value. */
size_t slc_packed_row_bound(const struct slc_chunk *chunk, const struct slc_row_layout *rows,
                            int64_t row);

/* The row's JSON as an entry at `to`; `*guess` is the header's length of the one before. */
char *slc_packed_write_value(char *to, const struct slc_chunk *chunk,
                             const struct slc_row_layout *rows, int64_t row,
                             struct slc_row_memo *memo, size_t *guess);

#endif
