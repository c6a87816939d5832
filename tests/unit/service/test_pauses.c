/* The pauses of tickets whose loads failed. */
#include "service/pauses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define A SLC_STR("text a")

static void test_growing(void **state)
{
    struct slc_pauses *pauses = slc_pauses_new();
    int64_t now = 1000, pause = SLC_PAUSE_FIRST_USEC;

    (void)state;
    assert_non_null(pauses);
    assert_true(slc_pauses_may_try(pauses, "a.ticket", A, now));
    for (int i = 0; i < 40; i++) {
        slc_pauses_failed(pauses, "a.ticket", now);
        assert_false(slc_pauses_may_try(pauses, "a.ticket", A, now + pause - 1));
        assert_true(slc_pauses_may_try(pauses, "a.ticket", A, now + pause));
        assert_true(slc_pauses_may_try(pauses, "b.ticket", A, now));
        assert_true(slc_pauses_ended(pauses, now, now + pause));
        assert_false(slc_pauses_ended(pauses, now, now + pause - 1));
        assert_false(slc_pauses_ended(pauses, now + pause, now + 2 * pause));
        now += pause;
        pause = 2 * pause > SLC_PAUSE_MAX_USEC ? SLC_PAUSE_MAX_USEC : 2 * pause;
    }
    slc_pauses_forget(pauses, "a.ticket");
    assert_true(slc_pauses_may_try(pauses, "a.ticket", A, now));
    slc_pauses_free(pauses);
}

static void test_a_new_text_starts_anew(void **state)
{
    struct slc_pauses *pauses = slc_pauses_new();

    (void)state;
    slc_pauses_failed(pauses, "a.ticket", 0);
    assert_false(slc_pauses_may_try(pauses, "a.ticket", A, 1));
    assert_true(slc_pauses_may_try(pauses, "a.ticket", SLC_STR("text b"), 1));
    slc_pauses_failed(pauses, "a.ticket", 0);
    assert_true(slc_pauses_may_try(pauses, "a.ticket", A, SLC_PAUSE_FIRST_USEC));
    slc_pauses_free(pauses);
}

static void test_what_is_gone_is_forgotten(void **state)
{
    struct slc_pauses *pauses = slc_pauses_new();
    char name[32];

    (void)state;
    for (int i = 99; i >= 0; i--) {
        snprintf(name, sizeof(name), "%d.ticket", i);
        slc_pauses_failed(pauses, name, 0);
    }
    slc_pauses_end_round(pauses); /* they came during it */
    for (int i = 0; i < 100; i += 2) {
        snprintf(name, sizeof(name), "%d.ticket", i);
        assert_false(slc_pauses_may_try(pauses, name, A, 1));
    }
    slc_pauses_end_round(pauses);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "%d.ticket", i);
        assert_int_equal(slc_pauses_may_try(pauses, name, A, 1), i % 2);
    }
    slc_pauses_free(pauses);
}

static void test_none(void **state)
{
    (void)state;
    slc_pauses_failed(NULL, "a.ticket", 0);
    slc_pauses_forget(NULL, "a.ticket");
    slc_pauses_end_round(NULL);
    assert_true(slc_pauses_may_try(NULL, "a.ticket", A, 0));
    assert_false(slc_pauses_ended(NULL, 0, 1));
    slc_pauses_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_a_new_text_starts_anew),
        cmocka_unit_test(test_what_is_gone_is_forgotten),
        cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
