#include "store/ask.h"

#include "base/utf8.h"
#include "redis/resp.h"
#include "store/meta_copy.h"

/* ---- The registered names ---- */

void slc_ask_names(struct slc_buf *commands, struct slc_str registry_key)
{
    slc_resp_command(
        commands, 4,
        (struct slc_str[]){SLC_STR("LRANGE"), registry_key, SLC_STR("0"), SLC_STR("-1")});
}

bool slc_ask_names_answer(struct slc_reply *const replies[], const char *between,
                          struct slc_buf *text, struct slc_error *error)
{
    const struct slc_reply *list = replies[0];

    if (!slc_reply_check(list, "Redis", error))
        return false;
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            slc_buf_append_text(text, between);
        slc_buf_append_str(text, list->items[i].text);
    }
    return true;
}

/* ---- Rows ---- */

static void append_meta_key(struct slc_buf *commands, struct slc_str name)
{
    char *to = slc_buf_reserve(commands, SLC_RESP_BULK_BOUND(name.len + 5)), *start = to;

    if (!to)
        return;
    to = slc_resp_write_header(to, '$', name.len + 5);
    memcpy(to, name.data, name.len);
    to += name.len;
    memcpy(to, ".META\r\n", 7);
    commands->len += (size_t)(to + 7 - start);
}

void slc_ask_rows(struct slc_buf *commands, struct slc_str name, const struct slc_str keys[],
                  size_t count)
{
    /* The load's id before the rows and behind them: when it is the same, the rows
     * are of that load, since no two loads have one id. */
    slc_resp_array(commands, 5);
    slc_resp_bulk(commands, SLC_STR("HMGET"));
    append_meta_key(commands, name);
    slc_resp_bulk(commands, SLC_STR("LOAD_ID"));
    slc_resp_bulk(commands, SLC_STR("LAYOUT"));
    slc_resp_bulk(commands, SLC_STR(SLC_META_COPY_OF));
    slc_resp_array(commands, 2 + count);
    slc_resp_bulk(commands, SLC_STR("HMGET"));
    slc_resp_bulk(commands, name);
    for (size_t i = 0; i < count; i++)
        slc_resp_bulk(commands, keys[i]);
    slc_resp_array(commands, 3);
    slc_resp_bulk(commands, SLC_STR("HGET"));
    append_meta_key(commands, name);
    slc_resp_bulk(commands, SLC_STR("LOAD_ID"));
}

static bool is_one_hash(const struct slc_reply *layout)
{
    return layout->type == SLC_REPLY_NIL || slc_reply_is(layout, "rows") ||
           slc_reply_is(layout, "{\"version\":1,\"layout\":\"rows\"}");
}

static bool is_array(struct slc_str row)
{
    return row.len >= 2 && row.data[0] == '[' && row.data[row.len - 1] == ']' &&
           slc_utf8_is_valid(row);
}

enum slc_ask_row slc_ask_row_answer(struct slc_reply *const replies[], size_t index,
                                    struct slc_buf *json, struct slc_str *ret_load_id)
{
    const struct slc_reply *meta = replies[0], *rows = replies[1], *again = replies[2], *row;

    if (meta->type != SLC_REPLY_ARRAY || meta->count != 3 ||
        meta->items[0].type != SLC_REPLY_STRING || meta->items[2].type != SLC_REPLY_NIL ||
        again->type != SLC_REPLY_STRING || !is_one_hash(&meta->items[1]))
        return SLC_ASK_ROW_UNKNOWN;
    if (!slc_str_eq(meta->items[0].text, again->text))
        return SLC_ASK_ROW_CHANGED;
    if (rows->type != SLC_REPLY_ARRAY || index >= rows->count)
        return SLC_ASK_ROW_UNKNOWN;
    row = &rows->items[index];
    if (row->type == SLC_REPLY_NIL)
        return SLC_ASK_ROW_ABSENT;
    /* Something that no load wrote. */
    if (row->type != SLC_REPLY_STRING || !is_array(row->text))
        return SLC_ASK_ROW_UNKNOWN;
    slc_buf_append_str(json, row->text);
    *ret_load_id = again->text;
    return SLC_ASK_ROW_FOUND;
}
