/* Changing and making tickets. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "source/names.h"
#include "source/stream_internal.h"

static bool is_refusal(int reason)
{
    return reason == EACCES || reason == EPERM || reason == EROFS;
}

/* 0, or the errno of making a file. */
static int try_writing(const struct slc_stream *stream)
{
    unsigned char random[8];
    char tail[17], name[64];
    int fd, reason;

    if (!slc_random_bytes(random, sizeof(random), NULL))
        return EIO;
    slc_hex_encode(random, sizeof(random), tail);
    (void)snprintf(name, sizeof(name), ".sluice.%s.tmp", tail);
    fd = openat(stream->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    close(fd);
    reason = unlinkat(stream->dir_fd, name, 0) < 0 ? errno : 0;
    return reason;
}

bool slc_stream_is_writable(const struct slc_stream *stream)
{
    return try_writing(stream) == 0;
}

/* Give the new file to the owner of the old one, where we may. It is opened
 * and looked at first: only a file that is ours and has no other name is
 * given away, so that nobody can slip us one of somebody else's. */
static void keep_owner(const struct slc_stream *stream, const char *name, const struct stat *old)
{
    SLC_AUTO_CLOSE int fd = -1;
    struct stat status;

    if (old->st_uid == geteuid() && old->st_gid == getegid())
        return;
    fd = openat(stream->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1 ||
        status.st_uid != geteuid())
        return;
    /* The group alone is allowed to its members; the owner only to root. */
    if (fchown(fd, old->st_uid, old->st_gid) < 0 && fchown(fd, (uid_t)-1, old->st_gid) < 0)
        return;
    /* A change of owner may take bits of the mode away. */
    (void)!fchmod(fd, old->st_mode & 0777);
}

static bool apply(struct slc_ticket *ticket, const struct slc_ticket_change *change,
                  struct slc_error *error)
{
    static const struct slc_error unknown = {.code = SLC_ERR_INTERNAL,
                                             .message = "the load failed"};

    if (change->status == SLC_TICKET_FAILED) {
        if (!slc_ticket_set_failed(ticket, change->fault ? change->fault : &unknown, error))
            return false;
    } else if (!slc_ticket_set_status(ticket, change->status, error)) {
        return false;
    }
    return !change->load_dttm ||
           slc_ticket_set_load_dttm(ticket, slc_str_from(change->load_dttm), error);
}

static bool rewrite_locked(struct slc_stream *stream, const char *name,
                           const struct slc_ticket *seen, const struct slc_ticket_change *change,
                           enum slc_rewrite *ret_rewrite, struct slc_ticket **ret_ticket,
                           struct slc_error *error)
{
    SLC_AUTO_BUF struct slc_buf text = {0};
    SLC_AUTO_TICKET struct slc_ticket *ticket = NULL;
    enum slc_rewrite rewrite = SLC_REWRITE_DONE;
    struct slc_error fault = {0};
    struct stat status;

    if (!slc_stream_read_text(stream, name, &text, &status, &fault)) {
        if (fault.code == SLC_ERR_NOT_FOUND) {
            rewrite = SLC_REWRITE_VANISHED;
            goto done;
        }
        if (error)
            *error = fault;
        return false;
    }
    if (!slc_ticket_parse_loosely(name, slc_buf_view(&text), &ticket, error))
        return false;
    if (seen && !slc_ticket_same_request(seen, ticket)) {
        rewrite = SLC_REWRITE_REPLACED;
        goto done;
    }
    if (!apply(ticket, change, error))
        return false;
    if (!slc_file_replace(stream->dir_fd, name, slc_ticket_text(ticket), status.st_mode & 0777,
                          &fault)) {
        if (!is_refusal(try_writing(stream))) {
            if (error)
                *error = fault;
            return false;
        }
        rewrite = SLC_REWRITE_READ_ONLY;
    } else {
        keep_owner(stream, name, &status);
    }
done:
    *ret_rewrite = rewrite;
    if (ret_ticket) {
        *ret_ticket = ticket;
        ticket = NULL;
    }
    return true;
}

bool slc_stream_rewrite(struct slc_stream *stream, const char *ticket_name,
                        const struct slc_ticket *seen, const struct slc_ticket_change *change,
                        enum slc_rewrite *ret_rewrite, struct slc_ticket **ret_ticket,
                        struct slc_error *error)
{
    bool good;

    if (!slc_ticket_name_check(slc_str_from(ticket_name), error))
        return false;
    pthread_mutex_lock(&stream->rewriting);
    good = rewrite_locked(stream, ticket_name, seen, change, ret_rewrite, ret_ticket, error);
    pthread_mutex_unlock(&stream->rewriting);
    if (!good)
        slc_error_locate(error, ticket_name, 0, (struct slc_str){0});
    return good;
}

bool slc_stream_write_ticket(struct slc_stream *stream, const char *ticket_name,
                             const struct slc_ticket *ticket, mode_t mode, bool replace,
                             struct slc_error *error)
{
    struct stat old = {0};
    bool there, good;

    if (!slc_ticket_name_check(slc_str_from(ticket_name), error))
        return false;
    pthread_mutex_lock(&stream->rewriting);
    there = fstatat(stream->dir_fd, ticket_name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (there && !replace) {
        good = slc_fail(error, SLC_ERR_CONFLICT,
                        "there is a ticket %s already; remove it or ask for it to be replaced",
                        ticket_name);
    } else {
        bool regular = there && S_ISREG(old.st_mode);

        good = slc_file_replace(stream->dir_fd, ticket_name, slc_ticket_text(ticket),
                                regular ? old.st_mode & 0777 : mode, error);
        if (good && regular)
            keep_owner(stream, ticket_name, &old);
    }
    pthread_mutex_unlock(&stream->rewriting);
    if (!good)
        slc_error_locate(error, ticket_name, 0, (struct slc_str){0});
    return good;
}
