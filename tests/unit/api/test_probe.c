/* A directory that may hang. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "api/probe.h"
#include "base/time.h"

static sem_t release, ended;
static atomic_int looks;

/* Hangs until it is let go. */
static bool hang(const char *path)
{
    (void)path;
    atomic_fetch_add(&looks, 1);
    while (sem_wait(&release) != 0)
        continue;
    sem_post(&ended);
    return true;
}

static void test_a_directory(void **state)
{
    struct slc_probe *probe = slc_probe_new("/tmp", NULL);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_true(slc_probe_ask(probe, 10 * SLC_USEC_PER_SEC));
    slc_probe_free(probe);
    probe = slc_probe_new("/proc/self/exe", NULL);
    assert_false(slc_probe_ask(probe, 10 * SLC_USEC_PER_SEC));
    slc_probe_free(probe);
    probe = slc_probe_new("/nonexistent/directory", NULL);
    assert_false(slc_probe_ask(probe, 10 * SLC_USEC_PER_SEC));
    slc_probe_free(probe);
    slc_probe_free(NULL);
}

static void test_one_that_hangs(void **state)
{
    struct slc_probe *probe = slc_probe_new("/tmp", hang);
    int64_t start = slc_monotonic_usec();

    (void)state;
    assert_int_equal(sem_init(&release, 0, 0), 0);
    assert_int_equal(sem_init(&ended, 0, 0), 0);
    assert_false(slc_probe_ask(probe, 50000));
    assert_true(slc_monotonic_usec() - start >= 50000);
    /* Nobody waits for it any more, and no more threads are caught by it. */
    for (int i = 0; i < 1000; i++)
        assert_false(slc_probe_ask(probe, 600 * SLC_USEC_PER_SEC));
    assert_int_equal(atomic_load(&looks), 1);
    /* It comes back. */
    sem_post(&release);
    sem_wait(&ended);
    sem_post(&release);
    while (!slc_probe_ask(probe, 10 * SLC_USEC_PER_SEC)) /* the first look may not be over yet */
        continue;
    assert_true(atomic_load(&looks) >= 2);
    /* Freed while it hangs: the look frees the rest. */
    assert_false(slc_probe_ask(probe, 1000));
    slc_probe_free(probe);
    sem_wait(&ended);
    sem_post(&release);
    sem_wait(&ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_directory),
        cmocka_unit_test(test_one_that_hangs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
