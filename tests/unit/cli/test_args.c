/* Command lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/args.h"
#include "cli/cli.h"

static const struct slc_flag flags[] = {
    {.name = "index", .value = "COL", .help = "the index"},
    {.name = "lines", .letter = 'n', .value = "N", .help = "how many"},
    {.name = "quiet", .letter = 'q', .help = "say less"},
    {.name = "json", .help = "JSON"},
    SLC_FLAGS_CONFIG,
    {0},
};

#define PARSE(args, error, ...)                                                                    \
    parse((args), (error), (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static bool parse(struct slc_args *args, struct slc_error *error, const char *const *words)
{
    int count = 0;

    while (words[count])
        count++;
    return slc_args_parse(flags, count, (char **)words, args, error);
}

static void takes(void **state)
{
    SLC_AUTO_ARGS struct slc_args args = {0};
    const char *text;
    size_t at = 0;

    (void)state;
    assert_true(PARSE(&args, NULL, "a.csv", "--index", "id", "--set", "a=b", "-qn", "5", "-",
                      "--set=c=d", "--json", "--set", "--e=f", "--", "--index", "-q"));
    assert_false(args.help);
    assert_int_equal(args.operand_count, 4);
    assert_string_equal(args.operands[0], "a.csv");
    assert_string_equal(args.operands[1], "-");
    assert_string_equal(args.operands[2], "--index");
    assert_string_equal(args.operands[3], "-q");
    assert_null(args.operands[4]);
    assert_string_equal(slc_args_value(&args, "index"), "id");
    assert_string_equal(slc_args_value(&args, "lines"), "5");
    assert_true(slc_args_has(&args, "quiet"));
    assert_true(slc_args_has(&args, "json"));
    assert_false(slc_args_has(&args, "config"));
    assert_null(slc_args_value(&args, "config"));
    assert_string_equal(slc_args_next(&args, "set", &at), "a=b");
    assert_string_equal(slc_args_next(&args, "set", &at), "c=d");
    text = slc_args_next(&args, "set", &at);
    assert_string_equal(text, "--e=f");
    assert_null(slc_args_next(&args, "set", &at));
    assert_null(slc_args_next(&args, "set", &at));
}

static void takes_letters(void **state)
{
    SLC_AUTO_ARGS struct slc_args args = {0};
    SLC_AUTO_ARGS struct slc_args many = {0};

    (void)state;
    assert_true(PARSE(&args, NULL, "-n10", "-qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqh", "-n", "-3"));
    assert_string_equal(slc_args_value(&args, "lines"), "-3");
    assert_true(args.help);
    assert_true(PARSE(&many, NULL));
    assert_int_equal(many.operand_count, 0);
}

static void takes_empty_values(void **state)
{
    SLC_AUTO_ARGS struct slc_args args = {0};

    (void)state;
    assert_true(PARSE(&args, NULL, "--index=", "", "--redis", ""));
    assert_string_equal(slc_args_value(&args, "index"), "");
    assert_string_equal(slc_args_value(&args, "redis"), "");
    assert_int_equal(args.operand_count, 1);
}

static void last_value_counts(void **state)
{
    SLC_AUTO_ARGS struct slc_args args = {0};

    (void)state;
    assert_true(PARSE(&args, NULL, "--index", "a", "--index=b"));
    assert_string_equal(slc_args_value(&args, "index"), "b");
}

#define REFUSES(has, ...)                                                                          \
    do {                                                                                           \
        struct slc_args args = {0};                                                                \
        struct slc_error error = {0};                                                              \
                                                                                                   \
        assert_false(PARSE(&args, &error, __VA_ARGS__));                                           \
        assert_int_equal(error.code, SLC_ERR_USAGE);                                               \
        assert_null(args.given);                                                                   \
        if (!strstr(error.message, (has)))                                                         \
            fail_msg("\"%s\" lacks \"%s\"", error.message, (has));                                 \
    } while (0)

static void refuses(void **state)
{
    (void)state;
    REFUSES("unknown option --indx; the nearest known one is --index", "--indx=id");
    REFUSES("unknown option --conf; the nearest known one is --config", "--conf", "x");
    REFUSES("unknown option --hlep; the nearest known one is --help", "--hlep");
    REFUSES("--help takes no value", "--help=x");
    REFUSES("--index wants a value: --index COL", "--index");
    REFUSES("-n wants a value: -n N", "-qn");
    REFUSES("--json takes no value", "--json=1");
    REFUSES("unknown option -x in \"-qx\"", "-qx");
    REFUSES("unknown option --", "--=x");
}

static void whole_numbers(void **state)
{
    SLC_AUTO_ARGS struct slc_args args = {0};
    SLC_AUTO_ARGS struct slc_args wrong = {0};
    struct slc_error error = {0};
    int64_t value = -1;

    (void)state;
    assert_true(PARSE(&args, &error, "-n", "7"));
    assert_true(slc_args_int(&args, "lines", 1, 7, 3, &value, &error));
    assert_int_equal(value, 7);
    assert_false(slc_args_int(&args, "lines", 1, 6, 3, &value, &error));
    assert_non_null(strstr(error.message, "--lines: \"7\" is no whole number from 1 to 6"));
    assert_true(slc_args_int(&args, "index", 1, 6, 3, &value, &error));
    assert_int_equal(value, 3);
    assert_true(PARSE(&wrong, &error, "-n7x"));
    assert_false(slc_args_int(&wrong, "lines", 1, 6, 3, &value, &error));
    assert_int_equal(value, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes),
        cmocka_unit_test(takes_letters),
        cmocka_unit_test(takes_empty_values),
        cmocka_unit_test(last_value_counts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(whole_numbers),
    };

    return cmocka_run_group_tests_name("command lines", tests, NULL, NULL);
}
