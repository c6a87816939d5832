/* The insides of the layout `packed`, for its files alone. */
#ifndef SLC_STORE_PACKED_H
#define SLC_STORE_PACKED_H

#include "store/bucket.h"
#include "store/load.h"
#include "store/partitions.h"

enum {
    SLC_PACKED_ROWS = 128,      /* of a bucket of ordinals */
    SLC_PACKED_TEXT_ROWS = 100, /* of one by crc32, on average, so that few have more than 128 */
    SLC_PACKED_SEND_BYTES = 256 << 10,
};

struct slc_packed {
    struct slc_bucket_writer writer;
    int64_t n_buckets;
    /* With ordinals: the rows of a bucket that began in one chunk and ends in
     * another, as entries. */
    int64_t open_bucket;
    int64_t open_rows;
    struct slc_buf open_entries;
    /* With texts. */
    struct slc_partitions *partitions;
    int64_t duplicate_keys;
    int64_t duplicate_row; /* with FAIL: the first one; 0: none */

    struct slc_encoded out; /* commands that are not sent yet */
};

/* Send what is in state->out. */
bool slc_packed_send(struct slc_store_load *load, struct slc_error *error);

/* ---- Texts as keys: grouped first (packed_group.c) ---- */

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
