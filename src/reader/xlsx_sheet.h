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
#include "reader/xlsx_rows.h"
#include "reader/xlsx_workbook.h"
#include "reader/xlsx_xml.h"

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
