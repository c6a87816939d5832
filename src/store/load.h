/* The insides of a load, for the files of src/store alone. */
#ifndef SLC_STORE_LOAD_H
#define SLC_STORE_LOAD_H

#include "redis/pipe.h"
#include "store/key_order.h"
#include "store/layout.h"
#include "store/plain.h"
#include "store/store.h"

struct slc_store_load {
    struct slc_redis *redis; /* has the replica's keys: `home`, or on a cluster `own` */
    struct slc_redis *home;  /* borrowed: registry, announcements, garbage */
    struct slc_redis *own;   /* on a cluster: owned, to the master of the replica's slot */
    struct slc_arena arena;
    struct slc_store_load_options options; /* texts in the arena */
    struct slc_str staging_hash;
    struct slc_str staging_key;
    struct slc_str meta_key;
    struct slc_str lease_key;
    struct slc_str garbage_hash;
    bool newer_document;     /* LAYOUT says what readers of version 1 would misread */
    struct slc_str document; /* of all keys that the load may write */
    struct slc_str announcement;
    enum { LOAD_WRITING, LOAD_FINISHED, LOAD_OVER } stage;

    const struct slc_layout *layout;
    void *state; /* the layout's own */

    struct slc_pipe *pipe; /* while writing */
    int64_t commands;      /* sent */
    int64_t integer_sum;   /* of what they were answered with; once all are */
    struct slc_store_counts counts;
    struct slc_key_order order;

    struct slc_store_base own_base; /* when the caller has none */
    bool has_scripts;               /* the user may run them (EVAL) */
    int64_t lease_usec;             /* when the lease was taken or renewed */
    int64_t renewal;                /* the command that renews it and is not answered; -1 */
    int64_t renewal_sum;            /* of the answers to renewals */

    struct slc_plain_swap plain; /* with plain names: what the commit does */

    bool in_doubt; /* EXEC was sent and its answer did not come */
};

/* The command that ends where `bytes` does. */
static inline void slc_encoded_end_command(struct slc_encoded *out)
{
    uint64_t end = out->bytes.len;

    slc_buf_append(&out->command_ends, &end, sizeof(end));
    out->n_commands++;
}

#endif
