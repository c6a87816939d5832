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

static inline struct slc_str str(const char *text)
{
    return slc_str_from(text);
}

#endif
