#include "store/lease.h"

#include <poll.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "redis/resp.h"
#include "store/exchange.h"
#include "store/load.h"

enum { FIRST_PAUSE_MS = 5, LONGEST_PAUSE_MS = 200 };

/* KEYS: the lease. ARGV: who has it, for how long. Another's is left alone. */
static const char renew_script[] =
    "return redis.call('get',KEYS[1])==ARGV[1] and redis.call('pexpire',KEYS[1],ARGV[2]) or 0";
static const char drop_script[] =
    "return redis.call('get',KEYS[1])==ARGV[1] and redis.call('del',KEYS[1]) or 0";

bool slc_lease_lost(const struct slc_store_load *load, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_CONFLICT,
                    "this load of \"%.*s\" stood still for too long or was taken for dead, and "
                    "another one may replace the replica by now; load it again",
                    SLC_STR_ARG(load->options.name));
}

bool slc_lease_check_base(const struct slc_store_load *load, struct slc_str load_id,
                          struct slc_error *error)
{
    /* Its own id: the swap was done, on a server that was replaced in that moment. */
    if (!load_id.data || slc_str_eq(load_id, slc_str_from(load->options.base->load_id)) ||
        slc_str_eq(load_id, load->options.load_id))
        return true;
    return slc_fail(
        error, SLC_ERR_CONFLICT,
        "another load of \"%.*s\" was done while this one was under way; its rows stay. "
        "Load it again if this file is the newer one",
        SLC_STR_ARG(load->options.name));
}

/* ---- Taking it ---- */

struct slc_str slc_lease_msec(const struct slc_store_load *load, char text[SLC_NUM_TEXT_BYTES])
{
    return (struct slc_str){
        .data = text, .len = (size_t)(slc_write_int64(text, load->options.lease_msec) - text)};
}

/* A lease that may be ours from a try before is written anew, which ends whatever
 * waits on that try's connection; `*ret_taken` false when it is not, and was not
 * in that moment. */
static bool take_again(struct slc_store_load *load, bool *ret_taken, struct slc_reply **ret_holder,
                       struct slc_error *error)
{
    struct slc_redis *redis = load->redis;
    struct slc_str id = load->options.load_id;
    char text[SLC_NUM_TEXT_BYTES];
    bool good;

    if (!slc_redis_call(redis, NULL, error, SLC_STR("WATCH"), load->lease_key) ||
        !slc_redis_call(redis, ret_holder, error, SLC_STR("GET"), load->lease_key))
        return slc_store_unwatch(redis);
    *ret_taken = (*ret_holder)->type == SLC_REPLY_STRING && slc_str_eq((*ret_holder)->text, id);
    if (!*ret_taken)
        return slc_redis_call(redis, NULL, error, SLC_STR("UNWATCH"));
    good = slc_redis_append_call(redis, error, SLC_STR("MULTI")) &&
           slc_redis_append_call(redis, error, SLC_STR("SET"), load->lease_key, id, SLC_STR("PX"),
                                 slc_lease_msec(load, text));
    return slc_store_exec(redis, good, ret_taken, NULL, error);
}

/* One try. `*ret_holder` is the load that has it when we do not. */
static bool try_to_take(struct slc_store_load *load, bool *ret_taken, struct slc_reply **ret_holder,
                        struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str id = load->options.load_id;
    char text[SLC_NUM_TEXT_BYTES];

    load->lease_usec = slc_monotonic_usec();
    if (!slc_redis_call(load->redis, &reply, error, SLC_STR("SET"), load->lease_key, id,
                        SLC_STR("NX"), SLC_STR("PX"), slc_lease_msec(load, text)))
        return false;
    *ret_taken = slc_reply_is(reply, "OK");
    return *ret_taken || take_again(load, ret_taken, ret_holder, error);
}

static bool refuse(const struct slc_store_load *load, const struct slc_reply *holder,
                   struct slc_error *error)
{
    return slc_fail(
        error, SLC_ERR_CONFLICT,
        "the replica \"%.*s\" is being loaded by somebody else (load %.32s); wait until "
        "that is done, then load it again",
        SLC_STR_ARG(load->options.name), holder->type == SLC_REPLY_STRING ? holder->text.data : "");
}

static bool take(struct slc_store_load *load, struct slc_error *error)
{
    int64_t deadline_usec = slc_monotonic_usec() + load->options.lease_wait_msec * 1000;

    for (int pause_ms = FIRST_PAUSE_MS;;) {
        SLC_AUTO_REPLY struct slc_reply *holder = NULL;
        bool taken;

        if (!try_to_take(load, &taken, &holder, error))
            return false;
        if (taken)
            return true;
        if (load->options.cancel && *load->options.cancel)
            return slc_fail(error, SLC_ERR_CANCELLED, "the load was stopped");
        if (slc_monotonic_usec() >= deadline_usec)
            return refuse(load, holder, error);
        (void)poll(NULL, 0, pause_ms);
        pause_ms = pause_ms * 2 < LONGEST_PAUSE_MS ? pause_ms * 2 : LONGEST_PAUSE_MS;
    }
}

/* Find out in the same round trip whether a script may renew the lease; a user
 * without the right (ACL) does it by PEXPIRE alone. */
static bool look_at_replica(struct slc_store_load *load, struct slc_reply **ret_load_id,
                            struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *renewed = NULL;
    char text[SLC_NUM_TEXT_BYTES];

    if (!slc_redis_append_call(load->redis, error, SLC_STR("EVAL"), SLC_STR(renew_script),
                               SLC_STR("1"), load->lease_key, load->options.load_id,
                               slc_lease_msec(load, text)) ||
        !slc_redis_append_call(load->redis, error, SLC_STR("HGET"), load->meta_key,
                               SLC_STR("LOAD_ID")) ||
        !slc_redis_read(load->redis, &renewed, error) ||
        !slc_redis_read(load->redis, ret_load_id, error))
        return false;
    load->has_scripts = renewed->type == SLC_REPLY_INTEGER;
    return slc_reply_check(*ret_load_id, slc_redis_where(load->redis), error);
}

bool slc_lease_take(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_store_base *base = load->options.base;
    struct slc_str current = {0};

    if (!take(load, error) || !look_at_replica(load, &reply, error))
        return false;
    if (reply->type == SLC_REPLY_STRING)
        current = reply->text;
    if (base->known)
        return slc_lease_check_base(load, current, error);
    base->known = true;
    if (current.len < sizeof(base->load_id)) {
        if (current.len > 0)
            memcpy(base->load_id, current.data, current.len);
        base->load_id[current.len] = '\0';
        return true;
    }
    return slc_fail(error, SLC_ERR_CONFLICT, "the metadata of \"%.*s\" was not written by sluice",
                    SLC_STR_ARG(load->options.name));
}

/* ---- Keeping it ---- */

static void put_renewal(const struct slc_store_load *load, struct slc_buf *command)
{
    char text[SLC_NUM_TEXT_BYTES];
    struct slc_str msec = slc_lease_msec(load, text);

    if (load->has_scripts)
        slc_resp_command(command, 6,
                         (struct slc_str[]){SLC_STR("EVAL"), SLC_STR(renew_script), SLC_STR("1"),
                                            load->lease_key, load->options.load_id, msec});
    else
        slc_resp_command(command, 3, (struct slc_str[]){SLC_STR("PEXPIRE"), load->lease_key, msec});
}

bool slc_lease_extend(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf command = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    put_renewal(load, &command);
    if (command.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    return slc_redis_append_encoded(load->redis, slc_buf_view(&command), 1, error) &&
           slc_redis_read(load->redis, &reply, error) &&
           slc_reply_check(reply, slc_redis_where(load->redis), error);
}

bool slc_lease_keep(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf command = {0};
    int64_t now_usec = slc_monotonic_usec();

    if (now_usec - load->lease_usec < load->options.lease_msec * 250)
        return true;
    /* A layout that gathers rows sends nothing for long, and reads no answers. */
    if (load->renewal >= 0)
        return slc_pipe_poll(load->pipe, error);
    put_renewal(load, &command);
    if (command.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    load->renewal = load->commands;
    load->lease_usec = now_usec;
    return slc_layout_send(load, slc_buf_view(&command), 1, -1, error);
}

bool slc_lease_answered(struct slc_store_load *load, int64_t command, int64_t value)
{
    if (command != load->renewal)
        return false;
    load->renewal = -1;
    load->renewal_sum += value;
    return true;
}

bool slc_lease_regain(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *holder = NULL;
    bool taken;

    /* The usual case: it was taken a moment ago, and stands. */
    if (slc_monotonic_usec() - load->lease_usec < load->options.lease_msec * 250) {
        SLC_AUTO_REPLY struct slc_reply *reply = NULL;

        if (!slc_redis_call(load->redis, &reply, error, SLC_STR("GET"), load->lease_key))
            return false;
        if (reply->type == SLC_REPLY_STRING && slc_str_eq(reply->text, load->options.load_id))
            return true;
    }
    return try_to_take(load, &taken, &holder, error) && (taken || slc_lease_lost(load, error));
}

/* ---- Giving it up ---- */

/* Without scripts. `redis` has the key; `*ret_done` false when it changed meanwhile. */
static bool drop_once(struct slc_redis *redis, struct slc_str lease_key, struct slc_str load_id,
                      bool *ret_done, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *holder = NULL;

    *ret_done = true;
    if (!slc_redis_call(redis, NULL, error, SLC_STR("WATCH"), lease_key) ||
        !slc_redis_call(redis, &holder, error, SLC_STR("GET"), lease_key))
        return slc_store_unwatch(redis);
    if (holder->type != SLC_REPLY_STRING || !slc_str_eq(holder->text, load_id))
        return slc_redis_call(redis, NULL, error, SLC_STR("UNWATCH"));
    return slc_store_exec(redis,
                          slc_redis_append_call(redis, error, SLC_STR("MULTI")) &&
                              slc_redis_append_call(redis, error, SLC_STR("DEL"), lease_key),
                          ret_done, NULL, error);
}

static bool drop_watched(struct slc_redis *redis, struct slc_str lease_key, struct slc_str load_id,
                         struct slc_error *error)
{
    SLC_AUTO_REDIS struct slc_redis *own = NULL;
    struct slc_redis *owner = slc_store_owner(redis, lease_key, &own, error);
    bool done = false;

    for (int i = 0; owner && i < SLC_STORE_ATTEMPTS && !done; i++)
        if (!drop_once(owner, lease_key, load_id, &done, error))
            return false;
    /* One that changes all the time is another's by now. */
    return owner != NULL;
}

bool slc_lease_drop(struct slc_redis *redis, struct slc_str lease_key, struct slc_str load_id,
                    struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    /* A server that is out of memory refuses MULTI, but not this. */
    if (!slc_redis_append_call(redis, error, SLC_STR("EVAL"), SLC_STR(drop_script), SLC_STR("1"),
                               lease_key, load_id) ||
        !slc_redis_read(redis, &reply, error))
        return false;
    return reply->type != SLC_REPLY_ERROR || drop_watched(redis, lease_key, load_id, error);
}
