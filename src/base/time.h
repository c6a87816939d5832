/* Calendar arithmetic and clocks. Dates are days since 1970-01-01 in the
 * proleptic Gregorian calendar; date-times are microseconds since
 * 1970-01-01T00:00:00 (UTC where the text had an offset, else as written). */
#ifndef SLC_BASE_TIME_H
#define SLC_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLC_USEC_PER_SEC INT64_C(1000000)
#define SLC_USEC_PER_DAY (INT64_C(86400) * SLC_USEC_PER_SEC)

struct slc_civil {
    int32_t year;
    uint32_t month; /* 1 to 12 */
    uint32_t day;   /* 1 to 31 */
};

/* H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
int32_t slc_days_from_civil(struct slc_civil date);
/* C. Neri, L. Schneider, "Euclidean affine functions and their application to calendar
 * algorithms" (SPE 2022). */
struct slc_civil slc_civil_from_days(int32_t days);
/* The day exists: month and day in range, leap years known, year 1 to 9999. */
bool slc_civil_is_valid(struct slc_civil date);

/* YYYY-MM-DD, the whole of the slice. */
bool slc_parse_date(const char *text, size_t len, int32_t *ret_days);
/* ISO 8601: YYYY-MM-DD(T| )HH:MM[:SS[.f{1,9}]][Z|+HH[:]MM|-HH[:]MM]; digits
 * past the microsecond are cut off. Seconds 0 to 59. A text with an offset
 * comes back as UTC, which has to be in the years 1 to 9999, too. */
bool slc_parse_datetime(const char *text, size_t len, int64_t *ret_usec);

enum { SLC_DATE_TEXT_BYTES = 10, SLC_DATETIME_TEXT_BYTES = 26 };

/* Write at `to` (no NUL) and return the end. */
char *slc_write_date(char *to, int32_t days);
/* YYYY-MM-DDTHH:MM:SS[.ffffff], the fraction only when it is not zero. */
char *slc_write_datetime(char *to, int64_t usec);

/* Wall clock, microseconds since 1970 UTC. */
int64_t slc_now_usec(void);
/* A clock that never jumps, for durations. */
int64_t slc_monotonic_usec(void);
/* Today in the machine's time zone. */
int32_t slc_today_days(void);

/* The tickets' stamp "YYYY-MM-DD:HH:MM:SS" in the machine's time zone. */
enum { SLC_STAMP_BYTES = 20 };
void slc_stamp_now(char stamp[SLC_STAMP_BYTES]);

#endif
