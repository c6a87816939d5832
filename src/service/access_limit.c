/* Rate limits in Redis: a number with a time to live for each client and
 * endpoint. */
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "service/access_internal.h"

/* What is kept of a window in an entry's text. */
struct window {
    int64_t last;  /* the count of the last hit of the lot */
    bool exceeded; /* nothing is to be had any more */
};
_Static_assert(sizeof(struct window) <= SLC_EXPIRING_VALUE_BYTES, "a window fits its entry");

/* Decided here, when what is known of the window suffices. */
static bool decide(struct slc_access_store *access, struct slc_str key, int64_t now_usec,
                   int64_t *ret_count, int64_t *ret_end_usec)
{
    struct slc_expiring_entry *entry;
    struct window window;
    bool decided = false;

    pthread_mutex_lock(&access->lock);
    entry = slc_expiring_find(access->windows, key, now_usec);
    if (entry) {
        memcpy(&window, entry->text, sizeof(window));
        decided = entry->number > 0 || window.exceeded;
        *ret_end_usec = entry->end_usec;
        *ret_count = access->rate.amount + 1;
        if (entry->number > 0)
            *ret_count = window.last - --entry->number;
    }
    pthread_mutex_unlock(&access->lock);
    return decided;
}

static void keep(struct slc_access_store *access, struct slc_str key, int64_t now_usec,
                 int64_t end_usec, int64_t left, struct window window)
{
    struct slc_expiring_entry *entry;

    pthread_mutex_lock(&access->lock);
    entry = slc_expiring_find(access->windows, key, now_usec);
    if (entry) { /* another thread has taken a lot, too */
        struct window there;

        memcpy(&there, entry->text, sizeof(there));
        left += entry->number;
        window.exceeded |= there.exceeded;
        if (there.last > window.last)
            window.last = there.last;
    } else {
        entry = slc_expiring_put(access->windows, key, now_usec, end_usec);
    }
    if (entry) {
        entry->number = left;
        memcpy(entry->text, &window, sizeof(window));
    }
    pthread_mutex_unlock(&access->lock);
}

static struct slc_str number(int64_t value, char text[SLC_NUM_TEXT_BYTES])
{
    return (struct slc_str){.data = text, .len = (size_t)(slc_write_int64(text, value) - text)};
}

static bool read_number(struct slc_redis *redis, int64_t *ret_number, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;

    if (!slc_redis_read(redis, &reply, error) || !slc_reply_check(reply, NULL, error))
        return false;
    *ret_number = reply->type == SLC_REPLY_INTEGER ? reply->integer : 0;
    return true;
}

/* Take a lot of hits: the count behind them, and the milliseconds that the
 * window has left. A window begins with its first hit; the key may end between two
 * commands, and then has no end of its own. */
static bool take_lot(struct slc_redis *redis, struct slc_str key, int64_t lot, int64_t window_ms,
                     int64_t *ret_count, int64_t *ret_left_ms, struct slc_error *error)
{
    char window_text[SLC_NUM_TEXT_BYTES], lot_text[SLC_NUM_TEXT_BYTES];
    struct slc_str window = number(window_ms, window_text);
    int64_t ignored;

    if (!slc_redis_append_call(redis, error, SLC_STR("SET"), key, SLC_STR("0"), SLC_STR("PX"),
                               window, SLC_STR("NX")) ||
        !slc_redis_append_call(redis, error, SLC_STR("INCRBY"), key, number(lot, lot_text)) ||
        !slc_redis_append_call(redis, error, SLC_STR("PTTL"), key) ||
        !read_number(redis, &ignored, error) || !read_number(redis, ret_count, error) ||
        !read_number(redis, ret_left_ms, error))
        return false;
    if (*ret_left_ms == -1) {
        *ret_left_ms = window_ms;
        return slc_redis_call(redis, NULL, error, SLC_STR("PEXPIRE"), key, window);
    }
    if (*ret_left_ms < 1)
        *ret_left_ms = 1;
    return true;
}

static bool limit_hit(void *state, struct slc_str key, int64_t window_sec, int64_t now_usec,
                      int64_t *ret_count, int64_t *ret_end_usec, struct slc_error *error)
{
    struct slc_access_store *access = state;
    int64_t after, left_ms, granted, amount = access->rate.amount;
    char text[SLC_ACCESS_KEY_BYTES];
    struct slc_redis *redis;
    struct slc_str name;
    bool good;

    if (decide(access, key, now_usec, ret_count, ret_end_usec))
        return true;
    redis = slc_access_take(access, error);
    if (!redis)
        return false;
    good = slc_access_key(access, "limit", key, text, &name) &&
           take_lot(redis, name, access->lot, window_sec * 1000, &after, &left_ms, error);
    slc_access_give(access, redis, good);
    if (!good)
        return false;
    granted = amount - (after - access->lot);
    granted = granted > access->lot ? access->lot : granted < 0 ? 0 : granted;
    *ret_end_usec = now_usec + left_ms * 1000;
    *ret_count = granted > 0 ? after - access->lot + 1 : amount + 1;
    if (granted > 1 || after >= amount)
        keep(access, key, now_usec, *ret_end_usec, granted > 1 ? granted - 1 : 0,
             (struct window){.last = after - access->lot + granted, .exceeded = after >= amount});
    return true;
}

const struct slc_limit_ops slc_access_limit_ops = {.hit = limit_hit};
