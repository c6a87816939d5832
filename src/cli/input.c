#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/progress.h"
#include "cli/stop.h"
#include "reader/spool.h"

/* reader.spool_dir, else $TMPDIR, else the state directory, made if need be. */
static char *spool_directory(const struct slc_config *config, struct slc_error *error)
{
    const char *path = slc_config_text(config, "reader.spool_dir");
    SLC_AUTO_FREE char *state = NULL;
    char *copy;

    if (!*path) {
        path = slc_environment_get(environ, "TMPDIR");
        if (!path || !*path)
            path = state = slc_config_state_dir(config, environ);
    }
    copy = path ? slc_str_dup(slc_str_from(path)) : NULL;
    if (!copy) {
        slc_fail(error, SLC_ERR_MEMORY, "no memory for a path");
        return NULL;
    }
    if (state && !slc_dir_make(copy, 0700, error)) {
        free(copy);
        return NULL;
    }
    return copy;
}

static bool spool(const struct slc_config *config, struct slc_cli_input *input,
                  struct slc_error *error)
{
    SLC_AUTO_FREE char *directory = spool_directory(config, error);
    struct slc_load_progress progress = {0};
    struct slc_spool_options options = {
        .directory = directory,
        .max_bytes = slc_config_bytes(config, "reader.spool_max_bytes"),
        .cancel = slc_stop_flag(),
        .position_bytes = &progress.position_bytes,
    };
    struct slc_progress_bar *bar;
    bool good, cut = false;
    int fd = -1;

    if (!directory)
        return false;
    bar = slc_progress_bar_start(input->shown, &progress, true);
    good = slc_spool(input->fd, &options, &fd, &cut, error);
    slc_progress_bar_stop(bar);
    if (!good)
        return false;
    if (cut)
        fprintf(stderr, "sluice: %s: it ends in the middle of a line; was the pipe cut off?\n",
                input->shown);
    close(input->fd);
    input->fd = fd;
    return true;
}

const char *slc_cli_input_shown(const char *operand)
{
    return strcmp(operand, "-") == 0 ? "standard input" : operand;
}

bool slc_cli_input_has_name(const char *operand)
{
    return strcmp(operand, "-") != 0 && strncmp(operand, "/dev/", 5) != 0 &&
           strncmp(operand, "/proc/", 6) != 0;
}

bool slc_cli_open_input(const char *operand, const struct slc_config *config,
                        struct slc_cli_input *ret_input, struct slc_error *error)
{
    bool is_stdin = strcmp(operand, "-") == 0;
    struct slc_cli_input input = {.shown = slc_cli_input_shown(operand)};
    struct stat status;

    input.fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                        : open(operand, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (input.fd < 0)
        return slc_fail_errno(error, errno, "cannot open it");
    /* The reader says what is wrong with a folder or a device. */
    if (fstat(input.fd, &status) == 0 &&
        (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || is_stdin) &&
        slc_spool_is_needed(input.fd) && !spool(config, &input, error)) {
        close(input.fd);
        return false;
    }
    *ret_input = input;
    return true;
}
