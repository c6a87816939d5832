#include "store/lease.h"

#include <poll.h>
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "redis/resp.h"
#include "store/load.h"

enum { FIRST_PAUSE_MS = 5, LONGEST_PAUSE_MS = 200 };

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

/* One try. `*ret_holder` (of `reply`) is the load that has it when we do not. */
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
    if (*ret_taken)
        return true;
    if (!slc_redis_call(load->redis, ret_holder, error, SLC_STR("GET"), load->lease_key))
        return false;
    *ret_taken = (*ret_holder)->type == SLC_REPLY_STRING && slc_str_eq((*ret_holder)->text, id);
    /* Ours, from a try before: written anew, it ends whatever waits on that try's connection. */
    return !*ret_taken || slc_redis_call(load->redis, NULL, error, SLC_STR("SET"), load->lease_key,
                                         id, SLC_STR("PX"), slc_lease_msec(load, text));
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

bool slc_lease_take(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_store_base *base = load->options.base;
    struct slc_str current = {0};

    if (!take(load, error) || !slc_redis_call(load->redis, &reply, error, SLC_STR("HGET"),
                                              load->meta_key, SLC_STR("LOAD_ID")))
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

bool slc_lease_keep(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf command = {0};
    char text[SLC_NUM_TEXT_BYTES];
    int64_t now_usec = slc_monotonic_usec();

    if (now_usec - load->lease_usec < load->options.lease_msec * 250)
        return true;
    /* A layout that gathers rows sends nothing for long, and reads no answers. */
    if (load->renewal >= 0)
        return slc_pipe_poll(load->pipe, error);
    slc_resp_array(&command, 3);
    slc_resp_bulk(&command, SLC_STR("PEXPIRE"));
    slc_resp_bulk(&command, load->lease_key);
    slc_resp_bulk(&command, slc_lease_msec(load, text));
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

bool slc_lease_drop(struct slc_redis *redis, struct slc_str lease_key, struct slc_str load_id,
                    struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (!slc_redis_call(redis, &reply, error, SLC_STR("GET"), lease_key))
        return false;
    return reply->type != SLC_REPLY_STRING || !slc_str_eq(reply->text, load_id) ||
           slc_redis_call(redis, NULL, error, SLC_STR("DEL"), lease_key);
}
