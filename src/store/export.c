#include "store/export.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/json_read.h"
#include "base/utf8.h"
#include "frame/schema.h"

struct slc_export {
    enum slc_export_format format;
    struct slc_arena arena;
    struct slc_arena row_arena; /* of one row's texts */
    struct slc_str *names;
    int64_t n_columns;
    struct slc_str index_column;
    bool has_index;
    struct slc_buf clean; /* a key that is no UTF-8, made so */
};

static bool bad_columns(struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_DATA,
                    "the replica's COLUMNS are no array of names; load the file again");
}

static bool read_names(struct slc_export *text, struct slc_str columns, struct slc_error *error)
{
    struct slc_json_reader r = {.text = columns};
    int64_t n = 0;
    int more = 0;

    if (!slc_utf8_is_valid(columns) || !slc_json_read_enter(&r, '['))
        return bad_columns(error);
    /* A name takes three bytes of text at the least. */
    text->names = slc_arena_calloc(&text->arena, columns.len / 3 + 1, sizeof(*text->names));
    if (!text->names)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the names of the columns");
    while ((more = slc_json_read_next(&r, ']', &n)) == 1) {
        if (n > SLC_MAX_COLUMNS || !slc_json_read_string(&r, &text->arena, &text->names[n - 1]))
            return bad_columns(error);
    }
    text->n_columns = n;
    return (more == 0 && slc_json_read_end(&r)) || bad_columns(error);
}

struct slc_export *slc_export_new(enum slc_export_format format, struct slc_str columns,
                                  struct slc_str index_column, struct slc_error *error)
{
    struct slc_export *text = calloc(1, sizeof(*text));

    if (!text) {
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the export");
        return NULL;
    }
    text->format = format;
    text->has_index = index_column.len > 0;
    text->index_column = slc_arena_copy(&text->arena, index_column);
    if (!slc_utf8_is_valid(index_column))
        (void)bad_columns(error);
    else if (!text->index_column.data)
        slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the export");
    else if (read_names(text, columns, error))
        return text;
    slc_export_free(text);
    return NULL;
}

void slc_export_free(struct slc_export *text)
{
    if (!text)
        return;
    slc_arena_release(&text->arena);
    slc_arena_release(&text->row_arena);
    slc_buf_release(&text->clean);
    free(text);
}

/* ---- CSV ---- */

static bool needs_quotes(struct slc_str field)
{
    for (size_t i = 0; i < field.len; i++)
        if (field.data[i] == ',' || field.data[i] == '"' || field.data[i] == '\n' ||
            field.data[i] == '\r')
            return true;
    return false;
}

/* `alone`: an empty one would make the line an empty one, which readers pass over. */
static void put_field(struct slc_buf *out, struct slc_str field, bool alone)
{
    if (needs_quotes(field) || (alone && field.len == 0))
        slc_buf_append_quoted(out, field);
    else
        slc_buf_append_str(out, field);
}

static bool is_alone(const struct slc_export *text)
{
    return text->n_columns + text->has_index == 1;
}

void slc_export_begin(const struct slc_export *text, struct slc_buf *out)
{
    if (text->format != SLC_EXPORT_CSV)
        return;
    if (text->has_index)
        put_field(out, text->index_column, is_alone(text));
    for (int64_t i = 0; i < text->n_columns; i++) {
        if (i > 0 || text->has_index)
            slc_buf_append_byte(out, ',');
        put_field(out, text->names[i], is_alone(text));
    }
    slc_buf_append_byte(out, '\n');
}

/* ---- Rows ---- */

/* The next value: the text of a JSON string, or a number, true, false as they
 * stand; null is no text. `*ret_raw` is all of it as it stands. */
static bool read_value(struct slc_export *text, struct slc_json_reader *r, struct slc_str *ret_text,
                       struct slc_str *ret_raw)
{
    char first = slc_json_read_peek(r);
    size_t start = r->at;
    bool flag, good;

    *ret_text = (struct slc_str){0};
    if (first == '"')
        good = slc_json_read_string(r, &text->row_arena, ret_text);
    else if (first == 'n')
        good = slc_json_read_null(r);
    else if (first == 't' || first == 'f')
        good = slc_json_read_bool(r, &flag);
    else
        good = slc_json_read_number(r, ret_text);
    *ret_raw = (struct slc_str){.data = r->text.data + start, .len = r->at - start};
    if (first == 't' || first == 'f')
        *ret_text = *ret_raw;
    return good;
}

static void put_value(const struct slc_export *text, int64_t column, struct slc_str value,
                      struct slc_str raw, struct slc_buf *out)
{
    bool first = column == 0 && !text->has_index;

    if (!first)
        slc_buf_append_byte(out, ',');
    if (text->format == SLC_EXPORT_CSV) {
        put_field(out, value, is_alone(text));
        return;
    }
    slc_json_string(out, text->names[column]);
    slc_buf_append_byte(out, ':');
    slc_buf_append_str(out, raw);
}

static bool put_values(struct slc_export *text, struct slc_str values, struct slc_buf *out)
{
    struct slc_json_reader r = {.text = values};
    struct slc_str value, raw;
    int64_t n = 0;
    int more;

    if (!slc_json_read_enter(&r, '['))
        return false;
    while ((more = slc_json_read_next(&r, ']', &n)) == 1) {
        if (n > text->n_columns || !read_value(text, &r, &value, &raw))
            return false;
        put_value(text, n - 1, value, raw, out);
    }
    return more == 0 && n == text->n_columns && slc_json_read_end(&r);
}

/* A key that somebody else wrote may be anything. */
static struct slc_str clean_key(struct slc_export *text, struct slc_str key)
{
    if (slc_utf8_is_valid(key))
        return key;
    slc_buf_clear(&text->clean);
    while (key.len > 0) {
        size_t valid = slc_utf8_valid_prefix(key.data, key.len);

        slc_buf_append(&text->clean, key.data, valid);
        if (valid < key.len) {
            slc_utf8_append(&text->clean, 0xfffd);
            valid++;
        }
        key = (struct slc_str){.data = key.data + valid, .len = key.len - valid};
    }
    return slc_buf_view(&text->clean);
}

static void put_key(struct slc_export *text, struct slc_str key, struct slc_buf *out)
{
    key = clean_key(text, key);
    if (text->format == SLC_EXPORT_CSV) {
        put_field(out, key, is_alone(text));
    } else {
        slc_json_string(out, text->index_column);
        slc_buf_append_byte(out, ':');
        slc_json_string(out, key);
    }
}

bool slc_export_row(struct slc_export *text, struct slc_row row, struct slc_buf *out,
                    struct slc_error *error)
{
    bool json = text->format == SLC_EXPORT_JSONL;

    slc_arena_reset(&text->row_arena);
    if (json)
        slc_buf_append_byte(out, '{');
    if (text->has_index)
        put_key(text, row.key, out);
    if (!put_values(text, row.values, out))
        return slc_fail(error, SLC_ERR_DATA,
                        "the row \"%.*s\" does not hold the values of its %lld columns; load the "
                        "file again",
                        row.key.len > 100 ? 100 : (int)row.key.len, row.key.data,
                        (long long)text->n_columns);
    slc_buf_append_text(out, json ? "}\n" : "\n");
    if (out->failed || text->clean.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "memory ran out for the export");
    return true;
}
