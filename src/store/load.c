/* A load: announce, write to staging, verify, give up. (commit.c swaps.) */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "base/utf8.h"
#include "store/announce.h"
#include "store/exchange.h"
#include "store/lease.h"
#include "store/load.h"
#include "store/meta_copy.h"

/* ---- Beginning ---- */

static bool copy_options(struct slc_store_load *load, const struct slc_store_load_options *options,
                         struct slc_error *error)
{
    struct slc_store_load_options *own = &load->options;

    *own = *options;
    own->name = slc_arena_copy(&load->arena, options->name);
    own->registry_key = slc_arena_copy(&load->arena, options->registry_key);
    own->load_id = slc_arena_copy(&load->arena, options->load_id);
    own->owner = slc_arena_copy(&load->arena, options->owner);
    own->layout = slc_str_from(load->layout->name);
    own->plain_names = options->plain_names && load->layout->a_key_a_row;
    load->newer_document = own->plain_names;
    if (!own->name.data || !own->registry_key.data || !own->load_id.data || !own->owner.data)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    load->staging_hash = slc_store_staging_hash(&load->arena, own->registry_key);
    load->staging_key =
        slc_store_staging_key(&load->arena, load->home, own->registry_key, own->load_id, own->name);
    load->meta_key = slc_store_meta_key(&load->arena, load->home, own->name);
    load->lease_key = slc_store_lease_key(&load->arena, load->home, own->registry_key, own->name);
    load->garbage_hash = slc_store_garbage_hash(&load->arena, own->registry_key);
    load->renewal = -1;
    if (!own->base)
        own->base = &load->own_base;
    if (own->lease_msec <= 0)
        own->lease_msec = SLC_LEASE_MSEC;
    return slc_store_joined(load->staging_hash, error) &&
           slc_store_joined(load->staging_key, error) && slc_store_joined(load->meta_key, error) &&
           slc_store_joined(load->lease_key, error) && slc_store_joined(load->garbage_hash, error);
}

/* The swap could not be done, or would hit what is not ours: said before the
 * rows are sent, not after. */
static bool check_places(struct slc_store_load *load, struct slc_error *error)
{
    /* First those at home, then those of the replica: on a cluster they are in two places. */
    const struct slc_store_type keys[] = {
        {load->options.registry_key, "list"}, {load->staging_hash, "hash"},
        {load->garbage_hash, "hash"},         {load->lease_key, "string"},
        {load->options.name, "hash"},         {load->meta_key, "hash"}};

    if (!load->own)
        return slc_store_expect_types(load->redis, keys, 6, error);
    for (size_t i = 0; i < 3; i++) /* nor need these be in one slot */
        if (!slc_store_expect_types(load->home, &keys[i], 1, error))
            return false;
    return slc_store_expect_types(load->redis, &keys[3], 3, error) &&
           slc_meta_copy_check(load->home, load->options.name, error);
}

/* What a try of this load that lost its connection has left. */
static bool remove_earlier_try(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_announcement left = {0};

    if (!load->options.again)
        return true;
    if (!slc_redis_call(load->home, &reply, error, SLC_STR("HGET"), load->staging_hash,
                        load->options.load_id))
        return false;
    if (reply->type == SLC_REPLY_STRING)
        (void)slc_announcement_parse(&load->arena, reply->text, &left);
    return slc_load_remove(load->home, load->options.registry_key, load->options.load_id,
                           load->options.name, left.document, error);
}

static bool announce(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf document = {0};
    bool done;

    slc_layout_document(load, false, &document);
    if (document.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    load->document = slc_arena_copy(&load->arena, slc_buf_view(&document));
    load->announcement = slc_announcement_text(
        &load->arena, &(struct slc_announcement){.name = load->options.name,
                                                 .owner = load->options.owner,
                                                 .document = load->document,
                                                 .started_usec = slc_now_usec()});
    if (!slc_store_joined(load->announcement, error))
        return false;
    if (load->own) /* two places: announced first, it is found whatever happens */
        return slc_redis_call(load->home, NULL, error, SLC_STR("HSET"), load->staging_hash,
                              load->options.load_id, load->announcement) &&
               slc_redis_call(load->redis, NULL, error, SLC_STR("UNLINK"), load->staging_key);
    return slc_store_exec(
        load->redis,
        slc_redis_append_call(load->redis, error, SLC_STR("MULTI")) &&
            slc_redis_append_call(load->redis, error, SLC_STR("UNLINK"), load->staging_key) &&
            slc_redis_append_call(load->redis, error, SLC_STR("HSET"), load->staging_hash,
                                  load->options.load_id, load->announcement),
        &done, NULL, error);
}

static void on_integer(void *context, int64_t command, int64_t value)
{
    struct slc_store_load *load = context;

    if (!slc_lease_answered(load, command, value) && load->layout->on_integer)
        load->layout->on_integer(load, command, value);
}

static bool open_pipe(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_pipe_options options = {
        .window_bytes = load->options.window_bytes > 0 ? (size_t)load->options.window_bytes : 0,
        .on_integer = on_integer,
        .context = load};

    load->pipe = slc_pipe_open(load->redis, &options, error);
    return load->pipe != NULL;
}

/* On a cluster all of the load's commands go to one master, whose slot the
 * braces in the keys' names make theirs. When the slot moves, that master says
 * so, and the delivery is begun again where it is then. */
static bool find_owner(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_str name = load->options.name, registry = load->options.registry_key;

    load->redis = slc_store_owner(load->home, name, &load->own, error);
    if (!load->redis)
        return false;
    if (!load->own)
        return true;
    if (memchr(registry.data, '{', registry.len) || memchr(name.data, '{', name.len) ||
        memchr(name.data, '}', name.len))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "on a Redis Cluster neither a replica's name nor store.registry_key may "
                        "hold braces");
    return true;
}

static bool find_layout(struct slc_store_load *load, struct slc_str name, struct slc_error *error)
{
    load->layout = name.len > 0 ? slc_layout_find(name) : &slc_layout_rows;
    if (!load->layout)
        return slc_fail(error, SLC_ERR_CONFIG, "there is no layout \"%.*s\"", SLC_STR_ARG(name));
    return true;
}

bool slc_store_load_begin(struct slc_redis *redis, const struct slc_store_load_options *options,
                          struct slc_store_load **ret_load, struct slc_error *error)
{
    struct slc_store_load *load;

    if (!slc_store_check_name(options->name, options->registry_key, error))
        return false;
    if (!slc_load_id_is_valid(options->load_id) || !slc_utf8_is_valid(options->owner))
        return slc_fail(error, SLC_ERR_INTERNAL, "a load is begun without a proper id or owner");
    load = calloc(1, sizeof(*load));
    if (!load)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    load->home = redis;
    if (!find_layout(load, options->layout, error) || !copy_options(load, options, error) ||
        !find_owner(load, error) || !check_places(load, error) ||
        !remove_earlier_try(load, error) ||
        !slc_load_mark_connection(load->redis, load->options.load_id, error) ||
        (load->layout->begin && !load->layout->begin(load, error))) {
        load->stage = LOAD_OVER; /* nothing to undo */
        slc_store_load_free(load);
        return false;
    }
    /* The lease is found by the announcement if we are killed with it. */
    if (!announce(load, error) || !slc_plain_check_names(load, error) ||
        !slc_lease_take(load, error) ||
        (load->layout->prepare && !load->layout->prepare(load, error)) || !open_pipe(load, error)) {
        slc_store_load_free(load);
        return false;
    }
    *ret_load = load;
    return true;
}

struct slc_redis *slc_store_load_redis(const struct slc_store_load *load)
{
    return load->redis;
}

struct slc_str slc_store_load_key(const struct slc_store_load *load)
{
    return load->staging_key;
}

bool slc_store_refuse_duplicate(int64_t row, struct slc_error *error)
{
    slc_fail(error, SLC_ERR_DATA,
             "the row's key was there already; mend the file, choose another prim_index, or set "
             "store.on_duplicate to last or first");
    slc_error_locate(error, NULL, row, (struct slc_str){0});
    return false;
}

/* ---- Writing ---- */

static void note_keys(struct slc_store_load *load, const struct slc_encoded *encoded)
{
    const char *ends = encoded->key_ends.data;
    uint32_t from = 0, end;

    for (int64_t row = 0; row < encoded->n_rows && !load->order.full; row++, from = end) {
        memcpy(&end, ends + (size_t)row * sizeof(end), sizeof(end));
        slc_key_order_add(&load->order,
                          (struct slc_str){.data = encoded->keys.data + from, .len = end - from});
    }
}

bool slc_store_load_write(struct slc_store_load *load, const struct slc_encoded *encoded,
                          struct slc_error *error)
{
    if (load->stage != LOAD_WRITING)
        return slc_fail(error, SLC_ERR_INTERNAL, "rows are written to a load that is over");
    if (encoded->n_rows == 0)
        return true;
    if (!load->options.ordinal_keys) {
        if (encoded->key_ends.len != (size_t)encoded->n_rows * sizeof(uint32_t))
            return slc_fail(error, SLC_ERR_INTERNAL, "rows were encoded without their keys");
        note_keys(load, encoded);
    }
    load->counts.rows_sent += encoded->n_rows;
    return slc_lease_keep(load, error) && load->layout->write(load, encoded, error);
}

/* ---- Verifying ---- */

bool slc_store_load_finish(struct slc_store_load *load, struct slc_store_counts *ret_counts,
                           struct slc_error *error)
{
    struct slc_pipe_status status;

    if (load->stage != LOAD_WRITING)
        return slc_fail(error, SLC_ERR_INTERNAL, "a load that is over is finished");
    if ((load->layout->flush && !load->layout->flush(load, error)) ||
        !slc_pipe_finish(load->pipe, error))
        return false;
    slc_pipe_status(load->pipe, &status);
    load->integer_sum = status.integer_sum - load->renewal_sum;
    slc_pipe_close(load->pipe);
    load->pipe = NULL;
    if (!slc_lease_regain(load, error) || !load->layout->verify(load, error))
        return false;
    load->stage = LOAD_FINISHED;
    if (load->options.ordinal_keys)
        slc_key_order_add_run(&load->order, 0, load->counts.rows_written - 1);
    if (ret_counts)
        *ret_counts = load->counts;
    return true;
}

struct slc_str slc_store_load_key_order(const struct slc_store_load *load)
{
    /* Ending the text is no change that a caller could see. */
    struct slc_str text = slc_key_order_text(&((struct slc_store_load *)load)->order);

    return text.data ? text : SLC_STR("[]");
}

/* ---- Giving up ---- */

void slc_store_load_abort(struct slc_store_load *load)
{
    if (load->stage == LOAD_OVER)
        return;
    load->stage = LOAD_OVER;
    /* With answers outstanding this closes the connection. */
    slc_pipe_close(load->pipe);
    load->pipe = NULL;
    if (load->own) {
        slc_redis_close(load->own);
        load->redis = load->own = NULL;
    }
    if (!slc_redis_is_idle(load->home) && !slc_redis_reopen(load->home, NULL))
        return; /* the next sweep removes it */
    /* Or we would be taken for what is to be closed. */
    if (!load->redis || slc_load_unmark_connection(load->redis, NULL))
        (void)slc_load_remove(load->home, load->options.registry_key, load->options.load_id,
                              load->options.name, load->document, NULL);
}

void slc_store_load_free(struct slc_store_load *load)
{
    if (!load)
        return;
    slc_store_load_abort(load);
    slc_pipe_close(load->pipe);
    if (load->layout && load->layout->release)
        load->layout->release(load);
    slc_key_order_release(&load->order);
    slc_arena_release(&load->arena);
    slc_redis_close(load->own);
    free(load);
}
