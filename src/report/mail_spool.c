#include "report/mail_spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/num.h"

enum { LOCK_PATIENCE_MS = 10000, HEAD_MAX_BYTES = 16384, ASKED_MAX_BYTES = 8192 };

static const char magic[] = "sluice-mail 1";
static const char suffix[] = ".mail";
static const char asked_suffix[] = ".asked";

void slc_mail_release(struct slc_mail *mail)
{
    slc_buf_release(&mail->message);
}

const char *slc_mail_state_name(enum slc_mail_state state)
{
    static const char *const names[] = {"waiting", "sent", "failed"};

    return names[state];
}

enum slc_mail_state slc_mail_state(const struct slc_mail *mail)
{
    enum slc_mail_state state = SLC_MAIL_SENT;

    for (size_t i = 0; i < mail->recipient_count; i++) {
        if (mail->recipients[i].state == SLC_MAIL_WAITING)
            return SLC_MAIL_WAITING;
        if (mail->recipients[i].state == SLC_MAIL_FAILED)
            state = SLC_MAIL_FAILED;
    }
    return state;
}

bool slc_mail_id_is_valid(const char *id)
{
    size_t len = strlen(id);

    for (size_t i = 0; i < len; i++) {
        char c = id[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return len > 0 && len < SLC_MAIL_ID_BYTES;
}

static bool path_with(const char *dir, const char *id, const char *tail, char path[PATH_MAX],
                      struct slc_error *error)
{
    if (!slc_mail_id_is_valid(id))
        return slc_fail(error, SLC_ERR_NAME, "this is no mail's id");
    if ((size_t)snprintf(path, PATH_MAX, "%s/%s%s", dir, id, tail) >= PATH_MAX)
        return slc_fail(error, SLC_ERR_NAME, "the path of the mails' folder is too long");
    return true;
}

static bool path_of(const char *dir, const char *id, char path[PATH_MAX], struct slc_error *error)
{
    return path_with(dir, id, suffix, path, error);
}

/* ---- Writing ------------------------------------------------------------ */

static void write_head(const struct slc_mail *mail, struct slc_buf *out)
{
    slc_buf_printf(out,
                   "%s\ncreated %" PRId64 "\nnext %" PRId64 "\nattempts %" PRId64 "\nfrom %s\n",
                   magic, mail->created_usec, mail->next_usec, mail->attempts, mail->from);
    for (size_t i = 0; i < mail->recipient_count; i++)
        slc_buf_printf(out, "to %s %s\n", slc_mail_state_name(mail->recipients[i].state),
                       mail->recipients[i].address);
    if (mail->reason[0])
        slc_buf_printf(out, "error %s\n", mail->reason);
    slc_buf_append_byte(out, '\n');
}

static bool write_mail(const char *dir, const struct slc_mail *mail, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf file = {0};
    char path[PATH_MAX];

    write_head(mail, &file);
    if (slc_mail_state(mail) != SLC_MAIL_SENT)
        slc_buf_append_str(&file, slc_buf_view(&mail->message));
    if (file.failed || mail->message.failed)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a mail");
    return path_of(dir, mail->id, path, error) &&
           slc_file_replace(AT_FDCWD, path, slc_buf_view(&file), 0600, error);
}

/* ---- Reading ------------------------------------------------------------ */

static bool take_number(struct slc_str text, int64_t *ret_number)
{
    return slc_parse_int64(text.data, text.len, ret_number) && *ret_number >= 0;
}

static bool take_address(struct slc_str text, char address[SLC_MAIL_ADDRESS_MAX_BYTES + 1])
{
    if (!slc_mail_address_is_valid(text))
        return false;
    memcpy(address, text.data, text.len);
    address[text.len] = '\0';
    return true;
}

static bool take_recipient(struct slc_str text, struct slc_mail *mail)
{
    struct slc_mail_recipient *recipient = &mail->recipients[mail->recipient_count];
    const char *space = text.len ? memchr(text.data, ' ', text.len) : NULL;
    struct slc_str state = {.data = text.data};

    if (!space || mail->recipient_count == SLC_MAIL_ADDRESSES_MAX)
        return false;
    state.len = (size_t)(space - text.data);
    for (int i = SLC_MAIL_WAITING; i <= SLC_MAIL_FAILED; i++) {
        if (!slc_str_is(state, slc_mail_state_name((enum slc_mail_state)i)))
            continue;
        recipient->state = (enum slc_mail_state)i;
        mail->recipient_count++;
        return take_address((struct slc_str){.data = space + 1, .len = text.len - state.len - 1},
                            recipient->address);
    }
    return false;
}

static bool take_line(struct slc_str line, struct slc_mail *mail)
{
    const char *space = memchr(line.data, ' ', line.len);
    struct slc_str key = {.data = line.data}, value;

    if (!space)
        return false;
    key.len = (size_t)(space - line.data);
    value = (struct slc_str){.data = space + 1, .len = line.len - key.len - 1};
    if (slc_str_is(key, "created"))
        return take_number(value, &mail->created_usec);
    if (slc_str_is(key, "next"))
        return take_number(value, &mail->next_usec);
    if (slc_str_is(key, "attempts"))
        return take_number(value, &mail->attempts);
    if (slc_str_is(key, "from"))
        return take_address(value, mail->from);
    if (slc_str_is(key, "to"))
        return take_recipient(value, mail);
    if (slc_str_is(key, "error")) {
        (void)snprintf(mail->reason, sizeof(mail->reason), "%.*s", SLC_STR_ARG(value));
        return true;
    }
    return false;
}

/* The head; `rest` is what is behind its empty line. */
static bool parse_head(struct slc_str *rest, struct slc_mail *mail)
{
    for (bool first = true;; first = false) {
        const char *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
        struct slc_str line = {.data = rest->data};

        if (!end)
            return false;
        line.len = (size_t)(end - rest->data);
        rest->data = end + 1;
        rest->len -= line.len + 1;
        if (first && !slc_str_is(line, magic))
            return false;
        if (line.len == 0)
            return mail->recipient_count > 0 && mail->from[0];
        if (!first && !take_line(line, mail))
            return false;
    }
}

/* The beginning of a file is enough where the message is not wanted. */
static bool read_file(const char *path, bool with_message, struct slc_buf *file,
                      struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = -1;
    ssize_t got;
    char *at;

    if (with_message)
        return slc_file_read(AT_FDCWD, path, HEAD_MAX_BYTES + SLC_MAIL_MESSAGE_MAX_BYTES, file,
                             error);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return slc_fail_errno(error, errno, "cannot open %s", path);
    at = slc_buf_reserve(file, HEAD_MAX_BYTES);
    if (!at)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a mail");
    while ((got = read(fd, at, HEAD_MAX_BYTES)) < 0 && errno == EINTR)
        ;
    if (got < 0)
        return slc_fail_errno(error, errno, "cannot read %s", path);
    file->len = (size_t)got;
    return true;
}

bool slc_mail_spool_read(const char *dir, const char *id, bool with_message,
                         struct slc_mail *ret_mail, struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf file = {0};
    struct slc_mail mail = {0};
    struct slc_str rest;
    char path[PATH_MAX];

    if (!path_of(dir, id, path, error) || !read_file(path, with_message, &file, error))
        return false;
    rest = slc_buf_view(&file);
    if (!parse_head(&rest, &mail))
        return slc_fail(error, SLC_ERR_FORMAT, "%s is no mail of sluice", path);
    (void)snprintf(mail.id, sizeof(mail.id), "%s", id);
    if (with_message)
        slc_buf_append_str(&mail.message, rest);
    if (mail.message.failed) {
        slc_mail_release(&mail);
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a mail");
    }
    *ret_mail = mail;
    return true;
}

/* ---- Listing ------------------------------------------------------------ */

static int by_age(const void *a, const void *b)
{
    const struct slc_mail *one = a, *two = b;

    if (one->created_usec != two->created_usec)
        return one->created_usec < two->created_usec ? -1 : 1;
    return strcmp(one->id, two->id);
}

static bool id_of(const char *name, const char *ending, char id[SLC_MAIL_ID_BYTES])
{
    size_t len = strlen(name), tail = strlen(ending);

    if (len <= tail || len - tail >= SLC_MAIL_ID_BYTES || strcmp(name + len - tail, ending) != 0)
        return false;
    memcpy(id, name, len - tail);
    id[len - tail] = '\0';
    return slc_mail_id_is_valid(id);
}

bool slc_mail_spool_list(const char *dir, struct slc_mail **ret_mails, size_t *ret_count,
                         struct slc_error *error)
{
    struct slc_mail *mails = NULL;
    size_t count = 0, capacity = 0;
    struct dirent *entry;
    DIR *folder = opendir(dir);

    if (!folder && errno != ENOENT)
        return slc_fail_errno(error, errno, "cannot open %s", dir);
    while (folder && (entry = readdir(folder))) {
        char id[SLC_MAIL_ID_BYTES];

        if (!id_of(entry->d_name, suffix, id))
            continue;
        if (count == capacity) {
            struct slc_mail *more = realloc(mails, (2 * capacity + 16) * sizeof(*mails));

            if (!more) {
                free(mails);
                closedir(folder);
                return slc_fail(error, SLC_ERR_MEMORY, "no memory for the mails");
            }
            mails = more;
            capacity = 2 * capacity + 16;
        }
        count += slc_mail_spool_read(dir, id, false, &mails[count], NULL);
    }
    if (folder)
        closedir(folder);
    if (count > 0)
        qsort(mails, count, sizeof(*mails), by_age);
    *ret_mails = mails;
    *ret_count = count;
    return true;
}

/* ---- Changing ----------------------------------------------------------- */

static int lock(const char *dir, const char *name, int64_t patience_ms, struct slc_error *error)
{
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path)) {
        slc_fail(error, SLC_ERR_NAME, "the path of the mails' folder is too long");
        return -1;
    }
    return slc_file_lock(path, patience_ms, error);
}

int slc_mail_spool_sender(const char *dir, struct slc_error *error)
{
    return slc_dir_make(dir, 0700, error) ? lock(dir, ".sender", 0, error) : -1;
}

/* Remove the oldest finished ones beyond what is kept. */
static void trim(const char *dir, const struct slc_mail *mails, size_t count, size_t finished)
{
    for (size_t i = 0; i < count && finished > SLC_MAIL_FINISHED_MAX; i++) {
        char path[PATH_MAX];

        if (slc_mail_state(&mails[i]) == SLC_MAIL_WAITING || !path_of(dir, mails[i].id, path, NULL))
            continue;
        (void)unlink(path);
        finished--;
    }
}

bool slc_mail_spool_put(const char *dir, const struct slc_mail *mail, struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = -1;
    SLC_AUTO_FREE struct slc_mail *mails = NULL;
    size_t count = 0, waiting = 0;

    if (mail->message.len > SLC_MAIL_MESSAGE_MAX_BYTES)
        return slc_fail(error, SLC_ERR_LIMIT, "the mail is too large");
    if (!slc_dir_make(dir, 0700, error) || (fd = lock(dir, ".lock", LOCK_PATIENCE_MS, error)) < 0 ||
        !slc_mail_spool_list(dir, &mails, &count, error))
        return false;
    for (size_t i = 0; i < count; i++)
        waiting += slc_mail_state(&mails[i]) == SLC_MAIL_WAITING;
    trim(dir, mails, count, count - waiting);
    if (waiting >= SLC_MAIL_WAITING_MAX)
        return slc_fail(error, SLC_ERR_LIMIT, "%d mails wait already; no more are taken",
                        (int)SLC_MAIL_WAITING_MAX);
    for (size_t i = 0; i < count; i++)
        if (strcmp(mails[i].id, mail->id) == 0)
            return true;
    return write_mail(dir, mail, error);
}

bool slc_mail_spool_update(const char *dir, const struct slc_mail *mail, struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = lock(dir, ".lock", LOCK_PATIENCE_MS, error);
    SLC_AUTO_MAIL struct slc_mail now = {0};
    struct slc_error why = {0};

    if (fd < 0)
        return false;
    if (!slc_mail_spool_read(dir, mail->id, true, &now, &why)) {
        if (why.code == SLC_ERR_NOT_FOUND)
            return true;
        return slc_fail(error, why.code, "%s", why.message);
    }
    memcpy(now.recipients, mail->recipients, sizeof(now.recipients));
    now.recipient_count = mail->recipient_count;
    now.attempts = mail->attempts;
    now.next_usec = mail->next_usec;
    memcpy(now.reason, mail->reason, sizeof(now.reason));
    return write_mail(dir, &now, error);
}

bool slc_mail_spool_retry(const char *dir, const char *id, int64_t now_usec,
                          struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = -1;
    SLC_AUTO_MAIL struct slc_mail mail = {0};

    /* Before the lock, which a folder that is not there does not have. */
    if (!slc_mail_spool_read(dir, id, false, &mail, error) ||
        (fd = lock(dir, ".lock", LOCK_PATIENCE_MS, error)) < 0 ||
        !slc_mail_spool_read(dir, id, true, &mail, error))
        return false;
    if (slc_mail_state(&mail) == SLC_MAIL_SENT)
        return slc_fail(error, SLC_ERR_DATA, "the mail %s is sent", id);
    for (size_t i = 0; i < mail.recipient_count; i++)
        if (mail.recipients[i].state == SLC_MAIL_FAILED)
            mail.recipients[i].state = SLC_MAIL_WAITING;
    mail.created_usec = mail.next_usec = now_usec;
    mail.attempts = 0;
    return write_mail(dir, &mail, error);
}

bool slc_mail_spool_remove(const char *dir, const char *id, struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = -1;
    SLC_AUTO_MAIL struct slc_mail mail = {0};
    char path[PATH_MAX];

    if (!slc_mail_spool_read(dir, id, false, &mail, error) ||
        (fd = lock(dir, ".lock", LOCK_PATIENCE_MS, error)) < 0 || !path_of(dir, id, path, error))
        return false;
    return unlink(path) == 0 || slc_fail_errno(error, errno, "cannot remove %s", path);
}

/* ---- What was asked for ---------------------------------------------------- */

bool slc_mail_spool_ask(const char *dir, const char *id, struct slc_str recipients,
                        struct slc_error *error)
{
    char path[PATH_MAX];

    return slc_dir_make(dir, 0700, error) && path_with(dir, id, asked_suffix, path, error) &&
           slc_file_replace(AT_FDCWD, path, recipients, 0600, error);
}

void slc_mail_spool_answered(const char *dir, const char *id)
{
    char path[PATH_MAX];

    if (path_with(dir, id, asked_suffix, path, NULL))
        (void)unlink(path);
}

size_t slc_mail_spool_asked(const char *dir, char (*ids)[SLC_MAIL_ID_BYTES], size_t most)
{
    DIR *folder = opendir(dir);
    struct dirent *entry;
    size_t count = 0;

    while (folder && count < most && (entry = readdir(folder)))
        count += id_of(entry->d_name, asked_suffix, ids[count]);
    if (folder)
        closedir(folder);
    return count;
}

bool slc_mail_spool_read_asked(const char *dir, const char *id, struct slc_buf *recipients,
                               struct slc_error *error)
{
    char path[PATH_MAX];

    return path_with(dir, id, asked_suffix, path, error) &&
           slc_file_read(AT_FDCWD, path, ASKED_MAX_BYTES, recipients, error);
}
