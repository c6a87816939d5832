/* What the tests of src/store share: chunks, rows, and a private redis-server. */
#ifndef SLC_TEST_STORE_SUPPORT_H
#define SLC_TEST_STORE_SUPPORT_H

#include "../redis/support.h"

#include "frame/chunk.h"
#include "store/store.h"

#define REGISTRY SLC_STR("REPLICA_REGISTRY")

/* Another connection to the server of test_open(), which is left as it is. */
struct slc_redis *test_open_again(void **state);

/* A chunk of `n_rows` rows and two columns: the keys as texts, and an int64
 * that is `generation` in every row. Key i is keys[i], or with keys NULL the
 * decimal number first_key + i. */
void test_chunk(struct slc_chunk *chunk, int64_t seq, int64_t n_rows, const char *const *keys,
                int64_t first_key, int64_t generation);

struct test_load {
    const char *name;
    const char *load_id; /* NULL: a new one each time */
    enum slc_on_duplicate on_duplicate;
    bool ordinal_keys;
    int64_t pairs_per_command; /* 0: 512 */
    const char *layout;        /* NULL: rows */
    int64_t n_rows, memory_bytes, max_block_usec;
    bool keys_rise;
    int64_t first_key, last_key;
    bool plain_names;
    int64_t ttl_seconds;
    int64_t lease_msec, lease_wait_msec;
    struct slc_store_base *base;
    const atomic_bool *cancel;
    bool again;
};

/* Begin a load as told. */
bool test_begin(struct slc_redis *redis, const struct test_load *how, struct slc_store_load **ret,
                struct slc_error *error);

/* Encode and write a chunk; both columns make up the row. */
bool test_write(struct slc_store_load *load, const struct test_load *how,
                const struct slc_chunk *chunk, int64_t first_ordinal, struct slc_error *error);

/* Commit with LOAD_ID, KEY_ORDER and a field GENERATION. */
bool test_commit(struct slc_store_load *load, const char *generation, struct slc_error *error);

/* A whole load of one chunk. */
void test_load_all(struct slc_redis *redis, const struct test_load *how,
                   const struct slc_chunk *chunk, struct slc_store_counts *ret_counts);

/* slc_store_top() compared with `expected`. */
void test_expect_top(struct slc_redis *redis, const char *name, int64_t n, const char *expected);

/* The integer that the command answers. */
#define test_integer(redis, ...)                                                                   \
    test_integer_of((redis), sizeof((struct slc_str[]){__VA_ARGS__}) / sizeof(struct slc_str),     \
                    (struct slc_str[]){__VA_ARGS__})
int64_t test_integer_of(struct slc_redis *redis, size_t argc, const struct slc_str argv[]);

#endif
