#include "service/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "config/config.h"

void slc_notify_init(struct slc_notify *notify, char *const *environment, pid_t predecessor)
{
    const char *path = slc_environment_get(environment, "NOTIFY_SOCKET");
    const char *usec = slc_environment_get(environment, "WATCHDOG_USEC");
    const char *pid = slc_environment_get(environment, "WATCHDOG_PID");
    size_t len = path ? strlen(path) : 0;
    int64_t number;

    *notify = (struct slc_notify){.address.sun_family = AF_UNIX};
    if (len < 2 || len >= sizeof(notify->address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(notify->address.sun_path, path, len);
    /* An abstract name's first byte is a NUL, and it ends with its length. */
    if (path[0] == '@')
        notify->address.sun_path[0] = '\0';
    notify->address_len =
        (unsigned)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '@' ? 0 : 1));
    if (!usec || !slc_parse_int64(usec, strlen(usec), &number) || number <= 0)
        return;
    notify->watchdog_usec = number / 2;
    if (pid && (!slc_parse_int64(pid, strlen(pid), &number) ||
                (number != getpid() && (predecessor == 0 || number != predecessor))))
        notify->watchdog_usec = 0;
}

bool slc_notify_send(const struct slc_notify *notify, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    int len;

    if (notify->address_len == 0)
        return true;
    va_start(arguments, format);
    len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (len < 0 || len >= (int)sizeof(text))
        return false;
    SLC_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && sendto(fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT,
                             (const struct sockaddr *)&notify->address, notify->address_len) == len;
}
