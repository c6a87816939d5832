#include "load/owner.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "base/time.h"

/* The first line of a small file; "" when there is none. */
static void read_line(const char *path, char *line, size_t size_bytes)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    struct slc_str trimmed;

    line[0] = '\0';
    if (!slc_file_read(AT_FDCWD, path, 65536, &text, NULL))
        return;
    trimmed = slc_str_trim(slc_buf_view(&text));
    snprintf(line, size_bytes, "%.*s", SLC_STR_ARG(trimmed));
}

/* Field 22 of /proc/PID/stat: when the process started, in ticks since boot.
 * The name in field 2 may hold anything; count from its closing bracket. */
static bool start_time(int64_t pid, char *text, size_t size_bytes)
{
    char path[64], line[1024], *at, *end;

    snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    read_line(path, line, sizeof(line));
    at = strrchr(line, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return false;
    end = strchr(at + 1, ' ');
    snprintf(text, size_bytes, "%.*s", end ? (int)(end - at - 1) : (int)strlen(at + 1), at + 1);
    return true;
}

static void machine_name(char *text, size_t size_bytes)
{
    char host[65] = "";

    read_line("/etc/machine-id", text, size_bytes);
    if (text[0])
        return;
    gethostname(host, sizeof(host) - 1);
    snprintf(text, size_bytes, "%s", host);
}

static void this_boot(char *text, size_t size_bytes)
{
    read_line("/proc/sys/kernel/random/boot_id", text, size_bytes);
}

void slc_boot_name(char boot[SLC_BOOT_BYTES])
{
    this_boot(boot, SLC_BOOT_BYTES);
}

/* Numbers of processes mean something within their namespace only. */
static uint64_t pid_namespace(void)
{
    struct stat status;

    return stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

void slc_owner_name(char owner[SLC_OWNER_BYTES])
{
    char machine[65], boot[65], started[32] = "0";

    machine_name(machine, sizeof(machine));
    this_boot(boot, sizeof(boot));
    start_time(getpid(), started, sizeof(started));
    snprintf(owner, SLC_OWNER_BYTES, "%.64s/%.64s/%" PRIu64 "/%d/%s", machine, boot,
             pid_namespace(), (int)getpid(), started);
}

/* Cut the part in front of the next '/' off. */
static struct slc_str next_part(struct slc_str *rest)
{
    const char *slash = rest->len ? memchr(rest->data, '/', rest->len) : NULL;
    struct slc_str part = *rest;

    if (slash) {
        part.len = (size_t)(slash - rest->data);
        rest->len -= part.len + 1;
        rest->data = slash + 1;
    } else {
        rest->len = 0;
    }
    return part;
}

bool slc_owner_is_dead(struct slc_str owner, int64_t started_usec, void *context)
{
    struct slc_str machine = next_part(&owner), boot = next_part(&owner);
    struct slc_str space = next_part(&owner), pid = next_part(&owner);
    const bool *own_are_dead = context;
    char here[65], now[65], started[32];
    uint64_t inode = 0;
    int64_t number;

    machine_name(here, sizeof(here));
    this_boot(now, sizeof(now));
    if (slc_str_is(machine, here) && !slc_str_is(boot, now))
        return true;
    if (!slc_str_is(machine, here) || !slc_parse_uint64(space.data, space.len, &inode) ||
        inode != pid_namespace())
        return slc_now_usec() - started_usec > SLC_USEC_PER_DAY;
    if (!slc_parse_int64(pid.data, pid.len, &number) ||
        !start_time(number, started, sizeof(started)) || !slc_str_is(owner, started))
        return true;
    return number == getpid() && own_are_dead && *own_are_dead;
}
