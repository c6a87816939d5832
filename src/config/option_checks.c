/* What the option table asks of texts beyond their length. */
#include <arpa/inet.h>
#include <string.h>

#include "base/num.h"
#include "config/internal.h"

/* An IPv4 or IPv6 address, or a network in CIDR notation (RFC 4632, RFC 4291). */
const char *slc_option_check_network(struct slc_str text)
{
    static const char wrong[] = "is no IP address or network such as 10.0.0.0/8";
    const char *slash = memchr(text.data, '/', text.len);
    size_t address_len = slash ? (size_t)(slash - text.data) : text.len;
    unsigned char bytes[sizeof(struct in6_addr)];
    char address[INET6_ADDRSTRLEN];
    uint64_t most, bits;

    if (address_len >= sizeof(address))
        return wrong;
    memcpy(address, text.data, address_len);
    address[address_len] = '\0';
    if (inet_pton(AF_INET, address, bytes) == 1)
        most = 32;
    else if (inet_pton(AF_INET6, address, bytes) == 1)
        most = 128;
    else
        return wrong;
    if (slash && (!slc_parse_uint64(slash + 1, text.len - address_len - 1, &bits) || bits > most))
        return wrong;
    return NULL;
}

const char *slc_option_check_redis_url(struct slc_str text)
{
    static const char *const schemes[] = {
        "redis://",          "rediss://",          "unix://",          "redis+unix://",
        "redis+sentinel://", "rediss+sentinel://", "redis+cluster://", "rediss+cluster://"};

    if (text.len == 0)
        return NULL;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);

        if (text.len > len && memcmp(text.data, schemes[i], len) == 0)
            return NULL;
    }
    return "is no URL of the form redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], rediss:// (TLS), "
           "unix:///PATH, redis+sentinel://HOST,HOST/MASTER or redis+cluster://HOST,HOST";
}

const char *slc_option_check_mail_url(struct slc_str text)
{
    static const char *const schemes[] = {"smtp://", "smtps://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);

        if (text.len > len && memcmp(text.data, schemes[i], len) == 0)
            return NULL;
    }
    return text.len == 0 ? NULL
                         : "is no URL of the form smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://";
}

const char *slc_option_check_no_space(struct slc_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (slc_ascii_space(text.data[i]) || (unsigned char)text.data[i] < 0x20)
            return "must not contain white space or control characters";
    return NULL;
}

const char *slc_option_check_quote(struct slc_str text)
{
    return slc_str_is(text, "\t") || slc_str_is(text, " ") ? "cannot be the quote character" : NULL;
}

/* NAME:TYPE; the types are those that frame/type.h gives a column of a file. */
const char *slc_option_check_dtype(struct slc_str text)
{
    static const char *const types[] = {"bool", "int64",    "uint64", "float64",
                                        "date", "datetime", "text"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t len = strlen(types[i]);

        if (text.len > len + 1 && text.data[text.len - len - 1] == ':' &&
            memcmp(text.data + text.len - len, types[i], len) == 0)
            return NULL;
    }
    return "is not of the form NAME:TYPE with bool, int64, uint64, float64, date, datetime or text";
}

const char *slc_option_check_name(struct slc_str text)
{
    return text.len == 0 ? "is empty, which no column is called" : NULL;
}

/* NAME, .NAME or *, as http/host.h takes them. */
const char *slc_option_check_host(struct slc_str text)
{
    if (slc_str_is(text, "*"))
        return NULL;
    for (size_t i = 0; i < text.len; i++) {
        char c = slc_ascii_lower(text.data[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_')
            return "is no host name (without scheme and port), .NAME or *";
    }
    return text.len == 0 || slc_str_is(text, ".") ? "is no host name" : NULL;
}
