#include "reader/xlsx_rows.h"

#include <stdlib.h>

enum { SLACK_BYTES = 64 };

void slc_xlsx_rows_release(struct slc_xlsx_rows *rows)
{
    free(rows->text);
    free(rows->cells);
    free(rows->rows);
    *rows = (struct slc_xlsx_rows){0};
}

void slc_xlsx_rows_cut(struct slc_xlsx_rows *rows, int64_t n)
{
    if (n >= rows->n_rows)
        return;
    rows->text_bytes = rows->rows[n].text_start;
    rows->n_cells = rows->rows[n].first_cell;
    rows->n_rows = n;
}

int64_t slc_xlsx_rows_bytes(const struct slc_xlsx_rows *rows)
{
    return (int64_t)rows->text_bytes + rows->n_cells * (int64_t)sizeof(*rows->cells) +
           rows->n_rows * (int64_t)sizeof(*rows->rows);
}

static bool grow(void **memory, size_t *capacity, size_t wanted, size_t item_bytes)
{
    size_t n = *capacity + *capacity / 2;
    void *more;

    if (wanted <= *capacity)
        return true;
    n = n < wanted ? wanted : n;
    more = realloc(*memory, n * item_bytes);
    if (!more)
        return false;
    *memory = more;
    *capacity = n;
    return true;
}

/* No text is longer than its XML, but for dates and booleans, which have 18 bytes of
 * tags around them. */
bool slc_xlsx_rows_reserve(struct slc_xlsx_rows *rows, size_t xml_bytes, struct slc_error *error)
{
    size_t cells = (size_t)rows->cells_capacity, row_count = (size_t)rows->rows_capacity;
    bool good =
        grow((void **)&rows->text, &rows->text_capacity,
             rows->text_bytes + 2 * xml_bytes + SLACK_BYTES, 1) &&
        grow((void **)&rows->cells, &cells, (size_t)rows->n_cells + SLC_XLSX_MAX_COLUMNS,
             sizeof(*rows->cells)) &&
        grow((void **)&rows->rows, &row_count, (size_t)rows->n_rows + 1, sizeof(*rows->rows));

    rows->cells_capacity = (int64_t)cells;
    rows->rows_capacity = (int64_t)row_count;
    if (good && rows->text_bytes + 2 * xml_bytes < UINT32_MAX && rows->n_cells < INT32_MAX)
        return true;
    return slc_fail(error, SLC_ERR_MEMORY, "no memory for the sheet's rows");
}
