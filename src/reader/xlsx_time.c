/* Number formats that show dates and times, and what they show. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "reader/xlsx_book.h"

/* What a format code asks for, behind its literals. */
struct asked {
    bool day, time, elapsed;
};

/* "[h]", "[mm]", "[ss]" count on; "[Red]", "[$-409]", "[>5]" are no matter. */
static size_t take_bracket(const char *p, const char *end, struct asked *asked)
{
    const char *close = memchr(p, ']', (size_t)(end - p));
    char first = slc_ascii_lower(p + 1 < end ? p[1] : ']');

    if (!close)
        return (size_t)(end - p);
    if (first == 'h' || first == 'm' || first == 's') {
        const char *same = p + 1;

        while (same < close && slc_ascii_lower(*same) == first)
            same++;
        asked->elapsed |= same == close;
    }
    return (size_t)(close + 1 - p);
}

static size_t take_literal(const char *p, const char *end)
{
    const char *close;

    if (*p != '"')
        return 2; /* \x, _x, *x */
    close = memchr(p + 1, '"', (size_t)(end - p - 1));
    return close ? (size_t)(close + 1 - p) : (size_t)(end - p);
}

enum slc_xlsx_format slc_xlsx_format_of(struct slc_str code)
{
    const char *p = code.data, *end = code.data + code.len;
    bool month = false, seconds = false, hours = false;
    struct asked asked = {0};

    if (slc_str_eq_nocase(code, SLC_STR("General")))
        return SLC_XLSX_NUMBER;
    while (p < end && *p != ';') {
        switch (slc_ascii_lower(*p)) {
        case '"':
        case '\\':
        case '_':
        case '*':
            p += take_literal(p, end);
            continue;
        case '[':
            p += take_bracket(p, end, &asked);
            continue;
        case 'y':
        case 'd':
            asked.day = true;
            break;
        case 'm':
            month = true;
            break;
        case 'h':
            hours = true;
            break;
        case 's':
            seconds = true;
            break;
        default:
            break;
        }
        p++;
    }
    asked.time = hours || seconds;
    if (asked.elapsed)
        return SLC_XLSX_DURATION;
    asked.day |= month && !asked.time; /* else m is minutes */
    if (asked.day)
        return asked.time ? SLC_XLSX_DATETIME : SLC_XLSX_DATE;
    return asked.time ? SLC_XLSX_TIME : SLC_XLSX_NUMBER;
}

static size_t clock_text(int64_t ms, char *text)
{
    int n =
        snprintf(text, SLC_XLSX_TIME_TEXT_BYTES, "%02lld:%02lld:%02lld", (long long)(ms / 3600000),
                 (long long)(ms / 60000 % 60), (long long)(ms / 1000 % 60));

    if (ms % 1000)
        n += snprintf(text + n, SLC_XLSX_TIME_TEXT_BYTES - (size_t)n, ".%03lld",
                      (long long)(ms % 1000));
    return (size_t)n;
}

size_t slc_xlsx_time_text(double serial, enum slc_xlsx_format format, bool epoch_1904,
                          char text[SLC_XLSX_TIME_TEXT_BYTES])
{
    static const int64_t ms_per_day = 86400000;
    int64_t ms, days;

    if (!(serial >= 0.0) || serial >= 2958466.0) /* to 9999-12-31 */
        return 0;
    ms = llround(serial * (double)ms_per_day);
    if (format == SLC_XLSX_DURATION)
        return clock_text(ms, text);
    days = ms / ms_per_day;
    ms %= ms_per_day;
    /* Day 0 of the 1900 calendar is none: a time of day. */
    if (format == SLC_XLSX_TIME ? days == 0 : days == 0 && !epoch_1904)
        return clock_text(ms, text);
    if (epoch_1904)
        days += slc_days_from_civil((struct slc_civil){1904, 1, 1});
    else /* the 1900 calendar has a 29th of February, day 60 */
        days += slc_days_from_civil((struct slc_civil){1899, 12, 30}) + (days < 60);
    if (days >= slc_days_from_civil((struct slc_civil){9999, 12, 31}) + 1)
        return 0;
    if (format == SLC_XLSX_DATE && ms == 0)
        return (size_t)(slc_write_date(text, (int32_t)days) - text);
    return (size_t)(slc_write_datetime(text, days * SLC_USEC_PER_DAY + ms * 1000) - text);
}
