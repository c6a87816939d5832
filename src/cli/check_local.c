/* sluice check: what is on this machine. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/check.h"
#include "cli/text.h"
#include "report/show.h"
#include "source/stream.h"

enum { LOCAL_STATUS = 2, PROBE_SECONDS = 2 };

/* 0, or the errno of asking for it. */
static int ask(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0 ? 0 : errno;
}

static bool may(const char *path, int mode)
{
    return ask(path, mode) == 0;
}

static void append_reason(struct slc_buf *detail, int errno_value)
{
    char reason[128];

    slc_buf_append_text(detail, strerror_r(errno_value, reason, sizeof(reason)));
}

/* ---- Stream directory ------------------------------------------------------ */

static void append_tickets(struct slc_buf *detail, const struct slc_stream_listing *listing,
                           int *ret_faulty)
{
    int64_t counts[SLC_TICKET_FAILED + 1] = {0}, faulty = 0;

    for (size_t i = 0; i < listing->count; i++) {
        const struct slc_stream_entry *entry = &listing->entries[i];

        if (entry->error || !entry->ticket)
            faulty++;
        else
            counts[slc_ticket_status(entry->ticket)]++;
    }
    slc_show_plural(detail, (int64_t)listing->count, "ticket", "tickets");
    for (int i = 0; i <= SLC_TICKET_FAILED; i++) {
        if (counts[i] == 0)
            continue;
        slc_buf_append_text(detail, ", ");
        slc_show_count(detail, counts[i]);
        slc_buf_printf(detail, " %s", slc_ticket_status_name((enum slc_ticket_status)i));
    }
    *ret_faulty = (int)faulty;
}

/* The first ticket that cannot be worked with, and why. */
static void append_faulty(struct slc_buf *detail, const struct slc_stream_listing *listing,
                          int faulty)
{
    for (size_t i = 0; i < listing->count; i++) {
        const struct slc_stream_entry *entry = &listing->entries[i];

        if (!entry->error)
            continue;
        slc_show_plural(detail, faulty, "ticket", "tickets");
        slc_buf_append_text(detail, " cannot be worked with, the first is ");
        slc_text_safe(detail, slc_str_from(entry->ticket_name));
        slc_buf_append_text(detail, ": ");
        slc_text_safe(detail, slc_str_from(entry->error->message));
        return;
    }
}

static void check_tickets(struct slc_check *check, const struct slc_stream *stream)
{
    SLC_AUTO_BUF struct slc_buf detail = {0};
    SLC_AUTO_LISTING struct slc_stream_listing listing = {0};
    struct slc_error error = {0};
    int faulty;

    if (!slc_stream_scan(stream, &listing, &error)) {
        slc_text_safe(&detail, slc_str_from(error.message));
        slc_check_note(check, SLC_CHECK_FAIL, "tickets", LOCAL_STATUS, &detail);
        return;
    }
    append_tickets(&detail, &listing, &faulty);
    slc_check_note(check, SLC_CHECK_OK, "tickets", LOCAL_STATUS, &detail);
    if (faulty == 0)
        return;
    append_faulty(&detail, &listing, faulty);
    slc_check_note(check, SLC_CHECK_WARN, "tickets", LOCAL_STATUS, &detail);
}

void slc_check_stream_dir(struct slc_check *check, const struct slc_config *config)
{
    const char *path = slc_config_text(config, "source.stream_dir");
    SLC_AUTO_STREAM struct slc_stream *stream = NULL;
    SLC_AUTO_BUF struct slc_buf detail = {0};
    struct slc_error error = {0};

    if (!slc_stream_open(path, &stream, &error)) {
        slc_text_safe(&detail, slc_str_from(error.message));
        slc_buf_append_text(&detail, "; make it, or set source.stream_dir");
        slc_check_note(check, SLC_CHECK_FAIL, "stream dir", LOCAL_STATUS, &detail);
        return;
    }
    slc_text_safe(&detail, slc_str_from(path));
    if (may(path, W_OK | X_OK)) {
        slc_buf_append_text(&detail, ", writable");
        slc_check_note(check, SLC_CHECK_OK, "stream dir", LOCAL_STATUS, &detail);
    } else {
        slc_buf_append_text(&detail, " cannot be written to: tickets keep their state in Redis "
                                     "alone, and rejected rows are only counted");
        slc_check_note(check, SLC_CHECK_WARN, "stream dir", LOCAL_STATUS, &detail);
    }
    check_tickets(check, stream);
}

/* ---- State directory ------------------------------------------------------- */

/* The nearest folder above `path` that is there: `path` is cut to it. */
static void climb(char *path)
{
    struct stat status;

    while (stat(path, &status) < 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');

        if (!slash) {
            path[0] = '.';
            path[1] = '\0';
            return;
        }
        slash[slash == path] = '\0';
        if (slash == path)
            return;
    }
}

static void check_missing_state_dir(struct slc_check *check, char *path)
{
    SLC_AUTO_BUF struct slc_buf detail = {0};
    bool good;

    slc_text_safe(&detail, slc_str_from(path));
    climb(path);
    good = may(path, W_OK | X_OK);
    if (good) {
        slc_buf_append_text(&detail, " is not there yet and will be made");
    } else {
        slc_buf_append_text(&detail, " is not there and cannot be made in ");
        slc_text_safe(&detail, slc_str_from(path));
        slc_buf_append_text(&detail, ": make it, or set state_dir");
    }
    slc_check_note(check, good ? SLC_CHECK_OK : SLC_CHECK_FAIL, "state dir", LOCAL_STATUS, &detail);
}

void slc_check_state_dir(struct slc_check *check, const struct slc_config *config)
{
    SLC_AUTO_FREE char *path = slc_config_state_dir(config, environ);
    SLC_AUTO_BUF struct slc_buf detail = {0};
    enum slc_check_level level = SLC_CHECK_OK;
    struct stat status;

    if (!path) {
        slc_buf_append_text(&detail, "no memory for its path");
        slc_check_note(check, SLC_CHECK_FAIL, "state dir", LOCAL_STATUS, &detail);
        return;
    }
    if (stat(path, &status) < 0 && errno == ENOENT) {
        check_missing_state_dir(check, path);
        return;
    }
    slc_text_safe(&detail, slc_str_from(path));
    if (!may(path, R_OK | W_OK | X_OK) || !S_ISDIR(status.st_mode)) {
        level = SLC_CHECK_FAIL;
        slc_buf_append_text(&detail, " is no folder that can be written to: change its owner or "
                                     "mode, or set state_dir");
    } else if (status.st_mode & (S_IWGRP | S_IWOTH)) {
        level = SLC_CHECK_WARN;
        slc_buf_append_text(&detail, " can be written to by others, who could put a key of theirs "
                                     "there: chmod 700");
    } else {
        slc_buf_append_text(&detail, ", writable");
    }
    slc_check_note(check, level, "state dir", LOCAL_STATUS, &detail);
}

/* ---- HTTP ------------------------------------------------------------------ */

/* Something at the address answers /healthz with 200. */
static bool is_healthy(const struct addrinfo *address)
{
    static const char request[] = "GET /healthz HTTP/1.0\r\n\r\n";
    SLC_AUTO_CLOSE int fd =
        socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
    struct timeval patience = {.tv_sec = PROBE_SECONDS};
    char answer[12];
    size_t got = 0;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(fd, address->ai_addr, address->ai_addrlen) < 0 ||
        !slc_write_all(fd, request, sizeof(request) - 1, NULL))
        return false;
    while (got < sizeof(answer)) {
        ssize_t n = recv(fd, answer + got, sizeof(answer) - got, 0);

        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return memcmp(answer, "HTTP/1.", 7) == 0 && memcmp(answer + 8, " 200", 4) == 0;
}

/* 0, or the errno of trying to take the address. */
static int try_binding(const struct addrinfo *address)
{
    SLC_AUTO_CLOSE int fd =
        socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);
    int on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, address->ai_addr, address->ai_addrlen) < 0)
        return errno;
    return 0;
}

static void judge_address(struct slc_check *check, const struct addrinfo *address,
                          struct slc_buf *detail)
{
    enum slc_check_level level = SLC_CHECK_FAIL;
    int fault = try_binding(address);

    if (fault == 0) {
        level = SLC_CHECK_OK;
        slc_buf_append_text(detail, " is free");
    } else if (fault == EADDRINUSE && is_healthy(address)) {
        level = SLC_CHECK_OK;
        slc_buf_append_text(detail, " is taken by a service that is well (/healthz)");
    } else if (fault == EADDRINUSE) {
        slc_buf_append_text(detail, " is taken by another program: stop it, or set http.port");
    } else if (fault == EADDRNOTAVAIL) {
        slc_buf_append_text(detail, ": this machine has no such address; set http.bind");
    } else {
        slc_buf_append_text(detail, ": ");
        append_reason(detail, fault);
        slc_buf_append_text(detail,
                            fault == EACCES ? "; ports below 1024 are root's: set http.port" : "");
    }
    slc_check_note(check, level, "http port", LOCAL_STATUS, detail);
}

void slc_check_http(struct slc_check *check, const struct slc_config *config)
{
    const char *host = slc_config_text(config, "http.bind");
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    SLC_AUTO_BUF struct slc_buf detail = {0};
    struct addrinfo *found = NULL;
    char port[16];
    int fault;

    snprintf(port, sizeof(port), "%lld", (long long)slc_config_int(config, "http.port"));
    slc_buf_append_text(&detail, strchr(host, ':') ? "[" : "");
    slc_text_safe(&detail, slc_str_from(host));
    slc_buf_append_text(&detail, strchr(host, ':') ? "]:" : ":");
    slc_buf_append_text(&detail, port);
    fault = getaddrinfo(host, port, &hints, &found);
    if (fault != 0 || !found) {
        slc_buf_append_text(&detail, ": ");
        slc_buf_append_text(&detail, fault ? gai_strerror(fault) : "no such address");
        slc_buf_append_text(&detail, "; set http.bind");
        slc_check_note(check, SLC_CHECK_FAIL, "http port", LOCAL_STATUS, &detail);
        return;
    }
    judge_address(check, found, &detail);
    freeaddrinfo(found);
}

/* ---- Key and log ----------------------------------------------------------- */

void slc_check_key(struct slc_check *check, const struct slc_config *config)
{
    const char *public_key = slc_config_text(config, "auth.ssh_public_key");
    SLC_AUTO_BUF struct slc_buf detail = {0};
    int fault;

    if (slc_config_origin(config, "auth.key") != SLC_ORIGIN_DEFAULT) {
        slc_buf_append_text(&detail, "auth.key is set in ");
        slc_text_safe(&detail, slc_str_from(slc_config_where(config, "auth.key")));
    } else {
        slc_buf_append_text(&detail, "auth.key is not set: the one whose hash is in the state "
                                     "directory counts; the first start makes it");
    }
    slc_check_note(check, SLC_CHECK_OK, "key", LOCAL_STATUS, &detail);
    if (!*public_key)
        return;
    slc_text_safe(&detail, slc_str_from(public_key));
    fault = ask(public_key, R_OK);
    if (fault == 0) {
        slc_buf_append_text(&detail, ": its fingerprint is accepted as a key, and is no secret");
        slc_check_note(check, SLC_CHECK_WARN, "ssh public key", LOCAL_STATUS, &detail);
    } else {
        slc_buf_append_text(&detail, " cannot be read: ");
        append_reason(&detail, fault);
        slc_buf_append_text(&detail, "; set auth.ssh_public_key");
        slc_check_note(check, SLC_CHECK_FAIL, "ssh public key", LOCAL_STATUS, &detail);
    }
}

void slc_check_log(struct slc_check *check, const struct slc_config *config)
{
    const char *path = slc_config_text(config, "log.file");
    SLC_AUTO_BUF struct slc_buf detail = {0}, folder = {0};
    int fault;

    if (!*path)
        return;
    slc_buf_append(&folder, path, strlen(path) - slc_path_base(slc_str_from(path)).len);
    slc_buf_append_byte(&folder, '.');
    fault = ask(path, W_OK);
    if (fault == ENOENT && slc_buf_text(&folder))
        fault = ask(folder.data, W_OK | X_OK);
    slc_text_safe(&detail, slc_str_from(path));
    if (fault == 0) {
        slc_buf_append_text(&detail, ", writable");
    } else {
        slc_buf_append_text(&detail, ": ");
        append_reason(&detail, fault);
        slc_buf_append_text(&detail, "; set log.file");
    }
    slc_check_note(check, fault == 0 ? SLC_CHECK_OK : SLC_CHECK_FAIL, "log file", LOCAL_STATUS,
                   &detail);
}
