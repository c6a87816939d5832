/* The property that the fuzz targets of the formats check. */
#ifndef FUZZ_SAME_H
#define FUZZ_SAME_H

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "read_all.h"

static inline void read_or_refuse(struct slc_str file, const struct slc_reader_options *options,
                                  struct slc_buf *out)
{
    struct slc_error error = {0};

    if (read_all(file_of(file), "f", options, 1, out, &error))
        return;
    if (error.code == SLC_ERR_NONE || error.code == SLC_ERR_INTERNAL || !error.message[0])
        abort();
    slc_buf_clear(out);
    /* Which of several faults is found first may depend on the chunks. */
    slc_buf_append_text(out, "refused");
}

/* In one chunk, and in chunks of `chunk_bytes`: the same rows, rejects and
 * types, or refused both times. */
static inline void check_same(struct slc_str file, struct slc_reader_options options,
                              int64_t chunk_bytes)
{
    SLC_AUTO_BUF struct slc_buf whole = {0}, cut = {0};

    options.chunk_bytes = 8192; /* more than there ever is */
    read_or_refuse(file, &options, &whole);
    options.chunk_bytes = chunk_bytes;
    read_or_refuse(file, &options, &cut);
    if (whole.len != cut.len || memcmp(whole.data, cut.data, whole.len) != 0)
        abort();
}

#endif
