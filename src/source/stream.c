#include "source/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "source/beneath.h"
#include "source/names.h"
#include "source/stream_internal.h"

bool slc_stream_open(const char *path, struct slc_stream **ret_stream, struct slc_error *error)
{
    struct slc_stream *stream = calloc(1, sizeof(*stream));

    if (!stream)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open %s", path);
    stream->dir_fd = -1;
    pthread_mutex_init(&stream->rewriting, NULL);
    stream->path = slc_str_dup(slc_str_from(path));
    if (!stream->path) {
        slc_stream_close(stream);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open %s", path);
    }
    stream->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (stream->dir_fd < 0) {
        int reason = errno;

        slc_stream_close(stream);
        return slc_fail_errno(error, reason, "cannot open the stream directory %s", path);
    }
    *ret_stream = stream;
    return true;
}

void slc_stream_close(struct slc_stream *stream)
{
    if (!stream)
        return;
    if (stream->dir_fd >= 0)
        close(stream->dir_fd);
    pthread_mutex_destroy(&stream->rewriting);
    free(stream->path);
    free(stream);
}

const char *slc_stream_path(const struct slc_stream *stream)
{
    return stream->path;
}

int slc_stream_dir_fd(const struct slc_stream *stream)
{
    return stream->dir_fd;
}

bool slc_ticket_name_check(struct slc_str name, struct slc_error *error)
{
    char quoted[SLC_NAME_QUOTE_BYTES];

    slc_name_quote(name, quoted);
    if (!slc_name_is_ticket(name) || !slc_name_is_plain(name))
        return slc_fail(error, SLC_ERR_NAME,
                        "\"%s\" is no name of a ticket; it has to be a plain file name that ends "
                        "in .ticket",
                        quoted);
    if (name.len > SLC_TICKET_NAME_MAX_BYTES)
        return slc_fail(error, SLC_ERR_NAME,
                        "the ticket's name \"%s\" is longer than %d bytes; rename the ticket",
                        quoted, SLC_TICKET_NAME_MAX_BYTES);
    return true;
}

/* At most one byte more than a ticket may have, so that the parser can tell. */
static bool read_bounded(int fd, struct slc_buf *text, int *ret_reason)
{
    size_t start = text->len;

    for (;;) {
        char *at = slc_buf_reserve(text, 8192);
        ssize_t got;

        if (!at) {
            *ret_reason = ENOMEM;
            return false;
        }
        got = read(fd, at, 8192);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            *ret_reason = errno;
            return false;
        }
        text->len += (size_t)got;
        if (got == 0 || text->len - start > SLC_TICKET_MAX_BYTES)
            return true;
    }
}

bool slc_stream_read_text(const struct slc_stream *stream, const char *ticket_name,
                          struct slc_buf *text, struct stat *ret_status, struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = -1;
    int reason = 0;

    if (!slc_open_beneath(stream->dir_fd, ticket_name, SLC_BENEATH_AUTO, &fd, ret_status, error))
        return false;
    if (!read_bounded(fd, text, &reason))
        return slc_fail_errno(error, reason, "cannot read the ticket %s", ticket_name);
    return true;
}

bool slc_stream_read_ticket(const struct slc_stream *stream, const char *ticket_name,
                            struct slc_ticket **ret_ticket, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};

    if (!slc_ticket_name_check(slc_str_from(ticket_name), error))
        return false;
    if (!slc_stream_read_text(stream, ticket_name, &text, NULL, error)) {
        slc_error_locate(error, ticket_name, 0, (struct slc_str){0});
        return false;
    }
    return slc_ticket_parse(ticket_name, slc_buf_view(&text), ret_ticket, error);
}

bool slc_stream_open_data(const struct slc_stream *stream, struct slc_str file_name, int *ret_fd,
                          struct stat *ret_status, struct slc_error *error)
{
    char name[256];

    if (!slc_data_name_check(file_name, error))
        return false;
    memcpy(name, file_name.data, file_name.len); /* at most 255 bytes, checked */
    name[file_name.len] = '\0';
    return slc_open_beneath(stream->dir_fd, name, SLC_BENEATH_AUTO, ret_fd, ret_status, error);
}

bool slc_stream_stat_data(const struct slc_stream *stream, struct slc_str file_name,
                          struct stat *ret_status, struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = -1;

    return slc_stream_open_data(stream, file_name, &fd, ret_status, error);
}

bool slc_stream_rejects_name(const char *ticket_name, struct slc_buf *name, struct slc_error *error)
{
    struct slc_str whole = slc_str_from(ticket_name);

    if (!slc_ticket_name_check(whole, error))
        return false;
    slc_buf_append(name, whole.data, whole.len - strlen(".ticket"));
    slc_buf_append_text(name, ".rejects.csv");
    return !name->failed || slc_fail(error, SLC_ERR_MEMORY, "no memory for a file name");
}

bool slc_stream_ticket_name(struct slc_str file_name, struct slc_buf *name, struct slc_error *error)
{
    struct slc_str replica;

    if (!slc_replica_name_of_file(file_name, &replica, error))
        return false;
    slc_buf_append_str(name, replica);
    slc_buf_append_text(name, ".ticket");
    return !name->failed || slc_fail(error, SLC_ERR_MEMORY, "no memory for a file name");
}
