/* The rows of a worksheet's XML (ECMA-376 part 1, 18.3), one after another.
 *
 * Rows come as they stand there, ragged and without the empty ones; a text is
 * copied once, out of the inflated XML, as it will be typed:
 *   numbers    as written; a whole number written as 1.0 or 1E3 as 1 and 1000
 *   dates      by the cell's style; see xlsx_format.h
 *   booleans   true, false
 *   strings    as meant: references and escapes resolved. A shared one is not
 *              copied but named
 *   formulas   their cached value
 *   errors     nothing, but the cell counts as one with something in it */
#ifndef SLC_READER_XLSX_SHEET_H
#define SLC_READER_XLSX_SHEET_H

#include <stdint.h>

#include "base/error.h"
#include "reader/cells.h"
#include "reader/xlsx_workbook.h"
#include "reader/xlsx_xml.h"

enum {
    SLC_XLSX_MAX_ROWS = 1048576, /* of a sheet, by the standard programs */
    SLC_XLSX_MAX_COLUMNS = 16384,
};

/* In a cell's `len`: `start` is the number of a shared string. */
#define SLC_XLSX_SHARED UINT32_C(0x80000000)

/* A row that has something in it. */
struct slc_xlsx_row {
    uint32_t number;     /* from 1 */
    uint32_t n_cells;    /* up to the last with something in it */
    uint32_t first_cell; /* in the rows' cells */
    uint32_t text_start; /* in the rows' text */
    uint32_t text_bytes;
    uint32_t full_bytes; /* with the shared strings that it names */
};

/* Rows with what they are made of. Zeroed is empty. */
struct slc_xlsx_rows {
    char *text; /* owned; cells' starts count from here */
    size_t text_bytes, text_capacity;
    struct slc_cell *cells; /* owned; an empty one is zero */
    int64_t n_cells, cells_capacity;
    struct slc_xlsx_row *rows; /* owned */
    int64_t n_rows, rows_capacity;
};

void slc_xlsx_rows_release(struct slc_xlsx_rows *rows);

/* Keep the first n rows alone. */
void slc_xlsx_rows_cut(struct slc_xlsx_rows *rows, int64_t n);

/* Bytes in memory that the rows fill. */
int64_t slc_xlsx_rows_bytes(const struct slc_xlsx_rows *rows);

struct slc_xlsx_scan {
    const struct slc_workbook *book; /* borrowed */
    struct slc_xml_window window;
    char root[64];       /* the root element's name */
    size_t prefix_bytes; /* of the root's and, so, of every name of a sheet's */
    int64_t max_row_bytes;
    int64_t number; /* of the row before */
    enum { SLC_XLSX_BEFORE_ROWS, SLC_XLSX_IN_ROWS, SLC_XLSX_BEHIND_ROWS } place;
};

/* Start with the sheet in the archive's part `index`; close it in any case. */
bool slc_xlsx_scan_open(struct slc_xlsx_scan *scan, const struct slc_workbook *book, int64_t index,
                        int64_t max_row_bytes, struct slc_error *error);
void slc_xlsx_scan_close(struct slc_xlsx_scan *scan);

/* Append the next row that has something in it to `rows`. 1, 0 at the end of
 * the sheet, whose checksum was right then, -1: error (FORMAT, LIMIT, IO,
 * MEMORY). */
int slc_xlsx_scan_next(struct slc_xlsx_scan *scan, struct slc_xlsx_rows *rows,
                       struct slc_error *error);

#endif
