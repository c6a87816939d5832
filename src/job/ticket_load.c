#include "job/ticket_load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "job/record.h"
#include "source/names.h"
#include "store/store.h"

/* While a larger file is loaded, its ticket says REGISTERED. */
enum { REGISTER_FIRST_BYTES = 1 << 20 };

struct slc_ticket_loader {
    struct slc_ticket_loader_options options;
    struct slc_redis *redis; /* NULL before the first connection */
    bool swept;
};

/* Everything that one try holds. */
struct work {
    struct slc_ticket_loader *loader;
    struct slc_ticket_try *attempt;
    struct slc_ticket_report *report;
    struct slc_inbox_dir *dir;
    struct slc_ticket *on_disk;  /* owned */
    struct slc_ticket *overlaid; /* owned; NULL: on_disk counts */
    struct slc_str replica;      /* a view into on_disk */
    char *path;                  /* owned; of the data file, for META and messages */
    int fd;                      /* of the data file; -1 when not open or handed over */
    char stamp[SLC_STAMP_BYTES];
};

struct slc_ticket_loader *slc_ticket_loader_new(const struct slc_ticket_loader_options *options,
                                                struct slc_error *error)
{
    struct slc_ticket_loader *loader = calloc(1, sizeof(*loader));

    if (!loader) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for a loader");
        return NULL;
    }
    loader->options = *options;
    return loader;
}

void slc_ticket_loader_free(struct slc_ticket_loader *loader)
{
    if (!loader)
        return;
    slc_redis_close(loader->redis);
    free(loader);
}

bool slc_ticket_loader_connect(struct slc_ticket_loader *loader, int64_t *ret_swept,
                               struct slc_error *error)
{
    int64_t timeout_ms = slc_config_int(loader->options.config, "redis.timeout_ms");

    if (ret_swept)
        *ret_swept = 0;
    if (!loader->redis)
        loader->redis = slc_redis_open(loader->options.redis_url, timeout_ms, error);
    else if (!slc_redis_is_idle(loader->redis) && !slc_redis_reopen(loader->redis, error))
        return false;
    if (!loader->redis)
        return false;
    if (!loader->swept)
        loader->swept =
            slc_load_sweep(loader->redis, loader->options.config, true, ret_swept, error);
    return loader->swept;
}

static bool is_cancelled(const struct work *work)
{
    return work->attempt->cancel && atomic_load(work->attempt->cancel);
}

/* False when the load was stopped meanwhile. */
static bool pause_ms(const struct work *work, int64_t milliseconds)
{
    for (; milliseconds > 0; milliseconds -= 20) {
        struct timespec nap = {.tv_nsec = 20 * 1000000};

        if (is_cancelled(work))
            return false;
        nanosleep(&nap, NULL);
    }
    return !is_cancelled(work);
}

/* Connect, trying ever more rarely until redis.patience is used up. */
static bool connect_patiently(struct work *work, struct slc_error *error)
{
    double patience = slc_config_seconds(work->loader->options.config, "redis.patience");
    int64_t deadline = slc_monotonic_usec() + (int64_t)(patience * 1e6), wait_ms = 50;

    for (;;) {
        struct slc_error why = {0};

        if (slc_ticket_loader_connect(work->loader, NULL, &why))
            return true;
        if (why.class != SLC_CLASS_RETRY || slc_monotonic_usec() > deadline) {
            *error = why;
            return false;
        }
        if (work->attempt->progress)
            work->attempt->progress->stage = SLC_STAGE_WAITING;
        if (!pause_ms(work, wait_ms))
            return slc_fail(error, SLC_ERR_CANCELLED, "the load was stopped");
        wait_ms = wait_ms * 2 > 2000 ? 2000 : wait_ms * 2;
    }
}

static void note_ticket(struct slc_ticket_report *report, const struct slc_ticket *ticket)
{
    struct slc_str stamp = slc_ticket_load_dttm(ticket);

    report->status = slc_ticket_status(ticket);
    snprintf(report->load_dttm, sizeof(report->load_dttm), "%.*s", SLC_STR_ARG(stamp));
}

/* Bring the ticket up to date; what goes wrong with that is reported apart. */
static void change_ticket(struct work *work, const struct slc_ticket_change *change)
{
    struct slc_ticket_report *report = work->report;
    SLC_AUTO_TICKET struct slc_ticket *now = NULL;
    enum slc_rewrite rewrite;

    if (work->attempt->may_end && !work->attempt->may_end(work->attempt->end_state)) {
        slc_fail(&report->ticket_error, SLC_ERR_CONFLICT,
                 "another worker has taken this load over; the ticket is left to it");
        return;
    }
    if (!slc_inbox_change(work->loader->options.inbox, work->loader->redis,
                          work->attempt->ticket_name, work->on_disk, change, &rewrite, &now,
                          &report->ticket_error))
        return;
    if (now)
        note_ticket(report, now);
    if (rewrite == SLC_REWRITE_REPLACED)
        slc_fail(&report->ticket_error, SLC_ERR_CONFLICT,
                 "the ticket was changed while it was worked on; it is left as it is now, %s",
                 slc_ticket_status_name(report->status));
    else if (rewrite == SLC_REWRITE_VANISHED)
        slc_fail(&report->ticket_error, SLC_ERR_NOT_FOUND,
                 "the ticket was removed while it was worked on");
}

/* The ticket is the one that the load was asked for. */
static bool is_that_version(const struct work *work)
{
    char version[SLC_JOB_VERSION_BYTES];

    slc_ticket_version(work->on_disk, version);
    return work->attempt->version && strcmp(version, work->attempt->version) == 0;
}

/* A state that asks for a load. */
static bool asks_for_load(const struct work *work, const struct slc_ticket *counts)
{
    enum slc_ticket_status next, status = slc_ticket_status(counts);

    return slc_ticket_next_status(status, SLC_TICKET_LOAD, work->attempt->force, &next) ||
           (work->attempt->accept_ready && status == SLC_TICKET_READY);
}

/* The ticket is still to be read, is it gone, or does its state not ask for a
 * load? False: the report says which. */
static bool read_ticket(struct work *work)
{
    struct slc_ticket_report *report = work->report;

    if (!slc_inbox_read(work->loader->options.inbox, work->loader->redis,
                        work->attempt->ticket_name, &work->on_disk, &work->overlaid,
                        &report->error)) {
        bool gone = report->error.code == SLC_ERR_NOT_FOUND;

        report->outcome = work->attempt->elsewhere ? SLC_TICKET_OUTCOME_PASS
                          : gone                   ? SLC_TICKET_OUTCOME_SKIPPED
                                                   : SLC_TICKET_OUTCOME_FAILED;
        return false;
    }
    if (work->attempt->elsewhere && !is_that_version(work)) {
        report->outcome = SLC_TICKET_OUTCOME_PASS;
        return false;
    }
    return true;
}

static bool may_be_loaded(struct work *work)
{
    struct slc_ticket_report *report = work->report;
    const struct slc_ticket *counts = work->overlaid ? work->overlaid : work->on_disk;

    note_ticket(report, counts);
    if (work->attempt->fault) {
        report->error = *work->attempt->fault;
        return false;
    }
    if (!asks_for_load(work, counts)) {
        report->outcome = SLC_TICKET_OUTCOME_SKIPPED;
        return false;
    }
    return true;
}

static bool find_replica(struct work *work, struct slc_error *error)
{
    struct slc_str file_name = slc_ticket_file_name(work->on_disk);
    size_t path_bytes;

    if (!slc_replica_name_of_file(file_name, &work->replica, error) ||
        !slc_store_check_name(work->replica, slc_inbox_registry_key(work->loader->options.inbox),
                              error))
        return false;
    path_bytes = strlen(slc_inbox_path(work->loader->options.inbox)) + file_name.len + 2;
    work->path = malloc(path_bytes);
    if (!work->path)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to load %.*s", SLC_STR_ARG(file_name));
    snprintf(work->path, path_bytes, "%s/%.*s", slc_inbox_path(work->loader->options.inbox),
             SLC_STR_ARG(file_name));
    return true;
}

/* Open the data file and see whether it is whole. WAIT is an outcome, not an
 * error. */
static bool open_settled(struct work *work, struct slc_error *error)
{
    struct slc_ticket_try *attempt = work->attempt;
    int64_t settle_ms = slc_config_int(work->loader->options.config, "source.settle_ms");
    int64_t size = slc_ticket_size_bytes(work->on_disk), now = slc_monotonic_usec();
    struct stat status;

    if (!slc_stream_open_data(slc_inbox_dir_stream(work->dir), slc_ticket_file_name(work->on_disk),
                              &work->fd, &status, error))
        return false;
    if (attempt->first_usec == 0)
        attempt->first_usec = now;
    if (size >= 0 && status.st_size == size)
        return true; /* it is what its ticket announced */
    work->report->wait_ms =
        slc_settle_wait_ms(&attempt->settle, &status, now, slc_now_usec(), settle_ms);
    if (work->report->wait_ms > 0) {
        if (now - attempt->first_usec > SLC_SETTLE_PATIENCE_SEC * SLC_USEC_PER_SEC)
            return slc_fail(error, SLC_ERR_CHANGED,
                            "the file has been growing for %d seconds and is not read until it "
                            "rests",
                            SLC_SETTLE_PATIENCE_SEC);
        work->report->outcome = SLC_TICKET_OUTCOME_WAIT;
        return true;
    }
    if (size >= 0)
        return slc_fail(error, SLC_ERR_CHANGED,
                        "the file has %lld bytes, its ticket says %lld: it is not whole, or the "
                        "ticket is of another file; copy it again or correct the ticket's \"size\"",
                        (long long)status.st_size, (long long)size);
    return true;
}

/* `sheet` beside the options is the older way to say reader.sheet. */
static bool apply_sheet(struct slc_config *config, const struct slc_ticket *ticket,
                        struct slc_error *error)
{
    struct slc_str sheet = slc_ticket_sheet(ticket);

    return sheet.len == 0 ||
           slc_config_set_value(config, "reader.sheet", sheet, "the ticket's sheet", error);
}

/* So that who looks at the directory meanwhile sees that it was noticed. Small
 * files are loaded in the time that this takes. */
static bool register_first(struct work *work, struct slc_error *error)
{
    struct slc_ticket_change change = {.status = SLC_TICKET_REGISTERED};
    struct slc_str key = slc_inbox_registry_key(work->loader->options.inbox);
    enum slc_rewrite rewrite;
    struct stat status;

    if (work->report->status != SLC_TICKET_READY || fstat(work->fd, &status) != 0 ||
        status.st_size < REGISTER_FIRST_BYTES)
        return true;
    if (!slc_store_register(work->loader->redis, key, work->replica, error) ||
        !slc_inbox_change(work->loader->options.inbox, work->loader->redis,
                          work->attempt->ticket_name, work->on_disk, &change, &rewrite, NULL,
                          error))
        return false;
    if (rewrite == SLC_REWRITE_DONE || rewrite == SLC_REWRITE_READ_ONLY)
        work->report->status = SLC_TICKET_REGISTERED;
    return true;
}

static bool run_load(struct work *work, struct slc_error *error)
{
    SLC_AUTO_CONFIG struct slc_config *config = slc_config_clone(work->loader->options.config);
    SLC_AUTO_BUF struct slc_buf rejects = {0};
    struct slc_load_job job = {
        .replica = work->replica,
        .path = work->path,
        .index_column = slc_ticket_prim_index(work->on_disk),
        .expected_sha256 = slc_ticket_sha256(work->on_disk),
        .config = config,
        .redis = work->loader->redis,
        .rejects_dir_fd = slc_stream_dir_fd(slc_inbox_dir_stream(work->dir)),
        .load_dttm = work->stamp,
        .load_id = work->attempt->load_id,
        .cancel = work->attempt->cancel,
        .progress = work->attempt->progress,
    };

    if (!config)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the options of %s", work->path);
    if (!apply_sheet(config, work->on_disk, error) ||
        !slc_config_apply_ticket(config, slc_ticket_options(work->on_disk), error) ||
        !slc_stream_rejects_name(work->attempt->ticket_name, &rejects, error))
        return false;
    job.rejects_name = slc_buf_text(&rejects);
    if (!job.rejects_name)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to load %s", work->path);
    job.fd = work->fd;
    work->fd = -1; /* the load closes it */
    return slc_load_run(&job, &work->report->result, error);
}

/* False: failed, and `error` says why; true: see the report's outcome. */
static bool load_file(struct work *work, struct slc_error *error)
{
    struct slc_ticket_change change = {.status = SLC_TICKET_PROCESSED, .load_dttm = work->stamp};

    if (!find_replica(work, error) || !open_settled(work, error))
        return false;
    if (work->report->outcome == SLC_TICKET_OUTCOME_WAIT)
        return true;
    slc_stamp_now(work->stamp);
    if (!register_first(work, error) || !run_load(work, error))
        return false;
    work->report->outcome = SLC_TICKET_OUTCOME_LOADED;
    work->report->status = SLC_TICKET_PROCESSED;
    snprintf(work->report->load_dttm, sizeof(work->report->load_dttm), "%s", work->stamp);
    change_ticket(work, &change);
    return true;
}

/* ---- What an earlier attempt has done ------------------------------------- */

static bool is_listed(const char *ids, struct slc_str id)
{
    return id.len == SLC_LOAD_ID_BYTES - 1 && memmem(ids, strlen(ids), id.data, id.len) != NULL;
}

static int64_t meta_number(const struct slc_meta *meta, const char *field)
{
    struct slc_str text = slc_meta_get(meta, field);
    int64_t number = 0;

    (void)slc_parse_int64(text.data ? text.data : "", text.len, &number);
    return number;
}

static void report_meta(struct work *work, const struct slc_meta *meta)
{
    struct slc_load_result *result = &work->report->result;

    snprintf(result->load_id, sizeof(result->load_id), "%.*s",
             SLC_STR_ARG(slc_meta_get(meta, "LOAD_ID")));
    result->rows_read = meta_number(meta, "ROWS_READ");
    result->rows_written = meta_number(meta, "ROWS_WRITTEN");
    result->rows_rejected = meta_number(meta, "ROWS_REJECTED");
    result->duplicate_keys = meta_number(meta, "DUPLICATE_KEYS");
    snprintf(work->stamp, sizeof(work->stamp), "%.*s",
             SLC_STR_ARG(slc_meta_get(meta, "LOAD_DTTM")));
    work->report->outcome = SLC_TICKET_OUTCOME_LOADED;
    work->report->status = SLC_TICKET_PROCESSED;
    snprintf(work->report->load_dttm, sizeof(work->report->load_dttm), "%s", work->stamp);
}

/* The rows of an attempt whose worker died behind its commit are in place: only
 * the ticket is to be brought up to date, unless that was done, too. True: see the report. */
static bool adopt(struct work *work)
{
    static const char *const wanted[] = {"LOAD_ID",      "LOAD_DTTM",     "ROWS_READ",
                                         "ROWS_WRITTEN", "ROWS_REJECTED", "DUPLICATE_KEYS"};
    struct slc_ticket_change change = {.status = SLC_TICKET_PROCESSED, .load_dttm = work->stamp};
    SLC_CLEANUP(slc_meta_release) struct slc_meta meta = {0};
    struct slc_str replica;
    bool marked;

    if (!work->attempt->earlier || !work->attempt->earlier[0] || !work->attempt->version ||
        !slc_replica_name_of_file(slc_ticket_file_name(work->on_disk), &replica, NULL) ||
        !slc_store_meta(work->loader->redis, replica, wanted, sizeof(wanted) / sizeof(wanted[0]),
                        &meta, NULL) ||
        !is_listed(work->attempt->earlier, slc_meta_get(&meta, "LOAD_ID")))
        return false;
    marked = slc_ticket_status(work->on_disk) == SLC_TICKET_PROCESSED &&
             slc_str_eq(slc_ticket_load_dttm(work->on_disk), slc_meta_get(&meta, "LOAD_DTTM"));
    if (!marked && !is_that_version(work))
        return false; /* another ticket is in its place by now */
    report_meta(work, &meta);
    if (!marked)
        change_ticket(work, &change);
    return true;
}

/* The peer or the file may be back at another time: a mount that was lost, a
 * disk that is full. What will not pass by itself is of class FATAL. */
static bool may_pass(const struct slc_error *error)
{
    return error->class == SLC_CLASS_RETRY || error->code == SLC_ERR_MEMORY ||
           error->code == SLC_ERR_AUTH ||
           (error->code == SLC_ERR_IO && error->class != SLC_CLASS_FATAL);
}

/* Say in the ticket why it failed, unless it may go well at another time. */
static void mark_failed(struct work *work)
{
    struct slc_ticket_change change = {.status = SLC_TICKET_FAILED, .fault = &work->report->error};

    if (may_pass(&work->report->error))
        return;
    change_ticket(work, &change);
    if (work->report->ticket_error.code == SLC_ERR_NONE)
        work->report->status = SLC_TICKET_FAILED;
}

static void attempt_ticket(struct work *work)
{
    struct slc_ticket_report *report = work->report;

    report->outcome = SLC_TICKET_OUTCOME_FAILED;
    if (is_cancelled(work)) {
        slc_fail(&report->error, SLC_ERR_CANCELLED, "the load was stopped");
        return;
    }
    if (!connect_patiently(work, &report->error))
        return;
    if (read_ticket(work)) {
        if (adopt(work))
            return;
        if (may_be_loaded(work)) {
            work->dir = slc_inbox_take(work->loader->options.inbox, &report->error);
            if (work->dir && load_file(work, &report->error))
                return;
        }
    } else if (work->attempt->fault && report->outcome == SLC_TICKET_OUTCOME_FAILED) {
        report->error = *work->attempt->fault; /* the reason that was found first */
    }
    if (report->outcome == SLC_TICKET_OUTCOME_FAILED)
        mark_failed(work);
}

void slc_ticket_load(struct slc_ticket_loader *loader, struct slc_ticket_try *attempt,
                     struct slc_ticket_report *report)
{
    struct work work = {.loader = loader, .attempt = attempt, .report = report, .fd = -1};

    memset(report, 0, sizeof(*report));
    /* Its rows and its lease of the replica are in the way. */
    if (attempt->earlier && attempt->earlier[0])
        loader->swept = false;
    attempt_ticket(&work);
    /* A load that lost its Redis could not clean up behind itself. */
    if (report->outcome == SLC_TICKET_OUTCOME_FAILED && report->error.class == SLC_CLASS_RETRY)
        loader->swept = false;
    if (work.fd >= 0)
        close(work.fd);
    slc_inbox_give(loader->options.inbox, work.dir);
    slc_ticket_free(work.overlaid);
    slc_ticket_free(work.on_disk);
    free(work.path);
}
