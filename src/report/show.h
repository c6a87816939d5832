/* Numbers, values and names as a person reads them: one line of UTF-8, appended
 * to a buffer. The locale is never asked.
 *
 * Nothing here knows of terminals or HTML; escape what comes out for the place
 * that it goes to. */
#ifndef SLC_REPORT_SHOW_H
#define SLC_REPORT_SHOW_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "profile/profile.h"

/* 1,234,567 */
void slc_show_count(struct slc_buf *buf, int64_t count);

/* "1 row", "2,000 rows". */
void slc_show_plural(struct slc_buf *buf, int64_t count, const char *one, const char *many);

/* Six significant digits or decimals, all of a whole number's: 57,709.5, 0.0123,
 * 2019.5, 1.5e-7; digits are grouped from 10,000 on, so that years are not. "–" for
 * NaN, "∞" and "-∞". */
void slc_show_number(struct slc_buf *buf, double value);

/* "7.1 %", "<0.1 %", ">99.9 %"; "0 %" and "100 %" mean none and all. */
void slc_show_share(struct slc_buf *buf, int64_t part, int64_t whole);

/* "12.3 MB", "1 kB", in powers of 1,000. */
void slc_show_bytes(struct slc_buf *buf, int64_t bytes);

/* A mean or quantile of a column of that type: of dates a day, of date-times a
 * time to the second. */
void slc_show_level(struct slc_buf *buf, enum slc_type type, double level);

/* A standard deviation; that of dates as a duration ("812 days"). */
void slc_show_spread(struct slc_buf *buf, enum slc_type type, double spread);

/* A column's value; a double of many digits is rounded to six, a text is shown
 * as by slc_show_text(). */
void slc_show_value(struct slc_buf *buf, const struct slc_value *value, size_t max_chars);

/* The text with what cannot be seen made visible: a line end as "↵", a tab as
 * "⇥", other control characters, marks that turn the direction of writing,
 * invisible spaces, and bytes that are no UTF-8 as U+FFFD. At most `max_chars`
 * code points, the last of which is "…" when some were left out. */
void slc_show_text(struct slc_buf *buf, struct slc_str text, size_t max_chars);

#endif
