#include "reader/columns.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "reader/raw.h"

/* ---- What the options name --------------------------------------------- */

static int64_t find_named(const struct slc_schema *schema, const char *option, struct slc_str name,
                          struct slc_error *error)
{
    int64_t column = slc_schema_find(schema, name);
    struct slc_str nearest;

    if (column >= 0)
        return column;
    nearest = slc_schema_nearest(schema, name);
    slc_fail(error, SLC_ERR_CONFIG,
             "%s names the column \"%.*s\", which the file does not have; the nearest is \"%.*s\"",
             option, SLC_STR_ARG(slc_utf8_clip(name, 128)),
             SLC_STR_ARG(slc_utf8_clip(nearest, 128)));
    return -1;
}

/* In the order of the file, each column once. */
static bool select_columns(const struct slc_reader *reader, struct slc_selection *selection,
                           struct slc_error *error)
{
    const struct slc_reader_options *options = &reader->options;
    const struct slc_schema *all = &reader->schema;
    SLC_AUTO_FREE bool *wanted = calloc((size_t)all->n_fields + 1, sizeof(*wanted));
    struct slc_schema *schema = &selection->schema;

    if (!wanted)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the columns");
    for (int64_t i = 0; i < options->n_columns; i++) {
        int64_t column = find_named(all, "reader.columns", options->columns[i], error);

        if (column < 0)
            return false;
        wanted[column] = true;
    }
    for (int64_t i = 0; i < all->n_fields; i++) {
        if (options->n_columns > 0 && !wanted[i])
            continue;
        selection->from[schema->n_fields] = i;
        schema->fields[schema->n_fields++] = all->fields[i];
    }
    schema->n_renamed = all->n_renamed;
    return true;
}

static bool take_types(const struct slc_reader *reader, struct slc_selection *selection,
                       struct slc_error *error)
{
    for (int64_t i = 0; i < reader->options.n_dtypes; i++) {
        const struct slc_column_dtype *dtype = &reader->options.dtypes[i];
        int64_t column = find_named(&selection->schema, "reader.dtypes", dtype->name, error);

        if (column < 0)
            return false;
        selection->types[column] = dtype->type;
    }
    for (int64_t i = 0; i < selection->schema.n_fields; i++)
        selection->any_type |=
            selection->types[i] != SLC_TYPE_NULL && selection->types[i] != SLC_TYPE_TEXT;
    return true;
}

bool slc_selection_make(struct slc_reader *reader, struct slc_error *error)
{
    struct slc_selection *selection = calloc(1, sizeof(*selection));
    struct slc_schema *schema;
    size_t n = (size_t)reader->schema.n_fields + 1;

    if (!selection)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the columns");
    reader->selection = selection;
    schema = &selection->schema;
    schema->fields = slc_arena_calloc(&schema->arena, n, sizeof(*schema->fields));
    selection->from = slc_arena_calloc(&schema->arena, n, sizeof(*selection->from));
    selection->types = slc_arena_calloc(&schema->arena, n, sizeof(*selection->types));
    if (!schema->fields || !selection->from || !selection->types)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the columns");
    if (!select_columns(reader, selection, error) || !take_types(reader, selection, error))
        return false;
    /* Whoever says that a column is a number means its zeros and its digits. */
    selection->style = reader->style ? *reader->style : (struct slc_number_style){.decimal = '.'};
    selection->style.leading_zeros = selection->style.rounds = true;
    selection->style.pandas = selection->style.no_dates = false;
    reader->options.columns = NULL; /* no longer borrowed */
    reader->options.dtypes = NULL;
    return true;
}

void slc_selection_free(struct slc_selection *selection)
{
    if (selection)
        slc_schema_release(&selection->schema);
    free(selection);
}

/* ---- Rows that do not fit ---------------------------------------------- */

/* The first column that does not hold the row; -1: it fits. */
static int64_t find_unfit(const struct slc_reader *reader, const struct slc_raw *raw, int64_t row)
{
    const struct slc_selection *selection = reader->selection;
    const struct slc_cell *cells = raw->cells + row * raw->n_columns;

    for (int64_t i = 0; i < selection->schema.n_fields; i++) {
        enum slc_type type = selection->types[i];
        struct slc_cell cell;

        if (type == SLC_TYPE_NULL || type == SLC_TYPE_TEXT)
            continue;
        cell = cells[selection->from[i]];
        if (!slc_is_na(&reader->na, raw->bytes + cell.start, cell.len) &&
            !slc_cell_fits(raw->bytes + cell.start, cell.len, type, &selection->style))
            return i;
    }
    return -1;
}

/* The name as one line without double quotes, so that it can stand in one. */
static const char *unfit_reason(const struct slc_reader *reader, struct slc_raw *raw,
                                int64_t column)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    const struct slc_selection *selection = reader->selection;
    struct slc_str name = slc_utf8_clip(selection->schema.fields[column].name, 128), copy;

    slc_buf_append_text(&text, "column ");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];

        slc_buf_append_byte(&text, c == '"'                               ? '\''
                                   : (unsigned char)c < 0x20 || c == 0x7f ? ' '
                                                                          : c);
    }
    slc_buf_printf(&text, ": not of the type %s", slc_type_name(selection->types[column]));
    if (text.failed)
        return NULL;
    copy = slc_arena_copy(&raw->arena, slc_buf_view(&text));
    return copy.data;
}

static void append_cell(struct slc_buf *text, struct slc_str cell, char delimiter, char quote)
{
    bool plain = !memchr(cell.data, delimiter, cell.len) && !memchr(cell.data, quote, cell.len) &&
                 !memchr(cell.data, '\n', cell.len) && !memchr(cell.data, '\r', cell.len);

    if (plain) {
        slc_buf_append_str(text, cell);
        return;
    }
    slc_buf_append_byte(text, quote);
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.data[i] == quote)
            slc_buf_append_byte(text, quote);
        slc_buf_append_byte(text, cell.data[i]);
    }
    slc_buf_append_byte(text, quote);
}

/* The row as delimited text again: its cells were unpacked in place. */
static struct slc_str row_text(const struct slc_reader *reader, struct slc_raw *raw, int64_t row)
{
    enum { CLIP_BYTES = 1 << 20 };
    SLC_AUTO_BUF struct slc_buf text = {0};
    const struct slc_cell *cells = raw->cells + row * raw->n_columns;
    char delimiter = reader->delimiter ? reader->delimiter : ',';
    char quote = reader->quote ? reader->quote : '"';

    for (int64_t i = 0; i < raw->n_columns && text.len < CLIP_BYTES; i++) {
        if (i > 0)
            slc_buf_append_byte(&text, delimiter);
        append_cell(&text, (struct slc_str){raw->bytes + cells[i].start, cells[i].len}, delimiter,
                    quote);
    }
    if (text.failed)
        return (struct slc_str){0};
    return slc_arena_copy(&raw->arena, slc_utf8_clip(slc_buf_view(&text), CLIP_BYTES));
}

/* Where the row's text starts in the input; -1 when the format does not tell. */
static int64_t row_offset(const struct slc_reader *reader, const struct slc_raw *raw, int64_t row)
{
    uint32_t start = raw->cells[row * raw->n_columns].start;

    if (!reader->delimiter)
        return -1;
    if (reader->quote && start > 0 && raw->bytes[start - 1] == reader->quote)
        start--;
    return raw->offset_bytes + start;
}

/* The rejects with those of `n_unfit` rows among them, in the order of the
 * file. unfit[row] is the column that does not hold the row. */
static bool merge_rejects(const struct slc_reader *reader, struct slc_raw *raw,
                          const int32_t *unfit, int64_t n_unfit)
{
    int64_t n_columns = reader->selection->schema.n_fields, n = 0, old = 0;
    struct slc_reject *rejects =
        slc_arena_calloc(&raw->arena, (size_t)(raw->n_rejects + n_unfit), sizeof(*rejects));
    SLC_AUTO_FREE const char **reasons = calloc((size_t)n_columns + 1, sizeof(*reasons));

    if (!rejects || !reasons)
        return false;
    for (int64_t row = 0; row < raw->n_rows; row++) {
        int64_t record = 1 + (raw->record_of_row ? raw->record_of_row[row] : row);
        struct slc_reject *reject;

        if (unfit[row] < 0)
            continue;
        while (old < raw->n_rejects && raw->rejects[old].row < record)
            rejects[n++] = raw->rejects[old++];
        if (!reasons[unfit[row]])
            reasons[unfit[row]] = unfit_reason(reader, raw, unfit[row]);
        reject = &rejects[n++];
        *reject = (struct slc_reject){
            .row = record,
            .offset_bytes = row_offset(reader, raw, row),
            .reason = reasons[unfit[row]],
            .text = row_text(reader, raw, row),
        };
        if (!reject->reason || !reject->text.data)
            return false;
    }
    while (old < raw->n_rejects)
        rejects[n++] = raw->rejects[old++];
    raw->rejects = rejects;
    raw->n_rejects = raw->rejects_capacity = n;
    return true;
}

static void drop_rows(struct slc_raw *raw, const int32_t *unfit)
{
    size_t width = (size_t)raw->n_columns * sizeof(*raw->cells);
    int64_t to = 0;

    for (int64_t row = 0; row < raw->n_rows; row++) {
        if (unfit[row] >= 0)
            continue;
        if (to != row)
            memcpy(raw->cells + to * raw->n_columns, raw->cells + row * raw->n_columns, width);
        to++;
    }
    raw->n_rows = to;
}

bool slc_selection_reject_unfit(const struct slc_reader *reader, struct slc_raw *raw,
                                struct slc_error *error)
{
    SLC_AUTO_FREE int32_t *unfit = NULL;
    int64_t n_unfit = 0;

    if (!reader->selection->any_type)
        return true;
    unfit = malloc(((size_t)raw->n_rows + 1) * sizeof(*unfit));
    for (int64_t row = 0; unfit && row < raw->n_rows; row++) {
        unfit[row] = (int32_t)find_unfit(reader, raw, row);
        n_unfit += unfit[row] >= 0;
    }
    if (unfit && n_unfit == 0)
        return true;
    if (!unfit || !merge_rejects(reader, raw, unfit, n_unfit))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk's rejected rows");
    drop_rows(raw, unfit);
    return slc_raw_number_records(raw) ||
           slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk's rejected rows");
}

/* ---- Typing ------------------------------------------------------------ */

bool slc_selection_type_column(const struct slc_reader *reader, struct slc_chunk *chunk,
                               int64_t column, enum slc_type type, struct slc_error *error)
{
    const struct slc_selection *selection = reader->selection;
    struct slc_typing typing = {.na = &reader->na, .style = reader->style};

    /* TEXT is how the values stand in the file, which any type allows. */
    if (selection->types[column] != SLC_TYPE_NULL && type != SLC_TYPE_TEXT) {
        type = selection->types[column];
        typing.style = &selection->style;
        typing.forced = true;
    }
    return slc_cells_type_column(chunk->raw, selection->from[column], &typing, chunk, column, type,
                                 error);
}
