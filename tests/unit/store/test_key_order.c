#include "support.h"

#include <stdio.h>

#include "base/num.h"
#include "store/key_order.h"

static void check(const char *const *keys, size_t n, const char *expected)
{
    struct slc_key_order order = {0};

    for (size_t i = 0; i < n; i++)
        slc_key_order_add(&order, slc_str_from(keys[i]));
    struct slc_str text = slc_key_order_text(&order);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
    /* Asking again changes nothing. */
    assert_ptr_equal(slc_key_order_text(&order).data, text.data);
    slc_key_order_release(&order);
}

#define CHECK(expected, ...)                                                                       \
    check((const char *const[]){__VA_ARGS__},                                                      \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), expected)

static void texts_and_runs(void **state)
{
    (void)state;
    check(NULL, 0, "[]");
    CHECK("[\"5\"]", "5");
    CHECK("[[5,6]]", "5", "6");
    CHECK("[[1,3],\"b\",\"a\",[7,8],\"4\"]", "1", "2", "3", "b", "a", "7", "8", "4");
    CHECK("[\"a\",\"b\"]", "a", "b", "a", "b", "a");
    CHECK("[[1,4]]", "1", "2", "2", "1", "3", "4", "3");
    CHECK("[[3,4],[1,2],\"5\"]", "3", "4", "1", "2", "3", "4", "5");
    CHECK("[\"3\",\"2\",\"1\"]", "3", "2", "1");
    CHECK("[[-2,1]]", "-2", "-1", "0", "1");
    /* What would not come back as it was is a text. */
    CHECK("[\"01\",\"+2\",\"3.0\",\"\",\"-0\",\"-\",\" 4\",\"5\"]", "01", "+2", "3.0", "", "-0",
          "-", " 4", "5");
    CHECK("[[9223372036854775806,9223372036854775807],\"9223372036854775808\","
          "\"-9223372036854775808\"]",
          "9223372036854775806", "9223372036854775807", "9223372036854775808",
          "-9223372036854775808");
    CHECK("[\"a\\\"b\\\\\",\"\xc3\xa9\"]", "a\"b\\", "\xc3\xa9");
}

static void ordinals(void **state)
{
    struct slc_key_order order = {0};

    (void)state;
    slc_key_order_add_run(&order, 0, 999999);
    assert_true(slc_str_is(slc_key_order_text(&order), "[[0,999999]]"));
    slc_key_order_release(&order);
    slc_key_order_add_run(&order, 0, -1);
    assert_true(slc_str_is(slc_key_order_text(&order), "[]"));
    slc_key_order_release(&order);
}

/* Every key of the order. */
static void each(struct slc_str text, bool (*take)(void *context, struct slc_str key),
                 void *context)
{
    struct slc_key_order_view view = {0};

    assert_true(slc_key_order_view_init(&view, text, UINT64_MAX));
    slc_key_order_view_each(&view, 0, take, context);
    slc_key_order_view_release(&view);
}

struct expected {
    char (*keys)[32];
    size_t n;
    size_t at;
};

static bool compare(void *context, struct slc_str key)
{
    struct expected *expected = context;

    assert_true(expected->at < expected->n);
    assert_true(slc_str_is(key, expected->keys[expected->at]));
    expected->at++;
    return true;
}

/* Random keys against the plain way of doing it. */
static void random_keys(void **state)
{
    static char seen[6000][32];
    uint64_t random = 42;

    (void)state;
    for (int round = 0; round < 20; round++) {
        struct slc_key_order order = {0};
        size_t n_seen = 0;
        int64_t next = 0;

        for (int i = 0; i < 3000; i++) {
            char key[32];
            bool there = false;

            random = random * 6364136223846793005u + 1442695040888963407u;
            if ((random >> 33) % 10 < 3)
                next = (int64_t)((random >> 40) % 2000) - 1000;
            else
                next++;
            snprintf(key, sizeof(key), (random >> 50) % 20 == 0 ? "k%lld" : "%lld",
                     (long long)next);
            slc_key_order_add(&order, slc_str_from(key));
            for (size_t k = 0; k < n_seen && !there; k++)
                there = strcmp(seen[k], key) == 0;
            if (!there)
                memcpy(seen[n_seen++], key, sizeof(key));
        }
        struct expected expected = {.keys = seen, .n = n_seen};
        assert_false(order.full);
        each(slc_key_order_text(&order), compare, &expected);
        assert_int_equal(expected.at, n_seen);
        slc_key_order_release(&order);
    }
}

static bool count(void *context, struct slc_str key)
{
    (void)key;
    return --*(int64_t *)context > 0;
}

static void bounded(void **state)
{
    struct slc_key_order order = {0};
    char key[64];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "key \"%d\"", i);
        slc_key_order_add(&order, slc_str_from(key));
    }
    struct slc_str text = slc_key_order_text(&order);
    assert_true(text.len <= SLC_KEY_ORDER_BYTES && text.len > SLC_KEY_ORDER_BYTES - 100);
    int64_t left = INT64_MAX;
    each(text, count, &left);
    assert_true(INT64_MAX - left > 3000);
    slc_key_order_release(&order);
    /* Numbers, every other one: each is a run of its own. */
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "%d", 2 * i);
        slc_key_order_add(&order, slc_str_from(key));
    }
    assert_true(slc_key_order_text(&order).len <= SLC_KEY_ORDER_BYTES);
    slc_key_order_release(&order);
    /* One that is too long ends it. */
    char *huge = malloc(SLC_KEY_ORDER_BYTES);
    memset(huge, '"', SLC_KEY_ORDER_BYTES);
    slc_key_order_add(&order, SLC_STR("a"));
    slc_key_order_add(&order, (struct slc_str){huge, SLC_KEY_ORDER_BYTES / 2});
    slc_key_order_add(&order, SLC_STR("b"));
    assert_true(slc_str_is(slc_key_order_text(&order), "[\"a\"]"));
    slc_key_order_release(&order);
    free(huge);
}

static void bad_orders_end_early(void **state)
{
    static const struct {
        const char *text;
        int64_t keys;
    } cases[] = {
        {"", 0},
        {"{}", 0},
        {"[", 0},
        {"[1,2]", 0},
        {"nonsense", 0},
        {"[\"a\",{}]", 1},
        {"[\"a\",[1]]", 1},
        {"[[3,1],\"b\"]", 0},
        {"[[1,\"2\"]]", 0},
        {"[[[[1]]]]", 0},
        {"[[1,2,3]]", 0},
        {"[\"a\"", 1},
        {"[[9223372036854775807,9223372036854775807]]", 1},
        {"[[0,9223372036854775807]]", 100},
        {"[[-9223372036854775808,9223372036854775807]]", 0},
        /* A key twice. */
        {"[\"a\",\"b\",\"a\"]", 0},
        {"[[1,5],[5,9]]", 0},
        {"[[5,9],[1,4],\"7\"]", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t left = 100;

        each(slc_str_from(cases[i].text), count, &left);
        if (100 - left != cases[i].keys)
            fail_msg("case %zu: %lld keys", i, (long long)(100 - left));
    }
}

static bool first_key(void *context, struct slc_str key)
{
    memcpy(context, key.data, key.len);
    ((char *)context)[key.len] = '\0';
    return false;
}

static void places(void **state)
{
    static const char *const keys[] = {"b", "5", "6", "7", "a", "9", "-3", "-2"};
    struct slc_key_order_view view = {0};
    char copy[8];

    (void)state;
    assert_true(slc_key_order_view_init(&view, SLC_STR("[\"b\",[5,7],\"a\",\"9\",[-3,-2]]"),
                                        sizeof(keys) / sizeof(*keys)));
    assert_int_equal(view.n_keys, sizeof(keys) / sizeof(*keys));
    for (size_t i = 0; i < view.n_keys; i++) {
        size_t left = view.n_keys - i;
        int64_t left_keys = (int64_t)left + 1;

        slc_key_order_view_each(&view, i, count, &left_keys);
        assert_int_equal(left_keys, 1);
        assert_true(slc_key_order_view_has(&view, slc_str_from(keys[i])));
        slc_key_order_view_each(&view, i, first_key, copy);
        assert_string_equal(copy, keys[i]);
    }
    int64_t none = 5;
    slc_key_order_view_each(&view, view.n_keys, count, &none);
    slc_key_order_view_each(&view, UINT64_MAX, count, &none);
    assert_int_equal(none, 5);
    assert_false(slc_key_order_view_has(&view, SLC_STR("8")));
    assert_false(slc_key_order_view_has(&view, SLC_STR("05")));
    assert_false(slc_key_order_view_has(&view, SLC_STR("")));
    slc_key_order_view_release(&view);
    assert_true(slc_key_order_view_init(&view, SLC_STR("[[1,9]]"), 8));
    assert_int_equal(view.n_keys, 0);
    slc_key_order_view_release(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_runs),       cmocka_unit_test(ordinals),
        cmocka_unit_test(random_keys),          cmocka_unit_test(bounded),
        cmocka_unit_test(bad_orders_end_early), cmocka_unit_test(places),
    };

    return cmocka_run_group_tests_name("store/key_order", tests, NULL, NULL);
}
