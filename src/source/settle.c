#include "source/settle.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "source/names.h"

enum { READ_BYTES = 1024 * 1024 };

/* A clock of the machine that holds the files may differ by this much. */
static const int64_t clock_skew_usec = 5 * SLC_USEC_PER_SEC;

static int64_t nsec(struct timespec t)
{
    return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t slc_settle_wait_ms(struct slc_settle *settle, const struct stat *status, int64_t now_usec,
                           int64_t wall_usec, int64_t settle_ms)
{
    int64_t settle_usec = settle_ms * 1000;
    int64_t mtime = nsec(status->st_mtim), rested;

    if (!settle->seen || settle->size_bytes != status->st_size || settle->mtime_nsec != mtime ||
        settle->inode != (uint64_t)status->st_ino) {
        /* ctime moves with every write, too, and cannot be set back by a copy
         * that preserves mtime. */
        int64_t ctime = nsec(status->st_ctim);
        int64_t changed_usec = (mtime > ctime ? mtime : ctime) / 1000;
        bool first = !settle->seen;

        *settle = (struct slc_settle){.seen = true,
                                      .size_bytes = status->st_size,
                                      .mtime_nsec = mtime,
                                      .inode = (uint64_t)status->st_ino,
                                      .since_usec = now_usec};
        if (first && wall_usec - changed_usec >= settle_usec + clock_skew_usec)
            settle->since_usec = now_usec - settle_usec;
    }
    rested = now_usec - settle->since_usec;
    return rested >= settle_usec ? 0 : (settle_usec - rested + 999) / 1000;
}

bool slc_sha256_of_file(int fd, const atomic_bool *cancel, char hex[SLC_SHA256_HEX_BYTES],
                        struct slc_error *error)
{
    SLC_AUTO_FREE char *bytes = malloc(READ_BYTES);
    struct slc_sha256 *digest = NULL;
    struct stat status;
    int64_t at = 0;
    int reason = 0;

    if (fstat(fd, &status) < 0)
        return slc_fail_errno(error, errno, "cannot look at the data file");
    digest = bytes ? slc_sha256_new() : NULL;
    if (!digest)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to compute a SHA-256");
    /* A file that grows under our hands must not keep us here for ever. */
    while (at <= status.st_size) {
        ssize_t got;

        if (cancel && atomic_load_explicit(cancel, memory_order_relaxed)) {
            reason = ECANCELED;
            break;
        }
        got = pread(fd, bytes, READ_BYTES, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            reason = errno;
        if (got <= 0)
            break;
        slc_sha256_update(digest, bytes, (size_t)got);
        at += got;
    }
    slc_sha256_finish(digest, hex);
    if (reason == ECANCELED)
        return slc_fail(error, SLC_ERR_CANCELLED, "stopped on request");
    if (reason)
        return slc_fail_errno(error, reason, "cannot read the data file");
    if (at != status.st_size)
        return slc_fail(error, SLC_ERR_CHANGED,
                        "the data file changed its size while it was read; try again when it is "
                        "whole");
    return true;
}

bool slc_ticket_states_contents(const struct slc_ticket *ticket)
{
    return slc_ticket_size_bytes(ticket) >= 0 || slc_ticket_sha256(ticket).len > 0;
}

bool slc_ticket_verify(const struct slc_ticket *ticket, int fd, const atomic_bool *cancel,
                       char hex[SLC_SHA256_HEX_BYTES], struct slc_error *error)
{
    char computed[SLC_SHA256_HEX_BYTES], quoted[SLC_NAME_QUOTE_BYTES];
    int64_t size = slc_ticket_size_bytes(ticket);
    struct stat status;

    slc_name_quote(slc_ticket_file_name(ticket), quoted);
    if (fstat(fd, &status) < 0)
        return slc_fail_errno(error, errno, "cannot look at \"%s\"", quoted);
    if (size >= 0 && status.st_size != size) {
        slc_fail(error, SLC_ERR_CHANGED,
                 "the file has %lld bytes, its ticket says %lld: it is not whole yet, or the "
                 "ticket is of another file; copy it again or correct the ticket's \"size\"",
                 (long long)status.st_size, (long long)size);
        slc_error_locate(error, quoted, 0, (struct slc_str){0});
        return false;
    }
    if (hex)
        hex[0] = '\0';
    if (slc_ticket_sha256(ticket).len == 0)
        return true;
    if (!slc_sha256_of_file(fd, cancel, computed, error)) {
        slc_error_locate(error, quoted, 0, (struct slc_str){0});
        return false;
    }
    if (!slc_str_is(slc_ticket_sha256(ticket), computed)) {
        slc_fail(error, SLC_ERR_CHANGED,
                 "the file's SHA-256 is %s, its ticket says %s: it is not whole yet, or the ticket "
                 "is of another file; copy it again or correct the ticket's \"sha256\"",
                 computed, slc_ticket_sha256(ticket).data);
        slc_error_locate(error, quoted, 0, (struct slc_str){0});
        return false;
    }
    if (hex)
        memcpy(hex, computed, sizeof(computed));
    return true;
}
