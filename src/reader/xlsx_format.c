#include "reader/xlsx_format.h"

#include <math.h>
#include <stddef.h>

#include "base/num.h"
#include "base/time.h"

/* ---- Formats ----------------------------------------------------------- */

enum slc_xlsx_kind slc_xlsx_builtin_kind(int64_t id)
{
    static const struct {
        int64_t first, last;
        enum slc_xlsx_kind kind;
    } known[] = {
        {14, 17, SLC_XLSX_DATE},     {18, 21, SLC_XLSX_TIME},     {22, 22, SLC_XLSX_DATETIME},
        {27, 31, SLC_XLSX_DATE},     {32, 33, SLC_XLSX_TIME},     {34, 36, SLC_XLSX_DATE},
        {45, 45, SLC_XLSX_TIME},     {46, 46, SLC_XLSX_DURATION}, {47, 47, SLC_XLSX_TIME},
        {50, 58, SLC_XLSX_DATE},     {71, 74, SLC_XLSX_DATE},     {75, 76, SLC_XLSX_TIME},
        {77, 77, SLC_XLSX_DATETIME}, {78, 78, SLC_XLSX_TIME},     {79, 79, SLC_XLSX_DURATION},
        {80, 80, SLC_XLSX_TIME},     {81, 81, SLC_XLSX_DATE},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (id >= known[i].first && id <= known[i].last)
            return known[i].kind;
    return SLC_XLSX_NUMBER;
}

/* What the letters of a section say. */
struct letters {
    bool date, time, elapsed;
    bool pending_m; /* an m or mm that is minutes if seconds follow */
    bool after_h;   /* the last date letter was an hour */
    bool digits;    /* a digit's placeholder came */
};

static void settle_m(struct letters *l, bool is_minutes)
{
    if (l->pending_m && is_minutes)
        l->time = true;
    else if (l->pending_m)
        l->date = true;
    l->pending_m = false;
}

/* [h], [mm], [s] and so on are elapsed time; other brackets a colour, a
 * condition or a locale. Returns the bytes up to the closing one. */
static size_t take_bracket(struct letters *l, struct slc_str code)
{
    size_t len = 1;
    char first = slc_ascii_lower(code.len > 1 ? code.data[1] : '\0');
    bool same = first == 'h' || first == 'm' || first == 's';

    for (; len < code.len && code.data[len] != ']'; len++)
        same = same && slc_ascii_lower(code.data[len]) == first;
    if (same && len < code.len) {
        l->elapsed = true;
        l->after_h = first == 'h'; /* an m behind it is minutes */
    }
    return len < code.len ? len + 1 : len;
}

/* A run of one date letter. */
static void take_letter(struct letters *l, char letter, size_t len)
{
    switch (letter) {
    case 'h':
        settle_m(l, false);
        l->time = true;
        l->after_h = true;
        return;
    case 's':
        settle_m(l, true);
        l->time = true;
        break;
    case 'm':
        settle_m(l, false);
        if (l->after_h && len <= 2)
            l->time = true;
        else if (len <= 2)
            l->pending_m = true;
        else
            l->date = true;
        break;
    default: /* y, d; e, g and b are years and eras */
        settle_m(l, false);
        l->date = true;
        break;
    }
    l->after_h = false;
}

static bool starts_nocase(struct slc_str s, struct slc_str with)
{
    return s.len >= with.len && slc_str_eq_nocase((struct slc_str){s.data, with.len}, with);
}

/* Take what stands at the start of `code`; the bytes of it, 0 at a section's end. */
static size_t take_part(struct letters *l, struct slc_str code)
{
    char c = slc_ascii_lower(code.data[0]);
    size_t len = 1;

    switch (c) {
    case ';':
        return 0;
    case '"':
        while (len < code.len && code.data[len] != '"')
            len++;
        return len < code.len ? len + 1 : len;
    case '\\':
    case '_':
    case '*':
        return code.len > 1 ? 2 : 1;
    case '[':
        return take_bracket(l, code);
    case '0':
    case '#':
    case '?':
        l->digits = true;
        return 1;
    case 'a':
        len = starts_nocase(code, SLC_STR("am/pm")) ? 5
              : starts_nocase(code, SLC_STR("a/p")) ? 3
                                                    : 0;
        l->time |= len > 0;
        return len ? len : 1;
    case 'g':
        if (starts_nocase(code, SLC_STR("general")))
            return 7;
        break;
    case 'e':
        if (l->digits || (code.len > 1 && (code.data[1] == '+' || code.data[1] == '-')))
            return 1;
        break;
    case 'y':
    case 'm':
    case 'd':
    case 'h':
    case 's':
    case 'b':
        break;
    default:
        return 1;
    }
    while (len < code.len && slc_ascii_lower(code.data[len]) == c)
        len++;
    take_letter(l, c, len);
    return len;
}

enum slc_xlsx_kind slc_xlsx_code_kind(struct slc_str code)
{
    struct letters l = {0};

    while (code.len > 0) {
        size_t len = take_part(&l, code);

        if (len == 0)
            break;
        code.data += len;
        code.len -= len;
    }
    settle_m(&l, false);
    if (l.elapsed && !l.date)
        return SLC_XLSX_DURATION;
    if (l.date)
        return l.time || l.elapsed ? SLC_XLSX_DATETIME : SLC_XLSX_DATE;
    return l.time ? SLC_XLSX_TIME : SLC_XLSX_NUMBER;
}

/* ---- Serial numbers ---------------------------------------------------- */

enum { MSEC_PER_DAY = 86400000 };

static char *write_two(char *to, int64_t value)
{
    if (value < 10)
        *to++ = '0';
    return slc_write_int64(to, value);
}

static char *write_clock(char *to, int64_t msec)
{
    int64_t seconds = msec / 1000, rest = msec % 1000;

    to = write_two(to, seconds / 3600);
    *to++ = ':';
    to = write_two(to, seconds / 60 % 60);
    *to++ = ':';
    to = write_two(to, seconds % 60);
    if (rest == 0)
        return to;
    *to++ = '.';
    *to++ = (char)('0' + rest / 100);
    *to++ = (char)('0' + rest / 10 % 10);
    *to++ = (char)('0' + rest % 10);
    for (int i = 0; i < 3; i++)
        *to++ = '0';
    return to;
}

static char *write_duration(char *to, double serial)
{
    double msec = rint(fabs(serial) * MSEC_PER_DAY);

    if (!(msec < 1e15))
        return NULL;
    if (serial < 0 && msec > 0)
        *to++ = '-';
    return write_clock(to, (int64_t)msec);
}

char *slc_xlsx_write_serial(char *to, double serial, enum slc_xlsx_kind kind, bool since_1904)
{
    enum { FIRST_DAY = -719162, LAST_DAY = 2932896 }; /* 0001-01-01, 9999-12-31 */
    double whole = floor(serial);
    int64_t day, msec;

    if (kind == SLC_XLSX_DURATION)
        return write_duration(to, serial);
    if (kind == SLC_XLSX_NUMBER || !(fabs(serial) < 1e7))
        return NULL;
    day = (int64_t)whole;
    msec = (int64_t)rint((serial - whole) * MSEC_PER_DAY);
    if (day == 0 && msec < MSEC_PER_DAY && (!since_1904 || kind == SLC_XLSX_TIME))
        return write_clock(to, msec);
    if (!since_1904 && serial > 0 && serial < 60)
        day++;
    day += since_1904 ? -24107 : -25569; /* 1904-01-01, 1899-12-30 */
    day += msec / MSEC_PER_DAY;
    msec %= MSEC_PER_DAY;
    if (day < FIRST_DAY || day > LAST_DAY)
        return NULL;
    if (kind == SLC_XLSX_DATE && msec == 0)
        return slc_write_date(to, (int32_t)day);
    return slc_write_datetime(to, day * SLC_USEC_PER_DAY + msec * 1000);
}
