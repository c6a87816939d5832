/* Raw parts and the reader's lock; for the reader's own files only. */
#ifndef SLC_READER_RAW_H
#define SLC_READER_RAW_H

#include "reader/format.h"

/* Room for n bytes, the scan's slack and its bits; what is there is kept. */
bool slc_raw_reserve(struct slc_raw *raw, int64_t n_bytes, struct slc_error *error);
bool slc_raw_reserve_cells(struct slc_raw *raw, int64_t n_cells, struct slc_error *error);
void slc_raw_free(struct slc_raw *raw);

/* Called with every stretch of the file as it is read, in order: the file's
 * SHA-256 is taken on the first whole round. */
void slc_reader_saw_bytes(struct slc_reader *reader, const void *bytes, size_t len);

#endif
