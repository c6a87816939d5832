/* The row keys of the layouts `keys` and `json`: naming all of them, and removing
 * what they name. */
#include "base/num.h"
#include "store/exchange.h"
#include "store/keyed.h"
#include "store/plain.h"
#include "store/rows_reader.h"

enum { KEYS_AT_ONCE = 512 };

/* ---- Row keys ---- */

int64_t slc_keyed_lists(const struct slc_layout_place *place)
{
    int64_t n_rows;

    if (!slc_str_is(slc_layout_text(place, "keys"), "lists") ||
        !slc_layout_int(place, "rows", 0, SLC_KEYED_MOST_ROWS, &n_rows, NULL))
        return 0;
    return (n_rows + SLC_KEYED_LIST_ROWS - 1) / SLC_KEYED_LIST_ROWS;
}

/* Those of a list that is there. */
static bool copy_list(struct slc_redis *redis, const struct slc_layout_place *place, int64_t from,
                      int64_t n, struct slc_arena *arena, struct slc_str *keys, size_t *ret_n,
                      struct slc_error *error)
{
    SLC_AUTO_REPLY struct slc_reply *reply = NULL;
    SLC_AUTO_BUF struct slc_buf list = {0};
    int64_t start = from % SLC_KEYED_LIST_ROWS;
    char texts[2][SLC_NUM_TEXT_BYTES];

    *slc_write_int64(texts[0], start) = '\0';
    *slc_write_int64(texts[1], start + n - 1) = '\0';
    if (!slc_redis_append_call(
            redis, error, SLC_STR("LRANGE"),
            slc_keyed_list_key(&list, slc_keyed_own_prefix(place), from / SLC_KEYED_LIST_ROWS),
            slc_str_from(texts[0]), slc_str_from(texts[1])) ||
        !slc_redis_read(redis, &reply, error))
        return false;
    if (reply->type == SLC_REPLY_ERROR && !slc_store_is_wrong_type(reply))
        return slc_reply_fail(reply->text, slc_redis_where(redis), error);
    *ret_n = 0;
    for (size_t i = 0; reply->type == SLC_REPLY_ARRAY && i < reply->count && i < (size_t)n; i++) {
        keys[i] = slc_arena_copy(arena, reply->items[i].text);
        if (!keys[i].data)
            return slc_rows_out_of_memory(error);
        *ret_n = i + 1;
    }
    return true;
}

static bool ordinals(struct slc_arena *arena, int64_t from, int64_t n, struct slc_str *keys,
                     struct slc_error *error)
{
    for (int64_t i = 0; i < n; i++) {
        char text[SLC_NUM_TEXT_BYTES];
        size_t len = (size_t)(slc_write_int64(text, from + i) - text);

        keys[i] = slc_arena_copy(arena, (struct slc_str){.data = text, .len = len});
        if (!keys[i].data)
            return slc_rows_out_of_memory(error);
    }
    return true;
}

bool slc_keyed_row_keys(struct slc_redis *redis, const struct slc_layout_place *place, int64_t from,
                        int64_t most, struct slc_arena *arena, struct slc_str **ret_keys,
                        size_t *ret_n, int64_t *ret_span, struct slc_error *error)
{
    bool has_lists = slc_str_is(slc_layout_text(place, "keys"), "lists");
    int64_t n_rows, span;
    struct slc_str *keys;

    if (!slc_layout_int(place, "rows", 0, SLC_KEYED_MOST_ROWS, &n_rows, error))
        return false;
    span = most < n_rows - from ? most : n_rows - from;
    if (has_lists && span > SLC_KEYED_LIST_ROWS - from % SLC_KEYED_LIST_ROWS)
        span = SLC_KEYED_LIST_ROWS - from % SLC_KEYED_LIST_ROWS;
    *ret_n = 0;
    *ret_span = span > 0 ? span : 0;
    if (span <= 0)
        return true;
    keys = slc_arena_calloc(arena, (size_t)span, sizeof(*keys));
    if (!keys)
        return slc_rows_out_of_memory(error);
    *ret_keys = keys;
    if (has_lists)
        return copy_list(redis, place, from, span, arena, keys, ret_n, error);
    *ret_n = (size_t)span;
    return ordinals(arena, from, span, keys, error);
}

/* ---- Removing ---- */

static bool append_unlink(struct slc_redis *redis, const struct slc_layout_place *place,
                          struct slc_str key, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf full = {0};

    slc_buf_append_str(&full, place->prefix);
    slc_buf_append_str(&full, key);
    if (full.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were removed");
    return slc_redis_append_call(redis, error, SLC_STR("UNLINK"), slc_buf_view(&full));
}

/* The rows of a list, then the list. */
static bool remove_list(struct slc_redis *redis, const struct slc_layout_place *place,
                        int64_t number, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf name = {0};
    SLC_AUTO_REPLY struct slc_reply *keys = NULL;
    struct slc_str list = slc_keyed_list_key(&name, place->prefix, number);
    bool good = true;

    if (!slc_redis_append_call(redis, error, SLC_STR("LRANGE"), list, SLC_STR("0"),
                               SLC_STR("-1")) ||
        !slc_redis_read(redis, &keys, error))
        return false;
    /* Something else may stand there. But without an answer the rows could not be
     * named any more once the list is gone; nor could those that were refused. */
    if (keys->type == SLC_REPLY_ERROR && !slc_store_is_wrong_type(keys))
        return slc_reply_fail(keys->text, slc_redis_where(redis), error);
    for (size_t i = 0; good && keys->type == SLC_REPLY_ARRAY && i < keys->count; i++)
        good = append_unlink(redis, place, keys->items[i].text, error);
    return slc_store_replies(redis, good, NULL, 0, error) &&
           slc_redis_call(redis, NULL, error, SLC_STR("UNLINK"), list);
}

/* Rows with plain names: there, where they may have waited, and their list. */
static bool remove_plain(struct slc_redis *redis, const struct slc_layout_place *place,
                         int64_t *cursor, bool *ret_done, struct slc_error *error)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    SLC_AUTO_BUF struct slc_buf full = {0};
    struct slc_str *keys = NULL;
    int64_t from = *cursor, span, lists = slc_keyed_lists(place);
    bool good = true;
    size_t n;

    if (!slc_keyed_row_keys(redis, place, from, KEYS_AT_ONCE, &arena, &keys, &n, &span, error) ||
        (n > 0 && !slc_plain_unlink(redis, place, keys, n, error)))
        return false;
    for (size_t i = 0; good && i < n; i++) {
        slc_buf_clear(&full);
        slc_buf_append_str(&full, place->staged);
        slc_buf_append_str(&full, keys[i]);
        good = !full.failed &&
               slc_redis_append_call(redis, error, SLC_STR("UNLINK"), slc_buf_view(&full));
    }
    *cursor = from + span;
    *ret_done = span == 0;
    if (!slc_store_replies(redis, good, NULL, 0, error))
        return false;
    /* The list when all of it is done, the last one at the end. */
    if (lists == 0 || (!*ret_done && *cursor % SLC_KEYED_LIST_ROWS != 0))
        return true;
    return slc_redis_call(redis, NULL, error, SLC_STR("UNLINK"),
                          slc_keyed_list_key(&full, place->staged,
                                             *ret_done ? lists - 1 : from / SLC_KEYED_LIST_ROWS));
}

bool slc_keyed_remove(struct slc_redis *redis, const struct slc_layout_place *place,
                      int64_t *cursor, bool *ret_done, struct slc_error *error)
{
    int64_t n_rows, end, lists = slc_keyed_lists(place);
    bool good = true;

    *ret_done = true;
    if (place->prefix.len == 0 ||
        !slc_layout_int(place, "rows", 0, SLC_KEYED_MOST_ROWS, &n_rows, NULL))
        return true;
    if (place->staged.len > 0)
        return remove_plain(redis, place, cursor, ret_done, error);
    if (lists > 0) {
        if (*cursor < lists)
            good = remove_list(redis, place, (*cursor)++, error);
        *ret_done = *cursor >= lists;
        return good;
    }
    end = *cursor + KEYS_AT_ONCE < n_rows ? *cursor + KEYS_AT_ONCE : n_rows;
    for (int64_t i = *cursor; good && i < end; i++) {
        char text[SLC_NUM_TEXT_BYTES];
        size_t len = (size_t)(slc_write_int64(text, i) - text);

        good = append_unlink(redis, place, (struct slc_str){.data = text, .len = len}, error);
    }
    *cursor = end;
    *ret_done = end >= n_rows;
    return slc_store_replies(redis, good, NULL, 0, error);
}
