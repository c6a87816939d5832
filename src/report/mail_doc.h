/* Inside report: a mail's body, written as text and as HTML at the same time.
 *
 * The HTML is what mail programs show: tables, colors and sizes as attributes of
 * each element, no style sheet, script, picture or font from anywhere. Bars and
 * histograms are table cells. Names come from files, so everything is escaped,
 * and what cannot be seen is made visible (report/show.h). */
#ifndef SLC_REPORT_MAIL_DOC_H
#define SLC_REPORT_MAIL_DOC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { SLC_MAIL_NAME_CHARS = 80, SLC_MAIL_SENTENCE_CHARS = 600 };

/* Zero-initialise, begin, and release both buffers. */
struct slc_mail_doc {
    struct slc_buf text, html;
    struct slc_buf scratch;
    int64_t row; /* of the table that is open */
};

enum slc_mail_tone { SLC_MAIL_GOOD, SLC_MAIL_WARN, SLC_MAIL_BAD };

void slc_mail_doc_begin(struct slc_mail_doc *doc, struct slc_str title, enum slc_mail_tone tone);
void slc_mail_doc_end(struct slc_mail_doc *doc, struct slc_str foot);
void slc_mail_doc_release(struct slc_mail_doc *doc);
bool slc_mail_doc_failed(const struct slc_mail_doc *doc);

/* A part of its own, about one table; and a heading within it. */
void slc_mail_doc_part(struct slc_mail_doc *doc, struct slc_str name, struct slc_str state,
                       enum slc_mail_tone tone);
void slc_mail_doc_heading(struct slc_mail_doc *doc, const char *heading);

void slc_mail_doc_paragraph(struct slc_mail_doc *doc, struct slc_str sentence,
                            enum slc_mail_tone tone);
void slc_mail_doc_item(struct slc_mail_doc *doc, struct slc_str sentence);

/* A table of two columns: what, and how much; `share` of 0 to 1 is drawn as a
 * bar behind it, -1: none. */
void slc_mail_doc_facts_begin(struct slc_mail_doc *doc);
void slc_mail_doc_fact(struct slc_mail_doc *doc, struct slc_str name, struct slc_str value,
                       double share);
void slc_mail_doc_facts_end(struct slc_mail_doc *doc);

/* A small histogram of counts from 0 on, with a line under it; in the text,
 * characters of eight heights. */
void slc_mail_doc_histogram(struct slc_mail_doc *doc, struct slc_str name, const int64_t *counts,
                            size_t n, struct slc_str range);

#endif
