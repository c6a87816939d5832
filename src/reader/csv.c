/* Delimited text: CSV, TSV and their kin. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "reader/csv_scan.h"
#include "reader/format.h"
#include "reader/raw.h"
#include "reader/sniff.h"

struct csv {
    char delimiter;
    char quote;
    int64_t first_row_bytes; /* where the data rows start in the input */
    struct slc_buf tail;     /* the start of a row that the last chunk left over */
    int64_t offset_bytes;    /* of the tail in the input */
    bool at_end;
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

static size_t skip_blank_rows(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len && (text[i] == '\n' || text[i] == '\r'))
        i++;
    return i;
}

/* The length of the part of `text` that is whole rows; all of it when it ends
 * the file. 0: not even one row. */
static size_t whole_rows(const char *text, size_t len, const struct csv *csv, bool ends_file)
{
    size_t words = SLC_SCAN_WORDS(len);
    SLC_AUTO_FREE uint64_t *structural = calloc(words + 1, sizeof(*structural));
    size_t end = 0;

    if (ends_file || !structural)
        return len;
    slc_csv_scan_exact(text, len, csv->delimiter, csv->quote, structural);
    for (size_t i = 0; i < len; i++)
        if ((structural[i / 64] >> (i % 64) & 1) && (text[i] == '\n' || text[i] == '\r'))
            end = i + 1;
    return end;
}

static bool check_text(struct slc_str head, struct slc_error *error)
{
    if (memchr(head.data, '\0', head.len))
        return slc_fail(error, SLC_ERR_FORMAT,
                        "this is not a text table (a NUL byte at offset %zu); give a CSV or TSV file",
                        (size_t)((const char *)memchr(head.data, '\0', head.len) - head.data));
    return true;
}

static bool take_names(struct slc_reader *reader, struct csv *csv, char *text, size_t len,
                       bool header, size_t *ret_used, struct slc_error *error)
{
    SLC_AUTO_FREE struct slc_str *cells = calloc(SLC_MAX_COLUMNS, sizeof(*cells));
    SLC_AUTO_FREE char *ordinals = malloc(SLC_MAX_COLUMNS * 8);
    int64_t n_cells;
    size_t used;

    if (!cells || !ordinals)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the column names");
    used = slc_split_row(text, len, csv->delimiter, csv->quote, cells, SLC_MAX_COLUMNS, &n_cells);
    if (n_cells > SLC_MAX_COLUMNS)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "the first row has %lld columns; at most %d are allowed",
                        (long long)n_cells, SLC_MAX_COLUMNS);
    for (int64_t i = 0; i < n_cells; i++) {
        if (!header) {
            char *name = ordinals + 8 * i;

            cells[i] = (struct slc_str){.data = name,
                                        .len = (size_t)snprintf(name, 8, "%d", (int)i)};
        } else if (!slc_utf8_is_valid(cells[i])) {
            return slc_fail(error, SLC_ERR_FORMAT,
                            "the name of column %lld is not valid UTF-8; convert the file to UTF-8",
                            (long long)i + 1);
        }
    }
    *ret_used = header ? used : 0;
    if (!slc_schema_init(&reader->schema, cells, n_cells))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for the column names");
    return true;
}

static void describe(struct slc_reader *reader, const struct csv *csv, bool header)
{
    char shown[8] = {csv->delimiter, '\0'};

    if (csv->delimiter == '\t')
        memcpy(shown, "tab", 4);
    snprintf(reader->dialect, sizeof(reader->dialect), "delimiter %s%s%s, %s",
             csv->delimiter == '\t' ? "" : "\"", shown, csv->delimiter == '\t' ? "" : "\"",
             header ? "header" : "no header");
}

static bool csv_open(struct slc_reader *reader, struct slc_str head, struct slc_error *error)
{
    struct csv *csv = calloc(1, sizeof(*csv));
    size_t start = skip_bom(head), rows, used = 0;
    bool ends_file = (int64_t)head.len == reader->size_bytes, header;
    SLC_AUTO_FREE char *text = NULL;

    reader->state = csv;
    if (!csv)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    if (!check_text(head, error))
        return false;
    start += skip_blank_rows(head.data + start, head.len - start);
    head.data += start;
    head.len -= start;
    if (head.len == 0)
        return slc_fail(error, SLC_ERR_FORMAT, "the file has no rows");
    csv->quote = reader->options.quote;
    csv->delimiter = reader->options.delimiter;
    if (!csv->delimiter) {
        csv->delimiter = ',';
        rows = whole_rows(head.data, head.len, csv, ends_file);
        csv->delimiter = slc_sniff_delimiter((struct slc_str){head.data, rows ? rows : head.len},
                                             csv->quote);
    }
    rows = whole_rows(head.data, head.len, csv, ends_file);
    if (rows == 0)
        return slc_fail(error, SLC_ERR_FORMAT,
                        "the first row does not end within %zu bytes; is a quote never closed, or "
                        "is this not a table?",
                        head.len);
    text = slc_str_dup((struct slc_str){head.data, rows});
    if (!text)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to open the file");
    header = reader->options.header == SLC_HEADER_YES ||
             (reader->options.header == SLC_HEADER_AUTO &&
              slc_sniff_header((struct slc_str){text, rows}, csv->delimiter, csv->quote, &reader->na));
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
        slc_buf_release(&csv->tail);
    free(csv);
}

/* What stands before the rows belongs to the file's digest, too. */
static bool pass_head(struct slc_reader *reader, const struct csv *csv, struct slc_error *error)
{
    char block[4096];
    int64_t at = 0;

    while (at < csv->first_row_bytes) {
        int64_t left = csv->first_row_bytes - at;
        ssize_t got = pread(reader->fd, block,
                            left < (int64_t)sizeof(block) ? (size_t)left : sizeof(block), at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return slc_fail_errno(error, got < 0 ? errno : EIO, "cannot read the first row");
        slc_reader_saw_bytes(reader, block, (size_t)got);
        at += got;
    }
    return true;
}

static bool csv_rewind(struct slc_reader *reader, struct slc_error *error)
{
    struct csv *csv = reader->state;

    if (lseek(reader->fd, csv->first_row_bytes, SEEK_SET) < 0)
        return slc_fail_errno(error, errno, "cannot go back to the first row");
    slc_buf_clear(&csv->tail);
    csv->offset_bytes = csv->first_row_bytes;
    csv->at_end = false;
    return pass_head(reader, csv, error);
}

/* ---- Cutting off whole rows -------------------------------------------- */

/* The end of the last row in the scanned bytes; 0 when no row ends there. */
static int64_t last_row_end(const struct slc_raw *raw, int64_t n)
{
    for (int64_t word = (int64_t)SLC_SCAN_WORDS((size_t)n) - 1; word >= 0; word--) {
        uint64_t bits = raw->structural[word];

        while (bits) {
            int top = 63 - __builtin_clzll(bits);
            int64_t at = word * 64 + top;

            if (raw->bytes[at] == '\n' || raw->bytes[at] == '\r')
                return at + 1;
            bits &= ~(UINT64_C(1) << top);
        }
    }
    return 0;
}

/* Read until `n` bytes are there or the file ends. */
static bool fill(struct slc_reader *reader, struct csv *csv, struct slc_raw *raw, int64_t *n,
                 int64_t target, struct slc_error *error)
{
    while (*n < target) {
        ssize_t got = read(reader->fd, raw->bytes + *n, (size_t)(target - *n));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slc_fail_errno(error, errno, "cannot read");
        if (got == 0) {
            csv->at_end = true;
            break;
        }
        slc_reader_saw_bytes(reader, raw->bytes + *n, (size_t)got);
        *n += got;
    }
    return true;
}

static int64_t count_rows_before(struct slc_reader *reader, const struct csv *csv, int64_t offset);

static bool fail_unclosed(struct slc_reader *reader, const struct csv *csv, int64_t offset,
                          int64_t n, struct slc_error *error)
{
    int64_t row = count_rows_before(reader, csv, offset);

    slc_fail(error, SLC_ERR_FORMAT,
             "the row that starts at byte %lld does not end within %lld bytes: a quote is opened "
             "and never closed; close it or set reader.quote to another character",
             (long long)offset, (long long)n);
    slc_error_locate(error, NULL, row >= 0 ? row + 1 : 0, (struct slc_str){0});
    return false;
}

static int csv_next(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    struct csv *csv = reader->state;
    int64_t n = (int64_t)csv->tail.len, target = reader->options.chunk_bytes, end;
    bool inside;

    if (csv->at_end)
        return 0;
    raw->offset_bytes = csv->offset_bytes;
    for (bool first = true;; first = false) {
        if (target < n)
            target = 2 * n;
        if (!slc_raw_reserve(raw, target + 1, error))
            return -1;
        if (first && n > 0)
            memcpy(raw->bytes, csv->tail.data, (size_t)n);
        if (!fill(reader, csv, raw, &n, target, error))
            return -1;
        if (n == 0)
            return 0;
        if (csv->at_end && raw->bytes[n - 1] != '\n' && raw->bytes[n - 1] != '\r')
            raw->bytes[n++] = '\n'; /* the last row need not end in one */
        memset(raw->bytes + n, 0, SLC_SCAN_SLACK_BYTES);
        inside = slc_csv_scan(raw->bytes, (size_t)n, csv->delimiter, csv->quote, raw->structural);
        end = last_row_end(raw, n);
        if (csv->at_end && inside) {
            fail_unclosed(reader, csv, csv->offset_bytes + end, n - end, error);
            return -1;
        }
        if (end > 0)
            break;
        if (n >= reader->options.max_row_bytes) {
            fail_unclosed(reader, csv, csv->offset_bytes, n, error);
            return -1;
        }
        target = 2 * n;
    }
    slc_buf_clear(&csv->tail);
    slc_buf_append(&csv->tail, raw->bytes + end, (size_t)(n - end));
    if (csv->tail.failed) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for a row of %lld bytes", (long long)(n - end));
        return -1;
    }
    raw->n_bytes = end;
    if (end % 64)
        raw->structural[end / 64] &= (UINT64_C(1) << (end % 64)) - 1;
    csv->offset_bytes += end;
    reader->position_bytes = csv->offset_bytes;
    return 1;
}

/* ---- Cutting rows into cells ------------------------------------------- */

struct split {
    struct slc_raw *raw;
    int64_t rejects_capacity;
    bool all_utf8;
    bool failed;             /* memory ran out */
};

static void reject(struct split *s, int64_t start, int64_t end, const char *reason)
{
    enum { CLIP_BYTES = 1 << 20 };
    struct slc_raw *raw = s->raw;
    struct slc_str text = {.data = raw->bytes + start, .len = (size_t)(end - start)};

    if (raw->n_rejects == s->rejects_capacity) {
        int64_t capacity = s->rejects_capacity ? 2 * s->rejects_capacity : 16;
        struct slc_reject *more =
            slc_arena_alloc(&raw->arena, (size_t)capacity * sizeof(*more));

        if (!more) {
            s->failed = true;
            return;
        }
        if (raw->n_rejects)
            memcpy(more, raw->rejects, (size_t)raw->n_rejects * sizeof(*more));
        raw->rejects = more;
        s->rejects_capacity = capacity;
    }
    raw->rejects[raw->n_rejects++] = (struct slc_reject){
        .row = raw->n_records,
        .offset_bytes = raw->offset_bytes + start,
        .reason = reason,
        .text = slc_utf8_clip(text, CLIP_BYTES),
    };
}

static const char *width_reason(struct split *s, int64_t n_fields)
{
    char text[96];
    int len = snprintf(text, sizeof(text), "expected %lld fields, found %lld",
                       (long long)s->raw->n_columns, (long long)n_fields);
    struct slc_str copy =
        slc_arena_copy(&s->raw->arena, (struct slc_str){.data = text, .len = (size_t)len});

    return copy.data ? copy.data : "wrong number of fields";
}

static void unquote_cells(const struct split *s, struct slc_cell *cells, char quote)
{
    char *bytes = s->raw->bytes;

    for (int64_t i = 0; i < s->raw->n_columns; i++) {
        struct slc_str plain = slc_unquote(bytes + cells[i].start, cells[i].len, quote);

        cells[i].start = (uint32_t)(plain.data - bytes);
        cells[i].len = (uint32_t)plain.len;
    }
}

/* A row of `n_fields` fields whose cells were written from `cells` on is
 * complete; true when it is taken. */
static bool end_row(struct split *s, struct slc_cell *cells, int64_t n_fields, int64_t start,
                    int64_t end, bool has_quotes, char quote)
{
    bool blank = n_fields == 1 && end == start;

    if (blank)
        return false;
    s->raw->n_records++;
    if (n_fields != s->raw->n_columns) {
        reject(s, start, end, width_reason(s, n_fields));
        return false;
    }
    if (!s->all_utf8 &&
        !slc_utf8_is_valid((struct slc_str){s->raw->bytes + start, (size_t)(end - start)})) {
        reject(s, start, end, "not valid UTF-8");
        return false;
    }
    if (has_quotes)
        unquote_cells(s, cells, quote);
    return true;
}

/* Note which record each taken row is, once one was rejected before it. */
static bool number_records(struct slc_raw *raw)
{
    int64_t reject_index = 0, row = 0;

    if (raw->n_rows == raw->n_records)
        return true;
    raw->record_of_row =
        slc_arena_alloc(&raw->arena, ((size_t)raw->n_rows + 1) * sizeof(*raw->record_of_row));
    if (!raw->record_of_row)
        return false;
    for (int64_t record = 0; record < raw->n_records; record++) {
        if (reject_index < raw->n_rejects && raw->rejects[reject_index].row == record + 1)
            reject_index++;
        else
            raw->record_of_row[row++] = (int32_t)record;
    }
    return true;
}

static void split_rows(struct split *s, char delimiter, char quote)
{
    struct slc_raw *raw = s->raw;
    const char *bytes = raw->bytes;
    struct slc_cell *row = raw->cells;
    int64_t n_columns = raw->n_columns, column = 0;
    uint32_t start = 0, row_start = 0;
    bool has_quotes = false;
    size_t n_words = SLC_SCAN_WORDS((size_t)raw->n_bytes);

    for (size_t word = 0; word < n_words; word++) {
        uint64_t bits = raw->structural[word];

        for (; bits; bits &= bits - 1) {
            uint32_t at = (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);

            if (column < n_columns)
                row[column] = (struct slc_cell){.start = start, .len = at - start};
            has_quotes |= bytes[start] == quote;
            column++;
            if (bytes[at] != delimiter) {
                if (end_row(s, row, column, row_start, at, has_quotes, quote))
                    row += n_columns;
                column = 0;
                has_quotes = false;
                row_start = at + 1;
            }
            start = at + 1;
        }
    }
    raw->n_rows = (row - raw->cells) / n_columns;
}

static int64_t count_bits(const struct slc_raw *raw)
{
    int64_t n = 0;

    for (size_t i = 0; i < SLC_SCAN_WORDS((size_t)raw->n_bytes); i++)
        n += __builtin_popcountll(raw->structural[i]);
    return n;
}

static bool csv_split(struct slc_reader *reader, struct slc_raw *raw, struct slc_error *error)
{
    const struct csv *csv = reader->state;
    struct split s = {.raw = raw};

    raw->n_columns = reader->schema.n_fields;
    if (!slc_raw_reserve_cells(raw, count_bits(raw) + raw->n_columns, error))
        return false;
    s.all_utf8 = slc_utf8_valid_prefix(raw->bytes, (size_t)raw->n_bytes) == (size_t)raw->n_bytes;
    split_rows(&s, csv->delimiter, csv->quote);
    if (s.failed || !number_records(raw))
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a chunk's rejected rows");
    return true;
}

/* Only when something is wrong: which row an offset is in. */
static int64_t count_rows_before(struct slc_reader *reader, const struct csv *csv, int64_t offset)
{
    enum { STATE_START, STATE_FIELD, STATE_QUOTED, STATE_CLOSED } state = STATE_START;
    SLC_AUTO_FREE char *block = malloc(65536);
    int64_t rows = 0, at = csv->first_row_bytes;
    bool blank = true;

    while (block && at < offset) {
        ssize_t got = pread(reader->fd, block, 65536, at);

        if (got <= 0)
            return -1;
        for (ssize_t i = 0; i < got && at + i < offset; i++) {
            char c = block[i];
            bool is_quote = c == csv->quote && csv->quote;
            bool is_end = c == '\n' || c == '\r';

            if (state == STATE_QUOTED) {
                state = is_quote ? STATE_CLOSED : STATE_QUOTED;
            } else if (is_quote && state != STATE_FIELD) {
                state = STATE_QUOTED;
                blank = false;
            } else if (is_end) {
                rows += !blank;
                blank = true;
                state = STATE_START;
            } else {
                state = c == csv->delimiter ? STATE_START : STATE_FIELD;
                blank = false;
            }
        }
        at += got;
    }
    return rows;
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
