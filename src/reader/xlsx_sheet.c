#include "reader/xlsx_sheet.h"

#include <stdio.h>

#include "base/num.h"
#include "frame/schema.h"
#include "reader/xlsx_value.h"

_Static_assert((int)SLC_XLSX_MAX_COLUMNS <= (int)SLC_MAX_COLUMNS, "a sheet's columns fit");

/* ---- One row ----------------------------------------------------------- */

/* A row on its way from XML to cells. A function returns where it goes on, or
 * NULL with `at` where it stopped: at the window's end for want of more. */
struct row {
    const struct slc_xlsx_scan *scan;
    const char *end;
    const char *at;
    char *text;             /* cells' starts count from here */
    char *to;               /* where the next text goes */
    struct slc_cell *cells; /* this row's */
    int64_t n_cells;
    int64_t n_filled; /* up to the last with something in it */
    int64_t column;   /* the next cell's, unless it says so */
    int64_t shared_bytes;
    struct slc_error *error;
    bool failed; /* `error` says what is wrong */
};

/* A cell's start tag. */
struct cell {
    int64_t column;
    uint32_t style;
    enum slc_xlsx_type type;
    bool is_empty;
};

static const char *stop(struct row *r, const char *at)
{
    r->at = at;
    return NULL;
}

static bool fail_cell(struct row *r, const char *what, struct slc_str shown)
{
    char text[64];
    size_t n = shown.len < 40 ? shown.len : 40;

    memcpy(text, shown.data, n);
    text[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || (unsigned char)text[i] > 0x7e)
            text[i] = '?';
    r->failed = true;
    return slc_fail(r->error, SLC_ERR_FORMAT,
                    "\"%s\" is damaged near row %lld (%s \"%s\"): open the workbook in a "
                    "spreadsheet program and save it again",
                    slc_zip_part_name(r->scan->window.part), (long long)r->scan->number + 1, what,
                    text);
}

/* Behind the name when `p` (behind "<" or "</") has the sheet's element `local`. */
static inline const char *behind_name(const struct slc_xlsx_scan *scan, const char *p,
                                      const char *local, size_t len)
{
    if (scan->prefix_bytes) {
        if (strncmp(p, scan->root, scan->prefix_bytes) != 0)
            return NULL;
        p += scan->prefix_bytes;
    }
    if (strncmp(p, local, len) != 0)
        return NULL;
    p += len;
    return *p == '>' || *p == '/' || slc_xml_is_space(*p) ? p : NULL;
}

#define BEHIND_NAME(scan, p, local) behind_name((scan), (p), (local), sizeof(local) - 1)

/* Behind the end tag at `p` when it is that of the sheet's element `local`. */
static inline const char *behind_end(const struct slc_xlsx_scan *scan, const char *p,
                                     const char *local, size_t len)
{
    if (p[0] != '<' || p[1] != '/')
        return NULL;
    p = behind_name(scan, p + 2, local, len);
    while (p && slc_xml_is_space(*p))
        p++;
    return p && *p == '>' ? p + 1 : NULL;
}

#define BEHIND_END(scan, p, local) behind_end((scan), (p), (local), sizeof(local) - 1)

/* "AB12" to the column; the row's number is the row's own affair. -1: none. */
static int64_t column_of(struct slc_str reference)
{
    int64_t column = 0;
    size_t i = 0;

    for (; i < reference.len && i < 4; i++) {
        int letter = slc_ascii_lower(reference.data[i]) - 'a';

        if (letter < 0 || letter > 25)
            break;
        column = column * 26 + letter + 1;
    }
    if (i == 0 || column > SLC_XLSX_MAX_COLUMNS)
        return -1;
    for (; i < reference.len; i++)
        if (reference.data[i] < '0' || reference.data[i] > '9')
            return -1;
    return column - 1;
}

static enum slc_xlsx_type type_of(struct slc_str name)
{
    static const struct {
        const char *name;
        enum slc_xlsx_type type;
    } known[] = {{"s", SLC_XLSX_CELL_SHARED},   {"n", SLC_XLSX_CELL_NUMBER},
                 {"str", SLC_XLSX_CELL_STRING}, {"inlineStr", SLC_XLSX_CELL_INLINE},
                 {"b", SLC_XLSX_CELL_BOOLEAN},  {"e", SLC_XLSX_CELL_ERROR},
                 {"d", SLC_XLSX_CELL_ISO_DATE}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slc_str_is(name, known[i].name))
            return known[i].type;
    return SLC_XLSX_CELL_STRING;
}

static bool take_attribute(struct row *r, struct cell *cell, struct slc_str name,
                           struct slc_str value)
{
    uint64_t style;

    if (name.len != 1 || (value.len == 0 && name.data[0] != 'r'))
        return true; /* s="" is what some programs write for no style */
    switch (name.data[0]) {
    case 'r':
        cell->column = column_of(value);
        return cell->column >= 0 || fail_cell(r, "there is no cell", value);
    case 's':
        if (!slc_parse_uint64(value.data, value.len, &style) || style > UINT32_MAX)
            return fail_cell(r, "there is no style", value);
        cell->style = (uint32_t)style;
        return true;
    case 't':
        cell->type = type_of(value);
        return true;
    default:
        return true;
    }
}

/* The usual start of a cell, <c r="AB12" s="3" t="s">, in the order that
 * programs write it; what is not of that form is left to take_tag(). */
static inline const char *take_usual_tag(const char *p, struct cell *cell)
{
    if (p[1] == 'r' && p[2] == '=' && p[3] == '"') {
        const char *at = p + 4;
        int64_t column = 0;

        while ((unsigned char)(*at - 'A') < 26 && at < p + 7)
            column = column * 26 + (*at++ - 'A') + 1;
        if (at == p + 4)
            return p;
        while ((unsigned char)(*at - '0') < 10)
            at++;
        if (*at != '"' || column > SLC_XLSX_MAX_COLUMNS)
            return p;
        cell->column = column - 1;
        p = at + 1;
    }
    if (p[0] == ' ' && p[1] == 's' && p[2] == '=' && p[3] == '"') {
        const char *at = p + 4;
        uint32_t style = 0;

        while ((unsigned char)(*at - '0') < 10 && at < p + 11)
            style = style * 10 + (uint32_t)(*at++ - '0');
        if (*at != '"' || at == p + 4)
            return p;
        cell->style = style;
        p = at + 1;
    }
    if (p[0] == ' ' && p[1] == 't' && p[2] == '=' && p[3] == '"' && p[4] == 's' && p[5] == '"') {
        cell->type = SLC_XLSX_CELL_SHARED;
        p += 6;
    }
    return p;
}

/* Attributes up to the tag's end; `p` is behind "<c". */
static inline const char *take_tag(struct row *r, const char *p, struct cell *cell)
{
    struct slc_str name, value;

    if (*p == ' ')
        p = take_usual_tag(p, cell);
    for (;;) {
        if (*p == '>')
            return p + 1;
        switch (slc_xml_next_attribute(&p, &name, &value)) {
        case SLC_XML_ATTRIBUTE:
            if (!take_attribute(r, cell, name, value))
                return NULL;
            break;
        case SLC_XML_TAG_END:
            return p;
        case SLC_XML_EMPTY_TAG_END:
            cell->is_empty = true;
            return p;
        case SLC_XML_ATTRIBUTE_STOP:
            return stop(r, p);
        }
    }
}

/* Where text cannot just be copied: "<" ends it, "&" and CR are to be resolved,
 * "_" may start an escape, and control characters are none of XML. */
static const bool is_special[256] = {
    [0] = 1,  [1] = 1,  [2] = 1,  [3] = 1,   [4] = 1,   [5] = 1,   [6] = 1,  [7] = 1,  [8] = 1,
    [11] = 1, [12] = 1, [13] = 1, [14] = 1,  [15] = 1,  [16] = 1,  [17] = 1, [18] = 1, [19] = 1,
    [20] = 1, [21] = 1, [22] = 1, [23] = 1,  [24] = 1,  [25] = 1,  [26] = 1, [27] = 1, [28] = 1,
    [29] = 1, [30] = 1, [31] = 1, ['<'] = 1, ['&'] = 1, ['_'] = 1,
};

/* Copy, 16 bytes at a time: there is slack behind both. */
static inline char *copy(char *to, const char *from, size_t len)
{
    for (size_t i = 0; i < len; i += 16)
        memcpy(to + i, from + i, 16);
    return to + len;
}

/* Write the inside of an element of text at r->to and move that; `p` is behind
 * its start tag, named `local` with the sheet's prefix. */
static inline const char *take_text(struct row *r, const char *p, const char *local,
                                    size_t local_len)
{
    const char *start = p, *behind;
    struct slc_str element;
    char *to;

    for (;;) {
        while (!is_special[(unsigned char)*p])
            p++;
        if (*p != '_' || p[1] == 'x')
            break;
        p++;
    }
    behind = behind_end(r->scan, p, local, local_len);
    if (behind) {
        r->to = copy(r->to, start, (size_t)(p - start));
        return behind;
    }
    /* References, escapes, CDATA, comments, or no end in sight. */
    {
        char name[sizeof(r->scan->root) + 16];

        memcpy(name, r->scan->root, r->scan->prefix_bytes);
        memcpy(name + r->scan->prefix_bytes, local, local_len);
        element = (struct slc_str){name, r->scan->prefix_bytes + local_len};
        to = slc_string_text(&start, r->end, element, r->to);
    }
    if (!to)
        return stop(r, start);
    r->to = to;
    return start;
}

/* <is>, `p` behind its name. */
static const char *take_inline(struct row *r, const char *p)
{
    const struct slc_xlsx_scan *scan = r->scan;
    char name[sizeof(scan->root) + 2];
    const char *t;
    char *to;

    if (p[0] == '/' && p[1] == '>')
        return p + 2;
    if (p[0] == '>' && p[1] == '<') {
        /* One <t> and nothing else, as programs write it. */
        char *before = r->to;

        t = BEHIND_NAME(scan, p + 2, "t");
        if (t && memcmp(t, " xml:space=\"preserve\"", 21) == 0)
            t += 21;
        if (t && *t == '>') {
            t = take_text(r, t + 1, "t", 1);
            if (!t)
                return NULL;
            t = BEHIND_END(scan, t, "is");
            if (t)
                return t;
            r->to = before;
        }
    }
    /* Start over: the tag's attributes, then runs and all. */
    for (;;) {
        struct slc_str attribute, value;
        enum slc_xml_attribute got = slc_xml_next_attribute(&p, &attribute, &value);

        if (got == SLC_XML_ATTRIBUTE_STOP)
            return stop(r, p);
        if (got == SLC_XML_EMPTY_TAG_END)
            return p;
        if (got == SLC_XML_TAG_END)
            break;
    }
    memcpy(name, scan->root, scan->prefix_bytes);
    memcpy(name + scan->prefix_bytes, "is", 2);
    to = slc_string_item(&p, r->end, (struct slc_str){name, scan->prefix_bytes + 2}, r->to);
    if (!to)
        return stop(r, p);
    r->to = to;
    return p;
}

/* ---- Values ------------------------------------------------------------ */

/* Put it into its place; later cells of the same column win. */
static void put(struct row *r, int64_t column, struct slc_cell value, bool fills)
{
    while (r->n_cells <= column)
        r->cells[r->n_cells++] = (struct slc_cell){0};
    r->cells[column] = value;
    if (fills && column >= r->n_filled)
        r->n_filled = column + 1;
}

static bool put_shared(struct row *r, char *end, int64_t column)
{
    const struct slc_strings *strings = &r->scan->book->strings;
    struct slc_str s = slc_str_trim((struct slc_str){r->to, (size_t)(end - r->to)}), text;
    uint64_t index;

    if (s.len == 0)
        return true;
    if (!slc_parse_uint64(s.data, s.len, &index) || index >= (uint64_t)strings->n)
        return fail_cell(r, "there is no shared string", s);
    text = slc_strings_get(strings, (uint32_t)index);
    if (text.len == 0)
        return true;
    r->shared_bytes += (int64_t)text.len;
    put(r, column, (struct slc_cell){.start = (uint32_t)index, .len = SLC_XLSX_SHARED}, true);
    return true;
}

/* The value's text was written from r->to up to `end`. */
static bool put_value(struct row *r, char *end, const struct cell *cell)
{
    struct slc_cell value;

    if (cell->type == SLC_XLSX_CELL_SHARED)
        return put_shared(r, end, cell->column);
    end = slc_xlsx_settle(r->scan->book, r->to, end, cell->type, cell->style);
    if (!end) { /* missing, but something is there */
        put(r, cell->column, (struct slc_cell){0}, true);
        return true;
    }
    value = (struct slc_cell){(uint32_t)(r->to - r->text), (uint32_t)(end - r->to)};
    if (value.len == 0)
        return true;
    put(r, cell->column, value, true);
    r->to = end;
    return true;
}

/* Something in a cell or row that has no bearing on its value. */
static const char *skip_other(struct row *r, const char *p)
{
    struct slc_xml_token token;

    token = slc_xml_next(&p, r->end);
    if (token.kind == SLC_XML_STOP || token.kind == SLC_XML_DTD || token.kind == SLC_XML_CLOSE)
        return stop(r, p);
    if (token.kind == SLC_XML_OPEN && !token.is_empty && !slc_xml_skip(&p, r->end))
        return stop(r, p);
    if (token.kind == SLC_XML_CDATA || (token.kind == SLC_XML_TEXT && slc_str_trim(token.text).len))
        return stop(r, token.text.data);
    return p;
}

/* <v> at `p`, whose name ends at `inside`. */
static inline const char *take_v(struct row *r, const char *p, const char *inside)
{
    struct slc_xml_token token;

    if (*inside == '>')
        return take_text(r, inside + 1, "v", 1);
    token = slc_xml_next(&p, r->end);
    if (token.kind != SLC_XML_OPEN)
        return stop(r, p);
    return token.is_empty ? p : take_text(r, p, "v", 1);
}

/* A cell, `p` behind "<c". */
static inline const char *take_cell(struct row *r, const char *p)
{
    const struct slc_xlsx_scan *scan = r->scan;
    struct cell cell = {.column = r->column};
    char *start = r->to, *end = NULL;
    const char *inside;

    p = take_tag(r, p, &cell);
    if (!p)
        return NULL;
    if (cell.column >= SLC_XLSX_MAX_COLUMNS) {
        fail_cell(r, "the row is too wide", SLC_STR("XFD"));
        return NULL;
    }
    r->column = cell.column + 1;
    if (cell.is_empty)
        return p;
    for (;;) {
        if ((inside = BEHIND_END(scan, p, "c")) != NULL) {
            p = inside;
            break;
        }
        if (p[0] == '<' && !end && (inside = BEHIND_NAME(scan, p + 1, "v")) != NULL) {
            p = take_v(r, p, inside);
            end = r->to;
        } else if (p[0] == '<' && !end && (inside = BEHIND_NAME(scan, p + 1, "is")) != NULL) {
            p = take_inline(r, inside);
            end = r->to;
        } else {
            p = skip_other(r, p);
        }
        if (!p)
            return NULL;
    }
    r->to = start;
    if (end && !put_value(r, end, &cell))
        return NULL;
    return p;
}

/* The row's cells and its end tag; `p` is behind its start tag. */
static const char *take_cells(struct row *r, const char *p)
{
    const struct slc_xlsx_scan *scan = r->scan;

    for (;;) {
        const char *inside = BEHIND_END(scan, p, "row");

        if (inside)
            return inside;
        inside = p[0] == '<' ? BEHIND_NAME(scan, p + 1, "c") : NULL;
        p = inside ? take_cell(r, inside) : skip_other(r, p);
        if (!p)
            return NULL;
    }
}

/* ---- The sheet --------------------------------------------------------- */

bool slc_xlsx_scan_open(struct slc_xlsx_scan *scan, const struct slc_workbook *book, int64_t index,
                        int64_t max_row_bytes, struct slc_error *error)
{
    const int64_t max_bytes = INT64_C(16) << 30;
    struct slc_zip_part *part;
    const char *colon;

    *scan = (struct slc_xlsx_scan){.book = book, .max_row_bytes = max_row_bytes};
    if (!slc_zip_part_open(book->zip, index, max_bytes, &part, error) ||
        !slc_xml_window_open(&scan->window, part, 4 * (size_t)max_row_bytes + (4 << 20), error) ||
        !slc_xml_take_root(&scan->window, "worksheet", scan->root, sizeof(scan->root), error))
        return false;
    colon = strchr(scan->root, ':');
    scan->prefix_bytes = colon ? (size_t)(colon - scan->root) + 1 : 0;
    return true;
}

void slc_xlsx_scan_close(struct slc_xlsx_scan *scan)
{
    slc_xml_window_close(&scan->window);
}

/* More of the sheet after a stop at `at`; false when there is none or that was
 * not what it stopped for. */
static bool refill(struct slc_xlsx_scan *scan, const char *at, struct slc_error *error)
{
    char where[40];

    if (at == scan->window.end && !scan->window.at_end)
        return slc_xml_window_fill(&scan->window, error) >= 0;
    snprintf(where, sizeof(where), "near row %lld", (long long)scan->number + 1);
    return slc_xml_fail(&scan->window, at, where, error);
}

/* Token by token up to <sheetData>, or to the sheet's end without one. */
static bool find_rows(struct slc_xlsx_scan *scan, struct slc_error *error)
{
    struct slc_str root = slc_str_from(scan->root);
    struct slc_xml_window *w = &scan->window;
    int64_t depth = 0;

    while (scan->place == SLC_XLSX_BEFORE_ROWS) {
        const char *at = w->at;
        struct slc_xml_token token = slc_xml_next(&at, w->end);

        if (token.kind == SLC_XML_STOP || token.kind == SLC_XML_DTD) {
            if (w->at == w->end && w->at_end && depth == 0)
                scan->place = SLC_XLSX_BEHIND_ROWS; /* <worksheet/> */
            else if (!refill(scan, at, error))
                return false;
            continue;
        }
        w->at += at - w->at;
        if (token.kind == SLC_XML_CLOSE) {
            if (depth-- == 0)
                scan->place = SLC_XLSX_BEHIND_ROWS;
        } else if (token.kind == SLC_XML_OPEN) {
            if (depth == 0 && slc_str_is(slc_xml_local(token.name, root), "sheetData"))
                scan->place = token.is_empty ? SLC_XLSX_BEHIND_ROWS : SLC_XLSX_IN_ROWS;
            else if (!token.is_empty)
                depth++;
        }
    }
    return true;
}

/* The row's number; -1 when it is none or not behind the one before. */
static int64_t row_number(const struct slc_xlsx_scan *scan, struct row *r, struct slc_str text)
{
    int64_t number = scan->number + 1;

    if (text.data && !slc_parse_int64(text.data, text.len, &number)) {
        fail_cell(r, "there is no row", text);
        return -1;
    }
    if (number <= scan->number || number > SLC_XLSX_MAX_ROWS) {
        r->failed = true;
        slc_fail(r->error, number > SLC_XLSX_MAX_ROWS ? SLC_ERR_LIMIT : SLC_ERR_FORMAT,
                 number > SLC_XLSX_MAX_ROWS
                     ? "the sheet has a row %lld; a sheet has at most %lld"
                     : "the sheet's row %lld comes after its row %lld: open the workbook in a "
                       "spreadsheet program and save it again",
                 (long long)number,
                 (long long)(number > SLC_XLSX_MAX_ROWS ? SLC_XLSX_MAX_ROWS : scan->number));
        return -1;
    }
    return number;
}

/* Take the row whose start tag's name ends at `p`: where it ends, and what
 * number it has. */
static const char *take_row(struct row *r, const char *p, int64_t *ret_number)
{
    struct slc_str name, value, number = {0};

    for (;;) {
        enum slc_xml_attribute got = slc_xml_next_attribute(&p, &name, &value);

        if (got == SLC_XML_ATTRIBUTE_STOP)
            return stop(r, p);
        if (got == SLC_XML_ATTRIBUTE) {
            if (slc_str_is(name, "r"))
                number = value;
            continue;
        }
        *ret_number = row_number(r->scan, r, number);
        if (*ret_number < 0)
            return NULL;
        return got == SLC_XML_EMPTY_TAG_END ? p : take_cells(r, p);
    }
}

static bool append(struct slc_xlsx_rows *rows, const struct row *r, int64_t number,
                   int64_t max_row_bytes, struct slc_error *error)
{
    int64_t text_bytes = r->to - (rows->text + rows->text_bytes);

    if (text_bytes + r->shared_bytes > max_row_bytes)
        return slc_fail(error, SLC_ERR_LIMIT,
                        "row %lld of the sheet is longer than the %lld bytes that are allowed",
                        (long long)number, (long long)max_row_bytes);
    rows->rows[rows->n_rows++] = (struct slc_xlsx_row){
        .number = (uint32_t)number,
        .n_cells = (uint32_t)r->n_filled,
        .first_cell = (uint32_t)rows->n_cells,
        .text_start = (uint32_t)rows->text_bytes,
        .text_bytes = (uint32_t)text_bytes,
        .full_bytes = (uint32_t)(text_bytes + r->shared_bytes),
    };
    rows->n_cells += r->n_filled;
    rows->text_bytes += (size_t)text_bytes;
    return true;
}

/* What stands at the window's start, inside <sheetData>: 1 a row that has
 * something in it, 0 something else, -1 error. */
static int take_next(struct slc_xlsx_scan *scan, struct slc_xlsx_rows *rows,
                     struct slc_error *error)
{
    struct slc_xml_window *w = &scan->window;
    const char *p = w->at, *inside = NULL;
    struct row r = {.scan = scan, .end = w->end, .error = error};
    int64_t number = 0;

    if (!slc_xlsx_rows_reserve(rows, (size_t)(w->end - w->at), error))
        return -1;
    r.text = rows->text;
    r.to = rows->text + rows->text_bytes;
    r.cells = rows->cells + rows->n_cells;
    if (p[0] == '<')
        inside = BEHIND_NAME(scan, p + 1, "row");
    if (BEHIND_END(scan, p, "sheetData")) {
        scan->place = SLC_XLSX_BEHIND_ROWS;
        return 0;
    }
    p = inside ? take_row(&r, inside, &number) : skip_other(&r, p);
    if (!p) {
        if (r.failed)
            return -1;
        return refill(scan, r.at, error) ? 0 : -1;
    }
    w->at += p - w->at;
    if (!inside)
        return 0;
    scan->number = number;
    if (r.n_filled == 0)
        return 0;
    return append(rows, &r, number, scan->max_row_bytes, error) ? 1 : -1;
}

int slc_xlsx_scan_next(struct slc_xlsx_scan *scan, struct slc_xlsx_rows *rows,
                       struct slc_error *error)
{
    int got = 0;

    if (scan->place == SLC_XLSX_BEFORE_ROWS && !find_rows(scan, error))
        return -1;
    while (scan->place == SLC_XLSX_IN_ROWS && got == 0)
        got = take_next(scan, rows, error);
    if (got == 0 && !slc_xml_window_drain(&scan->window, error))
        return -1;
    return got;
}
