/* Rows under plain names: the layouts `keys` and `json` with NAME:<row key> for a
 * row, without the load's id, as clients expect it that have a fixed idea of their
 * keys (RediSearch, Redis OM).
 *
 * A load writes its rows to NAME.META:<load id>:<row key>, where no search for
 * NAME: finds them. Its commit is the same one step as every layout's: META says
 * from then on that the rows are this load's. What is left is to move them over
 * the old ones, the switch:
 *
 *     removing   old rows whose key the new load does not have are unlinked
 *     moving     each new row is renamed to its plain name, over the old one
 *
 * When there are so few keys that Redis is not held up, both are part of the
 * commit. Else they follow it in transactions of some hundred keys, and META's
 * SWITCH says what is going on:
 *
 *     {"phase":"removing","at_once":500,"before":"<LAYOUT of the old rows>"}
 *     {"phase":"moving","at_once":500}
 *
 * Every transaction watches META and is carried out only while SWITCH is what it
 * was, and of the same load, and each may be done again. So anyone may take the
 * switch up where it was left, several at a time even: the load that began it,
 * whoever finds the announcement of a dead one, the next load of the replica, a
 * drop. It only goes forward, because the commit is done.
 *
 * Who looks a row up under its load's own name first, and then under the plain
 * one, gets the new row before, while and after it is moved; that is how sluice's
 * own readers see one load at any time. Who reads plain names alone sees each row
 * whole, the old or the new one, and during the switch both kinds. */
#ifndef SLC_STORE_PLAIN_H
#define SLC_STORE_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "redis/connection.h"

struct slc_store_load;
struct slc_layout_place;

/* The field of META that says that a switch is under way. */
#define SLC_PLAIN_SWITCH "SWITCH"

/* What the commit of a load has to do besides; in the load's arena. */
struct slc_plain_swap {
    struct slc_str switching; /* SWITCH; data NULL: all is done in the transaction itself */
    struct slc_str prefix;    /* NAME:, and that of the rows as they were written */
    struct slc_str staged;
    const struct slc_str *moved, *vanished; /* row keys that get their plain name, or lose it */
    size_t n_moved, n_vanished;
    const struct slc_str *lists; /* of the old load, that go with them */
    size_t n_lists;
};

/* How many keys a transaction may touch. */
int64_t slc_plain_keys_at_once(int64_t max_block_usec, int64_t n_columns);

/* Announced: no key of this load can be another replica's or the registry's, and
 * none of another load this one's. For loads of every layout. Errors: NAME,
 * CONFLICT (with the load of another replica), those of redis/. */
bool slc_plain_check_names(struct slc_store_load *load, struct slc_error *error);

/* All rows are written: finish what others began under these names, and see that
 * no key that is not of the replica's old load would be written over, and that the
 * server lets us switch. Errors: CONFLICT, those of redis/. */
bool slc_plain_check_rows(struct slc_store_load *load, struct slc_error *error);

/* Finish the switch and the removal of earlier loads' rows, which a commit could
 * not be told from its own any more. Errors: those of redis/, MEMORY. */
bool slc_plain_settle(struct slc_store_load *load, struct slc_error *error);

/* With META watched, which says of no rows: some that were dropped may still be
 * there, to be removed by slc_plain_settle(). Errors: those of redis/. */
bool slc_plain_has_garbage(struct slc_store_load *load, bool *ret, struct slc_error *error);

/* With META watched: what there is to do when the old rows lie as `before` says
 * (META's LAYOUT; data NULL: there are none). `*ret_taken_over`: the old rows need
 * no note as garbage. Errors: VERIFY (rows are gone), those of redis/, MEMORY. */
bool slc_plain_plan(struct slc_store_load *load, struct slc_str before,
                    struct slc_plain_swap *ret_swap, bool *ret_taken_over, struct slc_error *error);

/* Append to the commit's transaction. */
bool slc_plain_append(struct slc_store_load *load, const struct slc_plain_swap *swap,
                      struct slc_error *error);

/* SWITCH, as it was read, says that a switch is under way. One that this version
 * cannot read is left alone. */
bool slc_plain_is_switching(struct slc_str text);

/* Finish the switch that is under way, if one is. `redis` has the replica's keys
 * (slc_store_owner()). Errors: those of redis/, MEMORY. */
bool slc_plain_finish(struct slc_redis *redis, struct slc_str name, struct slc_str meta_key,
                      struct slc_error *error);

/* For a drop on a server that is out of memory and refuses transactions: what the
 * switch would still remove, without one. `redis` as above, errors too. */
bool slc_plain_remove_old(struct slc_redis *redis, struct slc_str name, struct slc_str meta_key,
                          struct slc_error *error);

/* slc_plain_finish() with any connection. */
bool slc_plain_finish_of(struct slc_redis *redis, struct slc_str name, struct slc_error *error);

/* Unlink the rows of these keys under their plain names, unless META says that
 * they are a replica's again. `redis` has the replica's keys. For slc_layout's
 * remove(). */
bool slc_plain_unlink(struct slc_redis *redis, const struct slc_layout_place *place,
                      const struct slc_str keys[], size_t n_keys, struct slc_error *error);

#endif
