#include "read_all.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "base/utf8.h"

enum { MAX_THREADS = 16 };

/* What a chunk came to; by its number. */
struct part {
    int64_t n_records;
    struct slc_buf text;
};

struct round {
    struct slc_reader *reader;
    int64_t n_columns;
    bool delivers;
    pthread_mutex_t lock; /* over all below */
    enum slc_type *types;
    unsigned *facts;
    bool changed;
    struct part *parts;
    int64_t n_parts, parts_capacity;
    int64_t n_rows;
    struct slc_error failure;
};

int file_of(struct slc_str bytes)
{
    int fd = memfd_create("table", MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    if (!slc_write_all(fd, bytes.data, bytes.len, NULL) || lseek(fd, 0, SEEK_SET) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void write_cell(struct slc_buf *out, const struct slc_column *column, int64_t row)
{
    char text[SLC_DATETIME_TEXT_BYTES];

    slc_json_comma(out);
    if (!slc_column_has(column, row)) {
        slc_buf_append_text(out, "null");
        return;
    }
    switch (column->type) {
    case SLC_TYPE_NULL:
        break;
    case SLC_TYPE_BOOL:
        slc_buf_append_text(out, column->bools[row] ? "true" : "false");
        break;
    case SLC_TYPE_INT64:
        slc_json_int64(out, column->int64s[row]);
        break;
    case SLC_TYPE_UINT64:
        slc_json_uint64(out, column->uint64s[row]);
        break;
    case SLC_TYPE_FLOAT64:
        if (isinf(column->float64s[row]))
            slc_buf_append_text(out, column->float64s[row] < 0 ? "-1e999" : "1e999");
        else
            slc_json_double(out, column->float64s[row]);
        break;
    case SLC_TYPE_DATE:
        slc_json_string(
            out, (struct slc_str){text, (size_t)(slc_write_date(text, column->dates[row]) - text)});
        break;
    case SLC_TYPE_DATETIME:
        slc_json_string(
            out, (struct slc_str){
                     text, (size_t)(slc_write_datetime(text, column->datetimes[row]) - text)});
        break;
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        slc_json_string(out, column->texts[row]);
        break;
    }
}

static void write_reject(struct slc_buf *out, const struct slc_chunk *chunk,
                         const struct slc_reject *reject)
{
    slc_buf_append_byte(out, '{');
    slc_json_key(out, "reject");
    slc_json_int64(out, chunk->first_record + reject->row);
    slc_json_key(out, "offset");
    slc_json_int64(out, reject->offset_bytes);
    slc_json_key(out, "reason");
    slc_json_text(out, reject->reason);
    if (slc_utf8_is_valid(reject->text)) {
        slc_json_key(out, "text");
        slc_json_string(out, reject->text);
    }
    slc_buf_append_text(out, "}\n");
}

/* Rows and rejected rows in the order of the file. */
static void write_chunk(struct slc_buf *out, const struct slc_chunk *chunk)
{
    int64_t reject = 0;

    for (int64_t row = 0; row <= chunk->n_rows; row++) {
        int64_t record = row < chunk->n_rows ? slc_chunk_record(chunk, row) : INT64_MAX;

        while (reject < chunk->n_rejects &&
               chunk->first_record + chunk->rejects[reject].row < record)
            write_reject(out, chunk, &chunk->rejects[reject++]);
        if (row == chunk->n_rows)
            break;
        slc_buf_append_byte(out, '[');
        slc_json_int64(out, record);
        slc_buf_append_text(out, ",[");
        for (int64_t i = 0; i < chunk->n_columns; i++)
            write_cell(out, &chunk->columns[i], row);
        slc_buf_append_text(out, "]]\n");
    }
}

static bool reserve_part(struct round *round, int64_t seq)
{
    if (seq >= round->parts_capacity) {
        int64_t capacity = 2 * seq + 16;
        struct part *more = realloc(round->parts, (size_t)capacity * sizeof(*more));

        if (!more)
            return slc_fail(&round->failure, SLC_ERR_MEMORY, "no memory for the parts");
        memset(more + round->parts_capacity, 0,
               (size_t)(capacity - round->parts_capacity) * sizeof(*more));
        round->parts = more;
        round->parts_capacity = capacity;
    }
    if (seq >= round->n_parts)
        round->n_parts = seq + 1;
    return true;
}

static void join_types(struct round *round, const struct slc_chunk *chunk)
{
    for (int64_t i = 0; i < round->n_columns; i++) {
        enum slc_type joint;

        round->facts[i] |= slc_reader_facts(round->reader, chunk, i);
        joint = slc_reader_join(round->types[i], chunk->columns[i].type, round->facts[i]);
        round->changed |= joint != round->types[i];
        round->types[i] = joint;
    }
}

static bool take_chunk(struct round *round, struct slc_chunk *chunk,
                       struct slc_column_request *requests)
{
    struct slc_error error = {0};
    struct slc_buf text = {0};
    bool good;

    pthread_mutex_lock(&round->lock);
    for (int64_t i = 0; i < round->n_columns; i++)
        requests[i] = (struct slc_column_request){SLC_COLUMN_READ, round->types[i]};
    if (round->delivers)
        for (int64_t i = 0; i < chunk->seq; i++)
            chunk->first_record += round->parts[i].n_records;
    pthread_mutex_unlock(&round->lock);
    good = slc_reader_parse(round->reader, chunk, requests, &error);
    if (good && round->delivers)
        write_chunk(&text, chunk);
    pthread_mutex_lock(&round->lock);
    if (!good && round->failure.code == SLC_ERR_NONE)
        round->failure = error;
    good = good && reserve_part(round, chunk->seq);
    if (good && round->delivers) {
        round->n_rows += chunk->n_rows;
        round->parts[chunk->seq].text = text;
    } else if (good) {
        round->parts[chunk->seq].n_records = chunk->n_records;
        join_types(round, chunk);
    }
    pthread_mutex_unlock(&round->lock);
    return good;
}

static void *work(void *argument)
{
    struct round *round = argument;
    struct slc_chunk chunk = {0};
    struct slc_error error = {0};
    SLC_AUTO_FREE struct slc_column_request *requests =
        calloc((size_t)round->n_columns + 1, sizeof(*requests));
    int got = requests ? 1 : -1;

    while (got == 1) {
        chunk.first_record = 0;
        got = slc_reader_next(round->reader, &chunk, &error);
        if (got == 1 && !take_chunk(round, &chunk, requests))
            got = 0;
        slc_reader_recycle(round->reader, &chunk);
    }
    if (got < 0) {
        pthread_mutex_lock(&round->lock);
        if (round->failure.code == SLC_ERR_NONE)
            round->failure = error;
        pthread_mutex_unlock(&round->lock);
    }
    slc_chunk_release(&chunk);
    return NULL;
}

static bool run_round(struct round *round, int n_threads, struct slc_error *error)
{
    pthread_t threads[MAX_THREADS];

    round->changed = false;
    if (n_threads > MAX_THREADS)
        n_threads = MAX_THREADS;
    for (int i = 1; i < n_threads; i++)
        if (pthread_create(&threads[i], NULL, work, round) != 0)
            n_threads = i;
    work(round);
    for (int i = 1; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    if (round->failure.code != SLC_ERR_NONE) {
        if (error)
            *error = round->failure;
        return false;
    }
    return true;
}

static void write_head(const struct round *round, struct slc_buf *out)
{
    const struct slc_schema *schema = slc_reader_schema(round->reader);

    slc_buf_append_byte(out, '{');
    slc_json_key(out, "format");
    slc_json_text(out, slc_reader_format_name(round->reader));
    slc_json_key(out, "dialect");
    slc_json_text(out, slc_reader_dialect(round->reader));
    slc_json_key(out, "columns");
    slc_buf_append_byte(out, '[');
    for (int64_t i = 0; i < schema->n_fields; i++) {
        slc_json_comma(out);
        slc_json_string(out, schema->fields[i].name);
    }
    slc_buf_append_byte(out, ']');
    slc_json_key(out, "types");
    slc_buf_append_byte(out, '[');
    for (int64_t i = 0; i < schema->n_fields; i++) {
        slc_json_comma(out);
        slc_json_text(out, slc_type_name(round->types[i]));
    }
    slc_buf_append_byte(out, ']');
    slc_json_key(out, "sha256");
    slc_json_text(out, slc_reader_sha256(round->reader));
    slc_buf_append_text(out, "}\n");
}

static bool survey_and_deliver(struct round *round, int n_threads, struct slc_buf *out,
                               struct slc_error *error)
{
    int64_t n_records = 0;

    do {
        if (!run_round(round, n_threads, error) || !slc_reader_rewind(round->reader, error))
            return false;
    } while (round->changed);
    round->delivers = true;
    if (!run_round(round, n_threads, error))
        return false;
    write_head(round, out);
    for (int64_t i = 0; i < round->n_parts; i++) {
        n_records += round->parts[i].n_records;
        slc_buf_append_str(out, slc_buf_view(&round->parts[i].text));
    }
    slc_buf_append_byte(out, '{');
    slc_json_key(out, "rows");
    slc_json_int64(out, round->n_rows);
    slc_json_key(out, "records");
    slc_json_int64(out, n_records);
    slc_buf_append_text(out, "}\n");
    return !out->failed;
}

bool read_all(int fd, const char *name, const struct slc_reader_options *options, int n_threads,
              struct slc_buf *out, struct slc_error *error)
{
    struct round round = {0};
    bool good;

    if (!slc_reader_open(fd, name, options, &round.reader, error))
        return false;
    pthread_mutex_init(&round.lock, NULL);
    round.n_columns = slc_reader_schema(round.reader)->n_fields;
    round.types = calloc((size_t)round.n_columns + 1, sizeof(*round.types));
    round.facts = calloc((size_t)round.n_columns + 1, sizeof(*round.facts));
    good = round.types && round.facts && survey_and_deliver(&round, n_threads, out, error);
    for (int64_t i = 0; i < round.n_parts; i++)
        slc_buf_release(&round.parts[i].text);
    free(round.parts);
    free(round.types);
    free(round.facts);
    pthread_mutex_destroy(&round.lock);
    slc_reader_close(round.reader);
    return good;
}
