/* Writing the layouts `keys` (a hash a row, a field a column) and `json` (a string
 * a row, an object). The keys have to be unique: whoever loads sees to that
 * before. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "redis/resp.h"
#include "store/encode.h"
#include "store/exchange.h"
#include "store/keyed.h"
#include "store/plain.h"

enum { DOCUMENT_BYTES = 1 << 20, PUSH_KEYS = 512 };

struct slc_str slc_keyed_list_key(struct slc_buf *buf, struct slc_str prefix, int64_t number)
{
    slc_buf_clear(buf);
    slc_buf_append(buf, prefix.data, prefix.len > 0 ? prefix.len - 1 : 0);
    slc_buf_printf(buf, "#%" PRId64, number);
    return slc_buf_view(buf);
}

/* ---- Encoding ---- */

static bool has_value(const struct slc_column *column, int64_t row)
{
    return slc_column_has(column, row) &&
           (column->type != SLC_TYPE_FLOAT64 || isfinite(column->float64s[row]));
}

/* The value as plain text: what JSON has, without quotes and escapes. */
static struct slc_str plain_text(const struct slc_column *column, int64_t row,
                                 struct slc_buf *scratch)
{
    struct slc_str text;

    if (slc_type_is_text(column->type))
        return column->texts[row];
    slc_buf_clear(scratch);
    slc_store_encode_value(scratch, column, row);
    text = slc_buf_view(scratch);
    if (text.len >= 2 && text.data[0] == '"')
        text = (struct slc_str){.data = text.data + 1, .len = text.len - 2};
    return text;
}

/* HSET of the row; `*sum` gets what it is to be answered with added. */
static void encode_hash(const struct slc_row_layout *rows, const struct slc_chunk *chunk,
                        int64_t row, struct slc_str key, struct slc_encoded *out, int64_t *sum)
{
    SLC_AUTO_BUF struct slc_buf scratch = {0};
    size_t n = 0;

    for (int64_t i = 0; i < rows->n_columns; i++)
        n += has_value(&chunk->columns[rows->columns[i]], row);
    /* A hash without a field would not be there: this one has no name, which no
     * column is without. */
    slc_resp_array(&out->bytes, 2 + 2 * (n ? n : 1));
    slc_resp_bulk(&out->bytes, SLC_STR("HSET"));
    slc_resp_bulk(&out->bytes, key);
    for (int64_t i = 0; i < rows->n_columns; i++) {
        const struct slc_column *column = &chunk->columns[rows->columns[i]];

        if (!has_value(column, row))
            continue;
        slc_resp_bulk(&out->bytes, rows->names[i]);
        slc_resp_bulk(&out->bytes, plain_text(column, row, &scratch));
    }
    if (n == 0) {
        slc_resp_bulk(&out->bytes, SLC_STR(""));
        slc_resp_bulk(&out->bytes, SLC_STR(""));
    }
    out->bytes.failed = out->bytes.failed || scratch.failed;
    slc_encoded_end_command(out);
    *sum += n ? (int64_t)n : 1;
}

/* SETNX of the row, answered with 1, or JSON.SET, which is answered with OK or an
 * error. */
static void encode_json(const struct slc_row_layout *rows, const struct slc_chunk *chunk,
                        int64_t row, struct slc_str key, bool by_module, struct slc_encoded *out,
                        int64_t *sum)
{
    SLC_AUTO_BUF struct slc_buf json = {0};

    slc_buf_append_byte(&json, '{');
    for (int64_t i = 0; i < rows->n_columns; i++) {
        slc_json_key_str(&json, rows->names[i]);
        slc_store_encode_value(&json, &chunk->columns[rows->columns[i]], row);
    }
    slc_buf_append_byte(&json, '}');
    slc_resp_array(&out->bytes, by_module ? 4 : 3);
    slc_resp_bulk(&out->bytes, by_module ? SLC_STR("JSON.SET") : SLC_STR("SETNX"));
    slc_resp_bulk(&out->bytes, key);
    if (by_module)
        slc_resp_bulk(&out->bytes, SLC_STR("$"));
    slc_resp_bulk(&out->bytes, slc_buf_view(&json));
    out->bytes.failed = out->bytes.failed || json.failed;
    slc_encoded_end_command(out);
    *sum += !by_module;
}

struct state {
    struct slc_str prefix; /* of the keys that are written */
    struct slc_str plain;  /* of those that readers see, when it is another one; else data NULL */
    bool by_module;        /* rows are documents of RedisJSON */
    int64_t sum;           /* of the integers that all commands are to be answered with */
    int64_t n_rows;        /* written */
    int64_t in_list;       /* keys in the newest list */
    int64_t n_lists;
    char ttl[SLC_NUM_TEXT_BYTES]; /* in seconds; "" when the rows stay */
};

static void put_expiry(const struct state *state, struct slc_str key, struct slc_encoded *out,
                       int64_t *sum)
{
    if (!*state->ttl)
        return;
    slc_resp_array(&out->bytes, 3);
    slc_resp_bulk(&out->bytes, SLC_STR("EXPIRE"));
    slc_resp_bulk(&out->bytes, key);
    slc_resp_bulk(&out->bytes, slc_str_from(state->ttl));
    slc_encoded_end_command(out);
    *sum += 1;
}

static bool encode(const struct slc_store_load *load, const struct slc_row_layout *rows,
                   const struct slc_chunk *chunk, int64_t first_ordinal, struct slc_encoded *out,
                   struct slc_error *error)
{
    const struct state *state = load->state;
    bool as_json = strcmp(load->layout->name, "json") == 0;
    SLC_AUTO_BUF struct slc_buf key = {0};
    int64_t sum = 0;

    (void)error;
    slc_buf_append_str(&key, state->prefix);
    for (int64_t row = 0; row < chunk->n_rows; row++) {
        key.len = state->prefix.len;
        if (rows->key_column >= 0) {
            slc_buf_append_str(&key, chunk->columns[rows->key_column].texts[row]);
            slc_row_note_key(out, chunk->columns[rows->key_column].texts[row]);
        } else {
            slc_buf_printf(&key, "%" PRId64, first_ordinal + row);
        }
        if (as_json)
            encode_json(rows, chunk, row, slc_buf_view(&key), state->by_module, out, &sum);
        else
            encode_hash(rows, chunk, row, slc_buf_view(&key), out, &sum);
        if (!state->plain.data) /* else the time begins when the row gets its plain name */
            put_expiry(state, slc_buf_view(&key), out, &sum);
    }
    out->bytes.failed = out->bytes.failed || key.failed; /* told by slc_encoded_check() */
    slc_buf_append(&out->extra, &sum, sizeof(sum));
    return true;
}

/* ---- Writing ---- */

static void describe(const struct slc_store_load *load, bool whole, struct slc_buf *json)
{
    const struct state *state = load->state;
    const struct slc_store_load_options *options = &load->options;

    slc_json_member_string(json, "prefix",
                           whole && state->plain.data ? state->plain : state->prefix);
    if (whole && state->plain.data)
        slc_json_member_string(json, "staged", state->prefix);
    slc_json_key(json, "keys");
    slc_json_text(json, options->ordinal_keys ? "ordinals" : "lists");
    slc_buf_printf(json, ",\"rows\":%" PRId64, whole ? state->n_rows : options->n_rows);
    if (!options->ordinal_keys)
        slc_buf_printf(json, ",\"rows_per_list\":%d", SLC_KEYED_LIST_ROWS);
    if (*state->ttl)
        slc_buf_printf(json, ",\"ttl_seconds\":%s", state->ttl);
    if (!whole)
        return;
    if (state->by_module)
        slc_json_member_text(json, "values", "redisjson");
    slc_buf_append_text(json, ",\"columns\":[");
    for (int64_t i = 0; i < options->n_columns; i++) {
        slc_json_comma(json);
        slc_json_string(json, options->names[i]);
    }
    slc_buf_append_text(json, "],\"types\":[");
    for (int64_t i = 0; i < options->n_columns; i++) {
        slc_json_comma(json);
        slc_json_text(json, slc_type_name(options->types[i]));
    }
    slc_buf_append_byte(json, ']');
}

static bool find_prefixes(struct slc_store_load *load, struct state *state, struct slc_error *error)
{
    struct slc_str name = load->options.name, load_id = load->options.load_id;

    if (!load->options.plain_names) {
        state->prefix = slc_store_rows_prefix(&load->arena, load->home, name, load_id);
        return slc_store_joined(state->prefix, error);
    }
    state->prefix = slc_store_staged_prefix(&load->arena, load->home, name, load_id);
    state->plain = slc_store_plain_prefix(&load->arena, load->home, name);
    return slc_store_joined(state->prefix, error) && slc_store_joined(state->plain, error);
}

static bool begin(struct slc_store_load *load, struct slc_error *error)
{
    struct state *state = calloc(1, sizeof(*state));
    SLC_AUTO_BUF struct slc_buf document = {0};

    load->state = state;
    if (!state)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    if (load->options.n_rows < 1 || (load->options.n_columns > 0 && !load->options.names))
        return slc_fail(error, SLC_ERR_INTERNAL, "a load of an unknown number of rows is begun");
    if (load->options.ttl_seconds > 0)
        *slc_write_int64(state->ttl, load->options.ttl_seconds) = '\0';
    if (!find_prefixes(load, state, error))
        return false;
    slc_layout_document(load, true, &document);
    if (document.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    return document.len < DOCUMENT_BYTES - 64 ||
           slc_fail(
               error, SLC_ERR_LIMIT,
               "the names of the %lld columns are too long for the layout %s; choose packed or "
               "columns",
               (long long)load->options.n_columns, load->layout->name);
}

/* ---- RedisJSON ---- */

/* The server has no such command, or the user may not use it. */
static bool is_refused(const struct slc_reply *reply)
{
    static const char *const starts[] = {"ERR unknown command", "NOPERM"};

    for (size_t i = 0; reply->type == SLC_REPLY_ERROR && i < 2; i++)
        if (reply->text.len >= strlen(starts[i]) &&
            memcmp(reply->text.data, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

/* Write a document, read it, and remove it, under a key that the announcement
 * names, the first that the load writes. */
static bool try_module(struct slc_store_load *load, bool *ret_there, struct slc_error *error)
{
    const struct state *state = load->state;
    static const char document[] = "{\"a\":[1,null]}";
    SLC_AUTO_REPLY struct slc_reply *set = NULL, *get = NULL, *removed = NULL;
    SLC_AUTO_BUF struct slc_buf name = {0};
    struct slc_str key;

    if (load->options.ordinal_keys) {
        slc_buf_append_str(&name, state->prefix);
        slc_buf_append_byte(&name, '0');
        key = slc_buf_view(&name);
    } else {
        key = slc_keyed_list_key(&name, state->prefix, 0);
    }
    if (name.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for a load");
    if (!slc_redis_append_call(load->redis, error, SLC_STR("JSON.SET"), key, SLC_STR("$"),
                               slc_str_from(document)) ||
        !slc_redis_append_call(load->redis, error, SLC_STR("JSON.GET"), key, SLC_STR(".")) ||
        !slc_redis_append_call(load->redis, error, SLC_STR("UNLINK"), key) ||
        !slc_redis_read(load->redis, &set, error) || !slc_redis_read(load->redis, &get, error) ||
        !slc_redis_read(load->redis, &removed, error) ||
        !slc_reply_check(removed, slc_redis_where(load->redis), error))
        return false;
    *ret_there = !is_refused(set) && !is_refused(get);
    if (!*ret_there)
        return true;
    return slc_reply_check(set, slc_redis_where(load->redis), error) &&
           slc_reply_check(get, slc_redis_where(load->redis), error) &&
           (slc_reply_is(get, document) ||
            slc_fail(error, SLC_ERR_SERVER,
                     "JSON.GET did not answer with what JSON.SET was given"));
}

static bool prepare_json(struct slc_store_load *load, struct slc_error *error)
{
    struct state *state = load->state;

    if (load->options.json_form == SLC_JSON_STRING)
        return true;
    if (!try_module(load, &state->by_module, error))
        return false;
    load->newer_document = load->newer_document || state->by_module;
    return state->by_module || load->options.json_form == SLC_JSON_AUTO ||
           slc_fail(error, SLC_ERR_CONFIG,
                    "this Redis has no RedisJSON, or this user may not use JSON.SET and JSON.GET; "
                    "set store.json=string (or auto)");
}

/* ---- Rows on their way ---- */

static struct slc_str key_at(const struct slc_encoded *encoded, int64_t row)
{
    const char *ends = encoded->key_ends.data;
    uint32_t from = 0, end;

    if (row > 0)
        memcpy(&from, ends + (size_t)(row - 1) * sizeof(from), sizeof(from));
    memcpy(&end, ends + (size_t)row * sizeof(end), sizeof(end));
    return (struct slc_str){.data = encoded->keys.data + from, .len = end - from};
}

/* Put the chunk's keys into lists, before its rows are written. */
static bool send_keys(struct slc_store_load *load, const struct slc_encoded *encoded,
                      struct slc_error *error)
{
    struct state *state = load->state;
    SLC_AUTO_BUF struct slc_buf commands = {0}, list = {0};
    int64_t n_commands = 0;

    for (int64_t row = 0; row < encoded->n_rows;) {
        int64_t n = encoded->n_rows - row;

        if (state->n_lists == 0 || state->in_list == SLC_KEYED_LIST_ROWS) {
            state->n_lists++;
            state->in_list = 0;
        }
        if (n > SLC_KEYED_LIST_ROWS - state->in_list)
            n = SLC_KEYED_LIST_ROWS - state->in_list;
        if (n > PUSH_KEYS)
            n = PUSH_KEYS;
        slc_resp_array(&commands, (size_t)n + 2);
        slc_resp_bulk(&commands, SLC_STR("RPUSH"));
        slc_resp_bulk(&commands, slc_keyed_list_key(&list, state->prefix, state->n_lists - 1));
        for (int64_t i = 0; i < n; i++, row++)
            slc_resp_bulk(&commands, key_at(encoded, row));
        state->in_list += n;
        state->sum += state->in_list;
        n_commands++;
    }
    if (commands.failed || list.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out while rows were written");
    return slc_layout_send(load, slc_buf_view(&commands), n_commands, encoded->seq, error);
}

static bool write_chunk(struct slc_store_load *load, const struct slc_encoded *encoded,
                        struct slc_error *error)
{
    struct state *state = load->state;
    int64_t sum;

    if (encoded->extra.len != sizeof(sum))
        return slc_fail(error, SLC_ERR_INTERNAL, "a chunk was not encoded for this layout");
    memcpy(&sum, encoded->extra.data, sizeof(sum));
    state->sum += sum;
    state->n_rows += encoded->n_rows;
    return (load->options.ordinal_keys || send_keys(load, encoded, error)) &&
           slc_layout_send(load, slc_buf_view(&encoded->bytes), encoded->n_commands, encoded->seq,
                           error);
}

static bool verify(struct slc_store_load *load, struct slc_error *error)
{
    const struct state *state = load->state;

    if (load->integer_sum != state->sum)
        return slc_fail(
            error, SLC_ERR_VERIFY,
            "of %lld rows sent Redis did not take every value as a new one; nothing was "
            "swapped. Does something else write to this server?",
            (long long)load->counts.rows_sent);
    load->counts.rows_written = state->n_rows;
    load->counts.duplicate_keys = 0;
    return !load->options.plain_names || slc_plain_check_rows(load, error);
}

static void release(struct slc_store_load *load)
{
    free(load->state);
    load->state = NULL;
}

const struct slc_layout slc_layout_keys = {
    .name = "keys",
    .a_key_a_row = true,
    .unique_keys = true,
    .begin = begin,
    .encode = encode,
    .write = write_chunk,
    .verify = verify,
    .describe = describe,
    .release = release,
    .remove = slc_keyed_remove,
    .count = slc_keyed_count,
    .fetch = slc_keyed_fetch,
    .walk = slc_keyed_walk,
};

const struct slc_layout slc_layout_json = {
    .name = "json",
    .a_key_a_row = true,
    .unique_keys = true,
    .begin = begin,
    .prepare = prepare_json,
    .encode = encode,
    .write = write_chunk,
    .verify = verify,
    .describe = describe,
    .release = release,
    .remove = slc_keyed_remove,
    .count = slc_keyed_count,
    .fetch = slc_keyed_fetch,
    .walk = slc_keyed_walk,
};
