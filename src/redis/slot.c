#include "redis/slot.h"

#include <string.h>

#include "base/num.h"

/* CRC-16/XMODEM: polynomial 0x1021, nothing reflected, starts at 0. */
static uint16_t crc16(const char *bytes, size_t len)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < len; i++) {
        crc = (uint16_t)(crc ^ (uint16_t)((unsigned char)bytes[i] << 8));
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
    }
    return crc;
}

uint16_t slc_redis_slot(struct slc_str key)
{
    const char *open = key.len ? memchr(key.data, '{', key.len) : NULL;
    const char *close =
        open ? memchr(open + 1, '}', key.len - (size_t)(open + 1 - key.data)) : NULL;

    if (close && close > open + 1)
        key = (struct slc_str){.data = open + 1, .len = (size_t)(close - open - 1)};
    return (uint16_t)(crc16(key.data, key.len) % SLC_REDIS_SLOTS);
}

static bool is_one_of(struct slc_str word, const char *const words[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slc_str_eq_nocase(word, slc_str_from(words[i])))
            return true;
    return false;
}

struct slc_str slc_redis_command_key(size_t argc, const struct slc_str argv[])
{
    static const char *const keyless[] = {
        "PING",    "INFO",    "ROLE",   "WAIT",   "CLIENT",   "CONFIG",  "AUTH",    "HELLO",
        "SELECT",  "CLUSTER", "ASKING", "MULTI",  "EXEC",     "UNWATCH", "DISCARD", "SCRIPT",
        "COMMAND", "PUBLISH", "TIME",   "DBSIZE", "SHUTDOWN", "ACL",     "FLUSHALL"};
    static const char *const second[] = {"MEMORY", "OBJECT", "XINFO", "XGROUP", "DEBUG"};
    static const char *const third[] = {"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL"};
    static const char *const behind_streams[] = {"XREAD", "XREADGROUP"};
    struct slc_str none = {0};

#define LISTED(word, list) is_one_of(word, list, sizeof(list) / sizeof((list)[0]))
    if (argc < 2 || LISTED(argv[0], keyless))
        return none;
    if (LISTED(argv[0], second))
        return argc > 2 ? argv[2] : none;
    if (LISTED(argv[0], third))
        return argc > 3 && !slc_str_is(argv[2], "0") ? argv[3] : none;
    if (LISTED(argv[0], behind_streams)) {
        for (size_t i = 1; i + 1 < argc; i++)
            if (slc_str_eq_nocase(argv[i], SLC_STR("STREAMS")))
                return argv[i + 1];
        return none;
    }
#undef LISTED
    return argv[1];
}

/* ---- Redirections ---- */

static struct slc_str next_word(struct slc_str *text)
{
    const char *space = text->len ? memchr(text->data, ' ', text->len) : NULL;
    size_t len = space ? (size_t)(space - text->data) : text->len;
    struct slc_str word = {.data = text->data, .len = len};

    text->data += len + (space != NULL);
    text->len -= len + (space != NULL);
    return word;
}

bool slc_redis_host_is_sane(struct slc_str host)
{
    for (size_t i = 0; i < host.len; i++)
        if ((unsigned char)host.data[i] <= ' ' || (unsigned char)host.data[i] >= 0x7f)
            return false;
    return host.len < SLC_REDIS_HOST_BYTES;
}

/* "host:port"; an IPv6 address has no brackets here. */
static bool read_node(struct slc_str text, struct slc_redis_node *ret)
{
    const char *colon = text.len ? memrchr(text.data, ':', text.len) : NULL;
    size_t host_len = colon ? (size_t)(colon - text.data) : 0;
    uint64_t port;

    if (!colon || !slc_redis_host_is_sane((struct slc_str){.data = text.data, .len = host_len}) ||
        !slc_parse_uint64(colon + 1, text.len - host_len - 1, &port) || port == 0 ||
        port > UINT16_MAX)
        return false;
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->host, text.data, host_len);
    ret->port = (uint16_t)port;
    return true;
}

struct slc_redirect slc_redis_redirect(struct slc_str text)
{
    struct slc_redirect none = {.kind = SLC_REDIRECT_NONE}, found = none;
    struct slc_str word = next_word(&text);
    uint64_t slot;

    if (slc_str_is(word, "TRYAGAIN"))
        found.kind = SLC_REDIRECT_TRYAGAIN;
    else if (slc_str_is(word, "CLUSTERDOWN"))
        found.kind = SLC_REDIRECT_DOWN;
    else if (slc_str_is(word, "MOVED"))
        found.kind = SLC_REDIRECT_MOVED;
    else if (slc_str_is(word, "ASK"))
        found.kind = SLC_REDIRECT_ASK;
    if (found.kind != SLC_REDIRECT_MOVED && found.kind != SLC_REDIRECT_ASK)
        return found;
    word = next_word(&text);
    if (!slc_parse_uint64(word.data, word.len, &slot) || slot >= SLC_REDIS_SLOTS ||
        !read_node(next_word(&text), &found.node))
        return none;
    found.slot = (uint16_t)slot;
    return found;
}
