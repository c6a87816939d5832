/* Chunks kept from the survey for the delivery, so that they are read, cut into
 * cells and typed only once.
 *
 * A kept chunk is one piece of memory of about the size of its text: whole numbers
 * and dates in as few bytes as hold them all, texts one behind the other.
 *
 * Of a table that does not fit, the last chunks are kept: the delivery reads the
 * file from its start and stops where the kept ones begin. */
#ifndef SLC_LOAD_KEPT_H
#define SLC_LOAD_KEPT_H

#include "base/error.h"
#include "frame/chunk.h"
#include "reader/reader.h"

struct slc_kept_chunk;

struct slc_kept {
    struct slc_kept_chunk **chunks; /* by seq; owned; NULL: not kept */
    int64_t n_slots;
    int64_t from;        /* no chunk before this one is kept */
    int64_t bytes;       /* of all that are */
    int64_t limit_bytes; /* 0: none is kept */
};

/* Put a chunk's columns aside, all that have values, requested or not. NULL when
 * memory ran out, and for a chunk with rejects, whose texts are the reader's. Free it by
 * slc_kept_add() or slc_kept_free(). */
struct slc_kept_chunk *slc_kept_pack(const struct slc_chunk *chunk);
void slc_kept_free(struct slc_kept_chunk *chunk);

/* Take the chunk over (NULL: that one could not be kept); those that came first go
 * when all together are beyond the limit. */
void slc_kept_add(struct slc_kept *kept, int64_t seq, struct slc_kept_chunk *chunk);

/* Where the longest stretch up to the last of `n_chunks` chunks begins in which every
 * chunk is kept and has the wanted columns in the wanted types (or no value in them);
 * n_chunks when there is none. */
int64_t slc_kept_first(const struct slc_kept *kept, int64_t n_chunks,
                       const struct slc_column_request *requests);

/* The chunk as the reader would have given it, in the memory of `chunk`: texts are
 * slices of what is kept. first_record and raw are left as they are. Any number of
 * threads. Errors: MEMORY. */
bool slc_kept_unpack(const struct slc_kept *kept, int64_t seq,
                     const struct slc_column_request *requests, struct slc_chunk *chunk,
                     struct slc_error *error);

void slc_kept_release(struct slc_kept *kept);

#endif
