#include "base_test.h"

#include <time.h>

#include "base/time.h"

static void every_day(void **state)
{
    struct slc_civil date = {1, 1, 1};
    int32_t first = slc_days_from_civil(date),
            last = slc_days_from_civil((struct slc_civil){9999, 12, 31});

    (void)state;
    assert_int_equal(first, -719162);
    assert_int_equal(last, 2932896);
    assert_int_equal(slc_days_from_civil((struct slc_civil){1970, 1, 1}), 0);
    assert_int_equal(slc_days_from_civil((struct slc_civil){2000, 3, 1}), 11017);
    for (int32_t day = first; day <= last; day++) {
        struct slc_civil got = slc_civil_from_days(day);
        char text[SLC_DATE_TEXT_BYTES];
        int32_t again;

        if (got.year != date.year || got.month != date.month || got.day != date.day ||
            slc_days_from_civil(date) != day)
            fail_msg("day %d is %d-%u-%u", day, got.year, got.month, got.day);
        assert_ptr_equal(slc_write_date(text, day), text + sizeof(text));
        if (!slc_parse_date(text, sizeof(text), &again) || again != day)
            fail_msg("day %d is written as %.10s", day, text);
        date.day++;
        if (!slc_civil_is_valid(date))
            date = date.month < 12 ? (struct slc_civil){date.year, date.month + 1, 1}
                                   : (struct slc_civil){date.year + 1, 1, 1};
    }
}

static void dates(void **state)
{
    static const char *const bad[] = {"2021-02-29",  "1900-02-29", "2021-00-01", "2021-13-01",
                                      "2021-01-00",  "2021-01-32", "2021-04-31", "0000-01-01",
                                      "2021/01/01",  "2021-1-01",  "2021-01-1 ", "21-01-0001",
                                      "2021-01-01 ", "",           "-021-01-01", "2021-01-0a"};
    int32_t days = 5;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(slc_parse_date(bad[i], strlen(bad[i]), &days));
    assert_int_equal(days, 5);
    assert_true(slc_parse_date("2000-02-29", 10, &days));
    assert_int_equal(days, 11016);
}

static void datetimes(void **state)
{
    static const struct {
        const char *text, *written;
    } good[] = {
        {"2020-02-29T12:34", "2020-02-29T12:34:00"},
        {"2020-02-29 12:34:56", "2020-02-29T12:34:56"},
        {"2020-02-29t12:34:56.7", "2020-02-29T12:34:56.700000"},
        {"2020-02-29T12:34:56.123456789", "2020-02-29T12:34:56.123456"},
        {"2020-02-29T12:34:56.000000001", "2020-02-29T12:34:56"},
        {"2020-02-29T12:34:56Z", "2020-02-29T12:34:56"},
        {"2020-02-29T12:34z", "2020-02-29T12:34:00"},
        {"2020-02-29T12:34:56+01:00", "2020-02-29T11:34:56"},
        {"2020-02-29T23:34:56-0130", "2020-03-01T01:04:56"},
        {"2020-02-29T12:34+02", "2020-02-29T10:34:00"},
        {"1969-12-31T23:59:59.999999", "1969-12-31T23:59:59.999999"},
        {"0001-01-01T00:00:00", "0001-01-01T00:00:00"},
        {"9999-12-31T23:59:59.999999", "9999-12-31T23:59:59.999999"},
        {"0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00"},
        {"9999-12-31T22:59:59-01:00", "9999-12-31T23:59:59"},
    };
    static const char *const bad[] = {"2020-02-29T12:3",
                                      "2020-02-29T12",
                                      "2020-02-29",
                                      "2020-02-30T12:34",
                                      "2020-02-29T24:00",
                                      "2020-02-29T12:60",
                                      "2020-02-29T12:34:60",
                                      "2020-02-29T12:34:5",
                                      "2020-02-29T12:34:56.",
                                      "2020-02-29T12:34:56.1234567890",
                                      "2020-02-29T12:34:56 Z",
                                      "2020-02-29T12:34:56ZZ",
                                      "2020-02-29T12:34:56+1",
                                      "2020-02-29T12:34:56+24:00",
                                      "2020-02-29T12:34:56+01:60",
                                      "2020-02-29T12:34:56+01:0",
                                      "2020-02-29T12:34:56+0a:00",
                                      "2020-02-29_12:34",
                                      "2020-02-29T12.34",
                                      "0001-01-01T00:59:59+01:00",
                                      "9999-12-31T23:00:00-01:00",
                                      "2020-02-29T12:34:56.12 ",
                                      "2020-02-29T12:34+",
                                      "2020-02-29T12:34:",
                                      "2020-02-29T12:34.5"};
    int64_t usec = 5;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (slc_parse_datetime(bad[i], strlen(bad[i]), &usec))
            fail_msg("%s", bad[i]);
    assert_int_equal(usec, 5);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[SLC_DATETIME_TEXT_BYTES + 1];

        if (!slc_parse_datetime(good[i].text, strlen(good[i].text), &usec))
            fail_msg("%s", good[i].text);
        *slc_write_datetime(text, usec) = '\0';
        assert_string_equal(text, good[i].written);
    }
}

static void clocks(void **state)
{
    int64_t before = slc_monotonic_usec(), now = slc_now_usec();
    char stamp[SLC_STAMP_BYTES];

    (void)state;
    assert_true(slc_monotonic_usec() >= before);
    assert_true(now > INT64_C(1600000000) * SLC_USEC_PER_SEC);
    assert_in_range(slc_today_days() - now / SLC_USEC_PER_DAY + 1, 0, 2);
    slc_stamp_now(stamp);
    assert_int_equal(strlen(stamp), SLC_STAMP_BYTES - 1);
    for (int i = 0; i < SLC_STAMP_BYTES - 1; i++)
        assert_true("dddd-dd-dd:dd:dd:dd"[i] == 'd' ? stamp[i] >= '0' && stamp[i] <= '9'
                                                    : stamp[i] == "dddd-dd-dd:dd:dd:dd"[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day),
        cmocka_unit_test(dates),
        cmocka_unit_test(datetimes),
        cmocka_unit_test(clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
