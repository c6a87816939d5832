#include "source/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "source/names.h"

enum { OPEN_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, MAX_LINKS = 16 };

static int open_by_kernel(int dir_fd, const char *name)
{
    struct open_how how = {.flags = (unsigned long long)OPEN_FLAGS,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = -1;

    /* EAGAIN: something in the folder was renamed meanwhile, so that the kernel
     * could not be sure; it says so rarely, and never for long. */
    for (int i = 0; i < 64; i++) {
        fd = syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return (int)fd;
}

/* The target of a link put in front of the rest of the way; false with errno. */
static bool follow_link(int dir_fd, const char *part, char rest[PATH_MAX])
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(dir_fd, part, target, sizeof(target) - 1);
    size_t rest_len = strlen(rest);

    if (len < 0)
        return false;
    target[len] = '\0';
    if (target[0] == '/') {
        errno = EXDEV;
        return false;
    }
    if ((size_t)len + 1 + rest_len >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return false;
    }
    memmove(rest + len + (rest_len > 0), rest, rest_len + 1);
    memcpy(rest, target, (size_t)len);
    if (rest_len > 0)
        rest[len] = '/';
    return true;
}

/* Take the first part off the way. */
static void take_part(char rest[PATH_MAX], char part[NAME_MAX + 1])
{
    size_t skip = strspn(rest, "/"), len = strcspn(rest + skip, "/"), more;

    if (len > NAME_MAX)
        len = NAME_MAX; /* no such file can be; the open will say so */
    memcpy(part, rest + skip, len);
    part[len] = '\0';
    more = skip + len;
    more += strspn(rest + more, "/");
    memmove(rest, rest + more, strlen(rest + more) + 1);
}

/* What RESOLVE_BENEATH does, in steps: no part is opened through a link, links
 * are read and their targets walked in the same manner. ".." is refused
 * altogether, which is stricter than the kernel and safe from renames. */
static int open_by_walk(int start_fd, const char *name)
{
    char rest[PATH_MAX], part[NAME_MAX + 1];
    SLC_AUTO_CLOSE int folder = -1;
    int links = 0, at = start_fd;

    if (strlen(name) >= sizeof(rest)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(rest, name, strlen(name) + 1);
    for (;;) {
        int fd;

        take_part(rest, part);
        if (strcmp(part, "..") == 0) {
            errno = EXDEV;
            return -1;
        }
        fd = openat(at, part[0] ? part : ".",
                    rest[0] ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
                            : OPEN_FLAGS | O_NOFOLLOW);
        if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) {
            int saved = errno;

            if (++links > MAX_LINKS) {
                errno = ELOOP;
                return -1;
            }
            if (follow_link(at, part, rest))
                continue;
            if (errno == EINVAL) /* no link at all */
                errno = saved;
            return -1;
        }
        if (fd < 0 || !rest[0])
            return fd;
        if (folder >= 0)
            close(folder);
        folder = at = fd;
    }
}

/* What lasts until a person does something about the file. */
static bool is_lasting(int reason)
{
    return reason == EACCES || reason == EPERM || reason == EISDIR || reason == ENOTDIR ||
           reason == ENXIO || reason == ENAMETOOLONG;
}

static bool fail_lastingly(struct slc_error *error)
{
    if (error)
        error->class = SLC_CLASS_FATAL;
    return false;
}

static bool fail_open(const char *name, int reason, struct slc_error *error)
{
    char quoted[SLC_NAME_QUOTE_BYTES];

    slc_name_quote(slc_str_from(name), quoted);
    if (reason == ENOENT)
        return slc_fail(error, SLC_ERR_NOT_FOUND, "there is no file \"%s\" in the stream directory",
                        quoted);
    if (reason == EXDEV)
        return slc_fail(error, SLC_ERR_NAME,
                        "\"%s\" is a link that leaves the stream directory; put the file itself "
                        "there",
                        quoted);
    if (reason == ELOOP)
        return slc_fail(error, SLC_ERR_NAME,
                        "\"%s\" is a link that leads nowhere safe (a loop or a magic link); put "
                        "the file itself into the stream directory",
                        quoted);
    slc_fail_errno(error, reason, "cannot open \"%s\"", quoted);
    return is_lasting(reason) ? fail_lastingly(error) : false;
}

bool slc_open_beneath(int dir_fd, const char *name, enum slc_beneath how, int *ret_fd,
                      struct stat *ret_status, struct slc_error *error)
{
    char quoted[SLC_NAME_QUOTE_BYTES];
    SLC_AUTO_CLOSE int fd = -1;
    struct stat status;
    int flags;

    if (how == SLC_BENEATH_AUTO)
        fd = open_by_kernel(dir_fd, name);
    /* Old kernels know no openat2; old container sandboxes forbid it with EPERM. */
    if (how == SLC_BENEATH_BY_WALK || (fd < 0 && (errno == ENOSYS || errno == EPERM)))
        fd = open_by_walk(dir_fd, name);
    if (fd < 0)
        return fail_open(name, errno, error);
    if (fstat(fd, &status) < 0)
        return slc_fail_errno(error, errno, "cannot look at \"%s\"",
                              slc_name_quote(slc_str_from(name), quoted));
    if (!S_ISREG(status.st_mode)) {
        slc_fail(error, SLC_ERR_IO, "\"%s\" is not a regular file",
                 slc_name_quote(slc_str_from(name), quoted));
        return fail_lastingly(error);
    }
    flags = fcntl(fd, F_GETFL);
    if (flags >= 0)
        fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    if (ret_status)
        *ret_status = status;
    *ret_fd = fd;
    fd = -1;
    return true;
}
