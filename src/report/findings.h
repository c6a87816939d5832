/* What a person would want to know about a table, in plain sentences.
 *
 *     income is skewed, with gaps (6.9 % missing, mean 88,148.7, median
 *     57,678.5); prep.impute=auto fills gaps there with the median
 *     age_copy is the same as age in every row; ...
 *     id could be the row key (all distinct, none missing); ...
 *
 * Made of nothing but the summaries and counts, so the same for the same
 * profile. Shown whole, a finding a line, or grouped by kind: "Constant: a
 * (always 7), b (always 1); prep.drop_constant leaves such columns out". What a
 * finding says of a column's values is proven by its summary; where only some
 * of the values are known (the first, the least, the greatest, the most
 * frequent) it says "looks like". Sentences are one line of UTF-8 without
 * control characters, but names and values in them are the file's own: escape
 * them for the place that they go to. */
#ifndef SLC_REPORT_FINDINGS_H
#define SLC_REPORT_FINDINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "frame/schema.h"
#include "profile/profile.h"

enum slc_severity {
    SLC_SEVERITY_NOTE,    /* good to know */
    SLC_SEVERITY_ADVICE,  /* something could be done about it */
    SLC_SEVERITY_WARNING, /* most likely not what was meant */
};

enum slc_finding_kind {
    SLC_FINDING_NO_ROWS,        /* of the table */
    SLC_FINDING_REJECTED,       /* of the table: rows were rejected */
    SLC_FINDING_RENAMED,        /* of the table: columns had no name of their own */
    SLC_FINDING_EMPTY,          /* no values */
    SLC_FINDING_DUPLICATE,      /* repeats another column; the only finding of it */
    SLC_FINDING_CONSTANT,       /* one value, none missing */
    SLC_FINDING_MOSTLY_MISSING, /* half of the values and more are missing; nothing but that */
    SLC_FINDING_MISSING,        /* missing values; nothing but that */
    SLC_FINDING_GAPS_CONSTANT,  /* missing values in a column of one value */
    SLC_FINDING_GAPS_SKEWED,    /* missing values in a skewed column */
    SLC_FINDING_NEAR_CONSTANT,  /* 99 % and more are one value */
    SLC_FINDING_INFINITE,       /* infinite values */
    SLC_FINDING_MARK,           /* a value like -999 or 1900-01-01 far off: means missing? */
    SLC_FINDING_ALMOST_NUMBERS, /* text because of a few texts among numbers */
    SLC_FINDING_LEADING_ZEROS,  /* text because of leading zeros */
    SLC_FINDING_PYTHON,         /* Python's objects or lists as text */
    SLC_FINDING_JSON,           /* JSON as text */
    SLC_FINDING_SPELLINGS,      /* values that differ only in case */
    SLC_FINDING_SPACES,         /* spaces at the ends of values */
    SLC_FINDING_SKEWED,         /* none missing, but mean and median are far apart */
    SLC_FINDING_BEYOND_2_53,    /* whole numbers that doubles round */
    SLC_FINDING_KEY,            /* could be the row key */
    SLC_FINDING_PERHAPS_KEY,    /* the same, as far as an estimate can tell */
};

struct slc_finding {
    int64_t column; /* -1: the whole table */
    enum slc_severity severity;
    enum slc_finding_kind kind;
    struct slc_str text;   /* a sentence without its full stop; NUL-terminated */
    size_t subject_bytes;  /* how much of its start is the column's name; 0 for the table */
    struct slc_str detail; /* the part of it that is not the kind's: "always 7"; may be empty */
};

/* Initialise with zeros or slc_findings_make(). */
struct slc_findings {
    struct slc_finding *items; /* worst first, then by column (the table first), then by kind */
    int64_t n;
    int64_t n_left_out; /* beyond the bound, the least severe ones */
    struct slc_arena arena;
};

#define SLC_AUTO_FINDINGS SLC_CLEANUP(slc_findings_release)

/* What findings are made of; borrowed. */
struct slc_findings_input {
    const struct slc_schema *schema;
    const struct slc_summary *summaries; /* one a field */
    int64_t n_rows;                      /* taken */
    int64_t n_rejected;
    int64_t first_reject_row;        /* of the file, from 1; 0: not known */
    const char *first_reject_reason; /* with it; may be NULL */
};

/* At most `max_findings` are kept, all for 0. False when memory ran out. */
bool slc_findings_make(const struct slc_findings_input *input, int64_t max_findings,
                       struct slc_findings *ret_findings);
void slc_findings_release(struct slc_findings *findings);

/* "warning", "advice", "note" */
const char *slc_severity_name(enum slc_severity severity);

/* What columns with findings of the kind are headed by: "Constant". */
const char *slc_finding_heading(enum slc_finding_kind kind);

/* What could be done, or is done, about it; of any number of columns, and the
 * end of their sentences, behind a semicolon. "": nothing to say. */
const char *slc_finding_advice(enum slc_finding_kind kind);

#endif
