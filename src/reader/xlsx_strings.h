/* A workbook's shared strings (ECMA-376 part 1, 18.4).
 *
 * Cells name them by number, in any order, so that all of them have to be in
 * memory while a sheet is read: the one part of a workbook for which that is so.
 * They are kept as one piece of text and four bytes each, and are bounded by
 * SLC_STRINGS_MAX_BYTES and SLC_STRINGS_MAX; while the table is read it may take
 * up to twice of that. */
#ifndef SLC_READER_XLSX_STRINGS_H
#define SLC_READER_XLSX_STRINGS_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "reader/xlsx_xml.h"

#define SLC_STRINGS_MAX_BYTES (INT64_C(512) << 20)
#define SLC_STRINGS_MAX (INT64_C(32) << 20)

struct slc_strings {
    char *text;     /* owned; slack behind it */
    uint32_t *ends; /* owned; where each one ends in `text` */
    int64_t n;
};

static inline struct slc_str slc_strings_get(const struct slc_strings *strings, uint32_t index)
{
    uint32_t start = index ? strings->ends[index - 1] : 0;

    return (struct slc_str){strings->text + start, strings->ends[index] - start};
}

/* Read the part into `strings` (zeroed before): rich text runs joined, phonetic
 * ones left out. Errors: FORMAT, LIMIT, IO, MEMORY. */
bool slc_strings_read(struct slc_strings *strings, struct slc_zip *zip, int64_t index,
                      struct slc_error *error);
void slc_strings_release(struct slc_strings *strings);

/* Join the text of a string item whose start tag, named `item`, was just taken,
 * up to its end tag: write it at `to`, which has room for all from *at to `end`
 * and slack.
 * Returns the end of the text; NULL when the window ends before or what is there
 * is no string item: then *at is where it stopped. For inline strings, too. */
char *slc_string_item(const char **at, const char *end, struct slc_str item, char *to);

/* The same for the inside of an element of text alone whose start tag, named
 * `element`, was just taken: <t> or <v>. */
char *slc_string_text(const char **at, const char *end, struct slc_str element, char *to);

#endif
