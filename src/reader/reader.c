#include "reader/reader.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "reader/columns.h"
#include "reader/csv_scan.h"
#include "reader/format.h"
#include "reader/input.h"
#include "reader/raw.h"
#include "reader/sniff.h"

static const struct slc_reader_ops *const formats[] = {
    &slc_xlsx_ops, &slc_jsonl_ops, &slc_csv_ops, /* takes any text: last */
};

enum { HEAD_BYTES = 1 << 20 };

struct slc_reader_sync {
    pthread_mutex_t next; /* whoever cuts off a chunk */
    pthread_mutex_t pool;
    struct slc_raw *idle;      /* under `pool` */
    struct stat status;        /* of the file as it was opened */
    struct slc_sha256 *digest; /* first round only, under `next` */
    struct slc_error failure;  /* what ended this round, under `next` */
    char sha256[SLC_SHA256_HEX_BYTES];
};

struct slc_reader_options slc_reader_default_options(void)
{
    return (struct slc_reader_options){
        .quote = '"',
        .keep_default_na = true,
        .chunk_bytes = 512 << 10,
        .max_row_bytes = 16 << 20,
        .digest = true,
    };
}

/* ---- Raw parts --------------------------------------------------------- */

static struct slc_raw *take_raw(struct slc_reader *reader)
{
    struct slc_raw *raw;

    pthread_mutex_lock(&reader->sync->pool);
    raw = reader->sync->idle;
    if (raw)
        reader->sync->idle = raw->next;
    pthread_mutex_unlock(&reader->sync->pool);
    if (!raw)
        return calloc(1, sizeof(*raw));
    slc_raw_clear(raw);
    return raw;
}

void slc_reader_recycle(struct slc_reader *reader, struct slc_chunk *chunk)
{
    struct slc_raw *raw = chunk->raw;

    if (!raw)
        return;
    chunk->raw = NULL;
    /* What one giant row needed is not kept for ordinary ones. */
    if (raw->capacity > 4 * reader->options.chunk_bytes) {
        slc_raw_free(raw);
        return;
    }
    pthread_mutex_lock(&reader->sync->pool);
    raw->next = reader->sync->idle;
    reader->sync->idle = raw;
    pthread_mutex_unlock(&reader->sync->pool);
}

int64_t slc_reader_raw_bytes(const struct slc_chunk *chunk)
{
    const struct slc_raw *raw = chunk->raw;

    if (!raw)
        return 0;
    return (int64_t)sizeof(*raw) + raw->capacity + raw->capacity / 8 +
           raw->cells_capacity * (int64_t)sizeof(*raw->cells) + (int64_t)raw->arena.used_bytes;
}

/* ---- Opening and closing ----------------------------------------------- */

/* Formats that people will try and that need a word of advice. */
static bool refuse_known(struct slc_str head, struct slc_error *error)
{
    static const struct {
        const char *magic;
        size_t len;
        const char *advice;
    } known[] = {
        {"\xd0\xcf\x11\xe0", 4,
         "this is an old Office file (XLS) or a workbook with a password; save it as XLSX "
         "without one, or as CSV"},
        {"PAR1", 4,
         "this is Parquet; write it as CSV first, e.g. duckdb -c \"copy 'x.parquet' to 'x.csv'\""},
        {"%PDF", 4, "this is a PDF document, not a table"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (head.len >= known[i].len && memcmp(head.data, known[i].magic, known[i].len) == 0)
            return slc_fail(error, SLC_ERR_FORMAT, "%s", known[i].advice);
    return true;
}

static bool read_head(struct slc_reader *reader, struct slc_buf *head, struct slc_error *error)
{
    char *at = slc_buf_reserve(head, HEAD_BYTES + SLC_SCAN_SLACK_BYTES);

    if (!at)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    while (head->len < HEAD_BYTES) {
        int64_t got = slc_input_read(reader->input, at + head->len, HEAD_BYTES - head->len, error);

        if (got < 0)
            return false;
        if (got == 0)
            break;
        head->len += (size_t)got;
    }
    memset(at + head->len, 0, SLC_SCAN_SLACK_BYTES);
    return true;
}

/* The digest is of one whole round; a round broken off spoils it. */
static bool restart_digest(struct slc_reader *reader, struct slc_error *error)
{
    struct slc_reader_sync *sync = reader->sync;

    if (sync->sha256[0] || !reader->options.digest)
        return true;
    slc_sha256_finish(sync->digest, NULL);
    sync->digest = slc_sha256_new();
    return sync->digest || slc_fail(error, SLC_ERR_MEMORY, "no memory to read the file");
}

static bool start_round(struct slc_reader *reader, struct slc_error *error)
{
    reader->next_seq = 0;
    slc_error_clear(&reader->sync->failure);
    return restart_digest(reader, error) && slc_input_rewind(reader->input, error) &&
           reader->ops->rewind(reader, error);
}

static bool make_sync(struct slc_reader *reader, struct slc_error *error)
{
    struct slc_reader_sync *sync = calloc(1, sizeof(*sync));

    if (!sync)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    pthread_mutex_init(&sync->next, NULL);
    pthread_mutex_init(&sync->pool, NULL);
    reader->sync = sync;
    if (fstat(reader->fd, &sync->status) < 0)
        return slc_fail_errno(error, errno, "cannot look at the file");
    if (!S_ISREG(sync->status.st_mode))
        return slc_fail(error, SLC_ERR_IO, "this is not a regular file");
    if (sync->status.st_size == 0)
        return slc_fail(error, SLC_ERR_FORMAT, "the file is empty (0 bytes)");
    reader->size_bytes = sync->status.st_size;
    return true;
}

/* The plain style but for what the options say; a format may add to it. */
static void choose_style(struct slc_reader *reader)
{
    bool pandas = reader->options.types == SLC_TYPES_PANDAS;

    reader->own_style = (struct slc_number_style){
        .decimal = '.',
        .leading_zeros = reader->options.leading_zeros || pandas,
        .pandas = pandas,
        .no_dates = pandas && reader->ops != &slc_xlsx_ops,
    };
    if (reader->own_style.leading_zeros)
        reader->style = &reader->own_style;
}

static bool open_reader(struct slc_reader *reader, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf head = {0};
    struct slc_str view, rest;
    size_t skipped;

    if (!make_sync(reader, error) || !slc_input_open(reader, error) ||
        !read_head(reader, &head, error))
        return false;
    view = slc_buf_view(&head);
    if (!refuse_known(view, error))
        return false;
    skipped = slc_skip_lines(view, reader->options.skip_rows);
    rest = (struct slc_str){view.data + skipped, view.len - skipped};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]) && !reader->ops; i++)
        if (formats[i]->matches(formats[i]->skips_lines ? rest : view, slc_str_from(reader->name)))
            reader->ops = formats[i];
    if (!reader->ops)
        return slc_fail(error, SLC_ERR_FORMAT, "the file's format is not known");
    choose_style(reader);
    return reader->ops->open(reader, view, head.len < HEAD_BYTES, error) &&
           slc_selection_make(reader, error) && start_round(reader, error);
}

bool slc_reader_open(int fd, const char *name, const struct slc_reader_options *options,
                     struct slc_reader **ret_reader, struct slc_error *error)
{
    struct slc_reader *reader = calloc(1, sizeof(*reader));

    if (!reader) {
        close(fd);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open %s", name);
    }
    reader->fd = fd;
    reader->options = *options;
    reader->name = slc_str_dup(slc_str_from(name));
    if (!reader->name || !slc_na_set_init(&reader->na, options->keep_default_na, options->na_values,
                                          options->n_na_values))
        slc_fail(error, SLC_ERR_MEMORY, "no memory to open %s", name);
    else if (open_reader(reader, error)) {
        *ret_reader = reader;
        return true;
    }
    slc_error_locate(error, name, 0, (struct slc_str){0});
    slc_reader_close(reader);
    return false;
}

void slc_reader_close(struct slc_reader *reader)
{
    if (!reader)
        return;
    if (reader->ops)
        reader->ops->close(reader);
    if (reader->sync) {
        struct slc_raw *raw = reader->sync->idle;

        while (raw) {
            struct slc_raw *next = raw->next;

            slc_raw_free(raw);
            raw = next;
        }
        slc_sha256_finish(reader->sync->digest, NULL);
        pthread_mutex_destroy(&reader->sync->next);
        pthread_mutex_destroy(&reader->sync->pool);
        free(reader->sync);
    }
    slc_input_close(reader->input);
    slc_selection_free(reader->selection);
    slc_schema_release(&reader->schema);
    slc_na_set_release(&reader->na);
    close(reader->fd);
    free(reader->name);
    free(reader);
}

const struct slc_schema *slc_reader_schema(const struct slc_reader *reader)
{
    return &reader->selection->schema;
}

const char *slc_reader_format_name(const struct slc_reader *reader)
{
    return reader->ops->name;
}

const char *slc_reader_dialect(const struct slc_reader *reader)
{
    return reader->dialect;
}

int64_t slc_reader_size_bytes(const struct slc_reader *reader)
{
    return reader->size_bytes;
}

int64_t slc_reader_position_bytes(const struct slc_reader *reader)
{
    return reader->position_bytes;
}

const char *slc_reader_sha256(const struct slc_reader *reader)
{
    return reader->sync->sha256[0] ? reader->sync->sha256 : NULL;
}

/* ---- Reading ----------------------------------------------------------- */

void slc_reader_saw_bytes(struct slc_reader *reader, const void *bytes, size_t len)
{
    if (reader->sync->digest)
        slc_sha256_update(reader->sync->digest, bytes, len);
}

static void end_digest(struct slc_reader *reader)
{
    slc_sha256_finish(reader->sync->digest, reader->sync->sha256);
    reader->sync->digest = NULL;
}

static bool check_unchanged(const struct slc_reader *reader, struct slc_error *error)
{
    const struct stat *was = &reader->sync->status;
    struct stat now;

    if (fstat(reader->fd, &now) < 0)
        return slc_fail_errno(error, errno, "cannot look at the file");
    if (now.st_size != was->st_size || now.st_mtim.tv_sec != was->st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != was->st_mtim.tv_nsec)
        return slc_fail(error, SLC_ERR_CHANGED,
                        "the file changed while it was read; load it again when it is complete");
    return true;
}

/* Under `next`. A change of the file explains whatever else went wrong. */
static int next_raw(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    struct slc_error *failure = &reader->sync->failure;
    int got = -1;

    if (failure->code == SLC_ERR_NONE)
        got = reader->ops->next(reader, raw, failure);
    if (got <= 0 && failure->code != SLC_ERR_CHANGED && !check_unchanged(reader, failure))
        got = -1;
    if (got < 0) {
        slc_error_locate(failure, reader->name, 0, (struct slc_str){0});
        if (error)
            *error = *failure;
    }
    if (got == 0 && reader->sync->digest)
        end_digest(reader);
    return got;
}

int slc_reader_next(struct slc_reader *reader, struct slc_chunk *chunk, struct slc_error *error)
{
    struct slc_raw *raw = take_raw(reader);
    int got;

    chunk->raw = raw;
    if (!raw) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk");
        return -1;
    }
    pthread_mutex_lock(&reader->sync->next);
    got = next_raw(reader, raw, error);
    if (got == 1)
        chunk->seq = reader->next_seq++;
    pthread_mutex_unlock(&reader->sync->next);
    if (got != 1)
        slc_reader_recycle(reader, chunk);
    return got;
}

bool slc_reader_parse(struct slc_reader *reader, struct slc_chunk *chunk,
                      const struct slc_column_request *requests, struct slc_error *error)
{
    struct slc_raw *raw = chunk->raw;

    if (!slc_chunk_begin(chunk, reader->selection->schema.n_fields))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk");
    if (!raw->is_split && !(reader->ops->split(reader, raw, error) &&
                            slc_selection_reject_unfit(reader, raw, error))) {
        slc_error_locate(error, reader->name, 0, (struct slc_str){0});
        return false;
    }
    raw->is_split = true;
    chunk->n_rows = raw->n_rows;
    chunk->n_records = raw->n_records;
    chunk->rejects = raw->rejects;
    chunk->n_rejects = raw->n_rejects;
    chunk->record_of_row = raw->record_of_row;
    for (int64_t i = 0; i < chunk->n_columns; i++)
        if (requests[i].what == SLC_COLUMN_READ &&
            !slc_selection_type_column(reader, chunk, i, requests[i].type, error))
            return false;
    return true;
}

bool slc_reader_parse_column(struct slc_reader *reader, struct slc_chunk *chunk, int64_t column,
                             enum slc_type type, struct slc_error *error)
{
    return slc_selection_type_column(reader, chunk, column, type, error);
}

bool slc_reader_rewind(struct slc_reader *reader, struct slc_error *error)
{
    bool good;

    pthread_mutex_lock(&reader->sync->next);
    good = check_unchanged(reader, error) && start_round(reader, error);
    pthread_mutex_unlock(&reader->sync->next);
    if (!good)
        slc_error_locate(error, reader->name, 0, (struct slc_str){0});
    return good;
}
