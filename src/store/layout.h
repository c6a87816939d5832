/* How the rows of a replica lie in Redis. A layout is a `const struct
 * slc_layout` in the array of layout.c; what makes up one replica's rows is
 * written down in META's LAYOUT, a JSON object with all that a reader needs:
 *
 *     {"version":1,"layout":"rows"}
 *     {"version":1,"layout":"packed","prefix":"NAME:<load id>:", ...}
 *     {"version":2,"layout":"keys","prefix":"NAME:","staged":"NAME.META:<load id>:", ...}
 *
 * Version 2 is for what readers of version 1 would misread.
 * META without LAYOUT, and LAYOUT with the plain text rows, mean `rows`.
 *
 * Either all rows of a load grow in its staging key, which takes the place of
 * NAME when the load is committed (`staged`), or they are written to keys of
 * their own, which carry the load's id; then META's LAYOUT is the switch from
 * the old rows to the new ones, and the old keys are removed afterwards. The
 * same text is part of the load's announcement, so that the keys of a load that
 * was killed, and those of one that was replaced, can be named without a search
 * (SCAN, KEYS). */
#ifndef SLC_STORE_LAYOUT_H
#define SLC_STORE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

struct json_object;

/* Where the rows of one load are: what LAYOUT says. */
struct slc_layout_place {
    const struct slc_layout *layout;
    struct slc_str name;   /* the replica's; borrowed */
    struct slc_str prefix; /* of its keys; empty when it says none. Lives as long as `json` */
    /* With plain names (plain.h): where the rows were before they got them, else
     * empty. Lives as long as `json`. */
    struct slc_str staged;
    struct json_object *json; /* the document, owned; NULL: rows without one */
    void *cache;              /* what walk() keeps, and how that is given back */
    void (*release_cache)(void *cache);
};

/* One row read back, its values as a JSON array, or data NULL when there is no
 * such row. False stops the reading, which then fails. */
typedef bool slc_layout_put(void *context, struct slc_str key, struct slc_str row);

struct slc_layout {
    const char *name;
    bool staged; /* the rows are one hash, which grows in the staging key and is renamed to NAME */

    bool a_key_a_row; /* rows may have names without the load's id (plain.h), and a time to live */

    /* The rows that are written have keys that differ: whoever loads sees to it
     * before. */
    bool unique_keys;

    /* ---- Writing a load (`load` is store/load.h's; `load->state` is the
     * layout's own). The connection is idle in begin, prepare and verify. ---- */

    /* Get ready. Nothing is announced yet, so nothing may be written, but the
     * server may be asked. May be NULL. */
    bool (*begin)(struct slc_store_load *load, struct slc_error *error);

    /* Announced, and with the replica's lease: try out what the server can do,
     * with no other keys than the load's. May be NULL. */
    bool (*prepare)(struct slc_store_load *load, struct slc_error *error);

    /* A chunk's rows, ready for write(). Any thread, several at a time; `load`
     * does not change meanwhile. Fills in all of `out` but seq, n_rows and
     * first_ordinal; its buffers come cleared. Unless the keys are ordinals,
     * `keys` and `key_ends` are filled in. */
    bool (*encode)(const struct slc_store_load *load, const struct slc_row_layout *rows,
                   const struct slc_chunk *chunk, int64_t first_ordinal, struct slc_encoded *out,
                   struct slc_error *error);

    /* Send a chunk (slc_layout_send()), or keep what has to be grouped. In the
     * order of the chunks, by one thread. */
    bool (*write)(struct slc_store_load *load, const struct slc_encoded *encoded,
                  struct slc_error *error);

    /* No chunk follows: send what was kept. May be NULL. */
    bool (*flush)(struct slc_store_load *load, struct slc_error *error);

    /* An integer that `command` (counted from 0 among those sent) was answered
     * with. May be NULL. */
    void (*on_integer)(struct slc_store_load *load, int64_t command, int64_t value);

    /* All commands are answered: set counts.rows_written to what the server has,
     * and counts.duplicate_keys. Errors: VERIFY, those of redis/. */
    bool (*verify)(struct slc_store_load *load, struct slc_error *error);

    /* The members of LAYOUT behind `version` and `layout`: `,"prefix":...`. At
     * begin (`whole` false) the text has to name every key that the load may
     * ever write, after verify (`whole`) it says what a reader needs. May be NULL. */
    void (*describe)(const struct slc_store_load *load, bool whole, struct slc_buf *json);

    /* Free `state`. May be NULL. */
    void (*release)(struct slc_store_load *load);

    /* ---- Keys ---- */

    /* Unlink the next keys of a load, some hundreds in one round trip: from
     * `*cursor` on, which is 0 at first and is moved. `*ret_done` when none are
     * left. Two may do so at a time, and one may begin again at 0, so that
     * nothing may be left behind that is no longer named. NULL when staged. */
    bool (*remove)(struct slc_redis *redis, const struct slc_layout_place *place, int64_t *cursor,
                   bool *ret_done, struct slc_error *error);

    /* ---- Reading ---- */

    /* The rows that there are. */
    bool (*count)(struct slc_redis *redis, const struct slc_layout_place *place, int64_t *ret_rows,
                  struct slc_error *error);

    /* The rows of these keys, put in their order. */
    bool (*fetch)(struct slc_redis *redis, const struct slc_layout_place *place,
                  const struct slc_str keys[], size_t n_keys, slc_layout_put *put, void *context,
                  struct slc_error *error);

    /* About `most` rows in the layout's own order, each once while nobody writes
     * to them, from `*cursor` on, which is 0 at first, is moved, and is 0 again
     * at the end. It may come from anyone. */
    bool (*scan)(struct slc_redis *redis, const struct slc_layout_place *place, uint64_t *cursor,
                 int64_t most, slc_layout_put *put, void *context, struct slc_error *error);

    /* A scan from one cursor for one row always hands out the same rows. */
    bool stable_steps;

    /* Nobody but loads writes to the rows: one that KEY_ORDER names is there, and
     * reading fails if it is not. */
    bool rows_stay;

    /* Of layouts that keep their rows in load order: the rows from that place on,
     * `most` of them at most, at least one unless it is the end; rows that have
     * expired are put with data NULL. NULL: load order
     * is what KEY_ORDER knows of it. `place` may keep what was read for the next
     * call (cache). */
    bool (*walk)(struct slc_redis *redis, struct slc_layout_place *place, int64_t from,
                 int64_t most, slc_layout_put *put, void *context, struct slc_error *error);
};

/* ---- The layouts there are ---- */

/* NULL when there is none of that name. */
const struct slc_layout *slc_layout_find(struct slc_str name);

extern const struct slc_layout slc_layout_rows, slc_layout_packed, slc_layout_columns,
    slc_layout_keys, slc_layout_json;

/* ---- The document ---- */

/* LAYOUT of a load, appended. */
void slc_layout_document(const struct slc_store_load *load, bool whole, struct slc_buf *json);

/* Read LAYOUT (data NULL: none). Release the place. Errors: SERVER when it is
 * not one that this version knows, MEMORY. */
bool slc_layout_read(struct slc_str name, struct slc_str document, struct slc_layout_place *ret,
                     struct slc_error *error);
void slc_layout_place_release(struct slc_layout_place *place);

#define SLC_AUTO_PLACE SLC_CLEANUP(slc_layout_place_release)

/* A whole number between min and max that the document has under `key`. */
bool slc_layout_int(const struct slc_layout_place *place, const char *key, int64_t min, int64_t max,
                    int64_t *ret, struct slc_error *error);

/* A text; data NULL when there is none. Lives as long as the place. */
struct slc_str slc_layout_text(const struct slc_layout_place *place, const char *key);

/* The prefix is one that a load of this replica gives its keys, NAME:<load id>:
 * (slc_store_rows_prefix()), or NAME: and NAME.META:<load id>: (plain.h), so that
 * nobody else's are removed on a document's word. */
bool slc_layout_owns_prefix(const struct slc_redis *redis, const struct slc_layout_place *place);

/* ---- For the layouts ---- */

/* Send commands of a load, whole ones, back to back. `chunk` is the seq of the
 * chunk that they are of, for messages. Blocks until the kernel has them. */
bool slc_layout_send(struct slc_store_load *load, struct slc_str commands, int64_t n_commands,
                     int64_t chunk, struct slc_error *error);

#endif
