/* Inside service: telling the service manager (sd_notify(3)) without its
 * library: one datagram to the socket that NOTIFY_SOCKET names, a path or an
 * abstract name ("@..."). Without a socket nothing is done. */
#ifndef SLC_SERVICE_NOTIFY_H
#define SLC_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

struct slc_notify {
    struct sockaddr_un address;
    unsigned address_len;  /* 0: nobody wants to know */
    int64_t watchdog_usec; /* how often WATCHDOG=1 is to be sent; 0: never */
};

/* From the environment: NOTIFY_SOCKET, WATCHDOG_USEC (half of it is taken) and
 * WATCHDOG_PID (when it is neither this process nor `predecessor`, which started
 * this one to take over from it, nobody watches). What makes no sense counts as
 * not there. */
void slc_notify_init(struct slc_notify *notify, char *const *environment, pid_t predecessor);

/* Send lines ("READY=1\nSTATUS=..."). False when it could not be sent. */
bool slc_notify_send(const struct slc_notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
