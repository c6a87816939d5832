#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "cli/cli.h"
#include "cli/input.h"
#include "cli/progress.h"
#include "cli/redis_access.h"
#include "cli/stop.h"
#include "cli/text.h"
#include "load/load.h"
#include "report/show.h"
#include "source/names.h"

static const struct slc_flag flags[] = {
    {.name = "index", .value = "COL", .help = "the column whose values become the row keys"},
    {.name = "name", .value = "NAME", .help = "the replica's name instead of the file's"},
    {.name = "plan", .value = "FILE", .help = "apply this plan, as it is, instead of fitting one"},
    {.name = "dry-run", .help = "read, check and transform all of it, write nothing"},
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG,
    {0},
};

/* `rejects`: the file of rejected rows, NULL when there is none. */
static void describe(struct slc_buf *out, struct slc_str replica, const struct slc_load_result *r,
                     const char *rejects, bool dry_run)
{
    slc_text_clip(out, replica, 200);
    slc_buf_append_text(out, dry_run ? ": would write " : ": ");
    slc_show_count(out, r->rows_written);
    slc_buf_append_text(out, dry_run ? " rows x " : " rows written x ");
    slc_show_count(out, r->n_columns);
    slc_buf_append_text(out, " columns");
    if (r->rows_rejected) {
        slc_buf_append_text(out, ", ");
        slc_show_count(out, r->rows_rejected);
        slc_buf_append_text(out, " rejected");
        if (rejects) {
            slc_buf_append_text(out, " (see ");
            slc_text_safe(out, slc_str_from(rejects));
            slc_buf_append_byte(out, ')');
        }
    }
    if (r->duplicate_keys) {
        slc_buf_append_text(out, ", ");
        slc_show_count(out, r->duplicate_keys);
        slc_buf_append_text(out, " with a key that came again");
    }
    slc_buf_printf(out, ", %.2f s (", r->seconds);
    slc_show_count(out, r->seconds > 0 ? (int64_t)((double)r->rows_read / r->seconds) : 0);
    slc_buf_append_text(out, " rows/s), ");
    slc_show_bytes(out, r->memory_before_bytes);
    slc_buf_append_text(out, " -> ");
    slc_show_bytes(out, r->memory_after_bytes);
    slc_buf_append_text(out, " as columns");
}

/* One line in a pipe, as many as it takes on a terminal. */
static void print_lines(struct slc_buf *out, const struct slc_buf *text)
{
    if (slc_cli_stdout_is_terminal())
        slc_text_wrap(out, slc_buf_view(text), 0, 2, slc_cli_columns());
    else
        slc_buf_append_str(out, slc_buf_view(text));
    slc_buf_append_byte(out, '\n');
    out->failed |= text->failed;
}

/* null: there was nothing to compare with. */
static void drift_json(struct slc_buf *out, const struct slc_drift *drift)
{
    slc_json_key(out, "drift");
    if (!drift->is_compared) {
        slc_buf_append_text(out, "null");
        return;
    }
    slc_buf_printf(out, "{\"findings\":%" PRId64 ",\"sentences\":[", drift->n_findings);
    for (int i = 0; i < drift->n_sentences; i++) {
        slc_json_comma(out);
        slc_json_text(out, drift->sentences[i]);
    }
    slc_buf_append_text(out, "]}");
}

static void describe_json(struct slc_buf *out, struct slc_str replica, const char *path,
                          const struct slc_load_result *r, bool dry_run)
{
    slc_buf_append_text(out, "{\"replica\":");
    slc_json_string(out, replica);
    slc_json_key(out, "file");
    slc_text_json(out, slc_str_from(path));
    slc_buf_printf(out,
                   ",\"status\":\"%s\",\"rows_read\":%" PRId64 ",\"rows_written\":%" PRId64
                   ",\"rows_rejected\":%" PRId64 ",\"duplicate_keys\":%" PRId64
                   ",\"columns\":%" PRId64 ",\"memory_before_bytes\":%" PRId64
                   ",\"memory_after_bytes\":%" PRId64 ",\"size_bytes\":%" PRId64,
                   dry_run ? "CHECKED" : "PROCESSED", r->rows_read, r->rows_written,
                   r->rows_rejected, r->duplicate_keys, r->n_columns, r->memory_before_bytes,
                   r->memory_after_bytes, r->size_bytes);
    slc_json_key(out, "seconds");
    slc_buf_printf(out, "%.6f", r->seconds);
    slc_json_key(out, "survey_seconds");
    slc_buf_printf(out, "%.6f", r->survey_seconds);
    slc_json_key(out, "delivery_seconds");
    slc_buf_printf(out, "%.6f", r->delivery_seconds);
    slc_json_member_text(out, "load_id", r->load_id);
    slc_json_member_text(out, "sha256", r->sha256);
    drift_json(out, &r->drift);
    slc_buf_append_text(out, "}\n");
}

/* What changed since the replica's last load, a line each. */
static void describe_drift(struct slc_buf *out, const struct slc_drift *drift)
{
    for (int i = 0; i < drift->n_sentences; i++) {
        SLC_AUTO_BUF struct slc_buf text = {0};

        slc_buf_append_text(&text, i == 0 ? "  changed: " : "           ");
        slc_text_safe(&text, slc_str_from(drift->sentences[i]));
        print_lines(out, &text);
    }
    if (drift->n_findings > drift->n_sentences) {
        slc_buf_append_text(out, "           and ");
        slc_show_count(out, drift->n_findings - drift->n_sentences);
        slc_buf_append_text(out, " more, see DRIFT in the metadata\n");
    }
}

/* The folder of a path, opened; its base name. */
static int open_folder(const char *path, struct slc_str *ret_base)
{
    char folder[PATH_MAX];
    size_t len;

    *ret_base = slc_path_base(slc_str_from(path));
    len = strlen(path) - ret_base->len;
    if (len >= sizeof(folder))
        return -1;
    memcpy(folder, path, len);
    folder[len] = '\0';
    return open(len ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* What all files of one call are loaded with. */
struct batch {
    const struct slc_args *args;
    const struct slc_config *config;
    struct slc_redis *redis;              /* NULL: a dry run */
    const struct slc_plan_document *plan; /* NULL: one is fitted for each file */
};

static void warn(const struct slc_error *warning, const char *what)
{
    if (warning->code != SLC_ERR_NONE)
        fprintf(stderr, "sluice: %s%s\n", what, warning->message);
}

/* The replica's name, before anything is read. */
static bool choose_name(const struct slc_args *args, const char *operand, struct slc_str base,
                        struct slc_str *ret_name, struct slc_error *error)
{
    const char *name = slc_args_value(args, "name");

    if (name) {
        *ret_name = slc_str_from(name);
        return slc_replica_name_check(*ret_name, error);
    }
    if (!slc_cli_input_has_name(operand))
        return slc_fail(
            error, SLC_ERR_USAGE,
            "what is piped in has no name of its own; give the replica one with --name");
    return slc_replica_name_of_file(base, ret_name, error);
}

static bool load_file(const struct batch *batch, const char *path, struct slc_buf *out,
                      struct slc_error *error)
{
    const char *index = slc_args_value(batch->args, "index");
    struct slc_redis *redis = batch->redis;
    struct slc_load_progress progress = {0};
    struct slc_progress_bar *bar;
    struct slc_load_result result;
    struct slc_str base, replica;
    char stamp[SLC_STAMP_BYTES], rejects[NAME_MAX + 1], *name = NULL;
    SLC_AUTO_CLOSE int folder = open_folder(path, &base);
    struct slc_load_job job = {
        .index_column = slc_str_from(index ? index : ""),
        .config = batch->config,
        .plan = batch->plan,
        .redis = redis,
        .rejects_dir_fd = folder,
        .load_dttm = stamp,
        .cancel = slc_stop_flag(),
        .progress = &progress,
    };
    struct slc_cli_input input;
    bool good;

    if (!choose_name(batch->args, path, base, &replica, error) ||
        !slc_cli_open_input(path, batch->config, &input, error))
        return false;
    job.fd = input.fd;
    job.path = input.shown;
    slc_stamp_now(stamp);
    if (redis && folder >= 0 &&
        (size_t)snprintf(rejects, sizeof(rejects), "%.*s.rejects.csv", SLC_STR_ARG(replica)) <
            sizeof(rejects))
        job.rejects_name = rejects;
    job.replica = replica;
    name = slc_str_dup(replica);
    bar = slc_progress_bar_start(name ? name : "", &progress, false);
    good = slc_load_run(&job, &result, error);
    slc_progress_bar_stop(bar);
    free(name);
    if (!good)
        return false;
    if (slc_args_has(batch->args, "json")) {
        describe_json(out, replica, path, &result, !redis);
    } else {
        SLC_AUTO_BUF struct slc_buf text = {0};

        describe(&text, replica, &result,
                 result.rejects_error.code == SLC_ERR_NONE ? job.rejects_name : NULL, !redis);
        print_lines(out, &text);
        describe_drift(out, &result.drift);
    }
    warn(&result.plan_warning, "");
    warn(&result.replicas_warning, "");
    warn(&result.rejects_error, "the rejected rows could not be written down: ");
    return true;
}

static int load_all(const struct batch *batch)
{
    const struct slc_args *args = batch->args;
    int status = 0;

    for (size_t i = 0; i < args->operand_count && !*slc_stop_flag(); i++) {
        SLC_AUTO_BUF struct slc_buf out = {0};
        struct slc_error error = {0};
        int printed;

        if (!load_file(batch, args->operands[i], &out, &error)) {
            int failed;

            slc_error_locate(&error, slc_cli_input_shown(args->operands[i]), 0,
                             (struct slc_str){0});
            failed = slc_cli_fail(&error);
            if (status == 0)
                status = failed;
            /* Without Redis or with a wrong option the other files fare no better. */
            if (error.class == SLC_CLASS_FATAL || failed == 3)
                break;
            continue;
        }
        printed = slc_cli_print(&out);
        if (status == 0)
            status = printed;
    }
    return slc_stop_status(status);
}

/* The plan of --plan, read before anything else is begun. */
static bool read_plan(const char *path, struct slc_plan_document *ret_plan, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    if (slc_file_read(AT_FDCWD, path, SLC_PLAN_DOCUMENT_MAX_BYTES, &text, error) &&
        slc_plan_document_parse(slc_buf_view(&text), ret_plan, error))
        return true;
    slc_error_locate(error, path, 0, (struct slc_str){0});
    return false;
}

static int load_batch(struct batch *batch)
{
    SLC_AUTO_REDIS_ACCESS struct slc_redis_access access = {0};
    struct slc_error error = {0};

    if (slc_args_has(batch->args, "dry-run")) {
        slc_stop_catch();
        return load_all(batch);
    }
    if (!slc_redis_access_open(batch->config, &access, &error))
        return slc_cli_fail(&error);
    /* What may pass (a Redis that still loads its data) is waited for by the load. */
    if (!slc_load_sweep(access.redis, batch->config, true, NULL, &error) &&
        error.class != SLC_CLASS_RETRY)
        return slc_cli_fail(&error);
    slc_stop_catch();
    batch->redis = access.redis;
    return load_all(batch);
}

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    const char *plan_path = slc_args_value(args, "plan");
    struct slc_plan_document plan = {0};
    struct batch batch = {.args = args, .plan = plan_path ? &plan : NULL};
    struct slc_error error = {0};
    int status;

    if (slc_args_has(args, "name") && args->operand_count > 1) {
        slc_fail(&error, SLC_ERR_USAGE, "--name is for one file; %zu were given",
                 args->operand_count);
        return slc_cli_fail(&error);
    }
    if (!slc_cli_config(args, &config, &error) ||
        (plan_path && !read_plan(plan_path, &plan, &error)))
        return slc_cli_fail(&error);
    batch.config = config;
    status = load_batch(&batch);
    slc_plan_document_release(&plan);
    return status;
}

const struct slc_command slc_cmd_load = {
    .name = "load",
    .args = "FILE... [OPTION...]",
    .summary = "Load files into Redis, each as a replica named after its file",
    .help = "A file is read twice: once to learn the types and statistics of its\n"
            "columns, once to transform and write its rows. The new rows take the\n"
            "old ones' place in one step, when all of them are there. Rows that\n"
            "cannot be taken are counted and written to NAME.rejects.csv beside the\n"
            "file.\n"
            "\n"
            "- is standard input, whatever is piped in, and wants a --name. It is kept\n"
            "in a file without a name until it is loaded (reader.spool_dir); rows that cannot\n"
            "be taken go to NAME.rejects.csv in the current folder. The shell's pipefail\n"
            "tells of a program before the pipe that failed; the load cannot.\n"
            "\n"
            "With --plan (written by sluice profile --plan-out) the columns are filled\n"
            "and scaled as that plan says, whatever is in this file, so that new rows\n"
            "compare with old ones; the options under prep.* take no part. A file that\n"
            "the plan does not fit is refused. What changed since the replica's last\n"
            "load is said below the counts.\n"
            "\n"
            "Without redis.url a private redis-server under the state directory is\n"
            "used, and stopped at the end unless it was running before.",
    .example = "sluice load users.csv --index id --redis redis://127.0.0.1:6379/0\n"
               "sluice load *.csv --set prep.scale=standard\n"
               "sluice load users.csv --plan plan.json\n"
               "zcat users-*.csv.gz | sluice load - --name users --index id\n"
               "sluice load users.csv --dry-run --json",
    .flags = flags,
    .min_operands = 1,
    .max_operands = SLC_ANY_OPERANDS,
    .run = run,
};
