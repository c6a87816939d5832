#include "redis/url.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = slc_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* `what` names the part in messages; its contents are never shown. */
static bool percent_decode(struct slc_str from, char *to, size_t size_bytes, const char *what,
                           struct slc_error *error)
{
    size_t len = 0;

    for (size_t i = 0; i < from.len; i++) {
        char c = from.data[i];

        if (c == '%') {
            int high = from.len - i > 2 ? hex_digit(from.data[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(from.data[i + 2]) : -1;

            if (low < 0)
                return slc_fail(error, SLC_ERR_CONFIG,
                                "the Redis URL's %s holds a '%%' that two hexadecimal digits do "
                                "not follow; write %%25 for the sign itself",
                                what);
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return slc_fail(error, SLC_ERR_CONFIG, "the Redis URL's %s holds a NUL byte", what);
        if (len + 1 >= size_bytes)
            return slc_fail(error, SLC_ERR_CONFIG, "the Redis URL's %s is longer than %zu bytes",
                            what, size_bytes - 1);
        to[len++] = c;
    }
    to[len] = '\0';
    return true;
}

static struct slc_str cut(struct slc_str s, size_t from, size_t to)
{
    return (struct slc_str){.data = s.data + from, .len = to - from};
}

/* The part of `s` before the first byte that is in `stops`; the rest stays. */
static struct slc_str take_until(struct slc_str *s, const char *stops)
{
    size_t end = 0;

    while (end < s->len && !strchr(stops, s->data[end]))
        end++;
    struct slc_str head = cut(*s, 0, end);
    *s = cut(*s, end, s->len);
    return head;
}

static bool parse_scheme(struct slc_str *rest, struct slc_redis_url *url, struct slc_error *error)
{
    static const struct {
        const char *name;
        enum slc_redis_kind kind;
        enum slc_redis_topology topology;
    } schemes[] = {{"redis://", SLC_REDIS_TCP, SLC_REDIS_SINGLE},
                   {"rediss://", SLC_REDIS_TLS, SLC_REDIS_SINGLE},
                   {"unix://", SLC_REDIS_UNIX, SLC_REDIS_SINGLE},
                   {"redis+unix://", SLC_REDIS_UNIX, SLC_REDIS_SINGLE},
                   {"redis+socket://", SLC_REDIS_UNIX, SLC_REDIS_SINGLE},
                   {"redis+sentinel://", SLC_REDIS_TCP, SLC_REDIS_SENTINEL},
                   {"rediss+sentinel://", SLC_REDIS_TLS, SLC_REDIS_SENTINEL},
                   {"redis+cluster://", SLC_REDIS_TCP, SLC_REDIS_CLUSTER},
                   {"rediss+cluster://", SLC_REDIS_TLS, SLC_REDIS_CLUSTER}};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        struct slc_str name = slc_str_from(schemes[i].name);

        if (rest->len >= name.len && slc_str_eq_nocase(cut(*rest, 0, name.len), name)) {
            url->kind = schemes[i].kind;
            url->topology = schemes[i].topology;
            *rest = cut(*rest, name.len, rest->len);
            return true;
        }
    }
    return slc_fail(error, SLC_ERR_CONFIG,
                    "a Redis URL starts with redis://, rediss://, unix://, redis+sentinel:// or "
                    "redis+cluster://, as in redis://127.0.0.1:6379/0 or "
                    "unix:///run/redis/redis.sock");
}

/* [user[:password]@] in front of the host: up to the last '@', as passwords
 * are often pasted in as they are. */
static bool parse_login(struct slc_str *authority, struct slc_redis_url *url,
                        struct slc_error *error)
{
    const char *at = authority->len ? memrchr(authority->data, '@', authority->len) : NULL;

    if (!at)
        return true;
    struct slc_str login = cut(*authority, 0, (size_t)(at - authority->data));
    *authority = cut(*authority, login.len + 1, authority->len);
    struct slc_str user = take_until(&login, ":");
    if (login.len) /* without the ':' */
        login = cut(login, 1, login.len);
    url->has_login = user.len > 0 || login.len > 0;
    return percent_decode(user, url->user, sizeof(url->user), "user", error) &&
           percent_decode(login, url->password, sizeof(url->password), "password", error);
}

static bool parse_port(struct slc_str text, uint16_t usual, uint16_t *ret_port,
                       struct slc_error *error)
{
    uint64_t port = usual;

    if (text.len && (text.len > 5 || !slc_parse_uint64(text.data, text.len, &port) || port == 0 ||
                     port > UINT16_MAX))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the Redis URL's port is not a number from 1 to 65535 (a '/', '?', '#' or "
                        "':' inside a password has to be percent-encoded)");
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse_host(struct slc_str authority, uint16_t usual_port, struct slc_redis_node *node,
                       struct slc_error *error)
{
    struct slc_str host;

    if (authority.len && authority.data[0] == '[') {
        const char *end = memchr(authority.data, ']', authority.len);

        if (!end)
            return slc_fail(error, SLC_ERR_CONFIG,
                            "the Redis URL's IPv6 address has no closing bracket");
        size_t len = (size_t)(end - authority.data);
        host = cut(authority, 1, len);
        authority = cut(authority, len + 1, authority.len);
        if (authority.len && authority.data[0] != ':')
            return slc_fail(error, SLC_ERR_CONFIG,
                            "only a ':' and the port may follow the Redis URL's IPv6 address");
    } else {
        host = take_until(&authority, ":");
    }
    if (authority.len)
        authority = cut(authority, 1, authority.len);
    if (host.len == 0)
        host = SLC_STR("localhost");
    return percent_decode(host, node->host, sizeof(node->host), "host", error) &&
           parse_port(authority, usual_port, &node->port, error);
}

/* host[:port], for Sentinel and clusters several of them with commas. */
static bool parse_hosts(struct slc_str authority, struct slc_redis_url *url,
                        struct slc_error *error)
{
    uint16_t usual_port =
        url->topology == SLC_REDIS_SENTINEL ? SLC_REDIS_SENTINEL_PORT : SLC_REDIS_PORT;

    if (url->topology == SLC_REDIS_SINGLE && authority.len &&
        memchr(authority.data, ',', authority.len))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "redis:// names one server; several are named by redis+sentinel:// or "
                        "redis+cluster://");
    do {
        struct slc_str one = take_until(&authority, ",");

        if (url->n_seeds == SLC_REDIS_MAX_SEEDS)
            return slc_fail(error, SLC_ERR_CONFIG, "a Redis URL names at most %d servers",
                            SLC_REDIS_MAX_SEEDS);
        if (one.len == 0 && (authority.len || url->n_seeds))
            return slc_fail(error, SLC_ERR_CONFIG, "the Redis URL has a ',' without a server");
        if (!parse_host(one, usual_port, &url->seeds[url->n_seeds++], error))
            return false;
        if (authority.len)
            authority = cut(authority, 1, authority.len);
        else
            break;
    } while (true);
    memcpy(url->host, url->seeds[0].host, sizeof(url->host));
    url->port = url->seeds[0].port;
    return true;
}

/* The path of a sentinel's URL begins with the master's name. */
static bool parse_master(struct slc_str *path, struct slc_redis_url *url, struct slc_error *error)
{
    struct slc_str name = take_until(path, "/");

    if (path->len)
        *path = cut(*path, 1, path->len);
    if (name.len == 0)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the Redis URL has to name the master that the sentinels watch: "
                        "redis+sentinel://host:26379/mymaster");
    return percent_decode(name, url->master_name, sizeof(url->master_name), "master's name", error);
}

static bool parse_db(struct slc_str text, struct slc_redis_url *url, struct slc_error *error)
{
    uint64_t db = 0;

    if (text.len && (!slc_parse_uint64(text.data, text.len, &db) || db > INT32_MAX))
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the Redis URL's database is not a number: write .../0 or ?db=0");
    url->db = (int32_t)db;
    return true;
}

static bool parse_query(struct slc_str query, struct slc_redis_url *url, struct slc_error *error)
{
    while (query.len) {
        query = cut(query, 1, query.len); /* the '?' or '&' */
        struct slc_str value = take_until(&query, "&");
        struct slc_str key = take_until(&value, "=");
        bool good = true;

        if (value.len)
            value = cut(value, 1, value.len);
        if (slc_str_is(key, "db")) {
            good = parse_db(value, url, error);
        } else if (slc_str_is(key, "username")) {
            good = percent_decode(value, url->user, sizeof(url->user), "user", error);
            url->has_login = true;
        } else if (slc_str_is(key, "password")) {
            good = percent_decode(value, url->password, sizeof(url->password), "password", error);
            url->has_login = true;
        } else if (key.len || value.len) {
            return slc_fail(error, SLC_ERR_CONFIG,
                            "the Redis URL's query knows db, username and password, not \"%.*s\"",
                            key.len > 40 ? 40 : (int)key.len, key.data);
        }
        if (!good)
            return false;
    }
    return true;
}

static bool parse_parts(struct slc_str rest, struct slc_redis_url *url, struct slc_error *error)
{
    struct slc_str authority = take_until(&rest, "/?#");
    struct slc_str path = take_until(&rest, "?#");
    struct slc_str query = take_until(&rest, "#");

    if (rest.len)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "a Redis URL has no '#' part (inside a password write %%23)");
    if (!parse_login(&authority, url, error))
        return false;
    if (url->kind == SLC_REDIS_UNIX) {
        if (authority.len || path.len < 2)
            return slc_fail(error, SLC_ERR_CONFIG,
                            "the Redis URL's socket has to be an absolute path, with three slashes "
                            "in all: unix:///run/redis/redis.sock");
        if (!percent_decode(path, url->path, sizeof(url->path), "path", error))
            return false;
    } else {
        if (path.len) /* without the '/' */
            path = cut(path, 1, path.len);
        if (!parse_hosts(authority, url, error) ||
            (url->topology == SLC_REDIS_SENTINEL && !parse_master(&path, url, error)) ||
            !parse_db(path, url, error))
            return false;
    }
    if (!parse_query(query, url, error))
        return false;
    return url->topology != SLC_REDIS_CLUSTER || url->db == 0 ||
           slc_fail(error, SLC_ERR_CONFIG, "a Redis Cluster has database 0 alone");
}

bool slc_redis_url_parse(struct slc_str text, struct slc_redis_url *ret_url,
                         struct slc_error *error)
{
    struct slc_redis_url url = {.port = SLC_REDIS_PORT};
    struct slc_str rest = slc_str_trim(text);
    bool good = parse_scheme(&rest, &url, error) && parse_parts(rest, &url, error);

    if (good)
        *ret_url = url;
    slc_redis_url_wipe(&url);
    return good;
}

/* Append `from` to text[*len], escaping what a URL cannot hold. */
static void put_escaped(char *text, size_t size_bytes, size_t *len, const char *from)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *from; from++) {
        unsigned char c = (unsigned char)*from;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     strchr("-._~/!$'()*+,;=", c);

        if (*len + (plain ? 1 : 3) >= size_bytes)
            return;
        if (plain) {
            text[(*len)++] = (char)c;
        } else {
            text[(*len)++] = '%';
            text[(*len)++] = digits[c >> 4];
            text[(*len)++] = digits[c & 15];
        }
    }
}

static void put_text(char *text, size_t size_bytes, size_t *len, const char *from)
{
    for (; *from && *len + 1 < size_bytes; from++)
        text[(*len)++] = *from;
}

static void put_node(char *text, size_t size_bytes, size_t *len, const char *host, uint16_t port)
{
    char number[16];

    if (strchr(host, ':')) {
        put_text(text, size_bytes, len, "[");
        put_text(text, size_bytes, len, host);
        put_text(text, size_bytes, len, "]");
    } else {
        put_escaped(text, size_bytes, len, host);
    }
    (void)snprintf(number, sizeof(number), ":%u", (unsigned)port);
    put_text(text, size_bytes, len, number);
}

char *slc_redis_url_print(const struct slc_redis_url *url, char *text, size_t size_bytes)
{
    static const char *const schemes[][3] = {
        [SLC_REDIS_TCP] = {"redis://", "redis+sentinel://", "redis+cluster://"},
        [SLC_REDIS_UNIX] = {"unix://", "unix://", "unix://"},
        [SLC_REDIS_TLS] = {"rediss://", "rediss+sentinel://", "rediss+cluster://"}};
    char number[32];
    size_t len = 0;

    if (size_bytes == 0)
        return text;
    put_text(text, size_bytes, &len, schemes[url->kind][url->topology]);
    if (url->has_login) {
        put_escaped(text, size_bytes, &len, url->user);
        put_text(text, size_bytes, &len, url->password[0] ? ":***@" : "@");
    }
    if (url->kind == SLC_REDIS_UNIX) {
        put_escaped(text, size_bytes, &len, url->path);
        (void)snprintf(number, sizeof(number), "?db=%d", (int)url->db);
    } else {
        if (url->topology == SLC_REDIS_SINGLE)
            put_node(text, size_bytes, &len, url->host, url->port);
        for (size_t i = 0; url->topology != SLC_REDIS_SINGLE && i < url->n_seeds; i++) {
            put_text(text, size_bytes, &len, i > 0 ? "," : "");
            put_node(text, size_bytes, &len, url->seeds[i].host, url->seeds[i].port);
        }
        if (url->topology == SLC_REDIS_SENTINEL) {
            put_text(text, size_bytes, &len, "/");
            put_escaped(text, size_bytes, &len, url->master_name);
        }
        (void)snprintf(number, sizeof(number), "/%d", (int)url->db);
        if (url->topology == SLC_REDIS_CLUSTER)
            number[0] = '\0';
    }
    put_text(text, size_bytes, &len, number);
    text[len] = '\0';
    return text;
}

bool slc_redis_url_from_socket(const char *path, int32_t db, struct slc_redis_url *ret_url,
                               struct slc_error *error)
{
    size_t len = strlen(path);

    if (path[0] != '/')
        return slc_fail(error, SLC_ERR_CONFIG, "the socket's path is not absolute: %s", path);
    if (len >= SLC_REDIS_PATH_BYTES)
        return slc_fail(error, SLC_ERR_CONFIG, "the socket's path is longer than %d bytes",
                        SLC_REDIS_PATH_BYTES - 1);
    memset(ret_url, 0, sizeof(*ret_url));
    ret_url->kind = SLC_REDIS_UNIX;
    ret_url->port = SLC_REDIS_PORT;
    ret_url->db = db;
    memcpy(ret_url->path, path, len + 1);
    return true;
}

void slc_redis_url_wipe(struct slc_redis_url *url)
{
    if (url) {
        explicit_bzero(url->user, sizeof(url->user));
        explicit_bzero(url->password, sizeof(url->password));
    }
}
