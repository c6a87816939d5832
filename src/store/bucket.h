/* A bucket of rows on its way to a key of its own: entries of a listpack, sent
 * as a finished hash by RESTORE, or as HSET where that is not possible or one
 * command would hold the server up for too long. */
#ifndef SLC_STORE_BUCKET_H
#define SLC_STORE_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "store/crc64.h"
#include "store/store.h"

enum slc_bucket_way { SLC_BUCKET_HSET, SLC_BUCKET_LISTPACK, SLC_BUCKET_ZIPLIST };

/* How buckets are written; does not change while they are. */
struct slc_bucket_writer {
    enum slc_bucket_way way;
    unsigned char type;       /* of a small hash in what DUMP answers */
    unsigned char version[2]; /* at the end of it */
    size_t most_bytes;        /* that one command may carry, about */
    struct slc_str prefix;    /* of the keys; the bucket's number follows */
    struct slc_crc64 crc;
};

/* Find out by a key of the load's own, `probe`, what the server takes: what it
 * answers to DUMP says how it wants small hashes, and a RESTORE of one of ours is
 * tried. A server that refuses any of it gets HSET. Errors: those of a
 * connection that broke. */
bool slc_bucket_probe(struct slc_bucket_writer *writer, struct slc_redis *redis,
                      struct slc_str probe, struct slc_error *error);

/* A bucket being written. */
struct slc_bucket {
    int64_t number;
    size_t start;   /* in out->bytes: its command */
    size_t entries; /* in out->bytes: its entries */
    size_t digits;  /* that its command has room for in a length */
};

/* Begin a bucket of at most `bound` bytes of entries: they are written at the
 * address returned, the end of out->bytes. NULL when memory ran out. */
char *slc_bucket_begin(const struct slc_bucket_writer *writer, struct slc_encoded *out,
                       int64_t number, size_t bound, struct slc_bucket *ret_bucket);

/* End it: `n_rows` times a key and a value stand up to `end`. out->n_commands
 * grows. Errors: MEMORY, LIMIT. */
bool slc_bucket_end(const struct slc_bucket_writer *writer, struct slc_encoded *out,
                    const struct slc_bucket *bucket, const char *end, size_t n_rows,
                    struct slc_error *error);

/* The key of a bucket, appended. */
void slc_bucket_key(struct slc_str prefix, int64_t number, struct slc_buf *key);

#endif
