/* What a load with plain names looks at before its commit, and its part of it. */
#include "store/plain.h"

#include <json-c/json.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/num.h"
#include "base/time.h"
#include "store/announce.h"
#include "store/exchange.h"
#include "store/garbage.h"
#include "store/keyed.h"
#include "store/lease.h"
#include "store/load.h"

enum { KEYS_AT_ONCE = 512 };

static struct slc_str text_of(const struct slc_reply *reply)
{
    return reply->type == SLC_REPLY_STRING ? reply->text : (struct slc_str){0};
}

static struct slc_str under(struct slc_arena *arena, struct slc_str prefix, struct slc_str key)
{
    return slc_store_join(arena, prefix, key, SLC_STR(""), SLC_STR(""));
}

/* ---- Names ---- */

/* `name` is NAME:..., so that it could be the key of a row of NAME's. */
static bool is_below(struct slc_str name, struct slc_str of)
{
    return name.len > of.len && name.data[of.len] == ':' && memcmp(name.data, of.data, of.len) == 0;
}

static bool refuse_pair(struct slc_str plain, struct slc_str other, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_CONFLICT,
                    "rows of \"%.*s\" under plain names could be taken for keys of \"%.*s\"; "
                    "rename one of them, or set store.key_prefix=load",
                    SLC_STR_ARG(plain), SLC_STR_ARG(other));
}

static bool is_plain(struct slc_str name, struct slc_str document)
{
    SLC_AUTO_PLACE struct slc_layout_place place = {0};

    return document.data && slc_layout_read(name, document, &place, NULL) &&
           (place.staged.len > 0 || /* announced, the document has no more than where they wait */
            (place.prefix.len > 0 && place.layout->a_key_a_row &&
             memmem(place.prefix.data, place.prefix.len, ".META:", 6)));
}

/* A replica whose rows have plain names, by its metadata. */
static bool check_stored(struct slc_store_load *load, struct slc_str other, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str meta_key = slc_store_meta_key(&arena, load->home, other);

    if (!slc_store_joined(meta_key, error) ||
        !slc_redis_append_call(load->home, error, SLC_STR("HGET"), meta_key, SLC_STR("LAYOUT")) ||
        !slc_redis_read(load->home, &reply, error))
        return false;
    return !is_plain(other, text_of(reply)) || refuse_pair(other, load->options.name, error);
}

/* Another replica, which is there (`announced` NULL), or is being loaded. */
static bool check_other(struct slc_store_load *load, struct slc_str other,
                        const struct slc_announcement *announced, struct slc_error *error)
{
    struct slc_str name = load->options.name;

    if (load->options.plain_names && is_below(other, name))
        return refuse_pair(name, other, error);
    if (!is_below(name, other))
        return true;
    if (!announced)
        return check_stored(load, other, error);
    return !is_plain(other, announced->document) || refuse_pair(other, name, error);
}

static bool check_registry(struct slc_store_load *load, struct slc_error *error)
{
    struct slc_str name = load->options.name, registry = load->options.registry_key;
    struct slc_str queue =
        slc_store_join(&load->arena, SLC_STR("{"), registry, SLC_STR("}:jobs"), SLC_STR(""));

    if (!slc_store_joined(queue, error))
        return false;
    if (load->options.plain_names && (is_below(registry, name) || is_below(queue, name)))
        return slc_fail(error, SLC_ERR_NAME,
                        "rows of \"%.*s\" under plain names could be taken for keys of the "
                        "registry; rename the data file, or set store.key_prefix=load",
                        SLC_STR_ARG(name));
    return true;
}

/* Rows under plain names that were dropped or replaced, and are not removed yet:
 * of this replica, or (`above`) of one whose rows' keys its own could be. Counted,
 * or removed: later, ours would be taken for them. */
static bool each_garbage(struct slc_store_load *load, bool above, bool remove, size_t *ret_n,
                         struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *notes = NULL;
    struct slc_str name = load->options.name;
    struct slc_announcement what;

    *ret_n = 0;
    if (!slc_redis_call(load->home, &notes, error, SLC_STR("HGETALL"), load->garbage_hash))
        return false;
    for (size_t i = 0; i + 1 < notes->count; i += 2) {
        struct slc_str load_id = notes->items[i].text, note = notes->items[i + 1].text;

        if (!slc_load_id_is_valid(load_id) || !slc_announcement_parse(&arena, note, &what) ||
            !(above ? is_below(name, what.name) : slc_str_eq(name, what.name)) ||
            !is_plain(what.name, what.document))
            continue;
        (*ret_n)++;
        if (remove && !slc_garbage_collect(load->home, load->garbage_hash, load_id, note, error))
            return false;
    }
    return true;
}

/* Everyone announces before looking, so that of two at once at least one sees the
 * other; and an announcement ends after the registry has the name. */
bool slc_plain_check_names(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *announced = NULL, *registered = NULL;
    struct slc_announcement other;
    size_t n;

    if (!check_registry(load, error))
        return false;
    if (!load->options.plain_names && !memchr(load->options.name.data, ':', load->options.name.len))
        return true;
    if (!slc_redis_call(load->home, &announced, error, SLC_STR("HGETALL"), load->staging_hash) ||
        !slc_redis_call(load->home, &registered, error, SLC_STR("LRANGE"),
                        load->options.registry_key, SLC_STR("0"), SLC_STR("-1")))
        return false;
    for (size_t i = 0; i + 1 < announced->count; i += 2)
        if (slc_announcement_parse(&arena, announced->items[i + 1].text, &other) &&
            !check_other(load, other.name, &other, error))
            return false;
    for (size_t i = 0; i < registered->count; i++)
        if (!check_other(load, registered->items[i].text, NULL, error))
            return false;
    return each_garbage(load, true, true, &n, error);
}

/* ---- Rows ---- */

/* Verifying may take longer than the lease lasts. */
static bool keep_lease(struct slc_store_load *load, struct slc_error *error)
{
    if (slc_monotonic_usec() - load->lease_usec < load->options.lease_msec * 250)
        return true;
    load->lease_usec = slc_monotonic_usec();
    return slc_lease_extend(load, error);
}

/* How many of these keys there are. */
static bool count_keys(struct slc_redis *redis, struct slc_str prefix, const struct slc_str keys[],
                       size_t n, int64_t *ret, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    struct slc_str *argv = slc_arena_calloc(&arena, n + 1, sizeof(*argv));

    *ret = 0;
    if (n == 0)
        return true;
    if (!argv)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were verified");
    argv[0] = SLC_STR("EXISTS");
    for (size_t i = 0; i < n; i++) {
        argv[i + 1] = under(&arena, prefix, keys[i]);
        if (!slc_store_joined(argv[i + 1], error))
            return false;
    }
    if (!slc_redis_command(redis, n + 1, argv, &reply, error))
        return false;
    *ret = reply->integer;
    return true;
}

/* Of `keys`, those of which a row waits under `prefix` come first, in their order
 * like the others behind them; `*ret_n` of them. `keys` is the caller's own. */
static bool part_keys(struct slc_redis *redis, struct slc_str prefix, struct slc_str keys[],
                      size_t n, size_t *ret_n, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_reply **replies = slc_arena_calloc(&arena, n + 1, sizeof(struct slc_reply *));
    struct slc_str *absent = slc_arena_calloc(&arena, n + 1, sizeof(*absent));
    size_t n_there = 0, n_absent = 0;
    bool good = replies && absent;

    if (!good)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were verified");
    for (size_t i = 0; good && i < n; i++) {
        struct slc_str key = under(&arena, prefix, keys[i]);

        good = slc_store_joined(key, error) &&
               slc_redis_append_call(redis, error, SLC_STR("EXISTS"), key);
    }
    good = slc_store_replies(redis, good, replies, n, error);
    for (size_t i = 0; good && i < n; i++) {
        if (replies[i]->integer > 0)
            keys[n_there++] = keys[i];
        else
            absent[n_absent++] = keys[i];
    }
    for (size_t i = 0; i < n; i++)
        slc_reply_free(replies[i]);
    if (good && n_absent > 0)
        memcpy(keys + n_there, absent, n_absent * sizeof(*keys));
    *ret_n = n_there;
    return good;
}

/* The place of the load's rows as the commit will describe it. */
static bool own_place(struct slc_store_load *load, struct slc_layout_place *ret,
                      struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf document = {0};
    struct slc_str text;

    slc_layout_document(load, true, &document);
    text = document.failed ? (struct slc_str){0}
                           : slc_arena_copy(&load->arena, slc_buf_view(&document));
    if (!text.data)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    return slc_layout_read(load->options.name, text, ret, error);
}

/* The old rows lie under the same plain names as ours will. */
static bool is_predecessor(const struct slc_layout_place *before,
                           const struct slc_layout_place *own)
{
    return before->staged.len > 0 && before->layout->a_key_a_row &&
           slc_str_eq(before->prefix, own->prefix);
}

/* Over all rows of a place: how many have one under its plain name; of the old
 * load's only those that ours has, too. `own` NULL: the place is our own. */
static bool count_plain(struct slc_store_load *load, const struct slc_layout_place *place,
                        const struct slc_layout_place *own, int64_t *ret, struct slc_error *error)
{
    int64_t span;

    *ret = 0;
    for (int64_t from = 0;; from += span) {
        SLC_AUTO_ARENA struct slc_arena arena = {0};
        struct slc_str *keys;
        int64_t found;
        size_t n;

        if (!keep_lease(load, error) ||
            !slc_keyed_row_keys(load->redis, place, from, KEYS_AT_ONCE, &arena, &keys, &n, &span,
                                error) ||
            (own && !part_keys(load->redis, own->staged, keys, n, &n, error)) ||
            !count_keys(load->redis, place->prefix, keys, n, &found, error))
            return false;
        if (span == 0)
            return true;
        *ret += found;
    }
}

bool slc_plain_has_garbage(struct slc_store_load *load, bool *ret, struct slc_error *error)
{
    size_t n;

    if (!each_garbage(load, false, false, &n, error))
        return false;
    *ret = n > 0;
    return true;
}

bool slc_plain_settle(struct slc_store_load *load, struct slc_error *error)
{
    size_t n;

    return slc_plain_finish(load->redis, load->options.name, load->meta_key, error) &&
           (!load->options.plain_names || each_garbage(load, false, true, &n, error));
}

static bool check_foreign(struct slc_store_load *load, const struct slc_layout_place *own,
                          struct slc_str document, struct slc_error *error)
{
    SLC_AUTO_PLACE struct slc_layout_place before = {0};
    int64_t n_old = 0, n_there;

    if (document.data && slc_layout_read(load->options.name, document, &before, NULL) &&
        is_predecessor(&before, own) && !count_plain(load, &before, own, &n_old, error))
        return false;
    if (!count_plain(load, own, NULL, &n_there, error))
        return false;
    return n_there <= n_old ||
           slc_fail(error, SLC_ERR_CONFLICT,
                    "%lld keys %.*s... that rows were to get are there already, and are no rows of "
                    "the replica; remove or rename them, or set store.key_prefix=load",
                    (long long)(n_there - n_old), SLC_STR_ARG(own->prefix));
}

/* A right that is missed after the commit would leave the switch where it is. */
static bool check_rights(struct slc_store_load *load, const struct slc_layout_place *own,
                         struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *renamed = NULL, *expiring = NULL;
    /* No row's: row keys come behind the colon. */
    struct slc_str nothing = {.data = own->staged.data, .len = own->staged.len - 1};

    if (!slc_redis_call(load->redis, NULL, error, SLC_STR("UNLINK"), nothing) ||
        !slc_redis_append_call(load->redis, error, SLC_STR("RENAME"), nothing, nothing) ||
        !slc_redis_read(load->redis, &renamed, error))
        return false;
    if (renamed->type == SLC_REPLY_ERROR && !slc_str_is(renamed->text, "ERR no such key"))
        return slc_reply_fail(renamed->text, slc_redis_where(load->redis), error);
    return load->options.ttl_seconds <= 0 ||
           slc_redis_call(load->redis, &expiring, error, SLC_STR("EXPIRE"), nothing, SLC_STR("1"));
}

bool slc_plain_check_rows(struct slc_store_load *load, struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *document = NULL;
    SLC_AUTO_PLACE struct slc_layout_place own = {0};

    return slc_plain_settle(load, error) && own_place(load, &own, error) &&
           check_rights(load, &own, error) &&
           slc_redis_call(load->redis, &document, error, SLC_STR("HGET"), load->meta_key,
                          SLC_STR("LAYOUT")) &&
           check_foreign(load, &own, text_of(document), error);
}

/* ---- The commit ---- */

/* All row keys of a place, in the load's arena. */
static bool all_keys(struct slc_store_load *load, const struct slc_layout_place *place, int64_t n,
                     struct slc_str **ret_keys, size_t *ret_n, struct slc_error *error)
{
    struct slc_str *all = slc_arena_calloc(&load->arena, (size_t)n + 1, sizeof(*all)), *keys;
    size_t n_all = 0, some;
    int64_t span;

    if (!all)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    for (int64_t from = 0; from < n; from += span) {
        if (!slc_keyed_row_keys(load->redis, place, from, n - from, &load->arena, &keys, &some,
                                &span, error))
            return false;
        if (span == 0)
            break;
        if (some > 0)
            memcpy(all + n_all, keys, some * sizeof(*all));
        n_all += some;
    }
    *ret_keys = all;
    *ret_n = n_all;
    return true;
}

static bool find_lists(struct slc_store_load *load, const struct slc_layout_place *before,
                       struct slc_plain_swap *swap, struct slc_error *error)
{
    size_t n = (size_t)slc_keyed_lists(before);
    struct slc_str *lists = slc_arena_calloc(&load->arena, n + 1, sizeof(*lists));
    SLC_AUTO_BUF struct slc_buf name = {0};

    if (!lists)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    for (size_t i = 0; i < n; i++) {
        lists[i] = slc_arena_copy(
            &load->arena, slc_keyed_list_key(&name, slc_keyed_own_prefix(before), (int64_t)i));
        if (!slc_store_joined(lists[i], error))
            return false;
    }
    swap->lists = lists;
    swap->n_lists = n;
    return true;
}

/* In one step: which rows get their names, and which lose them. */
static bool plan_at_once(struct slc_store_load *load, const struct slc_layout_place *own,
                         const struct slc_layout_place *before, int64_t n_before,
                         struct slc_plain_swap *swap, struct slc_error *error)
{
    struct slc_str *moved, *old;
    size_t n_moved, n_old = 0, n_stay = 0;
    int64_t n_waiting;

    if (!all_keys(load, own, load->counts.rows_written, &moved, &n_moved, error) ||
        !count_keys(load->redis, own->staged, moved, n_moved, &n_waiting, error))
        return false;
    /* A RENAME that fails inside of EXEC would not undo the others. */
    if (n_waiting != load->counts.rows_written)
        return slc_fail(error, SLC_ERR_VERIFY,
                        "%lld rows were written, but %lld are there; nothing was swapped. Does "
                        "something else write to or evict from this server?",
                        (long long)load->counts.rows_written, (long long)n_waiting);
    swap->moved = moved;
    swap->n_moved = n_moved;
    if (!before)
        return true;
    if (!all_keys(load, before, n_before, &old, &n_old, error) ||
        !part_keys(load->redis, own->staged, old, n_old, &n_stay, error))
        return false;
    swap->vanished = old + n_stay;
    swap->n_vanished = n_old - n_stay;
    return find_lists(load, before, swap, error);
}

static bool plan_switch(struct slc_store_load *load, struct slc_str before, int64_t at_once,
                        struct slc_plain_swap *swap, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf json = {0};

    slc_buf_append_byte(&json, '{');
    slc_json_member_text(&json, "phase", before.data ? "removing" : "moving");
    slc_json_member_int64(&json, "at_once", at_once);
    if (before.data)
        slc_json_member_string(&json, "before", before);
    slc_buf_append_byte(&json, '}');
    if (!json.failed)
        swap->switching = slc_arena_copy(&load->arena, slc_buf_view(&json));
    return slc_store_joined(swap->switching, error);
}

/* Of the new rows and the old ones, which are freed when theirs get their names. */
static int64_t most_columns(const struct slc_store_load *load, const struct slc_layout_place *old)
{
    struct json_object *columns;
    int64_t n_old = json_object_object_get_ex(old->json, "columns", &columns) &&
                            json_object_is_type(columns, json_type_array)
                        ? (int64_t)json_object_array_length(columns)
                        : 0;

    return n_old > load->options.n_columns ? n_old : load->options.n_columns;
}

bool slc_plain_plan(struct slc_store_load *load, struct slc_str before,
                    struct slc_plain_swap *ret_swap, bool *ret_taken_over, struct slc_error *error)
{
    SLC_AUTO_PLACE struct slc_layout_place own = {0}, old = {0};
    struct slc_plain_swap swap = {0};
    int64_t at_once, n_old = 0;
    bool follows;

    if (!own_place(load, &own, error))
        return false;
    follows = before.data && slc_layout_read(load->options.name, before, &old, NULL) &&
              is_predecessor(&old, &own) && old.layout->count(load->redis, &old, &n_old, NULL);
    at_once = slc_plain_keys_at_once(load->options.max_block_usec, most_columns(load, &old));
    swap.prefix = slc_arena_copy(&load->arena, own.prefix);
    swap.staged = slc_arena_copy(&load->arena, own.staged);
    if (!slc_store_joined(swap.prefix, error) || !slc_store_joined(swap.staged, error))
        return false;
    if (load->counts.rows_written <= at_once && n_old <= at_once - load->counts.rows_written) {
        if (!plan_at_once(load, &own, follows ? &old : NULL, n_old, &swap, error))
            return false;
    } else if (!plan_switch(load, follows ? before : (struct slc_str){0}, at_once, &swap, error)) {
        return false;
    }
    *ret_swap = swap;
    *ret_taken_over = follows;
    return true;
}

bool slc_plain_append(struct slc_store_load *load, const struct slc_plain_swap *swap,
                      struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_redis *redis = load->redis;
    char seconds[SLC_NUM_TEXT_BYTES] = "";
    bool good = true;

    if (load->options.ttl_seconds > 0)
        *slc_write_int64(seconds, load->options.ttl_seconds) = '\0';
    for (size_t i = 0; good && i < swap->n_vanished; i++) {
        struct slc_str plain = under(&arena, swap->prefix, swap->vanished[i]);

        good = slc_store_joined(plain, error) &&
               slc_redis_append_call(redis, error, SLC_STR("UNLINK"), plain);
    }
    for (size_t i = 0; good && i < swap->n_moved; i++) {
        struct slc_str plain = under(&arena, swap->prefix, swap->moved[i]);
        struct slc_str staged = under(&arena, swap->staged, swap->moved[i]);

        good = slc_store_joined(plain, error) && slc_store_joined(staged, error) &&
               slc_redis_append_call(redis, error, SLC_STR("RENAME"), staged, plain) &&
               (!*seconds || slc_redis_append_call(redis, error, SLC_STR("EXPIRE"), plain,
                                                   slc_str_from(seconds)));
    }
    for (size_t i = 0; good && i < swap->n_lists; i++)
        good = slc_redis_append_call(redis, error, SLC_STR("UNLINK"), swap->lists[i]);
    return good;
}
