#include "load/delivery.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "load/settings.h"

enum { MAX_THREADS = 64, SPARE_PARCELS = 3, MOST_KEPT_BYTES = 16 << 20 };

/* An encoded chunk on its way from a worker to the writer. */
struct parcel {
    struct slc_encoded encoded;
    struct slc_buf reject_lines;
    int64_t n_rejects;
    int64_t n_duplicates;
    int64_t seq;
    struct parcel *next;
};

struct shipping {
    struct slc_reader *reader;
    const struct slc_delivery_options *options;
    struct slc_delivery *delivery;
    int64_t n_columns;
    const struct slc_column_request *requests;
    int64_t first_kept; /* from this chunk on the survey has them; INT64_MAX: none */

    pthread_mutex_t lock;         /* all below */
    pthread_cond_t idle_changed;  /* a parcel is free, or nothing goes on */
    pthread_cond_t ready_changed; /* a parcel is ready, or a worker ended */
    struct parcel *idle;
    struct parcel *ready; /* by rising seq */
    int n_working;
    int64_t next_seq; /* the chunk that is handed out next */
    atomic_bool failed;
    struct slc_error error;
};

static void fail_shipping(struct shipping *s, const struct slc_error *error)
{
    pthread_mutex_lock(&s->lock);
    if (!s->failed) {
        s->failed = true;
        s->error = *error;
    }
    pthread_cond_broadcast(&s->idle_changed);
    pthread_cond_broadcast(&s->ready_changed);
    pthread_mutex_unlock(&s->lock);
}

/* ---- Workers ----------------------------------------------------------- */

/* A parcel is taken before a chunk is, so that the chunk whose turn it is can
 * never be left without one. NULL: the delivery failed. */
static struct parcel *take_parcel(struct shipping *s)
{
    struct parcel *parcel = NULL;

    pthread_mutex_lock(&s->lock);
    while (!s->idle && !s->failed)
        pthread_cond_wait(&s->idle_changed, &s->lock);
    if (!s->failed) {
        parcel = s->idle;
        s->idle = parcel->next;
    }
    pthread_mutex_unlock(&s->lock);
    return parcel;
}

static void give_back(struct shipping *s, struct parcel *parcel)
{
    /* What one chunk of giant rows needed is not kept for ordinary ones. */
    if (parcel->encoded.bytes.capacity > MOST_KEPT_BYTES)
        slc_buf_release(&parcel->encoded.bytes);
    if (parcel->encoded.extra.capacity > MOST_KEPT_BYTES)
        slc_buf_release(&parcel->encoded.extra);
    pthread_mutex_lock(&s->lock);
    parcel->next = s->idle;
    s->idle = parcel;
    pthread_cond_signal(&s->idle_changed);
    pthread_mutex_unlock(&s->lock);
}

static void hand_over(struct shipping *s, struct parcel *parcel)
{
    struct parcel **at;

    pthread_mutex_lock(&s->lock);
    for (at = &s->ready; *at && (*at)->seq < parcel->seq; at = &(*at)->next)
        ;
    parcel->next = *at;
    *at = parcel;
    pthread_cond_signal(&s->ready_changed);
    pthread_mutex_unlock(&s->lock);
}

static bool file_changed(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_CHANGED, "the file changed while it was read; load it again");
}

/* The survey has seen every value; a column that does not keep its type has
 * other values by now. */
static bool check_types(const struct shipping *s, const struct slc_chunk *chunk,
                        struct slc_error *error)
{
    for (int64_t i = 0; i < s->n_columns; i++)
        if (s->requests[i].what == SLC_COLUMN_READ && chunk->columns[i].type != s->requests[i].type)
            return file_changed(error);
    return true;
}

static int64_t take_seq(struct shipping *s)
{
    int64_t seq;

    pthread_mutex_lock(&s->lock);
    seq = s->next_seq++;
    pthread_mutex_unlock(&s->lock);
    return seq;
}

/* The next chunk with the final types, read or kept: 1, 0 at the end, -1. As many are
 * read as come before those kept, whoever gets which. */
static int next_chunk(struct shipping *s, struct slc_chunk *chunk, struct slc_error *error)
{
    const struct slc_survey *survey = s->options->survey;
    int64_t seq = take_seq(s);
    int got;

    if (seq >= s->first_kept) {
        if (seq >= survey->n_chunks)
            return 0;
        return slc_kept_unpack(&survey->kept, seq, s->requests, chunk, error) ? 1 : -1;
    }
    got = slc_reader_next(s->reader, chunk, error);
    if (got == 1 && chunk->seq >= survey->n_chunks) {
        slc_fail(error, SLC_ERR_CHANGED, "the file grew while it was read; load it again");
        return -1;
    }
    if (got == 0 && s->first_kept < survey->n_chunks)
        return file_changed(error) ? 1 : -1;
    if (got == 1 &&
        (!slc_reader_parse(s->reader, chunk, s->requests, error) || !check_types(s, chunk, error)))
        return -1;
    return got;
}

static bool refuse_keyless(const struct slc_chunk *chunk, int64_t row, struct slc_str column,
                           struct slc_error *error)
{
    slc_fail(error, SLC_ERR_DATA,
             "the row has no key; fill it in, or set reader.on_bad_row=reject to go on without it");
    slc_error_locate(error, NULL, slc_chunk_record(chunk, row), column);
    return false;
}

/* Reject the rows whose key is missing, and leave out those that give way to
 * others of the same key. */
static bool take_rows_out(struct shipping *s, struct slc_chunk *chunk, struct parcel *parcel,
                          struct slc_error *error)
{
    const struct slc_delivery_options *options = s->options;
    const struct slc_duplicates *duplicates = options->duplicates;
    int64_t key = options->layout.key_column,
            first_row = options->survey->places[chunk->seq].first_row;
    struct slc_column *keys = &chunk->columns[key];
    uint64_t *keep;

    if (keys->n_missing == 0 && (!duplicates || !duplicates->gives_way))
        return true;
    keep = slc_chunk_bitmap(chunk);
    if (!keep)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk");
    for (int64_t row = 0; row < chunk->n_rows; row++) {
        struct slc_reject reject = {.offset_bytes = -1, .reason = "the row key is missing"};
        bool gives_way = duplicates && slc_duplicates_has(duplicates, first_row + row);

        if (slc_column_has(keys, row) && !gives_way)
            continue;
        keep[row >> 6] &= ~(UINT64_C(1) << (row & 63));
        if (gives_way) {
            parcel->n_duplicates++;
            continue;
        }
        if (options->fail_on_reject)
            return refuse_keyless(chunk, row, options->plan->columns[key].name, error);
        reject.row = slc_chunk_record(chunk, row) - chunk->first_record;
        slc_rejects_format(&parcel->reject_lines, chunk, &reject, 1);
        parcel->n_rejects++;
    }
    if (!slc_chunk_keep_rows(chunk, keep))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk");
    return true;
}

static bool fill_parcel(struct shipping *s, struct slc_chunk *chunk, struct parcel *parcel,
                        struct slc_outcome *outcomes, struct slc_error *error)
{
    const struct slc_chunk_place *place = &s->options->survey->places[chunk->seq];

    chunk->first_record = place->first_record;
    slc_buf_clear(&parcel->reject_lines);
    parcel->n_rejects = chunk->n_rejects;
    parcel->n_duplicates = 0;
    parcel->seq = chunk->seq;
    slc_rejects_format(&parcel->reject_lines, chunk, chunk->rejects, chunk->n_rejects);
    if (s->options->layout.key_column >= 0 && !take_rows_out(s, chunk, parcel, error))
        return false;
    return slc_plan_apply(s->options->plan, chunk, outcomes, error) &&
           slc_store_encode(chunk, &s->options->layout, place->first_row, &parcel->encoded, error);
}

static bool work(struct shipping *s, struct slc_chunk *chunk, struct slc_outcome *outcomes,
                 struct slc_error *error)
{
    for (;;) {
        struct parcel *parcel = take_parcel(s);
        int got;

        if (!parcel)
            return slc_fail(error, SLC_ERR_CANCELLED, "the delivery was stopped");
        if (s->options->cancel && *s->options->cancel) {
            give_back(s, parcel);
            return slc_fail(error, SLC_ERR_CANCELLED, "the load was stopped");
        }
        got = next_chunk(s, chunk, error);
        if (got == 1 && !fill_parcel(s, chunk, parcel, outcomes, error))
            got = -1;
        slc_reader_recycle(s->reader, chunk); /* a kept one has nothing of the reader's */
        if (got != 1) {
            give_back(s, parcel);
            return got == 0;
        }
        hand_over(s, parcel);
    }
}

static void *work_thread(void *context)
{
    struct shipping *s = context;
    struct slc_outcome *outcomes = calloc((size_t)s->n_columns + 1, sizeof(*outcomes));
    struct slc_chunk chunk = {0};
    struct slc_error error = {0};

    slc_load_stand_back(s->options->nice);
    if (!outcomes) {
        slc_fail(&error, SLC_ERR_MEMORY, "no memory for the delivery");
        fail_shipping(s, &error);
    } else {
        slc_outcome_init(outcomes, s->n_columns);
        if (!work(s, &chunk, outcomes, &error))
            fail_shipping(s, &error);
    }
    slc_chunk_release(&chunk);
    pthread_mutex_lock(&s->lock);
    if (outcomes)
        slc_outcome_merge(s->delivery->outcomes, outcomes, s->n_columns);
    s->n_working--;
    pthread_cond_broadcast(&s->ready_changed);
    pthread_mutex_unlock(&s->lock);
    free(outcomes);
    return NULL;
}

/* ---- The writer -------------------------------------------------------- */

/* The parcel of that seq; NULL when there will be none. */
static struct parcel *wait_for_parcel(struct shipping *s, int64_t seq)
{
    struct parcel *parcel = NULL;

    pthread_mutex_lock(&s->lock);
    while (!s->failed && !(s->ready && s->ready->seq == seq) && s->n_working > 0)
        pthread_cond_wait(&s->ready_changed, &s->lock);
    if (!s->failed && s->ready && s->ready->seq == seq) {
        parcel = s->ready;
        s->ready = parcel->next;
    }
    pthread_mutex_unlock(&s->lock);
    return parcel;
}

static bool write_parcel(struct shipping *s, const struct parcel *parcel, struct slc_error *error)
{
    const struct slc_delivery_options *options = s->options;
    struct slc_delivery *delivery = s->delivery;
    struct slc_error *rejects_error = &delivery->rejects_error;

    if (options->store && !slc_store_load_write(options->store, &parcel->encoded, error))
        return false;
    /* Not being able to write the rejects is told, but stops nothing. */
    if (options->rejects && rejects_error->code == SLC_ERR_NONE)
        slc_rejects_write(options->rejects, slc_buf_view(&parcel->reject_lines), rejects_error);
    delivery->n_rows += parcel->encoded.n_rows;
    delivery->n_rejects += parcel->n_rejects;
    delivery->n_duplicates += parcel->n_duplicates;
    if (options->progress) {
        options->progress->rows_written = delivery->n_rows;
        options->progress->rows_rejected = delivery->n_rejects;
        /* Rows, not bytes: what is written is what counts now. */
        options->progress->position_bytes =
            (int64_t)((double)options->progress->size_bytes *
                      (double)(delivery->n_rows + delivery->n_rejects) /
                      (double)options->survey->n_records);
    }
    return true;
}

static bool write_all_parcels(struct shipping *s, struct slc_error *error)
{
    struct parcel *parcel;

    for (int64_t seq = 0; (parcel = wait_for_parcel(s, seq)); seq++) {
        bool good = write_parcel(s, parcel, error);

        give_back(s, parcel);
        if (!good)
            return false;
    }
    return true;
}

static bool make_parcels(struct shipping *s, int n)
{
    for (int i = 0; i < n; i++) {
        struct parcel *parcel = calloc(1, sizeof(*parcel));

        if (!parcel)
            return false;
        parcel->next = s->idle;
        s->idle = parcel;
    }
    return true;
}

static void free_parcels(struct parcel *parcel)
{
    while (parcel) {
        struct parcel *next = parcel->next;

        slc_encoded_release(&parcel->encoded);
        slc_buf_release(&parcel->reject_lines);
        free(parcel);
        parcel = next;
    }
}

static bool ship(struct shipping *s, struct slc_error *error)
{
    pthread_t threads[MAX_THREADS];
    int wanted = s->options->n_threads < MAX_THREADS ? s->options->n_threads : MAX_THREADS, n = 0;

    if (!make_parcels(s, wanted + SPARE_PARCELS))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the delivery");
    s->n_working = wanted;
    while (n < wanted && pthread_create(&threads[n], NULL, work_thread, s) == 0)
        n++;
    pthread_mutex_lock(&s->lock);
    s->n_working -= wanted - n;
    pthread_mutex_unlock(&s->lock);
    if (n == 0) {
        slc_fail(error, SLC_ERR_MEMORY, "no thread can be started");
        fail_shipping(s, error);
    } else if (!write_all_parcels(s, error)) {
        fail_shipping(s, error);
    }
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    if (s->failed && error)
        *error = s->error;
    return !s->failed;
}

static struct slc_column_request *final_requests(const struct slc_delivery_options *options,
                                                 int64_t n_columns)
{
    struct slc_column_request *requests = calloc((size_t)n_columns + 1, sizeof(*requests));

    for (int64_t i = 0; requests && i < n_columns; i++) {
        const struct slc_column_plan *column = &options->plan->columns[i];

        requests[i].what = column->dropped ? SLC_COLUMN_SKIP : SLC_COLUMN_READ;
        requests[i].type = column->in_type;
        /* A key is the text as it stands in the file. */
        if (i == options->layout.key_column)
            requests[i] = (struct slc_column_request){SLC_COLUMN_READ, SLC_TYPE_TEXT};
    }
    return requests;
}

bool slc_delivery_run(struct slc_reader *reader, const struct slc_delivery_options *options,
                      struct slc_delivery *ret_delivery, struct slc_error *error)
{
    int64_t n_columns = options->survey->schema.n_fields;
    SLC_AUTO_FREE struct slc_column_request *requests = final_requests(options, n_columns);
    struct shipping s = {
        .reader = reader,
        .options = options,
        .delivery = ret_delivery,
        .n_columns = n_columns,
        .requests = requests,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .idle_changed = PTHREAD_COND_INITIALIZER,
        .ready_changed = PTHREAD_COND_INITIALIZER,
    };
    bool good;

    *ret_delivery = (struct slc_delivery){0};
    ret_delivery->outcomes = calloc((size_t)n_columns + 1, sizeof(*ret_delivery->outcomes));
    if (!requests || !ret_delivery->outcomes) {
        slc_delivery_release(ret_delivery);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the delivery");
    }
    slc_outcome_init(ret_delivery->outcomes, n_columns);
    s.first_kept = slc_kept_first(&options->survey->kept, options->survey->n_chunks, s.requests);
    if (s.first_kept == options->survey->n_chunks)
        s.first_kept = INT64_MAX;
    good = (s.first_kept == 0 || slc_reader_rewind(reader, error)) && ship(&s, error);
    /* Who reads to the end is told of a file that changed; so is who stops before it. */
    if (good && s.first_kept > 0 && s.first_kept < INT64_MAX)
        good = slc_reader_rewind(reader, error);
    free_parcels(s.idle);
    free_parcels(s.ready);
    pthread_mutex_destroy(&s.lock);
    pthread_cond_destroy(&s.idle_changed);
    pthread_cond_destroy(&s.ready_changed);
    if (!good)
        slc_delivery_release(ret_delivery);
    return good;
}

void slc_delivery_release(struct slc_delivery *delivery)
{
    if (!delivery)
        return;
    free(delivery->outcomes);
    delivery->outcomes = NULL;
}
