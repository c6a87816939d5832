#include "load/duplicates.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/hash.h"
#include "store/partitions.h"

enum { MOST_PARTITIONS = 4096 };

struct key {
    uint64_t digest[2];
    int64_t row; /* its ordinal; with FAIL its data row */
};

struct search {
    struct slc_reader *reader;
    const struct slc_duplicates_options *options;
    struct slc_duplicates *ret;
    struct slc_partitions *partitions;
    struct slc_column_request *requests;
    int64_t first_kept; /* from this chunk on the survey has them */
    uint64_t seed;
    int64_t first_row; /* with FAIL: the first data row whose key was there; 0: none */
    struct slc_error *error;
};

static bool out_of_memory(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_MEMORY, "no memory to look for keys that come again");
}

/* Values that differ were read from texts that differ. */
static bool is_proved(const struct slc_duplicates_options *options)
{
    const struct slc_summary *summary = &options->survey->summaries[options->key_column];

    return options->survey->keys_rise ||
           (summary->distinct_is_exact &&
            summary->n_distinct == summary->n_rows - summary->n_missing);
}

/* ---- Gathering ---- */

static bool note_chunk(struct search *s, const struct slc_chunk *chunk)
{
    const struct slc_chunk_place *place = &s->options->survey->places[chunk->seq];
    const struct slc_column *keys = &chunk->columns[s->options->key_column];
    uint64_t n = (uint64_t)slc_partitions_count(s->partitions);

    for (int64_t row = 0; row < chunk->n_rows; row++) {
        struct key key;
        XXH128_hash_t hash;

        if (!slc_column_has(keys, row))
            continue;
        hash = XXH3_128bits_withSeed(keys->texts[row].data, keys->texts[row].len, s->seed);
        key = (struct key){.digest = {hash.low64, hash.high64}, .row = place->first_row + row};
        if (s->options->on_duplicate == SLC_DUPLICATE_FAIL)
            key.row = slc_chunk_record(chunk, row);
        if (!slc_partitions_append(s->partitions, (int64_t)(key.digest[0] % n), &key, sizeof(key),
                                   s->error))
            return false;
    }
    return true;
}

/* The next chunk, its keys read or kept: 1, 0 at the end, -1. */
static int next_chunk(struct search *s, int64_t seq, struct slc_chunk *chunk)
{
    const struct slc_survey *survey = s->options->survey;
    int got;

    if (s->options->cancel && *s->options->cancel) {
        slc_fail(s->error, SLC_ERR_CANCELLED, "the load was stopped");
        return -1;
    }
    if (seq >= s->first_kept) {
        got = seq < survey->n_chunks;
        if (got && !slc_kept_unpack(&survey->kept, seq, s->requests, chunk, s->error))
            return -1;
    } else {
        got = slc_reader_next(s->reader, chunk, s->error);
        if (got == 1 && chunk->seq >= survey->n_chunks) {
            slc_fail(s->error, SLC_ERR_CHANGED, "the file grew while it was read; load it again");
            return -1;
        }
        if (got == 1 && !slc_reader_parse(s->reader, chunk, s->requests, s->error))
            return -1;
    }
    if (got == 1)
        chunk->first_record = survey->places[chunk->seq].first_record;
    return got;
}

static bool gather(struct search *s)
{
    const struct slc_survey *survey = s->options->survey;
    struct slc_chunk chunk = {0};
    bool good;
    int got = 0;

    s->first_kept = slc_kept_first(&survey->kept, survey->n_chunks, s->requests);
    good = s->first_kept == 0 || slc_reader_rewind(s->reader, s->error);
    for (int64_t seq = 0; good && (got = next_chunk(s, seq, &chunk)) == 1; seq++) {
        good = note_chunk(s, &chunk);
        slc_reader_recycle(s->reader, &chunk);
    }
    slc_reader_recycle(s->reader, &chunk);
    slc_chunk_release(&chunk);
    return good && got == 0;
}

/* ---- Judging ---- */

static bool take_bytes(void *context, const char *bytes, size_t len)
{
    struct slc_buf *keys = context;

    slc_buf_append(keys, bytes, len);
    return !keys->failed;
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *left = a, *right = b;

    for (int i = 0; i < 2; i++)
        if (left->digest[i] != right->digest[i])
            return left->digest[i] < right->digest[i] ? -1 : 1;
    return (left->row > right->row) - (left->row < right->row);
}

static bool same_key(const struct key *a, const struct key *b)
{
    return a->digest[0] == b->digest[0] && a->digest[1] == b->digest[1];
}

static void give_way(struct slc_duplicates *duplicates, int64_t row)
{
    duplicates->gives_way[row >> 6] |= UINT64_C(1) << (row & 63);
    duplicates->n_rows++;
}

/* Keys in order: those that are equal stand together, by rising rows. */
static void judge(struct search *s, const struct key *keys, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (!same_key(&keys[i - 1], &keys[i]))
            continue;
        if (s->options->on_duplicate == SLC_DUPLICATE_FAIL) {
            if (s->first_row == 0 || keys[i].row < s->first_row)
                s->first_row = keys[i].row;
        } else {
            give_way(s->ret, s->options->on_duplicate == SLC_DUPLICATE_LAST ? keys[i - 1].row
                                                                            : keys[i].row);
        }
    }
}

static bool judge_all(struct search *s)
{
    SLC_AUTO_BUF struct slc_buf keys = {0};

    for (int64_t i = 0; i < slc_partitions_count(s->partitions); i++) {
        size_t n;

        slc_buf_clear(&keys);
        if (!slc_partitions_read(s->partitions, i, take_bytes, &keys, s->error))
            return keys.failed ? out_of_memory(s->error) : false;
        n = keys.len / sizeof(struct key);
        if (n == 0)
            continue;
        qsort(keys.data, n, sizeof(struct key), compare_keys);
        judge(s, (const struct key *)(const void *)keys.data, n);
    }
    return s->first_row == 0 || slc_store_refuse_duplicate(s->first_row, s->error);
}

/* ---- ---- */

/* So many that one of them, read back, takes a quarter of the memory at most. */
static int64_t partitions_wanted(const struct slc_duplicates_options *options)
{
    int64_t bytes = options->survey->n_rows * (int64_t)sizeof(struct key);
    int64_t wanted = 4 * bytes / (options->memory_bytes > 0 ? options->memory_bytes : 1) + 16;

    return wanted < MOST_PARTITIONS ? wanted : MOST_PARTITIONS;
}

static bool prepare(struct search *s)
{
    const struct slc_survey *survey = s->options->survey;
    size_t n_columns = (size_t)survey->schema.n_fields;

    s->requests = calloc(n_columns + 1, sizeof(*s->requests));
    s->ret->gives_way = calloc((size_t)survey->n_rows / 64 + 1, sizeof(*s->ret->gives_way));
    if (!s->requests || !s->ret->gives_way)
        return out_of_memory(s->error);
    for (size_t i = 0; i < n_columns; i++)
        s->requests[i].what = SLC_COLUMN_SKIP;
    s->requests[s->options->key_column] =
        (struct slc_column_request){SLC_COLUMN_READ, SLC_TYPE_TEXT};
    s->partitions = slc_partitions_new(partitions_wanted(s->options), s->options->memory_bytes / 2,
                                       s->options->folders, s->error);
    return s->partitions && slc_random_bytes(&s->seed, sizeof(s->seed), s->error);
}

bool slc_duplicates_find(struct slc_reader *reader, const struct slc_duplicates_options *options,
                         struct slc_duplicates *ret, struct slc_error *error)
{
    struct slc_duplicates found = {0};
    struct search s = {.reader = reader, .options = options, .ret = &found, .error = error};
    bool good;

    *ret = found;
    if (is_proved(options))
        return true;
    good = prepare(&s) && gather(&s) && judge_all(&s);
    slc_partitions_free(s.partitions);
    free(s.requests);
    if (!good || found.n_rows == 0)
        slc_duplicates_release(&found);
    *ret = found;
    return good;
}

void slc_duplicates_release(struct slc_duplicates *duplicates)
{
    if (!duplicates)
        return;
    free(duplicates->gives_way);
    *duplicates = (struct slc_duplicates){0};
}
