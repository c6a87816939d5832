/* Sessions in Redis: strings with a time to live. */
#include <string.h>

#include "base/num.h"
#include "base/time.h"
#include "service/access_internal.h"

static const char *const kinds[SLC_SESSION_KINDS] = {
    [SLC_SESSION_TOKEN] = "session:token",
    [SLC_SESSION_ADDRESS] = "session:address",
    [SLC_SESSION_GUESSES] = "session:guesses",
};

static uint64_t epoch_of(const struct slc_access_store *access, enum slc_session_kind kind)
{
    return atomic_load(&access->shared->page->session_epochs[kind]);
}

/* For all processes of this service: what they have seen of that kind is old. */
static void turn_epoch(const struct slc_access_store *access, enum slc_session_kind kind)
{
    atomic_fetch_add(&access->shared->page->session_epochs[kind], 1);
}

/* What was seen of late in this very epoch; true when there is something. An
 * empty text stands for "there is none", which is kept of wrong keys alone. */
static bool look_up(struct slc_access_store *access, enum slc_session_kind kind, struct slc_str key,
                    uint64_t epoch, char value[SLC_SESSION_VALUE_BYTES])
{
    const struct slc_expiring_entry *entry;
    bool found;

    pthread_mutex_lock(&access->lock);
    entry = slc_expiring_find(access->seen[kind], key, slc_monotonic_usec());
    found = entry && entry->number == (int64_t)epoch;
    if (found)
        memcpy(value, entry->text, SLC_SESSION_VALUE_BYTES);
    pthread_mutex_unlock(&access->lock);
    return found;
}

static void remember(struct slc_access_store *access, enum slc_session_kind kind,
                     struct slc_str key, uint64_t epoch, struct slc_str value)
{
    struct slc_expiring_entry *entry;
    int64_t now = slc_monotonic_usec();

    pthread_mutex_lock(&access->lock);
    entry = slc_expiring_put(access->seen[kind], key, now, now + SLC_ACCESS_CACHE_USEC);
    if (entry) {
        entry->number = (int64_t)epoch;
        if (value.len)
            memcpy(entry->text, value.data, value.len);
    }
    pthread_mutex_unlock(&access->lock);
}

/* Ask Redis. */
static enum slc_session_found ask(struct slc_access_store *access, enum slc_session_kind kind,
                                  struct slc_str key, char value[SLC_SESSION_VALUE_BYTES],
                                  struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_redis *redis = slc_access_take(access, error);
    char text[SLC_ACCESS_KEY_BYTES];
    struct slc_str name;
    bool good;

    if (!redis)
        return SLC_SESSION_STORE_FAILED;
    good = slc_access_key(access, kinds[kind], key, text, &name) &&
           slc_redis_call(redis, &reply, error, SLC_STR("GET"), name);
    slc_access_give(access, redis, good);
    if (!good)
        return SLC_SESSION_STORE_FAILED;
    if (reply->type != SLC_REPLY_STRING || reply->text.len == 0 ||
        reply->text.len >= SLC_SESSION_VALUE_BYTES)
        return SLC_SESSION_ABSENT;
    memset(value, 0, SLC_SESSION_VALUE_BYTES);
    memcpy(value, reply->text.data, reply->text.len);
    return SLC_SESSION_PRESENT;
}

static enum slc_session_found session_get(void *state, enum slc_session_kind kind,
                                          struct slc_str key, char value[SLC_SESSION_VALUE_BYTES],
                                          struct slc_error *error)
{
    struct slc_access_store *access = state;
    uint64_t epoch = epoch_of(access, kind); /* before asking: what comes may be older */
    enum slc_session_found found;

    if (look_up(access, kind, key, epoch, value))
        return value[0] ? SLC_SESSION_PRESENT : SLC_SESSION_ABSENT;
    found = ask(access, kind, key, value, error);
    if (found == SLC_SESSION_STORE_FAILED && kind == SLC_SESSION_GUESSES)
        return slc_session_memory_ops.get(access->fallback, kind, key, value, error);
    if (found == SLC_SESSION_PRESENT)
        remember(access, kind, key, epoch, slc_str_from(value));
    else if (found == SLC_SESSION_ABSENT && kind == SLC_SESSION_GUESSES)
        remember(access, kind, key, epoch, SLC_STR(""));
    return found;
}

static bool session_put(void *state, enum slc_session_kind kind, struct slc_str key,
                        struct slc_str value, int64_t ttl_sec, struct slc_error *error)
{
    struct slc_access_store *access = state;
    struct slc_redis *redis = slc_access_take(access, error);
    char text[SLC_ACCESS_KEY_BYTES], number[SLC_NUM_TEXT_BYTES];
    struct slc_str ttl = {
        .data = number,
        .len = (size_t)(slc_write_int64(number, ttl_sec < 1 ? 1 : ttl_sec) - number)};
    struct slc_str name;
    bool good = false;

    if (redis) {
        good = slc_access_key(access, kinds[kind], key, text, &name) &&
               slc_redis_call(redis, NULL, error, SLC_STR("SET"), name, value, SLC_STR("EX"), ttl);
        slc_access_give(access, redis, good);
    }
    turn_epoch(access, kind);
    return good;
}

static bool session_del(void *state, enum slc_session_kind kind, struct slc_str key,
                        struct slc_error *error)
{
    struct slc_access_store *access = state;
    struct slc_redis *redis = slc_access_take(access, error);
    char text[SLC_ACCESS_KEY_BYTES];
    struct slc_str name;
    bool good = false;

    if (redis) {
        good = slc_access_key(access, kinds[kind], key, text, &name) &&
               slc_redis_call(redis, NULL, error, SLC_STR("DEL"), name);
        slc_access_give(access, redis, good);
    }
    turn_epoch(access, kind);
    if (kind == SLC_SESSION_GUESSES)
        good |= slc_session_memory_ops.del(access->fallback, kind, key, error);
    return good;
}

/* What slc_guesses_add() does, in one step for all who ask. It answers until when the
 * network is refused, or nothing when the wrong key was counted. */
static const char guess_script[] =
    "local now, free, first, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), "
    "tonumber(ARGV[4])\n"
    "local count, ends = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):(%d+)$')\n"
    "count = tonumber(count or 0)\n"
    "if tonumber(ends or 0) > now then return ends end\n"
    "count = math.min(count + 1, 2147483647)\n"
    "local delay = 0\n"
    "if count >= free then delay = math.min(first * 2 ^ math.min(count - free, 1000), most) end\n"
    "redis.call('SET', KEYS[1], string.format('%d:%.0f', count, now + delay * 1000000), 'EX', "
    "ARGV[5])\n"
    "return false";

static bool guess(struct slc_redis *redis, struct slc_str key, const struct slc_guess_rule *rule,
                  int64_t now_usec, int64_t *ret_refused_until_usec, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    const int64_t numbers[] = {now_usec, rule->free, rule->first_delay_sec, rule->max_delay_sec,
                               rule->ttl_sec};
    enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
    char texts[NUMBERS][SLC_NUM_TEXT_BYTES];
    struct slc_str argv[4 + NUMBERS] = {SLC_STR("EVAL"), SLC_STR(guess_script), SLC_STR("1"), key};

    for (size_t i = 0; i < NUMBERS; i++)
        argv[4 + i] = (struct slc_str){
            .data = texts[i], .len = (size_t)(slc_write_int64(texts[i], numbers[i]) - texts[i])};
    if (!slc_redis_command(redis, 4 + NUMBERS, argv, &reply, error))
        return false;
    return reply->type != SLC_REPLY_STRING ||
           slc_parse_int64(reply->text.data, reply->text.len, ret_refused_until_usec);
}

static bool session_guess(void *state, struct slc_str network, const struct slc_guess_rule *rule,
                          int64_t now_usec, int64_t *ret_refused_until_usec,
                          struct slc_error *error)
{
    struct slc_access_store *access = state;
    struct slc_redis *redis = slc_access_take(access, error);
    int64_t until_here_usec = 0;
    char text[SLC_ACCESS_KEY_BYTES];
    struct slc_str name;
    bool good = false, counted_here;

    *ret_refused_until_usec = 0;
    if (redis) {
        good = slc_access_key(access, kinds[SLC_SESSION_GUESSES], network, text, &name) &&
               guess(redis, name, rule, now_usec, ret_refused_until_usec, error);
        slc_access_give(access, redis, good);
    }
    turn_epoch(access, SLC_SESSION_GUESSES);
    /* Counted here, too, for when Redis goes away. */
    counted_here = slc_session_memory_ops.guess(access->fallback, network, rule, now_usec,
                                                &until_here_usec, error);
    if (!good)
        *ret_refused_until_usec = until_here_usec;
    return good || counted_here;
}

const struct slc_session_ops slc_access_session_ops = {
    .get = session_get, .put = session_put, .del = session_del, .guess = session_guess};
