#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/time.h"
#include "base/utf8.h"

enum { LOCK_STEP_MS = 20 };

bool slc_file_read(int dir_fd, const char *path, size_t max_bytes, struct slc_buf *buf,
                   struct slc_error *error)
{
    /* Non-blocking, so that a FIFO in the file's place cannot hold us. */
    SLC_AUTO_CLOSE int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    size_t start = buf->len;

    if (fd < 0)
        return slc_fail_errno(error, errno, "cannot open %s", path);
    if (fstat(fd, &status) < 0)
        return slc_fail_errno(error, errno, "cannot look at %s", path);
    if (!S_ISREG(status.st_mode))
        return slc_fail(error, SLC_ERR_IO, "%s is not a regular file", path);
    for (;;) {
        char *at = slc_buf_reserve(buf, 16384);
        ssize_t got;

        if (!at)
            return slc_fail(error, SLC_ERR_MEMORY, "no memory to read %s", path);
        got = read(fd, at, 16384);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slc_fail_errno(error, errno, "cannot read %s", path);
        if (got == 0)
            return true;
        buf->len += (size_t)got;
        if (buf->len - start > max_bytes)
            return slc_fail(error, SLC_ERR_LIMIT,
                            "%s is larger than the %zu bytes that are allowed", path, max_bytes);
    }
}

bool slc_write_all(int fd, const void *bytes, size_t len, struct slc_error *error)
{
    const char *p = bytes;

    while (len > 0) {
        ssize_t put = write(fd, p, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return slc_fail_errno(error, errno, "cannot write");
        p += put;
        len -= (size_t)put;
    }
    return true;
}

/* fsync of the folder that holds `path`, so that the rename is on disk, too.
 * Some file systems (sshfs) refuse it; then there is nothing more to do. */
static void sync_folder(int dir_fd, const char *path)
{
    size_t base = slc_path_base(slc_str_from(path)).len;
    size_t folder_len = strlen(path) - base;
    char folder[PATH_MAX];
    SLC_AUTO_CLOSE int fd = -1;

    if (folder_len >= sizeof(folder))
        return;
    memcpy(folder, path, folder_len);
    folder[folder_len] = '\0';
    fd = openat(dir_fd, folder_len ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        fsync(fd);
}

bool slc_file_replace(int dir_fd, const char *path, struct slc_str contents, mode_t mode,
                      struct slc_error *error)
{
    struct slc_str base = slc_path_base(slc_str_from(path));
    int folder_len = (int)(strlen(path) - base.len);
    SLC_AUTO_CLOSE int fd = -1;
    char temporary[PATH_MAX], tail[17];
    unsigned char random[8];
    int saved;

    if (!slc_random_bytes(random, sizeof(random), error))
        return false;
    slc_hex_encode(random, sizeof(random), tail);
    /* Hidden, so that nobody who watches the folder takes it for a file; the
     * base name is clipped because the whole has to fit into 255 bytes. */
    if ((size_t)snprintf(temporary, sizeof(temporary), "%.*s.%.*s.%s.tmp", folder_len, path,
                         (int)(base.len > 200 ? 200 : base.len), base.data,
                         tail) >= sizeof(temporary))
        return slc_fail(error, SLC_ERR_NAME, "the path %s is too long", path);
    fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return slc_fail_errno(error, errno, "cannot write beside %s", path);
    if (!slc_write_all(fd, contents.data, contents.len, error)) {
        unlinkat(dir_fd, temporary, 0);
        slc_error_locate(error, path, 0, (struct slc_str){0});
        return false;
    }
    if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || renameat(dir_fd, temporary, dir_fd, path) < 0) {
        saved = errno;
        unlinkat(dir_fd, temporary, 0);
        return slc_fail_errno(error, saved, "cannot replace %s", path);
    }
    sync_folder(dir_fd, path);
    return true;
}

bool slc_file_is_special(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

bool slc_file_put(const char *path, struct slc_str contents, mode_t mode, struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = -1;
    struct stat old;

    if (!slc_file_is_special(path))
        return slc_file_replace(AT_FDCWD, path, contents,
                                stat(path, &old) == 0 ? old.st_mode & 0777 : mode, error);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return slc_fail_errno(error, errno, "cannot write to %s", path);
    return slc_write_all(fd, contents.data, contents.len, error);
}

static bool wait_for_lock(int fd, const char *path, int64_t patience_ms, struct slc_error *error)
{
    const struct timespec step = {.tv_nsec = LOCK_STEP_MS * 1000000L};
    int64_t end_usec = slc_monotonic_usec() + patience_ms * 1000;

    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            return slc_fail_errno(error, errno, "cannot lock %s", path);
        if (slc_monotonic_usec() >= end_usec)
            return slc_fail(error, SLC_ERR_CONFLICT, "%s is locked by another process; try again",
                            path);
        nanosleep(&step, NULL);
    }
    return true;
}

int slc_file_lock(const char *path, int64_t patience_ms, struct slc_error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        slc_fail_errno(error, errno, "cannot open %s", path);
        return -1;
    }
    if (wait_for_lock(fd, path, patience_ms, error))
        return fd;
    close(fd);
    return -1;
}

bool slc_dir_make(const char *path, mode_t mode, struct slc_error *error)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    struct stat status;

    if (len == 0 || len >= sizeof(part))
        return slc_fail(error, SLC_ERR_NAME, "\"%s\" cannot be the path of a folder", path);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, mode) < 0 && errno != EEXIST && !(stat(part, &status) == 0))
            return slc_fail_errno(error, errno, "cannot make the folder %s", part);
        part[i] = i < len ? '/' : '\0';
    }
    if (stat(path, &status) < 0 || !S_ISDIR(status.st_mode))
        return slc_fail(error, SLC_ERR_IO, "%s is not a folder", path);
    return true;
}

struct slc_str slc_path_base(struct slc_str path)
{
    size_t start = path.len;

    while (start > 0 && path.data[start - 1] != '/')
        start--;
    return (struct slc_str){.data = path.data + start, .len = path.len - start};
}

bool slc_name_is_plain(struct slc_str name)
{
    if (name.len == 0 || name.len > 255 || slc_str_is(name, ".") || slc_str_is(name, ".."))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];

        if (c < 0x20 || c == 0x7f || c == '/')
            return false;
    }
    return slc_utf8_is_valid(name);
}
