/* What the tests of the wallet share: a folder of their own. */
#ifndef TESTS_UNIT_WALLET_WALLET_TEST_H
#define TESTS_UNIT_WALLET_WALLET_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "wallet/wallet.h"

static char folder[64];
static char path[128];

static inline int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/slc-wallet-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/wallet", folder);
    return 0;
}

static inline int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

static inline void put_file(const char *name, struct slc_str bytes)
{
    struct slc_error error = {0};

    if (!slc_file_replace(-1, name, bytes, 0600, &error))
        fail_msg("%s", error.message);
}

#define assert_good(call, error)                                                                   \
    do {                                                                                           \
        if (!(call))                                                                               \
            fail_msg("%s", (error).message);                                                       \
    } while (0)

#define assert_message(error, has)                                                                 \
    do {                                                                                           \
        if (!strstr((error).message, has))                                                         \
            fail_msg("\"%s\" lacks \"%s\"", (error).message, has);                                 \
    } while (0)

#endif
