#include "load/survey.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "load/settings.h"

/* What the threads of one survey share. */
struct pass {
    struct slc_reader *reader;
    const struct slc_survey_options *options;
    struct slc_survey *survey;
    int64_t n_columns;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t turned;
    int64_t next_seq;     /* the chunk whose turn it is to be counted */
    enum slc_type *types; /* the joint type so far */
    unsigned *facts;      /* enum slc_facts, of all chunks so far */
    bool *wanted;         /* columns that this round reads */
    bool *stale;          /* folded with a type that turned out too narrow */
    bool any_key;
    bool first_round;
    int64_t places_capacity;
    atomic_bool failed;
    struct slc_error error; /* of the first failure */
};

/* ---- One chunk --------------------------------------------------------- */

static void fail_pass(struct pass *pass, const struct slc_error *error)
{
    pthread_mutex_lock(&pass->lock);
    /* A thread that was only stopped by another's failure may be here first. */
    if (!pass->failed || pass->error.code == SLC_ERR_CANCELLED)
        pass->error = *error;
    pass->failed = true;
    pthread_cond_broadcast(&pass->turned);
    pthread_mutex_unlock(&pass->lock);
    slc_profile_cancel(pass->survey->profile);
}

static bool add_place(struct pass *pass, struct slc_chunk *chunk)
{
    struct slc_survey *survey = pass->survey;

    if (chunk->seq >= pass->places_capacity) {
        int64_t capacity = pass->places_capacity ? 2 * pass->places_capacity : 64;
        struct slc_chunk_place *places =
            realloc(survey->places, (size_t)capacity * sizeof(*places));

        if (!places)
            return false;
        survey->places = places;
        pass->places_capacity = capacity;
    }
    survey->places[chunk->seq] = (struct slc_chunk_place){
        .first_record = survey->n_records,
        .first_row = survey->n_rows,
    };
    chunk->first_record = survey->n_records;
    if (chunk->n_rejects > 0 && survey->first_reject_row == 0) {
        survey->first_reject_row = survey->n_records + chunk->rejects[0].row;
        snprintf(survey->first_reject_reason, sizeof(survey->first_reject_reason), "%s",
                 chunk->rejects[0].reason);
    }
    survey->n_records += chunk->n_records;
    survey->n_rows += chunk->n_rows;
    survey->n_rejects += chunk->n_rejects;
    survey->n_chunks = chunk->seq + 1;
    if (pass->options->progress) {
        pass->options->progress->rows_read = survey->n_records;
        pass->options->progress->rows_rejected = survey->n_rejects;
        pass->options->progress->position_bytes = slc_reader_position_bytes(pass->reader);
    }
    return true;
}

static bool refuse_reject(const struct slc_chunk *chunk, struct slc_error *error)
{
    const struct slc_reject *reject = &chunk->rejects[0];
    char place[40] = "";

    if (reject->offset_bytes >= 0)
        snprintf(place, sizeof(place), " (at byte %lld)", (long long)reject->offset_bytes);
    slc_fail(error, SLC_ERR_DATA,
             "%s%s; mend the row, or set reader.on_bad_row=reject to go on without it",
             reject->reason, place);
    slc_error_locate(error, NULL, chunk->first_record + reject->row, (struct slc_str){0});
    return false;
}

/* Join the chunk's types to those of all chunks before it. Returns with the
 * type that every column should have in `targets`. */
static void join_types(struct pass *pass, const struct slc_chunk *chunk, enum slc_type *targets)
{
    for (int64_t i = 0; i < pass->n_columns; i++) {
        const struct slc_column *column = &chunk->columns[i];
        enum slc_type joint;

        targets[i] = pass->types[i];
        if (!pass->wanted[i])
            continue;
        pass->facts[i] |= slc_reader_facts(pass->reader, chunk, i);
        joint = slc_reader_join(pass->types[i], column->type, pass->facts[i]);
        if (pass->types[i] != SLC_TYPE_NULL && joint != pass->types[i])
            pass->stale[i] = true;
        pass->types[i] = targets[i] = joint;
    }
}

/* The keys of a chunk, as far as they are whole numbers that rise. */
struct key_span {
    int64_t first, last;
    bool any;
    bool rises;
};

static struct key_span look_at_keys(const struct slc_chunk *chunk, int64_t key_column)
{
    struct key_span span = {0};
    const struct slc_column *keys;

    if (key_column < 0 || key_column >= chunk->n_columns)
        return span;
    keys = &chunk->columns[key_column];
    span.rises = keys->type == SLC_TYPE_INT64 || keys->type == SLC_TYPE_NULL;
    for (int64_t row = 0; keys->type == SLC_TYPE_INT64 && row < chunk->n_rows; row++) {
        int64_t key = keys->int64s[row];

        if (!slc_column_has(keys, row))
            continue;
        if (!span.any)
            span.first = key;
        else if (key <= span.last)
            span.rises = false;
        span.last = key;
        span.any = true;
    }
    return span;
}

static void join_keys(struct pass *pass, const struct key_span *span)
{
    struct slc_survey *survey = pass->survey;

    if (!pass->first_round)
        return;
    survey->keys_rise = survey->keys_rise && span->rises &&
                        (!span->any || !pass->any_key || span->first > survey->last_key);
    if (span->any && !pass->any_key)
        survey->first_key = span->first;
    if (span->any)
        survey->last_key = span->last;
    pass->any_key = pass->any_key || span->any;
}

/* Wait for the chunk's turn, count it and join its types. */
static bool take_turn(struct pass *pass, struct slc_chunk *chunk, enum slc_type *targets,
                      struct slc_error *error)
{
    struct key_span span = look_at_keys(chunk, pass->first_round ? pass->options->key_column : -1);
    bool good = true;

    pthread_mutex_lock(&pass->lock);
    while (pass->next_seq != chunk->seq && !pass->failed)
        pthread_cond_wait(&pass->turned, &pass->lock);
    if (pass->failed)
        good = slc_fail(error, SLC_ERR_CANCELLED, "the reading was stopped");
    else if (!add_place(pass, chunk))
        good = slc_fail(error, SLC_ERR_MEMORY, "no memory for the list of chunks");
    else if (pass->options->fail_on_reject && chunk->n_rejects > 0)
        good = refuse_reject(chunk, error);
    else
        join_types(pass, chunk, targets);
    join_keys(pass, &span);
    pass->next_seq++;
    pthread_cond_broadcast(&pass->turned);
    pthread_mutex_unlock(&pass->lock);
    return good;
}

/* Bring every column to its target type. One that cannot be (a whole number
 * that a double would round) makes the column text: stale, and not folded. */
static bool retype(struct pass *pass, struct slc_chunk *chunk, const enum slc_type *targets,
                   struct slc_error *error)
{
    for (int64_t i = 0; i < pass->n_columns; i++) {
        struct slc_column *column = &chunk->columns[i];

        if (!pass->wanted[i] || column->type == targets[i] || column->type == SLC_TYPE_NULL)
            continue;
        if (!slc_reader_parse_column(pass->reader, chunk, i, targets[i], error))
            return false;
        if (column->type == targets[i])
            continue;
        pthread_mutex_lock(&pass->lock);
        pass->types[i] = slc_reader_join(pass->types[i], column->type, pass->facts[i]);
        pass->stale[i] = true;
        pthread_mutex_unlock(&pass->lock);
        column->requested = false;
    }
    return true;
}

static bool survey_chunk(struct pass *pass, struct slc_chunk *chunk,
                         struct slc_column_request *requests, enum slc_type *targets,
                         struct slc_error *error)
{
    pthread_mutex_lock(&pass->lock);
    for (int64_t i = 0; i < pass->n_columns; i++)
        requests[i] = (struct slc_column_request){
            .what = pass->wanted[i] ? SLC_COLUMN_READ : SLC_COLUMN_SKIP,
            .type = pass->types[i],
        };
    pthread_mutex_unlock(&pass->lock);
    if (!slc_reader_parse(pass->reader, chunk, requests, error) ||
        !take_turn(pass, chunk, targets, error) || !retype(pass, chunk, targets, error))
        return false;
    /* A column that another chunk found to be stale need not be folded. */
    pthread_mutex_lock(&pass->lock);
    for (int64_t i = 0; i < pass->n_columns; i++)
        if (pass->stale[i])
            chunk->columns[i].requested = false;
    pthread_mutex_unlock(&pass->lock);
    return slc_profile_fold(pass->survey->profile, chunk, error);
}

static bool is_cancelled(const struct pass *pass)
{
    return pass->failed || (pass->options->cancel && *pass->options->cancel);
}

/* The digits of a whole number, as slc_write_int64() would print them. */
static bool is_plain_number(struct slc_str text)
{
    size_t sign = text.len > 0 && text.data[0] == '-';

    for (size_t i = sign; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > sign && (text.data[sign] != '0' || text.len == 1);
}

/* The keys as they stand in the file, which is how the delivery wants them. False when
 * they cannot be had. */
static bool read_keys(struct pass *pass, struct slc_chunk *chunk)
{
    int64_t key = pass->options->key_column;
    bool rise, good, plain;

    if (!pass->first_round || key < 0 || key >= chunk->n_columns)
        return true;
    good = plain = slc_reader_parse_column(pass->reader, chunk, key, SLC_TYPE_TEXT, NULL);
    pthread_mutex_lock(&pass->lock);
    rise = pass->survey->keys_rise && pass->survey->keys_are_plain;
    pthread_mutex_unlock(&pass->lock);
    for (int64_t row = 0; rise && plain && row < chunk->n_rows; row++)
        plain = !slc_column_has(&chunk->columns[key], row) ||
                is_plain_number(chunk->columns[key].texts[row]);
    if (plain)
        return good;
    pthread_mutex_lock(&pass->lock);
    pass->survey->keys_are_plain = false;
    pthread_mutex_unlock(&pass->lock);
    return good;
}

/* Keep the chunk if it may be among the last ones that fit: text takes up to half as much
 * again as what is kept of it. Of a packed file nobody knows how much follows, and all are
 * kept for a while. One that cannot be kept is read again. */
static void keep_chunk(struct pass *pass, struct slc_chunk *chunk)
{
    struct slc_kept *kept = &pass->survey->kept;
    int64_t position = slc_reader_position_bytes(pass->reader);
    struct slc_kept_chunk *packed;

    if (!pass->first_round || kept->limit_bytes <= 0 ||
        (slc_reader_size_bytes(pass->reader) - position) / 3 * 2 > kept->limit_bytes)
        return;
    packed = slc_kept_pack(chunk);
    pthread_mutex_lock(&pass->lock);
    slc_kept_add(kept, chunk->seq, packed);
    pthread_mutex_unlock(&pass->lock);
}

static bool survey_chunks(struct pass *pass, struct slc_chunk *chunk, struct slc_error *error)
{
    size_t n = (size_t)pass->n_columns + 1;
    SLC_AUTO_FREE struct slc_column_request *requests = calloc(n, sizeof(*requests));
    SLC_AUTO_FREE enum slc_type *targets = calloc(n, sizeof(*targets));
    int got;

    if (!requests || !targets)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the columns");
    while ((got = slc_reader_next(pass->reader, chunk, error)) == 1) {
        if (is_cancelled(pass))
            return slc_fail(error, SLC_ERR_CANCELLED, "the reading was stopped");
        if (!survey_chunk(pass, chunk, requests, targets, error))
            return false;
        if (read_keys(pass, chunk))
            keep_chunk(pass, chunk);
        slc_reader_recycle(pass->reader, chunk);
    }
    return got == 0;
}

static void *survey_thread(void *context)
{
    struct pass *pass = context;
    struct slc_chunk chunk = {0};
    struct slc_error error = {0};

    slc_load_stand_back(pass->options->nice);
    if (!survey_chunks(pass, &chunk, &error))
        fail_pass(pass, &error);
    slc_reader_recycle(pass->reader, &chunk);
    slc_chunk_release(&chunk);
    return NULL;
}

/* ---- Rounds ------------------------------------------------------------ */

static bool run_threads(struct pass *pass, struct slc_error *error)
{
    enum { MAX_THREADS = 64 };
    pthread_t threads[MAX_THREADS];
    int n = 0;

    pass->next_seq = 0;
    pass->survey->n_records = pass->survey->n_rows = pass->survey->n_rejects = 0;
    while (n < pass->options->n_threads - 1 && n < MAX_THREADS &&
           pthread_create(&threads[n], NULL, survey_thread, pass) == 0)
        n++;
    survey_thread(pass); /* this thread works, too; with no other it does all */
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    if (pass->failed && error)
        *error = pass->error;
    return !pass->failed;
}

/* Another look at the columns whose type became wider after values had been
 * counted as the narrower one. Each round widens some type, so there are few. */
static bool run_again(struct pass *pass, struct slc_error *error)
{
    bool any = false;

    for (int64_t i = 0; i < pass->n_columns; i++) {
        pass->wanted[i] = pass->stale[i];
        any |= pass->stale[i];
        if (pass->stale[i])
            slc_profile_reset_column(pass->survey->profile, i);
        pass->stale[i] = false;
    }
    if (!any)
        return true;
    pass->first_round = false;
    slc_profile_new_round(pass->survey->profile);
    return slc_reader_rewind(pass->reader, error) && run_threads(pass, error) &&
           run_again(pass, error);
}

static bool summarize(struct pass *pass, struct slc_error *error)
{
    struct slc_survey *survey = pass->survey;

    survey->summaries = calloc((size_t)pass->n_columns + 1, sizeof(*survey->summaries));
    if (!survey->summaries)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the statistics");
    for (int64_t i = 0; i < pass->n_columns; i++) {
        survey->schema.fields[i].type = pass->types[i];
        slc_profile_summarize(survey->profile, i, &survey->summaries[i]);
    }
    return true;
}

/* The survey's own copy of the schema: same names, its own types. */
static bool copy_schema(struct slc_survey *survey, const struct slc_schema *from)
{
    struct slc_schema *to = &survey->schema;

    to->fields = slc_arena_calloc(&to->arena, (size_t)from->n_fields + 1, sizeof(*to->fields));
    if (!to->fields)
        return false;
    to->n_fields = from->n_fields;
    for (int64_t i = 0; i < from->n_fields; i++)
        to->fields[i].name = from->fields[i].name;
    return true;
}

static bool run_pass(struct pass *pass, struct slc_error *error)
{
    struct slc_survey *survey = pass->survey;
    size_t n = (size_t)pass->n_columns + 1;
    SLC_AUTO_FREE enum slc_type *types = calloc(n, sizeof(*types));
    SLC_AUTO_FREE unsigned *facts = calloc(n, sizeof(*facts));
    SLC_AUTO_FREE bool *flags = calloc(2 * n, sizeof(*flags));

    if (!types || !facts || !flags || !copy_schema(survey, slc_reader_schema(pass->reader)))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the columns");
    pass->types = types;
    pass->facts = facts;
    pass->wanted = flags;
    pass->stale = flags + n;
    memset(pass->wanted, true, n);
    pass->first_round = true;
    survey->keys_rise = survey->keys_are_plain = pass->options->key_column >= 0;
    if (pass->options->types)
        memcpy(types, pass->options->types, (size_t)pass->n_columns * sizeof(*types));
    survey->kept.limit_bytes = pass->options->keep_bytes;
    return slc_profile_new(pass->n_columns, pass->options->memory_bytes / 2, &survey->profile,
                           error) &&
           run_threads(pass, error) && run_again(pass, error) && summarize(pass, error);
}

bool slc_survey_run(struct slc_reader *reader, const struct slc_survey_options *options,
                    struct slc_survey *ret_survey, struct slc_error *error)
{
    struct pass pass = {
        .reader = reader,
        .options = options,
        .survey = ret_survey,
        .n_columns = slc_reader_schema(reader)->n_fields,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .turned = PTHREAD_COND_INITIALIZER,
    };
    bool good;

    *ret_survey = (struct slc_survey){0};
    if (options->progress)
        options->progress->size_bytes = slc_reader_size_bytes(reader);
    good = run_pass(&pass, error);
    pthread_mutex_destroy(&pass.lock);
    pthread_cond_destroy(&pass.turned);
    if (!good)
        slc_survey_release(ret_survey);
    return good;
}

bool slc_survey_has_rows(const struct slc_survey *survey, struct slc_error *error)
{
    if (survey->n_rows > 0)
        return true;
    if (survey->n_records == 0)
        return slc_fail(error, SLC_ERR_DATA, "the file has column names but no rows");
    slc_fail(error, SLC_ERR_DATA,
             "none of the %lld rows can be taken; the first: %s. Is the delimiter or the header "
             "another one (reader.delimiter, reader.header)?",
             (long long)survey->n_records, survey->first_reject_reason);
    slc_error_locate(error, NULL, survey->first_reject_row, (struct slc_str){0});
    return false;
}

void slc_survey_release(struct slc_survey *survey)
{
    if (!survey)
        return;
    slc_kept_release(&survey->kept);
    free(survey->places);
    free(survey->summaries);
    slc_profile_free(survey->profile);
    slc_schema_release(&survey->schema);
    *survey = (struct slc_survey){0};
}
