/* The parts of an Open Packaging Conventions archive (ECMA-376 part 2).
 *
 * libzip finds the parts (zip, zip64); they are read as they are stored and
 * inflated here, because that takes a third of the time: by Intel's ISA-L where
 * it is to be had, else by zlib. Length and CRC-32 are checked at the end of
 * each part. Nothing is ever written anywhere, and a part is only found by the
 * name it has in the archive, so that a name cannot lead out of it.
 *
 * Bounds against bombs: SLC_ZIP_MAX_ENTRIES entries, each reader's own limit on
 * a part's bytes, and beyond SLC_ZIP_FREE_BYTES not more than SLC_ZIP_MAX_RATIO
 * bytes for each packed one. libzip keeps the directory in memory, which takes
 * a few times the bytes that it has in the file. */
#ifndef SLC_READER_XLSX_ZIP_H
#define SLC_READER_XLSX_ZIP_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum {
    SLC_ZIP_MAX_ENTRIES = 1 << 16,
    SLC_ZIP_FREE_BYTES = 64 << 20,
    SLC_ZIP_MAX_RATIO = 250,
};

struct slc_zip;
struct slc_zip_part;

/* Read the directory of the archive behind `fd`, which stays the caller's; it
 * is read at places of its own (pread). Errors: FORMAT, LIMIT, IO, MEMORY. */
bool slc_zip_open(int fd, struct slc_zip **ret_zip, struct slc_error *error);
void slc_zip_close(struct slc_zip *zip);

/* The index of the part of that name, -1 when there is none. Names are equal
 * but for ASCII case, a slash at the start and the direction of slashes, an
 * exact one first. Two parts of one name are an error. */
bool slc_zip_find(struct slc_zip *zip, struct slc_str name, int64_t *ret_index,
                  struct slc_error *error);

/* Start to read a part of at most `max_bytes`. Any number may be open, but one
 * archive is for one thread at a time. Errors: FORMAT, LIMIT, IO, MEMORY. */
bool slc_zip_part_open(struct slc_zip *zip, int64_t index, int64_t max_bytes,
                       struct slc_zip_part **ret_part, struct slc_error *error);

/* More bytes: as many as fit, fewer only at the end; 0 at the end, when length
 * and checksum were right; -1: error. */
int64_t slc_zip_part_read(struct slc_zip_part *part, void *to, size_t len, struct slc_error *error);

/* The name in the archive, for messages. */
const char *slc_zip_part_name(const struct slc_zip_part *part);

/* How many bytes there will be, as the directory says. */
uint64_t slc_zip_part_size_bytes(const struct slc_zip_part *part);

void slc_zip_part_close(struct slc_zip_part *part);

#endif
