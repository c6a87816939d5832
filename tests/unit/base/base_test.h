#ifndef TEST_BASE_TEST_H
#define TEST_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

/* xorshift64*: the same numbers on every machine. */
struct dice {
    uint64_t state;
};

static inline uint64_t roll64(struct dice *dice)
{
    dice->state ^= dice->state >> 12;
    dice->state ^= dice->state << 25;
    dice->state ^= dice->state >> 27;
    return dice->state * UINT64_C(0x2545f4914f6cdd1d);
}

static inline uint64_t roll(struct dice *dice, uint64_t below)
{
    return (roll64(dice) >> 33) % below;
}

#endif
