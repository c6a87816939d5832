/* What the reader's tests share. */
#ifndef TEST_READER_TEST_H
#define TEST_READER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "read_all.h"

/* xorshift64*: the same numbers on every machine. */
struct dice {
    uint64_t state;
};

static inline uint64_t roll(struct dice *dice, uint64_t below)
{
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    return (dice->state * UINT64_C(0x2545f4914f6cdd1d) >> 33) % below;
}

/* The table's dump, or "error: CODE row N: message"; freed by the caller. */
char *dump(struct slc_str table, const struct slc_reader_options *options, int n_threads);

/* Every chunk size (`all_sizes`: from 1 to 70) and number of threads gives the
 * same dump, or the test fails. */
void same_in_every_way(struct slc_str table, struct slc_reader_options options, bool all_sizes);

static inline struct slc_str str(const char *text)
{
    return slc_str_from(text);
}

#endif
