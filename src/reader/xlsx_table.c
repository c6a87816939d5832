/* XLSX workbooks: a sheet as a table.
 *
 * The sheet's real width and last row are only known when all of it was seen,
 * whatever its <dimension> says, so it is scanned whole when the reader is
 * opened. If its rows then take up to KEPT_BYTES in memory, which is a few times
 * less than their XML, they are kept and nothing is inflated or scanned again;
 * else every round goes over the XML anew and holds a chunk's rows at a time.
 * Shared strings are in memory in any case (xlsx_strings.h).
 *
 * As pandas' read_excel has it, empty rows between others are rows, while those
 * before the first and behind the last with something in it are none, and
 * neither are empty columns behind the last. No row is ever rejected: what is
 * not there is missing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "reader/format.h"
#include "reader/input.h"
#include "reader/raw.h"
#include "reader/sniff.h"
#include "reader/xlsx_sheet.h"
#include "reader/xlsx_workbook.h"

enum {
    KEPT_BYTES = 64 << 20,
    SAMPLE_ROWS = 51,        /* the first and what follows it tell whether it is a header */
    SAMPLE_TEXT_BYTES = 256, /* of a cell */
    ORDINAL_BYTES = 24,
    DIGEST_BYTES = 64 << 10,
};

struct xlsx {
    struct slc_workbook book;
    const struct slc_worksheet *sheet;
    int64_t part; /* the sheet's, in the archive */

    /* Found out on opening. */
    int64_t first_row; /* of the data, by the sheet's numbers */
    int64_t last_row;
    int64_t width;

    /* All rows when `is_kept`, else those that were scanned and not given yet. */
    struct slc_xlsx_rows rows;
    bool is_kept;
    struct slc_xlsx_scan scan;
    int64_t next_kept; /* index of the first row not given yet */
    int64_t next_row;  /* its number, or that of an empty one before it */
};

static bool xlsx_matches(struct slc_str head, struct slc_str file_name)
{
    (void)file_name;
    return head.len >= 4 &&
           (memcmp(head.data, "PK\x03\x04", 4) == 0 || memcmp(head.data, "PK\x05\x06", 4) == 0 ||
            memcmp(head.data, "\xd0\xcf\x11\xe0", 4) == 0);
}

/* ---- Opening ----------------------------------------------------------- */

/* The cell's text as it is given out. */
static struct slc_str cell_text(const struct xlsx *xlsx, struct slc_cell cell)
{
    if (cell.len == SLC_XLSX_SHARED)
        return slc_strings_get(&xlsx->book.strings, cell.start);
    return (struct slc_str){xlsx->rows.text + cell.start, cell.len};
}

/* Scan all of the sheet for its width and length. Its rows are kept while they
 * are small enough, else the first few of them alone. */
static bool survey(struct slc_reader *reader, struct xlsx *xlsx, struct slc_error *error)
{
    struct slc_xlsx_rows *rows = &xlsx->rows;
    int got;

    if (!slc_xlsx_scan_open(&xlsx->scan, &xlsx->book, xlsx->part, reader->options.max_row_bytes,
                            error))
        return false;
    xlsx->is_kept = true;
    while ((got = slc_xlsx_scan_next(&xlsx->scan, rows, error)) == 1) {
        const struct slc_xlsx_row *row = &rows->rows[rows->n_rows - 1];

        if (row->number <= reader->options.skip_rows) {
            slc_xlsx_rows_cut(rows, rows->n_rows - 1);
            continue;
        }
        xlsx->last_row = row->number;
        xlsx->width = row->n_cells > xlsx->width ? row->n_cells : xlsx->width;
        if (rows->n_rows > SAMPLE_ROWS &&
            (!xlsx->is_kept || slc_xlsx_rows_bytes(rows) > KEPT_BYTES)) {
            xlsx->is_kept = false;
            slc_xlsx_rows_cut(rows, SAMPLE_ROWS);
        }
    }
    slc_xlsx_scan_close(&xlsx->scan);
    if (got < 0)
        return false;
    if (rows->n_rows == 0)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "the sheet \"%.*s\" is empty%s; choose another one with the option sheet",
                        SLC_STR_ARG(slc_utf8_clip(xlsx->sheet->name, 100)),
                        reader->options.skip_rows > 0 ? " behind the rows of reader.skip_rows"
                                                      : "");
    return true;
}

/* The first rows as delimited text for the sniffer, which knows no quotes here. */
static bool header_is_first(struct slc_reader *reader, const struct xlsx *xlsx,
                            struct slc_error *error)
{
    const char delimiter = '\x1f';
    SLC_AUTO_BUF struct slc_buf sample = {0};

    if (reader->options.header != SLC_HEADER_AUTO)
        return reader->options.header == SLC_HEADER_YES;
    for (int64_t i = 0; i < xlsx->rows.n_rows && i < SAMPLE_ROWS; i++) {
        const struct slc_xlsx_row *row = &xlsx->rows.rows[i];
        const struct slc_cell *cells = xlsx->rows.cells + row->first_cell;

        for (int64_t column = 0; column < xlsx->width; column++) {
            struct slc_str text = {0};
            char *at = slc_buf_reserve(&sample, SAMPLE_TEXT_BYTES + 1);

            if (!at)
                return slc_fail(error, SLC_ERR_MEMORY, "no memory to look at the first rows");
            if (column < row->n_cells)
                text = slc_utf8_clip(cell_text(xlsx, cells[column]), SAMPLE_TEXT_BYTES);
            for (size_t j = 0; j < text.len; j++)
                *at++ = (unsigned char)text.data[j] < 0x20 ? ' ' : text.data[j];
            *at = column + 1 < xlsx->width ? delimiter : '\n';
            sample.len += text.len + 1;
        }
    }
    return slc_sniff_styled_header(slc_buf_view(&sample), delimiter, '\0', &reader->na,
                                   reader->style);
}

static bool take_names(struct slc_reader *reader, const struct xlsx *xlsx, bool header,
                       struct slc_error *error)
{
    SLC_AUTO_FREE struct slc_str *names = calloc((size_t)xlsx->width, sizeof(*names));
    SLC_AUTO_FREE char *ordinals = malloc((size_t)xlsx->width * ORDINAL_BYTES);
    const struct slc_xlsx_row *row = &xlsx->rows.rows[0];

    if (!names || !ordinals)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the column names");
    for (int64_t i = 0; i < xlsx->width; i++) {
        char *ordinal = ordinals + i * ORDINAL_BYTES;

        if (header && i < row->n_cells) {
            names[i] = cell_text(xlsx, xlsx->rows.cells[row->first_cell + i]);
        } else if (!header) {
            int len = snprintf(ordinal, ORDINAL_BYTES, "%lld", (long long)i);

            names[i] = (struct slc_str){ordinal, (size_t)len};
        } else {
            names[i] = SLC_STR("");
        }
    }
    return slc_schema_init(&reader->schema, names, xlsx->width) ||
           slc_fail(error, SLC_ERR_MEMORY, "no memory for the column names");
}

static void describe(struct slc_reader *reader, const struct xlsx *xlsx, bool header)
{
    char renamed[80] = "";

    if (reader->schema.n_renamed > 0)
        snprintf(renamed, sizeof(renamed), ", %lld empty or repeated names made unique",
                 (long long)reader->schema.n_renamed);
    snprintf(reader->dialect, sizeof(reader->dialect), "sheet \"%.*s\", %s%s%s",
             SLC_STR_ARG(slc_utf8_clip(xlsx->sheet->name, 40)), header ? "header" : "no header",
             xlsx->book.since_1904 ? ", dates since 1904" : "", renamed);
}

static bool xlsx_open(struct slc_reader *reader, struct slc_str head, bool ends_input,
                      struct slc_error *error)
{
    struct xlsx *xlsx = calloc(1, sizeof(*xlsx));
    bool header;

    (void)ends_input;
    reader->state = xlsx;
    if (!xlsx)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    if (head.data[0] != 'P')
        return slc_workbook_fail_ole(head, error);
    if (slc_input_description(reader->input)[0])
        return slc_fail(error, SLC_ERR_FORMAT,
                        "this is a zip archive inside another packing (%s); unpack it first",
                        slc_input_description(reader->input));
    if (!slc_workbook_open(&xlsx->book, reader->fd, error) ||
        !slc_workbook_find(&xlsx->book, reader->options.sheet, &xlsx->sheet, &xlsx->part, error) ||
        !survey(reader, xlsx, error))
        return false;
    header = header_is_first(reader, xlsx, error);
    if (!take_names(reader, xlsx, header, error))
        return false;
    xlsx->first_row = xlsx->rows.rows[0].number + header;
    describe(reader, xlsx, header);
    return true;
}

static void xlsx_close(struct slc_reader *reader)
{
    struct xlsx *xlsx = reader->state;

    if (!xlsx)
        return;
    slc_xlsx_scan_close(&xlsx->scan);
    slc_xlsx_rows_release(&xlsx->rows);
    slc_workbook_release(&xlsx->book);
    free(xlsx);
}

/* ---- Rounds ------------------------------------------------------------ */

static bool xlsx_rewind(struct slc_reader *reader, struct slc_error *error)
{
    struct xlsx *xlsx = reader->state;

    xlsx->next_row = xlsx->first_row;
    xlsx->next_kept = 0;
    if (xlsx->is_kept)
        return true;
    slc_xlsx_scan_close(&xlsx->scan);
    slc_xlsx_rows_cut(&xlsx->rows, 0);
    return slc_xlsx_scan_open(&xlsx->scan, &xlsx->book, xlsx->part, reader->options.max_row_bytes,
                              error);
}

/* The index of the first row not given yet, scanned if need be; -1 on failure. */
static int64_t find_row(struct xlsx *xlsx, int64_t index, struct slc_error *error)
{
    struct slc_xlsx_rows *rows = &xlsx->rows;

    for (;;) {
        if (index == rows->n_rows) {
            int got = xlsx->is_kept ? 0 : slc_xlsx_scan_next(&xlsx->scan, rows, error);

            if (got == 0)
                slc_fail(error, SLC_ERR_CHANGED, "the sheet became shorter while it was read");
            if (got != 1)
                return -1;
        }
        if (rows->rows[index].number >= xlsx->first_row)
            return index;
        if (xlsx->is_kept)
            index++;
        else
            slc_xlsx_rows_cut(rows, index); /* the header */
    }
}

/* What of the rows makes the next chunk. */
struct span {
    int64_t first;  /* index of its first row that is not empty */
    int64_t end;    /* and behind its last */
    int64_t n_rows; /* with empty ones */
    int64_t text_bytes, full_bytes;
};

/* As many rows as fit `chunk_bytes` as text and cells, at least one. That they
 * go by what they will take in memory, not by their XML, is what bounds a chunk
 * of many columns, empty rows or long shared strings. */
static bool choose_rows(const struct slc_reader *reader, struct xlsx *xlsx, struct span *span,
                        struct slc_error *error)
{
    enum { CELL_COST_BYTES = 4 };
    int64_t left = reader->options.chunk_bytes, number = xlsx->next_row;

    while (number <= xlsx->last_row) {
        int64_t index = find_row(xlsx, span->end, error), cost = xlsx->width * CELL_COST_BYTES;
        const struct slc_xlsx_row *row;

        if (index < 0)
            return false;
        if (span->n_rows == 0)
            span->first = span->end = index;
        row = &xlsx->rows.rows[index];
        if (row->number == number)
            cost += row->full_bytes;
        if (span->n_rows > 0 && cost > left)
            break;
        left -= cost;
        span->n_rows++;
        if (row->number == number) {
            span->text_bytes += row->text_bytes;
            span->full_bytes += row->full_bytes;
            span->end = index + 1;
        }
        number++;
    }
    return true;
}

static void fill_row(struct slc_cell *to, int64_t width, const struct slc_xlsx_rows *rows,
                     const struct slc_xlsx_row *row, uint32_t base)
{
    const struct slc_cell *from = rows->cells + row->first_cell;

    for (int64_t i = 0; i < row->n_cells; i++) {
        struct slc_cell cell = from[i];

        if (cell.len != 0 && cell.len != SLC_XLSX_SHARED)
            cell.start -= base;
        to[i] = cell;
    }
    memset(to + row->n_cells, 0, (size_t)(width - row->n_cells) * sizeof(*to));
}

/* Copy the rows out, empty ones between them. */
static bool fill_raw(struct xlsx *xlsx, const struct span *span, struct slc_raw *raw,
                     struct slc_error *error)
{
    const struct slc_xlsx_rows *rows = &xlsx->rows;
    int64_t index = span->first;
    uint32_t base = span->end > span->first ? rows->rows[span->first].text_start : 0;
    struct slc_cell *to;

    if (!slc_raw_reserve(raw, span->full_bytes + 1, error) ||
        !slc_raw_reserve_cells(raw, span->n_rows * xlsx->width, error))
        return false;
    if (span->text_bytes)
        memcpy(raw->bytes, rows->text + base, (size_t)span->text_bytes);
    to = raw->cells;
    for (int64_t i = 0; i < span->n_rows; i++, to += xlsx->width) {
        if (index < span->end && rows->rows[index].number == xlsx->next_row + i)
            fill_row(to, xlsx->width, rows, &rows->rows[index++], base);
        else
            memset(to, 0, (size_t)xlsx->width * sizeof(*to));
    }
    raw->n_bytes = span->text_bytes;
    raw->n_columns = xlsx->width;
    raw->n_rows = raw->n_records = span->n_rows;
    return true;
}

/* The digest is of the file as it is, which is not read in order otherwise. */
static bool digest_file(struct slc_reader *reader, struct slc_error *error)
{
    SLC_AUTO_FREE char *block = malloc(DIGEST_BYTES);
    off_t at = 0;

    if (slc_reader_sha256(reader))
        return true;
    if (!block)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to read the file");
    for (;;) {
        ssize_t got = pread(reader->fd, block, DIGEST_BYTES, at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slc_fail_errno(error, errno, "cannot read");
        if (got == 0)
            return true;
        slc_reader_saw_bytes(reader, block, (size_t)got);
        at += got;
    }
}

/* Forget the rows that were given out; what was scanned beyond comes first. */
static void drop_rows(struct slc_xlsx_rows *rows, int64_t n)
{
    int64_t left = rows->n_rows - n;
    uint32_t text, cells;

    if (left == 0) {
        slc_xlsx_rows_cut(rows, 0);
        return;
    }
    text = rows->rows[n].text_start;
    cells = rows->rows[n].first_cell;
    memmove(rows->text, rows->text + text, rows->text_bytes - text);
    memmove(rows->cells, rows->cells + cells,
            (size_t)(rows->n_cells - cells) * sizeof(*rows->cells));
    memmove(rows->rows, rows->rows + n, (size_t)left * sizeof(*rows->rows));
    rows->text_bytes -= text;
    rows->n_cells -= cells;
    rows->n_rows = left;
    for (int64_t i = 0; i < rows->n_cells; i++)
        if (rows->cells[i].len != 0 && rows->cells[i].len != SLC_XLSX_SHARED)
            rows->cells[i].start -= text;
    for (int64_t i = 0; i < left; i++) {
        rows->rows[i].text_start -= text;
        rows->rows[i].first_cell -= cells;
    }
}

static int xlsx_next(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    struct xlsx *xlsx = reader->state;
    struct span span = {.first = xlsx->next_kept, .end = xlsx->next_kept};

    if (xlsx->next_row > xlsx->last_row) {
        reader->position_bytes = reader->size_bytes;
        return digest_file(reader, error) ? 0 : -1;
    }
    if (!choose_rows(reader, xlsx, &span, error) || !fill_raw(xlsx, &span, raw, error))
        return -1;
    xlsx->next_row += span.n_rows;
    xlsx->next_kept = span.end;
    if (!xlsx->is_kept) {
        drop_rows(&xlsx->rows, span.end);
        xlsx->next_kept = 0;
    }
    reader->position_bytes = (int64_t)((double)reader->size_bytes * (double)(xlsx->next_row - 1) /
                                       (double)xlsx->last_row);
    return 1;
}

/* Fetch the shared strings, behind the rows' own text. */
static bool xlsx_split(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    const struct xlsx *xlsx = reader->state;
    int64_t n_cells = raw->n_rows * raw->n_columns;
    char *to = raw->bytes + raw->n_bytes;

    (void)error;
    if (xlsx->book.strings.n == 0)
        return true;
    for (int64_t i = 0; i < n_cells; i++) {
        struct slc_cell *cell = &raw->cells[i];
        struct slc_str text;

        if (cell->len != SLC_XLSX_SHARED)
            continue;
        text = slc_strings_get(&xlsx->book.strings, cell->start);
        memcpy(to, text.data, text.len);
        *cell = (struct slc_cell){(uint32_t)(to - raw->bytes), (uint32_t)text.len};
        to += text.len;
    }
    raw->n_bytes = to - raw->bytes;
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
