/* Rows grouped by bucket although they come in any order: appended to
 * partitions, each of which is read back as one stream. What exceeds the memory
 * given to it goes to a file that has no name. For one thread at a time. */
#ifndef SLC_STORE_PARTITIONS_H
#define SLC_STORE_PARTITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct slc_partitions;

enum { SLC_PARTITION_BLOCK_BYTES = 16 << 10 };

/* As many partitions as the memory allows, at most `wanted`, at least 1.
 * `folders` are where the file may be made, tried in this order, ended by NULL;
 * borrowed. NULL: memory ran out. */
struct slc_partitions *slc_partitions_new(int64_t wanted, int64_t memory_bytes,
                                          const char *const *folders, struct slc_error *error);
int64_t slc_partitions_count(const struct slc_partitions *partitions);

/* Errors: MEMORY, IO (the file; a full disk). */
bool slc_partitions_append(struct slc_partitions *partitions, int64_t partition, const void *bytes,
                           size_t len, struct slc_error *error);

/* Call `take` for the bytes of a partition in their order, in pieces of up to a
 * block, until it returns false, which is passed on. The memory of each piece is
 * given back behind it: once only. Errors: IO. */
bool slc_partitions_read(struct slc_partitions *partitions, int64_t partition,
                         bool (*take)(void *context, const char *bytes, size_t len), void *context,
                         struct slc_error *error);

/* What was written to the file. */
int64_t slc_partitions_spilled_bytes(const struct slc_partitions *partitions);

/* NULL is fine. */
void slc_partitions_free(struct slc_partitions *partitions);

#endif
