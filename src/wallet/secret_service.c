#include "wallet/secret_service.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/time.h"
#include "wallet/wallet.h"

static const char library[] = "libsecret-1.so.0";

/* What the asking process ends with. */
enum { FOUND = 0, NOT_THERE = 1, NO_LIBRARY = 2, NO_SERVICE = 3 };

/* SecretSchema and GError as libsecret 0.18 and later, and GLib 2, declare
 * them: both are part of their binary interface. */
struct secret_schema {
    const char *name;
    int flags;
    struct {
        const char *name;
        int type;
    } attributes[32];
    int reserved;
    void *reserved_pointers[7];
};

enum { DONT_MATCH_NAME = 1 << 1, ATTRIBUTE_STRING = 0 };

static const struct secret_schema schema = {
    .name = "org.freedesktop.Secret.Generic",
    .flags = DONT_MATCH_NAME,
    .attributes = {{"service", ATTRIBUTE_STRING}, {"username", ATTRIBUTE_STRING}},
};

/* ---- The process that asks -------------------------------------------- */

static int ask(const char *name, int out_fd)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    char *(*look_up)(const struct secret_schema *, void *, void **, ...);
    void *symbol = handle ? dlsym(handle, "secret_password_lookup_sync") : NULL;
    void *glib_error = NULL;
    char *password;

    if (!symbol)
        return NO_LIBRARY;
    memcpy(&look_up, &symbol, sizeof(symbol)); /* as dlsym(3) says */
    password = look_up(&schema, NULL, &glib_error, "service", "sluice", "username", name,
                       (const char *)NULL);
    if (glib_error)
        return NO_SERVICE;
    if (!password)
        return NOT_THERE;
    return slc_write_all(out_fd, password, strlen(password), NULL) ? FOUND : NO_SERVICE;
}

/* Its messages (GLib's warnings) go nowhere, and it does not outlive us. */
_Noreturn static void run_child(const char *name, int out_fd)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (null_fd >= 0) {
        (void)dup2(null_fd, STDIN_FILENO);
        (void)dup2(null_fd, STDOUT_FILENO);
        (void)dup2(null_fd, STDERR_FILENO);
    }
    _exit(ask(name, out_fd));
}

/* ---- The one that waits ------------------------------------------------ */

/* Read until the end or until time is over. */
static bool collect(int fd, int64_t timeout_ms, struct slc_secret *value, bool *ret_late,
                    struct slc_error *error)
{
    int64_t end_usec = slc_monotonic_usec() + timeout_ms * 1000;

    *ret_late = false;
    if (!slc_secret_reserve(value, SLC_WALLET_VALUE_MAX_BYTES + 1, error))
        return false;
    for (;;) {
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};
        int64_t left_usec = end_usec - slc_monotonic_usec();
        ssize_t got;

        if (left_usec <= 0) {
            *ret_late = true;
            return true;
        }
        if (poll(&pollfd, 1, (int)(left_usec / 1000 + 1)) <= 0)
            continue;
        got = read(fd, value->data + value->len, value->capacity - value->len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slc_fail_errno(error, errno, "cannot read from the Secret Service");
        if (got == 0)
            return true;
        value->len += (size_t)got;
        if (value->len == value->capacity)
            return slc_fail(error, SLC_ERR_LIMIT,
                            "the Secret Service's value has more than %d bytes",
                            (int)SLC_WALLET_VALUE_MAX_BYTES);
    }
}

static bool judge(struct slc_str name, int status, bool late, struct slc_error *error)
{
    if (late)
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the Secret Service gave no answer; is it locked, and nobody there to "
                        "unlock it?");
    switch (WIFEXITED(status) ? WEXITSTATUS(status) : NO_SERVICE) {
    case FOUND:
        return true;
    case NOT_THERE:
        return slc_fail(error, SLC_ERR_NOT_FOUND,
                        "the Secret Service has no \"%.*s\" of service \"sluice\"",
                        SLC_STR_ARG(name));
    case NO_LIBRARY:
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the Secret Service cannot be asked: %s is not installed (package "
                        "libsecret-1-0)",
                        library);
    default:
        return slc_fail(error, SLC_ERR_CONFIG,
                        "the Secret Service cannot be asked: none answers on this session's D-Bus");
    }
}

bool slc_secret_service_get(struct slc_str name, int64_t timeout_ms, struct slc_secret *value,
                            struct slc_error *error)
{
    SLC_AUTO_FREE char *text = slc_str_dup(name);
    bool good, late = false;
    int pipe_fds[2], status = 0;
    pid_t child;

    if (!text)
        return slc_fail(error, SLC_ERR_MEMORY, "no memory to ask the Secret Service");
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return slc_fail_errno(error, errno, "cannot ask the Secret Service");
    child = fork();
    if (child == 0)
        run_child(text, pipe_fds[1]);
    close(pipe_fds[1]);
    if (child < 0) {
        good = slc_fail_errno(error, errno, "cannot ask the Secret Service");
    } else {
        good = collect(pipe_fds[0], timeout_ms, value, &late, error);
        if (!good || late)
            (void)kill(child, SIGKILL);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    }
    close(pipe_fds[0]);
    return good && judge(name, status, late, error);
}
