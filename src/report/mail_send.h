/* Handing mails to a server: SMTP (RFC 5321) by libcurl, with STARTTLS (RFC 3207)
 * that is insisted on, TLS from the start (smtps://), or, only when told so,
 * neither; and AUTH by what the server offers of what libcurl knows. */
#ifndef SLC_REPORT_MAIL_SEND_H
#define SLC_REPORT_MAIL_SEND_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct slc_mail_server {
    const char *url;         /* smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://; borrowed, as all */
    const char *user;        /* "": that of the URL, or no login */
    const char *password;    /* "" */
    const char *ca_file;     /* PEM; "": the system's */
    bool needs_tls;          /* smtp:// only with STARTTLS */
    double timeout_sec;      /* for one mail */
    const atomic_bool *stop; /* gives up soon when it becomes true; may be NULL */
};

/* A connection that is kept from mail to mail. */
struct slc_mail_sender;

/* Errors: CONFIG (the URL), MEMORY, INTERNAL. Does not connect. */
struct slc_mail_sender *slc_mail_sender_new(const struct slc_mail_server *server,
                                            struct slc_error *error);
void slc_mail_sender_free(struct slc_mail_sender *sender); /* NULL is fine */

/* Send `message`, which ends in CR LF and has no "To:", to one recipient. Both
 * addresses are valid (report/mail_address.h). `ret_is_final` says that the
 * server has refused for good (5xx about the mail or its recipient), and trying
 * again is no use. Errors: CONNECTION, TIMEOUT, AUTH, SERVER, CANCELLED, MEMORY; the
 * message has the server's words and no secret. */
bool slc_mail_send(struct slc_mail_sender *sender, const char *from, const char *to,
                   struct slc_str message, bool *ret_is_final, struct slc_error *error);

/* NULL, or what is wrong with such a URL. */
const char *slc_mail_url_check(struct slc_str url);

#endif
