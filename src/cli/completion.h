/* Shell completion scripts, written from the table of commands and the option
 * table, so that they never lag behind them. */
#ifndef SLC_CLI_COMPLETION_H
#define SLC_CLI_COMPLETION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "cli/cli.h"

/* Append the script for `shell` ("bash", "zsh" or "fish"). Commands, their
 * options, option keys behind --set, files, and the names of replicas (asked of
 * `sluice ls` when completing) are offered. False for another shell. */
bool slc_cli_completion(const char *shell, const struct slc_command *const *commands, size_t count,
                        struct slc_buf *out);

#endif
