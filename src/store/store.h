/* The replica in Redis: how a table's rows, metadata and registry entry are
 * stored, replaced in one step, read and removed. Knows no tickets and no HTTP.
 *
 * Keys (NAME is the replica's name, R the registry key):
 *
 *     R                    list of replica names, newest first
 *     NAME                 hash: row key -> JSON array of the row's values
 *     NAME.META            hash: metadata, see docs/redis-keys.md
 *     R:staging:<load id>:NAME     rows of a load in progress (hash)
 *     R:staging                    hash: load id -> JSON {name, started_usec, owner, layout}
 *     R:lease:NAME                 string: the id of the load that may replace NAME; expires
 *     R:garbage                    hash: load id -> JSON of rows that are to be removed
 *
 * Where the rows are is the layout's affair (layout.h): NAME and the staging
 * key are those of `rows`.
 *
 * A load writes to its staging key. slc_store_commit() verifies the counts and
 * then swaps rows, metadata and registry entry in one MULTI/EXEC: a reader sees
 * the old replica or the new one, whole. A load that failed or was killed
 * leaves nothing but staging keys, which slc_store_sweep() removes. */
#ifndef SLC_STORE_STORE_H
#define SLC_STORE_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "frame/chunk.h"
#include "redis/connection.h"

/* A row of the layout `json`: a string, a document of the module RedisJSON, or that
 * where the server takes it. */
enum slc_json_form { SLC_JSON_STRING, SLC_JSON_MODULE, SLC_JSON_AUTO };

enum slc_on_duplicate { SLC_DUPLICATE_LAST, SLC_DUPLICATE_FIRST, SLC_DUPLICATE_FAIL };

/* A replica's name may stand in Redis and in file names: 1 to 200 bytes of
 * valid UTF-8, no control characters, no '/', not the registry key or a name
 * derived from it, not ending in ".META". Errors: NAME. */
bool slc_store_check_name(struct slc_str name, struct slc_str registry_key,
                          struct slc_error *error);

/* ---- Encoding: pure, any thread -------------------------------------- */

struct slc_store_load; /* one load in progress, on one connection of its own */

/* What a column of the layout `columns` can do with; zeroed: its whole width. All of
 * its values have to fit. */
struct slc_narrow {
    uint8_t bits;       /* 8, 16, 32 of a whole number, 32 of a fraction */
    uint8_t index_bits; /* 8, 16, 32 of a text's place among the different ones of a chunk */
};

/* Which columns of a chunk make up a row, decided once a load. */
struct slc_row_layout {
    const int64_t *columns; /* indices into the chunk's columns, in the order of META COLUMNS */
    const struct slc_str *names;     /* of these columns; borrowed */
    const enum slc_type *types;      /* that these columns have in all chunks together; borrowed */
    const struct slc_narrow *narrow; /* what they can do with; borrowed; NULL: whole width */
    int64_t n_columns;
    struct slc_str key_name; /* of the key column, when there is one */
    int64_t key_column;      /* TEXT column holding the row keys, or -1: the row's ordinal */
    /* Whose layout the rows are encoded for; NULL: `rows`, for nobody, as in a
     * dry run. */
    const struct slc_store_load *load;
    struct slc_str staging_key;
    int64_t pairs_per_command;
    enum slc_on_duplicate on_duplicate;
};

/* One chunk's rows as commands, ready for the wire. */
struct slc_encoded {
    int64_t seq;
    int64_t n_rows; /* rows encoded */
    int64_t n_commands;
    int64_t first_ordinal;       /* of the chunk's first row among all rows taken */
    struct slc_buf bytes;        /* the commands, back to back */
    struct slc_buf command_ends; /* uint64_t a command: its end in `bytes` */
    /* For key order and duplicates: the row keys one after the other as they
     * were written; empty when the keys are ordinals. */
    struct slc_buf keys;
    struct slc_buf key_ends;       /* uint32_t a row: end of its key in `keys` */
    struct slc_buf record_numbers; /* int64_t a command, for messages: data row of its first row */
    struct slc_buf extra;          /* what the layout needs besides; its own affair */
    struct slc_row_memo *memo;     /* how numbers look that came before (encode.c); owned */
};

/* Encode rows of `chunk`. Every row's key must be there (rows without one were
 * taken out before). `first_ordinal` is the ordinal of the chunk's first row,
 * `out` is overwritten (its memory is reused). In the layout `rows`, LAST packs
 * pairs_per_command rows into one HSET; FIRST and FAIL send one HSETNX a row,
 * whose answers tell the duplicates. Values: JSON numbers as base/num.h writes them, infinities
 * and missing values null, true/false, dates "YYYY-MM-DD", date-times
 * "YYYY-MM-DDTHH:MM:SS[.ffffff]", text and JSON text as strings.
 * Errors: MEMORY. */
bool slc_store_encode(const struct slc_chunk *chunk, const struct slc_row_layout *rows,
                      int64_t first_ordinal, struct slc_encoded *out, struct slc_error *error);

void slc_encoded_release(struct slc_encoded *encoded);

/* One value of a column as JSON, as it stands in a row array. */
void slc_store_encode_value(struct slc_buf *buf, const struct slc_column *column, int64_t row);

/* ---- Loading ----------------------------------------------------------- */

/* What the replica was when a load first got its lease: of the caller, kept over
 * all tries of a load. Zeroed at first. */
struct slc_store_base {
    bool known;
    char load_id[64]; /* empty: there was none */
};

struct slc_store_load_options {
    struct slc_str name;
    struct slc_str registry_key;
    struct slc_str load_id; /* [0-9a-f]{32}, made by the caller */
    struct slc_str owner;   /* who loads, for slc_store_sweep() */
    enum slc_on_duplicate on_duplicate;
    int64_t pairs_per_command; /* 512 */
    int64_t window_bytes;      /* unanswered bytes on the wire at most */
    bool ordinal_keys;
    struct slc_str layout;       /* its name; empty: rows */
    const struct slc_str *names; /* of the rows' columns, and their types; borrowed */
    const enum slc_type *types;
    int64_t n_columns;
    int64_t ttl_seconds;          /* for layouts with a key a row: how long rows stay; 0: always */
    bool plain_names;             /* the same: the rows are NAME:<row key> (plain.h) */
    enum slc_json_form json_form; /* for `json` */
    bool narrow;                  /* for `columns`: its columns are not all of their whole width */
    int64_t n_rows;               /* rows that will be written at most; 0: unknown */
    int64_t n_chunks;             /* chunks that will be written; 0: unknown */
    /* The row keys are whole numbers as they are printed, each greater than the one before,
     * from first_key to last_key. */
    bool keys_rise;
    int64_t first_key, last_key;
    /* One load of a replica at a time: how long its right lasts without being renewed, and how
     * long to wait for another's; 0: a fair choice, and not at all. */
    int64_t lease_msec, lease_wait_msec;
    struct slc_store_base *base; /* borrowed; NULL: this is the only try */
    const atomic_bool *cancel;   /* ends the waiting; may be NULL */
    int64_t max_block_usec;      /* that one command may hold the server up, about; 0: 1000 */
    /* Where rows may be kept in a file without a name, tried in order, ended by NULL; borrowed. */
    const char *const *spill_folders;
    int64_t memory_bytes; /* what a layout that groups rows may hold; 0: a fair choice */
    bool again; /* this id was begun before and its connection lost: clear that away first */
};

/* The layout leaves it to its caller to see that no two rows written have the
 * same key (load/duplicates.h). False for a name that is none. */
bool slc_store_wants_unique_keys(struct slc_str layout);

/* Announce the load in R:staging and get ready to write. `redis` is borrowed
 * and used for nothing else until the load is freed. Errors: those of redis/. */
bool slc_store_load_begin(struct slc_redis *redis, const struct slc_store_load_options *options,
                          struct slc_store_load **ret_load, struct slc_error *error);

/* The connection that the rows are written on: the caller's, on a cluster one of
 * the load's own to the master of the replica's slot. */
struct slc_redis *slc_store_load_redis(const struct slc_store_load *load);

/* The staging key, for the row layout. */
struct slc_str slc_store_load_key(const struct slc_store_load *load);

/* Write one encoded chunk; chunks come in the order of seq, from one thread at
 * a time. Returns when all of it is written or buffered within the window.
 * With FAIL a duplicate key is an error (DATA, naming the row). Note that
 * answers are read as they come, so an error may be that of an earlier chunk. */
bool slc_store_load_write(struct slc_store_load *load, const struct slc_encoded *encoded,
                          struct slc_error *error);

/* DATA: the key of this data row (1 is the first) was there already. */
bool slc_store_refuse_duplicate(int64_t row, struct slc_error *error);

struct slc_store_counts {
    int64_t rows_sent;
    int64_t rows_written;   /* what Redis answered; equals HLEN of the staging key */
    int64_t duplicate_keys; /* rows_sent - rows_written */
};

/* Wait for every answer and verify: the answers' sum against HLEN. Errors:
 * VERIFY, those of redis/. */
bool slc_store_load_finish(struct slc_store_load *load, struct slc_store_counts *ret_counts,
                           struct slc_error *error);

/* The order in which the rows were loaded, as the JSON text that goes into
 * META's KEY_ORDER, so that top-n can answer in load order: an array of keys
 * and of [first, last] runs of consecutive whole numbers; at most 64 KiB, the
 * rows behind it are in no order. Of rows with equal keys the place of the
 * first counts. Lives as long as the load. */
struct slc_str slc_store_load_key_order(const struct slc_store_load *load);

/* One field of the metadata. */
struct slc_meta_field {
    const char *name;
    struct slc_str value;
};

/* After finish: in one MULTI/EXEC rename staging to NAME (or delete NAME when
 * no row was written), replace NAME.META by `fields` with LOAD_ID and LAYOUT, put
 * NAME at the registry's head (once), end the announcement and the lease. The
 * swap happens only while the load has the replica's lease (lease.h), so that one
 * that was overtaken, or swept as dead, cannot swap late (WATCH; CONFLICT then). The old rows are
 * freed in the background (they were renamed over: UNLINK semantics, lazyfree). When the answer to
 * EXEC is lost, META's LOAD_ID tells on a new connection whether the swap happened; that question
 * is asked here. Errors: those of redis/, CONFLICT. */
bool slc_store_load_commit(struct slc_store_load *load, const struct slc_meta_field *fields,
                           int64_t n_fields, struct slc_error *error);

/* After a commit of which the end is not known (the connection was lost): when
 * the load's rows are the replica's, do what is left of it, as the next start
 * would. Errors: those of redis/. */
bool slc_store_load_settle(struct slc_redis *redis, struct slc_str registry_key,
                           struct slc_str name, struct slc_str load_id, struct slc_error *error);

/* After the commit: the master that it was done on is still the one, as far as
 * can be told. A failover promotes another some moments before the old one hears
 * of it, and what that one took meanwhile is lost. Errors: CONNECTION (the swap
 * is lost, or nobody can say), those of redis/. */
bool slc_store_load_confirm(struct slc_store_load *load, struct slc_error *error);

/* Give up: unlink the staging key and the announcement, as far as the
 * connection still works. No-op after a commit. */
void slc_store_load_abort(struct slc_store_load *load);

/* Frees; aborts first when neither commit nor abort was called. NULL is fine. */
void slc_store_load_free(struct slc_store_load *load);

/* Remove what dead loads left: announcements that `is_dead` says yes to, with
 * their staging keys. `owner` is the text that the load was begun with. Call at
 * start and before a load. `ret_swept` may be NULL. */
bool slc_store_sweep(struct slc_redis *redis, struct slc_str registry_key,
                     bool (*is_dead)(struct slc_str owner, int64_t started_usec, void *context),
                     void *context, int64_t *ret_swept, struct slc_error *error);

/* ---- Reading and removing ---------------------------------------------- */

/* The registered names, newest first; free with slc_store_names_release(). */
struct slc_names {
    char **names;
    int64_t n_names;
};
bool slc_store_list(struct slc_redis *redis, struct slc_str registry_key,
                    struct slc_names *ret_names, struct slc_error *error);
void slc_store_names_release(struct slc_names *names);

/* Put a name at the registry's head (once) without rows. */
bool slc_store_register(struct slc_redis *redis, struct slc_str registry_key, struct slc_str name,
                        struct slc_error *error);

/* All fields of NAME.META, or some (n_wanted > 0; a field that is not there has
 * data NULL). NOT_FOUND when there is no such replica. */
struct slc_meta {
    struct slc_meta_field *fields;
    int64_t n_fields;
    struct slc_arena arena;
};
bool slc_store_meta(struct slc_redis *redis, struct slc_str name, const char *const *wanted,
                    int64_t n_wanted, struct slc_meta *ret_meta, struct slc_error *error);
void slc_meta_release(struct slc_meta *meta);
/* The value, or one whose data is NULL. */
struct slc_str slc_meta_get(const struct slc_meta *meta, const char *name);
/* The field holds JSON (a document or a number), and `value` is some: it goes
 * into an answer as it is. What another program wrote there may be none. */
bool slc_meta_is_json(const char *name, struct slc_str value);

/* Append {"key": [values...], ...} of the first n rows in load order to `json`.
 * All of it is of one load: rows and order are read so that a swap in between
 * is noticed and the reading begun again. NOT_FOUND when there is no replica of
 * that name (registered but without rows is an empty object). */
bool slc_store_top(struct slc_redis *redis, struct slc_str name, int64_t n, struct slc_buf *json,
                   int64_t *ret_rows, struct slc_error *error);

/* One row's JSON array, appended. NOT_FOUND names the replica and the key. */
bool slc_store_row(struct slc_redis *redis, struct slc_str name, struct slc_str key,
                   struct slc_buf *json, struct slc_error *error);

/* Set a field of the metadata that is no part of a load (MAIL), as long as the
 * replica is still the one that the load wrote; else nothing happens, and that is
 * no error. Errors: those of redis/, CONFLICT, MEMORY. */
bool slc_store_note(struct slc_redis *redis, struct slc_str name, struct slc_str load_id,
                    struct slc_str field, struct slc_str value, struct slc_error *error);

enum slc_drop {
    SLC_DROP_ROWS, /* rows gone, registration and metadata stay (ROWS_WRITTEN stays what the load
                      wrote) */
    SLC_DROP_ALL,  /* rows, metadata and registry entry gone */
};
/* In one step; the memory is freed in the background (UNLINK). NOT_FOUND when
 * there is neither metadata nor registration. */
bool slc_store_drop(struct slc_redis *redis, struct slc_str registry_key, struct slc_str name,
                    enum slc_drop what, struct slc_error *error);

#endif
