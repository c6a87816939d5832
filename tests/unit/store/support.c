#include "support.h"

#include <stdio.h>

#include "base/digest.h"

struct slc_redis *test_open_again(void **state)
{
    struct slc_error error;
    struct slc_redis *redis = slc_redis_open(*state, 5000, &error);

    if (!redis)
        fail_msg("%s", error.message);
    return redis;
}

void test_chunk(struct slc_chunk *chunk, int64_t seq, int64_t n_rows, const char *const *keys,
                int64_t first_key, int64_t generation)
{
    assert_true(slc_chunk_begin(chunk, 2));
    chunk->seq = seq;
    chunk->n_rows = n_rows;
    chunk->columns[0] = (struct slc_column){.type = SLC_TYPE_TEXT, .requested = true};
    chunk->columns[0].data = slc_chunk_values(chunk, SLC_TYPE_TEXT);
    chunk->columns[1] = (struct slc_column){.type = SLC_TYPE_INT64, .requested = true};
    chunk->columns[1].data = slc_chunk_values(chunk, SLC_TYPE_INT64);
    for (int64_t i = 0; i < n_rows; i++) {
        char number[32];
        int len = snprintf(number, sizeof(number), "%lld", (long long)(first_key + i));

        chunk->columns[0].texts[i] =
            keys ? slc_str_from(keys[i])
                 : slc_arena_copy(&chunk->arena, (struct slc_str){number, (size_t)len});
        chunk->columns[1].int64s[i] = generation;
    }
}

static const struct slc_str column_names[] = {{"id", 2}, {"generation", 10}};
static const enum slc_type column_types[] = {SLC_TYPE_TEXT, SLC_TYPE_INT64};

bool test_begin(struct slc_redis *redis, const struct test_load *how, struct slc_store_load **ret,
                struct slc_error *error)
{
    static const char *const spill_folders[] = {"/nowhere", "/tmp", NULL};
    unsigned char random[16];
    char id[33];
    struct slc_store_load_options options = {
        .name = slc_str_from(how->name),
        .registry_key = REGISTRY,
        .owner = SLC_STR("test \"owner\""),
        .on_duplicate = how->on_duplicate,
        .pairs_per_command = how->pairs_per_command ? how->pairs_per_command : 512,
        .ordinal_keys = how->ordinal_keys,
        .layout = slc_str_from(how->layout ? how->layout : ""),
        .names = column_names,
        .types = column_types,
        .n_columns = 2,
        .plain_names = how->plain_names,
        .ttl_seconds = how->ttl_seconds,
        .n_rows = how->n_rows,
        .n_chunks = 16,
        .keys_rise = how->keys_rise,
        .first_key = how->first_key,
        .last_key = how->last_key,
        .memory_bytes = how->memory_bytes,
        .max_block_usec = how->max_block_usec,
        .spill_folders = spill_folders,
        .lease_msec = how->lease_msec,
        .lease_wait_msec = how->lease_wait_msec,
        .base = how->base,
        .cancel = how->cancel,
        .again = how->again,
    };

    assert_true(slc_random_bytes(random, sizeof(random), NULL));
    slc_hex_encode(random, sizeof(random), id);
    options.load_id = slc_str_from(how->load_id ? how->load_id : id);
    return slc_store_load_begin(redis, &options, ret, error);
}

bool test_write(struct slc_store_load *load, const struct test_load *how,
                const struct slc_chunk *chunk, int64_t first_ordinal, struct slc_error *error)
{
    static const int64_t columns[] = {0, 1};
    struct slc_row_layout layout = {.columns = columns,
                                    .names = column_names,
                                    .types = column_types,
                                    .n_columns = 2,
                                    .key_column = how->ordinal_keys ? -1 : 0,
                                    .load = load,
                                    .staging_key = slc_store_load_key(load),
                                    .pairs_per_command =
                                        how->pairs_per_command ? how->pairs_per_command : 512,
                                    .on_duplicate = how->on_duplicate};
    struct slc_encoded encoded = {0};
    bool good;

    assert_ok(slc_store_encode(chunk, &layout, first_ordinal, &encoded, error), *error);
    good = slc_store_load_write(load, &encoded, error);
    slc_encoded_release(&encoded);
    return good;
}

bool test_commit(struct slc_store_load *load, const char *generation, struct slc_error *error)
{
    const struct slc_meta_field fields[] = {
        {"GENERATION", slc_str_from(generation)},
        {"KEY_ORDER", slc_store_load_key_order(load)},
    };

    return slc_store_load_commit(load, fields, 2, error);
}

void test_load_all(struct slc_redis *redis, const struct test_load *how,
                   const struct slc_chunk *chunk, struct slc_store_counts *ret_counts)
{
    struct slc_store_load *load = NULL;
    struct slc_error error;

    assert_ok(test_begin(redis, how, &load, &error), error);
    assert_ok(test_write(load, how, chunk, 0, &error), error);
    assert_ok(slc_store_load_finish(load, ret_counts, &error), error);
    assert_ok(test_commit(load, "1", &error), error);
    slc_store_load_free(load);
}

void test_expect_top(struct slc_redis *redis, const char *name, int64_t n, const char *expected)
{
    SLC_AUTO_BUF struct slc_buf json = {0};
    struct slc_error error;
    int64_t rows = -1;

    slc_buf_append_text(&json, "before:");
    assert_ok(slc_store_top(redis, slc_str_from(name), n, &json, &rows, &error), error);
    assert_memory_equal(json.data, "before:", 7);
    assert_string_equal(slc_buf_text(&json) + 7, expected);
}

int64_t test_integer_of(struct slc_redis *redis, size_t argc, const struct slc_str argv[])
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_error error;

    assert_ok(slc_redis_command(redis, argc, argv, &reply, &error), error);
    assert_int_equal(reply->type, SLC_REPLY_INTEGER);
    return reply->integer;
}
