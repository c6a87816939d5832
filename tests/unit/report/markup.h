/* A checker of the pages' markup: stricter than browsers, so that nothing a
 * file has in it can pass for markup unseen. */
#ifndef SLC_TEST_REPORT_MARKUP_H
#define SLC_TEST_REPORT_MARKUP_H

#include <stdbool.h>

#include "base/str.h"

/* What was seen. */
struct markup {
    int n_elements, n_scripts, n_styles, n_articles, n_rows, n_svgs;
    struct slc_str script, style; /* their contents */
    char wrong[256];              /* "" when all is well */
};

/* Elements nest and are closed, void ones by "/>"; attributes are quoted and
 * none is given twice; a "<" or a bare "&" stands nowhere else; ids are unique
 * and every "#..." leads to one; no element, attribute or address that loads or
 * runs anything but the one style and the one script. */
bool markup_check(struct slc_str page, struct markup *ret);

#endif
