/* Command lines: long options (--name, --name VALUE, --name=VALUE), one-letter
 * ones (-n VALUE, -nVALUE), operands in between, and "--" behind which all are
 * operands. --help and -h are known to every command. */
#ifndef SLC_CLI_ARGS_H
#define SLC_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* One option of a command. An array of them ends with one without a name. */
struct slc_flag {
    const char *name;  /* "index" for --index */
    char letter;       /* 'n' for -n, 0 when there is none */
    const char *value; /* what it wants, as the help says it ("COL"); NULL when nothing */
    const char *help;  /* a phrase for the help text */
};

struct slc_given {
    const struct slc_flag *flag;
    const char *value; /* NULL when the flag takes none */
};

/* A parsed command line. The texts are argv's. */
struct slc_args {
    const struct slc_flag *flags;
    struct slc_given *given; /* owned; in the order of the command line */
    size_t given_count;
    const char **operands; /* owned; NULL behind the last one */
    size_t operand_count;
    bool help;                 /* --help or -h was among them */
    char *const *command_line; /* the program's, as main() got it; NULL in tests */
};

#define SLC_AUTO_ARGS SLC_CLEANUP(slc_args_release)

/* Parse argv[0] .. argv[argc - 1], which is what stands behind the command's
 * name. Errors: USAGE (an unknown option, with the nearest known one; a missing
 * or superfluous value), MEMORY; `ret_args` is untouched then. */
bool slc_args_parse(const struct slc_flag *flags, int argc, char **argv, struct slc_args *ret_args,
                    struct slc_error *error);
void slc_args_release(struct slc_args *args);

/* The option was given. A name that the command does not have is a fault in
 * the program (assert), here and below. */
bool slc_args_has(const struct slc_args *args, const char *name);

/* The value that was given last, NULL when none was. */
const char *slc_args_value(const struct slc_args *args, const char *name);

/* The values of an option that may be repeated, one a call: start with *at = 0;
 * NULL at the end. */
const char *slc_args_next(const struct slc_args *args, const char *name, size_t *at);

/* The value as a whole number from `min` to `max`; `otherwise` when it was not
 * given. Errors: USAGE. */
bool slc_args_int(const struct slc_args *args, const char *name, int64_t min, int64_t max,
                  int64_t otherwise, int64_t *ret_value, struct slc_error *error);

/* How far a mistaken name is from a known one: slc_str_distance(), but the
 * beginning of a name is near to it. */
size_t slc_args_distance(struct slc_str given, const char *known);

#endif
