/* Under which names a service is called.
 *
 * A foreign page can have a name of its own point at this service's address (DNS
 * rebinding), and is then, for the browser, a page of this service: its calls come
 * from the address of the person who looks at it, with its own name in Host. So an
 * approval by address counts under names alone that no foreign page can have, or
 * that are listed. Cookies and keys are bound to their name, or have to be known. */
#ifndef SLC_HTTP_HOST_H
#define SLC_HTTP_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* All borrowed. */
struct slc_hosts {
    /* "etl.example.org", or ".example.org" for every name below it; "*" is any name
     * at all. Neither ports nor brackets. */
    const char *const *listed;
    size_t count;
    const char *own; /* this machine's name; NULL: not known */
};

enum slc_host_standing {
    SLC_HOST_SAFE,      /* listed, or one that no page from outside can have, below */
    SLC_HOST_DOUBTFUL,  /* another name, while none are listed */
    SLC_HOST_FOREIGN,   /* another name, while some are listed: 421 */
    SLC_HOST_MALFORMED, /* no name and no address: 400 */
};

/* Judge the value of a Host header (RFC 9110, 7.2), with or without a port.
 *
 * Without being listed these are safe: an IP address (nothing is looked up for it), a name
 * without a dot, one below localhost, local, internal or home.arpa (RFC 6761, 6762,
 * 8375: nobody can register them), this machine's own name, and an empty one.
 * NULL for `hosts` takes every name for safe. */
enum slc_host_standing slc_hosts_judge(const struct slc_hosts *hosts, struct slc_str authority);

#endif
