#include "report/show.h"

#include <math.h>

#include "base/num.h"
#include "base/time.h"
#include "base/utf8.h"

enum { DIGITS = 6, SHORT_NUMBER_BYTES = 12, GROUP_FROM_DIGITS = 5 };

/* `digits` may have a sign before and a fraction behind its whole part. */
static void append_grouped(struct slc_buf *buf, const char *digits, size_t len, size_t from_digits)
{
    size_t at = len > 0 && digits[0] == '-' ? 1 : 0, end = at;

    while (end < len && digits[end] >= '0' && digits[end] <= '9')
        end++;
    if (end - at < from_digits || (end < len && digits[end] != '.')) {
        slc_buf_append(buf, digits, len);
        return;
    }
    slc_buf_append(buf, digits, at);
    for (; at < end; at++) {
        slc_buf_append_byte(buf, digits[at]);
        if (at + 1 < end && (end - at - 1) % 3 == 0)
            slc_buf_append_byte(buf, ',');
    }
    slc_buf_append(buf, digits + end, len - end);
}

static void append_double(struct slc_buf *buf, double value)
{
    char text[SLC_NUM_TEXT_BYTES];

    append_grouped(buf, text, (size_t)(slc_write_double(text, value) - text), GROUP_FROM_DIGITS);
}

static void append_int64(struct slc_buf *buf, int64_t value, size_t from_digits)
{
    char text[SLC_NUM_TEXT_BYTES];

    append_grouped(buf, text, (size_t)(slc_write_int64(text, value) - text), from_digits);
}

void slc_show_count(struct slc_buf *buf, int64_t count)
{
    append_int64(buf, count, 4);
}

void slc_show_plural(struct slc_buf *buf, int64_t count, const char *one, const char *many)
{
    slc_show_count(buf, count);
    slc_buf_append_byte(buf, ' ');
    slc_buf_append_text(buf, count == 1 ? one : many);
}

static bool append_special(struct slc_buf *buf, double value)
{
    if (isfinite(value))
        return false;
    slc_buf_append_text(buf, isnan(value) ? "–" : value < 0 ? "-∞" : "∞");
    return true;
}

/* Rounding goes by powers of ten that doubles hold exactly, so that the
 * shortest text of the result has no more digits than are wanted. */
void slc_show_number(struct slc_buf *buf, double value)
{
    double magnitude = fabs(value), scale, mantissa;
    int exponent, decimals;

    if (append_special(buf, value))
        return;
    if (value == 0.0 || magnitude < 1e-300 || magnitude > 1e300) {
        append_double(buf, value == 0.0 ? 0.0 : value);
        return;
    }
    exponent = (int)floor(log10(magnitude));
    if (exponent >= -4 && exponent < 15) {
        decimals = DIGITS - 1 - exponent;
        scale = decimals > 0 ? pow(10.0, decimals < DIGITS ? decimals : DIGITS) : 1.0;
        append_double(buf, copysign(round(magnitude * scale) / scale, value));
        return;
    }
    scale = pow(10.0, DIGITS - 1);
    mantissa = round(magnitude / pow(10.0, exponent) * scale) / scale;
    if (mantissa >= 10.0) {
        mantissa /= 10.0;
        exponent++;
    }
    append_double(buf, copysign(mantissa, value));
    slc_buf_append_byte(buf, 'e');
    append_int64(buf, exponent, GROUP_FROM_DIGITS);
}

void slc_show_share(struct slc_buf *buf, int64_t part, int64_t whole)
{
    double percent = whole > 0 ? 100.0 * (double)part / (double)whole : 0.0;

    if (part > 0 && percent < 0.1)
        slc_buf_append_text(buf, "<0.1");
    else if (part < whole && percent > 99.9)
        slc_buf_append_text(buf, ">99.9");
    else
        append_double(buf, round(percent * 10.0) / 10.0);
    slc_buf_append_text(buf, " %");
}

void slc_show_bytes(struct slc_buf *buf, int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (fabs(value) >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= 1000.0;
        unit++;
    }
    if (unit > 0 && fabs(value) < 99.95)
        value = round(value * 10.0) / 10.0;
    else
        value = round(value);
    append_double(buf, value);
    slc_buf_append_byte(buf, ' ');
    slc_buf_append_text(buf, units[unit]);
}

static void append_date(struct slc_buf *buf, double days)
{
    char text[SLC_DATETIME_TEXT_BYTES + 8];

    slc_buf_append(buf, text, (size_t)(slc_write_date(text, (int32_t)days) - text));
}

static void append_datetime(struct slc_buf *buf, int64_t usec)
{
    char text[SLC_DATETIME_TEXT_BYTES + 8];
    char *end = slc_write_datetime(text, usec);

    if (end - text > SLC_DATE_TEXT_BYTES && text[SLC_DATE_TEXT_BYTES] == 'T')
        text[SLC_DATE_TEXT_BYTES] = ' ';
    slc_buf_append(buf, text, (size_t)(end - text));
}

void slc_show_level(struct slc_buf *buf, enum slc_type type, double level)
{
    if (isnan(level) || (type != SLC_TYPE_DATE && type != SLC_TYPE_DATETIME))
        slc_show_number(buf, level);
    else if (type == SLC_TYPE_DATE)
        append_date(buf, floor(level));
    else
        append_datetime(buf, (int64_t)floor(level / (double)SLC_USEC_PER_SEC) * SLC_USEC_PER_SEC);
}

void slc_show_spread(struct slc_buf *buf, enum slc_type type, double spread)
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{365.2425 * 86400.0, "years"},
                 {86400.0, "days"},
                 {3600.0, "hours"},
                 {60.0, "minutes"},
                 {0.0, "seconds"}};
    double seconds;
    size_t unit = 0;

    if (isnan(spread) || (type != SLC_TYPE_DATE && type != SLC_TYPE_DATETIME)) {
        slc_show_number(buf, spread);
        return;
    }
    seconds = type == SLC_TYPE_DATE ? spread * 86400.0 : spread / (double)SLC_USEC_PER_SEC;
    while (seconds < 2.0 * units[unit].seconds)
        unit++;
    if (units[unit].seconds > 0.0)
        seconds /= units[unit].seconds;
    append_double(buf, round(seconds * 10.0) / 10.0);
    slc_buf_append_byte(buf, ' ');
    slc_buf_append_text(buf, units[unit].name);
}

static void show_float64(struct slc_buf *buf, double value)
{
    char text[SLC_NUM_TEXT_BYTES];

    if (append_special(buf, value))
        return;
    if (slc_write_double(text, value) - text <= SHORT_NUMBER_BYTES)
        append_double(buf, value);
    else
        slc_show_number(buf, value);
}

void slc_show_value(struct slc_buf *buf, const struct slc_value *value, size_t max_chars)
{
    char text[SLC_NUM_TEXT_BYTES];

    switch (value->type) {
    case SLC_TYPE_NULL:
        slc_buf_append_text(buf, "–");
        return;
    case SLC_TYPE_BOOL:
        slc_buf_append_text(buf, value->boolean ? "true" : "false");
        return;
    case SLC_TYPE_INT64:
        append_int64(buf, value->int64, GROUP_FROM_DIGITS);
        return;
    case SLC_TYPE_UINT64:
        append_grouped(buf, text, (size_t)(slc_write_uint64(text, value->uint64) - text),
                       GROUP_FROM_DIGITS);
        return;
    case SLC_TYPE_FLOAT64:
        show_float64(buf, value->float64);
        return;
    case SLC_TYPE_DATE:
        append_date(buf, (double)value->int64);
        return;
    case SLC_TYPE_DATETIME:
        append_datetime(buf, value->int64);
        return;
    case SLC_TYPE_TEXT:
    case SLC_TYPE_JSON:
        slc_show_text(buf, value->text, max_chars);
        return;
    }
}

/* The length of the valid sequence at the start, 0 when it is none. */
static size_t sequence(const char *bytes, size_t len, uint32_t *ret_code_point)
{
    unsigned char lead = (unsigned char)bytes[0];
    size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t code_point = n == 1 ? lead : lead & (0x7fU >> n);

    if (n > len || slc_utf8_valid_prefix(bytes, n) != n)
        return 0;
    for (size_t i = 1; i < n; i++)
        code_point = code_point << 6 | ((unsigned char)bytes[i] & 0x3f);
    *ret_code_point = code_point;
    return n;
}

static bool is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x200b ||
           c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
           (c >= 0xe0000 && c <= 0xe0fff);
}

/* Bytes taken from the text. */
static size_t show_character(struct slc_buf *buf, const char *bytes, size_t len)
{
    uint32_t code_point = 0;
    size_t n = sequence(bytes, len, &code_point);

    if (n == 0)
        slc_buf_append_text(buf, "\xef\xbf\xbd");
    else if (code_point == '\r' && len > 1 && bytes[1] == '\n')
        slc_buf_append_text(buf, ""); /* the line feed behind it is shown */
    else if (code_point == '\n' || code_point == '\r')
        slc_buf_append_text(buf, "↵");
    else if (code_point == '\t')
        slc_buf_append_text(buf, "⇥");
    else if (is_hidden(code_point))
        slc_buf_append_text(buf, "\xef\xbf\xbd");
    else
        slc_buf_append(buf, bytes, n);
    return n > 0 ? n : 1;
}

void slc_show_text(struct slc_buf *buf, struct slc_str text, size_t max_chars)
{
    size_t at = 0, n_chars = 0, before_last = buf->len;

    for (; at < text.len && n_chars < max_chars; n_chars++) {
        before_last = buf->len;
        at += show_character(buf, text.data + at, text.len - at);
    }
    if (at < text.len && !buf->failed) {
        buf->len = before_last;
        slc_buf_append_text(buf, "…");
    }
}
