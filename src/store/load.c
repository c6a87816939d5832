/* A load: announce, write to staging, verify, give up. (commit.c swaps.) */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "base/utf8.h"
#include "store/announce.h"
#include "store/exchange.h"
#include "store/load.h"

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
    if (!own->name.data || !own->registry_key.data || !own->load_id.data || !own->owner.data)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    load->staging_hash = slc_store_staging_hash(&load->arena, own->registry_key);
    load->staging_key =
        slc_store_staging_key(&load->arena, own->registry_key, own->load_id, own->name);
    load->meta_key = slc_store_meta_key(&load->arena, own->name);
    load->announcement = slc_announcement_text(
        &load->arena, &(struct slc_announcement){
                          .name = own->name, .owner = own->owner, .started_usec = slc_now_usec()});
    return slc_store_joined(load->staging_hash, error) &&
           slc_store_joined(load->staging_key, error) && slc_store_joined(load->meta_key, error) &&
           slc_store_joined(load->announcement, error);
}

/* The swap could not be done, or would hit what is not ours: said before the
 * rows are sent, not after. */
static bool check_places(struct slc_store_load *load, struct slc_error *error)
{
    return slc_store_expect_type(load->redis, load->options.registry_key, "list", error) &&
           slc_store_expect_type(load->redis, load->staging_hash, "hash", error) &&
           slc_store_expect_type(load->redis, load->options.name, "hash", error) &&
           slc_store_expect_type(load->redis, load->meta_key, "hash", error);
}

static bool announce(struct slc_store_load *load, struct slc_error *error)
{
    bool done;

    return slc_store_exec(
        load->redis,
        slc_redis_append_call(load->redis, error, SLC_STR("MULTI")) &&
            slc_redis_append_call(load->redis, error, SLC_STR("UNLINK"), load->staging_key) &&
            slc_redis_append_call(load->redis, error, SLC_STR("HSET"), load->staging_hash,
                                  load->options.load_id, load->announcement),
        &done, NULL, error);
}

static void on_integer(void *context, int64_t command, int64_t value);
static void on_answered(void *context, uint64_t id);

static bool open_pipe(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_pipe_options options = {
        .window_bytes = load->options.window_bytes > 0 ? (size_t)load->options.window_bytes : 0};

    if (load->options.on_duplicate == SLC_DUPLICATE_FAIL && !load->options.ordinal_keys) {
        options.on_integer = on_integer;
        options.on_answered = on_answered;
        options.context = load;
    }
    load->pipe = slc_pipe_open(load->redis, &options, error);
    return load->pipe != NULL;
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
    load->redis = redis;
    if (!copy_options(load, options, error) || !check_places(load, error) ||
        (options->again && !slc_load_remove(redis, load->options.registry_key, load->options.load_id,
                                            load->options.name, error)) ||
        !slc_load_mark_connection(redis, load->options.load_id, error)) {
        load->state = LOAD_OVER; /* nothing to undo */
        slc_store_load_free(load);
        return false;
    }
    if (!announce(load, error) || !open_pipe(load, error)) {
        slc_store_load_free(load);
        return false;
    }
    *ret_load = load;
    return true;
}

struct slc_str slc_store_load_key(const struct slc_store_load *load)
{
    return load->staging_key;
}

/* ---- With FAIL: which row a command is about ---- */

static bool note_records(struct slc_store_load *load, const struct slc_encoded *encoded)
{
    struct slc_load_records *records;
    size_t bytes = encoded->record_numbers.len;

    records = malloc(sizeof(*records) + bytes);
    if (!records)
        return false;
    records->next = NULL;
    records->first_command = load->commands;
    records->n_commands = encoded->n_commands;
    memcpy(records->rows, encoded->record_numbers.data, bytes);
    if (load->newest_records)
        load->newest_records->next = records;
    else
        load->oldest_records = records;
    load->newest_records = records;
    return true;
}

static void drop_oldest_records(struct slc_store_load *load)
{
    struct slc_load_records *oldest = load->oldest_records;

    load->oldest_records = oldest->next;
    if (!oldest->next)
        load->newest_records = NULL;
    free(oldest);
}

/* HSETNX answers 0 when the key was there. */
static void on_integer(void *context, int64_t command, int64_t value)
{
    struct slc_store_load *load = context;

    if (value != 0 || load->duplicate_row != 0)
        return;
    for (const struct slc_load_records *r = load->oldest_records; r; r = r->next)
        if (command >= r->first_command && command < r->first_command + r->n_commands)
            load->duplicate_row = r->rows[command - r->first_command];
}

static void on_answered(void *context, uint64_t id)
{
    struct slc_store_load *load = context;

    (void)id;
    if (load->oldest_records)
        drop_oldest_records(load);
}

static bool check_duplicate(const struct slc_store_load *load, struct slc_error *error)
{
    if (load->duplicate_row == 0)
        return true;
    slc_fail(error, SLC_ERR_DATA,
             "the row's key was there already; mend the file, choose another prim_index, or set "
             "store.on_duplicate to last or first");
    slc_error_locate(error, NULL, load->duplicate_row, (struct slc_str){0});
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
    struct slc_pipe_segment segment = {.bytes = slc_buf_view(&encoded->bytes),
                                       .commands = encoded->n_commands,
                                       .id = (uint64_t)encoded->seq};

    if (load->state != LOAD_WRITING)
        return slc_fail(error, SLC_ERR_INTERNAL, "rows are written to a load that is over");
    if (encoded->n_rows == 0)
        return true;
    if (!load->options.ordinal_keys) {
        if (encoded->key_ends.len != (size_t)encoded->n_rows * sizeof(uint32_t))
            return slc_fail(error, SLC_ERR_INTERNAL, "rows were encoded without their keys");
        note_keys(load, encoded);
        if (load->options.on_duplicate == SLC_DUPLICATE_FAIL && !note_records(load, encoded))
            return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were written");
    }
    load->commands += encoded->n_commands;
    load->counts.rows_sent += encoded->n_rows;
    return slc_pipe_send(load->pipe, &segment, 1, error) && check_duplicate(load, error);
}

/* ---- Verifying ---- */

bool slc_store_load_finish(struct slc_store_load *load, struct slc_store_counts *ret_counts,
                           struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_pipe_status status;
    int64_t stored;

    if (load->state != LOAD_WRITING)
        return slc_fail(error, SLC_ERR_INTERNAL, "a load that is over is finished");
    if (!slc_pipe_finish(load->pipe, error) || !check_duplicate(load, error))
        return false;
    slc_pipe_status(load->pipe, &status);
    slc_pipe_close(load->pipe);
    load->pipe = NULL;
    if (!slc_redis_call(load->redis, &reply, error, SLC_STR("HLEN"), load->staging_key))
        return false;
    stored = reply->type == SLC_REPLY_INTEGER ? reply->integer : -1;
    if (stored != status.integer_sum || stored > load->counts.rows_sent)
        return slc_fail(error, SLC_ERR_VERIFY,
                        "of %lld rows sent Redis said it took %lld, but has %lld; nothing was "
                        "swapped. Does something else write to or evict from this server?",
                        (long long)load->counts.rows_sent, (long long)status.integer_sum,
                        (long long)stored);
    load->counts.rows_written = stored;
    load->counts.duplicate_keys = load->counts.rows_sent - stored;
    load->state = LOAD_FINISHED;
    if (load->options.ordinal_keys)
        slc_key_order_add_run(&load->order, 0, stored - 1);
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
    if (load->state == LOAD_OVER)
        return;
    load->state = LOAD_OVER;
    /* With answers outstanding this closes the connection. */
    slc_pipe_close(load->pipe);
    load->pipe = NULL;
    if (!slc_redis_is_idle(load->redis) && !slc_redis_reopen(load->redis, NULL))
        return; /* the next sweep removes it */
    /* Or we would be taken for what is to be closed. */
    if (slc_load_unmark_connection(load->redis, NULL))
        (void)slc_load_remove(load->redis, load->options.registry_key, load->options.load_id,
                              load->options.name, NULL);
}

void slc_store_load_free(struct slc_store_load *load)
{
    if (!load)
        return;
    slc_store_load_abort(load);
    slc_pipe_close(load->pipe);
    while (load->oldest_records)
        drop_oldest_records(load);
    slc_key_order_release(&load->order);
    slc_arena_release(&load->arena);
    free(load);
}
