#include "job/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs_script.h"

char *slc_script_base(const char *registry_key)
{
    size_t size_bytes = strlen(registry_key) + sizeof("{}:jobs");
    char *base = malloc(size_bytes);

    if (base)
        snprintf(base, size_bytes, "{%s}:jobs", registry_key);
    return base;
}

/* Append EVALSHA, or EVAL with the text itself. */
static bool append(struct slc_redis *redis, const char *base, size_t argc,
                   const struct slc_str argv[], bool whole, struct slc_error *error)
{
    struct slc_str all[SLC_SCRIPT_ARGUMENTS_MAX + 4] = {
        whole ? SLC_STR("EVAL") : SLC_STR("EVALSHA"),
        whole ? SLC_STR(script_text) : SLC_STR(script_sha1), SLC_STR("1"), slc_str_from(base)};

    if (argc > SLC_SCRIPT_ARGUMENTS_MAX)
        return slc_fail(error, SLC_ERR_INTERNAL, "too many arguments for the queue's script");
    memcpy(all + 4, argv, argc * sizeof(*argv));
    return slc_redis_append(redis, argc + 4, all, error);
}

bool slc_script_append(struct slc_redis *redis, const char *base, size_t argc,
                       const struct slc_str argv[], struct slc_error *error)
{
    return append(redis, base, argc, argv, false, error);
}

static bool is_unknown(const struct slc_reply *reply)
{
    return reply->type == SLC_REPLY_ERROR && reply->text.len >= 8 &&
           memcmp(reply->text.data, "NOSCRIPT", 8) == 0;
}

bool slc_script_read(struct slc_redis *redis, const char *base, size_t argc,
                     const struct slc_str argv[], struct slc_reply **ret, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (!slc_redis_read(redis, &reply, error))
        return false;
    if (is_unknown(reply)) {
        slc_reply_free(reply);
        reply = NULL;
        if (!append(redis, base, argc, argv, true, error) || !slc_redis_read(redis, &reply, error))
            return false;
    }
    if (reply->type == SLC_REPLY_ERROR)
        return slc_reply_fail(reply->text, slc_redis_where(redis), error);
    if (ret) {
        *ret = reply;
        reply = NULL;
    }
    return true;
}

bool slc_script_command(struct slc_redis *redis, const char *base, size_t argc,
                        const struct slc_str argv[], struct slc_reply **ret,
                        struct slc_error *error)
{
    return slc_script_append(redis, base, argc, argv, error) &&
           slc_script_read(redis, base, argc, argv, ret, error);
}

bool slc_script_entries(const struct slc_reply *reply, size_t i, struct slc_str *ret_stream,
                        const struct slc_reply **ret_entries)
{
    const struct slc_reply *pair;

    if (reply->type != SLC_REPLY_ARRAY || i >= reply->count)
        return false;
    if (reply->items[i].type == SLC_REPLY_ARRAY) {
        if (reply->items[i].count != 2)
            return false;
        pair = reply->items[i].items;
    } else {
        if (2 * i + 1 >= reply->count)
            return false;
        pair = &reply->items[2 * i];
    }
    if (pair[1].type != SLC_REPLY_ARRAY)
        return false;
    *ret_stream = pair[0].text;
    *ret_entries = &pair[1];
    return true;
}
