/* XLSX workbooks (ECMA-376): one sheet as a table.
 *
 * The sheet's XML is parsed as a stream, once on opening (how wide it is, where
 * it starts, what its first rows look like) and once a round. A cell that the
 * sheet holds as text makes its column text, whatever it looks like; errors are
 * missing values; formulas count by their cached values. Empty rows between
 * others are rows, as pandas' read_excel has it; those at the end are none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/utf8.h"
#include "reader/format.h"
#include "reader/input.h"
#include "reader/raw.h"
#include "reader/sniff.h"
#include "reader/xlsx_book.h"

enum { MAX_ROWS = 1 << 20, SAMPLE_ROWS = 50, MAX_TEXT_BYTES = 1 << 20 };

enum cell_kind {
    CELL_NUMBER,
    CELL_SHARED, /* index of a shared string */
    CELL_TEXT,   /* inline, or what a formula came to */
    CELL_BOOL,
    CELL_ERROR,
    CELL_ISO, /* an ISO 8601 date as such */
};

/* A cell of the row that is being parsed. */
struct row_cell {
    int64_t column;
    size_t start, len; /* in xlsx->row_text */
    bool is_text;
};

struct xlsx {
    struct slc_xlsx_part part; /* first: it is the handlers' user data */
    struct slc_reader *reader;
    struct slc_xlsx_book book;
    const struct slc_xlsx_sheet *sheet;

    /* Found out on opening. */
    int64_t first_row; /* of the data, from 1 */
    int64_t n_columns;

    /* The cell that is being parsed. */
    enum cell_kind kind;
    enum slc_xlsx_format format;
    int64_t column; /* from 0 */
    bool in_row, in_cell, in_value;
    int phonetic_depth;
    struct slc_buf value;

    /* The row that is being parsed, its number from 1. */
    int64_t row;
    struct slc_buf row_text;
    struct row_cell *cells; /* owned, SLC_MAX_COLUMNS */
    int64_t n_cells;
    bool row_is_whole; /* and waits for room in a chunk */

    /* Where the rows go. */
    int64_t next_row;    /* the number of the next row of the table */
    struct slc_raw *raw; /* NULL on opening */
    int64_t max_rows;    /* a chunk */
    uint8_t *has_text;   /* by column; in the raw part's arena */

    /* On opening: the first rows as CSV, for the guess whether there is a header. */
    struct slc_buf sample;
    struct slc_buf header; /* the first row, likewise */
    int64_t n_sample_rows;
};

static bool xlsx_matches(struct slc_str head, struct slc_str file_name)
{
    (void)file_name;
    return head.len >= 4 && memcmp(head.data, "PK\x03\x04", 4) == 0;
}

/* ---- One cell ---------------------------------------------------------- */

/* "BC12" is column 54; -1 when it is none. */
static int64_t column_of(const char *reference)
{
    int64_t column = 0;
    const char *p = reference;

    for (; slc_ascii_lower(*p) >= 'a' && slc_ascii_lower(*p) <= 'z' && p - reference < 4; p++)
        column = column * 26 + (slc_ascii_lower(*p) - 'a' + 1);
    return column >= 1 && column <= SLC_MAX_COLUMNS && *p >= '1' && *p <= '9' ? column - 1 : -1;
}

static enum cell_kind kind_of(const char *type)
{
    static const struct {
        const char *name;
        enum cell_kind kind;
    } kinds[] = {
        {"s", CELL_SHARED}, {"str", CELL_TEXT}, {"inlineStr", CELL_TEXT},
        {"b", CELL_BOOL},   {"e", CELL_ERROR},  {"d", CELL_ISO},
    };

    for (size_t i = 0; type && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(type, kinds[i].name) == 0)
            return kinds[i].kind;
    return CELL_NUMBER;
}

static void begin_cell(struct xlsx *x, const char *const *attributes)
{
    const char *reference = slc_xlsx_attribute(attributes, "r");
    const char *style = slc_xlsx_attribute(attributes, "s");
    int64_t index;

    if (!x->in_row || x->in_cell) {
        slc_xlsx_part_fail(&x->part, SLC_ERR_FORMAT,
                           "the sheet is damaged: a cell where none can be");
        return;
    }
    x->in_cell = true;
    x->column++;
    if (reference) {
        int64_t column = column_of(reference);

        if (column < x->column) {
            slc_xlsx_part_fail(&x->part, SLC_ERR_FORMAT,
                               "the sheet is damaged: its cells are out of order");
            return;
        }
        x->column = column;
    }
    if (x->column >= SLC_MAX_COLUMNS) {
        slc_xlsx_part_fail(&x->part, SLC_ERR_LIMIT, "the sheet has more than 16384 columns");
        return;
    }
    x->kind = kind_of(slc_xlsx_attribute(attributes, "t"));
    x->format = SLC_XLSX_NUMBER;
    if (style && slc_parse_int64(style, strlen(style), &index) && index >= 0 &&
        index < x->book.n_formats)
        x->format = x->book.formats[index];
    slc_buf_clear(&x->value);
}

static void add_cell(struct xlsx *x, struct slc_str text, bool is_text)
{
    struct row_cell *cell = &x->cells[x->n_cells];

    if (text.len == 0)
        return;
    *cell = (struct row_cell){.column = x->column, .start = x->row_text.len, .len = text.len};
    cell->is_text = is_text && !slc_is_na(&x->reader->na, text.data, text.len);
    slc_buf_append_str(&x->row_text, text);
    if (x->row_text.failed)
        slc_xlsx_part_fail(&x->part, SLC_ERR_MEMORY, "no memory for a row of the sheet");
    x->n_cells++;
}

/* A number as its format shows it: a date, a time or, with the shortest digits
 * that mean the same double, itself. All numbers of a sheet are doubles. */
static void add_number(struct xlsx *x, struct slc_str text)
{
    char shown[SLC_NUM_TEXT_BYTES + SLC_XLSX_TIME_TEXT_BYTES]; /* room for either */
    double value;
    size_t len = 0;
    bool whole =
        text.len < 16 && !memchr(text.data, '.', text.len) && !memchr(text.data, 'E', text.len);

    if (x->format == SLC_XLSX_NUMBER && whole) {
        add_cell(x, text, false);
        return;
    }
    if (!slc_parse_double(text.data, text.len, &value) || value - value != 0.0) {
        add_cell(x, text, false);
        return;
    }
    if (x->format != SLC_XLSX_NUMBER)
        len = slc_xlsx_time_text(value, x->format, x->book.epoch_1904, shown);
    if (len == 0)
        len = (size_t)(slc_write_double(shown, value) - shown);
    /* Past 2^53 it is no whole number anymore, however many digits it has. */
    if ((value >= 0x1p53 || value <= -0x1p53) && !memchr(shown, 'e', len)) {
        memcpy(shown + len, ".0", 2);
        len += 2;
    }
    add_cell(x, (struct slc_str){shown, len}, false);
}

static void end_cell(struct xlsx *x)
{
    struct slc_str text = slc_buf_view(&x->value);
    int64_t index;

    if (!x->in_cell || x->column >= SLC_MAX_COLUMNS)
        return; /* it was refused at its start */
    x->in_cell = false;
    switch (x->kind) {
    case CELL_NUMBER:
        add_number(x, slc_str_trim(text));
        break;
    case CELL_SHARED:
        text = slc_str_trim(text);
        if (text.len == 0)
            break;
        if (!slc_parse_int64(text.data, text.len, &index) || index < 0 ||
            index >= x->book.n_strings) {
            slc_xlsx_part_fail(&x->part, SLC_ERR_FORMAT,
                               "the sheet is damaged: a cell names a text that is not there");
            break;
        }
        add_cell(x, x->book.strings[index], true);
        break;
    case CELL_TEXT:
        if (text.len)
            text.len = slc_xlsx_unescape(x->value.data, text.len);
        add_cell(x, text, true);
        break;
    case CELL_BOOL:
        text = slc_str_trim(text);
        if (text.len)
            add_cell(x,
                     slc_str_is(text, "1") || slc_str_is(text, "true") ? SLC_STR("true")
                                                                       : SLC_STR("false"),
                     false);
        break;
    case CELL_ISO:
        add_cell(x, slc_str_trim(text), false);
        break;
    case CELL_ERROR:
        break;
    }
}

/* ---- One row ----------------------------------------------------------- */

static void begin_row(struct xlsx *x, const char *const *attributes)
{
    const char *text = slc_xlsx_attribute(attributes, "r");
    int64_t row = x->row + 1;

    if (text && !slc_parse_int64(text, strlen(text), &row))
        row = 0;
    if (x->in_row || row <= x->row || row > MAX_ROWS) {
        slc_xlsx_part_fail(&x->part, SLC_ERR_FORMAT,
                           "the sheet is damaged: its rows are out of order");
        return;
    }
    x->in_row = true;
    x->row = row;
    x->column = -1;
    x->n_cells = 0;
    slc_buf_clear(&x->row_text);
}

/* The row as a line of CSV. */
static void write_sample(struct xlsx *x, struct slc_buf *out)
{
    int64_t column = 0;

    for (int64_t i = 0; i < x->n_cells; i++) {
        const struct row_cell *cell = &x->cells[i];
        const char *text = x->row_text.data + cell->start;

        for (; column < cell->column; column++)
            slc_buf_append_byte(out, ',');
        slc_buf_append_byte(out, '"');
        for (size_t k = 0; k < cell->len; k++) {
            if (text[k] == '"')
                slc_buf_append_byte(out, '"');
            slc_buf_append_byte(out, text[k]);
        }
        slc_buf_append_byte(out, '"');
    }
    for (; column < x->n_columns - 1; column++)
        slc_buf_append_byte(out, ',');
    slc_buf_append_byte(out, '\n');
}

/* On opening: the row counts for the sheet's measure. */
static void measure_row(struct xlsx *x)
{
    int64_t width = x->n_cells ? x->cells[x->n_cells - 1].column + 1 : 0;

    if (width == 0)
        return;
    if (width > x->n_columns)
        x->n_columns = width;
    if (x->first_row == 0) {
        x->first_row = x->row;
        write_sample(x, &x->header);
    } else if (x->n_sample_rows++ < SAMPLE_ROWS && x->sample.len < MAX_TEXT_BYTES) {
        write_sample(x, &x->sample);
    }
}

static bool has_room(const struct xlsx *x)
{
    return x->raw->n_rows < x->max_rows && x->raw->n_bytes < x->reader->options.chunk_bytes;
}

static bool put_row(struct xlsx *x, bool empty, struct slc_error *error)
{
    struct slc_raw *raw = x->raw;
    struct slc_cell *cells = raw->cells + raw->n_rows * raw->n_columns;

    memset(cells, 0, (size_t)raw->n_columns * sizeof(*cells));
    raw->n_rows++;
    raw->n_records++;
    x->next_row++;
    if (empty)
        return true;
    if ((int64_t)x->row_text.len > x->reader->options.max_row_bytes)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "row %lld of the sheet is longer than the %lld bytes that "
                        "are allowed",
                        (long long)x->row, (long long)x->reader->options.max_row_bytes);
    if (!slc_raw_reserve(raw, raw->n_bytes + (int64_t)x->row_text.len, error))
        return false;
    if (x->row_text.len)
        memcpy(raw->bytes + raw->n_bytes, x->row_text.data, x->row_text.len);
    for (int64_t i = 0; i < x->n_cells; i++) {
        const struct row_cell *cell = &x->cells[i];

        if (cell->column >= raw->n_columns)
            return slc_fail(error, SLC_ERR_CHANGED, "the file changed while it was read");
        cells[cell->column] = (struct slc_cell){
            .start = (uint32_t)(raw->n_bytes + (int64_t)cell->start), .len = (uint32_t)cell->len};
        x->has_text[cell->column] |= cell->is_text;
    }
    raw->n_bytes += (int64_t)x->row_text.len;
    return true;
}

/* Put the row that is whole, and the empty ones before it, as far as there is
 * room. */
static bool put_rows(struct xlsx *x, struct slc_error *error)
{
    while (x->row_is_whole && has_room(x)) {
        bool empty = x->next_row < x->row;

        if (!put_row(x, empty, error))
            return false;
        x->row_is_whole = empty;
    }
    return true;
}

static void end_row(struct xlsx *x)
{
    x->in_row = x->in_cell = false;
    if (!x->raw) {
        measure_row(x);
        return;
    }
    if (x->n_cells == 0 || x->row < x->first_row)
        return;
    x->row_is_whole = true;
    if (!put_rows(x, &x->part.failure))
        XML_StopParser(x->part.parser, XML_FALSE);
    else if (x->row_is_whole || !has_room(x))
        XML_StopParser(x->part.parser, XML_TRUE); /* until the next chunk */
}

/* ---- The sheet's XML --------------------------------------------------- */

static void XMLCALL start_element(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct xlsx *x = data;
    const char *local = slc_xlsx_local(name);

    if (strcmp(local, "c") == 0)
        begin_cell(x, attributes);
    else if (strcmp(local, "v") == 0)
        x->in_value = x->in_cell && (x->kind != CELL_TEXT || x->value.len == 0);
    else if (strcmp(local, "t") == 0)
        x->in_value = x->in_cell && x->kind == CELL_TEXT && x->phonetic_depth == 0;
    else if (strcmp(local, "row") == 0)
        begin_row(x, attributes);
    else if (strcmp(local, "rPh") == 0)
        x->phonetic_depth++;
}

static void XMLCALL text_of_element(void *data, const XML_Char *text, int len)
{
    struct xlsx *x = data;

    if (!x->in_value)
        return;
    slc_buf_append(&x->value, text, (size_t)len);
    if (x->value.len > MAX_TEXT_BYTES)
        slc_xlsx_part_fail(&x->part, SLC_ERR_LIMIT, "a cell of the sheet is longer than 1 MiB");
    else if (x->value.failed)
        slc_xlsx_part_fail(&x->part, SLC_ERR_MEMORY, "no memory for a cell of the sheet");
}

static void XMLCALL end_element(void *data, const XML_Char *name)
{
    struct xlsx *x = data;
    const char *local = slc_xlsx_local(name);

    if (strcmp(local, "v") == 0 || strcmp(local, "t") == 0)
        x->in_value = false;
    else if (strcmp(local, "c") == 0)
        end_cell(x);
    else if (strcmp(local, "row") == 0)
        end_row(x);
    else if (strcmp(local, "rPh") == 0)
        x->phonetic_depth--;
}

static bool start_sheet(struct xlsx *x, struct slc_error *error)
{
    slc_xlsx_part_close(&x->part);
    x->row = 0;
    x->n_cells = 0;
    x->row_is_whole = x->in_row = x->in_cell = x->in_value = false;
    x->phonetic_depth = 0;
    x->next_row = x->first_row;
    if (!slc_xlsx_part_open(&x->part, &x->book, x->sheet->path, error))
        return false;
    XML_SetElementHandler(x->part.parser, start_element, end_element);
    XML_SetCharacterDataHandler(x->part.parser, text_of_element);
    return true;
}

/* ---- Opening ----------------------------------------------------------- */

static bool choose_sheet(struct xlsx *x, struct slc_error *error)
{
    struct slc_str wanted = x->reader->options.sheet;
    int64_t position;

    for (int64_t i = 0; i < x->book.n_sheets; i++) {
        const struct slc_xlsx_sheet *sheet = &x->book.sheets[i];

        if (wanted.len ? slc_str_eq(sheet->name, wanted) : !sheet->hidden) {
            x->sheet = sheet;
            return true;
        }
    }
    if (wanted.len == 0) {
        x->sheet = &x->book.sheets[0]; /* all are hidden */
        return true;
    }
    if (slc_parse_int64(wanted.data, wanted.len, &position) && position >= 1 &&
        position <= x->book.n_sheets) {
        x->sheet = &x->book.sheets[position - 1];
        return true;
    }
    return slc_fail(error, SLC_ERR_NOT_FOUND,
                    "the workbook has no sheet \"%.*s\"; it has %lld, the first is \"%.*s\"",
                    wanted.len > 100 ? 100 : (int)wanted.len, wanted.data,
                    (long long)x->book.n_sheets, SLC_STR_ARG(x->book.sheets[0].name));
}

static bool has_header(struct xlsx *x)
{
    SLC_AUTO_BUF struct slc_buf all = {0};

    if (x->reader->options.header != SLC_HEADER_AUTO)
        return x->reader->options.header == SLC_HEADER_YES;
    slc_buf_append_str(&all, slc_buf_view(&x->header));
    slc_buf_append_str(&all, slc_buf_view(&x->sample));
    return all.failed || slc_sniff_header(slc_buf_view(&all), ',', '"', &x->reader->na);
}

static bool take_names(struct xlsx *x, bool header, struct slc_error *error)
{
    SLC_AUTO_FREE struct slc_str *names = calloc(SLC_MAX_COLUMNS, sizeof(*names));
    SLC_AUTO_BUF struct slc_buf ordinals = {0};
    int64_t n = 0;

    if (!names || !slc_buf_reserve(&ordinals, (size_t)x->n_columns * SLC_NUM_TEXT_BYTES))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the column names");
    if (header)
        slc_split_row(x->header.data, x->header.len, ',', '"', names, SLC_MAX_COLUMNS, &n);
    for (int64_t i = n; i < x->n_columns; i++)
        names[i] = SLC_STR("");
    for (int64_t i = 0; !header && i < x->n_columns; i++) {
        char *text = ordinals.data + i * SLC_NUM_TEXT_BYTES;

        names[i] = (struct slc_str){text, (size_t)(slc_write_int64(text, i) - text)};
    }
    if (!slc_schema_init(&x->reader->schema, names, x->n_columns))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the column names");
    x->first_row += header;
    snprintf(x->reader->dialect, sizeof(x->reader->dialect), "sheet \"%.*s\", %s",
             (int)slc_utf8_clip(x->sheet->name, 80).len, x->sheet->name.data,
             header ? "header" : "no header");
    return true;
}

static bool xlsx_open(struct slc_reader *reader, struct slc_str head, bool ends_input,
                      struct slc_error *error)
{
    struct xlsx *x = calloc(1, sizeof(*x));

    (void)head;
    (void)ends_input;
    reader->state = x;
    if (!x)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    x->reader = reader;
    if (slc_input_description(reader->input)[0])
        return slc_fail(
            error, SLC_ERR_FORMAT,
            "this is a workbook within gzip, zstd or another encoding; unpack it first");
    x->cells = calloc(SLC_MAX_COLUMNS, sizeof(*x->cells));
    if (!x->cells)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    if (!slc_xlsx_book_open(&x->book, reader->fd, error) || !choose_sheet(x, error) ||
        !start_sheet(x, error) || slc_xlsx_part_parse(&x->part, error) != 0)
        return false;
    if (x->n_columns == 0)
        return slc_fail(error, SLC_ERR_FORMAT, "the sheet \"%.*s\" has no rows",
                        SLC_STR_ARG(x->sheet->name));
    if (x->sample.failed || x->header.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    return take_names(x, has_header(x), error);
}

static void xlsx_close(struct slc_reader *reader)
{
    struct xlsx *x = reader->state;

    if (!x)
        return;
    slc_xlsx_part_close(&x->part);
    slc_xlsx_book_release(&x->book);
    slc_buf_release(&x->value);
    slc_buf_release(&x->row_text);
    slc_buf_release(&x->sample);
    slc_buf_release(&x->header);
    free(x->cells);
    free(x);
}

/* ---- Reading ----------------------------------------------------------- */

/* The archive is read in pieces as they are wanted; the digest is of the whole. */
static bool xlsx_rewind(struct slc_reader *reader, struct slc_error *error)
{
    struct xlsx *x = reader->state;
    SLC_AUTO_FREE char *block = malloc(1 << 16);
    int64_t got = block ? 1 : 0;

    if (!block)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to read the file");
    while (got > 0)
        got = slc_input_read(reader->input, block, 1 << 16, error);
    reader->position_bytes = 0;
    return got == 0 && start_sheet(x, error);
}

static int xlsx_next(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    struct xlsx *x = reader->state;
    int64_t chunk = reader->options.chunk_bytes, more = 1;

    raw->n_columns = x->n_columns;
    raw->n_bytes = 0;
    raw->offset_bytes = 0;
    x->max_rows = chunk / (8 * x->n_columns) > 0 ? chunk / (8 * x->n_columns) : 1;
    x->raw = raw;
    x->has_text = slc_arena_calloc(&raw->arena, (size_t)x->n_columns, 1);
    if (!x->has_text || !slc_raw_reserve(raw, chunk, error) ||
        !slc_raw_reserve_cells(raw, x->max_rows * x->n_columns, error)) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk");
        return -1;
    }
    if (!put_rows(x, error))
        return -1;
    if (!x->row_is_whole && has_room(x) && !x->part.finished)
        more = slc_xlsx_part_parse(&x->part, error);
    if (more < 0)
        return -1;
    raw->column_has_text = x->has_text;
    if (x->part.size_bytes > 0)
        reader->position_bytes = (int64_t)((double)reader->size_bytes * (double)x->part.read_bytes /
                                           (double)x->part.size_bytes);
    return raw->n_rows > 0;
}

static bool xlsx_split(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    (void)reader;
    (void)raw;
    (void)error;
    return true;
}

const struct slc_reader_ops slc_xlsx_ops = {
    .name = "xlsx",
    .matches = xlsx_matches,
    .open = xlsx_open,
    .next = xlsx_next,
    .split = xlsx_split,
    .rewind = xlsx_rewind,
    .close = xlsx_close,
};
