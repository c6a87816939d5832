/* Mails on their way: one file each in a folder, <id>.mail, written in one step,
 * so that they survive whatever ends the process.
 *
 *     sluice-mail 1
 *     created 1795366740000000          microseconds since 1970
 *     next 1795366740000000             when to try next
 *     attempts 0
 *     from sluice@example.org
 *     to waiting ops@example.org        or sent, or failed; one line each
 *     error 451 4.3.0 try later         of the last try; absent at first
 *     <empty line>
 *     the message without its "To:"
 *
 * A mail of which every recipient is sent loses its message and stays for a
 * while, so that it can be asked for; so does one that failed, with its message,
 * so that it can be tried again. Changes happen under the lock of the folder
 * (.lock); whoever sends holds another one (.sender), so that each mail is sent
 * by one process only. */
#ifndef SLC_REPORT_MAIL_SPOOL_H
#define SLC_REPORT_MAIL_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "report/mail_address.h"

enum {
    SLC_MAIL_ID_BYTES = 65,      /* letters, digits, '-', '_'; with its NUL */
    SLC_MAIL_WAITING_MAX = 1000, /* mails that wait */
    SLC_MAIL_FINISHED_MAX = 256, /* that are sent or failed, the oldest go first */
    SLC_MAIL_MESSAGE_MAX_BYTES = 4 << 20,
    SLC_MAIL_REASON_BYTES = 256,
};

enum slc_mail_state { SLC_MAIL_WAITING, SLC_MAIL_SENT, SLC_MAIL_FAILED };

/* "waiting", "sent", "failed" */
const char *slc_mail_state_name(enum slc_mail_state state);

struct slc_mail_recipient {
    char address[SLC_MAIL_ADDRESS_MAX_BYTES + 1];
    enum slc_mail_state state;
};

struct slc_mail {
    char id[SLC_MAIL_ID_BYTES];
    int64_t created_usec, next_usec;
    int64_t attempts;
    char from[SLC_MAIL_ADDRESS_MAX_BYTES + 1];
    struct slc_mail_recipient recipients[SLC_MAIL_ADDRESSES_MAX];
    size_t recipient_count;
    char reason[SLC_MAIL_REASON_BYTES]; /* why the last try failed; "" */
    struct slc_buf message;             /* owned; as far as it was read */
};

void slc_mail_release(struct slc_mail *mail);
#define SLC_AUTO_MAIL SLC_CLEANUP(slc_mail_release)

/* WAITING while one of its recipients is, else FAILED when one is. */
enum slc_mail_state slc_mail_state(const struct slc_mail *mail);

/* Letters, digits, '-' and '_'. */
bool slc_mail_id_is_valid(const char *id);

/* `dir` is the folder, which slc_mail_spool_put() makes (mode 0700). */

/* Put a new mail in; one of that id that is there already stays as it is. Old
 * finished ones are removed. Errors: LIMIT (too many wait, or it is too large), IO,
 * MEMORY, CONFLICT. */
bool slc_mail_spool_put(const char *dir, const struct slc_mail *mail, struct slc_error *error);

/* Errors: NOT_FOUND, FORMAT (the file is none), NAME, IO, MEMORY. */
bool slc_mail_spool_read(const char *dir, const char *id, bool with_message,
                         struct slc_mail *ret_mail, struct slc_error *error);

/* All mails without their messages, oldest first, in one array to be freed with
 * free(). Files that are none are passed over. No folder is no mails. Errors: IO,
 * MEMORY. */
bool slc_mail_spool_list(const char *dir, struct slc_mail **ret_mails, size_t *ret_count,
                         struct slc_error *error);

/* What came of a try: the states of `mail`'s recipients, its attempts, reason
 * and next_usec. A mail that was removed meanwhile stays so. Errors: IO, MEMORY,
 * CONFLICT. */
bool slc_mail_spool_update(const char *dir, const struct slc_mail *mail, struct slc_error *error);

/* Try it again at once, and for as long as a new one: its recipients that failed
 * wait again. Errors: NOT_FOUND, DATA (it is sent), those of update. */
bool slc_mail_spool_retry(const char *dir, const char *id, int64_t now_usec,
                          struct slc_error *error);

bool slc_mail_spool_remove(const char *dir, const char *id, struct slc_error *error);

/* A note <id>.asked: when the batch of that id is over, its report is to be
 * mailed, to `recipients` (one line, may be empty) and the standing ones. It is
 * there until somebody has done it, so that a process that ends while loads go on
 * elsewhere takes no report with it. Errors: IO, MEMORY. */
bool slc_mail_spool_ask(const char *dir, const char *id, struct slc_str recipients,
                        struct slc_error *error);
void slc_mail_spool_answered(const char *dir, const char *id);

/* Some notes: at most `most` ids. Returns how many. */
size_t slc_mail_spool_asked(const char *dir, char (*ids)[SLC_MAIL_ID_BYTES], size_t most);

/* A note's recipients, appended. Errors: NOT_FOUND (it is done), IO, LIMIT. */
bool slc_mail_spool_read_asked(const char *dir, const char *id, struct slc_buf *recipients,
                               struct slc_error *error);

/* Become the one who sends. A descriptor to be closed; -1 with CONFLICT when
 * another process is it. */
int slc_mail_spool_sender(const char *dir, struct slc_error *error);

#endif
