/* Who is calling: the peer's address, or, when the peer is a trusted proxy, the
 * address it speaks for.
 *
 * Addresses are kept in their canonical text (RFC 5952); an IPv4 address mapped
 * into IPv6 (::ffff:1.2.3.4) is the IPv4 address. */
#ifndef SLC_HTTP_CLIENT_H
#define SLC_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/str.h"

enum { SLC_CLIENT_TEXT_BYTES = 48 };

struct slc_client {
    char text[SLC_CLIENT_TEXT_BYTES]; /* "192.0.2.7", "2001:db8::1", or "local" on a unix socket */
    /* What one person may be assumed to hold: the IPv4 address itself, or the
     * /64 of an IPv6 address. Guessing is counted by this. */
    char network[SLC_CLIENT_TEXT_BYTES];
};

/* One address or range of addresses. */
struct slc_cidr {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;     /* leading bits that count, 0 to 128 */
};

/* The proxies that may speak for others. Zero-initialised is none. */
struct slc_trusted_proxies {
    struct slc_cidr *ranges; /* owned */
    size_t count;
};

/* "192.0.2.0/24, 2001:db8::/32, 127.0.0.1": addresses and CIDR ranges with
 * commas or white space between them; empty is none. At most 256. A range with
 * bits set behind its length is refused. Errors: CONFIG, MEMORY; `ret_proxies` is untouched
 * then. */
bool slc_trusted_proxies_parse(struct slc_str text, struct slc_trusted_proxies *ret_proxies,
                               struct slc_error *error);
void slc_trusted_proxies_release(struct slc_trusted_proxies *proxies);

/* The peer is one of them. */
bool slc_trusted_proxies_have(const struct slc_trusted_proxies *proxies,
                              const struct sockaddr *peer);

/* The client of a connection from `peer`. `forwarded_for` is the value of
 * X-Forwarded-For (several header lines joined with commas), empty when there
 * is none; it is looked at only when the peer is trusted. The right-most
 * address in it that is no trusted proxy is the client; an entry that is no
 * address ends the search, and the last proxy before it is the client. */
void slc_client_resolve(const struct sockaddr *peer, struct slc_str forwarded_for,
                        const struct slc_trusted_proxies *trusted, struct slc_client *ret_client);

#endif
