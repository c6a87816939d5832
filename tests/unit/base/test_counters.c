#include "base_test.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/counters.h"

enum { CELLS = 700, PROCESSES = 4, THREADS = 4, ROUNDS = 20000 };

static void *count(void *argument)
{
    const struct slc_counters *counters = argument;

    for (int i = 0; i < ROUNDS; i++) {
        slc_counters_add(counters, 0, 1);
        slc_counters_add(counters, CELLS - 1, 3);
    }
    return NULL;
}

/* Two generations of processes, the second in the rows of the first. */
static void processes_count_together(void **state)
{
    SLC_AUTO_COUNTERS struct slc_counters *counters = slc_counters_new(PROCESSES + 1, CELLS, NULL);
    int wait_status;

    (void)state;
    assert_non_null(counters);
    for (int generation = 1; generation <= 2; generation++) {
        pid_t pids[PROCESSES];

        for (size_t i = 0; i < PROCESSES; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0) {
                pthread_t threads[THREADS];

                slc_counters_use_row(counters, 1 + i);
                for (size_t t = 0; t < THREADS; t++)
                    if (pthread_create(&threads[t], NULL, count, counters) != 0)
                        _exit(1);
                for (size_t t = 0; t < THREADS; t++)
                    pthread_join(threads[t], NULL);
                _exit(0);
            }
        }
        for (size_t i = 0; i < PROCESSES; i++) {
            assert_int_equal(waitpid(pids[i], &wait_status, 0), pids[i]);
            assert_int_equal(wait_status, 0);
        }
        assert_int_equal(slc_counters_sum(counters, 0), generation * PROCESSES * THREADS * ROUNDS);
        assert_int_equal(slc_counters_of_row(counters, 2, CELLS - 1),
                         generation * 3 * THREADS * ROUNDS);
    }
    assert_int_equal(slc_counters_of_row(counters, 0, 0), 0);
    assert_int_equal(slc_counters_sum(counters, 1), 0);
    slc_counters_clear(counters, 2, CELLS - 1);
    assert_int_equal(slc_counters_sum(counters, CELLS - 1),
                     2 * 3 * (PROCESSES - 1) * THREADS * ROUNDS);
}

static void bounds(void **state)
{
    struct slc_error error = {0};

    (void)state;
    assert_null(slc_counters_new(0, 1, &error));
    assert_int_equal(error.code, SLC_ERR_INTERNAL);
    assert_null(slc_counters_new(1, 0, NULL));
    assert_null(slc_counters_new(SLC_COUNTERS_ROWS_MAX + 1, 1, NULL));
    assert_null(slc_counters_new(1, SLC_COUNTERS_CELLS_MAX + 1, NULL));
    slc_counters_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_count_together),
        cmocka_unit_test(bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
