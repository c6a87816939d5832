/* What the tests of the configuration share. */
#ifndef TESTS_UNIT_CONFIG_HELPER_H
#define TESTS_UNIT_CONFIG_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"

static inline int new_config(void **state)
{
    *state = slc_config_new();
    return *state ? 0 : -1;
}

static inline int free_config(void **state)
{
    slc_config_free(*state);
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, new_config, free_config)

static inline void set(struct slc_config *config, const char *assignment)
{
    struct slc_error error = {0};

    if (!slc_config_set(config, assignment, &error))
        fail_msg("%s: %s", assignment, error.message);
}

/* The assignment is refused, and the message has all of these in it. */
static inline void set_fails(struct slc_config *config, const char *assignment, const char *has,
                             const char *also)
{
    struct slc_error error = {0};

    if (slc_config_set(config, assignment, &error))
        fail_msg("%s was taken", assignment);
    assert_int_equal(error.class, SLC_CLASS_FATAL);
    assert_int_equal(slc_error_exit_status(&error), 2);
    if (!strstr(error.message, has) || !strstr(error.message, also))
        fail_msg("\"%s\" lacks \"%s\" or \"%s\"", error.message, has, also);
}

#endif
