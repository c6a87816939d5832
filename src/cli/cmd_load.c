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
#include "cli/progress.h"
#include "cli/redis_access.h"
#include "cli/stop.h"
#include "cli/text.h"
#include "load/load.h"
#include "source/names.h"

static const struct slc_flag flags[] = {
    {.name = "index", .value = "COL", .help = "the column whose values become the row keys"},
    {.name = "dry-run", .help = "read, check and transform all of it, write nothing"},
    SLC_FLAG_JSON,
    SLC_FLAGS_CONFIG,
    {0},
};

static void describe(struct slc_buf *out, struct slc_str replica, const struct slc_load_result *r,
                     bool dry_run)
{
    slc_text_clip(out, replica, 200);
    slc_buf_append_text(out, dry_run ? ": would write " : ": ");
    slc_text_count(out, r->rows_written);
    slc_buf_append_text(out, dry_run ? " rows x " : " rows written x ");
    slc_text_count(out, r->n_columns);
    slc_buf_append_text(out, " columns");
    if (r->rows_rejected) {
        slc_buf_append_text(out, ", ");
        slc_text_count(out, r->rows_rejected);
        slc_buf_append_text(out, " rejected");
    }
    if (r->duplicate_keys) {
        slc_buf_append_text(out, ", ");
        slc_text_count(out, r->duplicate_keys);
        slc_buf_append_text(out, " with a key that came again");
    }
    slc_buf_printf(out, ", %.2f s (", r->seconds);
    slc_text_count(out, r->seconds > 0 ? (int64_t)((double)r->rows_read / r->seconds) : 0);
    slc_buf_append_text(out, " rows/s), ");
    slc_text_bytes(out, r->memory_before_bytes);
    slc_buf_append_text(out, " -> ");
    slc_text_bytes(out, r->memory_after_bytes);
    slc_buf_append_text(out, " as columns\n");
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
    slc_json_key(out, "load_id");
    slc_json_text(out, r->load_id);
    slc_json_key(out, "sha256");
    slc_json_text(out, r->sha256);
    slc_buf_append_text(out, "}\n");
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

static bool load_file(const struct slc_args *args, const struct slc_config *config,
                      struct slc_redis *redis, const char *path, struct slc_buf *out,
                      struct slc_error *error)
{
    const char *index = slc_args_value(args, "index");
    struct slc_load_progress progress = {0};
    struct slc_progress_bar *bar;
    struct slc_load_result result;
    struct slc_str base, replica;
    char stamp[SLC_STAMP_BYTES], rejects[NAME_MAX + 1], *name = NULL;
    SLC_AUTO_CLOSE int folder = open_folder(path, &base);
    struct slc_load_job job = {
        .path = path,
        .index_column = slc_str_from(index ? index : ""),
        .config = config,
        .redis = redis,
        .rejects_dir_fd = folder,
        .load_dttm = stamp,
        .cancel = slc_stop_flag(),
        .progress = &progress,
    };
    bool good;

    if (!slc_replica_name_of_file(base, &replica, error))
        return false;
    job.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (job.fd < 0)
        return slc_fail_errno(error, errno, "cannot open it");
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
    if (slc_args_has(args, "json"))
        describe_json(out, replica, path, &result, !redis);
    else
        describe(out, replica, &result, !redis);
    if (result.rejects_error.code != SLC_ERR_NONE)
        fprintf(stderr, "sluice: the rejected rows could not be written down: %s\n",
                result.rejects_error.message);
    return true;
}

static int load_all(const struct slc_args *args, const struct slc_config *config,
                    struct slc_redis *redis)
{
    int status = 0;

    for (size_t i = 0; i < args->operand_count && !*slc_stop_flag(); i++) {
        SLC_AUTO_BUF struct slc_buf out = {0};
        struct slc_error error = {0};
        int printed;

        if (!load_file(args, config, redis, args->operands[i], &out, &error)) {
            int failed;

            slc_error_locate(&error, args->operands[i], 0, (struct slc_str){0});
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

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_REDIS_ACCESS struct slc_redis_access access = {0};
    struct slc_error error = {0};

    if (!slc_cli_config(args, &config, &error))
        return slc_cli_fail(&error);
    if (slc_args_has(args, "dry-run")) {
        slc_stop_catch();
        return load_all(args, config, NULL);
    }
    if (!slc_redis_access_open(config, &access, &error) ||
        !slc_load_sweep(access.redis, config, NULL, &error))
        return slc_cli_fail(&error);
    slc_stop_catch();
    return load_all(args, config, access.redis);
}

const struct slc_command slc_cmd_load = {
    .name = "load",
    .args = "FILE... [OPTION...]",
    .summary = "Load table files into Redis, each as a replica named after its file",
    .help = "A file is read twice: once to learn the types and statistics of its\n"
            "columns, once to transform and write its rows. The new rows take the\n"
            "old ones' place in one step, when all of them are there. Rows that\n"
            "cannot be taken are counted and written to NAME.rejects.csv beside the\n"
            "file.\n"
            "\n"
            "Without redis.url a private redis-server under the state directory is\n"
            "used, and stopped at the end unless it was running before.",
    .example = "sluice load users.csv --index id --redis redis://127.0.0.1:6379/0\n"
               "sluice load *.csv --set prep.scale=standard\n"
               "sluice load users.csv --dry-run --json",
    .flags = flags,
    .min_operands = 1,
    .max_operands = SLC_ANY_OPERANDS,
    .run = run,
};
