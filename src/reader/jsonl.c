/* JSON lines (jsonlines.org), and one JSON array of objects.
 *
 * Each object is a row; its keys, in the order of first sight over the whole
 * file, are the columns, which one pass on opening finds out. Strings and
 * numbers are typed as cells of text are; objects and arrays stay JSON text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "reader/format.h"
#include "reader/input.h"
#include "reader/json_text.h"
#include "reader/raw.h"
#include "reader/sniff.h"

enum { MAX_KEY_BYTES = 4096, MIN_TARGET_BYTES = 4096 };

/* A key and its column. */
struct key_slot {
    struct slc_str key; /* data is NULL in an empty slot */
    int64_t column;
};

struct jsonl {
    bool is_array;
    int64_t start_bytes; /* of the first record in the input */
    struct slc_tail tail;
    int64_t target_bytes; /* to read for the next chunk; follows what the last one took */
    bool closed;          /* the array's end was passed */

    struct slc_arena arena; /* the keys' texts */
    struct slc_str *keys;   /* by column; owned */
    struct key_slot *slots; /* open addressing; owned */
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

/* The column of the key, most often the one behind the last one; -1: none. */
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

/* ---- Records ----------------------------------------------------------- */

/* The delimiter behind the array's element at `p`: a comma or the array's end.
 * NULL: the element does not end before `end`. */
static const char *element_end(const char *p, const char *end)
{
    int64_t depth = 0;

    for (; p < end; p++) {
        switch (*p) {
        case '"':
            for (p++; p < end && *p != '"'; p++)
                p += *p == '\\' && p + 1 < end;
            if (p == end)
                return NULL;
            break;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (depth == 0 && *p == ']')
                return p;
            depth -= depth > 0;
            break;
        case ',':
            if (depth == 0)
                return p;
            break;
        default:
            break;
        }
    }
    return NULL;
}

static const char *record_end(const struct jsonl *jsonl, const char *p, const char *end)
{
    return jsonl->is_array ? element_end(p, end) : memchr(p, '\n', (size_t)(end - p));
}

static struct slc_str trim_space(const char *start, const char *end)
{
    start = slc_json_skip_space(start, end);
    while (end > start && slc_json_skip_space(end - 1, end) == end)
        end--;
    return (struct slc_str){start, (size_t)(end - start)};
}

/* Why the text is no row; NULL when it is one. */
static const char *fault_of(struct slc_str text, bool is_utf8, const struct slc_reader *reader)
{
    enum slc_json_kind kind;
    const char *end = text.data + text.len, *behind = slc_json_skip_value(text.data, end, &kind);

    if (!is_utf8 && !slc_utf8_is_valid(text))
        return slc_input_bad_text_reason(reader->input);
    if (!behind || behind != end)
        return "not valid JSON";
    return kind == SLC_JSON_OBJECT ? NULL : "not a JSON object";
}

static struct slc_str cell_text(char *text, size_t len, enum slc_json_kind kind)
{
    switch (kind) {
    case SLC_JSON_STRING:
        return slc_json_unescape(text, len);
    case SLC_JSON_OBJECT:
    case SLC_JSON_ARRAY:
        return (struct slc_str){text, slc_json_compact(text, len)};
    case SLC_JSON_NULL:
        return (struct slc_str){text, 0};
    default:
        return (struct slc_str){text, len};
    }
}

/* A sound object's members: into the row's cells or, without cells, its keys to
 * those that are known. */
static bool take_object(struct jsonl *jsonl, char *bytes, struct slc_str object,
                        struct slc_cell *cells, struct slc_error *error)
{
    const char *p = object.data, *end = object.data + object.len;
    int64_t column = -1;

    do {
        struct slc_str key, value;
        enum slc_json_kind kind;

        p = slc_json_skip_member(p + 1, end, &key, &value, &kind);
        if (!p)
            return true; /* "{}" */
        key = slc_json_unescape(bytes + (key.data - bytes), key.len);
        column = find_column(jsonl, key, column + 1);
        if (column < 0 && !cells) {
            column = jsonl->n_keys;
            if (!add_key(jsonl, key, error))
                return false;
        }
        if (column >= 0 && cells) {
            value = cell_text(bytes + (value.data - bytes), value.len, kind);
            cells[column] = (struct slc_cell){.start = (uint32_t)(value.data - bytes),
                                              .len = (uint32_t)value.len};
        }
        p = slc_json_skip_space(p, end);
    } while (*p == ',');
    return true;
}

/* ---- Cutting off whole records ----------------------------------------- */

/* The end of the first whole records, at most `most`, or else of the white space
 * before a record, which is no part of it; 0: nothing ends. */
static int64_t first_records(struct jsonl *jsonl, const struct slc_raw *raw, int64_t most)
{
    const char *start = raw->bytes, *end = start + raw->n_bytes, *p = start, *stop;

    while (most-- > 0 && p < end && (stop = record_end(jsonl, p, end))) {
        p = stop + 1;
        if (jsonl->is_array && *stop == ']') {
            jsonl->closed = true;
            break;
        }
    }
    if (p == start)
        p = slc_json_skip_space(p, end);
    return p - start;
}

static int fail_endless(const struct slc_reader *reader, const struct jsonl *jsonl, int64_t n,
                        struct slc_error *error)
{
    if (n > reader->options.max_row_bytes)
        slc_fail(
            error, SLC_ERR_LIMIT,
            "the record that starts at byte %lld is longer than the %lld bytes that are allowed",
            (long long)jsonl->tail.offset_bytes, (long long)reader->options.max_row_bytes);
    else
        slc_fail(error, SLC_ERR_FORMAT,
                 "the JSON array does not end: a string, an object or the array itself is not "
                 "closed from byte %lld on; is the file complete?",
                 (long long)jsonl->tail.offset_bytes);
    return -1;
}

/* Behind the array: nothing but white space, which counts for the digest. */
static int pass_rest(struct slc_reader *reader, struct jsonl *jsonl, struct slc_raw *raw,
                     struct slc_error *error)
{
    do {
        const char *end;

        raw->n_bytes = 0;
        if (!slc_tail_begin(&jsonl->tail, raw, error) ||
            !slc_tail_fill(reader, &jsonl->tail, raw, MIN_TARGET_BYTES, error))
            return -1;
        end = raw->bytes + raw->n_bytes;
        if (slc_json_skip_space(raw->bytes, end) != end) {
            slc_fail(error, SLC_ERR_FORMAT, "something follows the JSON array's end at byte %lld",
                     (long long)jsonl->tail.offset_bytes);
            return -1;
        }
        if (!slc_tail_keep(&jsonl->tail, raw, raw->n_bytes, error))
            return -1;
    } while (!jsonl->tail.at_end);
    return 0;
}

static int jsonl_next(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    struct jsonl *jsonl = reader->state;
    int64_t chunk = reader->options.chunk_bytes, end = 0, n_columns = reader->schema.n_fields;
    /* As many cells as a chunk of text could have at most, but one row. */
    int64_t most = n_columns > 0 && chunk / n_columns > 0 ? chunk / n_columns
                   : n_columns > 0                        ? 1
                                                          : chunk;

    if (jsonl->closed)
        return pass_rest(reader, jsonl, raw, error);
    if (!slc_tail_begin(&jsonl->tail, raw, error))
        return -1;
    for (;;) {
        end = first_records(jsonl, raw, most);
        if (end > 0)
            break;
        if (raw->n_bytes == 0 && jsonl->tail.at_end && !jsonl->is_array)
            return 0;
        if (jsonl->tail.at_end || raw->n_bytes > reader->options.max_row_bytes)
            return fail_endless(reader, jsonl, raw->n_bytes, error);
        if (!slc_tail_fill(reader, &jsonl->tail, raw, jsonl->target_bytes, error))
            return -1;
    }
    /* Follow what is taken: a tail of many records would be copied again and again. */
    jsonl->target_bytes = 2 * end > MIN_TARGET_BYTES ? 2 * end : MIN_TARGET_BYTES;
    if (jsonl->target_bytes > chunk)
        jsonl->target_bytes = chunk;
    return slc_tail_keep(&jsonl->tail, raw, end, error) ? 1 : -1;
}

/* ---- Cutting records into cells ---------------------------------------- */

static int64_t count_records(const struct jsonl *jsonl, const struct slc_raw *raw)
{
    const char *p = raw->bytes, *end = p + raw->n_bytes;
    int64_t n = 0;

    for (const char *stop; p < end && (stop = record_end(jsonl, p, end)); p = stop + 1)
        n++;
    return n;
}

static bool fail_long_record(const struct slc_reader *reader, int64_t offset,
                             struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_LIMIT,
                    "the record that starts at byte %lld is longer than the %lld bytes that are "
                    "allowed",
                    (long long)offset, (long long)reader->options.max_row_bytes);
}

/* All records of the chunk; `cells` NULL: their keys alone. */
static bool take_records(struct slc_reader *reader, struct slc_raw *raw, struct slc_cell *cells,
                         struct slc_error *error)
{
    struct jsonl *jsonl = reader->state;
    char *bytes = raw->bytes;
    const char *p = bytes, *end = bytes + raw->n_bytes, *stop;
    bool is_utf8 = slc_utf8_is_valid((struct slc_str){bytes, (size_t)raw->n_bytes});

    for (; p < end && (stop = record_end(jsonl, p, end)); p = stop + 1) {
        struct slc_str text = trim_space(p, stop);
        int64_t start = text.data - bytes;
        const char *fault;

        if (text.len == 0 && (!jsonl->is_array || *stop == ']'))
            continue;
        if (stop - text.data > reader->options.max_row_bytes)
            return fail_long_record(reader, raw->offset_bytes + start, error);
        raw->n_records++;
        fault = fault_of(text, is_utf8, reader);
        if (fault) {
            if (!slc_raw_reject(raw, start, start + (int64_t)text.len, fault))
                return slc_fail(error, SLC_ERR_MEMORY, "no memory for rejected rows");
            continue;
        }
        if (cells)
            memset(cells, 0, (size_t)raw->n_columns * sizeof(*cells));
        if (!take_object(jsonl, bytes, text, cells, error))
            return false;
        if (cells)
            cells += raw->n_columns;
        raw->n_rows++;
    }
    return true;
}

static bool jsonl_split(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    const struct jsonl *jsonl = reader->state;

    raw->n_columns = reader->schema.n_fields;
    if (!slc_raw_reserve_cells(raw, (count_records(jsonl, raw) + 1) * raw->n_columns, error) ||
        !take_records(reader, raw, raw->cells, error))
        return false;
    return slc_raw_number_records(raw) ||
           slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk's rejected rows");
}

/* ---- Opening and closing ----------------------------------------------- */

static struct slc_str behind_bom(struct slc_str head)
{
    size_t bom = head.len >= 3 && memcmp(head.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    return (struct slc_str){head.data + bom, head.len - bom};
}

/* {"key... or [{...: hardly the first line of a CSV file. */
static bool jsonl_matches(struct slc_str head, struct slc_str file_name)
{
    struct slc_str text = behind_bom(head);
    const char *end = text.data + text.len, *p = slc_json_skip_space(text.data, end), *next;

    (void)file_name;
    if (p == end || (*p != '{' && *p != '['))
        return false;
    next = slc_json_skip_space(p + 1, end);
    if (next == end)
        return false;
    return *p == '{' ? *next == '"' || *next == '}' : *next == '{' || *next == ']';
}

static bool jsonl_rewind(struct slc_reader *reader, struct slc_error *error)
{
    struct jsonl *jsonl = reader->state;
    int64_t left = jsonl->start_bytes;

    jsonl->closed = false;
    jsonl->target_bytes = MIN_TARGET_BYTES;
    slc_tail_restart(&jsonl->tail, jsonl->start_bytes);
    while (left > 0) {
        char block[4096];
        size_t wanted = left < (int64_t)sizeof(block) ? (size_t)left : sizeof(block);
        int64_t got = slc_input_read(reader->input, block, wanted, error);

        if (got < 0)
            return false;
        if (got == 0)
            return slc_fail(error, SLC_ERR_CHANGED, "the file became shorter while it was read");
        left -= got;
    }
    return true;
}

static bool discover_keys(struct slc_reader *reader, struct slc_error *error)
{
    struct slc_raw *raw = calloc(1, sizeof(*raw));
    int got = -1;

    if (!raw)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    if (slc_input_rewind(reader->input, error) && jsonl_rewind(reader, error))
        while ((got = jsonl_next(reader, raw, error)) == 1) {
            if (!take_records(reader, raw, NULL, error)) {
                got = -1;
                break;
            }
            slc_raw_clear(raw);
        }
    slc_raw_free(raw);
    return got == 0;
}

/* One object over several lines is JSON, but no table. */
static bool check_first_line(struct slc_str text, bool ends_input, struct slc_error *error)
{
    const char *end = memchr(text.data, '\n', text.len);
    enum slc_json_kind kind;

    if (!end && !ends_input)
        return true;
    end = end ? end : text.data + text.len;
    if (!slc_json_skip_value(text.data, end, &kind))
        return slc_fail(error, SLC_ERR_FORMAT,
                        "the first line is not a whole JSON object; write one object a line, or an "
                        "array of objects");
    return true;
}

static bool jsonl_open(struct slc_reader *reader, struct slc_str head, bool ends_input,
                       struct slc_error *error)
{
    struct jsonl *jsonl = calloc(1, sizeof(*jsonl));
    struct slc_str text = behind_bom(head);
    const char *end = text.data + text.len, *p;
    const char *packing = slc_input_description(reader->input);

    reader->state = jsonl;
    if (!jsonl)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    p = text.data + slc_skip_lines(text, reader->options.skip_rows);
    p = slc_json_skip_space(p, end);
    jsonl->is_array = *p == '[';
    jsonl->start_bytes = p - head.data + jsonl->is_array;
    jsonl->mask = 4 * SLC_MAX_COLUMNS - 1;
    jsonl->slots = calloc(jsonl->mask + 1, sizeof(*jsonl->slots));
    jsonl->keys = calloc(SLC_MAX_COLUMNS, sizeof(*jsonl->keys));
    if (!jsonl->slots || !jsonl->keys)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the keys");
    if (!jsonl->is_array &&
        !check_first_line((struct slc_str){p, (size_t)(end - p)}, ends_input, error))
        return false;
    if (!discover_keys(reader, error))
        return false;
    if (jsonl->n_keys == 0)
        return slc_fail(error, SLC_ERR_FORMAT, "no record is a JSON object with a key in it");
    if (!slc_schema_init(&reader->schema, jsonl->keys, jsonl->n_keys))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the column names");
    snprintf(reader->dialect, sizeof(reader->dialect), "%s%s%s", packing, packing[0] ? ", " : "",
             jsonl->is_array ? "an array of objects" : "one object a line");
    return true;
}

static void jsonl_close(struct slc_reader *reader)
{
    struct jsonl *jsonl = reader->state;

    if (!jsonl)
        return;
    slc_tail_release(&jsonl->tail);
    slc_arena_release(&jsonl->arena);
    free(jsonl->slots);
    free(jsonl->keys);
    free(jsonl);
}

const struct slc_reader_ops slc_jsonl_ops = {
    .name = "jsonl",
    .matches = jsonl_matches,
    .skips_lines = true,
    .open = jsonl_open,
    .next = jsonl_next,
    .split = jsonl_split,
    .rewind = jsonl_rewind,
    .close = jsonl_close,
};
