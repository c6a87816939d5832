/* NAME.rejects.csv: the rows that were not taken, with number and reason.
 *
 * Columns: row (1 is the first data row), byte_offset, reason, record (the row
 * as it stands in the file). Written beside its final name and moved there at
 * the end, so that a file of an earlier load stays until then. */
#ifndef SLC_LOAD_REJECTS_H
#define SLC_LOAD_REJECTS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "frame/chunk.h"

/* Append the lines for rejects that happened in one chunk. */
void slc_rejects_format(struct slc_buf *lines, const struct slc_chunk *chunk,
                        const struct slc_reject *rejects, int64_t n_rejects);

struct slc_rejects; /* the file being written */

/* `dir_fd` is borrowed. Nothing is made before the first line. */
struct slc_rejects *slc_rejects_new(int dir_fd, const char *name);

/* False when the file cannot be written: a folder that is read-only is no
 * reason to fail a load, so the caller only tells people. */
bool slc_rejects_write(struct slc_rejects *rejects, struct slc_str lines, struct slc_error *error);

/* Put the file in its place; without any line, remove one of an earlier load. */
bool slc_rejects_commit(struct slc_rejects *rejects, struct slc_error *error);

/* Forget what was written and begin anew. */
void slc_rejects_restart(struct slc_rejects *rejects);

/* Removes what was not committed. NULL is fine. */
void slc_rejects_free(struct slc_rejects *rejects);

#endif
