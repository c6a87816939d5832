#include "read_hook.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int (*_Atomic read_hook)(const char *path);
void (*_Atomic signal_read_hook)(void);

ssize_t __real_read(int fd, void *bytes, size_t size);
ssize_t __wrap_read(int fd, void *bytes, size_t size);

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
    int (*on_file)(const char *path) = read_hook;
    void (*on_signal)(void) = signal_read_hook;
    char link[64], path[PATH_MAX];
    ssize_t len;
    int reason;

    if (!on_file && !on_signal)
        return __real_read(fd, bytes, size);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);
    path[len > 0 ? len : 0] = '\0';
    if (on_signal && strcmp(path, "anon_inode:[signalfd]") == 0)
        on_signal();
    if (on_file && len > 4 && strcmp(path + len - 4, ".csv") == 0 &&
        (reason = on_file(path)) != 0) {
        errno = reason;
        return -1;
    }
    return __real_read(fd, bytes, size);
}
