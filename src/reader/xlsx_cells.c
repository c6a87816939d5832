#include "reader/xlsx_cells.h"

#include "base/num.h"
#include "frame/schema.h"
#include "reader/xlsx_value.h"

_Static_assert((int)SLC_XLSX_MAX_COLUMNS <= (int)SLC_MAX_COLUMNS, "a sheet's columns fit");

/* A cell's start tag. */
struct cell {
    int64_t column;
    uint32_t style;
    enum slc_xlsx_type type;
    bool is_empty;
};

bool slc_xlsx_fail_cell(struct slc_xlsx_cells *r, const char *what, struct slc_str shown)
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

static bool take_attribute(struct slc_xlsx_cells *r, struct cell *cell, struct slc_str name,
                           struct slc_str value)
{
    uint64_t style;

    if (name.len != 1 || (value.len == 0 && name.data[0] != 'r'))
        return true; /* s="" is what some programs write for no style */
    switch (name.data[0]) {
    case 'r':
        cell->column = column_of(value);
        return cell->column >= 0 || slc_xlsx_fail_cell(r, "there is no cell", value);
    case 's':
        if (!slc_parse_uint64(value.data, value.len, &style) || style > UINT32_MAX)
            return slc_xlsx_fail_cell(r, "there is no style", value);
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
static inline const char *take_tag(struct slc_xlsx_cells *r, const char *p, struct cell *cell)
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
            return slc_xlsx_stop(r, p);
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
static inline const char *take_text(struct slc_xlsx_cells *r, const char *p, const char *local,
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
    behind = slc_xlsx_behind_end(r->scan, p, local, local_len);
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
        return slc_xlsx_stop(r, start);
    r->to = to;
    return start;
}

/* <is>, `p` behind its name. */
static const char *take_inline(struct slc_xlsx_cells *r, const char *p)
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

        t = SLC_XLSX_BEHIND_NAME(scan, p + 2, "t");
        if (t && memcmp(t, " xml:space=\"preserve\"", 21) == 0)
            t += 21;
        if (t && *t == '>') {
            t = take_text(r, t + 1, "t", 1);
            if (!t)
                return NULL;
            t = SLC_XLSX_BEHIND_END(scan, t, "is");
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
            return slc_xlsx_stop(r, p);
        if (got == SLC_XML_EMPTY_TAG_END)
            return p;
        if (got == SLC_XML_TAG_END)
            break;
    }
    memcpy(name, scan->root, scan->prefix_bytes);
    memcpy(name + scan->prefix_bytes, "is", 2);
    to = slc_string_item(&p, r->end, (struct slc_str){name, scan->prefix_bytes + 2}, r->to);
    if (!to)
        return slc_xlsx_stop(r, p);
    r->to = to;
    return p;
}

/* ---- Values ------------------------------------------------------------ */

/* Put it into its place; later cells of the same column win. */
static void put(struct slc_xlsx_cells *r, int64_t column, struct slc_cell value, bool fills)
{
    while (r->n_cells <= column)
        r->cells[r->n_cells++] = (struct slc_cell){0};
    r->cells[column] = value;
    if (fills && column >= r->n_filled)
        r->n_filled = column + 1;
}

static bool put_shared(struct slc_xlsx_cells *r, char *end, int64_t column)
{
    const struct slc_strings *strings = &r->scan->book->strings;
    struct slc_str s = slc_str_trim((struct slc_str){r->to, (size_t)(end - r->to)}), text;
    uint64_t index;

    if (s.len == 0)
        return true;
    if (!slc_parse_uint64(s.data, s.len, &index) || index >= (uint64_t)strings->n)
        return slc_xlsx_fail_cell(r, "there is no shared string", s);
    text = slc_strings_get(strings, (uint32_t)index);
    if (text.len == 0)
        return true;
    r->shared_bytes += (int64_t)text.len;
    put(r, column, (struct slc_cell){.start = (uint32_t)index, .len = SLC_XLSX_SHARED}, true);
    return true;
}

/* The value's text was written from r->to up to `end`. */
static bool put_value(struct slc_xlsx_cells *r, char *end, const struct cell *cell)
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

const char *slc_xlsx_skip_other(struct slc_xlsx_cells *r, const char *p)
{
    struct slc_xml_token token;

    token = slc_xml_next(&p, r->end);
    if (token.kind == SLC_XML_STOP || token.kind == SLC_XML_DTD || token.kind == SLC_XML_CLOSE)
        return slc_xlsx_stop(r, p);
    if (token.kind == SLC_XML_OPEN && !token.is_empty && !slc_xml_skip(&p, r->end))
        return slc_xlsx_stop(r, p);
    if (token.kind == SLC_XML_CDATA || (token.kind == SLC_XML_TEXT && slc_str_trim(token.text).len))
        return slc_xlsx_stop(r, token.text.data);
    return p;
}

/* <v> at `p`, whose name ends at `inside`. */
static inline const char *take_v(struct slc_xlsx_cells *r, const char *p, const char *inside)
{
    struct slc_xml_token token;

    if (*inside == '>')
        return take_text(r, inside + 1, "v", 1);
    token = slc_xml_next(&p, r->end);
    if (token.kind != SLC_XML_OPEN)
        return slc_xlsx_stop(r, p);
    return token.is_empty ? p : take_text(r, p, "v", 1);
}

/* A cell, `p` behind "<c". */
static inline const char *take_cell(struct slc_xlsx_cells *r, const char *p)
{
    const struct slc_xlsx_scan *scan = r->scan;
    struct cell cell = {.column = r->column};
    char *start = r->to, *end = NULL;
    const char *inside;

    p = take_tag(r, p, &cell);
    if (!p)
        return NULL;
    if (cell.column >= SLC_XLSX_MAX_COLUMNS) {
        slc_xlsx_fail_cell(r, "the row is too wide", SLC_STR("XFD"));
        return NULL;
    }
    r->column = cell.column + 1;
    if (cell.is_empty)
        return p;
    for (;;) {
        if ((inside = SLC_XLSX_BEHIND_END(scan, p, "c")) != NULL) {
            p = inside;
            break;
        }
        if (p[0] == '<' && !end && (inside = SLC_XLSX_BEHIND_NAME(scan, p + 1, "v")) != NULL) {
            p = take_v(r, p, inside);
            end = r->to;
        } else if (p[0] == '<' && !end &&
                   (inside = SLC_XLSX_BEHIND_NAME(scan, p + 1, "is")) != NULL) {
            p = take_inline(r, inside);
            end = r->to;
        } else {
            p = slc_xlsx_skip_other(r, p);
        }
        if (!p)
            return NULL;
    }
    r->to = start;
    if (end && !put_value(r, end, &cell))
        return NULL;
    return p;
}

const char *slc_xlsx_take_cells(struct slc_xlsx_cells *r, const char *p)
{
    const struct slc_xlsx_scan *scan = r->scan;

    for (;;) {
        const char *inside = SLC_XLSX_BEHIND_END(scan, p, "row");

        if (inside)
            return inside;
        inside = p[0] == '<' ? SLC_XLSX_BEHIND_NAME(scan, p + 1, "c") : NULL;
        p = inside ? take_cell(r, inside) : slc_xlsx_skip_other(r, p);
        if (!p)
            return NULL;
    }
}
