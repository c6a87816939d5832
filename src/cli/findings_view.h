/* A table's findings laid out for a terminal: those of one kind in one point,
 * with what could be done about them.
 *
 *     - Constant: country (always “US”), batch (always 7); prep.drop_constant
 *       leaves such columns out.
 *
 * Gaps of which there is nothing more to say are left out: the table of columns
 * above shows them. */
#ifndef SLC_CLI_FINDINGS_VIEW_H
#define SLC_CLI_FINDINGS_VIEW_H

#include "base/buf.h"
#include "report/findings.h"

/* In lines of at most `columns`. */
void slc_findings_view(const struct slc_findings *findings, int columns, struct slc_buf *out);

#endif
