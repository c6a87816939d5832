#include "cli/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>

#include "base/digest.h"
#include "base/file.h"

enum { TRIES = 3, CTRL_C = 3, CTRL_D = 4, CTRL_U = 21, CTRL_BACKSLASH = 28, DELETE = 127 };

/* Byte by byte, so that the keys that end a program do not end it while the
 * terminal shows nothing of what is typed. */
static bool read_line(int fd, size_t max_bytes, struct slc_secret *line, struct slc_error *error)
{
    for (;;) {
        unsigned char c;
        ssize_t got = read(fd, &c, 1);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return slc_fail_errno(error, errno, "cannot read from the terminal");
        if (got == 0 || c == CTRL_C || c == CTRL_BACKSLASH || (c == CTRL_D && line->len == 0))
            return slc_fail(error, SLC_ERR_CANCELLED, "given up; nothing was changed");
        if (c == '\n' || c == '\r')
            return true;
        if (c == CTRL_U) {
            line->len = 0;
        } else if (c == DELETE || c == '\b') {
            /* A character of UTF-8 is one to the person who typed it. */
            while (line->len > 0 && ((unsigned char)line->data[line->len - 1] & 0xc0) == 0x80)
                line->len--;
            line->len -= line->len > 0;
        } else if (c >= 0x20 || c == '\t') {
            if (line->len == max_bytes)
                return slc_fail(error, SLC_ERR_LIMIT, "more than the %zu bytes that are allowed",
                                max_bytes);
            line->data[line->len++] = (char)c;
        }
    }
}

bool slc_prompt_secret(const char *question, size_t max_bytes, struct slc_secret *ret_secret,
                       struct slc_error *error)
{
    SLC_AUTO_CLOSE int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    SLC_AUTO_SECRET struct slc_secret line = {0};
    struct termios before, quiet;
    bool good;

    if (fd < 0 || tcgetattr(fd, &before) < 0)
        return slc_fail(error, SLC_ERR_NOT_FOUND, "there is no terminal to ask on");
    if (!slc_secret_reserve(&line, max_bytes, error))
        return false;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    if (tcsetattr(fd, TCSAFLUSH, &quiet) < 0)
        return slc_fail_errno(error, errno, "cannot turn the terminal's echo off");
    good = slc_write_all(fd, question, strlen(question), error) &&
           read_line(fd, max_bytes, &line, error);
    (void)slc_write_all(fd, "\n", 1, NULL);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    if (!good)
        return false;
    slc_secret_release(ret_secret);
    *ret_secret = line;
    line = (struct slc_secret){0};
    return true;
}

bool slc_prompt_new_secret(const char *question, const char *again, size_t max_bytes,
                           struct slc_secret *ret_secret, struct slc_error *error)
{
    for (int i = 0; i < TRIES; i++) {
        SLC_AUTO_SECRET struct slc_secret second = {0};

        if (!slc_prompt_secret(i ? "These were not the same. Once more: " : question, max_bytes,
                               ret_secret, error) ||
            !slc_prompt_secret(again, max_bytes, &second, error))
            return false;
        if (slc_equal_constant_time(slc_secret_view(ret_secret), slc_secret_view(&second)))
            return true;
    }
    return slc_fail(error, SLC_ERR_USAGE, "the two were not the same; nothing was changed");
}
