#include "reader/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { BLOCK_BYTES = 256 << 10, POLL_MSEC = 100, ENDS_BYTES = 4 };

/* What came so far. */
struct spool {
    const struct slc_spool_options *options;
    int fd; /* the file */
    char *block;
    int64_t n_bytes;
    char first[ENDS_BYTES], last[ENDS_BYTES]; /* the outermost bytes */
};

bool slc_spool_is_needed(int fd)
{
    struct stat status;

    return fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || lseek(fd, 0, SEEK_CUR) != 0;
}

/* ---- The file ---------------------------------------------------------- */

/* For file systems that have no O_TMPFILE. */
static int make_and_unlink(const char *directory)
{
    char path[PATH_MAX];
    int fd;

    if ((size_t)snprintf(path, sizeof(path), "%s/sluice-XXXXXX", directory) >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(path);
    return fd;
}

static int make_file(const char *directory, struct slc_error *error)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        fd = make_and_unlink(directory);
    if (fd < 0)
        slc_fail_errno(error, errno,
                       "cannot make a file in %s to keep the piped input in (see reader.spool_dir)",
                       directory);
    return fd;
}

static bool write_block(const struct spool *spool, size_t len, struct slc_error *error)
{
    for (size_t done = 0; done < len;) {
        ssize_t put = write(spool->fd, spool->block + done, len - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
            return slc_fail(error, SLC_ERR_IO,
                            "there is no room in %s for the piped input (full after %lld bytes); "
                            "make some, or set reader.spool_dir to another folder",
                            spool->options->directory, (long long)(spool->n_bytes + (int64_t)done));
        if (put < 0)
            return slc_fail_errno(error, errno, "cannot write the piped input to %s",
                                  spool->options->directory);
        done += (size_t)put;
    }
    return true;
}

/* ---- The stream -------------------------------------------------------- */

/* More of the stream, as read(2) gives it. A FIFO whose writer has not come yet
 * has nothing to say, which is not its end. */
static ssize_t read_block(int fd, const struct spool *spool, struct slc_error *error)
{
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = poll(&wait, 1, POLL_MSEC);
        ssize_t got;

        if (spool->options->cancel && *spool->options->cancel) {
            slc_fail(error, SLC_ERR_CANCELLED, "stopped while the input was coming in");
            return -1;
        }
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        got = read(fd, spool->block, BLOCK_BYTES);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            slc_fail_errno(error, errno, "the piped input was cut off after %lld bytes",
                           (long long)spool->n_bytes);
        return got;
    }
}

static void keep_ends(struct spool *spool, size_t len)
{
    size_t n = len < ENDS_BYTES ? len : ENDS_BYTES;

    for (int64_t i = spool->n_bytes; i < ENDS_BYTES && i - spool->n_bytes < (int64_t)len; i++)
        spool->first[i] = spool->block[i - spool->n_bytes];
    memmove(spool->last, spool->last + n, ENDS_BYTES - n);
    memcpy(spool->last + ENDS_BYTES - n, spool->block + len - n, n);
}

static bool take_all(int fd, struct spool *spool, struct slc_error *error)
{
    ssize_t got;

    while ((got = read_block(fd, spool, error)) > 0) {
        if (got > spool->options->max_bytes - spool->n_bytes)
            return slc_fail(error, SLC_ERR_LIMIT,
                            "more than %lld bytes were piped in; raise reader.spool_max_bytes",
                            (long long)spool->options->max_bytes);
        if (!write_block(spool, (size_t)got, error))
            return false;
        keep_ends(spool, (size_t)got);
        spool->n_bytes += got;
        if (spool->options->position_bytes)
            *spool->options->position_bytes = spool->n_bytes;
    }
    if (got == 0 && spool->n_bytes == 0)
        return slc_fail(error, SLC_ERR_DATA,
                        "nothing was piped in; did the program before the pipe fail?");
    return got == 0;
}

/* Text whose last line has no end, in UTF-8 or UTF-16; JSON ends otherwise. */
static bool is_cut(const struct spool *spool)
{
    static const char packed[][3] = {"\x1f\x8b", "\x28\xb5", "PK"};
    char last = spool->last[ENDS_BYTES - 1], before = spool->last[ENDS_BYTES - 2];

    for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++)
        if (memcmp(spool->first, packed[i], 2) == 0)
            return false;
    if (last == '\0')
        last = before;
    return !strchr("\r\n]}", last);
}

bool slc_spool(int fd, const struct slc_spool_options *options, int *ret_fd, bool *ret_cut,
               struct slc_error *error)
{
    SLC_AUTO_FREE char *block = malloc(BLOCK_BYTES);
    SLC_AUTO_CLOSE int file = block ? make_file(options->directory, error) : -1;
    struct spool spool = {.options = options, .fd = file, .block = block};

    if (!block)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to take the piped input in");
    if (file < 0 || !take_all(fd, &spool, error))
        return false;
    if (lseek(file, 0, SEEK_SET) < 0)
        return slc_fail_errno(error, errno, "cannot read the piped input again");
    *ret_cut = is_cut(&spool);
    *ret_fd = file;
    file = -1;
    return true;
}
