/* What findings.c and the checks share. */
#ifndef SLC_REPORT_FINDINGS_INTERNAL_H
#define SLC_REPORT_FINDINGS_INTERNAL_H

#include "base/buf.h"
#include "report/findings.h"

enum { SLC_FINDING_NAME_CHARS = 64, SLC_FINDING_VALUE_CHARS = 40, SLC_FINDING_REASON_CHARS = 200 };

struct slc_findings_maker {
    const struct slc_findings_input *input;
    int64_t column;      /* that is looked at */
    struct slc_buf text; /* of the finding under way */
    size_t subject_bytes, detail_at, detail_bytes;
    struct slc_finding *items; /* owned */
    int64_t n, capacity;
    struct slc_arena *arena;
    bool failed; /* memory ran out */
};

/* Begin a sentence with the column's name, then append to `text`, then end it
 * (the kind's advice follows by itself). The detail stands between open and
 * close, which append what is around it. */
void slc_finding_begin(struct slc_findings_maker *maker);
void slc_finding_open_detail(struct slc_findings_maker *maker, const char *before);
void slc_finding_close_detail(struct slc_findings_maker *maker, const char *behind);
void slc_finding_end(struct slc_findings_maker *maker, enum slc_severity severity,
                     enum slc_finding_kind kind);

/* Append a value, texts in quotes. */
void slc_finding_quote(struct slc_buf *buf, const struct slc_value *value);

/* Findings of values that a summary shows. */
void slc_findings_of_values(struct slc_findings_maker *maker, const struct slc_summary *summary);

#endif
