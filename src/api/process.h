/* Inside api: what the service's processes take of the machine (proc(5)). */
#ifndef SLC_API_PROCESS_H
#define SLC_API_PROCESS_H

#include <stdint.h>

/* Of the process that started this one and its children, when it is this very
 * program (a master and its workers); else of this one alone. */
struct slc_process_use {
    int64_t processes;
    int64_t memory_bytes; /* proportional set size: shared pages count once in all */
    double cpu_seconds;   /* with that of children that have ended */
    int64_t open_files;
};

/* What cannot be read counts as 0. */
void slc_process_use_read(struct slc_process_use *ret);

#endif
