/* Rows as text, for the layouts: the hot path of a load. */
#ifndef SLC_STORE_ENCODE_H
#define SLC_STORE_ENCODE_H

#include "store/store.h"

/* The longest that the JSON array of a row may get while slc_row_write() writes
 * it, and in `*ret_raw` (may be NULL) the bytes of its texts as they are. */
size_t slc_row_bound(const struct slc_chunk *chunk, const struct slc_row_layout *rows, int64_t row,
                     size_t *ret_raw);

/* The JSON array of a row at `to`, which has room for its bound; returns the end.
 * `memo` is that of the encoded chunk that the row goes to; NULL: none. */
char *slc_row_write(char *to, const struct slc_chunk *chunk, const struct slc_row_layout *rows,
                    int64_t row, struct slc_row_memo *memo);

/* The keys of the chunk's rows are there and of a length that can be noted
 * down. Errors: INTERNAL, LIMIT. */
bool slc_row_check_keys(const struct slc_chunk *chunk, const struct slc_row_layout *rows,
                        struct slc_error *error);

/* Note a key down in `keys` and `key_ends`. */
static inline void slc_row_note_key(struct slc_encoded *out, struct slc_str key)
{
    slc_buf_append_str(&out->keys, key);
    uint32_t end = (uint32_t)out->keys.len;
    slc_buf_append(&out->key_ends, &end, sizeof(end));
}

/* MEMORY when one of the buffers failed. */
bool slc_encoded_check(const struct slc_encoded *encoded, struct slc_error *error);

#endif
