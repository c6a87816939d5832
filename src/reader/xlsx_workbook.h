/* A workbook but for its sheets' cells: which sheets there are and where, what
 * the styles say about numbers, the epoch, the shared strings (ECMA-376, both
 * transitional and strict). */
#ifndef SLC_READER_XLSX_WORKBOOK_H
#define SLC_READER_XLSX_WORKBOOK_H

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "reader/xlsx_format.h"
#include "reader/xlsx_links.h"
#include "reader/xlsx_strings.h"
#include "reader/xlsx_zip.h"

/* What a workbook may have. */
enum {
    SLC_WORKBOOK_MAX_SHEETS = 1 << 12,
    SLC_WORKBOOK_MAX_STYLES = 1 << 20,
    SLC_WORKBOOK_MAX_FORMAT_ID = (1 << 16) - 1,
    SLC_WORKBOOK_MAX_PART_BYTES = 64 << 20, /* any part but sheets and strings */
};

struct slc_worksheet {
    struct slc_str name;
    struct slc_str relation; /* the relationship that leads to it */
    bool is_hidden;
};

struct slc_workbook {
    struct slc_zip *zip;
    struct slc_worksheet *sheets; /* in the workbook's order; charts, too */
    int64_t n_sheets;
    bool since_1904;
    uint8_t *kinds; /* enum slc_xlsx_kind by a cell's style */
    int64_t n_kinds;
    struct slc_strings strings;
    struct slc_arena arena;
    struct slc_xlsx_links links; /* from the workbook to its parts */
};

/* Open the workbook behind `fd`, which stays the caller's, into `book` (zeroed
 * before). Release it in any case. Errors: FORMAT (also what is no XLSX: the
 * message says what to do), LIMIT, IO, MEMORY. */
bool slc_workbook_open(struct slc_workbook *book, int fd, struct slc_error *error);
void slc_workbook_release(struct slc_workbook *book);

/* The sheet of that name, else by its position from 1; the first visible
 * worksheet when `wanted` is empty. *ret_part is its part in the archive.
 * Errors: NOT_FOUND, FORMAT. */
bool slc_workbook_find(struct slc_workbook *book, struct slc_str wanted,
                       const struct slc_worksheet **ret_sheet, int64_t *ret_part,
                       struct slc_error *error);

/* Advice about an OLE file, `head` its first bytes: an encrypted workbook or an
 * old one. Always false. */
bool slc_workbook_fail_ole(struct slc_str head, struct slc_error *error);

#endif
