/* Chunks that come from several threads in any order. */
#include "table.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ROWS = 60000, CHUNK_ROWS = 500, CHUNKS = ROWS / CHUNK_ROWS, COLUMNS = 5, THREADS = 4 };
enum { SMALL_MEMORY = COLUMNS * (32 << 10) };

static int64_t ids[ROWS];
static double scores[ROWS];
static bool gaps[ROWS];
static struct slc_str names[ROWS];
static uint8_t flags[ROWS];
static char room[ROWS][16];

static const struct test_column table[COLUMNS] = {
    {SLC_TYPE_INT64, ids, NULL},  {SLC_TYPE_FLOAT64, scores, gaps}, {SLC_TYPE_TEXT, names, NULL},
    {SLC_TYPE_BOOL, flags, gaps}, {SLC_TYPE_FLOAT64, scores, gaps},
};

static void make_table(void)
{
    uint64_t state = 7;

    for (int i = 0; i < ROWS; i++) {
        ids[i] = i * INT64_C(3);
        scores[i] = (double)table_next(&state) / 1e6;
        gaps[i] = table_next(&state) % 9 == 0;
        flags[i] = table_next(&state) % 3 == 0;
        (void)snprintf(room[i], sizeof(room[i]), "n%lld", (long long)(table_next(&state) % 30000));
        names[i] = slc_str_from(room[i]);
    }
}

struct shared {
    struct slc_profile *profile;
    struct slc_chunk *chunks;
    atomic_int next;
    atomic_int n_cancelled;
};

static void *work(void *data)
{
    struct shared *shared = data;

    for (;;) {
        int at = atomic_fetch_add(&shared->next, 1);
        struct slc_error error = {0};

        if (at >= CHUNKS)
            return NULL;
        /* In turn each thread takes the window's last chunk first. */
        at = at / THREADS * THREADS + (THREADS - 1 - at % THREADS);
        if (!slc_profile_fold(shared->profile, &shared->chunks[at], &error)) {
            if (error.code == SLC_ERR_CANCELLED)
                atomic_fetch_add(&shared->n_cancelled, 1);
            return NULL;
        }
    }
}

static void run_threads(struct shared *shared)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, shared), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void document(struct slc_profile *profile, struct slc_buf *buf)
{
    const struct slc_str columns[COLUMNS] = {SLC_STR("id"), SLC_STR("score"), SLC_STR("name"),
                                             SLC_STR("flag"), SLC_STR("score_copy")};
    struct slc_summary summaries[COLUMNS];
    struct slc_schema schema;

    assert_true(slc_schema_init(&schema, columns, COLUMNS));
    for (int i = 0; i < COLUMNS; i++)
        slc_profile_summarize(profile, i, &summaries[i]);
    slc_profile_json(buf, &schema, summaries);
    slc_schema_release(&schema);
}

static void any_order_gives_the_same_bits(void **unused)
{
    struct slc_profile *alone = table_profile(table, COLUMNS, ROWS, CHUNK_ROWS, SMALL_MEMORY);
    struct shared shared = {.chunks = calloc(CHUNKS, sizeof(*shared.chunks))};
    struct slc_buf expected = {0};

    (void)unused;
    assert_non_null(shared.chunks);
    document(alone, &expected);
    slc_profile_free(alone);
    for (int64_t i = 0; i < CHUNKS; i++)
        shared.chunks[i] = table_chunk(table, COLUMNS, i * CHUNK_ROWS, CHUNK_ROWS, i);
    for (int round = 0; round < 8; round++) {
        struct slc_buf buf = {0};

        atomic_store(&shared.next, 0);
        assert_true(slc_profile_new(COLUMNS, SMALL_MEMORY, &shared.profile, NULL));
        run_threads(&shared);
        document(shared.profile, &buf);
        assert_string_equal(slc_buf_text(&buf), slc_buf_text(&expected));
        slc_buf_release(&buf);
        slc_profile_free(shared.profile);
    }
    for (int64_t i = 0; i < CHUNKS; i++)
        slc_chunk_release(&shared.chunks[i]);
    free(shared.chunks);
    slc_buf_release(&expected);
}

/* Nobody brings chunk 0: all wait until they are told to give up. */
static void a_cancelled_profile_lets_go_of_its_threads(void **unused)
{
    struct shared shared = {.chunks = calloc(CHUNKS, sizeof(*shared.chunks))};
    pthread_t threads[THREADS];

    (void)unused;
    assert_non_null(shared.chunks);
    for (int64_t i = 0; i < CHUNKS; i++)
        shared.chunks[i] = table_chunk(table, COLUMNS, i * CHUNK_ROWS, CHUNK_ROWS, i + 1);
    assert_true(slc_profile_new(COLUMNS, SMALL_MEMORY, &shared.profile, NULL));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &shared), 0);
    slc_profile_cancel(shared.profile);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&shared.n_cancelled), THREADS);
    for (int64_t i = 0; i < CHUNKS; i++)
        slc_chunk_release(&shared.chunks[i]);
    free(shared.chunks);
    slc_profile_free(shared.profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_bits),
        cmocka_unit_test(a_cancelled_profile_lets_go_of_its_threads),
    };

    make_table();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
