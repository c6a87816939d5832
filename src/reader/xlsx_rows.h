/* Rows of a worksheet in memory: ragged, and without the empty ones. */
#ifndef SLC_READER_XLSX_ROWS_H
#define SLC_READER_XLSX_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "reader/cells.h"

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

/* Room for one more row, whose XML has at most `xml_bytes`. Errors: MEMORY. */
bool slc_xlsx_rows_reserve(struct slc_xlsx_rows *rows, size_t xml_bytes, struct slc_error *error);

#endif
