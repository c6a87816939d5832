/* A message as it goes over the wire: RFC 5322 headers, and two forms of one
 * report (multipart/alternative, RFC 2046), text and HTML.
 *
 * Every line ends in CR LF and has at most 76 bytes, all of them printable
 * ASCII: texts are quoted-printable (RFC 2045), header texts encoded-words (RFC
 * 2047) where they have to be. The header "To:" is left to the one who sends, so
 * that each recipient sees nobody else's address. */
#ifndef SLC_REPORT_MAIL_MESSAGE_H
#define SLC_REPORT_MAIL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

struct slc_mail_message {
    struct slc_str from_name;    /* may be empty; UTF-8 without control characters */
    struct slc_str from_address; /* valid (report/mail_address.h) */
    struct slc_str subject;      /* UTF-8; control characters become spaces */
    const char *id;              /* letters, digits, '-', '_': what is before '@' in Message-ID */
    int64_t date_usec;           /* since 1970, UTC */
    struct slc_str text;         /* UTF-8, lines that end in \n */
    struct slc_str html;
};

/* Append it. Errors: MEMORY. */
bool slc_mail_message_write(const struct slc_mail_message *message, struct slc_buf *out,
                            struct slc_error *error);

/* "Sun, 22 Nov 2026 16:59:00 +0000" (RFC 5322 3.3), appended. */
void slc_mail_date(struct slc_buf *out, int64_t usec);

/* A header whose text is written as encoded-words where it needs to be, folded. */
void slc_mail_header(struct slc_buf *out, const char *name, struct slc_str text);

/* Quoted-printable: \n becomes CR LF, all else that is no printable ASCII =XX. */
void slc_mail_quoted_printable(struct slc_buf *out, struct slc_str text);

#endif
