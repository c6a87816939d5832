#include "base_test.h"

#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/num.h"

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double of_bits(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static const char *int64_text(int64_t value)
{
    static char text[SLC_NUM_TEXT_BYTES + 1];

    *slc_write_int64(text, value) = '\0';
    return text;
}

static const char *uint64_text(uint64_t value)
{
    static char text[SLC_NUM_TEXT_BYTES + 1];

    *slc_write_uint64(text, value) = '\0';
    return text;
}

static const char *double_text(double value)
{
    static char text[SLC_NUM_TEXT_BYTES + 1];
    char *end;

    memset(text, '#', sizeof(text));
    end = slc_write_double(text, value);
    assert_true(end <= text + SLC_NUM_TEXT_BYTES);
    *end = '\0';
    return text;
}

static void integers(void **state)
{
    static const char *const bad[] = {"",
                                      "+",
                                      "-",
                                      "--1",
                                      "+-1",
                                      "-+1",
                                      "1 ",
                                      " 1",
                                      "1.",
                                      "1e3",
                                      "0x1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999",
                                      "1\xd9\xa1"};
    static const int64_t values[] = {
        0,   1,        -1,        9,         10,        -10,           99,
        100, 12345678, 123456789, INT64_MAX, INT64_MIN, INT64_MIN + 1, 1000000000000000000};
    int64_t value = 77;
    uint64_t big = 77, power = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(slc_parse_int64(bad[i], strlen(bad[i]), &value));
    assert_int_equal(value, 77);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char expected[32];

        snprintf(expected, sizeof(expected), "%lld", (long long)values[i]);
        assert_string_equal(int64_text(values[i]), expected);
        assert_true(slc_parse_int64(expected, strlen(expected), &value));
        assert_true(value == values[i]);
    }
    assert_true(slc_parse_int64("+0000000000000000000000000000012", 32, &value) && value == 12);
    assert_true(slc_parse_int64("-0", 2, &value) && value == 0);
    for (int digits = 1; digits <= 20; digits++, power *= 10)
        for (int delta = -1; delta <= 1; delta++) {
            char expected[32];

            snprintf(expected, sizeof(expected), "%llu",
                     (unsigned long long)(power + (uint64_t)delta));
            assert_string_equal(uint64_text(power + (uint64_t)delta), expected);
            assert_true(slc_parse_uint64(expected, strlen(expected), &big));
            assert_true(big == power + (uint64_t)delta);
        }
    assert_true(slc_parse_uint64("18446744073709551615", 20, &big) && big == UINT64_MAX);
    assert_false(slc_parse_uint64("18446744073709551616", 20, &big));
    assert_false(slc_parse_uint64("-1", 2, &big));
    assert_false(slc_parse_uint64("28446744073709551616", 20, &big));
}

static void expect_double(const char *text, size_t len)
{
    SLC_AUTO_FREE char *copy = slc_str_dup((struct slc_str){text, len});
    double got = 0.0, expected;

    assert_non_null(copy);
    expected = strtod(copy, NULL);
    if (!slc_parse_double(text, len, &got) || bits_of(got) != bits_of(expected))
        fail_msg("%.60s is %.17g instead of %.17g", copy, got, expected);
}

/* Cases that have broken number readers before: half-way points, subnormals,
 * the ends of the range, long tails of digits (from the collections of
 * D. Gay, of PHP bug 53632, Java bug 4421494 and of E. Lemire's tests). */
static void hard_doubles(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0.0e5",
        "1",
        "1.",
        ".5",
        "+1.5",
        "1e0",
        "1E+2",
        "1e-2",
        "0e999999",
        "0.000e-999",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "5e-324",
        "3e-324",
        "2.5e-324",
        "2e-324",
        "1e-400",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1.797693134862315807e308",
        "1e308",
        "1e309",
        "1e99999",
        "-1e99999",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9007199254740995",
        "9007199254740993.0",
        "9007199254740993.00000000000000000000000000001",
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "1e22",
        "1e23",
        "8.5e22",
        "123456789012345678901234567890",
        "0.1",
        "0.2",
        "0.3",
        "0.1000000000000000055511151231257827021181583404541015625",
        "0.1000000000000000055511151231257827021181583404541015624999",
        "0.1000000000000000055511151231257827021181583404541015625001",
        "6929495644600919.5",
        "3.7455744005952583e15",
        "1e-5",
        "7.2057594037927933e16",
        "7.2057594037927945e16",
        "5.0216813883093451685872615018317e+23",
        "1.00000000000000011102230246251565404236316680908203125",
        "1.00000000000000011102230246251565404236316680908203124",
        "1.00000000000000011102230246251565404236316680908203126",
        "1.8446744073709550592e19",
        "8.988465674311580e307",
        "6.6312368714696160e-316",
        "3.5844466002796428e+298",
        "9.5e-308",
        "104110013277974872254e-225",
        "2.98023223876953125e-8",
        "12345678901234567890123e-50",
        "1234567890123456789e1",
        "9999999999999999999",
        "99999999999999999999",
        "0.00000000000000000000000000001",
        "860228122.6654514319E+90",
        "1.2345678901234567890123456789e-100",
    };
    static const char *const bad[] = {"",    "+",   "-",     ".",   "-.",   "e5",    ".e5", "1e",
                                      "1e+", "1e-", "1.5.2", "1,5", "0x10", "1e5.0", "inf", "nan",
                                      " 1",  "1 ",  "1f",    "--1", "+-1",  "1_0"};
    double got = 7.0;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        expect_double(texts[i], strlen(texts[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (slc_parse_double(bad[i], strlen(bad[i]), &got))
            fail_msg("\"%s\" is taken for a number", bad[i]);
    assert_true(got == 7.0);
}

/* Exponents and zeros beyond any count that fits a small integer. */
static void long_doubles(void **state)
{
    enum { ZEROS = 1200000 };
    SLC_AUTO_FREE char *text = malloc(2 * ZEROS);
    size_t n = 0;
    double got;

    (void)state;
    assert_non_null(text);
    memcpy(text, "0.", 2);
    memset(text + 2, '0', ZEROS);
    n = 2 + ZEROS + (size_t)sprintf(text + 2 + ZEROS, "25e%d", ZEROS + 1);
    assert_true(slc_parse_double(text, n, &got) && got == 2.5);
    memset(text, '9', ZEROS);
    n = ZEROS + (size_t)sprintf(text + ZEROS, "e-%d", ZEROS);
    assert_true(slc_parse_double(text, n, &got) && got == 1.0);
    assert_true(slc_parse_double("1e99999999999999999999999", 25, &got) && isinf(got));
    assert_true(slc_parse_double("-1e-99999999999999999999999", 27, &got) && got == 0.0 &&
                signbit(got));
}

static void random_doubles(void **state)
{
    struct dice dice = {1};

    (void)state;
    for (int i = 0; i < 400000; i++) {
        double value = of_bits(roll64(&dice));
        char text[64];
        int len;

        if (!isfinite(value))
            continue;
        len = snprintf(text, sizeof(text), "%.*e", (int)roll(&dice, 22), value);
        expect_double(text, (size_t)len);
        len = snprintf(text, sizeof(text), "%llu.%llue%d",
                       (unsigned long long)(roll64(&dice) >> roll(&dice, 64)),
                       (unsigned long long)(roll64(&dice) >> roll(&dice, 64)),
                       (int)roll(&dice, 700) - 350);
        expect_double(text, (size_t)len);
    }
}

/* The exact half between two neighbours, a little less, and a little more. */
static void half_way(void **state)
{
    struct dice dice = {3};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        double value =
            ldexp((double)((roll64(&dice) >> 11) | UINT64_C(1) << 52), (int)roll(&dice, 120) - 80);
        char text[1200];
        long double middle =
            (long double)value + (long double)(nextafter(value, INFINITY) - value) / 2;
        int len = snprintf(text, sizeof(text), "%.200Lf", middle);

        expect_double(text, (size_t)len);
        text[len++] = '1';
        expect_double(text, (size_t)len);
    }
}

static void shortest_known(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1.0, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1e21, "1e+21"},
        {1e20, "100000000000000000000"},
        {123456789012345680000.0, "123456789012345680000"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.5e-7, "1.5e-7"},
        {0.000015, "0.000015"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {9007199254740992.0, "9007199254740992"},
        {9007199254740993.0, "9007199254740992"},
        {9007199254740994.0, "9007199254740994"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {0.3, "0.3"},
        {2.0 / 3, "0.6666666666666666"},
        {100.0, "100"},
        {123.456, "123.456"},
        {9.5, "9.5"},
        {4.35, "4.35"},
        {2.98023223876953125e-8, "2.9802322387695312e-8"},
        {5e-7, "5e-7"},
        {1.0e15, "1000000000000000"},
        {9223372036854775807.0, "9223372036854776000"},
        {18446744073709551615.0, "18446744073709552000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(double_text(cases[i].value), cases[i].text);
}

/* Reads back as the same double, with no more digits than it takes, and of
 * these the closest. */
static void shortest_random(void **state)
{
    struct dice dice = {11};

    (void)state;
    for (int i = 0; i < 300000; i++) {
        double value = of_bits(roll64(&dice));
        char printed[64], digits[32];
        const char *text;
        int precision, n_digits = 0, n_printed = 0;

        if (i % 4 == 1)
            value = (double)(int64_t)roll(&dice, 100000000) / 1000.0;
        else if (i % 4 == 2) /* whole numbers brought between 0 and 1 */
            value = (double)(int64_t)roll(&dice, 100000) * (1 / 99999.0);
        else if (i % 4 == 3) /* half-way between two of sixteen digits */
            value = (double)(int64_t)(roll64(&dice) >> 11) / (double)(1 << roll(&dice, 8));
        if (!isfinite(value))
            continue;
        text = double_text(value);
        if (bits_of(strtod(text, NULL)) != bits_of(value))
            fail_msg("%.17g is written as %s", value, text);
        for (precision = 0; precision < 17; precision++) {
            snprintf(printed, sizeof(printed), "%.*e", precision, value);
            if (strtod(printed, NULL) == value)
                break;
        }
        for (const char *p = text; *p && *p != 'e'; p++)
            if (*p >= '0' && *p <= '9' && (n_digits > 0 || *p != '0'))
                digits[n_digits++ % 31] = *p;
        while (n_digits > 1 && n_digits < 31 && digits[n_digits - 1] == '0')
            n_digits--;
        for (const char *p = printed; *p && *p != 'e'; p++)
            n_printed += *p >= '0' && *p <= '9';
        while (n_printed > 1 && printed[n_printed + (printed[0] == '-')] == '0')
            n_printed--;
        if (value != 0.0 && n_digits > n_printed)
            fail_msg("%s has more digits than %s", text, printed);
        /* The closest one; next to a power of two another may be as short. */
        if (value != 0.0 && n_digits == n_printed && (bits_of(value) & 0xfffffffffffff) != 0)
            for (int k = 0, at = printed[0] == '-'; k < n_digits; k++, at++) {
                at += printed[at] == '.';
                if (printed[at] != digits[k])
                    fail_msg("%s is not as close as %s", text, printed);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),        cmocka_unit_test(hard_doubles),
        cmocka_unit_test(long_doubles),    cmocka_unit_test(random_doubles),
        cmocka_unit_test(half_way),        cmocka_unit_test(shortest_known),
        cmocka_unit_test(shortest_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
