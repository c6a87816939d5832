/* The arena. */
#include "base_test.h"

#include <stdlib.h>

#include "base/arena.h"

static void allocations(void **state)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct dice dice = {31};

    (void)state;
    for (int round = 0; round < 20; round++) {
        enum { N = 500 };
        unsigned char *at[N];
        size_t size[N];

        for (int i = 0; i < N; i++) {
            size[i] = roll(&dice, i % 50 == 0 ? 100000 : 200);
            if (i % 3 == 0) {
                at[i] = (unsigned char *)slc_arena_bytes(&arena, size[i]);
            } else if (i % 3 == 1) {
                at[i] = slc_arena_calloc(&arena, size[i], 1);
                for (size_t k = 0; k < size[i]; k++)
                    assert_int_equal(at[i][k], 0);
            } else {
                at[i] = slc_arena_alloc(&arena, size[i]);
            }
            assert_non_null(at[i]);
            if (i % 3)
                assert_int_equal((uintptr_t)at[i] % 16, 0);
            memset(at[i], i & 0xff, size[i]);
        }
        for (int i = 0; i < N; i++)
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(at[i][k], i & 0xff);
        slc_arena_reset(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
}

static void impossible_sizes(void **state)
{
    SLC_AUTO_ARENA struct slc_arena arena = {0};
    struct slc_str copy;

    (void)state;
    assert_null(slc_arena_alloc(&arena, SIZE_MAX));
    assert_null(slc_arena_calloc(&arena, SIZE_MAX / 2, 4));
    assert_null(slc_arena_bytes(&arena, SIZE_MAX - 5));
    copy = slc_arena_copy(&arena, slc_str_from("still works"));
    assert_string_equal(copy.data, "still works");
    assert_int_equal(copy.len, 11);
    slc_arena_reset(&arena);
    slc_arena_release(&arena);
    slc_arena_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations),
        cmocka_unit_test(impossible_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
