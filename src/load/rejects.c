#include "load/rejects.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"

struct slc_rejects {
    int dir_fd;
    int fd; /* -1: nothing written yet */
    char name[NAME_MAX + 1];
    char temporary[NAME_MAX + 1];
};

void slc_rejects_format(struct slc_buf *lines, const struct slc_chunk *chunk,
                        const struct slc_reject *rejects, int64_t n_rejects)
{
    for (int64_t i = 0; i < n_rejects; i++) {
        slc_json_int64(lines, chunk->first_record + rejects[i].row);
        slc_buf_append_byte(lines, ',');
        if (rejects[i].offset_bytes >= 0)
            slc_json_int64(lines, rejects[i].offset_bytes);
        slc_buf_printf(lines, ",\"%s\",", rejects[i].reason);
        slc_buf_append_quoted(lines, rejects[i].text);
        slc_buf_append_byte(lines, '\n');
    }
}

struct slc_rejects *slc_rejects_new(int dir_fd, const char *name)
{
    struct slc_rejects *rejects = calloc(1, sizeof(*rejects));

    if (!rejects)
        return NULL;
    rejects->dir_fd = dir_fd;
    rejects->fd = -1;
    snprintf(rejects->name, sizeof(rejects->name), "%s", name);
    snprintf(rejects->temporary, sizeof(rejects->temporary), ".%.200s.tmp", name);
    return rejects;
}

bool slc_rejects_write(struct slc_rejects *rejects, struct slc_str lines, struct slc_error *error)
{
    static const char header[] = "row,byte_offset,reason,record\n";

    if (lines.len == 0)
        return true;
    if (rejects->fd < 0) {
        /* One that a killed load left is in the way; whatever else stands there
         * is unlinked, too, never written to. */
        unlinkat(rejects->dir_fd, rejects->temporary, 0);
        rejects->fd = openat(rejects->dir_fd, rejects->temporary,
                             O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (rejects->fd < 0)
            return slc_fail_errno(error, errno, "cannot write %s", rejects->name);
        if (!slc_write_all(rejects->fd, header, sizeof(header) - 1, error))
            return false;
    }
    return slc_write_all(rejects->fd, lines.data, lines.len, error);
}

bool slc_rejects_commit(struct slc_rejects *rejects, struct slc_error *error)
{
    if (rejects->fd < 0) {
        if (unlinkat(rejects->dir_fd, rejects->name, 0) < 0 && errno != ENOENT) {
            int why = errno;

            /* A file system that is read-only says so before it looks for the name. */
            if (faccessat(rejects->dir_fd, rejects->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
                errno != ENOENT)
                return slc_fail_errno(error, why, "cannot remove the old %s", rejects->name);
        }
        return true;
    }
    if (fsync(rejects->fd) < 0 ||
        renameat(rejects->dir_fd, rejects->temporary, rejects->dir_fd, rejects->name) < 0)
        return slc_fail_errno(error, errno, "cannot write %s", rejects->name);
    close(rejects->fd);
    rejects->fd = -1;
    return true;
}

void slc_rejects_restart(struct slc_rejects *rejects)
{
    if (rejects->fd < 0)
        return;
    close(rejects->fd);
    rejects->fd = -1;
    unlinkat(rejects->dir_fd, rejects->temporary, 0);
}

void slc_rejects_free(struct slc_rejects *rejects)
{
    if (!rejects)
        return;
    slc_rejects_restart(rejects);
    free(rejects);
}
