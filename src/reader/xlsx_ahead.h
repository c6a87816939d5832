/* A part of the archive inflated ahead, by a thread of its own, while what came
 * before is scanned: each takes about half of the time of reading a sheet. */
#ifndef SLC_READER_XLSX_AHEAD_H
#define SLC_READER_XLSX_AHEAD_H

#include "reader/xlsx_zip.h"

/* In memory at most. */
enum { SLC_AHEAD_BLOCKS = 4, SLC_AHEAD_BLOCK_BYTES = 256 << 10 };

struct slc_zip_ahead;

/* Start on a part of which nothing was read. Until the stop the part is not to be touched, and
 * nothing else is to be read from its archive. NULL when it is not worth it, or there is no thread
 * or memory to be had: read the part itself then. */
struct slc_zip_ahead *slc_zip_ahead_start(struct slc_zip_part *part);

/* As slc_zip_part_read(). */
int64_t slc_zip_ahead_read(struct slc_zip_ahead *ahead, void *to, size_t len,
                           struct slc_error *error);

void slc_zip_ahead_stop(struct slc_zip_ahead *ahead);

#endif
