/* Numbers, dates and UTF-8: what is read is what strtod() reads, and what is
 * written reads back. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "base/time.h"
#include "base/utf8.h"
#include "reader/numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

static void check_double(const char *text, size_t len)
{
    char copy[4096], written[SLC_NUM_TEXT_BYTES + 1];
    double value, again;

    if (!slc_parse_double(text, len, &value))
        return;
    memcpy(copy, text, len);
    copy[len] = '\0';
    check(same(value, strtod(copy, NULL)));
    if (!isfinite(value))
        return;
    *slc_write_double(written, value) = '\0';
    check(slc_parse_double(written, strlen(written), &again) && same(value, again));
}

static void check_bits(const char *bytes)
{
    char written[SLC_NUM_TEXT_BYTES + 1];
    double value, again;

    memcpy(&value, bytes, sizeof(value));
    if (!isfinite(value))
        return;
    *slc_write_double(written, value) = '\0';
    check(same(strtod(written, NULL), value));
    check(slc_parse_double(written, strlen(written), &again) && same(value, again));
}

static void check_whole(const char *text, size_t len)
{
    char written[SLC_NUM_TEXT_BYTES];
    int64_t value, again;
    uint64_t big, big_again;

    if (slc_parse_int64(text, len, &value)) {
        size_t n = (size_t)(slc_write_int64(written, value) - written);

        check(slc_parse_int64(written, n, &again) && again == value);
    }
    if (slc_parse_uint64(text, len, &big)) {
        size_t n = (size_t)(slc_write_uint64(written, big) - written);

        check(slc_parse_uint64(written, n, &big_again) && big_again == big);
    }
}

static void check_time(const char *text, size_t len)
{
    char written[SLC_DATETIME_TEXT_BYTES];
    int64_t usec, again;
    int32_t days, days_again;

    if (slc_parse_date(text, len, &days)) {
        check(slc_write_date(written, days) == written + SLC_DATE_TEXT_BYTES);
        check(slc_parse_date(written, SLC_DATE_TEXT_BYTES, &days_again) && days_again == days);
    }
    if (slc_parse_datetime(text, len, &usec)) {
        size_t n = (size_t)(slc_write_datetime(written, usec) - written);

        check(n <= sizeof(written));
        check(slc_parse_datetime(written, n, &again) && again == usec);
    }
}

/* The text cut at its semicolons, as a column of numbers: what is taken for one
 * is the number that the careful way has. */
static void check_column(const char *text, size_t size)
{
    enum { MOST = 64 };
    static char room[4000 + 2 * SLC_NUMBER_SLACK_BYTES];
    char *bytes = memcpy(room + SLC_NUMBER_SLACK_BYTES, text, size);
    struct slc_cell cells[MOST];
    int64_t n = 0, whole[MOST], wanted;
    double real[MOST], wanted_real;

    for (size_t at = 0; at < size && n < MOST; n++) {
        const char *end = memchr(text + at, ';', size - at);
        size_t len = end ? (size_t)(end - text) - at : size - at;

        cells[n] = (struct slc_cell){(uint32_t)at, (uint32_t)len};
        at += len + 1;
    }
    for (int64_t row = 0; row < n; row++)
        for (int64_t end = slc_numbers_int64(bytes, cells, 1, row, n, whole); row < end; row++)
            check(slc_parse_int64(bytes + cells[row].start, cells[row].len, &wanted) &&
                  wanted == whole[row]);
    for (int64_t row = 0; row < n; row++)
        for (int64_t end = slc_numbers_float64(bytes, cells, 1, row, n, real); row < end; row++)
            check(slc_parse_double(bytes + cells[row].start, cells[row].len, &wanted_real) &&
                  same(wanted_real, real[row]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct slc_buf json = {0};

    if (size > 4000)
        return 0;
    check_double(text, size);
    check_whole(text, size);
    check_time(text, size);
    check_column(text, size);
    if (size >= sizeof(double))
        check_bits(text);
    if (size > 0)
        slc_cell_type(text, size, NULL);
    if (slc_utf8_is_valid((struct slc_str){text, size})) {
        slc_json_string(&json, (struct slc_str){text, size});
        check(slc_utf8_is_valid(slc_buf_view(&json)) && json.len >= size + 2);
    }
    slc_buf_release(&json);
    return 0;
}
