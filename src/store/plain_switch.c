/* The switch of rows to their plain names, and their removal. */
#include "store/plain.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/json_tree.h"
#include "base/num.h"
#include "store/announce.h"
#include "store/exchange.h"
#include "store/keyed.h"

enum { MOST_AT_ONCE = 4096, MOST_STATE_BYTES = 4 << 20, STATE_DEPTH = 2 };

int64_t slc_plain_keys_at_once(int64_t max_block_usec, int64_t n_columns)
{
    int64_t usec = max_block_usec > 0 ? max_block_usec : SLC_STORE_BLOCK_USEC;
    /* A rename takes a good microsecond with the row that it frees, whose fields
     * are freed one by one when they are many. */
    int64_t n = usec * 10 / (12 + n_columns / 4);

    return n < 16 ? 16 : n > MOST_AT_ONCE ? MOST_AT_ONCE : n;
}

/* ---- SWITCH ---- */

struct state {
    bool removing;
    int64_t at_once;
    struct slc_str before; /* of `json`; while removing */
    struct json_object *json;
};

static struct slc_str text_of(const struct slc_reply *reply)
{
    return reply->type == SLC_REPLY_STRING ? reply->text : (struct slc_str){0};
}

/* False, and nothing to release, when it is none. */
static bool parse_state(struct slc_str text, struct state *ret)
{
    struct state state = {0};
    struct json_object *at_once;
    bool good;

    if (text.len > MOST_STATE_BYTES)
        return false;
    state.json = slc_json_tree_object(text, STATE_DEPTH);
    good = json_object_object_get_ex(state.json, "at_once", &at_once) &&
           json_object_is_type(at_once, json_type_int);
    if (good) {
        state.at_once = json_object_get_int64(at_once);
        state.before = slc_json_tree_text(state.json, "before");
        state.removing = slc_str_is(slc_json_tree_text(state.json, "phase"), "removing");
        good = state.at_once >= 1 && state.at_once <= MOST_AT_ONCE &&
               (state.removing ? state.before.data != NULL
                               : slc_str_is(slc_json_tree_text(state.json, "phase"), "moving"));
    }
    if (!good)
        json_object_put(state.json);
    else
        *ret = state;
    return good;
}

bool slc_plain_is_switching(struct slc_str text)
{
    struct state state;

    if (!parse_state(text, &state))
        return false;
    json_object_put(state.json);
    return true;
}

/* ---- Transactions that are carried out only while META says what it did ---- */

struct mover {
    struct slc_redis *redis;
    struct slc_str name, meta_key;
    struct slc_reply *meta; /* owned: LAYOUT, SWITCH and LOAD_ID as they were read */
    struct state state;
    struct slc_layout_place now, before;
    char ttl[SLC_NUM_TEXT_BYTES]; /* seconds; "": rows stay */
    bool plainly;                 /* without transactions */
};

static void close_mover(struct mover *mover)
{
    slc_layout_place_release(&mover->now);
    slc_layout_place_release(&mover->before);
    json_object_put(mover->state.json);
    slc_reply_free(mover->meta);
    mover->state = (struct state){0};
    mover->meta = NULL;
}

/* What is under way; `*ret_any` false: nothing, or nothing that we understand. */
static bool open_mover(struct mover *mover, bool *ret_any, struct slc_error *error)
{
    int64_t seconds;

    *ret_any = false;
    if (!slc_redis_append_call(mover->redis, error, SLC_STR("HMGET"), mover->meta_key,
                               SLC_STR("LAYOUT"), SLC_STR(SLC_PLAIN_SWITCH), SLC_STR("LOAD_ID")) ||
        !slc_redis_read(mover->redis, &mover->meta, error))
        return false;
    /* A key that is no metadata has none. */
    if (mover->meta->type == SLC_REPLY_ERROR && !slc_store_is_wrong_type(mover->meta))
        return slc_reply_fail(mover->meta->text, slc_redis_where(mover->redis), error);
    if (mover->meta->count != 3 || !parse_state(text_of(&mover->meta->items[1]), &mover->state))
        return true;
    (void)slc_layout_read(mover->name, text_of(&mover->meta->items[0]), &mover->now, NULL);
    if (mover->state.removing)
        (void)slc_layout_read(mover->name, mover->state.before, &mover->before, NULL);
    *mover->ttl = '\0';
    if (slc_layout_int(&mover->now, "ttl_seconds", 1, INT32_MAX, &seconds, NULL))
        *slc_write_int64(mover->ttl, seconds) = '\0';
    *ret_any = true;
    return true;
}

/* WATCH, and what SWITCH is now, for is_same(). Of two loads it may read alike: who
 * stood still during the first must not end the second's. */
static bool append_watch(const struct mover *mover, struct slc_error *error)
{
    return slc_redis_append_call(mover->redis, error, SLC_STR("WATCH"), mover->meta_key) &&
           slc_redis_append_call(mover->redis, error, SLC_STR("HMGET"), mover->meta_key,
                                 SLC_STR(SLC_PLAIN_SWITCH), SLC_STR("LOAD_ID"));
}

static bool is_same(const struct mover *mover, const struct slc_reply *now)
{
    return now->count == 2 && slc_str_eq(text_of(&now->items[0]), mover->meta->items[1].text) &&
           slc_str_eq(text_of(&now->items[1]), text_of(&mover->meta->items[2]));
}

static struct slc_str under(struct slc_arena *arena, struct slc_str prefix, struct slc_str key)
{
    return slc_store_join(arena, prefix, key, SLC_STR(""), SLC_STR(""));
}

/* Look, under watch, which of the keys have a row that waits. `there[i]` of those. */
static bool look(const struct mover *mover, struct slc_arena *arena, const struct slc_str keys[],
                 size_t n, bool *there, bool *ret_same, struct slc_error *error)
{
    struct slc_reply **replies = slc_arena_calloc(arena, n + 1, sizeof(struct slc_reply *));
    bool good = replies != NULL && append_watch(mover, error);

    if (!replies)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were moved");
    for (size_t i = 0; good && i < n; i++) {
        struct slc_str staged = under(arena, mover->now.staged, keys[i]);

        good = slc_store_joined(staged, error) &&
               slc_redis_append_call(mover->redis, error, SLC_STR("EXISTS"), staged);
    }
    good = slc_store_replies(mover->redis, good, replies, n + 1, error);
    if (good)
        *ret_same = is_same(mover, replies[0]);
    for (size_t i = 0; good && i < n; i++)
        there[i] = replies[i + 1]->integer > 0;
    for (size_t i = 0; i <= n; i++)
        slc_reply_free(replies[i]);
    return good;
}

/* MULTI and what is to be done with the keys; `*ret_any` false: nothing. */
static bool append_changes(const struct mover *mover, struct slc_arena *arena,
                           const struct slc_str keys[], size_t n, const bool *there, bool *ret_any,
                           struct slc_error *error)
{
    struct slc_redis *redis = mover->redis;
    bool good = true;

    *ret_any = false;
    for (size_t i = 0; good && i < n; i++) {
        struct slc_str plain, staged;

        if (there[i] == mover->state.removing)
            continue;
        plain = under(arena, mover->now.prefix, keys[i]);
        staged = under(arena, mover->now.staged, keys[i]);
        good =
            slc_store_joined(plain, error) && slc_store_joined(staged, error) &&
            (*ret_any || mover->plainly || slc_redis_append_call(redis, error, SLC_STR("MULTI")));
        *ret_any = true;
        if (good && mover->state.removing)
            good = slc_redis_append_call(redis, error, SLC_STR("UNLINK"), plain);
        else if (good)
            good = slc_redis_append_call(redis, error, SLC_STR("RENAME"), staged, plain) &&
                   (!*mover->ttl || slc_redis_append_call(redis, error, SLC_STR("EXPIRE"), plain,
                                                          slc_str_from(mover->ttl)));
    }
    return good;
}

/* One try with some keys; `*ret_done` false when META changed meanwhile. */
static bool try_keys(const struct mover *mover, const struct slc_str keys[], size_t n,
                     bool *ret_done, bool *ret_same, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    bool *there = slc_arena_calloc(&arena, n + 1, sizeof(*there)), any = false, good;

    if (!there)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were moved");
    if (!look(mover, &arena, keys, n, there, ret_same, error))
        return false;
    *ret_done = true;
    if (!*ret_same)
        return slc_redis_call(mover->redis, NULL, error, SLC_STR("UNWATCH"));
    good = append_changes(mover, &arena, keys, n, there, &any, error);
    if (!any && good) /* watching META once more costs nothing */
        return true;
    if (mover->plainly)
        return slc_store_replies(mover->redis, good, NULL, 0, error);
    return slc_store_exec(mover->redis, good, ret_done, NULL, error);
}

/* `*ret_same` false: somebody else has gone on. */
static bool change_keys(const struct mover *mover, const struct slc_str keys[], size_t n,
                        bool *ret_same, struct slc_error *error)
{
    struct slc_error why = {0};

    for (int i = 0; i < SLC_STORE_ATTEMPTS; i++) {
        bool done = false;

        if (try_keys(mover, keys, n, &done, ret_same, &why)) {
            if (done)
                return true;
            slc_fail(&why, SLC_ERR_SERVER,
                     "the metadata of \"%.*s\" kept changing while its rows were moved",
                     mover->name.len > 200 ? 200 : (int)mover->name.len, mover->name.data);
        } else if (why.code != SLC_ERR_SERVER || !slc_redis_is_idle(mover->redis)) {
            /* (An error of the server's: another who moves them may have been first.) */
            break;
        }
    }
    if (error)
        *error = why;
    return false;
}

/* All rows of the place, at_once at a time; the lists of the old ones go, too. */
static bool change_all(const struct mover *mover, const struct slc_layout_place *place,
                       bool *ret_same, struct slc_error *error)
{
    int64_t span;

    *ret_same = true;
    for (int64_t from = 0; *ret_same; from += span) {
        SLC_AUTO_ARENA struct slc_arena arena = {0};
        SLC_AUTO_BUF struct slc_buf list = {0};
        struct slc_str *keys;
        size_t n;

        if (!slc_keyed_row_keys(mover->redis, place, from, mover->state.at_once, &arena, &keys, &n,
                                &span, error) ||
            (n > 0 && !change_keys(mover, keys, n, ret_same, error)))
            return false;
        if (span == 0)
            return true;
        if (*ret_same && mover->state.removing && slc_keyed_lists(place) > 0 &&
            (from + span) % SLC_KEYED_LIST_ROWS == 0 &&
            !slc_redis_call(
                mover->redis, NULL, error, SLC_STR("UNLINK"),
                slc_keyed_list_key(&list, slc_keyed_own_prefix(place), from / SLC_KEYED_LIST_ROWS)))
            return false;
    }
    return true;
}

static bool is_plain(const struct slc_layout_place *place)
{
    return place->layout && place->layout->a_key_a_row && place->staged.len > 0;
}

/* The last list, which is not full. */
static bool drop_last_list(const struct mover *mover, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf list = {0};
    int64_t n = is_plain(&mover->before) ? slc_keyed_lists(&mover->before) : 0;

    return n == 0 ||
           slc_redis_call(mover->redis, NULL, error, SLC_STR("UNLINK"),
                          slc_keyed_list_key(&list, slc_keyed_own_prefix(&mover->before), n - 1));
}

/* What the phase is about; what somebody else put in the metadata's place has no rows. */
static bool run_phase(const struct mover *mover, bool *ret_same, struct slc_error *error)
{
    const struct slc_layout_place *place = mover->state.removing ? &mover->before : &mover->now;

    *ret_same = true;
    return !is_plain(place) || !is_plain(&mover->now) || change_all(mover, place, ret_same, error);
}

/* On to the next phase, or the end. */
static bool advance(const struct mover *mover, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *now = NULL;
    SLC_AUTO_BUF struct slc_buf next = {0};
    bool good, done;

    if (mover->state.removing && !drop_last_list(mover, error))
        return false;
    if (!slc_store_replies(mover->redis, append_watch(mover, error), &now, 1, error))
        return false;
    if (!is_same(mover, now))
        return slc_redis_call(mover->redis, NULL, error, SLC_STR("UNWATCH"));
    good = slc_redis_append_call(mover->redis, error, SLC_STR("MULTI"));
    if (mover->state.removing) {
        slc_buf_printf(&next, "{\"phase\":\"moving\",\"at_once\":%lld}",
                       (long long)mover->state.at_once);
        good = good && (!next.failed || slc_fail(error, SLC_ERR_MEMORY, "memory ran out")) &&
               slc_redis_append_call(mover->redis, error, SLC_STR("HSET"), mover->meta_key,
                                     SLC_STR(SLC_PLAIN_SWITCH), slc_buf_view(&next));
    } else {
        good = good && slc_redis_append_call(mover->redis, error, SLC_STR("HDEL"), mover->meta_key,
                                             SLC_STR(SLC_PLAIN_SWITCH));
    }
    return slc_store_exec(mover->redis, good, &done, NULL, error);
}

bool slc_plain_finish(struct slc_redis *redis, struct slc_str name, struct slc_str meta_key,
                      struct slc_error *error)
{
    bool any = true, good = true;

    /* Each turn is a phase, or finds that somebody else is further. */
    for (int i = 0; good && any && i < 4 * SLC_STORE_ATTEMPTS; i++) {
        struct mover mover = {.redis = redis, .name = name, .meta_key = meta_key};
        bool same = true;

        good = open_mover(&mover, &any, error);
        if (good && any)
            good = run_phase(&mover, &same, error) && (!same || advance(&mover, error));
        close_mover(&mover);
    }
    if (good && any)
        return slc_fail(error, SLC_ERR_SERVER,
                        "the rows of the replica \"%.*s\" are being moved over and over; try again",
                        name.len > 200 ? 200 : (int)name.len, name.data);
    return good || slc_store_unwatch(redis);
}

bool slc_plain_remove_old(struct slc_redis *redis, struct slc_str name, struct slc_str meta_key,
                          struct slc_error *error)
{
    struct mover mover = {.redis = redis, .name = name, .meta_key = meta_key, .plainly = true};
    bool any, same, good = open_mover(&mover, &any, error);

    if (good && any && mover.state.removing)
        good = run_phase(&mover, &same, error) && drop_last_list(&mover, error);
    close_mover(&mover);
    (void)slc_store_unwatch(redis);
    return good;
}

bool slc_plain_finish_of(struct slc_redis *redis, struct slc_str name, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REDIS struct slc_redis *own = NULL;
    struct slc_str meta_key = slc_store_meta_key(&arena, redis, name);
    struct slc_redis *owner;

    return slc_store_joined(meta_key, error) &&
           (owner = slc_store_owner(redis, name, &own, error)) != NULL &&
           slc_plain_finish(owner, name, meta_key, error);
}

/* ---- Removing ---- */

/* META as it is now says that a load with plain names has these rows, another one
 * than that of `place`. */
static bool has_successor(const struct slc_layout_place *place, struct slc_str document)
{
    SLC_AUTO_PLACE struct slc_layout_place now = {0};

    return document.data && slc_layout_read(place->name, document, &now, NULL) &&
           now.staged.len > 0 && !slc_str_eq(now.staged, place->staged);
}

static bool append_unlink(struct slc_redis *redis, struct slc_arena *arena,
                          const struct slc_layout_place *place, const struct slc_str keys[],
                          size_t n, struct slc_error *error)
{
    struct slc_str *argv = slc_arena_calloc(arena, n + 1, sizeof(*argv));

    if (!argv)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were removed");
    argv[0] = SLC_STR("UNLINK");
    for (size_t i = 0; i < n; i++) {
        argv[i + 1] = under(arena, place->prefix, keys[i]);
        if (!slc_store_joined(argv[i + 1], error))
            return false;
    }
    return slc_redis_append(redis, n + 1, argv, error);
}

static bool unlink_once(struct slc_redis *redis, const struct slc_layout_place *place,
                        const struct slc_str keys[], size_t n, bool *ret_done,
                        struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *document = NULL;
    /* NAME.META:<load id>: without what is behind NAME.META */
    struct slc_str meta_key = {.data = place->staged.data,
                               .len = place->staged.len - SLC_LOAD_ID_BYTES - 2};
    struct slc_error why = {0};
    bool good = slc_redis_append_call(redis, error, SLC_STR("WATCH"), meta_key) &&
                slc_redis_append_call(redis, error, SLC_STR("HGET"), meta_key, SLC_STR("LAYOUT"));

    *ret_done = true;
    if (!slc_store_replies(redis, good, &document, 1, error))
        return slc_store_unwatch(redis);
    if (has_successor(place, text_of(document)))
        return slc_redis_call(redis, NULL, error, SLC_STR("UNWATCH"));
    if (slc_store_exec(redis,
                       slc_redis_append_call(redis, &why, SLC_STR("MULTI")) &&
                           append_unlink(redis, &arena, place, keys, n, &why),
                       ret_done, NULL, &why))
        return true;
    /* A server that is out of memory refuses transactions: also that of a load that
     * could be in the way. */
    *ret_done = true;
    if (why.code == SLC_ERR_SERVER && slc_redis_is_idle(redis))
        return slc_store_replies(redis, append_unlink(redis, &arena, place, keys, n, error), NULL,
                                 0, error);
    if (error)
        *error = why;
    return false;
}

bool slc_plain_unlink(struct slc_redis *redis, const struct slc_layout_place *place,
                      const struct slc_str keys[], size_t n_keys, struct slc_error *error)
{
    bool done = false;

    for (int i = 0; i < SLC_STORE_ATTEMPTS && !done; i++)
        if (!unlink_once(redis, place, keys, n_keys, &done, error))
            return false;
    return done || slc_fail(error, SLC_ERR_SERVER,
                            "the metadata of \"%.*s\" kept changing while its rows were removed",
                            place->name.len > 200 ? 200 : (int)place->name.len, place->name.data);
}
