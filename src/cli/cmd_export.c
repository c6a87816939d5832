/* sluice export: a replica as a file again. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/redis_access.h"
#include "cli/stop.h"
#include "store/export.h"

enum { BATCH_ROWS = 10000, BATCH_BYTES = 4 << 20, MOST_ATTEMPTS = 16 };

static const struct slc_flag flags[] = {
    {.name = "format",
     .value = "csv|jsonl",
     .help = "what to write (default: by FILE's name, csv)"},
    {.name = "output",
     .letter = 'o',
     .value = "FILE",
     .help = "where to (default standard output)"},
    SLC_FLAGS_CONFIG,
    {0},
};

/* Where the text goes: standard output, a device or FIFO that the user names, or
 * a file beside FILE that takes its place when it is whole. */
struct sink {
    const char *path;     /* NULL: standard output */
    char *temporary_path; /* owned; NULL: what is written has left */
    int fd;
    bool written;     /* what has left cannot be taken back */
    bool reader_gone; /* EPIPE */
};

static bool sink_open(struct sink *sink, const char *path, struct slc_error *error)
{
    static const char tail[] = ".XXXXXX";
    size_t len;

    sink->path = path;
    sink->fd = STDOUT_FILENO;
    if (!path)
        return true;
    if (slc_file_is_special(path)) {
        sink->fd = open(path, O_WRONLY | O_CLOEXEC);
        if (sink->fd >= 0)
            return true;
        slc_fail_errno(error, errno, "cannot write there");
        slc_error_locate(error, path, 0, (struct slc_str){0});
        return false;
    }
    len = strlen(path);
    sink->temporary_path = malloc(len + sizeof(tail));
    if (!sink->temporary_path)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the export");
    memcpy(sink->temporary_path, path, len);
    memcpy(sink->temporary_path + len, tail, sizeof(tail));
    sink->fd = mkostemp(sink->temporary_path, O_CLOEXEC);
    if (sink->fd >= 0)
        return true;
    slc_fail_errno(error, errno, "cannot write there");
    slc_error_locate(error, path, 0, (struct slc_str){0});
    free(sink->temporary_path);
    sink->temporary_path = NULL;
    return false;
}

static bool sink_write(struct sink *sink, const struct slc_buf *bytes, struct slc_error *error)
{
    errno = 0;
    if (slc_write_all(sink->fd, bytes->data, bytes->len, error)) {
        sink->written = sink->written || (!sink->temporary_path && bytes->len > 0);
        return true;
    }
    sink->reader_gone = !sink->temporary_path && errno == EPIPE;
    slc_error_locate(error, sink->path ? sink->path : "standard output", 0, (struct slc_str){0});
    return false;
}

/* Forget what was written, to begin again. */
static bool sink_restart(struct sink *sink, struct slc_error *error)
{
    if (!sink->temporary_path || (ftruncate(sink->fd, 0) == 0 && lseek(sink->fd, 0, SEEK_SET) == 0))
        return true;
    slc_fail_errno(error, errno, "cannot write there");
    slc_error_locate(error, sink->path, 0, (struct slc_str){0});
    return false;
}

static bool sink_commit(struct sink *sink, struct slc_error *error)
{
    struct stat old;
    mode_t mode;

    if (!sink->temporary_path)
        return true;
    mode = stat(sink->path, &old) == 0 ? old.st_mode & 0777 : slc_cli_new_file_mode();
    if (fchmod(sink->fd, mode) == 0 && fsync(sink->fd) == 0 &&
        rename(sink->temporary_path, sink->path) == 0) {
        free(sink->temporary_path);
        sink->temporary_path = NULL;
        return true;
    }
    slc_fail_errno(error, errno, "cannot be written");
    slc_error_locate(error, sink->path, 0, (struct slc_str){0});
    return false;
}

static void sink_close(struct sink *sink)
{
    if (sink->temporary_path)
        (void)unlink(sink->temporary_path);
    if (sink->path && sink->fd >= 0)
        (void)close(sink->fd);
    free(sink->temporary_path);
}

/* All rows of the reader. */
static bool write_rows(struct slc_rows_reader *reader, struct slc_export *text, struct sink *sink,
                       struct slc_rows_batch *batch, struct slc_buf *out, struct slc_error *error)
{
    slc_buf_clear(out);
    slc_export_begin(text, out);
    do {
        if (atomic_load(slc_stop_flag()))
            return slc_fail(error, SLC_ERR_CANCELLED, "the export was stopped");
        if (!slc_rows_next(reader, BATCH_ROWS, BATCH_BYTES, batch, error))
            return false;
        for (int64_t i = 0; i < batch->n_rows; i++)
            if (!slc_export_row(text, slc_rows_batch_at(batch, i), out, error))
                return false;
        if (out->failed)
            return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the export");
        if (!sink_write(sink, out, error))
            return false;
        slc_buf_clear(out);
    } while (batch->n_rows > 0);
    return true;
}

/* One try. `*ret_again`: the replica was loaded anew before anything had left. */
static bool export_once(struct slc_redis *redis, struct slc_str name, enum slc_export_format format,
                        struct sink *sink, bool *ret_again, struct slc_error *error)
{
    SLC_AUTO_ROWS struct slc_rows_reader *reader = slc_rows_open(redis, name, SLC_STR(""), error);
    struct slc_rows_batch batch = {0};
    struct slc_export *text;
    SLC_AUTO_BUF struct slc_buf out = {0};
    bool good;

    *ret_again = false;
    if (!reader || !sink_restart(sink, error))
        return false;
    text = slc_export_new(format, slc_rows_meta(reader, "COLUMNS"),
                          slc_rows_meta(reader, "INDEX_COLUMN"), error);
    good = text && write_rows(reader, text, sink, &batch, &out, error);
    slc_export_free(text);
    slc_rows_batch_release(&batch);
    *ret_again = !good && slc_rows_changed(reader) && !sink->written;
    return good;
}

static bool export_to(struct slc_redis *redis, struct slc_str name, enum slc_export_format format,
                      struct sink *sink, struct slc_error *error)
{
    bool again = true, good = false;

    for (int i = 0; i < MOST_ATTEMPTS && again && !good; i++)
        good = export_once(redis, name, format, sink, &again, error);
    return good && sink_commit(sink, error);
}

static bool choose_format(const struct slc_args *args, enum slc_export_format *ret_format,
                          struct slc_error *error)
{
    const char *wanted = slc_args_value(args, "format");
    const char *path = slc_args_value(args, "output");
    const char *dot = path ? strrchr(path, '.') : NULL;

    if (!wanted)
        wanted =
            dot && (strcmp(dot, ".jsonl") == 0 || strcmp(dot, ".ndjson") == 0) ? "jsonl" : "csv";
    if (strcmp(wanted, "csv") != 0 && strcmp(wanted, "jsonl") != 0)
        return slc_fail(error, SLC_ERR_USAGE, "--format is csv or jsonl, not \"%.60s\"", wanted);
    *ret_format = *wanted == 'c' ? SLC_EXPORT_CSV : SLC_EXPORT_JSONL;
    return true;
}

static int run(const struct slc_args *args)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    SLC_AUTO_REDIS_ACCESS struct slc_redis_access access = {0};
    struct sink sink = {.fd = -1};
    enum slc_export_format format = SLC_EXPORT_CSV;
    struct slc_error error = {0};
    bool good;

    if (!choose_format(args, &format, &error) || !slc_cli_config(args, &config, &error) ||
        !slc_redis_access_open_reader(config, &access, &error) ||
        !sink_open(&sink, slc_args_value(args, "output"), &error))
        return slc_cli_fail(&error);
    slc_stop_catch();
    good = export_to(access.redis, slc_str_from(args->operands[0]), format, &sink, &error);
    sink_close(&sink);
    if (good || sink.reader_gone)
        return 0;
    return slc_stop_status(slc_cli_fail(&error));
}

const struct slc_command slc_cmd_export = {
    .name = "export",
    .args = "NAME [--format csv|jsonl] [--output FILE] [OPTION...]",
    .summary = "Write a replica's rows as CSV or as JSON lines",
    .help = "All rows of one load, in load order as far as it is known, as they are in Redis,\n"
            "whatever the layout. CSV has a header and the index column first; row keys that\n"
            "are ordinals are left out; an empty field is a missing value. FILE is replaced\n"
            "when it is whole. A replica that is loaded anew meanwhile is begun again, unless\n"
            "a part has left already: then the command fails.",
    .example = "sluice export sample_us_users > users.csv\n"
               "sluice export sample_us_users --output users.jsonl",
    .flags = flags,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
