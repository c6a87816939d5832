#include "wallet/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

void slc_secret_release(struct slc_secret *secret)
{
    sodium_free(secret->data);
    *secret = (struct slc_secret){0};
}

bool slc_secret_reserve(struct slc_secret *secret, size_t capacity, struct slc_error *error)
{
    slc_secret_release(secret);
    if (sodium_init() < 0)
        return slc_fail(error, SLC_ERR_INTERNAL, "libsodium cannot be used on this machine");
    secret->data = sodium_malloc(capacity ? capacity : 1);
    if (!secret->data)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory for a secret");
    secret->capacity = capacity;
    return true;
}

bool slc_secret_set(struct slc_secret *secret, struct slc_str bytes, struct slc_error *error)
{
    struct slc_secret fresh = {0};

    if (!slc_secret_reserve(&fresh, bytes.len, error))
        return false;
    if (bytes.len)
        memcpy(fresh.data, bytes.data, bytes.len);
    fresh.len = bytes.len;
    slc_secret_release(secret);
    *secret = fresh;
    return true;
}

bool slc_secret_read(int fd, size_t max_bytes, struct slc_secret *secret, struct slc_error *error)
{
    /* Two more: for the line end, and to see that there is too much. */
    if (!slc_secret_reserve(secret, max_bytes + 2, error))
        return false;
    for (;;) {
        ssize_t got = read(fd, secret->data + secret->len, secret->capacity - secret->len);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slc_fail_errno(error, errno, "cannot read");
        secret->len += (size_t)got;
        if (got == 0 || secret->len == secret->capacity)
            break;
    }
    if (secret->len > 0 && secret->data[secret->len - 1] == '\n') {
        secret->len--;
        if (secret->len > 0 && secret->data[secret->len - 1] == '\r')
            secret->len--;
    }
    if (secret->len > max_bytes)
        return slc_fail(error, SLC_ERR_LIMIT, "more than the %zu bytes that are allowed",
                        max_bytes);
    return true;
}

bool slc_secret_read_file(const char *path, size_t max_bytes, struct slc_secret *secret,
                          struct slc_error *error)
{
    /* Non-blocking, so that a FIFO in the file's place cannot hold us. */
    SLC_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct slc_error why = {0};
    struct stat status;

    if (fd < 0)
        return slc_fail_errno(error, errno, "cannot open %s", path);
    if (fstat(fd, &status) < 0)
        return slc_fail_errno(error, errno, "cannot look at %s", path);
    if (!S_ISREG(status.st_mode))
        return slc_fail(error, SLC_ERR_IO, "%s is not a regular file", path);
    if (!slc_secret_read(fd, max_bytes, secret, &why))
        return slc_fail(error, why.code, "%s: %s", path, why.message);
    return true;
}
