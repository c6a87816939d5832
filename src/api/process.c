#include "api/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"

enum { PATH_BYTES = 64, TEXT_BYTES = 4096, CHILDREN_MAX = 512 };

/* A small file of /proc; the length, 0 when it cannot be read. */
static size_t read_file(const char *path, char text[TEXT_BYTES])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, TEXT_BYTES - 1);

    if (fd >= 0)
        close(fd);
    if (len < 0)
        len = 0;
    text[len] = '\0';
    return (size_t)len;
}

/* The same program, by its file. */
static bool is_ours(pid_t pid)
{
    char path[PATH_BYTES];
    struct stat own, other;

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    return stat("/proc/self/exe", &own) == 0 && stat(path, &other) == 0 &&
           own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

/* utime and stime, and with `children` those of the children that were waited
 * for: fields 14 to 17. The name in field 2 may hold anything, even ')'. */
static int64_t read_ticks(pid_t pid, bool children)
{
    char path[PATH_BYTES], text[TEXT_BYTES];
    const char *at;
    int64_t sum = 0;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (read_file(path, text) == 0 || !(at = strrchr(text, ')')))
        return 0;
    for (int field = 2; field < 17 && at; field++) {
        int64_t value;
        size_t len;

        at = strchr(at, ' ');
        if (!at)
            break;
        at++;
        len = strcspn(at, " \n");
        if (field + 1 >= 14 && (children || field + 1 < 16) && slc_parse_int64(at, len, &value))
            sum += value;
    }
    return sum;
}

/* "Pss:   1234 kB" */
static int64_t read_memory(pid_t pid)
{
    char path[PATH_BYTES], text[TEXT_BYTES];
    int64_t kilobytes = 0;
    const char *at;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    if (read_file(path, text) == 0 || !(at = strstr(text, "\nPss:")))
        return 0;
    at += strlen("\nPss:");
    at += strspn(at, " ");
    return slc_parse_int64(at, strcspn(at, " \n"), &kilobytes) ? kilobytes * 1024 : 0;
}

static int64_t count_files(pid_t pid)
{
    char path[PATH_BYTES];
    int64_t count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    dir = opendir(path);
    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void add(struct slc_process_use *use, pid_t pid, bool is_root)
{
    use->processes++;
    use->memory_bytes += read_memory(pid);
    use->cpu_seconds += (double)read_ticks(pid, is_root) / (double)sysconf(_SC_CLK_TCK);
    use->open_files += count_files(pid);
}

void slc_process_use_read(struct slc_process_use *ret)
{
    pid_t root = getppid(), self = getpid();
    char path[PATH_BYTES], text[TEXT_BYTES];
    const char *at = text;

    *ret = (struct slc_process_use){0};
    if (!is_ours(root)) {
        add(ret, self, true);
        return;
    }
    add(ret, root, true);
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)root, (int)root);
    if (read_file(path, text) == 0) {
        add(ret, self, false);
        return;
    }
    for (int i = 0; i < CHILDREN_MAX && *at; i++) {
        size_t len = strcspn(at, " ");
        int64_t pid;

        if (slc_parse_int64(at, len, &pid) && pid > 0 && is_ours((pid_t)pid))
            add(ret, (pid_t)pid, false);
        at += len;
        at += strspn(at, " ");
    }
}
