/* Delimited text: CSV, TSV and their kin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "reader/csv_scan.h"
#include "reader/csv_split.h"
#include "reader/format.h"
#include "reader/input.h"
#include "reader/raw.h"
#include "reader/sniff.h"

enum { ORDINAL_BYTES = 24 }; /* room for any column's number */

struct csv {
    struct slc_csv_dialect dialect;
    int64_t first_row_bytes; /* where the data rows start in the input */
    struct slc_tail tail;
};

static bool csv_matches(struct slc_str head, struct slc_str file_name)
{
    (void)head;
    (void)file_name;
    return true;
}

/* ---- Opening ----------------------------------------------------------- */

static size_t skip_bom(struct slc_str head)
{
    return head.len >= 3 && memcmp(head.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* Lines of nothing but white space, as pandas' skip_blank_lines has it. */
static size_t skip_blank_rows(struct slc_str text, char delimiter)
{
    size_t start = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '\n' || c == '\r')
            start = i + 1;
        else if (c == delimiter || (c != ' ' && c != '\t'))
            return start;
    }
    return text.len;
}

/* The end of the last row among the first `n` scanned bytes; 0 when no row ends there. */
static size_t last_row_end(const char *bytes, const uint64_t *structural, size_t n)
{
    for (size_t word = SLC_SCAN_WORDS(n); word-- > 0;) {
        uint64_t bits = structural[word];

        while (bits) {
            size_t top = 63 - (size_t)__builtin_clzll(bits), at = word * 64 + top;

            if (bytes[at] == '\n' || bytes[at] == '\r')
                return at + 1;
            bits &= ~(UINT64_C(1) << top);
        }
    }
    return 0;
}

/* The length of the part of `text` that is whole rows, the last of which the
 * input's end ends, too. 0: not even one row. */
static size_t whole_rows(struct slc_str text, const struct csv *csv, bool ends_input)
{
    SLC_AUTO_FREE uint64_t *structural = calloc(SLC_SCAN_WORDS(text.len) + 1, sizeof(*structural));
    bool inside;

    if (!structural)
        return 0;
    inside = slc_csv_scan_dialect(text.data, text.len, &csv->dialect, structural);
    return ends_input && !inside ? text.len : last_row_end(text.data, structural, text.len);
}

/* The first line as spreadsheet programs write it to name the delimiter: sep=; or "sep=;".
 * Its length, 0 when it is none. */
static size_t take_separator_line(struct slc_str text, char *ret_delimiter)
{
    size_t len = slc_skip_lines(text, 1);
    struct slc_str line = {text.data, len};
    char c;

    while (line.len > 0 && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
        line.len--;
    if (line.len == 7 && line.data[0] == '"' && line.data[6] == '"')
        line = (struct slc_str){line.data + 1, 5};
    if (line.len != 5 || !slc_str_eq_nocase((struct slc_str){line.data, 4}, SLC_STR("sep=")))
        return 0;
    c = line.data[4];
    if (!memchr(",;\t|:^~#!&", c, 10))
        return 0;
    *ret_delimiter = c;
    return len;
}

/* Blank lines and comments before the first row. */
static size_t skip_to_first_row(struct slc_str text, const struct slc_reader_options *options)
{
    size_t at = slc_skip_lines(text, options->skip_rows);

    for (;;) {
        struct slc_str rest;

        at += skip_blank_rows((struct slc_str){text.data + at, text.len - at}, options->delimiter);
        rest = (struct slc_str){text.data + at, text.len - at};
        if (rest.len == 0 || !options->comment || rest.data[0] != options->comment)
            return at;
        at += slc_skip_lines(rest, 1);
    }
}

/* Whole rows in place for the guesses, which know neither comments nor escapes:
 * without the ones, and with the others turned into letters. The first row, no
 * comment, keeps its place. Returns the length that is left. */
static size_t make_plain(char *text, size_t len, const struct csv *csv)
{
    const struct slc_csv_dialect *dialect = &csv->dialect;
    SLC_AUTO_FREE uint64_t *structural = calloc(SLC_SCAN_WORDS(len) + 1, sizeof(*structural));
    bool in_comment = false, row_start = true;
    size_t n = 0;

    if (!structural || (!dialect->escape && !dialect->comment))
        return len;
    slc_csv_scan_dialect(text, len, dialect, structural);
    for (size_t i = 0; i < len; i++) {
        bool ends = structural[i / 64] >> (i % 64) & 1 && text[i] != dialect->delimiter;

        if (row_start)
            in_comment = dialect->comment && text[i] == dialect->comment;
        row_start = ends;
        if (in_comment)
            continue;
        if (dialect->escape && text[i] == dialect->escape && i + 1 < len) {
            text[n++] = 'x';
            text[n++] = 'x';
            i++;
        } else {
            text[n++] = text[i];
        }
    }
    return n;
}

/* As slc_split_row(), where there are escapes. */
static size_t split_escaped_row(char *text, size_t len, const struct csv *csv,
                                struct slc_str *cells, int64_t max_cells, int64_t *ret_n_cells)
{
    const struct slc_csv_dialect *dialect = &csv->dialect;
    SLC_AUTO_FREE uint64_t *structural = calloc(SLC_SCAN_WORDS(len) + 1, sizeof(*structural));
    size_t start = 0, at = 0;
    bool last = false;

    *ret_n_cells = 0;
    if (!structural)
        return 0;
    slc_csv_scan_dialect(text, len, dialect, structural);
    for (; !last; at++) {
        if (at < len && !(structural[at / 64] >> (at % 64) & 1))
            continue;
        last = at == len || text[at] != dialect->delimiter;
        if (*ret_n_cells < max_cells)
            cells[*ret_n_cells] =
                slc_unescape(text + start, at - start, dialect->quote, dialect->escape);
        ++*ret_n_cells;
        start = at + 1;
    }
    if (at < len && text[at - 1] == '\r' && text[at] == '\n')
        at++;
    return at < len ? at : len;
}

static bool fail_no_first_row(size_t len, bool ends_input, struct slc_error *error)
{
    return slc_fail(error, SLC_ERR_FORMAT,
                    "the first row does not end within %s%zu bytes: a quote is opened and never "
                    "closed, or this is not a table",
                    ends_input ? "the file's " : "", len);
}

/* Names 0, 1, 2, ... of columns that have none, in `text` of ORDINAL_BYTES each. */
static void number_columns(struct slc_str *names, int64_t n, char *text)
{
    for (int64_t i = 0; i < n; i++, text += ORDINAL_BYTES) {
        int len = snprintf(text, ORDINAL_BYTES, "%lld", (long long)i);

        names[i] = (struct slc_str){.data = text, .len = (size_t)len};
    }
}

static bool take_names(struct slc_reader *reader, const struct csv *csv, char *text, size_t len,
                       bool header, size_t *ret_used, struct slc_error *error)
{
    size_t most = len < SLC_MAX_COLUMNS ? len + 1 : SLC_MAX_COLUMNS;
    SLC_AUTO_FREE struct slc_str *cells = calloc(most, sizeof(*cells));
    SLC_AUTO_FREE char *ordinals = malloc(most * ORDINAL_BYTES);
    int64_t n_cells;
    size_t used;

    if (!cells || !ordinals)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the column names");
    used = csv->dialect.escape ? split_escaped_row(text, len, csv, cells, (int64_t)most, &n_cells)
                               : slc_split_row(text, len, csv->dialect.delimiter,
                                               csv->dialect.quote, cells, (int64_t)most, &n_cells);
    if (n_cells == 0)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the column names");
    if (n_cells > SLC_MAX_COLUMNS)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "the first row has %lld columns; at most %d are allowed",
                        (long long)n_cells, SLC_MAX_COLUMNS);
    for (int64_t i = 0; header && i < n_cells; i++)
        if (!slc_utf8_is_valid(cells[i]))
            return slc_fail(error, SLC_ERR_FORMAT,
                            "the name of column %lld is %s; is this a text table, and in UTF-8?",
                            (long long)i + 1, slc_input_bad_text_reason(reader->input));
    if (!header)
        number_columns(cells, n_cells, ordinals);
    *ret_used = header ? used : 0;
    if (!slc_schema_init(&reader->schema, cells, n_cells))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the column names");
    return true;
}

static void describe(struct slc_reader *reader, const struct csv *csv, bool header)
{
    const char *input = slc_input_description(reader->input);
    char shown[4] = {'"', csv->dialect.delimiter, '"', '\0'}, renamed[80] = "";

    if (reader->schema.n_renamed > 0)
        snprintf(renamed, sizeof(renamed), ", %lld empty or repeated column names made unique",
                 (long long)reader->schema.n_renamed);
    snprintf(reader->dialect, sizeof(reader->dialect), "%s%sdelimiter %s, %s%s", input,
             input[0] ? ", " : "", csv->dialect.delimiter == '\t' ? "tab" : shown,
             header ? "header" : "no header", renamed);
}

/* Find out what separates the fields; the length of the rows that it shows in. */
static bool choose_dialect(struct slc_reader *reader, struct csv *csv, struct slc_str head,
                           bool ends_input, size_t *ret_rows, struct slc_error *error)
{
    struct slc_csv_dialect *dialect = &csv->dialect;

    *dialect = (struct slc_csv_dialect){.delimiter = reader->options.delimiter,
                                        .quote = reader->options.quote,
                                        .escape = reader->options.escape,
                                        .comment = reader->options.comment};
    if (!dialect->delimiter) {
        SLC_AUTO_FREE char *text = slc_str_dup(head);
        size_t rows;

        if (!text)
            return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
        dialect->delimiter = ',';
        rows = whole_rows(head, csv, ends_input);
        rows = make_plain(text, rows ? rows : head.len, csv);
        dialect->delimiter = slc_sniff_delimiter((struct slc_str){text, rows}, dialect->quote);
    }
    reader->delimiter = dialect->delimiter;
    reader->quote = dialect->quote;
    *ret_rows = whole_rows(head, csv, ends_input);
    return *ret_rows > 0 || fail_no_first_row(head.len, ends_input, error);
}

/* Whether the first of the whole rows in `head` names the columns. */
static bool have_header(const struct slc_reader *reader, const struct csv *csv, struct slc_str head)
{
    SLC_AUTO_FREE char *text = NULL;
    size_t len;

    if (reader->options.header != SLC_HEADER_AUTO)
        return reader->options.header == SLC_HEADER_YES;
    text = slc_str_dup(head);
    if (!text)
        return true;
    len = make_plain(text, head.len, csv);
    return slc_sniff_styled_header((struct slc_str){text, len}, csv->dialect.delimiter,
                                   csv->dialect.quote, &reader->na, reader->style);
}

static void choose_style(struct slc_reader *reader)
{
    const struct slc_reader_options *options = &reader->options;
    struct slc_number_style *style = &reader->own_style;

    style->decimal = options->decimal ? options->decimal : '.';
    style->thousands = options->thousands;
    if (style->decimal != '.' || style->thousands)
        reader->style = style;
}

static bool csv_open(struct slc_reader *reader, struct slc_str head, bool ends_input,
                     struct slc_error *error)
{
    struct csv *csv = calloc(1, sizeof(*csv));
    SLC_AUTO_FREE char *text = NULL;
    size_t start = skip_bom(head), rows, used = 0;
    const char *nul = memchr(head.data, '\0', head.len);
    char named = '\0';
    bool header;

    reader->state = csv;
    if (!csv)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    if (nul)
        return slc_csv_fail_nul(nul - head.data, error);
    head.data += start;
    head.len -= start;
    rows = skip_to_first_row(head, &reader->options);
    rows += take_separator_line((struct slc_str){head.data + rows, head.len - rows}, &named);
    if (!reader->options.delimiter)
        reader->options.delimiter = named;
    head.data += rows;
    head.len -= rows;
    start += rows;
    if (head.len == 0)
        return slc_fail(error, SLC_ERR_FORMAT, "the file has no rows");
    choose_style(reader);
    if (!choose_dialect(reader, csv, head, ends_input, &rows, error))
        return false;
    text = slc_str_dup((struct slc_str){head.data, rows});
    if (!text)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    header = have_header(reader, csv, (struct slc_str){text, rows});
    if (!take_names(reader, csv, text, rows, header, &used, error))
        return false;
    csv->first_row_bytes = (int64_t)(start + used);
    describe(reader, csv, header);
    return true;
}

static void csv_close(struct slc_reader *reader)
{
    struct csv *csv = reader->state;

    if (csv)
        slc_tail_release(&csv->tail);
    free(csv);
}

static bool csv_rewind(struct slc_reader *reader, struct slc_error *error)
{
    struct csv *csv = reader->state;
    char block[4096];
    int64_t left = csv->first_row_bytes;

    slc_tail_restart(&csv->tail, csv->first_row_bytes);
    while (left > 0) {
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

/* ---- Cutting off whole rows -------------------------------------------- */

static int64_t count_records_before(struct slc_reader *reader, int64_t offset);

/* No row ends in the `n` bytes from the tail's start on. */
static int fail_endless_row(struct slc_reader *reader, const struct csv *csv, int64_t n,
                            struct slc_error *error)
{
    int64_t offset = csv->tail.offset_bytes, records;

    if (n > reader->options.max_row_bytes)
        slc_csv_fail_long_row(reader, offset, error);
    else
        slc_fail(error, SLC_ERR_FORMAT,
                 "the row that starts at byte %lld does not end: a quote is opened and never "
                 "closed; close it or set reader.quote to another character%s",
                 (long long)offset,
                 csv->dialect.escape ? " (or the file ends with the reader.escape character)" : "");
    records = count_records_before(reader, offset);
    slc_error_locate(error, NULL, records >= 0 ? records + 1 : 0, (struct slc_str){0});
    return -1;
}

static int csv_next(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    struct csv *csv = reader->state;
    int64_t end = 0;

    if (!slc_tail_begin(&csv->tail, raw, error))
        return -1;
    while (end == 0) {
        if (!slc_tail_fill(reader, &csv->tail, raw, reader->options.chunk_bytes, error))
            return -1;
        if (raw->n_bytes == 0)
            return 0;
        slc_csv_scan_dialect(raw->bytes, (size_t)raw->n_bytes, &csv->dialect, raw->structural);
        end = (int64_t)last_row_end(raw->bytes, raw->structural, (size_t)raw->n_bytes);
        if (end == 0 && (csv->tail.at_end || raw->n_bytes > reader->options.max_row_bytes))
            return fail_endless_row(reader, csv, raw->n_bytes, error);
    }
    if (!slc_tail_keep(&csv->tail, raw, end, error))
        return -1;
    if (end % 64)
        raw->structural[end / 64] &= (UINT64_C(1) << (end % 64)) - 1;
    return 1;
}

static bool csv_split(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    const struct csv *csv = reader->state;

    return slc_csv_split(reader, &csv->dialect, raw, error);
}

/* Only when something is wrong: the records up to the chunk that starts at
 * `offset`, found by reading them again; -1 when that, too, fails. The round is
 * spoilt by it. */
static int64_t count_records_before(struct slc_reader *reader, int64_t offset)
{
    const struct csv *csv = reader->state;
    struct slc_raw *raw = calloc(1, sizeof(*raw));
    int64_t records = 0;
    bool good = raw && slc_input_rewind(reader->input, NULL) && csv_rewind(reader, NULL);

    while (good && csv->tail.offset_bytes < offset) {
        slc_raw_clear(raw);
        good = csv_next(reader, raw, NULL) == 1 && csv_split(reader, raw, NULL);
        records += raw->n_records;
    }
    slc_raw_free(raw);
    return good ? records : -1;
}

const struct slc_reader_ops slc_csv_ops = {
    .name = "csv",
    .matches = csv_matches,
    .open = csv_open,
    .next = csv_next,
    .split = csv_split,
    .rewind = csv_rewind,
    .close = csv_close,
};
