#include "http/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

enum { ADDRESS_TEXT_BYTES = INET6_ADDRSTRLEN + 32, PORT_DIGITS_MAX = 5 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_port(struct slc_str text)
{
    if (text.len > PORT_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_digit(text.data[i]))
            return false;
    return true;
}

static bool is_name(struct slc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = slc_ascii_lower(text.data[i]);

        if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '.' && c != '-' && c != '_')
            return false;
    }
    return true;
}

/* "[address]", maybe with a zone (RFC 6874), and a port behind it. */
static bool is_bracketed_address(struct slc_str authority)
{
    const char *end = memchr(authority.data, ']', authority.len);
    char text[ADDRESS_TEXT_BYTES];
    struct in6_addr address;
    struct slc_str rest;
    size_t len;

    if (!end)
        return false;
    len = (size_t)(end - authority.data) - 1;
    rest = (struct slc_str){.data = end + 1, .len = authority.len - len - 2};
    if (len >= sizeof(text) ||
        (rest.len && (rest.data[0] != ':' ||
                      !is_port((struct slc_str){.data = rest.data + 1, .len = rest.len - 1}))))
        return false;
    memcpy(text, authority.data + 1, len);
    text[len] = '\0';
    text[strcspn(text, "%")] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

/* `suffix` begins with a dot. */
static bool is_below(struct slc_str name, struct slc_str suffix)
{
    return name.len > suffix.len &&
           slc_str_eq_nocase(
               (struct slc_str){.data = name.data + name.len - suffix.len, .len = suffix.len},
               suffix);
}

/* What is behind the last dot is a number in addresses alone, also in "127.1": no
 * top-level domain is one. */
static bool is_address(struct slc_str name)
{
    size_t at = name.len;

    while (at > 0 && is_digit(name.data[at - 1]))
        at--;
    return at < name.len && at > 0 && name.data[at - 1] == '.';
}

static bool is_safe_unlisted(const struct slc_hosts *hosts, struct slc_str name)
{
    static const char *const reserved[] = {".localhost", ".local", ".internal", ".home.arpa"};

    if (name.len == 0 || !memchr(name.data, '.', name.len) || is_address(name) ||
        (hosts->own && slc_str_eq_nocase(name, slc_str_from(hosts->own))))
        return true;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (is_below(name, slc_str_from(reserved[i])))
            return true;
    return false;
}

static bool is_listed(const struct slc_hosts *hosts, struct slc_str name)
{
    for (size_t i = 0; i < hosts->count; i++) {
        struct slc_str item = slc_str_from(hosts->listed[i]);

        if (slc_str_is(item, "*") || slc_str_eq_nocase(name, item) ||
            (item.len && item.data[0] == '.' && is_below(name, item)))
            return true;
    }
    return false;
}

enum slc_host_standing slc_hosts_judge(const struct slc_hosts *hosts, struct slc_str authority)
{
    struct slc_str name = authority;
    const char *colon;

    if (name.len && name.data[0] == '[')
        return is_bracketed_address(name) ? SLC_HOST_SAFE : SLC_HOST_MALFORMED;
    colon = name.len ? memchr(name.data, ':', name.len) : NULL;
    if (colon) {
        name.len = (size_t)(colon - name.data);
        if (!is_port((struct slc_str){.data = colon + 1, .len = authority.len - name.len - 1}))
            return SLC_HOST_MALFORMED;
    }
    if (!is_name(name))
        return SLC_HOST_MALFORMED;
    if (name.len && name.data[name.len - 1] == '.') /* the same name, written out to the root */
        name.len--;
    if (!hosts || is_safe_unlisted(hosts, name) || is_listed(hosts, name))
        return SLC_HOST_SAFE;
    return hosts->count ? SLC_HOST_FOREIGN : SLC_HOST_DOUBTFUL;
}
