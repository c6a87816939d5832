#include "cli/table.h"

#include <stdlib.h>

#include "cli/text.h"

enum { USUAL_MAX_WIDTH = 60 };

/* A column with what its cells need. */
struct spec {
    struct slc_table_column column;
    int natural; /* width of its widest cell */
    int width;   /* in print */
};

struct cell {
    size_t start, len; /* in table->text, fit to print */
    int span;
};

static struct spec *specs(const struct slc_table *table)
{
    return (struct spec *)(void *)table->specs.data;
}

void slc_table_column(struct slc_table *table, struct slc_table_column column)
{
    struct spec spec = {.column = column};

    if (column.max_width == 0)
        spec.column.max_width = USUAL_MAX_WIDTH;
    spec.natural = slc_text_width(column.title);
    if (spec.natural > spec.column.max_width)
        spec.natural = spec.column.max_width;
    slc_buf_append(&table->specs, &spec, sizeof(spec));
    if (!table->specs.failed)
        table->n_columns++;
}

static void add(struct slc_table *table, struct slc_str text, int span, int max_width)
{
    struct cell cell = {.start = table->text.len, .span = span};

    slc_text_clip(&table->text, text, max_width);
    cell.len = table->text.len - cell.start;
    slc_buf_append(&table->cells, &cell, sizeof(cell));
    table->next_column = (table->next_column + span) % table->n_columns;
}

void slc_table_cell(struct slc_table *table, struct slc_str text)
{
    struct spec *spec;
    int width;

    if (table->n_columns == 0)
        return;
    spec = &specs(table)[table->next_column];
    width = slc_text_width(text);
    if (width > spec->column.max_width)
        width = spec->column.max_width;
    if (width > spec->natural)
        spec->natural = width;
    add(table, text, 1, spec->column.max_width);
}

void slc_table_span(struct slc_table *table, struct slc_str text, int span)
{
    int max_width = 0;

    if (span > table->n_columns - table->next_column)
        span = table->n_columns - table->next_column;
    if (span <= 0)
        return;
    for (int i = 0; i < span; i++)
        max_width += specs(table)[table->next_column + i].column.max_width + table->gap;
    add(table, text, span, max_width);
}

static int least_width(const struct spec *spec)
{
    int least = spec->column.min_width;

    return least > 0 && least < spec->natural ? least : spec->natural;
}

/* Give each of the first columns its width; returns how many fit. */
static int lay_out(struct slc_table *table, int width)
{
    struct spec *all = specs(table);
    int shown = 0, least = 0, total = 0;

    while (shown < table->n_columns) {
        int more = least_width(&all[shown]) + (shown ? table->gap : 0);

        if (shown > 0 && more > width - least)
            break;
        least += more;
        all[shown].width = all[shown].natural;
        total += all[shown].natural + (shown ? table->gap : 0);
        shown++;
    }
    while (total > width) {
        struct spec *widest = NULL;

        for (int i = 0; i < shown; i++)
            if (all[i].width > least_width(&all[i]) && (!widest || all[i].width >= widest->width))
                widest = &all[i];
        if (!widest)
            break;
        widest->width--;
        total--;
    }
    return shown;
}

static void append_gap(struct slc_buf *out, int gap)
{
    for (int i = 0; i < gap; i++)
        slc_buf_append_byte(out, ' ');
}

static void end_line(struct slc_buf *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    slc_buf_append_byte(out, '\n');
}

static void print_titles(const struct slc_table *table, int shown, struct slc_buf *out)
{
    for (int i = 0; i < shown; i++) {
        const struct spec *spec = &specs(table)[i];

        append_gap(out, i ? table->gap : 0);
        slc_text_cell(out, spec->column.title, spec->width, spec->column.right);
    }
    end_line(out);
}

/* The width of a cell at `column`, of which only `shown` columns are there. */
static int cell_width(const struct slc_table *table, const struct cell *cell, int column, int shown)
{
    int width = 0;

    for (int i = column; i < column + cell->span && i < shown; i++)
        width += specs(table)[i].width + (i > column ? table->gap : 0);
    return width;
}

static void print_rows(const struct slc_table *table, int shown, struct slc_buf *out)
{
    const struct cell *cells = (const struct cell *)(const void *)table->cells.data;
    size_t n_cells = table->cells.len / sizeof(*cells);
    int column = 0;

    for (size_t i = 0; i < n_cells; i++) {
        if (column < shown) {
            struct slc_str text = {.data = table->text.data + cells[i].start, .len = cells[i].len};

            append_gap(out, column ? table->gap : 0);
            slc_text_cell(out, text, cell_width(table, &cells[i], column, shown),
                          cells[i].span == 1 && specs(table)[column].column.right);
        }
        column += cells[i].span;
        if (column >= table->n_columns || i + 1 == n_cells) {
            end_line(out);
            column = 0;
        }
    }
}

int slc_table_print(struct slc_table *table, int width, struct slc_buf *out)
{
    int shown;

    if (table->specs.failed || table->cells.failed || table->text.failed) {
        out->failed = true;
        return 0;
    }
    if (table->n_columns == 0)
        return 0;
    shown = lay_out(table, width);
    print_titles(table, shown, out);
    print_rows(table, shown, out);
    return shown;
}

void slc_table_release(struct slc_table *table)
{
    slc_buf_release(&table->specs);
    slc_buf_release(&table->cells);
    slc_buf_release(&table->text);
    table->n_columns = table->next_column = 0;
}
