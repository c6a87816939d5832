/* The table that a command reads: a file, or what is piped in. */
#ifndef SLC_CLI_INPUT_H
#define SLC_CLI_INPUT_H

#include <stdbool.h>

#include "base/error.h"
#include "config/config.h"

struct slc_cli_input {
    int fd;            /* a regular file at its start; the caller's */
    const char *shown; /* slc_cli_input_shown() */
};

/* For messages and metadata: the path, or "standard input" for "-". */
const char *slc_cli_input_shown(const char *operand);

/* The operand names a file, and so its replica; neither "-" nor /dev/fd/63 does. */
bool slc_cli_input_has_name(const char *operand);

/* Open `operand`, "-" being standard input. A pipe, FIFO or socket is read to its
 * end first, into a file without a name in the folder of reader.spool_dir; a line on standard
 * error says when a text ended in the middle of a line. Stops when
 * slc_stop_flag() is set. Errors: NOT_FOUND, IO, LIMIT, DATA, CANCELLED. */
bool slc_cli_open_input(const char *operand, const struct slc_config *config,
                        struct slc_cli_input *ret_input, struct slc_error *error);

#endif
