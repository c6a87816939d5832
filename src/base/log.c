#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"

/* The one piece of state below the service's floor: where this process logs. */
static struct {
    pthread_rwlock_t lock;
    char *path; /* NULL: standard error */
    int fd;
    enum slc_log_level level;
    enum slc_log_format format;
} sink = {.lock = PTHREAD_RWLOCK_INITIALIZER, .fd = STDERR_FILENO, .level = SLC_LOG_INFO};

static int open_path(const char *path, struct slc_error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);

    if (fd < 0)
        slc_fail_errno(error, errno, "cannot open the log file %s", path);
    return fd;
}

bool slc_log_open(const char *path, enum slc_log_level level, enum slc_log_format format,
                  struct slc_error *error)
{
    bool to_file = path && *path;
    char *copy = to_file ? slc_str_dup(slc_str_from(path)) : NULL;
    int fd = to_file ? open_path(path, error) : STDERR_FILENO;

    if (fd < 0) {
        free(copy);
        return false;
    }
    if (to_file && !copy) {
        close(fd);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the log");
    }
    pthread_rwlock_wrlock(&sink.lock);
    if (sink.path)
        close(sink.fd);
    free(sink.path);
    sink.path = copy;
    sink.fd = fd;
    sink.level = level;
    sink.format = format;
    pthread_rwlock_unlock(&sink.lock);
    return true;
}

bool slc_log_reopen(struct slc_error *error)
{
    bool good = true;

    pthread_rwlock_wrlock(&sink.lock);
    if (sink.path) {
        int fd = open_path(sink.path, error);

        good = fd >= 0;
        if (good) {
            close(sink.fd);
            sink.fd = fd;
        }
    }
    pthread_rwlock_unlock(&sink.lock);
    return good;
}

static const char *level_name(enum slc_log_level level)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};

    return names[level];
}

static void append_stamp(struct slc_buf *line)
{
    char *to = slc_buf_reserve(line, SLC_DATETIME_TEXT_BYTES + 1);
    /* Milliseconds, always written: 2022-02-22T19:35:32.123Z */
    int64_t usec = slc_now_usec() / 1000 * 1000;

    if (!to)
        return;
    slc_write_datetime(to, usec - usec % SLC_USEC_PER_SEC);
    line->len += 19;
    slc_buf_printf(line, ".%03dZ", (int)(usec % SLC_USEC_PER_SEC / 1000));
}

static void append_json(struct slc_buf *line, enum slc_log_level level, const char *message,
                        const struct slc_log_field *field)
{
    slc_buf_append_text(line, "{\"time\":\"");
    append_stamp(line);
    slc_buf_printf(line, "\",\"level\":\"%s\",\"pid\":%d", level_name(level), (int)getpid());
    slc_json_member_text(line, "message", message);
    for (; field && field->key; field++) {
        slc_json_key(line, field->key);
        if (field->kind == SLC_LOG_FIELD_TEXT)
            slc_json_text(line, field->text ? field->text : "");
        else if (field->kind == SLC_LOG_FIELD_INT)
            slc_json_int64(line, field->number);
        else
            slc_json_double(line, (double)field->number / 1e6);
    }
    slc_buf_append_byte(line, '}');
}

static void append_text(struct slc_buf *line, enum slc_log_level level, const char *message,
                        const struct slc_log_field *field)
{
    append_stamp(line);
    slc_buf_printf(line, " %-7s %s", level_name(level), message);
    for (; field && field->key; field++) {
        slc_buf_printf(line, " %s=", field->key);
        if (field->kind == SLC_LOG_FIELD_TEXT)
            slc_buf_append_text(line, field->text ? field->text : "");
        else if (field->kind == SLC_LOG_FIELD_INT)
            slc_json_int64(line, field->number);
        else
            slc_buf_printf(line, "%.3f", (double)field->number / 1e6);
    }
}

bool slc_log_wants(enum slc_log_level level)
{
    bool wanted;

    pthread_rwlock_rdlock(&sink.lock);
    wanted = level >= sink.level;
    pthread_rwlock_unlock(&sink.lock);
    return wanted;
}

void slc_log_event(enum slc_log_level level, const char *message,
                   const struct slc_log_field *fields)
{
    SLC_AUTO_BUF struct slc_buf line = {0};

    pthread_rwlock_rdlock(&sink.lock);
    if (level >= sink.level) {
        if (sink.format == SLC_LOG_JSON)
            append_json(&line, level, message, fields);
        else
            append_text(&line, level, message, fields);
        for (size_t i = 0; i < line.len; i++) /* one event, one line */
            if ((unsigned char)line.data[i] < 0x20)
                line.data[i] = ' ';
        slc_buf_append_byte(&line, '\n');
        if (!line.failed)
            (void)!write(sink.fd, line.data, line.len);
    }
    pthread_rwlock_unlock(&sink.lock);
}
