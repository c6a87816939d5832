/* The insides of a load, for load.c and commit.c alone. */
#ifndef SLC_STORE_LOAD_H
#define SLC_STORE_LOAD_H

#include "redis/pipe.h"
#include "store/key_order.h"
#include "store/store.h"

/* The data rows that the commands of a chunk are about. */
struct slc_load_records {
    struct slc_load_records *next;
    int64_t first_command; /* among all of the load */
    int64_t n_commands;
    int64_t rows[];
};

struct slc_store_load {
    struct slc_redis *redis; /* borrowed */
    struct slc_arena arena;
    struct slc_store_load_options options; /* texts in the arena */
    struct slc_str staging_hash;
    struct slc_str staging_key;
    struct slc_str meta_key;
    struct slc_str announcement;
    enum { LOAD_WRITING, LOAD_FINISHED, LOAD_OVER } state;

    struct slc_pipe *pipe; /* while writing */
    int64_t commands;
    struct slc_store_counts counts;
    struct slc_key_order order;

    struct slc_load_records *oldest_records, *newest_records; /* with FAIL, not answered */
    int64_t duplicate_row;                                    /* 0: none */

    bool in_doubt; /* EXEC was sent and its answer did not come */
};

#endif
