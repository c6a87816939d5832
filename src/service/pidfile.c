#include "service/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"

enum { PIDFILE_MAX_BYTES = 64 };

/* 0: there is none, or it holds none. */
static pid_t read_pid(const char *path)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_str trimmed;
    int64_t pid;

    if (!slc_file_read(AT_FDCWD, path, PIDFILE_MAX_BYTES, &text, NULL))
        return 0;
    trimmed = slc_str_trim(slc_buf_view(&text));
    return trimmed.len > 0 && slc_parse_int64(trimmed.data, trimmed.len, &pid) && pid > 1 &&
                   pid <= INT_MAX
               ? (pid_t)pid
               : 0;
}

bool slc_process_has_ended(pid_t pid)
{
    SLC_AUTO_CLOSE int fd = pidfd_open(pid, 0);
    struct pollfd end = {.fd = fd, .events = POLLIN};

    if (fd < 0)
        return kill(pid, 0) != 0 && errno == ESRCH;
    return poll(&end, 1, 0) > 0;
}

bool slc_pidfile_write(const char *path, struct slc_error *error)
{
    pid_t other = read_pid(path);
    char text[32];
    int len;

    if (other > 0 && other != getpid() && !slc_process_has_ended(other))
        return slc_fail(error, SLC_ERR_CONFLICT,
                        "%s names process %ld, which runs: stop it, remove the file, or choose "
                        "another pid_file",
                        path, (long)other);
    len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    return slc_file_replace(AT_FDCWD, path, (struct slc_str){.data = text, .len = (size_t)len},
                            0644, error);
}

void slc_pidfile_remove(const char *path)
{
    if (read_pid(path) == getpid())
        (void)unlink(path);
}
