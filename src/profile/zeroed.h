/* Memory for tables that are read before they are written. */
#ifndef SLC_PROFILE_ZEROED_H
#define SLC_PROFILE_ZEROED_H

#include <stdlib.h>

/* As calloc(count, size_bytes), with every page of a large piece written to. One that is
 * read first is the kernel's page of zeros, and the write that follows has to replace it
 * under the eyes of all cores, which costs more than all the rest. */
static inline void *slc_zeroed(size_t count, size_t size_bytes)
{
    enum { PAGE = 4096, LARGE = 1 << 16 };
    volatile char *bytes = calloc(count, size_bytes);

    for (size_t at = 0; bytes && count * size_bytes > LARGE && at < count * size_bytes; at += PAGE)
        bytes[at] = 0;
    return (void *)bytes;
}

#endif
