/* What is worth knowing about a table, in plain words: a point a line. */
#ifndef SLC_CLI_FINDINGS_H
#define SLC_CLI_FINDINGS_H

#include "base/buf.h"
#include "cli/profile_view.h"

void slc_findings(const struct slc_profile_facts *facts, int columns, struct slc_buf *out);

#endif
