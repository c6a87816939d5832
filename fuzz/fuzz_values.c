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
#include "reader/cells.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct slc_buf json = {0};

    if (size > 4000)
        return 0;
    check_double(text, size);
    check_whole(text, size);
    check_time(text, size);
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
