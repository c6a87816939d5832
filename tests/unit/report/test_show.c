#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/time.h"
#include "report/show.h"

#define assert_shown(call, expected)                                                               \
    do {                                                                                           \
        struct slc_buf buf_ = {0}, *b = &buf_;                                                     \
                                                                                                   \
        call;                                                                                      \
        assert_string_equal(slc_buf_text(&buf_), expected);                                        \
        slc_buf_release(&buf_);                                                                    \
    } while (0)

static void counts(void **state)
{
    (void)state;
    assert_shown(slc_show_count(b, 0), "0");
    assert_shown(slc_show_count(b, 999), "999");
    assert_shown(slc_show_count(b, 1000), "1,000");
    assert_shown(slc_show_count(b, -1234567), "-1,234,567");
    assert_shown(slc_show_count(b, INT64_MIN), "-9,223,372,036,854,775,808");
    assert_shown(slc_show_plural(b, 1, "row", "rows"), "1 row");
    assert_shown(slc_show_plural(b, 2000, "row", "rows"), "2,000 rows");
}

static void numbers(void **state)
{
    (void)state;
    assert_shown(slc_show_number(b, 0.0), "0");
    assert_shown(slc_show_number(b, -0.0), "0");
    assert_shown(slc_show_number(b, 0.1), "0.1");
    assert_shown(slc_show_number(b, 57709.4917), "57,709.5");
    assert_shown(slc_show_number(b, 2019.5), "2019.5");
    assert_shown(slc_show_number(b, -1.5658283955391294), "-1.56583");
    assert_shown(slc_show_number(b, 1234567890.4), "1,234,567,890");
    assert_shown(slc_show_number(b, 999999.96), "1,000,000");
    assert_shown(slc_show_number(b, 0.000677236), "0.000677");
    assert_shown(slc_show_number(b, 0.00001234567), "1.23457e-5");
    assert_shown(slc_show_number(b, 1.23456789e-7), "1.23457e-7");
    assert_shown(slc_show_number(b, 9.9999999e-9), "1e-8");
    assert_shown(slc_show_number(b, -1.23456789e21), "-1.23457e21");
    assert_shown(slc_show_number(b, 1.7976931348623157e308), "1.7976931348623157e+308");
    assert_shown(slc_show_number(b, 5e-324), "5e-324");
    assert_shown(slc_show_number(b, NAN), "–");
    assert_shown(slc_show_number(b, INFINITY), "∞");
    assert_shown(slc_show_number(b, -INFINITY), "-∞");
}

static void shares(void **state)
{
    (void)state;
    assert_shown(slc_show_share(b, 0, 10), "0 %");
    assert_shown(slc_show_share(b, 0, 0), "0 %");
    assert_shown(slc_show_share(b, 10, 10), "100 %");
    assert_shown(slc_show_share(b, 71, 1000), "7.1 %");
    assert_shown(slc_show_share(b, 1, 2), "50 %");
    assert_shown(slc_show_share(b, 1, 1000000), "<0.1 %");
    assert_shown(slc_show_share(b, 999999, 1000000), ">99.9 %");
    assert_shown(slc_show_share(b, 9995, 10000), ">99.9 %");
    assert_shown(slc_show_share(b, INT64_MAX / 2, INT64_MAX), "50 %");
}

static void sizes(void **state)
{
    (void)state;
    assert_shown(slc_show_bytes(b, 0), "0 B");
    assert_shown(slc_show_bytes(b, 999), "999 B");
    assert_shown(slc_show_bytes(b, 1000), "1 kB");
    assert_shown(slc_show_bytes(b, 12345678), "12.3 MB");
    assert_shown(slc_show_bytes(b, 202433012), "202 MB");
    assert_shown(slc_show_bytes(b, 99949), "99.9 kB");
    assert_shown(slc_show_bytes(b, 99960), "100 kB");
    assert_shown(slc_show_bytes(b, 999499), "999 kB");
    assert_shown(slc_show_bytes(b, 999700), "1 MB");
    assert_shown(slc_show_bytes(b, -1500), "-1.5 kB");
    assert_shown(slc_show_bytes(b, INT64_MAX), "9.2 EB");
}

static void times(void **state)
{
    (void)state;
    assert_shown(slc_show_level(b, SLC_TYPE_DATE, 17884.5), "2018-12-19");
    assert_shown(slc_show_level(b, SLC_TYPE_DATE, -0.5), "1969-12-31");
    assert_shown(slc_show_level(b, SLC_TYPE_DATETIME, 1.5 * (double)SLC_USEC_PER_SEC),
                 "1970-01-01 00:00:01");
    assert_shown(slc_show_level(b, SLC_TYPE_DATE, NAN), "–");
    assert_shown(slc_show_spread(b, SLC_TYPE_DATE, 812.04), "2.2 years");
    assert_shown(slc_show_spread(b, SLC_TYPE_DATE, 30.0), "30 days");
    assert_shown(slc_show_spread(b, SLC_TYPE_DATETIME, 5400e6), "90 minutes");
    assert_shown(slc_show_spread(b, SLC_TYPE_DATETIME, 0.0), "0 seconds");
    assert_shown(slc_show_spread(b, SLC_TYPE_FLOAT64, 0.25), "0.25");
}

static void values(void **state)
{
    struct slc_value year = {.type = SLC_TYPE_INT64, .int64 = 2019};
    struct slc_value big = {.type = SLC_TYPE_UINT64, .uint64 = UINT64_MAX};
    struct slc_value price = {.type = SLC_TYPE_FLOAT64, .float64 = 57709.49};
    struct slc_value score = {.type = SLC_TYPE_FLOAT64, .float64 = -1.5658283955391294};
    struct slc_value moment = {.type = SLC_TYPE_DATETIME, .int64 = 1500000};
    struct slc_value none = {0};

    (void)state;
    assert_shown(slc_show_value(b, &year, 10), "2019");
    assert_shown(slc_show_value(b, &big, 10), "18,446,744,073,709,551,615");
    assert_shown(slc_show_value(b, &price, 10), "57,709.49");
    assert_shown(slc_show_value(b, &score, 10), "-1.56583");
    assert_shown(slc_show_value(b, &moment, 10), "1970-01-01 00:00:01.500000");
    assert_shown(slc_show_value(b, &none, 10), "–");
}

static void texts(void **state)
{
    (void)state;
    assert_shown(slc_show_text(b, SLC_STR("Zoë"), 3), "Zoë");
    assert_shown(slc_show_text(b, SLC_STR("Zoë X"), 3), "Zo…");
    assert_shown(slc_show_text(b, SLC_STR("a\tb\nc\r\nd\re"), 20), "a⇥b↵c↵d↵e");
    assert_shown(slc_show_text(b, SLC_STR("a\x1b[31m\x7f"), 20), "a�[31m�");
    assert_shown(slc_show_text(b, SLC_STR("\xe2\x80\xaetxt.exe"), 20), "�txt.exe"); /* RLO */
    assert_shown(slc_show_text(b, SLC_STR("\xc2\x85\xe2\x80\xa8x"), 20), "��x");
    assert_shown(slc_show_text(b, SLC_STR("a\xff\xc3"), 20), "a��");
    assert_shown(slc_show_text(b, SLC_STR("\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac"), 20),
                 "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac"); /* joined emoji stay so */
    assert_shown(slc_show_text(b, SLC_STR("nul\0byte"), 20), "nul�byte");
    assert_shown(slc_show_text(b, SLC_STR("abc"), 0), "…");
    assert_shown((slc_buf_append_text(b, "x"), slc_show_text(b, (struct slc_str){0}, 5)), "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts), cmocka_unit_test(numbers), cmocka_unit_test(shares),
        cmocka_unit_test(sizes),  cmocka_unit_test(times),   cmocka_unit_test(values),
        cmocka_unit_test(texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
