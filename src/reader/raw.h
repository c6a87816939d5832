/* Raw parts and the reader's lock; for the reader's own files only. */
#ifndef SLC_READER_RAW_H
#define SLC_READER_RAW_H

#include "reader/format.h"

/* Room for n bytes, the scan's slack and its bits; what is there is kept. */
bool slc_raw_reserve(struct slc_raw *raw, int64_t n_bytes, struct slc_error *error);
bool slc_raw_reserve_cells(struct slc_raw *raw, int64_t n_cells, struct slc_error *error);
void slc_raw_free(struct slc_raw *raw);

/* As new, but for the memory. */
void slc_raw_clear(struct slc_raw *raw);

/* The record counted last, which is raw->bytes[start, end), is not taken.
 * `reason` lives as long as the raw part. False when memory ran out. */
bool slc_raw_reject(struct slc_raw *raw, int64_t start, int64_t end, const char *reason);

/* Note which record each taken row is, once one was rejected before it; when
 * all rows are there. False when memory ran out. */
bool slc_raw_number_records(struct slc_raw *raw);

/* What a chunk left over of the input's text: the start of the next one. */
struct slc_tail {
    struct slc_buf bytes;
    int64_t offset_bytes; /* of these bytes in the input */
    bool at_end;          /* nothing comes behind them */
};

void slc_tail_restart(struct slc_tail *tail, int64_t offset_bytes);

/* Start a chunk with the tail: raw->bytes, n_bytes and offset_bytes. */
bool slc_tail_begin(const struct slc_tail *tail, struct slc_raw *raw, struct slc_error *error);

/* More of the input behind raw->bytes: up to `target` bytes, or twice what is
 * there. The last line of the input gets a line end if it has none. */
bool slc_tail_fill(struct slc_reader *reader, struct slc_tail *tail, struct slc_raw *raw,
                   int64_t target, struct slc_error *error);

/* The chunk ends at `end`; what is behind becomes the tail. */
bool slc_tail_keep(struct slc_tail *tail, struct slc_raw *raw, int64_t end,
                   struct slc_error *error);

void slc_tail_release(struct slc_tail *tail);

/* Called with every stretch of the file as it is read, in order: the file's
 * SHA-256 is taken on the first whole round. */
void slc_reader_saw_bytes(struct slc_reader *reader, const void *bytes, size_t len);

#endif
