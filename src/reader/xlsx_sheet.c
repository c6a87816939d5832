#include "reader/xlsx_sheet.h"

#include <stdio.h>

#include "base/num.h"
#include "reader/xlsx_cells.h"

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
static int64_t row_number(const struct slc_xlsx_scan *scan, struct slc_xlsx_cells *r,
                          struct slc_str text)
{
    int64_t number = scan->number + 1;

    if (text.data && !slc_parse_int64(text.data, text.len, &number)) {
        slc_xlsx_fail_cell(r, "there is no row", text);
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
static const char *take_row(struct slc_xlsx_cells *r, const char *p, int64_t *ret_number)
{
    struct slc_str name, value, number = {0};

    for (;;) {
        enum slc_xml_attribute got = slc_xml_next_attribute(&p, &name, &value);

        if (got == SLC_XML_ATTRIBUTE_STOP)
            return slc_xlsx_stop(r, p);
        if (got == SLC_XML_ATTRIBUTE) {
            if (slc_str_is(name, "r"))
                number = value;
            continue;
        }
        *ret_number = row_number(r->scan, r, number);
        if (*ret_number < 0)
            return NULL;
        return got == SLC_XML_EMPTY_TAG_END ? p : slc_xlsx_take_cells(r, p);
    }
}

static bool append(struct slc_xlsx_rows *rows, const struct slc_xlsx_cells *r, int64_t number,
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
    struct slc_xlsx_cells r = {.scan = scan, .end = w->end, .error = error};
    int64_t number = 0;

    if (!slc_xlsx_rows_reserve(rows, (size_t)(w->end - w->at), error))
        return -1;
    r.text = rows->text;
    r.to = rows->text + rows->text_bytes;
    r.cells = rows->cells + rows->n_cells;
    if (p[0] == '<')
        inside = SLC_XLSX_BEHIND_NAME(scan, p + 1, "row");
    if (SLC_XLSX_BEHIND_END(scan, p, "sheetData")) {
        scan->place = SLC_XLSX_BEHIND_ROWS;
        return 0;
    }
    p = inside ? take_row(&r, inside, &number) : slc_xlsx_skip_other(&r, p);
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
