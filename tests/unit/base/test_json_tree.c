#include "base/json_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { DEPTH = 4 };

static void test_whole_values(void **state)
{
    SLC_AUTO_JSON struct json_object *object = slc_json_tree_object(
        SLC_STR("{\"a\": \"x\\u0000y\", \"b\": 1, \"c\": null} \r\n\t"), DEPTH);
    SLC_AUTO_JSON struct json_object *array = slc_json_tree(SLC_STR(" [1, [2]]"), DEPTH);

    (void)state;
    assert_non_null(object);
    assert_true(slc_str_eq(slc_json_tree_text(object, "a"), SLC_STR("x\0y")));
    assert_null(slc_json_tree_text(object, "b").data);
    assert_null(slc_json_tree_text(object, "c").data);
    assert_null(slc_json_tree_text(object, "d").data);
    assert_null(slc_json_tree_text(NULL, "a").data);
    assert_int_equal(json_object_array_length(array), 2);
}

static void test_what_is_none(void **state)
{
    static const struct slc_str none[] = {
        SLC_STR(""),
        SLC_STR(" "),
        SLC_STR("{"),
        SLC_STR("{\"a\":1}}"),
        SLC_STR("{} {}"),
        SLC_STR("[1] x"),
        SLC_STR("{}\0"),
        SLC_STR("[1,\0 2]"),
        SLC_STR("1"),
        SLC_STR("\"text\""),
        SLC_STR("null"),
        SLC_STR("{\"a\":\"\xff\"}"),
        SLC_STR("[[[[[1]]]]]"),
        {.data = NULL, .len = 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_null(slc_json_tree(none[i], DEPTH));
    assert_null(slc_json_tree_object(SLC_STR("[]"), DEPTH));
}

/* Every prefix of a text: none but the whole is one. */
static void test_prefixes(void **state)
{
    static const struct slc_str text = {
        .data = "{\"k\": [1.5e3, true, {\"m\": \"\\u20ac\"}]}",
        .len = sizeof("{\"k\": [1.5e3, true, {\"m\": \"\\u20ac\"}]}") - 1};

    (void)state;
    for (size_t len = 0; len <= text.len; len++) {
        /* of its own size, so that reading behind it is seen */
        char *copy = malloc(len + !len);
        struct json_object *tree;

        memcpy(copy, text.data, len);
        tree = slc_json_tree((struct slc_str){.data = copy, .len = len}, DEPTH + 1);
        assert_int_equal(tree != NULL, len == text.len);
        json_object_put(tree);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_values),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
