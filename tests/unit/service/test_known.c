#include "service/known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void second_tickets_are_noticed(void **state)
{
    struct slc_known known = {0};

    (void)state;
    assert_true(slc_known_put(&known, "users", "a.ticket"));
    assert_true(slc_known_put(&known, "users", "a.ticket"));
    assert_false(slc_known_put(&known, "users", "b.ticket"));
    assert_true(slc_known_put(&known, "others", "b.ticket"));
    assert_int_equal(known.count, 2);
    slc_known_clear(&known);
    assert_true(slc_known_put(&known, "users", "b.ticket"));
    assert_false(slc_known_put(&known, "users", "a.ticket"));
    slc_known_release(&known);
    assert_true(slc_known_put(&known, "users", "a.ticket"));
    slc_known_release(&known);
}

static void many(void **state)
{
    struct slc_known known = {0};
    char replica[32], ticket[32];

    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 10000; i++) {
            snprintf(replica, sizeof(replica), "r%d", i);
            snprintf(ticket, sizeof(ticket), "t%d.ticket", i);
            assert_true(slc_known_put(&known, replica, ticket));
            assert_false(slc_known_put(&known, replica, "another.ticket"));
        }
    assert_int_equal(known.count, 10000);
    slc_known_release(&known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(second_tickets_are_noticed),
        cmocka_unit_test(many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
