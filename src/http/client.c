#include "http/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

enum { PROXIES_MAX = 256, ADDRESS_TEXT_MAX = 64 };

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* An address as 16 bytes, IPv4 mapped. */
struct address {
    uint8_t bytes[16];
};

static bool is_ipv4(const struct address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

static bool address_parse(struct slc_str text, struct address *ret_address, bool *ret_ipv4)
{
    char copy[ADDRESS_TEXT_MAX];
    struct in_addr ipv4;
    struct in6_addr ipv6;

    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, &ipv4) == 1) {
        memcpy(ret_address->bytes, mapped_prefix, sizeof(mapped_prefix));
        memcpy(ret_address->bytes + sizeof(mapped_prefix), &ipv4, sizeof(ipv4));
        *ret_ipv4 = true;
        return true;
    }
    if (inet_pton(AF_INET6, copy, &ipv6) == 1) {
        memcpy(ret_address->bytes, &ipv6, sizeof(ipv6));
        *ret_ipv4 = false;
        return true;
    }
    return false;
}

static bool bits_behind_are_zero(const uint8_t bytes[16], unsigned bits)
{
    for (unsigned bit = bits; bit < 128; bit++) {
        if (bytes[bit / 8] & (0x80u >> (bit % 8)))
            return false;
    }
    return true;
}

static bool cidr_parse(struct slc_str text, struct slc_cidr *ret_cidr)
{
    const char *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    struct slc_str host = {.data = text.data,
                           .len = slash ? (size_t)(slash - text.data) : text.len};
    struct address address;
    bool ipv4;
    uint64_t bits;

    if (!address_parse(host, &address, &ipv4))
        return false;
    bits = ipv4 ? 32 : 128;
    if (slash) {
        size_t len = text.len - host.len - 1;
        uint64_t given;

        if (len == 0 || len > 3 || slash[1] == '+' || !slc_parse_uint64(slash + 1, len, &given) ||
            given > bits)
            return false;
        bits = given;
    }
    memcpy(ret_cidr->bytes, address.bytes, sizeof(ret_cidr->bytes));
    ret_cidr->bits = (unsigned)bits + (ipv4 ? 96 : 0);
    return bits_behind_are_zero(ret_cidr->bytes, ret_cidr->bits);
}

static bool cidr_has(const struct slc_cidr *cidr, const struct address *address)
{
    unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;

    if (memcmp(cidr->bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || ((cidr->bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0;
}

static bool is_separator(char c)
{
    return c == ',' || slc_ascii_space(c);
}

bool slc_trusted_proxies_parse(struct slc_str text, struct slc_trusted_proxies *ret_proxies,
                               struct slc_error *error)
{
    struct slc_trusted_proxies proxies = {0};
    size_t at = 0;

    while (at < text.len) {
        struct slc_str item;
        size_t start;

        while (at < text.len && is_separator(text.data[at]))
            at++;
        start = at;
        while (at < text.len && !is_separator(text.data[at]))
            at++;
        item = (struct slc_str){.data = text.data + start, .len = at - start};
        if (item.len == 0)
            break;
        if (proxies.count == PROXIES_MAX) {
            slc_trusted_proxies_release(&proxies);
            return slc_fail(error, SLC_ERR_CONFIG, "more than %d trusted proxies", PROXIES_MAX);
        }
        if (!proxies.ranges) {
            proxies.ranges = calloc(PROXIES_MAX, sizeof(*proxies.ranges));
            if (!proxies.ranges)
                return slc_fail(error, SLC_ERR_MEMORY, "memory ran out");
        }
        if (!cidr_parse(item, &proxies.ranges[proxies.count])) {
            slc_fail(error, SLC_ERR_CONFIG,
                     "trusted proxy '%.*s' is neither an address nor a range such as 10.0.0.0/8",
                     item.len > 80 ? 80 : (int)item.len, item.data);
            slc_trusted_proxies_release(&proxies);
            return false;
        }
        proxies.count++;
    }
    *ret_proxies = proxies;
    return true;
}

void slc_trusted_proxies_release(struct slc_trusted_proxies *proxies)
{
    if (!proxies)
        return;
    free(proxies->ranges);
    *proxies = (struct slc_trusted_proxies){0};
}

static bool is_trusted(const struct slc_trusted_proxies *trusted, const struct address *address)
{
    for (size_t i = 0; trusted && i < trusted->count; i++) {
        if (cidr_has(&trusted->ranges[i], address))
            return true;
    }
    return false;
}

static void write_client(const struct address *address, struct slc_client *ret_client)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t network[16] = {0};

    if (is_ipv4(address)) {
        inet_ntop(AF_INET, address->bytes + 12, text, sizeof(text));
        (void)snprintf(ret_client->text, sizeof(ret_client->text), "%s", text);
        (void)snprintf(ret_client->network, sizeof(ret_client->network), "%s", text);
        return;
    }
    inet_ntop(AF_INET6, address->bytes, text, sizeof(text));
    (void)snprintf(ret_client->text, sizeof(ret_client->text), "%s", text);
    memcpy(network, address->bytes, 8);
    inet_ntop(AF_INET6, network, text, sizeof(text));
    (void)snprintf(ret_client->network, sizeof(ret_client->network), "%.45s", text);
}

/* An entry of X-Forwarded-For: an address, "a.b.c.d:port", "[v6]" or "[v6]:port". */
static bool forwarded_parse(struct slc_str entry, struct address *ret_address)
{
    bool ipv4;

    entry = slc_str_trim(entry);
    if (entry.len && entry.data[0] == '[') {
        const char *end = memchr(entry.data, ']', entry.len);

        if (!end)
            return false;
        entry = (struct slc_str){.data = entry.data + 1, .len = (size_t)(end - entry.data) - 1};
    } else if (entry.len) {
        const char *colon = memchr(entry.data, ':', entry.len);

        /* One colon is a port, more are IPv6. */
        if (colon && !memchr(colon + 1, ':', entry.len - (size_t)(colon + 1 - entry.data)))
            entry.len = (size_t)(colon - entry.data);
    }
    return address_parse(entry, ret_address, &ipv4);
}

static bool peer_address(const struct sockaddr *peer, struct address *ret_address)
{
    if (peer && peer->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, peer, sizeof(in));
        memcpy(ret_address->bytes, mapped_prefix, sizeof(mapped_prefix));
        memcpy(ret_address->bytes + sizeof(mapped_prefix), &in.sin_addr, sizeof(in.sin_addr));
        return true;
    }
    if (peer && peer->sa_family == AF_INET6) {
        struct sockaddr_in6 in;

        memcpy(&in, peer, sizeof(in));
        memcpy(ret_address->bytes, &in.sin6_addr, sizeof(in.sin6_addr));
        return true;
    }
    return false;
}

bool slc_trusted_proxies_have(const struct slc_trusted_proxies *proxies,
                              const struct sockaddr *peer)
{
    struct address address;

    return peer_address(peer, &address) && is_trusted(proxies, &address);
}

void slc_client_resolve(const struct sockaddr *peer, struct slc_str forwarded_for,
                        const struct slc_trusted_proxies *trusted, struct slc_client *ret_client)
{
    struct address client, next;
    size_t end = forwarded_for.len;

    if (!peer_address(peer, &client)) {
        (void)snprintf(ret_client->text, sizeof(ret_client->text), "local");
        (void)snprintf(ret_client->network, sizeof(ret_client->network), "local");
        return;
    }
    /* From the right: each trusted hop vouches for the entry before it. */
    while (end > 0 && is_trusted(trusted, &client)) {
        size_t start = end;
        struct slc_str entry;

        while (start > 0 && forwarded_for.data[start - 1] != ',')
            start--;
        entry = (struct slc_str){.data = forwarded_for.data + start, .len = end - start};
        if (!forwarded_parse(entry, &next))
            break;
        client = next;
        end = start > 0 ? start - 1 : 0;
    }
    write_client(&client, ret_client);
}
