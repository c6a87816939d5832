#include "base/time.h"

#include <string.h>
#include <time.h>

#include "base/digits.h"

int32_t slc_days_from_civil(struct slc_civil date)
{
    int32_t y = date.year - (date.month <= 2);
    int32_t era = (y >= 0 ? y : y - 399) / 400;
    uint32_t yoe = (uint32_t)(y - era * 400);
    uint32_t doy =
        (153 * (date.month + (date.month > 2 ? (uint32_t)-3 : 9)) + 2) / 5 + date.day - 1;
    uint32_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + (int32_t)doe - 719468;
}

/* Years begin in March here, and days are counted from so many eras of 400 years
 * before 1970 that none is negative. */
struct slc_civil slc_civil_from_days(int32_t days)
{
    const int64_t eras = 14700;
    uint64_t quarters = 4 * (uint64_t)((int64_t)days + 719468 + eras * 146097) + 3;
    uint64_t century = quarters / 146097;
    uint64_t product = 2939745 * (uint64_t)((uint32_t)(quarters % 146097) | 3);
    uint32_t year_of_century = (uint32_t)(product >> 32);
    uint32_t day_of_year = (uint32_t)product / 2939745 / 4;
    uint32_t month_and_day = 2141 * day_of_year + 197913, month = month_and_day >> 16;
    bool past_december = day_of_year >= 306;

    return (struct slc_civil){
        .year = (int32_t)((int64_t)(100 * century) - 400 * eras) + (int32_t)year_of_century +
                past_december,
        .month = past_december ? month - 12 : month,
        .day = (month_and_day & 0xffff) / 2141 + 1,
    };
}

bool slc_civil_is_valid(struct slc_civil date)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap;

    if (date.year < 1 || date.year > 9999 || date.month < 1 || date.month > 12 || date.day < 1)
        return false;
    leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
    return date.day <= days[date.month - 1] + (uint32_t)(date.month == 2 && leap);
}

/* Exactly n digits at p, or -1. */
static inline int32_t digits(const char *p, int n)
{
    int32_t value = 0;

    for (int i = 0; i < n; i++) {
        unsigned digit = (unsigned char)(p[i] - '0');

        if (digit > 9)
            return -1;
        value = value * 10 + (int32_t)digit;
    }
    return value;
}

/* Whether each byte of `word`, eight characters, is a digit where `form` has a '0' and is what
 * `form` has elsewhere; the digits' values in their bytes. */
static inline bool take_form(const char *text, const char form[8], uint64_t *ret_digits)
{
    uint64_t x = slc_load_eight(text) ^ slc_load_eight(form);
    /* Added to, whatever is too large reaches the top bit: above 9 for a digit, above 0 else. */
    uint64_t most = 0;

    for (int i = 0; i < 8; i++)
        most |= (uint64_t)(form[i] == '0' ? 0x76 : 0x7f) << (8 * i);
    *ret_digits = x;
    return ((x | (x + most)) & UINT64_C(0x8080808080808080)) == 0;
}

/* The two digits in bytes i and i + 1. */
static inline uint32_t two_digits(uint64_t digits, int i)
{
    return (uint32_t)(digits >> (8 * i) & 0xff) * 10 + (uint32_t)(digits >> (8 * i + 8) & 0xff);
}

bool slc_parse_date(const char *text, size_t len, int32_t *ret_days)
{
    struct slc_civil date;
    uint64_t digits;
    unsigned tens, ones;

    if (len != 10 || !take_form(text, "0000-00-", &digits))
        return false;
    tens = (unsigned char)(text[8] - '0');
    ones = (unsigned char)(text[9] - '0');
    if (tens > 9 || ones > 9)
        return false;
    date.year = (int32_t)(two_digits(digits, 0) * 100 + two_digits(digits, 2));
    date.month = two_digits(digits, 5);
    date.day = tens * 10 + ones;
    if (!slc_civil_is_valid(date))
        return false;
    *ret_days = slc_days_from_civil(date);
    return true;
}

/* ".f{1,9}" at *at (which moves on); microseconds, -1 when it is malformed. */
static int32_t parse_fraction(const char **at, const char *end)
{
    int32_t usec = 0, unit = 100000, n = 0;
    const char *p = *at + 1;

    for (; p < end && (unsigned char)(*p - '0') < 10; p++, n++) {
        usec += (*p - '0') * unit;
        unit /= 10;
    }
    *at = p;
    return n >= 1 && n <= 9 ? usec : -1;
}

/* "Z", "+HH", "+HHMM" or "+HH:MM" up to the end; seconds east of UTC. */
static bool parse_offset(const char *p, const char *end, int32_t *ret_seconds)
{
    int32_t hours, minutes = 0, sign = *p == '-' ? -1 : 1;
    size_t len = (size_t)(end - p);

    *ret_seconds = 0;
    if (*p == 'Z' || *p == 'z')
        return len == 1;
    if (*p != '+' && *p != '-')
        return false;
    if (len != 3 && len != 5 && !(len == 6 && p[3] == ':'))
        return false;
    hours = digits(p + 1, 2);
    if (len > 3)
        minutes = digits(end - 2, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* 0001-01-01 and 10000-01-01 */
#define FIRST_USEC (INT64_C(-719162) * SLC_USEC_PER_DAY)
#define END_USEC (INT64_C(2932897) * SLC_USEC_PER_DAY)

bool slc_parse_datetime(const char *text, size_t len, int64_t *ret_usec)
{
    const char *p = text + 16, *end = text + len;
    int32_t days, hour, minute, second = 0, usec = 0, offset = 0;
    int64_t value;
    uint64_t clock;

    if (len < 16 || (text[10] != 'T' && text[10] != ' ' && text[10] != 't') || text[13] != ':')
        return false;
    if (!slc_parse_date(text, 10, &days))
        return false;
    if (len == 19 && take_form(text + 11, "00:00:00", &clock)) { /* nearly always */
        uint32_t hours = two_digits(clock, 0), minutes = two_digits(clock, 3);
        uint32_t seconds = two_digits(clock, 6);

        if (hours > 23 || minutes > 59 || seconds > 59)
            return false;
        *ret_usec = (int64_t)days * SLC_USEC_PER_DAY +
                    (int64_t)(hours * 3600 + minutes * 60 + seconds) * SLC_USEC_PER_SEC;
        return true;
    }
    hour = digits(text + 11, 2);
    minute = digits(text + 14, 2);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return false;
    if (end - p >= 3 && *p == ':') {
        second = digits(p + 1, 2);
        if (second < 0 || second > 59)
            return false;
        p += 3;
        if (p < end && *p == '.') {
            usec = parse_fraction(&p, end);
            if (usec < 0)
                return false;
        }
    }
    if (p < end && !parse_offset(p, end, &offset))
        return false;
    value = (int64_t)days * SLC_USEC_PER_DAY +
            ((int64_t)hour * 3600 + minute * 60 + second - offset) * SLC_USEC_PER_SEC + usec;
    if (value < FIRST_USEC || value >= END_USEC)
        return false; /* the offset takes it out of the years that can be written */
    *ret_usec = value;
    return true;
}

static inline char *write_fixed(char *to, uint32_t value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return to + n;
}

char *slc_write_date(char *to, int32_t days)
{
    struct slc_civil date = slc_civil_from_days(days);
    uint64_t text = slc_text_of_eight((uint32_t)date.year * 10000 + date.month * 100 + date.day);
    uint64_t dashes = (uint64_t)'-' << 32 | (uint64_t)'-' << 56;

    slc_store_eight(to, (text & 0xffffffff) | (text >> 32 & 0xffff) << 40 | dashes);
    to[8] = (char)(text >> 48);
    to[9] = (char)(text >> 56);
    return to + 10;
}

/* HH:MM:SS */
static inline char *write_time(char *to, uint32_t seconds)
{
    uint32_t hours = seconds / 3600, minutes = seconds / 60 % 60;
    uint64_t text = slc_text_of_eight(hours * 1000000 + minutes * 1000 + seconds % 60);

    /* The third and sixth digit are zeros, made colons. */
    slc_store_eight(to, text + ((uint64_t)(':' - '0') << 16 | (uint64_t)(':' - '0') << 40));
    return to + 8;
}

char *slc_write_datetime(char *to, int64_t usec)
{
    int64_t days = usec / SLC_USEC_PER_DAY, rest = usec % SLC_USEC_PER_DAY;
    uint32_t fraction;

    if (rest < 0) {
        rest += SLC_USEC_PER_DAY;
        days--;
    }
    fraction = (uint32_t)(rest % SLC_USEC_PER_SEC);
    to = slc_write_date(to, (int32_t)days);
    *to++ = 'T';
    to = write_time(to, (uint32_t)(rest / SLC_USEC_PER_SEC));
    if (fraction) {
        *to++ = '.';
        to = write_fixed(to, fraction, 6);
    }
    return to;
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * SLC_USEC_PER_SEC + now.tv_nsec / 1000;
}

int64_t slc_now_usec(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t slc_monotonic_usec(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static struct tm local_now(void)
{
    time_t now = time(NULL);
    struct tm parts;

    localtime_r(&now, &parts);
    return parts;
}

int32_t slc_today_days(void)
{
    struct tm now = local_now();

    return slc_days_from_civil((struct slc_civil){.year = now.tm_year + 1900,
                                                  .month = (uint32_t)now.tm_mon + 1,
                                                  .day = (uint32_t)now.tm_mday});
}

void slc_stamp_now(char stamp[SLC_STAMP_BYTES])
{
    struct tm now = local_now();

    strftime(stamp, SLC_STAMP_BYTES, "%Y-%m-%d:%H:%M:%S", &now);
}
