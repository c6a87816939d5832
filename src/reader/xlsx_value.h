/* What a cell's text comes to by its type and style. */
#ifndef SLC_READER_XLSX_VALUE_H
#define SLC_READER_XLSX_VALUE_H

#include <stdint.h>

#include "reader/xlsx_workbook.h"

/* ST_CellType (ECMA-376 part 1, 18.18.11); a type that is none of these is
 * taken for a string. */
enum slc_xlsx_type {
    SLC_XLSX_CELL_NUMBER,
    SLC_XLSX_CELL_SHARED, /* the number of a shared string */
    SLC_XLSX_CELL_STRING, /* of a formula */
    SLC_XLSX_CELL_INLINE,
    SLC_XLSX_CELL_BOOLEAN,
    SLC_XLSX_CELL_ERROR,
    SLC_XLSX_CELL_ISO_DATE, /* of strict workbooks */
};

/* Turn the value's text from `text` up to `end` in place into what will be
 * typed, with room for SLC_XLSX_SERIAL_BYTES: a number in as few characters as
 * need be, a date by the style, true or false. Returns the new end; NULL when
 * something is there that has no value: an error, a date outside the calendar.
 * Not for shared strings. */
char *slc_xlsx_settle(const struct slc_workbook *book, char *text, char *end,
                      enum slc_xlsx_type type, uint32_t style);

#endif
