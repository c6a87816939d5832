/* Number formats and serial dates of workbooks (ECMA-376 part 1, 18.8.30,
 * 18.8.31 and 18.17.4).
 *
 * A cell's date is a number of days since the workbook's epoch; that it is one,
 * only its number format says. */
#ifndef SLC_READER_XLSX_FORMAT_H
#define SLC_READER_XLSX_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum slc_xlsx_kind {
    SLC_XLSX_NUMBER,
    SLC_XLSX_DATE,     /* years, months or days */
    SLC_XLSX_TIME,     /* hours, minutes or seconds of a day */
    SLC_XLSX_DATETIME, /* both */
    SLC_XLSX_DURATION, /* elapsed time: [h], [mm], [ss] */
};

/* The kind of a format that has no code in the workbook. 27 to 36, 50 to 58 and
 * 71 to 81 are those of East Asian and Thai versions. */
enum slc_xlsx_kind slc_xlsx_builtin_kind(int64_t id);
enum { SLC_XLSX_LAST_BUILTIN = 81 };

/* The kind by the first section of a format code. */
enum slc_xlsx_kind slc_xlsx_code_kind(struct slc_str code);

/* Room for slc_xlsx_write_serial(). */
enum { SLC_XLSX_SERIAL_BYTES = 48 };

/* Write the serial number as the text that it means and return the end; to the
 * millisecond, as spreadsheet programs have it:
 *   DATE      2022-02-20; with a time of day when the number has a fraction
 *   DATETIME  2022-02-20T18:18:32[.ffffff]
 *   TIME      18:18:32[.ffffff]; from one day on as DATETIME
 *   DURATION  hours:minutes:seconds, as many hours as it takes
 * As openpyxl has it, a number under 1 is a time of day whatever its format, but
 * not a DATE or DATETIME since 1904, and of the 1900 epoch days 59 and 60 are
 * both 1900-02-28, because there was no 29th. NULL when the number is not of
 * the years 1 to 9999, or not SLC_XLSX_DATE and so on. */
char *slc_xlsx_write_serial(char *to, double serial, enum slc_xlsx_kind kind, bool since_1904);

#endif
