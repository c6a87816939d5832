/* An aligned table for a terminal.
 *
 *     SLC_AUTO_TABLE struct slc_table table = {.gap = 2};
 *
 *     slc_table_column(&table, (struct slc_table_column){.title = SLC_STR("name")});
 *     slc_table_column(&table, (struct slc_table_column){.title = SLC_STR("rows"), .right = true});
 *     slc_table_cell(&table, name);     row by row
 *     slc_table_cell(&table, rows);
 *     slc_table_print(&table, 80, &out);
 *
 * Columns are as wide as their widest cell, and give way, the widest first,
 * when the table is wider than what there is. Cells may hold anything: they are
 * made fit to print. Memory that runs out is remembered and found by the one
 * who prints. */
#ifndef SLC_CLI_TABLE_H
#define SLC_CLI_TABLE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/str.h"

/* For slc_table_print(): no bound. */
enum { SLC_TABLE_ANY_WIDTH = 1000000000 };

struct slc_table_column {
    struct slc_str title;
    bool right;    /* aligned */
    int min_width; /* it gives way down to this; 0: not at all */
    int max_width; /* cells are cut at this; 0: at 60 */
};

/* Zero-initialised (but for `gap`) is an empty table. */
struct slc_table {
    int gap;              /* spaces between columns */
    struct slc_buf specs; /* the rest is the table's own */
    struct slc_buf cells;
    struct slc_buf text;
    int n_columns;
    int next_column;
};

#define SLC_AUTO_TABLE SLC_CLEANUP(slc_table_release)

/* Add a column; before the first cell. */
void slc_table_column(struct slc_table *table, struct slc_table_column column);

/* The next cell of the row, or the first of a new one. */
void slc_table_cell(struct slc_table *table, struct slc_str text);
/* One that reaches over the next `span` columns, left-aligned; it has no say in
 * their widths. */
void slc_table_span(struct slc_table *table, struct slc_str text, int span);

/* Append the title row and all rows, each with a line end. What does not fit
 * into `width` columns even then is left out: returns the number of columns
 * that are shown. */
int slc_table_print(struct slc_table *table, int width, struct slc_buf *out);

void slc_table_release(struct slc_table *table);

#endif
