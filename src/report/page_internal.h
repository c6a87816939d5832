/* What the files that write the profile page share. */
#ifndef SLC_REPORT_PAGE_INTERNAL_H
#define SLC_REPORT_PAGE_INTERNAL_H

#include "report/findings.h"
#include "report/profile_html.h"
#include "report/show.h"

enum { SLC_PAGE_NAME_CHARS = 120, SLC_PAGE_VALUE_CHARS = 60, SLC_PAGE_CELL_CHARS = 32 };

struct slc_page {
    struct slc_buf *out;
    const struct slc_profile_page *in;
    struct slc_findings findings;
    int64_t *first_finding; /* owned; by column, -1: none but small gaps */
    int64_t *next_finding;  /* owned; by finding */
    struct slc_buf scratch; /* what is shown before it is escaped */
    bool has_hover;         /* few enough columns for a tooltip a bar */
    double distinct_error;  /* the largest of the estimates written; 0: none was */
};

/* page_text.c */

/* Markup, as it is. */
void slc_page_raw(struct slc_page *page, const char *markup);
void slc_page_int(struct slc_page *page, int64_t value);
/* Text, its & < > " ' escaped. */
void slc_page_escape(struct slc_page *page, struct slc_str text);

/* The functions of show.h, escaped. */
void slc_page_text(struct slc_page *page, struct slc_str text, size_t max_chars);
void slc_page_count(struct slc_page *page, int64_t count);
void slc_page_plural(struct slc_page *page, int64_t count, const char *one, const char *many);
void slc_page_number(struct slc_page *page, double value);
void slc_page_share(struct slc_page *page, int64_t part, int64_t whole);
void slc_page_bytes(struct slc_page *page, int64_t bytes);
void slc_page_level(struct slc_page *page, enum slc_type type, double level);
void slc_page_spread(struct slc_page *page, enum slc_type type, double spread);
void slc_page_value(struct slc_page *page, const struct slc_value *value, size_t max_chars);

/* A "~" that says what it stands for, unless the column's distinct count, or its
 * quantiles, are exact. */
void slc_page_distinct_tilde(struct slc_page *page, const struct slc_summary *summary);
void slc_page_quantile_tilde(struct slc_page *page, const struct slc_summary *summary);
/* An error as a percentage: 0.81 %. */
void slc_page_error(struct slc_page *page, double error);

/* A finding's sentence, its column's name as a link to the card, or, on the card
 * itself, without the name. */
void slc_page_finding(struct slc_page *page, const struct slc_finding *finding, bool with_link);

/* It says nothing but the share of missing values, which the overview and the
 * card show anyway. */
bool slc_page_is_bare(const struct slc_finding *finding);

/* 'n'umber, 'd'ate, 's'tring, 'b'oolean, 'e'mpty: a class of the style sheet. */
char slc_page_kind(enum slc_type type);

/* page_chart.c */

/* part / whole as a width in per cent with at most two decimals: 37.25%. */
void slc_page_percent(struct slc_page *page, int64_t part, int64_t whole);
void slc_page_histogram(struct slc_page *page, int64_t column, const struct slc_summary *summary);
/* The most frequent values as a list of bars, or as examples where no value
 * comes twice. */
void slc_page_top(struct slc_page *page, const struct slc_summary *summary);
/* The overview's small picture: the histogram again, or the shares of the most
 * frequent values. */
void slc_page_spark(struct slc_page *page, int64_t column, const struct slc_summary *summary);

/* page_card.c */
void slc_page_card(struct slc_page *page, int64_t column);

#endif
