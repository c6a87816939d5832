/* The swap: staging takes the replica's place, in one transaction. */
#include <poll.h>

#include "base/num.h"
#include "base/time.h"
#include "store/announce.h"
#include "store/exchange.h"
#include "store/garbage.h"
#include "store/lease.h"
#include "store/load.h"
#include "store/meta_copy.h"

/* How long a connection lost in the middle of the swap is tried again. */
enum { DOUBT_MS = 10000 };

static struct slc_str text_of(const struct slc_reply *reply)
{
    return reply->type == SLC_REPLY_STRING ? reply->text : (struct slc_str){0};
}

static bool check_rows(const struct slc_store_load *load, const struct slc_reply *stored,
                       struct slc_error *error)
{
    if (!load->layout->staged || stored->integer == load->counts.rows_written)
        return true;
    return slc_fail(error, SLC_ERR_VERIFY,
                    "%lld rows were written to staging, but %lld are there; nothing was "
                    "swapped. Does something else write to or evict from this server?",
                    (long long)load->counts.rows_written, (long long)stored->integer);
}

/* The rows that the swap makes garbage: their load and the note of them, data
 * NULL when they have no keys of their own. */
struct replaced {
    struct slc_str load_id, note;
    bool unsettled; /* rows of earlier loads wait for their plain names, or to be removed: first */
};

static bool note_replaced(struct slc_store_load *load, const struct slc_reply *meta,
                          struct replaced *replaced, struct slc_error *error)
{
    struct slc_str load_id = text_of(&meta->items[0]), document = text_of(&meta->items[1]);
    bool taken_over = false;

    *replaced = (struct replaced){.unsettled = slc_plain_is_switching(text_of(&meta->items[2]))};
    /* (Dropped since our names were looked at.) */
    if (load->options.plain_names && !document.data && !replaced->unsettled &&
        !slc_plain_has_garbage(load, &replaced->unsettled, error))
        return false;
    if (replaced->unsettled)
        return true;
    if (load->options.plain_names &&
        !slc_plain_plan(load, document, &load->plain, &taken_over, error))
        return false;
    if (taken_over || !document.data || !slc_load_id_is_valid(load_id))
        return true;
    replaced->load_id = slc_arena_copy(&load->arena, load_id);
    return slc_store_joined(replaced->load_id, error) &&
           slc_garbage_note(&load->arena, load->options.name, document, &replaced->note, error);
}

enum { LEASE_LEFT, LEASE_HELD, META_HELD, ROWS_HELD, N_HELD };

/* What was found under watch: the swap is ours to do. */
static bool judge(struct slc_store_load *load, struct slc_reply *const held[N_HELD],
                  const struct slc_reply *announced, struct replaced *replaced,
                  struct slc_error *error)
{
    const struct slc_reply *meta = held[META_HELD];

    if (!slc_str_eq(text_of(held[LEASE_HELD]), load->options.load_id) || announced->integer != 1)
        return slc_lease_lost(load, error);
    if (meta->count != 3)
        return slc_fail(error, SLC_ERR_SERVER, "Redis did not answer HMGET as it should");
    /* It must not run out before the transaction. (Extending touches what is watched: that one is
     * not carried out then, and tried again.) */
    return (held[LEASE_LEFT]->integer >= load->options.lease_msec / 4 ||
            slc_lease_extend(load, error)) &&
           slc_lease_check_base(load, text_of(&meta->items[0]), error) &&
           check_rows(load, held[ROWS_HELD], error) && note_replaced(load, meta, replaced, error);
}

/* In few round trips, with only what belongs to this replica under watch, so
 * that the loads of others are not in the way. */
static bool check_watched(struct slc_store_load *load, struct replaced *replaced,
                          struct slc_error *error)
{
    struct slc_redis *redis = load->redis;
    SLC_AUTO_REPLY struct slc_reply *announced = NULL;
    struct slc_reply *held[N_HELD] = {0};
    const struct slc_store_type keys[] = {{load->options.registry_key, "list"},
                                          {load->options.name, "hash"}};
    bool good;

    good = slc_redis_append_call(redis, error, SLC_STR("WATCH"), load->lease_key, load->staging_key,
                                 load->options.name, load->meta_key) &&
           slc_redis_append_call(redis, error, SLC_STR("PTTL"), load->lease_key) &&
           slc_redis_append_call(redis, error, SLC_STR("GET"), load->lease_key) &&
           slc_redis_append_call(redis, error, SLC_STR("HMGET"), load->meta_key, SLC_STR("LOAD_ID"),
                                 SLC_STR("LAYOUT"), SLC_STR(SLC_PLAIN_SWITCH)) &&
           slc_redis_append_call(redis, error, SLC_STR("HLEN"), load->staging_key);
    good = slc_store_replies(redis, good, held, N_HELD, error) &&
           slc_redis_call(load->home, &announced, error, SLC_STR("HEXISTS"), load->staging_hash,
                          load->options.load_id) &&
           judge(load, held, announced, replaced, error) &&
           /* A command that fails inside of EXEC does not undo the ones before it. */
           (load->own ? slc_store_expect_types(load->home, keys, 1, error) &&
                            slc_store_expect_types(redis, keys + 1, 1, error)
                      : slc_store_expect_types(redis, keys, 2, error));
    for (size_t i = 0; i < N_HELD; i++)
        slc_reply_free(held[i]);
    return good;
}

static bool append_meta(struct slc_store_load *load, const struct slc_meta_field *fields,
                        int64_t n_fields, struct slc_error *error)
{
    size_t argc = 2;
    bool has_id = false, has_layout = false;
    struct slc_str *argv = slc_arena_calloc(&load->arena, 2 * (size_t)n_fields + 8, sizeof(*argv));
    SLC_AUTO_BUF struct slc_buf document = {0};

    if (!argv)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a replica's metadata");
    argv[0] = SLC_STR("HSET");
    argv[1] = load->meta_key;
    for (int64_t i = 0; i < n_fields; i++) {
        argv[argc++] = slc_str_from(fields[i].name);
        argv[argc++] = fields[i].value;
        has_id = has_id || slc_str_is(argv[argc - 2], "LOAD_ID");
        has_layout = has_layout || slc_str_is(argv[argc - 2], "LAYOUT");
    }
    /* What tells whose the rows are and where must not be missing. */
    if (!has_id) {
        argv[argc++] = SLC_STR("LOAD_ID");
        argv[argc++] = load->options.load_id;
    }
    if (!has_layout) {
        slc_layout_document(load, true, &document);
        argv[argc++] = SLC_STR("LAYOUT");
        argv[argc++] = slc_buf_view(&document);
    }
    if (load->plain.switching.data) {
        argv[argc++] = SLC_STR(SLC_PLAIN_SWITCH);
        argv[argc++] = load->plain.switching;
    }
    if (document.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a replica's metadata");
    return slc_redis_append(load->redis, argc, argv, error);
}

/* What is not the replica's own. */
static bool append_elsewhere(struct slc_store_load *load, const struct replaced *replaced,
                             struct slc_error *error)
{
    struct slc_redis *redis = load->redis;
    struct slc_str name = load->options.name, registry = load->options.registry_key;

    return slc_redis_append_call(redis, error, SLC_STR("LREM"), registry, SLC_STR("0"), name) &&
           slc_redis_append_call(redis, error, SLC_STR("LPUSH"), registry, name) &&
           (!replaced->note.data ||
            slc_redis_append_call(redis, error, SLC_STR("HSET"), load->garbage_hash,
                                  replaced->load_id, replaced->note)) &&
           /* By its announcement a switch that is cut off is found. */
           (load->plain.switching.data ||
            slc_redis_append_call(redis, error, SLC_STR("HDEL"), load->staging_hash,
                                  load->options.load_id));
}

/* UNLINK first: RENAME over a key frees it at once, and the server stands still
 * for as long as that takes. */
static bool append_swap(struct slc_store_load *load, const struct slc_meta_field *fields,
                        int64_t n_fields, const struct replaced *replaced, struct slc_error *error)
{
    struct slc_redis *redis = load->redis;
    struct slc_str name = load->options.name;

    return slc_redis_append_call(redis, error, SLC_STR("MULTI")) &&
           slc_redis_append_call(redis, error, SLC_STR("UNLINK"), name, load->meta_key) &&
           (!load->layout->staged || load->counts.rows_written == 0 ||
            slc_redis_append_call(redis, error, SLC_STR("RENAME"), load->staging_key, name)) &&
           append_meta(load, fields, n_fields, error) &&
           slc_plain_append(load, &load->plain, error) &&
           (load->own || append_elsewhere(load, replaced, error)) &&
           slc_redis_append_call(redis, error, SLC_STR("DEL"), load->lease_key);
}

/* On a cluster, before the swap: a note too much is found to be of the replica's
 * own rows, and waits; one too few would leave the old rows there for good. */
static bool note_elsewhere(struct slc_store_load *load, const struct replaced *replaced,
                           struct slc_error *error)
{
    return !load->own || !replaced->note.data ||
           slc_redis_call(load->home, NULL, error, SLC_STR("HSET"), load->garbage_hash,
                          replaced->load_id, replaced->note);
}

/* One try; `*ret_done` false when a watched key changed meanwhile. */
static bool swap(struct slc_store_load *load, const struct slc_meta_field *fields, int64_t n_fields,
                 bool *ret_done, struct replaced *replaced, struct slc_error *error)
{
    bool good;

    if (!check_watched(load, replaced, error))
        return slc_store_unwatch(load->redis);
    *ret_done = false;
    if (replaced->unsettled)
        return slc_redis_call(load->redis, NULL, error, SLC_STR("UNWATCH")) &&
               slc_plain_settle(load, error);
    if (!note_elsewhere(load, replaced, error))
        return slc_store_unwatch(load->redis);
    good = append_swap(load, fields, n_fields, replaced, error);
    load->in_doubt = good;
    good = slc_store_exec(load->redis, good, ret_done, NULL, error);
    /* With an answer, whatever it says, there is no doubt. */
    load->in_doubt = load->in_doubt && !good && !slc_redis_is_open(load->redis);
    return good;
}

static bool reopen_patiently(struct slc_redis *redis, struct slc_error *error)
{
    int64_t deadline_usec = slc_monotonic_usec() + DOUBT_MS * INT64_C(1000);

    for (int pause_ms = 10; !slc_redis_reopen(redis, error);) {
        if (slc_deadline_left_ms(deadline_usec) == 0)
            return false;
        (void)poll(NULL, 0, pause_ms);
        pause_ms = pause_ms < 500 ? 2 * pause_ms : 500;
    }
    return true;
}

/* Write the lease, which the transaction watches, anew, so that it is not
 * carried out later; `*ret_done` false when the lease changed in that moment. */
static bool renew_lease(struct slc_store_load *load, bool *ret_done, struct slc_error *error)
{
    char text[SLC_NUM_TEXT_BYTES];
    struct slc_str msec = slc_lease_msec(load, text);

    return slc_store_exec(load->redis,
                          slc_redis_append_call(load->redis, error, SLC_STR("MULTI")) &&
                              slc_redis_append_call(load->redis, error, SLC_STR("SET"),
                                                    load->lease_key, load->options.load_id,
                                                    SLC_STR("PX"), msec),
                          ret_done, NULL, error);
}

/* Was the transaction whose answer was lost carried out? It ended the lease if
 * it was. */
static bool settle_doubt(struct slc_store_load *load, bool *ret_done, struct slc_error *error)
{
    struct slc_redis *redis = load->redis;
    struct slc_reply *held[2] = {0};
    bool good, ours, renewed = true;

    /* Of a cluster another may be the master by now: the next try looks there. */
    if (!(load->own ? slc_redis_reopen(redis, error) : reopen_patiently(redis, error)) ||
        !slc_load_mark_connection(redis, load->options.load_id, error))
        return false;
    good = slc_redis_append_call(redis, error, SLC_STR("WATCH"), load->lease_key) &&
           slc_redis_append_call(redis, error, SLC_STR("GET"), load->lease_key) &&
           slc_redis_append_call(redis, error, SLC_STR("HGET"), load->meta_key, SLC_STR("LOAD_ID"));
    good = slc_store_replies(redis, good, held, 2, error);
    ours = good && slc_str_eq(text_of(held[0]), load->options.load_id);
    *ret_done = good && slc_str_eq(text_of(held[1]), load->options.load_id);
    slc_reply_free(held[0]);
    slc_reply_free(held[1]);
    if (!good)
        return slc_store_unwatch(redis);
    if (ours && !*ret_done)
        good = renew_lease(load, &renewed, error);
    else
        good = slc_redis_call(redis, NULL, error, SLC_STR("UNWATCH"));
    load->in_doubt = !good || !renewed;
    return good && (ours || *ret_done || slc_lease_lost(load, error));
}

static bool register_and_end(struct slc_store_load *load)
{
    return slc_meta_copy_write(load->home, load->options.name, NULL) &&
           slc_store_register(load->home, load->options.registry_key, load->options.name, NULL) &&
           slc_redis_call(load->home, NULL, NULL, SLC_STR("HDEL"), load->staging_hash,
                          load->options.load_id);
}

/* On a cluster, after the swap: the metadata's copy, the registry and the
 * announcement, which are in other slots. The load is done whatever comes of it; what cannot be
 * done now is when the next load or the next start finds the announcement (sweep.c). */
static void follow_up(struct slc_store_load *load)
{
    int64_t deadline_usec = slc_monotonic_usec() + DOUBT_MS * INT64_C(1000);

    for (int pause_ms = 10; !register_and_end(load); pause_ms = pause_ms * 2) {
        if (pause_ms > 1000 || slc_deadline_left_ms(deadline_usec) == 0 ||
            (!slc_redis_is_idle(load->home) && !reopen_patiently(load->home, NULL)))
            return;
        (void)poll(NULL, 0, pause_ms);
    }
}

/* The rows are ours by now; under plain names they are not all yet. */
static bool finish_switch(struct slc_store_load *load, struct slc_error *error)
{
    if (!load->plain.switching.data)
        return true;
    /* On a cluster readers may follow the copy, which says where rows wait. */
    (void)slc_meta_copy_write(load->home, load->options.name, NULL);
    if (!slc_plain_finish(load->redis, load->options.name, load->meta_key, error))
        return false;
    if (!load->own)
        (void)slc_redis_call(load->home, NULL, NULL, SLC_STR("HDEL"), load->staging_hash,
                             load->options.load_id);
    return true;
}

/* `error` may be filled in although a later try went well. */
static bool swap_or_settle(struct slc_store_load *load, const struct slc_meta_field *fields,
                           int64_t n_fields, bool *ret_done, struct replaced *replaced,
                           struct slc_error *error)
{
    if (load->in_doubt)
        return settle_doubt(load, ret_done, error);
    return swap(load, fields, n_fields, ret_done, replaced, error) || load->in_doubt;
}

bool slc_store_load_commit(struct slc_store_load *load, const struct slc_meta_field *fields,
                           int64_t n_fields, struct slc_error *error)
{
    struct replaced replaced = {0};
    struct slc_error reason;
    bool done = false;

    if (load->stage != LOAD_FINISHED)
        return slc_fail(error, SLC_ERR_INTERNAL, "a load is committed that was not finished");
    for (int i = 0; i < SLC_STORE_ATTEMPTS && !done; i++) {
        if (!swap_or_settle(load, fields, n_fields, &done, &replaced, &reason)) {
            if (error)
                *error = reason;
            return false;
        }
    }
    if (!done)
        return slc_fail(error, SLC_ERR_SERVER,
                        "the replica \"%.*s\" could not be swapped, because it was changed "
                        "meanwhile, %d times; try again",
                        SLC_STR_ARG(load->options.name), SLC_STORE_ATTEMPTS);
    load->stage = LOAD_OVER;
    if (!finish_switch(load, error))
        return false;
    if (load->own)
        follow_up(load);
    (void)slc_load_unmark_connection(load->redis, NULL);
    /* What is not removed now is when the next load or the next start sweeps. */
    if (replaced.note.data && slc_redis_is_idle(load->home))
        (void)slc_garbage_collect(load->home, load->garbage_hash, replaced.load_id, replaced.note,
                                  NULL);
    return true;
}

bool slc_store_load_settle(struct slc_redis *redis, struct slc_str registry_key,
                           struct slc_str name, struct slc_str load_id, struct slc_error *error)
{
    bool current;

    return slc_store_is_current(redis, name, load_id, &current, error) &&
           (!current ||
            slc_load_remove(redis, registry_key, load_id, name, (struct slc_str){0}, error));
}

/* On a cluster: whoever has the slot now has our rows, or those of a load behind
 * it, but not those that we found. */
static bool find_swap(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (!slc_redis_call(load->home, &reply, error, SLC_STR("HGET"), load->meta_key,
                        SLC_STR("LOAD_ID")))
        return false;
    if (!slc_str_eq(text_of(reply), slc_str_from(load->options.base->load_id)))
        return true;
    return slc_fail(error, SLC_ERR_CONNECTION,
                    "the master of the Redis cluster that took the load of \"%.*s\" was replaced "
                    "before another had it",
                    SLC_STR_ARG(load->options.name));
}

bool slc_store_load_confirm(struct slc_store_load *load, struct slc_error *error)
{
    return slc_redis_confirm_master(load->home, error) && (!load->own || find_swap(load, error));
}
