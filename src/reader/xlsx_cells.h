/* The cells of one row of a worksheet's XML; for xlsx_sheet.c. */
#ifndef SLC_READER_XLSX_CELLS_H
#define SLC_READER_XLSX_CELLS_H

#include <string.h>

#include "reader/xlsx_sheet.h"

/* A row on its way from XML to cells. A function returns where it goes on, or
 * NULL with `at` where it stopped: at the window's end for want of more. */
struct slc_xlsx_cells {
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

static inline const char *slc_xlsx_stop(struct slc_xlsx_cells *r, const char *at)
{
    r->at = at;
    return NULL;
}

/* Say that `shown` is not `what` it should be; false. */
bool slc_xlsx_fail_cell(struct slc_xlsx_cells *r, const char *what, struct slc_str shown);

/* Behind the name when `p` (behind "<" or "</") has the sheet's element `local`. */
static inline const char *slc_xlsx_behind_name(const struct slc_xlsx_scan *scan, const char *p,
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

#define SLC_XLSX_BEHIND_NAME(scan, p, local)                                                       \
    slc_xlsx_behind_name((scan), (p), (local), sizeof(local) - 1)

/* Behind the end tag at `p` when it is that of the sheet's element `local`. */
static inline const char *slc_xlsx_behind_end(const struct slc_xlsx_scan *scan, const char *p,
                                              const char *local, size_t len)
{
    if (p[0] != '<' || p[1] != '/')
        return NULL;
    p = slc_xlsx_behind_name(scan, p + 2, local, len);
    while (p && slc_xml_is_space(*p))
        p++;
    return p && *p == '>' ? p + 1 : NULL;
}

#define SLC_XLSX_BEHIND_END(scan, p, local)                                                        \
    slc_xlsx_behind_end((scan), (p), (local), sizeof(local) - 1)

/* The row's cells and its end tag; `p` is behind its start tag. */
const char *slc_xlsx_take_cells(struct slc_xlsx_cells *r, const char *p);

/* Something in a cell, row or sheet that has no bearing on its values. */
const char *slc_xlsx_skip_other(struct slc_xlsx_cells *r, const char *p);

#endif
