/* JSON lines (jsonlines.org), and one JSON array of objects.
 *
 * Each object is a row; its keys, in the order of first sight over the whole
 * file, are the columns, which is found out by one pass on opening. Strings and
 * numbers are typed as cells of text are; objects and arrays stay JSON text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "reader/format.h"
#include "reader/input.h"
#include "reader/json_text.h"
#include "reader/raw.h"

enum { MAX_KEY_BYTES = 4096 };

/* A key and its column. */
struct key_slot {
    struct slc_str key; /* data is NULL in an empty slot */
    int64_t column;
};

struct jsonl {
    bool is_array;
    int64_t start_bytes; /* of the first row in the input */
    struct slc_tail tail;
    bool closed; /* array: its end was passed */

    struct slc_arena arena; /* the keys */
    struct slc_str *keys;   /* by column; owned */
    struct key_slot *slots; /* owned; open addressing */
    size_t mask;
    int64_t n_keys;
};

/* ---- Keys -------------------------------------------------------------- */

static struct key_slot *find_slot(const struct jsonl *jsonl, struct slc_str key)
{
    size_t at = slc_hash_bytes(key.data, key.len) & jsonl->mask;

    while (jsonl->slots[at].key.data && !slc_str_eq(jsonl->slots[at].key, key))
        at = (at + 1) & jsonl->mask;
    return &jsonl->slots[at];
}

/* The column of the key, which is most often the one behind the last one. */
static int64_t find_column(const struct jsonl *jsonl, struct slc_str key, int64_t guess)
{
    const struct key_slot *slot;

    if (guess < jsonl->n_keys && slc_str_eq(jsonl->keys[guess], key))
        return guess;
    slot = find_slot(jsonl, key);
    return slot->key.data ? slot->column : -1;
}

static bool add_key(struct jsonl *jsonl, struct slc_str key, struct slc_error *error)
{
    struct key_slot *slot;

    if (jsonl->n_keys == SLC_MAX_COLUMNS)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "the objects have more than %d different keys; are ids used as keys?",
                        SLC_MAX_COLUMNS);
    if (key.len > MAX_KEY_BYTES)
        return slc_fail(error, SLC_ERR_LIMIT, "a key is longer than the %d bytes that are allowed",
                        MAX_KEY_BYTES);
    key = slc_arena_copy(&jsonl->arena, key);
    if (!key.data)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the keys");
    slot = find_slot(jsonl, key);
    slot->key = key;
    slot->column = jsonl->n_keys;
    jsonl->keys[jsonl->n_keys++] = key;
    return true;
}

static bool make_keys(struct jsonl *jsonl, struct slc_error *error)
{
    jsonl->mask = 4 * SLC_MAX_COLUMNS - 1;
    jsonl->slots = calloc(jsonl->mask + 1, sizeof(*jsonl->slots));
    jsonl->keys = calloc(SLC_MAX_COLUMNS, sizeof(*jsonl->keys));
    return (jsonl->slots && jsonl->keys) || slc_fail(error, SLC_ERR_MEMORY, "no memory for the keys");
}

/* ---- One object -------------------------------------------------------- */

/* What is done with every member of an object, its key unescaped. */
struct visitor {
    struct jsonl *jsonl;
    struct slc_error *error;
    bool failed; /* `error` says why the whole is given up */
    bool discovers;
    char *bytes;
    struct slc_cell *cells; /* the row; delivery only */
    int64_t next_column;
};

static bool take_cell(struct visitor *v, int64_t column, struct slc_str value, enum slc_json_kind kind)
{
    char *text = v->bytes + (value.data - v->bytes);

    if (kind == SLC_JSON_STRING) {
        if (!slc_json_unescape(text, value.len, &value))
            return false;
    } else if (kind == SLC_JSON_OBJECT || kind == SLC_JSON_ARRAY) {
        value.len = slc_json_compact(text, value.len);
    } else if (kind == SLC_JSON_NULL) {
        value.len = 0;
    }
    v->cells[column] = (struct slc_cell){.start = (uint32_t)(value.data - v->bytes),
                                         .len = (uint32_t)value.len};
    return true;
}

static bool take_member(struct visitor *v, struct slc_str key, struct slc_str value,
                        enum slc_json_kind kind)
{
    int64_t column;

    if (!slc_json_unescape(v->bytes + (key.data - v->bytes), key.len, &key))
        return false;
    column = find_column(v->jsonl, key, v->next_column);
    if (column < 0 && v->discovers) {
        column = v->jsonl->n_keys;
        if (!add_key(v->jsonl, key, v->error)) {
            v->failed = true;
            return false;
        }
    }
    v->next_column = column + 1;
    /* Only a changed file has keys that were not there before. */
    return v->discovers || column < 0 || take_cell(v, column, value, kind);
}

/* Why the text is no row; NULL when it is one. */
static const char *visit_object(struct visitor *v, const char *p, const char *end)
{
    static const char no_json[] = "not valid JSON", no_object[] = "not a JSON object";
    enum slc_json_kind kind;
    const char *behind = slc_json_skip_value(p, end, &kind);

    if (!behind || slc_json_skip_space(behind, end) != end)
        return no_json;
    if (kind != SLC_JSON_OBJECT)
        return no_object;
    if (!slc_utf8_is_valid((struct slc_str){p, (size_t)(end - p)}))
        return slc_input_bad_text_reason(v->jsonl ? NULL : NULL);
    return NULL;
}
