/* The swap: staging takes the replica's place, in one transaction. */
#include <poll.h>

#include "base/time.h"
#include "store/announce.h"
#include "store/exchange.h"
#include "store/load.h"

/* How long a connection lost in the middle of the swap is tried again. */
enum { DOUBT_MS = 10000 };

static bool swept(const struct slc_store_load *load, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_CONFLICT,
                    "the load of \"%.*s\" was taken for dead and cleared away before it was done; "
                    "the old replica stays. Load it again",
                    SLC_STR_ARG(load->options.name));
}

/* With the announcement and the rows under watch: both are still there. */
static bool check_watched(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_redis *redis = load->redis;
    SLC_AUTO_REPLY struct slc_reply *announced = NULL, *stored = NULL;

    if (!slc_redis_call(redis, NULL, error, SLC_STR("WATCH"), load->staging_hash, load->staging_key,
                        load->options.name, load->meta_key, load->options.registry_key) ||
        !slc_redis_call(redis, &announced, error, SLC_STR("HEXISTS"), load->staging_hash,
                        load->options.load_id) ||
        !slc_redis_call(redis, &stored, error, SLC_STR("HLEN"), load->staging_key))
        return false;
    if (announced->integer != 1)
        return swept(load, error);
    if (stored->integer != load->counts.rows_written)
        return slc_fail(error, SLC_ERR_VERIFY,
                        "%lld rows were written to staging, but %lld are there; nothing was "
                        "swapped. Does something else write to or evict from this server?",
                        (long long)load->counts.rows_written, (long long)stored->integer);
    /* A command that fails inside of EXEC does not undo the ones before it. */
    return slc_store_expect_type(redis, load->options.registry_key, "list", error) &&
           slc_store_expect_type(redis, load->options.name, "hash", error) &&
           slc_store_expect_type(redis, load->meta_key, "hash", error);
}

static bool append_meta(struct slc_store_load *load, const struct slc_meta_field *fields,
                        int64_t n_fields, struct slc_error *error)
{
    size_t argc = 2;
    bool has_id = false;
    struct slc_str *argv = slc_arena_calloc(&load->arena, 2 * (size_t)n_fields + 4, sizeof(*argv));

    if (!argv)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a replica's metadata");
    argv[0] = SLC_STR("HSET");
    argv[1] = load->meta_key;
    for (int64_t i = 0; i < n_fields; i++) {
        argv[argc++] = slc_str_from(fields[i].name);
        argv[argc++] = fields[i].value;
        has_id = has_id || slc_str_is(argv[argc - 2], "LOAD_ID");
    }
    /* What tells whose the replica is must not be missing. */
    if (!has_id) {
        argv[argc++] = SLC_STR("LOAD_ID");
        argv[argc++] = load->options.load_id;
    }
    return slc_redis_append(load->redis, argc, argv, error);
}

/* UNLINK first: RENAME over a key frees it at once, and the server stands still
 * for as long as that takes. */
static bool append_swap(struct slc_store_load *load, const struct slc_meta_field *fields,
                        int64_t n_fields, struct slc_error *error)
{
    struct slc_redis *redis = load->redis;
    struct slc_str name = load->options.name, registry = load->options.registry_key;

    return slc_redis_append_call(redis, error, SLC_STR("MULTI")) &&
           slc_redis_append_call(redis, error, SLC_STR("UNLINK"), name, load->meta_key) &&
           (load->counts.rows_written == 0 ||
            slc_redis_append_call(redis, error, SLC_STR("RENAME"), load->staging_key, name)) &&
           append_meta(load, fields, n_fields, error) &&
           slc_redis_append_call(redis, error, SLC_STR("LREM"), registry, SLC_STR("0"), name) &&
           slc_redis_append_call(redis, error, SLC_STR("LPUSH"), registry, name) &&
           slc_redis_append_call(redis, error, SLC_STR("HDEL"), load->staging_hash,
                                 load->options.load_id);
}

/* One try; `*ret_done` false when a watched key changed meanwhile. */
static bool swap(struct slc_store_load *load, const struct slc_meta_field *fields, int64_t n_fields,
                 bool *ret_done, struct slc_error *error)
{
    bool good;

    if (!check_watched(load, error)) {
        if (slc_redis_is_idle(load->redis))
            (void)slc_redis_call(load->redis, NULL, NULL, SLC_STR("UNWATCH"));
        return false;
    }
    good = append_swap(load, fields, n_fields, error);
    load->in_doubt = good;
    *ret_done = false;
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

/* Was the transaction whose answer was lost carried out? Writing the
 * announcement anew in the same step makes sure that it is not carried out
 * later: the transaction watches it. */
static bool settle_doubt(struct slc_store_load *load, bool *ret_done, struct slc_error *error)
{
    struct slc_redis *redis = load->redis;
    SLC_AUTO_REPLY struct slc_reply *results = NULL;
    bool executed, announced;

    if (!reopen_patiently(redis, error) ||
        !slc_load_mark_connection(redis, load->options.load_id, error))
        return false;
    if (!slc_store_exec(redis,
                        slc_redis_append_call(redis, error, SLC_STR("MULTI")) &&
                            slc_redis_append_call(redis, error, SLC_STR("HGET"), load->meta_key,
                                                  SLC_STR("LOAD_ID")) &&
                            slc_redis_append_call(redis, error, SLC_STR("HEXISTS"),
                                                  load->staging_hash, load->options.load_id) &&
                            slc_redis_append_call(redis, error, SLC_STR("HSET"), load->staging_hash,
                                                  load->options.load_id, load->announcement),
                        &executed, &results, error))
        return false;
    if (!executed || results->count != 3)
        return slc_fail(error, SLC_ERR_SERVER, "Redis at %.300s did not answer a transaction",
                        slc_redis_where(redis));
    load->in_doubt = false;
    *ret_done = results->items[0].type == SLC_REPLY_STRING &&
                slc_str_eq(results->items[0].text, load->options.load_id);
    announced = results->items[1].integer == 1;
    if ((*ret_done || !announced) && !slc_redis_call(redis, NULL, error, SLC_STR("HDEL"),
                                                     load->staging_hash, load->options.load_id))
        return *ret_done; /* a sweep removes it */
    return *ret_done || announced || swept(load, error);
}

/* `error` may be filled in although a later try went well. */
static bool swap_or_settle(struct slc_store_load *load, const struct slc_meta_field *fields,
                           int64_t n_fields, bool *ret_done, struct slc_error *error)
{
    if (load->in_doubt)
        return settle_doubt(load, ret_done, error);
    return swap(load, fields, n_fields, ret_done, error) || load->in_doubt;
}

bool slc_store_load_commit(struct slc_store_load *load, const struct slc_meta_field *fields,
                           int64_t n_fields, struct slc_error *error)
{
    struct slc_error reason;
    bool done = false;

    if (load->stage != LOAD_FINISHED)
        return slc_fail(error, SLC_ERR_INTERNAL, "a load is committed that was not finished");
    for (int i = 0; i < SLC_STORE_ATTEMPTS && !done; i++) {
        if (!swap_or_settle(load, fields, n_fields, &done, &reason)) {
            if (error)
                *error = reason;
            return false;
        }
    }
    if (!done)
        return slc_fail(error, SLC_ERR_SERVER,
                        "the replica \"%.*s\" could not be swapped, because other loads were ahead "
                        "%d times; try again",
                        SLC_STR_ARG(load->options.name), SLC_STORE_ATTEMPTS);
    load->stage = LOAD_OVER;
    (void)slc_load_unmark_connection(load->redis, NULL);
    return true;
}
