#include "redis/reply.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* The reader bounds nesting, so this recursion is bounded, too. */
void slc_reply_release(struct slc_reply *reply)
{
    free((char *)reply->text.data);
    for (size_t i = 0; i < reply->count; i++)
        slc_reply_release(&reply->items[i]);
    free(reply->items);
    *reply = (struct slc_reply){0};
}

void slc_reply_free(struct slc_reply *reply)
{
    if (reply) {
        slc_reply_release(reply);
        free(reply);
    }
}

bool slc_reply_is(const struct slc_reply *reply, const char *text)
{
    return reply && (reply->type == SLC_REPLY_STRING || reply->type == SLC_REPLY_STATUS) &&
           slc_str_is(reply->text, text);
}

/* ---- What an error reply means ---- */

static const struct {
    const char *prefix;
    enum slc_error_code code;
    const char *advice;
} meanings[] = {
    {"NOAUTH", SLC_ERR_AUTH, "it wants a password: put it in the URL, redis://:password@host"},
    {"WRONGPASS", SLC_ERR_AUTH, "check the user and the password in the URL"},
    {"NOPERM", SLC_ERR_AUTH, "give the user this permission (ACL SETUSER) or use another one"},
    {"DENIED", SLC_ERR_AUTH,
     "the server is in protected mode: set a password there or connect over its loopback"},
    {"ERR invalid password", SLC_ERR_AUTH, "check the password in the URL"},
    {"ERR AUTH", SLC_ERR_AUTH, "the server has no password set: leave it out of the URL"},
    {"ERR Client sent AUTH", SLC_ERR_AUTH,
     "the server has no password set: leave it out of the URL"},
    {"ERR wrong number of arguments for 'auth'", SLC_ERR_AUTH,
     "this server knows no users: leave the user out of the URL"},
    {"WRONGTYPE", SLC_ERR_CONFLICT, "a key of this name holds something else: remove or rename it"},
    {"ERR DB index is out of range", SLC_ERR_CONFIG,
     "choose a smaller database number in the URL, or raise `databases` in the server"},
    {"ERR invalid DB index", SLC_ERR_CONFIG, "check the database number in the URL"},
    {"OOM", SLC_ERR_SERVER,
     "its memory limit is reached: raise `maxmemory`, remove keys, or load less"},
    {"READONLY", SLC_ERR_SERVER, "it is a read-only replica: give the URL of the master"},
    {"LOADING", SLC_ERR_SERVER, "it is still reading its data from disk: try again shortly"},
    {"MISCONF", SLC_ERR_SERVER,
     "it cannot save to its disk and refuses to write: look at its log and its free disk space"},
    {"MASTERDOWN", SLC_ERR_SERVER,
     "it is a replica that lost its master: bring the master back or give another URL"},
    {"NOREPLICAS", SLC_ERR_SERVER, "too few of its replicas are connected: check them"},
    {"BUSY", SLC_ERR_SERVER, "a script keeps it busy: wait, or end it with SCRIPT KILL"},
    {"CLUSTERDOWN", SLC_ERR_SERVER, "its cluster is down: check CLUSTER INFO"},
    {"TRYAGAIN", SLC_ERR_SERVER, "its cluster is moving keys: try again shortly"},
    {"MOVED", SLC_ERR_SERVER,
     "its cluster has this key elsewhere, or is moving it: write redis+cluster:// in the URL, or "
     "if "
     "it stands there try again shortly"},
    {"ASK", SLC_ERR_SERVER,
     "its cluster has this key elsewhere, or is moving it: write redis+cluster:// in the URL, or "
     "if "
     "it stands there try again shortly"},
    {"CROSSSLOT", SLC_ERR_SERVER,
     "it is part of a cluster and the keys are in several places: write redis+cluster:// in the "
     "URL"},
    {"NOPROTO", SLC_ERR_CONFIG, "it does not speak RESP3: set redis.protocol to 2"},
    {"ERR unknown command 'HELLO'", SLC_ERR_CONFIG,
     "it does not speak RESP3 (Redis 6 does): set redis.protocol to 2"},
    {"ERR unknown command `HELLO`", SLC_ERR_CONFIG,
     "it does not speak RESP3 (Redis 6 does): set redis.protocol to 2"},
    {"ERR max number of clients", SLC_ERR_SERVER,
     "close some of its clients or raise its `maxclients`"},
    {"EXECABORT", SLC_ERR_SERVER, "a command of the transaction was refused; nothing was changed"},
    {"ERR unknown command", SLC_ERR_SERVER,
     "the server is too old, or the command is renamed or disabled there"},
};

/* What the server wrote, without what it repeats of the command: that may hold
 * a row's values or a password. */
static struct slc_str presentable(struct slc_str text)
{
    static const char *const echoes[] = {", with args beginning with", " with args"};

    for (size_t i = 0; i < sizeof(echoes) / sizeof(echoes[0]); i++) {
        const char *at =
            text.len ? memmem(text.data, text.len, echoes[i], strlen(echoes[i])) : NULL;

        if (at)
            text.len = (size_t)(at - text.data);
    }
    size_t valid = slc_utf8_valid_prefix(text.data, text.len);
    return slc_utf8_clip((struct slc_str){.data = text.data, .len = valid}, 300);
}

static bool starts_with(struct slc_str text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.data, prefix, len) == 0 &&
           (text.len == len || text.data[len] == ' ' || strchr(prefix, ' '));
}

bool slc_reply_fail(struct slc_str error_text, const char *where, struct slc_error *error)
{
    struct slc_str text = presentable(error_text);

    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (starts_with(error_text, meanings[i].prefix))
            return slc_fail(error, meanings[i].code, "Redis at %.200s refused: %.*s; %s", where,
                            SLC_STR_ARG(text), meanings[i].advice);
    return slc_fail(error, SLC_ERR_SERVER, "Redis at %.200s answered with an error: %.*s", where,
                    SLC_STR_ARG(text));
}

bool slc_reply_check(const struct slc_reply *reply, const char *where, struct slc_error *error)
{
    if (reply->type == SLC_REPLY_ERROR)
        return slc_reply_fail(reply->text, where, error);
    for (size_t i = 0; i < reply->count; i++)
        if (!slc_reply_check(&reply->items[i], where, error))
            return false;
    return true;
}
