#include "load/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "load/delivery.h"
#include "load/duplicates.h"
#include "load/fit.h"
#include "load/metadata.h"
#include "load/narrow.h"
#include "load/owner.h"
#include "load/settings.h"
#include "load/survey.h"
#include "prep/plan_bind.h"
#include "redis/replicas.h"

const char *slc_load_stage_name(enum slc_load_stage stage)
{
    static const char *const names[] = {"open",    "survey", "fit", "delivery",
                                        "waiting", "commit", "done"};

    return names[stage];
}

double slc_load_progress_share(const struct slc_load_progress *progress)
{
    double size = (double)progress->size_bytes;
    double share = size > 0 ? (double)progress->position_bytes / size : 0;

    switch ((enum slc_load_stage)progress->stage) {
    case SLC_STAGE_OPEN:
        return 0;
    case SLC_STAGE_SURVEY: /* a quarter of the work, about */
        return 0.25 * share;
    case SLC_STAGE_FIT:
        return 0.25;
    case SLC_STAGE_DELIVERY:
    case SLC_STAGE_WAITING:
        return 0.25 + 0.75 * share;
    case SLC_STAGE_COMMIT:
    case SLC_STAGE_DONE:
        return 1;
    }
    return 0;
}

/* Everything that one load holds. */
struct load {
    const struct slc_load_job *job;
    struct slc_load_result *result;
    struct slc_arena arena;
    struct slc_reader *reader;
    struct slc_survey survey;
    int64_t index_field;
    struct slc_plan_document fitted; /* empty when the job has a plan */
    struct slc_plan_binding binding; /* empty when it has none */
    const struct slc_plan *plan;     /* either one's */
    struct slc_buf plan_json, drift_json;
    struct slc_duplicates duplicates;
    struct slc_delivery delivery;
    struct slc_rejects *rejects;
    const int64_t *row_columns;
    int64_t n_row_columns;
    struct slc_row_layout layout;
    struct slc_store_base base;
    const char *spill_folders[4]; /* for a file without a name; ended by NULL */
    int64_t started_usec;
    bool only_rejects; /* no row was taken, and all rejects are written */
};

static void enter(const struct load *load, enum slc_load_stage stage)
{
    if (!load->job->progress)
        return;
    load->job->progress->position_bytes = 0;
    load->job->progress->stage = (int)stage;
}

static double seconds_since(int64_t usec)
{
    return (double)(slc_monotonic_usec() - usec) / 1e6;
}

static bool open_file(struct load *load, struct slc_error *error)
{
    struct slc_reader_options options;
    const struct slc_plan_document *plan = load->job->plan;
    struct slc_str index = load->job->index_column;
    int fd = load->job->fd;

    if (index.len == 0 && plan)
        index = slc_plan_index(&plan->plan);
    if (!slc_reader_options_from(load->job->config, &load->arena, &options, error)) {
        close(fd);
        return false;
    }
    return slc_reader_open(fd, load->job->path, &options, &load->reader, error) &&
           slc_find_index(slc_reader_schema(load->reader), index, &load->index_field, error);
}

static bool check_digest(struct load *load, struct slc_error *error)
{
    const char *found = slc_reader_sha256(load->reader);
    struct slc_str expected = load->job->expected_sha256;

    snprintf(load->result->sha256, sizeof(load->result->sha256), "%s", found ? found : "");
    if (expected.len > 0 && !slc_str_is(expected, load->result->sha256))
        return slc_fail(error, SLC_ERR_CHANGED,
                        "the file's SHA-256 is %s, its ticket says %.*s; send the file again",
                        load->result->sha256, SLC_STR_ARG(expected));
    return true;
}

/* The types to read the columns from; none without a plan. */
static bool planned_types(struct load *load, const enum slc_type **ret_types,
                          struct slc_error *error)
{
    const struct slc_schema *schema = slc_reader_schema(load->reader);
    enum slc_type *types;

    if (!load->job->plan)
        return true;
    types = slc_arena_calloc(&load->arena, (size_t)schema->n_fields + 1, sizeof(*types));
    *ret_types = types;
    if (!types)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the columns");
    return slc_plan_read_types(&load->job->plan->plan, schema, load->index_field, types, error);
}

/* Nothing is delivered; people will want to see why. */
static void write_only_rejects(struct load *load)
{
    size_t n = (size_t)load->survey.schema.n_fields + 1;
    struct slc_column_request *skip_all = slc_arena_calloc(&load->arena, n, sizeof(*skip_all));
    struct slc_error *error = &load->delivery.rejects_error;
    SLC_AUTO_BUF struct slc_buf lines = {0};
    struct slc_chunk chunk = {0};
    int64_t n_records = 0;
    bool good = load->rejects && skip_all && slc_reader_rewind(load->reader, error);

    while (good && slc_reader_next(load->reader, &chunk, error) == 1) {
        good = slc_reader_parse(load->reader, &chunk, skip_all, error);
        chunk.first_record = n_records;
        n_records += chunk.n_records;
        slc_buf_clear(&lines);
        if (good)
            slc_rejects_format(&lines, &chunk, chunk.rejects, chunk.n_rejects);
        good = good && slc_rejects_write(load->rejects, slc_buf_view(&lines), error);
        slc_reader_recycle(load->reader, &chunk);
    }
    slc_chunk_release(&chunk);
    load->only_rejects = good;
}

static bool survey(struct load *load, struct slc_error *error)
{
    const struct slc_config *config = load->job->config;
    struct slc_survey_options options = {
        .n_threads = slc_load_threads(config),
        .nice = (int)slc_config_int(config, "load.nice"),
        .memory_bytes = slc_config_bytes(config, "load.memory"),
        .keep_bytes = slc_config_bytes(config, "load.keep"),
        .key_column = load->index_field,
        .fail_on_reject = slc_config_is(config, "reader.on_bad_row", "fail"),
        .cancel = load->job->cancel,
        .progress = load->job->progress,
    };
    int64_t start = slc_monotonic_usec();

    if (!planned_types(load, &options.types, error))
        return false;
    enter(load, SLC_STAGE_SURVEY);
    load->result->size_bytes = slc_reader_size_bytes(load->reader);
    if (!slc_survey_run(load->reader, &options, &load->survey, error) || !check_digest(load, error))
        return false;
    if (!slc_survey_has_rows(&load->survey, error)) {
        write_only_rejects(load);
        return false;
    }
    load->result->rows_read = load->survey.n_records;
    load->result->survey_seconds = seconds_since(start);
    return true;
}

/* Say which columns of the file the plan has no place for. */
static void warn_of_new_columns(struct load *load)
{
    const struct slc_plan_binding *binding = &load->binding;
    SLC_AUTO_BUF struct slc_buf text = {0};

    if (binding->n_new_columns == 0)
        return;
    for (int64_t i = 0; i < binding->n_new_columns && text.len < SLC_ERROR_MESSAGE_BYTES; i++) {
        slc_buf_append_text(&text, i > 0 ? ", " : "");
        slc_buf_append_str(&text, load->survey.schema.fields[binding->new_columns[i]].name);
    }
    if (slc_buf_text(&text))
        slc_fail(&load->result->plan_warning, SLC_ERR_DATA,
                 "the plan does not know %lld of the columns, which were left out: %s",
                 (long long)binding->n_new_columns, slc_buf_text(&text));
}

static bool bind_plan(struct load *load, struct slc_error *error)
{
    const struct slc_plan_document *given = load->job->plan;

    if (!slc_plan_bind(&given->plan, &load->survey.schema, load->index_field, &load->binding,
                       error))
        return false;
    load->plan = &load->binding.plan;
    load->row_columns = load->binding.row_columns;
    load->n_row_columns = load->binding.n_row_columns;
    slc_plan_document_write(&given->plan, &given->provenance, &load->plan_json);
    warn_of_new_columns(load);
    return true;
}

/* The columns of a row: all but the index and those dropped. */
static bool choose_columns(struct load *load, struct slc_error *error)
{
    int64_t n = load->plan->n_columns;
    int64_t *columns = slc_arena_calloc(&load->arena, (size_t)n + 1, sizeof(*columns));

    if (!columns)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the columns");
    for (int64_t i = 0; i < n; i++)
        if (!load->plan->columns[i].is_index && !load->plan->columns[i].dropped)
            columns[load->n_row_columns++] = i;
    load->row_columns = columns;
    return true;
}

static bool fit_plan(struct load *load, struct slc_error *error)
{
    if (!slc_fit_document(load->job->config, &load->survey, load->index_field, load->job->path,
                          load->result->sha256, &load->fitted, error))
        return false;
    load->plan = &load->fitted.plan;
    slc_plan_document_write(&load->fitted.plan, &load->fitted.provenance, &load->plan_json);
    return choose_columns(load, error);
}

static bool make_plan(struct load *load, struct slc_error *error)
{
    enter(load, SLC_STAGE_FIT);
    if (!(load->job->plan ? bind_plan(load, error) : fit_plan(load, error)))
        return false;
    return !load->plan_json.failed || slc_fail(error, SLC_ERR_MEMORY, "no memory for the plan");
}

/* The type that a column's values have in all chunks together. */
static enum slc_type row_type(const struct load *load, int64_t field)
{
    const struct slc_column_plan *column = &load->plan->columns[field];

    /* A gap among whole numbers that is filled with a fraction. */
    if (slc_type_is_number(column->out_type) && column->fill.type == SLC_TYPE_FLOAT64 &&
        load->survey.summaries[field].n_missing > 0)
        return SLC_TYPE_FLOAT64;
    return column->out_type;
}

/* For the layout `columns`, by wish. */
static bool find_narrow(struct load *load, const enum slc_type *types, struct slc_error *error)
{
    const struct slc_survey *survey = &load->survey;
    int64_t chunk_rows = survey->n_chunks > 0 ? survey->n_rows / survey->n_chunks : 0;
    struct slc_narrow *narrow;

    if (!slc_config_is(load->job->config, "store.column_types", "narrow"))
        return true;
    narrow = slc_arena_calloc(&load->arena, (size_t)load->n_row_columns + 1, sizeof(*narrow));
    if (!narrow)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the columns");
    for (int64_t i = 0; i < load->n_row_columns; i++)
        narrow[i] = slc_narrow_column(&load->plan->columns[load->row_columns[i]],
                                      &survey->summaries[load->row_columns[i]], types[i],
                                      chunk_rows, load->job->plan == NULL);
    load->layout.narrow = narrow;
    return true;
}

static bool lay_out(struct load *load, struct slc_error *error)
{
    size_t n = (size_t)load->n_row_columns + 1;
    struct slc_str *names = slc_arena_calloc(&load->arena, n, sizeof(*names));
    enum slc_type *types = slc_arena_calloc(&load->arena, n, sizeof(*types));

    if (!names || !types)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the columns");
    for (int64_t i = 0; i < load->n_row_columns; i++) {
        names[i] = load->plan->columns[load->row_columns[i]].name;
        types[i] = row_type(load, load->row_columns[i]);
    }
    load->result->n_columns = load->n_row_columns;
    load->layout = (struct slc_row_layout){
        .columns = load->row_columns,
        .names = names,
        .types = types,
        .n_columns = load->n_row_columns,
        .key_name = load->index_field >= 0 ? load->survey.schema.fields[load->index_field].name
                                           : SLC_STR(""),
        .key_column = load->index_field,
        .pairs_per_command = slc_config_int(load->job->config, "store.pairs_per_command"),
        .on_duplicate =
            (enum slc_on_duplicate)slc_config_choice(load->job->config, "store.on_duplicate"),
    };
    return find_narrow(load, types, error);
}

/* Where rows may be grouped that do not fit into memory: as a rule that is a
 * disk, unlike /tmp. */
static bool find_spill_folders(struct load *load, struct slc_error *error)
{
    SLC_AUTO_FREE char *state = slc_config_state_dir(load->job->config, environ);
    struct slc_str copy =
        state ? slc_arena_copy(&load->arena, slc_str_from(state)) : (struct slc_str){0};
    const char *temporary = getenv("TMPDIR");
    int n = 0;

    if (!copy.data)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a load");
    load->spill_folders[n++] = copy.data;
    if (temporary && *temporary)
        load->spill_folders[n++] = temporary;
    load->spill_folders[n] = "/var/tmp";
    return true;
}

/* Where a layout cannot write one row over another, it is decided before which
 * one stays. */
static bool find_duplicates(struct load *load, struct slc_error *error)
{
    const struct slc_config *config = load->job->config;
    struct slc_duplicates_options options = {
        .survey = &load->survey,
        .key_column = load->index_field,
        .on_duplicate = load->layout.on_duplicate,
        .memory_bytes = slc_config_bytes(config, "load.memory") / 4,
        .folders = load->spill_folders,
        .cancel = load->job->cancel,
    };

    if (load->index_field < 0 ||
        !slc_store_wants_unique_keys(slc_str_from(slc_config_text(config, "store.layout"))))
        return true;
    return slc_duplicates_find(load->reader, &options, &load->duplicates, error);
}

static bool deliver(struct load *load, struct slc_store_load *store, struct slc_error *error)
{
    const struct slc_config *config = load->job->config;
    struct slc_delivery_options options = {
        .n_threads = slc_load_threads(config),
        .nice = (int)slc_config_int(config, "load.nice"),
        .survey = &load->survey,
        .plan = load->plan,
        .layout = load->layout,
        .store = store,
        .duplicates = &load->duplicates,
        .rejects = load->rejects,
        .fail_on_reject = slc_config_is(config, "reader.on_bad_row", "fail"),
        .cancel = load->job->cancel,
        .progress = load->job->progress,
    };

    options.layout.load = store;
    options.layout.staging_key = store ? slc_store_load_key(store) : SLC_STR("dry-run");
    return slc_delivery_run(load->reader, &options, &load->delivery, error);
}

static bool settle_counts(struct load *load, const struct slc_store_counts *counts,
                          struct slc_error *error)
{
    struct slc_load_result *r = load->result;

    r->rows_rejected = load->delivery.n_rejects;
    r->rows_written = counts->rows_written;
    r->duplicate_keys = counts->duplicate_keys + load->delivery.n_duplicates;
    slc_plan_memory(load->plan, load->survey.summaries, load->delivery.outcomes, r->rows_read,
                    &r->memory_before_bytes, &r->memory_after_bytes);
    load->only_rejects = r->rows_written == 0;
    if (load->only_rejects)
        return slc_fail(error, SLC_ERR_DATA,
                        "none of the %lld rows can be stored: their keys are missing",
                        (long long)r->rows_read);
    if (r->rows_read != r->rows_written + r->rows_rejected + r->duplicate_keys)
        return slc_fail(error, SLC_ERR_VERIFY,
                        "the counts do not agree: %lld rows read, %lld written, %lld rejected, "
                        "%lld with a key that came again",
                        (long long)r->rows_read, (long long)r->rows_written,
                        (long long)r->rows_rejected, (long long)r->duplicate_keys);
    return true;
}

static bool commit(struct load *load, struct slc_store_load *store, struct slc_error *error)
{
    struct slc_metadata_input input = {
        .job = load->job,
        .result = load->result,
        .survey = &load->survey,
        .plan = load->plan,
        .outcomes = load->delivery.outcomes,
        .layout = &load->layout,
        .index_field = load->index_field,
        .key_order = slc_store_load_key_order(store),
        .plan_document = slc_buf_view(&load->plan_json),
        .drift = slc_buf_view(&load->drift_json),
    };
    struct slc_meta_field *fields;
    int64_t n_fields;

    enter(load, SLC_STAGE_COMMIT);
    load->result->seconds = seconds_since(load->started_usec);
    return slc_metadata_build(&input, &load->arena, &fields, &n_fields, error) &&
           slc_store_load_commit(store, fields, n_fields, error);
}

/* The swap is done: what is missing now is worth a warning and no more. */
static void wait_for_replicas(struct load *load, struct slc_redis *redis)
{
    struct slc_error *warning = &load->result->replicas_warning;
    int64_t wanted = slc_config_int(load->job->config, "redis.wait_replicas");
    int64_t timeout_ms = slc_config_int(load->job->config, "redis.wait_timeout_ms"), count = 0;

    if (wanted > 0 && slc_redis_wait_replicas(redis, wanted, timeout_ms, &count, warning) &&
        count < wanted)
        slc_fail(warning, SLC_ERR_TIMEOUT,
                 "%lld of the %lld replicas in redis.wait_replicas had the load within %lld ms; "
                 "until more have it, a failover may lose it",
                 (long long)count, (long long)wanted, (long long)timeout_ms);
}

/* What changed since the replica's last load, as far as that can be told: a
 * server that refuses to say is no reason not to load. */
static bool find_drift(struct load *load, struct slc_error *error)
{
    static const char *const wanted[] = {"PROFILE", "LOAD_ID", "LOAD_DTTM"};
    struct slc_drift_reference reference = {0};
    struct slc_error why = {0};
    struct slc_meta meta = {0};
    bool good;

    if (slc_store_meta(load->job->redis, load->job->replica, wanted, 3, &meta, &why)) {
        reference.profile = slc_meta_get(&meta, "PROFILE");
        reference.load_id = slc_meta_get(&meta, "LOAD_ID");
        reference.load_dttm = slc_meta_get(&meta, "LOAD_DTTM");
    } else if (why.class == SLC_CLASS_RETRY &&
               (why.code != SLC_ERR_SERVER || !slc_redis_is_idle(load->job->redis))) {
        if (error)
            *error = why;
        return false;
    }
    slc_buf_clear(&load->drift_json);
    good = slc_drift_compare(&reference, &load->survey.schema, load->survey.summaries,
                             &load->result->drift, &load->drift_json, error);
    slc_meta_release(&meta);
    return good;
}

/* Whether the swap of a try before was carried out after all, although its answer
 * was lost or its master replaced: the replica has the load's id then. */
static bool find_done(struct load *load, bool *ret_done, struct slc_error *error)
{
    static const char *const wanted[] = {"LOAD_ID"};
    struct slc_error why = {0};
    struct slc_meta meta = {0};
    bool found = slc_store_meta(load->job->redis, load->job->replica, wanted, 1, &meta, &why);

    *ret_done = found && slc_str_is(slc_meta_get(&meta, "LOAD_ID"), load->result->load_id);
    slc_meta_release(&meta);
    if (!found && why.class == SLC_CLASS_RETRY) {
        if (error)
            *error = why;
        return false;
    }
    return !*ret_done || slc_store_load_settle(
                             load->job->redis,
                             slc_str_from(slc_config_text(load->job->config, "store.registry_key")),
                             load->job->replica, slc_str_from(load->result->load_id), error);
}

/* One try: from an empty staging key to the swap. */
static bool deliver_once(struct load *load, bool again, struct slc_error *error)
{
    const struct slc_config *config = load->job->config;
    char owner[SLC_OWNER_BYTES];
    struct slc_store_load_options options = {
        .name = load->job->replica,
        .registry_key = slc_str_from(slc_config_text(config, "store.registry_key")),
        .load_id = slc_str_from(load->result->load_id),
        .on_duplicate = load->layout.on_duplicate,
        .pairs_per_command = load->layout.pairs_per_command,
        .window_bytes = slc_config_bytes(config, "redis.window_bytes"),
        .ordinal_keys = load->index_field < 0,
        .layout = slc_str_from(slc_config_text(config, "store.layout")),
        .names = load->layout.names,
        .types = load->layout.types,
        .n_columns = load->layout.n_columns,
        .ttl_seconds = slc_config_int(config, "store.ttl_seconds"),
        .plain_names = slc_config_is(config, "store.key_prefix", "plain"),
        .json_form = (enum slc_json_form)slc_config_choice(config, "store.json"),
        .narrow = load->layout.narrow != NULL,
        .n_rows = load->survey.n_rows,
        .n_chunks = load->survey.n_chunks,
        .keys_rise = load->survey.keys_rise && load->survey.keys_are_plain,
        .first_key = load->survey.first_key,
        .last_key = load->survey.last_key,
        .memory_bytes = slc_config_bytes(config, "load.memory") / 4,
        .lease_msec = (int64_t)(slc_config_seconds(config, "store.lease") * 1e3),
        .lease_wait_msec = (int64_t)(slc_config_seconds(config, "redis.patience") * 1e3),
        .max_block_usec = slc_config_int(config, "redis.max_block_usec"),
        .spill_folders = load->spill_folders,
        .base = &load->base,
        .cancel = load->job->cancel,
        .again = again,
    };
    struct slc_store_counts counts;
    struct slc_store_load *store = NULL;
    bool good;

    load->delivery = (struct slc_delivery){0};
    slc_owner_name(owner);
    options.owner = slc_str_from(owner);
    enter(load, SLC_STAGE_DELIVERY);
    good = find_drift(load, error) &&
           slc_store_load_begin(load->job->redis, &options, &store, error) &&
           deliver(load, store, error) && slc_store_load_finish(store, &counts, error) &&
           settle_counts(load, &counts, error) && commit(load, store, error) &&
           slc_store_load_confirm(store, error);
    if (good)
        wait_for_replicas(load, slc_store_load_redis(store));
    slc_store_load_free(store); /* a failed one leaves no staging key, if Redis is there */
    return good;
}

static bool sleep_unless_cancelled(const struct load *load, int64_t milliseconds)
{
    const atomic_bool *cancel = load->job->cancel;

    for (; milliseconds > 0; milliseconds -= 20) {
        struct timespec nap = {.tv_nsec = 20 * 1000000};

        if (cancel && *cancel)
            return false;
        nanosleep(&nap, NULL);
    }
    return true;
}

/* How long to wait for a Redis that fails, and how often to begin anew. */
struct patience {
    int64_t left_usec; /* of waiting; refilled when a try got somewhere */
    int64_t pause_ms;  /* before the next try; doubled each time */
    int tries;
};

enum { FIRST_PAUSE_MS = 50, LONGEST_PAUSE_MS = 2000, MOST_TRIES = 12 };

static int64_t full_patience_usec(const struct load *load)
{
    return (int64_t)(slc_config_seconds(load->job->config, "redis.patience") * 1e6);
}

/* Wait for Redis to answer again, trying ever more rarely. */
static bool wait_for_redis(struct load *load, struct patience *patience, struct slc_error *error)
{
    enter(load, SLC_STAGE_WAITING);
    for (;;) {
        int64_t start = slc_monotonic_usec();
        struct slc_error why = {0};
        bool good;

        if (!sleep_unless_cancelled(load, patience->pause_ms))
            return slc_fail(error, SLC_ERR_CANCELLED, "the load was stopped");
        patience->pause_ms =
            patience->pause_ms * 2 > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : patience->pause_ms * 2;
        good = slc_redis_reopen(load->job->redis, &why);
        patience->left_usec -= slc_monotonic_usec() - start;
        if (good)
            return true;
        if (why.class != SLC_CLASS_RETRY || patience->left_usec <= 0) {
            if (error)
                *error = why;
            return false;
        }
    }
}

/* And until the server that has the replica answers: of a cluster others may. */
static bool wait_and_look(struct load *load, struct patience *patience, bool *ret_done,
                          struct slc_error *error)
{
    for (;;) {
        if (!wait_for_redis(load, patience, error))
            return false;
        if (find_done(load, ret_done, error))
            return true;
        if (patience->left_usec <= 0)
            return false;
    }
}

/* Whether to begin the delivery again after it failed so. */
static bool may_try_again(struct load *load, struct patience *patience, const struct slc_error *why)
{
    bool lost = why->code == SLC_ERR_CONNECTION || why->code == SLC_ERR_TIMEOUT;

    /* A long delivery that was under way has all its patience; a Redis that is
     * there and refuses (out of memory, read-only) uses it up. */
    if (lost && load->delivery.n_rows > 0) {
        patience->left_usec = full_patience_usec(load);
        patience->pause_ms = FIRST_PAUSE_MS;
    }
    /* A try that did not come to its first row cost nothing but time. */
    patience->tries += load->delivery.n_rows > 0;
    return why->class == SLC_CLASS_RETRY && why->code != SLC_ERR_CANCELLED &&
           patience->left_usec > 0 && patience->tries < MOST_TRIES;
}

static bool name_load(struct load *load, struct slc_error *error)
{
    unsigned char id[16];

    if (load->job->load_id) {
        snprintf(load->result->load_id, sizeof(load->result->load_id), "%s", load->job->load_id);
        return true;
    }
    if (!slc_random_bytes(id, sizeof(id), error))
        return false;
    slc_hex_encode(id, sizeof(id), load->result->load_id);
    return true;
}

/* Deliver; when Redis fails in a way that may pass, wait for it and begin the
 * delivery again until redis.patience is used up. The load keeps its id, so
 * that what a try left behind is removed by the next. */
static bool deliver_with_patience(struct load *load, struct slc_error *error)
{
    struct patience patience = {
        .left_usec = full_patience_usec(load),
        .pause_ms = FIRST_PAUSE_MS,
    };

    if (!name_load(load, error))
        return false;
    for (bool again = false, done = false;; again = true) {
        struct slc_error why = {0};

        if (deliver_once(load, again, &why))
            return true;
        if (!may_try_again(load, &patience, &why)) {
            if (error)
                *error = why;
            return false;
        }
        if (!wait_and_look(load, &patience, &done, error))
            return false;
        if (done)
            return true;
        slc_delivery_release(&load->delivery);
        if (load->rejects)
            slc_rejects_restart(load->rejects);
    }
}

static bool rehearse(struct load *load, struct slc_error *error)
{
    struct slc_store_counts counts = {0};

    enter(load, SLC_STAGE_DELIVERY);
    if (!deliver(load, NULL, error))
        return false;
    counts.rows_sent = counts.rows_written = load->delivery.n_rows;
    return settle_counts(load, &counts, error);
}

static bool run(struct load *load, struct slc_error *error)
{
    int64_t start;

    enter(load, SLC_STAGE_OPEN);
    if (!open_file(load, error) || !survey(load, error) || !make_plan(load, error) ||
        !lay_out(load, error) || !find_spill_folders(load, error) || !find_duplicates(load, error))
        return false;
    start = slc_monotonic_usec();
    if (!(load->job->redis ? deliver_with_patience(load, error) : rehearse(load, error)))
        return false;
    load->result->delivery_seconds = seconds_since(start);
    load->result->seconds = seconds_since(load->started_usec);
    return true;
}

static void release(struct load *load)
{
    slc_delivery_release(&load->delivery);
    slc_duplicates_release(&load->duplicates);
    slc_plan_binding_release(&load->binding);
    slc_plan_document_release(&load->fitted);
    slc_buf_release(&load->plan_json);
    slc_buf_release(&load->drift_json);
    slc_survey_release(&load->survey);
    slc_reader_close(load->reader);
    slc_rejects_free(load->rejects);
    slc_arena_release(&load->arena);
}

bool slc_load_run(const struct slc_load_job *job, struct slc_load_result *ret_result,
                  struct slc_error *error)
{
    struct slc_error why = {0};
    struct load load = {.job = job, .result = ret_result, .started_usec = slc_monotonic_usec()};
    bool good;

    *ret_result = (struct slc_load_result){0};
    if (job->rejects_name && job->redis)
        load.rejects = slc_rejects_new(job->rejects_dir_fd, job->rejects_name);
    good = run(&load, &why);
    /* The rows are in place; rejects that cannot be written do not undo that. */
    if ((good || load.only_rejects) && load.rejects &&
        load.delivery.rejects_error.code == SLC_ERR_NONE)
        slc_rejects_commit(load.rejects, &load.delivery.rejects_error);
    ret_result->rejects_error = load.delivery.rejects_error;
    enter(&load, SLC_STAGE_DONE);
    release(&load);
    if (!good && why.code != SLC_ERR_CONNECTION && why.code != SLC_ERR_CONFIG)
        slc_error_locate(&why, job->path, 0, (struct slc_str){0});
    if (!good && error)
        *error = why;
    return good;
}

bool slc_load_sweep(struct slc_redis *redis, const struct slc_config *config, bool own_are_dead,
                    int64_t *ret_swept, struct slc_error *error)
{
    return slc_store_sweep(redis, slc_str_from(slc_config_text(config, "store.registry_key")),
                           slc_owner_is_dead, &own_are_dead, ret_swept, error);
}
