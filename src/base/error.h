/* The caller-owned error.
 *
 * A function that can fail takes a `struct slc_error *` (NULL is allowed) and
 * returns false or a negative number when it failed. The error is filled in
 * once, where the fault is known; a caller may add what it knows better (the
 * file, the row) with slc_error_locate(). The class decides what happens next,
 * and that decision is taken in one place (src/load). Nothing is allocated, so
 * an error can be copied and dropped freely. */
#ifndef SLC_BASE_ERROR_H
#define SLC_BASE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum slc_error_class {
    SLC_CLASS_NONE = 0,
    SLC_CLASS_RETRY,  /* a peer failed; the same call may work later */
    SLC_CLASS_REJECT, /* the data or the ticket is at fault; a person must mend it */
    SLC_CLASS_FATAL,  /* usage, configuration or the machine; trying again is no use */
};

enum slc_error_code {
    SLC_ERR_NONE = 0,
    SLC_ERR_USAGE,       /* a command line that makes no sense */
    SLC_ERR_CONFIG,      /* a configuration value or file */
    SLC_ERR_NOT_FOUND,   /* a file, replica, row or column that is not there */
    SLC_ERR_IO,          /* the operating system refused */
    SLC_ERR_NAME,        /* a name that is not allowed */
    SLC_ERR_TICKET,      /* a ticket that is not one */
    SLC_ERR_CONFLICT,    /* two things claim the same place */
    SLC_ERR_FORMAT,      /* the file is not of a format that can be read */
    SLC_ERR_DATA,        /* a row or a value that cannot be taken */
    SLC_ERR_LIMIT,       /* more than a stated bound allows */
    SLC_ERR_CHANGED,     /* the file changed while it was read, or differs from its ticket */
    SLC_ERR_MEMORY,      /* memory ran out */
    SLC_ERR_CONNECTION,  /* a peer cannot be reached or went away */
    SLC_ERR_TIMEOUT,     /* a peer took too long */
    SLC_ERR_AUTH,        /* a peer refused the credentials */
    SLC_ERR_SERVER,      /* a peer answered with an error */
    SLC_ERR_VERIFY,      /* what was stored is not what was sent */
    SLC_ERR_CANCELLED,   /* stopped on request */
    SLC_ERR_INTERNAL,    /* a fault in sluice itself */
};

enum { SLC_ERROR_MESSAGE_BYTES = 768, SLC_ERROR_FILE_BYTES = 512, SLC_ERROR_COLUMN_BYTES = 128 };

struct slc_error {
    enum slc_error_code code;
    enum slc_error_class class;
    int64_t row;                         /* 1 is the first data row; 0 when no row is meant */
    char file[SLC_ERROR_FILE_BYTES];     /* "" when no file is meant */
    char column[SLC_ERROR_COLUMN_BYTES]; /* "" when no column is meant */
    char message[SLC_ERROR_MESSAGE_BYTES]; /* what is wrong and what to do; one line, UTF-8 */
};

/* Fill `error` in (a no-op for NULL) and return false, so that a function may
 * end with `return slc_fail(...)`. The class follows from the code. Control
 * characters in the text become spaces, so that the message is one line. */
bool slc_fail(struct slc_error *error, enum slc_error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: appends ": " and strerror(errno_value). */
bool slc_fail_errno(struct slc_error *error, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Say where, keeping what is there already: NULL or 0 leaves a part as it is,
 * and a part that is set is not overwritten. */
void slc_error_locate(struct slc_error *error, const char *file, int64_t row, struct slc_str column);

void slc_error_clear(struct slc_error *error);

/* "file:row:column: message", parts that are not set left out. Always ends in
 * NUL; returns `text`. */
char *slc_error_format(const struct slc_error *error, char *text, size_t size_bytes);

/* The code as users see it in tickets and answers: "not_found", "data", ... */
const char *slc_error_code_name(enum slc_error_code code);

/* The exit status of a command (sluice(1)): 1 the data or a ticket was refused,
 * 2 bad usage or configuration, 3 a peer failed. */
int slc_error_exit_status(const struct slc_error *error);

/* Room for slc_error_format(). */
#define SLC_ERROR_TEXT_BYTES \
    (SLC_ERROR_MESSAGE_BYTES + SLC_ERROR_FILE_BYTES + SLC_ERROR_COLUMN_BYTES + 32)

#endif
