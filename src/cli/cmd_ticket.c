/* sluice ticket: announce a data file. */
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "cli/cli.h"
#include "cli/text.h"
#include "load/settings.h"
#include "reader/reader.h"
#include "source/names.h"
#include "source/stream.h"
#include "source/ticket.h"

static const struct slc_flag flags[] = {
    {.name = "index", .value = "COL", .help = "the column whose values become the row keys"},
    {.name = "set", .value = "KEY=VALUE", .help = "an option for this file; may be repeated"},
    {.name = "force", .letter = 'f', .help = "replace a ticket that is there already"},
    SLC_FLAG_JSON,
    {0},
};

static void free_object(struct json_object **object)
{
    json_object_put(*object);
}

/* The --set values as the ticket's options; NULL when there are none. */
static bool make_options(const struct slc_args *args, struct json_object **ret_options,
                         struct slc_error *error)
{
    SLC_CLEANUP(free_object) struct json_object *options = NULL;
    const char *text;
    size_t at = 0;

    while ((text = slc_args_next(args, "set", &at))) {
        const char *equals = strchr(text, '=');
        struct slc_str key = {.data = text, .len = equals ? (size_t)(equals - text) : 0};
        SLC_AUTO_FREE char *name = slc_str_dup(slc_str_trim(key));
        struct json_object *value;

        if (!name)
            return slc_fail(error, SLC_ERR_MEMORY, "no memory for the options");
        if (!*name)
            return slc_fail(error, SLC_ERR_USAGE,
                            "--set wants KEY=VALUE, for instance --set prep.scale=none");
        if (!slc_utf8_is_valid(slc_str_from(text)))
            return slc_fail(error, SLC_ERR_USAGE, "--set %s: the value is no UTF-8", name);
        if (!options && !(options = json_object_new_object()))
            return slc_fail(error, SLC_ERR_MEMORY, "no memory for the options");
        value = json_object_new_string(equals + 1);
        if (!value || json_object_object_add(options, name, value) != 0) {
            json_object_put(value);
            return slc_fail(error, SLC_ERR_MEMORY, "no memory for the options");
        }
    }
    *ret_options = options;
    options = NULL;
    return true;
}

/* The configuration that the file would be read with here, which is how the
 * options are checked. What is wrong with them is the user's mistake. */
static bool check_options(struct json_object *options, struct slc_config **ret_config,
                          struct slc_error *error)
{
    SLC_AUTO_CONFIG struct slc_config *config = slc_config_new();

    if (!config)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the configuration");
    if (!slc_config_apply_ticket(config, options, error)) {
        struct slc_error inner = *error;

        if (inner.code == SLC_ERR_TICKET)
            slc_fail(error, SLC_ERR_CONFIG, "%s", inner.message);
        return false;
    }
    *ret_config = config;
    config = NULL;
    return true;
}

/* The index column is in the file; `fd` is taken over. */
static bool check_index(int fd, const char *path, const char *index,
                        const struct slc_config *config, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_reader_options options;
    struct slc_reader *reader = NULL;
    int64_t column;
    bool good;

    if (!slc_reader_options_from(config, &arena, &options, error)) {
        close(fd);
        return false;
    }
    good = slc_reader_open(fd, path, &options, &reader, error) &&
           slc_find_index(slc_reader_schema(reader), slc_str_from(index), &column, error);
    slc_reader_close(reader);
    return good;
}

static bool fill_in(struct slc_ticket *ticket, const char *index, int64_t size_bytes,
                    struct json_object *options, struct slc_error *error)
{
    if (index && !slc_ticket_set_text(ticket, "prim_index", slc_str_from(index), error))
        return false;
    if (!slc_ticket_set_int64(ticket, "size", size_bytes, error))
        return false;
    return !options || slc_ticket_set_json(
                           ticket, "options",
                           slc_str_from(json_object_to_json_string_ext(
                               options, JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)),
                           error);
}

/* What the command works on. */
struct work {
    const struct slc_args *args;
    const char *path;
    struct slc_str base;
    struct slc_buf folder;       /* owned */
    struct slc_buf ticket_name;  /* owned */
    struct slc_stream *stream;   /* owned */
    struct slc_ticket *ticket;   /* owned */
    struct json_object *options; /* owned */
};

static void release(struct work *work)
{
    slc_buf_release(&work->folder);
    slc_buf_release(&work->ticket_name);
    slc_stream_close(work->stream);
    slc_ticket_free(work->ticket);
    json_object_put(work->options);
}

static bool open_folder(struct work *work, struct slc_error *error)
{
    size_t len = strlen(work->path) - work->base.len;

    slc_buf_append(&work->folder, len ? work->path : "./", len ? len : 2);
    if (!slc_buf_text(&work->folder))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the path");
    return slc_stream_open(work->folder.data, &work->stream, error);
}

static bool write_ticket(struct work *work, struct slc_error *error)
{
    bool force = slc_args_has(work->args, "force");
    const char *name = slc_buf_text(&work->ticket_name);

    if (!name)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the ticket's name");
    if (slc_stream_write_ticket(work->stream, name, work->ticket, slc_cli_new_file_mode(), force,
                                error))
        return true;
    if (error->code == SLC_ERR_CONFLICT) {
        slc_fail(error, SLC_ERR_CONFLICT, "it is there already; --force replaces it");
        slc_error_locate(error, name, 0, (struct slc_str){0});
    }
    return false;
}

static bool make_ticket(struct work *work, struct slc_error *error)
{
    SLC_AUTO_CONFIG struct slc_config *config = NULL;
    const char *index = slc_args_value(work->args, "index");
    struct stat status;
    int fd;

    if (!make_options(work->args, &work->options, error) ||
        !check_options(work->options, &config, error) ||
        !slc_stream_ticket_name(work->base, &work->ticket_name, error) ||
        !open_folder(work, error) ||
        !slc_stream_open_data(work->stream, work->base, &fd, &status, error))
        return false;
    if (index && *index) {
        if (!check_index(fd, work->path, index, config, error))
            return false;
    } else {
        close(fd);
        index = NULL;
    }
    return slc_ticket_new(work->base, &work->ticket, error) &&
           fill_in(work->ticket, index, status.st_size, work->options, error) &&
           write_ticket(work, error);
}

static void describe(const struct work *work, struct slc_buf *out)
{
    SLC_AUTO_BUF struct slc_buf path = {0};

    if (work->path != work->base.data)
        slc_buf_append_str(&path, slc_buf_view(&work->folder));
    slc_buf_append_str(&path, slc_buf_view(&work->ticket_name));
    if (slc_args_has(work->args, "json")) {
        slc_buf_append_text(out, "{\"path\":");
        slc_text_json(out, slc_buf_view(&path));
        slc_json_key(out, "ticket");
        slc_buf_append_str(out, slc_str_trim(slc_ticket_text(work->ticket)));
        slc_buf_append_text(out, "}\n");
    } else {
        slc_text_safe(out, slc_buf_view(&path));
        slc_buf_append_text(out, ": ");
        slc_text_safe(out, slc_str_trim(slc_ticket_text(work->ticket)));
        slc_buf_append_byte(out, '\n');
    }
}

static int run(const struct slc_args *args)
{
    SLC_CLEANUP(release)
    struct work work = {
        .args = args,
        .path = args->operands[0],
        .base = slc_path_base(slc_str_from(args->operands[0])),
    };
    SLC_AUTO_BUF struct slc_buf out = {0};
    struct slc_error error = {0};

    if (!make_ticket(&work, &error)) {
        if (error.code != SLC_ERR_USAGE && error.code != SLC_ERR_CONFIG)
            slc_error_locate(&error, work.path, 0, (struct slc_str){0});
        return slc_cli_fail(&error);
    }
    describe(&work, &out);
    return slc_cli_print(&out);
}

const struct slc_command slc_cmd_ticket = {
    .name = "ticket",
    .args = "FILE [OPTION...]",
    .summary = "Write a data file's ticket beside it, so that a service loads it",
    .help = "NAME.ticket appears in one step, its status READY, with the time and the\n"
            "file's size; so write it when the file is whole. The options are those of\n"
            "reading and preprocessing one file; \"sluice options\" lists them. An index\n"
            "column has to be in the file.",
    .example = "sluice ticket IN_STREAM/users.csv --index id\n"
               "sluice ticket users.csv --set prep.scale=none --set reader.header=no\n"
               "sluice ticket users.csv --force --json",
    .flags = flags,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
