/* States of tickets in the metastore, for a stream directory that cannot be
 * written to.
 *
 *     R:tickets    hash: ticket name -> JSON {"text_sha256", "status", "load_dttm", "error"}
 *
 * (R is the registry key.) An entry counts for exactly the text that the ticket
 * had when it was written: a new ticket in the directory, or one that could be
 * rewritten after all, makes it void without anybody removing it. */
#ifndef SLC_JOB_TICKET_STATE_H
#define SLC_JOB_TICKET_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "redis/connection.h"
#include "source/ticket.h"

/* All of the hash. Zero-initialised is empty and valid. */
struct slc_ticket_states {
    struct slc_reply *reply; /* owned */
    struct slc_ticket_state_entry {
        struct slc_str ticket_name;
        struct slc_str json;
    } * entries; /* owned; by ticket name, the texts are the reply's */
    size_t count;
};

#define SLC_AUTO_TICKET_STATES SLC_CLEANUP(slc_ticket_states_release)

/* Errors: those of redis/, MEMORY. */
bool slc_ticket_states_read(struct slc_redis *redis, struct slc_str registry_key,
                            struct slc_ticket_states *ret_states, struct slc_error *error);
void slc_ticket_states_release(struct slc_ticket_states *states);

/* The JSON of one ticket's entry, .data NULL when there is none. */
struct slc_str slc_ticket_states_find(const struct slc_ticket_states *states,
                                      struct slc_str ticket_name);

/* The ticket as it counts: a copy of `on_disk` with the state of `json` when
 * that is of this very text; else `*ret_ticket` is NULL. What cannot be read as
 * a state is as none. The caller frees `*ret_ticket`. Errors: MEMORY. */
bool slc_ticket_state_apply(struct slc_str json, const struct slc_ticket *on_disk,
                            struct slc_ticket **ret_ticket, struct slc_error *error);

/* One ticket's entry, applied. Errors: those of redis/, MEMORY. */
bool slc_ticket_state_read(struct slc_redis *redis, struct slc_str registry_key,
                           struct slc_str ticket_name, const struct slc_ticket *on_disk,
                           struct slc_ticket **ret_ticket, struct slc_error *error);

/* Keep that `on_disk`, named so, counts as `wanted`. A state that is that of
 * the file itself removes the entry. Errors: those of redis/, MEMORY. */
bool slc_ticket_state_write(struct slc_redis *redis, struct slc_str registry_key,
                            struct slc_str ticket_name, const struct slc_ticket *on_disk,
                            const struct slc_ticket *wanted, struct slc_error *error);

#endif
