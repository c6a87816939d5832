/* Mail addresses that come from outside: a conservative part of RFC 5321 4.1.2,
 * so that what passes can stand in an SMTP command and in a header as it is.
 *
 * name@domain: the name 1 to 64 letters, digits and !#$%&'*+/=?^_`{|}~- with
 * single dots between them; the domain labels of letters, digits and '-', each
 * 1 to 63, also a single one. No quotes, comments, spaces, control characters,
 * address literals or characters beyond ASCII; 254 bytes in all. */
#ifndef SLC_REPORT_MAIL_ADDRESS_H
#define SLC_REPORT_MAIL_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

enum { SLC_MAIL_ADDRESS_MAX_BYTES = 254, SLC_MAIL_ADDRESSES_MAX = 20 };

bool slc_mail_address_is_valid(struct slc_str address);

/* The part behind the '@' of a valid address. */
struct slc_str slc_mail_address_domain(struct slc_str address);

struct slc_mail_addresses {
    char items[SLC_MAIL_ADDRESSES_MAX][SLC_MAIL_ADDRESS_MAX_BYTES + 1];
    size_t count;
};

/* Add the addresses of a list with ',' or ';' and white space between them; one
 * that is there already (the domain without regard to case) is left out. Errors:
 * DATA (one is none; it is not repeated in the message), LIMIT; the list is as
 * it was then. */
bool slc_mail_addresses_add(struct slc_mail_addresses *list, struct slc_str text,
                            struct slc_error *error);

/* The domain is one of `domains`, or below one that begins with a dot
 * (".example.org"), without regard to case; any is when there are none. */
bool slc_mail_domain_is_allowed(struct slc_str domain, const char *const *domains, size_t count);

/* "addr" or "Name <addr>" of a configuration: the two parts, views of `text`;
 * the name may be empty. False when it is neither. */
bool slc_mail_sender_parse(struct slc_str text, struct slc_str *ret_name,
                           struct slc_str *ret_address);

#endif
