#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

static const struct {
    const char *name;
    enum slc_error_class class;
    int exit_status;
} codes[] = {
    [SLC_ERR_NONE] = {"none", SLC_CLASS_NONE, 0},
    [SLC_ERR_USAGE] = {"usage", SLC_CLASS_FATAL, 2},
    [SLC_ERR_CONFIG] = {"config", SLC_CLASS_FATAL, 2},
    [SLC_ERR_NOT_FOUND] = {"not_found", SLC_CLASS_REJECT, 1},
    [SLC_ERR_IO] = {"io", SLC_CLASS_REJECT, 1},
    [SLC_ERR_NAME] = {"name", SLC_CLASS_REJECT, 1},
    [SLC_ERR_TICKET] = {"ticket", SLC_CLASS_REJECT, 1},
    [SLC_ERR_CONFLICT] = {"conflict", SLC_CLASS_REJECT, 1},
    [SLC_ERR_FORMAT] = {"format", SLC_CLASS_REJECT, 1},
    [SLC_ERR_DATA] = {"data", SLC_CLASS_REJECT, 1},
    [SLC_ERR_LIMIT] = {"limit", SLC_CLASS_REJECT, 1},
    [SLC_ERR_CHANGED] = {"changed", SLC_CLASS_REJECT, 1},
    [SLC_ERR_MEMORY] = {"memory", SLC_CLASS_FATAL, 1},
    [SLC_ERR_CONNECTION] = {"connection", SLC_CLASS_RETRY, 3},
    [SLC_ERR_TIMEOUT] = {"timeout", SLC_CLASS_RETRY, 3},
    [SLC_ERR_AUTH] = {"auth", SLC_CLASS_FATAL, 3},
    [SLC_ERR_SERVER] = {"server", SLC_CLASS_RETRY, 3},
    [SLC_ERR_VERIFY] = {"verify", SLC_CLASS_RETRY, 3},
    [SLC_ERR_CANCELLED] = {"cancelled", SLC_CLASS_RETRY, 1},
    [SLC_ERR_INTERNAL] = {"internal", SLC_CLASS_FATAL, 1},
};

static void one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
}

/* Cut to fit, never inside a UTF-8 sequence. */
static void copy_clipped(char *to, size_t size_bytes, const char *from, size_t len)
{
    if (len >= size_bytes) {
        len = size_bytes - 1;
        while (len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(to, from, len);
    to[len] = '\0';
    one_line(to);
}

/* What a peer said may be anything: what is no UTF-8 becomes U+FFFD. */
static size_t copy_utf8(char *to, size_t size_bytes, const char *from)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t len = 0, left = strlen(from);

    while (left > 0 && len + sizeof(replacement) < size_bytes) {
        size_t valid = slc_utf8_valid_prefix(from, left);
        size_t room = size_bytes - len - 1;

        if (valid > 0) {
            memcpy(to + len, from, valid < room ? valid : room);
            len += valid < room ? valid : room;
        } else {
            memcpy(to + len, replacement, sizeof(replacement) - 1);
            len += sizeof(replacement) - 1;
            valid = 1;
        }
        from += valid;
        left -= valid;
    }
    to[len] = '\0';
    return len;
}

static void fill(struct slc_error *error, enum slc_error_code code, const char *message)
{
    char clean[2 * SLC_ERROR_MESSAGE_BYTES];
    size_t len = copy_utf8(clean, sizeof(clean), message);

    memset(error, 0, sizeof(*error));
    error->code = code;
    error->class = codes[code].class;
    copy_clipped(error->message, sizeof(error->message), clean, len);
}

bool slc_fail(struct slc_error *error, enum slc_error_code code, const char *format, ...)
{
    char message[2 * SLC_ERROR_MESSAGE_BYTES];
    va_list args;

    if (!error)
        return false;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    fill(error, code, message);
    return false;
}

bool slc_fail_errno(struct slc_error *error, int errno_value, const char *format, ...)
{
    char message[2 * SLC_ERROR_MESSAGE_BYTES];
    char reason[128];
    va_list args;
    int written;

    if (!error)
        return false;
    va_start(args, format);
    written = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (written >= 0 && (size_t)written < sizeof(message))
        snprintf(message + written, sizeof(message) - (size_t)written, ": %s",
                 strerror_r(errno_value, reason, sizeof(reason)));
    fill(error,
         errno_value == ENOENT   ? SLC_ERR_NOT_FOUND
         : errno_value == ENOMEM ? SLC_ERR_MEMORY
                                 : SLC_ERR_IO,
         message);
    return false;
}

void slc_error_locate(struct slc_error *error, const char *file, int64_t row, struct slc_str column)
{
    if (!error)
        return;
    if (file && !error->file[0])
        copy_clipped(error->file, sizeof(error->file), file, strlen(file));
    if (row > 0 && error->row == 0)
        error->row = row;
    if (column.len > 0 && !error->column[0])
        copy_clipped(error->column, sizeof(error->column), column.data, column.len);
}

void slc_error_clear(struct slc_error *error)
{
    if (error)
        memset(error, 0, sizeof(*error));
}

char *slc_error_format(const struct slc_error *error, char *text, size_t size_bytes)
{
    char row[32] = "";

    if (error->row > 0)
        snprintf(row, sizeof(row), "row %lld: ", (long long)error->row);
    snprintf(text, size_bytes, "%s%s%s%s%s%s%s", error->file, error->file[0] ? ": " : "", row,
             error->column[0] ? "column " : "", error->column, error->column[0] ? ": " : "",
             error->message);
    return text;
}

const char *slc_error_code_name(enum slc_error_code code)
{
    if ((size_t)code >= sizeof(codes) / sizeof(codes[0]))
        return "internal";
    return codes[code].name;
}

int slc_error_exit_status(const struct slc_error *error)
{
    if ((size_t)error->code >= sizeof(codes) / sizeof(codes[0]))
        return 1;
    return codes[error->code].exit_status;
}
