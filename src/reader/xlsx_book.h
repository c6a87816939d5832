/* The parts of an XLSX workbook (ECMA-376) around its sheets.
 *
 * The archive is read with libzip, its XML with expat; both namespaces, strict
 * and transitional, are the same here, since only local names are looked at. A
 * document type declaration, an encrypted part, and a part that unpacks to
 * hugely more than it holds are refused. */
#ifndef SLC_READER_XLSX_BOOK_H
#define SLC_READER_XLSX_BOOK_H

#include <expat.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* What a number format makes of a number. */
enum slc_xlsx_format {
    SLC_XLSX_NUMBER,
    SLC_XLSX_DATE,     /* days alone are shown */
    SLC_XLSX_DATETIME, /* days and the time of day */
    SLC_XLSX_TIME,     /* the time of day alone */
    SLC_XLSX_DURATION, /* [h]:mm, which goes on past 24 hours */
};

struct slc_xlsx_sheet {
    struct slc_str name;
    struct slc_str path; /* in the archive */
    bool hidden;
};

struct slc_xlsx_book {
    struct zip *archive;
    struct slc_arena arena;        /* all texts below */
    struct slc_xlsx_sheet *sheets; /* worksheets alone, in the book's order */
    int64_t n_sheets;
    bool epoch_1904;
    enum slc_xlsx_format *formats; /* by cell style; owned */
    int64_t n_formats;
    struct slc_str *strings; /* the shared ones; owned */
    int64_t n_strings;
};

/* Open the workbook behind `fd` (not taken over; read with pread only). Errors:
 * FORMAT, LIMIT, IO, MEMORY. Release the book after failure, too. */
bool slc_xlsx_book_open(struct slc_xlsx_book *book, int fd, struct slc_error *error);
void slc_xlsx_book_release(struct slc_xlsx_book *book);

/* What a format code of the book makes of a number (ECMA-376 part 1, 18.8.31). */
enum slc_xlsx_format slc_xlsx_format_of(struct slc_str code);

/* A number under a date or time format as text: "2020-02-29",
 * "2020-02-29T12:00:00", "12:00:00"; to the millisecond. Returns its length, 0
 * when the number is outside the calendar's years. */
enum { SLC_XLSX_TIME_TEXT_BYTES = 40 };
size_t slc_xlsx_time_text(double serial, enum slc_xlsx_format format, bool epoch_1904,
                          char text[SLC_XLSX_TIME_TEXT_BYTES]);

/* ---- XML parts --------------------------------------------------------- */

/* One part of the archive on its way through expat. */
struct slc_xlsx_part {
    XML_Parser parser;
    struct zip_file *file;
    uint64_t size_bytes, read_bytes; /* unpacked */
    bool ended;                      /* all of it was handed to the parser */
    bool finished;                   /* and parsed */
    struct slc_error failure;        /* set by slc_xlsx_part_fail() */
};

/* False, NOT_FOUND when there is no such part. */
bool slc_xlsx_part_open(struct slc_xlsx_part *part, struct slc_xlsx_book *book, struct slc_str path,
                        struct slc_error *error);

/* Parse on, until a handler suspends the parser or the part ends. 1: suspended,
 * 0: ended, -1: error. */
int slc_xlsx_part_parse(struct slc_xlsx_part *part, struct slc_error *error);

/* For handlers: give the part up. */
void slc_xlsx_part_fail(struct slc_xlsx_part *part, enum slc_error_code code, const char *message);

void slc_xlsx_part_close(struct slc_xlsx_part *part);

/* A name without its prefix. */
const char *slc_xlsx_local(const char *name);
/* The value of the attribute with the local name, or NULL. */
const char *slc_xlsx_attribute(const char *const *attributes, const char *name);

/* "_x000D_" and the like stand for a character (18.5.1.1, ST_Xstring); in place. */
size_t slc_xlsx_unescape(char *text, size_t len);

#endif
